// SPDX-License-Identifier: BSD-2-Clause
/*
 * Four registers, each a number and what is known of it. The input is a program of operations and
 * jumps on them; whatever it does, the number stays inside what is known, and what is known stays
 * free of contradictions. Join, meet and widen keep their laws on what arises.
 */
#include "fuzz/fuzz.h"

#include <linux/bpf.h>

#include "domain/scalar.h"

struct input {
	const uint8_t *at, *end;
};

struct tracked {
	u64 value;
	struct scalar known;
};

static u8 take(struct input *in)
{
	return in->at < in->end ? *in->at++ : 0;
}

/* A constant in the fewest bytes: small, negative, next to a power of two, or spelled out. */
static u64 take_number(struct input *in)
{
	u8 b = take(in);
	u64 v = 0;
	int i;

	switch (b >> 6) {
	case 0: return b & 63;
	case 1: return (u64)-1 - (b & 63);
	case 2: return (1ull << (b & 63)) - (take(in) & 1);
	}
	for (i = 0; i <= (b & 7); i++)
		v = v << 8 | take(in);
	return v;
}

static u64 run_alu(u8 op, bool is_64, u64 a, u64 b)
{
	unsigned int bits = is_64 ? 64 : 32;
	u64 keep = ~0ull >> (64 - bits);
	unsigned int shift = (unsigned int)(b & (bits - 1));

	a &= keep;
	b &= keep;
	switch (op) {
	case BPF_ADD: return (a + b) & keep;
	case BPF_SUB: return (a - b) & keep;
	case BPF_MUL: return (a * b) & keep;
	case BPF_DIV: return b ? a / b : 0;
	case BPF_MOD: return b ? a % b : a;
	case BPF_AND: return a & b;
	case BPF_OR: return a | b;
	case BPF_XOR: return a ^ b;
	case BPF_NEG: return -a & keep;
	case BPF_LSH: return a << shift & keep;
	case BPF_RSH: return a >> shift;
	default: return (u64)((s64)(a << (64 - bits)) >> (64 - bits) >> shift) & keep;
	}
}

static bool run_jump(u8 op, bool is_32, u64 a, u64 b)
{
	s64 sa = is_32 ? (s32)a : (s64)a, sb = is_32 ? (s32)b : (s64)b;

	a = is_32 ? (u32)a : a;
	b = is_32 ? (u32)b : b;
	switch (op) {
	case BPF_JEQ: return a == b;
	case BPF_JNE: return a != b;
	case BPF_JSET: return a & b;
	case BPF_JGT: return a > b;
	case BPF_JGE: return a >= b;
	case BPF_JLT: return a < b;
	case BPF_JLE: return a <= b;
	case BPF_JSGT: return sa > sb;
	case BPF_JSGE: return sa >= sb;
	case BPF_JSLT: return sa < sb;
	default: return sa <= sb;
	}
}

static void check(const struct tracked *r)
{
	FUZZ_CHECK(scalar_contains(&r->known, r->value));
	FUZZ_CHECK(scalar_is_sane(&r->known));
	FUZZ_CHECK((r->known.var_off.value & r->known.var_off.mask) == 0);
}

static void step_alu(struct input *in, struct tracked *dst, const struct tracked *src)
{
	static const u8 ops[] = {BPF_ADD, BPF_SUB, BPF_MUL, BPF_DIV, BPF_MOD, BPF_AND, BPF_OR,
		BPF_XOR, BPF_NEG, BPF_LSH, BPF_RSH, BPF_ARSH};
	u8 b = take(in), op = ops[b % ARRAY_SIZE(ops)];
	struct tracked known = {0};

	if (b & 64) {
		known.value = take_number(in);
		known.known = scalar_const(known.value);
		src = &known;
	}
	dst->value = run_alu(op, b & 128, dst->value, src->value);
	scalar_alu(op, b & 128, &dst->known, &src->known, &dst->known);
}

static void step_jump(struct input *in, struct tracked *dst, struct tracked *src)
{
	static const u8 ops[] = {BPF_JEQ, BPF_JNE, BPF_JSET, BPF_JGT, BPF_JGE, BPF_JLT, BPF_JLE,
		BPF_JSGT, BPF_JSGE, BPF_JSLT, BPF_JSLE};
	u8 b = take(in), op = ops[b % ARRAY_SIZE(ops)];
	struct tracked known = {0};
	bool taken;
	int decided;

	if (b & 64) {
		known.value = take_number(in);
		known.known = scalar_const(known.value);
		src = &known;
	}
	taken = run_jump(op, b & 128, dst->value, src->value);
	decided = scalar_branch_taken(op, b & 128, &dst->known, &src->known);
	FUZZ_CHECK(decided < 0 || decided == taken);
	if (decided < 0)
		scalar_refine(op, b & 128, taken, &dst->known, &src->known);
	check(src);
}

static void step_width(struct input *in, struct tracked *dst)
{
	u8 b = take(in);
	unsigned int size = 1u << b % 3, unused = 64 - 8 * size;

	switch (b >> 5) {
	case 0:
		dst->value = (u64)((s64)(dst->value << unused) >> unused);
		scalar_sext(&dst->known, size, true);
		break;
	case 1:
		size = MIN(size, 2u);
		dst->value = (u32)(size == 1 ? (s8)dst->value : (s16)dst->value);
		scalar_sext(&dst->known, size, false);
		break;
	case 2:
		dst->value = dst->value << unused >> unused;
		scalar_truncate(&dst->known, size);
		break;
	case 3:
		size *= 2;
		dst->value = __builtin_bswap64(dst->value) >> (64 - 8 * size);
		scalar_end(&dst->known, size, true);
		break;
	case 4:
		dst->value = (u32)dst->value;
		scalar_zext32(&dst->known);
		break;
	case 5:
		dst->value = take_number(in);
		dst->known = scalar_unknown();
		break;
	default:
		dst->value = take_number(in);
		dst->known = scalar_const(dst->value);
		break;
	}
}

static void step_order(struct tracked *dst, const struct tracked *src, u8 kind)
{
	struct scalar join = scalar_join(&dst->known, &src->known);
	struct scalar wide = scalar_widen(&dst->known, &src->known);
	struct scalar meet = scalar_meet(&join, &dst->known);

	FUZZ_CHECK(scalar_contains(&join, dst->value) && scalar_contains(&join, src->value));
	FUZZ_CHECK(scalar_within(&join, &dst->known) && scalar_within(&join, &src->known));
	FUZZ_CHECK(scalar_within(&wide, &join) && tnum_in(wide.var_off, join.var_off));
	FUZZ_CHECK(scalar_contains(&meet, dst->value));
	dst->known = kind % 2 ? join : wide;
	scalar_sync(&dst->known);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = {data, data + size};
	struct tracked reg[4];
	size_t i;

	for (i = 0; i < ARRAY_SIZE(reg); i++)
		reg[i] = (struct tracked){take_number(&in), scalar_unknown()};
	while (in.at < in.end) {
		u8 b = take(&in);
		struct tracked *dst = &reg[b & 3], *src = &reg[b >> 2 & 3];

		switch (b >> 4 & 7) {
		case 0:
		case 1:
		case 2: step_alu(&in, dst, src); break;
		case 3:
		case 4:
		case 5:
			if (dst != src)
				step_jump(&in, dst, src);
			break;
		case 6: step_width(&in, dst); break;
		default: step_order(dst, src, b >> 7); break;
		}
		check(dst);
	}
	return 0;
}
