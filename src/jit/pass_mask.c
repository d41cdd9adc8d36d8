// SPDX-License-Identifier: BSD-2-Clause
/*
 * Comparing with 0 what an AND gives is a test of its operands; a bit that is shifted down to be
 * looked at is tested where it stands.
 *
 * Needs: pass_dce, pass_narrow. Keeps: order, blocks, uses. Breaks: nothing.
 */
#include "jit/ir.h"

struct test {
	u32 a, b;
	u8 w, cond;
};

static void drop(struct ir_val *val)
{
	val->op = IR_NONE;
	val->a = val->b = 0;
	val->uses = 0;
}

/* x >> n & 1, for a known n, where 1 << n is a small constant. */
static void unshift(struct ir_func *f, struct test *t)
{
	struct ir_val *shr = &f->vals[t->a];
	u32 bit;

	if (shr->op != IR_SHR || shr->uses != 1 || !ir_is_const(f, t->b) ||
		f->vals[t->b].imm != 1 || !ir_is_const(f, shr->b) || f->vals[shr->b].imm > 30)
		return;
	bit = ir_const(f, 1ull << f->vals[shr->b].imm);
	shr = &f->vals[t->a]; /* may have moved */
	t->w = shr->w;
	t->b = bit;
	t->a = shr->a;
	drop(shr);
}

static bool find_test(struct ir_func *f, struct test *t)
{
	struct ir_val *and = &f->vals[t->a];

	if ((t->cond != IR_EQ && t->cond != IR_NE) || and->op != IR_AND || and->uses != 1 ||
		!ir_is_const(f, t->b) || f->vals[t->b].imm != 0)
		return false;
	t->cond = t->cond == IR_EQ ? IR_CLEAR : IR_SET;
	t->w = MIN(t->w, and->w);
	t->a = and->a;
	t->b = and->b;
	drop(and);
	unshift(f, t);
	return true;
}

void pass_mask(struct ir_func *f)
{
	u32 i;

	for (i = 0; i < f->block_count; i++) {
		struct ir_block *b = &f->blocks[i];
		struct test t = {b->a, b->b, b->w, b->cond};

		if (!b->is_reachable || b->term != IR_TERM_BRANCH || !find_test(f, &t))
			continue;
		b->a = f->vals[b->end - 1].a = t.a;
		b->b = f->vals[b->end - 1].b = t.b;
		b->w = f->vals[b->end - 1].w = t.w;
		b->cond = t.cond;
	}
	for (i = 0; i < f->alive_count && (f->ops & IR_BIT(IR_SELECT)); i++) {
		struct ir_val *val = &f->vals[f->alive[i]];
		struct test t = {val->a, val->b, val->w, val->cond};

		if (val->op != IR_SELECT || !find_test(f, &t))
			continue;
		val = &f->vals[f->alive[i]];
		val->a = t.a;
		val->b = t.b;
		val->w = t.w;
		val->cond = t.cond;
	}
}
