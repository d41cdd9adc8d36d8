// SPDX-License-Identifier: BSD-2-Clause
/* A congestion control of TCP that never leaves its first window. */
#define KINDS struct_ops
#include "fired.h"

SEC("struct_ops/ssthresh") __u32 BPF_PROG(keep_ssthresh, struct sock *sk)
{
	count(struct_ops);
	return 2;
}

SEC("struct_ops/cong_avoid") void BPF_PROG(keep_window, struct sock *sk, __u32 ack, __u32 acked)
{
	count(struct_ops);
}

SEC("struct_ops/undo_cwnd") __u32 BPF_PROG(undo_window, struct sock *sk)
{
	return 10;
}

SEC(".struct_ops") struct tcp_congestion_ops still = {
	.ssthresh = (void *)keep_ssthresh,
	.cong_avoid = (void *)keep_window,
	.undo_cwnd = (void *)undo_window,
	.name = "hachi_still",
};
