/* SPDX-License-Identifier: BSD-2-Clause */
/* What `struct btf` is made of. Only for src/btf. */
#ifndef BTF_PRIV_H
#define BTF_PRIV_H

#include "btf/btf.h"
#include "btf/fields.h"

#include <stdatomic.h>

#define BTYPE_SIZE_MAX	(16u << 20) /* bytes that BPF_BTF_LOAD takes */
#define BTYPE_DEPTH_MAX 32	    /* of nested references that were not resolved before */

/* Names to ids: chains in ascending order of id, so that the first match wins. */
struct btype_index {
	u32 mask;
	u32 *heads; /* mask + 1 chains; own id or 0 */
	u32 *nexts; /* by own id - first_id */
};

struct btype_object {
	u32 id;
	struct btype_fields *fields; /* owned */
};

/* Structs with special fields that the program may allocate, by ascending id. */
struct btype_objects {
	u32 count;
	struct btype_object object[];
};

struct btf {
	u8 *storage;	/* owned; data lies in it so that the types are aligned */
	const u8 *data; /* size bytes: header, types, strings */
	u32 size;
	struct btf_header header; /* what was not given is zero */
	const u8 *types;
	const char *strings; /* header.str_len bytes, the last is NUL */

	u32 first_id, first_str; /* where a split btf starts counting; 1 and 0 otherwise */
	u32 count;		 /* own types */
	u32 *offsets;		 /* owned; of each own type's record, from types */
	u32 *resolved;		 /* owned; by own type: what it is, modifiers skipped; or NULL */
	u32 *sizes;		 /* owned; by own type: bytes of an array; or NULL */

	const struct btf *base; /* a reference, or NULL */
	char *name;		/* owned or NULL */
	bool is_kernel;
	_Atomic u32 refs;
	_Atomic(struct btype_index *) index; /* owned; built when first needed */
	struct btype_objects *objects;	     /* owned or NULL */
};

static inline const struct btf_type *btype_own(const struct btf *btf, u32 index)
{
	return (const struct btf_type *)(btf->types + btf->offsets[index]);
}

static inline u32 btype_bit_offset(const struct btf_type *t, const struct btf_member *m)
{
	return btype_kflag(t) ? BTF_MEMBER_BIT_OFFSET(m->offset) : m->offset;
}

static inline const struct btf_member *btype_members(const struct btf_type *t)
{
	return (const struct btf_member *)(t + 1);
}

/* Bytes of the record's tail, which kind and vlen determine; -EINVAL: unknown kind. */
int btype_tail_size(const struct btf_type *t);
/* "(anon)" for offset 0, "(invalid-name-offset)" out of range: as the kernel logs names. */
const char *btype_log_name(const struct btf *btf, u32 offset);
/* t itself is void, FWD, FUNC, FUNC_PROTO or DECL_TAG (or NULL): no value can have this type. */
bool btype_is_sizeless(const struct btf_type *t);
/* The value's type behind modifiers, arrays kept; NULL when it has no size. */
const struct btf_type *btype_sized(const struct btf *btf, u32 id, u32 *ret_id, u32 *ret_size);
/* For index lookups of a name that is not NUL-terminated. */
int btype_find_len(const struct btf *btf, const char *name, size_t len, u32 kind);

/* check.c: all of the type section; fills offsets, resolved and sizes. */
int btype_check(struct btf *btf, const struct btype_options *opts, struct log *log);

/* fields.c: the objects of a program's btf. */
int btype_objects_new(struct btf *btf, const struct btype_fields_env *env);
void btype_objects_free(struct btype_objects *objects);

#endif
