/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Private memory. Every allocation of the core goes through here, so that tests can make the n-th
 * one fail. All return NULL when memory is out; sizes are in bytes; mem_free(NULL) does nothing.
 */
#ifndef BASE_ALLOC_H
#define BASE_ALLOC_H

#include "base/types.h"

void *mem_alloc(size_t size);
void *mem_zalloc(size_t size);
void *mem_calloc(size_t count, size_t size); /* zeroed; NULL when count * size overflows */
void *mem_realloc(void *old, size_t size);   /* old stays valid when NULL comes back */
void *mem_dup(const void *data, size_t size);
char *mem_strdup(const char *text);
void mem_free(void *p);

/* Tests: the n-th allocation of this thread from now fails (1 = the next one); 0 = none does. */
void mem_fail_nth(u64 nth);
/* Tests: whether the armed failure has happened. */
bool mem_has_failed(void);

#endif
