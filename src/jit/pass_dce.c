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
	u32 at;		   /* what stands behind it was visited */
	u32 *alive, *dead; /* found alive after they were passed; passed without a use */
	u32 alive_count, dead_count;
};

static inline void use(struct dce *d, u32 v)
{
	struct ir_val *val = &d->f->vals[v];

	if (val->uses++ == 0 && v > d->at && !(val->flags & IR_EFFECT))
		d->alive[d->alive_count++] = v;
}

static inline void use_operands(struct dce *d, const struct ir_val *val)
{
	u32 i;

	if (val->a)
		use(d, val->a);
	if (val->b)
		use(d, val->b);
	if (val->c)
		use(d, val->c);
	for (i = 0; i < val->arg_count; i++) {
		if (d->f->args[val->args + i])
			use(d, d->f->args[val->args + i]);
	}
}

static void delete_dead(struct dce *d)
{
	while (d->dead_count) {
		struct ir_val *val = &d->f->vals[d->dead[--d->dead_count]];

		if (val->uses)
			continue;
		val->op = IR_NONE;
		val->a = val->b = val->c = val->arg_count = 0;
	}
}

void pass_dce(struct ir_func *f)
{
	u32 *work = arena_alloc(&f->program->arena, 2 * (size_t)f->val_count * sizeof(u32));
	struct dce d = {.f = f, .alive = work};
	u32 v;

	if (!work) {
		f->program->err = -ENOMEM;
		return;
	}
	d.dead = work + f->val_count;
	for (v = 1; v < f->val_count && f->has_uses; v++)
		f->vals[v].uses = 0;
	f->has_uses = true;
	for (v = f->val_count - 1; v > 0; v--) {
		const struct ir_val *val = &f->vals[v];

		if (!val->uses && !(val->flags & IR_EFFECT)) {
			d.dead[d.dead_count++] = v;
			continue;
		}
		d.at = v;
		use_operands(&d, val);
		while (d.alive_count)
			use_operands(&d, &f->vals[d.alive[--d.alive_count]]);
	}
	delete_dead(&d);
}
