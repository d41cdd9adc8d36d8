/* SPDX-License-Identifier: BSD-2-Clause */
/* Which engines this build has, and which one a program gets. */
#ifndef JIT_ENGINE_H
#define JIT_ENGINE_H

#include "runtime/image.h"

/* By name ("interp", "jit", "x86-64", "arm64"), NULL when this build or machine has it not. */
const struct engine *engine_by_name(const char *name);
/* The fastest one here. */
const struct engine *engine_default(void);

#endif
