/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a program reaches when it reads through a typed pointer, and what lies in the context of a
 * tracing program. Log texts and errno are the kernel's. Offsets and sizes come from the program:
 * any value is safe.
 */
#ifndef BTF_WALK_H
#define BTF_WALK_H

#include "btf/btf.h"

enum btype_tag_bits { /* what is known of a pointer beside its type */
	BTYPE_TAG_USER = 1,
	BTYPE_TAG_PERCPU = 2,
	BTYPE_TAG_RCU = 4,
	BTYPE_TAG_UNTRUSTED = 8, /* read out of a union of several members */
	BTYPE_TAG_NULLABLE = 16, /* context arguments: may be NULL */
};

struct btype_access {
	bool is_ptr;	   /* a pointer to struct or union `type`; else a scalar */
	u32 type;	   /* an id of the same btf */
	u32 tags;	   /* enum btype_tag_bits */
	const char *field; /* is_ptr: name of the member that was read */
};

/*
 * A load of `size` bytes at `offset` from a pointer to struct or union `type`. is_alloc: an object
 * of the program's own (bpf_obj_new), where special fields are out of reach, pointers read as
 * scalars and nothing lies behind the end. -EACCES, -EINVAL, -EFAULT with the text in log.
 */
int btype_access(const struct btf *btf, u32 type, s32 offset, u32 size, bool is_alloc,
	struct log *log, struct btype_access *ret);
/*
 * May a pointer to `type` at `offset` stand where need_type of need_btf is wanted: the same type
 * or (not strict) one that contains it just there.
 */
bool btype_ids_match(const struct btf *btf, u32 type, s32 offset, const struct btf *need_btf,
	u32 need_type, bool is_strict, bool is_alloc, struct log *log);

/* How the context of a tracing program is laid out: u64 slots, one or more an argument. */
enum btype_ctx_kind {
	BTYPE_CTX_RAW_TP, /* without the prototype's first parameter, void *__data */
	BTYPE_CTX_FENTRY,
	BTYPE_CTX_FEXIT,      /* the return value stands behind the arguments */
	BTYPE_CTX_FMOD_RET,   /* the same; it must be a small integer */
	BTYPE_CTX_LSM_MAC,    /* as FEXIT, marked as the return value */
	BTYPE_CTX_LSM_CGROUP, /* as FEXIT */
	BTYPE_CTX_ITER,
	BTYPE_CTX_STRUCT_OPS,
};

struct btype_ctx {
	const struct btf *btf;
	u32 proto;	  /* id of the FUNC_PROTO; 0 = not known, five u64 */
	const char *name; /* of the function, for the log */
	enum btype_ctx_kind kind;
	/* RAW_TP: the tracepoint, which decides what may be NULL; NULL = nothing may. */
	const char *tracepoint;
	bool is_module; /* the tracepoint is a module's: what is not known may be NULL */
};

struct btype_func_arg {
	bool is_ptr;	/* to struct or union `type`; else a scalar */
	bool is_return; /* LSM_MAC: the return value's slot */
	u32 index;	/* which argument; their count = the return value */
	u32 type;	/* an id of ctx->btf */
	u32 tags;	/* enum btype_tag_bits */
};

/*
 * A load of `size` bytes at `offset` of the context. is_known: the caller has its own information
 * of the pointer at this offset; then ret->type stays 0 when it is a pointer. -EACCES with a text.
 */
int btype_func_arg(const struct btype_ctx *ctx, s32 offset, u32 size, bool is_known,
	struct log *log, struct btype_func_arg *ret);
/* Bytes of context before argument `index`; -EINVAL. */
int btype_arg_offset(const struct btf *btf, const struct btf_type *proto, u32 index);

/* What is known of a tracepoint's argument: may it be NULL, may it be an error pointer. */
enum btype_tp_arg { BTYPE_TP_ARG_NULL = 1, BTYPE_TP_ARG_ERR = 2 };

/* enum btype_tp_arg bits; -ENOENT when nothing is known of the tracepoint. */
int btype_tp_arg(const char *tracepoint, u32 index);

#endif
