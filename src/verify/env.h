/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One load: the program, what was learned of each instruction, the path being followed and those
 * still to follow. Everything in verify/ takes a struct verify_env; nothing outlives it but the
 * output's arena.
 */
#ifndef VERIFY_ENV_H
#define VERIFY_ENV_H

#include "base/vec.h"
#include "btf/fields.h"
#include "verify/state.h"
#include "verify/verify.h"

#define INSN_LIMIT	    1000000
#define PENDING_LIMIT	    8192 /* branches pushed and not yet followed */
#define SUBPROGS_MAX	    256
#define UNPRIV_STATES_LIMIT 64
#define USED_MAPS_MAX	    64
#define PACKET_OFF_MAX	    0xffff
#define MAIN_CALLSITE	    (-1)
#define CPUS_MAX	    8192 /* what bpf_get_smp_processor_id() may return is below */

/* Learned of an instruction, over all paths. */
struct insn_aux {
	u8 prune_point : 1;
	u8 jmp_point : 1; /* recorded in the history */
	u8 jump_target : 1;
	u8 force_checkpoint : 1;
	u8 calls_callback : 1;
	u8 fastcall : 1; /* spill or fill around a call that does not clobber */
	u8 is_iter_next : 1;
	u8 seen : 1; /* reached on a path that is not speculative */
	u8 zext_dst : 1;
	u8 nospec : 1;		     /* barrier before it: no guess may come this far */
	u8 nospec_result : 1;	     /* barrier after a store that may be bypassed */
	u8 taken : 1, not_taken : 1; /* outcomes of a conditional jump */
	u8 map_poisoned : 1;	     /* helper was called with different maps */
	u8 map_has_key : 1;
	u8 loop_seen : 1, loop_fits : 1; /* bpf_loop() that the kernel would inline */
	u8 fastcall_spills;
	u32 ptr_type; /* of the base of a memory access; 0 = not reached yet */
	u32 ctx_field_size;
	const struct ctx_field *ctx_field;
	u32 loop_subprog;
	s32 map_index; /* LD_IMM64 */
	u32 map_off;
	const struct verify_map *map; /* of a helper call */
	u32 alu_state, alu_limit;     /* speculation mask of pointer arithmetic */
	/* LD_IMM64 of a kernel variable */
	u32 btf_type, btf_id, mem_size;
	const struct btf *btf;
};

struct subprog_arg {
	u32 arg; /* enum spec_arg */
	u32 mem_size, btf_id;
	bool trusted, nullable;
};

struct subprog {
	u32 start;
	u32 line; /* index of its first line record */
	u32 stack_depth;
	u32 arg_count;
	struct subprog_arg args[5];
	s16 fastcall_stack_off;
	s16 loop_stack_off; /* of registers that an inlined bpf_loop() saves; 0 = none */
	bool args_known, keep_fastcall_stack, shares_stack;
	bool has_tail_call, tail_call_reachable, has_ld_abs;
	bool is_callback, is_async_callback, is_exception_callback;
	bool changes_pkt_data, might_sleep;
	bool is_called, is_verified, unreliable;
	u8 linkage; /* enum btf_func_linkage */
};

/* How an instruction of the path was reached, and what it did that backtracking must know. */
struct hist {
	u32 insn;
	u32 prev : 20;
	u32 flags : 12;
	u64 linked; /* struct linked_regs, packed */
};

enum {
	HIST_FRAME_MASK = 7,
	HIST_SLOT_SHIFT = 3,
	HIST_SLOT_MASK = 0x3f,
	HIST_STACK_ACCESS = 1 << 9,
	HIST_DST_STACK = 1 << 10,
	HIST_SRC_STACK = 1 << 11,
};

static inline u32 hist_stack_flags(u32 frameno, u32 slot)
{
	return HIST_STACK_ACCESS | slot << HIST_SLOT_SHIFT | frameno;
}

#define LINKED_MAX 6

struct linked_reg {
	u8 frameno, index; /* register, or slot */
	bool is_reg;
};

struct linked_regs {
	u32 count;
	struct linked_reg regs[LINKED_MAX];
};

/* Registers and slots whose precision is being traced backwards. */
struct backtrack {
	u32 frame;
	u32 regs[FRAMES_MAX];
	u64 slots[FRAMES_MAX];
};

/* A branch to follow later. */
struct pending {
	struct state *state;
	s32 insn, prev_insn;
	u64 log_pos;
	struct pending *next;
};

/* A checkpoint in the table of visited states. */
struct visited {
	struct state *state;
	u32 hits, misses;
	struct visited *next;
};

#define IDMAP_MAX ((INSN_REG_COUNT + SLOTS_MAX) * FRAMES_MAX)

struct id_pairs {
	u32 next_tmp, count;
	struct {
		u32 old, cur;
	} pair[IDMAP_MAX];
};

struct verify_env {
	const struct verify_input *in;
	const struct verify_world *world;
	struct arena *arena;  /* of the output */
	struct arena scratch; /* ends with the load */
	struct log *log;
	struct verify_output *out;
	struct verdict verdict;
	const struct ctx_layout *ctx;

	/* who loads */
	bool allow_ptr_leaks, allow_uninit_stack, bypass_spec_v1, bypass_spec_v4, bpf_capable;
	u16 kernel;
	u32 features;
	u32 prog_type; /* of the target for extensions */
	bool strict_alignment, test_state_freq, test_reg_invariants, is_sleepable;

	/* the program */
	struct insn *insns; /* a copy */
	u32 insn_count;
	struct insn_aux *aux;
	struct subprog subprogs[SUBPROGS_MAX + 1];
	u32 subprog_count;
	u32 exception_callback;
	const struct verify_map *maps[USED_MAPS_MAX];
	u32 map_count;
	u8 *dropped; /* rewrite: instructions that a fastcall made needless */
	bool rewritten;
	u32 *new_subprog; /* rewrite: index in the output; UINT32_MAX = gone */
	bool has_func_info, has_lines;
	struct insn_decoded *decoded; /* per instruction; error is refused where a path comes by */
	const struct btf_type *attach_proto; /* FUNC_PROTO of the target */
	u32 attach_proto_id;
	const char *attach_name;

	/* the path */
	struct state_pool pool;
	struct state *cur;
	s32 insn, prev_insn;
	struct hist *cur_hist;
	struct {
		VEC(struct hist);
	} hist;
	struct pending *pending;
	u32 pending_count;
	struct pending *free_pending;
	struct visited **visited; /* by instruction ^ call site */
	struct visited *free_visited;
	u32 id_gen;
	u32 insns_processed, jmps_processed, prev_insns_processed, prev_jmps_processed;
	bool explore_alu_limits;
	struct reg fake[2]; /* immediates as registers */
	struct backtrack bt;
	struct id_pairs ids;
	struct reg unbound; /* what a slot of unknown bytes is compared as */

	/* the log */
	u32 scratched_regs;
	u64 scratched_slots;
	u64 prev_log_pos;
	u32 prev_insn_print_len;
	const struct verify_line_info *prev_line;

	u32 total_states, peak_states, max_states_per_insn, longest_mark_read;
};

/* ---- log.c: what is said, and why a program is refused -------------------------------------- */
void verify_say(struct verify_env *env, const char *format, ...) PRINTF_LIKE(2, 3);
/*
 * Says the kernel's line (with its newline) and records the reason. Returns -errno of the reason,
 * to be handed up as it is. A later reason replaces an earlier one.
 */
int verify_refuse(struct verify_env *env, enum reason reason, const char *format, ...)
	PRINTF_LIKE(3, 4);
/* Keeps the line that was said last, under another reason. */
int verify_as(struct verify_env *env, enum reason reason);
/* The same for a construct that is not modelled. */
int verify_unsupported(struct verify_env *env, const char *what);
void verify_blame(struct verify_env *env, s32 reg, const char *hint);

static inline bool verify_says(const struct verify_env *env)
{
	return env->log->level & (LOG_LEVEL1 | LOG_LEVEL2);
}

static inline bool verify_says_all(const struct verify_env *env)
{
	return env->log->level & LOG_LEVEL2;
}

/* "(0x0; 0xff)" or the number, in a buffer of the caller. */
#define TNUM_TEXT 48
const char *tnum_text(struct tnum t, char buf[TNUM_TEXT]);

/* ---- print.c --------------------------------------------------------------------------------- */
void print_state(struct verify_env *env, const struct frame *frame, bool all);
void print_insn_state(struct verify_env *env, const struct frame *frame);
void print_insn(struct verify_env *env, u32 insn);
void print_line(struct verify_env *env, u32 insn, const char *prefix);
void print_stats(struct verify_env *env);

static inline void scratch_reg(struct verify_env *env, u32 reg)
{
	env->scratched_regs |= 1u << reg;
}

static inline void scratch_slot(struct verify_env *env, u32 slot)
{
	env->scratched_slots |= 1ull << slot;
}

static inline void scratch_all(struct verify_env *env)
{
	env->scratched_regs = ~0u;
	env->scratched_slots = ~0ull;
}

static inline bool insn_is_ld_func(const struct insn *insn)
{
	return insn_is_ld_imm64(insn) && insn->src == BPF_PSEUDO_FUNC;
}

/* ---- small things ---------------------------------------------------------------------------- */
static inline struct frame *cur_frame(const struct verify_env *env)
{
	return state_frame(env->cur);
}

static inline struct reg *cur_reg(const struct verify_env *env, u32 regno)
{
	return &cur_frame(env)->regs[regno];
}

/* The frame whose stack reg points into. */
static inline struct frame *reg_frame(const struct verify_env *env, const struct reg *reg)
{
	return env->cur->frames[reg->frameno];
}

static inline struct insn_aux *cur_aux(const struct verify_env *env)
{
	return &env->aux[env->insn];
}

static inline bool is_pointer_value(const struct verify_env *env, u32 regno)
{
	return !env->allow_ptr_leaks && cur_reg(env, regno)->type != REG_SCALAR;
}

static inline void mark_unknown(const struct verify_env *env, struct reg *r)
{
	reg_set_unknown(r, !env->bpf_capable);
}

static inline void mark_not_init(const struct verify_env *env, struct reg *r)
{
	reg_set_not_init(r, !env->bpf_capable);
}

/* A pointer of that type with offset 0. Keeps parent and marks. */
static inline void mark_pointer(struct reg *r, u32 type)
{
	reg_set_const(r, 0);
	r->type = type;
}

/* What becomes of a register whose pointer is gone. */
static inline void mark_invalid(const struct verify_env *env, struct reg *r)
{
	if (env->allow_ptr_leaks)
		mark_unknown(env, r);
	else
		mark_not_init(env, r);
}

static inline const struct btf *kernel_btf(const struct verify_env *env)
{
	const struct verify_world *w = env->world;

	return w->ops->vmlinux ? w->ops->vmlinux(w) : NULL;
}

static inline bool has_cap(const struct verify_env *env, u32 cap)
{
	return env->world->caps & (cap | CAP_NEEDED_SYS_ADMIN);
}

static inline bool in_sleepable(const struct verify_env *env)
{
	return env->is_sleepable || (env->cur && env->cur->in_sleepable);
}

static inline bool in_rcu(const struct verify_env *env)
{
	return env->cur->rcu_lock || env->cur->lock || !in_sleepable(env);
}

#endif
