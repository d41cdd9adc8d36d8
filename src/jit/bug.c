// SPDX-License-Identifier: BSD-2-Clause
/* Which bug is switched on, in the build that has them. */
#include "jit/bug.h"

#ifdef JIT_SEEDED_BUGS

#include <stdlib.h>

int jit_seeded_bug;

__attribute__((constructor)) static void choose_bug(void)
{
	const char *text = getenv("HACHI_JIT_BUG");

	jit_seeded_bug = text ? atoi(text) : JIT_BUG_NONE;
}

#endif
