/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Random programs that a verifier accepts: every register is initialised before it is read, every
 * access lies inside the map value or the stack, every loop ends. Besides plain instructions they
 * contain what compilers emit and engines rewrite: rotations, loads put together from bytes,
 * spills, zero extensions. The same seed gives the same program.
 *
 * r9 points to the value of map 0 (GEN_VALUE_BYTES); at the end the other registers are stored at
 * its start, so that the value and r0 are the whole result.
 */
#ifndef FUZZ_GEN_ENGINE_H
#define FUZZ_GEN_ENGINE_H

#include "isa/insn.h"
#include "runtime/image.h"

enum {
	GEN_VALUE_BYTES = 512,
	GEN_MAX_INSNS = 2048,
	GEN_MAX_CALLED = 4,
	GEN_MAX_CALLBACKS = 4,
	GEN_MAX_FUNCS = GEN_MAX_CALLED + GEN_MAX_CALLBACKS,
	GEN_HELPER_MIX = 1000, /* five scalars to one */
	GEN_HELPER_MEM,	       /* r1: memory to read and write, r2: its size */
};

enum gen_flags {
	GEN_HELPERS = 1, /* may call the two helpers above */
	GEN_FUNCS = 2,	 /* may have functions */
	GEN_V4 = 4,	 /* may use instructions of cpu v4 */
	GEN_NEW = 8,	 /* may use load-acquire and store-release */
	GEN_MAPS = 16,	 /* may use the maps below, real helpers, the packet; a SCHED_CLS program */
	GEN_TAIL = 32,	 /* may call programs of GEN_MAP_PROGS */
	GEN_SHORT = 64,	 /* a third as long */
	GEN_STRAIGHT = 128, /* no loops */
};

/* imm of a wide immediate that names a map, until gen_set_maps(). */
enum gen_engine_map {
	GEN_MAP_DATA,	     /* array 4, GEN_VALUE_BYTES, 1: r9 */
	GEN_MAP_ARRAY,	     /* 4, 32, 4 */
	GEN_MAP_HASH,	     /* 4, 24, 6 */
	GEN_MAP_HASH8,	     /* 8, 8, 4 */
	GEN_MAP_HASH16,	     /* 16, 40, 5 */
	GEN_MAP_LRU,	     /* 4, 8, 64: more room than keys */
	GEN_MAP_PERCPU_HASH, /* 4, 16, 5 */
	GEN_MAP_PERCPU,	     /* array 4, 16, 2 */
	GEN_MAP_LPM,	     /* 8, 8, 8 */
	GEN_MAP_QUEUE,	     /* 0, 8, 3 */
	GEN_MAP_PROGS,	     /* 4, 4, 3 */
	GEN_MAP_COUNT,
};

struct gen_map_shape {
	u32 type, key_size, value_size, entries, flags;
};

extern const struct gen_map_shape gen_map_shapes[GEN_MAP_COUNT];

struct gen_prog {
	struct insn insns[GEN_MAX_INSNS];
	u32 count;
	struct code_subprog funcs[GEN_MAX_FUNCS];
	u32 func_count;
};

void gen_program(u64 seed, u32 flags, struct gen_prog *ret_prog);
/* The same where data decides as long as it lasts. */
void gen_program_from(const u8 *data, size_t len, u32 flags, struct gen_prog *ret_prog);
/* Puts descriptors in. */
void gen_set_maps(struct gen_prog *prog, const int fds[GEN_MAP_COUNT]);
/* A small, fast generator of random numbers. */
u64 gen_random(u64 *state);

#endif
