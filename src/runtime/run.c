// SPDX-License-Identifier: BSD-2-Clause
/* What engines and helpers need of a run: callbacks, safe loads, packet loads, stopping. */
#include "runtime/run.h"

#include "runtime/image.h"
#include <hachi/context.h>

u64 run_callback(struct run *run, u64 func, u64 r1, u64 r2, u64 r3, u64 r4, u64 r5)
{
	return run->image->engine->callback(run, func, r1, r2, r3, r4, r5);
}

u64 run_probe_load(struct run *run, u64 addr, u32 size)
{
	union {
		u8 b;
		u16 h;
		u32 w;
		u64 d;
	} value = {0};

	if (bug_on(size != 1 && size != 2 && size != 4 && size != 8))
		return 0;
	if (world_read_kernel(run->world, &value, size, addr))
		return 0;
	return size == 1 ? value.b : size == 2 ? value.h : size == 4 ? value.w : value.d;
}

/* kernel: bpf_internal_load_pointer_neg_helper(): offsets from the network or link layer. */
static const u8 *packet_at(const struct hachi_skb *skb, s32 off)
{
	enum { LINK_LAYER = -0x200000, NETWORK = -0x100000 };

	if (off >= 0)
		return (const u8 *)(uintptr_t)skb->data + off;
	if (off >= NETWORK)
		return (const u8 *)(uintptr_t)skb->head + skb->network_header + (off - NETWORK);
	if (off >= LINK_LAYER)
		return (const u8 *)(uintptr_t)skb->head + skb->mac_header + (off - LINK_LAYER);
	return NULL;
}

bool run_load_packet(struct run *run, u64 ctx, s32 off, u32 size, u64 *ret_value)
{
	const struct hachi_skb *skb = (const struct hachi_skb *)(uintptr_t)ctx;
	u64 at = (u64)(uintptr_t)packet_at(skb, off);
	const u8 *p = (const u8 *)(uintptr_t)at;
	u64 value = 0;
	u32 i;

	if (!at || at < (off < 0 ? skb->head : skb->data) || at > skb->data_end ||
		skb->data_end - at < size)
		return false;
	for (i = 0; i < size; i++)
		value = value << 8 | p[i];
	*ret_value = value;
	return true;
}

void run_back_edge(struct run *run)
{
	if (run->fuel == 0)
		run->fault = RUN_OUT_OF_FUEL;
	else if (run->fuel > 0)
		run->fuel--;
	if (run->cancel && __atomic_load_n(run->cancel, __ATOMIC_RELAXED))
		run->fault = RUN_CANCELLED;
}
