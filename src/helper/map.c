// SPDX-License-Identifier: BSD-2-Clause
/* Helpers on maps. The verifier has seen to it that the map's kind has the operation. */
#include "helper/impl.h"
#include "map/hash.h"

HELPER_FN(map_lookup_elem)
{
	struct map *map = helper_map(r1);

	return map->ops->lookup ? (uintptr_t)map->ops->lookup(map, helper_ptr(r2), run->cpu) : 0;
}

static u64 lookup_4(u64 r1, u64 r2, u64 r3, u64 r4, u64 r5, struct run *run)
{
	return (uintptr_t)hash_lookup_4(helper_map(r1), helper_ptr(r2), run->cpu);
}

static u64 lookup_8(u64 r1, u64 r2, u64 r3, u64 r4, u64 r5, struct run *run)
{
	return (uintptr_t)hash_lookup_8(helper_map(r1), helper_ptr(r2), run->cpu);
}

static u64 lookup_16(u64 r1, u64 r2, u64 r3, u64 r4, u64 r5, struct run *run)
{
	return (uintptr_t)hash_lookup_16(helper_map(r1), helper_ptr(r2), run->cpu);
}

helper_fn helper_lookup_for(const struct map *map)
{
	if (map->ops->lookup != hash_lookup)
		return NULL;
	switch (map->params.key_size) {
	case 4: return lookup_4;
	case 8: return lookup_8;
	case 16: return lookup_16;
	default: return NULL;
	}
}

HELPER_FN(map_update_elem)
{
	struct map *map = helper_map(r1);

	if (!map->ops->update)
		return helper_ret(-EOPNOTSUPP);
	return helper_ret(map->ops->update(map, helper_ptr(r2), helper_ptr(r3), r4, run->cpu));
}

HELPER_FN(map_delete_elem)
{
	struct map *map = helper_map(r1);

	return helper_ret(map->ops->remove ? map->ops->remove(map, helper_ptr(r2)) : -EOPNOTSUPP);
}

HELPER_FN(map_push_elem)
{
	struct map *map = helper_map(r1);

	return helper_ret(map->ops->push ? map->ops->push(map, helper_ptr(r2), r3) : -EOPNOTSUPP);
}

HELPER_FN(map_pop_elem)
{
	struct map *map = helper_map(r1);

	return helper_ret(map->ops->pop ? map->ops->pop(map, helper_ptr(r2)) : -EOPNOTSUPP);
}

HELPER_FN(map_peek_elem)
{
	struct map *map = helper_map(r1);

	return helper_ret(map->ops->peek ? map->ops->peek(map, helper_ptr(r2)) : -EOPNOTSUPP);
}

HELPER_FN(map_lookup_percpu_elem)
{
	struct map *map = helper_map(r1);

	if ((u32)r3 >= map->cpu_count || !map->ops->lookup)
		return 0;
	return (uintptr_t)map->ops->lookup(map, helper_ptr(r2), (u32)r3);
}

struct each {
	struct run *run;
	u64 map, func, arg;
};

/* The callback gets map, key, value, context; it ends the walk with 1. */
static int call_each(void *arg, void *key, void *value)
{
	struct each *each = arg;
	u64 ret;

	run_back_edge(each->run);
	if (each->run->fault)
		return 1;
	ret = run_callback(
		each->run, each->func, each->map, (uintptr_t)key, (uintptr_t)value, each->arg, 0);
	return ret != 0 || each->run->fault;
}

HELPER_FN(for_each_map_elem)
{
	struct map *map = helper_map(r1);
	struct each each = {run, r1, r2, r3};

	if (!map->ops->for_each)
		return helper_ret(-EINVAL);
	return helper_ret(map->ops->for_each(map, run->cpu, call_each, &each, r4));
}
