// SPDX-License-Identifier: BSD-2-Clause
/* What test/cli/verbs.sh loads: kinds of maps, of values, of programs. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

char LICENSE[] SEC("license") = "Dual BSD/GPL";

enum color { RED, GREEN = 7 };

struct record {
	int number;
	char name[8];
	unsigned low : 3, high : 7;
	void *pointer;
	_Bool flag;
	enum color color;
	union {
		short half;
		long whole;
	};
	struct {
		short values[3];
		char letter;
	} inner;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 8);
	__type(key, int);
	__type(value, struct record);
} hv_records SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 2);
	__type(key, int);
	__type(value, long);
} hv_per_cpu SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 2);
	__uint(key_size, 4);
	__uint(value_size, 4);
} hv_progs SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4);
	__uint(key_size, 20);
	__uint(value_size, 5);
} hv_bytes SEC(".maps");

int hv_counter = 5;
const volatile int hv_limit = 7;
const char bpf_metadata_author[] SEC(".rodata") = "somebody";

static __attribute__((noinline)) int scale(int x, struct record *record)
{
	record->number += x;
	return x * 3 + hv_counter;
}

SEC("xdp")
int hv_a_program_with_a_long_name(struct xdp_md *ctx)
{
	struct record fresh = {.number = 3, .name = "hi", .low = 5, .high = 77, .color = GREEN};
	struct record *record;
	int key = 1;

	(void)*(volatile const char *)bpf_metadata_author;
	record = bpf_map_lookup_elem(&hv_records, &key);
	if (!record) {
		bpf_map_update_elem(&hv_records, &key, &fresh, 0);
		return XDP_PASS;
	}
	hv_counter++;
	bpf_tail_call(ctx, &hv_progs, 0);
	return scale(hv_counter, record) > hv_limit ? XDP_TX : XDP_DROP;
}

SEC("socket")
int hv_length(struct __sk_buff *skb)
{
	return skb->len;
}

SEC("raw_tp/sched_process_fork")
int hv_on_fork(void *ctx)
{
	char key[20] = {};

	return bpf_map_lookup_elem(&hv_bytes, key) != 0;
}
