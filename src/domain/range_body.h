/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The half of scalar_body.h that knows ranges alone: one register width, read signed and unsigned.
 * Numbers are proper at their width: unsigned ones zero-extended, signed ones sign-extended.
 */
#ifndef DOMAIN_RANGE_BODY_H
#define DOMAIN_RANGE_BODY_H

#include <linux/bpf.h>

#include "domain/tnum.h"

#define BODY static inline __attribute__((always_inline, unused))

/* One of the two ranges of a scalar, its width known from the context. */
struct range {
	s64 smin, smax;
	u64 umin, umax;
};

BODY u64 cut(u64 v, unsigned int w)
{
	return v & (~0ull >> (64 - w));
}

BODY s64 sext(u64 v, unsigned int w)
{
	return (s64)(v << (64 - w)) >> (64 - w);
}

BODY u64 umax_of(unsigned int w)
{
	return ~0ull >> (64 - w);
}

BODY s64 smin_of(unsigned int w)
{
	return (s64)(~0ull << (w - 1));
}

BODY s64 smax_of(unsigned int w)
{
	return ~smin_of(w);
}

BODY void unbound_signed(struct range *r, unsigned int w)
{
	r->smin = smin_of(w);
	r->smax = smax_of(w);
}

BODY void unbound_unsigned(struct range *r, unsigned int w)
{
	r->umin = 0;
	r->umax = umax_of(w);
}

BODY struct range range_any(unsigned int w)
{
	return (struct range){smin_of(w), smax_of(w), 0, umax_of(w)};
}

BODY struct range range_const(u64 v, unsigned int w)
{
	return (struct range){sext(v, w), sext(v, w), cut(v, w), cut(v, w)};
}

BODY void narrow_signed(struct range *r, s64 min, s64 max)
{
	r->smin = MAX(r->smin, min);
	r->smax = MIN(r->smax, max);
}

BODY void narrow_unsigned(struct range *r, u64 min, u64 max)
{
	r->umin = MAX(r->umin, min);
	r->umax = MIN(r->umax, max);
}

/* An unknown sign bit is set in the smallest signed value and clear in the largest. */
BODY void range_learn_bits(struct range *r, struct tnum t, unsigned int w)
{
	u64 sign = 1ull << (w - 1);

	narrow_signed(r, sext(t.value | (t.mask & sign), w), sext(t.value | (t.mask & ~sign), w));
	narrow_unsigned(r, t.value, tnum_max(t));
}

/*
 * A range that stays on one side of the sign boundary is the same read either way. One that crosses
 * it as signed is two pieces as unsigned, at both ends; if the unsigned range touches one of them
 * only, the value is there.
 */
BODY void range_deduce(struct range *r, unsigned int w)
{
	if (sext(r->umin, w) <= sext(r->umax, w))
		narrow_signed(r, sext(r->umin, w), sext(r->umax, w));
	if (cut(r->smin, w) <= cut(r->smax, w)) {
		narrow_unsigned(r, cut(r->smin, w), cut(r->smax, w));
	} else if (r->umax < cut(r->smin, w)) {
		r->smin = sext(r->umin, w);
		r->umax = MIN(r->umax, cut(r->smax, w));
	} else if (cut(r->smax, w) < r->umin) {
		r->smax = sext(r->umax, w);
		r->umin = MAX(r->umin, cut(r->smin, w));
	}
}

/* The low halves of min..max in order, when the upper halves are equal. */
BODY void half_learn_same_top(struct range *half, u64 min, u64 max, bool is_signed, unsigned int h)
{
	if (!is_signed || cut(min, h) <= cut(max, h))
		narrow_unsigned(half, cut(min, h), cut(max, h));
	if (sext(min, h) <= sext(max, h))
		narrow_signed(half, sext(min, h), sext(max, h));
}

/* Upper halves that follow each other, low halves that go from negative to positive: -1..1. */
BODY void half_learn_next_top(struct range *half, u64 min, u64 max, unsigned int h)
{
	if (cut((min >> h) + 1, h) == cut(max >> h, h) && sext(min, h) < 0 && sext(max, h) >= 0)
		narrow_signed(half, sext(min, h), sext(max, h));
}

/* The bounds of the whole, with the bounds low..high of the low half put in their place. */
BODY void full_learn_half(struct range *full, u64 low, u64 high, unsigned int h)
{
	u64 top = ~umax_of(h);

	narrow_unsigned(full, (full->umin & top) | low, (full->umax & top) | high);
	narrow_signed(full, (s64)((full->smin & top) | low), (s64)((full->smax & top) | high));
}

/* Wrapping results at width w; true when the exact one does not fit. */
BODY bool sadd(s64 a, s64 b, unsigned int w, s64 *ret)
{
	s64 sum;
	bool over = __builtin_add_overflow(a, b, &sum);

	*ret = sext(sum, w);
	return over || *ret != sum;
}

BODY bool ssub(s64 a, s64 b, unsigned int w, s64 *ret)
{
	s64 diff;
	bool over = __builtin_sub_overflow(a, b, &diff);

	*ret = sext(diff, w);
	return over || *ret != diff;
}

BODY bool smul(s64 a, s64 b, unsigned int w, s64 *ret)
{
	s64 product;
	bool over = __builtin_mul_overflow(a, b, &product);

	*ret = sext(product, w);
	return over || *ret != product;
}

BODY bool uadd(u64 a, u64 b, unsigned int w, u64 *ret)
{
	u64 sum;
	bool over = __builtin_add_overflow(a, b, &sum);

	*ret = cut(sum, w);
	return over || *ret != sum;
}

BODY bool usub(u64 a, u64 b, unsigned int w, u64 *ret)
{
	*ret = cut(a - b, w);
	return a < b;
}

BODY bool umul(u64 a, u64 b, unsigned int w, u64 *ret)
{
	u64 product;
	bool over = __builtin_mul_overflow(a, b, &product);

	*ret = cut(product, w);
	return over || *ret != product;
}

/* Unsigned: all sums wrap, or none does, and they stay in order. */
BODY void range_add(struct range *a, const struct range *b, unsigned int w)
{
	bool min_over, max_over;

	min_over = sadd(a->smin, b->smin, w, &a->smin);
	max_over = sadd(a->smax, b->smax, w, &a->smax);
	if (min_over || max_over)
		unbound_signed(a, w);
	min_over = uadd(a->umin, b->umin, w, &a->umin);
	max_over = uadd(a->umax, b->umax, w, &a->umax);
	if (!min_over && max_over)
		unbound_unsigned(a, w);
}

BODY void range_sub(struct range *a, const struct range *b, unsigned int w)
{
	bool min_over, max_over;

	min_over = ssub(a->smin, b->smax, w, &a->smin);
	max_over = ssub(a->smax, b->smin, w, &a->smax);
	if (min_over || max_over)
		unbound_signed(a, w);
	min_over = usub(a->umin, b->umax, w, &a->umin);
	max_over = usub(a->umax, b->umin, w, &a->umax);
	if (min_over && !max_over)
		unbound_unsigned(a, w);
}

BODY void range_mul(struct range *a, const struct range *b, unsigned int w)
{
	s64 corner[4];
	bool over;
	int i;

	over = umul(a->umax, b->umax, w, &a->umax);
	over |= umul(a->umin, b->umin, w, &a->umin);
	if (over)
		unbound_unsigned(a, w);
	over = smul(a->smin, b->smin, w, &corner[0]);
	over |= smul(a->smin, b->smax, w, &corner[1]);
	over |= smul(a->smax, b->smin, w, &corner[2]);
	over |= smul(a->smax, b->smax, w, &corner[3]);
	if (over) {
		unbound_signed(a, w);
		return;
	}
	a->smin = a->smax = corner[0];
	for (i = 1; i < 4; i++) {
		a->smin = MIN(a->smin, corner[i]);
		a->smax = MAX(a->smax, corner[i]);
	}
}

/*
 * AND, OR, XOR: `bits` are the result's. The smallest result is the bits known to be 1, the largest
 * those that may be; AND cannot exceed an operand, OR cannot be below one.
 */
BODY void range_bitwise(struct range *a, const struct range *b, u8 op, struct tnum bits,
	bool src_known, unsigned int w)
{
	if (src_known && tnum_is_const(bits)) {
		*a = range_const(bits.value, w);
		return;
	}
	a->umin = op == BPF_OR ? MAX(a->umin, b->umin) : bits.value;
	a->umax = op == BPF_AND ? MIN(a->umax, b->umax) : tnum_max(bits);
	if (sext(a->umin, w) <= sext(a->umax, w)) {
		a->smin = sext(a->umin, w);
		a->smax = sext(a->umax, w);
	} else {
		unbound_signed(a, w);
	}
}

BODY void range_lsh_unsigned(struct range *a, unsigned int shift, unsigned int w)
{
	if (shift >= w || a->umax > 1ull << (w - 1 - shift)) {
		unbound_unsigned(a, w);
	} else {
		a->umin <<= shift;
		a->umax <<= shift;
	}
}

/*
 * The range of the low `bits` bits of min..max, sign-extended: min..max must not differ above them,
 * and the result must not straddle zero. What is learnt from the bits is given up: so does the
 * kernel.
 */
BODY bool sext_range(s64 min, s64 max, unsigned int bits, s64 *ret_min, s64 *ret_max)
{
	s64 a = sext(min, bits), b = sext(max, bits);

	if (min >> bits != max >> bits)
		return false;
	*ret_min = MIN(a, b);
	*ret_max = MAX(a, b);
	return (a >= 0) == (b >= 0);
}

BODY bool ranges_disjoint(struct range a, struct range b)
{
	return a.umin > b.umax || a.umax < b.umin || a.smin > b.smax || a.smax < b.smin;
}

/* a > b: 1, a <= b: 0, -1 either */
BODY int ugt_taken(struct range a, struct range b)
{
	return a.umin > b.umax ? 1 : a.umax <= b.umin ? 0 : -1;
}

BODY int sgt_taken(struct range a, struct range b)
{
	return a.smin > b.smax ? 1 : a.smax <= b.smin ? 0 : -1;
}

BODY int taken_not(int taken)
{
	return taken < 0 ? -1 : !taken;
}

/* a <= b, or a < b (strict) */
BODY void refine_ule(struct range *a, struct range *b, bool strict, unsigned int w)
{
	a->umax = MIN(a->umax, cut(b->umax - strict, w));
	b->umin = MAX(cut(a->umin + strict, w), b->umin);
}

BODY void refine_sle(struct range *a, struct range *b, bool strict, unsigned int w)
{
	a->smax = MIN(a->smax, sext((u64)b->smax - strict, w));
	b->smin = MAX(sext((u64)a->smin + strict, w), b->smin);
}

BODY struct range range_join(struct range a, struct range b)
{
	return (struct range){
		MIN(a.smin, b.smin), MAX(a.smax, b.smax), MIN(a.umin, b.umin), MAX(a.umax, b.umax)};
}

BODY struct range range_widen(struct range old, struct range cur, unsigned int w)
{
	return (struct range){cur.smin < old.smin ? smin_of(w) : old.smin,
		cur.smax > old.smax ? smax_of(w) : old.smax, cur.umin < old.umin ? 0 : old.umin,
		cur.umax > old.umax ? umax_of(w) : old.umax};
}

BODY bool range_is_const(struct range r, u64 v, unsigned int w)
{
	return r.umin == v && r.umax == v && r.smin == sext(v, w) && r.smax == sext(v, w);
}

#endif
