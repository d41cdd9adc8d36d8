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

	b = ir_const(f, f->vals[b].imm & (f->vals[v].w - 1));
	f->vals[v].b = b;
}

static void write_operands(struct ir_func *f)
{
	const u64 shifts = IR_BIT(IR_SHL) | IR_BIT(IR_SHR) | IR_BIT(IR_SAR);
	u32 v, i, count = f->val_count;

	for (v = 1; v < count; v++) {
		struct ir_val *val = &f->vals[v];

		val->a = ir_resolve(f, val->a); /* 0 is 0 */
		val->b = ir_resolve(f, val->b);
		val->c = ir_resolve(f, val->c);
		for (i = 0; i < val->arg_count; i++)
			f->args[val->args + i] = ir_resolve(f, f->args[val->args + i]);
		if (((IR_BIT(val->op) & shifts) != 0) & ir_is_const(f, val->b) &
			(f->vals[val->b].imm >= val->w))
			mask_count(f, v);
	}
	for (i = 0; i < f->block_count; i++) {
		struct ir_block *b = &f->blocks[i];

		b->a = ir_resolve(f, b->a);
		b->b = ir_resolve(f, b->b);
	}
	f->run = ir_resolve(f, f->run);
}

/* Whether a phi is only a value with another name. */
static bool remove_phi(struct ir_func *f, u32 v)
{
	u32 only = f->vals[v].op == IR_PHI ? only_value(f, v) : 0;

	if (!only)
		return false;
	ir_replace(f, v, only);
	f->vals[v].op = IR_NONE;
	f->vals[v].arg_count = 0;
	return true;
}

static bool remove_forwards(struct ir_func *f)
{
	bool is_changed = false;
	u32 i, v;

	for (i = 0; i < f->block_count; i++) {
		for (v = f->blocks[i].first; v < f->blocks[i].phis_end; v++)
			is_changed |= remove_phi(f, v);
	}
	return is_changed;
}

/* What follows from inner loops for outer ones. */
static bool remove_backwards(struct ir_func *f)
{
	bool is_changed = false;
	u32 i, v;

	for (i = f->block_count; i-- > 0;) {
		for (v = f->blocks[i].phis_end; v-- > f->blocks[i].first;)
			is_changed |= remove_phi(f, v);
	}
	return is_changed;
}

void pass_phi(struct ir_func *f)
{
	while (remove_forwards(f) && remove_backwards(f))
		;
	write_operands(f);
}
