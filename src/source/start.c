// SPDX-License-Identifier: BSD-2-Clause
/*
 * The child waits in an echo loop on a pipe until it gets its go-ahead; so the parent can seize
 * it first, and can measure how long waking it takes on the same CPU and across CPUs.
 */
#include "source/start.h"
#include "base/os.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define ECHO_BYTE	'e'
#define GO_BYTE		'g'
#define ECHO_ROUNDS	5
#define DEAR_WAKE_UP_NS 20000 /* a wake-up across CPUs that costs this much more is avoided */

/* 0, or -ENOENT, -EACCES, -ENAMETOOLONG. */
static int find_command(const char *name, char *ret_path, size_t size)
{
	const char *dirs = getenv("PATH");
	int err = -ENOENT;

	if (strchr(name, '/')) {
		if (snprintf(ret_path, size, "%s", name) >= (int)size)
			return -ENAMETOOLONG;
		return access(ret_path, X_OK) ? -errno : 0;
	}
	for (const char *dir = dirs ? dirs : "/usr/local/bin:/usr/bin:/bin"; dir;) {
		const char *end = strchr(dir, ':');
		int len = (int)(end ? end - dir : (long)strlen(dir));
		struct stat st;

		snprintf(ret_path, size, "%.*s%s%s", len, dir, len ? "/" : "./", name);
		if (stat(ret_path, &st) == 0 && S_ISREG(st.st_mode)) {
			if (access(ret_path, X_OK) == 0)
				return 0;
			err = -EACCES;
		}
		dir = end ? end + 1 : NULL;
	}
	return err;
}

static _Noreturn void child_main(struct trace *trace, char *path, int from_parent, int to_parent)
{
	char byte = 0;
	int err;

	while (read(from_parent, &byte, 1) == 1 && byte == ECHO_BYTE)
		if (write(to_parent, &byte, 1) != 1)
			_exit(125);
	if (byte != GO_BYTE)
		_exit(125);
	err = filter_install(&trace->listeners);
	if (!err) {
		execv(path, trace->opts.argv);
		err = -errno;
		if (err == -ENOEXEC) {
			/* a script without #!: as the shell and execvp() do */
			char sh[] = "sh", *shell_argv[64] = {sh, path};

			for (int i = 1; i < 61 && trace->opts.argv[i]; i++)
				shell_argv[i + 1] = trace->opts.argv[i];
			execv("/bin/sh", shell_argv);
		}
	}
	if (write(to_parent, &err, sizeof(err)) != sizeof(err))
		_exit(126);
	_exit(127);
}

static int seize(struct trace *trace)
{
	long options = PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACESECCOMP | PTRACE_O_TRACEEXEC |
		PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE;
	struct task *task;

	if (trace->listeners.process_exit.len)
		options |= PTRACE_O_TRACEEXIT;
	if (ptrace(PTRACE_SEIZE, (pid_t)trace->root_pid, 0, options))
		return -errno;
	return task_new(trace, trace->root_pid, &task);
}

static void move_to_cpu(pid_t pid, int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	sched_setaffinity(pid, sizeof(set), &set);
}

/* Nanoseconds of a round trip to the child, the best of a few. */
static u64 echo_ns(struct trace *trace)
{
	u64 best = UINT64_MAX;

	for (int i = 0; i < ECHO_ROUNDS; i++) {
		u64 start = os_time_ns(OS_CLOCK_MONOTONIC), took;
		char byte = ECHO_BYTE;

		if (write(trace->to_child, &byte, 1) != 1 || read(trace->from_child, &byte, 1) != 1)
			return UINT64_MAX;
		took = os_time_ns(OS_CLOCK_MONOTONIC) - start;
		best = MIN(best, took);
	}
	return best;
}

/*
 * One CPU for both where that is faster: there every stop is a plain context switch, and since a
 * stopped task and its tracer never run at the same time, nothing is lost for one thread.
 */
static void choose_cpu(struct trace *trace)
{
	int own = sched_getcpu(), other = -1;
	u64 near, far;

	if (trace->opts.pin == TRACE_PIN_NEVER || own < 0)
		return;
	for (int cpu = 0; cpu < CPU_SETSIZE && other < 0; cpu++)
		if (cpu != own && CPU_ISSET(cpu, &trace->own_cpus))
			other = cpu;
	if (other < 0)
		return;
	move_to_cpu(0, own);
	if (trace->opts.pin == TRACE_PIN_AUTO) {
		move_to_cpu((pid_t)trace->root_pid, other);
		far = echo_ns(trace);
		move_to_cpu((pid_t)trace->root_pid, own);
		near = echo_ns(trace);
		if (far < near + DEAR_WAKE_UP_NS) {
			sched_setaffinity(0, sizeof(trace->own_cpus), &trace->own_cpus);
			sched_setaffinity(
				(pid_t)trace->root_pid, sizeof(trace->own_cpus), &trace->own_cpus);
			return;
		}
	} else {
		move_to_cpu((pid_t)trace->root_pid, own);
	}
	trace->is_pinned = trace->stats.is_pinned = true;
}

static bool has_any_stop(const struct listeners *l)
{
	return listeners_any_syscall(l) || l->exec.len || l->fork.len || l->process_exit.len;
}

int start_command(struct trace *trace)
{
	int down[2], up[2], err;
	char path[PATH_MAX];
	pid_t pid;

	err = find_command(trace->opts.argv[0], path, sizeof(path));
	if (err)
		return err;
	if (pipe2(down, O_CLOEXEC))
		return -errno;
	if (pipe2(up, O_CLOEXEC)) {
		err = -errno;
		close(down[0]);
		close(down[1]);
		return err;
	}
	fflush(NULL);
	/* the system call itself: the command's first process must not run this process's handlers
	 */
	pid = (pid_t)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
	if (pid == 0) {
		/* only our own copies: the parent's end must close when the parent dies */
		syscall(SYS_close, down[1]);
		syscall(SYS_close, up[0]);
		child_main(trace, path, down[0], up[1]);
	}
	err = pid < 0 ? -errno : 0;
	close(down[0]);
	close(up[1]);
	trace->to_child = down[1];
	trace->from_child = up[0];
	if (err)
		return err;
	trace->root_pid = (u32)pid;
	err = seize(trace);
	if (!err && has_any_stop(&trace->listeners))
		choose_cpu(trace);
	return err;
}

int start_go(struct trace *trace)
{
	char byte = GO_BYTE;

	if (write(trace->to_child, &byte, 1) != 1)
		return -EPIPE;
	close(trace->to_child);
	trace->to_child = -1;
	return 0;
}

int start_exec_error(struct trace *trace)
{
	int err = 0;

	/* the pipe closes at a successful exec */
	if (trace->from_child >= 0 && read(trace->from_child, &err, sizeof(err)) != sizeof(err))
		err = 0;
	return err;
}

void start_cancel(struct trace *trace)
{
	if (trace->to_child >= 0) {
		close(trace->to_child); /* the child reads end of file and ends */
		if (trace->root_pid)
			waitpid((pid_t)trace->root_pid, NULL, __WALL);
	}
	if (trace->from_child >= 0)
		close(trace->from_child);
	trace->to_child = trace->from_child = -1;
}
