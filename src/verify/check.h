/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the files of verify/ ask of each other, in the order of the pipeline (verify.c). All return
 * 0 or -errno after verify_refuse(), unless said otherwise.
 */
#ifndef VERIFY_CHECK_H
#define VERIFY_CHECK_H

#include "verify/env.h"

/* ---- btfinfo.c: the records of BTF.ext ---- */
int btfinfo_check_funcs_early(struct verify_env *env);
int btfinfo_check(struct verify_env *env);
const char *subprog_name(const struct verify_env *env, u32 subprog);
/* What BTF says of a subprogram's arguments. -EINVAL of a static function is no refusal. */
int btfinfo_prepare_args(struct verify_env *env, u32 subprog);

/* ---- subprogs.c: where functions start and end ---- */
int subprogs_find(struct verify_env *env);
int subprogs_check(struct verify_env *env);
s32 subprog_at(const struct verify_env *env, s32 insn); /* starting there, or -1 */
struct subprog *subprog_containing(struct verify_env *env, u32 insn);
int subprogs_check_depth(struct verify_env *env);

/* ---- shape.c: every instruction is one, and names maps that exist ---- */
int shape_check(struct verify_env *env);

/* ---- cfg.c ---- */
int cfg_check(struct verify_env *env);
void cfg_mark_fastcalls(struct verify_env *env);

/* ---- attach.c: the program type and what it attaches to ---- */
int attach_check(struct verify_env *env);
/* Are the pointers that an LSM hook passes safe to hand on? */
bool attach_args_are_trusted(const struct verify_env *env);

/* ---- explore.c: the paths ---- */
int explore_main(struct verify_env *env);
int explore_global_subprogs(struct verify_env *env);
/* A copy of the current state, to be followed later. NULL: *ret_err says why. */
struct state *explore_push(
	struct verify_env *env, s32 insn, s32 prev_insn, bool speculative, int *ret_err);
/* An empty state that starts subprog as an asynchronous callback. */
struct state *explore_push_async(
	struct verify_env *env, s32 insn, s32 prev_insn, u32 subprog, bool sleepable, int *ret_err);
int explore_hist(struct verify_env *env, u32 flags, u64 linked);
void frame_init(struct verify_env *env, struct frame *f, s32 callsite, u32 frameno, u32 subprog);

/* ---- liveness.c: what is read of earlier states ---- */
enum reg_use {
	USE_READ,
	USE_WRITE,	/* the value becomes unknown */
	USE_WRITE_KEEP, /* the caller sets the value */
};
void live_mark_read(struct verify_env *env, const struct reg *reg, struct reg *parent, u8 flag);
void live_mark_zext(struct verify_env *env, struct reg *reg);
int live_use(struct verify_env *env, u32 regno, enum reg_use use);
int live_use_of(struct verify_env *env, struct reg *regs, u32 regno, enum reg_use use);
void live_clobber_caller_saved(struct verify_env *env, struct reg *regs);
bool live_insn_def32(const struct insn *insn); /* writes only a low half */

/* ---- precision.c: which scalars a decision depended on ---- */
u64 linked_pack(const struct linked_regs *l);
void linked_unpack(u64 packed, struct linked_regs *ret);
int precision_mark(struct verify_env *env, u32 regno);
int precision_mark_batch(struct verify_env *env); /* what env->bt has */

/* ---- prune.c: states seen before ---- */
enum exactness {
	NOT_EXACT,
	EXACT,
	RANGE_WITHIN,
};
int prune_visit(struct verify_env *env, s32 insn); /* 1 = safe, seen before */
void prune_path_ended(struct verify_env *env, struct state *st);
struct state *prune_previous_entry(struct verify_env *env, struct state *cur, s32 insn);
void prune_widen(struct verify_env *env, struct state *old, struct state *cur);
struct visited **prune_bucket(struct verify_env *env, s32 insn);
bool prune_states_equal(
	struct verify_env *env, struct state *old, struct state *cur, enum exactness exact);

/* ---- alu.c, pointer.c: arithmetic ---- */
const char *alu_op_name(u8 op);
/* src is about to be copied: from now on both have an id. */
void link_scalar(struct verify_env *env, struct reg *src);
int alu_check(struct verify_env *env, const struct insn *insn);
int reg_check_sane(struct verify_env *env, struct reg *reg, const char *where);
int pointer_add(struct verify_env *env, const struct insn *insn, const struct reg *ptr,
	const struct reg *offset);

/* ---- sanitize.c: what speculation may do ---- */
int sanitize_path(struct verify_env *env, const struct insn *insn, s32 next, s32 cur);
int sanitize_scalar(struct verify_env *env, const struct insn *insn);
/* After an instruction, err is its result: does a barrier end this speculative path? */
bool sanitize_stops(struct verify_env *env, struct insn_aux *aux, int err);
enum {			  /* insn_aux.alu_state; the kernel's BPF_ALU_* */
	SANITIZE_SRC = 1, /* mask the source */
	SANITIZE_DST = 2,
	SANITIZE_NEG = 4,
	SANITIZE_SCALAR = 8, /* nothing to mask */
	SANITIZE_IMM = 16,
};
struct sanitize_info {
	u32 alu_state, alu_limit;
	bool mask_to_left;
};
int sanitize_pointer(struct verify_env *env, const struct insn *insn, const struct reg *ptr,
	const struct reg *offset, struct reg *dst, struct sanitize_info *info, bool commit);
int sanitize_bounds(struct verify_env *env, const struct insn *insn, const struct reg *dst);

/* ---- stack.c ---- */
int stack_refuse_variable(struct verify_env *env, u32 regno, const struct reg *reg, s32 off);
int stack_check_bounds(
	struct verify_env *env, u32 regno, s32 off, s32 size, bool is_helper, bool is_write);
int stack_read(struct verify_env *env, u32 ptr_regno, s32 off, u32 size, s32 dst_regno);
int stack_write(struct verify_env *env, u32 ptr_regno, s32 off, u32 size, s32 value_regno);
struct call_meta;
enum stack_use {
	STACK_LOAD,
	STACK_HELPER_READ,
	STACK_HELPER_WRITE,
};
int stack_check_range(struct verify_env *env, u32 regno, s32 off, s32 size, bool zero_ok,
	enum stack_use use, struct call_meta *meta);

/* ---- access.c: memory behind pointers ---- */
int access_check(struct verify_env *env, u32 regno, s32 off, u32 size, bool is_write,
	s32 value_regno, bool strict_once, bool is_signed);
int access_load(struct verify_env *env, const struct insn *insn);
int access_store(struct verify_env *env, const struct insn *insn);
int access_store_imm(struct verify_env *env, const struct insn *insn);
int access_atomic(struct verify_env *env, const struct insn *insn);
int access_ld_abs(struct verify_env *env, const struct insn *insn);
int access_region(struct verify_env *env, u32 regno, s32 off, s32 size, u32 mem_size, bool zero_ok);
int access_map(struct verify_env *env, u32 regno, s32 off, s32 size, bool zero_ok, bool is_helper);
int access_map_type(struct verify_env *env, u32 regno, s32 off, s32 size, bool is_write);
int access_packet(struct verify_env *env, u32 regno, s32 off, s32 size, bool zero_ok);
bool access_may_packet(struct verify_env *env, const struct call_meta *meta, bool is_write);
int access_alignment(
	struct verify_env *env, const struct reg *reg, s32 off, u32 size, bool strict_once);
int access_ptr_off(struct verify_env *env, const struct reg *reg, u32 regno, bool fixed_off_ok);
int access_buffer(struct verify_env *env, const struct reg *reg, u32 regno, s32 off, s32 size);

/* ---- access_btf.c: memory that BTF describes ---- */
int access_btf(
	struct verify_env *env, u32 regno, s32 off, u32 size, bool is_write, s32 value_regno);
int access_map_object(
	struct verify_env *env, u32 regno, s32 off, u32 size, bool is_write, s32 value_regno);
/* "bpf_iter_NAME" is what iterator programs attach to. */
#define ITER_PREFIX_LEN 9
bool iter_target_is_known(const char *name);
/* A tracing program's context. */
int access_btf_ctx(struct verify_env *env, s32 off, u32 size, bool is_write, u32 *ret_type,
	const struct btf **ret_btf, u32 *ret_id, bool *ret_is_retval);
void mark_btf_pointer(
	struct verify_env *env, struct reg *r, const struct btf *btf, u32 id, u32 flags);

/* ---- branch.c ---- */
int branch_check(struct verify_env *env, const struct insn *insn);

/* ---- ldimm.c ---- */
int ldimm_resolve_btf(struct verify_env *env, u32 insn);
int ldimm_check(struct verify_env *env, const struct insn *insn);

/* ---- call.c, arg.c: helpers ---- */
struct call_meta {
	u32 func;
	const struct helper_spec *spec;
	const struct verify_map *map;
	u32 map_uid;
	bool raw_mode, pkt_access, has_key;
	u64 key; /* of a lookup, when constant */
	u32 release_regno, raw_regno;
	s32 access_size, mem_size;
	u64 size_max;
	u32 ref_id, dynptr_id;
	u32 subprog;
	const struct btf *btf;
	u32 btf_id;
	const struct btype_field *kptr;
};
int call_helper(struct verify_env *env, const struct insn *insn);
int arg_check(struct verify_env *env, u32 arg, struct call_meta *meta);
int arg_memory(struct verify_env *env, u32 regno, s32 size, bool is_write, bool zero_ok,
	struct call_meta *meta);
int arg_reg_off(struct verify_env *env, const struct reg *reg, u32 regno, u32 arg);
/* A pointer to mem_size bytes that a function may read and write. */
int arg_plain_memory(struct verify_env *env, struct reg *reg, u32 regno, u32 mem_size);
int arg_sized_memory(struct verify_env *env, u32 regno);
int arg_const_string(struct verify_env *env, u32 regno);
int arg_btf_pointer(struct verify_env *env, u32 regno, u32 btf_id, u32 arg, struct call_meta *meta);
int call_map_compatible(struct verify_env *env, const struct verify_map *map, u32 func);
enum helper_access call_spec(
	const struct verify_env *env, s32 func, const struct helper_spec **ret_spec);

/* ---- ref.c: references ---- */
int ref_acquire(struct verify_env *env, u32 insn, u32 *ret_id);
int ref_release(struct verify_env *env, u32 id); /* -EINVAL: not held; says nothing */
int ref_check_leak(struct verify_env *env, bool exception_exit, const char *what);

/* ---- lock.c ---- */
int lock_spin(struct verify_env *env, u32 regno, bool is_lock);
int lock_check_call(struct verify_env *env, const struct insn *insn);
int lock_check_exit(struct verify_env *env, bool exception_exit);
int lock_check_insn(struct verify_env *env, const char *what); /* LD_ABS */

/* ---- subprog_call.c: functions of the program ---- */
int call_function(struct verify_env *env, const struct insn *insn);
int function_exit(struct verify_env *env);
int exit_check_value(struct verify_env *env, u32 regno, const char *reg_name);
typedef int (*callee_setup)(
	struct verify_env *env, struct frame *caller, struct frame *callee, u32 insn);
int call_setup(
	struct verify_env *env, u32 subprog, u32 callsite, callee_setup setup, struct state *st);
void call_clear_packets(struct verify_env *env);
int call_check_btf_args(struct verify_env *env, u32 subprog, struct reg *regs);
void verify_say_bad_scalar(struct verify_env *env, char *buf, size_t size, const struct reg *r,
	s32 min, s32 max, const char *where, const char *reg_name);

/* ---- callback.c ---- */
int callback_for_helper(struct verify_env *env, const struct insn *insn, struct call_meta *meta);

/* ---- format.c ---- */
int format_check_snprintf(struct verify_env *env);

/* ---- dynptr.c ---- */
int dynptr_arg(struct verify_env *env, u32 regno, u32 arg);
/* clone_ref: the reference that a new dynptr shares, 0 = its own. */
int dynptr_arg_clone(struct verify_env *env, u32 regno, u32 arg, u32 clone_ref);
int dynptr_release(struct verify_env *env, struct reg *reg);
int dynptr_destroy_slot(struct verify_env *env, struct frame *frame, s32 slot);
int dynptr_describe(struct verify_env *env, struct reg *reg, u32 *ret_id, u32 *ret_ref);
u32 dynptr_kind_of(struct verify_env *env, struct reg *reg);

/* ---- lsm.c ---- */
/* What the hook may return; false = not known to be bounded. */
bool lsm_retval_range(const struct verify_env *env, s32 *ret_min, s32 *ret_max);
int lsm_bound_retval(struct verify_env *env, struct reg *r);

/* ---- kptr.c: kernel pointers in map values ---- */
int kptr_access(struct verify_env *env, u32 regno, s32 value_regno, const struct btype_field *f);
int kptr_arg(struct verify_env *env, u32 regno, struct call_meta *meta);
int kptr_match(struct verify_env *env, const struct btype_field *f, u32 regno);

/* ---- kfunc.c ---- */
/* Marks at a call in the control flow graph. */
void kfunc_mark_cfg(struct verify_env *env, u32 insn);
int kfunc_add(struct verify_env *env, const struct insn *insn);
bool kfunc_fastcall_mask(struct verify_env *env, const struct insn *insn, u32 *ret_clobbers);
bool kfunc_is_fastcall(struct verify_env *env, const struct insn *insn);
int call_kfunc(struct verify_env *env, const struct insn *insn);

/* ---- rewrite.c ---- */
int rewrite_fastcalls(struct verify_env *env);
int rewrite_program(struct verify_env *env);

#endif
