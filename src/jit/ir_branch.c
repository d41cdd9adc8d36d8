// SPDX-License-Identifier: BSD-2-Clause
/*
 * Branches whose outcome is known while the program is built: on constants, and on whether
 * something is 0 that cannot be. The way not taken loses its edge; what only it led to is not
 * built. What comes after a lookup in an array that found something knows the address.
 */
#include "jit/ir.h"

static bool holds(enum ir_cond cond, u8 w, u64 a, u64 b)
{
	s64 sa = w == 64 ? (s64)a : (s32)a, sb = w == 64 ? (s64)b : (s32)b;

	if (w == 32) {
		a = (u32)a;
		b = (u32)b;
	}
	switch (cond) {
	case IR_EQ: return a == b;
	case IR_NE: return a != b;
	case IR_ULT: return a < b;
	case IR_UGE: return a >= b;
	case IR_ULE: return a <= b;
	case IR_UGT: return a > b;
	case IR_SLT: return sa < sb;
	case IR_SGE: return sa >= sb;
	case IR_SLE: return sa <= sb;
	case IR_SGT: return sa > sb;
	case IR_CLEAR: return !(a & b);
	case IR_SET: return a & b;
	}
	return false;
}

/* Takes an edge out. Whether nothing leads to its end any more. */
static bool lose_edge(struct ir_func *f, u32 from, u32 way)
{
	struct ir_block *b = &f->blocks[f->blocks[from].succ[way]];

	if (b->is_built)
		return false;
	f->preds[b->preds + f->blocks[from].place_in[way]] = (u32)IR_NO_BLOCK;
	b->is_reachable = --b->pred_count;
	return !b->is_reachable;
}

/*
 * A way that is never taken; what only it led to is not built at all. An edge back to a block that
 * is built stays: fill_phis() knows that nobody comes along it.
 */
static void drop_edge(struct ir_func *f, u32 from, u32 way)
{
	u32 count = 0, i;

	if (!f->lost)
		f->lost = arena_alloc(&f->program->arena, f->block_count * sizeof(u32));
	if (!f->lost) {
		f->program->err = -ENOMEM;
		return;
	}
	if (lose_edge(f, from, way))
		f->lost[count++] = f->blocks[from].succ[way];
	while (count) {
		u32 block = f->lost[--count];
		struct ir_block *b = &f->blocks[block];

		for (i = 0; i < b->succ_count; i++) {
			if (lose_edge(f, block, i))
				f->lost[count++] = b->succ[i];
		}
		b->succ_count = 0;
	}
}

void ir_close_preds(struct ir_func *f, u32 block)
{
	struct ir_block *b = &f->blocks[block];
	u32 i, kept = 0;

	if (b->pred_slots == b->pred_count)
		return;
	for (i = 0; i < b->pred_slots; i++) {
		u32 pred = f->preds[b->preds + i];

		if (pred == (u32)IR_NO_BLOCK)
			continue;
		f->blocks[pred].place_in[f->blocks[pred].succ[0] != block] = kept;
		f->preds[b->preds + kept++] = pred;
	}
	b->pred_slots = b->pred_count;
}

static bool is_zero_test(const struct ir_func *f, const struct ir_block *blk)
{
	return (blk->cond == IR_EQ || blk->cond == IR_NE) && ir_is_const(f, blk->b) &&
		f->vals[blk->b].imm == 0;
}

/* Whether what is compared cannot be 0: an address, or something that a bit was set in. */
static bool is_nonzero(const struct ir_func *f, const struct ir_block *blk)
{
	const struct ir_val *v = &f->vals[blk->a];

	if (v->flags & IR_NONNULL)
		return blk->w == 64;
	return v->op == IR_OR && ir_is_const(f, v->b) && (u32)f->vals[v->b].imm;
}

/*
 * Whether what a lookup in an array gave is NULL: that is whether the key was beyond the end, and
 * where it was not, the address is known.
 */
static void look_through(struct ir_func *f, struct ir_block *blk)
{
	u32 sel = blk->a;
	const struct ir_val *v = &f->vals[sel];
	bool is_eq = blk->cond == IR_EQ;

	if (v->op != IR_SELECT || blk->w != 64 || !is_zero_test(f, blk) ||
		!(f->vals[v->c].flags & IR_NONNULL) || !ir_is_const(f, f->args[v->args]) ||
		f->vals[f->args[v->args]].imm != 0)
		return;
	blk->refined = blk->succ[is_eq];
	blk->refined_from = sel;
	blk->refined_to = v->c;
	blk->cond = is_eq ? IR_COND_NOT(v->cond) : v->cond;
	blk->w = v->w;
	blk->a = v->a;
	blk->b = v->b;
}

/* A branch on constants goes one way. */
void ir_fold_branch(struct ir_func *f, u32 block)
{
	struct ir_block *blk = &f->blocks[block];
	u32 taken, other;
	bool is_true;

	look_through(f, blk);
	if (ir_is_const(f, blk->a) && ir_is_const(f, blk->b))
		is_true = holds(
			(enum ir_cond)blk->cond, blk->w, f->vals[blk->a].imm, f->vals[blk->b].imm);
	else if (is_zero_test(f, blk) && is_nonzero(f, blk))
		is_true = blk->cond == IR_NE;
	else
		return;
	taken = blk->succ[!is_true];
	other = blk->succ[is_true];
	if (other <= block)
		return;
	drop_edge(f, block, is_true);
	blk->term = IR_TERM_JUMP;
	blk->succ[0] = taken;
	blk->place_in[0] = blk->place_in[!is_true];
	blk->succ_count = 1;
	blk->a = blk->b = 0;
}
