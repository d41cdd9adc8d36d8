// SPDX-License-Identifier: BSD-2-Clause
/*
 * Kernel functions that programs call by BTF: number iterators, dynptrs, sections in which the
 * kernel may not reclaim or preempt (a run here always is in one: base/epoch.h), exceptions, casts.
 */
#include "helper/impl.h"

/* ---- bpf_iter_num: for (i = start; i < end; i++)
 * -------------------------------------------------- */

#define ITER_NUM_MAX (8 << 20) /* BPF_MAX_LOOPS */

struct iter_num {
	s32 cur, end;
};

HELPER_FN(iter_num_new)
{
	struct iter_num *it = helper_ptr(r1);
	s32 start = (s32)r2, end = (s32)r3;

	it->cur = it->end = 0;
	if (start > end)
		return helper_ret(-EINVAL);
	if ((s64)end - start > ITER_NUM_MAX)
		return helper_ret(-E2BIG);
	it->cur = (s32)((u32)start - 1);
	it->end = end;
	return 0;
}

HELPER_FN(iter_num_next)
{
	struct iter_num *it = helper_ptr(r1);
	s32 next = (s32)((u32)it->cur + 1);

	if (next >= it->end) {
		it->cur = it->end = 0;
		return 0;
	}
	it->cur = next;
	return (uintptr_t)&it->cur;
}

HELPER_FN(iter_num_destroy)
{
	memset(helper_ptr(r1), 0, sizeof(struct iter_num));
	return 0;
}

/* ---- dynptrs
 * --------------------------------------------------------------------------------------- */

HELPER_FN(dynptr_from_skb)
{
	struct helper_dynptr *d = helper_ptr(r3);
	struct hachi_skb *skb = helper_ptr(r1);

	helper_dynptr_set_null(d);
	if (r2)
		return helper_ret(-EINVAL);
	helper_dynptr_init(d, skb, DYNPTR_SKB, 0, skb->len);
	return 0;
}

/* What the verifier calls where the program's type may not write into packets. */
HELPER_FN(dynptr_from_skb_rdonly)
{
	u64 ret = helper_dynptr_from_skb(r1, r2, r3, r4, r5, run);

	if (!ret)
		helper_dynptr_set_readonly(helper_ptr(r3));
	return ret;
}

HELPER_FN(dynptr_from_xdp)
{
	struct helper_dynptr *d = helper_ptr(r3);
	struct hachi_xdp *xdp = helper_ptr(r1);

	helper_dynptr_set_null(d);
	if (r2)
		return helper_ret(-EINVAL);
	helper_dynptr_init(d, xdp, DYNPTR_XDP, 0, (u32)(xdp->data_end - xdp->data));
	return 0;
}

/* bpf_dynptr_slice(dynptr, offset, buffer, size): the memory itself, all of it being in one piece.
 */
HELPER_FN(dynptr_slice)
{
	return (uintptr_t)helper_dynptr_at(helper_ptr(r1), (u32)r2, (u32)r4);
}

HELPER_FN(dynptr_slice_rdwr)
{
	if (helper_dynptr_is_readonly(helper_ptr(r1)))
		return 0;
	return (uintptr_t)helper_dynptr_at(helper_ptr(r1), (u32)r2, (u32)r4);
}

HELPER_FN(dynptr_adjust)
{
	struct helper_dynptr *d = helper_ptr(r1);
	u32 start = (u32)r2, end = (u32)r3, size = helper_dynptr_length(d);

	if (!d->data || start > end)
		return helper_ret(-EINVAL);
	if (end > size)
		return helper_ret(-ERANGE);
	d->offset += start;
	d->bits = (d->bits & ~DYNPTR_SIZE_MAX) | (end - start);
	return 0;
}

HELPER_FN(dynptr_is_null)
{
	return !((struct helper_dynptr *)helper_ptr(r1))->data;
}

HELPER_FN(dynptr_is_rdonly)
{
	const struct helper_dynptr *d = helper_ptr(r1);

	return d->data && helper_dynptr_is_readonly(d);
}

HELPER_FN(dynptr_size)
{
	const struct helper_dynptr *d = helper_ptr(r1);

	return d->data ? helper_dynptr_length(d) : (u32)-EINVAL;
}

HELPER_FN(dynptr_clone)
{
	const struct helper_dynptr *d = helper_ptr(r1);
	struct helper_dynptr *to = helper_ptr(r2);

	if (!d->data) {
		helper_dynptr_set_null(to);
		return helper_ret(-EINVAL);
	}
	*to = *d;
	return 0;
}

/* ---- sections, casts, exceptions
 * ----------------------------------------------------------------- */

HELPER_FN(section_enter)
{
	return 0;
}

HELPER_FN(section_leave)
{
	return 0;
}

HELPER_FN(cast)
{
	return r1;
}

HELPER_FN(throw_exception)
{
	run->thrown = r1;
	run->fault = RUN_THROWN;
	return 0;
}

/* bpf_copy_from_user_str(dst, size, addr, flags): the string; BPF_F_PAD_ZEROS clears the rest. */
HELPER_FN(copy_from_user_str)
{
	const u64 pad_zeroes = 1;
	u32 size = (u32)r2;
	int len;

	if (r4 & ~pad_zeroes)
		return helper_ret(-EINVAL);
	if (!size)
		return 0;
	len = helper_read_str(run, SPACE_USER, helper_ptr(r1), size, r3);
	if (len >= 0 && r4 & pad_zeroes)
		memset((u8 *)helper_ptr(r1) + len, 0, size - (u32)len);
	return helper_ret(len);
}
