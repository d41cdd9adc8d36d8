/* SPDX-License-Identifier: BSD-2-Clause */
/* Hash functions: a fast one for tables, SHA-1 and SHA-256 for program tags and map hashes. */
#ifndef BASE_HASH_H
#define BASE_HASH_H

#include "base/types.h"

u32 hash_bytes(const void *data, size_t len, u32 seed);

static inline u64 hash_u64(u64 x)
{
	x ^= x >> 33;
	x *= 0xff51afd7ed558ccdull;
	x ^= x >> 33;
	x *= 0xc4ceb9fe1a85ec53ull;
	return x ^ x >> 33;
}

#define SHA1_SIZE   20
#define SHA256_SIZE 32

void sha1(const void *data, size_t len, u8 ret_digest[SHA1_SIZE]);     /* FIPS 180-4 6.1 */
void sha256(const void *data, size_t len, u8 ret_digest[SHA256_SIZE]); /* FIPS 180-4 6.2 */

#endif
