// SPDX-License-Identifier: BSD-2-Clause
/* One move of several (jit/moves.h) as arm64 code; none changes the flags. */
#include "jit/arm64/lower.h"

static s32 slot(const struct arm64_lower *l, u32 n)
{
	return l->spill_at + 8 * (s32)n;
}

static void put_in_reg(struct arm64_lower *l, u8 d, const struct move *m)
{
	switch ((enum place)m->src_kind) {
	case PLACE_REG:
		if (m->add)
			arm64_add_const(l, m->w, d, (u8)m->src, m->add);
		else if (d != m->src)
			a64_mov(l->b, m->w, d, (u8)m->src);
		break;
	case PLACE_SLOT:
		arm64_load_at(l, m->w / 8, d, A64_SP, slot(l, m->src));
		if (m->add)
			arm64_add_const(l, m->w, d, d, m->add);
		break;
	case PLACE_CONST: a64_mov_imm(l->b, d, m->imm); break;
	case PLACE_FRAME: arm64_add_const(l, 64, d, A64_SP, l->stack_end); break;
	}
}

static void carry_out(void *ctx, const struct move *m)
{
	struct arm64_lower *l = ctx;
	u8 reg = ARM64_SCRATCH2;

	if (m->dst_kind == PLACE_REG) {
		put_in_reg(l, (u8)m->dst, m);
		return;
	}
	if (m->src_kind == PLACE_CONST && m->imm == 0)
		reg = A64_ZR;
	else if (m->src_kind == PLACE_REG && !m->add)
		reg = (u8)m->src;
	else
		put_in_reg(l, reg, m);
	arm64_store_at(l, 8, reg, A64_SP, slot(l, m->dst));
}

void arm64_moves(struct arm64_lower *l, struct move *moves, u32 count)
{
	moves_in_order(moves, count, ARM64_SCRATCH, carry_out, l);
}
