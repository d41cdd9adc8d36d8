// SPDX-License-Identifier: BSD-2-Clause
/* Every system call with its result, for comparison with strace. */
#include <linux/bpf.h>
#include <linux/ptrace.h>
#include <bpf/bpf_helpers.h>

char LICENSE[] SEC("license") = "GPL";

struct event {
	__u32 pid, tgid;
	__s64 nr, ret;
	__u32 args[6]; /* their lower halves: strace shows an int so */
};

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 20);
} events SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, __u32);
	__type(value, struct event);
} pending SEC(".maps");

struct event *unused_event __attribute__((unused));

SEC("raw_tp/sys_enter")
int enter(struct bpf_raw_tracepoint_args *ctx)
{
	__u64 id = bpf_get_current_pid_tgid();
	__u32 tid = (__u32)id;
	struct event event = {.pid = tid, .tgid = id >> 32, .nr = ctx->args[1]};
	struct pt_regs *regs = (struct pt_regs *)ctx->args[0];

	bpf_probe_read_kernel(&event.args[0], sizeof(__u32), &regs->rdi);
	bpf_probe_read_kernel(&event.args[1], sizeof(__u32), &regs->rsi);
	bpf_probe_read_kernel(&event.args[2], sizeof(__u32), &regs->rdx);
	bpf_probe_read_kernel(&event.args[3], sizeof(__u32), &regs->r10);
	bpf_probe_read_kernel(&event.args[4], sizeof(__u32), &regs->r8);
	bpf_probe_read_kernel(&event.args[5], sizeof(__u32), &regs->r9);
	bpf_map_update_elem(&pending, &tid, &event, BPF_ANY);
	return 0;
}

SEC("raw_tp/sys_exit")
int leave(struct bpf_raw_tracepoint_args *ctx)
{
	__u32 tid = (__u32)bpf_get_current_pid_tgid();
	struct event *event = bpf_map_lookup_elem(&pending, &tid);

	if (!event)
		return 0;
	event->ret = ctx->args[1];
	bpf_ringbuf_output(&events, event, sizeof(*event), 0);
	bpf_map_delete_elem(&pending, &tid);
	return 0;
}
