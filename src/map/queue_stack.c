// SPDX-License-Identifier: BSD-2-Clause
/*
 * Queues and stacks: a circle of max_entries + 1 values between tail and head, under one lock.
 * A value is written before head or tail moves over it and each move is one store, so the death of
 * an owner of the lock leaves whole values; nothing is to repair.
 */
#include "map/kinds.h"
#include "map/lock.h"

#include "base/os.h"

#define VALUE_MAX (4u << 20) /* kernel: KMALLOC_MAX_SIZE */

struct circle {
	struct map_lock lock __attribute__((aligned(64)));
	u32 head, tail; /* where the next one goes; where the oldest one is */
	u8 values[] __attribute__((aligned(64)));
};

/* kernel: queue_stack_map_alloc_check() */
static int circle_check(const struct map_params *params)
{
	if (params->max_entries == 0 || params->key_size || params->value_size == 0 ||
		params->flags & ~(u32)(BPF_F_NUMA_NODE | MAP_ACCESS_FLAGS) ||
		!map_access_flags_ok(params->flags))
		return -EINVAL;
	if (params->value_size > VALUE_MAX ||
		params->max_entries >= UINT32_MAX / params->value_size)
		return -E2BIG;
	return 0;
}

static int circle_region_size(const struct map_params *params, u64 *ret_size)
{
	*ret_size = sizeof(struct circle) + ((u64)params->max_entries + 1) * params->value_size;
	return 0;
}

static int circle_init(struct map *map, bool is_new)
{
	return 0;
}

static u32 next_of(const struct map *map, u32 at)
{
	return at >= map->params.max_entries ? 0 : at + 1;
}

static u32 before(const struct map *map, u32 at)
{
	return at == 0 || at > map->params.max_entries ? map->params.max_entries : at - 1;
}

static u8 *value_at(const struct map *map, u32 at)
{
	struct circle *c = (void *)map->region;

	return c->values + (u64)MIN(at, map->params.max_entries) * map->params.value_size;
}

static int circle_push(struct map *map, const void *value, u64 flags)
{
	struct circle *c = (void *)map->region;
	int err;

	if (flags & BPF_NOEXIST || flags > BPF_EXIST)
		return -EINVAL;
	err = map_lock_take(&c->lock);
	if (err < 0)
		return err;
	err = 0;
	if (next_of(map, c->head) == c->tail) {
		if (flags & BPF_EXIST) /* the oldest one makes room */
			c->tail = next_of(map, c->tail);
		else
			err = -E2BIG;
	}
	if (!err) {
		memcpy(value_at(map, c->head), value, map->params.value_size);
		__atomic_store_n(&c->head, next_of(map, c->head), __ATOMIC_RELEASE);
	}
	map_lock_drop(&c->lock);
	return err;
}

static int circle_get(struct map *map, void *value, bool is_stack, bool removes)
{
	struct circle *c = (void *)map->region;
	int err = map_lock_take(&c->lock);

	if (err < 0) {
		memset(value, 0, map->params.value_size);
		return err;
	}
	if (c->head == c->tail) {
		memset(value, 0, map->params.value_size);
		err = -ENOENT;
	} else {
		u32 at = is_stack ? before(map, c->head) : c->tail;

		memcpy(value, value_at(map, at), map->params.value_size);
		if (removes && is_stack)
			c->head = at;
		else if (removes)
			c->tail = next_of(map, at);
		err = 0;
	}
	map_lock_drop(&c->lock);
	return err;
}

static int queue_pop(struct map *map, void *value)
{
	return circle_get(map, value, false, true);
}

static int queue_peek(struct map *map, void *value)
{
	return circle_get(map, value, false, false);
}

static int stack_pop(struct map *map, void *value)
{
	return circle_get(map, value, true, true);
}

static int stack_peek(struct map *map, void *value)
{
	return circle_get(map, value, true, false);
}

static int circle_copy_out(struct map *map, const void *key, void *value, u64 flags)
{
	return map->ops->peek(map, value);
}

static int circle_copy_in(struct map *map, const void *key, const void *value, u64 flags)
{
	return circle_push(map, value, flags);
}

static int circle_take(struct map *map, const void *key, void *value, u64 flags)
{
	return map->ops->pop(map, value);
}

static int circle_remove(struct map *map, const void *key)
{
	return -EINVAL;
}

static int circle_next_key(struct map *map, const void *key, void *ret_next)
{
	return -EINVAL;
}

const struct map_ops map_queue_ops = {
	.check = circle_check,
	.region_size = circle_region_size,
	.init = circle_init,
	.remove = circle_remove,
	.push = circle_push,
	.pop = queue_pop,
	.peek = queue_peek,
	.copy_out = circle_copy_out,
	.copy_in = circle_copy_in,
	.take = circle_take,
	.next_key = circle_next_key,
};

const struct map_ops map_stack_ops = {
	.check = circle_check,
	.region_size = circle_region_size,
	.init = circle_init,
	.remove = circle_remove,
	.push = circle_push,
	.pop = stack_pop,
	.peek = stack_peek,
	.copy_out = circle_copy_out,
	.copy_in = circle_copy_in,
	.take = circle_take,
	.next_key = circle_next_key,
};
