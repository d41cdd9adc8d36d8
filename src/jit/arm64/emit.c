// SPDX-License-Identifier: BSD-2-Clause
/* See emit.h. The Arm architecture reference manual, C4 and C6, is the source of every number. */
#include "jit/arm64/emit.h"

#include "jit/bug.h"

enum { HALF_COUNT = 4 };

static u32 sf(u8 w)
{
	return w == 64 ? 1u << 31 : 0;
}

void a64_word(struct a64_buf *b, u32 word)
{
	if (b->err)
		return;
	if (b->len == b->cap) {
		u32 cap = b->cap ? 2 * b->cap : 1024;
		u32 *bigger = arena_alloc(b->arena, cap * sizeof(u32));

		if (!bigger) {
			b->err = -ENOMEM;
			return;
		}
		if (b->len)
			memcpy(bigger, b->code, b->len * sizeof(u32));
		b->code = bigger;
		b->cap = cap;
	}
	b->code[b->len++] = word;
}

/* d, n and m where most instructions have them. */
static void put_dnm(struct a64_buf *b, u32 opcode, u8 d, u8 n, u8 m)
{
	a64_word(b, opcode | (u32)m << 16 | (u32)n << 5 | d);
}

/* ---- immediates ---------------------------------------------------------------------------- */

bool a64_is_add_imm(u64 imm)
{
	return imm <= 0xfff || (imm <= 0xfff000 && !(imm & 0xfff));
}

static u64 low_ones(u32 count)
{
	return count >= 64 ? UINT64_MAX : (1ull << count) - 1;
}

/*
 * Logical immediates are a run of ones, rotated, within elements of 2 to 64 bits that repeat. The
 * fields N, immr and imms, as they stand in the instruction.
 */
static bool encode_bitmask(u64 imm, u8 w, u32 *ret_fields)
{
	u32 size = 64, start, ones;
	u64 elem, rest;

	if (w == 32 && !JIT_BUG(ARM64_BITMASK32))
		imm = (imm & UINT32_MAX) | imm << 32;
	if (imm == 0 || imm == UINT64_MAX)
		return false;
	while (size > 2 && (imm & low_ones(size / 2)) == (imm >> size / 2 & low_ones(size / 2)))
		size /= 2;
	elem = imm & low_ones(size);
	ones = (u32)__builtin_popcountll(elem);
	start = (u32)__builtin_ctzll(elem);
	rest = elem >> start;
	if (rest & (rest + 1)) { /* not one run: it may go around the end */
		u64 zeros = ~elem & low_ones(size);
		u32 zero_start = (u32)__builtin_ctzll(zeros);

		rest = zeros >> zero_start;
		if (rest & (rest + 1))
			return false;
		start = zero_start + size - ones;
	}
	*ret_fields = (size == 64 ? 1u << 22 : 0) | ((size - start) % size) << 16 |
		((-(size << 1) & 0x3f) | (ones - 1)) << 10;
	return true;
}

bool a64_is_bitmask(u64 imm, u8 w)
{
	u32 fields;

	return encode_bitmask(imm, w, &fields);
}

bool a64_is_disp(s64 disp, u8 size)
{
	return (disp >= -256 && disp <= 255) ||
		(disp > 0 && disp % size == 0 && disp / size <= 0xfff);
}

static u32 half(u64 imm, u32 n)
{
	return (u32)(imm >> 16 * n) & 0xffff;
}

/* movz or movn for one half, movk for each other one that differs from what the first leaves. */
static u32 mov_halves(u64 imm, u8 w, u32 out[4])
{
	u32 halves = w / 16, zeros = 0, ones = 0, n, count = 0;
	u32 filler;

	for (n = 0; n < halves; n++) {
		zeros += half(imm, n) == 0;
		ones += half(imm, n) == 0xffff;
	}
	filler = ones > zeros ? 0xffff : 0;
	for (n = 0; n < halves; n++) {
		u32 h = half(imm, n);

		if (h == filler)
			continue;
		if (count == 0)
			out[count++] = sf(w) | (filler ? 0x12800000 : 0x52800000) | n << 21 |
				(filler ? h ^ 0xffff : h) << 5;
		else
			out[count++] = sf(w) | 0x72800000 | n << 21 | h << 5;
	}
	if (!count)
		out[count++] = sf(w) | (filler ? 0x12800000 : 0x52800000);
	return count;
}

u32 a64_mov_imm_words(u64 imm, u32 out[4])
{
	u8 w = imm >> 32 ? 64 : 32;
	u32 count = mov_halves(imm, w, out), fields;

	if (count > 1 && encode_bitmask(imm, w, &fields)) {
		out[0] = sf(w) | 0x32000000 | fields | A64_ZR << 5;
		return 1;
	}
	return count;
}

void a64_mov_imm(struct a64_buf *b, u8 d, u64 imm)
{
	u32 words[HALF_COUNT], count = a64_mov_imm_words(imm, words), i;

	for (i = 0; i < count; i++)
		a64_word(b, words[i] | d);
}

/* ---- arithmetic ---------------------------------------------------------------------------- */

void a64_alu_shifted(
	struct a64_buf *b, enum a64_alu op, u8 w, u8 d, u8 n, u8 m, enum a64_shift shift, u8 count)
{
	put_dnm(b, sf(w) | (u32)op | (u32)shift << 22 | (u32)count << 10, d, n, m);
}

void a64_alu(struct a64_buf *b, enum a64_alu op, u8 w, u8 d, u8 n, u8 m)
{
	a64_alu_shifted(b, op, w, d, n, m, A64_LSL, 0);
}

void a64_mov(struct a64_buf *b, u8 w, u8 d, u8 s)
{
	a64_alu(b, A64_ORR, w, d, A64_ZR, s);
}

void a64_add_imm(struct a64_buf *b, enum a64_alu op, u8 w, u8 d, u8 n, u32 imm)
{
	u32 fields = imm <= 0xfff ? imm << 10 : 1u << 22 | (imm >> 12) << 10;

	/* the form with immediates differs in two bits of the opcode */
	put_dnm(b, sf(w) | ((u32)op ^ 0x1a000000) | fields, d, n, 0);
}

void a64_add_uxtw(struct a64_buf *b, enum a64_alu op, u8 d, u8 n, u8 m, u8 count)
{
	put_dnm(b, sf(64) | (u32)op | 0x00204000 | (u32)count << 10, d, n, m);
}

void a64_logic_imm(struct a64_buf *b, enum a64_alu op, u8 w, u8 d, u8 n, u64 imm)
{
	u32 fields = 0;

	if (!encode_bitmask(imm, w, &fields))
		b->err = -EINVAL;
	put_dnm(b, sf(w) | ((u32)op ^ 0x18000000) | fields, d, n, 0);
}

void a64_two(struct a64_buf *b, enum a64_two op, u8 w, u8 d, u8 n, u8 m)
{
	put_dnm(b, sf(w) | (u32)op, d, n, m);
}

void a64_madd(struct a64_buf *b, u8 w, u8 d, u8 n, u8 m, u8 a)
{
	put_dnm(b, sf(w) | 0x1b000000 | (u32)a << 10, d, n, m);
}

void a64_msub(struct a64_buf *b, u8 w, u8 d, u8 n, u8 m, u8 a)
{
	put_dnm(b, sf(w) | 0x1b008000 | (u32)a << 10, d, n, m);
}

void a64_bitfield(struct a64_buf *b, bool is_signed, u8 w, u8 d, u8 n, u8 immr, u8 imms)
{
	u32 opcode = is_signed ? 0x13000000 : 0x53000000;

	if (w == 64)
		opcode |= 1u << 22;
	put_dnm(b, sf(w) | opcode | (u32)immr << 16 | (u32)imms << 10, d, n, 0);
}

void a64_shift_imm(struct a64_buf *b, enum a64_shift shift, u8 w, u8 d, u8 n, u8 count)
{
	u8 top = w - 1;

	switch (shift) {
	case A64_LSL: a64_bitfield(b, false, w, d, n, (u8)(-count & top), top - count); break;
	case A64_LSR: a64_bitfield(b, false, w, d, n, count, top); break;
	case A64_ASR: a64_bitfield(b, true, w, d, n, count, top); break;
	case A64_ROR: /* extr with one register twice */
		put_dnm(b, sf(w) | 0x13800000 | (w == 64 ? 1u << 22 : 0) | (u32)count << 10, d, n,
			n);
		break;
	}
}

void a64_extend(struct a64_buf *b, bool is_signed, u8 size, u8 w, u8 d, u8 n)
{
	if (is_signed)
		a64_bitfield(b, true, w, d, n, 0, (u8)(8 * size - 1));
	else if (size == 4)
		a64_mov(b, 32, d, n);
	else
		a64_bitfield(b, false, 32, d, n, 0, (u8)(8 * size - 1));
}

void a64_rev(struct a64_buf *b, u8 w, u8 d, u8 n)
{
	put_dnm(b, w == 64 ? 0xdac00c00 : 0x5ac00800, d, n, 0);
}

void a64_clz(struct a64_buf *b, u8 w, u8 d, u8 n)
{
	put_dnm(b, sf(w) | 0x5ac01000, d, n, 0);
}

void a64_rev16(struct a64_buf *b, u8 w, u8 d, u8 n)
{
	put_dnm(b, sf(w) | 0x5ac00400, d, n, 0);
}

void a64_select(struct a64_buf *b, enum a64_select op, u8 w, u8 d, u8 n, u8 m, enum a64_cond cond)
{
	u32 opcode = 0x1a800000;

	if (op == A64_CSINV || op == A64_CSNEG)
		opcode |= 1u << 30;
	if (op == A64_CSINC || op == A64_CSNEG)
		opcode |= 1u << 10;
	put_dnm(b, sf(w) | opcode | (u32)cond << 12, d, n, m);
}

void a64_cset(struct a64_buf *b, u8 d, enum a64_cond cond)
{
	a64_select(b, A64_CSINC, 32, d, A64_ZR, A64_ZR, (enum a64_cond)(cond ^ 1));
}

/* ---- memory -------------------------------------------------------------------------------- */

static u32 log2_of(u8 size)
{
	return (u32)__builtin_ctz(size);
}

/* opc: 0 stores, 1 loads, 2 loads with sign. */
static void put_mem(struct a64_buf *b, u8 size, u32 opc, u8 t, struct a64_mem m)
{
	u32 opcode = log2_of(size) << 30 | 0x38000000 | opc << 22;

	if (m.index != A64_NO_REG) {
		opcode |= 0x00200800 | (m.is_index32 ? 2u : 3u) << 13 | (m.scale ? 1u << 12 : 0);
		put_dnm(b, opcode, t, m.base, m.index);
	} else if (m.disp >= 0 && m.disp % size == 0) {
		put_dnm(b, opcode | 1u << 24 | ((u32)m.disp >> log2_of(size)) << 10, t, m.base, 0);
	} else {
		put_dnm(b, opcode | ((u32)m.disp & 0x1ff) << 12, t, m.base, 0);
	}
}

void a64_load(struct a64_buf *b, u8 size, u8 d, struct a64_mem m)
{
	put_mem(b, size, 1, d, m);
}

void a64_load_sx(struct a64_buf *b, u8 size, u8 d, struct a64_mem m)
{
	put_mem(b, size, size == 8 ? 1 : 2, d, m);
}

void a64_store(struct a64_buf *b, u8 size, u8 s, struct a64_mem m)
{
	put_mem(b, size, 0, s, m);
}

static void put_pair(struct a64_buf *b, u32 opcode, u8 x, u8 y, u8 base, s32 disp)
{
	a64_word(b, opcode | ((u32)(disp / 8) & 0x7f) << 15 | (u32)y << 10 | (u32)base << 5 | x);
}

void a64_load_pair(struct a64_buf *b, u8 x, u8 y, u8 base, s32 disp)
{
	put_pair(b, 0xa9400000, x, y, base, disp);
}

void a64_store_pair(struct a64_buf *b, u8 x, u8 y, u8 base, s32 disp)
{
	put_pair(b, 0xa9000000, x, y, base, disp);
}

void a64_load_pair_post(struct a64_buf *b, u8 x, u8 y, u8 base, s32 disp)
{
	put_pair(b, 0xa8c00000, x, y, base, disp);
}

void a64_store_pair_pre(struct a64_buf *b, u8 x, u8 y, u8 base, s32 disp)
{
	put_pair(b, 0xa9800000, x, y, base, disp);
}

/* ---- atomics and the rest ------------------------------------------------------------------ */

void a64_atomic(
	struct a64_buf *b, enum a64_atomic op, u8 size, bool is_ordered, u8 s, u8 d, u8 base)
{
	put_dnm(b, log2_of(size) << 30 | (u32)op | (is_ordered ? 3u << 22 : 0), d, base, s);
}

void a64_cas(struct a64_buf *b, u8 size, u8 s, u8 t, u8 base)
{
	put_dnm(b, log2_of(size) << 30 | 0x08e0fc00, t, base, s);
}

void a64_exclusive(struct a64_buf *b, enum a64_exclusive op, u8 size, u8 t, u8 base)
{
	put_dnm(b, log2_of(size) << 30 | (u32)op, t, base, 0);
}

void a64_store_exclusive(struct a64_buf *b, bool is_release, u8 size, u8 status, u8 t, u8 base)
{
	put_dnm(b, log2_of(size) << 30 | (is_release ? 0x0800fc00 : 0x08007c00), t, base, status);
}

void a64_branch_reg(struct a64_buf *b, u8 reg)
{
	put_dnm(b, 0xd61f0000, 0, reg, 0);
}

void a64_call_reg(struct a64_buf *b, u8 reg)
{
	put_dnm(b, 0xd63f0000, 0, reg, 0);
}

void a64_ret(struct a64_buf *b)
{
	put_dnm(b, 0xd65f0000, 0, A64_LR, 0);
}

void a64_bti_c(struct a64_buf *b)
{
	a64_word(b, 0xd503245f);
}

void a64_dmb_ish(struct a64_buf *b)
{
	a64_word(b, 0xd5033bbf);
}

void a64_speculation_barrier(struct a64_buf *b)
{
	a64_word(b, 0xd503379f);
	a64_word(b, 0xd5033fdf);
}

void a64_trap(struct a64_buf *b)
{
	a64_word(b, 0xd4200000);
}
