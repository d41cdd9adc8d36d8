// SPDX-License-Identifier: BSD-2-Clause
/*
 * Counters of loops: the addition moves onto the edge.
 *
 * Needs: pass_dce. Keeps: order, blocks, uses. Breaks: nothing; sets IR_FOLDED.
 */
#include "jit/ir.h"

/*
 * i + n that only goes to a phi at the end of its block, while i itself is still needed: the move
 * on the edge computes it, and i keeps its register.
 */
static void fold_step(struct ir_func *f, const struct ir_val *phi)
{
	u32 k, u;

	for (k = 0; k < phi->arg_count; k++) {
		u32 in = f->args[phi->args + k], pred = f->preds[f->blocks[phi->block].preds + k];
		struct ir_val *v = &f->vals[in];
		bool is_needed = false;

		if (v->op != IR_ADD || v->uses != 1 || v->block != pred || v->flags ||
			!ir_is_const(f, v->b) || !ir_fits_s32(f->vals[v->b].imm) ||
			f->vals[v->a].op == IR_FRAME || ir_is_const(f, v->a))
			continue;
		for (u = in + 1; u < f->blocks[pred].end; u++)
			is_needed |= f->vals[u].a == v->a || f->vals[u].b == v->a;
		if (is_needed && f->vals[f->blocks[pred].end - 1].op == IR_END)
			v->flags |= IR_FOLDED;
	}
}

void pass_step(struct ir_func *f)
{
	u32 v;

	for (v = 1; v < f->val_count; v++) {
		if (f->vals[v].op == IR_PHI)
			fold_step(f, &f->vals[v]);
	}
}
