/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sets of kernel functions by name (spec/funcsets.def): which may sleep, which may be attached to.
 */
#ifndef SPEC_FUNCSET_H
#define SPEC_FUNCSET_H

#include "base/types.h"

enum funcset {
#define FUNC_SET(name, meaning, ...) FUNCSET_##name,
#include "spec/funcsets.def"
	FUNCSET_COUNT,
};

bool funcset_has(enum funcset set, const char *name);
const char *funcset_meaning(enum funcset set);

#endif
