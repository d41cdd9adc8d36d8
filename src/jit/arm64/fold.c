// SPDX-License-Identifier: BSD-2-Clause
/*
 * What arm64 does for free. arm64_fold_addresses(): an addition inside an address, a constant or an
 * index, which may be multiplied by the size and be 32 bits wide. arm64_fold_operands(): shifts and
 * zero extensions of second operands, products that are added, fields of bits, constants.
 *
 * Needs: pass_dce; pass_narrow between the two. Keeps: order, blocks. Breaks: uses of what was
 * folded away.
 */
#include "jit/arm64/lower.h"

static bool is_memory(const struct ir_val *v)
{
	return v->op == IR_LOAD || v->op == IR_LOADSX || v->op == IR_STORE;
}

static void drop(struct ir_func *f, u32 v)
{
	f->vals[v].op = IR_NONE;
	f->vals[v].a = f->vals[v].b = f->vals[v].c = 0;
	f->vals[v].flags = 0;
	f->vals[v].uses = 0;
}

/* Whether v, an operand of user, is computed for it alone. */
static bool is_private(const struct ir_func *f, u32 v, const struct ir_val *user)
{
	return f->vals[v].uses == 1 && f->vals[v].block == user->block && !f->vals[v].flags;
}

static void fold_index(struct ir_func *f, struct ir_val *v)
{
	u32 add = v->a, shl;
	const struct ir_val *s = &f->vals[add];

	if (s->op != IR_ADD || s->w != 64 || !is_private(f, add, v))
		return;
	if (ir_is_const(f, s->b)) {
		s64 disp;

		if (__builtin_add_overflow((s64)v->disp, (s64)f->vals[s->b].imm, &disp) ||
			!a64_is_disp(disp, v->size))
			return;
		v->disp = (s32)disp;
		v->a = s->a;
		drop(f, add);
		fold_index(f, v);
		return;
	}
	if (v->disp || f->vals[s->a].op == IR_FRAME || f->vals[s->b].op == IR_FRAME)
		return;
	v->a = s->a;
	v->b = s->b;
	drop(f, add);
	if (f->vals[v->a].op == IR_SHL ||
		(f->vals[v->a].op == IR_ZEXT && f->vals[v->b].op != IR_SHL)) {
		u32 t = v->a;

		v->a = v->b;
		v->b = t;
	}
	shl = v->b;
	s = &f->vals[shl];
	if (s->op == IR_SHL && s->w == 64 && is_private(f, shl, v) && ir_is_const(f, s->b) &&
		v->size > 1 && 1ull << (f->vals[s->b].imm & 63) == v->size) {
		v->scale = (u8)f->vals[s->b].imm;
		v->b = s->a;
		drop(f, shl);
	}
	s = &f->vals[v->b];
	if (s->op == IR_ZEXT && s->size == 4 && is_private(f, v->b, v))
		f->vals[v->b].flags |= IR_FOLDED;
}

void arm64_fold_addresses(struct ir_func *f)
{
	u32 v;

	for (v = f->val_count - 1; v > 0; v--) {
		if (is_memory(&f->vals[v]))
			fold_index(f, &f->vals[v]);
	}
}

/* Whether the second operand of v may be computed by v itself. */
static bool can_fold(const struct ir_func *f, const struct ir_val *v, u32 operand)
{
	const struct ir_val *s = &f->vals[operand];
	bool is_sum = v->op == IR_ADD || v->op == IR_SUB;

	if (!is_private(f, operand, v) || v->a == v->b)
		return false;
	switch (s->op) {
	case IR_MUL: return is_sum && s->w == v->w;
	case IR_ZEXT: /* unless it takes out a field itself */
		return is_sum && s->size == 4 && v->w == 64 && !(f->vals[s->a].flags & IR_FOLDED);
	case IR_ROL: return !is_sum && s->w == v->w && ir_is_const(f, s->b);
	case IR_SHL:
	case IR_SHR:
	case IR_SAR: return s->w == v->w && ir_is_const(f, s->b);
	default: return false;
	}
}

/* Low bits of x >> n: the shift becomes part of taking them out. */
static void fold_field(struct ir_func *f, const struct ir_val *v)
{
	const struct ir_val *s = &f->vals[v->a];
	bool is_mask = v->op == IR_ZEXT ||
		(v->op == IR_AND && ir_is_const(f, v->b) && s->w == v->w &&
			IS_POWER_OF_2(f->vals[v->b].imm + 1));

	if (is_mask && !v->flags && s->op == IR_SHR && ir_is_const(f, s->b) &&
		is_private(f, v->a, v))
		f->vals[v->a].flags |= IR_FOLDED;
}

static void fold_operand(struct ir_func *f, struct ir_val *v)
{
	fold_field(f, v);
	switch (v->op) {
	case IR_ADD:
	case IR_AND:
	case IR_OR:
	case IR_XOR:
		/* a wide constant has a register of its own */
		if (can_fold(f, v, v->a) && !can_fold(f, v, v->b) &&
			(!ir_is_const(f, v->b) || !ir_fits_s32(f->vals[v->b].imm))) {
			u32 t = v->a;

			v->a = v->b;
			v->b = t;
		}
		FALLTHROUGH;
	case IR_SUB:
		if (can_fold(f, v, v->b))
			f->vals[v->b].flags |= IR_FOLDED;
		break;
	default: break;
	}
}

/* Whether this operand is best kept in a register when it is a constant of several instructions. */
static bool needs_register(const struct ir_val *user, u64 imm)
{
	switch (user->op) {
	case IR_PHI:
	case IR_CALL:
	case IR_CALL_FUNC:
	case IR_TAIL_CALL:
	case IR_PACKET: return false;
	case IR_AND:
	case IR_OR:
	case IR_XOR: return !a64_is_bitmask(imm, user->w);
	default: return true;
	}
}

/*
 * Constants below 2^32 belong to no block (ir_const()), so they are made wherever they are needed;
 * so are those of one instruction.
 */
static void place_constants(struct ir_func *f)
{
	u32 v, words[4];

	for (v = 1; v < f->val_count; v++) {
		if (f->vals[v].op == IR_CONST)
			f->vals[v].flags |= IR_NO_REG;
	}
	for (v = 1; v < f->val_count; v++) {
		struct ir_val *val = &f->vals[v];
		bool is_return = val->op == IR_END && f->blocks[val->block].term == IR_TERM_RETURN;

		if (is_return)
			continue;
		IR_FOR_EACH_OPERAND(f, val, p, {
			u64 imm = f->vals[*p].imm;

			if (ir_is_const(f, *p) && !ir_fits_s32(imm) &&
				a64_mov_imm_words(imm, words) > 1 && needs_register(val, imm))
				f->vals[*p].flags &= (u8)~IR_NO_REG;
		});
	}
}

void arm64_fold_operands(struct ir_func *f)
{
	u32 v;

	for (v = 1; v < f->val_count; v++)
		fold_operand(f, &f->vals[v]);
	place_constants(f);
}
