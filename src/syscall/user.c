// SPDX-License-Identifier: BSD-2-Clause
#include "syscall/user.h"

#include "base/alloc.h"
#include "base/os.h"

#define PAGE 4096u

int user_read(void *dst, u64 addr, size_t len)
{
	if (!len)
		return 0;
	if (addr < PAGE)
		return -EFAULT;
	return os_peek(dst, (const void *)(uintptr_t)addr, len);
}

int user_write(u64 addr, const void *src, size_t len)
{
	if (!len)
		return 0;
	if (addr < PAGE)
		return -EFAULT;
	return os_poke((void *)(uintptr_t)addr, src, len);
}

int user_write_u32(u64 addr, u32 value)
{
	return user_write(addr, &value, sizeof(value));
}

int user_dup(u64 addr, size_t len, void **ret_copy)
{
	void *copy = mem_alloc(len ? len : 1);
	int err;

	if (!copy)
		return -ENOMEM;
	err = user_read(copy, addr, len);
	if (err) {
		mem_free(copy);
		return err;
	}
	*ret_copy = copy;
	return 0;
}

/* Page by page, so that a string at the end of a mapping can be read. */
long user_read_string(char *dst, u64 addr, size_t size)
{
	size_t done = 0;

	while (done < size) {
		size_t len = MIN(PAGE - (size_t)((addr + done) % PAGE), size - done);
		const char *end;
		int err = user_read(dst + done, addr + done, len);

		if (err)
			return err;
		end = memchr(dst + done, 0, len);
		if (end)
			return end - dst;
		done += len;
	}
	dst[size - 1] = 0;
	return (long)size;
}

int user_check_tail(u64 addr, size_t our_size, size_t user_size)
{
	u8 tail[PAGE];

	if (user_size > PAGE)
		return -E2BIG;
	if (user_size <= our_size)
		return 0;
	if (user_read(tail, addr + our_size, user_size - our_size))
		return -EFAULT;
	for (size_t i = 0; i < user_size - our_size; i++)
		if (tail[i])
			return -E2BIG;
	return 0;
}
