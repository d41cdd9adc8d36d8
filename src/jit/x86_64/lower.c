// SPDX-License-Identifier: BSD-2-Clause
/* Walks the blocks of a function; places of values; comparisons, branches and their moves. */
#include "jit/x86_64/lower.h"

enum { MANY_WAYS = 3 }; /* into the end of a loop */

/* ---- places -------------------------------------------------------------------------------- */

bool lower_is_spilled(const struct lower *l, u32 v)
{
	const struct ir_val *val = &l->f->vals[v];

	return val->reg < 0 && !(val->flags & (IR_NO_REG | IR_FOLDED));
}

struct x86_mem lower_slot(const struct lower *l, u32 v)
{
	return (struct x86_mem){X86_RSP, X86_NO_REG, 0, l->spill_at + 8 * l->f->vals[v].slot};
}

void lower_load_into(struct lower *l, u8 dst, u32 v, u8 w)
{
	const struct ir_val *val = &l->f->vals[v];

	if (val->op == IR_CONST) {
		u64 imm = w == 32 ? (u32)val->imm : val->imm;

		if (val->reg >= 0 && !(val->flags & IR_NO_REG)) {
			if ((u8)val->reg != dst)
				x86_mov_rr(l->b, imm >> 32 ? 64 : 32, dst, (u8)val->reg);
		} else if (imm == 0) {
			x86_zero(l->b, dst);
		} else {
			x86_mov_ri(l->b, dst, imm);
		}
	} else if (val->op == IR_FRAME) {
		x86_lea(l->b, 64, dst, (struct x86_mem){X86_RSP, X86_NO_REG, 0, l->stack_end});
	} else if (val->op == IR_UNDEF) {
		x86_zero(l->b, dst);
	} else if (val->flags & IR_FOLDED) {
		x86_load(l->b, val->size, dst, lower_address(l, v));
	} else if (val->reg < 0) {
		x86_load(l->b, w == 64 && val->bits > 32 ? 8 : 4, dst, lower_slot(l, v));
	} else if ((u8)val->reg != dst) {
		x86_mov_rr(l->b, w == 64 && val->bits > 32 ? 64 : 32, dst, (u8)val->reg);
	}
}

u8 lower_src(struct lower *l, u32 v, u8 scratch)
{
	const struct ir_val *val = &l->f->vals[v];

	if (val->reg >= 0 && !(val->flags & (IR_NO_REG | IR_FOLDED)))
		return (u8)val->reg;
	lower_load_into(l, scratch, v, 64);
	return scratch;
}

u8 lower_dst(const struct lower *l, u32 v)
{
	return l->f->vals[v].reg >= 0 ? (u8)l->f->vals[v].reg : LOWER_SCRATCH2;
}

void lower_store_dst(struct lower *l, u32 v, u8 reg)
{
	if (l->f->vals[v].reg < 0)
		x86_store(l->b, 8, lower_slot(l, v), reg);
	else if ((u8)l->f->vals[v].reg != reg)
		x86_mov_rr(l->b, l->f->vals[v].bits > 32 ? 64 : 32, (u8)l->f->vals[v].reg, reg);
}

bool lower_small_const(const struct lower *l, u32 v, u8 w, s32 *ret_imm)
{
	const struct ir_val *val = &l->f->vals[v];

	if (val->op != IR_CONST || (w == 64 && !ir_fits_s32(val->imm)))
		return false;
	*ret_imm = (s32)val->imm;
	return true;
}

void lower_set_flags(struct lower *l, u8 reg, u8 w)
{
	l->flags_at = l->b->len;
	l->flags_reg = reg;
	l->flags_w = w;
}

/* ---- comparisons --------------------------------------------------------------------------- */

static enum x86_cond to_x86(enum ir_cond cond)
{
	static const u8 conds[] = {
		[IR_EQ] = X86_E,
		[IR_NE] = X86_NE,
		[IR_ULT] = X86_B,
		[IR_UGE] = X86_AE,
		[IR_ULE] = X86_BE,
		[IR_UGT] = X86_A,
		[IR_SLT] = X86_L,
		[IR_SGE] = X86_GE,
		[IR_SLE] = X86_LE,
		[IR_SGT] = X86_G,
		[IR_CLEAR] = X86_E,
		[IR_SET] = X86_NE,
	};

	return (enum x86_cond)conds[cond];
}

/* The condition for exchanged operands. */
static enum ir_cond exchange(enum ir_cond cond)
{
	switch (cond) {
	case IR_ULT: return IR_UGT;
	case IR_UGT: return IR_ULT;
	case IR_ULE: return IR_UGE;
	case IR_UGE: return IR_ULE;
	case IR_SLT: return IR_SGT;
	case IR_SGT: return IR_SLT;
	case IR_SLE: return IR_SGE;
	case IR_SGE: return IR_SLE;
	case IR_EQ:
	case IR_NE:
	case IR_CLEAR:
	case IR_SET: break;
	}
	return cond;
}

static void emit_test(struct lower *l, u32 a, u32 b, u8 w)
{
	u8 reg = lower_src(l, a, LOWER_SCRATCH);
	s32 imm;

	if (lower_small_const(l, b, w, &imm)) {
		x86_test_ri(l->b, w, reg, imm);
	} else if (lower_is_spilled(l, b)) {
		x86_load(l->b, 8, LOWER_SCRATCH2, lower_slot(l, b));
		x86_test_rr(l->b, w, reg, LOWER_SCRATCH2);
	} else {
		x86_test_rr(l->b, w, reg, lower_src(l, b, LOWER_SCRATCH2));
	}
}

static void compare_memory(struct lower *l, struct x86_mem m, u32 b, u8 w)
{
	s32 imm;

	if (lower_small_const(l, b, w, &imm))
		x86_alu_mi(l->b, X86_CMP, w, m, imm);
	else
		x86_alu_mr(l->b, X86_CMP, w, m, lower_src(l, b, LOWER_SCRATCH2));
}

enum x86_cond lower_compare(struct lower *l, u32 a, u32 b, u8 w, enum ir_cond cond)
{
	const struct ir_func *f = l->f;
	s32 imm;
	u8 reg;

	if (cond == IR_CLEAR || cond == IR_SET) {
		if (f->vals[a].flags & IR_NO_REG)
			emit_test(l, b, a, w);
		else
			emit_test(l, a, b, w);
		return to_x86(cond);
	}
	if (f->vals[a].op == IR_CONST &&
		(f->vals[b].op != IR_CONST || !(f->vals[b].flags & IR_NO_REG))) {
		u32 t = a;

		a = b;
		b = t;
		cond = exchange(cond);
	}
	if (f->vals[a].flags & IR_FOLDED) {
		compare_memory(l, lower_address(l, a), b, w);
		return to_x86(cond);
	}
	if (lower_is_spilled(l, a) && !lower_is_spilled(l, b) && !(f->vals[b].flags & IR_FOLDED)) {
		compare_memory(l, lower_slot(l, a), b, w);
		return to_x86(cond);
	}
	if (f->vals[b].flags & IR_FOLDED) { /* the address may need the first scratch */
		reg = lower_src(l, a, LOWER_SCRATCH2);
		x86_alu_rm(l->b, X86_CMP, w, reg, lower_address(l, b));
		return to_x86(cond);
	}
	reg = lower_src(l, a, LOWER_SCRATCH);
	if (lower_small_const(l, b, w, &imm)) {
		bool is_known = l->flags_at == l->b->len && l->flags_reg == reg && l->flags_w == w;

		if (imm == 0 && is_known && (cond == IR_EQ || cond == IR_NE))
			return to_x86(cond);
		if (imm == 0)
			x86_test_rr(l->b, w, reg, reg);
		else
			x86_alu_ri(l->b, X86_CMP, w, reg, imm);
	} else if (lower_is_spilled(l, b)) {
		x86_alu_rm(l->b, X86_CMP, w, reg, lower_slot(l, b));
	} else {
		x86_alu_rr(l->b, X86_CMP, w, reg, lower_src(l, b, LOWER_SCRATCH2));
	}
	return to_x86(cond);
}

/* ---- ends of blocks ------------------------------------------------------------------------ */

/* Moves for the phis of block `to` when it is entered from block `from`. */
static u32 edge_moves(struct lower *l, u32 from, u32 to, struct lower_move *moves)
{
	struct ir_func *f = l->f;
	const struct ir_block *b = &f->blocks[to];
	u32 k, v, count = 0;

	for (k = 0; k < b->pred_count; k++) {
		if (f->preds[b->preds + k] == from)
			break;
	}
	for (v = b->first; v < b->end; v++) {
		const struct ir_val *val = &f->vals[v];
		struct lower_move *m = &moves[count];

		if (val->op != IR_PHI) {
			if (val->op == IR_NONE || val->op == IR_SELECT)
				continue;
			break;
		}
		if (!val->uses || f->vals[f->args[val->args + k]].op == IR_UNDEF)
			continue;
		lower_move_src(l, f->args[val->args + k], m);
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
static bool is_empty(struct lower *l, u32 block)
{
	struct lower_move moves[LOWER_MAX_MOVES];
	const struct ir_block *b = &l->f->blocks[block];
	u32 v;

	if (b->term != IR_TERM_JUMP || b->is_loop_head || block == 0 || b->succ[0] == block)
		return false;
	for (v = b->first; v + 1 < b->end; v++) {
		if (l->f->vals[v].op != IR_NONE && !(l->f->vals[v].flags & IR_NO_REG))
			return false;
	}
	return edge_moves(l, block, b->succ[0], moves) == 0;
}

/* Where control ends up when it goes to a block; no block without code. */
static void find_targets(struct lower *l)
{
	struct ir_func *f = l->f;
	u32 i, hops;

	for (i = 0; i < f->block_count; i++)
		l->targets[i] =
			f->blocks[i].is_reachable && is_empty(l, i) ? f->blocks[i].succ[0] : i;
	for (i = 0; i < f->block_count; i++) {
		u32 to = l->targets[i];

		for (hops = 0; l->targets[to] != to && hops < f->block_count; hops++)
			to = l->targets[to];
		if (l->targets[to] == to)
			l->targets[i] = to;
	}
}

static bool has_code(const struct lower *l, u32 block)
{
	return l->f->blocks[block].is_reachable && l->targets[block] == block;
}

/* The next block that has code, in the order of the code; block_count = none. */
static u32 next_block(const struct lower *l, u32 block)
{
	u32 at = l->place_of[block] + 1;

	while (at < l->f->block_count && !has_code(l, l->layout[at]))
		at++;
	return at < l->f->block_count ? l->layout[at] : l->f->block_count;
}

/*
 * The order of the code. The end of a loop that many ways lead to stands before the loop's head:
 * then each of them takes one jump, and not one to the end and one back.
 */
static void find_layout(struct lower *l)
{
	struct ir_func *f = l->f;
	u32 i, k, at;

	for (i = 0; i < f->block_count; i++)
		l->layout[i] = i;
	for (i = 1; i < f->block_count; i++) {
		const struct ir_block *b = &f->blocks[i];
		u32 head = f->block_count;

		for (k = 0; k < b->succ_count; k++) {
			if (b->succ[k] < i && b->succ[k])
				head = b->succ[k];
		}
		if (b->pred_count < MANY_WAYS || head == f->block_count || l->layout[i] != i)
			continue;
		for (at = i; at > 0 && l->layout[at] != head; at--)
			l->layout[at] = l->layout[at - 1];
		l->layout[at] = i;
		l->layout[at + 1] = head;
	}
	for (i = 0; i < f->block_count; i++)
		l->place_of[l->layout[i]] = i;
}

static u32 label_of(const struct lower *l, u32 block)
{
	return l->block_labels + l->targets[block];
}

static bool is_written(const struct lower_move *moves, u32 count, const struct ir_val *val)
{
	u32 i;

	for (i = 0; i < count; i++) {
		if (moves[i].dst_kind == PLACE_REG && (s32)moves[i].dst == val->reg)
			return true;
	}
	return false;
}

/* Whether what block `to` needs from `from` lives where one of the moves writes. */
static bool is_overwritten(
	const struct lower *l, u32 from, u32 to, const struct lower_move *moves, u32 count)
{
	const struct ir_func *f = l->f;
	const struct ir_block *b = &f->blocks[to];
	const u64 *live = &f->live_in[(size_t)to * f->live_words];
	u32 w, v, k;

	for (w = 0; w < f->live_words; w++) {
		u64 bits;

		for (bits = live[w]; bits; bits &= bits - 1) {
			v = f->live_values[w * 64 + (u32)__builtin_ctzll(bits)];
			if (is_written(moves, count, &f->vals[v]))
				return true;
		}
	}
	for (k = 0; k < b->pred_count; k++) {
		if (f->preds[b->preds + k] == from)
			break;
	}
	for (v = b->first; v < b->end; v++) {
		const struct ir_val *val = &f->vals[v];

		if (val->op == IR_PHI && is_written(moves, count, &f->vals[f->args[val->args + k]]))
			return true;
	}
	return false;
}

static void go_to(struct lower *l, u32 from, u32 to);

/*
 * A jump back with moves: they stand before the jump, if they change neither the flags nor what the
 * other way needs, so that the loop has one jump.
 */
static bool branch_back(struct lower *l, u32 block, enum x86_cond cond)
{
	const struct ir_block *b = &l->f->blocks[block];
	struct lower_move moves[LOWER_MAX_MOVES];
	u32 count = edge_moves(l, block, b->succ[0], moves), i;

	if (!count || b->succ[0] > block || is_overwritten(l, block, b->succ[1], moves, count))
		return false;
	for (i = 0; i < count; i++) {
		if (moves[i].src_kind == PLACE_CONST || moves[i].dst_kind != PLACE_REG)
			return false;
	}
	lower_moves(l, moves, count);
	x86_jump(l->b, cond, label_of(l, b->succ[0]));
	go_to(l, block, b->succ[1]);
	return true;
}

static void go_to(struct lower *l, u32 from, u32 to)
{
	struct lower_move moves[LOWER_MAX_MOVES];
	u32 count = edge_moves(l, from, to, moves);

	lower_moves(l, moves, count);
	if (l->targets[to] != next_block(l, from))
		x86_jump(l->b, X86_ALWAYS, label_of(l, to));
}

/* Jumps to succ[0] on cond, else goes to succ[1]. */
static void branch(struct lower *l, u32 block, enum x86_cond cond)
{
	const struct ir_block *b = &l->f->blocks[block];
	struct lower_move moves[LOWER_MAX_MOVES];
	u32 taken = b->succ[0], other = b->succ[1], next = next_block(l, block);
	bool moves_taken = edge_moves(l, block, taken, moves) != 0;
	bool moves_other = edge_moves(l, block, other, moves) != 0;
	u32 label;

	if (branch_back(l, block, cond))
		return;
	if (moves_taken && !moves_other && taken > block && l->targets[other] == next) {
		/* leaves a loop or a straight way: its moves stand elsewhere */
	} else if (moves_taken ? !moves_other
			       : (!moves_other &&
					 (l->targets[taken] == next ||
						 (l->targets[other] != next && other <= block)))) {
		u32 t = taken; /* the way with moves, or the next block, falls through; not a loop
				*/

		taken = other;
		other = t;
		cond ^= 1;
		moves_taken = false;
	}
	if (!moves_taken) {
		x86_jump(l->b, cond, label_of(l, taken));
		go_to(l, block, other);
		return;
	}
	label = x86_new_label(l->b);
	l->edges[l->edge_count++] = (struct lower_edge){label, block, taken};
	x86_jump(l->b, cond, label);
	go_to(l, block, other);
}

/* The moves of edges that are not the way straight on. */
static void lower_edges(struct lower *l)
{
	struct lower_move moves[LOWER_MAX_MOVES];
	u32 i;

	for (i = 0; i < l->edge_count; i++) {
		const struct lower_edge *e = &l->edges[i];

		x86_bind(l->b, e->label);
		lower_moves(l, moves, edge_moves(l, e->from, e->to, moves));
		x86_jump(l->b, X86_ALWAYS, label_of(l, e->to));
	}
}

static void lower_end(struct lower *l, u32 block)
{
	const struct ir_block *b = &l->f->blocks[block];
	struct x86_mem counter = {X86_RSP, X86_NO_REG, 0, l->may_goto_at};

	switch ((enum ir_term)b->term) {
	case IR_TERM_JUMP: go_to(l, block, b->succ[0]); break;
	case IR_TERM_BRANCH:
		branch(l, block, lower_compare(l, b->a, b->b, b->w, (enum ir_cond)b->cond));
		break;
	case IR_TERM_MAY_GOTO: {
		u32 label = x86_new_label(l->b);

		x86_alu_mi(l->b, X86_CMP, 64, counter, 0);
		x86_jump(l->b, X86_NE, label);
		{
			struct lower_move moves[LOWER_MAX_MOVES];

			lower_moves(l, moves, edge_moves(l, block, b->succ[0], moves));
			x86_jump(l->b, X86_ALWAYS, label_of(l, b->succ[0]));
		}
		x86_bind(l->b, label);
		x86_alu_mi(l->b, X86_SUB, 64, counter, 1);
		go_to(l, block, b->succ[1]);
		break;
	}
	case IR_TERM_RETURN:
		lower_load_into(l, X86_RAX, b->a, 64);
		if (l->is_exit_bound) {
			x86_jump(l->b, X86_ALWAYS, l->exit_label);
		} else {
			x86_bind(l->b, l->exit_label);
			l->is_exit_bound = true;
			frame_leave(l);
			x86_ret(l->b);
		}
		break;
	case IR_TERM_TRAP: x86_trap(l->b); break;
	}
}

/* ---- values -------------------------------------------------------------------------------- */

static void lower_val(struct lower *l, u32 v)
{
	struct ir_val *val = &l->f->vals[v];

	if (val->flags & (IR_FOLDED | IR_NO_REG))
		return;
	switch ((enum ir_op)val->op) {
	case IR_NONE:
	case IR_UNDEF:
	case IR_FRAME:
	case IR_PARAM:
	case IR_PHI:
	case IR_END:
	case IR_OP_COUNT: return;
	case IR_CONST: {
		u8 reg = lower_dst(l, v);

		if (!val->uses)
			return;
		x86_mov_ri(l->b, reg, val->imm);
		lower_store_dst(l, v, reg);
		return;
	}
	case IR_BLIND: lower_blind(l, v); return;
	case IR_FUNC_ADDR: {
		u8 reg = lower_dst(l, v);

		x86_lea_label(l->b, reg, l->func_labels + (u32)val->imm);
		lower_store_dst(l, v, reg);
		return;
	}
	case IR_ADD:
	case IR_SUB:
	case IR_MUL:
	case IR_AND:
	case IR_OR:
	case IR_XOR:
	case IR_SHL:
	case IR_SHR:
	case IR_SAR:
	case IR_ROL: lower_alu(l, v); return;
	case IR_UDIV:
	case IR_UMOD:
	case IR_SDIV:
	case IR_SMOD: lower_divide(l, v); return;
	case IR_NEG:
	case IR_ZEXT:
	case IR_SEXT:
	case IR_BSWAP:
	case IR_LEA: lower_convert(l, v); return;
	case IR_SELECT: lower_select(l, v); return;
	case IR_LOAD:
	case IR_LOADSX:
	case IR_STORE:
	case IR_ACQUIRE:
	case IR_RELEASE: lower_memory(l, v); return;
	case IR_ATOMIC: lower_atomic(l, v); return;
	case IR_CALL:
	case IR_CALL_FUNC: lower_call(l, v); return;
	case IR_TAIL_CALL: lower_tail_call(l, v); return;
	case IR_PACKET: lower_packet(l, v); return;
	case IR_FENCE: x86_lfence(l->b); return;
	case IR_FUEL: lower_fuel(l, v); return;
	case IR_CHECK: lower_check(l, v); return;
	}
}

int lower_func(struct lower *l)
{
	struct ir_func *f = l->f;
	u32 i, v, at;

	l->block_labels = l->b->label_count;
	for (i = 0; i < f->block_count; i++)
		x86_new_label(l->b);
	l->exit_label = x86_new_label(l->b);
	l->fault_label = x86_new_label(l->b);
	l->zero_label = x86_new_label(l->b);
	l->out_of_fuel_label = x86_new_label(l->b);
	l->cancelled_label = x86_new_label(l->b);
	l->flags_at = UINT32_MAX;
	l->targets = arena_alloc(&l->p->arena, f->block_count * sizeof(u32));
	l->edges = arena_alloc(&l->p->arena, f->block_count * sizeof(*l->edges));
	l->layout = arena_alloc(&l->p->arena, f->block_count * sizeof(u32));
	l->place_of = arena_alloc(&l->p->arena, f->block_count * sizeof(u32));
	if (!l->targets || !l->edges || !l->layout || !l->place_of)
		return -ENOMEM;
	find_layout(l);
	find_targets(l);
	frame_enter(l);
	for (at = 0; at < f->block_count; at++) {
		const struct ir_block *b;

		i = l->layout[at];
		b = &f->blocks[i];
		if (!has_code(l, i))
			continue;
		if (b->is_loop_head && at &&
			f->blocks[l->layout[at - 1]].loop_depth < b->loop_depth)
			x86_align(l->b, 4);
		x86_bind(l->b, l->block_labels + i);
		l->flags_at = UINT32_MAX;
		for (v = b->first; v < b->end; v++)
			lower_val(l, v);
		lower_end(l, i);
	}
	lower_edges(l);
	frame_exits(l);
	return l->b->err;
}
