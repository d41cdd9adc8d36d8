// SPDX-License-Identifier: BSD-2-Clause
/*
 * Where functions of the program start (targets of calls and function pointers), that jumps stay
 * inside them and that none runs off its end; and, after the paths were explored, how deep the
 * stack of their calls gets.
 */
#include "verify/check.h"

#include <errno.h>

struct subprog *subprog_containing(struct verify_env *env, u32 insn)
{
	u32 low = 0, high = env->subprog_count;

	while (high - low > 1) {
		u32 mid = low + (high - low) / 2;

		if (env->subprogs[mid].start <= insn)
			low = mid;
		else
			high = mid;
	}
	return &env->subprogs[low];
}

s32 subprog_at(const struct verify_env *env, s32 insn)
{
	const struct subprog *s;

	if (insn < 0 || (u32)insn >= env->insn_count || !env->subprog_count)
		return -1;
	s = subprog_containing((struct verify_env *)env, (u32)insn);
	return s->start == (u32)insn ? (s32)(s - env->subprogs) : -1;
}

static int add(struct verify_env *env, s64 insn)
{
	u32 i;

	if (insn < 0 || insn >= env->insn_count)
		return verify_refuse(env, REASON_CALL_TARGET, "call to invalid destination\n");
	if (subprog_at(env, (s32)insn) >= 0)
		return 0;
	if (env->subprog_count >= SUBPROGS_MAX)
		return verify_refuse(env, REASON_TOO_MANY_FUNCTIONS, "too many subprograms\n");
	for (i = env->subprog_count; i && env->subprogs[i - 1].start > insn; i--)
		env->subprogs[i] = env->subprogs[i - 1];
	env->subprogs[i] = (struct subprog){.start = (u32)insn};
	env->subprog_count++;
	return 0;
}

static bool has_exception_callback(const struct verify_env *env)
{
	return env->has_func_info &&
		btype_find_tag(env->in->btf, env->in->func_info[0].type_id, -1,
			"exception_callback:", 0) > 0;
}

int subprogs_find(struct verify_env *env)
{
	int err = add(env, 0);

	for (u32 i = 0; !err && i < env->insn_count; i++) {
		const struct insn *insn = &env->insns[i];
		bool is_kfunc = insn_is_call_kfunc(insn);

		if (!insn_is_call_func(insn) && !insn_is_ld_func(insn) && !is_kfunc)
			continue;
		if (!env->bpf_capable)
			return verify_refuse(env, REASON_CALL_NEEDS_CAP,
				"loading/calling other bpf or kernel functions are allowed for "
				"CAP_BPF and CAP_SYS_ADMIN\n");
		err = is_kfunc ? kfunc_add(env, insn) : add(env, (s64)i + insn->imm + 1);
	}
	if (err)
		return err;
	if (has_exception_callback(env))
		return verify_unsupported(env, "an exception callback");
	env->subprogs[env->subprog_count].start = env->insn_count;
	if (verify_says_all(env))
		for (u32 i = 0; i < env->subprog_count; i++)
			verify_say(env, "func#%d @%d\n", i, env->subprogs[i].start);
	return 0;
}

static void note_features(struct subprog *s, const struct insn *insn)
{
	u8 class = BPF_CLASS(insn->op), mode = BPF_MODE(insn->op);

	if (insn_is_call_helper(insn) && insn->imm == BPF_FUNC_tail_call)
		s->has_tail_call = s->tail_call_reachable = true;
	if (class == BPF_LD && (mode == BPF_ABS || mode == BPF_IND))
		s->has_ld_abs = true;
}

int subprogs_check(struct verify_env *env)
{
	struct subprog *s = env->subprogs;

	for (u32 i = 0; i < env->insn_count; i++) {
		const struct insn *insn = &env->insns[i];

		note_features(s, insn);
		if (insn_is_jump(insn)) {
			s64 target = (s64)i + insn_jump_offset(insn) + 1;

			if (target < s[0].start || target >= s[1].start)
				return verify_refuse(env, REASON_JUMP_RANGE,
					"jump out of range from insn %d to %d\n", i, (s32)target);
		}
		if (i + 1 < s[1].start)
			continue;
		if (insn->op != (BPF_JMP | BPF_EXIT) && insn->op != (BPF_JMP32 | BPF_JA) &&
			insn->op != (BPF_JMP | BPF_JA))
			return verify_refuse(
				env, REASON_FALLTHROUGH, "last insn is not an exit or jmp\n");
		s++;
	}
	return 0;
}

/* ---- stack depth of the call tree ------------------------------------------------------------ */

#define PRIVATE_STACK_MIN 64

struct walk {
	struct verify_env *env;
	u32 depth; /* of the frames that share one stack, bytes */
	u32 total; /* of all frames */
	u32 frame;
	u32 ret_insn[FRAMES_MAX], ret_subprog[FRAMES_MAX];
	bool private_stack; /* every frame of its own size limit, not the sum */
	bool tail_call_reachable;
};

static u32 frame_bytes(const struct subprog *s)
{
	return ALIGN_UP(s->stack_depth, 16u);
}

static bool in_callback(const struct walk *w, u32 subprog)
{
	const struct subprog *subs = w->env->subprogs;
	bool found = subs[subprog].is_callback;

	for (u32 i = 0; i < w->frame && !found; i++)
		found = subs[w->ret_subprog[i]].is_callback;
	return found;
}

/* Small frames stay on the shared stack even where private ones exist. */
static bool is_private(const struct walk *w, const struct subprog *s)
{
	return w->private_stack && !s->shares_stack && frame_bytes(s) >= PRIVATE_STACK_MIN;
}

static int enter(struct walk *w, u32 subprog)
{
	struct verify_env *env = w->env;
	struct subprog *s = &env->subprogs[subprog];

	if (!w->private_stack)
		s->shares_stack = true;

	if (s->has_ld_abs && in_callback(w, subprog))
		return verify_refuse(
			env, REASON_LD_ABS_PLACE, "cannot use BPF_LD_[ABS|IND] within callback\n");
	if (subprog && s->has_tail_call && w->depth >= 256)
		return verify_refuse(env, REASON_STACK_TOO_DEEP,
			"tail_calls are not allowed when call stack of previous frames is %d "
			"bytes. Too large\n",
			w->depth);
	w->total += frame_bytes(s);
	env->out->stack_bytes = MAX(env->out->stack_bytes, w->total);
	if (is_private(w, s)) {
		if (frame_bytes(s) > STACK_MAX)
			return verify_refuse(env, REASON_STACK_TOO_DEEP,
				"stack size of subprog %d is %d. Too large\n", subprog,
				frame_bytes(s));
		return 0;
	}
	w->depth += frame_bytes(s);
	if (w->depth > STACK_MAX)
		return verify_refuse(env, REASON_STACK_TOO_DEEP,
			"combined stack size of %d calls is %d. Too large\n", w->frame + 1,
			w->depth);
	return 0;
}

/* The next call in [*insn, end) that is to be followed: 1 found, 0 none. */
static int next_call(struct walk *w, u32 subprog, u32 *insn, u32 *ret_callee)
{
	struct verify_env *env = w->env;

	for (; *insn < env->subprogs[subprog + 1].start; ++*insn) {
		const struct insn *in = &env->insns[*insn];
		s32 callee;

		if (!insn_is_call_func(in) && !insn_is_ld_func(in))
			continue;
		callee = subprog_at(env, (s32)*insn + in->imm + 1);
		if (bug_on(callee < 0))
			return verify_refuse(env, REASON_INTERNAL,
				"verifier bug. No program "
				"starts there\n");
		if (env->subprogs[callee].is_async_callback) {
			if (!insn_is_call_func(in))
				continue; /* starts with a stack of its own */
			if (env->subprogs[callee].is_exception_callback)
				return verify_refuse(env, REASON_EXCEPTION,
					"insn %d cannot call exception cb directly\n", *insn);
		}
		*ret_callee = (u32)callee;
		return 1;
	}
	return 0;
}

static int leave(struct walk *w, u32 subprog)
{
	struct subprog *subs = w->env->subprogs;

	if (w->tail_call_reachable)
		for (u32 i = 0; i < w->frame; i++) {
			if (subs[w->ret_subprog[i]].is_exception_callback)
				return verify_refuse(w->env, REASON_EXCEPTION,
					"cannot tail call within exception cb\n");
			subs[w->ret_subprog[i]].tail_call_reachable = true;
		}
	w->total -= frame_bytes(&subs[subprog]);
	if (!is_private(w, &subs[subprog]))
		w->depth -= frame_bytes(&subs[subprog]);
	return 0;
}

static int walk_calls(struct walk *w, u32 subprog)
{
	struct verify_env *env = w->env;
	u32 insn = env->subprogs[subprog].start, callee = 0;
	int err = enter(w, subprog);

	while (!err) {
		err = next_call(w, subprog, &insn, &callee);
		if (err < 0)
			break;
		if (err) {
			w->ret_insn[w->frame] = insn + 1;
			w->ret_subprog[w->frame] = subprog;
			w->tail_call_reachable |= env->subprogs[callee].has_tail_call;
			if (++w->frame >= FRAMES_MAX)
				return verify_refuse(env, REASON_CALL_DEPTH,
					"the call stack of %d frames is too deep !\n", w->frame);
			subprog = callee;
			insn = env->subprogs[subprog].start;
			err = enter(w, subprog);
			continue;
		}
		err = leave(w, subprog);
		if (err || !w->frame)
			break;
		w->frame--;
		insn = w->ret_insn[w->frame];
		subprog = w->ret_subprog[w->frame];
	}
	return err;
}

/* Program types whose functions the kernel's x86 JIT gives stacks of their own. */
static bool has_private_stack(const struct verify_env *env)
{
	if (env->kernel < KERNEL(6, 13))
		return false;
	for (u32 i = 0; i < env->subprog_count; i++)
		if (env->subprogs[i].has_tail_call)
			return false;
	switch (env->in->prog_type) {
	case BPF_PROG_TYPE_KPROBE:
	case BPF_PROG_TYPE_TRACEPOINT:
	case BPF_PROG_TYPE_PERF_EVENT:
	case BPF_PROG_TYPE_RAW_TRACEPOINT: return true;
	case BPF_PROG_TYPE_TRACING: return env->in->attach_type != BPF_TRACE_ITER;
	default: return false;
	}
}

int subprogs_check_depth(struct verify_env *env)
{
	for (u32 i = env->subprog_count; i-- > 0;) {
		struct walk w = {.env = env};
		int err;

		if (i && !env->subprogs[i].is_async_callback)
			continue;
		w.private_stack = i == 0 && has_private_stack(env);
		err = walk_calls(&w, i);
		if (err)
			return err;
	}
	return 0;
}
