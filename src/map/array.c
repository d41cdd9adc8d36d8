// SPDX-License-Identifier: BSD-2-Clause
/*
 * Arrays and per-CPU arrays. The region is nothing but the values: element i at i * elem_size; in
 * per-CPU arrays each CPU has the whole array, cpu_stride apart, so that CPUs share no cache line.
 * Updates are in place and may be seen half-done, as in the kernel.
 */
#include "map/kinds.h"
#include "map/value.h"

#include "base/os.h"

static bool is_per_cpu_type(const struct map_params *params)
{
	return params->type == BPF_MAP_TYPE_PERCPU_ARRAY;
}

/* kernel: array_map_alloc_check() */
static int array_check(const struct map_params *params)
{
	u32 known = BPF_F_NUMA_NODE | MAP_ACCESS_FLAGS;
	bool has_node = params->flags & BPF_F_NUMA_NODE && params->numa_node != (u32)-1;

	if (!is_per_cpu_type(params))
		known |= BPF_F_MMAPABLE | BPF_F_INNER_MAP;
	if (params->max_entries == 0 || params->key_size != 4 || params->value_size == 0 ||
		params->flags & ~known || !map_access_flags_ok(params->flags) ||
		(is_per_cpu_type(params) && has_node))
		return -EINVAL;
	if (params->value_size > INT32_MAX)
		return -E2BIG;
	if (is_per_cpu_type(params) && ALIGN_UP(params->value_size, 8u) > MAP_PER_CPU_VALUE_MAX)
		return -E2BIG;
	return 0;
}

/* Elements laid out: rounded up where the CPU may speculate past the bounds check. */
static u64 slot_count(const struct map_params *params)
{
	u64 count = 1;

	if (params->caps & CAP_NEEDED_PERFMON)
		return params->max_entries;
	while (count < params->max_entries)
		count <<= 1;
	return count;
}

static u64 cpu_stride(const struct map_params *params)
{
	u64 bytes = slot_count(params) * ALIGN_UP((u64)params->value_size, 8u);

	return is_per_cpu_type(params) ? ALIGN_UP(bytes, 64u) : bytes;
}

static int array_region_size(const struct map_params *params, u64 *ret_size)
{
	if (slot_count(params) > UINT32_MAX)
		return -E2BIG;
	*ret_size = cpu_stride(params) * (is_per_cpu_type(params) ? os_cpu_count() : 1);
	return 0;
}

static int array_init(struct map *map, bool is_new)
{
	map->values = map->region;
	map->cpu_stride = cpu_stride(&map->params);
	map->index_mask = map->params.caps & CAP_NEEDED_PERFMON ? UINT32_MAX
								: (u32)slot_count(&map->params) - 1;
	map->mmap_bytes = map->params.flags & BPF_F_MMAPABLE
		? ALIGN_UP((u64)map->params.max_entries * map->elem_size, (u64)os_page_size())
		: 0;
	return 0;
}

static inline u8 *element(const struct map *map, u32 index)
{
	return map->values + (u64)(index & map->index_mask) * map->elem_size;
}

static void *array_lookup(struct map *map, const void *key, u32 cpu)
{
	u32 index = load_u32(key);

	return likely(index < map->params.max_entries) ? element(map, index) : NULL;
}

static void *percpu_array_lookup(struct map *map, const void *key, u32 cpu)
{
	u32 index = load_u32(key);

	if (unlikely(index >= map->params.max_entries || cpu >= map->cpu_count))
		return NULL;
	return element(map, index) + cpu * map->cpu_stride;
}

static int array_update(struct map *map, const void *key, const void *value, u64 flags, u32 cpu)
{
	u32 index = load_u32(key);
	u8 *to;

	if (unlikely(!map_flags_are_known(flags)))
		return -EINVAL;
	if (unlikely(index >= map->params.max_entries))
		return -E2BIG;
	if (unlikely(flags & BPF_NOEXIST))
		return -EEXIST;
	if (unlikely((flags & BPF_F_LOCK) && !map_has_spin_lock(map)))
		return -EINVAL;
	to = element(map, index) + cpu * map->cpu_stride;
	if (flags & BPF_F_LOCK && map->cpu_count == 1)
		map_value_copy_locked(map, to, value, false);
	else
		map_value_copy(map, to, value);
	return 0;
}

static int plain_array_update(
	struct map *map, const void *key, const void *value, u64 flags, u32 cpu)
{
	return array_update(map, key, value, flags, 0);
}

static int percpu_array_update(
	struct map *map, const void *key, const void *value, u64 flags, u32 cpu)
{
	return cpu < map->cpu_count ? array_update(map, key, value, flags, cpu) : -EINVAL;
}

static int array_remove(struct map *map, const void *key)
{
	return -EINVAL;
}

static int array_next_key(struct map *map, const void *key, void *ret_next)
{
	u32 index = key ? load_u32(key) : UINT32_MAX;

	if (index >= map->params.max_entries) {
		store_u32(ret_next, 0);
		return 0;
	}
	if (index == map->params.max_entries - 1)
		return -ENOENT;
	store_u32(ret_next, index + 1);
	return 0;
}

static int array_copy_out(struct map *map, const void *key, void *value, u64 flags)
{
	u8 *from = array_lookup(map, key, 0);

	if (!from)
		return -ENOENT;
	if (flags & BPF_F_LOCK && !map_has_spin_lock(map))
		return -EINVAL;
	if (flags & BPF_F_LOCK)
		map_value_copy_locked(map, value, from, true);
	else
		map_value_copy(map, value, from);
	map_value_clear_fields(map, value);
	return 0;
}

static int array_copy_in(struct map *map, const void *key, const void *value, u64 flags)
{
	if (flags & BPF_F_LOCK && !map_has_spin_lock(map)) /* bpf(2) looks at this first */
		return -EINVAL;
	return array_update(map, key, value, flags, 0);
}

static int percpu_array_copy_out(struct map *map, const void *key, void *value, u64 flags)
{
	u8 *from = array_lookup(map, key, 0);

	if (!from)
		return -ENOENT;
	for (u32 cpu = 0; cpu < map->cpu_count; cpu++) {
		u8 *to = (u8 *)value + cpu * map->elem_size;

		map_value_copy_long(map, to, from + cpu * map->cpu_stride);
		map_value_clear_fields(map, to);
	}
	return 0;
}

static int percpu_array_copy_in(struct map *map, const void *key, const void *value, u64 flags)
{
	u32 index = load_u32(key);

	if (flags > BPF_EXIST)
		return -EINVAL;
	if (index >= map->params.max_entries)
		return -E2BIG;
	if (flags == BPF_NOEXIST)
		return -EEXIST;
	for (u32 cpu = 0; cpu < map->cpu_count; cpu++)
		map_value_copy_long(map, element(map, index) + cpu * map->cpu_stride,
			(const u8 *)value + cpu * map->elem_size);
	return 0;
}

/* kernel: bpf_for_each_array_elem() */
static int array_for_each(struct map *map, u32 cpu, int (*fn)(void *arg, void *key, void *value),
	void *arg, u64 flags)
{
	u64 cpu_off = is_per_cpu_type(&map->params) ? cpu * map->cpu_stride : 0;
	u32 key, count = 0;

	if (flags || (cpu_off && cpu >= map->cpu_count))
		return -EINVAL;
	for (u32 i = 0; i < map->params.max_entries; i++) {
		u8 *value = element(map, i) + cpu_off;

		count++;
		key = i;
		if (fn(arg, &key, value))
			break;
	}
	return (int)count;
}

static u64 array_direct_value(struct map *map)
{
	return map->params.max_entries == 1 ? (u64)(uintptr_t)map->values : 0;
}

static u64 array_mmap_size(const struct map *map)
{
	return map->mmap_bytes;
}

static int array_mmap_check(const struct map *map, u64 off, u64 len, bool is_write)
{
	if (!(map->params.flags & BPF_F_MMAPABLE))
		return -EINVAL;
	return len > map->mmap_bytes || off > map->mmap_bytes - len ? -EINVAL : 0;
}

const struct map_ops map_array_ops = {
	.check = array_check,
	.region_size = array_region_size,
	.init = array_init,
	.lookup = array_lookup,
	.update = plain_array_update,
	.remove = array_remove,
	.for_each = array_for_each,
	.copy_out = array_copy_out,
	.copy_in = array_copy_in,
	.next_key = array_next_key,
	.direct_value = array_direct_value,
	.mmap_size = array_mmap_size,
	.mmap_check = array_mmap_check,
};

const struct map_ops map_percpu_array_ops = {
	.check = array_check,
	.region_size = array_region_size,
	.init = array_init,
	.lookup = percpu_array_lookup,
	.update = percpu_array_update,
	.remove = array_remove,
	.for_each = array_for_each,
	.copy_out = percpu_array_copy_out,
	.copy_in = percpu_array_copy_in,
	.next_key = array_next_key,
};
