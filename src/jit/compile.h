/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What all JITs share: the stages of a compilation, the life of its images, and showing a program
 * between two stages. A target says which passes it wants and how values become its machine code.
 */
#ifndef JIT_COMPILE_H
#define JIT_COMPILE_H

#include "base/exec_mem.h"
#include "base/str.h"
#include "jit/alloc.h"
#include "jit/validate.h"

struct jit_pass {
	const char *name; /* as `prog dump --after` knows it; NULL ends a table */
	void (*run)(struct ir_func *f);
};

struct jit_target {
	const struct engine *engine;
	const struct jit_pass *passes; /* in order */
	bool (*has_count)(void);       /* whether there is IR_COUNT; NULL = no */
	/* Where the machine code of all functions is collected, in the program's arena, or NULL. */
	void *(*begin)(struct ir_program *p);
	int (*allocate)(struct ir_func *f, struct alloc_result *ret_result);
	int (*lower)(void *buf, struct ir_func *f, const struct alloc_result *alloc);
	/* Into executable memory that is not sealed yet; ret_mem is the caller's in any case. */
	int (*write)(void *buf, struct exec_mem *ret_mem, u32 *ret_size);
	/* The functions and calls of what was written, in the arena of v. */
	int (*describe)(void *buf, struct validate *v);
	validate_fn validate;
};

int jit_compile(const struct jit_target *target, const struct code *code, struct log *log,
	struct image **ret_image);
void jit_free(struct image *image); /* NULL is fine */
u64 jit_callback(struct run *run, u64 func, u64 r1, u64 r2, u64 r3, u64 r4, u64 r5);

/* Stage i that jit_dump() knows, NULL behind the last one. */
const char *jit_stage(const struct jit_target *target, u32 i);
/* The functions after a stage; -EINVAL when there is no such stage. Shows no addresses. */
int jit_dump(const struct jit_target *target, const struct code *code, const char *after,
	struct strbuf *text);

/* ir_dump.c */
void ir_dump(const struct ir_func *f, struct strbuf *text);

#endif
