// SPDX-License-Identifier: BSD-2-Clause
/*
 * Counts how often each value is used and deletes what nobody uses and has no effect.
 *
 * Needs: operands resolved. Keeps: order, blocks. Breaks: nothing; sets ir_val.uses.
 */
#include "jit/ir.h"

void pass_dce(struct ir_func *f)
{
	u32 *work = arena_alloc(&f->program->arena, (f->val_count + 1) * sizeof(u32));
	u32 v, count = 0;

	if (!work) {
		f->program->err = -ENOMEM;
		return;
	}
	/* roots, then what they need */
	for (v = 1; v < f->val_count; v++) {
		f->vals[v].uses = 0;
		if (f->vals[v].flags & IR_EFFECT)
			work[count++] = v;
	}
	while (count) {
		struct ir_val *val = &f->vals[work[--count]];

		IR_FOR_EACH_OPERAND(f, val, p, {
			if (f->vals[*p].uses++ == 0 && !(f->vals[*p].flags & IR_EFFECT))
				work[count++] = *p;
		});
	}
	for (v = 1; v < f->val_count; v++) {
		struct ir_val *val = &f->vals[v];

		if (!val->uses && !(val->flags & IR_EFFECT)) {
			val->op = IR_NONE;
			val->a = val->b = val->c = val->arg_count = 0;
		}
	}
}
