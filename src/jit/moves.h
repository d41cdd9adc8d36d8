/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Moving many values at once, as if every source were read before any destination is written: for
 * the phis of a block, the arguments of a call, the parameters of a function.
 */
#ifndef JIT_MOVES_H
#define JIT_MOVES_H

#include "jit/ir.h"

/* A place to move from or to. */
enum place { PLACE_REG, PLACE_SLOT, PLACE_CONST, PLACE_FRAME };

struct move {
	u8 dst_kind, src_kind; /* enum place */
	u8 w;
	s32 add;      /* to what comes from a register or slot */
	u32 dst, src; /* register or slot */
	u64 imm;
};

enum { MOVES_MAX = IR_MAX_VARS + 8 };

/* Where v comes from; the destination is left to the caller. */
void move_from(const struct ir_func *f, u32 v, struct move *ret_move);
/* Calls carry_out() for one move after the other; scratch is a register that none of them names. */
void moves_in_order(struct move *moves, u32 count, u8 scratch,
	void (*carry_out)(void *ctx, const struct move *move), void *ctx);

#endif
