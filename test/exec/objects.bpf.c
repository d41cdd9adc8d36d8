// SPDX-License-Identifier: BSD-2-Clause
/* What the programs of test/exec load: maps of several kinds, global data, rings, tail calls. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct sample {
	__u32 number;
	char text[12];
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 64);
	__type(key, __u32);
	__type(value, __u64);
} lengths SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
} ring SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERF_EVENT_ARRAY);
	__type(key, __u32);
	__type(value, __u32);
} events SEC(".maps");

int runs;
__u64 bytes;
const volatile int limit = 100;

SEC("xdp")
int count(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	__u32 key = (__u32)(end - data);
	__u64 one = 1, *seen;

	runs++;
	bytes += key;
	seen = bpf_map_lookup_elem(&lengths, &key);
	if (seen)
		__sync_fetch_and_add(seen, 1);
	else
		bpf_map_update_elem(&lengths, &key, &one, BPF_ANY);
	return key > (__u32)limit ? XDP_DROP : XDP_PASS;
}

SEC("raw_tp/sys_enter")
int send(__u64 *ctx)
{
	struct sample *s = bpf_ringbuf_reserve(&ring, sizeof(*s), 0), copy = {ctx[1], "by perf"};

	if (!s)
		return 1;
	s->number = ctx[1];
	__builtin_memcpy(s->text, "by ring", 8);
	bpf_ringbuf_submit(s, 0);
	bpf_perf_event_output(ctx, &events, BPF_F_CURRENT_CPU, &copy, sizeof(copy));
	return 0;
}

SEC("tracepoint/sched/sched_process_exec")
int executed(void *ctx)
{
	return 0;
}

char _license[] SEC("license") = "GPL";
