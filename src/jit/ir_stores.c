// SPDX-License-Identifier: BSD-2-Clause
/*
 * Wide stores out of narrow ones, the counterpart of ir_bytes.c: two stores beside each other, of
 * neighbouring bits of the same value, become one, where the later one stands; halves that came out
 * of two bytes join again. Bits may lie in either order: the reversed one needs a byte swap.
 * Constants join as well.
 *
 * ir_func.stores are those that may still move down: all have the same base, no two overlap, and
 * whatever touches memory elsewhere ends the list.
 *
 * ir_func.known is what was stored in the frame in this block and is still there, so that a key
 * that is put there for a lookup need not be read again.
 */
#include "jit/ir.h"

/* What a store writes: size bytes of `of` from bit `from`; or of a constant. */
struct piece {
	u32 of;
	u32 from;
	u8 w; /* bits of `of` that are known to be there */
	u64 imm;
	bool is_const;
};

static struct piece piece_of(const struct ir_func *f, u32 v)
{
	const struct ir_val *val = &f->vals[v];

	if (val->op == IR_CONST)
		return (struct piece){.is_const = true, .imm = val->imm};
	if (val->op == IR_SHR && ir_is_const(f, val->b) && f->vals[val->b].imm % 8 == 0)
		return (struct piece){.of = val->a, .from = (u32)f->vals[val->b].imm, .w = val->w};
	return (struct piece){.of = v, .from = 0, .w = 64};
}

static u32 join_consts(struct ir_func *f, u64 low, u64 high, u32 bits)
{
	u64 mask = (1ull << bits) - 1, both = (low & mask) | (high & mask) << bits;

	if (bits == 32)
		return ir_fits_s32(both) ? ir_const(f, both) : 0;
	return ir_const(f, (u64)(s64)(s32)both);
}

/*
 * Neighbouring bits, the first piece below the second one: what lies there of their origin. Pairs
 * are those of the whole value, so that in whatever order they come no half finds the wrong one.
 */
static u32 join_bits(
	struct ir_func *f, const struct piece *below, const struct piece *above, u32 bits)
{
	if (below->is_const || above->is_const || below->of != above->of ||
		above->from != below->from + bits || above->from + bits > above->w ||
		above->from > below->w || below->from % (2 * bits))
		return 0;
	return ir_alu(f, IR_SHR, 64, below->of, ir_const(f, below->from));
}

/* The value at both places, for a store of twice the size; 0 = there is none. */
static u32 join(struct ir_func *f, const struct ir_val *low, const struct ir_val *high)
{
	const struct ir_val *x = &f->vals[low->c], *y = &f->vals[high->c];
	struct piece l = piece_of(f, low->c), h = piece_of(f, high->c);
	u32 bits = 8u * low->size, v;

	if (l.is_const && h.is_const)
		return join_consts(f, l.imm, h.imm, bits);
	v = join_bits(f, &l, &h, bits);
	if (v)
		return v;
	if (x->op == IR_BSWAP && y->op == IR_BSWAP && x->size == low->size &&
		y->size == low->size) {
		l = piece_of(f, x->a);
		h = piece_of(f, y->a);
	} else if (low->size > 1) {
		return 0;
	}
	v = join_bits(f, &h, &l, bits);
	return v ? ir_bswap(f, (u8)(2 * low->size), v) : 0;
}

static bool are_neighbours(const struct ir_val *low, const struct ir_val *high)
{
	return low->size == high->size && (s64)low->disp + low->size == high->disp;
}

static void drop(struct ir_val *store)
{
	store->op = IR_NONE;
	store->flags = 0;
	store->a = store->c = 0;
}

/* One store instead of two, behind both; 0 = that cannot be. */
static u32 join_stores(struct ir_func *f, u32 older, u32 newer)
{
	struct ir_val x = f->vals[older], y = f->vals[newer];
	const struct ir_val *low = x.disp < y.disp ? &x : &y, *high = x.disp < y.disp ? &y : &x;
	u32 value, v;

	if (low->size == 8 || !are_neighbours(low, high))
		return 0;
	value = join(f, low, high);
	if (!value)
		return 0;
	v = ir_new(f, IR_STORE, low->a, 0);
	f->vals[v].size = (u8)(2 * low->size);
	f->vals[v].disp = low->disp;
	f->vals[v].flags |= IR_EFFECT;
	f->vals[v].c = value;
	drop(&f->vals[older]);
	drop(&f->vals[newer]);
	return v;
}

bool ir_stores_miss(const struct ir_func *f, u32 base, s64 disp, u32 size)
{
	u32 i;

	for (i = 0; i < f->store_count; i++) {
		const struct ir_val *s = &f->vals[f->stores[i]];

		if (s->a != base || (disp < (s64)s->disp + s->size && s->disp < disp + size))
			return false;
	}
	return true;
}

void ir_forget_memory(struct ir_func *f)
{
	f->store_count = f->known_count = 0;
}

u32 ir_known(struct ir_func *f, s64 off, u32 size)
{
	u32 i;

	for (i = 0; i < f->known_count; i++) {
		if (f->known[i].off == off && f->known[i].size == size)
			return ir_zext(f, (u8)size, f->known[i].value);
	}
	return 0;
}

/* Stores elsewhere than to a fixed address may be stores to the frame. */
static void note_known(struct ir_func *f, const struct ir_val *s)
{
	u32 i, kept = 0;

	if (f->vals[s->a].op == IR_CONST)
		return;
	if (s->a != f->frame) {
		f->known_count = 0;
		return;
	}
	for (i = 0; i < f->known_count; i++) {
		const struct ir_known *k = &f->known[i];

		if (k->off + (s32)k->size <= s->disp || s->disp + s->size <= k->off)
			f->known[kept++] = *k;
	}
	if (kept == ARRAY_SIZE(f->known))
		memmove(f->known, f->known + 1, --kept * sizeof(f->known[0]));
	f->known[kept] = (struct ir_known){s->disp, s->size, s->c};
	f->known_count = kept + 1;
}

void ir_store_made(struct ir_func *f, u32 store)
{
	const struct ir_val *s = &f->vals[store];
	u32 i = 0, v;

	note_known(f, s);
	if (f->store_count == ARRAY_SIZE(f->stores) || !ir_stores_miss(f, s->a, s->disp, s->size))
		f->store_count = 0;
	while (i < f->store_count) {
		v = join_stores(f, f->stores[i], store);
		i++;
		if (!v)
			continue;
		f->stores[i - 1] = f->stores[--f->store_count];
		store = v;
		i = 0;
	}
	f->stores[f->store_count++] = store;
}
