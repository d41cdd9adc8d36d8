/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The numbers of the bpf(2) interface. <linux/bpf.h> of Debian 12 (Linux 6.1) has the older ones
 * under their own names; what came later stands here with the prefix HACHI_, so that a newer system
 * header cannot collide. Source: include/uapi/linux/bpf.h of Linux 6.18.
 */
#ifndef HACHI_ABI_H
#define HACHI_ABI_H

#include <linux/bpf.h>

/* enum bpf_cmd */
enum {
	HACHI_BPF_TOKEN_CREATE = 36,
	HACHI_BPF_PROG_STREAM_READ_BY_FD = 37,
};

/* enum bpf_map_type */
enum {
	HACHI_BPF_MAP_TYPE_CGRP_STORAGE = 32,
	HACHI_BPF_MAP_TYPE_ARENA = 33,
	HACHI_BPF_MAP_TYPE_INSN_ARRAY = 34,
};

/* enum bpf_prog_type */
enum {
	HACHI_BPF_PROG_TYPE_NETFILTER = 32,
	HACHI_BPF_PROG_TYPE_COUNT = 33,
	/* types that an embedder registers (hachi_prog_type_register) start here */
	HACHI_BPF_PROG_TYPE_CUSTOM = 0x10000,
};

/* enum bpf_attach_type */
enum {
	HACHI_BPF_STRUCT_OPS = 44,
	HACHI_BPF_NETFILTER = 45,
	HACHI_BPF_TCX_INGRESS = 46,
	HACHI_BPF_TCX_EGRESS = 47,
	HACHI_BPF_TRACE_UPROBE_MULTI = 48,
	HACHI_BPF_CGROUP_UNIX_CONNECT = 49,
	HACHI_BPF_CGROUP_UNIX_SENDMSG = 50,
	HACHI_BPF_CGROUP_UNIX_RECVMSG = 51,
	HACHI_BPF_CGROUP_UNIX_GETPEERNAME = 52,
	HACHI_BPF_CGROUP_UNIX_GETSOCKNAME = 53,
	HACHI_BPF_NETKIT_PRIMARY = 54,
	HACHI_BPF_NETKIT_PEER = 55,
	HACHI_BPF_TRACE_KPROBE_SESSION = 56,
	HACHI_BPF_TRACE_UPROBE_SESSION = 57,
	HACHI_BPF_ATTACH_TYPE_COUNT = 58,
};

/* enum bpf_link_type */
enum {
	HACHI_BPF_LINK_TYPE_NETFILTER = 10,
	HACHI_BPF_LINK_TYPE_TCX = 11,
	HACHI_BPF_LINK_TYPE_UPROBE_MULTI = 12,
	HACHI_BPF_LINK_TYPE_NETKIT = 13,
	HACHI_BPF_LINK_TYPE_SOCKMAP = 14,
};

/* map_flags */
enum {
	HACHI_BPF_F_PATH_FD = 1u << 14,
	HACHI_BPF_F_VTYPE_BTF_OBJ_FD = 1u << 15,
	HACHI_BPF_F_TOKEN_FD = 1u << 16,
	HACHI_BPF_F_SEGV_ON_FAULT = 1u << 17,
	HACHI_BPF_F_NO_USER_CONV = 1u << 18,
};

/* prog_flags */
enum {
	HACHI_BPF_F_XDP_DEV_BOUND_ONLY = 1u << 6,
	HACHI_BPF_F_TEST_REG_INVARIANTS = 1u << 7,
};

/* Instruction encodings later than RFC 9669 (kernel: include/uapi/linux/bpf.h, filter.h). */
enum {
	HACHI_BPF_MEMSX = 0x80,
	HACHI_BPF_JCOND = 0xe0,
	HACHI_BPF_LOAD_ACQ = 0x100,
	HACHI_BPF_STORE_REL = 0x110,
	HACHI_BPF_ADDR_SPACE_CAST = 1, /* off of MOV64 */
};

#endif
