// SPDX-License-Identifier: BSD-2-Clause
/*
 * Bytes that each process sends over stream sockets of the machine itself (AF_UNIX), as running
 * totals.
 *
 *	hachi run --backend kernel -i 5 examples/uds_send.bpf.c
 */
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* titles and widths of the table's columns */
#define COLUMN(text) __attribute__((btf_decl_tag("column=" text)))

struct process {
	__u32 pid COLUMN("PID,10");
};

struct sent {
	__u64 bytes COLUMN("UDS(stream)_txB,18");
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 10240);
	__type(key, struct process);
	__type(value, struct sent);
} sent_by_process SEC(".maps");

SEC("kretprobe/unix_stream_sendmsg")
int BPF_KRETPROBE(uds_send, int ret)
{
	struct process process = {.pid = bpf_get_current_pid_tgid() >> 32};
	struct sent none = {}, *sent;

	if (ret <= 0)
		return 0;
	bpf_map_update_elem(&sent_by_process, &process, &none, BPF_NOEXIST);
	sent = bpf_map_lookup_elem(&sent_by_process, &process);
	if (sent)
		__sync_fetch_and_add(&sent->bytes, ret);
	return 0;
}
