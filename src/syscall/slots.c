// SPDX-License-Identifier: BSD-2-Clause
/*
 * Objects in the slots of maps (programs, inner maps, perf events), and what the last descriptor or
 * pin of a map means for them. References are let go late where they are freed, so that a program
 * that has just read a slot may use what it found.
 */
#include "hook/event.h"
#include "hook/link.h"
#include "syscall/instance.h"
#include "syscall/map.h"

/* A prog array takes programs of one type that run the same way; the first one says which. */
static int get_prog(struct map *map, int fd, void **ret_object, u32 *ret_id)
{
	struct hachi *h = map->owner;
	struct prog *prog;
	u32 none = 0;
	int err = prog_from_fd(h, fd, &prog);

	if (err)
		return err;
	if (__atomic_compare_exchange_n(&map->owner_prog_type, &none, prog->type + 1, false,
		    __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
		map->owner_jited = prog->is_jited;
	else if (none != prog->type + 1 || map->owner_jited != prog->is_jited)
		err = -EINVAL;
	if (err) {
		prog_unref(prog);
		return err;
	}
	*ret_object = prog;
	*ret_id = prog->id;
	return 0;
}

static int get_map(struct map *map, int fd, void **ret_object, u32 *ret_id)
{
	struct map *inner;
	int err = map_from_fd(map->owner, fd, &inner);

	if (err)
		return err;
	if (!map->inner_template || !map_same_shape(map->inner_template, inner)) {
		map_unref(inner);
		return -EINVAL;
	}
	*ret_object = inner;
	*ret_id = inner->id;
	return 0;
}

static int get_event(struct map *map, int fd, void **ret_object, u32 *ret_id)
{
	struct hachi *h = map->owner;
	int err = desc_get_object(&h->descs, fd, HACHI_FD_PERF, ret_object);

	*ret_id = 0;
	/* the kernel knows a perf event by its file and says -EBADF to all others */
	return err == -EINVAL ? -EBADF : err;
}

static int slot_get(struct map *map, s32 fd, void **ret_object, u32 *ret_id)
{
	switch (map->params.type) {
	case BPF_MAP_TYPE_PROG_ARRAY: return get_prog(map, fd, ret_object, ret_id);
	case BPF_MAP_TYPE_ARRAY_OF_MAPS:
	case BPF_MAP_TYPE_HASH_OF_MAPS: return get_map(map, fd, ret_object, ret_id);
	case BPF_MAP_TYPE_PERF_EVENT_ARRAY: return get_event(map, fd, ret_object, ret_id);
	default: return -BTYPE_ENOTSUPP;
	}
}

static void slot_put(struct map *map, void *object)
{
	switch (map->params.type) {
	case BPF_MAP_TYPE_PROG_ARRAY: prog_unref(object); break;
	case BPF_MAP_TYPE_ARRAY_OF_MAPS:
	case BPF_MAP_TYPE_HASH_OF_MAPS: map_unref(object); break;
	case BPF_MAP_TYPE_PERF_EVENT_ARRAY: event_unref(object); break;
	default: break; /* slot_get() made none */
	}
}

static void slot_changed(struct map *map, u32 slot, void *object)
{
	if (map->params.type == BPF_MAP_TYPE_PROG_ARRAY)
		prog_tail_set(map, slot, object);
}

const struct map_object_ops map_slots = {slot_get, slot_put, slot_changed};

static void clear_slots(struct map *map)
{
	for (u32 i = 0; i < map->params.max_entries; i++)
		if (__atomic_load_n(&map->objects[i], __ATOMIC_RELAXED))
			map->ops->remove(map, &i);
}

void map_user_ref(void *object)
{
	struct map *map = object;

	__atomic_add_fetch(&map->user_refs, 1, __ATOMIC_RELAXED);
}

/* A program in a prog array may itself refer to the array: the circle is cut here. */
void map_user_unref(void *object)
{
	struct map *map = object;

	if (__atomic_sub_fetch(&map->user_refs, 1, __ATOMIC_ACQ_REL) == 0 &&
		map->params.type == BPF_MAP_TYPE_PROG_ARRAY)
		clear_slots(map);
}

/* Perf events leave with the descriptor through which they came. */
static void map_closed(void *object)
{
	struct map *map = object;

	if (map->params.type == BPF_MAP_TYPE_PERF_EVENT_ARRAY &&
		!(map->params.flags & BPF_F_PRESERVE_ELEMS))
		clear_slots(map);
}

/* ---- references by kind ---------------------------------------------------------------------- */

#define OBJECT_REFS(name, type)                                                                    \
	static void name##_object_ref(void *object)                                                \
	{                                                                                          \
		name##_ref(object);                                                                \
	}                                                                                          \
	static bool name##_object_ref_unless_dead(void *object)                                    \
	{                                                                                          \
		return ref_unless_zero(&((type *)object)->refs);                                   \
	}                                                                                          \
	static void name##_object_unref(void *object)                                              \
	{                                                                                          \
		name##_unref(object);                                                              \
	}
OBJECT_REFS(map, struct map)
OBJECT_REFS(prog, struct prog)
OBJECT_REFS(link, struct link)
OBJECT_REFS(types_object, struct btf_object)
OBJECT_REFS(event, struct event)
OBJECT_REFS(stats_switch, struct stats_switch)

#define OBJECT_OPS(name) name##_object_ref, name##_object_ref_unless_dead, name##_object_unref

const struct object_ops object_ops[OBJECT_KINDS] = {
	[HACHI_FD_MAP] = {"bpf-map", OBJECT_OPS(map), map_user_ref, map_user_unref, map_closed},
	[HACHI_FD_PROG] = {"bpf-prog", OBJECT_OPS(prog)},
	[HACHI_FD_LINK] = {"bpf_link", OBJECT_OPS(link)},
	[HACHI_FD_BTF] = {"btf", OBJECT_OPS(types_object)},
	[HACHI_FD_PERF] = {"[perf_event]", OBJECT_OPS(event)},
	[OBJECT_STATS] = {"bpf-stats", OBJECT_OPS(stats_switch)},
};
