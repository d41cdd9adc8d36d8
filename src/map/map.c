// SPDX-License-Identifier: BSD-2-Clause
/*
 * Birth and death of maps: the region in a memfd, its header page at the end, the private handle
 * with the address of that handle in the page before the region (so that a pointer into the region
 * finds its map: ring buffer records). What the kinds do stands in their own files.
 */
#include "map/map.h"

#include "base/alloc.h"
#include "base/os.h"
#include "btf/fields.h"
#include "map/kinds.h"

#include <stdio.h>

enum kind_flag {
	PER_CPU = 1 << 0,
	INNER = 1 << 1,
	SIZED = 1 << 2,
};

struct kind {
	u32 type;
	const struct map_ops *ops;
	u32 flags;
};

static const struct kind kinds[] = {
#define MAP_KIND(type, ops, flags) {type, &ops, flags},
#include "map/kinds.def"
};

#define REGION_MAGIC   0x70616d6968636168ull /* "hachimap" */
#define REGION_VERSION 2

/* In the last page of the region. */
struct region_header {
	u64 magic;
	u32 version, cpu_count;
	u64 pid_namespace;
	struct map_params params;
};

static const struct kind *kind_of(u32 type)
{
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		if (kinds[i].type == type)
			return &kinds[i];
	return NULL;
}

/* enum kind_flag; of shapes all may be inner maps but the cgroup storages, which have no entries.
 */
static u32 flags_of(const struct map *map)
{
	const struct kind *kind = kind_of(map->params.type);

	if (kind)
		return kind->flags;
	switch (map->params.type) {
	case BPF_MAP_TYPE_STRUCT_OPS:
	case BPF_MAP_TYPE_CGROUP_STORAGE:
	case BPF_MAP_TYPE_PERCPU_CGROUP_STORAGE: return 0;
	default: return INNER;
	}
}

const struct map_ops *map_ops_for(u32 type)
{
	const struct kind *kind = kind_of(type);

	return kind ? kind->ops : NULL;
}

const struct map_ops *map_ops_or_shape_for(u32 type)
{
	return map_ops_for(type) ?: map_shape_is_known(type) ? &map_shape_ops : NULL;
}

bool map_is_shape(const struct map *map)
{
	return map->ops == &map_shape_ops;
}

bool map_is_per_cpu(const struct map *map)
{
	return flags_of(map) & PER_CPU;
}

u32 map_user_value_size(const struct map *map)
{
	u32 size = map->params.value_size;

	return map_is_per_cpu(map) ? ALIGN_UP(size, 8u) * os_cpu_count() : size;
}

int map_inner_check(const struct map *inner)
{
	if (inner->inner_template || inner->params.type == BPF_MAP_TYPE_ARRAY_OF_MAPS ||
		inner->params.type == BPF_MAP_TYPE_HASH_OF_MAPS)
		return -EINVAL;
	return flags_of(inner) & INNER ? 0 : -MAP_ENOTSUPP;
}

bool map_same_shape(const struct map *a, const struct map *b)
{
	const struct map_params *x = &a->params, *y = &b->params;

	if (x->type != y->type || x->key_size != y->key_size || x->value_size != y->value_size ||
		x->flags != y->flags || !btype_fields_same(a->fields, b->fields))
		return false;
	return !(flags_of(a) & SIZED) || (x->flags & BPF_F_INNER_MAP) ||
		x->max_entries == y->max_entries;
}

struct map *map_of_region(const u8 *region)
{
	struct map *const *handle = (const void *)(region - os_page_size());

	return *handle;
}

static struct region_header *header_of(const struct map *map)
{
	return (void *)(map->region + map->region_size - os_page_size());
}

/* Maps the region with a private page before it that holds the handle's address. */
static int map_region(struct map *map)
{
	size_t page = os_page_size();
	void *space;
	int err = os_map_reserve(map->region_size + page, &space);

	if (err)
		return err;
	err = os_map_private_at(page, space);
	if (!err)
		err = os_map_shared_at(map->fd, 0, map->region_size, true, (u8 *)space + page);
	if (err) {
		os_unmap(space, map->region_size + page);
		return err;
	}
	*(struct map **)space = map;
	map->region = (u8 *)space + page;
	return 0;
}

static void unmap_region(struct map *map)
{
	if (map->region)
		os_unmap(map->region - os_page_size(), map->region_size + os_page_size());
	map->region = NULL;
}

static int handle_new(
	const struct map_params *params, const struct map_ops *ops, struct map **ret_map)
{
	size_t page = os_page_size();
	struct map *map;
	u64 size = 0;
	int err = ops->region_size(params, &size);

	if (err)
		return err;
	if (size > INT64_MAX - 4 * page)
		return -E2BIG;
	map = mem_zalloc(sizeof(*map));
	if (!map)
		return -ENOMEM;
	map->ops = ops;
	map->params = *params;
	map->refs = 1;
	map->fd = -1;
	map->event_fd = -1;
	map->index_mask = UINT32_MAX;
	map->elem_size = ALIGN_UP(params->value_size, 8u);
	map->cpu_count = map_is_per_cpu(map) ? os_cpu_count() : 1;
	map->region_size = ALIGN_UP(size, (u64)page) + page;
	map->created_ns = os_time_ns(OS_CLOCK_BOOTTIME);
	*ret_map = map;
	return 0;
}

static void handle_free(struct map *map)
{
	unmap_region(map);
	if (map->fd >= 0)
		os_close(map->fd);
	if (map->event_fd >= 0)
		os_close(map->event_fd);
	mem_free(map);
}

int map_new(const struct map_params *params, struct map **ret_map)
{
	const struct map_ops *ops = params->may_be_shape ? map_ops_or_shape_for(params->type)
							 : map_ops_for(params->type);
	struct region_header *header;
	struct map *map;
	char name[32];
	int err;

	if (!ops)
		return -EINVAL;
	err = ops->check(params);
	if (err)
		return err;
	err = handle_new(params, ops, &map);
	if (err)
		return err;
	snprintf(name, sizeof(name), "hachi:%.15s", params->name);
	err = os_memfd(name, map->region_size, &map->fd);
	if (!err)
		err = map_region(map);
	if (err == -EFBIG || err == -EINVAL)
		err = -ENOMEM;
	if (!err)
		err = ops->init(map, true);
	if (err) {
		handle_free(map);
		return err;
	}
	header = header_of(map);
	header->version = REGION_VERSION;
	header->cpu_count = os_cpu_count();
	header->pid_namespace = os_pid_namespace();
	header->params = map->params;
	__atomic_store_n(&header->magic, REGION_MAGIC, __ATOMIC_RELEASE);
	*ret_map = map;
	return 0;
}

/* The header of a region that nobody vouches for. */
static int read_header(int fd, struct region_header *ret_header, u64 *ret_size)
{
	size_t page = os_page_size();
	void *at;
	u64 size;
	int err = os_fd_size(fd, &size);

	if (err)
		return err;
	if (size < 2 * page || size % page)
		return -EINVAL;
	err = os_map_shared(fd, size - page, page, false, &at);
	if (err)
		return err;
	memcpy(ret_header, at, sizeof(*ret_header));
	os_unmap(at, page);
	*ret_size = size;
	if (ret_header->magic != REGION_MAGIC || ret_header->version != REGION_VERSION ||
		ret_header->cpu_count != os_cpu_count())
		return -EINVAL;
	return ret_header->pid_namespace == os_pid_namespace() ? 0 : -EXDEV;
}

int map_open(int own_fd, struct map **ret_map)
{
	const struct map_ops *ops;
	struct region_header header;
	struct map *map;
	u64 size;
	int err = read_header(own_fd, &header, &size);

	if (err)
		return err;
	ops = map_ops_for(header.params.type);
	if (!ops || ops->check(&header.params))
		return -EINVAL;
	err = handle_new(&header.params, ops, &map);
	if (err)
		return err;
	err = map->region_size == size ? 0 : -EINVAL;
	if (!err) {
		map->fd = own_fd;
		err = map_region(map);
	}
	if (!err)
		err = ops->init(map, false);
	if (err) {
		map->fd = -1;
		handle_free(map);
		return err;
	}
	*ret_map = map;
	return 0;
}

void map_ref(struct map *map)
{
	__atomic_add_fetch(&map->refs, 1, __ATOMIC_RELAXED);
}

/* Programs may have found the map in a slot just before it left. */
static void free_late(struct epoch_node *node)
{
	struct map *map = container_of(node, struct map, epoch);

	if (map->ops->release)
		map->ops->release(map);
	map_unref(map->inner_template);
	btype_fields_free(map->fields);
	btype_unref(map->btf);
	mem_free(map->tails);
	handle_free(map);
}

void map_unref(struct map *map)
{
	if (!map || __atomic_sub_fetch(&map->refs, 1, __ATOMIC_ACQ_REL))
		return;
	if (map->free_hook)
		map->free_hook(map);
	epoch_defer(&map->epoch, free_late);
}
