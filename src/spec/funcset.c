// SPDX-License-Identifier: BSD-2-Clause
/*
 * Lookup in the sets of kernel functions. They are short and asked once a load: a linear search.
 */
#include "spec/funcset.h"

#define FUNC_SET(name, meaning, ...) static const char *const set_##name[] = {__VA_ARGS__};
#include "spec/funcsets.def"

static const struct {
	const char *meaning;
	const char *const *names;
	u32 count;
} sets[] = {
#define FUNC_SET(name, meaning, ...) {meaning, set_##name, ARRAY_SIZE(set_##name)},
#include "spec/funcsets.def"
};

bool funcset_has(enum funcset set, const char *name)
{
	if (bug_on(set >= FUNCSET_COUNT))
		return false;
	for (u32 i = 0; name && i < sets[set].count; i++)
		if (strcmp(sets[set].names[i], name) == 0)
			return true;
	return false;
}

const char *funcset_meaning(enum funcset set)
{
	return set < FUNCSET_COUNT ? sets[set].meaning : NULL;
}
