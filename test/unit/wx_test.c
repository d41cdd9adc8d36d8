// SPDX-License-Identifier: BSD-2-Clause
/*
 * No page of this process is ever writable and executable at once: /proc/self/maps is read at every
 * change of a mapping that has to do with machine code, while threads load, run and free programs.
 */
#include "base/exec_mem.h"
#include "isa/insn.h"
#include "test/tap.h"

#include <fcntl.h>
#include <hachi/hachi.h>
#include <pthread.h>
#include <unistd.h>

enum { THREADS = 4, ROUNDS = 40 };

static u32 changes, wrong, executable_most;

/* A line is "from-to rwxp ...". */
static void look_at(const char *line, u32 *executable)
{
	const char *rights = strchr(line, ' ');

	if (!rights || strlen(rights) < 5)
		return;
	if (rights[2] == 'w' && rights[3] == 'x')
		__atomic_add_fetch(&wrong, 1, __ATOMIC_RELAXED);
	*executable += rights[3] == 'x';
}

static void look(void)
{
	static __thread char text[1 << 18];
	size_t len = 0;
	ssize_t n;
	u32 executable = 0, most;
	int fd = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);

	while (fd >= 0 && (n = read(fd, text + len, sizeof(text) - 1 - len)) > 0)
		len += (size_t)n;
	if (fd < 0 || len == 0 || len == sizeof(text) - 1) /* all of it must be seen */
		__atomic_add_fetch(&wrong, 1000000, __ATOMIC_RELAXED);
	close(fd);
	text[len] = 0;
	for (char *line = text, *end; (end = strchr(line, '\n')); line = end + 1) {
		*end = 0;
		look_at(line, &executable);
	}
	most = __atomic_load_n(&executable_most, __ATOMIC_RELAXED);
	while (executable > most &&
		!__atomic_compare_exchange_n(&executable_most, &most, executable, false,
			__ATOMIC_RELAXED, __ATOMIC_RELAXED))
		;
	__atomic_add_fetch(&changes, 1, __ATOMIC_RELAXED);
}

static long load(struct hachi *h, u32 seed)
{
	const struct insn insns[] = {INSN_MOV64_IMM(0, 0), INSN_ALU64_IMM(BPF_ADD, 0, 1),
		INSN_JMP_IMM(BPF_JLT, 0, (s32)(seed % 50 + 2), -2), INSN_EXIT()};
	union bpf_attr attr = {
		.prog_type = BPF_PROG_TYPE_SOCKET_FILTER,
		.insns = (u64)(uintptr_t)insns,
		.insn_cnt = ARRAY_SIZE(insns),
		.license = (u64)(uintptr_t) "GPL",
	};

	return hachi_bpf(h, BPF_PROG_LOAD, &attr, sizeof(attr));
}

/* One program from load to free, run plainly and with a limit (which is another image). */
static u32 use_program(struct hachi *h, u32 seed)
{
	struct hachi_run_opts opts = {.size = sizeof(opts), .fuel = 1000};
	struct hachi_skb skb = {0};
	struct hachi_prog *prog;
	long fd = load(h, seed);
	u64 value = 0, again = 0;
	u32 errors = 0;

	if (fd < 0 || hachi_prog_get(h, (int)fd, &prog))
		return 1;
	errors += hachi_prog_run(prog, &skb, sizeof(skb), NULL, &value) != 0;
	errors += hachi_prog_run_opts(prog, &skb, sizeof(skb), NULL, &opts, &again) != 0;
	errors += value != seed % 50 + 2 || again != value;
	hachi_prog_put(prog);
	errors += hachi_close(h, (int)fd) != 0;
	return errors;
}

struct worker {
	pthread_t thread;
	struct hachi *h;
	u32 number, errors;
};

static void *work(void *arg)
{
	struct worker *w = arg;

	for (u32 i = 0; i < ROUNDS; i++)
		w->errors += use_program(w->h, w->number * ROUNDS + i);
	return NULL;
}

TEST(no_page_is_ever_writable_and_executable)
{
	struct hachi_opts opts = {.size = sizeof(opts), .engine = "jit"};
	struct worker workers[THREADS];
	struct hachi *h;
	u32 executable_before;

	if (hachi_new(&opts, &h))
		SKIP_HERE("no JIT for this machine");
	look();
	executable_before = executable_most;
	changes = 0;
	exec_mem_observer = look;
	for (u32 i = 0; i < THREADS; i++) {
		workers[i] = (struct worker){.h = h, .number = i};
		REQUIRE_EQ(pthread_create(&workers[i].thread, NULL, work, &workers[i]), 0);
	}
	for (u32 i = 0; i < THREADS; i++) {
		pthread_join(workers[i].thread, NULL);
		CHECK_EQ(workers[i].errors, 0);
	}
	hachi_free(h);
	exec_mem_observer = NULL;
	CHECK_EQ(wrong, 0);
	/* reserved, made writable, sealed, given back: two images a program */
	CHECK(changes >= THREADS * ROUNDS * 2 * 3);
	CHECK(executable_most > executable_before); /* the images were among what was seen */
	tap_note("%u changes seen, at most %u executable mappings", changes, executable_most);
}

/* What the test relies on: it would see such a page. */
TEST(a_page_that_is_both_would_be_seen)
{
	u32 executable = 0;

	wrong = 0;
	look_at("7f0000000000-7f0000001000 rwxp 00000000 00:00 0", &executable);
	CHECK_EQ(wrong, 1);
	look_at("7f0000000000-7f0000001000 r-xp 00000000 00:00 0", &executable);
	look_at("7f0000000000-7f0000001000 rw-p 00000000 00:00 0", &executable);
	CHECK_EQ(wrong, 1);
	CHECK_EQ(executable, 2);
	wrong = 0;
}
