// SPDX-License-Identifier: BSD-2-Clause
/*
 * Parallel moves. A move may be carried out when nobody still wants to read its destination; when
 * only rings are left, one of them is opened with the scratch register. Constants and addresses
 * read nothing, so they come last by themselves.
 */
#include "jit/x86_64/lower.h"

void lower_move_src(const struct lower *l, u32 v, struct lower_move *ret_move)
{
	const struct ir_val *val = &l->f->vals[v];

	ret_move->w = val->bits > 32 ? 64 : 32;
	ret_move->add = 0;
	if (val->flags & IR_FOLDED) { /* a sum that this move computes */
		lower_move_src(l, val->a, ret_move);
		ret_move->w = val->w;
		ret_move->add = (s32)l->f->vals[val->b].imm;
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

static struct x86_mem slot(const struct lower *l, u32 n)
{
	return (struct x86_mem){X86_RSP, X86_NO_REG, 0, l->spill_at + 8 * (s32)n};
}

static void put_in_reg(struct lower *l, u8 dst, const struct lower_move *m)
{
	switch ((enum lower_place)m->src_kind) {
	case PLACE_REG:
		if (m->add)
			x86_lea(l->b, m->w, dst,
				(struct x86_mem){(u8)m->src, X86_NO_REG, 0, m->add});
		else if (dst != m->src)
			x86_mov_rr(l->b, m->w, dst, (u8)m->src);
		break;
	case PLACE_SLOT:
		x86_load(l->b, m->w / 8, dst, slot(l, m->src));
		if (m->add)
			x86_lea(l->b, m->w, dst, (struct x86_mem){dst, X86_NO_REG, 0, m->add});
		break;
	case PLACE_CONST:
		if (m->imm == 0)
			x86_zero(l->b, dst);
		else if (m->imm == UINT32_MAX)
			x86_alu_ri(l->b, X86_OR, 32, dst, -1); /* shorter */
		else
			x86_mov_ri(l->b, dst, m->imm);
		break;
	case PLACE_FRAME:
		x86_lea(l->b, 64, dst, (struct x86_mem){X86_RSP, X86_NO_REG, 0, l->stack_end});
		break;
	case PLACE_FUNC: x86_lea_label(l->b, dst, l->func_labels + m->src); break;
	}
}

static void carry_out(struct lower *l, const struct lower_move *m)
{
	if (m->dst_kind == PLACE_REG) {
		put_in_reg(l, (u8)m->dst, m);
	} else if (m->src_kind == PLACE_CONST && ir_fits_s32(m->imm)) {
		x86_store_imm(l->b, 8, slot(l, m->dst), (s32)m->imm);
	} else if (m->src_kind == PLACE_REG && !m->add) {
		x86_store(l->b, 8, slot(l, m->dst), (u8)m->src);
	} else {
		put_in_reg(l, LOWER_SCRATCH2, m);
		x86_store(l->b, 8, slot(l, m->dst), LOWER_SCRATCH2);
	}
}

static bool is_read(const struct lower_move *moves, u32 count, u32 self)
{
	const struct lower_move *m = &moves[self];
	u32 i;

	for (i = 0; i < count; i++) {
		if (i != self && moves[i].src_kind == m->dst_kind && moves[i].src == m->dst &&
			moves[i].src_kind <= PLACE_SLOT)
			return true;
	}
	return false;
}

/* The value that moves[0] will overwrite goes to the scratch register. */
static void open_ring(struct lower *l, struct lower_move *moves, u32 count)
{
	struct lower_move save = {
		.dst_kind = PLACE_REG,
		.dst = LOWER_SCRATCH,
		.src_kind = moves[0].dst_kind,
		.src = moves[0].dst,
		.w = 64,
	};
	u32 i;

	carry_out(l, &save);
	for (i = 0; i < count; i++) {
		if (moves[i].src_kind == save.src_kind && moves[i].src == save.src) {
			moves[i].src_kind = PLACE_REG;
			moves[i].src = LOWER_SCRATCH;
		}
	}
}

void lower_moves(struct lower *l, struct lower_move *moves, u32 count)
{
	while (count) {
		u32 i;

		for (i = 0; i < count; i++) {
			if (!is_read(moves, count, i))
				break;
		}
		if (i == count) {
			open_ring(l, moves, count);
			continue;
		}
		carry_out(l, &moves[i]);
		moves[i] = moves[--count];
	}
}
