// SPDX-License-Identifier: BSD-2-Clause
/*
 * Jumps forwards and backwards over machine code of every length at which some encoding ends: 8
 * bits of x86-64, 16 bits (tbz) and 21 bits (b.cond, cbz) of arm64. Lengths are found by compiling.
 */
#include "jit/engine.h"
#include "test/tap.h"

#include <hachi/context.h>
#include <stdlib.h>

enum { MAX_INSNS = 90000, HELPER = 1 };

static u32 calls;

static u64 helper(u64 r1, u64 r2, u64 r3, u64 r4, u64 r5, struct run *run)
{
	return ++calls;
}

static helper_fn find_helper(void *ctx, u32 id)
{
	return id == HELPER ? helper : NULL;
}

/* They jump when r8 is 3, and not when it is 0. */
static const struct insn jumps[] = {INSN_JMP_IMM(BPF_JSET, 8, 1, 0), INSN_JMP_IMM(BPF_JNE, 8, 0, 0),
	INSN_JMP_IMM(BPF_JGT, 8, 1, 0), INSN_JMP32_IMM(BPF_JSGT, 8, 2, 0),
	INSN_JMP32_IMM(BPF_JEQ, 8, 3, 0)};

static struct insn insns[MAX_INSNS];
static u32 count;

static void put(struct insn insn)
{
	REQUIRE(count < MAX_INSNS);
	insns[count++] = insn;
}

/* Nothing is known: r7 = 0, r9 = 1 and r8 come from the context, which has a packet. */
static void begin(void)
{
	count = 0;
	put(INSN_MOV64_REG(6, 1));
	put(INSN_LDX_MEM(BPF_W, 7, 1, offsetof(struct hachi_skb, hash)));
	put(INSN_LDX_MEM(BPF_W, 9, 1, offsetof(struct hachi_skb, mark)));
	put(INSN_LDX_MEM(BPF_W, 8, 1, offsetof(struct hachi_skb, len)));
}

/* How many longer instructions a body has, so that it can have any number of bytes. */
static u32 longer;

static void body(u32 n, u32 filler_count)
{
	u32 i;

	for (i = 0; i < longer; i++)
		put(INSN_STX_MEM(BPF_DW, 6, 7, (s16)(offsetof(struct hachi_skb, cb) + 8 * i)));
	for (i = 0; i < n; i++)
		put(INSN_CALL(HELPER));
	for (i = 0; i < filler_count; i++)
		put(i & 1 ? INSN_ALU64_REG(BPF_ADD, 9, 7) : INSN_ALU64_REG(BPF_ADD, 7, 9));
}

static void end(void)
{
	put(INSN_MOV64_REG(0, 7));
	put(INSN_EXIT());
}

static struct image *compile(const struct engine *engine)
{
	struct code code = {.insns = insns, .insn_count = count, .helper = find_helper};
	struct image *image = NULL;

	REQUIRE_EQ(engine->compile(&code, NULL, &image), 0);
	return image;
}

static u64 run_image(struct image *image, u32 r8, u32 packet_bytes)
{
	static u8 packet[16];
	struct hachi_skb skb = {.len = r8,
		.mark = 1,
		.data = (u64)(uintptr_t)packet,
		.data_end = (u64)(uintptr_t)(packet + packet_bytes)};
	struct run run = {.fuel = -1, .image = image};

	calls = 0;
	return image->entry(&skb, &run);
}

/* What adding up does to r7. */
static u64 sum_of(u32 filler_count, u32 rounds)
{
	u64 r7 = 0, r9 = 1;
	u32 i, k;

	for (k = 0; k < rounds; k++) {
		for (i = 0; i < filler_count; i++) {
			if (i & 1)
				r9 += r7;
			else
				r7 += r9;
		}
	}
	return r7;
}

static u32 bad;

static bool is_right(struct image *image, u32 r8, u64 want, u32 want_calls)
{
	return run_image(image, r8, 16) == want && calls == want_calls;
}

static void forwards(const struct engine *engine, struct insn jump, u32 n, u32 fillers)
{
	struct image *image;

	begin();
	jump.off = (s16)(longer + n + fillers);
	put(jump);
	body(n, fillers);
	end();
	image = compile(engine);
	bad += !is_right(image, 3, 0, 0);
	bad += !is_right(image, 0, sum_of(fillers, 1), n);
	engine->free(image);
}

/* Counts turns on the stack; the second time nothing jumps. */
static void backwards(const struct engine *engine, struct insn jump, u32 n, u32 fillers)
{
	struct image *image;
	u32 start;

	begin();
	put(INSN_ST_MEM(BPF_DW, 10, -8, 0));
	start = count;
	body(n, fillers);
	put(INSN_LDX_MEM(BPF_DW, 1, 10, -8));
	put(INSN_ALU64_IMM(BPF_ADD, 1, 1));
	put(INSN_STX_MEM(BPF_DW, 10, 1, -8));
	put(INSN_JMP_IMM(BPF_JNE, 1, 2, 1));
	put(INSN_MOV64_IMM(8, 0));
	jump.off = (s16)((s32)start - (s32)count - 1);
	put(jump);
	end();
	image = compile(engine);
	bad += !is_right(image, 3, sum_of(fillers, 2), 2 * n);
	bad += !is_right(image, 0, sum_of(fillers, 1), n);
	engine->free(image);
}

/* Bytes that n of an instruction take, and of which one more would. */
static u32 bytes_of(const struct engine *engine, struct insn insn, u32 n)
{
	struct image *image;
	u32 bytes, i;

	begin();
	for (i = 0; i < n; i++)
		put(insn);
	end();
	image = compile(engine);
	bytes = image->machine_size;
	engine->free(image);
	return bytes;
}

static u32 unit_bytes(const struct engine *engine, struct insn insn)
{
	return (bytes_of(engine, insn, 2000) - bytes_of(engine, insn, 1000)) / 1000;
}

static const struct engine *jit(void)
{
	const struct engine *engine = engine_by_name("jit");

	if (!engine)
		SKIP_HERE("no JIT for this machine");
	return engine;
}

TEST(short_jumps_reach_their_targets)
{
	const struct engine *engine = jit();
	u32 i, k;

	bad = 0;
	for (longer = 0; longer < 3; longer++) {
		for (i = 0; i < 80 * ARRAY_SIZE(jumps); i++) {
			k = i % ARRAY_SIZE(jumps);
			forwards(engine, jumps[k], 0, i / ARRAY_SIZE(jumps));
			backwards(engine, jumps[k], 0, i / ARRAY_SIZE(jumps));
		}
	}
	longer = 0;
	CHECK_EQ(bad, 0);
}

TEST(jumps_over_32_kib_reach_their_targets)
{
	const struct engine *engine = jit();
	u32 n = (1 << 15) / unit_bytes(engine, INSN_CALL(HELPER)) - 8, i;

	bad = 0;
	REQUIRE(n < 32000);
	for (i = 0; i < 80; i++) {
		forwards(engine, jumps[i % ARRAY_SIZE(jumps)], n, i);
		backwards(engine, jumps[i % ARRAY_SIZE(jumps)], n, i);
	}
	tap_note("%u calls and up to %u additions", n, i);
	CHECK_EQ(bad, 0);
}

/* A load outside the packet goes to the end of the function, a ja32 over all of it. */
TEST(jumps_over_a_mib_reach_their_targets)
{
	const struct engine *engine = jit();
	const struct insn load = INSN_LD_ABS(BPF_B, 0);
	u32 rounds = getenv("HACHI_SOAK") ? 300 : 8, n, i, k;

	/* the stubs at the end count, too: some lie below a MiB, some above */
	n = (1 << 20) / unit_bytes(engine, load);
	bad = 0;
	for (i = 0; i < rounds; i++) {
		u32 loads = n - rounds / 2 + i;
		struct image *image;

		begin();
		put(INSN_JMP_IMM(BPF_JEQ, 8, 0, 1));
		put(INSN_JA32((s32)(loads + i)));
		for (k = 0; k < loads; k++)
			put(load);
		body(0, i);
		end();
		image = compile(engine);
		bad += run_image(image, 3, 16) != 0;
		bad += run_image(image, 0, 16) != sum_of(i, 1);
		bad += run_image(image, 0, 0) != 0;
		engine->free(image);
	}
	tap_note("about %u loads", n);
	CHECK_EQ(bad, 0);
}
