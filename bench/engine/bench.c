// SPDX-License-Identifier: BSD-2-Clause
/*
 * Measures the engines: each program of programs.c as native code (gcc, clang with and without
 * vector code), on the live kernel's JIT, on hachi's JIT and on its interpreter. All take turns, so
 * that whatever else the machine does hits all of them; the median of the ratios in a turn counts.
 *
 * The kernel loads the object (libbpf) and gives back the verified instructions; hachi's engines
 * run those. The kernel's own loop around a test run is measured with the empty program and taken
 * off, which is in the kernel's favour.
 */
#include "base/types.h"
#include "bench/engine/programs.h"
#include "jit/engine.h"
#include "jit/validate.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { TURNS = 15, MAX_INSNS = 4096, TURN_NS = 400000 };

#define DECLARE(name)                                                                              \
	int gcc_##name(struct bench_ctx *);                                                        \
	int clang_##name(struct bench_ctx *);                                                      \
	int scalar_##name(struct bench_ctx *);
BENCH_PROGRAMS(DECLARE)

typedef int (*native_fn)(struct bench_ctx *);

static const struct program {
	const char *name;
	native_fn gcc, clang, scalar;
} programs[] = {
#define ROW(name) {#name, gcc_##name, clang_##name, scalar_##name},
	BENCH_PROGRAMS(ROW)};

enum who { SCALAR, GCC, CLANG, KERNEL, JIT, INTERP, WHO_COUNT };

static u8 packet[2048] __attribute__((aligned(64)));

struct loaded {
	struct insn insns[MAX_INSNS];
	u32 count;
	struct code_subprog subs[16];
	u32 sub_count;
	struct code_map map;
	u32 kernel_bytes;
	int fd;
};

static double now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static void fill_packet(void)
{
	u32 i, x = 12345;

	for (i = 0; i < PACKET_BYTES; i++) {
		x = x * 1103515245 + 12345;
		packet[i] = (u8)("abz019\"\\- .qwerty"[(x >> 16) % 17]);
	}
	memcpy(packet + 512, packet, 512);
}

/* ---- from the kernel ------------------------------------------------------------------------ */

static void find_subprogs(struct loaded *l)
{
	u32 i, k;

	l->subs[l->sub_count++] = (struct code_subprog){.start = 0, .stack_bytes = 512};
	for (i = 0; i < l->count; i++) {
		u32 start;

		if (insn_is_ld_imm64(&l->insns[i])) {
			i++;
			continue;
		}
		if (!insn_is_call_func(&l->insns[i]))
			continue;
		l->insns[i].imm = l->insns[i].off; /* where dumps keep the distance */
		l->insns[i].off = 0;
		start = i + 1 + (u32)l->insns[i].imm;
		for (k = 0; k < l->sub_count && l->subs[k].start != start; k++)
			;
		if (k == l->sub_count)
			l->subs[l->sub_count++] =
				(struct code_subprog){.start = start, .stack_bytes = 512};
	}
	for (i = 1; i < l->sub_count; i++) {
		for (k = i; k > 1 && l->subs[k].start < l->subs[k - 1].start; k--) {
			struct code_subprog t = l->subs[k];

			l->subs[k] = l->subs[k - 1];
			l->subs[k - 1] = t;
		}
	}
}

static bool load(struct bpf_object *object, const char *name, u8 *bss, struct loaded *l)
{
	struct bpf_program *prog = bpf_object__find_program_by_name(object, name);
	struct bpf_prog_info info = {0};
	u32 size = sizeof(info), i;

	memset(l, 0, sizeof(*l));
	l->fd = bpf_program__fd(prog);
	info.xlated_prog_insns = (u64)(uintptr_t)l->insns;
	info.xlated_prog_len = sizeof(l->insns);
	if (l->fd < 0 || bpf_obj_get_info_by_fd(l->fd, &info, &size))
		return false;
	l->count = info.xlated_prog_len / 8;
	l->kernel_bytes = info.jited_prog_len;
	l->map = (struct code_map){.values = (u64)(uintptr_t)bss};
	for (i = 0; i < l->count; i++) {
		if (insn_is_ld_imm64(&l->insns[i])) {
			if (l->insns[i].src == BPF_PSEUDO_MAP_VALUE)
				l->insns[i].imm = 0;
			i++;
		}
	}
	find_subprogs(l);
	return true;
}

static struct image *compile(const struct engine *engine, const struct loaded *l)
{
	struct code code = {
		.insns = l->insns,
		.insn_count = l->count,
		.subprogs = l->subs,
		.subprog_count = l->sub_count,
		.maps = &l->map,
		.map_count = 1,
	};
	struct image *image = NULL;
	int err = engine->compile(&code, NULL, &image);

	if (err)
		printf("# %s: %d\n", engine->name, err);
	return image;
}

/* ---- runs: nanoseconds for one --------------------------------------------------------------- */

static double time_native(native_fn fn, u32 repeat, int *ret)
{
	struct bench_ctx ctx = {(unsigned long)packet, (unsigned long)packet + PACKET_BYTES};
	double start = now_ns();
	u32 i;

	for (i = 0; i < repeat; i++)
		*ret = fn(&ctx);
	return (now_ns() - start) / repeat;
}

static double time_image(const struct image *image, u32 repeat, int *ret)
{
	struct bench_ctx ctx = {(unsigned long)packet, (unsigned long)packet + PACKET_BYTES};
	struct run run = {.fuel = -1, .image = image};
	double start = now_ns();
	u32 i;

	for (i = 0; i < repeat; i++)
		*ret = (int)image->entry(&ctx, &run);
	return (now_ns() - start) / repeat;
}

static double time_kernel(int fd, u32 repeat, int *ret)
{
	static u8 out[2048];
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = packet, .data_size_in = PACKET_BYTES,
		.data_out = out, .data_size_out = sizeof(out), .repeat = (int)repeat);

	if (bpf_prog_test_run_opts(fd, &opts))
		return -1;
	*ret = (int)opts.retval;
	return opts.duration; /* whole nanoseconds of one; the call itself takes milliseconds */
}

static double measure(enum who who, const struct program *p, const struct loaded *l,
	struct image *const images[2], u32 repeat, int *ret)
{
	switch (who) {
	case SCALAR: return time_native(p->scalar, repeat, ret);
	case GCC: return time_native(p->gcc, repeat, ret);
	case CLANG: return time_native(p->clang, repeat, ret);
	case KERNEL: return time_kernel(l->fd, repeat, ret);
	case JIT: return time_image(images[0], repeat, ret);
	default: return time_image(images[1], MAX(repeat / 16, 1), ret);
	}
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static double median(double *v, u32 count)
{
	qsort(v, count, sizeof(*v), by_value);
	return v[count / 2];
}

static double geomean_sum[WHO_COUNT], geomean_size;
static u32 geomean_count;

static double log_of(double x)
{
	return __builtin_log(x);
}

static double validate_ns, compile_total_us, validate_total_us;

/* Once more, in a chance of its own: what checking this image takes. */
static void time_validate(const struct validate *image, validate_fn machine)
{
	struct arena arena;
	struct validate v = *image;
	double start;

	arena_init(&arena);
	v.arena = &arena;
	arena_alloc(&arena, 1); /* its first block is the compiler's in truth */
	start = now_ns();
	machine(&v);
	validate_ns = MIN(validate_ns, now_ns() - start);
	arena_release(&arena);
}

static double compile_us(const struct engine *engine, const struct loaded *l)
{
	double best = 1e18;
	u32 i;

	for (i = 0; i < 20; i++) {
		double start = now_ns(), t;
		struct image *image = compile(engine, l);

		t = now_ns() - start;
		engine->free(image);
		best = MIN(best, t);
	}
	validate_ns = 1e18;
	for (i = 0; i < 20; i++) {
		validate_observer = time_validate;
		engine->free(compile(engine, l));
		validate_observer = NULL;
	}
	compile_total_us += best / 1e3;
	validate_total_us += validate_ns / 1e3;
	return best / 1e3;
}

/* HACHI_BENCH_DUMP=DIR: the machine code as DIR/NAME.bin, for objdump -D -b binary -m i386:x86-64.
 */
static void dump(const char *name, const struct image *image)
{
	const char *dir = getenv("HACHI_BENCH_DUMP");
	char path[512];
	FILE *file;

	if (!dir)
		return;
	snprintf(path, sizeof(path), "%s/%s.bin", dir, name);
	file = fopen(path, "w");
	if (file) {
		fwrite(image->machine_code, 1, image->machine_size, file);
		fclose(file);
	}
}

static double kernel_loop_ns;

static void bench(const struct program *p, struct bpf_object *object, u8 *bss)
{
	static struct loaded l;
	double t[WHO_COUNT][TURNS], ratio[TURNS], mid[WHO_COUNT], once;
	struct image *images[2];
	int ret[WHO_COUNT];
	u32 repeat, turn, who;
	bool is_empty = strcmp(p->name, "empty") == 0;

	if (!load(object, p->name, bss, &l)) {
		printf("%-16s not loaded\n", p->name);
		return;
	}
	images[0] = compile(engine_default(), &l);
	images[1] = compile(&engine_interp, &l);
	if (!images[0] || !images[1])
		return;
	dump(p->name, images[0]);
	for (who = 0; who < WHO_COUNT; who++) {
		fill_packet();
		measure((enum who)who, p, &l, images, 1, &ret[who]);
		if (ret[who] != ret[0])
			printf("# %s: %u gives %d, native %d\n", p->name, who, ret[who], ret[0]);
	}
	fill_packet();
	once = time_native(p->scalar, 100, &ret[0]);
	repeat = (u32)MAX(TURN_NS / MAX(once, 1.0), 1);
	for (turn = 0; turn < TURNS; turn++) {
		for (who = 0; who < WHO_COUNT; who++)
			t[who][turn] = measure((enum who)who, p, &l, images, repeat, &ret[who]);
	}
	if (is_empty) {
		double kernel[TURNS], native[TURNS];

		memcpy(kernel, t[KERNEL], sizeof(kernel));
		memcpy(native, t[SCALAR], sizeof(native));
		kernel_loop_ns = MAX(median(kernel, TURNS) - median(native, TURNS), 0);
	}
	for (turn = 0; turn < TURNS; turn++)
		t[KERNEL][turn] -= kernel_loop_ns;
	printf("%-16s", p->name);
	for (who = 0; who < WHO_COUNT; who++) {
		for (turn = 0; turn < TURNS; turn++)
			ratio[turn] = t[who][turn] / t[SCALAR][turn];
		mid[who] = median(ratio, TURNS);
		if (who == SCALAR)
			printf(" %9.1f", median(t[who], TURNS));
		else
			printf(" %8.2f", mid[who]);
		if (!is_empty)
			geomean_sum[who] += log_of(mid[who]);
	}
	for (turn = 0; turn < TURNS; turn++)
		ratio[turn] = t[JIT][turn] / t[KERNEL][turn];
	mid[0] = median(ratio, TURNS);
	printf("   %6.2f [%.2f %.2f] %6u %6u %5.2f %6u %7.1f\n", mid[0], ratio[TURNS / 10],
		ratio[TURNS - 1 - TURNS / 10], l.kernel_bytes, images[0]->machine_size,
		(double)images[0]->machine_size / l.kernel_bytes, l.count,
		compile_us(engine_default(), &l));
	geomean_size += log_of((double)images[0]->machine_size / l.kernel_bytes);
	if (!is_empty)
		geomean_sum[0] += log_of(mid[0]);
	geomean_count++;
	engine_default()->free(images[0]);
	engine_interp.free(images[1]);
}

int main(int argc, char **argv)
{
	struct bpf_object *object;
	u8 *bss = calloc(1, 1 << 20);
	u32 i, who;

	if (argc < 2)
		return 2;
	libbpf_set_print(NULL);
	object = bpf_object__open_file(argv[1], NULL);
	if (!object || bpf_object__load(object)) {
		printf("# the kernel does not load %s: nothing to compare with\n", argv[1]);
		return 0;
	}
	printf("%-16s %9s %8s %8s %8s %8s %8s   %-20s %6s %6s %5s %6s %7s\n", "program",
		"scalar ns", "gcc", "clang", "kernel", "jit", "interp", "jit/kernel [spread]",
		"k.size", "size", "ratio", "insns", "comp.us");
	/* first, for the kernel's own loop */
	for (i = 0; i < ARRAY_SIZE(programs); i++) {
		if (strcmp(programs[i].name, "empty") == 0)
			bench(&programs[i], object, bss);
	}
	for (i = 0; i < ARRAY_SIZE(programs); i++) {
		bool is_wanted = argc < 3 || strstr(programs[i].name, argv[2]);

		if (strcmp(programs[i].name, "empty") && is_wanted)
			bench(&programs[i], object, bss);
	}
	printf("%-16s %9s", "geometric mean", "");
	for (who = GCC; who < WHO_COUNT; who++)
		printf(" %8.2f", __builtin_exp(geomean_sum[who] / (geomean_count - 1)));
	printf("   %6.2f %34.2f\n", __builtin_exp(geomean_sum[0] / (geomean_count - 1)),
		__builtin_exp(geomean_size / geomean_count));
	printf("# of the time to compile all, %.1f us, checking the machine code took %.1f us: "
	       "%.1f %%\n",
		compile_total_us, validate_total_us, 100 * validate_total_us / compile_total_us);
	printf("# times are multiples of clang -O2 without vector code; kernel loop %.1f ns taken "
	       "off;\n"
	       "# time means leave out the empty program\n",
		kernel_loop_ns);
	return 0;
}
