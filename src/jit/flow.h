/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From blocks to straight code, for every machine: in which order blocks stand, which of them need
 * no code, how a branch becomes jumps, and where the moves for phis go. What a jump looks like is
 * the target's business: conditions are numbers of its own, and cond ^ 1 is the opposite of cond.
 */
#ifndef JIT_FLOW_H
#define JIT_FLOW_H

#include "jit/moves.h"

struct flow;

struct flow_target {
	u32 always; /* the condition of an unconditional jump */
	u32 (*new_label)(struct flow *flow);
	void (*bind)(struct flow *flow, u32 label);
	void (*jump)(struct flow *flow, u32 cond, u32 label);
	/* is_before_jump: what was compared must still be known afterwards. */
	void (*moves)(struct flow *flow, struct move *moves, u32 count, bool is_before_jump);
	/* Whether cond means the same after such a move. */
	bool (*keeps)(const struct flow *flow, u32 cond, const struct move *move);
	/* Returns v from the function, if that is hardly more code than a jump. */
	bool (*leave)(struct flow *flow, u32 v);
};

struct flow {
	const struct flow_target *target;
	struct ir_func *f;
	u32 labels;	       /* of blocks: labels + block */
	u32 *order, *place_of; /* blocks in the order of the code, and the inverse */
	u32 *targets;	       /* by block: where control ends up that goes there */
	u32 *next;	       /* by place in the order: the next block with code */
	/* edges whose moves stand behind the function */
	struct flow_edge {
		u32 label, from, to;
	} * edges;
	u32 edge_count;
};

/* After register allocation; makes the labels of the blocks. 0 or -ENOMEM. */
int flow_init(struct flow *flow, const struct flow_target *target, struct ir_func *f);
bool flow_has_code(const struct flow *flow, u32 block);
/*
 * The head of an innermost loop without calls whose code starts with it: the block with which its
 * code ends.
 */
bool flow_loop_end(const struct flow *flow, u32 block, u32 *ret_end);
/* From the end of block `from` to `to`; falls through where it can, or in any case jumps. */
void flow_go(struct flow *flow, u32 from, u32 to);
void flow_jump(struct flow *flow, u32 from, u32 to);
/*
 * Before the comparison at the end of a block: the moves of the way that is jumped to, if they may
 * stand there. Returns whether they do.
 */
bool flow_moves_first(struct flow *flow, u32 block);
/* To succ[0] of the block on cond, else to succ[1]. moved: what flow_moves_first() returned. */
void flow_branch(struct flow *flow, u32 block, u32 cond, bool moved);
/* Behind the blocks: the moves of edges that are not the way straight on. */
void flow_edges(struct flow *flow);

#endif
