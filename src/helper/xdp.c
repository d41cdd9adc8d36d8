// SPDX-License-Identifier: BSD-2-Clause
/* Helpers on frames (struct hachi_xdp): one piece within [hard_start, hard_end), metadata before
 * it. */
#include "helper/impl.h"

#define ETH_HEADER 14
#define META_MAX   255 /* kernel: a byte in skb_shared_info */

static bool has_no_meta(const struct hachi_xdp *xdp)
{
	return xdp->data_meta > xdp->data;
}

static u64 meta_len(const struct hachi_xdp *xdp)
{
	return has_no_meta(xdp) ? 0 : xdp->data - xdp->data_meta;
}

HELPER_FN(xdp_get_buff_len)
{
	const struct hachi_xdp *xdp = helper_ptr(r1);

	return xdp->data_end - xdp->data;
}

HELPER_FN(xdp_adjust_head)
{
	struct hachi_xdp *xdp = helper_ptr(r1);
	s64 offset = (s32)r2;
	u64 data = xdp->data + (u64)offset, meta = meta_len(xdp);

	if (data < xdp->hard_start + meta || data > xdp->data_end - ETH_HEADER)
		return helper_ret(-EINVAL);
	if (meta)
		memmove(helper_ptr(data - meta), helper_ptr(xdp->data_meta), meta);
	xdp->data_meta += (u64)offset;
	xdp->data = data;
	return 0;
}

HELPER_FN(xdp_adjust_tail)
{
	struct hachi_xdp *xdp = helper_ptr(r1);
	s64 offset = (s32)r2;
	u64 end = xdp->data_end + (u64)offset;

	if (end > xdp->hard_end || end < xdp->data + ETH_HEADER)
		return helper_ret(-EINVAL);
	if (offset > 0)
		memset(helper_ptr(xdp->data_end), 0, (u64)offset);
	xdp->data_end = end;
	return 0;
}

HELPER_FN(xdp_adjust_meta)
{
	struct hachi_xdp *xdp = helper_ptr(r1);
	u64 meta = xdp->data_meta + (u64)(s64)(s32)r2;

	if (has_no_meta(xdp))
		return helper_ret(-MAP_ENOTSUPP);
	if (meta < xdp->hard_start || meta > xdp->data)
		return helper_ret(-EINVAL);
	if ((xdp->data - meta) & 3 || xdp->data - meta > META_MAX)
		return helper_ret(-EACCES);
	xdp->data_meta = meta;
	return 0;
}

/* kernel: bpf_xdp_pointer() */
static int check_range(const struct hachi_xdp *xdp, u32 offset, u32 len)
{
	if (offset > 0xffff || len > 0xffff)
		return -EFAULT;
	return offset + len > xdp->data_end - xdp->data ? -EINVAL : 0;
}

int helper_xdp_load(const struct hachi_xdp *xdp, u32 offset, void *to, u32 len)
{
	int err = check_range(xdp, offset, len);

	if (!err)
		memcpy(to, helper_ptr(xdp->data + offset), len);
	return err;
}

int helper_xdp_store(struct hachi_xdp *xdp, u32 offset, const void *from, u32 len)
{
	int err = check_range(xdp, offset, len);

	if (!err)
		memcpy(helper_ptr(xdp->data + offset), from, len);
	return err;
}

HELPER_FN(xdp_load_bytes)
{
	return helper_ret(helper_xdp_load(helper_ptr(r1), (u32)r2, helper_ptr(r3), (u32)r4));
}

HELPER_FN(xdp_store_bytes)
{
	return helper_ret(helper_xdp_store(helper_ptr(r1), (u32)r2, helper_ptr(r3), (u32)r4));
}

HELPER_FN(xdp_redirect)
{
	struct hachi_xdp *xdp = run->ctx;

	if (r2)
		return XDP_ABORTED;
	xdp->redirect_ifindex = (u32)r1;
	xdp->redirect_map = 0;
	return XDP_REDIRECT;
}

#define ACTIONS (u64)(XDP_ABORTED | XDP_DROP | XDP_PASS | XDP_TX)

/* bpf_redirect_map(map, key, flags): the low bits of flags say what to return on a miss. */
HELPER_FN(redirect_map)
{
	struct hachi_xdp *xdp = run->ctx;
	struct map *map = helper_map(r1);
	u32 key = (u32)r2;

	if (r3 & ~(ACTIONS | BPF_F_BROADCAST | BPF_F_EXCLUDE_INGRESS))
		return XDP_ABORTED;
	if (!(r3 & BPF_F_BROADCAST) &&
		(!map->ops->lookup || !map->ops->lookup(map, &key, run->cpu)))
		return r3 & ACTIONS;
	xdp->redirect_map = r1;
	xdp->redirect_key = r2;
	return XDP_REDIRECT;
}
