// SPDX-License-Identifier: BSD-2-Clause
/*
 * Scalars of 64 bits: the width-generic operations of scalar_body.h at the width that programs use.
 */
#include "domain/scalar_body.h"

#define W 64

struct scalar scalar_unknown(void)
{
	return body_unknown(W);
}

struct scalar scalar_const(u64 value)
{
	return body_const(value, W);
}

struct scalar scalar_from_urange(u64 min, u64 max)
{
	struct scalar s = body_unknown(W);

	s.umin = min;
	s.umax = max;
	body_sync(&s, W);
	return s;
}

struct scalar scalar_from_srange(s64 min, s64 max)
{
	struct scalar s = body_unknown(W);

	s.smin = min;
	s.smax = max;
	body_sync(&s, W);
	return s;
}

struct scalar scalar_from_tnum(struct tnum var_off)
{
	struct scalar s = body_unknown(W);

	s.var_off = var_off;
	body_sync(&s, W);
	return s;
}

bool scalar_is_const(const struct scalar *s)
{
	return tnum_is_const(s->var_off);
}

bool scalar_is_const32(const struct scalar *s)
{
	return tnum_subreg_is_const(s->var_off);
}

bool scalar_is_unknown(const struct scalar *s)
{
	struct scalar any = body_unknown(W);

	return scalar_equal(s, &any);
}

bool scalar_contains(const struct scalar *s, u64 value)
{
	return body_contains(s, value, W);
}

bool scalar_equal(const struct scalar *a, const struct scalar *b)
{
	return tnum_equal(a->var_off, b->var_off) && a->smin == b->smin && a->smax == b->smax &&
		a->umin == b->umin && a->umax == b->umax && a->s32_min == b->s32_min &&
		a->s32_max == b->s32_max && a->u32_min == b->u32_min && a->u32_max == b->u32_max;
}

bool scalar_within(const struct scalar *old, const struct scalar *cur)
{
	return old->umin <= cur->umin && old->umax >= cur->umax && old->smin <= cur->smin &&
		old->smax >= cur->smax && old->u32_min <= cur->u32_min &&
		old->u32_max >= cur->u32_max && old->s32_min <= cur->s32_min &&
		old->s32_max >= cur->s32_max;
}

const char *scalar_insane(const struct scalar *s)
{
	return body_insane(s, W);
}

bool scalar_is_sane(const struct scalar *s)
{
	return body_insane(s, W) == NULL;
}

void scalar_forget_ranges(struct scalar *s)
{
	set_full(s, range_any(W));
	set_half(s, range_any(W / 2));
}

void scalar_alu(u8 op, bool is_64, const struct scalar *dst, const struct scalar *src,
	struct scalar *ret_dst)
{
	struct scalar result = *dst;

	body_alu(op, is_64, &result, src, W);
	*ret_dst = result;
}

/* A swap scrambles ranges: only the bits of the result say what they are. */
void scalar_end(struct scalar *s, unsigned int size_bytes, bool swap)
{
	if (swap) {
		s->var_off = tnum_bswap(s->var_off, size_bytes);
		scalar_forget_ranges(s);
	}
	if (size_bytes < 8)
		body_truncate(s, size_bytes * 8, W);
	body_sync(s, W);
}

void scalar_zext32(struct scalar *s)
{
	body_zext(s, W);
}

void scalar_truncate(struct scalar *s, unsigned int size_bytes)
{
	body_truncate(s, size_bytes * 8, W);
}

void scalar_sext(struct scalar *s, unsigned int size_bytes, bool is_64)
{
	if (is_64)
		body_sext_full(s, size_bytes * 8, W);
	else
		body_sext_half(s, size_bytes * 8, W);
}

void scalar_bound_s32(struct scalar *s, s32 min, s32 max)
{
	s->s32_min = MAX(s->s32_min, min);
	s->s32_max = MIN(s->s32_max, max);
	s->smin = MAX(s->smin, min);
	s->smax = MIN(s->smax, max);
	body_sync(s, W);
}

void scalar_sync(struct scalar *s)
{
	body_sync(s, W);
}

int scalar_branch_taken(u8 op, bool is_32, const struct scalar *dst, const struct scalar *src)
{
	return body_branch_taken(op, is_32, dst, src, W);
}

void scalar_refine(u8 op, bool is_32, bool taken, struct scalar *dst, struct scalar *src)
{
	body_refine(op, is_32, taken, dst, src, W);
}

struct scalar scalar_join(const struct scalar *a, const struct scalar *b)
{
	return body_join(a, b);
}

struct scalar scalar_meet(const struct scalar *a, const struct scalar *b)
{
	return body_meet(a, b, W);
}

struct scalar scalar_widen(const struct scalar *old, const struct scalar *cur)
{
	return body_widen(old, cur, W);
}
