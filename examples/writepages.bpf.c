// SPDX-License-Identifier: BSD-2-Clause
/*
 * Which files' dirty pages are written back: an inode number a line, when it happens.
 *
 *	hachi run --backend kernel -t examples/writepages.bpf.c
 *
 * Append to a file, and nothing is said; `sync`, and the number that `ls -i` shows is.
 */
#include "vmlinux.h"
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

char LICENSE[] SEC("license") = "Dual BSD/GPL";

struct event {
	__u64 inode;
};

struct {
	__uint(type, BPF_MAP_TYPE_PERF_EVENT_ARRAY);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, sizeof(__u32));
} events SEC(".maps");

/* tells the type of the perf buffer's records */
struct event *unused_event __attribute__((unused));

SEC("kprobe/do_writepages")
int BPF_KPROBE(writepages, struct address_space *mapping)
{
	struct event event = {.inode = BPF_CORE_READ(mapping, host, i_ino)};

	if (event.inode)
		bpf_perf_event_output(ctx, &events, BPF_F_CURRENT_CPU, &event, sizeof(event));
	return 0;
}
