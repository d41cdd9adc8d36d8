/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * BPF_PROG_TEST_RUN without the caller's memory: builds the context that the kernel would build
 * from data and context, runs the program `repeat` times, gives back what it left.
 */
#ifndef HOOK_TEST_RUN_H
#define HOOK_TEST_RUN_H

#include "prog/prog.h"

struct test_run {
	struct prog *prog;
	u16 kernel;
	const u8 *data_in;
	u32 data_size_in;
	const u8 *ctx_in; /* NULL when the caller passed none */
	u32 ctx_size_in;
	bool wants_data, wants_ctx; /* the caller passed buffers for results */
	u32 data_room, ctx_room;    /* their sizes */
	u32 repeat, duration_in, flags, cpu, batch_size;
	/* results; data_out and ctx_out are owned: test_run_release() */
	u32 retval, duration;
	u8 *data_out, *ctx_out;
	u32 data_size_out, ctx_size_out;
	bool has_data_out, has_ctx_out; /* the kernel writes the sizes back */
	bool ctx_goes_back;		/* to ctx_in (syscall programs) */
};

/* 0 or the kernel's errno; -ENOTSUPP (524) for types that have no test run. */
int test_run(struct test_run *t);
void test_run_release(struct test_run *t);

/* By type: hook/test_run_net.c */
int test_run_xdp(struct test_run *t);
int test_run_skb(struct test_run *t);
int test_run_flow_dissector(struct test_run *t);
int test_run_sk_lookup(struct test_run *t);

/* Runs repeat times (0 = once); fills retval and duration. before() restores the context each time.
 */
int test_run_loop(
	struct test_run *t, void *ctx, u32 ctx_size, void (*before)(void *arg), void *arg);
/* A zeroed context of our_size with the caller's in it; -E2BIG when he set bytes beyond. */
int test_run_ctx(struct test_run *t, u32 our_size, void **ret_ctx);

#endif
