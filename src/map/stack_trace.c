// SPDX-License-Identifier: BSD-2-Clause
/*
 * Stack traces: a bucket per hash value (rounded up to a power of two), one trace each, at most
 * max_entries of them used. A bucket is written under the map's lock with its version odd; readers
 * copy and look at the version again. A dead writer's bucket is emptied.
 */
#include "map/stack_trace.h"

#include "map/hash_key.h"
#include "map/kinds.h"
#include "map/lock.h"
#include "map/value.h"

struct bucket {
	u32 version; /* odd: being written */
	u32 count;   /* entries; 0 = empty */
	u32 hash, reserved;
	u8 entries[];
};

struct region {
	struct map_lock lock __attribute__((aligned(64)));
	u32 used;
	u8 buckets[] __attribute__((aligned(64)));
};

static u32 entry_size(const struct map_params *params)
{
	return params->flags & BPF_F_STACK_BUILD_ID ? sizeof(struct bpf_stack_build_id)
						    : sizeof(u64);
}

/* kernel: stack_map_alloc() */
static int stack_trace_check(const struct map_params *params)
{
	const u32 known = BPF_F_NUMA_NODE | BPF_F_RDONLY | BPF_F_WRONLY | BPF_F_STACK_BUILD_ID;

	if (params->flags & ~known || params->max_entries == 0 || params->key_size != 4 ||
		params->value_size < 8 || params->value_size % 8 ||
		params->value_size % entry_size(params) ||
		params->value_size / entry_size(params) > STACK_TRACE_DEPTH_MAX)
		return -EINVAL;
	return params->max_entries > 1u << 31 ? -E2BIG : 0;
}

static u64 bucket_count(const struct map *map)
{
	u64 count = 1;

	while (count < map->params.max_entries)
		count <<= 1;
	return count;
}

static int stack_trace_region_size(const struct map_params *params, u64 *ret_size)
{
	u64 count = 1;

	while (count < params->max_entries)
		count <<= 1;
	*ret_size = sizeof(struct region) + count * (sizeof(struct bucket) + params->value_size);
	return 0;
}

static int stack_trace_init(struct map *map, bool is_new)
{
	return 0;
}

static struct region *region_of(const struct map *map)
{
	return (void *)map->region;
}

static struct bucket *bucket_at(const struct map *map, u64 id)
{
	return (void *)(region_of(map)->buckets +
		id * (sizeof(struct bucket) + map->params.value_size));
}

u32 stack_trace_depth(const struct map *map)
{
	return map->params.value_size / entry_size(&map->params);
}

static void set_bucket(struct bucket *b, const void *entries, u32 count, u32 size, u32 hash)
{
	__atomic_store_n(&b->version, b->version | 1, __ATOMIC_RELAXED);
	__atomic_thread_fence(__ATOMIC_RELEASE);
	__atomic_store_n(&b->count, count, __ATOMIC_RELAXED);
	__atomic_store_n(&b->hash, hash, __ATOMIC_RELAXED);
	if (size)
		map_race_copy(b->entries, entries, size);
	__atomic_store_n(&b->version, b->version + 1, __ATOMIC_RELEASE);
}

static int lock(struct map *map)
{
	struct region *r = region_of(map);
	int err = map_lock_take(&r->lock);

	if (err != MAP_LOCK_RECOVERED)
		return err;
	r->used = 0;
	for (u64 id = 0; id < bucket_count(map); id++) {
		struct bucket *b = bucket_at(map, id);

		if (b->version & 1)
			set_bucket(b, NULL, 0, 0, 0);
		r->used += b->count != 0;
	}
	return 0;
}

int stack_trace_put(struct map *map, const u64 *ips, u32 count, const void *entries, u64 flags)
{
	struct region *r = region_of(map);
	u32 size = count * entry_size(&map->params);
	u64 hash = hash_key(ips, count * sizeof(u64), HASH_K1), id = hash & (bucket_count(map) - 1);
	struct bucket *b = bucket_at(map, id);
	bool is_alike;
	int err;

	if (!count || size > map->params.value_size)
		return -EINVAL;
	err = lock(map);
	if (err)
		return err;
	is_alike = b->count && b->hash == (u32)(hash >> 32);
	if (is_alike && flags & BPF_F_FAST_STACK_CMP)
		err = (int)id;
	else if (is_alike && b->count == count && memcmp(b->entries, entries, size) == 0)
		err = (int)id;
	else if (b->count && !(flags & BPF_F_REUSE_STACKID))
		err = -EEXIST;
	else if (!b->count && r->used >= map->params.max_entries)
		err = -ENOMEM;
	else {
		r->used += !b->count;
		set_bucket(b, entries, count, size, (u32)(hash >> 32));
		err = (int)id;
	}
	map_lock_drop(&r->lock);
	return err;
}

static int stack_trace_copy_out(struct map *map, const void *key, void *value, u64 flags)
{
	struct bucket *b;
	u32 version, count, size;

	if (load_u32(key) >= bucket_count(map))
		return -ENOENT;
	b = bucket_at(map, load_u32(key));
	do {
		while ((version = __atomic_load_n(&b->version, __ATOMIC_ACQUIRE)) & 1) {
			int err = lock(map); /* waits for the writer, or repairs after it */

			if (err)
				return err;
			map_lock_drop(&region_of(map)->lock);
		}
		count = __atomic_load_n(&b->count, __ATOMIC_RELAXED);
		size = MIN(count * entry_size(&map->params), map->params.value_size);
		map_race_copy(value, b->entries, size);
		__atomic_thread_fence(__ATOMIC_ACQUIRE);
	} while (__atomic_load_n(&b->version, __ATOMIC_RELAXED) != version);
	memset((u8 *)value + size, 0, map->params.value_size - size);
	return count ? 0 : -ENOENT;
}

static int stack_trace_take(struct map *map, const void *key, void *value, u64 flags)
{
	struct bucket *b;
	int err;

	if (load_u32(key) >= bucket_count(map))
		return value ? -ENOENT : -E2BIG;
	b = bucket_at(map, load_u32(key));
	err = lock(map);
	if (err)
		return err;
	err = b->count ? 0 : -ENOENT;
	if (!err && value) {
		u32 size = b->count * entry_size(&map->params);

		memcpy(value, b->entries, size);
		memset((u8 *)value + size, 0, map->params.value_size - size);
	}
	if (!err) {
		set_bucket(b, NULL, 0, 0, 0);
		region_of(map)->used--;
	}
	map_lock_drop(&region_of(map)->lock);
	return err;
}

static int stack_trace_remove(struct map *map, const void *key)
{
	return stack_trace_take(map, key, NULL, 0);
}

static int stack_trace_copy_in(struct map *map, const void *key, const void *value, u64 flags)
{
	return -EINVAL;
}

static int stack_trace_next_key(struct map *map, const void *key, void *ret_next)
{
	u64 count = bucket_count(map), id = 0;

	if (key) {
		id = load_u32(key);
		id = id >= count || !bucket_at(map, id)->count ? 0 : id + 1;
	}
	while (id < count && !__atomic_load_n(&bucket_at(map, id)->count, __ATOMIC_RELAXED))
		id++;
	if (id >= count)
		return -ENOENT;
	store_u32(ret_next, (u32)id);
	return 0;
}

const struct map_ops map_stack_trace_ops = {
	.check = stack_trace_check,
	.region_size = stack_trace_region_size,
	.init = stack_trace_init,
	.remove = stack_trace_remove,
	.copy_out = stack_trace_copy_out,
	.copy_in = stack_trace_copy_in,
	.take = stack_trace_take,
	.next_key = stack_trace_next_key,
};
