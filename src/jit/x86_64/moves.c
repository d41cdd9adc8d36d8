// SPDX-License-Identifier: BSD-2-Clause
/* One move of several (jit/moves.h) as x86-64 code. */
#include "jit/x86_64/lower.h"

static struct x86_mem slot(const struct lower *l, u32 n)
{
	return (struct x86_mem){X86_RSP, X86_NO_REG, 0, l->spill_at + 8 * (s32)n};
}

/* Beside a constant that the move before has put into a register, one takes but a few bytes. */
static void put_const(struct lower *l, u8 dst, u64 imm)
{
	s64 distance = (s64)(imm - l->moved_imm);
	u8 w = imm >> 32 ? 64 : 32;
	bool is_near = l->moved_at == l->b->len && !(l->b->named >> l->moved_reg & 1) &&
		l->moved_imm >> 32 == imm >> 32 && distance == (s8)distance;

	if (imm == 0 && !l->keeps_flags)
		x86_zero(l->b, dst);
	else if (imm == UINT32_MAX && !l->keeps_flags)
		x86_alu_ri(l->b, X86_OR, 32, dst, -1); /* shorter than a move */
	else if (is_near && distance)
		x86_lea(l->b, w, dst, (struct x86_mem){l->moved_reg, X86_NO_REG, 0, (s32)distance});
	else if (is_near)
		x86_mov_rr(l->b, w, dst, l->moved_reg);
	else
		x86_mov_ri(l->b, dst, imm);
	l->moved_reg = dst;
	l->moved_imm = imm;
	l->moved_at = l->b->len;
	l->b->named &= ~(1u << dst); /* until there is a label */
}

static void put_in_reg(struct lower *l, u8 dst, const struct move *m)
{
	switch ((enum place)m->src_kind) {
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
	case PLACE_CONST: put_const(l, dst, m->imm); break;
	case PLACE_FRAME:
		x86_lea(l->b, 64, dst, (struct x86_mem){X86_RSP, X86_NO_REG, 0, l->stack_end});
		break;
	}
}

static void carry_out(void *ctx, const struct move *m)
{
	struct lower *l = ctx;

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

void lower_moves(struct lower *l, struct move *moves, u32 count)
{
	moves_in_order(moves, count, LOWER_SCRATCH, carry_out, l);
}
