/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Growable arrays of any type:
 *	struct { VEC(int) numbers; } x = {0};
 *	if (vec_push(&x.numbers, 3)) return -ENOMEM;
 * A zeroed vec is empty. The elements move when it grows: keep indices, not pointers.
 */
#ifndef BASE_VEC_H
#define BASE_VEC_H

#include "base/types.h"

#define VEC(T)                                                                                     \
	struct {                                                                                   \
		T *data;                                                                           \
		size_t len, cap;                                                                   \
	}

/* 0 or -ENOMEM; makes room for `more` further elements. */
#define vec_reserve(v, more)                                                                       \
	vec_grow((void **)&(v)->data, &(v)->cap, (v)->len, (more), sizeof(*(v)->data))
/* 0 or -ENOMEM. */
#define vec_push(v, x) (vec_reserve((v), 1) ? -ENOMEM : ((v)->data[(v)->len++] = (x), 0))
#define vec_pop(v)     ((v)->data[--(v)->len])
#define vec_last(v)    ((v)->data[(v)->len - 1])
#define vec_release(v) (vec_free((v)->data), (v)->data = NULL, (v)->len = (v)->cap = 0)
/* An empty vec has no storage, and NULL + 0 is undefined. */
#define vec_for_each(p, v) for ((p) = (v)->data; (p) && (p) < (v)->data + (v)->len; (p)++)

int vec_grow(void **data, size_t *cap, size_t len, size_t more, size_t elem_size);
void vec_free(void *data);

#endif
