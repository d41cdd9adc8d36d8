// SPDX-License-Identifier: BSD-2-Clause
/*
 * Phis that join a value with itself become that value. Also writes what stands for each operand
 * into the operand, so that later passes need no ir_resolve().
 *
 * Needs: values as built. Keeps: order, blocks. Breaks: nothing.
 */
#include "jit/ir.h"

/* The one value that a phi joins with itself, or 0. */
static u32 only_value(struct ir_func *f, u32 phi)
{
	const struct ir_val *v = &f->vals[phi];
	u32 only = 0, i;

	for (i = 0; i < v->arg_count; i++) {
		u32 in = ir_resolve(f, f->args[v->args + i]);

		if (in == phi || in == only)
			continue;
		if (only)
			return 0;
		only = in;
	}
	return only;
}

/* Counts of shifts that only now are known to be constants. */
static void mask_count(struct ir_func *f, u32 v)
{
	u32 b = f->vals[v].b;

	if (ir_is_const(f, b) && f->vals[b].imm >= f->vals[v].w) {
		b = ir_const(f, f->vals[b].imm & (f->vals[v].w - 1));
		f->vals[v].b = b;
	}
}

static void write_operands(struct ir_func *f)
{
	u32 v, i, count = f->val_count;

	for (v = 1; v < count; v++) {
		struct ir_val *val = &f->vals[v];

		IR_FOR_EACH_OPERAND(f, val, p, *p = ir_resolve(f, *p));
		if (val->op == IR_SHL || val->op == IR_SHR || val->op == IR_SAR)
			mask_count(f, v);
	}
	for (i = 0; i < f->block_count; i++) {
		struct ir_block *b = &f->blocks[i];

		b->a = ir_resolve(f, b->a);
		b->b = ir_resolve(f, b->b);
	}
	f->run = ir_resolve(f, f->run);
}

void pass_phi(struct ir_func *f)
{
	bool is_changed = true;
	u32 v, only;

	while (is_changed) {
		is_changed = false;
		for (v = 1; v < f->val_count; v++) {
			if (f->vals[v].op != IR_PHI)
				continue;
			only = only_value(f, v);
			if (!only)
				continue;
			ir_replace(f, v, only);
			f->vals[v].op = IR_NONE;
			f->vals[v].arg_count = 0;
			is_changed = true;
		}
	}
	write_operands(f);
}
