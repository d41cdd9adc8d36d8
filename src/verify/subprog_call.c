// SPDX-License-Identifier: BSD-2-Clause
/*
 * Calls of the program's own functions. A static function is followed with the caller's values in a
 * new frame; a global one is verified by itself for any arguments of its type, so here its
 * arguments are checked against the type and its result is any number.
 */
#include "verify/check.h"

#include <errno.h>
#include <stdio.h>

void call_clear_packets(struct verify_env *env)
{
	struct frame *frame;
	struct reg *r;

	for_each_reg(env->cur, frame, r, {
		if (reg_is_packet_any(r) ||
			(reg_kind(r->type) == REG_MEM &&
				r->type & (REG_DYNPTR_SKB | REG_DYNPTR_XDP)))
			mark_invalid(env, r);
	})
}

static int check_btf_arg(
	struct verify_env *env, u32 i, const struct subprog_arg *arg, struct reg *reg, u32 regno)
{
	struct call_meta meta = {0};
	int err;

	switch (arg->arg & ARG_TYPE_MASK) {
	case ARG_ANYTHING:
		if (reg->type != REG_SCALAR)
			return verify_refuse(env, REASON_FUNC_ARG, "R%d is not a scalar\n", regno);
		return 0;
	case ARG_CTX:
		err = arg_reg_off(env, reg, regno, ARG_NONE);
		if (err)
			return err;
		if (reg->type != REG_CTX)
			return verify_refuse(
				env, REASON_FUNC_ARG, "arg#%d expects pointer to ctx\n", i);
		return 0;
	case ARG_MEM:
		err = arg_reg_off(env, reg, regno, ARG_NONE);
		if (err)
			return err;
		if (arg_plain_memory(env, reg, regno, arg->mem_size))
			return verify_as(env, REASON_FUNC_ARG);
		if (!arg->nullable && reg_maybe_null(reg))
			return verify_refuse(
				env, REASON_FUNC_ARG, "arg#%d is expected to be non-NULL\n", i);
		return 0;
	case ARG_DYNPTR:
		err = arg_reg_off(env, reg, regno, ARG_DYNPTR);
		return err ? err : dynptr_arg(env, regno, arg->arg);
	case ARG_BTF_ID:
		if (reg_is_null(reg) && arg->nullable)
			return 0;
		return arg_btf_pointer(env, regno, arg->btf_id,
			ARG_BTF_ID | (arg->nullable ? ARG_MAYBE_NULL : 0u), &meta);
	default:
		return verify_refuse(
			env, REASON_INTERNAL, "verifier bug: unrecognized arg#%d type\n", i);
	}
}

/* -errno with a refusal said, where the function has a type and the registers do not fit it. */
int call_check_btf_args(struct verify_env *env, u32 subprog, struct reg *regs)
{
	struct subprog *s = &env->subprogs[subprog];
	int err;

	if (!env->has_func_info || s->unreliable)
		return -EINVAL;
	err = btfinfo_prepare_args(env, subprog);
	for (u32 i = 0; !err && i < s->arg_count; i++)
		err = check_btf_arg(env, i, &s->args[i], &regs[i + 1], i + 1);
	if (err)
		s->unreliable = true;
	return err;
}

static int copy_args(struct verify_env *env, struct frame *caller, struct frame *callee, u32 insn)
{
	(void)env;
	(void)insn;
	for (u32 i = BPF_REG_1; i <= BPF_REG_5; i++)
		callee->regs[i] = caller->regs[i];
	return 0;
}

int call_setup(
	struct verify_env *env, u32 subprog, u32 callsite, callee_setup setup, struct state *st)
{
	struct frame *caller = state_frame(st), *callee;
	int err;

	if (st->curframe + 1 >= FRAMES_MAX)
		return verify_refuse(env, REASON_CALL_DEPTH,
			"the call stack of %d frames is too deep\n", st->curframe + 2);
	callee = frame_new(&env->pool);
	if (!callee)
		return -ENOMEM;
	st->frames[st->curframe + 1] = callee;
	frame_init(env, callee, (s32)callsite, st->curframe + 1, subprog);
	err = frame_copy_refs(&env->pool, callee, caller);
	if (!err)
		err = setup(env, caller, callee, callsite);
	if (!err)
		st->curframe++;
	return err;
}

static int call_global(struct verify_env *env, u32 subprog, int args_err)
{
	const char *name = subprog_name(env, subprog);
	struct subprog *s = &env->subprogs[subprog];
	struct frame *caller = cur_frame(env);

	if (env->cur->lock)
		return verify_refuse(env, REASON_LOCK,
			"global function calls are not allowed while holding a lock,\n"
			"use static function instead\n");
	if (env->cur->preempt_lock)
		return verify_refuse(env, REASON_LOCK,
			"global function calls are not allowed with preemption disabled,\n"
			"use static function instead\n");
	if (args_err) {
		verify_say(env, "Caller passes invalid args into func#%d ('%s')\n", subprog, name);
		return args_err;
	}
	verify_say(env, "Func#%d ('%s') is global and assumed valid.\n", subprog, name);
	if (s->changes_pkt_data)
		call_clear_packets(env);
	s->is_called = true;
	live_clobber_caller_saved(env, caller->regs);
	mark_unknown(env, &caller->regs[BPF_REG_0]);
	caller->regs[BPF_REG_0].subreg_def = 0;
	return 0;
}

int call_function(struct verify_env *env, const struct insn *insn)
{
	s32 subprog = subprog_at(env, env->insn + insn->imm + 1);
	struct frame *caller = cur_frame(env);
	struct verdict before = env->verdict;
	int err;

	if (bug_on(subprog < 0))
		return verify_refuse(
			env, REASON_INTERNAL, "verifier bug. No program starts there\n");
	err = call_check_btf_args(env, (u32)subprog, caller->regs);
	if (err == -EFAULT || err == -ENOMEM)
		return err;
	if (env->has_func_info && env->subprogs[subprog].linkage == BTF_FUNC_GLOBAL) {
		if (err && env->verdict.reason == REASON_NONE)
			err = verify_refuse(env, REASON_FUNC_ARG, "%s", "");
		return call_global(env, (u32)subprog, err);
	}
	env->verdict = before; /* a static function may be called with anything */
	err = call_setup(env, (u32)subprog, (u32)env->insn, copy_args, env->cur);
	if (err)
		return err;
	live_clobber_caller_saved(env, caller->regs);
	env->insn = (s32)env->subprogs[subprog].start - 1;
	if (verify_says(env)) {
		verify_say(env, "caller:\n");
		print_state(env, caller, true);
		verify_say(env, "callee:\n");
		print_state(env, cur_frame(env), true);
	}
	return 0;
}

static int check_callback_value(struct verify_env *env, struct frame *callee)
{
	struct reg *r0 = &callee->regs[BPF_REG_0];
	char line[200];
	int err;

	if (r0->type != REG_SCALAR)
		return verify_refuse(env, REASON_CALLBACK_RETURN, "R0 not a scalar value\n");
	live_mark_read(env, r0, r0->parent, LIVE_READ64);
	err = precision_mark(env, BPF_REG_0);
	if (err)
		return err;
	if (r0->val.smin >= callee->callback_ret_min && r0->val.smax <= callee->callback_ret_max)
		return 0;
	verify_say_bad_scalar(env, line, sizeof(line), r0, callee->callback_ret_min,
		callee->callback_ret_max, "At callback return", "R0");
	return verify_refuse(env, REASON_RETURN_RANGE, "%s", line);
}

/* The innermost function returns; env->insn becomes where its caller goes on. */
int function_exit(struct verify_env *env)
{
	struct state *st = env->cur;
	struct frame *callee = state_frame(st), *caller = st->frames[st->curframe - 1];
	bool is_callback = callee->in_callback;
	struct state *previous;
	int err = 0;

	if (callee->regs[BPF_REG_0].type == REG_STACK)
		return verify_refuse(
			env, REASON_STACK_FRAME, "cannot return stack pointer to the caller\n");
	if (is_callback) {
		err = check_callback_value(env, callee);
	} else {
		caller->regs[BPF_REG_0] = callee->regs[BPF_REG_0];
		err = frame_copy_refs(&env->pool, caller, callee);
	}
	if (err)
		return err;
	/* a callback returns into the helper's call, which may call it again */
	env->insn = is_callback ? callee->callsite : callee->callsite + 1;
	if (verify_says(env)) {
		verify_say(env, "returning from callee:\n");
		print_state(env, callee, true);
		verify_say(env, "to caller at %d:\n", env->insn);
		print_state(env, caller, true);
	}
	frame_free(&env->pool, callee);
	st->frames[st->curframe--] = NULL;
	previous = is_callback ? prune_previous_entry(env, st, env->insn) : NULL;
	if (previous)
		prune_widen(env, previous, st);
	return 0;
}
