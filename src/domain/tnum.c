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

void tnum_sbin(struct tnum a, char ret_text[TNUM_SBIN_SIZE])
{
	int i;

	for (i = 0; i < 64; i++) {
		u64 bit = 1ull << (63 - i);

		ret_text[i] = a.mask & bit ? 'x' : a.value & bit ? '1' : '0';
	}
	ret_text[64] = 0;
}
