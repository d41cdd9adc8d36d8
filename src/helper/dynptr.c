// SPDX-License-Identifier: BSD-2-Clause
/*
 * Dynptrs: a piece of memory, of a ring buffer or of a packet whose bounds are known at run time.
 * The struct is 16 bytes on the program's stack that only helpers touch.
 */
#include "helper/impl.h"

#define TYPE_SHIFT 28
#define SIZE_MASK  0xffffffu
#define RDONLY_BIT (1u << 31)

void helper_dynptr_init(
	struct helper_dynptr *d, void *data, enum helper_dynptr_type type, u32 offset, u32 size)
{
	d->data = data;
	d->offset = offset;
	d->bits = size | (u32)type << TYPE_SHIFT;
}

void helper_dynptr_set_null(struct helper_dynptr *d)
{
	memset(d, 0, sizeof(*d));
}

void helper_dynptr_set_readonly(struct helper_dynptr *d)
{
	d->bits |= RDONLY_BIT;
}

u32 helper_dynptr_length(const struct helper_dynptr *d)
{
	return d->bits & SIZE_MASK;
}

static enum helper_dynptr_type type_of(const struct helper_dynptr *d)
{
	return (d->bits & ~RDONLY_BIT) >> TYPE_SHIFT;
}

/* Whether len bytes stand at offset. */
static bool is_inside(const struct helper_dynptr *d, u32 offset, u32 len)
{
	u32 size = helper_dynptr_length(d);

	return len <= size && offset <= size - len;
}

bool helper_dynptr_is_readonly(const struct helper_dynptr *d)
{
	return d->bits & RDONLY_BIT;
}

void *helper_dynptr_at(const struct helper_dynptr *d, u32 offset, u32 len)
{
	u64 start = (u64)d->offset + offset;

	if (!d->data || !is_inside(d, offset, len))
		return NULL;
	switch (type_of(d)) {
	case DYNPTR_LOCAL:
	case DYNPTR_RINGBUF: return (u8 *)d->data + start;
	case DYNPTR_SKB: {
		const struct hachi_skb *skb = d->data;

		return start + len <= skb->len ? helper_ptr(skb->data + start) : NULL;
	}
	case DYNPTR_XDP: {
		const struct hachi_xdp *xdp = d->data;

		return xdp->data + start + len <= xdp->data_end ? helper_ptr(xdp->data + start)
								: NULL;
	}
	}
	return NULL;
}

/* bpf_dynptr_from_mem(data, size, flags, dynptr) */
HELPER_FN(dynptr_from_mem)
{
	struct helper_dynptr *d = helper_ptr(r4);

	helper_dynptr_set_null(d);
	if ((u32)r2 > DYNPTR_SIZE_MAX)
		return helper_ret(-E2BIG);
	if (r3)
		return helper_ret(-EINVAL);
	helper_dynptr_init(d, helper_ptr(r1), DYNPTR_LOCAL, 0, (u32)r2);
	return 0;
}

/* bpf_dynptr_read(dst, len, dynptr, offset, flags) */
HELPER_FN(dynptr_read)
{
	const struct helper_dynptr *d = helper_ptr(r3);
	u32 len = (u32)r2, offset = (u32)r4;

	if (!d->data || r5)
		return helper_ret(-EINVAL);
	if (!is_inside(d, offset, len))
		return helper_ret(-E2BIG);
	switch (type_of(d)) {
	case DYNPTR_LOCAL:
	case DYNPTR_RINGBUF:
		memmove(helper_ptr(r1), (u8 *)d->data + d->offset + offset, len);
		return 0;
	case DYNPTR_SKB:
		return helper_ret(
			helper_skb_load(d->data, d->offset + offset, helper_ptr(r1), len));
	case DYNPTR_XDP:
		return helper_ret(
			helper_xdp_load(d->data, d->offset + offset, helper_ptr(r1), len));
	}
	return helper_ret(-EFAULT);
}

/* bpf_dynptr_write(dynptr, offset, src, len, flags) */
HELPER_FN(dynptr_write)
{
	const struct helper_dynptr *d = helper_ptr(r1);
	u32 offset = (u32)r2, len = (u32)r4;

	if (!d->data || d->bits & RDONLY_BIT)
		return helper_ret(-EINVAL);
	if (!is_inside(d, offset, len))
		return helper_ret(-E2BIG);
	if (r5 && type_of(d) != DYNPTR_SKB)
		return helper_ret(-EINVAL);
	switch (type_of(d)) {
	case DYNPTR_LOCAL:
	case DYNPTR_RINGBUF:
		memmove((u8 *)d->data + d->offset + offset, helper_ptr(r3), len);
		return 0;
	case DYNPTR_SKB:
		return helper_ret(
			helper_skb_store(d->data, d->offset + offset, helper_ptr(r3), len, r5));
	case DYNPTR_XDP:
		return helper_ret(
			helper_xdp_store(d->data, d->offset + offset, helper_ptr(r3), len));
	}
	return helper_ret(-EFAULT);
}

/* bpf_dynptr_data(dynptr, offset, len): the memory itself, where it is the program's to write. */
HELPER_FN(dynptr_data)
{
	const struct helper_dynptr *d = helper_ptr(r1);

	if (!d->data || !is_inside(d, (u32)r2, (u32)r3) || d->bits & RDONLY_BIT)
		return 0;
	if (type_of(d) != DYNPTR_LOCAL && type_of(d) != DYNPTR_RINGBUF)
		return 0;
	return (uintptr_t)((u8 *)d->data + d->offset + (u32)r2);
}
