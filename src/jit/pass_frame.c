// SPDX-License-Identifier: BSD-2-Clause
/*
 * Stores to the stack that nobody reads: keys of lookups that needed no call, mostly. One walk from
 * the ends of the function back to what may read the stack; loops may.
 *
 * Needs: operands resolved. Keeps: order, blocks. Breaks: nothing; such stores lose IR_EFFECT.
 */
#include "jit/ir.h"

enum { MAX_DEPTH = 6 };

/*
 * Whether an address may be one of the stack. Of what is computed only sums can be: verification
 * has seen to that. Nor is a pointer to the stack anywhere in memory but on the stack.
 */
static bool may_be_stack(const struct ir_func *f, u32 v, u32 depth)
{
	const struct ir_val *val = &f->vals[v];
	u32 i;

	if (depth == MAX_DEPTH)
		return true;
	switch (val->op) {
	case IR_CONST:
	case IR_MUL:
	case IR_AND:
	case IR_SHL:
	case IR_SHR:
	case IR_ZEXT: return false;
	case IR_PARAM: return f->index != 0;
	case IR_LOAD: return val->size == 8 && may_be_stack(f, val->a, depth + 1);
	case IR_ADD:
	case IR_SUB:
		return may_be_stack(f, val->a, depth + 1) || may_be_stack(f, val->b, depth + 1);
	case IR_PHI:
		for (i = 0; i < val->arg_count; i++) {
			if (may_be_stack(f, f->args[val->args + i], depth + 1))
				return true;
		}
		return false;
	default: return true;
	}
}

static bool may_read_stack(const struct ir_func *f, const struct ir_val *val)
{
	switch (val->op) {
	case IR_LOAD:
	case IR_LOADSX: return may_be_stack(f, val->a, 0);
	case IR_UPDATE:
	case IR_ATOMIC:
	case IR_ACQUIRE:
	case IR_CALL:
	case IR_CALL_FUNC:
	case IR_PACKET: return true;
	default: return false;
	}
}

/* From the end of a block to what may read the stack; whether there is something. */
static bool walk_back(struct ir_func *f, const struct ir_block *b)
{
	u32 v;

	for (v = b->end; v-- > b->first;) {
		struct ir_val *val = &f->vals[v];

		if (may_read_stack(f, val))
			return true;
		if (val->op == IR_STORE && f->vals[val->a].op == IR_FRAME)
			val->flags &= (u8)~IR_EFFECT;
	}
	return false;
}

void pass_frame(struct ir_func *f)
{
	u64 *reads;
	u32 i, k;

	if (!f->stack_bytes)
		return;
	reads = arena_calloc(&f->program->arena, (f->block_count + 63) / 64, sizeof(u64));
	if (!reads) {
		f->program->err = -ENOMEM;
		return;
	}
	for (i = f->block_count; i-- > 0;) {
		const struct ir_block *b = &f->blocks[i];
		bool is_read = b->is_loop_head;

		for (k = 0; k < b->succ_count; k++)
			is_read |=
				b->succ[k] <= i || (reads[b->succ[k] / 64] >> b->succ[k] % 64 & 1);
		if (is_read || walk_back(f, b))
			reads[i / 64] |= 1ull << i % 64;
	}
}
