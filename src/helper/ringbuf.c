// SPDX-License-Identifier: BSD-2-Clause
/* Helpers on ring buffers. */
#include "map/ringbuf.h"

#include "helper/impl.h"

void helper_lend(struct run *run, void *addr, u64 size)
{
	if (run->lent_count >= ARRAY_SIZE(run->lent))
		return;
	run->lent[run->lent_count].addr = (uintptr_t)addr;
	run->lent[run->lent_count++].size = size;
}

void helper_unlend(struct run *run, void *addr)
{
	for (u32 i = 0; i < run->lent_count; i++)
		if (run->lent[i].addr == (uintptr_t)addr) {
			run->lent[i] = run->lent[--run->lent_count];
			return;
		}
}

HELPER_FN(ringbuf_output)
{
	return helper_ret(ringbuf_output(helper_map(r1), helper_ptr(r2), r3, r4));
}

HELPER_FN(ringbuf_reserve)
{
	void *sample = r3 ? NULL : ringbuf_reserve(helper_map(r1), r2);

	if (sample)
		helper_lend(run, sample, r2);
	return (uintptr_t)sample;
}

HELPER_FN(ringbuf_submit)
{
	helper_unlend(run, helper_ptr(r1));
	ringbuf_commit(helper_ptr(r1), r2, false);
	return 0;
}

HELPER_FN(ringbuf_discard)
{
	helper_unlend(run, helper_ptr(r1));
	ringbuf_commit(helper_ptr(r1), r2, true);
	return 0;
}

HELPER_FN(ringbuf_query)
{
	return ringbuf_query(helper_map(r1), r2);
}

/* bpf_ringbuf_reserve_dynptr(map, size, flags, dynptr) */
HELPER_FN(ringbuf_reserve_dynptr)
{
	struct helper_dynptr *d = helper_ptr(r4);
	u32 size = (u32)r2;
	void *sample;

	helper_dynptr_set_null(d);
	if (r3)
		return helper_ret(-EINVAL);
	if (size > DYNPTR_SIZE_MAX)
		return helper_ret(-E2BIG);
	sample = ringbuf_reserve(helper_map(r1), size);
	if (!sample)
		return helper_ret(-EINVAL);
	helper_lend(run, sample, size);
	helper_dynptr_init(d, sample, DYNPTR_RINGBUF, 0, size);
	return 0;
}

static u64 end_dynptr(struct run *run, struct helper_dynptr *d, u64 flags, bool is_discarded)
{
	if (!d->data)
		return 0;
	helper_unlend(run, d->data);
	ringbuf_commit(d->data, flags, is_discarded);
	helper_dynptr_set_null(d);
	return 0;
}

HELPER_FN(ringbuf_submit_dynptr)
{
	return end_dynptr(run, helper_ptr(r1), r2, false);
}

HELPER_FN(ringbuf_discard_dynptr)
{
	return end_dynptr(run, helper_ptr(r1), r2, true);
}
