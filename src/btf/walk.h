/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a program reaches when it reads through a typed pointer: struct walk for PTR_TO_BTF_ID and
 * the arguments in a tracing program's context. Log texts and errno are the kernel's.
 */
#ifndef BTF_WALK_H
#define BTF_WALK_H

#include "btf/btf.h"

enum btype_tag_bits { /* what type tags on a pointer say of its target */
	BTYPE_TAG_USER = 1,
	BTYPE_TAG_PERCPU = 2,
	BTYPE_TAG_RCU = 4,
	BTYPE_TAG_UNTRUSTED = 8, /* reached through a union, or "__bpf_untrusted" asked for */
	BTYPE_TAG_NULLABLE = 16, /* context arguments: may be NULL (suffix, known tracepoint) */
};

enum btype_reach {
	BTYPE_REACH_SCALAR,
	BTYPE_REACH_PTR,    /* a pointer to `type`, to be loaded */
	BTYPE_REACH_STRUCT, /* inside `type` at a nested offset; only btype_ids_match() sees it */
};

struct btype_access {
	enum btype_reach reach;
	u32 type;	   /* STRUCT or UNION pointed to, of the same btf, for BTYPE_REACH_PTR */
	u32 tags;	   /* enum btype_tag_bits */
	const char *field; /* name of the member that was read, or NULL */
};

/*
 * A load of `size` bytes at `offset` from a pointer to struct or union `type`. -EACCES, -EINVAL
 * with the kernel's text in log. Offset and size come from the program: any value is safe.
 */
int btype_access(const struct btf *btf, u32 type, s32 offset, u32 size, struct log *log,
	struct btype_access *ret);
/*
 * May a pointer to `type` at `offset` stand where need_type of need_btf is wanted: the same type,
 * or (not strict) one that is reached as the first thing at this offset.
 */
bool btype_ids_match(const struct btf *btf, u32 type, s32 offset, const struct btf *need_btf,
	u32 need_type, bool is_strict);

/* How the context of a tracing program is laid out. */
enum btype_ctx_kind {
	BTYPE_CTX_RAW_TP, /* u64 args[]; the proto's first parameter (void *__data) is no argument
			   */
	BTYPE_CTX_FENTRY, /* the arguments; fmod_ret: then the return value */
	BTYPE_CTX_FEXIT,  /* the arguments, then the return value */
	BTYPE_CTX_ITER,	  /* one pointer, struct bpf_iter__X, is the context */
	BTYPE_CTX_LSM,	  /* the arguments; LSM_MAC programs also see the return value */
	BTYPE_CTX_STRUCT_OPS,
};

struct btype_func_arg {
	bool is_ptr;	/* to `type`, else a scalar of size bytes */
	bool is_return; /* the slot after the arguments */
	u32 index;	/* which argument */
	u32 type;	/* STRUCT or UNION for is_ptr (0 = void or an integer: plain scalar) */
	u32 param_type; /* the parameter's type as declared */
	u32 tags;	/* enum btype_tag_bits */
};

/*
 * The 8-byte slot at `offset` of the context of func `name`, with prototype proto (an id; 0 = none
 * known: five u64 scalars). An argument larger than 8 bytes takes several slots.
 */
int btype_func_arg(const struct btf *btf, u32 proto, const char *name, enum btype_ctx_kind kind,
	s32 offset, u32 size, struct log *log, struct btype_func_arg *ret);

#endif
