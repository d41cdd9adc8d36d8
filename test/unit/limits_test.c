// SPDX-License-Identifier: BSD-2-Clause
/* A running program is stopped: by fuel, by a time limit, by a signal handler; so is what it tail
 * calls. On both engines.
 */
#include "base/os.h"
#include "isa/insn.h"
#include "test/tap.h"

#include <hachi/hachi.h>
#include <signal.h>
#include <sys/time.h>

static const char *const engines[] = {"interp", "jit"};

static long load(struct hachi *h, const struct insn *insns, u32 count)
{
	static char log[1 << 16];
	union bpf_attr attr = {.prog_type = BPF_PROG_TYPE_SOCKET_FILTER,
		.insns = (u64)(uintptr_t)insns,
		.insn_cnt = count,
		.license = (u64)(uintptr_t) "GPL",
		.log_buf = (u64)(uintptr_t)log,
		.log_size = sizeof(log),
		.log_level = 1};
	long fd = hachi_bpf(h, BPF_PROG_LOAD, &attr, sizeof(attr));

	if (fd < 0)
		tap_note("load: %ld: %s", fd, log);
	return fd;
}

/*
 * Eight million rounds (may_goto), times as many as it takes until 33 tail calls are done: nearly
 * 300 million.
 */
static struct hachi_prog *load_endless(struct hachi *h)
{
	union bpf_attr attr = {.map_type = BPF_MAP_TYPE_PROG_ARRAY,
		.key_size = 4,
		.value_size = 4,
		.max_entries = 1};
	long array = hachi_bpf(h, BPF_MAP_CREATE, &attr, sizeof(attr)), fd;
	const struct insn insns[] = {INSN_MOV64_REG(6, 1), INSN_MOV64_IMM(0, 0), INSN_MAYGOTO(2),
		INSN_ALU64_IMM(BPF_ADD, 0, 1), INSN_JA(-3), INSN_MOV64_REG(1, 6),
		INSN_LD_MAP_FD(2, (s32)array), INSN_MOV64_IMM(3, 0), INSN_CALL(BPF_FUNC_tail_call),
		INSN_MOV64_IMM(0, 1), INSN_EXIT()};
	struct hachi_prog *prog;
	u32 key = 0, value;

	fd = load(h, insns, ARRAY_SIZE(insns));
	REQUIRE(fd >= 0);
	value = (u32)fd;
	memset(&attr, 0, sizeof(attr));
	attr.map_fd = (u32)array;
	attr.key = (u64)(uintptr_t)&key;
	attr.value = (u64)(uintptr_t)&value;
	REQUIRE_EQ(hachi_bpf(h, BPF_MAP_UPDATE_ELEM, &attr, sizeof(attr)), 0);
	REQUIRE_EQ(hachi_prog_get(h, (int)fd, &prog), 0);
	return prog;
}

static struct hachi *open_engine(const char *engine)
{
	struct hachi_opts opts = {.size = sizeof(opts), .engine = engine};
	struct hachi *h;

	return hachi_new(&opts, &h) ? NULL : h;
}

static int run(struct hachi_prog *prog, const struct hachi_run_opts *opts)
{
	struct hachi_skb skb = {0};
	u64 value;

	return hachi_prog_run_opts(prog, &skb, sizeof(skb), NULL, opts, &value);
}

TEST(a_time_limit_ends_a_run)
{
	for (u32 i = 0; i < ARRAY_SIZE(engines); i++) {
		struct hachi *h = open_engine(engines[i]);
		struct hachi_run_opts opts = {.size = sizeof(opts), .time_limit_ns = 20000000};
		struct hachi_prog *prog;
		u64 start, took;

		if (!h)
			continue;
		prog = load_endless(h);
		start = os_time_ns(OS_CLOCK_MONOTONIC);
		CHECK_EQ(run(prog, &opts), -ETIME);
		took = os_time_ns(OS_CLOCK_MONOTONIC) - start;
		CHECK(took >= 20000000);
		CHECK_MSG(took < 2000000000, "it took %llu ns", (unsigned long long)took);
		hachi_prog_put(prog);
		hachi_free(h);
	}
}

/* The first program goes around 8 << 20 times: more fuel than that ends what it tail calls. */
TEST(fuel_and_limits_hold_across_tail_calls)
{
	for (u32 i = 0; i < ARRAY_SIZE(engines); i++) {
		struct hachi *h = open_engine(engines[i]);
		struct hachi_run_opts opts = {.size = sizeof(opts), .fuel = (8 << 20) + 1000};
		struct hachi_prog *prog;

		if (!h)
			continue;
		prog = load_endless(h);
		CHECK_EQ(run(prog, &opts), -ETIME);
		hachi_prog_put(prog);
		hachi_free(h);
	}
}

/* An instance's own limits hold for runs that have none, and yield to those that have. */
TEST(an_instance_limits_all_runs)
{
	for (u32 i = 0; i < ARRAY_SIZE(engines); i++) {
		struct hachi_opts opts = {
			.size = sizeof(opts), .engine = engines[i], .fuel = 1000000};
		struct hachi_run_opts more = {.size = sizeof(more), .fuel = 100000000};
		static const struct insn loop[] = {INSN_MOV64_IMM(0, 0), INSN_MAYGOTO(2),
			INSN_ALU64_IMM(BPF_ADD, 0, 1), INSN_JA(-3), INSN_MOV64_IMM(0, 0),
			INSN_EXIT()};
		struct hachi_skb skb = {0};
		struct hachi_prog *prog, *endless;
		struct hachi *h;
		u64 value;
		long fd;

		if (hachi_new(&opts, &h))
			continue;
		fd = load(h, loop, ARRAY_SIZE(loop));
		REQUIRE(fd >= 0);
		REQUIRE_EQ(hachi_prog_get(h, (int)fd, &prog), 0);
		CHECK_EQ(hachi_prog_run(prog, &skb, sizeof(skb), NULL, &value), -ETIME);
		CHECK_EQ(run(prog, &more), 0);
		hachi_prog_put(prog);
		hachi_free(h);
		opts.fuel = 0;
		opts.time_limit_ns = 10000000;
		REQUIRE_EQ(hachi_new(&opts, &h), 0);
		endless = load_endless(h);
		CHECK_EQ(hachi_prog_run(endless, &skb, sizeof(skb), NULL, &value), -ETIME);
		hachi_prog_put(endless);
		hachi_free(h);
	}
}

static int cancelled;

static void cancel(int signal)
{
	__atomic_store_n(&cancelled, 1, __ATOMIC_RELAXED);
}

TEST(a_signal_handler_cancels_a_run)
{
	struct sigaction action = {.sa_handler = cancel}, before;
	const struct itimerval soon = {.it_value = {.tv_usec = 20000}};

	REQUIRE_EQ(sigaction(SIGALRM, &action, &before), 0);
	for (u32 i = 0; i < ARRAY_SIZE(engines); i++) {
		struct hachi *h = open_engine(engines[i]);
		struct hachi_run_opts opts = {.size = sizeof(opts), .cancel = &cancelled};
		struct hachi_prog *prog;

		if (!h)
			continue;
		prog = load_endless(h);
		cancelled = 0;
		REQUIRE_EQ(setitimer(ITIMER_REAL, &soon, NULL), 0);
		CHECK_EQ(run(prog, &opts), -ECANCELED);
		CHECK_EQ(cancelled, 1);
		CHECK_EQ(run(prog, &opts), -ECANCELED); /* as long as it stands */
		hachi_prog_put(prog);
		hachi_free(h);
	}
	sigaction(SIGALRM, &before, NULL);
}
