// SPDX-License-Identifier: BSD-2-Clause
/*
 * Maps of maps. An array of maps is an array of slots; a hash of maps is a hash whose values in the
 * region are ids, with the objects of this process in map->objects by node. Programs look up the
 * inner map itself; user space writes descriptors and reads ids.
 */
#include "map/hash.h"
#include "map/kinds.h"
#include "map/slots.h"

static void *array_of_maps_lookup(struct map *map, const void *key, u32 cpu)
{
	u32 index = load_u32(key);

	if (unlikely(index >= map->params.max_entries))
		return NULL;
	return __atomic_load_n(&map->objects[index & map->index_mask], __ATOMIC_ACQUIRE);
}

/* kernel: fd_htab_map_alloc_check() */
static int hash_of_maps_check(const struct map_params *params)
{
	return params->value_size != sizeof(u32) ? -EINVAL : hash_check(params);
}

static int hash_of_maps_init(struct map *map, bool is_new)
{
	struct hash *h;
	int err = hash_init(map, is_new);

	if (err)
		return err;
	h = map->priv;
	err = map_objects_new(h->node_count + 1, &map->objects);
	if (err)
		hash_release(map);
	else
		h->objects = map->objects;
	return err;
}

static void hash_of_maps_release(struct map *map)
{
	struct hash *h = map->priv;

	for (u32 i = 1; i <= h->node_count; i++)
		if (map->objects[i])
			map->object_ops->put(map, map->objects[i]);
	map_objects_free(map->objects);
	hash_release(map);
}

/* The object counts only while the node was this element: the version tells. */
static void *hash_of_maps_lookup(struct map *map, const void *key, u32 cpu)
{
	struct hash *h = map->priv;
	u64 hash = hash_key(key, h->key_size, h->seed);
	const struct hash_bucket *b = &h->buckets[hash & h->bucket_mask];
	void *object;
	u32 version;

	do {
		u32 index;

		version = __atomic_load_n(&b->version, __ATOMIC_ACQUIRE);
		index = hash_find(h, key, h->key_size, hash);
		object = index ? __atomic_load_n(&h->objects[index], __ATOMIC_ACQUIRE) : NULL;
		__atomic_thread_fence(__ATOMIC_ACQUIRE);
	} while (__atomic_load_n(&b->version, __ATOMIC_RELAXED) != version);
	return object;
}

static int hash_of_maps_copy_in(struct map *map, const void *key, const void *value, u64 flags)
{
	struct hash_object object = {0};
	int err;

	if (!map->object_ops)
		return -EOPNOTSUPP;
	err = map->object_ops->get(map, (s32)load_u32(value), &object.object, &object.id);
	if (err)
		return err;
	err = hash_copy_in(map, key, &object, flags);
	if (err)
		map->object_ops->put(map, object.object);
	return err;
}

const struct map_ops map_array_of_maps_ops = {
	.check = slots_check,
	.region_size = slots_region_size,
	.init = slots_init,
	.release = slots_release,
	.lookup = array_of_maps_lookup,
	.remove = slots_remove,
	.copy_out = slots_copy_out_id,
	.copy_in = slots_copy_in,
	.next_key = slots_next_key,
};

const struct map_ops map_hash_of_maps_ops = {
	.check = hash_of_maps_check,
	.region_size = hash_region_size,
	.init = hash_of_maps_init,
	.release = hash_of_maps_release,
	.lookup = hash_of_maps_lookup,
	.remove = hash_remove,
	.copy_out = hash_copy_out,
	.copy_in = hash_of_maps_copy_in,
	.next_key = hash_next_key,
	.bucket = hash_bucket,
};
