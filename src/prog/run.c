// SPDX-License-Identifier: BSD-2-Clause
/*
 * One run. It holds an epoch from beginning to end: whatever is detached, replaced or freed
 * meanwhile (this program too) stays valid until it leaves.
 */
#include "base/os.h"
#include "prog/prog.h"

/* The runs of this thread, innermost first. */
struct active {
	const struct prog *prog;
	struct active *outer;
	u32 depth;
};

static __thread struct active *innermost;

/* kernel: bpf_prog_active, which all of these share. */
static bool is_probe(u32 type)
{
	return type == BPF_PROG_TYPE_KPROBE || type == BPF_PROG_TYPE_TRACEPOINT ||
		type == BPF_PROG_TYPE_PERF_EVENT;
}

/* kernel: prog->active, each for itself. */
static bool is_traced(u32 type)
{
	return type == BPF_PROG_TYPE_TRACING || type == BPF_PROG_TYPE_LSM ||
		type == BPF_PROG_TYPE_RAW_TRACEPOINT;
}

static bool must_not_recurse(const struct prog *prog)
{
	for (const struct active *a = innermost; a; a = a->outer) {
		if (is_probe(prog->type) && is_probe(a->prog->type))
			return true;
		if (is_traced(prog->type) && a->prog == prog)
			return true;
	}
	return false;
}

const struct image *prog_limited_image(struct prog *prog)
{
	struct image *image = __atomic_load_n(&prog->limited_image, __ATOMIC_ACQUIRE), *old = NULL;
	struct code code = prog->code;
	struct log silent;

	if (image)
		return image;
	log_init(&silent, NULL, 0, 0);
	code.uses_fuel = true;
	if (prog->image->engine->compile(&code, &silent, &image))
		return NULL;
	image->prog = prog;
	image->is_limited = true;
	if (__atomic_compare_exchange_n(
		    &prog->limited_image, &old, image, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
		return image;
	image->engine->free(image);
	return old;
}

static int result_of(const struct run *run)
{
	switch (run->fault) {
	case RUN_OK:
	case RUN_THROWN: return 0;
	case RUN_GUARD_TRIPPED: return -EFAULT;
	case RUN_OUT_OF_FUEL: return -ETIME;
	case RUN_CANCELLED: return -ECANCELED;
	}
	return -EFAULT;
}

static u64 enter(struct prog *prog, struct run *run)
{
	u64 start, value;

	if (likely(!prog->stats_on || !__atomic_load_n(prog->stats_on, __ATOMIC_RELAXED)))
		return run->image->entry(run->ctx, run);
	start = os_time_ns(OS_CLOCK_MONOTONIC);
	value = run->image->entry(run->ctx, run);
	__atomic_add_fetch(
		&prog->run_time_ns, os_time_ns(OS_CLOCK_MONOTONIC) - start, __ATOMIC_RELAXED);
	__atomic_add_fetch(&prog->run_count, 1, __ATOMIC_RELAXED);
	return value;
}

static int run_here(struct prog *prog, void *ctx, u32 ctx_size, const struct hachi_world *world,
	u64 cookie, const struct prog_run_limits *limits, u64 *ret_value)
{
	struct active active = {prog, innermost, innermost ? innermost->depth + 1 : 0};
	struct prog_guard guard;
	struct run run; /* scratch and lent[] need no zeroes */

	run.world = world;
	run.services = prog->services;
	run.owner = prog->owner;
	run.image = limits ? prog_limited_image(prog) : prog->image;
	run.ctx = ctx;
	run.ctx_size = ctx_size;
	run.cpu = world->cpu >= 0 ? (u32)world->cpu : os_cpu();
	run.tail_calls_left = RUN_TAIL_CALLS;
	run.depth = active.depth;
	run.fault = RUN_OK;
	run.thrown = 0;
	if (limits)
		run_limit(&run, limits->fuel, limits->deadline_ns, limits->cancel);
	else
		run_limit(&run, -1, 0, NULL);
	run.guard = NULL;
	run.stack = NULL;
	run.cookie = cookie;
	run.func_ip = world->func_ip;
	run.func_args = world->func_args;
	run.func_arg_count = world->func_arg_count;
	run.lent_count = 0;
	if (!run.image)
		return -ENOMEM;
	if (prog->guard) {
		prog_guard_init(&guard);
		run.guard = &guard.guard;
	}
	innermost = &active;
	*ret_value = enter(prog, &run);
	innermost = active.outer;
	return result_of(&run);
}

/* The limits of a run: its own, and for what it leaves open those that all runs have. */
static const struct prog_run_limits *complete(const struct prog *prog,
	const struct prog_run_limits *limits, struct prog_run_limits *storage)
{
	if (likely(!prog->fuel && !prog->time_limit_ns))
		return limits;
	*storage = limits ? *limits : (struct prog_run_limits){.fuel = -1};
	if (storage->fuel < 0 && prog->fuel)
		storage->fuel = prog->fuel;
	if (!storage->deadline_ns && prog->time_limit_ns)
		storage->deadline_ns = os_time_ns(OS_CLOCK_MONOTONIC) + prog->time_limit_ns;
	return storage;
}

int prog_run_limited(struct prog *prog, void *ctx, u32 ctx_size, const struct hachi_world *world,
	u64 cookie, const struct prog_run_limits *limits, u64 *ret_value)
{
	struct prog_run_limits storage;
	struct hachi_world self;
	int err;

	if (unlikely(innermost && must_not_recurse(prog))) {
		__atomic_add_fetch(&prog->recursion_misses, 1, __ATOMIC_RELAXED);
		return -EDEADLK;
	}
	if (!world) {
		world_init_self(&self);
		world = &self;
	}
	limits = complete(prog, limits, &storage);
	epoch_enter();
	err = run_here(prog, ctx, ctx_size, world, cookie, limits, ret_value);
	epoch_leave();
	return err;
}

int prog_run(struct prog *prog, void *ctx, u32 ctx_size, const struct hachi_world *world,
	u64 cookie, u64 *ret_value)
{
	return prog_run_limited(prog, ctx, ctx_size, world, cookie, NULL, ret_value);
}
