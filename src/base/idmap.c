// SPDX-License-Identifier: BSD-2-Clause
/* Linear probing with backward-shift deletion; at most 3/4 full. */
#include "base/idmap.h"
#include "base/alloc.h"
#include "base/hash.h"

void idmap_release(struct idmap *map)
{
	mem_free(map->slots);
	memset(map, 0, sizeof(*map));
}

/* The slot that holds key, or the free one where it belongs. cap must not be 0. */
static struct idmap_slot *find_slot(const struct idmap *map, u64 key)
{
	size_t i = hash_u64(key) & (map->cap - 1);

	while (map->slots[i].value && map->slots[i].key != key)
		i = (i + 1) & (map->cap - 1);
	return &map->slots[i];
}

void *idmap_get(const struct idmap *map, u64 key)
{
	return map->cap ? find_slot(map, key)->value : NULL;
}

static int idmap_grow(struct idmap *map)
{
	struct idmap grown = {.len = map->len, .cap = map->cap ? map->cap * 2 : 16};

	grown.slots = mem_calloc(grown.cap, sizeof(*grown.slots));
	if (!grown.slots)
		return -ENOMEM;
	for (size_t i = 0; i < map->cap; i++)
		if (map->slots[i].value)
			*find_slot(&grown, map->slots[i].key) = map->slots[i];
	mem_free(map->slots);
	*map = grown;
	return 0;
}

int idmap_put(struct idmap *map, u64 key, void *value)
{
	struct idmap_slot *slot;

	if ((map->len + 1) * 4 > map->cap * 3 && idmap_grow(map))
		return -ENOMEM;
	slot = find_slot(map, key);
	map->len += slot->value == NULL;
	slot->key = key;
	slot->value = value;
	return 0;
}

void *idmap_remove(struct idmap *map, u64 key)
{
	struct idmap_slot *hole = map->cap ? find_slot(map, key) : NULL;
	size_t mask = map->cap - 1, i;
	void *value;

	if (!hole || !hole->value)
		return NULL;
	value = hole->value;
	i = (size_t)(hole - map->slots);
	for (size_t j = (i + 1) & mask; map->slots[j].value; j = (j + 1) & mask) {
		size_t home = hash_u64(map->slots[j].key) & mask;

		/* slot j may move into the hole unless its home lies after the hole */
		if (((j - home) & mask) >= ((j - i) & mask)) {
			map->slots[i] = map->slots[j];
			i = j;
		}
	}
	map->slots[i].value = NULL;
	map->len--;
	return value;
}

struct idmap_slot *idmap_next(const struct idmap *map, size_t *pos)
{
	while (*pos < map->cap) {
		struct idmap_slot *slot = &map->slots[(*pos)++];

		if (slot->value)
			return slot;
	}
	return NULL;
}
