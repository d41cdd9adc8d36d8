// SPDX-License-Identifier: BSD-2-Clause
/* Bump allocation out of heap chunks that double up to 1 MiB. */
#include "base/arena.h"
#include "base/alloc.h"

#include <stdio.h>

#define CHUNK_MIN (16u << 10)
#define CHUNK_MAX (1u << 20)

struct arena_chunk {
	struct arena_chunk *older;
	_Alignas(16) u8 data[];
};

void arena_init(struct arena *arena)
{
	memset(arena, 0, sizeof(*arena));
}

void arena_release(struct arena *arena)
{
	while (arena->chunks) {
		struct arena_chunk *chunk = arena->chunks;

		arena->chunks = chunk->older;
		mem_free(chunk);
	}
	arena_init(arena);
}

static bool arena_grow(struct arena *arena, size_t size)
{
	size_t chunk_size = MIN(MAX(arena->size_bytes, CHUNK_MIN), CHUNK_MAX);
	struct arena_chunk *chunk;

	if (chunk_size < size)
		chunk_size = size;
	if (chunk_size > SIZE_MAX - sizeof(*chunk))
		return false;
	chunk = mem_alloc(sizeof(*chunk) + chunk_size);
	if (!chunk)
		return false;
	chunk->older = arena->chunks;
	arena->chunks = chunk;
	arena->next = chunk->data;
	arena->end = chunk->data + chunk_size;
	arena->size_bytes += chunk_size;
	return true;
}

void *arena_alloc(struct arena *arena, size_t size)
{
	void *p;

	if (size > SIZE_MAX - 16)
		return NULL;
	size = ALIGN_UP(size ? size : 1, (size_t)16);
	if ((size_t)(arena->end - arena->next) < size && !arena_grow(arena, size))
		return NULL;
	p = arena->next;
	arena->next += size;
	return p;
}

void *arena_zalloc(struct arena *arena, size_t size)
{
	void *p = arena_alloc(arena, size);

	if (p)
		memset(p, 0, size);
	return p;
}

void *arena_calloc(struct arena *arena, size_t count, size_t size)
{
	size_t total;

	if (__builtin_mul_overflow(count, size, &total))
		return NULL;
	return arena_zalloc(arena, total);
}

void *arena_dup(struct arena *arena, const void *data, size_t size)
{
	void *p = arena_alloc(arena, size);

	if (p && size)
		memcpy(p, data, size);
	return p;
}

char *arena_strdup(struct arena *arena, const char *text)
{
	return arena_dup(arena, text, strlen(text) + 1);
}

char *arena_printf(struct arena *arena, const char *format, ...)
{
	va_list args, again;
	char *text = NULL;
	int len;

	va_start(args, format);
	va_copy(again, args);
	len = vsnprintf(NULL, 0, format, args);
	if (len >= 0)
		text = arena_alloc(arena, (size_t)len + 1);
	if (text)
		vsnprintf(text, (size_t)len + 1, format, again);
	va_end(again);
	va_end(args);
	return text;
}
