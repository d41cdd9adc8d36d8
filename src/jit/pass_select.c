// SPDX-License-Identifier: BSD-2-Clause
/*
 * Branches around next to nothing become conditional moves: where a block only chooses which of two
 * values a phi gets, no branch is needed that the processor could guess wrongly.
 *
 *	if (a cond b) goto J; F: at most one cheap operation; J: x = phi(...)
 *
 * Needs: pass_phi. Keeps: order of values. Breaks: edges into J; uses (pass_dce counts them).
 */
#include "jit/ir.h"

enum { MAX_SELECTS = 2, MAX_OPERATIONS = 1 };

/* Whether block may run when it should not: no effects, nothing that can fail, little work. */
static bool is_cheap(const struct ir_func *f, const struct ir_block *b)
{
	u32 v, count = 0;

	for (v = b->first; v + 1 < b->end; v++) {
		switch (f->vals[v].op) {
		case IR_NONE:
		case IR_UNDEF: break;
		case IR_CONST:
			if (!ir_fits_s32(f->vals[v].imm))
				return false;
			break;
		case IR_ADD:
		case IR_SUB:
		case IR_AND:
		case IR_OR:
		case IR_XOR:
		case IR_SHL:
		case IR_SHR:
		case IR_SAR:
		case IR_ZEXT: count++; break;
		default: return false;
		}
	}
	return count <= MAX_OPERATIONS;
}

static u32 phi_count(const struct ir_func *f, const struct ir_block *b)
{
	u32 v, count = 0;

	for (v = b->first; v < b->end; v++)
		count += f->vals[v].op == IR_PHI;
	return count;
}

/* Whether `side` comes from `from` alone and only goes on to `join`. */
static bool is_side(const struct ir_func *f, u32 side, u32 from, u32 *ret_join)
{
	const struct ir_block *b = &f->blocks[side];

	*ret_join = b->succ[0];
	return side > from && b->term == IR_TERM_JUMP && b->pred_count == 1 && b->succ[0] > side &&
		is_cheap(f, b);
}

/* The phis of join become selections; taken is the predecessor on the condition's side. */
static void make_selects(struct ir_func *f, u32 block, u32 join, u32 taken, u32 other)
{
	const struct ir_block *b = &f->blocks[block];
	struct ir_block *j = &f->blocks[join];
	bool is_taken_first = f->preds[j->preds] == taken;
	u32 v;

	for (v = j->first; v < j->end; v++) {
		struct ir_val *val = &f->vals[v];
		u32 yes, no;

		if (val->op != IR_PHI)
			continue;
		yes = f->args[val->args + !is_taken_first];
		no = f->args[val->args + is_taken_first];
		val->op = IR_SELECT;
		f->ops |= IR_BIT(IR_SELECT);
		val->w = b->w;
		val->cond = b->cond;
		val->a = b->a;
		val->b = b->b;
		val->c = yes;
		val->arg_count = 1;
		f->args[val->args] = no;
		f->select_count++;
	}
	f->preds[j->preds] = other;
	j->pred_count = 1;
}

static bool is_worth(const struct ir_func *f, u32 join)
{
	u32 count = phi_count(f, &f->blocks[join]);

	return !f->blocks[join].is_loop_head && f->blocks[join].pred_count == 2 && count &&
		count <= MAX_SELECTS;
}

static void straighten(struct ir_func *f, u32 block, u32 next)
{
	struct ir_block *b = &f->blocks[block];
	struct ir_val *end = &f->vals[b->end - 1];

	b->term = IR_TERM_JUMP;
	b->succ[0] = next;
	b->succ_count = 1;
	b->a = b->b = end->a = end->b = 0;
}

static void try_block(struct ir_func *f, u32 block)
{
	struct ir_block *b = &f->blocks[block];
	u32 taken, other, join_t, join_o;
	bool t, o;

	if (!b->is_reachable || b->term != IR_TERM_BRANCH)
		return;
	taken = b->succ[0];
	other = b->succ[1];
	t = is_side(f, taken, block, &join_t);
	o = is_side(f, other, block, &join_o);
	if (o && join_o == taken && is_worth(f, taken)) {
		make_selects(f, block, taken, block, other);
		straighten(f, block, other);
	} else if (t && join_t == other && is_worth(f, other)) {
		make_selects(f, block, other, taken, taken);
		straighten(f, block, taken);
	} else if (t && o && join_t == join_o && is_worth(f, join_t)) {
		u32 first = MIN(taken, other), second = MAX(taken, other);

		make_selects(f, block, join_t, taken, second);
		straighten(f, block, first);
		f->blocks[first].succ[0] = second;
		f->preds[f->blocks[second].preds] = first;
	}
}

void pass_select(struct ir_func *f)
{
	u32 i;

	for (i = f->block_count; i-- > 0;)
		try_block(f, i);
}
