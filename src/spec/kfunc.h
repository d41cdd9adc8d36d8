/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Kernel functions that programs may call by BTF id: what their BTF does not tell (flags), and
 * which program types may. The rows are in spec/kfuncs.def.
 */
#ifndef SPEC_KFUNC_H
#define SPEC_KFUNC_H

#include "base/types.h"

enum kfunc_flag { /* the kernel's KF_* */
	KFUNC_ACQUIRE = 1 << 0,
	KFUNC_RELEASE = 1 << 1,
	KFUNC_RET_NULL = 1 << 2,
	KFUNC_TRUSTED_ARGS = 1 << 3,
	KFUNC_SLEEPABLE = 1 << 4,
	KFUNC_RCU = 1 << 5, /* arguments may be RCU pointers */
	KFUNC_ITER_NEW = 1 << 6,
	KFUNC_ITER_NEXT = 1 << 7,
	KFUNC_ITER_DESTROY = 1 << 8,
	KFUNC_RCU_PROTECTED = 1 << 9, /* only in an RCU section */
	KFUNC_LSM_ONLY = 1 << 10,
};

/* Groups of program types that kernel functions are registered for. */
enum kfunc_hook {
	KFUNC_HOOK_COMMON, /* every type */
	KFUNC_HOOK_XDP,
	KFUNC_HOOK_TC,
	KFUNC_HOOK_STRUCT_OPS,
	KFUNC_HOOK_TRACING,
	KFUNC_HOOK_SYSCALL,
	KFUNC_HOOK_CGROUP,
	KFUNC_HOOK_SCHED_ACT,
	KFUNC_HOOK_SK_SKB,
	KFUNC_HOOK_SOCKET_FILTER,
	KFUNC_HOOK_LWT,
	KFUNC_HOOK_NETFILTER,
	KFUNC_HOOK_KPROBE,
};

struct kfunc_spec {
	const char *name;
	u32 flags; /* enum kfunc_flag */
	u32 hooks; /* bits of enum kfunc_hook */
};

const struct kfunc_spec *kfunc_spec_by_name(const char *name); /* NULL = not in the table */
bool kfunc_allowed(const struct kfunc_spec *spec, u32 prog_type);

#endif
