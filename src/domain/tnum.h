/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tracked numbers: what is known of each bit of a 64-bit value. A set bit of `mask` is unknown, a
 * clear one has the value of the same bit of `value`; the two never share a set bit.
 *
 * A narrower number is one whose upper bits are known zero. add, sub, neg, mul, and, or, xor and
 * lshift only carry upwards, so their w-bit versions are tnum_cut(op(a, b), w); rshift and the
 * comparisons need no cut; arshift is told the width. Results are those of the kernel's tnum.c.
 */
#ifndef DOMAIN_TNUM_H
#define DOMAIN_TNUM_H

#include "base/types.h"

struct tnum {
	u64 value;
	u64 mask;
};

#define TNUM_SBIN_SIZE 65

#define TNUM(v, m) ((struct tnum){.value = (v), .mask = (m)})

static inline struct tnum tnum_unknown(void)
{
	return TNUM(0, ~0ull);
}

static inline struct tnum tnum_const(u64 value)
{
	return TNUM(value, 0);
}

static inline u64 tnum_max(struct tnum a)
{
	return a.value | a.mask;
}

/* Smallest tnum that contains min..max (unsigned, min <= max): their common leading bits. */
static inline struct tnum tnum_range(u64 min, u64 max)
{
	u64 below = min ^ max ? ~0ull >> __builtin_clzll(min ^ max) : 0;

	return TNUM(min & ~below, below);
}

/* A result bit is known when no operand bit and no carry into it is unknown: the carries that
 * differ between the sum of the smallest and the sum of the largest operands are unknown. */
static inline struct tnum tnum_add(struct tnum a, struct tnum b)
{
	u64 least = a.value + b.value;
	u64 most = least + (a.mask + b.mask);
	u64 mask = (least ^ most) | a.mask | b.mask;

	return TNUM(least & ~mask, mask);
}

static inline struct tnum tnum_sub(struct tnum a, struct tnum b)
{
	u64 diff = a.value - b.value;
	u64 mask = ((diff + a.mask) ^ (diff - b.mask)) | a.mask | b.mask;

	return TNUM(diff & ~mask, mask);
}

static inline struct tnum tnum_neg(struct tnum a)
{
	return tnum_sub(tnum_const(0), a);
}

static inline struct tnum tnum_and(struct tnum a, struct tnum b)
{
	u64 ones = a.value & b.value;

	return TNUM(ones, tnum_max(a) & tnum_max(b) & ~ones);
}

static inline struct tnum tnum_or(struct tnum a, struct tnum b)
{
	u64 ones = a.value | b.value;

	return TNUM(ones, (a.mask | b.mask) & ~ones);
}

static inline struct tnum tnum_xor(struct tnum a, struct tnum b)
{
	u64 mask = a.mask | b.mask;

	return TNUM((a.value ^ b.value) & ~mask, mask);
}

struct tnum tnum_mul(struct tnum a, struct tnum b);
/* The low size bytes (2, 4, 8) in the other order, zero above. */
struct tnum tnum_bswap(struct tnum a, unsigned int size_bytes);

/* shift < 64 */
static inline struct tnum tnum_lshift(struct tnum a, unsigned int shift)
{
	return TNUM(a.value << shift, a.mask << shift);
}

static inline struct tnum tnum_rshift(struct tnum a, unsigned int shift)
{
	return TNUM(a.value >> shift, a.mask >> shift);
}

/* The low bits, zero above; bits is 1..64. */
static inline struct tnum tnum_cut(struct tnum a, unsigned int bits)
{
	u64 keep = ~0ull >> (64 - bits);

	return TNUM(a.value & keep, a.mask & keep);
}

/* `bits` is the width of the number, whose top bit is the sign; shift < bits. */
static inline struct tnum tnum_arshift(struct tnum a, unsigned int shift, unsigned int bits)
{
	unsigned int top = 64 - bits;

	return tnum_cut(TNUM((u64)((s64)(a.value << top) >> top >> shift),
				(u64)((s64)(a.mask << top) >> top >> shift)),
		bits);
}

/* What both say; where they contradict each other the bit is known 1. */
static inline struct tnum tnum_intersect(struct tnum a, struct tnum b)
{
	u64 mask = a.mask & b.mask;

	return TNUM((a.value | b.value) & ~mask, mask);
}

/* What either may be. */
static inline struct tnum tnum_union(struct tnum a, struct tnum b)
{
	u64 mask = (a.value ^ b.value) | a.mask | b.mask;

	return TNUM(a.value & ~mask, mask);
}

static inline struct tnum tnum_cast(struct tnum a, unsigned int size_bytes)
{
	return tnum_cut(a, size_bytes * 8);
}

static inline struct tnum tnum_subreg(struct tnum a)
{
	return tnum_cut(a, 32);
}

static inline struct tnum tnum_clear_subreg(struct tnum a)
{
	return tnum_lshift(tnum_rshift(a, 32), 32);
}

static inline struct tnum tnum_with_subreg(struct tnum reg, struct tnum subreg)
{
	return tnum_or(tnum_clear_subreg(reg), tnum_subreg(subreg));
}

static inline struct tnum tnum_const_subreg(struct tnum a, u32 value)
{
	return tnum_with_subreg(a, tnum_const(value));
}

static inline bool tnum_is_const(struct tnum a)
{
	return a.mask == 0;
}

static inline bool tnum_equals_const(struct tnum a, u64 value)
{
	return a.mask == 0 && a.value == value;
}

static inline bool tnum_is_unknown(struct tnum a)
{
	return a.mask == ~0ull;
}

static inline bool tnum_subreg_is_const(struct tnum a)
{
	return (u32)a.mask == 0;
}

/* Whether every value is a multiple of size (a power of two, or 0 = anything is). */
static inline bool tnum_is_aligned(struct tnum a, u64 size)
{
	return size == 0 || (tnum_max(a) & (size - 1)) == 0;
}

/* Whether some value is in both. */
static inline bool tnum_overlap(struct tnum a, struct tnum b)
{
	return ((a.value ^ b.value) & ~a.mask & ~b.mask) == 0;
}

static inline bool tnum_contains(struct tnum a, u64 value)
{
	return ((a.value ^ value) & ~a.mask) == 0;
}

/* Whether every value of b is one of a. */
static inline bool tnum_in(struct tnum a, struct tnum b)
{
	return (b.mask & ~a.mask) == 0 && tnum_contains(a, b.value);
}

static inline bool tnum_equal(struct tnum a, struct tnum b)
{
	return a.value == b.value && a.mask == b.mask;
}

/* The smallest value of a that is above z, the largest one when there is none. */
u64 tnum_step(struct tnum a, u64 z);

/* 64 characters 0, 1 or x, highest bit first. */
void tnum_sbin(struct tnum a, char ret_text[TNUM_SBIN_SIZE]);

#endif
