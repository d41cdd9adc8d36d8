/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Hashing and comparing keys. The hash is one 64 x 64 -> 128 bit multiplication per 16 bytes of
 * key, folded (the shape of wyhash); the seed makes collisions unpredictable. Callers pass the
 * size as a constant where they can, so that 4, 8 and 16 bytes become straight code.
 */
#ifndef MAP_HASH_KEY_H
#define MAP_HASH_KEY_H

#include "base/types.h"

#define HASH_K0 0x9e3779b97f4a7c15ull
#define HASH_K1 0xd6e8feb86659fd93ull

static inline u64 hash_fold(u64 a, u64 b)
{
	unsigned __int128 product = (unsigned __int128)a * b;

	return (u64)product ^ (u64)(product >> 64);
}

static inline u64 hash_key(const void *key, u32 size, u64 seed)
{
	const u8 *p = key;
	u64 h = seed;
	u8 rest[16] = {0};

	if (size == 4)
		return hash_fold(load_u32(p) ^ seed, HASH_K0);
	if (size == 8)
		return hash_fold(load_u64(p) ^ seed, HASH_K0);
	if (size == 16)
		return hash_fold(load_u64(p) ^ seed, load_u64(p + 8) ^ HASH_K1 ^ seed << 1);
	for (; size > 16; size -= 16, p += 16)
		h = hash_fold(load_u64(p) ^ h, load_u64(p + 8) ^ HASH_K1);
	memcpy(rest, p, size);
	h = hash_fold(load_u64(rest) ^ h, load_u64(rest + 8) ^ HASH_K1);
	return hash_fold(h ^ size, HASH_K0);
}

static inline bool key_equal(const void *a, const void *b, u32 size)
{
#ifdef __SANITIZE_THREAD__
	/* a lock-free reader may look at a key that is being replaced; it notices afterwards */
	for (u32 i = 0; i < size; i++)
		if (__atomic_load_n((const u8 *)a + i, __ATOMIC_RELAXED) !=
			__atomic_load_n((const u8 *)b + i, __ATOMIC_RELAXED))
			return false;
	return true;
#else
	if (size == 4)
		return load_u32(a) == load_u32(b);
	if (size == 8)
		return load_u64(a) == load_u64(b);
	if (size == 16)
		return !((load_u64(a) ^ load_u64(b)) |
			(load_u64((const u8 *)a + 8) ^ load_u64((const u8 *)b + 8)));
	return memcmp(a, b, size) == 0;
#endif
}

#endif
