// SPDX-License-Identifier: BSD-2-Clause
/* Copies of map values around their special fields; see value.h. */
#include "map/value.h"

#include "btf/fields.h"
#include "map/lock.h"

/* Copies [0, size) but for the special fields, which are sorted by offset. */
static void copy_around(const struct map *map, u8 *dst, const u8 *src, u32 size)
{
	u32 from = 0;

	for (u32 i = 0; map->fields && i < map->fields->count; i++) {
		const struct btype_field *field = &map->fields->field[i];

		map_race_copy(dst + from, src + from, field->offset - from);
		from = field->offset + field->size;
	}
	map_race_copy(dst + from, src + from, size - from);
}

void map_value_copy(const struct map *map, void *dst, const void *src)
{
	u32 size = map->params.value_size;

	if (unlikely(map->fields != NULL))
		copy_around(map, dst, src, size);
	else if (size == 8)
		map_race_copy(dst, src, 8);
	else if (size == 4)
		map_race_copy(dst, src, 4);
	else
		map_race_copy(dst, src, size);
}

void map_value_copy_long(const struct map *map, void *dst, const void *src)
{
	u8 *to = dst;
	const u8 *from = src;

	if (unlikely(map->fields != NULL)) {
		copy_around(map, dst, src, ALIGN_UP(map->params.value_size, 8u));
		return;
	}
	/* word by word: counters that a program changes meanwhile are not torn */
	for (u32 i = 0; i < ALIGN_UP(map->params.value_size, 8u); i += 8)
		map_race_copy(to + i, from + i, 8);
}

void map_value_clear_fields(const struct map *map, void *value)
{
	for (u32 i = 0; map->fields && i < map->fields->count; i++)
		memset((u8 *)value + map->fields->field[i].offset, 0, map->fields->field[i].size);
}

bool map_has_spin_lock(const struct map *map)
{
	return map->fields && (map->fields->kinds & BTYPE_SPIN_LOCK);
}

void map_value_copy_locked(const struct map *map, void *dst, const void *src, bool lock_source)
{
	u8 *lock = lock_source ? (u8 *)(uintptr_t)src : dst;

	lock += map->fields->spin_lock_off;
	map_value_lock(lock);
	copy_around(map, dst, src, map->params.value_size);
	map_value_unlock(lock);
}
