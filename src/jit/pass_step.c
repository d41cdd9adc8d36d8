// SPDX-License-Identifier: BSD-2-Clause
/*
 * Counters of loops: what is compared is the next turn's, or else the addition moves onto the edge.
 *
 * Needs: pass_dce. Keeps: order, blocks, uses. Breaks: nothing; sets IR_FOLDED.
 */
#include "jit/ir.h"

/* How often a block's values have v as an operand. */
static u32 uses_in(struct ir_func *f, const struct ir_block *b, u32 v)
{
	u32 u, count = 0;

	for (u = b->first; u < b->end; u++) {
		struct ir_val *val = &f->vals[u];

		IR_FOR_EACH_OPERAND(f, val, p, count += *p == v);
	}
	return count;
}

/*
 * Whether i < c is the same as i + n < c + n: i begins with constants, and becomes i + n only where
 * i < c, so that it stays small when all of these are.
 */
static bool is_bounded(struct ir_func *f, u32 phi, u32 k, const struct ir_block *b)
{
	const struct ir_val *val = &f->vals[phi];
	bool goes_on = (b->cond == IR_ULT && b->succ[0] == val->block) ||
		(b->cond == IR_UGE && b->succ[1] == val->block);
	u32 i;

	for (i = 0; i < val->arg_count; i++) {
		if (i != k && !ir_is_small(f, f->args[val->args + i]))
			return false;
	}
	return goes_on && ir_is_small(f, b->b);
}

/* How far v is ahead of a phi: it, or it and a small constant, for the comparison of b only. */
static bool find_lead(struct ir_func *f, u32 v, u32 phi, const struct ir_block *b, u64 *ret_lead)
{
	const struct ir_val *val = &f->vals[v];

	*ret_lead = 0;
	if (v == phi)
		return uses_in(f, b, phi) == val->uses;
	if (val->op != IR_ADD || val->a != phi || val->uses != 1 || val->flags ||
		!ir_is_small(f, val->b) || val->w != f->vals[phi].w)
		return false;
	*ret_lead = f->vals[val->b].imm;
	return true;
}

/*
 * A loop that compares i, or i + m, with c although it goes on with i + n compares that instead:
 * then one register does.
 */
static bool compare_next(struct ir_func *f, u32 phi, u32 k)
{
	const struct ir_val *val = &f->vals[phi];
	u32 next = f->args[val->args + k], limit, old;
	struct ir_block *b = &f->blocks[f->preds[f->blocks[val->block].preds + k]];
	u64 sum = f->vals[b->b].imm + f->vals[f->vals[next].b].imm, lead;

	old = b->a;
	if (b->term != IR_TERM_BRANCH || f->vals[next].a != phi ||
		!ir_is_small(f, f->vals[next].b) || !ir_is_const(f, b->b) ||
		!find_lead(f, old, phi, b, &lead) || !ir_fits_s32(sum - lead) || sum < lead)
		return false;
	if (b->cond != IR_EQ && b->cond != IR_NE && !is_bounded(f, phi, k, b))
		return false;
	if (f->vals[next].w != b->w && !is_bounded(f, phi, k, b))
		return false;
	limit = ir_const(f, sum - lead);
	b->a = f->vals[b->end - 1].a = next;
	b->b = f->vals[b->end - 1].b = limit;
	f->vals[next].uses++;
	f->vals[limit].uses++;
	f->vals[old].uses--;
	if (old != phi) {
		f->vals[phi].uses--;
		f->vals[old].op = IR_NONE;
		f->vals[old].a = f->vals[old].b = 0;
	}
	return true;
}

/*
 * i + n that only goes to a phi at the end of its block, while i itself is still needed: the move
 * on the edge computes it, and i keeps its register.
 */
static void fold_step(struct ir_func *f, u32 phi)
{
	u32 k, u;

	for (k = 0; k < f->vals[phi].arg_count; k++) {
		u32 in = f->args[f->vals[phi].args + k];
		u32 pred = f->preds[f->blocks[f->vals[phi].block].preds + k];
		struct ir_val *v = &f->vals[in];
		bool is_needed = false;

		if (v->op != IR_ADD || v->uses != 1 || v->block != pred || v->flags ||
			!ir_is_const(f, v->b) || !ir_fits_s32(f->vals[v->b].imm) ||
			f->vals[v->a].op == IR_FRAME || ir_is_const(f, v->a))
			continue;
		if (compare_next(f, phi, k))
			continue;
		for (u = in + 1; u < f->blocks[pred].end; u++)
			is_needed |= f->vals[u].a == v->a || f->vals[u].b == v->a;
		if (is_needed && f->vals[f->blocks[pred].end - 1].op == IR_END)
			v->flags |= IR_FOLDED;
	}
}

void pass_step(struct ir_func *f)
{
	u32 i, v;

	for (i = 0; i < f->block_count; i++) {
		for (v = f->blocks[i].first; v < f->blocks[i].phis_end; v++) {
			if (f->vals[v].op == IR_PHI)
				fold_step(f, v);
		}
	}
}
