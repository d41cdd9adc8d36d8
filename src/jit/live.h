/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which values are needed where. Values that more than one block sees, and arguments of phis, are
 * numbered; for each block a row of bits says which of them are live at its start and at its end.
 * A value that only its own block sees has no number: it dies with its last use there.
 */
#ifndef JIT_LIVE_H
#define JIT_LIVE_H

#include "jit/ir.h"

enum { LIVE_MAX_OPERANDS = 24 }; /* of one value, with those of what is folded into it */

struct live_span {
	u32 at, count; /* in live.operands */
};

struct live {
	/* By value: the operands with places, its own and those of what is folded into it. Phis
	 * have none here: their arguments are needed at the ends of the predecessors. */
	struct live_span *span;
	u32 *operands;
	u32 *number; /* by value: 1 and up, 0 = none */
	u32 *values; /* value of number n: values[n - 1] */
	u32 *end;    /* of number n: end[n - 1] = one past the last value of the last block */
	u32 count, words;
	u64 *in, *out; /* by block: words of bits; number n is bit n - 1 */
};

/* Sets IR_PLACE of all values. 0 or -ENOMEM. */
int live_find(struct ir_func *f, struct live *ret_live);
/* The operands of one value, before or without live_find()'s lists. */
u32 live_operands(const struct ir_func *f, const struct ir_val *val, u32 ret[LIVE_MAX_OPERANDS]);

static inline u64 *live_row(u64 *rows, const struct live *live, u32 block)
{
	return &rows[(size_t)block * live->words];
}

static inline bool live_bit(const u64 *row, u32 number)
{
	return row[(number - 1) / 64] >> (number - 1) % 64 & 1;
}

static inline void live_set(u64 *row, u32 number)
{
	row[(number - 1) / 64] |= 1ull << (number - 1) % 64;
}

#endif
