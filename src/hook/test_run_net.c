// SPDX-License-Identifier: BSD-2-Clause
/*
 * Test runs on packets: XDP, __sk_buff, the flow dissector, socket lookup. Room before and behind
 * the packet is the kernel's, so that a program's bpf_xdp_adjust_head() and the like fail at the
 * same sizes.
 */
#include "base/alloc.h"
#include "base/os.h"
#include "hook/test_run.h"
#include <hachi/context.h>

#include <arpa/inet.h>
#include <linux/if_ether.h>

#define PAGE	      4096u
#define XDP_HEADROOM  256u
#define SKB_HEADROOM  66u  /* NET_SKB_PAD + NET_IP_ALIGN */
#define TAILROOM      320u /* struct skb_shared_info */
#define XDP_BATCH_MAX 256u
#define LIVE_FRAMES   2u /* BPF_F_TEST_XDP_LIVE_FRAMES */

static bool is_zero(const void *p, size_t from, size_t to)
{
	const u8 *bytes = p;

	for (; from < to; from++)
		if (bytes[from])
			return false;
	return true;
}

#define END_OF(type, field) (offsetof(type, field) + sizeof(((type *)0)->field))

/* A packet in its buffer, and as it was before the first run. */
struct packet {
	u8 *buffer, *saved; /* owned */
	u32 size;	    /* of buffer */
	u32 headroom, len;
	void *ctx, *saved_ctx; /* of the program; saved_ctx owned */
	u32 ctx_size;
};

static int packet_init(struct packet *p, const struct test_run *t, u32 headroom, u32 max)
{
	if (t->data_size_in < ETH_HLEN || t->data_size_in > max)
		return -EINVAL;
	p->headroom = headroom;
	p->len = t->data_size_in;
	p->size = headroom + ALIGN_UP(p->len, 64u) + TAILROOM;
	p->buffer = mem_zalloc(p->size);
	p->saved = mem_zalloc(p->size);
	if (!p->buffer || !p->saved)
		return -ENOMEM;
	memcpy(p->saved + headroom, t->data_in, p->len);
	memcpy(p->buffer, p->saved, p->size);
	return 0;
}

static void packet_release(struct packet *p)
{
	mem_free(p->buffer);
	mem_free(p->saved);
	mem_free(p->saved_ctx);
}

static u8 *packet_data(const struct packet *p)
{
	return p->buffer + p->headroom;
}

/* kernel: bpf_test_run() starts each XDP run from the same pointers, on the bytes as they are. */
static void restore_pointers(void *arg)
{
	struct packet *p = arg;

	memcpy(p->ctx, p->saved_ctx, p->ctx_size);
}

static int set_data_out(struct test_run *t, const void *data, u32 len)
{
	t->data_out = mem_dup(data, len);
	t->data_size_out = len;
	t->has_data_out = true;
	return t->data_out || !len ? 0 : -ENOMEM;
}

/* ---- XDP ---------------------------------------------------------------------------------------
 */

/* struct xdp_md of the caller against the packet. */
static int check_xdp_md(const struct test_run *t, const struct xdp_md *md)
{
	if (md->data_meta || md->data_end != t->data_size_in || md->data > md->data_end ||
		md->data % 4 || md->data > 252)
		return -EINVAL;
	if (md->egress_ifindex || (!md->ingress_ifindex && md->rx_queue_index))
		return -EINVAL;
	if (!md->ingress_ifindex)
		return 0;
	if (!os_netdev_exists(md->ingress_ifindex))
		return -ENODEV;
	return md->rx_queue_index ? -EINVAL : 0; /* one queue */
}

static int run_xdp(struct test_run *t, struct xdp_md *md, bool has_md)
{
	u32 meta = has_md ? md->data : 0, headroom = XDP_HEADROOM - meta;
	struct packet p = {0};
	struct hachi_xdp xdp = {0};
	int err = packet_init(&p, t, headroom, PAGE - headroom - TAILROOM);

	if (!err) {
		xdp.hard_start = (u64)(uintptr_t)p.buffer;
		xdp.hard_end = (u64)(uintptr_t)p.buffer + PAGE - TAILROOM;
		xdp.hard_end = MIN(xdp.hard_end, (u64)(uintptr_t)p.buffer + p.size);
		xdp.data_meta = (u64)(uintptr_t)packet_data(&p);
		xdp.data = xdp.data_meta + meta;
		xdp.data_end = xdp.data_meta + p.len;
		xdp.ingress_ifindex = has_md && md->ingress_ifindex ? md->ingress_ifindex : 1;
		p.ctx = &xdp;
		p.ctx_size = sizeof(xdp);
		p.saved_ctx = mem_dup(&xdp, sizeof(xdp));
		err = p.saved_ctx ? test_run_loop(t, &xdp, sizeof(xdp),
					    t->repeat > 1 ? restore_pointers : NULL, &p)
				  : -ENOMEM;
	}
	if (!err) {
		md->data = (u32)(xdp.data - xdp.data_meta);
		md->data_end = (u32)(xdp.data_end - xdp.data_meta);
		err = set_data_out(t, (const void *)(uintptr_t)xdp.data_meta, md->data_end);
	}
	packet_release(&p);
	return err;
}

int test_run_xdp(struct test_run *t)
{
	bool is_live = t->flags & LIVE_FRAMES;
	struct xdp_md *md;
	int err;

	if (t->prog->attach_type == BPF_XDP_DEVMAP || t->prog->attach_type == BPF_XDP_CPUMAP ||
		(t->flags & ~LIVE_FRAMES))
		return -EINVAL;
	if (is_live && t->batch_size > XDP_BATCH_MAX)
		return -E2BIG;
	if (!is_live && t->batch_size)
		return -EINVAL;
	if (is_live)
		return -BTYPE_ENOTSUPP; /* frames that really leave need the kernel's stack */
	err = test_run_ctx(t, sizeof(*md), (void **)&md);
	if (err)
		return err;
	if (t->ctx_in || t->wants_ctx)
		err = check_xdp_md(t, md);
	if (!err)
		err = run_xdp(t, md, t->ctx_in || t->wants_ctx);
	t->ctx_out = (u8 *)md;
	t->ctx_size_out = sizeof(*md);
	t->has_ctx_out = t->wants_ctx;
	return err;
}

/* ---- __sk_buff ---------------------------------------------------------------------------------
 */

#define SKB_END(field) END_OF(struct __sk_buff, field)
#define SKB_OFF(field) offsetof(struct __sk_buff, field)

/* Fields that a caller may set; all others must be zero (kernel: convert___skb_to_skb()). */
static int check_skb_ctx(const struct __sk_buff *c, u32 len)
{
	if (!is_zero(c, 0, SKB_OFF(mark)) || !is_zero(c, SKB_END(mark), SKB_OFF(priority)) ||
		!is_zero(c, SKB_END(ifindex), SKB_OFF(cb)) ||
		!is_zero(c, SKB_END(cb), SKB_OFF(tstamp)) ||
		!is_zero(c, SKB_END(tstamp), SKB_OFF(wire_len)) ||
		!is_zero(c, SKB_END(gso_segs), SKB_OFF(gso_size)) ||
		!is_zero(c, SKB_END(gso_size), SKB_OFF(hwtstamp)) ||
		!is_zero(c, SKB_END(hwtstamp), sizeof(*c)))
		return -EINVAL;
	if (c->wire_len && (c->wire_len < len || c->wire_len > 65536))
		return -EINVAL;
	return c->gso_segs > 65535 ? -EINVAL : 0;
}

/* kernel: eth_type_trans() on the loopback device, whose address is zero */
static u32 pkt_type(const u8 *eth)
{
	static const u8 none[6], all[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};

	if (!memcmp(eth, none, 6))
		return 0; /* PACKET_HOST */
	if (!memcmp(eth, all, 6))
		return 1;
	return eth[0] & 1 ? 2 : 3;
}

static u32 eth_protocol(const u8 *eth, u32 len)
{
	u16 proto = load_u16(eth + 12);

	if (ntohs(proto) >= ETH_P_802_3_MIN)
		return proto;
	return len >= ETH_HLEN + 2 && load_u16(eth + ETH_HLEN) == 0xffff ? htons(ETH_P_802_3)
									 : htons(ETH_P_802_2);
}

static void skb_init(struct hachi_skb *skb, const struct packet *p, const struct __sk_buff *c,
	u32 skip, bool has_ctx)
{
	const u8 *eth = packet_data(p);

	*skb = (struct hachi_skb){
		.head = (u64)(uintptr_t)p->buffer,
		.end = (u64)(uintptr_t)p->buffer + p->size - TAILROOM,
		.data = (u64)(uintptr_t)eth + skip,
		.data_end = (u64)(uintptr_t)eth + p->len,
		.len = p->len - skip,
		.pkt_type = pkt_type(eth),
		.protocol = eth_protocol(eth, p->len),
		.ifindex = 1,
		.mac_header = p->headroom,
		.network_header = p->headroom + ETH_HLEN,
	};
	skb->data_meta = skb->data;
	skb->wire_len = skb->len;
	if (!has_ctx)
		return;
	skb->mark = c->mark;
	skb->priority = c->priority;
	skb->ingress_ifindex = c->ingress_ifindex;
	skb->ifindex = c->ifindex > 1 ? c->ifindex : 1;
	skb->tstamp = c->tstamp;
	skb->hwtstamp = c->hwtstamp;
	skb->gso_segs = c->gso_segs;
	skb->gso_size = c->gso_size;
	skb->wire_len = c->wire_len ? c->wire_len : skb->len;
	memcpy(skb->cb, c->cb, sizeof(skb->cb));
}

static void skb_to_ctx(const struct hachi_skb *skb, struct __sk_buff *c)
{
	c->mark = skb->mark;
	c->priority = skb->priority;
	c->ingress_ifindex = skb->ingress_ifindex;
	c->ifindex = skb->ifindex;
	c->tstamp = skb->tstamp;
	c->hwtstamp = skb->hwtstamp;
	c->wire_len = skb->wire_len;
	c->gso_segs = skb->gso_segs;
	memcpy(c->cb, skb->cb, sizeof(skb->cb));
}

static int run_skb(struct test_run *t, struct __sk_buff *c, bool is_l2, bool has_ctx)
{
	u32 skip = is_l2 ? 0 : ETH_HLEN;
	struct packet p = {0};
	struct hachi_skb skb;
	int err = packet_init(&p, t, SKB_HEADROOM, PAGE - SKB_HEADROOM - TAILROOM);

	if (!err && has_ctx)
		err = check_skb_ctx(c, p.len - skip);
	if (!err) {
		skb_init(&skb, &p, c, skip, has_ctx);
		err = test_run_loop(t, &skb, sizeof(skb), NULL, NULL);
	}
	if (!err && !is_l2) {
		/* the link header is given back empty */
		skb.data -= MIN((u64)ETH_HLEN, skb.data - skb.head);
		memset((void *)(uintptr_t)skb.data, 0, ETH_HLEN);
	}
	if (!err) {
		skb_to_ctx(&skb, c);
		err = set_data_out(
			t, (const void *)(uintptr_t)skb.data, (u32)(skb.data_end - skb.data));
	}
	packet_release(&p);
	return err;
}

int test_run_skb(struct test_run *t)
{
	bool is_l2 = t->prog->type == BPF_PROG_TYPE_SCHED_CLS ||
		t->prog->type == BPF_PROG_TYPE_SCHED_ACT;
	bool has_ctx = t->ctx_in || t->wants_ctx;
	struct __sk_buff *c;
	int err;

	if (t->flags || t->cpu || t->batch_size)
		return -EINVAL;
	err = test_run_ctx(t, sizeof(*c), (void **)&c);
	if (err)
		return err;
	if (has_ctx && c->ifindex > 1 && !os_netdev_exists(c->ifindex))
		err = -ENODEV;
	if (!err)
		err = run_skb(t, c, is_l2, has_ctx);
	t->ctx_out = (u8 *)c;
	t->ctx_size_out = sizeof(*c);
	t->has_ctx_out = t->wants_ctx;
	return err;
}

/* ---- flow dissector, socket lookup
 * --------------------------------------------------------------- */

struct dissection {
	struct hachi_skb skb;
	struct bpf_flow_keys keys, start;
};

static void restore_keys(void *arg)
{
	struct dissection *d = arg;

	d->keys = d->start;
}

static u16 clamp(u16 value, u32 low, u32 high)
{
	return (u16)(value < low ? low : value > high ? high : value);
}

int test_run_flow_dissector(struct test_run *t)
{
	struct bpf_flow_keys *asked = NULL;
	struct dissection d = {0};
	struct packet p = {0};
	u32 hlen;
	int err;

	if (t->flags || t->cpu || t->batch_size)
		return -EINVAL;
	err = test_run_ctx(t, sizeof(*asked), (void **)&asked);
	if (!err)
		err = packet_init(&p, t, 0, PAGE);
	if (!err &&
		(!is_zero(asked, 0, offsetof(struct bpf_flow_keys, flags)) ||
			!is_zero(asked, END_OF(struct bpf_flow_keys, flags), sizeof(*asked))))
		err = -EINVAL;
	if (!err) {
		hlen = MIN(p.len, (u32)UINT16_MAX);
		d.start.n_proto = load_u16(packet_data(&p) + 12);
		d.start.nhoff = d.start.thoff = ETH_HLEN;
		d.start.flags = asked->flags;
		d.skb.data = d.skb.head = (u64)(uintptr_t)packet_data(&p);
		d.skb.data_end = d.skb.end = d.skb.data + p.len;
		d.skb.len = p.len;
		d.skb.flow_keys = (u64)(uintptr_t)&d.keys;
		err = test_run_loop(t, &d.skb, sizeof(d.skb), restore_keys, &d);
		d.keys.nhoff = clamp(d.keys.nhoff, ETH_HLEN, hlen);
		d.keys.thoff = clamp(d.keys.thoff, d.keys.nhoff, hlen);
	}
	if (!err)
		err = set_data_out(t, &d.keys, sizeof(d.keys));
	t->ctx_out = (u8 *)asked;
	t->ctx_size_out = sizeof(*asked);
	t->has_ctx_out = t->wants_ctx;
	packet_release(&p);
	return err;
}

int test_run_sk_lookup(struct test_run *t)
{
	struct bpf_sk_lookup *c;
	int err;

	if (t->flags || t->cpu || t->batch_size || t->data_in || t->data_size_in || t->wants_data ||
		t->data_room)
		return -EINVAL;
	if (!t->ctx_in && !t->wants_ctx)
		return -EINVAL;
	err = test_run_ctx(t, sizeof(*c), (void **)&c);
	if (err)
		return err;
	if (c->sk || !is_zero(c, END_OF(struct bpf_sk_lookup, ingress_ifindex), sizeof(*c)))
		err = -EINVAL;
	else if (c->local_port > UINT16_MAX)
		err = -ERANGE;
	else
		err = test_run_loop(t, c, sizeof(*c), NULL, NULL);
	t->has_data_out = true;
	t->ctx_out = (u8 *)c;
	t->ctx_size_out = sizeof(*c);
	t->has_ctx_out = t->wants_ctx;
	return err;
}
