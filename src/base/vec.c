// SPDX-License-Identifier: BSD-2-Clause
#include "base/vec.h"
#include "base/alloc.h"

int vec_grow(void **data, size_t *cap, size_t len, size_t more, size_t elem_size)
{
	size_t want, bytes;
	void *grown;

	if (*cap - len >= more)
		return 0;
	if (__builtin_add_overflow(len, more, &want))
		return -ENOMEM;
	want = MAX(MAX(want, *cap * 2), (size_t)8);
	if (__builtin_mul_overflow(want, elem_size, &bytes))
		return -ENOMEM;
	grown = mem_realloc(*data, bytes);
	if (!grown)
		return -ENOMEM;
	*data = grown;
	*cap = want;
	return 0;
}

void vec_free(void *data)
{
	mem_free(data);
}
