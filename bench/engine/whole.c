// SPDX-License-Identifier: BSD-2-Clause
/*
 * Whole programs for `make bench-engine`, as people write them: a firewall and a load balancer for
 * XDP, and the two halves of a tool that measures latency. Compiled for the BPF target and as
 * native code (NATIVE), like programs.c; what map functions are natively is said in whole.h.
 *
 * A test run hands the same packet over and over, as the last run left it: the balancer therefore
 * finds service and connection without looking at the address that it rewrites.
 */
#include "bench/engine/whole.h"

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;

#ifdef NATIVE
#define PASTE_(a, b) a##b
#define PASTE(a, b)  PASTE_(a, b)
struct packet_ctx {
	unsigned long data, data_end;
};
#define XDP_PROGRAM(name)                                                                          \
	int PASTE(NATIVE, name)(struct packet_ctx * ctx);                                          \
	int PASTE(NATIVE, name)(struct packet_ctx * ctx)
#define EVENT_PROGRAM(name)	XDP_PROGRAM(name)
#define LOOKUP(map, key)	native_lookup(&native_##map, key)
#define UPDATE(map, key, value) native_update(&native_##map, key, value)
#define DELETE(map, key)	native_remove(&native_##map, key)
/* what engines make of it, too: no call */
#define AT(map, type, count, index)                                                                \
	((index) < (count) ? (type *)(native_##map.values + (u64)(index) * sizeof(type))           \
			   : (type *)0)
#define AT_CPU(map, type, count, index)                                                            \
	((index) < (count)                                                                         \
			? (type *)(native_##map.values + native_cpu() * native_##map.cpu_stride +  \
				  (u64)(index) * sizeof(type))                                     \
			: (type *)0)
#define TIME_NS() native_time_ns()
/* through a table, as tail calls are */
#define DECLARE_STEP(name) int PASTE(NATIVE, name)(struct packet_ctx * ctx);
BENCH_STEPS(DECLARE_STEP)
#define STEP(name) PASTE(NATIVE, name),
static int (*const volatile step_table[])(struct packet_ctx *) = {BENCH_STEPS(STEP)};
#define GO_ON(ctx, step) return step_table[step](ctx)
#else
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#define XDP_PROGRAM(name)   SEC("xdp") int name(struct xdp_md *ctx)
#define EVENT_PROGRAM(name) SEC("raw_tp/sys_enter") int name(void *ctx)
#define DEFINE_MAP(name, kind, key_type, value_type, entries, create_flags)                        \
	struct {                                                                                   \
		__uint(type, BPF_MAP_TYPE_##kind);                                                 \
		__type(key, key_type);                                                             \
		__type(value, value_type);                                                         \
		__uint(max_entries, entries);                                                      \
		__uint(map_flags, create_flags);                                                   \
	} name SEC(".maps");
BENCH_MAPS(DEFINE_MAP)
#define LOOKUP(map, key)		bpf_map_lookup_elem(&map, key)
#define UPDATE(map, key, value)		bpf_map_update_elem(&map, key, value, BPF_ANY)
#define DELETE(map, key)		bpf_map_delete_elem(&map, key)
#define AT(map, type, count, index)	((type *)bpf_map_lookup_elem(&map, &(u32){index}))
#define AT_CPU(map, type, count, index) AT(map, type, count, index)
#define TIME_NS()			bpf_ktime_get_ns()
#define GO_ON(ctx, step)		bpf_tail_call(ctx, &steps, step)
char LICENSE[] SEC("license") = "Dual BSD/GPL";
#endif

#define INLINE	    static inline __attribute__((always_inline))
#define ROL32(x, n) ((u32)((x) << (n) | (x) >> (32 - (n))))
#define SWAP16(x)   __builtin_bswap16(x)

enum { DROP = 1, PASS = 2, TX = 3 };
enum { ETH_IPV4 = 0x0800, TCP = 6, UDP = 17 };

struct eth {
	u8 dst[6], src[6];
	u16 type;
};

struct ipv4 {
	u8 version_ihl, tos;
	u16 len, id, frag;
	u8 ttl, proto;
	u16 check;
	u32 saddr, daddr;
};

struct l4 { /* what TCP and UDP begin with, and TCP's checksum */
	u16 sport, dport;
	u32 seq, ack;
	u16 flags, window, check;
};

struct headers {
	struct eth *eth;
	struct ipv4 *ip;
	struct l4 *l4;
};

INLINE int parse(u8 *data, u8 *end, struct headers *h)
{
	h->eth = (struct eth *)data;
	h->ip = (struct ipv4 *)(h->eth + 1);
	if ((u8 *)(h->ip + 1) > end || h->eth->type != SWAP16(ETH_IPV4))
		return -1;
	if ((h->ip->version_ihl & 15) != 5 || (h->ip->proto != TCP && h->ip->proto != UDP))
		return -1;
	h->l4 = (struct l4 *)(h->ip + 1);
	return (u8 *)(h->l4 + 1) > end ? -1 : 0;
}

INLINE void fill_key(const struct headers *h, struct flow_key *key)
{
	key->saddr = h->ip->saddr;
	key->sport = h->l4->sport;
	key->dport = h->l4->dport;
	key->proto = h->ip->proto;
	key->zero = 0;
}

INLINE int count(u32 verdict)
{
	u64 *n = AT_CPU(verdicts, u64, 4, verdict);

	if (n)
		++*n;
	return (int)verdict;
}

XDP_PROGRAM(firewall)
{
	u8 *data = (u8 *)(long)ctx->data, *end = (u8 *)(long)ctx->data_end;
	struct headers h;
	struct flow_key key;
	struct flow *flow;
	struct net_key net = {.bits = 32};
	u32 port;

	if (parse(data, end, &h))
		return count(PASS);
	*(u32 *)net.addr = h.ip->saddr;
	if (LOOKUP(blocked_nets, &net))
		return count(DROP);
	fill_key(&h, &key);
	flow = LOOKUP(flows, &key);
	if (flow) {
		flow->packets++;
		flow->bytes += (u64)(end - data);
		return count(PASS);
	}
	port = (u32)h.ip->proto << 16 | SWAP16(h.l4->dport);
	if (!LOOKUP(open_ports, &port))
		return count(DROP);
	return count(PASS);
}

INLINE u32 jhash_3(u32 a, u32 b, u32 c)
{
	a += 0x9e3779b9, b += 0x9e3779b9, c += 0xdeadbeef;
	c ^= b, c -= ROL32(b, 14);
	a ^= c, a -= ROL32(c, 11);
	b ^= a, b -= ROL32(a, 25);
	c ^= b, c -= ROL32(b, 16);
	a ^= c, a -= ROL32(c, 4);
	b ^= a, b -= ROL32(a, 14);
	c ^= b, c -= ROL32(b, 24);
	return c;
}

INLINE u32 *from_ring(const struct flow_key *key)
{
	u32 hash = jhash_3(key->saddr, (u32)key->sport << 16 | key->dport, key->proto);

	return AT(ring, u32, RING_SIZE, hash % RING_SIZE);
}

/* RFC 1624, equation 3 */
INLINE u16 replace(u16 check, u32 from, u32 to)
{
	u32 sum = (u16)~check;

	sum += (u16)~from + (u16) ~(from >> 16) + (u16)to + (to >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return (u16)~sum;
}

XDP_PROGRAM(balancer)
{
	u8 *data = (u8 *)(long)ctx->data, *end = (u8 *)(long)ctx->data_end;
	struct headers h;
	struct flow_key key;
	struct backend *backend;
	u32 *index, port, chosen;

	if (parse(data, end, &h))
		return PASS;
	port = (u32)h.ip->proto << 16 | SWAP16(h.l4->dport);
	if (!LOOKUP(services, &port))
		return PASS;
	fill_key(&h, &key);
	index = h.ip->proto == TCP ? LOOKUP(connections, &key) : 0;
	if (!index) {
		index = from_ring(&key);
		if (!index)
			return DROP;
		chosen = *index;
		if (h.ip->proto == TCP)
			UPDATE(connections, &key, &chosen);
	} else {
		chosen = *index;
	}
	backend = AT(backends, struct backend, BACKENDS, chosen);
	if (!backend)
		return DROP;
	if (h.ip->proto == TCP)
		h.l4->check = replace(h.l4->check, h.ip->daddr, backend->addr);
	h.ip->check = replace(h.ip->check, h.ip->daddr, backend->addr);
	h.ip->daddr = backend->addr;
	__builtin_memcpy(h.eth->src, h.eth->dst, 6);
	__builtin_memcpy(h.eth->dst, backend->mac, 6);
	return TX;
}

/* A filter in three programs, as agents that are put together from parts have it. */
XDP_PROGRAM(chain)
{
	u8 *data = (u8 *)(long)ctx->data, *end = (u8 *)(long)ctx->data_end;
	struct eth *eth = (struct eth *)data;

	if ((u8 *)(eth + 1) > end || eth->type != SWAP16(ETH_IPV4))
		return PASS;
	GO_ON(ctx, CHAIN_IP);
	return DROP;
}

XDP_PROGRAM(chain_ip)
{
	u8 *data = (u8 *)(long)ctx->data, *end = (u8 *)(long)ctx->data_end;
	struct ipv4 *ip = (struct ipv4 *)(data + sizeof(struct eth));

	if ((u8 *)(ip + 1) > end || ip->ttl < 2 || (ip->version_ihl & 15) != 5)
		return DROP;
	GO_ON(ctx, CHAIN_PORT);
	return DROP;
}

XDP_PROGRAM(chain_port)
{
	u8 *data = (u8 *)(long)ctx->data, *end = (u8 *)(long)ctx->data_end;
	struct headers h;

	if (parse(data, end, &h))
		return DROP;
	return SWAP16(h.l4->dport) == CLOSED_PORT ? DROP : PASS;
}

INLINE u32 log2_u32(u32 v)
{
	u32 r, shift;

	r = (v > 0xffff) << 4;
	v >>= r;
	shift = (v > 0xff) << 3;
	v >>= shift;
	r |= shift;
	shift = (v > 0xf) << 2;
	v >>= shift;
	r |= shift;
	shift = (v > 0x3) << 1;
	v >>= shift;
	r |= shift;
	return r | v >> 1;
}

INLINE u32 log2_u64(u64 v)
{
	u32 hi = (u32)(v >> 32);

	return hi ? log2_u32(hi) + 32 : log2_u32((u32)v);
}

/* EVENTS times: something starts; EVENTS times: it ends, and how long it took is counted. */
EVENT_PROGRAM(histogram)
{
	u32 done = 0;

	for (u64 id = 0; id < EVENTS; id++) {
		u64 now = TIME_NS();

		UPDATE(starts, &id, &now);
	}
	for (u64 id = 0; id < EVENTS; id++) {
		u64 *start = LOOKUP(starts, &id), took, *slot;

		if (!start)
			continue;
		took = TIME_NS() - *start;
		DELETE(starts, &id);
		slot = AT(slots, u64, 64, log2_u64(took));
		if (slot)
			++*slot;
		done++;
	}
	return (int)done;
}

#ifndef NATIVE
/* for the cost of a test run */
EVENT_PROGRAM(no_events)
{
	return 0;
}
#endif
