// SPDX-License-Identifier: BSD-2-Clause
/*
 * Parallel moves. A move may be carried out when nobody still wants to read its destination; when
 * only rings are left, one of them is opened with the scratch register. Constants and addresses
 * read nothing, so they come last by themselves.
 */
#include "jit/moves.h"

void move_from(const struct ir_func *f, u32 v, struct move *ret_move)
{
	const struct ir_val *val = &f->vals[v];

	ret_move->w = val->bits > 32 ? 64 : 32;
	ret_move->add = 0;
	if (val->flags & IR_FOLDED) { /* a sum that this move computes */
		move_from(f, val->a, ret_move);
		ret_move->w = val->w;
		ret_move->add = (s32)f->vals[val->b].imm;
		return;
	}
	if (val->op == IR_CONST) {
		ret_move->src_kind = PLACE_CONST;
		ret_move->imm = val->imm;
	} else if (val->op == IR_FRAME) {
		ret_move->src_kind = PLACE_FRAME;
	} else if (val->op == IR_UNDEF) {
		ret_move->src_kind = PLACE_CONST;
		ret_move->imm = 0;
	} else if (val->reg >= 0) {
		ret_move->src_kind = PLACE_REG;
		ret_move->src = (u32)val->reg;
	} else {
		ret_move->src_kind = PLACE_SLOT;
		ret_move->src = val->slot;
	}
}

static bool is_read(const struct move *moves, u32 count, u32 self)
{
	const struct move *m = &moves[self];
	u32 i;

	for (i = 0; i < count; i++) {
		if (i != self && moves[i].src_kind == m->dst_kind && moves[i].src == m->dst &&
			moves[i].src_kind <= PLACE_SLOT)
			return true;
	}
	return false;
}

/* The value that moves[0] will overwrite goes to the scratch register. */
static void open_ring(struct move *moves, u32 count, u8 scratch,
	void (*carry_out)(void *ctx, const struct move *move), void *ctx)
{
	struct move save = {
		.dst_kind = PLACE_REG,
		.dst = scratch,
		.src_kind = moves[0].dst_kind,
		.src = moves[0].dst,
		.w = 64,
	};
	u32 i;

	carry_out(ctx, &save);
	for (i = 0; i < count; i++) {
		if (moves[i].src_kind == save.src_kind && moves[i].src == save.src) {
			moves[i].src_kind = PLACE_REG;
			moves[i].src = scratch;
		}
	}
}

void moves_in_order(struct move *moves, u32 count, u8 scratch,
	void (*carry_out)(void *ctx, const struct move *move), void *ctx)
{
	if (count == 1) {
		carry_out(ctx, &moves[0]);
		return;
	}
	while (count) {
		u32 i;

		for (i = 0; i < count; i++) {
			if (!is_read(moves, count, i))
				break;
		}
		if (i == count) {
			open_ring(moves, count, scratch, carry_out, ctx);
			continue;
		}
		carry_out(ctx, &moves[i]);
		moves[i] = moves[--count];
	}
}
