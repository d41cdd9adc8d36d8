// SPDX-License-Identifier: BSD-2-Clause
/*
 * From each use upwards: a value is live at the start of the block that uses it, so at the ends of
 * that block's predecessors, and so on until its own block. Each block is marked once for a value,
 * so the work is what comes out.
 */
#include "jit/live.h"

struct use {
	u32 block, v; /* v is needed at the start of the block */
};

struct finder {
	struct ir_func *f;
	struct live *live;
	struct use *uses;
	u32 use_count, operand_count;
	u32 *stack;
};

static bool has_place(const struct ir_val *v)
{
	static const bool no_place[IR_OP_COUNT] = {
		[IR_NONE] = true,
		[IR_UNDEF] = true,
		[IR_FRAME] = true,
		[IR_STORE] = true,
		[IR_UPDATE] = true,
		[IR_RELEASE] = true,
		[IR_TAIL_CALL] = true,
		[IR_FENCE] = true,
		[IR_FUEL] = true,
		[IR_CHECK] = true,
		[IR_END] = true,
	};

	return v->uses && !(v->flags & (IR_NO_REG | IR_FOLDED)) && !no_place[v->op];
}

static u32 add_folded(const struct ir_func *f, const struct ir_val *val, u32 count, u32 *ret)
{
	u32 inner[LIVE_MAX_OPERANDS], n = live_operands(f, val, inner), i;

	for (i = 0; i < n && count < LIVE_MAX_OPERANDS; i++)
		ret[count++] = inner[i];
	return count;
}

static inline u32 add_operand(const struct ir_func *f, u32 v, u32 count, u32 *ret)
{
	const struct ir_val *val = &f->vals[v];

	if (val->flags & IR_FOLDED)
		return add_folded(f, val, count, ret);
	if ((val->flags & IR_PLACE) && count < LIVE_MAX_OPERANDS)
		ret[count++] = v;
	return count;
}

u32 live_operands(const struct ir_func *f, const struct ir_val *val, u32 ret[LIVE_MAX_OPERANDS])
{
	u32 count = 0, i;

	if (val->a)
		count = add_operand(f, val->a, count, ret);
	if (val->b)
		count = add_operand(f, val->b, count, ret);
	if (val->c)
		count = add_operand(f, val->c, count, ret);
	for (i = 0; i < val->arg_count; i++) {
		if (f->args[val->args + i])
			count = add_operand(f, f->args[val->args + i], count, ret);
	}
	return count;
}

/* Position of a predecessor among those of a block. */
static u32 pred_index(const struct ir_func *f, const struct ir_block *b, u32 pred)
{
	u32 k;

	for (k = 0; k + 1 < b->pred_count && f->preds[b->preds + k] != pred; k++)
		;
	return k;
}

static void number(struct finder *x, u32 v)
{
	struct live *live = x->live;

	if (live->number[v])
		return;
	live->values[live->count] = v;
	live->end[live->count] = v + 1;
	live->number[v] = ++live->count;
}

static void note_use(struct finder *x, u32 block, u32 v)
{
	number(x, v);
	if (x->f->vals[v].block != block)
		x->uses[x->use_count++] = (struct use){block, v};
}

static void note_phi(struct finder *x, const struct ir_val *phi)
{
	struct ir_func *f = x->f;
	u32 ops[LIVE_MAX_OPERANDS], k, i, n;

	for (k = 0; k < phi->arg_count; k++) {
		u32 in = f->args[phi->args + k], pred = f->preds[f->blocks[phi->block].preds + k];

		n = in ? add_operand(f, in, 0, ops) : 0;
		for (i = 0; i < n; i++)
			note_use(x, pred, ops[i]);
	}
}

static void note_block(struct finder *x, u32 block)
{
	struct ir_func *f = x->f;
	const struct ir_block *b = &f->blocks[block];
	u32 v, i, n;

	for (v = b->first; v < b->end; v++) {
		const struct ir_val *val = &f->vals[v];
		u32 *ops = &x->live->operands[x->operand_count];

		if (val->op == IR_NONE || (val->flags & IR_FOLDED))
			continue;
		if (val->op == IR_PHI) {
			if (val->flags & IR_PLACE)
				note_phi(x, val);
			continue;
		}
		n = live_operands(f, val, ops);
		x->live->span[v] = (struct live_span){x->operand_count, n};
		x->operand_count += n;
		for (i = 0; i < n; i++) {
			if (f->vals[ops[i]].block != block)
				note_use(x, block, ops[i]);
		}
	}
}

/* A phi's argument is needed at the end of the predecessor: at its start, unless it is made there.
 */
static void walk_up(struct finder *x, const struct use *use)
{
	struct ir_func *f = x->f;
	struct live *live = x->live;
	u32 n = live->number[use->v], depth = 0, k;

	x->stack[depth++] = use->block;
	while (depth) {
		u32 block = x->stack[--depth];
		const struct ir_block *b = &f->blocks[block];
		u64 *row = live_row(live->in, live, block);

		if (live_bit(row, n))
			continue;
		live_set(row, n);
		live->end[n - 1] = MAX(live->end[n - 1], b->end);
		for (k = 0; k < b->pred_count; k++) {
			u32 pred = f->preds[b->preds + k];

			if (pred == f->vals[use->v].block)
				live->end[n - 1] = MAX(live->end[n - 1], f->blocks[pred].end);
			else if (!live_bit(live_row(live->in, live, pred), n))
				x->stack[depth++] = pred;
		}
	}
}

static void find_out(struct ir_func *f, struct live *live, u32 block)
{
	const struct ir_block *b = &f->blocks[block];
	u64 *out = live_row(live->out, live, block);
	u32 ops[LIVE_MAX_OPERANDS], s, w, v, i, n;

	for (s = 0; s < b->succ_count; s++) {
		const struct ir_block *to = &f->blocks[b->succ[s]];
		const u64 *in = live_row(live->in, live, b->succ[s]);
		u32 k = UINT32_MAX;

		for (w = 0; w < live->words; w++)
			out[w] |= in[w];
		for (v = to->first; v < to->end; v++) {
			const struct ir_val *val = &f->vals[v];

			if (val->op != IR_PHI) {
				if (val->op == IR_NONE || val->op == IR_SELECT)
					continue;
				break;
			}
			if (!(val->flags & IR_PLACE))
				continue;
			if (k == UINT32_MAX)
				k = pred_index(f, to, block);
			n = add_operand(f, f->args[val->args + k], 0, ops);
			for (i = 0; i < n; i++) {
				live_set(out, live->number[ops[i]]);
				live->end[live->number[ops[i]] - 1] =
					MAX(live->end[live->number[ops[i]] - 1], b->end);
			}
		}
	}
}

int live_find(struct ir_func *f, struct live *ret_live)
{
	struct finder x = {.f = f, .live = ret_live};
	struct live *live = ret_live;
	struct arena *arena = &f->program->arena;
	u32 v, i, edges = 0;
	size_t operands;

	for (v = 1; v < f->val_count; v++) {
		struct ir_val *val = &f->vals[v];

		val->flags &= (u8)~IR_PLACE;
		if (has_place(val))
			val->flags |= IR_PLACE;
	}
	for (i = 0; i < f->block_count; i++)
		edges += f->blocks[i].pred_count;
	*live = (struct live){.number = arena_calloc(arena, f->val_count, sizeof(u32))};
	live->values = arena_alloc(arena, f->val_count * sizeof(u32));
	live->end = arena_alloc(arena, f->val_count * sizeof(u32));
	/* operands: at most three of a value's own, and those in args; a folded one has two more */
	operands = 6 * (size_t)f->val_count + 2 * (size_t)f->arg_count + LIVE_MAX_OPERANDS;
	x.uses = arena_alloc(arena, operands * sizeof(*x.uses));
	live->operands = arena_alloc(arena, operands * sizeof(u32));
	live->span = arena_calloc(arena, f->val_count, sizeof(*live->span));
	x.stack = arena_alloc(arena, (edges + 1) * sizeof(u32));
	if (!live->number || !live->values || !live->end || !x.uses || !x.stack ||
		!live->operands || !live->span)
		return -ENOMEM;
	for (i = 0; i < f->block_count; i++)
		note_block(&x, i);
	live->words = live->count / 64 + 1;
	live->in = arena_calloc(arena, 2 * (size_t)live->words * f->block_count, sizeof(u64));
	if (!live->in)
		return -ENOMEM;
	live->out = live->in + (size_t)live->words * f->block_count;
	for (i = 0; i < x.use_count; i++)
		walk_up(&x, &x.uses[i]);
	for (i = 0; i < f->block_count; i++)
		find_out(f, live, i);
	return 0;
}
