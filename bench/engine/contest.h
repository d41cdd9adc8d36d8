/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One program, run by everybody in turns: native code (gcc, clang with and without vector code),
 * the live kernel, hachi's JIT and interpreter. All take turns, so that whatever else the machine
 * does hits all of them; the median of the ratios in a turn counts.
 */
#ifndef BENCH_ENGINE_CONTEST_H
#define BENCH_ENGINE_CONTEST_H

#include "base/types.h"
#include "jit/engine.h"
#include <hachi/context.h>

enum who { SCALAR, GCC, CLANG, KERNEL, JIT, INTERP, WHO_COUNT };
enum { PACKET_ROOM = 2048, PACKETS_MAX = 16 };

typedef int (*native_fn)(void *ctx);

struct packet {
	u8 bytes[PACKET_ROOM] __attribute__((aligned(64)));
	u32 size;
};

struct bpf_program;

struct contest {
	const char *name;
	native_fn native[3]; /* SCALAR, GCC, CLANG */
	int kernel_fd;
	const struct bpf_program
		*kernel_prog; /* to load it again elsewhere; NULL: it stays there */
	u32 kernel_bytes;
	/*
	 * Nanoseconds of one run in the kernel, the kernel's own part taken off by the caller.
	 */
	double (*time_kernel)(const struct contest *c, struct packet *packet, u32 repeat, int *ret);
	double kernel_loop_ns;
	const struct code *code; /* what hachi's engines compile */
	struct image *images[2]; /* JIT, interpreter */
	struct run run;		 /* to begin each with */
	bool has_tail_calls;	 /* which change the run: it begins anew each time */
	struct packet *packets;
	u32 packet_count;
};

struct score {
	double times[WHO_COUNT], versus_kernel, size;
	u32 count;
};

double bench_now_ns(void);
double bench_median(double *v, u32 count);
double bench_compile_us(const struct code *code); /* the best of some */
struct image *bench_compile(const struct engine *engine, const struct code *code);

/* bpf_test_run_opts() of a packet: whole nanoseconds, rounded down. */
double contest_kernel_packet(const struct contest *c, struct packet *packet, u32 repeat, int *ret);
double contest_measure(const struct contest *c, enum who who, u32 repeat, int *ret);
double contest_image(const struct contest *c, const struct image *image, u32 repeat, int *ret);
u32 contest_repeat(const struct contest *c, u32 turn_ns);
void contest_heading(void);
/* A line of the table; its ratios are added to score (may be NULL). Compiles and frees images. */
void contest_hold(struct contest *c, struct score *score);
void score_print(const char *name, const struct score *score);

/* whole.c's programs: whole_load.c */
void whole_bench(const char *object_path, const char *only, double kernel_loop_ns);
/* What options and edges cost: costs.c */
void costs_note(struct contest *c);
void costs_print(void);

#endif
