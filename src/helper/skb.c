// SPDX-License-Identifier: BSD-2-Clause
/*
 * Bytes, checksums and marks of packets (struct hachi_skb). The packet is linear, so "make
 * writable" is a bounds check. What changes its size stands in skb_size.c.
 */
#include "helper/csum.h"
#include "helper/impl.h"
#include "helper/skb.h"

#define OFFSET_MAX INT32_MAX

static u8 *packet_at(const struct hachi_skb *skb, u32 offset)
{
	return (u8 *)(uintptr_t)skb->data + offset;
}

static bool is_inside(const struct hachi_skb *skb, u32 offset, u32 len)
{
	return offset <= OFFSET_MAX && (u64)offset + len <= skb->len;
}

int helper_skb_load(const struct hachi_skb *skb, u32 offset, void *to, u32 len)
{
	if (!is_inside(skb, offset, len)) {
		memset(to, 0, len);
		return -EFAULT;
	}
	memcpy(to, packet_at(skb, offset), len);
	return 0;
}

int helper_skb_store(struct hachi_skb *skb, u32 offset, const void *from, u32 len, u64 flags)
{
	if (flags & ~(u64)(BPF_F_RECOMPUTE_CSUM | BPF_F_INVALIDATE_HASH))
		return -EINVAL;
	if (!is_inside(skb, offset, len))
		return -EFAULT;
	memcpy(packet_at(skb, offset), from, len);
	if (flags & BPF_F_INVALIDATE_HASH)
		skb->hash = 0;
	return 0;
}

HELPER_FN(skb_load_bytes)
{
	return helper_ret(helper_skb_load(helper_ptr(r1), (u32)r2, helper_ptr(r3), (u32)r4));
}

HELPER_FN(skb_store_bytes)
{
	return helper_ret(helper_skb_store(helper_ptr(r1), (u32)r2, helper_ptr(r3), (u32)r4, r5));
}

/* bpf_skb_load_bytes_relative(skb, offset, to, len, start_header) */
HELPER_FN(skb_load_bytes_relative)
{
	const struct hachi_skb *skb = helper_ptr(r1);
	u32 offset = (u32)r2, len = (u32)r4;
	u64 start = skb->head, end = skb->data + skb->len;

	if (r5 == BPF_HDR_START_MAC)
		start += skb->mac_header;
	else if (r5 == BPF_HDR_START_NET)
		start += skb->network_header;
	else
		start = end;
	if (offset > 0xffff || r5 > BPF_HDR_START_NET || start + offset + len > end) {
		memset(helper_ptr(r3), 0, len);
		return helper_ret(-EFAULT);
	}
	memcpy(helper_ptr(r3), helper_ptr(start + offset), len);
	return 0;
}

HELPER_FN(skb_pull_data)
{
	const struct hachi_skb *skb = helper_ptr(r1);

	return helper_ret((u32)r2 > skb->len ? -ENOMEM : 0);
}

/* ---- checksums ----------------------------------------------------------------------------------
 */

/* The field that offset names, or NULL. */
static u8 *csum_field(const struct hachi_skb *skb, u32 offset)
{
	if (offset > 0xffff || offset & 1 || !is_inside(skb, offset, 2))
		return NULL;
	return packet_at(skb, offset);
}

/* Flags say how large from and to are; 0: to is a difference. */
static int replace(u8 *field, u64 from, u64 to, u64 flags)
{
	switch (flags & BPF_F_HDR_FIELD_MASK) {
	case 0:
		if (from)
			return -EINVAL;
		csum_replace_diff(field, (u32)to);
		return 0;
	case 2: csum_replace(field, (u16)from, (u16)to); return 0;
	case 4: csum_replace(field, (u32)from, (u32)to); return 0;
	default: return -EINVAL;
	}
}

/* bpf_l3_csum_replace(skb, offset, from, to, flags) */
HELPER_FN(l3_csum_replace)
{
	u8 *field = csum_field(helper_ptr(r1), (u32)r2);

	if (r5 & ~(u64)BPF_F_HDR_FIELD_MASK)
		return helper_ret(-EINVAL);
	return helper_ret(field ? replace(field, r3, r4, r5) : -EFAULT);
}

#define CSUM_MANGLED_0 0xffff
#define F_IPV6	       (1u << 7) /* BPF_F_IPV6, since 6.16 */

/* The same for TCP and UDP, where 0 may mean "no checksum". */
HELPER_FN(l4_csum_replace)
{
	u8 *field = csum_field(helper_ptr(r1), (u32)r2);
	bool keeps_zero = r5 & BPF_F_MARK_MANGLED_0;
	int err;

	if (r5 &
		~(u64)(BPF_F_MARK_MANGLED_0 | BPF_F_MARK_ENFORCE | BPF_F_PSEUDO_HDR |
			BPF_F_HDR_FIELD_MASK | F_IPV6))
		return helper_ret(-EINVAL);
	if (!field)
		return helper_ret(-EFAULT);
	if (keeps_zero && !(r5 & BPF_F_MARK_ENFORCE) && !load_u16(field))
		return 0;
	err = replace(field, r3, r4, r5);
	if (!err && keeps_zero && !load_u16(field))
		store_u16(field, CSUM_MANGLED_0);
	return helper_ret(err);
}

/* bpf_csum_diff(from, from_size, to, to_size, seed): as 6.13 and later give it, in 16 bits. */
HELPER_FN(csum_diff)
{
	u32 from_size = (u32)r2, to_size = (u32)r4, seed = (u32)r5;

	if (from_size && to_size)
		return csum_reduce(csum_sub(csum_partial(helper_ptr(r3), to_size, seed),
			csum_partial(helper_ptr(r1), from_size, 0)));
	if (to_size)
		return csum_reduce(csum_partial(helper_ptr(r3), to_size, seed));
	if (from_size)
		return csum_reduce(~csum_partial(helper_ptr(r1), from_size, ~seed));
	return csum_reduce(seed);
}

/* Packets here carry no sum of the whole packet (CHECKSUM_COMPLETE). */
HELPER_FN(csum_update)
{
	return helper_ret(-MAP_ENOTSUPP);
}

#define CSUM_LEVEL_MAX 3

HELPER_FN(csum_level)
{
	struct hachi_skb *skb = helper_ptr(r1);

	switch (r2) {
	case BPF_CSUM_LEVEL_QUERY:
		return skb->is_checksum_ok ? skb->checksum_level : helper_ret(-EACCES);
	case BPF_CSUM_LEVEL_INC:
		if (!skb->is_checksum_ok)
			skb->is_checksum_ok = 1, skb->checksum_level = 0;
		else if (skb->checksum_level < CSUM_LEVEL_MAX)
			skb->checksum_level++;
		return 0;
	case BPF_CSUM_LEVEL_DEC:
		if (skb->is_checksum_ok && skb->checksum_level)
			skb->checksum_level--;
		else
			skb->is_checksum_ok = 0;
		return 0;
	case BPF_CSUM_LEVEL_RESET: skb->is_checksum_ok = skb->checksum_level = 0; return 0;
	default: return helper_ret(-EINVAL);
	}
}

/* ---- hash, type, addresses ----------------------------------------------------------------------
 */

#define FLOW_SEED 0x2545f491u

/* Source, destination and ports where there are any; else what kind of packet it is. */
static u32 flow_hash(const struct hachi_skb *skb)
{
	const u8 *net = helper_ptr(skb->head + skb->network_header);
	u64 left = skb->data + skb->len - (uintptr_t)net;
	u16 proto = __builtin_bswap16((u16)skb->protocol);
	u32 addr_off, addr_len, head_len, hash = FLOW_SEED;
	u8 l4;

	if (proto == 0x0800 && left >= 20) {
		head_len = (net[0] & 15) * 4u;
		addr_off = 12, addr_len = 8, l4 = net[9];
	} else if (proto == 0x86dd && left >= 40) {
		addr_off = 8, addr_len = 32, head_len = 40, l4 = net[6];
	} else {
		return hash_bytes(&proto, sizeof(proto), hash) | 1;
	}
	hash = hash_bytes(net + addr_off, addr_len, hash ^ l4);
	if ((l4 == 6 || l4 == 17 || l4 == 132) && left >= head_len + 4)
		hash = hash_bytes(net + head_len, 4, hash);
	return hash ? hash : 1;
}

HELPER_FN(get_hash_recalc)
{
	struct hachi_skb *skb = helper_ptr(r1);

	if (!skb->hash)
		skb->hash = flow_hash(skb);
	return skb->hash;
}

HELPER_FN(set_hash_invalid)
{
	((struct hachi_skb *)helper_ptr(r1))->hash = 0;
	return 0;
}

HELPER_FN(set_hash)
{
	((struct hachi_skb *)helper_ptr(r1))->hash = (u32)r2;
	return 0;
}

#define PACKET_OTHERHOST 3

HELPER_FN(skb_change_type)
{
	struct hachi_skb *skb = helper_ptr(r1);

	if (skb->pkt_type > PACKET_OTHERHOST || (u32)r2 > PACKET_OTHERHOST)
		return helper_ret(-EINVAL);
	skb->pkt_type = (u32)r2;
	return 0;
}

/* No route belongs to a packet here. */
HELPER_FN(get_route_realm)
{
	return 0;
}

/* ---- where it goes
 * ------------------------------------------------------------------------------- */

#define ACT_SHOT     2
#define ACT_REDIRECT 7

static u64 redirect_skb(struct run *run, u32 ifindex, u32 flags)
{
	struct hachi_skb *skb = run->ctx;

	skb->redirect_ifindex = ifindex;
	skb->redirect_flags = flags;
	return ACT_REDIRECT;
}

HELPER_FN(redirect)
{
	return r2 & ~(u64)BPF_F_INGRESS ? ACT_SHOT : redirect_skb(run, (u32)r1, (u32)r2);
}

HELPER_FN(redirect_peer)
{
	return r2 ? ACT_SHOT : redirect_skb(run, (u32)r1, HACHI_REDIRECT_PEER);
}

/* bpf_redirect_neigh(ifindex, params, params_size, flags) */
HELPER_FN(redirect_neigh)
{
	u32 size = (u32)r3;

	if (r4 || (size && size < sizeof(struct bpf_redir_neigh)))
		return ACT_SHOT;
	return redirect_skb(run, (u32)r1, HACHI_REDIRECT_NEIGH);
}

/* There is no device to send a copy to. */
HELPER_FN(clone_redirect)
{
	return helper_ret(-EINVAL);
}

/* bpf_fib_lookup(ctx, params, params_size, flags): there are no devices and no routes. */
HELPER_FN(fib_lookup)
{
	const struct bpf_fib_lookup *params = helper_ptr(r2);
	const u32 known = BPF_FIB_LOOKUP_DIRECT | BPF_FIB_LOOKUP_OUTPUT | 1u << 2 | 1u << 3 |
		1u << 4 | 1u << 5; /* SKIP_NEIGH, TBID, SRC, MARK */

	if ((u32)r3 < sizeof(*params) || (u32)r4 & ~known)
		return helper_ret(-EINVAL);
	if (params->family != 2 && params->family != 10) /* AF_INET, AF_INET6 */
		return helper_ret(-EAFNOSUPPORT);
	return helper_ret(-ENODEV);
}
