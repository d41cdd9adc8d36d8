/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The implementations behind spec/helpers.def and the kernel functions that programs may call.
 * Engines call them with five arguments and the run.
 */
#ifndef HELPER_HELPER_H
#define HELPER_HELPER_H

#include "runtime/run.h"

/*
 * What to call for a helper in a program of this type (some differ by type: perf_event_output,
 * get_stack, redirect, ...); NULL: this build has none.
 */
helper_fn helper_fn_for(u32 id, u32 prog_type);
/* A kernel function by name; NULL: this build has none. */
helper_fn helper_kfunc(const char *name);

#endif
