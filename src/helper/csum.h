/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The Internet checksum (RFC 1071) on 32-bit partial sums in memory order, as the kernel keeps
 * them: one's complement addition, folded to 16 bits and complemented at the end.
 */
#ifndef HELPER_CSUM_H
#define HELPER_CSUM_H

#include "base/types.h"

static inline u32 csum_add(u32 a, u32 b)
{
	u32 sum = a + b;

	return sum + (sum < b);
}

static inline u32 csum_sub(u32 a, u32 b)
{
	return csum_add(a, ~b);
}

/* To 16 bits, not complemented. */
static inline u16 csum_reduce(u32 sum)
{
	sum = (sum >> 16) + (sum & 0xffff);
	return (u16)(sum + (sum >> 16));
}

static inline u16 csum_fold(u32 sum)
{
	return (u16)~csum_reduce(sum);
}

/* size in bytes; what is left of a word counts as if zeroes followed. */
static inline u32 csum_partial(const void *data, u32 size, u32 seed)
{
	u64 sum = seed;
	u32 i, rest = 0;

	for (i = 0; i + 4 <= size; i += 4)
		sum += load_u32((const u8 *)data + i);
	if (i < size)
		memcpy(&rest, (const u8 *)data + i, size - i);
	sum += rest;
	sum = (sum >> 32) + (sum & 0xffffffff);
	return (u32)(sum + (sum >> 32));
}

/* The checksum field at field, after something it covers changed from `from` to `to`. */
static inline void csum_replace(void *field, u32 from, u32 to)
{
	store_u16(field, csum_fold(csum_add(csum_sub((u16)~load_u16(field), from), to)));
}

/* ... by an already computed difference. */
static inline void csum_replace_diff(void *field, u32 diff)
{
	store_u16(field, csum_fold(csum_add(diff, (u16)~load_u16(field))));
}

#endif
