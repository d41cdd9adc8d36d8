// SPDX-License-Identifier: BSD-2-Clause
/*
 * Kernel functions: lookup by name, and who may call them. The kernel keeps a set of functions for
 * each hook and gives some program types a hook; a set is open to the hooks it was registered for.
 */
#include "spec/kfunc.h"
#include "spec/helper.h"

#include <hachi/abi.h>

static const struct kfunc_spec rows[] = {
#define KFUNC(name_, major_, minor_, where_, flags_)                                               \
	{.name = #name_, .since = KERNEL(major_, minor_), .where = where_, .flags = flags_},
#include "spec/kfuncs.def"
};

const struct kfunc_spec *kfunc_spec_by_name(const char *name)
{
	for (u32 i = 0; i < ARRAY_SIZE(rows); i++)
		if (strcmp(rows[i].name, name) == 0)
			return &rows[i];
	return NULL;
}

u32 kfunc_spec_count(void)
{
	return ARRAY_SIZE(rows);
}

const struct kfunc_spec *kfunc_spec_at(u32 index)
{
	return index < ARRAY_SIZE(rows) ? &rows[index] : NULL;
}

/* Hooks that the generic set is registered for (bpf_prog_type_to_kfunc_hook). */
static bool has_generic_set(u32 prog_type, u16 kernel)
{
	/* crash_kexec() was the only one */
	if (kernel && kernel < KERNEL(6, 2))
		return prog_type == BPF_PROG_TYPE_TRACING || prog_type == BPF_PROG_TYPE_LSM;
	switch (prog_type) {
	case BPF_PROG_TYPE_TRACING:
	case BPF_PROG_TYPE_TRACEPOINT:
	case BPF_PROG_TYPE_PERF_EVENT:
	case BPF_PROG_TYPE_LSM:
	case BPF_PROG_TYPE_SCHED_CLS:
	case BPF_PROG_TYPE_XDP:
	case BPF_PROG_TYPE_STRUCT_OPS:
	case BPF_PROG_TYPE_SYSCALL:
	case BPF_PROG_TYPE_CGROUP_SKB:
	case BPF_PROG_TYPE_CGROUP_SOCK:
	case BPF_PROG_TYPE_CGROUP_DEVICE:
	case BPF_PROG_TYPE_CGROUP_SOCK_ADDR:
	case BPF_PROG_TYPE_CGROUP_SOCKOPT:
	case BPF_PROG_TYPE_CGROUP_SYSCTL: return true;
	case BPF_PROG_TYPE_SOCK_OPS: return !kernel || kernel >= KERNEL(6, 15);
	default: return false;
	}
}

static bool is_tracing_hook(u32 prog_type, u16 kernel)
{
	/* tracepoint and perf_event came to it later */
	if (kernel && kernel < KERNEL(6, 2))
		return prog_type == BPF_PROG_TYPE_TRACING || prog_type == BPF_PROG_TYPE_LSM;
	return prog_type == BPF_PROG_TYPE_TRACING || prog_type == BPF_PROG_TYPE_TRACEPOINT ||
		prog_type == BPF_PROG_TYPE_PERF_EVENT || prog_type == BPF_PROG_TYPE_LSM;
}

static bool has_skb_set(u32 prog_type, u16 kernel)
{
	switch (prog_type) {
	case BPF_PROG_TYPE_SCHED_CLS:
	case BPF_PROG_TYPE_SCHED_ACT:
	case BPF_PROG_TYPE_SK_SKB:
	case BPF_PROG_TYPE_SOCKET_FILTER:
	case BPF_PROG_TYPE_LWT_OUT:
	case BPF_PROG_TYPE_LWT_IN:
	case BPF_PROG_TYPE_LWT_XMIT:
	case BPF_PROG_TYPE_LWT_SEG6LOCAL:
	case HACHI_BPF_PROG_TYPE_NETFILTER:
	case BPF_PROG_TYPE_CGROUP_SKB:
	case BPF_PROG_TYPE_CGROUP_SOCK:
	case BPF_PROG_TYPE_CGROUP_DEVICE:
	case BPF_PROG_TYPE_CGROUP_SOCK_ADDR:
	case BPF_PROG_TYPE_CGROUP_SOCKOPT:
	case BPF_PROG_TYPE_CGROUP_SYSCTL: return true;
	case BPF_PROG_TYPE_SOCK_OPS: return !kernel || kernel >= KERNEL(6, 15);
	default: return is_tracing_hook(prog_type, kernel);
	}
}

bool kfunc_allowed(const struct kfunc_spec *spec, u32 prog_type, u16 kernel)
{
	if (kernel && kernel < spec->since)
		return false;
	switch ((enum kfunc_where)spec->where) {
	case KFUNC_IN_COMMON: return true;
	case KFUNC_IN_GENERIC: return has_generic_set(prog_type, kernel);
	case KFUNC_IN_TRACING:
		return is_tracing_hook(prog_type, kernel) ||
			((!kernel || kernel >= KERNEL(6, 17)) &&
				has_generic_set(prog_type, kernel));
	case KFUNC_IN_LSM: return prog_type == BPF_PROG_TYPE_LSM;
	case KFUNC_IN_CPUMASK:
		return is_tracing_hook(prog_type, kernel) ||
			prog_type == BPF_PROG_TYPE_STRUCT_OPS || prog_type == BPF_PROG_TYPE_SYSCALL;
	case KFUNC_IN_SKB: return has_skb_set(prog_type, kernel);
	case KFUNC_IN_XDP: return prog_type == BPF_PROG_TYPE_XDP;
	}
	return false;
}
