// SPDX-License-Identifier: BSD-2-Clause
/*
 * Which files a command opens, and what came of it: events through a ring buffer.
 *
 *	hachi run examples/opensnoop.bpf.c -- cat /etc/hostname
 */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

char LICENSE[] SEC("license") = "Dual BSD/GPL";

struct event {
	__u32 pid;
	__s32 ret;
	char comm[16];
	char path[128];
};

/* the layout of these tracepoints' records */
struct enter_openat {
	__u64 common;
	__s64 nr;
	__u64 dfd, filename, flags, mode;
};

struct exit_openat {
	__u64 common;
	__s64 nr, ret;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, __u32);
	__type(value, __u64);
} started SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 256 * 1024);
} events SEC(".maps");

/* tells the type of the ring buffer's records */
struct event *unused_event __attribute__((unused));

SEC("tp/syscalls/sys_enter_openat")
int enter(struct enter_openat *ctx)
{
	__u32 tid = (__u32)bpf_get_current_pid_tgid();
	__u64 filename = ctx->filename;

	bpf_map_update_elem(&started, &tid, &filename, BPF_ANY);
	return 0;
}

SEC("tp/syscalls/sys_exit_openat")
int leave(struct exit_openat *ctx)
{
	__u64 id = bpf_get_current_pid_tgid();
	__u32 tid = (__u32)id;
	__u64 *filename = bpf_map_lookup_elem(&started, &tid);
	struct event *event;

	if (!filename)
		return 0;
	event = bpf_ringbuf_reserve(&events, sizeof(*event), 0);
	if (event) {
		event->pid = id >> 32;
		event->ret = (__s32)ctx->ret;
		bpf_get_current_comm(event->comm, sizeof(event->comm));
		bpf_probe_read_user_str(event->path, sizeof(event->path), (void *)*filename);
		bpf_ringbuf_submit(event, 0);
	}
	bpf_map_delete_elem(&started, &tid);
	return 0;
}
