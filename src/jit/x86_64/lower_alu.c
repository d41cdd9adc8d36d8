// SPDX-License-Identifier: BSD-2-Clause
/*
 * Arithmetic. x86 writes over its first operand, so when the result has another register the
 * operand is moved there first, unless lea, imul or a BMI2 form computes into a third one.
 */
#include "jit/x86_64/lower.h"

#include "jit/bug.h"

#include "base/os.h"

enum x86_alu x86_alu_of(u8 op)
{
	switch (op) {
	case IR_ADD: return X86_ADD;
	case IR_SUB: return X86_SUB;
	case IR_AND: return X86_AND;
	case IR_OR: return X86_OR;
	default: return X86_XOR;
	}
}

static enum x86_shift shift_of(u8 op)
{
	switch (op) {
	case IR_SHL: return X86_SHL;
	case IR_SHR: return X86_SHR;
	case IR_SAR: return X86_SAR;
	default: return X86_ROL;
	}
}

static bool is_in_reg(const struct lower *l, u32 v)
{
	const struct ir_val *val = &l->f->vals[v];

	return val->reg >= 0 && !(val->flags & (IR_NO_REG | IR_FOLDED));
}

static bool is_reg(const struct lower *l, u32 v, u8 reg)
{
	return is_in_reg(l, v) && (u8)l->f->vals[v].reg == reg;
}

static void add_const(struct lower *l, u8 w, u8 d, u32 a, s32 imm)
{
	if (l->f->vals[a].op == IR_FRAME) {
		x86_lea(l->b, 64, d, (struct x86_mem){X86_RSP, X86_NO_REG, 0, l->stack_end + imm});
		return;
	}
	if (is_in_reg(l, a) && !is_reg(l, a, d)) {
		x86_lea(l->b, w, d, (struct x86_mem){(u8)l->f->vals[a].reg, X86_NO_REG, 0, imm});
		return;
	}
	lower_load_into(l, d, a, w);
	if (imm == 1 || imm == -1)
		x86_inc(l->b, w, d, imm < 0);
	else if (imm == 128)
		x86_alu_ri(l->b, X86_SUB, w, d, -128);
	else
		x86_alu_ri(l->b, X86_ADD, w, d, imm);
	lower_set_flags(l, d, w);
}

static void mul_const(struct lower *l, u8 w, u8 d, u32 a, s32 imm)
{
	u8 reg = lower_src(l, a, d);

	if (imm == 3 || imm == 5 || imm == 9) {
		u8 scale = imm == 3 ? 1 : imm == 5 ? 2 : 3;

		x86_lea(l->b, w, d, (struct x86_mem){reg, reg, scale, 0});
	} else {
		x86_imul_rri(l->b, w, d, reg, imm);
	}
}

static void shift_const(struct lower *l, u8 op, u8 w, u8 d, u32 a, u8 count)
{
	if (count == 0) { /* would leave the flags, and a 32-bit result its upper half */
		lower_load_into(l, d, a, w);
		if (w == 32)
			x86_mov_rr(l->b, 32, d, d);
		return;
	}
	if (is_in_reg(l, a) && !is_reg(l, a, d)) {
		u8 reg = (u8)l->f->vals[a].reg;

		if (op == IR_SHL && count == 1) {
			x86_lea(l->b, w, d, (struct x86_mem){reg, reg, 0, 0});
			return;
		}
		if (op == IR_ROL && l->has_bmi2) {
			x86_rorx(l->b, w, d, reg, (u8)(w - count));
			return;
		}
	}
	lower_load_into(l, d, a, w);
	x86_shift_ri(l->b, shift_of(op), w, d, count);
	if (op != IR_ROL)
		lower_set_flags(l, d, w);
}

static void alu_const(struct lower *l, u8 op, u8 w, u8 d, u32 a, s32 imm)
{
	switch (op) {
	case IR_ADD: add_const(l, w, d, a, imm); return;
	case IR_MUL: mul_const(l, w, d, a, imm); return;
	case IR_SHL:
	case IR_SHR:
	case IR_SAR:
	case IR_ROL: shift_const(l, op, w, d, a, (u8)imm); return;
	case IR_AND:
		if (imm >= 0)
			w = 32;
		FALLTHROUGH;
	default:
		lower_load_into(l, d, a, w);
		if (op == IR_XOR && imm == -1) {
			x86_unary(l->b, X86_NOT, w, d);
			return;
		}
		x86_alu_ri(l->b, x86_alu_of(op), w, d, imm);
		lower_set_flags(l, d, w);
		return;
	}
}

/* Shift by a register. Without BMI2 the count goes through rcx; r10 and r11 are free then. */
static void shift_reg(struct lower *l, u8 op, u8 w, u8 d, u32 a, u32 b)
{
	u8 count, value;

	if (l->has_bmi2 && op != IR_ROL) {
		count = lower_src(l, b, LOWER_SCRATCH);
		value = lower_src(l, a, is_in_reg(l, b) ? LOWER_SCRATCH : LOWER_SCRATCH2);
		x86_shiftx(l->b, shift_of(op), w, d, value, count);
		return;
	}
	lower_load_into(l, LOWER_SCRATCH2, a, w);
	lower_load_into(l, LOWER_SCRATCH, b, w);
	x86_xchg_rr(l->b, X86_RCX, LOWER_SCRATCH);
	x86_shift_cl(l->b, shift_of(op), w, LOWER_SCRATCH2);
	x86_xchg_rr(l->b, X86_RCX, LOWER_SCRATCH);
	x86_mov_rr(l->b, w, d, LOWER_SCRATCH2);
}

static void op_reg(struct lower *l, u8 op, u8 w, u8 d, u8 src)
{
	if (op == IR_MUL)
		x86_imul_rr(l->b, w, d, src);
	else
		x86_alu_rr(l->b, x86_alu_of(op), w, d, src);
}

static void op_mem(struct lower *l, u8 op, u8 w, u8 d, struct x86_mem m)
{
	if (op == IR_MUL)
		x86_imul_rm(l->b, w, d, m);
	else
		x86_alu_rm(l->b, x86_alu_of(op), w, d, m);
}

static bool is_commutative(u8 op)
{
	return op != IR_SUB;
}

/* d = a op b, where b is no small constant and op no shift. */
static void alu_operands(struct lower *l, u8 op, u8 w, u8 d, u32 a, u32 b)
{
	bool is_folded = l->f->vals[b].flags & IR_FOLDED;

	if (is_commutative(op) && !is_folded && is_reg(l, b, d) && !is_reg(l, a, d)) {
		u32 t = a;

		a = b;
		b = t;
		is_folded = false;
	}
	if (lower_is_spilled(l, b) && lower_kept(l, b) != X86_NO_REG && lower_kept(l, b) != d &&
		op != IR_SUB) {
		lower_load_into(l, d, a, w);
		op_reg(l, op, w, d, lower_kept(l, b));
		return;
	}
	if (is_folded || lower_is_spilled(l, b)) {
		struct x86_mem m = is_folded ? lower_address(l, b) : lower_slot(l, b);

		if (!is_reg(l, a, d) && lower_mem_uses(m, d)) {
			x86_load(l->b, w / 8, LOWER_SCRATCH, m);
			lower_load_into(l, d, a, w);
			op_reg(l, op, w, d, LOWER_SCRATCH);
			return;
		}
		lower_load_into(l, d, a, w);
		op_mem(l, op, w, d, m);
		return;
	}
	if (op == IR_ADD && is_in_reg(l, a) && is_in_reg(l, b) && !is_reg(l, a, d)) {
		u8 x = (u8)l->f->vals[a].reg, y = (u8)l->f->vals[b].reg;
		bool is_long = (x & 7) == X86_RBP; /* as a base it costs a displacement */

		x86_lea(l->b, w, d, (struct x86_mem){is_long ? y : x, is_long ? x : y, 0, 0});
		return;
	}
	if (op == IR_SUB && is_reg(l, b, d) && !is_reg(l, a, d)) {
		x86_unary(l->b, X86_NEG, w, d);
		if (is_in_reg(l, a))
			x86_alu_rr(l->b, X86_ADD, w, d, (u8)l->f->vals[a].reg);
		else if (lower_is_spilled(l, a))
			x86_alu_rm(l->b, X86_ADD, w, d, lower_slot(l, a));
		else if (l->f->vals[a].op != IR_CONST || l->f->vals[a].imm != 0)
			x86_alu_rr(l->b, X86_ADD, w, d, lower_src(l, a, LOWER_SCRATCH));
		return;
	}
	if (op == IR_SUB && l->f->vals[a].op == IR_CONST && l->f->vals[a].imm == 0) {
		lower_load_into(l, d, b, w);
		x86_unary(l->b, X86_NEG, w, d);
		return;
	}
	lower_load_into(l, d, a, w);
	op_reg(l, op, w, d, lower_src(l, b, LOWER_SCRATCH));
	if (op != IR_MUL)
		lower_set_flags(l, d, w);
}

void lower_alu(struct lower *l, u32 v)
{
	const struct ir_val *val = &l->f->vals[v];
	u8 d = lower_dst(l, v);
	s32 imm;

	if (lower_small_const(l, val->b, val->w, &imm) && val->op != IR_SUB)
		alu_const(l, val->op, val->w, d, val->a, imm);
	else if (val->op == IR_SHL || val->op == IR_SHR || val->op == IR_SAR || val->op == IR_ROL)
		shift_reg(l, val->op, val->w, d, val->a, val->b);
	else
		alu_operands(l, val->op, val->w, d, val->a, val->b);
	if (lower_is_spilled(l, v))
		lower_store_dst(l, v, d);
}

/* ---- division ------------------------------------------------------------------------------ */

static bool is_nonzero(const struct lower *l, u32 v)
{
	const struct ir_val *val = &l->f->vals[v];

	if (val->op == IR_CONST)
		return (u32)val->imm != 0;
	if (val->op == IR_OR && l->f->vals[val->b].op == IR_CONST)
		return (u32)l->f->vals[val->b].imm != 0;
	return false;
}

/* rax = quotient, rdx = remainder of rax by a register, with what division by 0 and -1 gives. */
static void divide(struct lower *l, const struct ir_val *val, u8 by)
{
	bool is_signed = val->op == IR_SDIV || val->op == IR_SMOD;
	bool is_mod = val->op == IR_UMOD || val->op == IR_SMOD;
	bool may_be_zero = val->cond != IR_NE && !is_nonzero(l, val->b);
	bool may_be_minus1 = is_signed && !JIT_BUG(SDIV_MINUS1) &&
		(l->f->vals[val->b].op != IR_CONST || (s32)l->f->vals[val->b].imm == -1);
	u32 end = x86_new_label(l->b), normal = x86_new_label(l->b);

	if (may_be_zero) {
		x86_test_rr(l->b, JIT_BUG(DIV32_ZERO_TEST) ? 64 : val->w, by, by);
		x86_jump(l->b, X86_NE, normal);
		if (is_mod)
			x86_mov_rr(l->b, JIT_BUG(MOD32_BY_ZERO) ? 64 : val->w, X86_RDX, X86_RAX);
		else
			x86_zero(l->b, X86_RAX);
		x86_jump(l->b, X86_ALWAYS, end);
	}
	x86_bind(l->b, normal);
	if (may_be_minus1) {
		u32 other = x86_new_label(l->b);

		x86_alu_ri(l->b, X86_CMP, val->w, by, -1);
		x86_jump(l->b, X86_NE, other);
		if (is_mod)
			x86_zero(l->b, X86_RDX);
		else
			x86_unary(l->b, X86_NEG, JIT_BUG(SDIV32_ZEXT) ? 64 : val->w, X86_RAX);
		x86_jump(l->b, X86_ALWAYS, end);
		x86_bind(l->b, other);
	}
	if (is_signed)
		x86_cqo(l->b, val->w);
	else
		x86_zero(l->b, X86_RDX);
	x86_unary(l->b, is_signed ? X86_IDIV : X86_DIV, val->w, by);
	x86_bind(l->b, end);
}

void lower_divide(struct lower *l, u32 v)
{
	const struct ir_val *val = &l->f->vals[v];
	bool is_mod = val->op == IR_UMOD || val->op == IR_SMOD;
	u8 by = lower_src(l, val->b, LOWER_SCRATCH);

	if (by == X86_RAX || by == X86_RDX) {
		x86_mov_rr(l->b, 64, LOWER_SCRATCH, by);
		by = LOWER_SCRATCH;
	}
	lower_load_into(l, X86_RAX, val->a, JIT_BUG(MOD32_BY_ZERO) ? 64 : val->w);
	divide(l, val, by);
	lower_store_dst(l, v, is_mod ? X86_RDX : X86_RAX);
	if (JIT_BUG(MOD32_BY_ZERO) && is_mod)
		x86_mov_rr(l->b, 64, lower_dst(l, v), X86_RDX);
}

/* ---- the rest ------------------------------------------------------------------------------ */

static void extend(struct lower *l, const struct ir_val *val, u8 d)
{
	bool is_signed = val->op == IR_SEXT;

	if (lower_is_spilled(l, val->a)) {
		struct x86_mem m = lower_slot(l, val->a);

		if (is_signed)
			x86_load_sx(l->b, val->size, val->w, d, m);
		else
			x86_load(l->b, val->size, d, m);
		return;
	}
	if (is_signed)
		x86_movsx_rr(l->b, val->size, val->w, d, lower_src(l, val->a, LOWER_SCRATCH));
	else
		x86_movzx_rr(l->b, val->size, d, lower_src(l, val->a, LOWER_SCRATCH));
}

static void bswap(struct lower *l, const struct ir_val *val, u8 d)
{
	lower_load_into(l, d, val->a, val->size == 8 ? 64 : 32);
	if (val->size == 2) {
		x86_rol16(l->b, d, 8); /* leaves what is above */
		if (l->f->vals[val->a].bits > 16 && !JIT_BUG(BSWAP16_ZEXT))
			x86_movzx_rr(l->b, 2, d, d);
	} else {
		x86_bswap(l->b, (u8)(8 * val->size), d);
	}
}

void lower_convert(struct lower *l, u32 v)
{
	const struct ir_val *val = &l->f->vals[v];
	u8 d = lower_dst(l, v);

	switch (val->op) {
	case IR_NEG:
		lower_load_into(l, d, val->a, val->w);
		x86_unary(l->b, X86_NEG, val->w, d);
		break;
	case IR_BSWAP: bswap(l, val, d); break;
	case IR_LOG2: /* bsr leaves its result alone when no bit is set */
		lower_load_into(l, d, val->a, val->w);
		x86_alu_ri(l->b, X86_OR, val->w, d, 1);
		x86_bsr(l->b, val->w, d, d);
		break;
	case IR_COUNT: x86_popcnt(l->b, val->w, d, lower_src(l, val->a, LOWER_SCRATCH)); break;
	case IR_LEA: x86_lea(l->b, 64, d, lower_address(l, v)); break;
	default: extend(l, val, d); break;
	}
	if (lower_is_spilled(l, v))
		lower_store_dst(l, v, d);
}

/* Whether comparing a and b leaves the scratch registers alone. */
static bool is_plain(const struct lower *l, u32 v)
{
	s32 imm;

	return is_in_reg(l, v) || lower_small_const(l, v, 64, &imm);
}

/* 1 or 0. setcc writes a byte only: the rest is cleared before, or it waits for the old value. */
static void select_bit(struct lower *l, u32 v, bool is_inverted)
{
	const struct ir_val *val = &l->f->vals[v];
	bool is_clean = (is_in_reg(l, val->a) && is_plain(l, val->b)) ||
		(is_in_reg(l, val->b) && is_plain(l, val->a));
	u8 d = lower_dst(l, v), t = d;
	enum x86_cond cond;

	if (is_clean) {
		if (is_reg(l, val->a, d) || is_reg(l, val->b, d))
			t = LOWER_SCRATCH;
		x86_zero(l->b, t);
	}
	cond = lower_compare(l, val->a, val->b, val->w, (enum ir_cond)val->cond);
	x86_setcc(l->b, is_inverted ? (enum x86_cond)(cond ^ 1) : cond, t);
	if (!is_clean)
		x86_movzx_rr(l->b, 1, d, t);
	else if (t != d)
		x86_mov_rr(l->b, 32, d, t);
	if (lower_is_spilled(l, v))
		lower_store_dst(l, v, d);
}

/* The comparison stands first: the result may share a register with what it reads. */
void lower_select(struct lower *l, u32 v)
{
	const struct ir_val *val = &l->f->vals[v];
	u32 yes = val->c, no = l->f->args[val->args];
	u8 d = lower_dst(l, v), w = val->bits > 32 ? 64 : 32, src;
	enum x86_cond cond;

	if (l->f->vals[yes].op == IR_CONST && l->f->vals[no].op == IR_CONST &&
		l->f->vals[yes].imm <= 1 && l->f->vals[no].imm == !l->f->vals[yes].imm) {
		select_bit(l, v, !l->f->vals[yes].imm);
		return;
	}
	cond = lower_compare(l, val->a, val->b, val->w, (enum ir_cond)val->cond);
	if (is_reg(l, yes, d)) {
		u32 t = yes;

		yes = no;
		no = t;
		cond ^= 1;
	}
	/* no instruction that changes the flags from here on */
	if (is_in_reg(l, no)) {
		if (!is_reg(l, no, d))
			x86_mov_rr(l->b, w, d, (u8)l->f->vals[no].reg);
	} else if (l->f->vals[no].op == IR_CONST || l->f->vals[no].op == IR_UNDEF) {
		x86_mov_ri(l->b, d, l->f->vals[no].imm);
	} else {
		lower_load_into(l, d, no, 64);
	}
	if ((l->f->vals[yes].op == IR_CONST || l->f->vals[yes].op == IR_UNDEF) &&
		!is_in_reg(l, yes)) {
		x86_mov_ri(l->b, LOWER_SCRATCH, l->f->vals[yes].imm);
		src = LOWER_SCRATCH;
	} else {
		src = lower_src(l, yes, LOWER_SCRATCH);
	}
	x86_cmov(l->b, cond, w, d, src);
	if (lower_is_spilled(l, v))
		lower_store_dst(l, v, d);
}

/* imm ^ random, then the random number again: neither shows the bytes that somebody chose. */
void lower_blind(struct lower *l, u32 v)
{
	const struct ir_val *val = &l->f->vals[v];
	u8 d = lower_dst(l, v);
	u32 mask;

	os_random(&mask, sizeof(mask));
	x86_mov_ri(l->b, d, (u32)val->imm ^ (mask | 0x80));
	x86_alu_ri(l->b, X86_XOR, 32, d, (s32)(mask | 0x80));
	lower_store_dst(l, v, d);
}
