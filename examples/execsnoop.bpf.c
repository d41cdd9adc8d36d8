// SPDX-License-Identifier: BSD-2-Clause
/*
 * Which programs a command starts, and by whom: events through a perf buffer. CO-RE: the parent
 * comes from struct task_struct as this machine's kernel lays it out.
 *
 *	hachi run examples/execsnoop.bpf.c -- sh -c 'ls / >/dev/null; true | cat'
 */
#include "vmlinux.h"
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

char LICENSE[] SEC("license") = "Dual BSD/GPL";

struct event {
	__u32 pid, ppid, uid;
	char comm[16];
	char path[128];
};

struct {
	__uint(type, BPF_MAP_TYPE_PERF_EVENT_ARRAY);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, sizeof(__u32));
} events SEC(".maps");

/* tells the type of the perf buffer's records */
struct event *unused_event __attribute__((unused));

SEC("tp/syscalls/sys_enter_execve")
int execve(struct trace_event_raw_sys_enter *ctx)
{
	struct task_struct *task = (struct task_struct *)bpf_get_current_task();
	struct event event = {};

	event.pid = bpf_get_current_pid_tgid() >> 32;
	event.ppid = BPF_CORE_READ(task, real_parent, tgid);
	event.uid = (__u32)bpf_get_current_uid_gid();
	bpf_get_current_comm(event.comm, sizeof(event.comm));
	bpf_probe_read_user_str(event.path, sizeof(event.path), (void *)ctx->args[0]);
	bpf_perf_event_output(ctx, &events, BPF_F_CURRENT_CPU, &event, sizeof(event));
	return 0;
}
