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
	GEN_MAX_FUNCS = 4,
	GEN_HELPER_MIX = 1000, /* five scalars to one */
	GEN_HELPER_MEM,	       /* r1: memory to read and write, r2: its size */
};

enum gen_flags {
	GEN_HELPERS = 1, /* may call the two helpers above */
	GEN_FUNCS = 2,	 /* may have functions */
	GEN_V4 = 4,	 /* may use instructions of cpu v4 */
	GEN_NEW = 8,	 /* may use load-acquire and store-release */
};

struct gen_prog {
	struct insn insns[GEN_MAX_INSNS];
	u32 count;
	struct code_subprog funcs[GEN_MAX_FUNCS];
	u32 func_count;
};

void gen_program(u64 seed, u32 flags, struct gen_prog *ret_prog);
/* A small, fast generator of random numbers. */
u64 gen_random(u64 *state);

#endif
