// SPDX-License-Identifier: BSD-2-Clause
/*
 * Maps that are nothing but their shape: for kinds whose elements this build cannot serve, so that
 * programs that use them can still be judged. They hold nothing, and no program that uses one is
 * ever run (prog/load.c).
 */
#include "map/kinds.h"

enum shape_entries {
	GIVEN,
	NONE,
};

static const struct shape {
	u32 type, key_min, key_max, value_min, value_max, flags, flags_needed;
	enum shape_entries entries;
} shapes[] = {
#define MAP_SHAPE(...) {__VA_ARGS__},
#include "map/shapes.def"
};

static const struct shape *shape_of(u32 type)
{
	for (size_t i = 0; i < ARRAY_SIZE(shapes); i++)
		if (shapes[i].type == type)
			return &shapes[i];
	return NULL;
}

/* Where two sizes are told apart there are only two: of keys 8 and 16, of values 4 and 8. */
static bool is_odd_size(u32 size, u32 min, u32 max)
{
	return max == 2 * min && size != min && size != max;
}

static int shape_check(const struct map_params *params)
{
	const struct shape *s = shape_of(params->type);

	if (params->key_size < s->key_min || params->key_size > s->key_max ||
		is_odd_size(params->key_size, s->key_min, s->key_max) ||
		params->value_size < s->value_min ||
		is_odd_size(params->value_size, s->value_min, s->value_max) ||
		(params->flags & ~s->flags) ||
		(params->flags & s->flags_needed) != s->flags_needed ||
		(params->max_entries == 0) != (s->entries == NONE))
		return -EINVAL;
	return params->value_size > s->value_max ? (s->value_max == 8 ? -EINVAL : -E2BIG) : 0;
}

static int shape_region_size(const struct map_params *params, u64 *ret_size)
{
	*ret_size = 0;
	return 0;
}

/* kernel: dev_map_alloc_check() */
static int shape_init(struct map *map, bool is_new)
{
	if (map->params.type == BPF_MAP_TYPE_DEVMAP || map->params.type == BPF_MAP_TYPE_DEVMAP_HASH)
		map->params.flags |= BPF_F_RDONLY_PROG; /* programs see a field of the device's */
	return 0;
}

static int shape_remove(struct map *map, const void *key)
{
	return -EOPNOTSUPP;
}

static int shape_copy_out(struct map *map, const void *key, void *value, u64 flags)
{
	return -EOPNOTSUPP;
}

static int shape_copy_in(struct map *map, const void *key, const void *value, u64 flags)
{
	return -EOPNOTSUPP;
}

static int shape_next_key(struct map *map, const void *key, void *ret_next)
{
	return -EOPNOTSUPP;
}

const struct map_ops map_shape_ops = {
	.check = shape_check,
	.region_size = shape_region_size,
	.init = shape_init,
	.remove = shape_remove,
	.copy_out = shape_copy_out,
	.copy_in = shape_copy_in,
	.next_key = shape_next_key,
};

bool map_shape_is_known(u32 type)
{
	return shape_of(type) != NULL;
}
