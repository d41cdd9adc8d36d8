// SPDX-License-Identifier: BSD-2-Clause
/*
 * Wide loads out of narrow ones. clang has no unaligned loads for BPF, so it reads bytes, shifts
 * them and joins them with OR. Here each value that consists of bytes of memory knows which: the
 * byte at bit 8 * i comes from address base + le + i (or base + be - i, when the order is
 * reversed). Two such values that join without overlap describe a larger one; when its lowest 2, 4
 * or 8 bytes are complete and nothing was stored since the first load, one load has them all.
 */
#include "jit/ir.h"

static u32 new_bytes(struct ir_func *f, struct ir_bytes bytes)
{
	u32 i = f->bytes_count;

	if (i == f->bytes_cap) {
		u32 cap = i ? 2 * i : 64;
		struct ir_bytes *bigger = arena_alloc(&f->program->arena, cap * sizeof(*bigger));

		if (!bigger) {
			f->program->err = -ENOMEM;
			return 0;
		}
		if (i)
			memcpy(bigger, f->bytes, i * sizeof(*bigger));
		f->bytes = bigger;
		f->bytes_cap = cap;
		f->bytes_count = i ? i : 1; /* 0 is none */
		i = f->bytes_count;
	}
	f->bytes[i] = bytes;
	f->bytes_count++;
	return i;
}

void ir_bytes_load(struct ir_func *f, u32 load)
{
	const struct ir_val *v = &f->vals[load];
	u32 bytes;

	if (v->size == 8)
		return;
	bytes = new_bytes(f,
		(struct ir_bytes){
			.base = v->a,
			.epoch = f->epoch,
			.le = v->disp,
			.be = v->disp,
			.mask = (u8)((1 << v->size) - 1),
			.may_be_le = true,
			.may_be_be = v->size == 1,
		});
	f->vals[load].bytes = bytes;
}

void ir_bytes_shift(struct ir_func *f, u32 v, u32 a, u32 count)
{
	struct ir_bytes b;
	u32 by = count / 8, kept;

	if (!f->vals[a].bytes || count % 8 || by > 7)
		return;
	b = f->bytes[f->vals[a].bytes];
	kept = (u32)b.mask << by & (f->vals[v].w == 64 ? 0xff : 0xf);
	if (kept >> by != b.mask)
		return;
	b.mask = (u8)kept;
	b.le -= (s32)by;
	b.be += (s32)by;
	kept = new_bytes(f, b);
	f->vals[v].bytes = kept;
}

/* The join of two, or false. */
static bool join(const struct ir_bytes *a, const struct ir_bytes *b, struct ir_bytes *ret)
{
	if (a->base != b->base || a->epoch != b->epoch || (a->mask & b->mask))
		return false;
	*ret = *a;
	ret->mask |= b->mask;
	ret->may_be_le = a->may_be_le && b->may_be_le && a->le == b->le;
	ret->may_be_be = a->may_be_be && b->may_be_be && a->be == b->be;
	return ret->may_be_le || ret->may_be_be;
}

/*
 * With w: a value that equals a | b and is one load, or 0. Without: v (in a) is an OR of two such
 * values; notes what it consists of.
 */
u32 ir_bytes_or(struct ir_func *f, u8 w, u32 a, u32 b)
{
	struct ir_bytes joined;
	u32 v = 0, note, width_mask;
	u8 size;

	if (!w) {
		v = a;
		b = f->vals[v].b;
		a = f->vals[v].a;
	}
	width_mask = (w ? w : f->vals[v].w) == 64 ? 0xff : 0xf;
	if (!f->vals[a].bytes || !f->vals[b].bytes ||
		!join(&f->bytes[f->vals[a].bytes], &f->bytes[f->vals[b].bytes], &joined) ||
		(joined.mask & ~width_mask))
		return 0;
	if (!w) {
		note = new_bytes(f, joined);
		f->vals[v].bytes = note;
		return 0;
	}
	size = joined.mask == 3 ? 2 : joined.mask == 0xf ? 4 : joined.mask == 0xff ? 8 : 0;
	if (!size || joined.epoch != f->epoch)
		return 0;
	v = ir_new(f, IR_LOAD, joined.base, 0);
	f->vals[v].size = size;
	f->vals[v].disp = joined.may_be_le ? joined.le : joined.be - (size - 1);
	f->vals[v].bits = (u8)(8 * size);
	if (!joined.may_be_le)
		v = ir_bswap(f, size, v);
	if (size < 8) {
		note = new_bytes(f, joined);
		f->vals[v].bytes = note;
	}
	return v;
}

bool ir_bytes_agree(const struct ir_func *f, u32 a, u32 b, u8 w, u32 from)
{
	const struct ir_bytes *x = &f->bytes[f->vals[a].bytes], *y = &f->bytes[f->vals[b].bytes];
	u32 looked_at = (1u << w / 8) - (1u << from / 8);

	return f->vals[a].bytes && f->vals[b].bytes && x->base == y->base && x->epoch == y->epoch &&
		!((x->mask ^ y->mask) & looked_at) &&
		((x->may_be_le && y->may_be_le && x->le == y->le) ||
			(x->may_be_be && y->may_be_be && x->be == y->be));
}
