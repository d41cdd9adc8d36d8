// SPDX-License-Identifier: BSD-2-Clause
/*
 * How long block devices take for a request: a histogram of powers of two, in microseconds.
 *
 *	hachi run --backend kernel --map usecs_hist examples/biolatency.bpf.c
 */
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

char LICENSE[] SEC("license") = "Dual BSD/GPL";

#define SLOTS 27

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 10240);
	__type(key, struct request *);
	__type(value, __u64);
} issued SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, SLOTS);
	__type(key, __u32);
	__type(value, __u64);
} usecs_hist SEC(".maps");

static __u32 log2_of(__u64 value)
{
	__u32 slot = 0;

	for (__u32 i = 0; i < SLOTS - 1; i++) {
		value >>= 1;
		if (value)
			slot = i + 1;
	}
	return slot;
}

SEC("tp_btf/block_rq_issue")
int BPF_PROG(issue, struct request *rq)
{
	__u64 now = bpf_ktime_get_ns(), key = (__u64)rq;

	bpf_map_update_elem(&issued, &key, &now, BPF_ANY);
	return 0;
}

SEC("tp_btf/block_rq_complete")
int BPF_PROG(complete, struct request *rq)
{
	__u64 key = (__u64)rq, *start = bpf_map_lookup_elem(&issued, &key), *count;
	__u32 slot;

	if (!start)
		return 0;
	slot = log2_of((bpf_ktime_get_ns() - *start) / 1000);
	bpf_map_delete_elem(&issued, &key);
	count = bpf_map_lookup_elem(&usecs_hist, &slot);
	if (count)
		__sync_fetch_and_add(count, 1);
	return 0;
}
