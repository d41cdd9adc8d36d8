// SPDX-License-Identifier: BSD-2-Clause
/*
 * Where the process may not make code executable (MemoryDenyWriteExecute= of systemd, SELinux),
 * programs are interpreted, unless somebody asked for the JIT.
 */
#include "isa/insn.h"
#include "test/tap.h"

#include <hachi/hachi.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SET_MDWE = 65, REFUSE_EXEC_GAIN = 1 }; /* linux/prctl.h, since 6.3 */

/* What came of loading and running a program: its result, or the error. */
static long try(const char *engine)
{
	const struct insn insns[] = {INSN_MOV64_IMM(0, 42), INSN_EXIT()};
	struct hachi_opts opts = {.size = sizeof(opts), .engine = engine};
	union bpf_attr attr = {.prog_type = BPF_PROG_TYPE_SOCKET_FILTER,
		.insns = (u64)(uintptr_t)insns,
		.insn_cnt = ARRAY_SIZE(insns),
		.license = (u64)(uintptr_t) "GPL"};
	u8 packet[64] = {0};
	struct hachi *h;
	long fd, err;

	err = hachi_new(&opts, &h);
	if (err)
		return err;
	fd = hachi_bpf(h, BPF_PROG_LOAD, &attr, sizeof(attr));
	if (fd < 0) {
		hachi_free(h);
		return fd;
	}
	memset(&attr, 0, sizeof(attr));
	attr.test.prog_fd = (u32)fd;
	attr.test.data_in = (u64)(uintptr_t)packet;
	attr.test.data_size_in = sizeof(packet);
	err = hachi_bpf(h, BPF_PROG_TEST_RUN, &attr, sizeof(attr));
	close((int)fd);
	hachi_free(h);
	return err ? err : attr.test.retval;
}

/* In a process that may not have code that it made itself; 1 when there is no such restriction. */
static int try_restricted(const char *engine, long want)
{
	pid_t child = fork();
	int status;

	if (child == 0) {
		if (prctl(SET_MDWE, REFUSE_EXEC_GAIN, 0, 0, 0))
			_exit(1);
		_exit(try(engine) == want ? 0 : 2);
	}
	REQUIRE(child > 0);
	REQUIRE_EQ(waitpid(child, &status, 0), child);
	REQUIRE(WIFEXITED(status));
	return WEXITSTATUS(status);
}

TEST(a_process_that_may_not_compile_interprets)
{
	int ret = try_restricted(NULL, 42);

	if (ret == 1)
		SKIP_HERE("this kernel has no PR_SET_MDWE");
	CHECK_EQ(ret, 0);
	CHECK_EQ(try_restricted("interp", 42), 0);
	CHECK_EQ(try(NULL), 42);
}

TEST(who_asks_for_the_jit_gets_the_error)
{
	int ret = try_restricted("jit", -EACCES);

	if (ret == 1)
		SKIP_HERE("this kernel has no PR_SET_MDWE");
	CHECK_EQ(ret, 0);
	CHECK_EQ(try("jit"), 42);
}
