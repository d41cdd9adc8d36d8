// SPDX-License-Identifier: BSD-2-Clause
/* Where a broken invariant of ours ends up: see bug_on() in base/types.h. */
#include "base/types.h"

#include <stdio.h>
#include <stdlib.h>

void bug_report(const char *what, const char *file, int line)
{
#ifdef HACHI_DEV
	fprintf(stderr, "hachi: bug: %s at %s:%d\n", what, file, line);
	abort();
#else
	(void)what;
	(void)file;
	(void)line;
#endif
}
