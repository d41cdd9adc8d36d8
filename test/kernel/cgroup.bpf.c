// SPDX-License-Identifier: BSD-2-Clause
#define KINDS                                                                                      \
	cgroup_skb_ingress, cgroup_skb_egress, sock_create, sock_release, post_bind4, post_bind6,  \
		sockops, device, sysctl, getsockopt, setsockopt
#include "fired.h"

COUNT("cgroup_skb/ingress", cgroup_skb_ingress, 1)
COUNT("cgroup_skb/egress", cgroup_skb_egress, 1)
COUNT("cgroup/sock_create", sock_create, 1)
COUNT("cgroup/sock_release", sock_release, 1)
COUNT("cgroup/post_bind4", post_bind4, 1)
COUNT("cgroup/post_bind6", post_bind6, 1)
COUNT("sockops", sockops, 1)
COUNT("cgroup/dev", device, 1)
COUNT("cgroup/sysctl", sysctl, 1)

/* 0 bytes of options are of interest, the kernel's own stand */
SEC("cgroup/getsockopt") int on_getsockopt(struct bpf_sockopt *ctx)
{
	count(getsockopt);
	if (ctx->optlen > 4096)
		ctx->optlen = 0;
	return 1;
}

SEC("cgroup/setsockopt") int on_setsockopt(struct bpf_sockopt *ctx)
{
	count(setsockopt);
	if (ctx->optlen > 4096)
		ctx->optlen = 0;
	return 1;
}
