// SPDX-License-Identifier: BSD-2-Clause
/*
 * What `hachi run` costs around a command, against the same command bare, under an idle ptrace, and
 * under strace: run in turn, so that drift of the machine hits all alike. Medians and ratios.
 *
 *	run_bench HACHI EXAMPLES_DIR
 */
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define ROUNDS 15
#define CALLS  "30000"
#define MANY   "2000000"

struct figure {
	double ms[ROUNDS];
	long peak_kib;
	bool failed;
};

static double now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec * 1e3 + (double)ts.tv_nsec / 1e6;
}

/* The command under a tracer that never stops it but at its exec. */
static int bare_ptrace(char **argv)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		ptrace(PTRACE_TRACEME, 0, 0, 0);
		execv(argv[0], argv);
		_exit(127);
	}
	while (waitpid(pid, &status, 0) == pid && WIFSTOPPED(status))
		ptrace(PTRACE_CONT, pid, 0, WSTOPSIG(status) == SIGTRAP ? 0 : WSTOPSIG(status));
	return WEXITSTATUS(status);
}

static void measure(struct figure *f, int round, char **argv)
{
	double start = now_ms();
	struct rusage usage;
	int status;
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (pid == 0) {
		if (!freopen("/dev/null", "w", stdout) || !freopen("/dev/null", "w", stderr))
			_exit(126);
		execvp(argv[0], argv);
		_exit(127);
	}
	if (wait4(pid, &status, 0, &usage) != pid || !WIFEXITED(status) || WEXITSTATUS(status))
		f->failed = true;
	f->ms[round] = now_ms() - start;
	if (usage.ru_maxrss > f->peak_kib)
		f->peak_kib = usage.ru_maxrss;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static double median(struct figure *f)
{
	double sorted[ROUNDS];

	memcpy(sorted, f->ms, sizeof(sorted));
	qsort(sorted, ROUNDS, sizeof(sorted[0]), by_value);
	return sorted[ROUNDS / 2];
}

static char object[2][512];
#define WORD(text) ((char *)(uintptr_t)(text))

static void compare(const char *what, char **a, const char *a_name, char **b, const char *b_name)
{
	struct figure fa = {0}, fb = {0};

	for (int round = 0; round < ROUNDS; round++) {
		measure(&fa, round, a);
		measure(&fb, round, b);
	}
	if (fa.failed || fb.failed) {
		printf("%-34s %s\n", what, fa.failed ? a_name : b_name);
		printf("%-34s failed to run\n", "");
		return;
	}
	printf("%-34s %8.2f ms  %-12s %8.2f ms  %-12s ratio %.2f  more %+.2f ms  peak %ld KiB\n",
		what, median(&fa), a_name, median(&fb), b_name, median(&fa) / median(&fb),
		median(&fa) - median(&fb), fa.peak_kib);
}

/* The same by bpftrace and BCC, in the kernel, where they are installed and may run. */
static void compare_others(char **hello)
{
	char *bpftrace[] = {WORD("bpftrace"), WORD("-e"),
		WORD("tracepoint:syscalls:sys_enter_execve { printf(\"Hello, World!\\n\"); }"),
		WORD("-c"), WORD("/bin/true"), NULL};
	char *bcc[] = {WORD("python3"), WORD("-c"),
		WORD("import bcc, subprocess\n"
		     "b = bcc.BPF(text='TRACEPOINT_PROBE(syscalls, sys_enter_execve) "
		     "{ bpf_trace_printk(\"Hello, World!\\\\n\"); return 0; }')\n"
		     "subprocess.run(['/bin/true'])\n"),
		NULL};

	if (geteuid() == 0 && system("bpftrace --version >/dev/null 2>&1") == 0)
		compare("hello around true", hello, "hachi run", bpftrace, "bpftrace");
	else
		printf("%-34s bpftrace is not installed or not permitted\n", "hello around true");
	if (geteuid() == 0 && system("python3 -c 'import bcc' 2>/dev/null") == 0)
		compare("hello around true", hello, "hachi run", bcc, "BCC");
	else
		printf("%-34s BCC is not installed or not permitted\n", "hello around true");
}

int main(int argc, char **argv)
{
	char *self = argv[0], *hachi = argc > 1 ? argv[1] : self;
	char *hello[] = {hachi, WORD("run"), object[0], WORD("--"), WORD("/bin/true"), NULL};
	char *idle[] = {self, WORD("ptrace"), WORD("/bin/true"), NULL};
	char *traced[] = {hachi, WORD("run"), object[1], WORD("--"), self, WORD("getppid"),
		WORD(CALLS), NULL};
	char *strace[] = {WORD("strace"), WORD("-f"), WORD("-o"), WORD("/dev/null"), self,
		WORD("getppid"), WORD(CALLS), NULL};
	char *unheard[] = {
		hachi, WORD("run"), object[0], WORD("--"), self, WORD("getppid"), WORD(MANY), NULL};
	char *bare[] = {self, WORD("getppid"), WORD(MANY), NULL};

	if (argc >= 3 && strcmp(argv[1], "ptrace") == 0)
		return bare_ptrace(argv + 2);
	if (argc == 3 && strcmp(argv[1], "getppid") == 0) {
		for (int i = 0; i < atoi(argv[2]); i++)
			syscall(SYS_getppid);
		return 0;
	}
	if (argc != 3) {
		fprintf(stderr, "usage: run_bench HACHI OBJECT_DIR\n");
		return 2;
	}
	snprintf(object[0], sizeof(object[0]), "%s/hello.bpf.o", argv[2]);
	snprintf(object[1], sizeof(object[1]), "%s/getppid.bpf.o", argv[2]);
	compare("hello around true", hello, "hachi run", idle, "bare ptrace");
	compare(CALLS " traced system calls", traced, "hachi run", strace, "strace");
	compare(MANY " system calls without listeners", unheard, "hachi run", bare, "bare");
	compare_others(hello);
	return 0;
}
