/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * BTF: the types of a program, of the kernel, of a map's values. btype_parse() checks bytes as
 * BPF_BTF_LOAD does (same errno, same log); everything else asks questions of a checked `struct
 * btf`. The records are the ABI's (linux/btf.h), read in place. Invariants of a checked btf: every
 * type id and name offset in it is in range, every chain of references ends, sizes fit in u32.
 * A trusted btf (the kernel's own) is taken to have them; ids are still range-checked on use.
 *
 * Type ids run from 1 to btype_count() - 1; id 0 is void. A split btf continues its base's ids.
 * All of it is immutable after btype_parse() and may be shared between threads.
 */
#ifndef BTF_BTF_H
#define BTF_BTF_H

#include "base/log.h"
#include "base/types.h"

#include <linux/btf.h>

struct btf;
struct btype_fields_env;

struct btype_options {
	bool is_trusted;   /* no check but the layout, no log: the kernel's own BTF */
	bool is_kernel;	   /* describes the kernel or a module, not a program */
	u32 kind_max;	   /* kinds that the modelled kernel knows: BTF_KIND_*; 0 = the newest */
	bool no_tag_kflag; /* kernels before 6.15 refuse kind_flag on tags */
	const char *name;  /* "vmlinux" or a module's; copied */
	/* How kptr targets of the program's own structs are looked up (fields.h); may be NULL. */
	const struct btype_fields_env *fields_env;
};

/*
 * Copies and checks. base (may be NULL) is kept alive by a reference. opts and log may be NULL.
 * -EINVAL, -E2BIG, -ENOMEM, -ENOTSUPP (524), ... exactly where the kernel returns them.
 */
int btype_parse(const void *data, u32 size, const struct btf *base,
	const struct btype_options *opts, struct log *log, struct btf **ret);
struct btf *btype_ref(const struct btf *btf);
void btype_unref(const struct btf *btf);

const void *btype_data(const struct btf *btf, u32 *ret_size); /* the bytes as they were loaded */
const struct btf *btype_base(const struct btf *btf);
const char *btype_obj_name(const struct btf *btf); /* opts.name, or "" */
bool btype_is_kernel(const struct btf *btf);
u32 btype_count(const struct btf *btf);	   /* of ids, with void and the base's */
u32 btype_first_id(const struct btf *btf); /* 1, or where a split btf's own ids start */

/* The kernel's ENOTSUPP, which libc does not name. */
#define BTYPE_ENOTSUPP 524

/* ---- a record ------------------------------------------------------------------------------- */

static inline u32 btype_kind(const struct btf_type *t)
{
	return BTF_INFO_KIND(t->info);
}

static inline u32 btype_vlen(const struct btf_type *t)
{
	return BTF_INFO_VLEN(t->info);
}

static inline bool btype_kflag(const struct btf_type *t)
{
	return BTF_INFO_KFLAG(t->info);
}

static inline bool btype_is_void(const struct btf_type *t)
{
	return btype_kind(t) == BTF_KIND_UNKN;
}

static inline bool btype_is_composite(const struct btf_type *t) /* struct or union */
{
	return btype_kind(t) == BTF_KIND_STRUCT || btype_kind(t) == BTF_KIND_UNION;
}

static inline bool btype_is_any_enum(const struct btf_type *t)
{
	return btype_kind(t) == BTF_KIND_ENUM || btype_kind(t) == BTF_KIND_ENUM64;
}

static inline bool btype_is_mod(const struct btf_type *t) /* also typedef, as the kernel counts */
{
	u32 kind = btype_kind(t);

	return kind == BTF_KIND_TYPEDEF || kind == BTF_KIND_VOLATILE || kind == BTF_KIND_CONST ||
		kind == BTF_KIND_RESTRICT || kind == BTF_KIND_TYPE_TAG;
}

static inline bool btype_is_ptr(const struct btf_type *t)
{
	return btype_kind(t) == BTF_KIND_PTR;
}

const char *btype_kind_name(u32 kind); /* "INT", "TYPE_TAG", ... or "UNKNOWN" */

/* ---- by id ---------------------------------------------------------------------------------- */

const struct btf_type *btype_by_id(const struct btf *btf, u32 id); /* NULL: no such id */
const char *btype_string(const struct btf *btf, u32 offset);	   /* NULL: out of range */
const char *btype_name(const struct btf *btf, u32 id);		   /* never NULL; "" = anonymous */
const char *btype_name_of(const struct btf *btf, const struct btf_type *t); /* the same */

/* The first id with this name and kind (kind 0 = any), the base's first; -ENOENT. */
int btype_find(const struct btf *btf, const char *name, u32 kind);
/* The same, only among the ids of btf itself, from from_id on. */
int btype_find_own(const struct btf *btf, const char *name, u32 kind, u32 from_id);

/* Through typedef, const, volatile, restrict and type tags. ret_id may be NULL. NULL: bad id. */
const struct btf_type *btype_skip_mods(const struct btf *btf, u32 id, u32 *ret_id);
/* The same but stops at typedefs. */
const struct btf_type *btype_skip_quals(const struct btf *btf, u32 id, u32 *ret_id);
/* What a value of this type is: like btype_skip_mods() and through VAR too. */
const struct btf_type *btype_resolve(const struct btf *btf, u32 id, u32 *ret_id);
/* After modifiers a pointer: what it points to, modifiers skipped; else NULL. */
const struct btf_type *btype_resolve_ptr(const struct btf *btf, u32 id, u32 *ret_id);
/* After modifiers a pointer to a function: its FUNC_PROTO; else NULL. */
const struct btf_type *btype_resolve_func_ptr(const struct btf *btf, u32 id, u32 *ret_id);

/* Bytes of a value; -EINVAL for what has none (void, FWD, FUNC, FUNC_PROTO). */
int btype_size(const struct btf *btf, u32 id, u32 *ret_size);
/* Natural alignment of a value, 1 when unknown or packed. */
u32 btype_align(const struct btf *btf, u32 id);

/* ---- INT ------------------------------------------------------------------------------------ */

struct btype_int {
	u8 encoding; /* BTF_INT_SIGNED, BTF_INT_CHAR, BTF_INT_BOOL */
	u8 bit_offset, bits;
};

struct btype_int btype_int(const struct btf_type *t);
/* Whole bytes, 1 to 16, a power of two, no offset. */
bool btype_int_is_regular(const struct btf_type *t);

/* ---- STRUCT and UNION ----------------------------------------------------------------------- */

struct btype_member {
	const char *name; /* "" = anonymous */
	u32 type;
	u32 bit_offset;
	u32 bit_size; /* 0 = not a bit field */
};

/* index < btype_vlen(t). bit_size comes from kflag or from an INT of fewer bits than bytes. */
struct btype_member btype_member(const struct btf *btf, const struct btf_type *t, u32 index);
/* By name, through anonymous members, offset from t; -ENOENT. */
int btype_find_member(const struct btf *btf, const struct btf_type *t, const char *name,
	struct btype_member *ret_member);
/* Is the member a whole INT of this very place and size? */
bool btype_member_is_int(const struct btf *btf, const struct btf_type *t, u32 index,
	u32 expect_offset, u32 expect_size);

/* ---- ARRAY, ENUM, ENUM64 -------------------------------------------------------------------- */

const struct btf_array *btype_array(const struct btf_type *t); /* NULL: not an array */

/* index < btype_vlen(t); the value sign-extended where kflag says signed. */
const char *btype_enumerator(
	const struct btf *btf, const struct btf_type *t, u32 index, s64 *ret_value);
/* The name of the first enumerator with this value (compared at the enum's size), or NULL. */
const char *btype_enum_name(const struct btf *btf, const struct btf_type *t, u64 value);
int btype_enum_value(const struct btf *btf, const struct btf_type *t, const char *name,
	s64 *ret_value); /* -ENOENT */

/* ---- FUNC and FUNC_PROTO -------------------------------------------------------------------- */

/* The FUNC_PROTO of a FUNC, FUNC_PROTO or (modified) pointer to one; else NULL. */
const struct btf_type *btype_func_proto(const struct btf *btf, u32 id);
const struct btf_param *btype_params(const struct btf_type *proto); /* btype_vlen(proto) of them */

static inline u32 btype_func_linkage(const struct btf_type *func)
{
	return btype_vlen(func); /* enum btf_func_linkage */
}

/* ---- VAR, DATASEC, tags --------------------------------------------------------------------- */

u32 btype_var_linkage(const struct btf_type *var);			  /* BTF_VAR_* */
const struct btf_var_secinfo *btype_vars(const struct btf_type *datasec); /* btype_vlen() of them */

/* DECL_TAG's component: -1 the target itself, else member or argument index. */
s32 btype_tag_component(const struct btf_type *decl_tag);
/*
 * The next DECL_TAG after from_id (0 = from the start) of btf itself with this target and
 * component whose text starts with prefix; -ENOENT.
 */
int btype_find_tag(
	const struct btf *btf, u32 target, s32 component, const char *prefix, u32 from_id);
/*
 * The text after prefix of the only such tag. -ENOENT none, -EEXIST more than one (kernel:
 * btf_find_decl_tag_value()).
 */
int btype_tag_value(const struct btf *btf, u32 target, s32 component, const char *prefix,
	const char **ret_value);

/* ---- equality ------------------------------------------------------------------------------- */

bool btype_same(const struct btf *a, u32 a_id, const struct btf *b, u32 b_id);

#endif
