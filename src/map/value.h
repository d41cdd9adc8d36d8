/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copies of map values. Special fields (locks, timers, kernel pointers) stay what they are in the
 * destination; user space sees zeroes in their place.
 */
#ifndef MAP_VALUE_H
#define MAP_VALUE_H

#include "map/map.h"

/* All flags that an update may have beside BPF_F_LOCK are one of BPF_ANY, NOEXIST, EXIST. */
static inline bool map_flags_are_known(u64 flags)
{
	return (flags & ~(u64)BPF_F_LOCK) <= BPF_EXIST;
}

/* kernel: copy_map_value(), copy_map_value_long() */
void map_value_copy(const struct map *map, void *dst, const void *src);
void map_value_copy_long(const struct map *map, void *dst, const void *src);
void map_value_clear_fields(const struct map *map, void *value);
/* Under the bpf_spin_lock that the destination has, or the source when lock_source. */
void map_value_copy_locked(const struct map *map, void *dst, const void *src, bool lock_source);
bool map_has_spin_lock(const struct map *map);

/*
 * Memory that lock-free readers may look at while it is written: they notice and try again. Plain
 * copies, except for the race detector.
 */
static inline void map_race_copy(void *dst, const void *src, u32 size)
{
#ifdef __SANITIZE_THREAD__
	for (u32 i = 0; i < size; i++)
		__atomic_store_n((u8 *)dst + i,
			__atomic_load_n((const u8 *)src + i, __ATOMIC_RELAXED), __ATOMIC_RELAXED);
#else
	memcpy(dst, src, size);
#endif
}

#endif
