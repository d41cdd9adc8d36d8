// SPDX-License-Identifier: BSD-2-Clause
/*
 * The operations on tracked numbers that are more than a few instructions.
 */
#include "domain/tnum.h"

/*
 * Long multiplication over the bits of a: a known 1 adds b shifted to its place, an unknown bit
 * either adds it or does not, and both outcomes are joined before the next bit.
 */
struct tnum tnum_mul(struct tnum a, struct tnum b)
{
	struct tnum sum = tnum_const(0);

	for (; a.value | a.mask; a = tnum_rshift(a, 1), b = tnum_lshift(b, 1)) {
		if (a.value & 1)
			sum = tnum_add(sum, b);
		else if (a.mask & 1)
			sum = tnum_union(sum, tnum_add(sum, b));
	}
	return sum;
}

struct tnum tnum_bswap(struct tnum a, unsigned int size_bytes)
{
	unsigned int unused = 64 - size_bytes * 8;

	return TNUM(__builtin_bswap64(a.value) >> unused, __builtin_bswap64(a.mask) >> unused);
}

/*
 * With x = z + 1: the highest known bit on which x and a differ decides. Where a has the 1, its
 * smallest tail below x's leading bits is the answer; where x has it, the leading bits must grow:
 * the lowest unknown bit above that x has clear is set.
 */
u64 tnum_step(struct tnum a, u64 z)
{
	u64 x = z + 1, differ = (x ^ a.value) & ~a.mask, tail, grow;

	if (z >= tnum_max(a))
		return tnum_max(a);
	if (z < a.value)
		return a.value;
	if (!differ)
		return x;
	tail = ~0ull >> __builtin_clzll(differ);
	if (a.value & differ & ~(tail >> 1))
		return (x & ~tail) | (a.value & tail);
	grow = a.mask & ~x & ~tail;
	grow &= -grow;
	return (x & ~(grow | (grow - 1))) | grow | (a.value & (grow - 1));
}

void tnum_sbin(struct tnum a, char ret_text[TNUM_SBIN_SIZE])
{
	int i;

	for (i = 0; i < 64; i++) {
		u64 bit = 1ull << (63 - i);

		ret_text[i] = a.mask & bit ? 'x' : a.value & bit ? '1' : '0';
	}
	ret_text[64] = 0;
}
