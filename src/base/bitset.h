/* SPDX-License-Identifier: BSD-2-Clause */
/* Bits in an array of u64 that the caller owns. */
#ifndef BASE_BITSET_H
#define BASE_BITSET_H

#include "base/types.h"

#define BITSET_WORDS(bits) (((bits) + 63) / 64)

static inline bool bitset_get(const u64 *set, size_t bit)
{
	return set[bit / 64] >> (bit % 64) & 1;
}

static inline void bitset_set(u64 *set, size_t bit)
{
	set[bit / 64] |= 1ull << (bit % 64);
}

static inline void bitset_clear(u64 *set, size_t bit)
{
	set[bit / 64] &= ~(1ull << (bit % 64));
}

/* The first set bit at or after `from`, or `bits` when there is none. */
static inline size_t bitset_next(const u64 *set, size_t bits, size_t from)
{
	for (size_t w = from / 64; w < BITSET_WORDS(bits); w++) {
		u64 word = set[w];

		if (w == from / 64)
			word &= ~0ull << (from % 64);
		if (word) {
			size_t bit = w * 64 + (size_t)__builtin_ctzll(word);

			return MIN(bit, bits);
		}
	}
	return bits;
}

#define bitset_for_each(bit, set, bits)                                                            \
	for ((bit) = bitset_next((set), (bits), 0); (bit) < (bits);                                \
		(bit) = bitset_next((set), (bits), (bit) + 1))

#endif
