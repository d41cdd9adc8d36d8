/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a program may read and write through its context pointer (R1), per program type, and where
 * the field lies in the context that the program really runs on (include/hachi/context.h).
 * The rows are in spec/context.def. Source: the is_valid_access functions of the kernel.
 */
#ifndef SPEC_CONTEXT_H
#define SPEC_CONTEXT_H

#include "base/types.h"
#include <hachi/abi.h>

/* What a load of the field gives. */
enum ctx_kind {
	CTX_SCALAR,
	CTX_PACKET,	 /* PTR_TO_PACKET */
	CTX_PACKET_META, /* PTR_TO_PACKET_META */
	CTX_PACKET_END,	 /* PTR_TO_PACKET_END */
	CTX_FLOW_KEYS,
	CTX_SOCKET_OR_NULL,	 /* PTR_TO_SOCKET_OR_NULL */
	CTX_SOCK_COMMON_OR_NULL, /* PTR_TO_SOCK_COMMON_OR_NULL */
	CTX_SOCKET,
	CTX_MEM_START, /* embedder: pointer to a region that ends at the next CTX_MEM_END field */
	CTX_MEM_END,
};

enum ctx_access {
	CTX_READ = 1,
	CTX_WRITE = 2,
	CTX_NARROW = 4, /* loads narrower than the field are allowed */
	CTX_NARROW_STORE = 8,
	CTX_WIDE = 16, /* 8-byte access over two 4-byte fields is allowed */
	CTX_NEEDS_PERFMON = 32,
};

struct ctx_field {
	const char *name;
	u16 off, size; /* in the context that the program sees; size of the whole field (arrays too)
			*/
	u16 elem;      /* natural access width: 4 for cb[5] */
	u8 kind;       /* enum ctx_kind */
	u8 access;     /* enum ctx_access bits */
	u16 real_off, real_size; /* in the context that it runs on; real_size of one element */
};

struct ctx_layout {
	const char *name;  /* "xdp_md" */
	u16 size;	   /* of the UAPI struct */
	bool is_rewritten; /* real_off differs from off: the verifier's rewrite must act */
	bool is_raw;	   /* no fields: any aligned access below size (tracepoints, pt_regs) */
	const struct ctx_field *fields;
	u32 field_count;
};

/* NULL when the type has no context struct of this kind (BTF-typed arguments, void). */
const struct ctx_layout *ctx_layout_for(u32 prog_type);

struct ctx_query {
	u32 prog_type, attach_type;
	s32 off;
	u32 size; /* 1, 2, 4, 8 */
	bool is_write;
	u32 caps;
	u16 kernel;
	const struct ctx_layout *custom; /* of an embedder's program type; else NULL */
};

struct ctx_answer {
	enum ctx_kind kind;
	const struct ctx_field *field; /* NULL for raw layouts */
	u32 ctx_field_size;	       /* > size: a narrow load, the rewrite masks */
	bool is_sign_extended_ok;
	bool is_retval; /* the loaded scalar is bounded by the attach type (cgroup, LSM) */
};

/*
 * Whether [off, off + size) may be accessed: the kernel's is_valid_access for that program type,
 * including its quirks. false = "invalid bpf_context access off=%d size=%d".
 */
bool ctx_access_allowed(const struct ctx_query *query, struct ctx_answer *ret_answer);

#endif
