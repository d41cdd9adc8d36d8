/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The implementations behind spec/helpers.def and the kernel functions that programs may call.
 * Engines call them with five arguments and the run.
 */
#ifndef HELPER_HELPER_H
#define HELPER_HELPER_H

#include "runtime/run.h"

struct map;

/*
 * What to call for a helper in a program of this type (some differ by type: perf_event_output,
 * get_stack, redirect, ...); NULL: this build has none.
 */
helper_fn helper_fn_for(u32 id, u32 prog_type);
/* A kernel function by name; NULL: this build has none. */
helper_fn helper_kfunc(const char *name);

/*
 * A lookup made for this map's kind and key size, to stand in code_map.lookup: takes map and key as
 * bpf_map_lookup_elem() does. NULL: there is none, call the helper.
 */
helper_fn helper_lookup_for(const struct map *map);

#endif
