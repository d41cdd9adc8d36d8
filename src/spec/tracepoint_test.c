// SPDX-License-Identifier: BSD-2-Clause
/*
 * Tracepoints and system calls: names and numbers, and the descriptions against the live tracefs,
 * mounted in a mount namespace of our own when the machine has not mounted it.
 */
#include "spec/tracepoint.h"
#include "spec/progtype.h"
#include "test/kernel.h"

#include <hachi/hachi.h>
#include <asm/unistd.h>
#include <dirent.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

TEST(numbers_are_those_of_the_system_header)
{
	CHECK_EQ(hachi_syscall_number("openat"), __NR_openat);
	CHECK_EQ(hachi_syscall_number("execve"), __NR_execve);
	CHECK_EQ(hachi_syscall_number("clone3"), __NR_clone3);
	CHECK_EQ(hachi_syscall_number("fstat"), __NR_fstat);
	CHECK_EQ(hachi_syscall_number("newfstat"), __NR_fstat);
	CHECK_EQ(hachi_syscall_number("ni_syscall"), -1);
	CHECK_EQ(hachi_syscall_number("nonsense"), -1);
	CHECK_STR(hachi_syscall_name(__NR_write), "write");
	CHECK_STR(hachi_syscall_name(__NR_fstat), "fstat");
	CHECK(!hachi_syscall_name(-1));
	CHECK(!hachi_syscall_name(100000));
}

TEST(every_system_call_is_well_formed)
{
	for (u32 i = 0; i < syscall_spec_count(); i++) {
		const struct syscall_spec *spec = syscall_spec_at(i);

		CHECK(spec->arg_count <= 6);
		for (int a = 0; a < SYSCALL_ARCH_COUNT; a++) {
			if (spec->nr[a] < 0)
				continue;
			CHECK_MSG(syscall_spec_by_nr(a, spec->nr[a]) == spec, "number %d twice",
				spec->nr[a]);
			CHECK_MSG(syscall_spec_by_name(a, spec->name) == spec, "%s twice",
				spec->name);
			CHECK_MSG(syscall_is_gone(spec) ||
					syscall_spec_by_name(a, spec->function) == spec,
				"function %s twice", spec->function);
		}
		for (u32 k = 0; k < 2u * spec->arg_count; k++)
			CHECK_MSG(spec->arg[k] && *spec->arg[k], "%s: argument", spec->name);
	}
	CHECK_EQ(syscall_spec_by_name(SYSCALL_ARM64, "openat")->nr[SYSCALL_ARM64], 56);
	CHECK(!syscall_spec_by_name(SYSCALL_ARM64, "open"));
	CHECK_STR(syscall_spec_by_name(SYSCALL_ARM64, "clone")->arg[7], "tls");
	CHECK_STR(syscall_spec_by_name(SYSCALL_X86_64, "clone")->arg[7], "child_tidptr");
}

TEST(ids_lead_back_to_their_tracepoints)
{
	struct tracepoint tp, again;
	char name[128];
	u32 count = 0;

	for (u32 id = 0; tracepoint_next(id, &tp) == 0; id = tp.id, count++) {
		CHECK(tp.id > id);
		snprintf(name, sizeof(name), "%s/%s", tp.category, tp.name);
		CHECK_MSG(tracepoint_find(name, &again) == 0 && again.id == tp.id, "%s", name);
		CHECK(tp.size >= TRACEPOINT_COMMON_SIZE && tp.size % 8 == 0);
	}
	CHECK(count > 600);
	CHECK_EQ(tracepoint_by_id(0, &tp), -ENOENT);
	CHECK_EQ(tracepoint_by_id(0xffffffff, &tp), -ENOENT);
	CHECK_EQ(tracepoint_find("sched", &tp), -ENOENT);
	CHECK_EQ(tracepoint_find("syscalls/openat", &tp), -ENOENT);
	CHECK_EQ(tracepoint_find("syscalls/sys_enter_fstat", &tp), -ENOENT);
	CHECK_EQ(tracepoint_find("syscalls/sys_enter_", &tp), -ENOENT);
}

TEST(fields_are_found_by_name)
{
	struct tracepoint tp;

	REQUIRE_EQ(tracepoint_find("syscalls/sys_enter_openat", &tp), 0);
	REQUIRE(tracepoint_field(&tp, "filename") != NULL);
	CHECK_EQ(tracepoint_field(&tp, "filename")->off, 24);
	CHECK(!tracepoint_field(&tp, "file"));
	CHECK_EQ(tp.syscall->nr[SYSCALL_HOST], __NR_openat);
	REQUIRE_EQ(tracepoint_find("raw_syscalls/sys_enter", &tp), 0);
	CHECK_EQ(tracepoint_field(&tp, "args")->size, 48);
	CHECK_EQ(tp.size, 64);
	REQUIRE_EQ(tracepoint_find("syscalls/sys_exit_openat", &tp), 0);
	CHECK_EQ(tracepoint_field(&tp, "ret")->off, 16);
	CHECK_EQ(tp.size, 24);
}

/* ---- the live tracefs */
static bool read_file(const char *path, char *buf, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t len;

	if (fd < 0)
		return false;
	len = read(fd, buf, size - 1);
	close(fd);
	buf[len < 0 ? 0 : len] = 0;
	return len > 0;
}

/* The description without its second line, the id, which is the kernel's own. */
static void drop_id(char *text)
{
	char *id = strstr(text, "\nID:"), *end = id ? strchr(id + 1, '\n') : NULL;

	if (end)
		memmove(id, end, strlen(end) + 1);
}

/* 0 = same, 1 = differs, 2 = the kernel has none. */
static int compare(const struct tracepoint *tp, const char *events, bool is_loud)
{
	static char theirs[16384];
	struct strbuf ours = {0};
	char path[256];
	int ret;

	snprintf(path, sizeof(path), "%s/%s/%s/format", events, tp->category, tp->name);
	if (!read_file(path, theirs, sizeof(theirs)))
		return 2;
	tracepoint_format(tp, &ours);
	drop_id(theirs);
	drop_id(ours.data);
	ret = strcmp(theirs, ours.data) != 0;
	if (ret && is_loud)
		fprintf(stderr, "%s/%s\nours:\n%s\nkernel:\n%s\n", tp->category, tp->name,
			ours.data, theirs);
	strbuf_release(&ours);
	return ret;
}

/* In a child, which may mount. Exit status: 0 same, 1 something differs, 2 cannot. */
static int compare_all(void)
{
	const char *dir = "/tmp", *events = "/tmp/events";
	struct tracepoint tp;
	u32 same = 0, differ = 0;

	if (unshare(CLONE_NEWNS) || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
		mount("tracefs", dir, "tracefs", 0, NULL))
		return 2;
	for (u32 id = 0; tracepoint_next(id, &tp) == 0; id = tp.id) {
		int ret = compare(&tp, events, true);

		same += ret == 0;
		differ += ret == 1;
	}
	return differ || same < 600;
}

TEST(the_live_tracefs_says_the_same)
{
	int status;
	pid_t pid;

	/* records change a little with every kernel; ours are those of the newest profile */
	if (kernel_version() != kernel_profile_by_name(NULL)->version)
		SKIP_HERE("the kernel is not that of the newest profile");
	pid = fork();
	if (pid == 0)
		_exit(compare_all());
	REQUIRE(pid > 0 && waitpid(pid, &status, 0) == pid && WIFEXITED(status));
	if (WEXITSTATUS(status) == 2)
		SKIP("tracefs cannot be mounted here");
	CHECK_EQ(WEXITSTATUS(status), 0);
}
