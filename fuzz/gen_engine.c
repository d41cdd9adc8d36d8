// SPDX-License-Identifier: BSD-2-Clause
#include "fuzz/gen_engine.h"

enum {
	STACK_BYTES = 256,
	STACK_SLOTS = 8,   /* of 8 bytes, initialised at the start */
	COUNTER_OFF = -72, /* loop counters, one a nesting level */
	MEM_OFF = -128,	   /* 16 bytes that helpers get */
	SCRATCH_REG = 8,   /* holds addresses for a while */
};

struct gen {
	u64 state;
	u32 flags;
	struct gen_prog *p;
	u32 depth; /* of loops */
	bool is_func;
	u32 call_targets[GEN_MAX_FUNCS * 8], call_funcs[GEN_MAX_FUNCS * 8], call_count;
	u32 wanted_funcs;
	/* what stands in for random numbers as long as it lasts */
	const u8 *data;
	size_t data_len;
	/* GEN_MAPS: callbacks are functions behind the others; where their addresses are loaded */
	u32 callback_targets[GEN_MAX_CALLBACKS], callback_kinds[GEN_MAX_CALLBACKS], callback_count;
};

u64 gen_random(u64 *state)
{
	u64 z = *state += 0x9e3779b97f4a7c15ull;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ z >> 27) * 0x94d049bb133111ebull;
	return z ^ z >> 31;
}

static u32 below(struct gen *g, u32 n)
{
	if (g->data_len) {
		g->data_len--;
		return n > 256 ? *g->data++ * 257u % n : *g->data++ % n;
	}
	return (u32)(gen_random(&g->state) % n);
}

static bool chance(struct gen *g, u32 percent)
{
	return below(g, 100) < percent;
}

static void put(struct gen *g, struct insn insn)
{
	if (g->p->count < GEN_MAX_INSNS)
		g->p->insns[g->p->count++] = insn;
}

static void put2(struct gen *g, const struct insn insns[2])
{
	put(g, insns[0]);
	put(g, insns[1]);
}

static u8 any_reg(struct gen *g)
{
	return (u8)below(g, 8); /* r0 to r7 */
}

static u64 edge_value(struct gen *g)
{
	static const u64 edges[] = {0, 1, 2, 7, 8, 0x7f, 0x80, 0xff, 0x100, 0x7fff, 0x8000, 0xffff,
		0x7fffffff, 0x80000000, 0xffffffff, 0x100000000, 0x7fffffffffffffff,
		0x8000000000000000, 0xffffffffffffffff, 0xffffffff80000000, 0xfffffffffffffffe,
		0xdeadbeef00000000, 0x1234567800000001, 0x8000000180000000};

	if (chance(g, 60))
		return edges[below(g, ARRAY_SIZE(edges))];
	return gen_random(&g->state) >> below(g, 64);
}

static s32 edge_imm(struct gen *g)
{
	return (s32)edge_value(g);
}

static void put_imm64(struct gen *g, u8 reg)
{
	const struct insn wide[] = {INSN_LD_IMM64(reg, edge_value(g))};

	if (chance(g, 50))
		put(g, INSN_MOV64_IMM(reg, edge_imm(g)));
	else
		put2(g, wide);
}

static void put_alu(struct gen *g)
{
	static const u8 ops[] = {BPF_ADD, BPF_SUB, BPF_MUL, BPF_DIV, BPF_OR, BPF_AND, BPF_LSH,
		BPF_RSH, BPF_MOD, BPF_XOR, BPF_ARSH, BPF_MOV, BPF_ADD, BPF_XOR, BPF_MOV, BPF_MOV};
	u8 op = ops[below(g, ARRAY_SIZE(ops))], dst = any_reg(g), src = any_reg(g);
	bool is_shift = op == BPF_LSH || op == BPF_RSH || op == BPF_ARSH;
	bool is_wide = chance(g, 50), is_signed;
	s32 imm = edge_imm(g);

	is_signed = (op == BPF_DIV || op == BPF_MOD) && (g->flags & GEN_V4) && chance(g, 40);
	if (chance(g, 50)) {
		if (is_shift)
			imm = (s32)below(g, is_wide ? 64 : 32);
		if ((op == BPF_DIV || op == BPF_MOD) && imm == 0)
			imm = 3;
		put(g,
			INSN_RAW((is_wide ? BPF_ALU64 : BPF_ALU) | op | BPF_K, dst, 0, is_signed,
				imm));
	} else {
		put(g,
			INSN_RAW((is_wide ? BPF_ALU64 : BPF_ALU) | op | BPF_X, dst, src, is_signed,
				0));
	}
}

static void put_unary(struct gen *g)
{
	static const u8 widths[] = {16, 32, 64};
	u8 dst = any_reg(g), src = any_reg(g), width = widths[below(g, 3)];

	switch (below(g, g->flags & GEN_V4 ? 7 : 4)) {
	case 0: put(g, INSN_NEG64(dst)); break;
	case 1: put(g, INSN_NEG32(dst)); break;
	case 2: put(g, INSN_BE(dst, width)); break;
	case 3: put(g, INSN_LE(dst, width)); break;
	case 4: put(g, INSN_BSWAP(dst, width)); break;
	case 5: put(g, INSN_MOVSX64(dst, src, (s16)(8 << below(g, 3)))); break;
	default: put(g, INSN_MOVSX32(dst, src, (s16)(8 << below(g, 2)))); break;
	}
}

static const u8 sizes[] = {BPF_B, BPF_H, BPF_W, BPF_DW};

/* Room for the registers at the start, for the stores at the end. */
static s16 value_off(struct gen *g)
{
	return (s16)(80 + below(g, GEN_VALUE_BYTES - 80 - 136));
}

static void put_load(struct gen *g, u8 base, s16 off)
{
	u8 dst = any_reg(g), size = sizes[below(g, 4)];

	if (size != BPF_DW && (g->flags & GEN_V4) && chance(g, 25))
		put(g, INSN_LDX_MEMSX(size, dst, base, off));
	else
		put(g, INSN_LDX_MEM(size, dst, base, off));
}

static void put_store(struct gen *g, u8 base, s16 off)
{
	u8 size = sizes[below(g, 4)];

	if (chance(g, 30))
		put(g, INSN_ST_MEM(size, base, off, edge_imm(g)));
	else
		put(g, INSN_STX_MEM(size, base, any_reg(g), off));
}

static void put_memory(struct gen *g)
{
	u8 base = 9;
	s16 off = value_off(g);

	if (chance(g, 30)) { /* variable offset */
		u8 index = any_reg(g);

		bool is_base_first = chance(g, 60);

		put(g, INSN_MOV64_REG(SCRATCH_REG, 9));
		put(g, INSN_ALU64_IMM(BPF_AND, index, 0x7f));
		if (!is_base_first)
			put(g, INSN_MOV64_REG(SCRATCH_REG, index));
		if (chance(g, 30)) {
			u8 scaled = is_base_first ? index : SCRATCH_REG;

			put(g, INSN_ALU64_IMM(BPF_AND, scaled, 0xf));
			put(g, INSN_ALU64_IMM(BPF_LSH, scaled, (s32)below(g, 4)));
		}
		put(g, INSN_ALU64_REG(BPF_ADD, SCRATCH_REG, is_base_first ? index : 9));
		base = SCRATCH_REG;
	}
	if (chance(g, 50))
		put_load(g, base, off);
	else
		put_store(g, base, off);
	if (base == SCRATCH_REG)
		put_imm64(g, SCRATCH_REG);
}

/* Spills and fills, mostly whole words as compilers make them. */
static void put_stack(struct gen *g)
{
	s16 off = (s16)(-8 * (s32)(1 + below(g, STACK_SLOTS)));
	u8 size = chance(g, 70) ? BPF_DW : sizes[below(g, 4)];

	if (size != BPF_DW && chance(g, 30))
		off += size == BPF_W ? 4 : size == BPF_H ? 2 : 1;
	if (chance(g, 50))
		put(g, INSN_STX_MEM(size, 10, any_reg(g), off));
	else
		put(g, INSN_LDX_MEM(size, any_reg(g), 10, off));
}

static void put_atomic(struct gen *g)
{
	static const s32 ops[] = {BPF_ADD, BPF_OR, BPF_AND, BPF_XOR, BPF_ADD | BPF_FETCH,
		BPF_OR | BPF_FETCH, BPF_AND | BPF_FETCH, BPF_XOR | BPF_FETCH, BPF_XCHG,
		BPF_CMPXCHG};
	u8 size = chance(g, 50) ? BPF_DW : BPF_W, base = chance(g, 70) ? 9 : 10;
	s16 off = base == 9 ? value_off(g) & ~7 : (s16)(-8 * (s32)(1 + below(g, STACK_SLOTS)));

	if ((g->flags & GEN_NEW) && chance(g, 25)) {
		u8 any = sizes[below(g, 4)];

		if (chance(g, 50))
			put(g, INSN_LOAD_ACQUIRE(any, any_reg(g), base, off));
		else
			put(g, INSN_STORE_RELEASE(any, base, any_reg(g), off));
		return;
	}
	put(g, INSN_ATOMIC(size, ops[below(g, ARRAY_SIZE(ops))], base, any_reg(g), off));
}

/* x << n | x >> (w - n), with or without a mistake that makes it none. */
static void put_rotate(struct gen *g)
{
	u8 x = any_reg(g), a = any_reg(g), b = any_reg(g), width = chance(g, 50) ? 64 : 32;
	u32 n = 1 + below(g, width - 1), m = chance(g, 90) ? width - n : 1 + below(g, width - 1);
	u8 class = width == 64 ? BPF_ALU64 : BPF_ALU;

	put(g, INSN_RAW(class | BPF_MOV | BPF_X, a, x, 0, 0));
	put(g, INSN_RAW(class | BPF_RSH | BPF_K, a, 0, 0, (s32)n));
	put(g, INSN_RAW(class | BPF_MOV | BPF_X, b, x, 0, 0));
	put(g, INSN_RAW(class | BPF_LSH | BPF_K, b, 0, 0, (s32)m));
	put(g, INSN_RAW(class | (chance(g, 80) ? BPF_OR : BPF_ADD) | BPF_X, b, a, 0, 0));
}

/* A wide load out of bytes, in either order; sometimes with a store or a wrong byte between. */
static void put_bytes(struct gen *g)
{
	u32 bytes = 2u << below(g, 3), i, odd = chance(g, 20) ? below(g, bytes) : bytes;
	u8 sum = any_reg(g), part = any_reg(g),
	   class = bytes == 8 || chance(g, 50) ? BPF_ALU64 : BPF_ALU;
	s16 off = value_off(g);
	bool is_le = chance(g, 60), is_store = chance(g, 10);

	if (part == sum)
		part = (u8)((sum + 1) % 8);
	for (i = 0; i < bytes; i++) {
		u32 at = is_le ? i : bytes - 1 - i;
		u8 to = i ? part : sum;

		put(g, INSN_LDX_MEM(BPF_B, to, 9, (s16)(off + (s32)(i == odd ? 7 : at))));
		if (i)
			put(g, INSN_RAW(class | BPF_LSH | BPF_K, to, 0, 0, (s32)(8 * i)));
		if (i && is_store && i == bytes / 2)
			put(g, INSN_ST_MEM(BPF_B, 9, (s16)(off + 1), edge_imm(g)));
		if (i)
			put(g, INSN_RAW(class | BPF_OR | BPF_X, sum, part, 0, 0));
	}
	if (chance(g, 30)) { /* rotated by up to eight bits: they are in the last byte */
		u32 width = class == BPF_ALU ? 32 : 64, n = 1 + below(g, chance(g, 80) ? 8 : 20);

		put(g, INSN_RAW(class | BPF_LSH | BPF_K, sum, 0, 0, (s32)n));
		put(g, INSN_RAW(class | BPF_RSH | BPF_K, part, 0, 0, (s32)(width - n)));
		put(g, INSN_RAW(class | BPF_OR | BPF_X, sum, part, 0, 0));
	}
}

/* A value, byte by byte, into memory: upwards or downwards, sometimes with something between. */
static void put_scattered(struct gen *g)
{
	u32 bytes = 2u << below(g, 3), i, odd = chance(g, 20) ? below(g, bytes) : bytes;
	u8 x = any_reg(g), part = any_reg(g),
	   class = bytes == 8 || chance(g, 50) ? BPF_ALU64 : BPF_ALU;
	s16 off = value_off(g);
	bool is_le = chance(g, 60), is_upwards = chance(g, 70), is_const = chance(g, 15);

	for (i = 0; i < bytes; i++) {
		u32 n = is_upwards ? i : bytes - 1 - i, at = is_le ? n : bytes - 1 - n;

		if (i == odd && chance(g, 50))
			put_load(g, 9, (s16)(off + (s32)below(g, 8)));
		else if (i == odd)
			put_store(g, 9, (s16)(off + (s32)below(g, 8)));
		if (is_const) {
			put(g, INSN_ST_MEM(BPF_B, 9, (s16)(off + (s32)at), edge_imm(g)));
			continue;
		}
		put(g, INSN_MOV64_REG(part, x));
		put(g, INSN_RAW(class | BPF_RSH | BPF_K, part, 0, 0, (s32)(8 * n)));
		put(g, INSN_STX_MEM(BPF_B, 9, part, (s16)(off + (s32)at)));
	}
}

/* A place in memory changes by an operation. */
static void put_update(struct gen *g)
{
	static const u8 ops[] = {BPF_ADD, BPF_SUB, BPF_AND, BPF_OR, BPF_XOR, BPF_LSH};
	u8 size = sizes[below(g, 4)], x = any_reg(g), y = any_reg(g), op = ops[below(g, 6)];
	u8 class = chance(g, 60) ? BPF_ALU64 : BPF_ALU;
	s16 off = value_off(g);

	put(g, INSN_LDX_MEM(size, x, 9, off));
	if (op == BPF_LSH)
		put(g, INSN_RAW(class | op | BPF_K, x, 0, 0, (s32)below(g, 32)));
	else if (chance(g, 50))
		put(g, INSN_RAW(class | op | BPF_K, x, 0, 0, edge_imm(g)));
	else
		put(g, INSN_RAW(class | op | BPF_X, x, y, 0, 0));
	if (chance(g, 10))
		put_store(g, 9, (s16)(off + (s32)below(g, 8)));
	put(g, INSN_STX_MEM(chance(g, 90) ? size : BPF_B, 9, x, off));
	if (chance(g, 70))
		put_imm64(g, x);
}

/* Looks at one bit, shifted down or masked, and does something or not. */
static void put_bit(struct gen *g)
{
	u8 a = any_reg(g), x = any_reg(g), n = any_reg(g),
	   class = chance(g, 60) ? BPF_ALU64 : BPF_ALU;
	u8 jump = chance(g, 60) ? BPF_JMP : BPF_JMP32;
	u32 bit = below(g, class == BPF_ALU ? 32 : 64);

	if (chance(g, 50)) {
		put(g, INSN_MOV64_REG(a, x));
		if (chance(g, 50))
			put(g, INSN_RAW(class | BPF_RSH | BPF_K, a, 0, 0, (s32)bit));
		else
			put(g, INSN_RAW(class | BPF_RSH | BPF_X, a, n, 0, 0));
		put(g, INSN_RAW(class | BPF_AND | BPF_K, a, 0, 0, chance(g, 90) ? 1 : 3));
	} else {
		put(g, INSN_MOV64_IMM(a, chance(g, 90) ? 1 : 2));
		if (chance(g, 50))
			put(g, INSN_RAW(class | BPF_LSH | BPF_K, a, 0, 0, (s32)bit));
		else
			put(g, INSN_RAW(class | BPF_LSH | BPF_X, a, n, 0, 0));
		if (chance(g, 50))
			put(g, INSN_RAW(class | BPF_AND | BPF_X, a, x, 0, 0));
	}
	if (chance(g, 70))
		put(g, INSN_RAW(jump | (chance(g, 50) ? BPF_JEQ : BPF_JNE) | BPF_K, a, 0, 1, 0));
	else
		put(g, INSN_RAW(jump | BPF_JSET | BPF_X, x, a, 1, 0));
	put(g, INSN_ALU64_IMM(BPF_ADD, any_reg(g), edge_imm(g)));
	if (chance(g, 80))
		put_imm64(g, a);
}

static void put_extension(struct gen *g)
{
	u8 a = any_reg(g), b = any_reg(g);

	switch (below(g, 3)) {
	case 0:
		put(g, INSN_ALU64_IMM(BPF_LSH, a, 32));
		put(g, INSN_ALU64_IMM(chance(g, 50) ? BPF_RSH : BPF_ARSH, a, 32));
		break;
	case 1: put(g, INSN_MOV32_REG(a, b)); break;
	default:
		put(g, INSN_MOV32_REG(a, a));
		put(g, INSN_ALU32_REG(BPF_ADD, b, a));
		break;
	}
}

/* A field of bits, which may go on into a sum, a product or an index; often nobody else needs it.
 */
static void put_field(struct gen *g)
{
	u8 a = any_reg(g), b = any_reg(g), class = chance(g, 60) ? BPF_ALU64 : BPF_ALU;
	u8 sum = chance(g, 80) ? BPF_ALU64 : BPF_ALU;

	put(g, INSN_MOV64_REG(a, any_reg(g)));
	put(g,
		INSN_RAW(class | BPF_RSH | BPF_K, a, 0, 0,
			(s32)below(g, class == BPF_ALU ? 32 : 64)));
	if (chance(g, 30))
		put(g, INSN_MOV32_REG(a, a));
	else if (chance(g, 80))
		put(g, INSN_RAW(class | BPF_AND | BPF_K, a, 0, 0, (s32)((2u << below(g, 31)) - 1)));
	switch (below(g, 4)) {
	case 0: put(g, INSN_RAW(sum | BPF_ADD | BPF_X, b, a, 0, 0)); break;
	case 1:
		put(g, INSN_RAW(sum | BPF_MUL | BPF_X, a, any_reg(g), 0, 0));
		put(g, INSN_RAW(sum | (chance(g, 50) ? BPF_ADD : BPF_SUB) | BPF_X, b, a, 0, 0));
		break;
	case 2: /* 32 bits of which the upper ones are known */
		put(g, INSN_ALU32_IMM(BPF_AND, a, 0x1f));
		put(g, INSN_ALU64_IMM(BPF_LSH, a, (s32)below(g, 4)));
		put(g, INSN_MOV64_REG(SCRATCH_REG, 9));
		put(g, INSN_ALU64_REG(BPF_ADD, SCRATCH_REG, a));
		if (chance(g, 50))
			put_load(g, SCRATCH_REG, 0);
		else
			put_store(g, SCRATCH_REG, 0);
		put_imm64(g, SCRATCH_REG);
		break;
	default: break;
	}
	if (chance(g, 60))
		put_imm64(g, a);
}

static void put_call(struct gen *g)
{
	u8 i;

	if (chance(g, 40)) {
		put(g, INSN_MOV64_REG(1, 10));
		put(g, INSN_ALU64_IMM(BPF_ADD, 1, MEM_OFF));
		put(g, INSN_MOV64_IMM(2, 16));
		put(g, INSN_CALL(GEN_HELPER_MEM));
	} else {
		put(g, INSN_CALL(GEN_HELPER_MIX));
	}
	for (i = 1; i <= 5; i++)
		put_imm64(g, i);
}

/* With GEN_MAPS r5 points to 16 bytes, of the map value or of this frame. */
static void put_call_of(struct gen *g, u32 func)
{
	u8 i;

	if (g->is_func || g->call_count == ARRAY_SIZE(g->call_targets))
		return;
	if (g->flags & GEN_MAPS) {
		put(g, INSN_MOV64_REG(5, chance(g, 50) ? 9 : 10));
		if (g->p->insns[g->p->count - 1].src == 10)
			put(g, INSN_ALU64_IMM(BPF_ADD, 5, MEM_OFF));
	}
	g->call_funcs[g->call_count] = func;
	g->call_targets[g->call_count++] = g->p->count;
	put(g, INSN_CALL_FUNC(0));
	for (i = 1; i <= 5; i++)
		put_imm64(g, i);
}

static void put_call_func(struct gen *g)
{
	put_call_of(g, 1 + below(g, g->wanted_funcs));
}

static void put_sequence(struct gen *g, u32 count);
static struct insn random_jump(struct gen *g);

#include "fuzz/gen_maps.h"

static struct insn random_jump(struct gen *g)
{
	static const u8 ops[] = {BPF_JEQ, BPF_JGT, BPF_JGE, BPF_JSET, BPF_JNE, BPF_JSGT, BPF_JSGE,
		BPF_JLT, BPF_JLE, BPF_JSLT, BPF_JSLE};
	u8 op = ops[below(g, ARRAY_SIZE(ops))], dst = any_reg(g);
	u8 class = chance(g, 50) ? BPF_JMP : BPF_JMP32;

	if (chance(g, 50))
		return INSN_RAW(class | op | BPF_K, dst, 0, 0, edge_imm(g));
	return INSN_RAW(class | op | BPF_X, dst, any_reg(g), 0, 0);
}

/* if (...) some [else others] */
static void put_if(struct gen *g)
{
	u32 jump = g->p->count, skip;
	bool has_else = chance(g, 40);

	put(g, random_jump(g));
	put_sequence(g, below(g, 4));
	skip = g->p->count;
	if (has_else)
		put(g, INSN_JA(0));
	if (g->p->count >= GEN_MAX_INSNS)
		return;
	g->p->insns[jump].off = (s16)(g->p->count - jump - 1);
	if (has_else) {
		put_sequence(g, below(g, 4));
		g->p->insns[skip].off = (s16)(g->p->count - skip - 1);
	}
}

static void put_loop(struct gen *g)
{
	s16 counter = (s16)(COUNTER_OFF - 8 * (s32)g->depth);
	u32 start;

	if (g->depth == 3 || (g->flags & GEN_STRAIGHT))
		return;
	g->depth++;
	put(g, INSN_ST_MEM(BPF_DW, 10, counter, (s32)(1 + below(g, 4))));
	start = g->p->count;
	put_sequence(g, 1 + below(g, 6));
	put(g, INSN_LDX_MEM(BPF_DW, 5, 10, counter));
	put(g, INSN_ALU64_IMM(BPF_ADD, 5, -1));
	put(g, INSN_STX_MEM(BPF_DW, 10, 5, counter));
	put(g, INSN_JMP_IMM(BPF_JNE, 5, 0, (s16)((s32)start - (s32)g->p->count - 1)));
	g->depth--;
}

/* A counter in a register, as compilers have it; sometimes the loop is left before its end. */
static void put_counted(struct gen *g)
{
	static const u8 ops[] = {BPF_ADD, BPF_SUB, BPF_XOR, BPF_OR, BPF_AND, BPF_MUL, BPF_MOV};
	u8 i = any_reg(g);
	s32 from = (s32)below(g, 100), step = 1 + (s32)below(g, 9),
	    turns = 1 + (s32)below(g, chance(g, 20) ? 40 : 6);
	u32 start, left = 0, at, n = 1 + below(g, 5);
	bool is_late = chance(g, 40);

	if (g->flags & GEN_STRAIGHT)
		return;
	put(g, INSN_MOV64_IMM(i, from));
	if (chance(g, 40)) {
		left = g->p->count;
		put(g, random_jump(g));
	}
	start = g->p->count;
	while (n--) {
		u8 dst = any_reg(g), class = chance(g, 60) ? BPF_ALU64 : BPF_ALU;
		u8 op = ops[below(g, ARRAY_SIZE(ops))];

		if (dst == i)
			dst = (u8)((i + 1) % 8);
		if (!left && chance(g, 20)) {
			left = g->p->count;
			put(g, random_jump(g));
		}
		if (chance(g, 60))
			put(g, INSN_RAW(class | op | BPF_X, dst, any_reg(g), 0, 0));
		else
			put(g, INSN_RAW(class | op | BPF_K, dst, 0, 0, (s32)below(g, 64)));
	}
	if (chance(g, 50)) { /* a sum that only matters after the loop, of what changes then */
		u8 x = (u8)((i + 1 + below(g, 7)) % 8), out = (u8)((i + 1 + below(g, 7)) % 8);

		put(g, INSN_MOV64_REG(out, x));
		put(g, INSN_ALU64_IMM(BPF_ADD, out, (s32)below(g, 64)));
		if (x != out) {
			put(g, INSN_MOV64_REG(x, any_reg(g)));
			put(g, INSN_ALU64_IMM(BPF_MUL, x, 5));
		}
	}
	if (is_late) { /* looks at the old value */
		at = g->p->count;
		put(g,
			INSN_JMP_IMM(chance(g, 50) ? BPF_JEQ : BPF_JGE, i,
				from + step * (turns - 1), 2));
		put(g, INSN_ALU64_IMM(BPF_ADD, i, step));
		put(g, INSN_JA((s16)((s32)start - (s32)at - 3)));
	} else {
		put(g, INSN_ALU64_IMM(BPF_ADD, i, step));
		at = g->p->count;
		put(g,
			INSN_JMP_IMM(chance(g, 50) ? BPF_JNE : BPF_JLT, i, from + step * turns,
				(s16)((s32)start - (s32)at - 1)));
	}
	if (left)
		g->p->insns[left].off = (s16)(g->p->count - left - 1);
	if (chance(g, 50))
		put_imm64(g, i);
}

static void put_anything(struct gen *g)
{
	u32 what = below(g, 100);

	if (g->p->count > GEN_MAX_INSNS - 400)
		return;
	if ((g->flags & GEN_MAPS) && !g->is_func && chance(g, 20)) {
		put_maps(g);
		return;
	}
	if (what < 36)
		put_alu(g);
	else if (what < 42)
		put_unary(g);
	else if (what < 54)
		put_memory(g);
	else if (what < 64)
		put_stack(g);
	else if (what < 69)
		put_atomic(g);
	else if (what < 74)
		put_rotate(g);
	else if (what < 76)
		put_bytes(g);
	else if (what < 79)
		put_scattered(g);
	else if (what < 81)
		put_update(g);
	else if (what < 82)
		put_bit(g);
	else if (what < 84)
		put_extension(g);
	else if (what < 85)
		put_field(g);
	else if (what < 87)
		put_imm64(g, any_reg(g));
	else if (what < 92)
		put_if(g);
	else if (what < 95)
		chance(g, 60) ? put_loop(g) : put_counted(g);
	else if (what < 98 && (g->flags & GEN_HELPERS))
		put_call(g);
	else if ((g->flags & GEN_FUNCS) && g->wanted_funcs)
		put_call_func(g);
}

static void put_sequence(struct gen *g, u32 count)
{
	while (count--)
		put_anything(g);
}

static void begin(struct gen *g)
{
	const struct insn value[] = {INSN_LD_MAP_VALUE(9, 0, 0)};
	u32 i;

	g->p->funcs[g->p->func_count++] =
		(struct code_subprog){.start = g->p->count, .stack_bytes = STACK_BYTES};
	if ((g->flags & GEN_MAPS) && !g->is_func)
		put(g, INSN_STX_MEM(BPF_DW, 10, 1, CTX_OFF));
	put2(g, value);
	for (i = 0; i <= 8; i++) {
		if (!g->is_func || i == 0 || i > 5)
			put_imm64(g, (u8)i);
	}
	if ((g->flags & GEN_MAPS) && g->is_func) {
		put_accesses(g, 5, 16, false);
		put_imm64(g, 5);
	}
	for (i = 1; i <= STACK_SLOTS; i++)
		put(g, INSN_STX_MEM(BPF_DW, 10, any_reg(g), (s16)(-8 * (s32)i)));
	put(g, INSN_ST_MEM(BPF_DW, 10, MEM_OFF, edge_imm(g)));
	put(g, INSN_STX_MEM(BPF_DW, 10, 3, MEM_OFF + 8));
}

static void end(struct gen *g)
{
	u8 i;

	if (!g->is_func) {
		for (i = 0; i <= 8; i++)
			put(g, INSN_STX_MEM(BPF_DW, 9, i, (s16)(8 * i)));
	} else {
		for (i = 6; i <= 7; i++)
			put(g, INSN_ALU64_REG(BPF_XOR, 0, i));
	}
	put(g, INSN_EXIT());
}

static void generate(struct gen *g)
{
	u32 i;

	g->p->count = g->p->func_count = 0;
	if (g->flags & GEN_FUNCS)
		g->wanted_funcs = below(g, g->flags & GEN_SHORT ? 3 : GEN_MAX_CALLED);
	begin(g);
	/* every function is called, as verifiers want */
	for (i = 0; i < g->wanted_funcs; i++)
		put_call_of(g, i + 1);
	put_sequence(g, 1 + below(g, 1 + below(g, g->flags & GEN_SHORT ? 16 : 60)));
	end(g);
	g->is_func = true;
	for (i = 0; i < g->wanted_funcs; i++) {
		begin(g);
		put_sequence(g, 1 + below(g, 12));
		end(g);
	}
	put_callbacks(g);
	for (i = 0; i < g->call_count; i++) {
		g->p->insns[g->call_targets[i]].imm =
			(s32)(g->p->funcs[g->call_funcs[i]].start - g->call_targets[i] - 1);
	}
}

void gen_program(u64 seed, u32 flags, struct gen_prog *ret_prog)
{
	struct gen g = {.state = seed, .flags = flags, .p = ret_prog};

	generate(&g);
}

void gen_program_from(const u8 *data, size_t len, u32 flags, struct gen_prog *ret_prog)
{
	struct gen g = {.state = 1, .flags = flags, .p = ret_prog, .data = data, .data_len = len};

	generate(&g);
}
