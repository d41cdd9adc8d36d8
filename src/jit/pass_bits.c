// SPDX-License-Identifier: BSD-2-Clause
/*
 * How many low bits of each value can be set, through loops; and zero extensions that this shows
 * to do nothing. Optimistic: phis start with the least and grow until nothing changes, or until a
 * counter has what the end of its loop allows.
 *
 * Needs: pass_phi. Keeps: order, blocks, operands resolved. Breaks: nothing.
 */
#include "jit/ir.h"

/* Growth steps, so that a counter does not grow bit by bit. */
static u8 round_up(u8 bits)
{
	return bits <= 1 ? 1 : bits <= 8 ? 8 : bits <= 16 ? 16 : bits <= 32 ? 32 : 64;
}

/* The most that x can be where it is compared with c and the loop goes on, or IR_SMALL. */
static u64 most_inside(enum ir_cond cond, bool is_next, u64 start, u64 step, u64 c)
{
	switch (cond) {
	case IR_ULT:
	case IR_SLT: return c ? c - 1 : IR_SMALL;
	case IR_ULE:
	case IR_SLE: return c;
	case IR_NE: /* it meets c, and never is beyond it */
		return c >= start + (is_next ? step : 0) && (c - start) % step == 0 ? c - step
										    : IR_SMALL;
	default: return IR_SMALL;
	}
}

/*
 * The most that a counter can be: it begins with a small constant and goes on with itself and a
 * small step, only while it, or the next one, compares right with another small constant.
 */
static u64 most_of_counter(const struct ir_func *f, u32 phi)
{
	const struct ir_val *val = &f->vals[phi], *next;
	const struct ir_block *head = &f->blocks[val->block], *end;
	u32 start, pred, to = val->block, i;
	u64 step, most;

	if (!head->is_loop_head || val->arg_count != 2)
		return UINT64_MAX;
	i = f->preds[head->preds] >= val->block; /* which argument is the first turn's */
	start = f->args[val->args + i];
	pred = f->preds[head->preds + !i];
	next = &f->vals[f->args[val->args + !i]];
	end = &f->blocks[pred];
	while (end->term == IR_TERM_JUMP && end->pred_count == 1 && f->preds[end->preds] < pred) {
		to = pred;
		pred = f->preds[end->preds];
		end = &f->blocks[pred];
	}
	if (f->preds[head->preds + i] >= val->block || pred < val->block ||
		!ir_is_small(f, start) || next->op != IR_ADD || next->a != phi ||
		!ir_is_small(f, next->b) || !f->vals[next->b].imm || end->term != IR_TERM_BRANCH ||
		!ir_is_small(f, end->b) || (end->succ[0] == to) == (end->succ[1] == to) ||
		(end->a != phi && &f->vals[end->a] != next))
		return UINT64_MAX;
	step = f->vals[next->b].imm;
	most = most_inside(end->succ[0] == to ? (enum ir_cond)end->cond : IR_COND_NOT(end->cond),
		end->a != phi, f->vals[start].imm, step, f->vals[end->b].imm);
	if (most >= IR_SMALL)
		return UINT64_MAX;
	return MAX(f->vals[start].imm, most + (end->a == phi ? step : 0));
}

static u8 bits_of_phi(const struct ir_func *f, const struct ir_val *v)
{
	u8 bits = 1;
	u32 i;

	for (i = 0; i < v->arg_count; i++)
		bits = MAX(bits, f->vals[f->args[v->args + i]].bits);
	return MIN(round_up(bits), ir_bits_of(v->imm));
}

static u8 bits_now(const struct ir_func *f, const struct ir_val *v)
{
	enum { KEEPS, SUM, LEAST, MOST, PRODUCT, LEFT, RIGHT, FIRST, LOW, RULES };
	static const u8 rules[IR_OP_COUNT] = {
		[IR_ADD] = SUM,
		[IR_AND] = LEAST,
		[IR_OR] = MOST,
		[IR_XOR] = MOST,
		[IR_MUL] = PRODUCT,
		[IR_SHL] = LEFT,
		[IR_SHR] = RIGHT,
		[IR_UDIV] = FIRST,
		[IR_UMOD] = FIRST,
		[IR_ZEXT] = LOW,
	};
	const struct ir_val *b = &f->vals[v->b];
	u32 x = f->vals[v->a].bits, y = b->bits, w = v->w, least = MIN(x, w);
	u32 if_const = -(u32)(b->op == IR_CONST), by = (u32)b->imm & if_const;
	u32 by_rule[RULES];

	if (unlikely(v->op == IR_PHI))
		return bits_of_phi(f, v);
	if (unlikely(v->op == IR_SELECT))
		return MAX(f->vals[v->c].bits, f->vals[f->args[v->args]].bits);
	/* all of them, since which one it is can hardly be predicted */
	by_rule[KEEPS] = v->bits;
	by_rule[SUM] = MIN(MAX(x, y) + 1, w);
	by_rule[LEAST] = MIN(least, y);
	by_rule[MOST] = MIN(MAX(x, y), w);
	by_rule[PRODUCT] = MIN(x + y, w);
	by_rule[LEFT] = MIN(x + (by | (64 & ~if_const)), w);
	by_rule[RIGHT] = least > by ? least - by : 1;
	by_rule[FIRST] = least;
	by_rule[LOW] = MIN(x, 8u * v->size);
	return (u8)by_rule[rules[v->op]];
}

/* Phis that got more from around a loop; the first of them, or val_count. */
static u32 grow_phis(struct ir_func *f)
{
	u32 first = f->val_count, i, v;

	for (i = f->block_count; i-- > 0;) {
		const struct ir_block *b = &f->blocks[i];

		for (v = b->first; v < b->phis_end && b->is_loop_head; v++) {
			struct ir_val *val = &f->vals[v];
			u8 bits = val->op == IR_PHI ? bits_now(f, val) : 0;

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
	u32 i, v, from;

	for (i = 0; i < f->block_count; i++) {
		for (v = f->blocks[i].first; v < f->blocks[i].phis_end; v++) {
			if (f->vals[v].op != IR_PHI)
				continue;
			f->vals[v].bits = 1;
			f->vals[v].imm = most_of_counter(f, v);
		}
	}
	/* at first only phis are optimistic: others may shrink */
	for (v = 1; v < f->val_count; v++)
		f->vals[v].bits = bits_now(f, &f->vals[v]);
	for (from = grow_phis(f); from < f->val_count; from = grow_phis(f)) {
		for (v = from; v < f->val_count; v++)
			f->vals[v].bits = MAX(f->vals[v].bits, bits_now(f, &f->vals[v]));
	}
	for (v = 1; v < f->val_count && (f->ops & IR_BIT(IR_ZEXT)); v++) {
		const struct ir_val *val = &f->vals[v];
		bool is_nothing = (val->op == IR_ZEXT) & (f->vals[val->a].bits <= 8 * val->size);

		if (is_nothing)
			ir_replace(f, v, val->a);
		is_changed |= is_nothing;
	}
	for (v = 1; is_changed && v < f->val_count; v++) {
		struct ir_val *val = &f->vals[v];

		val->a = ir_resolve(f, val->a); /* 0 is 0 */
		val->b = ir_resolve(f, val->b);
		val->c = ir_resolve(f, val->c);
		for (i = 0; i < val->arg_count; i++)
			f->args[val->args + i] = ir_resolve(f, f->args[val->args + i]);
	}
	for (v = 0; v < f->block_count && is_changed; v++) {
		f->blocks[v].a = ir_resolve(f, f->blocks[v].a);
		f->blocks[v].b = ir_resolve(f, f->blocks[v].b);
	}
}
