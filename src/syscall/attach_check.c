// SPDX-License-Identifier: BSD-2-Clause
/* Which attach types go with which programs (kernel: bpf_prog_attach_check_attach_type()). */
#include "syscall/attach.h"

u32 attach_prog_type(u32 attach_type)
{
	const struct attachtype_spec *spec = attachtype_spec_by_type(attach_type);

	return spec ? spec->prog_type : BPF_PROG_TYPE_UNSPEC;
}

static bool is_multi(u32 attach_type)
{
	return attach_type == BPF_TRACE_KPROBE_MULTI ||
		attach_type == HACHI_BPF_TRACE_KPROBE_SESSION ||
		attach_type == HACHI_BPF_TRACE_UPROBE_MULTI ||
		attach_type == HACHI_BPF_TRACE_UPROBE_SESSION;
}

int attach_check_type(const struct hachi *h, const struct prog *prog, u32 attach_type)
{
	const struct attachtype_spec *spec = attachtype_spec_by_type(attach_type);
	bool ok;

	if (!spec || spec->since > h->kernel->version)
		return -EINVAL;
	switch (prog->type) {
	case BPF_PROG_TYPE_CGROUP_SOCK:
	case BPF_PROG_TYPE_CGROUP_SOCK_ADDR:
	case BPF_PROG_TYPE_CGROUP_SOCKOPT:
	case BPF_PROG_TYPE_SK_LOOKUP: ok = attach_type == prog->attach_type; break;
	case BPF_PROG_TYPE_CGROUP_SKB:
		if (!hachi_has_cap(h, CAP_NEEDED_NET_ADMIN))
			return -EPERM;
		ok = attach_prog_type(attach_type) == prog->type;
		break;
	case BPF_PROG_TYPE_EXT: ok = true; break;
	case HACHI_BPF_PROG_TYPE_NETFILTER: ok = attach_type == HACHI_BPF_NETFILTER; break;
	case BPF_PROG_TYPE_PERF_EVENT:
	case BPF_PROG_TYPE_TRACEPOINT: ok = attach_type == BPF_PERF_EVENT; break;
	case BPF_PROG_TYPE_KPROBE:
		ok = attach_type == BPF_PERF_EVENT || is_multi(attach_type);
		if (is_multi(prog->attach_type))
			ok = attach_type == prog->attach_type;
		break;
	default: ok = attach_prog_type(attach_type) == prog->type;
	}
	return ok ? 0 : -EINVAL;
}
