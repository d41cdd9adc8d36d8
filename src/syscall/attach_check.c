// SPDX-License-Identifier: BSD-2-Clause
/* Which attach types go with which programs (kernel: bpf_prog_attach_check_attach_type()). */
#include "syscall/attach.h"

/* ATTACH(attach type, program type): what PROG_ATTACH and LINK_CREATE derive one from the other by.
 */
#define ATTACH_PAIRS(X)                                                                            \
	X(BPF_CGROUP_INET_INGRESS, BPF_PROG_TYPE_CGROUP_SKB)                                       \
	X(BPF_CGROUP_INET_EGRESS, BPF_PROG_TYPE_CGROUP_SKB)                                        \
	X(BPF_CGROUP_INET_SOCK_CREATE, BPF_PROG_TYPE_CGROUP_SOCK)                                  \
	X(BPF_CGROUP_INET_SOCK_RELEASE, BPF_PROG_TYPE_CGROUP_SOCK)                                 \
	X(BPF_CGROUP_INET4_POST_BIND, BPF_PROG_TYPE_CGROUP_SOCK)                                   \
	X(BPF_CGROUP_INET6_POST_BIND, BPF_PROG_TYPE_CGROUP_SOCK)                                   \
	X(BPF_CGROUP_INET4_BIND, BPF_PROG_TYPE_CGROUP_SOCK_ADDR)                                   \
	X(BPF_CGROUP_INET6_BIND, BPF_PROG_TYPE_CGROUP_SOCK_ADDR)                                   \
	X(BPF_CGROUP_INET4_CONNECT, BPF_PROG_TYPE_CGROUP_SOCK_ADDR)                                \
	X(BPF_CGROUP_INET6_CONNECT, BPF_PROG_TYPE_CGROUP_SOCK_ADDR)                                \
	X(HACHI_BPF_CGROUP_UNIX_CONNECT, BPF_PROG_TYPE_CGROUP_SOCK_ADDR)                           \
	X(BPF_CGROUP_INET4_GETPEERNAME, BPF_PROG_TYPE_CGROUP_SOCK_ADDR)                            \
	X(BPF_CGROUP_INET6_GETPEERNAME, BPF_PROG_TYPE_CGROUP_SOCK_ADDR)                            \
	X(HACHI_BPF_CGROUP_UNIX_GETPEERNAME, BPF_PROG_TYPE_CGROUP_SOCK_ADDR)                       \
	X(BPF_CGROUP_INET4_GETSOCKNAME, BPF_PROG_TYPE_CGROUP_SOCK_ADDR)                            \
	X(BPF_CGROUP_INET6_GETSOCKNAME, BPF_PROG_TYPE_CGROUP_SOCK_ADDR)                            \
	X(HACHI_BPF_CGROUP_UNIX_GETSOCKNAME, BPF_PROG_TYPE_CGROUP_SOCK_ADDR)                       \
	X(BPF_CGROUP_UDP4_SENDMSG, BPF_PROG_TYPE_CGROUP_SOCK_ADDR)                                 \
	X(BPF_CGROUP_UDP6_SENDMSG, BPF_PROG_TYPE_CGROUP_SOCK_ADDR)                                 \
	X(HACHI_BPF_CGROUP_UNIX_SENDMSG, BPF_PROG_TYPE_CGROUP_SOCK_ADDR)                           \
	X(BPF_CGROUP_UDP4_RECVMSG, BPF_PROG_TYPE_CGROUP_SOCK_ADDR)                                 \
	X(BPF_CGROUP_UDP6_RECVMSG, BPF_PROG_TYPE_CGROUP_SOCK_ADDR)                                 \
	X(HACHI_BPF_CGROUP_UNIX_RECVMSG, BPF_PROG_TYPE_CGROUP_SOCK_ADDR)                           \
	X(BPF_CGROUP_SOCK_OPS, BPF_PROG_TYPE_SOCK_OPS)                                             \
	X(BPF_CGROUP_DEVICE, BPF_PROG_TYPE_CGROUP_DEVICE)                                          \
	X(BPF_SK_MSG_VERDICT, BPF_PROG_TYPE_SK_MSG)                                                \
	X(BPF_SK_SKB_STREAM_PARSER, BPF_PROG_TYPE_SK_SKB)                                          \
	X(BPF_SK_SKB_STREAM_VERDICT, BPF_PROG_TYPE_SK_SKB)                                         \
	X(BPF_SK_SKB_VERDICT, BPF_PROG_TYPE_SK_SKB)                                                \
	X(BPF_LIRC_MODE2, BPF_PROG_TYPE_LIRC_MODE2)                                                \
	X(BPF_FLOW_DISSECTOR, BPF_PROG_TYPE_FLOW_DISSECTOR)                                        \
	X(BPF_CGROUP_SYSCTL, BPF_PROG_TYPE_CGROUP_SYSCTL)                                          \
	X(BPF_CGROUP_GETSOCKOPT, BPF_PROG_TYPE_CGROUP_SOCKOPT)                                     \
	X(BPF_CGROUP_SETSOCKOPT, BPF_PROG_TYPE_CGROUP_SOCKOPT)                                     \
	X(BPF_TRACE_ITER, BPF_PROG_TYPE_TRACING)                                                   \
	X(BPF_TRACE_RAW_TP, BPF_PROG_TYPE_TRACING)                                                 \
	X(BPF_TRACE_FENTRY, BPF_PROG_TYPE_TRACING)                                                 \
	X(BPF_TRACE_FEXIT, BPF_PROG_TYPE_TRACING)                                                  \
	X(BPF_MODIFY_RETURN, BPF_PROG_TYPE_TRACING)                                                \
	X(BPF_LSM_MAC, BPF_PROG_TYPE_LSM)                                                          \
	X(BPF_LSM_CGROUP, BPF_PROG_TYPE_LSM)                                                       \
	X(BPF_SK_LOOKUP, BPF_PROG_TYPE_SK_LOOKUP)                                                  \
	X(BPF_XDP, BPF_PROG_TYPE_XDP)                                                              \
	X(HACHI_BPF_TCX_INGRESS, BPF_PROG_TYPE_SCHED_CLS)                                          \
	X(HACHI_BPF_TCX_EGRESS, BPF_PROG_TYPE_SCHED_CLS)                                           \
	X(HACHI_BPF_NETKIT_PRIMARY, BPF_PROG_TYPE_SCHED_CLS)                                       \
	X(HACHI_BPF_NETKIT_PEER, BPF_PROG_TYPE_SCHED_CLS)

u32 attach_prog_type(u32 attach_type)
{
	static const u8 types[HACHI_BPF_ATTACH_TYPE_COUNT] = {
#define PAIR(attach, prog) [attach] = prog,
		ATTACH_PAIRS(PAIR)
#undef PAIR
	};

	return attach_type < ARRAY_SIZE(types) ? types[attach_type] : BPF_PROG_TYPE_UNSPEC;
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
