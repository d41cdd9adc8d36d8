/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tracepoints and system calls: names, numbers, arguments, and the records that programs see, as
 * tracefs describes them. Rows: tracepoints.def, syscalls.def.
 */
#ifndef SPEC_TRACEPOINT_H
#define SPEC_TRACEPOINT_H

#include "base/str.h"
#include "base/types.h"

enum syscall_arch {
	SYSCALL_X86_64,
	SYSCALL_ARM64,
	SYSCALL_ARCH_COUNT,
#if defined(__aarch64__)
	SYSCALL_HOST = SYSCALL_ARM64,
#else
	SYSCALL_HOST = SYSCALL_X86_64,
#endif
};

struct syscall_spec {
	const char *name;	    /* of <asm/unistd.h>: "stat" */
	const char *function;	    /* after sys_ in symbols and tracepoints: "newstat" */
	s16 nr[SYSCALL_ARCH_COUNT]; /* -1 = not there */
	u8 arg_count;
	const char *arg[12]; /* type and name in turn: "const char *", "filename", ... */
};

/* NULL when there is none with that number or name. A name may be either of the two. */
const struct syscall_spec *syscall_spec_by_nr(enum syscall_arch arch, s32 nr);
const struct syscall_spec *syscall_spec_by_name(enum syscall_arch arch, const char *name);
u32 syscall_spec_count(void); /* rows, of all architectures */
const struct syscall_spec *syscall_spec_at(u32 index);
/* Only the number is left of it: no tracepoint, no symbol. */
bool syscall_is_gone(const struct syscall_spec *spec);

struct tracepoint_field {
	const char *type, *name; /* "unsigned long", "args[6]"; "__data_loc char[]" */
	u16 off, size;
	bool is_signed;
};

enum tracepoint_kind {
	TRACEPOINT_PLAIN,
	TRACEPOINT_SYSCALL_ENTER, /* of one system call */
	TRACEPOINT_SYSCALL_EXIT,
};

#define TRACEPOINT_COMMON_SIZE 8  /* common_type, common_flags, common_preempt_count, common_pid */
#define TRACEPOINT_FIELDS_MAX  11 /* the four common ones, __syscall_nr, six arguments */

/* A description to look at; the strings are static. */
struct tracepoint {
	u32 id; /* what tracefs shows in `id`; not 0 */
	const char *category;
	char name[48];
	enum tracepoint_kind kind;
	const struct syscall_spec *syscall; /* of the SYSCALL kinds */
	const char *print;		    /* of PLAIN: text after "print fmt: " */
	struct tracepoint_field field[TRACEPOINT_FIELDS_MAX];
	u32 field_count;
	u16 size; /* of the record, without the texts of __data_loc fields */
};

/* "sched/sched_process_exec"; -ENOENT when user space has no such tracepoint. */
int tracepoint_find(const char *category_and_name, struct tracepoint *ret_tracepoint);
int tracepoint_by_id(u32 id, struct tracepoint *ret_tracepoint);
/* All of this machine in order of id: the first with id > after; -ENOENT at the end. */
int tracepoint_next(u32 after, struct tracepoint *ret_tracepoint);
const struct tracepoint_field *tracepoint_field(const struct tracepoint *tp, const char *name);
/* The text of tracefs's `format` file. */
void tracepoint_format(const struct tracepoint *tp, struct strbuf *out);

#endif
