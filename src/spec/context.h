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
	CTX_TP_BUFFER,	    /* PTR_TO_TP_BUFFER */
	CTX_BTF_ID_TRUSTED, /* PTR_TO_BTF_ID | PTR_TRUSTED of the struct that field->btf names */
	CTX_MEM_START, /* embedder: pointer to a region that ends at the next CTX_MEM_END field */
	CTX_MEM_END,
};

enum ctx_flag {
	CTX_WHOLE = 1, /* a narrower load takes the whole element and masks (ctx_field_size) */
	CTX_FIRST = 2, /* narrower loads at the first byte only */
};

struct ctx_field {
	const char *name;
	const char *btf;
	u16 off, size; /* in the context that the program sees; size of the whole field */
	u8 elem;       /* natural access width: 4 for cb[5] */
	u8 kind;       /* enum ctx_kind */
	u8 flags;      /* enum ctx_flag */
	/* access sizes allowed, as bits: 1 | 2 | 4 | 8; wider than elem = over several elements */
	u8 reads, writes;
	u8 read_caps, write_caps; /* enum spec_caps that the loader needs for it */
	u16 since;		  /* first kernel; 0 = all that we know */
	u64 attach;		  /* attach types that have the field, as bits; 0 = all */
	u64 write_attach;	  /* attach types that may write it; 0 = as attach */
	u16 real_off, real_size;  /* in the context that it runs on; real_size of one element */
};

struct ctx_layout {
	const char *name;  /* "xdp_md" */
	u16 size;	   /* of the UAPI struct */
	bool is_rewritten; /* real_off differs from off: the verifier's rewrite must act */
	/* any aligned access in [raw_begin, raw_end) gives a scalar (tracepoints, pt_regs); 0, 0 =
	 * none */
	u16 raw_begin, raw_end;
	bool raw_writes;
	const struct ctx_field *fields; /* asked in order, before the raw range */
	u32 field_count;
};

/* NULL when the type has no context struct of this kind (BTF-typed arguments). */
const struct ctx_layout *ctx_layout_for(u32 prog_type);

struct ctx_query {
	u32 prog_type, attach_type;
	s32 off;
	u32 size; /* 1, 2, 4, 8 */
	bool is_write;
	bool is_sign_extending; /* LDSX: not for packet pointers */
	u32 caps;
	u16 kernel;			 /* KERNEL(6, 18); 0 = the newest */
	const struct ctx_layout *custom; /* of an embedder's program type; else NULL */
};

struct ctx_answer {
	enum ctx_kind kind;
	const struct ctx_field *field; /* NULL in the raw range */
	u32 ctx_field_size; /* > size: a narrow load, the rewrite takes it all and masks */
};

/*
 * Whether [off, off + size) may be accessed: the kernel's is_valid_access for that program type,
 * including its quirks. false = "invalid bpf_context access off=%d size=%d".
 */
bool ctx_access_allowed(const struct ctx_query *query, struct ctx_answer *ret_answer);

/* Pointers to sockets: what may be read through them; nothing may be written. */
enum ctx_sock {
	CTX_SOCK_FULL,	 /* PTR_TO_SOCKET: struct bpf_sock */
	CTX_SOCK_COMMON, /* PTR_TO_SOCK_COMMON: its first part */
	CTX_SOCK_TCP,	 /* PTR_TO_TCP_SOCK: struct bpf_tcp_sock */
	CTX_SOCK_XDP,	 /* PTR_TO_XDP_SOCK: struct bpf_xdp_sock */
};

const struct ctx_layout *ctx_sock_layout(enum ctx_sock sock);
bool ctx_sock_access_allowed(
	enum ctx_sock sock, s32 off, u32 size, u16 kernel, struct ctx_answer *ret_answer);

#endif
