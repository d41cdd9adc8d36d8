// SPDX-License-Identifier: BSD-2-Clause
/*
 * What changes the size of a packet (struct hachi_skb): head, tail, room between headers, VLAN
 * tags, IPv4 to IPv6. The buffer is [head, end); when there is no room on the side that grows, the
 * packet moves to the other side. Errors are the kernel's, -ENOMEM when the buffer is full.
 */
#include "helper/impl.h"

#define SKB_LEN_MAX   16064u /* kernel: SKB_MAX_ALLOC with 4 KiB pages */
#define ETH_HEADER    14u
#define ETH_ADDRESSES 12u
#define VLAN_TAG      4u
#define P_IP	      0x0008 /* ETH_P_* in network byte order */
#define P_IPV6	      0xdd86
#define P_8021Q	      0x0081
#define P_8021AD      0xa888
#define P_802_3	      0x0100
#define P_802_2	      0x0400
#define P_802_3_MIN   0x0600 /* in host byte order: smaller ones are lengths */
#define IPV4_HEADER   20u
#define IPV6_HEADER   40u

static u8 *data_of(const struct hachi_skb *skb)
{
	return (u8 *)(uintptr_t)skb->data;
}

static void set_data(struct hachi_skb *skb, u64 data, u32 len)
{
	skb->data = data;
	skb->len = len;
	skb->data_end = data + len;
	skb->data_meta = data; /* metadata does not survive a change of size */
}

/* Makes room for so many bytes before and behind the packet. */
static int make_room(struct hachi_skb *skb, u32 before, u32 behind)
{
	u64 headroom = skb->data - skb->head, tailroom = skb->end - skb->data_end;
	s64 move;

	if (headroom >= before && tailroom >= behind)
		return 0;
	if (headroom + tailroom < (u64)before + behind)
		return -ENOMEM;
	move = headroom < before ? (s64)(before - headroom) : (s64)tailroom - (s64)behind;
	memmove(data_of(skb) + move, data_of(skb), skb->len);
	skb->mac_header += (u32)move;
	skb->network_header += (u32)move;
	set_data(skb, skb->data + (u64)move, skb->len);
	return 0;
}

static u32 mac_len(const struct hachi_skb *skb)
{
	return skb->network_header - skb->mac_header;
}

/* Zero bytes between [0, off) and the rest; the network header moves with [0, off). */
static int insert(struct hachi_skb *skb, u32 off, u32 len)
{
	int err = make_room(skb, len, 0);

	if (err)
		return err;
	set_data(skb, skb->data - len, skb->len + len);
	memmove(data_of(skb), data_of(skb) + len, off);
	memset(data_of(skb) + off, 0, len);
	skb->mac_header -= len;
	skb->network_header -= len;
	return 0;
}

static int cut(struct hachi_skb *skb, u32 off, u32 len)
{
	if ((u64)off + len > skb->len)
		return -ENOMEM;
	memmove(data_of(skb) + len, data_of(skb), off);
	set_data(skb, skb->data + len, skb->len - len);
	skb->mac_header += len;
	skb->network_header += len;
	return 0;
}

static bool is_gso(const struct hachi_skb *skb)
{
	return skb->gso_size != 0;
}

/* ---- head and tail
 * ------------------------------------------------------------------------------- */

/* bpf_skb_change_head(skb, head_room, flags) */
HELPER_FN(skb_change_head)
{
	struct hachi_skb *skb = helper_ptr(r1);
	u32 room = (u32)r2, len = skb->len + room;
	int err;

	if (r3 || (!is_gso(skb) && len > SKB_LEN_MAX) || len < skb->len)
		return helper_ret(-EINVAL);
	err = make_room(skb, room, 0);
	if (err)
		return helper_ret(err);
	set_data(skb, skb->data - room, len);
	memset(data_of(skb), 0, room);
	skb->mac_header = (u32)(skb->data - skb->head);
	return 0;
}

/* bpf_skb_change_tail(skb, new_len, flags) */
HELPER_FN(skb_change_tail)
{
	struct hachi_skb *skb = helper_ptr(r1);
	u32 len = (u32)r2, old = skb->len;
	s64 net_off = (s64)(skb->head + skb->network_header) - (s64)skb->data;
	int err = 0;

	if (r3 || len > SKB_LEN_MAX || (s64)len < net_off)
		return helper_ret(-EINVAL);
	if (skb->is_encapsulated)
		return helper_ret(-MAP_ENOTSUPP);
	if (len > old)
		err = make_room(skb, 0, len - old);
	if (err)
		return helper_ret(err);
	set_data(skb, skb->data, len);
	if (len > old)
		memset(data_of(skb) + old, 0, len - old);
	skb->gso_size = skb->gso_segs = 0;
	return 0;
}

/* ---- between headers
 * ----------------------------------------------------------------------------- */

static u32 net_header_len(const struct hachi_skb *skb)
{
	return skb->protocol == P_IP ? IPV4_HEADER : IPV6_HEADER;
}

#define ENCAP_L3 (u64)(BPF_F_ADJ_ROOM_ENCAP_L3_IPV4 | BPF_F_ADJ_ROOM_ENCAP_L3_IPV6)
#define DECAP_L3 (u64)(1u << 7 | 1u << 8) /* BPF_F_ADJ_ROOM_DECAP_L3_*, since 6.3 */
#define DECAP_V4 (1u << 7)
#define ROOM_FLAGS                                                                                 \
	(ENCAP_L3 | DECAP_L3 | BPF_F_ADJ_ROOM_FIXED_GSO | BPF_F_ADJ_ROOM_ENCAP_L4_GRE |            \
		BPF_F_ADJ_ROOM_ENCAP_L4_UDP | BPF_F_ADJ_ROOM_NO_CSUM_RESET |                       \
		BPF_F_ADJ_ROOM_ENCAP_L2_ETH |                                                      \
		(u64)BPF_ADJ_ROOM_ENCAP_L2_MASK << BPF_ADJ_ROOM_ENCAP_L2_SHIFT)

static int check_encap(const struct hachi_skb *skb, u32 len, u64 flags)
{
	u32 inner_mac = flags >> BPF_ADJ_ROOM_ENCAP_L2_SHIFT & BPF_ADJ_ROOM_ENCAP_L2_MASK;

	if ((flags & ENCAP_L3) == ENCAP_L3)
		return -EINVAL;
	if (flags & BPF_F_ADJ_ROOM_ENCAP_L4_GRE && flags & BPF_F_ADJ_ROOM_ENCAP_L4_UDP)
		return -EINVAL;
	if (flags & BPF_F_ADJ_ROOM_ENCAP_L2_ETH && inner_mac < ETH_HEADER)
		return -EINVAL;
	if (skb->is_encapsulated)
		return -EALREADY;
	return inner_mac > len ? -EINVAL : 0;
}

static int grow(struct hachi_skb *skb, u32 off, u32 len, u64 flags)
{
	int err = make_room(skb, len, 0);

	if (!err && flags & ENCAP_L3)
		err = check_encap(skb, len, flags);
	if (!err)
		err = insert(skb, off, len);
	if (err || !(flags & ENCAP_L3))
		return err;
	skb->is_encapsulated = 1;
	skb->protocol = flags & BPF_F_ADJ_ROOM_ENCAP_L3_IPV6 ? P_IPV6 : P_IP;
	return 0;
}

static int shrink(struct hachi_skb *skb, u32 off, u32 len, u64 flags)
{
	int err;

	if (flags & ~(BPF_F_ADJ_ROOM_FIXED_GSO | DECAP_L3 | BPF_F_ADJ_ROOM_NO_CSUM_RESET))
		return -EINVAL;
	err = cut(skb, off, len);
	if (!err && flags & DECAP_L3)
		skb->protocol = flags & DECAP_V4 ? P_IP : P_IPV6;
	return err;
}

/* bpf_skb_adjust_room(skb, len_diff, mode, flags) */
HELPER_FN(skb_adjust_room)
{
	struct hachi_skb *skb = helper_ptr(r1);
	s32 diff = (s32)r2;
	u32 len = diff < 0 ? -(u32)diff : (u32)diff, off, after_net, least;
	int err;

	if (r4 & ~ROOM_FLAGS)
		return helper_ret(-EINVAL);
	if (len > 0xfff)
		return helper_ret(-EFAULT);
	if ((skb->protocol != P_IP && skb->protocol != P_IPV6) || (u32)r3 > BPF_ADJ_ROOM_MAC)
		return helper_ret(-MAP_ENOTSUPP);
	off = mac_len(skb) + ((u32)r3 == BPF_ADJ_ROOM_NET ? net_header_len(skb) : 0);
	least = net_header_len(skb);
	if (r4 & DECAP_L3) {
		if (diff >= 0 || (r4 & DECAP_L3) == DECAP_L3)
			return helper_ret(-EINVAL);
		least = r4 & DECAP_V4 ? IPV4_HEADER : IPV6_HEADER;
	}
	after_net = skb->len - (u32)(skb->head + skb->network_header - skb->data);
	if (diff < 0 ? len >= after_net || after_net - len < least
		     : skb->len + len > SKB_LEN_MAX && !is_gso(skb))
		return helper_ret(-MAP_ENOTSUPP);
	err = diff < 0 ? shrink(skb, off, len, r4) : grow(skb, off, len, r4);
	if (!err && !(r4 & BPF_F_ADJ_ROOM_NO_CSUM_RESET))
		skb->is_checksum_ok = skb->checksum_level = 0;
	return helper_ret(err);
}

/* bpf_skb_change_proto(skb, proto, flags): room for the other IP header; the program writes it. */
HELPER_FN(skb_change_proto)
{
	struct hachi_skb *skb = helper_ptr(r1);
	u32 diff = IPV6_HEADER - IPV4_HEADER, to = (u16)r2;
	int err = -MAP_ENOTSUPP;

	if (r3)
		return helper_ret(-EINVAL);
	if (skb->protocol == P_IP && to == P_IPV6)
		err = insert(skb, mac_len(skb), diff);
	else if (skb->protocol == P_IPV6 && to == P_IP)
		err = cut(skb, mac_len(skb), diff);
	if (!err) {
		skb->protocol = to;
		skb->hash = 0;
	}
	return helper_ret(err);
}

/* ---- VLAN tags
 * ------------------------------------------------------------------------------------ */

static bool is_vlan(u32 proto)
{
	return proto == P_8021Q || proto == P_8021AD;
}

static void set_tag(struct hachi_skb *skb, u32 proto, u32 tci)
{
	skb->vlan_present = 1;
	skb->vlan_proto = proto;
	skb->vlan_tci = tci;
}

/* bpf_skb_vlan_push(skb, proto, tci): a tag that is there goes into the packet. */
HELPER_FN(skb_vlan_push)
{
	struct hachi_skb *skb = helper_ptr(r1);
	u16 proto = (u16)r2, tci = (u16)r3;
	int err;

	if (!is_vlan(proto))
		proto = P_8021Q;
	if (skb->vlan_present) {
		if (skb->head + skb->mac_header != skb->data)
			return helper_ret(-EINVAL);
		err = insert(skb, ETH_ADDRESSES, VLAN_TAG);
		if (err)
			return helper_ret(err);
		skb->network_header += VLAN_TAG; /* it stays where it is */
		store_u16(data_of(skb) + ETH_ADDRESSES, (u16)skb->vlan_proto);
		store_u16(data_of(skb) + ETH_ADDRESSES + 2, __builtin_bswap16((u16)skb->vlan_tci));
		skb->protocol = skb->vlan_proto;
	}
	set_tag(skb, proto, tci);
	return 0;
}

/* The tag in the packet; -ENOMEM when it is too short for one. */
static int pop_tag(struct hachi_skb *skb, u32 *ret_tci)
{
	u32 network = skb->network_header;
	u16 proto;

	if (skb->len < ETH_HEADER + VLAN_TAG)
		return -ENOMEM;
	*ret_tci = __builtin_bswap16(load_u16(data_of(skb) + ETH_HEADER));
	proto = load_u16(data_of(skb) + ETH_HEADER + 2);
	if (__builtin_bswap16(proto) < P_802_3_MIN) /* a length: LLC, or IPX over nothing */
		proto = skb->len >= 20 && load_u16(data_of(skb) + 18) == 0xffff ? P_802_3 : P_802_2;
	skb->protocol = proto;
	cut(skb, ETH_ADDRESSES, VLAN_TAG);
	skb->network_header = MAX(network, skb->mac_header + ETH_HEADER);
	return 0;
}

HELPER_FN(skb_vlan_pop)
{
	struct hachi_skb *skb = helper_ptr(r1);
	u32 tci, proto;
	int err;

	if (skb->vlan_present) {
		skb->vlan_present = skb->vlan_tci = skb->vlan_proto = 0;
	} else {
		if (!is_vlan(skb->protocol))
			return 0;
		err = pop_tag(skb, &tci);
		if (err)
			return helper_ret(err);
	}
	if (!is_vlan(skb->protocol))
		return 0;
	/* the next tag takes the place beside the packet */
	proto = skb->protocol;
	err = pop_tag(skb, &tci);
	if (!err)
		set_tag(skb, proto, tci);
	return helper_ret(err);
}
