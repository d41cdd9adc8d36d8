// SPDX-License-Identifier: BSD-2-Clause
/*
 * Bloom filters: k bits per value, set one by one and never cleared; no lock. The bit count is the
 * kernel's: entries * k * 7/5, rounded up to a power of two.
 */
#include "map/hash_key.h"
#include "map/kinds.h"

#include "base/os.h"

#define VALUE_MAX     (4u << 20) /* kernel: KMALLOC_MAX_SIZE */
#define HASHES_NORMAL 5

struct bloom {
	u64 seed;
	u64 reserved[7];
	u64 bits[];
};

/* kernel: bloom_map_alloc_check(), bloom_map_alloc() */
static int bloom_check(const struct map_params *params)
{
	const u32 known = BPF_F_NUMA_NODE | BPF_F_ZERO_SEED | MAP_ACCESS_FLAGS;

	if (params->value_size > VALUE_MAX)
		return -E2BIG;
	if (params->key_size || params->value_size == 0 || params->max_entries == 0 ||
		params->flags & ~known || !map_access_flags_ok(params->flags) ||
		params->extra & ~0xfull)
		return -EINVAL;
	return 0;
}

static u32 hash_count_of(const struct map_params *params)
{
	return params->extra ? (u32)params->extra : HASHES_NORMAL;
}

static u64 bit_count(const struct map_params *params)
{
	u64 wanted = (u64)params->max_entries * hash_count_of(params), bits = 64;

	wanted = wanted > UINT32_MAX ? UINT32_MAX : wanted / 5 * 7;
	while (bits < wanted && bits < 1ull << 32)
		bits <<= 1;
	return bits;
}

static int bloom_region_size(const struct map_params *params, u64 *ret_size)
{
	*ret_size = sizeof(struct bloom) + bit_count(params) / 8;
	return 0;
}

static int bloom_init(struct map *map, bool is_new)
{
	struct bloom *b = (void *)map->region;

	if (is_new && !(map->params.flags & BPF_F_ZERO_SEED))
		os_random(&b->seed, sizeof(b->seed));
	return 0;
}

static u64 bit_of(const struct map *map, const void *value, u32 n)
{
	const struct bloom *b = (void *)map->region;
	u64 hash = hash_key(value, map->params.value_size, b->seed + n * HASH_K1);

	return hash & (bit_count(&map->params) - 1);
}

static int bloom_peek(struct map *map, void *value)
{
	struct bloom *b = (void *)map->region;

	for (u32 n = 0; n < hash_count_of(&map->params); n++) {
		u64 bit = bit_of(map, value, n);

		if (!(__atomic_load_n(&b->bits[bit / 64], __ATOMIC_RELAXED) >> bit % 64 & 1))
			return -ENOENT;
	}
	return 0;
}

static int bloom_push(struct map *map, const void *value, u64 flags)
{
	struct bloom *b = (void *)map->region;

	if (flags != BPF_ANY)
		return -EINVAL;
	for (u32 n = 0; n < hash_count_of(&map->params); n++) {
		u64 bit = bit_of(map, value, n);

		__atomic_fetch_or(&b->bits[bit / 64], 1ull << bit % 64, __ATOMIC_RELAXED);
	}
	return 0;
}

static int bloom_pop(struct map *map, void *value)
{
	return -EOPNOTSUPP;
}

/* bpf(2) passes the value to look for in the place of the result. */
static int bloom_copy_out(struct map *map, const void *key, void *value, u64 flags)
{
	return bloom_peek(map, value);
}

static int bloom_copy_in(struct map *map, const void *key, const void *value, u64 flags)
{
	return bloom_push(map, value, flags);
}

static int bloom_remove(struct map *map, const void *key)
{
	return -EOPNOTSUPP;
}

static int bloom_next_key(struct map *map, const void *key, void *ret_next)
{
	return -EOPNOTSUPP;
}

const struct map_ops map_bloom_ops = {
	.check = bloom_check,
	.region_size = bloom_region_size,
	.init = bloom_init,
	.remove = bloom_remove,
	.push = bloom_push,
	.pop = bloom_pop,
	.peek = bloom_peek,
	.copy_out = bloom_copy_out,
	.copy_in = bloom_copy_in,
	.next_key = bloom_next_key,
};
