// SPDX-License-Identifier: BSD-2-Clause
/*
 * How long the system calls of a command take: a histogram of powers of two, in microseconds, and
 * a count by number.
 *
 *	hachi run examples/latency.bpf.c -- ls -lR /etc
 */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

char LICENSE[] SEC("license") = "Dual BSD/GPL";

#define SLOTS 27

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 10240);
	__type(key, __u32);
	__type(value, __u64);
} start SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, SLOTS);
	__type(key, __u32);
	__type(value, __u64);
} usecs_hist SEC(".maps");

static __u32 log2_of(__u64 value)
{
	__u32 slot = 0;

	if (value >> 32) {
		value >>= 32;
		slot += 32;
	}
	if (value >> 16) {
		value >>= 16;
		slot += 16;
	}
	if (value >> 8) {
		value >>= 8;
		slot += 8;
	}
	if (value >> 4) {
		value >>= 4;
		slot += 4;
	}
	if (value >> 2) {
		value >>= 2;
		slot += 2;
	}
	return slot + (value >> 1);
}

SEC("raw_tp/sys_enter")
int enter(struct bpf_raw_tracepoint_args *ctx)
{
	__u32 tid = (__u32)bpf_get_current_pid_tgid();
	__u64 now = bpf_ktime_get_ns();

	bpf_map_update_elem(&start, &tid, &now, BPF_ANY);
	return 0;
}

SEC("raw_tp/sys_exit")
int leave(struct bpf_raw_tracepoint_args *ctx)
{
	__u32 tid = (__u32)bpf_get_current_pid_tgid(), slot;
	__u64 *begin = bpf_map_lookup_elem(&start, &tid), *count;

	if (!begin)
		return 0;
	slot = log2_of((bpf_ktime_get_ns() - *begin) / 1000);
	if (slot >= SLOTS)
		slot = SLOTS - 1;
	bpf_map_delete_elem(&start, &tid);
	count = bpf_map_lookup_elem(&usecs_hist, &slot);
	if (count)
		__sync_fetch_and_add(count, 1);
	return 0;
}
