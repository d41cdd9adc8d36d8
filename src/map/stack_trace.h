/* SPDX-License-Identifier: BSD-2-Clause */
/* Stack traces by id, filled by bpf_get_stackid(). */
#ifndef MAP_STACK_TRACE_H
#define MAP_STACK_TRACE_H

#include "map/map.h"

#define STACK_TRACE_DEPTH_MAX 127 /* kernel.perf_event_max_stack */

/* Most entries that one trace of this map holds. */
u32 stack_trace_depth(const struct map *map);
/*
 * Puts a trace: count entries of 8 bytes, or of struct bpf_stack_build_id with
 * BPF_F_STACK_BUILD_ID; the hash is over ips. Its id; -EEXIST another trace has that id and
 * BPF_F_REUSE_STACKID is not given; -ENOMEM all max_entries are used.
 */
int stack_trace_put(struct map *map, const u64 *ips, u32 count, const void *entries, u64 flags);

#endif
