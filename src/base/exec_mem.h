/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Memory for machine code: written while it is not executable, then sealed: executable and never
 * writable again. Guard pages stand on both sides. No other file calls mprotect(). All functions
 * may be called by several threads.
 */
#ifndef BASE_EXEC_MEM_H
#define BASE_EXEC_MEM_H

#include "base/types.h"

struct exec_mem {
	u8 *base;    /* first byte of code; page-aligned */
	size_t size; /* bytes usable, whole pages */
	bool is_sealed;
};

int exec_mem_new(size_t size, struct exec_mem *ret_mem); /* readable, writable */
int exec_mem_seal(struct exec_mem *mem);		 /* readable, executable */
void exec_mem_free(struct exec_mem *mem);

/* Tests look at the process's mappings right after every change that is made here. */
extern void (*exec_mem_observer)(void);

#endif
