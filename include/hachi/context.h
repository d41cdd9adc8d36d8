/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The contexts that programs run on, as whoever fires a hook builds them.
 *
 * Most program types get the UAPI struct itself (struct pt_regs, struct bpf_perf_event_data,
 * struct bpf_sock_addr, ...; a tracepoint gets the bytes of the event's record; raw tracepoints,
 * fentry and fexit get an array of 64-bit arguments). Only contexts whose UAPI struct has 32-bit
 * packet pointers have a shape of their own, below; the verifier's rewrite turns accesses to
 * struct xdp_md and struct __sk_buff into accesses to these (spec/context.def has the pairs).
 * Addresses are those of this process. Lengths are in bytes.
 */
#ifndef HACHI_CONTEXT_H
#define HACHI_CONTEXT_H

#include <stdint.h>

/* struct xdp_md. [hard_start, hard_end) is the buffer that bpf_xdp_adjust_* may use. */
struct hachi_xdp {
	uint64_t data, data_end, data_meta;
	uint64_t hard_start, hard_end;
	uint32_t ingress_ifindex, rx_queue_index, egress_ifindex;
	uint32_t redirect_ifindex; /* set by bpf_redirect() */
	uint64_t redirect_map;	   /* set by bpf_redirect_map(): the map, or 0 */
	uint64_t redirect_key;
};

/* struct __sk_buff. The packet is linear: data .. data_end. [head, end) is the buffer. */
struct hachi_skb {
	uint64_t data, data_end, data_meta;
	uint64_t head, end;
	uint64_t sk, flow_keys; /* addresses or 0 */
	uint64_t tstamp, hwtstamp;
	uint32_t len, pkt_type, mark, queue_mapping;
	uint32_t protocol; /* network byte order, as __sk_buff shows it */
	uint32_t vlan_present, vlan_tci, vlan_proto;
	uint32_t priority, ingress_ifindex, ifindex, tc_index;
	uint32_t cb[5];
	uint32_t hash, tc_classid, napi_id;
	uint32_t family, remote_ip4, local_ip4, remote_ip6[4], local_ip6[4];
	uint32_t remote_port, local_port;
	uint32_t gso_segs, gso_size, wire_len, tstamp_type;
	uint32_t redirect_ifindex, redirect_flags; /* set by bpf_redirect(), bpf_clone_redirect() */
	uint32_t mac_header, network_header;	   /* offsets from head */
	/* What the checksum of the packet is known to be: the kernel's ip_summed and csum_level. */
	uint32_t is_checksum_ok, checksum_level;
	uint32_t is_encapsulated; /* bpf_skb_adjust_room() has put headers around it */
};

#endif
