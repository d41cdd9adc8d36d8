/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Program types, attach types, map kinds, commands and kernels as data. Rows: progtypes.def,
 * attachtypes.def, maps.def, commands.def, kernels.def.
 */
#ifndef SPEC_PROGTYPE_H
#define SPEC_PROGTYPE_H

#include "base/types.h"
#include <hachi/abi.h>

enum progtype_flag {
	PROGTYPE_UNPRIV = 1 << 0,    /* may be loaded without CAP_BPF (socket filter, cgroup_skb) */
	PROGTYPE_NET_ADMIN = 1 << 1, /* needs CAP_NET_ADMIN too (is_net_admin_prog_type) */
	PROGTYPE_PERFMON = 1 << 2,   /* needs CAP_PERFMON too (is_perfmon_prog_type) */
	PROGTYPE_LD_ABS = 1 << 3,    /* LD_ABS/LD_IND allowed (may_access_skb) */
	PROGTYPE_PACKET = 1 << 4,    /* direct packet access */
	PROGTYPE_PACKET_WRITE = 1 << 5,
	PROGTYPE_BTF_ARGS =
		1 << 6, /* context is typed by attach_btf_id (tracing, LSM, struct_ops) */
	PROGTYPE_TEST_RUN = 1 << 7,  /* the kernel has BPF_PROG_TEST_RUN for it */
	PROGTYPE_USER = 1 << 8,	     /* user space can fire it (sources, test run) */
	PROGTYPE_SLEEPABLE = 1 << 9, /* BPF_F_SLEEPABLE possible (progtype_can_sleep) */
	PROGTYPE_TRACING = 1 << 10,  /* may interrupt anything: no locks, timers, lists, trees */
};

struct progtype_spec {
	u32 type;
	const char *name;     /* libbpf_bpf_prog_type_str: "socket_filter", as bpftool prints */
	const char *ctx_name; /* "__sk_buff"; NULL = none */
	u32 flags;
	u16 since;
	u64 attach; /* attach types accepted at load, as bits; ~0 = not checked */
};

struct attachtype_spec {
	u32 type;
	const char *name; /* libbpf_bpf_attach_type_str: "cgroup_inet_ingress" */
	u32 prog_type;	  /* that PROG_ATTACH derives from it; UNSPEC = none */
	u16 since;
};

enum maptype_flag {
	MAPTYPE_PER_CPU = 1 << 0,
	MAPTYPE_UNPRIV = 1 << 1, /* may be created without CAP_BPF */
	MAPTYPE_NET_ADMIN = 1 << 2,
	MAPTYPE_MMAP = 1 << 3,
	MAPTYPE_OF_MAPS = 1 << 4,
	MAPTYPE_SLEEPABLE = 1 << 5, /* sleepable programs may use it */
	MAPTYPE_CLOSED = 1 << 6,    /* no helpers but those listed for the kind */
	MAPTYPE_SOCKS = 1 << 7,	    /* holds sockets: updates only where none can be locked */
};

struct maptype_spec {
	u32 type;
	const char *name; /* libbpf_bpf_map_type_str: "percpu_hash" */
	u32 flags;
	u16 since;
	const u8 *helpers; /* ids of the helpers made for the kind */
	u32 helper_count;
};

struct kernel_profile {
	const char *name; /* "6.18" */
	u16 version;	  /* KERNEL(6, 18) */
	u32 features;	  /* enum kernel_feature bits: what the verdict rules depend on */
};

enum kernel_feature {
	KERNEL_ISA_V4 = 1 << 0,
	KERNEL_MAY_GOTO = 1 << 1,
	KERNEL_LOAD_ACQ = 1 << 2,
	KERNEL_LOG_NO_LIVENESS = 1 << 3, /* register marks (_w, _r) gone from the log */
	KERNEL_NOSPEC_FALLBACK = 1 << 4, /* speculation barrier instead of a rejection */
	KERNEL_TAG_SHA256 = 1 << 5,
};

/* NULL, unless it returns a row or a text. */
const struct progtype_spec *progtype_spec_by_type(u32 type);
const struct attachtype_spec *attachtype_spec_by_type(u32 type);
const struct maptype_spec *maptype_spec_by_type(u32 type);
const char *command_name(u32 cmd); /* "BPF_MAP_CREATE" */
u16 command_since(u32 cmd);	   /* 0 = no such command */
/* NULL or "" = the newest; NULL when there is no such profile. */
const struct kernel_profile *kernel_profile_by_name(const char *name);

/* By index, for listings. */
u32 progtype_spec_count(void);
const struct progtype_spec *progtype_spec_at(u32 index);
u32 attachtype_spec_count(void);
const struct attachtype_spec *attachtype_spec_at(u32 index);
u32 maptype_spec_count(void);
const struct maptype_spec *maptype_spec_at(u32 index);
u32 command_count(void);
u32 kernel_profile_count(void);
const struct kernel_profile *kernel_profile_at(u32 index);

/* What a load that leaves out the attach type means (bpf_prog_load_fixup_attach_type). */
u32 progtype_default_attach(u32 prog_type, u32 attach_type);
/*
 * Whether the attach type and target go with this program type at load: 0 or -EINVAL
 * (bpf_prog_load_check_attach). has_target_btf: attach_btf_obj_fd or vmlinux was given with an
 * attach_btf_id; has_target_prog: attach_prog_fd names a program. kernel 0 = the newest.
 */
int progtype_check_attach(u32 prog_type, u32 attach_type, u32 attach_btf_id, bool has_target_btf,
	bool has_target_prog, u16 kernel);
/* Whether BPF_F_SLEEPABLE is possible (can_be_sleepable). */
bool progtype_can_sleep(u32 prog_type, u32 attach_type);
/* What loading needs beyond CAP_BPF: enum spec_caps bits. */
u32 progtype_caps(u32 prog_type);

/* Which helpers may use which map kinds (check_map_func_compatibility). */
bool maptype_allows_helper(u32 map_type, u32 helper_id, u32 prog_type, u32 attach_type);
/*
 * Whether a program may use a map of this kind whose values hold these special fields (enum
 * btype_field_kind bits): NULL, or what is wrong, in the kernel's words
 * (check_map_prog_compatibility).
 */
const char *maptype_prog_objection(u32 map_type, u32 field_kinds, u32 prog_type, bool is_sleepable);

#endif
