// SPDX-License-Identifier: BSD-2-Clause
/*
 * Arithmetic. arm64 writes into a third register, takes shifted second operands (fold.c says where)
 * and defines division as BPF does: by 0 it gives 0, and the remainder is then the dividend.
 */
#include "jit/arm64/lower.h"

#include "jit/bug.h"

#include "base/os.h"

void arm64_add_const(struct arm64_lower *l, u8 w, u8 d, u8 n, s64 imm)
{
	bool is_sub = imm < 0;
	enum a64_alu op = is_sub ? A64_SUB : A64_ADD;
	u64 size = is_sub ? -(u64)imm : (u64)imm;

	if (a64_is_add_imm(size)) {
		a64_add_imm(l->b, op, w, d, n, (u32)size);
	} else if (size <= 0xffffff) {
		a64_add_imm(l->b, op, w, d, n, (u32)size & 0xfff000);
		a64_add_imm(l->b, op, w, d, d, (u32)size & 0xfff);
	} else {
		a64_mov_imm(l->b, ARM64_SCRATCH3, w == 32 ? (u32)imm : (u64)imm);
		a64_alu(l->b, A64_ADD, w, d, n, ARM64_SCRATCH3);
	}
}

static enum a64_alu alu_of(u8 op)
{
	switch (op) {
	case IR_ADD: return A64_ADD;
	case IR_SUB: return A64_SUB;
	case IR_AND: return A64_AND;
	case IR_OR: return A64_ORR;
	default: return A64_EOR;
	}
}

static enum a64_two shift_of(u8 op)
{
	switch (op) {
	case IR_SHL: return A64_LSLV;
	case IR_SHR: return A64_LSRV;
	case IR_SAR: return A64_ASRV;
	default: return A64_RORV;
	}
}

/* A shift by a constant as the machine counts it. */
static enum a64_shift shift_const(u8 op, u8 w, u64 *count)
{
	switch (op) {
	case IR_SHL: return A64_LSL;
	case IR_SHR: return A64_LSR;
	case IR_SAR: return A64_ASR;
	default: *count = -*count & (w - 1); return A64_ROR; /* to the left */
	}
}

static void shift(struct arm64_lower *l, const struct ir_val *val, u8 d)
{
	u8 w = val->w, n = arm64_src(l, val->a, w, ARM64_SCRATCH), m;
	u64 imm;

	if (arm64_is_const(l, val->b, w, &imm)) {
		enum a64_shift kind;

		imm &= w - 1;
		kind = shift_const(val->op, w, &imm);
		a64_shift_imm(l->b, kind, w, d, n, (u8)imm);
		return;
	}
	m = arm64_src(l, val->b, w, ARM64_SCRATCH2);
	if (val->op == IR_ROL) {
		a64_alu(l->b, A64_SUB, w, ARM64_SCRATCH3, A64_ZR, m);
		m = ARM64_SCRATCH3;
	}
	a64_two(l->b, shift_of(val->op), w, d, n, m);
}

static void multiply(struct arm64_lower *l, const struct ir_val *val, u8 d)
{
	u8 w = val->w, n = arm64_src(l, val->a, w, ARM64_SCRATCH);
	u64 imm;

	if (arm64_is_const(l, val->b, w, &imm) && imm > 1 && IS_POWER_OF_2(imm - 1)) {
		a64_alu_shifted(l->b, A64_ADD, w, d, n, n, A64_LSL, (u8)__builtin_ctzll(imm - 1));
		return;
	}
	a64_madd(l->b, w, d, n, arm64_src(l, val->b, w, ARM64_SCRATCH2), A64_ZR);
}

/* a op something that this instruction computes on the way. */
static void alu_folded(struct arm64_lower *l, const struct ir_val *val, u8 d)
{
	const struct ir_val *inner = &l->f->vals[val->b];
	u8 w = val->w, n, m;
	u64 count = 0;

	if (inner->op == IR_MUL) {
		u8 a = arm64_src(l, val->a, w, ARM64_SCRATCH3);

		n = arm64_src(l, inner->a, w, ARM64_SCRATCH);
		m = arm64_src(l, inner->b, w, ARM64_SCRATCH2);
		if (val->op == IR_SUB)
			a64_msub(l->b, w, d, n, m, a);
		else
			a64_madd(l->b, w, d, n, m, a);
		return;
	}
	m = arm64_src(l, inner->a, w, ARM64_SCRATCH2);
	if (inner->op == IR_ZEXT) {
		n = arm64_base(l, val->a, w, ARM64_SCRATCH);
		a64_add_uxtw(l->b, alu_of(val->op), d, n, m, 0);
	} else {
		enum a64_shift kind;

		n = arm64_src(l, val->a, w, ARM64_SCRATCH);
		arm64_is_const(l, inner->b, w, &count);
		kind = shift_const(inner->op, w, &count);
		a64_alu_shifted(l->b, alu_of(val->op), w, d, n, m, kind, (u8)count);
	}
}

/* The low `bits` bits of what a shift to the right gives, in one instruction. */
static void bit_field(struct arm64_lower *l, const struct ir_val *shr, u8 d, u32 bits)
{
	u32 count = (u32)l->f->vals[shr->b].imm & (shr->w - 1u);
	u32 last = MIN(count + bits, (u32)shr->w) - 1;

	a64_bitfield(l->b, false, shr->w, d, arm64_src(l, shr->a, shr->w, ARM64_SCRATCH), (u8)count,
		(u8)last);
}

/* A sum with a constant; false: the constant has a register, and needs one. */
static bool add_const(struct arm64_lower *l, const struct ir_val *val, u8 d, u64 imm)
{
	u8 w = val->w;
	s64 disp = w == 32 ? (s32)imm : (s64)imm;

	if (l->f->vals[val->a].op == IR_FRAME) {
		disp = l->stack_end + (s64)imm;
		if (disp < -0xffffff || disp > 0xffffff)
			return false;
		arm64_add_const(l, 64, d, A64_SP, disp);
		return true;
	}
	if (!(l->f->vals[val->b].flags & IR_NO_REG))
		return false;
	arm64_add_const(l, w, d, arm64_base(l, val->a, w, ARM64_SCRATCH), disp);
	return true;
}

/* With a constant; false: it must go through a register. */
static bool alu_const(struct arm64_lower *l, const struct ir_val *val, u8 d, u64 imm)
{
	u8 w = val->w;

	switch (val->op) {
	case IR_ADD: return add_const(l, val, d, imm);
	case IR_SUB: return false;
	default:
		if (val->op == IR_XOR && imm == (w == 32 ? UINT32_MAX : UINT64_MAX)) {
			a64_alu(l->b, A64_ORN, w, d, A64_ZR,
				arm64_src(l, val->a, w, ARM64_SCRATCH));
			return true;
		}
		if (!a64_is_bitmask(imm, w))
			return false;
		a64_logic_imm(
			l->b, alu_of(val->op), w, d, arm64_src(l, val->a, w, ARM64_SCRATCH), imm);
		return true;
	}
}

void arm64_alu(struct arm64_lower *l, u32 v)
{
	const struct ir_val *val = &l->f->vals[v];
	u8 d = arm64_dst(l, v), n;
	u64 imm;

	if (val->op == IR_SHL || val->op == IR_SHR || val->op == IR_SAR || val->op == IR_ROL) {
		shift(l, val, d);
	} else if (val->op == IR_MUL) {
		multiply(l, val, d);
	} else if (l->f->vals[val->b].flags & IR_FOLDED) {
		alu_folded(l, val, d);
	} else if (l->f->vals[val->a].flags & IR_FOLDED) { /* and with a mask */
		bit_field(l, &l->f->vals[val->a], d,
			(u32)__builtin_popcountll(l->f->vals[val->b].imm));
	} else if (!arm64_is_const(l, val->b, val->w, &imm) || !alu_const(l, val, d, imm)) {
		n = arm64_src(l, val->a, val->w, ARM64_SCRATCH);
		a64_alu(l->b, alu_of(val->op), val->w, d, n,
			arm64_src(l, val->b, val->w, ARM64_SCRATCH2));
	}
	if (arm64_is_spilled(l, v))
		arm64_store_dst(l, v, d);
}

void arm64_divide(struct arm64_lower *l, u32 v)
{
	const struct ir_val *val = &l->f->vals[v];
	bool is_signed = val->op == IR_SDIV || val->op == IR_SMOD;
	bool is_mod = val->op == IR_UMOD || val->op == IR_SMOD;
	enum a64_two op = is_signed ? A64_SDIV : A64_UDIV;
	u8 d = arm64_dst(l, v), w = val->w;
	u8 n = arm64_src(l, val->a, w, ARM64_SCRATCH), m = arm64_src(l, val->b, w, ARM64_SCRATCH2);

	if (is_mod) {
		a64_two(l->b, op, w, ARM64_SCRATCH3, n, m);
		a64_msub(l->b, w, d, ARM64_SCRATCH3, m, n);
	} else {
		a64_two(l->b, op, w, d, n, m);
	}
	if (arm64_is_spilled(l, v))
		arm64_store_dst(l, v, d);
}

void arm64_convert(struct arm64_lower *l, u32 v)
{
	const struct ir_val *val = &l->f->vals[v];
	u8 d = arm64_dst(l, v), w = val->op == IR_BSWAP && val->size < 8 ? 32 : 64, n;
	bool is_field = l->f->vals[val->a].flags & IR_FOLDED;

	if (is_field) {
		bit_field(l, &l->f->vals[val->a], d, 8u * val->size);
		if (arm64_is_spilled(l, v))
			arm64_store_dst(l, v, d);
		return;
	}
	n = arm64_src(l, val->a, w, ARM64_SCRATCH);
	switch (val->op) {
	case IR_NEG: a64_alu(l->b, A64_SUB, val->w, d, A64_ZR, n); break;
	case IR_BSWAP:
		if (val->size == 2) {
			a64_rev16(l->b, 32, d, n);
			if (!JIT_BUG(BSWAP16_ZEXT))
				a64_extend(l->b, false, 2, 32, d, d);
		} else {
			a64_rev(l->b, (u8)(8 * val->size), d, n);
		}
		break;
	case IR_LOG2: /* with the lowest bit set, 0 has the logarithm of 1 */
		a64_logic_imm(l->b, A64_ORR, val->w, ARM64_SCRATCH, n, 1);
		a64_clz(l->b, val->w, d, ARM64_SCRATCH);
		a64_logic_imm(l->b, A64_EOR, val->w, d, d, val->w - 1u);
		break;
	case IR_LEA:
		a64_alu_shifted(l->b, A64_ADD, 64, d, n, arm64_src(l, val->b, 64, ARM64_SCRATCH2),
			A64_LSL, val->scale);
		if (val->disp)
			arm64_add_const(l, 64, d, d, val->disp);
		break;
	default: a64_extend(l->b, val->op == IR_SEXT, val->size, val->w, d, n); break;
	}
	if (arm64_is_spilled(l, v))
		arm64_store_dst(l, v, d);
}

/* What is loaded for the choice leaves the flags alone. */
void arm64_select(struct arm64_lower *l, u32 v)
{
	const struct ir_val *val = &l->f->vals[v];
	u32 yes = val->c, no = l->f->args[val->args];
	u8 d = arm64_dst(l, v), w = val->bits > 32 ? 64 : 32, n, m;
	enum a64_cond cond =
		arm64_compare(l, val->a, val->b, val->w, (enum ir_cond)val->cond, false);
	u64 imm;

	if (arm64_is_const(l, yes, 64, &imm) && imm == 1) { /* 0 + 1 instead of the other one */
		m = arm64_src(l, no, w, ARM64_SCRATCH);
		a64_select(l->b, A64_CSINC, w, d, m, A64_ZR, (enum a64_cond)(cond ^ 1));
	} else if (arm64_is_const(l, no, 64, &imm) && imm == 1) {
		n = arm64_src(l, yes, w, ARM64_SCRATCH);
		a64_select(l->b, A64_CSINC, w, d, n, A64_ZR, cond);
	} else {
		n = arm64_src(l, yes, w, ARM64_SCRATCH);
		m = arm64_src(l, no, w, ARM64_SCRATCH2);
		a64_select(l->b, A64_CSEL, w, d, n, m, cond);
	}
	if (arm64_is_spilled(l, v))
		arm64_store_dst(l, v, d);
}

/* imm ^ random, then the random number again: neither shows the bytes that somebody chose. */
void arm64_blind(struct arm64_lower *l, u32 v)
{
	const struct ir_val *val = &l->f->vals[v];
	u8 d = arm64_dst(l, v);
	u32 mask;

	os_random(&mask, sizeof(mask));
	a64_mov_imm(l->b, d, (u32)val->imm ^ mask);
	a64_mov_imm(l->b, ARM64_SCRATCH, mask);
	a64_alu(l->b, A64_EOR, 32, d, d, ARM64_SCRATCH);
	arm64_store_dst(l, v, d);
}
