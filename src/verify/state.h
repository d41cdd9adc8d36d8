/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the verifier knows at one point of one path: registers, stack slots, references held,
 * locks. A state is a value: the exploration copies it at branches and checkpoints; `parent`
 * pointers lead from a register of a state to the same register of the checkpoint before it, and
 * read marks travel along them. Memory comes from a pool that lives as long as the load.
 */
#ifndef VERIFY_STATE_H
#define VERIFY_STATE_H

#include "base/arena.h"
#include "btf/btf.h"
#include "domain/scalar.h"
#include "isa/insn.h"

#define STACK_MAX   512
#define FRAMES_MAX  8
#define SLOT_SIZE   8
#define SLOTS_MAX   (STACK_MAX / SLOT_SIZE)
#define VAR_OFF_MAX (1 << 29) /* larger offsets could wrap in address computations */

/* The low byte of reg.type; what the register holds. */
enum reg_kind {
	REG_NOT_INIT,
	REG_SCALAR,
	REG_CTX,
	REG_MAP_PTR, /* the map itself */
	REG_MAP_VALUE,
	REG_MAP_KEY,
	REG_STACK,
	REG_PACKET_META,
	REG_PACKET,
	REG_PACKET_END,
	REG_FLOW_KEYS,
	REG_SOCKET,
	REG_SOCK_COMMON,
	REG_TCP_SOCK,
	REG_TP_BUFFER,
	REG_XDP_SOCK,
	REG_BTF,
	REG_MEM,
	REG_ARENA,
	REG_BUF,
	REG_FUNC,
	REG_DYNPTR, /* a const struct bpf_dynptr, not one on the stack */
	REG_KIND_COUNT,
	REG_KIND_MASK = 0xff,
};

/* Above the kind in reg.type. */
enum reg_flag {
	REG_MAYBE_NULL = 1 << 8,
	REG_RDONLY = 1 << 9,
	REG_RINGBUF = 1 << 10, /* memory of a ring buffer record */
	REG_USER = 1 << 11,
	REG_PERCPU = 1 << 12,
	REG_RCU = 1 << 13,
	REG_UNTRUSTED = 1 << 14,
	REG_TRUSTED = 1 << 15,
	REG_ALLOC = 1 << 16, /* an object of the program's own type */
	REG_NON_OWN = 1 << 17,
	REG_DYNPTR_SKB = 1 << 18, /* slice of packet memory */
	REG_DYNPTR_XDP = 1 << 19,
	REG_DYNPTR_LOCAL = 1 << 20,
	REG_DYNPTR_RINGBUF = 1 << 21,
	REG_DYNPTR_ANY = REG_DYNPTR_SKB | REG_DYNPTR_XDP | REG_DYNPTR_LOCAL | REG_DYNPTR_RINGBUF,
};

enum reg_live {
	LIVE_NONE = 0,
	LIVE_READ32 = 1,
	LIVE_READ64 = 2,
	LIVE_READ = LIVE_READ32 | LIVE_READ64,
	LIVE_WRITTEN = 4, /* screens off the reads that come later */
	LIVE_DONE = 8,	  /* complete: every path from here has ended */
};

/* In reg.id of a scalar: its value is that of the others with the id, plus off. */
#define REG_ADD_CONST (1u << 31)

enum {
	PKT_AT_END = -1,     /* reg.range of a pointer that is exactly at or beyond the end */
	PKT_BEYOND_END = -2, /* ... beyond it */
};

struct verify_map;

/* What dynptrs point to. */
enum dynptr_kind {
	DYNPTR_INVALID,
	DYNPTR_LOCAL,
	DYNPTR_RINGBUF,
	DYNPTR_SKB,
	DYNPTR_XDP,
};

enum iter_state {
	ITER_INVALID,
	ITER_ACTIVE,
	ITER_DRAINED,
};

struct reg {
	u32 type; /* enum reg_kind | enum reg_flag */
	s32 off;  /* fixed part of a pointer's offset; of a linked scalar, see REG_ADD_CONST */
	union {
		s32 range; /* packet: bytes known to be there from the pointer with off 0 */
		struct {
			const struct verify_map *map;
			u32 map_uid; /* tells inner maps from each other */
		};
		struct {
			const struct btf *btf;
			u32 btf_id;
			u8 iter_state;
			u32 iter_depth : 24;
		};
		struct {
			u32 mem_size;
			u32 dynptr_id; /* the dynptr that this is a slice of */
		};
		struct {
			u8 dynptr_kind;
			bool is_first_slot;
		};
		u32 subprog;
		u64 raw[2];
	};
	struct scalar val; /* the value, or the variable part of a pointer's offset */
	u32 id;
	u32 ref_id; /* the reference that keeps this pointer valid */
	struct reg *parent;
	u32 frameno;	/* whose stack a REG_STACK points into */
	s32 subreg_def; /* 1 + instruction that wrote only the low half; 0 = the whole register */
	u8 live;	/* enum reg_live */
	bool precise;	/* scalars: the value matters for safety */
};

enum slot_kind {
	SLOT_INVALID,
	SLOT_SPILL,
	SLOT_MISC,
	SLOT_ZERO,
	SLOT_DYNPTR,
	SLOT_ITER,
};

/* Eight bytes of stack; kind[7] is the lowest address's neighbour of the slot above. */
struct slot {
	struct reg spilled;
	u8 kind[SLOT_SIZE];
};

struct ref {
	u32 id, insn;
	u32 callback_frame; /* callback that acquired it, 0 = none */
};

struct frame {
	struct reg regs[INSN_REG_COUNT];
	s32 callsite; /* of the call that made this frame, -1 = entry */
	u32 frameno, subprog;
	u32 async_entry_count;
	s32 callback_ret_min, callback_ret_max;
	bool in_callback, in_async_callback, in_exception_callback;
	u32 callback_depth;
	/* the rest is copied by frame_copy() one by one */
	u32 ref_count, ref_cap;
	struct ref *refs;
	u32 slot_count, slot_cap; /* slot i is fp-8*(i+1) */
	struct slot *slots;
};

struct state {
	struct frame *frames[FRAMES_MAX];
	struct state *parent;
	u32 branches; /* paths from here that are not finished */
	u32 curframe;
	u32 insn;	  /* checkpoints: where */
	const void *lock; /* map or btf whose lock is held */
	u32 lock_id;
	bool speculative, rcu_lock, in_sleepable, used_as_loop_entry;
	u32 preempt_lock;
	s32 first_insn, last_insn;
	struct state *loop_entry;
	u32 hist_start, hist_end; /* of the instruction history, env->hist */
	u32 dfs_depth, callback_unroll_depth, may_goto_depth;
};

/* Free lists over an arena; arrays come in powers of two. */
struct state_pool {
	struct arena *arena;
	struct pool_item *states, *frames, *slots[7], *refs[8];
};

struct state *state_new(struct state_pool *pool); /* zeroed; NULL = no memory */
void state_free(struct state_pool *pool, struct state *state);
/* Empties it, keeps the struct. */
void state_clear(struct state_pool *pool, struct state *state);
int state_copy(struct state_pool *pool, struct state *dst, const struct state *src);
struct frame *frame_new(struct state_pool *pool);
void frame_free(struct state_pool *pool, struct frame *frame);
int frame_grow_stack(struct state_pool *pool, struct frame *frame, u32 slots);
int frame_copy_refs(struct state_pool *pool, struct frame *dst, const struct frame *src);
int frame_add_ref(struct state_pool *pool, struct frame *frame, struct ref ref);
/* -EINVAL: not held, or held by another frame than this callback. */
int frame_drop_ref(struct frame *frame, u32 id);

static inline struct frame *state_frame(const struct state *s)
{
	return s->frames[s->curframe];
}

static inline u32 reg_kind(u32 type)
{
	return type & REG_KIND_MASK;
}

static inline u32 reg_flags(u32 type)
{
	return type & ~(u32)REG_KIND_MASK;
}

static inline bool reg_maybe_null(const struct reg *r)
{
	return r->type & REG_MAYBE_NULL;
}

static inline bool reg_is_packet(const struct reg *r) /* not the end */
{
	return r->type == REG_PACKET || r->type == REG_PACKET_META;
}

static inline bool reg_is_packet_any(const struct reg *r)
{
	return reg_is_packet(r) || r->type == REG_PACKET_END;
}

static inline bool reg_is_sock(const struct reg *r)
{
	return r->type == REG_SOCKET || r->type == REG_SOCK_COMMON || r->type == REG_TCP_SOCK ||
		r->type == REG_XDP_SOCK;
}

/* Constant zero. */
static inline bool reg_is_null(const struct reg *r)
{
	return r->type == REG_SCALAR && tnum_equals_const(r->val.var_off, 0);
}

static inline bool reg_var_is_const(const struct reg *r)
{
	return r->val.var_off.mask == 0;
}

static inline bool slot_is_spill(const struct slot *s)
{
	return s->kind[SLOT_SIZE - 1] == SLOT_SPILL;
}

static inline bool slot_is_scalar(const struct slot *s)
{
	return slot_is_spill(s) && s->spilled.type == REG_SCALAR;
}

static inline s32 slot_index(s32 off)
{
	return (-off - 1) / SLOT_SIZE;
}

/* Keeps parent and marks of dst. */
void reg_copy(struct reg *dst, const struct reg *src);
/* Value only; type, parent and marks stay. */
void reg_set_const(struct reg *r, u64 value);
/* A value nobody knows; precise = matters anyway (unprivileged). */
void reg_set_unknown(struct reg *r, bool precise);
void reg_set_not_init(struct reg *r, bool precise);
void reg_clear_link(struct reg *r);
/* Bits that the value needs, 0 to 64. */
u32 reg_width(const struct reg *r);
/* Not null, and a pointer kind that cannot be. */
bool reg_not_null(const struct reg *r);
bool reg_is_trusted(const struct reg *r);
/* What an or-null pointer is once it is known not to be null. */
void reg_mark_not_null(struct reg *r);
/* "map_value_or_null"; in a buffer of the caller. */
#define REG_TYPE_TEXT 80
const char *reg_type_text(u32 type, char buf[REG_TYPE_TEXT]);
bool reg_may_hold_lock(const struct reg *r);
const struct btype_fields *reg_fields(const struct reg *r);

/* Calls body for each register and spilled register of all frames of st. */
#define for_each_reg(st, fr, r, ...)                                                               \
	for (u32 frame_i_ = 0; frame_i_ <= (st)->curframe; frame_i_++) {                           \
		(fr) = (st)->frames[frame_i_];                                                     \
		for (u32 i_ = 0; i_ < INSN_REG_COUNT + (fr)->slot_count; i_++) {                   \
			if (i_ < INSN_REG_COUNT)                                                   \
				(r) = &(fr)->regs[i_];                                             \
			else if (slot_is_spill(&(fr)->slots[i_ - INSN_REG_COUNT]))                 \
				(r) = &(fr)->slots[i_ - INSN_REG_COUNT].spilled;                   \
			else                                                                       \
				continue;                                                          \
			__VA_ARGS__                                                                \
		}                                                                                  \
	}

#endif
