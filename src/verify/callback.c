// SPDX-License-Identifier: BSD-2-Clause
/*
 * Helpers that call a function of the program. A synchronous callback is explored as if the helper
 * called it any number of times: the path through the callback comes back to the call itself, where
 * states are compared, and another path goes on after the call. An asynchronous one (timers) starts
 * from nothing, with a stack of its own.
 */
#include "verify/check.h"

#include <errno.h>

static void no_more_args(struct verify_env *env, struct frame *callee, u32 from)
{
	for (u32 i = from; i <= BPF_REG_5; i++)
		mark_not_init(env, &callee->regs[i]);
}

static void returns_bool(struct frame *callee)
{
	callee->callback_ret_min = 0;
	callee->callback_ret_max = 1;
}

static void set_map_args(struct frame *callee, u32 key_reg, const struct reg *map)
{
	mark_pointer(&callee->regs[key_reg], REG_MAP_KEY);
	callee->regs[key_reg].map = map->map;
	callee->regs[key_reg].map_uid = map->map_uid;
	mark_pointer(&callee->regs[key_reg + 1], REG_MAP_VALUE);
	callee->regs[key_reg + 1].map = map->map;
	callee->regs[key_reg + 1].map_uid = map->map_uid;
}

static bool map_has_each(u32 type)
{
	switch (type) {
	case BPF_MAP_TYPE_HASH:
	case BPF_MAP_TYPE_PERCPU_HASH:
	case BPF_MAP_TYPE_LRU_HASH:
	case BPF_MAP_TYPE_LRU_PERCPU_HASH:
	case BPF_MAP_TYPE_ARRAY:
	case BPF_MAP_TYPE_PERCPU_ARRAY: return true;
	default: return false;
	}
}

/* long cb(map, key, value, ctx) */
static int each_elem(struct verify_env *env, struct frame *caller, struct frame *callee, u32 insn)
{
	const struct verify_map *map = env->aux[insn].map;

	if (!map_has_each(map->type))
		return verify_refuse(
			env, REASON_CALLBACK_MAP, "callback function not allowed for map\n");
	callee->regs[BPF_REG_1] = caller->regs[BPF_REG_1];
	set_map_args(callee, BPF_REG_2, &caller->regs[BPF_REG_1]);
	callee->regs[BPF_REG_4] = caller->regs[BPF_REG_3];
	no_more_args(env, callee, BPF_REG_5);
	callee->in_callback = true;
	returns_bool(callee);
	return 0;
}

/* long cb(u32 index, ctx) */
static int loop_body(struct verify_env *env, struct frame *caller, struct frame *callee, u32 insn)
{
	(void)insn;
	callee->regs[BPF_REG_1].type = REG_SCALAR;
	callee->regs[BPF_REG_2] = caller->regs[BPF_REG_3];
	no_more_args(env, callee, BPF_REG_3);
	callee->in_callback = true;
	returns_bool(callee);
	return 0;
}

/* int cb(map, key, timer's value) */
static int timer_fires(struct verify_env *env, struct frame *caller, struct frame *callee, u32 insn)
{
	const struct reg *timer = &caller->regs[BPF_REG_1];

	(void)insn;
	mark_pointer(&callee->regs[BPF_REG_1], REG_MAP_PTR);
	callee->regs[BPF_REG_1].map = timer->map;
	callee->regs[BPF_REG_1].map_uid = timer->map_uid;
	set_map_args(callee, BPF_REG_2, timer);
	no_more_args(env, callee, BPF_REG_4);
	callee->in_async_callback = true;
	returns_bool(callee);
	return 0;
}

/* long cb(task, vma, ctx) */
static int found_vma(struct verify_env *env, struct frame *caller, struct frame *callee, u32 insn)
{
	const struct btf *kernel = kernel_btf(env);
	int vma = kernel ? btype_find(kernel, "vm_area_struct", BTF_KIND_STRUCT) : -ENOENT;

	(void)insn;
	if (vma <= 0)
		return verify_refuse(env, REASON_KERNEL_BTF, "struct vm_area_struct has no BTF\n");
	callee->regs[BPF_REG_1] = caller->regs[BPF_REG_1];
	mark_pointer(&callee->regs[BPF_REG_2], REG_BTF);
	callee->regs[BPF_REG_2].btf = kernel;
	callee->regs[BPF_REG_2].btf_id = (u32)vma;
	callee->regs[BPF_REG_3] = caller->regs[BPF_REG_4];
	no_more_args(env, callee, BPF_REG_4);
	callee->in_callback = true;
	returns_bool(callee);
	return 0;
}

/* long cb(dynptr, ctx) */
static int drained_record(
	struct verify_env *env, struct frame *caller, struct frame *callee, u32 insn)
{
	struct reg *r1 = &callee->regs[BPF_REG_1];

	(void)insn;
	mark_not_init(env, &callee->regs[BPF_REG_0]);
	mark_pointer(r1, REG_DYNPTR);
	r1->dynptr_kind = DYNPTR_LOCAL;
	r1->is_first_slot = true;
	r1->id = ++env->id_gen;
	callee->regs[BPF_REG_2] = caller->regs[BPF_REG_3];
	no_more_args(env, callee, BPF_REG_3);
	callee->in_callback = true;
	returns_bool(callee);
	return 0;
}

static int push_async(struct verify_env *env, u32 subprog, callee_setup setup)
{
	struct frame *caller = cur_frame(env), *callee;
	struct state *st;
	int err = 0;

	env->subprogs[subprog].is_async_callback = true;
	st = explore_push_async(
		env, (s32)env->subprogs[subprog].start, env->insn, subprog, false, &err);
	if (!st)
		return err;
	callee = st->frames[0];
	callee->async_entry_count = caller->async_entry_count + 1;
	return setup(env, caller, callee, (u32)env->insn);
}

static int push_sync(struct verify_env *env, u32 subprog, callee_setup setup)
{
	struct frame *caller = cur_frame(env);
	struct state *st;
	int err = 0;

	st = explore_push(env, (s32)env->subprogs[subprog].start, env->insn, false, &err);
	if (!st)
		return err;
	err = call_setup(env, subprog, (u32)env->insn, setup, st);
	if (err)
		return err;
	st->callback_unroll_depth++;
	st->frames[st->curframe - 1]->callback_depth++;
	caller->callback_depth = 0;
	return 0;
}

static int push(struct verify_env *env, u32 subprog, callee_setup setup, bool is_async)
{
	struct verdict before = env->verdict;
	int err = call_check_btf_args(env, subprog, cur_frame(env)->regs);

	if (err == -EFAULT || err == -ENOMEM)
		return err;
	env->verdict = before; /* the helper's values count, not the type */
	env->subprogs[subprog].is_callback = true;
	env->out->uses_callbacks = true;
	return is_async ? push_async(env, subprog, setup) : push_sync(env, subprog, setup);
}

/*
 * A bpf_loop() whose callback is always the same and whose flags are always 0 becomes a loop
 * (rewrite_loop.c). What must be known for that makes the flags precise.
 */
static int note_inline(struct verify_env *env, u32 subprog)
{
	struct insn_aux *aux = cur_aux(env);
	bool is_zero;
	int err;

	if (aux->loop_seen && !aux->loop_fits)
		return 0;
	is_zero = reg_is_null(cur_reg(env, BPF_REG_4));
	err = is_zero ? precision_mark(env, BPF_REG_4) : 0;
	if (!aux->loop_seen) {
		aux->loop_seen = 1;
		aux->loop_fits = is_zero;
		aux->loop_subprog = subprog;
	} else {
		aux->loop_fits = is_zero && aux->loop_subprog == subprog;
	}
	return err;
}

static int loop(struct verify_env *env, struct call_meta *meta)
{
	struct frame *frame = cur_frame(env);
	int err;

	err = note_inline(env, meta->subprog);
	if (!err)
		err = precision_mark(env, BPF_REG_1);
	if (err)
		return err;
	if (frame->callback_depth < frame->regs[BPF_REG_1].val.umax)
		return push(env, meta->subprog, loop_body, false);
	frame->callback_depth = 0;
	if (verify_says_all(env))
		verify_say(env, "frame%d bpf_loop iteration limit reached\n", env->cur->curframe);
	return 0;
}

int callback_for_helper(struct verify_env *env, const struct insn *insn, struct call_meta *meta)
{
	switch (insn->imm) {
	case BPF_FUNC_loop: return loop(env, meta);
	case BPF_FUNC_for_each_map_elem: return push(env, meta->subprog, each_elem, false);
	case BPF_FUNC_timer_set_callback: return push(env, meta->subprog, timer_fires, true);
	case BPF_FUNC_find_vma: return push(env, meta->subprog, found_vma, false);
	case BPF_FUNC_user_ringbuf_drain: return push(env, meta->subprog, drained_record, false);
	default: return verify_unsupported(env, "this callback");
	}
}
