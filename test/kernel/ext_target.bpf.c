// SPDX-License-Identifier: BSD-2-Clause
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>

char LICENSE[] SEC("license") = "Dual BSD/GPL";

__attribute__((noinline)) int verdict(struct xdp_md *ctx)
{
	return ctx->data_end - ctx->data > 14 ? XDP_PASS : XDP_DROP;
}

SEC("xdp") int hachi_target(struct xdp_md *ctx)
{
	return verdict(ctx);
}
