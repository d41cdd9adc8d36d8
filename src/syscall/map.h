/* SPDX-License-Identifier: BSD-2-Clause */
/* What the command layer adds to a map: who may do what, and the objects in its slots. */
#ifndef SYSCALL_MAP_H
#define SYSCALL_MAP_H

#include "map/map.h"
#include "syscall/desc.h"

struct hachi;

/* enum desc_mode of BPF_F_RDONLY and BPF_F_WRONLY in flags; -EINVAL for both. */
int map_mode(u32 flags, u32 *ret_mode);
/* What the descriptor may do now: a frozen map is read-only from outside. */
u32 map_may(const struct map *map, u32 mode);

/* Counts a write from outside, so that freezing waits for none. */
void map_write_begin(struct map *map);
void map_write_end(struct map *map);

/* For object_ops: descriptors and pins. */
void map_user_ref(void *map);
void map_user_unref(void *map);

extern const struct map_object_ops map_slots; /* of every map that holds objects */

#endif
