// SPDX-License-Identifier: BSD-2-Clause
/* Lookup of kernel functions; asked once for each call instruction of a program. */
#include "spec/kfunc.h"

#include <hachi/abi.h>

/* The names of flags and hooks are short in the table, so they live in no other scope. */
static const struct kfunc_spec *rows(u32 *ret_count)
{
	enum {
		ACQUIRE = KFUNC_ACQUIRE,
		RELEASE = KFUNC_RELEASE,
		RET_NULL = KFUNC_RET_NULL,
		TRUSTED_ARGS = KFUNC_TRUSTED_ARGS,
		SLEEPABLE = KFUNC_SLEEPABLE,
		RCU = KFUNC_RCU,
		ITER_NEW = KFUNC_ITER_NEW,
		ITER_NEXT = KFUNC_ITER_NEXT,
		ITER_DESTROY = KFUNC_ITER_DESTROY,
		RCU_PROTECTED = KFUNC_RCU_PROTECTED,
		LSM_ONLY = KFUNC_LSM_ONLY,
		COMMON = 1 << KFUNC_HOOK_COMMON,
		XDP = 1 << KFUNC_HOOK_XDP,
		TC = 1 << KFUNC_HOOK_TC,
		STRUCT_OPS = 1 << KFUNC_HOOK_STRUCT_OPS,
		TRACING = 1 << KFUNC_HOOK_TRACING,
		SYSCALL = 1 << KFUNC_HOOK_SYSCALL,
		CGROUP = 1 << KFUNC_HOOK_CGROUP,
		SCHED_ACT = 1 << KFUNC_HOOK_SCHED_ACT,
		SK_SKB = 1 << KFUNC_HOOK_SK_SKB,
		SOCKET_FILTER = 1 << KFUNC_HOOK_SOCKET_FILTER,
		LWT = 1 << KFUNC_HOOK_LWT,
		NETFILTER = 1 << KFUNC_HOOK_NETFILTER,
	};
	static const struct kfunc_spec table[] = {
#define KFUNC(name, flags, hooks) {#name, flags, hooks},
#include "spec/kfuncs.def"
	};

	*ret_count = ARRAY_SIZE(table);
	return table;
}

const struct kfunc_spec *kfunc_spec_by_name(const char *name)
{
	u32 count;
	const struct kfunc_spec *table = rows(&count);

	for (u32 i = 0; i < count; i++)
		if (strcmp(table[i].name, name) == 0)
			return &table[i];
	return NULL;
}

static int hook_of(u32 prog_type)
{
	switch (prog_type) {
	case BPF_PROG_TYPE_XDP: return KFUNC_HOOK_XDP;
	case BPF_PROG_TYPE_SCHED_CLS: return KFUNC_HOOK_TC;
	case BPF_PROG_TYPE_STRUCT_OPS: return KFUNC_HOOK_STRUCT_OPS;
	case BPF_PROG_TYPE_TRACING:
	case BPF_PROG_TYPE_TRACEPOINT:
	case BPF_PROG_TYPE_PERF_EVENT:
	case BPF_PROG_TYPE_LSM: return KFUNC_HOOK_TRACING;
	case BPF_PROG_TYPE_SYSCALL: return KFUNC_HOOK_SYSCALL;
	case BPF_PROG_TYPE_CGROUP_SKB:
	case BPF_PROG_TYPE_CGROUP_SOCK:
	case BPF_PROG_TYPE_CGROUP_DEVICE:
	case BPF_PROG_TYPE_CGROUP_SOCK_ADDR:
	case BPF_PROG_TYPE_CGROUP_SOCKOPT:
	case BPF_PROG_TYPE_CGROUP_SYSCTL: return KFUNC_HOOK_CGROUP;
	case BPF_PROG_TYPE_SCHED_ACT: return KFUNC_HOOK_SCHED_ACT;
	case BPF_PROG_TYPE_SK_SKB: return KFUNC_HOOK_SK_SKB;
	case BPF_PROG_TYPE_SOCKET_FILTER: return KFUNC_HOOK_SOCKET_FILTER;
	case BPF_PROG_TYPE_LWT_OUT:
	case BPF_PROG_TYPE_LWT_IN:
	case BPF_PROG_TYPE_LWT_XMIT:
	case BPF_PROG_TYPE_LWT_SEG6LOCAL: return KFUNC_HOOK_LWT;
	case HACHI_BPF_PROG_TYPE_NETFILTER: return KFUNC_HOOK_NETFILTER;
	case BPF_PROG_TYPE_KPROBE: return KFUNC_HOOK_KPROBE;
	default: return -1;
	}
}

bool kfunc_allowed(const struct kfunc_spec *spec, u32 prog_type)
{
	int hook = hook_of(prog_type);

	if (spec->flags & KFUNC_LSM_ONLY && prog_type != BPF_PROG_TYPE_LSM)
		return false;
	if (spec->hooks & 1u << KFUNC_HOOK_COMMON)
		return true;
	return hook >= 0 && spec->hooks & 1u << hook;
}
