/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Arrays whose elements are other objects (programs, perf events, cgroups, maps): the region holds
 * a lock and the ids, map->objects of this process the objects. Kernel: fd_array_map_*().
 */
#ifndef MAP_SLOTS_H
#define MAP_SLOTS_H

#include "map/lock.h"
#include "map/map.h"

/* map->objects for count slots, all empty; it has a u32 count 8 bytes before (see map.h). */
int map_objects_new(u32 count, void ***ret_objects);
void map_objects_free(void **objects);

int slots_check(const struct map_params *params);
int slots_region_size(const struct map_params *params, u64 *ret_size);
int slots_init(struct map *map, bool is_new);
void slots_release(struct map *map);
/* value: s32 descriptor. */
int slots_copy_in(struct map *map, const void *key, const void *value, u64 flags);
int slots_copy_out_id(struct map *map, const void *key, void *value, u64 flags);
int slots_copy_out_refused(struct map *map, const void *key, void *value, u64 flags);
int slots_remove(struct map *map, const void *key);
int slots_next_key(struct map *map, const void *key, void *ret_next);

#endif
