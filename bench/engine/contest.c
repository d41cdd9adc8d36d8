// SPDX-License-Identifier: BSD-2-Clause
/* See contest.h. */
#include "bench/engine/contest.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum { TURNS = 15, TURN_NS = 400000 };

double bench_now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

double bench_median(double *v, u32 count)
{
	qsort(v, count, sizeof(*v), by_value);
	return v[count / 2];
}

struct image *bench_compile(const struct engine *engine, const struct code *code)
{
	struct image *image = NULL;
	int err = engine->compile(code, NULL, &image);

	if (err)
		printf("# %s: %d\n", engine->name, err);
	return image;
}

/* ---- runs: nanoseconds for one --------------------------------------------------------------- */

static struct hachi_xdp context_of(struct packet *p)
{
	return (struct hachi_xdp){
		.data = (u64)(uintptr_t)p->bytes,
		.data_end = (u64)(uintptr_t)p->bytes + p->size,
		.data_meta = (u64)(uintptr_t)p->bytes,
		.hard_start = (u64)(uintptr_t)p->bytes,
		.hard_end = (u64)(uintptr_t)p->bytes + PACKET_ROOM,
	};
}

static double time_native(native_fn fn, struct packet *packet, u32 repeat, int *ret)
{
	struct hachi_xdp ctx = context_of(packet);
	double start = bench_now_ns();
	u32 i;

	for (i = 0; i < repeat; i++)
		*ret = fn(&ctx);
	return (bench_now_ns() - start) / repeat;
}

static double time_image(const struct contest *c, const struct image *image, struct packet *packet,
	u32 repeat, int *ret)
{
	struct hachi_xdp ctx = context_of(packet);
	struct run run = c->run;
	double start;
	u32 i;

	run.image = image;
	start = bench_now_ns();
	if (c->has_tail_calls) {
		for (i = 0; i < repeat; i++) {
			run.image = image;
			run.tail_calls_left = RUN_TAIL_CALLS;
			*ret = (int)image->entry(&ctx, &run);
		}
	} else {
		for (i = 0; i < repeat; i++)
			*ret = (int)image->entry(&ctx, &run);
	}
	return (bench_now_ns() - start) / repeat;
}

double contest_kernel_packet(const struct contest *c, struct packet *packet, u32 repeat, int *ret)
{
	static u8 out[PACKET_ROOM];
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = packet->bytes, .data_size_in = packet->size,
		.data_out = out, .data_size_out = sizeof(out), .repeat = (int)repeat);

	if (bpf_prog_test_run_opts(c->kernel_fd, &opts))
		return -1;
	*ret = (int)opts.retval;
	return opts.duration; /* of one; the call itself takes milliseconds */
}

static double measure_packet(
	const struct contest *c, enum who who, struct packet *packet, u32 repeat, int *ret)
{
	switch (who) {
	case SCALAR:
	case GCC:
	case CLANG: return time_native(c->native[who], packet, repeat, ret);
	case KERNEL: return c->time_kernel(c, packet, repeat, ret) - c->kernel_loop_ns;
	case JIT: return time_image(c, c->images[0], packet, repeat, ret);
	default: return time_image(c, c->images[1], packet, MAX(repeat / 16, 1), ret);
	}
}

double contest_measure(const struct contest *c, enum who who, u32 repeat, int *ret)
{
	double sum = 0;
	int one = 0;
	u32 i;

	*ret = 0;
	for (i = 0; i < c->packet_count; i++) {
		sum += measure_packet(
			c, who, &c->packets[i], MAX(repeat / c->packet_count, 1), &one);
		*ret = *ret * 31 + one;
	}
	return sum / c->packet_count;
}

double contest_image(const struct contest *c, const struct image *image, u32 repeat, int *ret)
{
	struct contest other = *c;

	other.images[0] = (struct image *)(uintptr_t)image;
	return contest_measure(&other, JIT, repeat, ret);
}

u32 contest_repeat(const struct contest *c, u32 turn_ns)
{
	int ret;
	double once = contest_measure(c, SCALAR, 100, &ret);

	return (u32)MAX(turn_ns / MAX(once, 1.0), 1);
}

/* ---- a line of the table --------------------------------------------------------------------- */

double bench_compile_us(const struct code *code)
{
	double best = 1e18;
	u32 i;

	for (i = 0; i < 20; i++) {
		double start = bench_now_ns(), t;
		struct image *image = bench_compile(engine_default(), code);

		t = bench_now_ns() - start;
		engine_default()->free(image);
		best = MIN(best, t);
	}
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

/* The first run of each: all must give the same. What programs write stays equal, too. */
static void compare_results(const struct contest *c)
{
	int ret[WHO_COUNT];
	u32 who;

	for (who = 0; who < WHO_COUNT; who++) {
		contest_measure(c, (enum who)who, 1, &ret[who]);
		if (ret[who] != ret[0])
			printf("# %s: %u gives %d, native %d\n", c->name, who, ret[who], ret[0]);
	}
}

void contest_heading(void)
{
	printf("%-16s %9s %8s %8s %8s %8s %8s   %-20s %6s %6s %5s %6s %7s\n", "program",
		"scalar ns", "gcc", "clang", "kernel", "jit", "interp", "jit/kernel [spread]",
		"k.size", "size", "ratio", "insns", "comp.us");
}

static void print_line(const struct contest *c, double t[WHO_COUNT][TURNS], struct score *score)
{
	double ratio[TURNS], mid, size = (double)c->images[0]->machine_size / c->kernel_bytes;
	u32 who, turn;

	printf("%-16s", c->name);
	for (who = 0; who < WHO_COUNT; who++) {
		for (turn = 0; turn < TURNS; turn++)
			ratio[turn] = t[who][turn] / t[SCALAR][turn];
		mid = bench_median(ratio, TURNS);
		if (who != SCALAR)
			printf(" %8.2f", mid);
		if (score)
			score->times[who] += __builtin_log(mid);
		if (who == SCALAR) {
			memcpy(ratio, t[SCALAR], sizeof(ratio));
			printf(" %9.1f", bench_median(ratio, TURNS));
		}
	}
	for (turn = 0; turn < TURNS; turn++)
		ratio[turn] = t[JIT][turn] / t[KERNEL][turn];
	mid = bench_median(ratio, TURNS);
	printf("   %6.2f [%.2f %.2f] %6u %6u %5.2f %6u %7.1f\n", mid, ratio[TURNS / 10],
		ratio[TURNS - 1 - TURNS / 10], c->kernel_bytes, c->images[0]->machine_size, size,
		c->code->insn_count, bench_compile_us(c->code));
	if (!score)
		return;
	score->versus_kernel += __builtin_log(mid);
	score->size += __builtin_log(size);
	score->count++;
}

/*
 * The same code elsewhere: what branches are mistaken for each other depends on where they lie, and
 * a program full of branches takes up to half as long again at an unlucky address. The kernel's
 * copies stay loaded meanwhile, or it would use the same place again.
 */
static void move_images(struct contest *c, int *ret_fd)
{
	struct image *other = bench_compile(engine_default(), c->code);
	const struct bpf_program *p = c->kernel_prog;
	int fd = -1;

	if (other) {
		engine_default()->free(c->images[0]);
		c->images[0] = other;
	}
	if (p)
		fd = bpf_prog_load(bpf_program__type(p), NULL, "GPL", bpf_program__insns(p),
			bpf_program__insn_cnt(p), NULL);
	if (fd >= 0)
		c->kernel_fd = fd;
	*ret_fd = fd;
}

void contest_hold(struct contest *c, struct score *score)
{
	double t[WHO_COUNT][TURNS];
	u32 repeat, turn, who;
	int ret, fds[TURNS], first_fd = c->kernel_fd;

	c->images[0] = bench_compile(engine_default(), c->code);
	c->images[1] = bench_compile(&engine_interp, c->code);
	if (c->images[0] && c->images[1]) {
		dump(c->name, c->images[0]);
		compare_results(c);
		repeat = contest_repeat(c, TURN_NS);
		for (turn = 0; turn < TURNS; turn++) {
			contest_measure(c, SCALAR, repeat, &ret); /* what loading left to do */
			for (who = 0; who < WHO_COUNT; who++)
				t[who][turn] = contest_measure(c, (enum who)who, repeat, &ret);
			move_images(c, &fds[turn]);
		}
		print_line(c, t, score);
		costs_note(c);
		c->kernel_fd = first_fd;
		for (turn = 0; turn < TURNS; turn++) {
			if (fds[turn] >= 0)
				close(fds[turn]);
		}
	}
	engine_default()->free(c->images[0]);
	engine_interp.free(c->images[1]);
}

void score_print(const char *name, const struct score *score)
{
	u32 who;

	if (!score->count)
		return;
	printf("%-16s %9s", name, "");
	for (who = GCC; who < WHO_COUNT; who++)
		printf(" %8.2f", __builtin_exp(score->times[who] / score->count));
	printf("   %6.2f %34.2f\n", __builtin_exp(score->versus_kernel / score->count),
		__builtin_exp(score->size / score->count));
}
