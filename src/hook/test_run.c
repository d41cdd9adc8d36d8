// SPDX-License-Identifier: BSD-2-Clause
/*
 * What all types share, and those without packets: raw tracepoints, syscall programs, and (where
 * the kernel has no test run) every other type whose context is plain memory.
 */
#include "hook/test_run.h"

#include "base/alloc.h"
#include "base/os.h"
#include "runtime/run.h"
#include <hachi/hachi.h>

#define RAW_TP_ARGS_MAX (12 * 8)
#define CTX_MAX		UINT16_MAX
#define RUN_ON_CPU	1u /* BPF_F_TEST_RUN_ON_CPU */

int test_run_loop(struct test_run *t, void *ctx, u32 ctx_size, void (*before)(void *arg), void *arg)
{
	u32 repeat = t->repeat ? t->repeat : 1;
	struct hachi_world world;
	u64 start, value = 0;
	int err = 0;

	/* asked once: the ids and the CPU are the same in every round, and asking is system calls
	 */
	world_init_self(&world);
	world.cpu = (s32)os_cpu();
	start = os_time_ns(OS_CLOCK_MONOTONIC);
	for (u32 i = 0; i < repeat && !err; i++) {
		if (before)
			before(arg);
		err = prog_run(t->prog, ctx, ctx_size, &world, 0, &value);
	}
	t->retval = (u32)value;
	t->duration = (u32)MIN((os_time_ns(OS_CLOCK_MONOTONIC) - start) / repeat, (u64)UINT32_MAX);
	return err;
}

int test_run_ctx(struct test_run *t, u32 our_size, void **ret_ctx)
{
	void *ctx;

	for (u32 i = our_size; i < t->ctx_size_in; i++)
		if (t->ctx_in[i])
			return -E2BIG;
	ctx = mem_zalloc(our_size);
	if (!ctx)
		return -ENOMEM;
	if (t->ctx_in)
		memcpy(ctx, t->ctx_in, MIN(t->ctx_size_in, our_size));
	*ret_ctx = ctx;
	return 0;
}

static int raw_tracepoint(struct test_run *t)
{
	void *ctx;
	int err;

	if (t->data_in || t->wants_data || t->wants_ctx || t->duration_in || t->repeat ||
		t->batch_size)
		return -EINVAL;
	if (t->ctx_size_in < t->prog->max_ctx_offset || t->ctx_size_in > RAW_TP_ARGS_MAX)
		return -EINVAL;
	if (!(t->flags & RUN_ON_CPU) && t->cpu)
		return -EINVAL;
	if ((t->flags & RUN_ON_CPU) && t->cpu >= os_cpu_count())
		return -ENXIO;
	err = test_run_ctx(t, RAW_TP_ARGS_MAX, &ctx);
	if (err)
		return err;
	err = test_run_loop(t, ctx, RAW_TP_ARGS_MAX, NULL, NULL);
	mem_free(ctx);
	return err;
}

/* The context goes back to where it came from. */
static int syscall_prog(struct test_run *t)
{
	void *ctx = NULL;
	int err;

	if (t->data_in || t->wants_data || t->wants_ctx || t->duration_in || t->repeat ||
		t->batch_size || t->flags)
		return -EINVAL;
	if (t->ctx_size_in < t->prog->max_ctx_offset || t->ctx_size_in > CTX_MAX)
		return -EINVAL;
	err = test_run_ctx(t, t->ctx_size_in ? t->ctx_size_in : 1, &ctx);
	if (err)
		return err;
	err = test_run_loop(t, ctx, t->ctx_size_in, NULL, NULL);
	t->ctx_out = ctx;
	t->ctx_size_out = t->ctx_size_in;
	t->ctx_goes_back = t->ctx_size_in != 0;
	return err;
}

struct restore {
	u8 *ctx;
	const u8 *from;
	u32 size;
};

static void restore_ctx(void *arg)
{
	struct restore *r = arg;

	memcpy(r->ctx, r->from, r->size);
}

/* Beyond the kernel: any program whose context is the caller's bytes. Each run sees them fresh. */
static int plain_ctx(struct test_run *t)
{
	struct restore r;
	void *ctx;
	int err;

	if (t->data_in || t->wants_data || t->flags || t->cpu || t->batch_size)
		return -EINVAL;
	if (t->ctx_size_in < t->prog->max_ctx_offset || t->ctx_size_in > CTX_MAX)
		return -EINVAL;
	err = test_run_ctx(t, t->ctx_size_in ? t->ctx_size_in : 1, &ctx);
	if (err)
		return err;
	r = (struct restore){ctx, t->ctx_in, t->ctx_size_in};
	err = test_run_loop(t, ctx, t->ctx_size_in, t->ctx_in ? restore_ctx : NULL, &r);
	t->ctx_out = ctx;
	t->ctx_size_out = t->ctx_size_in;
	t->has_ctx_out = t->wants_ctx;
	return err;
}

static int by_type(struct test_run *t)
{
	switch (t->prog->type) {
	case BPF_PROG_TYPE_XDP: return test_run_xdp(t);
	case BPF_PROG_TYPE_SOCKET_FILTER:
	case BPF_PROG_TYPE_SCHED_CLS:
	case BPF_PROG_TYPE_SCHED_ACT:
	case BPF_PROG_TYPE_CGROUP_SKB:
	case BPF_PROG_TYPE_LWT_IN:
	case BPF_PROG_TYPE_LWT_OUT:
	case BPF_PROG_TYPE_LWT_XMIT:
	case BPF_PROG_TYPE_LWT_SEG6LOCAL: return test_run_skb(t);
	case BPF_PROG_TYPE_FLOW_DISSECTOR: return test_run_flow_dissector(t);
	case BPF_PROG_TYPE_SK_LOOKUP: return test_run_sk_lookup(t);
	case BPF_PROG_TYPE_RAW_TRACEPOINT:
	case BPF_PROG_TYPE_RAW_TRACEPOINT_WRITABLE: return raw_tracepoint(t);
	case BPF_PROG_TYPE_SYSCALL: return syscall_prog(t);
	case BPF_PROG_TYPE_KPROBE:
	case BPF_PROG_TYPE_TRACEPOINT:
	case BPF_PROG_TYPE_PERF_EVENT: return plain_ctx(t);
	default:
		return t->prog->type >= HACHI_BPF_PROG_TYPE_CUSTOM ? plain_ctx(t) : -BTYPE_ENOTSUPP;
	}
}

int test_run(struct test_run *t)
{
	return by_type(t);
}

void test_run_release(struct test_run *t)
{
	mem_free(t->data_out);
	mem_free(t->ctx_out);
}
