// SPDX-License-Identifier: BSD-2-Clause
/*
 * The paths, one after the other, depth first: the current state goes on with the next instruction
 * and the other branch of a jump waits on a stack. At prune points a path may end because a state
 * seen before covers it (prune.c). What the log says is part of it: with level 1 only the path that
 * fails is left in the log, so the log is cut back where a path ends well.
 */
#include "verify/check.h"

#include <errno.h>

void frame_init(struct verify_env *env, struct frame *f, s32 callsite, u32 frameno, u32 subprog)
{
	f->callsite = callsite;
	f->frameno = frameno;
	f->subprog = subprog;
	for (u32 i = 0; i < INSN_REG_COUNT; i++)
		mark_not_init(env, &f->regs[i]);
	mark_pointer(&f->regs[BPF_REG_10], REG_STACK);
	f->regs[BPF_REG_10].frameno = frameno;
	scratch_all(env);
}

static struct pending *pend(struct verify_env *env, s32 insn, s32 prev_insn)
{
	struct pending *p = env->free_pending;

	if (p)
		env->free_pending = p->next;
	else
		p = arena_alloc(&env->scratch, sizeof(*p));
	if (!p)
		return NULL;
	*p = (struct pending){.state = state_new(&env->pool),
		.insn = insn,
		.prev_insn = prev_insn,
		.log_pos = env->log->end_pos,
		.next = env->pending};
	if (!p->state)
		return NULL;
	env->pending = p;
	env->pending_count++;
	return p;
}

struct state *explore_push(
	struct verify_env *env, s32 insn, s32 prev_insn, bool speculative, int *ret_err)
{
	struct pending *p = pend(env, insn, prev_insn);

	if (!p || state_copy(&env->pool, p->state, env->cur)) {
		*ret_err = -ENOMEM;
		return NULL;
	}
	p->state->speculative |= speculative;
	if (env->pending_count > PENDING_LIMIT) {
		verify_refuse(env, REASON_TOO_MANY_BRANCHES,
			"The sequence of %d jumps is too complex.\n", env->pending_count);
		*ret_err = -EFAULT; /* what Linux makes of it at a jump */
		return NULL;
	}
	if (p->state->parent)
		p->state->parent->branches++;
	return p->state;
}

struct state *explore_push_async(
	struct verify_env *env, s32 insn, s32 prev_insn, u32 subprog, bool sleepable, int *ret_err)
{
	struct pending *p = pend(env, insn, prev_insn);

	if (!p) {
		*ret_err = -ENOMEM;
		return NULL;
	}
	if (env->pending_count > PENDING_LIMIT) {
		*ret_err = verify_refuse(env, REASON_TOO_MANY_BRANCHES,
			"The sequence of %d jumps is too complex for async cb.\n",
			env->pending_count);
		return NULL;
	}
	p->state->branches = 1;
	p->state->in_sleepable = sleepable;
	p->state->hist_start = p->state->hist_end = env->cur->hist_end;
	p->state->frames[0] = frame_new(&env->pool);
	if (!p->state->frames[0]) {
		*ret_err = -ENOMEM;
		return NULL;
	}
	frame_init(env, p->state->frames[0], MAIN_CALLSITE, 0, subprog);
	return p->state;
}

/* The current path ended; 1 = another one is current now, 0 = none is left. */
static int pop(struct verify_env *env, s32 *prev_insn)
{
	struct pending *p = env->pending;

	if (!p)
		return 0;
	state_free(&env->pool, env->cur);
	env->cur = p->state;
	if (!verify_says_all(env))
		log_reset(env->log, p->log_pos);
	env->insn = p->insn;
	*prev_insn = p->prev_insn;
	env->pending = p->next;
	env->pending_count--;
	p->next = env->free_pending;
	env->free_pending = p;
	return 1;
}

int explore_hist(struct verify_env *env, u32 flags, u64 linked)
{
	struct state *cur = env->cur;

	if (env->cur_hist) {
		env->cur_hist->flags |= flags & 0xfff;
		env->cur_hist->linked = linked;
		return 0;
	}
	if (cur->hist_end >= env->hist.len) {
		if (vec_reserve(&env->hist, 1))
			return -ENOMEM;
		env->hist.len = cur->hist_end + 1;
	}
	env->cur_hist = &env->hist.data[cur->hist_end++];
	*env->cur_hist = (struct hist){.insn = (u32)env->insn,
		.prev = (u32)env->prev_insn & 0xfffff,
		.flags = flags & 0xfff,
		.linked = linked};
	return 0;
}

/* ---- one instruction ------------------------------------------------------------------------- */

enum step {
	STEP_NEXT,	/* go on with env->insn + 1 */
	STEP_JUMPED,	/* env->insn is the next one already */
	STEP_PATH_ENDS, /* or -errno */
	STEP_RETURNED,	/* env->insn is in the caller; its state is to be printed */
};

static int step_exit(struct verify_env *env, bool exception_exit)
{
	const char *what = exception_exit ? "bpf_throw" : "BPF_EXIT instruction in main prog";
	int err;

	/* newer kernels look at both in the other order, and say what they were at */
	if (env->kernel >= KERNEL(6, 13)) {
		err = ref_check_leak(env, exception_exit, what);
		if (!err)
			err = lock_check_exit(env, exception_exit);
	} else {
		err = lock_check_exit(env, exception_exit);
		if (!err)
			err = ref_check_leak(env, exception_exit, NULL);
	}
	if (err)
		return err;
	if (exception_exit)
		return STEP_PATH_ENDS;
	if (env->cur->curframe) {
		err = function_exit(env);
		return err ? err : STEP_RETURNED;
	}
	err = exit_check_value(env, BPF_REG_0, "R0");
	return err ? err : STEP_PATH_ENDS;
}

static int step_call(struct verify_env *env, const struct insn *insn)
{
	int err = lock_check_call(env, insn);

	if (err)
		return err;
	if (insn->src == INSN_PSEUDO_CALL)
		err = call_function(env, insn);
	else if (insn->src == INSN_PSEUDO_KFUNC_CALL)
		err = call_kfunc(env, insn);
	else
		err = call_helper(env, insn);
	if (err < 0)
		return err;
	if (err > 0) /* bpf_throw() */
		return step_exit(env, true);
	scratch_reg(env, BPF_REG_0);
	return STEP_NEXT;
}

static int step_jump(struct verify_env *env, const struct insn *insn)
{
	int err;

	env->jmps_processed++;
	switch (BPF_OP(insn->op)) {
	case BPF_CALL: return step_call(env, insn);
	case BPF_EXIT: return step_exit(env, false);
	case BPF_JA: env->insn += insn_jump_offset(insn) + 1; return STEP_JUMPED;
	default: err = branch_check(env, insn); return err ? err : STEP_NEXT;
	}
}

static int step_wide(struct verify_env *env, const struct insn *insn)
{
	int err;

	if (BPF_MODE(insn->op) != BPF_IMM) {
		err = access_ld_abs(env, insn);
		return err ? err : STEP_NEXT;
	}
	err = ldimm_check(env, insn);
	if (err)
		return err;
	env->insn++;
	if (!env->cur->speculative)
		cur_aux(env)->seen = 1;
	return STEP_NEXT;
}

/* A form that is newer than the kernel, of an opcode that it knows. */
static enum insn_error error_of_new(const struct insn *insn)
{
	switch (BPF_CLASS(insn->op)) {
	case BPF_STX: return INSN_ERROR_ATOMIC_OPERATION;
	case BPF_ALU:
	case BPF_ALU64:
		return BPF_OP(insn->op) == BPF_MOV ? INSN_ERROR_MOV_RESERVED
						   : INSN_ERROR_ALU_RESERVED;
	default: return INSN_ERROR_UNKNOWN_OPCODE;
	}
}

static int refuse_shape(struct verify_env *env, enum insn_error error)
{
	char text[160];

	insn_error_text(error, &env->insns[env->insn], text, sizeof(text));
	return verify_refuse(env, REASON_SHAPE, "%s\n", text);
}

static int step(struct verify_env *env)
{
	const struct insn *insn = &env->insns[env->insn];
	const struct insn_decoded *d = &env->decoded[env->insn];
	int err;

	if (unlikely(d->error != INSN_OK))
		return refuse_shape(env, d->error);
	if (unlikely(d->desc->since > env->kernel))
		return refuse_shape(env, error_of_new(insn));
	switch (BPF_CLASS(insn->op)) {
	case BPF_ALU:
	case BPF_ALU64: err = alu_check(env, insn); break;
	case BPF_LDX: err = access_load(env, insn); break;
	case BPF_STX:
		err = BPF_MODE(insn->op) == BPF_ATOMIC ? access_atomic(env, insn)
						       : access_store(env, insn);
		break;
	case BPF_ST: err = access_store_imm(env, insn); break;
	case BPF_LD: return step_wide(env, insn);
	default: return step_jump(env, insn);
	}
	return err ? err : STEP_NEXT;
}

static void say_insn(struct verify_env *env)
{
	if (env->scratched_regs || env->scratched_slots)
		print_insn_state(env, cur_frame(env));
	print_line(env, (u32)env->insn, "; ");
	env->prev_log_pos = env->log->end_pos;
	verify_say(env, "%d: ", env->insn);
	print_insn(env, (u32)env->insn);
	env->prev_insn_print_len = (u32)(env->log->end_pos - env->prev_log_pos);
	env->prev_log_pos = env->log->end_pos;
}

static const char *speculation(const struct verify_env *env)
{
	return env->cur->speculative ? " (speculative execution)" : "";
}

/* What happens before the instruction itself: 1 = the path is known to be safe. */
static int arrive(struct verify_env *env, bool *say_state)
{
	const struct insn_aux *aux = cur_aux(env);
	int err;

	if (++env->insns_processed > INSN_LIMIT)
		return verify_refuse(env, REASON_TOO_COMPLEX,
			"BPF program is too large. Processed %d insn\n", env->insns_processed);
	env->cur->last_insn = env->prev_insn;
	if (aux->prune_point) {
		err = prune_visit(env, env->insn);
		if (err == 1 && verify_says(env)) {
			if (*say_state)
				verify_say(env, "\nfrom %d to %d%s: safe\n", env->prev_insn,
					env->insn, speculation(env));
			else
				verify_say(env, "%d: safe\n", env->insn);
		}
		if (err)
			return err;
	}
	if (aux->jmp_point) {
		err = explore_hist(env, 0, 0);
		if (err)
			return err;
	}
	if (verify_says_all(env) && *say_state) {
		verify_say(env, "\nfrom %d to %d%s:", env->prev_insn, env->insn, speculation(env));
		print_state(env, cur_frame(env), true);
		*say_state = false;
	}
	if (verify_says(env))
		say_insn(env);
	return 0;
}

/* A step, which a barrier against speculation may forbid or make the last of its path. */
static int guarded_step(struct verify_env *env)
{
	struct insn_aux *aux = cur_aux(env);
	struct verdict before = env->verdict;
	int ret;

	if (!env->cur->speculative)
		aux->seen = 1;
	else if (aux->nospec)
		return STEP_PATH_ENDS;
	ret = step(env);
	if (!sanitize_stops(env, aux, ret))
		return ret;
	env->verdict = before;
	return STEP_PATH_ENDS;
}

static int explore(struct verify_env *env)
{
	bool say_state = false;
	s32 prev_insn = -1;

	for (;;) {
		int ret;

		env->cur_hist = NULL;
		env->prev_insn = prev_insn;
		if (bug_on((u32)env->insn >= env->insn_count))
			return verify_refuse(
				env, REASON_INTERNAL, "invalid insn idx %d\n", env->insn);
		ret = arrive(env, &say_state);
		if (ret < 0)
			return ret;
		if (ret == 0) {
			prev_insn = env->insn;
			ret = guarded_step(env);
			if (ret < 0)
				return ret;
		} else {
			ret = STEP_PATH_ENDS;
		}
		if (ret == STEP_NEXT) {
			env->insn++;
		} else if (ret == STEP_RETURNED) {
			say_state = true;
		} else if (ret == STEP_PATH_ENDS) {
			scratch_all(env);
			prune_path_ended(env, env->cur);
			if (!pop(env, &prev_insn))
				return 0;
			say_state = true;
		}
	}
}

/* ---- entry points ---------------------------------------------------------------------------- */

static int set_global_args(struct verify_env *env, u32 subprog)
{
	struct subprog *s = &env->subprogs[subprog];
	int err = btfinfo_prepare_args(env, subprog);

	if (err)
		return err;
	if (s->is_exception_callback) {
		cur_frame(env)->in_exception_callback = true;
		if (s->arg_count != 1 || s->args[0].arg != ARG_ANYTHING)
			return verify_refuse(env, REASON_EXCEPTION,
				"exception cb only supports single integer argument\n");
	}
	for (u32 i = 0; i < s->arg_count; i++) {
		struct reg *r = cur_reg(env, i + 1);
		const struct subprog_arg *arg = &s->args[i];
		u32 null = arg->nullable ? REG_MAYBE_NULL : 0;

		switch (arg->arg & ARG_TYPE_MASK) {
		case ARG_CTX: mark_pointer(r, REG_CTX); break;
		case ARG_ANYTHING: mark_unknown(env, r); break;
		case ARG_DYNPTR:
			mark_pointer(r, REG_DYNPTR);
			r->dynptr_kind = DYNPTR_LOCAL;
			r->is_first_slot = true;
			r->id = ++env->id_gen;
			break;
		case ARG_MEM:
			mark_pointer(r, REG_MEM | null);
			r->mem_size = arg->mem_size;
			r->id = ++env->id_gen;
			break;
		case ARG_BTF_ID:
			mark_pointer(r, REG_BTF | null | (arg->trusted ? REG_TRUSTED : 0u));
			r->btf = kernel_btf(env);
			r->btf_id = arg->btf_id;
			r->id = ++env->id_gen;
			break;
		default: return verify_refuse(env, REASON_INTERNAL, "unhandled arg#%d\n", i);
		}
	}
	return 0;
}

static void set_main_args(struct verify_env *env)
{
	struct verdict before = env->verdict;
	struct subprog *s = &env->subprogs[0];

	if (env->has_func_info) {
		/* only callers of the main program would care */
		if (btfinfo_prepare_args(env, 0) || s->arg_count != 1 || s->args[0].arg != ARG_CTX)
			s->unreliable = true;
		env->verdict = before;
	}
	mark_pointer(cur_reg(env, BPF_REG_1), REG_CTX);
}

static void drop_paths(struct verify_env *env)
{
	while (env->pending) {
		struct pending *p = env->pending;

		state_free(&env->pool, p->state);
		env->pending = p->next;
		p->next = env->free_pending;
		env->free_pending = p;
	}
	env->pending_count = 0;
	state_free(&env->pool, env->cur);
	env->cur = NULL;
}

static int explore_function(struct verify_env *env, u32 subprog)
{
	bool pop_log = !verify_says_all(env);
	struct state *st = state_new(&env->pool);
	int err;

	env->prev_line = NULL;
	if (st)
		st->frames[0] = frame_new(&env->pool);
	if (!st || !st->frames[0])
		return -ENOMEM;
	st->branches = 1;
	env->cur = st;
	env->insn = (s32)env->subprogs[subprog].start;
	frame_init(env, st->frames[0], MAIN_CALLSITE, 0, subprog);
	st->first_insn = env->insn;
	st->last_insn = -1;
	if (subprog || env->in->prog_type == BPF_PROG_TYPE_EXT) {
		verify_say(
			env, "Validating %s() func#%d...\n", subprog_name(env, subprog), subprog);
		err = set_global_args(env, subprog);
	} else {
		set_main_args(env);
		err = 0;
	}
	if (!err)
		err = explore(env);
	drop_paths(env);
	if (!err && pop_log)
		log_reset(env->log, 0);
	/* states of one function say nothing of another's */
	memset(env->visited, 0, env->insn_count * sizeof(struct visited *));
	return err;
}

int explore_main(struct verify_env *env)
{
	return explore_function(env, 0);
}

int explore_global_subprogs(struct verify_env *env)
{
	bool again = env->has_func_info;

	if (env->exception_callback)
		env->subprogs[env->exception_callback].is_called = true;
	while (again) {
		again = false;
		for (u32 i = 1; i < env->subprog_count; i++) {
			struct subprog *s = &env->subprogs[i];
			int err;

			if (s->linkage != BTF_FUNC_GLOBAL || !s->is_called || s->is_verified)
				continue;
			err = explore_function(env, i);
			if (err)
				return err;
			if (verify_says(env))
				verify_say(env,
					"Func#%d ('%s') is safe for any args that match its "
					"prototype\n",
					i, subprog_name(env, i));
			s->is_verified = true;
			again = true;
		}
	}
	return 0;
}
