// SPDX-License-Identifier: BSD-2-Clause
/* malloc with a switch that makes the n-th allocation of a thread fail. */
#include "base/alloc.h"

#include <stdlib.h>

static _Thread_local u64 fail_countdown;
static _Thread_local bool has_failed;

void mem_fail_nth(u64 nth)
{
	fail_countdown = nth;
	has_failed = false;
}

bool mem_has_failed(void)
{
	return has_failed;
}

static bool must_fail(void)
{
	if (likely(fail_countdown == 0) || --fail_countdown != 0)
		return false;
	has_failed = true;
	return true;
}

void *mem_alloc(size_t size)
{
	return must_fail() ? NULL : malloc(size ? size : 1);
}

void *mem_calloc(size_t count, size_t size)
{
	return must_fail() ? NULL : calloc(count ? count : 1, size ? size : 1);
}

void *mem_zalloc(size_t size)
{
	return mem_calloc(1, size);
}

void *mem_realloc(void *old, size_t size)
{
	return must_fail() ? NULL : realloc(old, size ? size : 1);
}

void *mem_dup(const void *data, size_t size)
{
	void *copy = mem_alloc(size);

	if (copy && size)
		memcpy(copy, data, size);
	return copy;
}

char *mem_strdup(const char *text)
{
	return mem_dup(text, strlen(text) + 1);
}

void mem_free(void *p)
{
	free(p);
}
