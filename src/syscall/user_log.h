/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The log that BPF_PROG_LOAD and BPF_BTF_LOAD write for the caller: into memory of ours, copied out
 * at the end, so that a bad address is -EFAULT. Only the text is ever touched, however large the
 * caller's buffer.
 */
#ifndef SYSCALL_USER_LOG_H
#define SYSCALL_USER_LOG_H

#include "base/log.h"

struct user_log {
	struct log log;
	char *buf; /* owned */
	u64 addr;  /* the caller's; 0 = he only wants to know the size */
};

/* -EINVAL as the kernel of this version (KERNEL(...)) judges level, address and size. */
int user_log_init(struct user_log *ul, u16 kernel, u32 level, u64 addr, u32 size);
/* Copies the text out. 0, -ENOSPC when it did not fit, -EFAULT. */
int user_log_finish(struct user_log *ul, u32 *ret_true_size);
void user_log_release(struct user_log *ul);

#endif
