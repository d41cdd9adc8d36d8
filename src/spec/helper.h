/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The contract of every helper, as struct bpf_func_proto gives it in the kernel: what it takes,
 * returns and does, who may call it, since which kernel. The rows are in spec/helpers.def.
 */
#ifndef SPEC_HELPER_H
#define SPEC_HELPER_H

#include "base/types.h"
#include <hachi/abi.h>

/* FUNC_map_lookup_elem and so on: enum bpf_func_id, whatever the system's header knows. */
enum helper_id {
#define HELPER(id_, name_, ...) FUNC_##name_ = id_,
#define HELPER_VARIANT(...)
#define HELPER_OLD(...)
#include "spec/helpers.def"
};

/* Argument types; names follow enum bpf_arg_type. Low byte the type, above it flags. */
enum spec_arg {
	ARG_NONE = 0,
	ARG_ANYTHING, /* initialised */
	ARG_SCALAR,   /* not a pointer */
	ARG_CONST_MAP_PTR,
	ARG_MAP_KEY,
	ARG_MAP_VALUE,
	ARG_MEM,	/* pointer to memory; its size is the next argument or fixed_size[] */
	ARG_CONST_SIZE, /* bytes of the ARG_MEM before it, > 0 */
	ARG_CONST_SIZE_OR_ZERO,
	ARG_CTX,
	ARG_SPIN_LOCK,
	ARG_SOCK_COMMON,
	ARG_SOCKET,
	ARG_BTF_ID, /* PTR_TO_BTF_ID of the type named in arg_btf[] */
	ARG_BTF_ID_SOCK_COMMON,
	ARG_PERCPU_BTF_ID,
	ARG_RINGBUF_MEM, /* what bpf_ringbuf_reserve() returned */
	ARG_CONST_ALLOC_SIZE_OR_ZERO,
	ARG_FUNC, /* a BPF function, LD_IMM64 BPF_PSEUDO_FUNC */
	ARG_STACK,
	ARG_CONST_STR, /* NUL-terminated string in a read-only map */
	ARG_TIMER,
	ARG_KPTR_XCHG_DEST,
	ARG_DYNPTR,

	ARG_TYPE_MASK = 0xff,
	ARG_MAYBE_NULL = 1 << 8,
	ARG_RDONLY = 1 << 9,	  /* the helper only reads it */
	ARG_UNINIT = 1 << 10,	  /* the helper fills it; needs not be initialised */
	ARG_WRITE = 1 << 11,	  /* the helper writes it */
	ARG_FIXED_SIZE = 1 << 12, /* of fixed_size[] bytes */
	ARG_ALIGNED = 1 << 13,
	ARG_RELEASE = 1 << 14, /* the reference in this argument ends here */
	ARG_DYNPTR_LOCAL = 1 << 15,
	ARG_DYNPTR_RINGBUF = 1 << 16,
	ARG_DYNPTR_SKB = 1 << 17,
	ARG_DYNPTR_XDP = 1 << 18,
};

enum spec_ret {
	RET_INTEGER,
	RET_VOID,
	RET_MAP_VALUE,
	RET_SOCKET,
	RET_TCP_SOCK,
	RET_SOCK_COMMON,
	RET_MEM,
	RET_MEM_OR_BTF_ID,
	RET_BTF_ID,

	RET_TYPE_MASK = 0xff,
	RET_MAYBE_NULL = 1 << 8,
	RET_TRUSTED = 1 << 9,
	RET_RINGBUF = 1 << 10, /* memory of a ring buffer record: a reference */
	RET_RDONLY = 1 << 11,
};

enum helper_flag {
	HELPER_GPL_ONLY = 1 << 0,
	HELPER_PKT_ACCESS = 1 << 1,	  /* memory arguments may be packet pointers */
	HELPER_CHANGES_PKT_DATA = 1 << 2, /* packet pointers are gone afterwards */
	HELPER_MIGHT_SLEEP = 1 << 3,
	HELPER_ACQUIRES = 1 << 4, /* returns a reference */
	HELPER_RELEASES = 1 << 5,
	HELPER_FASTCALL = 1 << 6,      /* clobbers only r0 (allow_fastcall) */
	HELPER_CALLBACK_SYNC = 1 << 7, /* calls its ARG_FUNC before it returns */
	HELPER_CALLBACK_ASYNC = 1 << 8,
	HELPER_PTR_CAST = 1 << 9, /* returns the same object as argument 1 in another type */
	HELPER_DYNPTR_REF =
		1 << 10, /* returns memory that lives as long as the dynptr in argument 1 */
};

struct helper_spec {
	u32 id;		  /* enum bpf_func_id */
	const char *name; /* "bpf_map_lookup_elem" as the log prints it */
	u32 ret;	  /* enum spec_ret with flags */
	u32 arg[5];	  /* enum spec_arg with flags */
	u32 fixed_size[5];
	const char *ret_btf;	/* struct name for RET_BTF_ID; NULL = of the argument (kptr_xchg) */
	const char *arg_btf[5]; /* struct names for ARG_BTF_ID */
	u32 flags;		/* enum helper_flag */
	u16 since;		/* first kernel: KERNEL(5, 8) */
};

#define KERNEL(major, minor) ((major) << 8 | (minor))

/* Capabilities of the loader, as far as verdicts depend on them. */
enum spec_caps {
	CAP_NEEDED_BPF = 1 << 0,
	CAP_NEEDED_PERFMON = 1 << 1,
	CAP_NEEDED_NET_ADMIN = 1 << 2,
	CAP_NEEDED_SYS_ADMIN = 1 << 3,
	CAP_ALL = 15,
};

/* Why a helper may not be called. */
enum helper_access {
	HELPER_OK,
	HELPER_UNKNOWN,	 /* no such id ("invalid func") */
	HELPER_NOT_HERE, /* not for this program type ("program of this type cannot use helper") */
	HELPER_NEEDS_CAPS, /* would be allowed with more capabilities; same message in the kernel */
	HELPER_TOO_NEW,	   /* not in that kernel version */
	HELPER_NOT_IN_PROBE, /* not on this attach target ("helper call is not allowed in probe") */
};

/* Who asks. */
struct helper_query {
	u32 prog_type, attach_type;
	u32 caps;   /* enum spec_caps */
	u16 kernel; /* KERNEL(6, 18); 0 = the newest */
	bool is_sleepable;
	/*
	 * Name of the function or member attached to (tracing, LSM: "bpf_lsm_file_open";
	 * struct_ops: "release"); NULL = none or unknown.
	 */
	const char *target;
};

const struct helper_spec *helper_spec_by_id(u32 id); /* NULL = unknown id */
const char *helper_name(u32 id);		     /* "bpf_map_lookup_elem"; NULL = unknown */
/*
 * The kernel's get_func_proto() for a program type: availability and, where the contract differs
 * by program type (get_stack, sk_storage_get, ...), the right variant. ret_spec is NULL unless
 * HELPER_OK. Programs of type EXT ask with the type of the program that they extend.
 */
enum helper_access helper_spec_for(
	u32 id, const struct helper_query *query, const struct helper_spec **ret_spec);
u32 helper_spec_count(void); /* ids are 1 .. count */

#endif
