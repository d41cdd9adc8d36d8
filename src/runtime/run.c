// SPDX-License-Identifier: BSD-2-Clause
/* What engines and helpers need of a run: callbacks, safe loads, packet loads, stopping. */
#include "runtime/run.h"

#include "base/os.h"
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

/* ---- when a run must end --------------------------------------------------------------------- */

void run_limit(struct run *run, s64 fuel, u64 deadline_ns, const int *cancel)
{
	bool is_limited = fuel >= 0 || deadline_ns || cancel;

	run->fuel = is_limited ? 0 : -1;
	run->fuel_beyond = fuel;
	run->deadline_ns = deadline_ns;
	run->cancel = cancel;
}

bool run_refuel(struct run *run)
{
	s64 slice = run->fuel_beyond < 0 ? RUN_SLICE : MIN(run->fuel_beyond, RUN_SLICE);

	run->fuel = 0; /* who asks again gets the same answer */
	if (run->cancel && __atomic_load_n(run->cancel, __ATOMIC_RELAXED)) {
		run->fault = RUN_CANCELLED;
	} else if (slice == 0 ||
		(run->deadline_ns && os_time_ns(OS_CLOCK_MONOTONIC) >= run->deadline_ns)) {
		run->fault = RUN_OUT_OF_FUEL;
	} else {
		run->fuel = slice - 1; /* one is the back edge that asks */
		if (run->fuel_beyond > 0)
			run->fuel_beyond -= slice;
		return false;
	}
	return true;
}

void run_back_edge(struct run *run)
{
	if (run->fuel >= 0 && run->fuel-- == 0)
		run_refuel(run);
}
