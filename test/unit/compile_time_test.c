// SPDX-License-Identifier: BSD-2-Clause
/*
 * Compiling takes time that grows with the length of a program and not with its square: programs of
 * several shapes, and the same ones sixteen times as long.
 */
#include "jit/engine.h"
#include "runtime/image.h"
#include "test/tap.h"

#include <stdlib.h>
#include <time.h>

enum { SHORT = 3000, LONG = 16 * SHORT, SLACK = 64 };

static struct insn insns[LONG + SLACK];
static u32 count, seed;

static void add(struct insn insn)
{
	insns[count++] = insn;
}

static u8 any_reg(void)
{
	seed = seed * 1103515245 + 12345;
	return (u8)(2 + (seed >> 16) % 8);
}

/* One way or the other, again and again. */
static void make_diamond(u32 end)
{
	u8 reg = any_reg();

	add(INSN_JMP_IMM(BPF_JEQ, reg, 7, 2));
	add(INSN_ALU64_IMM(BPF_ADD, any_reg(), 3));
	add(INSN_ALU64_REG(BPF_XOR, any_reg(), reg));
	add(INSN_ALU64_IMM(BPF_ADD, reg, 1));
}

/* All ways out lead to the same place. */
static void make_way_out(u32 end)
{
	u32 left = end - count - 1;

	add(INSN_JMP_IMM(BPF_JEQ, any_reg(), 9, (s16)MIN(left, 30000u)));
	add(INSN_ALU64_IMM(BPF_ADD, any_reg(), 3));
}

/* Ways out that are never taken. */
static void make_no_way_out(u32 end)
{
	u32 left = end - count - 2;

	add(INSN_MOV64_IMM(2, 5));
	add(INSN_JMP_IMM(BPF_JEQ, 2, 9, (s16)MIN(left, 30000u)));
}

/* Ways that all do nothing. */
static void make_nothing(u32 end)
{
	add(INSN_JMP_IMM(BPF_JEQ, 3, 7, 1));
	add(INSN_MOV64_IMM(2, 5));
}

static void make_loop(u32 end)
{
	add(INSN_MOV64_IMM(2, 0));
	add(INSN_ALU64_REG(BPF_XOR, any_reg(), 2));
	add(INSN_ALU64_IMM(BPF_ADD, 2, 1));
	add(INSN_JMP_REG(BPF_JLT, 2, 9, -3));
}

/* More values than registers. */
static void make_spills(u32 end)
{
	u8 reg = any_reg();

	add(INSN_LDX_MEM(BPF_DW, reg, 10, (s16)(-8 * (any_reg() * 5))));
	add(INSN_ALU64_IMM(BPF_MUL, reg, 7));
	add(INSN_STX_MEM(BPF_DW, 10, reg, (s16)(-8 * (any_reg() * 5))));
	add(INSN_JMP_IMM(BPF_JEQ, reg, 7, 0));
}

static u64 helper(u64 r1, u64 r2, u64 r3, u64 r4, u64 r5, struct run *run)
{
	return 0;
}

static helper_fn find_helper(void *ctx, u32 id)
{
	return helper;
}

static void make_call(u32 end)
{
	add(INSN_CALL(BPF_FUNC_ktime_get_ns));
	add(INSN_ALU64_REG(BPF_ADD, 6, 0));
	add(INSN_ALU64_REG(BPF_XOR, 7, 6));
}

static u64 now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (u64)t.tv_sec * 1000000000 + (u64)t.tv_nsec;
}

/* Nanoseconds, the best of some; 0 = it does not compile. */
static u64 time_of(void (*make)(u32 end), u32 length, u32 tries)
{
	struct code code = {.insns = insns, .helper = find_helper};
	u64 best = UINT64_MAX;
	u32 i;

	count = 0;
	seed = 1;
	for (i = 2; i < 10; i++)
		add(INSN_LDX_MEM(BPF_DW, (u8)i, 1, (s16)(8 * i)));
	for (i = 1; i < 50; i++)
		add(INSN_STX_MEM(BPF_DW, 10, 2, (s16)(-8 * (s32)i)));
	add(INSN_MOV64_IMM(0, 0));
	while (count < length)
		make(length);
	for (i = 2; i < 10; i++)
		add(INSN_ALU64_REG(BPF_XOR, 0, (u8)i));
	add(INSN_EXIT());
	code.insn_count = count;
	while (tries--) {
		struct image *image;
		u64 start = now();

		if (engine_by_name("jit")->compile(&code, NULL, &image))
			return 0;
		best = MIN(best, now() - start);
		engine_by_name("jit")->free(image);
	}
	return best;
}

TEST(compile_time_grows_with_the_length_of_the_program)
{
	static const struct {
		const char *name;
		void (*make)(u32 end);
	} shapes[] = {
		{"diamonds", make_diamond},
		{"ways out", make_way_out},
		{"ways never taken", make_no_way_out},
		{"ways that do nothing", make_nothing},
		{"loops", make_loop},
		{"spills", make_spills},
		{"calls", make_call},
	};
	u32 i;

	if (!engine_by_name("jit"))
		SKIP_HERE("no JIT for this machine");
	for (i = 0; i < ARRAY_SIZE(shapes); i++) {
		u64 once = time_of(shapes[i].make, SHORT, 5), much;

		REQUIRE(once);
		much = time_of(shapes[i].make, LONG, 4);
		REQUIRE(much);
		tap_note("%s: %llu us, sixteen times as long: %llu us", shapes[i].name,
			(unsigned long long)once / 1000, (unsigned long long)much / 1000);
		CHECK(much < 128 * once); /* by the square: 256 */
	}
}
