// SPDX-License-Identifier: BSD-2-Clause
/*
 * Bytes written and sent by each process: a hash map that is read at an interval.
 *
 *	hachi run -i 1 examples/bytes.bpf.c -- sh -c 'echo hello; sleep 2; echo again'
 */
#include <linux/bpf.h>
#include <linux/ptrace.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

char LICENSE[] SEC("license") = "Dual BSD/GPL";

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 10240);
	__type(key, __u32);
	__type(value, __u64);
} bytes_by_pid SEC(".maps");

static int count(long ret)
{
	__u32 pid = bpf_get_current_pid_tgid() >> 32;
	__u64 zero = 0, *bytes;

	if (ret <= 0)
		return 0;
	bpf_map_update_elem(&bytes_by_pid, &pid, &zero, BPF_NOEXIST);
	bytes = bpf_map_lookup_elem(&bytes_by_pid, &pid);
	if (bytes)
		__sync_fetch_and_add(bytes, (__u64)ret);
	return 0;
}

SEC("kretsyscall/write")
int BPF_KRETPROBE(written, long ret)
{
	return count(ret);
}

SEC("kretsyscall/sendto")
int BPF_KRETPROBE(sent, long ret)
{
	return count(ret);
}
