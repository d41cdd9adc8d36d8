// SPDX-License-Identifier: BSD-2-Clause
#include "syscall/user_log.h"

#include "base/alloc.h"
#include "spec/helper.h"
#include "syscall/user.h"

#define LEVEL_BITS (LOG_LEVEL1 | LOG_LEVEL2 | LOG_STATS)

static bool is_valid_before_6_4(u32 level, u64 addr, u32 size)
{
	if (!level && !addr && !size)
		return true;
	return size >= 128 && size <= UINT32_MAX >> 2 && level && addr && !(level & ~LEVEL_BITS);
}

static bool is_valid(u32 level, u64 addr, u32 size)
{
	if (!addr != !size || (addr && !level))
		return false;
	return !(level & ~(LEVEL_BITS | LOG_FIXED)) && size <= UINT32_MAX >> 2;
}

int user_log_init(struct user_log *ul, u16 kernel, u32 level, u64 addr, u32 size)
{
	bool is_old = kernel < KERNEL(6, 4);

	memset(ul, 0, sizeof(*ul));
	if (is_old ? !is_valid_before_6_4(level, addr, size) : !is_valid(level, addr, size))
		return -EINVAL;
	if (size) {
		ul->buf = mem_alloc(size);
		if (!ul->buf)
			return -ENOMEM;
	}
	ul->addr = addr;
	/* older kernels kept the start and stopped */
	log_init(&ul->log, ul->buf, size, is_old && level ? level | LOG_FIXED : level);
	return 0;
}

int user_log_finish(struct user_log *ul, u32 *ret_true_size)
{
	int err = log_finish(&ul->log, ret_true_size);
	u64 len = ul->log.end_pos - ul->log.start_pos;

	if (ul->log.level && ul->log.size) {
		len = MIN(len, (u64)ul->log.size - 1);
		if (user_write(ul->addr, ul->buf, len + 1))
			return -EFAULT;
	}
	return err;
}

void user_log_release(struct user_log *ul)
{
	mem_free(ul->buf);
	ul->buf = NULL;
}
