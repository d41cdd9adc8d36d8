// SPDX-License-Identifier: BSD-2-Clause
/*
 * Random verified programs with maps, helpers, functions, callbacks, tail calls and packets do the
 * same on interpreter, JIT and the live kernel (fuzz/equal.h). HACHI_EQUAL_COUNT programs (of the
 * kernel: a twentieth) from HACHI_EQUAL_SEED on; what differs is made small and printed.
 */
#include "fuzz/equal.h"
#include "test/kernel.h"

#include <sched.h>
#include <signal.h>
#include <sys/wait.h>

static struct equal_side side;

/* Elements of per-CPU maps are those of the CPU that runs the program. */
static void stay_on_one_cpu(void)
{
	cpu_set_t set;
	int cpu = sched_getcpu();

	CPU_ZERO(&set);
	CPU_SET(cpu < 0 ? 0 : (u32)cpu, &set);
	sched_setaffinity(0, sizeof(set), &set);
}

static u64 number(const char *name, u64 fallback)
{
	const char *text = getenv(name);

	return text && *text ? strtoull(text, NULL, 0) : fallback;
}

/* How many programs: few each time, more where there is time. */
static u64 wanted_count(void)
{
	return number("HACHI_EQUAL_COUNT", getenv("HACHI_SOAK") ? 300000 : 5000);
}

/* HACHI_EQUAL_FIRST: only whether there is one. */
static u32 wanted_failures(void)
{
	return getenv("HACHI_EQUAL_FIRST") ? 1 : 3;
}

static void open_side(void)
{
	if (!engine_by_name("jit"))
		SKIP_HERE("no JIT for this machine");
	stay_on_one_cpu();
	memset(&side, 0, sizeof(side));
	REQUIRE_EQ(equal_open(&side), 0);
}

/* ---- making a program smaller -------------------------------------------------------------- */

typedef bool (*still_differs)(const struct equal_case *c);

/* In a child: a wrong program may do anything. */
static bool in_child(still_differs differs, const struct equal_case *c)
{
	pid_t child = fork();
	int status;

	if (child == 0) {
		u32 i;

		for (i = 1; i < 32; i++)
			signal((int)i, SIG_DFL);
		alarm(2);
		_exit(differs(c) ? 1 : 0);
	}
	waitpid(child, &status, 0);
	return (WIFEXITED(status) && WEXITSTATUS(status) == 1) ||
		(WIFSIGNALED(status) && WTERMSIG(status) != SIGALRM);
}

static void blank(struct gen_prog *p, u32 from, u32 count)
{
	u32 i;

	for (i = from; i < from + count && i < p->count; i++) {
		/* the halves of a wide immediate go together */
		if (insn_is_ld_imm64(&p->insns[i]) && i + 1 < p->count)
			p->insns[i + 1] = INSN_JA(0);
		p->insns[i] = INSN_JA(0);
	}
}

/* Replaces instructions by nothing as long as it is accepted and still differs. */
static void reduce(still_differs differs, struct equal_case *c)
{
	static struct equal_case try;
	u32 chunk, i, which;

	for (which = 0; which < EQUAL_SLOTS; which++) {
		if (which == 0 && !c->has_other)
			continue;
		for (chunk = 16; chunk; chunk /= 2) {
			for (i = 0; i < c->progs[which].count; i += chunk) {
				try = *c;
				blank(&try.progs[which], i, chunk);
				if (memcmp(&try, c, sizeof(try)) && in_child(differs, &try))
					*c = try;
			}
		}
	}
}

static void report(still_differs differs, struct equal_case *c)
{
	static struct equal_case limited;

	limited = *c;
	if (!in_child(differs, c))
		tap_note("not the same every time");
	/* then nothing that the frame held before can be what is left */
	limited.is_limited = true;
	if (in_child(differs, &limited))
		c->is_limited = true;
	reduce(differs, c);
	tap_note("what is left of it:");
	equal_show_program(&c->progs[1]);
	if (c->has_other) {
		tap_note("and of the program in slot 0:");
		equal_show_program(&c->progs[0]);
	}
}

/* ---- programs that crash or never end ------------------------------------------------------ */

enum { BLOCK = 64, BLOCK_SECONDS = 60 }; /* so many programs take less, even emulated */

static u64 current_seed;

/* The seed is all that is needed to see it again. */
static void on_signal(int signal)
{
	char text[96];
	int len = snprintf(text, sizeof(text), "# HACHI_EQUAL_SEED=%llu: signal %d\nnot ok 1\n",
		(unsigned long long)current_seed, signal);

	if (write(1, text, (size_t)len) < 0)
		_exit(2);
	_exit(1);
}

static void watch(u64 seed, u64 first)
{
	static const int signals[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGABRT, SIGALRM};
	u32 i;

	current_seed = seed;
	if (seed == first)
		for (i = 0; i < ARRAY_SIZE(signals); i++)
			signal(signals[i], on_signal);
	if ((seed - first) % BLOCK == 0)
		alarm(BLOCK_SECONDS);
}

static void unwatch(void)
{
	alarm(0);
}

/* ---- interpreter and JIT -------------------------------------------------------------------- */

static bool engines_differ(const struct equal_case *c)
{
	struct equal_report r;

	return equal_try(&side, c, equal_variants(c->seed), &r) == 0 && r.what;
}

/* Counts programs; stops after some failures. */
struct tally {
	u64 tried, refused, failed;
	u64 outcomes; /* hash of all results, the same on every machine */
};

static void try_seed(u64 seed, struct tally *t)
{
	static struct equal_case c;
	struct equal_report r;

	equal_generate(seed, EQUAL_ALL_FLAGS, &c);
	t->tried++;
	if (equal_try(&side, &c, equal_variants(seed), &r)) {
		t->refused++;
		return;
	}
	equal_note(&t->outcomes, r.want.result);
	equal_note(&t->outcomes, r.want.trace.all);
	equal_note_bytes(
		&t->outcomes, (u64)(uintptr_t)side.maps[GEN_MAP_DATA]->values, GEN_VALUE_BYTES);
	if (!r.what)
		return;
	t->failed++;
	CHECK_MSG(false, "HACHI_EQUAL_SEED=%llu: %s differs", (unsigned long long)seed, r.what);
	equal_show(&side, &r);
	if (wanted_failures() > 1)
		report(engines_differ, &c);
}

TEST(verified_programs_do_the_same_on_interpreter_and_jit)
{
	u64 seed = number("HACHI_EQUAL_SEED", 1), end = seed + wanted_count();
	struct tally t = {0};

	open_side();
	for (; seed < end && t.failed < wanted_failures(); seed++) {
		watch(seed, end - wanted_count());
		try_seed(seed, &t);
	}
	unwatch();
	tap_note("%llu programs, %llu refused, outcomes %016llx", (unsigned long long)t.tried,
		(unsigned long long)t.refused, (unsigned long long)t.outcomes);
	CHECK(t.refused * 20 < t.tried);
	equal_close(&side);
}

/* ---- the live kernel ------------------------------------------------------------------------- */

static int kernel_fds[GEN_MAP_COUNT], kernel_btf;
static u32 kernel_types[GEN_MAX_FUNCS + 1];

static int in_kernel(void *ctx, int cmd, union bpf_attr *attr)
{
	return kernel_bpf(cmd, attr, sizeof(*attr));
}

/* Empties what equal_fill() does not overwrite. */
static void empty_maps(equal_bpf do_bpf, void *ctx, const int fds[GEN_MAP_COUNT])
{
	u64 key[2], value;
	u32 i;

	for (i = GEN_MAP_HASH; i <= GEN_MAP_LPM; i++) {
		union bpf_attr attr = {.map_fd = (u32)fds[i], .next_key = (u64)(uintptr_t)key};

		while (i != GEN_MAP_PERCPU && do_bpf(ctx, BPF_MAP_GET_NEXT_KEY, &attr) == 0)
			equal_element(do_bpf, ctx, BPF_MAP_DELETE_ELEM, fds[i], key, NULL);
	}
	while (equal_element(do_bpf, ctx, BPF_MAP_LOOKUP_AND_DELETE_ELEM, fds[GEN_MAP_QUEUE], NULL,
		       &value) == 0)
		;
}

static void put_programs(equal_bpf do_bpf, void *ctx, int map, const int progs[EQUAL_SLOTS])
{
	u32 i;

	for (i = 0; i < EQUAL_SLOTS; i++) {
		if (progs[i] >= 0)
			equal_element(do_bpf, ctx, BPF_MAP_UPDATE_ELEM, map, &i,
				(void *)(uintptr_t)&progs[i]);
		else
			equal_element(do_bpf, ctx, BPF_MAP_DELETE_ELEM, map, &i, NULL);
	}
}

/* What somebody outside sees of the maps. Elements of a hash have no order. */
static u64 contents(equal_bpf do_bpf, void *ctx, const int fds[GEN_MAP_COUNT])
{
	static u8 value[8192];
	u64 sum = 0, hash, key[2], next[2];
	u32 i;

	for (i = 0; i < GEN_MAP_QUEUE; i++) {
		union bpf_attr attr = {.map_fd = (u32)fds[i], .next_key = (u64)(uintptr_t)next};

		next[0] = next[1] = 0;
		while (do_bpf(ctx, BPF_MAP_GET_NEXT_KEY, &attr) == 0) {
			memset(value, 0, sizeof(value));
			equal_element(do_bpf, ctx, BPF_MAP_LOOKUP_ELEM, fds[i], next, value);
			hash = i;
			equal_note(&hash, next[0]);
			equal_note(&hash, next[1]);
			equal_note_bytes(&hash, (u64)(uintptr_t)value, GEN_VALUE_BYTES);
			sum += hash;
			memcpy(key, next, sizeof(key));
			attr.key = (u64)(uintptr_t)key;
		}
	}
	hash = sum;
	while (equal_element(do_bpf, ctx, BPF_MAP_LOOKUP_AND_DELETE_ELEM, fds[GEN_MAP_QUEUE], NULL,
		       value) == 0)
		equal_note_bytes(&hash, (u64)(uintptr_t)value, 8);
	return hash;
}

struct seen {
	int err; /* of the load */
	struct equal_outcome outcome;
	u64 contents;
};

/* Here and there alike: loads, fills the maps, runs, looks. */
static void see(equal_bpf do_bpf, void *ctx, const int fds[GEN_MAP_COUNT], int btf,
	const u32 types[], const struct equal_case *c, struct seen *ret)
{
	int progs[EQUAL_SLOTS] = {-1, -1};
	u8 data[GEN_VALUE_BYTES];
	u32 i, zero = 0;

	memset(ret, 0, sizeof(*ret));
	for (i = 0; i < EQUAL_SLOTS; i++) {
		if (i == 0 && !c->has_other)
			continue;
		progs[i] = equal_load_attr(&c->progs[i], fds, btf, types, do_bpf, ctx);
		if (progs[i] < 0)
			ret->err = progs[i];
	}
	if (!ret->err) {
		if (c->has_other)
			put_programs(do_bpf, ctx, fds[GEN_MAP_PROGS], progs);
		empty_maps(do_bpf, ctx, fds);
		equal_fill(do_bpf, ctx, fds);
		equal_data(c->seed, data);
		equal_element(do_bpf, ctx, BPF_MAP_UPDATE_ELEM, fds[GEN_MAP_DATA], &zero, data);
		ret->err = equal_test_run(do_bpf, ctx, progs[1], c->seed, &ret->outcome);
		ret->contents = contents(do_bpf, ctx, fds);
		if (c->has_other)
			put_programs(do_bpf, ctx, fds[GEN_MAP_PROGS], (const int[]){-1, -1});
	}
	for (i = 0; i < EQUAL_SLOTS; i++) {
		if (progs[i] < 0)
			continue;
		if (ctx)
			hachi_close(ctx, progs[i]);
		else
			close(progs[i]);
	}
}

static const char *kernel_difference(
	const struct equal_case *c, struct seen *ours, struct seen *theirs)
{
	see(equal_instance, side.h, side.fds, side.btf_fd, side.func_types, c, ours);
	see(in_kernel, NULL, kernel_fds, kernel_btf, kernel_types, c, theirs);
	if (ours->err != theirs->err)
		return "verdict";
	if (ours->err)
		return NULL;
	if (ours->outcome.result != theirs->outcome.result)
		return "result";
	if (memcmp(ours->outcome.packet, theirs->outcome.packet, EQUAL_PACKET))
		return "packet";
	return ours->contents != theirs->contents ? "map" : NULL;
}

static bool kernel_differs(const struct equal_case *c)
{
	struct seen ours, theirs;
	const char *what = kernel_difference(c, &ours, &theirs);

	return what && strcmp(what, "verdict") != 0;
}

static bool verdict_differs(const struct equal_case *c)
{
	struct seen ours, theirs;
	const char *what = kernel_difference(c, &ours, &theirs);

	return what && strcmp(what, "verdict") == 0;
}

static void open_kernel(void)
{
	u32 i;

	kernel_or_skip();
	for (i = 0; i < GEN_MAP_COUNT; i++) {
		kernel_fds[i] = equal_create(in_kernel, NULL, &gen_map_shapes[i]);
		REQUIRE(kernel_fds[i] >= 0);
	}
	kernel_btf = equal_make_btf(in_kernel, NULL, kernel_types);
	REQUIRE(kernel_btf >= 0);
}

static void close_kernel(void)
{
	u32 i;

	for (i = 0; i < GEN_MAP_COUNT; i++)
		close(kernel_fds[i]);
	close(kernel_btf);
}

TEST(verified_programs_do_the_same_in_the_live_kernel)
{
	u64 seed = number("HACHI_EQUAL_SEED", 1), end = seed + wanted_count() / 20;
	static struct equal_case c;
	struct seen ours, theirs;
	struct tally t = {0};
	const char *what;

	open_side();
	open_kernel();
	/* this time the JIT's, as it is */
	side.h->engine = engine_by_name("jit");
	for (; seed < end && t.failed < 3; seed++) {
		watch(seed, end - wanted_count() / 20);
		equal_generate(seed, EQUAL_ALL_FLAGS, &c);
		t.tried++;
		what = kernel_difference(&c, &ours, &theirs);
		t.refused += ours.err != 0;
		if (!what)
			continue;
		t.failed++;
		CHECK_MSG(false,
			"HACHI_EQUAL_SEED=%llu: %s differs from the kernel's: %d, %d; %x, %x",
			(unsigned long long)seed, what, ours.err, theirs.err, ours.outcome.result,
			theirs.outcome.result);
		report(!strcmp(what, "verdict") ? verdict_differs : kernel_differs, &c);
	}
	unwatch();
	close_kernel();
	equal_close(&side);
	tap_note("%llu programs, %llu refused", (unsigned long long)t.tried,
		(unsigned long long)t.refused);
	CHECK(t.refused * 20 < t.tried);
}

/* ---- functions that nobody enters --------------------------------------------------------------
 */

enum { LAYOUTS = 3000, LAYOUT_FUNCS = 5 };

/*
 * Functions of one to four instructions, some called, some only named, some with dead code behind
 * their end; main names and calls them in any order.
 */
static void make_layout(u64 seed, struct gen_prog *p)
{
	u64 state = seed;
	u32 count = 2 + (u32)(gen_random(&state) % (LAYOUT_FUNCS - 1)), i, f;
	u32 targets[16], target_of[16], target_count = 0;

	memset(p, 0, sizeof(*p));
	p->funcs[0].start = 0;
	p->func_count = count;
	for (i = 0; i < 1 + gen_random(&state) % 6; i++) {
		const struct insn load[] = {INSN_LD_FUNC(2, 0)};
		bool is_call = gen_random(&state) % 3 == 0;

		targets[target_count] = p->count;
		target_of[target_count++] = 1 + (u32)(gen_random(&state) % (count - 1));
		if (is_call)
			p->insns[p->count++] = INSN_CALL_FUNC(0);
		else
			memcpy(&p->insns[p->count], load, sizeof(load));
		p->count += is_call ? 0 : 2;
	}
	p->insns[p->count++] = INSN_MOV64_IMM(0, 0);
	p->insns[p->count++] = INSN_EXIT();
	for (f = 1; f < count; f++) {
		p->funcs[f].start = p->count;
		for (i = 0; i < gen_random(&state) % 3; i++)
			p->insns[p->count++] = INSN_MOV64_IMM(1, (s32)i);
		if (gen_random(&state) % 3 == 0) { /* dead code: a branch that is never taken */
			p->insns[p->count++] = INSN_MOV64_IMM(0, 1);
			p->insns[p->count++] = INSN_JMP_IMM(BPF_JEQ, 0, 0, 2);
			p->insns[p->count++] = INSN_MOV64_IMM(0, 0);
			p->insns[p->count++] = INSN_EXIT();
		}
		p->insns[p->count++] = INSN_MOV64_IMM(0, 0);
		p->insns[p->count++] = INSN_EXIT();
	}
	for (i = 0; i < target_count; i++)
		p->insns[targets[i]].imm = (s32)(p->funcs[target_of[i]].start - targets[i]) - 1;
}

TEST(functions_that_nobody_enters_are_judged_as_in_the_live_kernel)
{
	static struct gen_prog p;
	u32 seed, accepted = 0, refused = 0, hole = 0;

	open_side();
	open_kernel();
	for (seed = 1; seed <= LAYOUTS && refused + accepted == seed - 1; seed++) {
		int ours, theirs;

		make_layout(seed, &p);
		ours = equal_load_attr(
			&p, side.fds, side.btf_fd, side.func_types, equal_instance, side.h);
		theirs = equal_load_attr(&p, kernel_fds, kernel_btf, kernel_types, in_kernel, NULL);
		CHECK_MSG((ours < 0 ? ours : 0) == (theirs < 0 ? theirs : 0),
			"layout %u: %d, the kernel's %d", seed, ours, theirs);
		if (ours >= 0)
			hachi_close(side.h, ours);
		if (theirs >= 0)
			close(theirs);
		if ((ours < 0 ? ours : 0) != (theirs < 0 ? theirs : 0))
			equal_show_program(&p);
		else if (ours < 0)
			refused++;
		else
			accepted++;
		hole += ours == -EFAULT;
	}
	close_kernel();
	equal_close(&side);
	tap_note("%u accepted, %u refused, %u of them for an address that leads nowhere", accepted,
		refused, hole);
	CHECK(accepted > LAYOUTS / 10 && hole > LAYOUTS / 30);
}
