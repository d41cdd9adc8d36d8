/* SPDX-License-Identifier: BSD-2-Clause */
/* The state of one BPF_BTF_LOAD check, its log lines, its second phase. Only for src/btf. */
#ifndef BTF_CHECK_H
#define BTF_CHECK_H

#include "btf/priv.h"

enum visit { NOT_VISITED, VISITED, RESOLVED };

enum resolve_mode { RESOLVE_ANY, RESOLVE_PTR, RESOLVE_AGGREGATE };

struct vertex {
	const struct btf_type *t;
	u32 id, next_member;
};

struct check_env {
	struct btf *btf;
	const struct btype_options *opts;
	struct log *log;
	u32 log_id;   /* the type that log lines speak of */
	bool in_meta; /* first phase: members were just printed with their struct */

	u8 *visits; /* enum visit by own type */
	enum resolve_mode mode;
	u32 depth;
	struct vertex stack[BTYPE_DEPTH_MAX];
};

/* "[id] KIND name details message\n"; format may be NULL. `basic`: without details. */
void check_log_type(struct check_env *env, const struct btf_type *t, const char *format, ...)
	PRINTF_LIKE(3, 4);
void check_log_basic(struct check_env *env, const struct btf_type *t, const char *format, ...)
	PRINTF_LIKE(3, 4);
void check_log_member(struct check_env *env, const struct btf_type *t, const struct btf_member *m,
	const char *format);
void check_log_var(struct check_env *env, const struct btf_type *t, const struct btf_var_secinfo *v,
	const char *format);

/* What names may be made of: the kernel's isalpha() and isprint() know Latin-1. */
bool check_is_identifier(const struct btf *btf, u32 offset);
bool check_is_section_name(const struct btf *btf, u32 offset);
bool check_is_name_offset(const struct btf *btf, u32 offset);

/* check_meta.c: this record alone; its length or -errno. */
int check_record(struct check_env *env, const struct btf_type *t, u32 left);
/* check_member.c: does a member of this (resolved or modified) type fit its struct? */
int check_member(struct check_env *env, const struct btf_type *t, const struct btf_member *m);
/* check_resolve.c: all references. */
int check_references(struct check_env *env);

#endif
