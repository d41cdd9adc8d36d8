// SPDX-License-Identifier: BSD-2-Clause
/*
 * Events for perf buffers. The instance knows the events; here is what the program may say, and the
 * piece of packet that network programs may append.
 */
#include "helper/impl.h"

#include "base/alloc.h"

static u64 output(struct run *run, u64 map, u64 flags, const void *data, u64 size)
{
	if (!run->services || !run->services->perf_output)
		return helper_ret(-ENOENT);
	return helper_ret(run->services->perf_output(run, map, flags, data, size));
}

/* bpf_perf_event_output(ctx, map, flags, data, size) */
HELPER_FN(perf_event_output)
{
	if (r3 & ~(u64)BPF_F_INDEX_MASK)
		return helper_ret(-EINVAL);
	return output(run, r2, r3, helper_ptr(r4), r5);
}

/* The data, then len bytes of packet, in one record. */
static u64 output_with_packet(struct run *run, u64 map, u64 flags, const void *data, u64 size,
	const void *packet, u64 packet_len)
{
	u64 len = (flags & BPF_F_CTXLEN_MASK) >> 32, ret;
	u8 *both;

	if (flags & ~(u64)(BPF_F_CTXLEN_MASK | BPF_F_INDEX_MASK))
		return helper_ret(-EINVAL);
	if (len > packet_len)
		return helper_ret(-EFAULT);
	if (!len)
		return output(run, map, flags & BPF_F_INDEX_MASK, data, size);
	both = mem_alloc(size + len);
	if (!both)
		return helper_ret(-ENOMEM);
	memcpy(both, data, size);
	memcpy(both + size, packet, len);
	ret = output(run, map, flags & BPF_F_INDEX_MASK, both, size + len);
	mem_free(both);
	return ret;
}

HELPER_FN(skb_output)
{
	const struct hachi_skb *skb = helper_ptr(r1);

	return output_with_packet(run, r2, r3, helper_ptr(r4), r5, helper_ptr(skb->data), skb->len);
}

HELPER_FN(xdp_output)
{
	const struct hachi_xdp *xdp = helper_ptr(r1);

	return output_with_packet(
		run, r2, r3, helper_ptr(r4), r5, helper_ptr(xdp->data), xdp->data_end - xdp->data);
}
