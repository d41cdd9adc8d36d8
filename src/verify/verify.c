// SPDX-License-Identifier: BSD-2-Clause
/*
 * The pipeline, in the kernel's order, which decides what is said first of a program that is wrong
 * in several ways. README.md says what each stage needs and leaves behind.
 */
#include "base/alloc.h"
#include "base/os.h"
#include "verify/check.h"

#include <errno.h>

static int analyse(struct verify_env *env)
{
	int err = btfinfo_check_funcs_early(env);

	if (!err)
		err = subprogs_find(env);
	if (!err)
		err = subprogs_check(env);
	if (!err)
		err = btfinfo_check(env);
	if (!err)
		err = shape_check(env);
	if (!err)
		err = cfg_check(env);
	if (!err)
		err = attach_check(env);
	if (err)
		return err;
	cfg_mark_fastcalls(env);
	err = explore_main(env);
	if (!err)
		err = explore_global_subprogs(env);
	return err;
}

static int finish(struct verify_env *env)
{
	int err = rewrite_fastcalls(env);

	if (!err)
		err = subprogs_check_depth(env);
	if (!err)
		err = rewrite_program(env);
	env->rewritten = !err;
	return err;
}

static void set_capabilities(struct verify_env *env)
{
	bool perfmon = has_cap(env, CAP_NEEDED_PERFMON);

	env->bpf_capable = has_cap(env, CAP_NEEDED_BPF);
	env->allow_ptr_leaks = env->allow_uninit_stack = perfmon;
	env->bypass_spec_v1 = env->bypass_spec_v4 = perfmon;
}

static int set_up(struct verify_env *env)
{
	const struct verify_input *in = env->in;
	u32 count = in->insn_count;

	arena_init(&env->scratch);
	env->pool.arena = &env->scratch;
	set_capabilities(env);
	env->kernel = env->world->kernel->version;
	env->features = env->world->kernel->features;
	env->prog_type = in->prog_type;
	env->strict_alignment =
		in->prog_flags & BPF_F_STRICT_ALIGNMENT && !(in->prog_flags & BPF_F_ANY_ALIGNMENT);
	env->test_state_freq = env->bpf_capable && in->prog_flags & BPF_F_TEST_STATE_FREQ;
	env->test_reg_invariants = in->prog_flags & HACHI_BPF_F_TEST_REG_INVARIANTS;
	env->is_sleepable = in->prog_flags & BPF_F_SLEEPABLE;
	reg_set_unknown(&env->unbound, false);
	env->unbound.live = LIVE_READ;
	env->insn_count = count;
	env->insns = arena_dup(&env->scratch, in->insns, count * sizeof(*in->insns));
	env->aux = arena_calloc(&env->scratch, count + 1, sizeof(*env->aux));
	env->visited = arena_calloc(&env->scratch, count, sizeof(*env->visited));
	return env->insns && env->aux && env->visited ? 0 : -ENOMEM;
}

static void tell_stats(struct verify_env *env, u64 start_ns)
{
	env->out->stats = (struct verify_stats){
		.insns_processed = env->insns_processed,
		.max_states_per_insn = env->max_states_per_insn,
		.total_states = env->total_states,
		.peak_states = env->peak_states,
		.longest_mark_read = env->longest_mark_read,
		.time_ns = os_time_ns(OS_CLOCK_MONOTONIC) - start_ns,
	};
	print_stats(env);
}

/* The verdict of a load that failed must be the refusal that ended it. */
static void tell_verdict(struct verify_env *env, int err)
{
	if (!err)
		env->verdict = (struct verdict){.insn = UINT32_MAX, .regs = {-1, -1}};
	else if (err == -ENOMEM)
		env->verdict = (struct verdict){.err = err, .insn = UINT32_MAX, .regs = {-1, -1}};
	else if (bug_on(env->verdict.err != err))
		env->verdict = (struct verdict){.reason = REASON_INTERNAL,
			.err = err,
			.insn = UINT32_MAX,
			.regs = {-1, -1}};
	env->out->verdict = env->verdict;
	if (err)
		env->out->insns = NULL;
}

int verify_prog(const struct verify_input *in, const struct verify_world *world,
	struct arena *arena, struct log *log, struct verify_output *ret_out)
{
	u64 start_ns = os_time_ns(OS_CLOCK_MONOTONIC);
	struct verify_env *env = mem_zalloc(sizeof(*env));
	int err;

	memset(ret_out, 0, sizeof(*ret_out));
	if (!env)
		return -ENOMEM;
	env->in = in;
	env->world = world;
	env->arena = arena;
	env->log = log;
	env->out = ret_out;
	env->verdict = (struct verdict){.insn = UINT32_MAX, .regs = {-1, -1}};
	err = set_up(env);
	if (!err)
		err = analyse(env);
	if (!err)
		err = finish(env);
	tell_stats(env, start_ns);
	tell_verdict(env, err);
	vec_release(&env->hist);
	arena_release(&env->scratch);
	mem_free(env);
	return err;
}
