// SPDX-License-Identifier: BSD-2-Clause
/*
 * How many low bits of each value can be set, through loops; and zero extensions that this shows
 * to do nothing. Optimistic: phis start with the least and grow until nothing changes.
 *
 * Needs: pass_phi. Keeps: order, blocks, operands resolved. Breaks: nothing.
 */
#include "jit/ir.h"

/* Growth steps, so that a counter does not grow bit by bit. */
static u8 round_up(u8 bits)
{
	return bits <= 1 ? 1 : bits <= 8 ? 8 : bits <= 16 ? 16 : bits <= 32 ? 32 : 64;
}

static u8 bits_now(const struct ir_func *f, const struct ir_val *v)
{
	const struct ir_val *a = &f->vals[v->a], *b = &f->vals[v->b];
	u32 bits = v->bits, i;

	switch (v->op) {
	case IR_PHI:
		bits = 1;
		for (i = 0; i < v->arg_count; i++)
			bits = MAX(bits, f->vals[f->args[v->args + i]].bits);
		return round_up((u8)bits);
	case IR_SELECT: return MAX(f->vals[v->c].bits, f->vals[f->args[v->args]].bits);
	case IR_ADD: bits = MAX(a->bits, b->bits) + 1; break;
	case IR_AND: bits = MIN(a->bits, b->bits); break;
	case IR_OR:
	case IR_XOR: bits = MAX(a->bits, b->bits); break;
	case IR_MUL: bits = a->bits + b->bits; break;
	case IR_SHL:
		if (b->op != IR_CONST)
			return v->w;
		bits = a->bits + (u32)b->imm;
		break;
	case IR_SHR:
		bits = MIN(a->bits, v->w);
		if (b->op == IR_CONST)
			bits = bits > b->imm ? bits - (u32)b->imm : 1;
		break;
	case IR_UDIV:
	case IR_UMOD: bits = a->bits; break;
	case IR_ZEXT: return MIN(a->bits, (u8)(8 * v->size));
	default: return v->bits;
	}
	return (u8)MIN(bits, v->w);
}

/* Phis that got more from around a loop; the first of them, or val_count. */
static u32 grow_phis(struct ir_func *f)
{
	u32 first = f->val_count, i, v;

	for (i = f->block_count; i-- > 0;) {
		const struct ir_block *b = &f->blocks[i];

		for (v = b->first; v < b->end && b->is_loop_head; v++) {
			struct ir_val *val = &f->vals[v];
			u8 bits = val->op == IR_PHI ? bits_now(f, val) : 0;

			if (val->op != IR_PHI && val->op != IR_NONE)
				break;
			if (bits > val->bits) {
				val->bits = bits;
				first = v;
			}
		}
	}
	return first;
}

void pass_bits(struct ir_func *f)
{
	bool is_changed = false;
	u32 v, from;

	for (v = 1; v < f->val_count; v++) {
		if (f->vals[v].op == IR_PHI)
			f->vals[v].bits = 1;
	}
	/* at first only phis are optimistic: others may shrink */
	for (v = 1; v < f->val_count; v++)
		f->vals[v].bits = bits_now(f, &f->vals[v]);
	for (from = grow_phis(f); from < f->val_count; from = grow_phis(f)) {
		for (v = from; v < f->val_count; v++)
			f->vals[v].bits = MAX(f->vals[v].bits, bits_now(f, &f->vals[v]));
	}
	for (v = 1; v < f->val_count; v++) {
		const struct ir_val *val = &f->vals[v];
		bool is_nothing = val->op == IR_ZEXT && f->vals[val->a].bits <= 8 * val->size;

		if (is_nothing)
			ir_replace(f, v, val->a);
		is_changed |= is_nothing;
	}
	for (v = 1; is_changed && v < f->val_count; v++) {
		struct ir_val *val = &f->vals[v];

		IR_FOR_EACH_OPERAND(f, val, p, *p = ir_resolve(f, *p));
	}
	for (v = 0; v < f->block_count && is_changed; v++) {
		f->blocks[v].a = ir_resolve(f, f->blocks[v].a);
		f->blocks[v].b = ir_resolve(f, f->blocks[v].b);
	}
}
