// SPDX-License-Identifier: BSD-2-Clause
/*
 * A block that only goes on to another one gets no code when its edge needs no moves. A branch
 * jumps to one of its ways and falls through to the other; moves of a taken way stand behind the
 * function, except where a loop would then have two jumps.
 */
#include "jit/flow.h"

#include "jit/live.h"

enum {
	MANY_WAYS = 3,	 /* into the end of a loop */
	EARLY_MOVES = 3, /* on a way that may not be taken */
	NEIGHBOURS = 64, /* among which the same way is sought */
};

/* Which of the predecessors of `to` block `from` is. */
static u32 place_in(const struct ir_func *f, u32 from, u32 to)
{
	const struct ir_block *b = &f->blocks[from];

	return b->place_in[b->succ[0] != to];
}

/* Moves for the phis of block `to` when it is entered from block `from`. */
static u32 edge_moves(const struct flow *flow, u32 from, u32 to, struct move *moves)
{
	struct ir_func *f = flow->f;
	const struct ir_block *b = &f->blocks[to];
	u32 k = place_in(f, from, to), v, count = 0;

	for (v = b->first; v < b->phis_end; v++) {
		const struct ir_val *val = &f->vals[v];
		struct move *m = &moves[count];

		if (val->op != IR_PHI || !val->uses ||
			f->vals[f->args[val->args + k]].op == IR_UNDEF)
			continue;
		move_from(f, f->args[val->args + k], m);
		m->dst_kind = val->reg >= 0 ? PLACE_REG : PLACE_SLOT;
		m->dst = val->reg >= 0 ? (u32)val->reg : val->slot;
		if (m->src_kind == m->dst_kind && m->src == m->dst && m->src_kind <= PLACE_SLOT &&
			!m->add)
			continue;
		count++;
	}
	return count;
}

/* A block that only goes on to another one. */
static bool is_empty(const struct flow *flow, u32 block)
{
	struct move moves[MOVES_MAX];
	const struct ir_block *b = &flow->f->blocks[block];
	u32 v;

	if (b->term != IR_TERM_JUMP || b->is_loop_head || block == 0 || b->succ[0] == block)
		return false;
	for (v = b->first; v + 1 < b->end; v++) {
		if (flow->f->vals[v].op != IR_NONE && !(flow->f->vals[v].flags & IR_NO_REG))
			return false;
	}
	return edge_moves(flow, block, b->succ[0], moves) == 0;
}

/* Where control ends up when it goes to a block; no block without code. */
static void find_targets(struct flow *flow)
{
	struct ir_func *f = flow->f;
	u32 i;

	/* backwards: what comes later is known; what comes earlier heads a loop, and has code */
	for (i = f->block_count; i-- > 0;) {
		bool goes_on = f->blocks[i].is_reachable && is_empty(flow, i);
		u32 to = f->blocks[i].succ[0];

		flow->targets[i] = i;
		if (goes_on)
			flow->targets[i] = to > i ? flow->targets[to] : to;
	}
}

bool flow_has_code(const struct flow *flow, u32 block)
{
	return flow->f->blocks[block].is_reachable && flow->targets[block] == block;
}

/* The next block that has code, in the order of the code; block_count = none. */
static u32 next_block(const struct flow *flow, u32 block)
{
	return flow->next[flow->place_of[block]];
}

static void find_next(struct flow *flow)
{
	u32 at, next = flow->f->block_count;

	for (at = flow->f->block_count; at-- > 0;) {
		flow->next[at] = next;
		if (flow_has_code(flow, flow->order[at]))
			next = flow->order[at];
	}
}

/*
 * The order of the code. The end of a loop that many ways lead to stands before the loop's head:
 * then each of them takes one jump, and not one to the end and one back.
 */
static void find_order(struct flow *flow)
{
	struct ir_func *f = flow->f;
	u32 i, k, at;

	for (i = 0; i < f->block_count; i++)
		flow->order[i] = i;
	for (i = 1; i < f->block_count; i++) {
		const struct ir_block *b = &f->blocks[i];
		u32 head = f->block_count;

		for (k = 0; k < b->succ_count; k++) {
			if (b->succ[k] < i && b->succ[k])
				head = b->succ[k];
		}
		if (b->pred_count < MANY_WAYS || head == f->block_count || flow->order[i] != i)
			continue;
		for (at = i; at > 0 && flow->order[at] != head; at--)
			flow->order[at] = flow->order[at - 1];
		flow->order[at] = i;
		flow->order[at + 1] = head;
	}
	for (i = 0; i < f->block_count; i++)
		flow->place_of[flow->order[i]] = i;
}

static u32 label_of(const struct flow *flow, u32 block)
{
	return flow->labels + flow->targets[block];
}

static bool is_written(const struct move *moves, u32 count, const struct ir_val *val)
{
	u32 i;

	for (i = 0; i < count; i++) {
		if (moves[i].dst_kind == PLACE_REG ? (s32)moves[i].dst == val->reg
						   : val->reg < 0 && moves[i].dst == val->slot)
			return true;
	}
	return false;
}

/* Whether what block `to` needs from `from` lives where one of the moves writes. */
static bool is_overwritten(
	const struct flow *flow, u32 from, u32 to, const struct move *moves, u32 count)
{
	const struct ir_func *f = flow->f;
	const struct ir_block *b = &f->blocks[to];
	u32 v, k = place_in(f, from, to);

	for (v = f->live_in[to]; v; v = f->live_nodes[v].next) {
		if (is_written(moves, count, &f->vals[f->live_nodes[v].v]))
			return true;
	}
	for (v = b->first; v < b->phis_end; v++) {
		const struct ir_val *val = &f->vals[v], *in;

		if (val->op != IR_PHI)
			continue;
		in = &f->vals[f->args[val->args + k]];
		if (in->flags & IR_FOLDED) /* the sum is made on the way */
			in = &f->vals[in->a];
		if (is_written(moves, count, in))
			return true;
	}
	return false;
}

static bool is_same(const struct ir_func *f, u32 v, u32 other)
{
	const struct ir_val *a = &f->vals[v], *b = &f->vals[other];

	return v == other || (a->op == IR_CONST && b->op == IR_CONST && a->imm == b->imm);
}

/* Whether block `to` gets the same from both of its predecessors. */
static bool is_same_way(const struct flow *flow, u32 from, u32 other, u32 to)
{
	const struct ir_func *f = flow->f;
	const struct ir_block *b = &f->blocks[to];
	u32 k = place_in(f, from, to), j = place_in(f, other, to), v;

	for (v = b->first; v < b->phis_end; v++) {
		const struct ir_val *val = &f->vals[v];

		if (val->op == IR_PHI && val->uses &&
			!is_same(f, f->args[val->args + k], f->args[val->args + j]))
			return false;
	}
	return true;
}

/*
 * Whether another branch goes there with the same moves: then these stand but once, behind the
 * function. Not in loops, where a jump more would be felt.
 */
static bool is_shared(const struct flow *flow, u32 block, u32 to)
{
	const struct ir_func *f = flow->f;
	const struct ir_block *b = &f->blocks[to];
	u32 at = place_in(f, block, to), k = at > NEIGHBOURS ? at - NEIGHBOURS : 0;
	u32 end = MIN(at + NEIGHBOURS, b->pred_count);

	for (; k < end && b->loop_depth == 0 && to > block; k++) {
		u32 pred = f->preds[b->preds + k];

		if (pred != block && f->blocks[pred].term == IR_TERM_BRANCH &&
			is_same_way(flow, block, pred, to))
			return true;
	}
	return false;
}

/*
 * Moves of the way that is jumped to may stand before the jump, if they change neither the
 * condition nor what the other way needs: then they need no code elsewhere, with a jump of its own.
 * Not on the way out of a loop, which would make them on every turn.
 */
static u32 early_moves(const struct flow *flow, u32 block, struct move *moves)
{
	const struct ir_func *f = flow->f;
	const struct ir_block *b = &f->blocks[block];
	u32 taken = b->succ[0], count = edge_moves(flow, block, taken, moves);

	if (!count || f->blocks[taken].loop_depth < b->loop_depth ||
		(taken > block && count > EARLY_MOVES) ||
		is_overwritten(flow, block, b->succ[1], moves, count) ||
		is_shared(flow, block, taken))
		return 0;
	return count;
}

/* Where moves of a way stand: new, or where another one has the same. */
static u32 edge_label(struct flow *flow, u32 from, u32 to)
{
	struct flow_edge *end = flow->edges + flow->edge_count;
	struct flow_edge *e = end - MIN(flow->edge_count, NEIGHBOURS);

	while (e < end && (e->to != to || !is_same_way(flow, from, e->from, to)))
		e++;
	if (e == end) {
		*e = (struct flow_edge){flow->target->new_label(flow), from, to};
		flow->edge_count++;
	}
	return e->label;
}

bool flow_moves_first(struct flow *flow, u32 block)
{
	const struct ir_func *f = flow->f;
	struct move moves[MOVES_MAX];
	u32 count = early_moves(flow, block, moves), ops[LIVE_MAX_OPERANDS], i, n;

	n = count ? live_operands(f, &f->vals[f->blocks[block].end - 1], ops) : 0;
	for (i = 0; i < n; i++) {
		if (is_written(moves, count, &f->vals[ops[i]]))
			return false;
	}
	if (count)
		flow->target->moves(flow, moves, count, false);
	return count;
}

static bool moves_before_jump(struct flow *flow, u32 block, u32 cond)
{
	struct move moves[MOVES_MAX];
	u32 count = early_moves(flow, block, moves), i;

	for (i = 0; i < count; i++) {
		if (!flow->target->keeps(flow, cond, &moves[i]))
			return false;
	}
	if (count)
		flow->target->moves(flow, moves, count, true);
	return count;
}

/* The value that a block does nothing but return, when it is entered from `from`; 0 = it does more.
 */
static u32 only_returns(const struct flow *flow, u32 from, u32 to)
{
	const struct ir_func *f = flow->f;
	const struct ir_block *b = &f->blocks[to];
	u32 v, ret = b->a;

	if (b->term != IR_TERM_RETURN)
		return 0;
	for (v = b->first; v + 1 < b->end; v++) {
		u8 op = f->vals[v].op;

		if (op != IR_PHI && op != IR_NONE && !(f->vals[v].flags & IR_NO_REG))
			return 0;
	}
	if (f->vals[ret].op == IR_PHI && f->vals[ret].block == to)
		ret = f->args[f->vals[ret].args + place_in(f, from, to)];
	return f->vals[ret].flags & IR_FOLDED ? 0 : ret;
}

/* To the end of the function without a jump. */
static bool leave(struct flow *flow, u32 from, u32 to)
{
	u32 v = flow->targets[to] == to ? only_returns(flow, from, to) : 0;

	return v && flow->target->leave(flow, v);
}

static void go_far(struct flow *flow, u32 from, u32 to)
{
	struct move moves[MOVES_MAX];

	if (leave(flow, from, to))
		return;
	flow->target->moves(flow, moves, edge_moves(flow, from, to, moves), false);
	flow->target->jump(flow, flow->target->always, label_of(flow, to));
}

void flow_go(struct flow *flow, u32 from, u32 to)
{
	struct move moves[MOVES_MAX];

	if (flow->targets[to] == next_block(flow, from))
		flow->target->moves(flow, moves, edge_moves(flow, from, to, moves), false);
	else
		go_far(flow, from, to);
}

/* Jumps to succ[0] on cond, else goes to succ[1]. */
void flow_branch(struct flow *flow, u32 block, u32 cond, bool moved)
{
	const struct ir_block *b = &flow->f->blocks[block];
	struct move moves[MOVES_MAX];
	u32 taken = b->succ[0], other = b->succ[1], next = next_block(flow, block);
	bool moves_taken = edge_moves(flow, block, taken, moves) != 0;
	bool moves_other = edge_moves(flow, block, other, moves) != 0;

	if (moved || moves_before_jump(flow, block, cond)) {
		flow->target->jump(flow, cond, label_of(flow, taken));
		flow_go(flow, block, other);
		return;
	}
	if (moves_taken && !moves_other && taken > block && flow->targets[other] == next) {
		/* leaves a loop or a straight way: its moves stand elsewhere */
	} else if (moves_taken
			? !moves_other
			: (!moves_other &&
				  (flow->targets[taken] == next ||
					  (flow->targets[other] != next && other <= block)))) {
		u32 t = taken; /* the way with moves, or the next block, falls through; not a loop
				*/

		taken = other;
		other = t;
		cond ^= 1;
		moves_taken = false;
	}
	if (!moves_taken) {
		flow->target->jump(flow, cond, label_of(flow, taken));
		flow_go(flow, block, other);
		return;
	}
	flow->target->jump(flow, cond, edge_label(flow, block, taken));
	flow_go(flow, block, other);
}

/* The moves of edges that are not the way straight on. */
void flow_edges(struct flow *flow)
{
	u32 i;

	for (i = 0; i < flow->edge_count; i++) {
		const struct flow_edge *e = &flow->edges[i];

		flow->target->bind(flow, e->label);
		go_far(flow, e->from, e->to);
	}
}

void flow_jump(struct flow *flow, u32 from, u32 to)
{
	go_far(flow, from, to);
}

static bool has_call(const struct ir_func *f, const struct ir_block *b)
{
	u32 v;

	for (v = b->first; v < b->end && f->has_calls; v++) {
		if (f->vals[v].op == IR_CALL || f->vals[v].op == IR_CALL_FUNC)
			return true;
	}
	return false;
}

bool flow_loop_end(const struct flow *flow, u32 block, u32 *ret_end)
{
	const struct ir_func *f = flow->f;
	const struct ir_block *b = &f->blocks[block];
	u32 at = flow->place_of[block], end = at, k;

	if (!b->is_loop_head)
		return false;
	for (k = 0; k < b->pred_count; k++) {
		u32 pred = f->preds[b->preds + k];

		if (pred >= block)
			end = MAX(end, flow->place_of[pred]);
	}
	for (k = at; k <= end; k++) {
		const struct ir_block *inner = &f->blocks[flow->order[k]];

		if ((k > at && inner->is_loop_head) || has_call(f, inner))
			return false;
	}
	if (at && flow->order[at - 1] > block) /* the loop's end, see find_order() */
		return false;
	*ret_end = flow->order[end];
	return true;
}

int flow_init(struct flow *flow, const struct flow_target *target, struct ir_func *f)
{
	struct arena *arena = &f->program->arena;
	u32 i;

	*flow = (struct flow){.target = target, .f = f};
	flow->targets = arena_alloc(arena, f->block_count * sizeof(u32));
	flow->next = arena_alloc(arena, f->block_count * sizeof(u32));
	flow->edges = arena_alloc(arena, f->block_count * sizeof(*flow->edges));
	flow->order = arena_alloc(arena, f->block_count * sizeof(u32));
	flow->place_of = arena_alloc(arena, f->block_count * sizeof(u32));
	if (!flow->targets || !flow->next || !flow->edges || !flow->order || !flow->place_of)
		return -ENOMEM;
	for (i = 0; i < f->block_count; i++) {
		u32 label = target->new_label(flow);

		if (i == 0)
			flow->labels = label;
	}
	find_order(flow);
	find_targets(flow);
	find_next(flow);
	return 0;
}
