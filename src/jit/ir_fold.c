// SPDX-License-Identifier: BSD-2-Clause
/*
 * Values that simplify themselves while they are made: constants are computed, chains of constant
 * additions become one, two shifts and an OR become a rotation, extensions that say nothing new
 * vanish. Everything here looks at operands only, so it costs no pass.
 */
#include "jit/ir.h"
#include "jit/bug.h"
#include "runtime/interp_sem.h"

u32 ir_const(struct ir_func *f, u64 imm)
{
	u32 *cached = &f->const_cache[(imm ^ imm >> 7) % ARRAY_SIZE(f->const_cache)];
	u32 v = *cached;

	u32 i;

	for (i = 0; i < f->hoisted_count; i++) {
		if (f->vals[f->hoisted[i]].imm == imm)
			return f->hoisted[i];
	}
	/* a wide one is computed where it stands, so only its own block may use it again */
	if (v && f->vals[v].imm == imm && f->vals[v].op == IR_CONST &&
		(f->vals[v].block == f->block || (f->vals[v].flags & IR_NO_REG)))
		return v;
	v = ir_new(f, IR_CONST, 0, 0);
	f->vals[v].imm = imm;
	f->vals[v].bits = ir_bits_of(imm);
	if (ir_fits_s32(imm))
		f->vals[v].flags |= IR_NO_REG;
	else
		f->has_wide = true;
	*cached = v;
	return v;
}

u32 ir_low32(struct ir_func *f, u32 v)
{
	while (f->vals[v].op == IR_ZEXT && f->vals[v].size == 4)
		v = f->vals[v].a;
	if (ir_is_const(f, v))
		return ir_const(f, (u64)(s64)(s32)f->vals[v].imm);
	return v;
}

static bool fold_consts(enum ir_op op, u8 w, u64 a, u64 b, u64 *ret)
{
	switch (op) {
#define FOLD(ir, sem)                                                                              \
	case ir: *ret = w == 64 ? sem_##sem##64(a, b) : sem_##sem##32((u32)a, (u32)b); return true;
		FOLD(IR_ADD, ADD)
		FOLD(IR_SUB, SUB)
		FOLD(IR_MUL, MUL)
		FOLD(IR_AND, AND)
		FOLD(IR_OR, OR)
		FOLD(IR_XOR, XOR)
		FOLD(IR_SHL, LSH)
		FOLD(IR_SHR, RSH)
		FOLD(IR_SAR, ARSH)
		FOLD(IR_UDIV, DIV)
		FOLD(IR_UMOD, MOD)
		FOLD(IR_SDIV, SDIV)
		FOLD(IR_SMOD, SMOD)
	default: return false;
	}
}

static bool is_commutative(enum ir_op op)
{
	return IR_BIT(op) &
		(IR_BIT(IR_ADD) | IR_BIT(IR_MUL) | IR_BIT(IR_AND) | IR_BIT(IR_OR) | IR_BIT(IR_XOR));
}

/*
 * x / c as a multiplication: with m = ceil(2^(32 + s) / c) below 2^32 the quotient of any 32-bit x
 * is x * m >> (32 + s), as long as m * c exceeds the power of two by at most 2^s. 0 = no such m.
 */
static u32 divide_by_const(struct ir_func *f, u32 a, u32 c)
{
	u32 s;

	for (s = 0; s < 32 && c > 1; s++) {
		u64 power = 1ull << (32 + s), m = (power + c - 1) / c;

		if (m >> 32)
			return 0;
		if (m * c - power <= 1ull << s) {
			u32 product = ir_alu(f, IR_MUL, 64, ir_zext(f, 4, a), ir_const(f, m));

			return ir_alu(f, IR_SHR, 64, product, ir_const(f, 32 + s));
		}
	}
	return 0;
}

/* Unsigned division and remainder of what fits in 32 bits. */
static u32 fold_division(struct ir_func *f, enum ir_op op, u8 w, u32 a, u64 b)
{
	u32 quotient;

	if ((w == 64 && f->vals[a].bits > 32) || (w == 64 && b >> 32) || (u32)b == 0)
		return 0;
	quotient = divide_by_const(f, a, (u32)b);
	if (!quotient || op == IR_UDIV)
		return quotient;
	return ir_alu(f, IR_SUB, 32, a, ir_alu(f, IR_MUL, 32, quotient, ir_const(f, b)));
}

/* a op b with a constant b; 0 = nothing simpler. */
static u32 fold_with_const(struct ir_func *f, enum ir_op op, u8 w, u32 a, u64 b)
{
	const struct ir_val *va = &f->vals[a];
	u64 all = w == 64 ? UINT64_MAX : UINT32_MAX;

	switch (op) {
	case IR_ADD:
		if (w == 64 && va->op == IR_ADD && va->w == 64 && ir_is_const(f, va->b) &&
			ir_fits_s32(f->vals[va->b].imm + b))
			return ir_alu(f, IR_ADD, 64, va->a, ir_const(f, f->vals[va->b].imm + b));
		if (w == 32 && va->op == IR_ADD && ir_is_const(f, va->b))
			return ir_alu(f, IR_ADD, 32, va->a,
				ir_const(f, (u64)(s64)(s32)(f->vals[va->b].imm + b)));
		FALLTHROUGH;
	case IR_OR:
	case IR_XOR:
	case IR_SUB:
	case IR_SHL:
	case IR_SHR:
	case IR_SAR:
		if (JIT_BUG(SHIFT_BY_ZERO) && (b & all) == 0 && (op == IR_SHR || op == IR_SAR))
			return ir_const(f, 0);
		if ((b & all) == 0)
			return w == 64 || JIT_BUG(NOTHING32_ZEXT) ? a : ir_zext(f, 4, a);
		break;
	case IR_AND:
		if ((b & all) == 0)
			return ir_const(f, 0);
		if ((b & all) == all)
			return w == 64 ? a : ir_zext(f, 4, a);
		if (b == UINT32_MAX)
			return ir_zext(f, 4, a);
		if ((b & all) == 0xff || (b & all) == 0xffff)
			return ir_zext(f, (b & all) == 0xff ? 1 : 2, a);
		break;
	case IR_MUL:
		if ((b & all) == 1)
			return w == 64 ? a : ir_zext(f, 4, a);
		if (IS_POWER_OF_2(b & all))
			return ir_alu(f, IR_SHL, w, a, ir_const(f, (u64)__builtin_ctzll(b & all)));
		break;
	case IR_UDIV:
		if (IS_POWER_OF_2(b & all))
			return ir_alu(f, IR_SHR, w, a, ir_const(f, (u64)__builtin_ctzll(b & all)));
		return fold_division(f, op, w, a, b);
	case IR_UMOD:
		if (IS_POWER_OF_2(b & all))
			return ir_alu(f, IR_AND, w, a, ir_const(f, (b & all) - 1));
		return fold_division(f, op, w, a, b);
	default: break;
	}
	/* x << 32 >> 32 */
	if (w == 64 && b == 32 && va->op == IR_SHL && va->w == 64 && ir_is_const(f, va->b) &&
		f->vals[va->b].imm == 32) {
		if (op == IR_SHR)
			return ir_zext(f, 4, va->a);
		if (op == IR_SAR)
			return ir_sext(f, 4, 64, va->a);
	}
	return 0;
}

/* x << n | x >> (w - n); 0 = it is not. */
static u32 fold_rotate(struct ir_func *f, u8 w, u32 a, u32 b)
{
	const struct ir_val *l = &f->vals[a], *r = &f->vals[b];
	u32 v;

	if (l->op == IR_SHR && r->op == IR_SHL) {
		const struct ir_val *t = l;

		l = r;
		r = t;
	}
	if (l->op != IR_SHL || r->op != IR_SHR || l->w != w || r->w != w || !ir_is_const(f, l->b) ||
		!ir_is_const(f, r->b) || f->vals[l->b].imm + f->vals[r->b].imm != w)
		return 0;
	/* of a value out of bytes, clang takes the high bits from the last byte */
	if (l->a != r->a && !ir_bytes_agree(f, l->a, r->a, w, (u32)f->vals[r->b].imm))
		return 0;
	v = ir_new(f, IR_ROL, l->a, l->b);
	f->vals[v].w = w;
	f->vals[v].bits = w;
	return v;
}

static u8 bits_of_alu(const struct ir_func *f, enum ir_op op, u8 w, u32 a, u32 b)
{
	const struct ir_val *va = &f->vals[a], *vb = &f->vals[b];
	u32 bits = w;

	switch (op) {
	case IR_AND: bits = MIN(va->bits, vb->bits); break;
	case IR_OR:
	case IR_XOR: bits = MAX(va->bits, vb->bits); break;
	case IR_ADD: bits = MAX(va->bits, vb->bits) + 1; break;
	case IR_MUL: bits = va->bits + vb->bits; break;
	case IR_SHL:
		if (vb->op == IR_CONST)
			bits = va->bits + (u32)(vb->imm & (w - 1));
		break;
	case IR_SHR:
		bits = MIN(va->bits, w);
		if (vb->op == IR_CONST) {
			u32 by = (u32)(vb->imm & (w - 1));

			bits = bits > by ? bits - by : 1;
		}
		break;
	case IR_UDIV: bits = va->bits; break;
	case IR_UMOD: bits = va->bits; break;
	default: break;
	}
	return (u8)MIN(bits, w);
}

u32 ir_alu(struct ir_func *f, enum ir_op op, u8 w, u32 a, u32 b)
{
	u64 folded;
	u32 v;

	if (w == 32) {
		a = ir_low32(f, a);
		b = ir_low32(f, b);
	}
	if (is_commutative(op) & ir_is_const(f, a)) {
		u32 t = a;

		a = b;
		b = t;
	}
	if (ir_is_const(f, b)) {
		if (ir_is_const(f, a) &&
			fold_consts(op, w, f->vals[a].imm, f->vals[b].imm, &folded))
			return ir_const(f, folded);
		if (op == IR_SHL || op == IR_SHR || op == IR_SAR)
			b = ir_const(f, f->vals[b].imm & (w - 1));
		if (op == IR_SUB && (f->vals[b].imm != (u64)INT32_MIN || JIT_BUG(SUB_MIN))) {
			op = IR_ADD;
			b = ir_const(f,
				w == 64 && !JIT_BUG(SUB_MIN) ? -f->vals[b].imm
							     : (u64)(s64)(s32)-f->vals[b].imm);
		}
		v = fold_with_const(f, op, w, a, f->vals[b].imm);
		if (v)
			return v;
	}
	if (a == b && (op == IR_XOR || op == IR_SUB))
		return ir_const(f, 0);
	if (op == IR_OR || op == IR_XOR || op == IR_ADD) {
		v = fold_rotate(f, w, a, b);
		if (!v && op != IR_XOR)
			v = ir_bytes_or(f, w, a, b);
		if (v)
			return v;
	}
	v = ir_new(f, op, a, b);
	f->vals[v].w = w;
	f->vals[v].bits = bits_of_alu(f, op, w, a, b);
	if (op == IR_SHL && ir_is_const(f, b))
		ir_bytes_shift(f, v, a, (u32)f->vals[b].imm);
	if (op == IR_OR || op == IR_ADD)
		ir_bytes_or(f, 0, v, 0);
	return v;
}

u32 ir_zext(struct ir_func *f, u8 size, u32 a)
{
	u64 mask = size == 8 ? UINT64_MAX : (1ull << 8 * size) - 1;
	u32 v;

	if (size >= 8 || f->vals[a].bits <= 8 * size)
		return a;
	if (ir_is_const(f, a))
		return ir_const(f, f->vals[a].imm & mask);
	if (f->vals[a].op == IR_ZEXT && f->vals[a].size >= size)
		a = f->vals[a].a;
	v = ir_new(f, IR_ZEXT, a, 0);
	f->vals[v].size = size;
	f->vals[v].bits = (u8)(8 * size);
	return v;
}

u32 ir_sext(struct ir_func *f, u8 size, u8 w, u32 a)
{
	u32 v;

	if (ir_is_const(f, a)) {
		u64 x = f->vals[a].imm;

		x = size == 1 ? (u64)(s64)(s8)x : size == 2 ? (u64)(s64)(s16)x : (u64)(s64)(s32)x;
		return ir_const(f, w == 64 ? x : (u32)x);
	}
	v = ir_new(f, IR_SEXT, a, 0);
	f->vals[v].size = size;
	f->vals[v].w = w;
	f->vals[v].bits = w;
	return v;
}

u32 ir_bswap(struct ir_func *f, u8 size, u32 a)
{
	u32 v;

	if (ir_is_const(f, a)) {
		u64 x = f->vals[a].imm;

		return ir_const(f,
			size == 2	    ? __builtin_bswap16((u16)x)
				: size == 4 ? __builtin_bswap32((u32)x)
					    : __builtin_bswap64(x));
	}
	if (f->vals[a].op == IR_ZEXT && f->vals[a].size >= size)
		a = f->vals[a].a;
	v = ir_new(f, IR_BSWAP, a, 0);
	f->vals[v].size = size;
	f->vals[v].bits = (u8)(8 * size);
	return v;
}

/* Addresses beside one that the block has already need no constant of their own. */
static u32 near_const(struct ir_func *f, u32 a, s64 *disp)
{
	u32 base = f->base;
	u64 distance = f->vals[a].imm - f->vals[base].imm;

	if (!base || f->vals[base].block != f->block || f->vals[base].op != IR_CONST ||
		!ir_fits_s32(distance) || !ir_fits_s32(distance + (u64)*disp)) {
		f->base = a;
		return a;
	}
	*disp += (s64)distance;
	return base;
}

u32 ir_mem(struct ir_func *f, enum ir_op op, u8 size, u32 a, s64 disp)
{
	const struct ir_val *va = &f->vals[a];
	u32 v;

	if (va->op == IR_CONST && !(va->flags & IR_NO_REG))
		a = near_const(f, a, &disp);
	if (va->op == IR_ADD && va->w == 64 && ir_is_const(f, va->b) &&
		ir_fits_s32(f->vals[va->b].imm + (u64)disp)) {
		disp += (s64)f->vals[va->b].imm;
		a = va->a;
	}
	if (op == IR_LOAD && a == f->frame) {
		v = ir_known(f, disp, size);
		if (v)
			return v;
	}
	v = ir_new(f, op, a, 0);
	f->vals[v].size = size;
	f->vals[v].disp = (s32)disp;
	f->vals[v].bits = op == IR_LOAD || op == IR_ACQUIRE ? (u8)(8 * size) : 64;
	if (op != IR_STORE && op != IR_LOAD && op != IR_LOADSX)
		ir_forget_memory(f);
	else if (op != IR_STORE && !ir_stores_miss(f, a, disp, size))
		f->store_count = 0;
	if (op == IR_LOAD)
		ir_bytes_load(f, v);
	else if (op != IR_LOADSX)
		f->vals[v].flags |= IR_EFFECT;
	return v;
}
