// SPDX-License-Identifier: BSD-2-Clause
#include "jit/engine.h"

#include "jit/arm64/arm64.h"
#include "jit/x86_64/x86_64.h"

/* Fastest first. */
static const struct engine *const engines[] = {
	&engine_x86_64,
	&engine_arm64,
	&engine_interp,
};

static bool is_jit(const struct engine *e)
{
	return e != &engine_interp;
}

const struct engine *engine_by_name(const char *name)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(engines); i++) {
		const struct engine *e = engines[i];

		if (!e->is_available())
			continue;
		if (strcmp(e->name, name) == 0 || (is_jit(e) && strcmp(name, "jit") == 0))
			return e;
	}
	return NULL;
}

const struct engine *engine_default(void)
{
	size_t i = 0;

	while (!engines[i]->is_available())
		i++;
	return engines[i];
}
