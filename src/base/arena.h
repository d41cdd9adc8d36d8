/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Memory that dies together. A load takes one arena; nothing that outlives the load may point into
 * it. Not thread-safe.
 */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include "base/types.h"

struct arena_chunk;

struct arena {
	struct arena_chunk *chunks; /* owned, newest first */
	u8 *next, *end;
	size_t size_bytes; /* taken from the heap so far */
};

void arena_init(struct arena *arena);
void arena_release(struct arena *arena);

/* 16-byte aligned; NULL when memory is out. */
void *arena_alloc(struct arena *arena, size_t size);
void *arena_zalloc(struct arena *arena, size_t size);
void *arena_calloc(struct arena *arena, size_t count, size_t size);
void *arena_dup(struct arena *arena, const void *data, size_t size);
char *arena_strdup(struct arena *arena, const char *text);
char *arena_printf(struct arena *arena, const char *format, ...) PRINTF_LIKE(2, 3);

#endif
