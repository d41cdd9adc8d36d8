/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which values are needed where. What a value needs stands in one row of uses, in the order of the
 * code; for each block there is a list of what is live at its start. Values that only their own
 * block sees are in no list: they die with their last use there.
 */
#ifndef JIT_LIVE_H
#define JIT_LIVE_H

#include "jit/ir.h"

enum { LIVE_MAX_OPERANDS = 24 }; /* of one value, with those of what is folded into it */

struct live_use {
	u32 v, at; /* v, which has a place, is needed by value `at` */
};

/* An element of a block's list; the lists end with element 0. */
struct live_node {
	u32 v, next;
};

struct live {
	/* Operands with places, a value's own and those of what is folded into it, then an end
	 * that is no use. Phis have none here: their arguments are needed at the ends of the
	 * predecessors. */
	struct live_use *uses;
	u32 use_count, use_cap;
	u32 *first_use; /* by block */
	u32 *in;	/* by block: what is live at its start */
	struct live_node *nodes;
	u32 node_count, node_cap;
	u32 *end; /* by value: one past the last block at whose start or end it is live, or 0 */
};

/* Sets IR_PLACE of all values, and ir_block.place_in. 0 or -ENOMEM. */
int live_find(struct ir_func *f, struct live *ret_live);
/* The operands of one value, before or without live_find()'s lists. */
u32 live_operands(const struct ir_func *f, const struct ir_val *val, u32 ret[LIVE_MAX_OPERANDS]);
/* Values with places that a phi needs at the end of its predecessor number k. */
u32 live_phi_operands(
	const struct ir_func *f, const struct ir_val *phi, u32 k, u32 ret[LIVE_MAX_OPERANDS]);
#endif
