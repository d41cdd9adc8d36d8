// SPDX-License-Identifier: BSD-2-Clause
/*
 * Reading memory that may not be there. On a fault the whole destination is zeroed, as the kernel
 * does; strings are read piece by piece, because only the part up to the NUL need be readable.
 */
#include "helper/impl.h"

#define PAGE 4096u /* pieces of a string never cross a multiple of it */

static int read_once(struct run *run, enum helper_space space, void *dst, u32 size, u64 addr)
{
	int err = -EFAULT;

	/* bpf_probe_read() tells the halves apart by address; worlds of user space may share one */
	if (space != SPACE_KERNEL)
		err = world_read_user(run->world, dst, size, addr);
	if (space == SPACE_KERNEL || (err && space == SPACE_ANY))
		err = world_read_kernel(run->world, dst, size, addr);
	return err ? -EFAULT : 0;
}

int helper_read(struct run *run, enum helper_space space, void *dst, u32 size, u64 addr)
{
	int err = size ? read_once(run, space, dst, size, addr) : 0;

	if (err)
		memset(dst, 0, size);
	return err;
}

int helper_read_str(struct run *run, enum helper_space space, char *dst, u32 size, u64 addr)
{
	u32 len = 0;

	while (len < size) {
		u32 piece = MIN(size - len, MIN(64u, PAGE - (u32)((addr + len) % PAGE)));
		char *end;

		if (read_once(run, space, dst + len, piece, addr + len)) {
			memset(dst, 0, size);
			return -EFAULT;
		}
		end = memchr(dst + len, 0, piece);
		if (end) {
			/* nothing behind the NUL: equal strings shall be equal keys */
			memset(end, 0, (size_t)(dst + len + piece - end));
			return (int)(end - dst) + 1;
		}
		len += piece;
	}
	if (size)
		dst[size - 1] = 0;
	return (int)size;
}

HELPER_FN(probe_read)
{
	return helper_ret(helper_read(run, SPACE_ANY, helper_ptr(r1), (u32)r2, r3));
}

HELPER_FN(probe_read_user)
{
	return helper_ret(helper_read(run, SPACE_USER, helper_ptr(r1), (u32)r2, r3));
}

HELPER_FN(probe_read_kernel)
{
	return helper_ret(helper_read(run, SPACE_KERNEL, helper_ptr(r1), (u32)r2, r3));
}

HELPER_FN(probe_read_str)
{
	return helper_ret(helper_read_str(run, SPACE_ANY, helper_ptr(r1), (u32)r2, r3));
}

HELPER_FN(probe_read_user_str)
{
	return helper_ret(helper_read_str(run, SPACE_USER, helper_ptr(r1), (u32)r2, r3));
}

HELPER_FN(probe_read_kernel_str)
{
	return helper_ret(helper_read_str(run, SPACE_KERNEL, helper_ptr(r1), (u32)r2, r3));
}

HELPER_FN(copy_from_user)
{
	return helper_ret(helper_read(run, SPACE_USER, helper_ptr(r1), (u32)r2, r3));
}

/* bpf_copy_from_user_task(dst, size, addr, task, flags): of the current task only. */
HELPER_FN(copy_from_user_task)
{
	if (r5)
		return helper_ret(-EINVAL);
	if (r4 != world_task(run->world)) {
		memset(helper_ptr(r1), 0, (u32)r2);
		return helper_ret(-EFAULT);
	}
	return helper_ret(helper_read(run, SPACE_USER, helper_ptr(r1), (u32)r2, r3));
}

HELPER_FN(probe_write_user)
{
	return helper_ret(world_write_user(run->world, r1, helper_ptr(r2), (u32)r3) ? -EFAULT : 0);
}
