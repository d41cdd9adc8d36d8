// SPDX-License-Identifier: BSD-2-Clause
/*
 * Counts how often each value is used and deletes what nobody uses and has no effect. Users stand
 * behind what they use, so one walk backwards sees them first; except around loops, where what was
 * thought dead comes to life again.
 *
 * Needs: operands resolved. Keeps: order, blocks. Breaks: nothing; sets ir_val.uses.
 */
#include "jit/ir.h"

struct dce {
	struct ir_func *f;
	u32 at; /* what stands behind it was visited */
	u32 *work, work_count;
};

static void use(struct dce *d, u32 v)
{
	struct ir_val *val = &d->f->vals[v];

	if (v && val->uses++ == 0 && v > d->at && !(val->flags & IR_EFFECT))
		d->work[d->work_count++] = v;
}

/* Operands that may stand behind their user, or belong to a value found alive after it was passed.
 */
static void use_anywhere(struct dce *d, const struct ir_val *val)
{
	u32 i;

	use(d, val->a);
	use(d, val->b);
	use(d, val->c);
	for (i = 0; i < val->arg_count; i++)
		use(d, d->f->args[val->args + i]);
}

/* Whether a value is alive can hardly be predicted, so nothing here depends on it but numbers. */
static void count_uses(struct dce *d)
{
	struct ir_func *f = d->f;
	struct ir_val *vals = f->vals;
	u32 v, i;

	for (v = f->val_count - 1; v > 0; v--) {
		const struct ir_val *val = &vals[v];
		u32 is_alive = (val->uses != 0) | ((val->flags & IR_EFFECT) != 0);
		u32 arg_count = val->arg_count & -is_alive;

		d->at = v;
		if (unlikely(val->op == IR_PHI || MAX(MAX(val->a, val->b), val->c) > v)) {
			if (is_alive)
				use_anywhere(d, val);
		} else {
			vals[val->a].uses += is_alive; /* or of value 0, which is none */
			vals[val->b].uses += is_alive;
			vals[val->c].uses += is_alive;
			for (i = 0; i < arg_count; i++)
				use(d, f->args[val->args + i]);
		}
		while (unlikely(d->work_count))
			use_anywhere(d, &vals[d->work[--d->work_count]]);
	}
	vals[0].uses = 0;
}

/* Deletes a value that is not used; whether it stays. */
static inline u32 delete_dead(struct ir_val *val)
{
	u32 is_alive = (val->uses != 0) | ((val->flags & IR_EFFECT) != 0);

	STATIC_ASSERT(IR_NONE == 0);
	val->op &= (u8)-is_alive;
	val->a &= -is_alive;
	val->b &= -is_alive;
	val->c &= -is_alive;
	val->arg_count &= -is_alive;
	return is_alive;
}

void pass_dce(struct ir_func *f)
{
	u32 *memory = arena_alloc(&f->program->arena, 2 * (size_t)f->val_count * sizeof(u32));
	struct dce d = {.f = f, .work = memory};
	u32 v, i, end = 1, count = 0;

	if (!memory) {
		f->program->err = -ENOMEM;
		return;
	}
	for (v = 1; v < f->val_count && f->has_uses; v++)
		f->vals[v].uses = 0;
	f->has_uses = true;
	count_uses(&d);
	f->alive = memory + f->val_count;
	for (i = 0; i < f->block_count; i++) {
		struct ir_block *b = &f->blocks[i];

		b->alive = count;
		for (v = b->first; v < b->end; v++) {
			f->alive[count] = v;
			count += delete_dead(&f->vals[v]) & (f->vals[v].op != IR_NONE);
		}
		b->alive_end = count;
		end = MAX(end, b->end);
	}
	f->alive_count = count;
	for (v = end; v < f->val_count; v++) /* of no block */
		delete_dead(&f->vals[v]);
}
