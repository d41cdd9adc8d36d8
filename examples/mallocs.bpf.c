// SPDX-License-Identifier: BSD-2-Clause
/*
 * Sizes that a command asks malloc() for, by uprobe on its C library.
 *
 *	hachi run examples/mallocs.bpf.c -- ls /
 */
#include <linux/bpf.h>
#include <linux/ptrace.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

char LICENSE[] SEC("license") = "Dual BSD/GPL";

struct total {
	__u64 calls, bytes, failed;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, __u32);
	__type(value, struct total);
} malloc_by_pid SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 32);
	__type(key, __u32);
	__type(value, __u64);
} bytes_hist SEC(".maps");

static __u32 log2_of(__u64 value)
{
	__u32 slot = 0;

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
	return slot + (__u32)(value >> 1);
}

SEC("uprobe/libc.so.6:malloc")
int BPF_KPROBE(enter, unsigned long size)
{
	__u32 pid = bpf_get_current_pid_tgid() >> 32, slot = 0;
	struct total zero = {}, *total;
	__u64 *count;

	bpf_map_update_elem(&malloc_by_pid, &pid, &zero, BPF_NOEXIST);
	total = bpf_map_lookup_elem(&malloc_by_pid, &pid);
	if (total) {
		total->calls++;
		total->bytes += size;
	}
	slot = log2_of(size);
	if (slot > 31)
		slot = 31;
	count = bpf_map_lookup_elem(&bytes_hist, &slot);
	if (count)
		__sync_fetch_and_add(count, 1);
	return 0;
}

SEC("uretprobe/libc.so.6:malloc")
int BPF_KRETPROBE(leave, void *address)
{
	__u32 pid = bpf_get_current_pid_tgid() >> 32;
	struct total *total = bpf_map_lookup_elem(&malloc_by_pid, &pid);

	if (total && !address)
		total->failed++;
	return 0;
}
