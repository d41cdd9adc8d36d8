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

struct tnum tnum_unknown(void);
struct tnum tnum_const(u64 value);
/* Smallest tnum that contains min..max (unsigned, min <= max). */
struct tnum tnum_range(u64 min, u64 max);

struct tnum tnum_add(struct tnum a, struct tnum b);
struct tnum tnum_sub(struct tnum a, struct tnum b);
struct tnum tnum_neg(struct tnum a);
struct tnum tnum_and(struct tnum a, struct tnum b);
struct tnum tnum_or(struct tnum a, struct tnum b);
struct tnum tnum_xor(struct tnum a, struct tnum b);
struct tnum tnum_mul(struct tnum a, struct tnum b);
struct tnum tnum_lshift(struct tnum a, unsigned int shift);
struct tnum tnum_rshift(struct tnum a, unsigned int shift);
/* `bits` is the width of the number, whose top bit is the sign. */
struct tnum tnum_arshift(struct tnum a, unsigned int shift, unsigned int bits);

/* What both say; where they contradict each other the bit is known 1. */
struct tnum tnum_intersect(struct tnum a, struct tnum b);
/* What either may be. */
struct tnum tnum_union(struct tnum a, struct tnum b);

/* The low bits, zero above. */
struct tnum tnum_cut(struct tnum a, unsigned int bits);
struct tnum tnum_cast(struct tnum a, unsigned int size_bytes);
struct tnum tnum_subreg(struct tnum a);
struct tnum tnum_clear_subreg(struct tnum a);
struct tnum tnum_with_subreg(struct tnum reg, struct tnum subreg);
struct tnum tnum_const_subreg(struct tnum a, u32 value);

bool tnum_is_const(struct tnum a);
bool tnum_equals_const(struct tnum a, u64 value);
bool tnum_is_unknown(struct tnum a);
bool tnum_subreg_is_const(struct tnum a);
/* Whether every value is a multiple of size (a power of two, or 0 = anything is). */
bool tnum_is_aligned(struct tnum a, u64 size);
/* Whether some value is in both. */
bool tnum_overlap(struct tnum a, struct tnum b);
/* Whether every value of b is one of a. */
bool tnum_in(struct tnum a, struct tnum b);
bool tnum_contains(struct tnum a, u64 value);
bool tnum_equal(struct tnum a, struct tnum b);

/* 64 characters 0, 1 or x, highest bit first. */
void tnum_sbin(struct tnum a, char ret_text[TNUM_SBIN_SIZE]);

#endif
