// SPDX-License-Identifier: BSD-2-Clause
/*
 * Random programs must do the same on every engine: result, map value, what helpers were called
 * with. HACHI_FUZZ_SECONDS says how long to go on, HACHI_FUZZ_SEED where to start.
 */
#include "fuzz/gen_engine.c"
#include "jit/engine.h"
#include "test/tap.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

struct trace {
	u64 hash;
	u32 calls;
};

struct outcome {
	u64 r0;
	struct trace trace;
	u8 value[GEN_VALUE_BYTES];
};

static u8 value[GEN_VALUE_BYTES] __attribute__((aligned(16)));
static struct trace trace;

static void note(u64 x)
{
	trace.hash = (trace.hash ^ x) * 0x100000001b3ull;
	trace.hash ^= trace.hash >> 29;
}

static u64 helper_mix(u64 r1, u64 r2, u64 r3, u64 r4, u64 r5, struct run *run)
{
	trace.calls++;
	note(r1);
	note(r2);
	note(r3);
	note(r4);
	note(r5);
	note(run->cpu);
	return trace.hash;
}

static u64 helper_mem(u64 r1, u64 r2, u64 r3, u64 r4, u64 r5, struct run *run)
{
	u8 *p = (u8 *)(uintptr_t)r1;
	u64 i;

	trace.calls++;
	for (i = 0; i < r2; i++) {
		note(p[i]);
		p[i] = (u8)(p[i] * 3 + trace.hash);
	}
	return trace.hash >> 7;
}

static helper_fn find_helper(void *ctx, u32 id)
{
	return id == GEN_HELPER_MIX ? helper_mix : id == GEN_HELPER_MEM ? helper_mem : NULL;
}

static struct code code_of(const struct gen_prog *p)
{
	static struct code_map map;

	map = (struct code_map){.values = (u64)(uintptr_t)value, .value_size = sizeof(value)};
	return (struct code){
		.insns = p->insns,
		.insn_count = p->count,
		.subprogs = p->funcs,
		.subprog_count = p->func_count,
		.maps = &map,
		.map_count = 1,
		.helper = find_helper,
	};
}

static void fill_value(u64 seed)
{
	u32 i;

	for (i = 0; i < sizeof(value); i++)
		value[i] = (u8)gen_random(&seed);
}

static int run_on(
	const struct engine *engine, const struct gen_prog *p, u64 seed, struct outcome *ret)
{
	struct code code = code_of(p);
	struct run run = {.fuel = -1, .cpu = 77};
	struct image *image;
	int err;

	/* every other program in the machine code that hardened ones and those with limits get */
	if (engine != &engine_interp) {
		code.blind = code.retpolines = seed % 4 == 1;
		code.uses_fuel = seed % 4 == 3;
		if (code.uses_fuel)
			run_limit(&run, 1ll << 40, 0, NULL);
	}
	err = engine->compile(&code, NULL, &image);

	if (err)
		return err;
	fill_value(seed);
	trace = (struct trace){0};
	run.image = image;
	ret->r0 = image->entry(NULL, &run);
	ret->trace = trace;
	memcpy(ret->value, value, sizeof(value));
	engine->free(image);
	return run.fault ? -EFAULT : 0;
}

static void show(const struct outcome *a, const struct outcome *b)
{
	u32 i;

	tap_note("r0 %llx %llx, calls %u %u, trace %llx %llx", (unsigned long long)a->r0,
		(unsigned long long)b->r0, a->trace.calls, b->trace.calls,
		(unsigned long long)a->trace.hash, (unsigned long long)b->trace.hash);
	for (i = 0; i < sizeof(a->value); i += 8) {
		if (memcmp(a->value + i, b->value + i, 8))
			tap_note("value[%u] %016llx %016llx", i,
				(unsigned long long)load_u64(a->value + i),
				(unsigned long long)load_u64(b->value + i));
	}
}

/* In a child: a smaller program may go anywhere. */
static bool differs(const struct gen_prog *p, u64 seed, const struct engine *jit)
{
	int status;
	pid_t child = fork();

	if (child == 0) {
		struct outcome a, b;

		alarm(1); /* without its counter a loop never ends */
		if (run_on(&engine_interp, p, seed, &a) || run_on(jit, p, seed, &b))
			_exit(0);
		_exit(a.r0 != b.r0 || memcmp(&a.trace, &b.trace, sizeof(a.trace)) ||
			memcmp(a.value, b.value, sizeof(a.value)));
	}
	waitpid(child, &status, 0);
	return WIFEXITED(status) && WEXITSTATUS(status) == 1;
}

/* The start that initialises everything, and what ends loops. */
static bool must_stay(const struct gen_prog *p, u32 i)
{
	const struct insn *in = &p->insns[i];
	bool is_counter = in->off <= -72 && in->off >= -96 && (in->dst == 10 || in->src == 10);

	return i < 45 || is_counter || (in->dst == 5 && in->imm == -1) ||
		(in->op == (BPF_JMP | BPF_JNE | BPF_K) && in->dst == 5 && in->off < 0);
}

/* Replaces instructions by nothing as long as the engines still differ, and prints the rest. */
static void reduce(u64 seed, u32 flags, const struct engine *jit)
{
	static struct gen_prog p;
	u32 i, chunk;

	gen_program(seed, flags, &p);
	for (chunk = 8; chunk; chunk /= 2) {
		for (i = 0; i + chunk <= p.count; i++) {
			struct gen_prog try = p;
			u32 k;

			for (k = i; k < i + chunk; k++) {
				if (!must_stay(&p, k))
					try.insns[k] = INSN_JA(0);
			}
			if (memcmp(&try, &p, sizeof(p)) && differs(&try, seed, jit))
				p = try;
		}
	}
	for (i = 0; i < p.count; i++) {
		const struct insn *in = &p.insns[i];

		if (memcmp(in, &INSN_JA(0), sizeof(*in)))
			tap_note("%4u: %02x dst %u src %u off %d imm %d", i, in->op, in->dst,
				in->src, in->off, in->imm);
	}
}

static bool same_everywhere(u64 seed, u32 flags, const struct engine *jit)
{
	struct gen_prog p;
	struct outcome a, b;
	int err;

	gen_program(seed, flags, &p);
	err = run_on(&engine_interp, &p, seed, &a);
	if (!CHECK_MSG(err == 0, "seed %llu: interpreter gives %d", (unsigned long long)seed, err))
		return false;
	err = run_on(jit, &p, seed, &b);
	if (!CHECK_MSG(err == 0, "seed %llu: JIT gives %d", (unsigned long long)seed, err))
		return false;
	if (a.r0 == b.r0 && !memcmp(&a.trace, &b.trace, sizeof(a.trace)) &&
		!memcmp(a.value, b.value, sizeof(a.value)))
		return true;
	CHECK_MSG(false, "seed %llu flags %u: different", (unsigned long long)seed, flags);
	show(&a, &b);
	if (getenv("HACHI_FUZZ_REDUCE"))
		reduce(seed, flags, jit);
	return false;
}

static double seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* ---- the live kernel ------------------------------------------------------------------------- */

static int kernel(int cmd, union bpf_attr *attr)
{
	return (int)syscall(SYS_bpf, cmd, attr, sizeof(*attr));
}

static int kernel_element(int cmd, int map)
{
	u32 key = 0;
	union bpf_attr attr = {
		.map_fd = (u32)map, .key = (u64)(uintptr_t)&key, .value = (u64)(uintptr_t)value};

	return kernel(cmd, &attr) ? -errno : 0;
}

static int kernel_load(const struct gen_prog *p, int map)
{
	static struct insn insns[GEN_MAX_INSNS];
	union bpf_attr attr = {.prog_type = BPF_PROG_TYPE_SOCKET_FILTER,
		.insns = (u64)(uintptr_t)insns,
		.insn_cnt = p->count,
		.license = (u64)(uintptr_t) "GPL"};
	u32 i;

	memcpy(insns, p->insns, p->count * sizeof(*insns));
	for (i = 0; i < p->count; i++) {
		if (!insn_is_ld_imm64(&insns[i]))
			continue;
		if (insns[i].src == BPF_PSEUDO_MAP_VALUE)
			insns[i].imm = map;
		i++;
	}
	return kernel(BPF_PROG_LOAD, &attr);
}

static int run_in_kernel(const struct gen_prog *p, u64 seed, int map, struct outcome *ret)
{
	static u8 packet[64];
	union bpf_attr attr = {0};
	int err, fd = kernel_load(p, map);

	if (fd < 0)
		return -errno;
	fill_value(seed);
	err = kernel_element(BPF_MAP_UPDATE_ELEM, map);
	attr.test.prog_fd = (u32)fd;
	attr.test.data_in = (u64)(uintptr_t)packet;
	attr.test.data_size_in = sizeof(packet);
	if (!err && kernel(BPF_PROG_TEST_RUN, &attr))
		err = -errno;
	if (!err)
		err = kernel_element(BPF_MAP_LOOKUP_ELEM, map);
	ret->r0 = attr.test.retval;
	memcpy(ret->value, value, sizeof(value));
	close(fd);
	return err;
}

TEST(random_programs_do_the_same_in_the_live_kernel)
{
	union bpf_attr attr = {.map_type = BPF_MAP_TYPE_ARRAY,
		.key_size = 4,
		.value_size = GEN_VALUE_BYTES,
		.max_entries = 1};
	const char *text = getenv("HACHI_FUZZ_SECONDS");
	double until = seconds() + (text ? atof(text) : 1.0);
	int map = kernel(BPF_MAP_CREATE, &attr);
	u64 seed, ran = 0, refused = 0, failed = 0;

	if (map < 0)
		SKIP("bpf(2) is not permitted here");
	for (seed = getenv("HACHI_FUZZ_SEED") ? strtoull(getenv("HACHI_FUZZ_SEED"), NULL, 0) : 1;
		seconds() < until && failed < 5; seed++) {
		struct gen_prog p;
		struct outcome a, b;

		gen_program(seed, GEN_FUNCS | GEN_V4 | GEN_NEW, &p);
		if (run_in_kernel(&p, seed, map, &a)) {
			refused++;
			continue;
		}
		ran++;
		if (run_on(engine_default(), &p, seed, &b) || (u32)a.r0 != (u32)b.r0 ||
			memcmp(a.value, b.value, sizeof(a.value))) {
			failed++;
			CHECK_MSG(false, "seed %llu: the kernel differs", (unsigned long long)seed);
			b.trace = a.trace = (struct trace){0};
			show(&a, &b);
		}
	}
	close(map);
	tap_note("%llu programs, %llu refused", (unsigned long long)ran,
		(unsigned long long)refused);
	CHECK(ran > refused);
}

TEST(random_programs_do_the_same_on_interpreter_and_jit)
{
	const struct engine *jit = engine_by_name("jit");
	const char *text = getenv("HACHI_FUZZ_SECONDS"), *start = getenv("HACHI_FUZZ_SEED");
	double until = seconds() + (text ? atof(text) : 1.5);
	u64 seed = start ? strtoull(start, NULL, 0) : 1, first = seed, failed = 0;

	if (!jit)
		SKIP_HERE("no JIT for this machine");
	for (; seconds() < until && failed < 5; seed++) {
		failed += !same_everywhere(seed, GEN_HELPERS | GEN_FUNCS | GEN_V4 | GEN_NEW, jit);
		if (start && !text)
			break;
	}
	tap_note("%llu programs", (unsigned long long)(seed - first));
}
