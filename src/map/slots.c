// SPDX-License-Identifier: BSD-2-Clause
/*
 * The body of prog arrays, perf event arrays, cgroup arrays and arrays of maps. A slot changes
 * under the lock of the map: id in the region, object in this process, then object_ops->changed();
 * readers load the object pointer with acquire. The old object is put after that; readers that
 * still hold it are the owner's business (map.h).
 */
#include "map/slots.h"

#include "base/alloc.h"
#include "map/kinds.h"

#define OBJECTS_HEAD 8

struct slots_region {
	struct map_lock lock __attribute__((aligned(64)));
	u32 ids[] __attribute__((aligned(64)));
};

int map_objects_new(u32 count, void ***ret_objects)
{
	u8 *p = mem_zalloc(OBJECTS_HEAD + (size_t)count * sizeof(void *));

	if (!p)
		return -ENOMEM;
	store_u32(p, count);
	*ret_objects = (void **)(p + OBJECTS_HEAD);
	return 0;
}

void map_objects_free(void **objects)
{
	if (objects)
		mem_free((u8 *)objects - OBJECTS_HEAD);
}

/* kernel: fd_array_map_alloc_check(), array_map_alloc_check() */
int slots_check(const struct map_params *params)
{
	u32 known = BPF_F_NUMA_NODE | BPF_F_RDONLY | BPF_F_WRONLY;

	if (params->type == BPF_MAP_TYPE_PERF_EVENT_ARRAY)
		known |= BPF_F_PRESERVE_ELEMS;
	if (params->value_size != sizeof(u32) || params->max_entries == 0 ||
		params->key_size != 4 || params->flags & ~known)
		return -EINVAL;
	return 0;
}

int slots_region_size(const struct map_params *params, u64 *ret_size)
{
	*ret_size = sizeof(struct slots_region) + (u64)params->max_entries * sizeof(u32);
	return 0;
}

int slots_init(struct map *map, bool is_new)
{
	u32 count = map->params.max_entries;

	if (!(map->params.caps & CAP_NEEDED_PERFMON)) { /* as in array.c */
		while (count & (count - 1))
			count += count & -count;
		if (count)
			map->index_mask = count - 1;
	}
	return map_objects_new(count ? count : map->params.max_entries, &map->objects);
}

/* Swaps what is in the slot; the old object, or NULL. Errors are those of the lock. */
static int swap(struct map *map, u32 index, void *object, u32 id, void **ret_old)
{
	struct slots_region *region = (void *)map->region;
	int err = map_lock_take(&region->lock);

	/* a dead owner leaves at worst an id that another process shows for an empty slot */
	if (err < 0)
		return err;
	__atomic_store_n(&region->ids[index], id, __ATOMIC_RELAXED);
	*ret_old = __atomic_exchange_n(&map->objects[index], object, __ATOMIC_ACQ_REL);
	if (map->object_ops && map->object_ops->changed)
		map->object_ops->changed(map, index, object);
	map_lock_drop(&region->lock);
	return 0;
}

void slots_release(struct map *map)
{
	for (u32 i = 0; i < map->params.max_entries; i++)
		if (map->objects[i])
			map->object_ops->put(map, map->objects[i]);
	map_objects_free(map->objects);
}

int slots_copy_in(struct map *map, const void *key, const void *value, u64 flags)
{
	u32 index = load_u32(key), id;
	void *object, *old;
	int err;

	if (flags != BPF_ANY)
		return -EINVAL;
	if (index >= map->params.max_entries)
		return -E2BIG;
	if (!map->object_ops)
		return -EOPNOTSUPP;
	err = map->object_ops->get(map, (s32)load_u32(value), &object, &id);
	if (err)
		return err;
	err = swap(map, index, object, id, &old);
	if (err)
		old = object;
	if (old)
		map->object_ops->put(map, old);
	return err;
}

int slots_remove(struct map *map, const void *key)
{
	u32 index = load_u32(key);
	void *old;
	int err;

	if (index >= map->params.max_entries)
		return -E2BIG;
	err = swap(map, index, NULL, 0, &old);
	if (err)
		return err;
	if (!old)
		return -ENOENT;
	map->object_ops->put(map, old);
	return 0;
}

int slots_copy_out_id(struct map *map, const void *key, void *value, u64 flags)
{
	struct slots_region *region = (void *)map->region;
	u32 index = load_u32(key), id = 0;

	if (index < map->params.max_entries)
		id = __atomic_load_n(&region->ids[index], __ATOMIC_RELAXED);
	if (!id)
		return -ENOENT;
	store_u32(value, id);
	return 0;
}

int slots_copy_out_refused(struct map *map, const void *key, void *value, u64 flags)
{
	return -MAP_ENOTSUPP;
}

int slots_next_key(struct map *map, const void *key, void *ret_next)
{
	u32 index = key ? load_u32(key) : UINT32_MAX;

	if (index == map->params.max_entries - 1)
		return -ENOENT;
	store_u32(ret_next, index >= map->params.max_entries ? 0 : index + 1);
	return 0;
}
