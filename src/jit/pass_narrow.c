// SPDX-License-Identifier: BSD-2-Clause
/*
 * Narrow operations where the upper halves are known to be zero.
 *
 * Needs: pass_bits, pass_dce. Keeps: order, blocks, uses. Breaks: nothing.
 */
#include "jit/ir.h"

static void narrow(struct ir_func *f, struct ir_val *v)
{
	const struct ir_val *a = &f->vals[v->a], *b = &f->vals[v->b];

	switch (v->op) {
	case IR_ADD:
		/* what counts is quicker in 64 bits: register renaming does it */
		if (a->op != IR_PHI || !ir_is_const(f, v->b))
			v->w = 32;
		break;
	case IR_MUL:
	case IR_OR:
	case IR_XOR:
	case IR_AND: v->w = 32; break;
	case IR_SHL:
		if (ir_is_const(f, v->b) && b->imm < 32)
			v->w = 32;
		break;
	case IR_SHR:
		if (a->bits <= 32 && ir_is_const(f, v->b) && b->imm < 32)
			v->w = 32;
		break;
	case IR_UDIV:
	case IR_UMOD:
		if (a->bits <= 32 && b->bits <= 32)
			v->w = 32;
		break;
	default: break;
	}
}

static bool is_unsigned(u8 cond)
{
	return cond <= IR_UGT || cond >= IR_CLEAR;
}

static void narrow_branch(struct ir_func *f, struct ir_block *b)
{
	u8 most = MAX(f->vals[b->a].bits, f->vals[b->b].bits);

	if (b->term != IR_TERM_BRANCH || b->w == 32)
		return;
	if (most <= 31 || (most == 32 && is_unsigned(b->cond)))
		b->w = 32;
	else if (b->cond >= IR_CLEAR && MIN(f->vals[b->a].bits, f->vals[b->b].bits) <= 32)
		b->w = 32;
	f->vals[b->end - 1].w = b->w;
}

void pass_narrow(struct ir_func *f)
{
	const u64 may_narrow = IR_BIT(IR_ADD) | IR_BIT(IR_MUL) | IR_BIT(IR_OR) | IR_BIT(IR_XOR) |
		IR_BIT(IR_AND) | IR_BIT(IR_SHL) | IR_BIT(IR_SHR) | IR_BIT(IR_UDIV) |
		IR_BIT(IR_UMOD);
	u32 i;

	for (i = 0; i < f->alive_count; i++) {
		struct ir_val *val = &f->vals[f->alive[i]];

		if (((IR_BIT(val->op) & may_narrow) != 0) & (val->w == 64) & (val->bits <= 32))
			narrow(f, val);
	}
	for (i = 0; i < f->block_count; i++) {
		if (f->blocks[i].is_reachable)
			narrow_branch(f, &f->blocks[i]);
	}
}
