// SPDX-License-Identifier: BSD-2-Clause
/*
 * Drops ICMP and counts the drops by protocol.
 *
 *	hachi run examples/xdp_drop.bpf.c -r examples/sample.pcap -w /tmp/passed.pcap
 *
 * In the kernel, on a device, with the counter of each second:
 *
 *	hachi run --backend kernel --dev eth0 -i 1 --rate pkt/s --map drops examples/xdp_drop.bpf.c
 */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

char LICENSE[] SEC("license") = "Dual BSD/GPL";

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 256);
	__type(key, __u32);
	__type(value, __u64);
} drops SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_HASH);
	__uint(max_entries, 256);
	__type(key, __u32);
	__type(value, __u64);
} packets_by_protocol SEC(".maps");

static void add_one(void *map, __u32 key)
{
	__u64 one = 1, *count = bpf_map_lookup_elem(map, &key);

	if (count)
		__sync_fetch_and_add(count, 1);
	else
		bpf_map_update_elem(map, &key, &one, BPF_ANY);
}

SEC("xdp")
int xdp_drop(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct ethhdr *eth = data;
	struct iphdr *ip = (void *)(eth + 1);

	if ((void *)(ip + 1) > end || eth->h_proto != bpf_htons(ETH_P_IP))
		return XDP_PASS;
	add_one(&packets_by_protocol, ip->protocol);
	if (ip->protocol != IPPROTO_ICMP)
		return XDP_PASS;
	add_one(&drops, ip->protocol);
	return XDP_DROP;
}
