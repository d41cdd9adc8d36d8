// SPDX-License-Identifier: BSD-2-Clause
/* Every engine beyond single instructions: calls, tail calls, callbacks, stopping, guards. */
#include "base/alloc.h"
#include "jit/engine.h"
#include "test/tap.h"

#include <hachi/context.h>

static const struct engine *engine;
static bool is_hardened;

/* A test for each engine that this machine has. */
#define ENGINE_TEST(fn)                                                                            \
	static void fn##_on(void);                                                                 \
	TEST(interp_##fn)                                                                          \
	{                                                                                          \
		engine = &engine_interp;                                                           \
		fn##_on();                                                                         \
	}                                                                                          \
	TEST(jit_##fn)                                                                             \
	{                                                                                          \
		engine = engine_by_name("jit");                                                    \
		if (!engine)                                                                       \
			SKIP_HERE("no JIT for this machine");                                      \
		fn##_on();                                                                         \
	}                                                                                          \
	TEST(hardened_jit_##fn)                                                                    \
	{                                                                                          \
		engine = engine_by_name("jit");                                                    \
		if (!engine)                                                                       \
			SKIP_HERE("no JIT for this machine");                                      \
		is_hardened = true;                                                                \
		fn##_on();                                                                         \
		is_hardened = false;                                                               \
	}                                                                                          \
	static void fn##_on(void)

enum { HELPER_SUM = 1000, HELPER_LOOP, HELPER_THROW }; /* none of Linux: arguments unknown */

static u64 helper_sum(u64 r1, u64 r2, u64 r3, u64 r4, u64 r5, struct run *run)
{
	return r1 + 2 * r2 + 3 * r3 + 4 * r4 + 5 * r5;
}

/* Calls the function r2 r1 times, as bpf_loop does. */
static u64 helper_loop(u64 r1, u64 r2, u64 r3, u64 r4, u64 r5, struct run *run)
{
	u64 i;

	for (i = 0; i < r1; i++) {
		u64 stop = run_callback(run, r2, i, r3, 0, 0, 0);

		if (run->fault || stop)
			break;
	}
	return i;
}

static u64 helper_throw(u64 r1, u64 r2, u64 r3, u64 r4, u64 r5, struct run *run)
{
	run->fault = RUN_THROWN;
	run->thrown = r1;
	return 0;
}

static helper_fn find_helper(void *ctx, u32 id)
{
	switch (id) {
	case HELPER_SUM: return helper_sum;
	case HELPER_LOOP: return helper_loop;
	case HELPER_THROW: return helper_throw;
	default: return NULL;
	}
}

static const helper_fn kfuncs[] = {helper_throw};

static struct code code_of(const struct insn *insns, u32 count)
{
	return (struct code){.insns = insns,
		.insn_count = count,
		.helper = find_helper,
		.blind = is_hardened,
		.retpolines = is_hardened,
		.kfuncs = kfuncs,
		.kfunc_count = ARRAY_SIZE(kfuncs)};
}

static u64 run_code(const struct code *code, void *ctx, struct run *run)
{
	struct image *image;
	u64 ret;

	if (!CHECK_EQ(engine->compile(code, NULL, &image), 0))
		return 0;
	run->image = image;
	ret = image->entry(ctx, run);
	engine->free(image);
	return ret;
}

#define RUN(insns, ctx)                                                                            \
	({                                                                                         \
		struct run run_ = {.fuel = -1};                                                    \
		struct code code_ = code_of(insns, ARRAY_SIZE(insns));                             \
		u64 ret_ = run_code(&code_, ctx, &run_);                                           \
		CHECK_EQ(run_.fault, RUN_OK);                                                      \
		ret_;                                                                              \
	})

ENGINE_TEST(a_helper_gets_five_arguments)
{
	const struct insn p[] = {INSN_MOV64_IMM(1, 1), INSN_MOV64_IMM(2, 10),
		INSN_MOV64_IMM(3, 100), INSN_MOV64_IMM(4, 1000), INSN_MOV64_IMM(5, 10000),
		INSN_CALL(HELPER_SUM), INSN_EXIT()};

	CHECK_EQ(RUN(p, NULL), 54321);
}

/* The sum is made on the way out of the loop, from what the way back overwrites. */
ENGINE_TEST(what_leaves_a_loop_is_not_what_goes_on)
{
	const struct insn p[] = {INSN_MOV64_IMM(2, 1), INSN_MOV64_IMM(5, 0), INSN_MOV64_IMM(0, 99),
		INSN_JMP_IMM(BPF_JEQ, 1, 0, 6),
		/* the loop */
		INSN_MOV64_REG(0, 2), INSN_ALU64_IMM(BPF_ADD, 0, 7), INSN_MOV64_REG(4, 2),
		INSN_ALU64_IMM(BPF_MUL, 4, 5), INSN_MOV64_REG(2, 4),
		INSN_JMP_IMM(BPF_JLE, 4, 1000, -6), INSN_EXIT()};

	CHECK_EQ(RUN(p, (void *)p), 625 + 7);
	CHECK_EQ(RUN(p, NULL), 99);
}

ENGINE_TEST(a_loop_sums_bytes_of_the_context)
{
	const struct insn p[] = {INSN_MOV64_IMM(0, 0), INSN_MOV64_REG(2, 1),
		INSN_ALU64_IMM(BPF_ADD, 2, 4), INSN_LDX_MEM(BPF_B, 3, 1, 0),
		INSN_ALU64_REG(BPF_ADD, 0, 3), INSN_ALU64_IMM(BPF_ADD, 1, 1),
		INSN_JMP_REG(BPF_JNE, 1, 2, -4), INSN_EXIT()};
	u8 bytes[] = {1, 2, 3, 250};

	CHECK_EQ(RUN(p, bytes), 256);
}

ENGINE_TEST(functions_have_their_own_stack_and_keep_r6_to_r9)
{
	const struct insn p[] = {INSN_MOV64_IMM(6, 7), INSN_ST_MEM(BPF_DW, 10, -8, 5),
		INSN_CALL_FUNC(4), INSN_LDX_MEM(BPF_DW, 1, 10, -8), INSN_ALU64_REG(BPF_ADD, 0, 1),
		INSN_ALU64_REG(BPF_ADD, 0, 6), INSN_EXIT(),
		/* function: */ INSN_MOV64_IMM(6, 1000), INSN_LDX_MEM(BPF_DW, 0, 10, -8),
		INSN_EXIT()};
	const struct code_subprog subs[] = {
		{.start = 0, .stack_bytes = 8}, {.start = 7, .stack_bytes = 8}};
	struct code code = code_of(p, ARRAY_SIZE(p));
	struct run run = {.fuel = -1};

	code.subprogs = subs;
	code.subprog_count = 2;
	CHECK_EQ(run_code(&code, NULL, &run), 0 + 5 + 7);
}

ENGINE_TEST(a_callback_runs_and_may_stop)
{
	u64 cell = 0;
	const struct insn p[] = {INSN_MOV64_REG(3, 1), INSN_MOV64_IMM(1, 10), INSN_LD_FUNC(2, 1),
		INSN_CALL(HELPER_LOOP), INSN_EXIT(),
		/* callback(i, cell): */ INSN_ATOMIC(BPF_DW, BPF_ADD, 2, 1, 0),
		INSN_MOV64_IMM(0, 0), INSN_JMP_IMM(BPF_JLT, 1, 6, 1), INSN_MOV64_IMM(0, 1),
		INSN_EXIT()};
	const struct code_subprog subs[] = {{.start = 0}, {.start = 6, .is_callback = true}};
	struct code code = code_of(p, ARRAY_SIZE(p));
	struct run run = {.fuel = -1};

	code.subprogs = subs;
	code.subprog_count = 2;
	CHECK_EQ(run_code(&code, &cell, &run), 6);
	CHECK_EQ(cell, 0 + 1 + 2 + 3 + 4 + 5 + 6);
}

static const struct insn throwing[] = {INSN_CALL_FUNC(2), INSN_MOV64_IMM(0, 1), INSN_EXIT(),
	/* function: */ INSN_MOV64_IMM(1, 42), INSN_CALL_KFUNC(0, 0), INSN_MOV64_IMM(0, 2),
	INSN_EXIT(), /* exception callback: */ INSN_MOV64_REG(0, 1),
	INSN_ALU64_IMM(BPF_ADD, 0, 100), INSN_EXIT()};

ENGINE_TEST(a_thrown_value_becomes_the_result)
{
	const struct code_subprog subs[] = {{.start = 0}, {.start = 3}, {.start = 7}};
	struct code code = code_of(throwing, ARRAY_SIZE(throwing));
	struct run run = {.fuel = -1};

	code.subprogs = subs;
	code.subprog_count = 3;
	CHECK_EQ(run_code(&code, NULL, &run), 42);
	CHECK_EQ(run.fault, RUN_OK);
}

ENGINE_TEST(an_exception_callback_makes_the_result)
{
	const struct code_subprog subs[] = {
		{.start = 0}, {.start = 3}, {.start = 7, .is_exception_cb = true}};
	struct code code = code_of(throwing, ARRAY_SIZE(throwing));
	struct run run = {.fuel = -1};

	code.subprogs = subs;
	code.subprog_count = 3;
	CHECK_EQ(run_code(&code, NULL, &run), 142);
	CHECK_EQ(run.fault, RUN_OK);
}

ENGINE_TEST(fuel_ends_an_endless_loop)
{
	const struct insn p[] = {
		INSN_MOV64_IMM(0, 0), INSN_ALU64_IMM(BPF_ADD, 0, 1), INSN_JA(-2), INSN_EXIT()};
	struct code code = code_of(p, ARRAY_SIZE(p));
	struct run run = {.fuel = 1000};
	int cancel = 1;

	code.uses_fuel = true;
	run_code(&code, NULL, &run);
	CHECK_EQ(run.fault, RUN_OUT_OF_FUEL);
	run_limit(&run, -1, 0, &cancel);
	run_code(&code, NULL, &run);
	CHECK_EQ(run.fault, RUN_CANCELLED);
}

/* r0 = what ten registers come to after r1->count rounds; the loop is left for every slice of fuel.
 */
ENGINE_TEST(registers_are_kept_while_a_limit_is_looked_at)
{
	const struct insn p[] = {INSN_LDX_MEM(BPF_DW, 6, 1, 0), INSN_MOV64_IMM(0, 0),
		INSN_MOV64_IMM(2, 2), INSN_MOV64_IMM(3, 3), INSN_MOV64_IMM(4, 4),
		INSN_MOV64_IMM(5, 5), INSN_MOV64_IMM(7, 7), INSN_MOV64_IMM(8, 8),
		INSN_MOV64_IMM(9, 9), INSN_STX_MEM(BPF_DW, 10, 6, -8),
		/* loop: */ INSN_ALU64_REG(BPF_ADD, 2, 3), INSN_ALU64_REG(BPF_XOR, 3, 4),
		INSN_ALU64_REG(BPF_ADD, 4, 5), INSN_ALU64_REG(BPF_XOR, 5, 7),
		INSN_ALU64_REG(BPF_ADD, 7, 8), INSN_ALU64_REG(BPF_XOR, 8, 9),
		INSN_ALU64_REG(BPF_ADD, 9, 2), INSN_ALU64_REG(BPF_ADD, 0, 9),
		INSN_ALU64_IMM(BPF_SUB, 6, 1), INSN_JMP_IMM(BPF_JNE, 6, 0, -10),
		INSN_ALU64_REG(BPF_XOR, 0, 2), INSN_ALU64_REG(BPF_XOR, 0, 3),
		INSN_ALU64_REG(BPF_XOR, 0, 4), INSN_ALU64_REG(BPF_XOR, 0, 5),
		INSN_ALU64_REG(BPF_XOR, 0, 7), INSN_ALU64_REG(BPF_XOR, 0, 8),
		INSN_LDX_MEM(BPF_DW, 1, 10, -8), INSN_ALU64_REG(BPF_ADD, 0, 1), INSN_EXIT()};
	const struct code_subprog sub = {.stack_bytes = 8};
	struct code code = code_of(p, ARRAY_SIZE(p));
	u64 count = 5 * RUN_SLICE + 3, want;
	struct run run = {.fuel = -1};
	int cancel = 0;

	code.subprogs = &sub;
	code.subprog_count = 1;
	want = run_code(&code, &count, &run);
	code.uses_fuel = true;
	run_limit(&run, -1, 0, &cancel);
	CHECK_EQ(run_code(&code, &count, &run), want);
	CHECK_EQ(run.fault, RUN_OK);
	run_limit(&run, (s64)count, 0, NULL);
	CHECK_EQ(run_code(&code, &count, &run), want);
	CHECK_EQ(run.fault, RUN_OK);
	run_limit(&run, (s64)count - 1, 0, NULL);
	run_code(&code, &count, &run);
	CHECK_EQ(run.fault, RUN_OUT_OF_FUEL);
	run = (struct run){0};
	run_limit(&run, -1, 1, NULL); /* long ago */
	run_code(&code, &count, &run);
	CHECK_EQ(run.fault, RUN_OUT_OF_FUEL);
}

/* The caller may count on registers that a function does not use. */
ENGINE_TEST(a_limit_that_is_looked_at_in_a_function_leaves_its_callers_registers_alone)
{
	const struct insn p[] = {INSN_LDX_MEM(BPF_DW, 6, 1, 0), INSN_LDX_MEM(BPF_DW, 7, 1, 8),
		INSN_LDX_MEM(BPF_DW, 8, 1, 16), INSN_LDX_MEM(BPF_DW, 9, 1, 24), INSN_CALL_FUNC(5),
		INSN_ALU64_REG(BPF_ADD, 0, 6), INSN_ALU64_REG(BPF_ADD, 0, 7),
		INSN_ALU64_REG(BPF_ADD, 0, 8), INSN_ALU64_REG(BPF_ADD, 0, 9), INSN_EXIT(),
		/* function: */ INSN_MOV64_IMM(0, 0), INSN_ALU64_IMM(BPF_ADD, 0, 1),
		INSN_JMP_IMM(BPF_JLT, 0, 5000, -2), INSN_EXIT()};
	const struct code_subprog subs[] = {{.start = 0}, {.start = 10}};
	struct code code = code_of(p, ARRAY_SIZE(p));
	u64 values[] = {1000000, 20000000, 300000000, 4000000000};
	struct run run = {.fuel = -1};
	int cancel = 0;

	code.subprogs = subs;
	code.subprog_count = 2;
	code.uses_fuel = true;
	run_limit(&run, -1, 0, &cancel);
	CHECK_EQ(run_code(&code, values, &run), 4321005000);
	CHECK_EQ(run.fault, RUN_OK);
}

/* What verification puts before what must not be speculated. */
TEST(jit_barriers_are_in_the_code)
{
	static const u8 x86[] = {0x0f, 0xae, 0xe8}; /* lfence */
	static const u8 arm64[] = {
		0x9f, 0x37, 0x03, 0xd5, 0xdf, 0x3f, 0x03, 0xd5}; /* dsb nsh; isb */
	const struct insn p[] = {INSN_LDX_MEM(BPF_DW, 0, 1, 0), INSN_NOSPEC_BARRIER(),
		INSN_ALU64_IMM(BPF_ADD, 0, 1), INSN_EXIT()};
	struct code code = code_of(p, ARRAY_SIZE(p));
	struct image *image;
	const u8 *bytes = x86;
	u32 at, size = sizeof(x86), count = 0;

	engine = engine_by_name("jit");
	if (!engine)
		SKIP_HERE("no JIT for this machine");
	if (!strcmp(engine->name, "arm64")) {
		bytes = arm64;
		size = sizeof(arm64);
	}
	REQUIRE_EQ(engine->compile(&code, NULL, &image), 0);
	for (at = 0; at + size <= image->machine_size; at++)
		count += !memcmp((const u8 *)image->machine_code + at, bytes, size);
	CHECK_EQ(count, 1);
	engine->free(image);
}

/* The inner counter begins near what the outer one begins with, but not in its later turns. */
ENGINE_TEST(a_loop_in_a_loop_begins_anew_each_time)
{
	const struct insn p[] = {INSN_MOV64_IMM(0, 0), INSN_MOV64_IMM(1, 20), INSN_MOV64_IMM(2, 18),
		INSN_ALU64_IMM(BPF_ADD, 0, 1), INSN_ALU64_IMM(BPF_SUB, 2, 1),
		INSN_JMP_IMM(BPF_JNE, 2, 0, -3), INSN_ALU64_IMM(BPF_SUB, 1, 1),
		INSN_JMP_IMM(BPF_JNE, 1, 0, -6), INSN_EXIT()};

	CHECK_EQ(RUN(p, NULL), 20 * 18);
}

ENGINE_TEST(a_loop_that_is_never_entered_and_never_goes_on)
{
	const struct insn p[] = {INSN_MOV64_IMM(0, 7), INSN_MOV64_IMM(1, 1),
		INSN_JMP_IMM(BPF_JEQ, 1, 1, 5), INSN_MOV64_IMM(2, 3), INSN_MOV64_IMM(3, 4),
		INSN_JMP_IMM(BPF_JEQ, 3, 4, 2), INSN_ALU64_IMM(BPF_ADD, 2, -1),
		INSN_JMP_IMM(BPF_JNE, 2, 0, -4), INSN_EXIT()};

	CHECK_EQ(RUN(p, NULL), 7);
}

/* Stores to the stack that are read later: in the next turn, by a function, through a pointer. */
ENGINE_TEST(the_stack_keeps_what_is_read_later)
{
	const struct insn turns[] = {INSN_MOV64_REG(2, 10), INSN_ALU64_IMM(BPF_ADD, 2, -16),
		INSN_ST_MEM(BPF_DW, 2, 0, 5), INSN_MOV64_IMM(3, 7), INSN_LDX_MEM(BPF_DW, 0, 2, 0),
		INSN_ALU64_IMM(BPF_ADD, 0, 1), INSN_STX_MEM(BPF_DW, 2, 0, 0),
		INSN_ALU64_IMM(BPF_SUB, 3, 1), INSN_JMP_IMM(BPF_JNE, 3, 0, -5), INSN_EXIT()};
	const struct insn function[] = {INSN_ST_MEM(BPF_DW, 10, -8, 7), INSN_MOV64_REG(1, 10),
		INSN_ALU64_IMM(BPF_ADD, 1, -8), INSN_CALL_FUNC(2), INSN_ST_MEM(BPF_DW, 10, -8, 1),
		INSN_EXIT(), /* function: */ INSN_LDX_MEM(BPF_DW, 0, 1, 0), INSN_EXIT()};
	const struct insn pointer[] = {INSN_ST_MEM(BPF_W, 10, -8, 3), INSN_MOV64_REG(2, 10),
		INSN_ALU64_IMM(BPF_ADD, 2, -8), INSN_STX_MEM(BPF_DW, 10, 2, -16),
		INSN_LDX_MEM(BPF_DW, 3, 10, -16), INSN_LDX_MEM(BPF_W, 0, 3, 0), INSN_EXIT()};
	const struct code_subprog subs[] = {{.start = 0, .stack_bytes = 8}, {.start = 6}};
	struct code code = code_of(function, ARRAY_SIZE(function));
	struct run run = {.fuel = -1};

	CHECK_EQ(RUN(turns, NULL), 12);
	CHECK_EQ(RUN(pointer, NULL), 3);
	code.subprogs = subs;
	code.subprog_count = 2;
	CHECK_EQ(run_code(&code, NULL, &run), 7);
}

ENGINE_TEST(may_goto_ends_a_loop_after_eight_million_rounds)
{
	const struct insn p[] = {INSN_MOV64_IMM(0, 0), INSN_MAYGOTO(2),
		INSN_ALU64_IMM(BPF_ADD, 0, 1), INSN_JA(-3), INSN_EXIT()};

	CHECK_EQ(RUN(p, NULL), 8 << 20);
}

/* A prog array of two programs that the tests below fill. */
static struct {
	u32 count;
	const struct image *slots[2];
} programs = {.count = 2};

static const struct image *tail_target(struct run *run, u64 map, u32 index)
{
	return index < programs.count ? programs.slots[index] : NULL;
}

static const struct run_services services = {.tail_target = tail_target};

/* ctx->count++, then calls itself; falls through with the count when that fails. */
ENGINE_TEST(the_34th_tail_call_falls_through)
{
	const struct insn p[] = {INSN_LDX_MEM(BPF_DW, 6, 1, 0), INSN_ALU64_IMM(BPF_ADD, 6, 1),
		INSN_STX_MEM(BPF_DW, 1, 6, 0), INSN_MOV64_IMM(2, 0), INSN_MOV64_IMM(3, 1),
		INSN_CALL(INSN_FUNC_TAIL_CALL), INSN_MOV64_REG(0, 6), INSN_EXIT()};
	struct code code = code_of(p, ARRAY_SIZE(p));
	struct run run = {.fuel = -1, .services = &services, .tail_calls_left = RUN_TAIL_CALLS};
	struct image *image;
	u64 count = 0;

	REQUIRE_EQ(engine->compile(&code, NULL, &image), 0);
	programs.slots[0] = NULL;
	programs.slots[1] = image;
	run.image = image;
	CHECK_EQ(image->entry(&count, &run), 34);
	CHECK(run.tail_calls_left <= 0);
	engine->free(image);
}

ENGINE_TEST(a_tail_call_from_a_function_returns_to_its_caller)
{
	const struct insn p[] = {INSN_CALL_FUNC(2), INSN_ALU64_IMM(BPF_ADD, 0, 1), INSN_EXIT(),
		/* function: */ INSN_MOV64_IMM(3, 0), INSN_CALL(INSN_FUNC_TAIL_CALL),
		INSN_MOV64_IMM(0, 1000), INSN_EXIT()};
	const struct insn target[] = {INSN_MOV64_IMM(0, 50), INSN_EXIT()};
	const struct code_subprog subs[] = {{.start = 0}, {.start = 3, .has_tail_call = true}};
	struct code code = code_of(p, ARRAY_SIZE(p)), target_code = code_of(target, 2);
	struct run run = {.fuel = -1, .services = &services, .tail_calls_left = RUN_TAIL_CALLS};
	struct image *image;

	REQUIRE_EQ(engine->compile(&target_code, NULL, &image), 0);
	programs.slots[0] = image;
	code.subprogs = subs;
	code.subprog_count = 2;
	CHECK_EQ(run_code(&code, NULL, &run), 51);
	programs.slots[0] = NULL;
	CHECK_EQ(run_code(&code, NULL, &run), 1001);
	engine->free(image);
}

ENGINE_TEST(packet_loads_are_big_endian_and_end_the_function_outside)
{
	const struct insn p[] = {INSN_MOV64_REG(6, 1), INSN_LD_ABS(BPF_H, 2), INSN_MOV64_REG(7, 0),
		INSN_MOV64_IMM(1, 1), INSN_LD_IND(BPF_B, 1, 4), INSN_ALU64_REG(BPF_ADD, 0, 7),
		INSN_EXIT()};
	const struct insn outside[] = {
		INSN_MOV64_REG(6, 1), INSN_LD_ABS(BPF_W, 4), INSN_MOV64_IMM(0, 9), INSN_EXIT()};
	u8 packet[] = {1, 2, 3, 4, 5, 6, 7};
	struct hachi_skb skb = {.data = (u64)(uintptr_t)packet,
		.data_end = (u64)(uintptr_t)packet + sizeof(packet)};

	CHECK_EQ(RUN(p, &skb), 0x0304 + 6);
	CHECK_EQ(RUN(outside, &skb), 0);
}

static bool only_context(
	const struct run_guard *guard, const struct run *run, u64 addr, u32 size, bool is_write)
{
	u64 ctx = (u64)(uintptr_t)run->ctx;

	return !is_write && addr >= ctx && addr + size <= ctx + run->ctx_size;
}

static u32 tripped_at;
static void note_trip(struct run_guard *guard, const struct run *run, u32 insn, u64 addr)
{
	tripped_at = insn;
}

TEST(the_guard_stops_an_access_outside)
{
	engine = &engine_interp;
	const struct insn p[] = {
		INSN_LDX_MEM(BPF_W, 0, 1, 0), INSN_LDX_MEM(BPF_W, 0, 1, 6), INSN_EXIT()};
	u64 ctx = 5;
	struct run_guard guard = {only_context, note_trip};
	struct run run = {.fuel = -1, .guard = &guard, .ctx = &ctx, .ctx_size = sizeof(ctx)};
	struct code code = code_of(p, ARRAY_SIZE(p));

	run_code(&code, &ctx, &run);
	CHECK_EQ(run.fault, RUN_GUARD_TRIPPED);
	CHECK_EQ(tripped_at, 1);
}

ENGINE_TEST(a_probe_load_of_nothing_gives_0)
{
	const struct insn p[] = {INSN_MOV64_IMM(1, 64),
		INSN_RAW(BPF_LDX | INSN_PROBE_MEM | BPF_DW, 0, 1, 0, 0), INSN_EXIT()};

	CHECK_EQ(RUN(p, NULL), 0);
}

ENGINE_TEST(what_cannot_be_translated_is_refused)
{
	const struct insn jump_out[] = {INSN_JA(5), INSN_EXIT()};
	const struct insn into_wide[] = {INSN_JA(1), INSN_LD_IMM64(0, 1), INSN_EXIT()};
	const struct insn no_helper[] = {INSN_CALL(77), INSN_EXIT()};
	const struct insn no_map[] = {INSN_LD_MAP_FD(1, 0), INSN_EXIT()};
	const struct insn callx[] = {INSN_RAW(BPF_JMP | BPF_CALL | BPF_X, 1, 0, 0, 0), INSN_EXIT()};
	const struct insn half[] = {INSN_RAW(BPF_LD | BPF_IMM | BPF_DW, 0, 0, 0, 0)};
	struct image *image;

#define REFUSED(p)                                                                                 \
	({                                                                                         \
		struct code c_ = code_of(p, ARRAY_SIZE(p));                                        \
		CHECK_EQ(engine->compile(&c_, NULL, &image), -EINVAL);                             \
	})
	REFUSED(jump_out);
	REFUSED(into_wide);
	REFUSED(no_helper);
	REFUSED(no_map);
	REFUSED(callx);
	REFUSED(half);
}

ENGINE_TEST(compiling_survives_every_failing_allocation)
{
	const struct insn p[] = {INSN_MOV64_IMM(0, 0), INSN_EXIT()};
	struct code code = code_of(p, ARRAY_SIZE(p));
	struct image *image;
	u64 nth;
	int err;

	for (nth = 1;; nth++) {
		mem_fail_nth(nth);
		err = engine->compile(&code, NULL, &image);
		if (!mem_has_failed())
			break;
		CHECK_EQ(err, -ENOMEM);
	}
	mem_fail_nth(0);
	CHECK_EQ(err, 0);
	engine->free(image);
}

static u32 lookups;

static u64 helper_lookup(u64 r1, u64 r2, u64 r3, u64 r4, u64 r5, struct run *run)
{
	lookups++;
	return 0;
}

static helper_fn find_lookup(void *ctx, u32 id)
{
	return id == BPF_FUNC_map_lookup_elem ? helper_lookup : NULL;
}

/* r0 = *lookup(map, key), or 77 when there is none; other slots hold what must survive. */
TEST(jit_lookups_in_arrays_need_no_call)
{
	const struct insn p[] = {INSN_LDX_MEM(BPF_W, 6, 1, 0), INSN_STX_MEM(BPF_W, 10, 6, -4),
		INSN_ST_MEM(BPF_DW, 10, -16, 1000), INSN_LD_MAP_FD(1, 0), INSN_MOV64_REG(2, 10),
		INSN_ALU64_IMM(BPF_ADD, 2, -4), INSN_CALL(BPF_FUNC_map_lookup_elem),
		INSN_JMP_IMM(BPF_JNE, 0, 0, 2), INSN_MOV64_IMM(0, 77), INSN_EXIT(),
		INSN_LDX_MEM(BPF_DW, 0, 0, 0), INSN_LDX_MEM(BPF_DW, 1, 10, -16),
		INSN_ALU64_REG(BPF_ADD, 0, 1), INSN_EXIT()};
	struct code_fact facts[ARRAY_SIZE(p)];
	u64 elements[2][3] = {{1, 2, 3}, {10, 20, 30}};
	struct code_map map = {.index_mask = UINT32_MAX,
		.elements = (u64)(uintptr_t)elements,
		.elem_size = 8,
		.max_entries = 3,
		.cpu_stride = sizeof(elements[0])};
	struct code code = {.insns = p,
		.insn_count = ARRAY_SIZE(p),
		.facts = facts,
		.maps = &map,
		.map_count = 1,
		.helper = find_lookup};
	u32 type, key;

	engine = engine_by_name("jit");
	if (!engine)
		SKIP_HERE("no JIT for this machine");
	memset(facts, 0, sizeof(facts));
	for (key = 0; key < ARRAY_SIZE(facts); key++)
		facts[key].map = -1;
	facts[7].map = 0;
	lookups = 0;
	for (type = 0; type < 2; type++) {
		map.type = type ? BPF_MAP_TYPE_PERCPU_ARRAY : BPF_MAP_TYPE_ARRAY;
		for (key = 0; key < 5; key++) {
			struct run run = {.fuel = -1, .cpu = type};
			u64 want = key < 3 ? elements[type][key] + 1000 : 77;

			CHECK_EQ(run_code(&code, &key, &run), want);
		}
	}
	CHECK_EQ(lookups, 0);
}

/*
 * How often a constant is in machine code as a processor finds it: in four bytes anywhere, or put
 * together by instructions that each load 16 bits.
 */
static u32 times_shown(const struct image *image, u32 constant)
{
	const u8 *code = image->machine_code;
	u32 k, count = 0;

#ifdef __aarch64__
	u64 value = 0;

	for (k = 0; k + 4 <= image->machine_size; k += 4) {
		u32 word = load_u32(code + k), half = (word >> 21 & 3) * 16;
		u64 imm = (u64)(word >> 5 & 0xffff) << half;

		switch (word >> 23 & 0xff) {
		case 0x25: value = word >> 31 ? ~imm : (u32)~imm; break;	/* movn */
		case 0xa5: value = imm; break;					/* movz */
		case 0xe5: value = (value & ~(0xffffull << half)) | imm; break; /* movk */
		default: continue;
		}
		count += (u32)value == constant || value >> 32 == constant;
	}
#endif
	for (k = 0; k + 4 <= image->machine_size; k++)
		count += load_u32(code + k) == constant;
	return count;
}

/* Constants that an author chose must not be found in the code of a blinded program. */
TEST(jit_blinded_constants_do_not_show)
{
	u64 state = 99;
	u32 i, shown = 0;

	engine = engine_by_name("jit");
	if (!engine)
		SKIP_HERE("no JIT for this machine");
	{ /* it would be found */
		const struct insn p[] = {INSN_MOV64_IMM(0, 0x1234abcd), INSN_EXIT()};
		struct code code = code_of(p, ARRAY_SIZE(p));
		struct image *image;

		REQUIRE_EQ(engine->compile(&code, NULL, &image), 0);
		CHECK_EQ(times_shown(image, 0x1234abcd), 1);
		engine->free(image);
	}
	for (i = 0; i < 2000; i++) {
		u32 a, b;
		u64 c;

		state = state * 6364136223846793005ull + 1442695040888963407ull;
		a = (u32)(state >> 32) | 0x01000000;
		b = (u32)state | 0x01000000;
		c = state ^ 0x5555aaaa12345678ull;
		{
			const struct insn p[] = {INSN_MOV64_IMM(0, (s32)a),
				INSN_ALU32_IMM(BPF_XOR, 0, (s32)b), INSN_LD_IMM64(1, c),
				INSN_ALU64_REG(BPF_XOR, 0, 1), INSN_JMP_IMM(BPF_JEQ, 0, (s32)a, 1),
				INSN_ALU64_IMM(BPF_ADD, 0, (s32)b), INSN_EXIT()};
			struct code code = code_of(p, ARRAY_SIZE(p));
			struct run run = {.fuel = -1};
			struct image *image;
			u64 want = (u64)(u32)(a ^ b) ^ c, got;

			if (want != (u64)(s64)(s32)a)
				want += (u64)(s64)(s32)b;
			code.blind = 1;
			REQUIRE_EQ(engine->compile(&code, NULL, &image), 0);
			shown += times_shown(image, a) + times_shown(image, b) +
				times_shown(image, (u32)c) + times_shown(image, (u32)(c >> 32));
			run.image = image;
			got = image->entry(NULL, &run);
			engine->free(image);
			CHECK_EQ(got, want);
		}
	}
	CHECK_EQ(shown, 0);
}
