// SPDX-License-Identifier: BSD-2-Clause
/* Sockets get into the map when their connection stands; then what they send and receive is seen. */
#define KINDS sk_msg, sk_skb
#include "fired.h"

struct {
	__uint(type, BPF_MAP_TYPE_SOCKHASH);
	__uint(max_entries, 64);
	__type(key, __u64);
	__type(value, __u64);
} sockets SEC(".maps");

SEC("sockops") int add_socket(struct bpf_sock_ops *ctx)
{
	__u64 key = (__u64)ctx->local_port << 32 | ctx->remote_port;

	if (ctx->op == BPF_SOCK_OPS_ACTIVE_ESTABLISHED_CB ||
		ctx->op == BPF_SOCK_OPS_PASSIVE_ESTABLISHED_CB)
		bpf_sock_hash_update(ctx, &sockets, &key, BPF_ANY);
	return 1;
}

COUNT("sk_msg", sk_msg, SK_PASS)
COUNT("sk_skb/stream_verdict", sk_skb, SK_PASS)
