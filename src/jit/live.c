// SPDX-License-Identifier: BSD-2-Clause
/*
 * From each use upwards: a value is live at the start of the block that uses it, so at the ends of
 * that block's predecessors, and so on until its own block. Each block is visited once for a value,
 * so the work is what comes out.
 */
#include "jit/live.h"

/* A value is needed at the start of a block. */
struct need {
	u32 block, next;
};

struct finder {
	struct ir_func *f;
	struct live *live;
	struct need *needs; /* the first one is none */
	u32 need_count, need_cap;
	u32 *needs_of;	       /* by value */
	u32 *wide, wide_count; /* values with needs */
	u32 *seen;	       /* by block: the last value that was found to be live there */
	u32 *stack;
	int err;
};

/* A larger copy of an array, for one more element. */
static bool grow(struct finder *x, void *array, u32 *cap, u32 len, size_t size)
{
	void **data = array, *bigger;
	u32 new_cap = 2 * *cap;

	if (likely(len < *cap))
		return true;
	bigger = arena_alloc(&x->f->program->arena, new_cap * size);
	if (!bigger) {
		x->err = -ENOMEM;
		return false;
	}
	memcpy(bigger, *data, MIN(len, *cap) * size);
	*data = bigger;
	*cap = new_cap;
	return true;
}

#define NO_PLACE                                                                                   \
	(IR_BIT(IR_NONE) | IR_BIT(IR_UNDEF) | IR_BIT(IR_FRAME) | IR_BIT(IR_STORE) |                \
		IR_BIT(IR_UPDATE) | IR_BIT(IR_RELEASE) | IR_BIT(IR_TAIL_CALL) | IR_BIT(IR_FENCE) | \
		IR_BIT(IR_FUEL) | IR_BIT(IR_CHECK) | IR_BIT(IR_END))

static inline u8 find_place(const struct ir_val *v)
{
	bool has_place = (v->uses != 0) & !(v->flags & (IR_NO_REG | IR_FOLDED)) &
		!(IR_BIT(v->op) & NO_PLACE);

	return (u8)((v->flags & ~IR_PLACE) | (has_place ? IR_PLACE : 0));
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

	if (unlikely(val->flags & IR_FOLDED))
		return add_folded(f, val, count, ret);
	if (unlikely(count == LIVE_MAX_OPERANDS))
		return count;
	ret[count] = v;
	return count + ((val->flags & IR_PLACE) != 0);
}

u32 live_operands(const struct ir_func *f, const struct ir_val *val, u32 ret[LIVE_MAX_OPERANDS])
{
	u32 count = 0, i;

	count = add_operand(f, val->a, count, ret); /* value 0 has no place */
	count = add_operand(f, val->b, count, ret);
	count = add_operand(f, val->c, count, ret);
	for (i = 0; i < val->arg_count; i++)
		count = add_operand(f, f->args[val->args + i], count, ret);
	return count;
}

u32 live_phi_operands(
	const struct ir_func *f, const struct ir_val *phi, u32 k, u32 ret[LIVE_MAX_OPERANDS])
{
	u32 in = f->args[phi->args + k];

	return in ? add_operand(f, in, 0, ret) : 0;
}

static bool make_room_for_uses(struct finder *x)
{
	struct live *live = x->live;

	return grow(x, &live->uses, &live->use_cap, live->use_count + LIVE_MAX_OPERANDS,
		sizeof(*live->uses));
}

static void note_need(struct finder *x, u32 block, u32 v)
{
	u32 *first = &x->needs_of[v];

	if (x->f->vals[v].block == block || (*first && x->needs[*first].block == block) ||
		!grow(x, &x->needs, &x->need_cap, x->need_count, sizeof(*x->needs)))
		return;
	if (!*first)
		x->wide[x->wide_count++] = v;
	x->needs[x->need_count] = (struct need){block, *first};
	*first = x->need_count++;
}

/* A phi's argument is needed at the end of the predecessor: at its start, unless it is made there.
 */
static void note_phi(struct finder *x, const struct ir_val *phi)
{
	struct ir_func *f = x->f;
	u32 ops[LIVE_MAX_OPERANDS], k, i, n;

	for (k = 0; k < phi->arg_count; k++) {
		u32 pred = f->preds[f->blocks[phi->block].preds + k];

		n = live_phi_operands(f, phi, k, ops);
		for (i = 0; i < n; i++) {
			x->live->end[ops[i]] = MAX(x->live->end[ops[i]], f->blocks[pred].end);
			note_need(x, pred, ops[i]);
		}
	}
}

/* An operand goes into the row of uses when it has a place. */
static inline u32 add_use(struct finder *x, u32 count, u32 operand, u32 at, u32 block)
{
	const struct ir_val *val = &x->f->vals[operand];
	bool has_place = val->flags & IR_PLACE;

	x->live->uses[count] = (struct live_use){operand, at};
	if (unlikely(has_place & (val->block != block)))
		note_need(x, block, operand);
	return count + has_place;
}

static void add_folded_uses(struct finder *x, u32 block, u32 v)
{
	u32 ops[LIVE_MAX_OPERANDS], n = live_operands(x->f, &x->f->vals[v], ops), i;

	for (i = 0; i < n; i++)
		x->live->use_count = add_use(x, x->live->use_count, ops[i], v, block);
}

static void add_uses(struct finder *x, u32 block, u32 v)
{
	struct ir_func *f = x->f;
	struct live *live = x->live;
	const struct ir_val *val = &f->vals[v];
	u32 i, count = live->use_count;
	u8 flags = f->vals[val->a].flags | f->vals[val->b].flags | f->vals[val->c].flags;

	if (!make_room_for_uses(x))
		return;
	for (i = 0; i < val->arg_count; i++)
		flags |= f->vals[f->args[val->args + i]].flags;
	if (unlikely((flags & IR_FOLDED) | (val->arg_count > LIVE_MAX_OPERANDS - 3))) {
		add_folded_uses(x, block, v);
		return;
	}
	count = add_use(x, count, val->a, v, block);
	count = add_use(x, count, val->b, v, block);
	count = add_use(x, count, val->c, v, block);
	for (i = 0; i < val->arg_count; i++)
		count = add_use(x, count, f->args[val->args + i], v, block);
	live->use_count = count;
}

static void note_block(struct finder *x, u32 block)
{
	struct ir_func *f = x->f;
	const struct ir_block *b = &f->blocks[block];
	u32 i;

	x->live->first_use[block] = x->live->use_count;
	for (i = b->alive; i < b->alive_end; i++) {
		u32 v = f->alive[i];
		const struct ir_val *val = &f->vals[v];

		if (val->op == IR_NONE || (val->flags & IR_FOLDED))
			continue;
		if (val->op != IR_PHI)
			add_uses(x, block, v);
		else if (val->flags & IR_PLACE)
			note_phi(x, val);
	}
}

static void reach(struct finder *x, u32 v, u32 block, u32 *depth)
{
	if (x->seen[block] == v)
		return;
	x->seen[block] = v;
	x->stack[(*depth)++] = block;
}

static void walk_up(struct finder *x, u32 v)
{
	struct ir_func *f = x->f;
	struct live *live = x->live;
	u32 end = live->end[v], depth = 0, i, k;

	for (i = x->needs_of[v]; i; i = x->needs[i].next)
		reach(x, v, x->needs[i].block, &depth);
	while (depth) {
		u32 block = x->stack[--depth];
		const struct ir_block *b = &f->blocks[block];

		if (!grow(x, &live->nodes, &live->node_cap, live->node_count, sizeof(*live->nodes)))
			return;
		live->nodes[live->node_count] = (struct live_node){v, live->in[block]};
		live->in[block] = live->node_count++;
		end = MAX(end, b->end);
		for (k = 0; k < b->pred_count; k++) {
			u32 pred = f->preds[b->preds + k];

			if (pred == f->vals[v].block)
				end = MAX(end, f->blocks[pred].end);
			else
				reach(x, v, pred, &depth);
		}
	}
	live->end[v] = end;
}

/* Which of its successors' predecessors each block is. */
static void number_edges(struct ir_func *f)
{
	u32 i, k;

	for (i = 0; i < f->block_count; i++) {
		const struct ir_block *b = &f->blocks[i];

		for (k = b->pred_count; k-- > 0;) {
			struct ir_block *pred = &f->blocks[f->preds[b->preds + k]];

			if (pred->succ[0] == i)
				pred->place_in[0] = k;
			if (pred->succ_count > 1 && pred->succ[1] == i)
				pred->place_in[1] = k;
		}
	}
}

static int start(struct finder *x)
{
	struct ir_func *f = x->f;
	struct live *live = x->live;
	struct arena *arena = &f->program->arena;
	u32 blocks = f->block_count, *by_value, *by_block;

	*live = (struct live){.use_cap = f->val_count + 2 * LIVE_MAX_OPERANDS,
		.node_cap = 4 * blocks,
		.node_count = 1};
	x->need_cap = 2 * blocks + 16;
	x->need_count = 1;
	by_value = arena_calloc(arena, 2 * (size_t)f->val_count, sizeof(u32));
	by_block = arena_calloc(arena, 4 * (size_t)blocks, sizeof(u32));
	x->wide = arena_alloc(arena, f->val_count * sizeof(u32));
	x->needs = arena_alloc(arena, x->need_cap * sizeof(*x->needs));
	live->uses = arena_alloc(arena, live->use_cap * sizeof(*live->uses));
	live->nodes = arena_alloc(arena, live->node_cap * sizeof(*live->nodes));
	if (!by_value || !by_block || !x->wide || !x->needs || !live->uses || !live->nodes)
		return -ENOMEM;
	live->end = by_value;
	x->needs_of = by_value + f->val_count;
	live->in = by_block;
	x->seen = by_block + blocks;
	x->stack = x->seen + blocks;
	live->first_use = x->stack + blocks;
	return 0;
}

int live_find(struct ir_func *f, struct live *ret_live)
{
	struct finder x = {.f = f, .live = ret_live};
	u32 i;

	if (start(&x))
		return -ENOMEM;
	for (i = 0; i < f->alive_count; i++) {
		struct ir_val *val = &f->vals[f->alive[i]];

		val->flags = find_place(val);
	}
	number_edges(f);
	for (i = 0; i < f->block_count; i++)
		note_block(&x, i);
	for (i = 0; i < x.wide_count; i++)
		walk_up(&x, x.wide[i]);
	if (grow(&x, &ret_live->uses, &ret_live->use_cap, ret_live->use_count,
		    sizeof(*ret_live->uses)))
		ret_live->uses[ret_live->use_count] = (struct live_use){0, UINT32_MAX};
	return x.err;
}
