/* SPDX-License-Identifier: BSD-2-Clause */
/* The operations of every kind in kinds.def, declared from it. */
#ifndef MAP_KINDS_H
#define MAP_KINDS_H

#include "map/map.h"
#include "spec/helper.h"

#define MAP_KIND(type, ops, flags) extern const struct map_ops ops;
#include "map/kinds.def"

/* Of the kinds in shapes.def. */
extern const struct map_ops map_shape_ops;
bool map_shape_is_known(u32 type);

/* bpf_map_flags_access_ok() */
static inline bool map_access_flags_ok(u32 flags)
{
	return (flags & (BPF_F_RDONLY_PROG | BPF_F_WRONLY_PROG)) !=
		(BPF_F_RDONLY_PROG | BPF_F_WRONLY_PROG);
}

#define MAP_ACCESS_FLAGS      (BPF_F_RDONLY | BPF_F_RDONLY_PROG | BPF_F_WRONLY | BPF_F_WRONLY_PROG)
#define MAP_PER_CPU_VALUE_MAX (32u << 10) /* kernel: PCPU_MIN_UNIT_SIZE */

#endif
