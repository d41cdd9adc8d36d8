/* SPDX-License-Identifier: BSD-2-Clause */
/* The caller's memory: every address in an attr is his, and a bad one is -EFAULT, not a crash. */
#ifndef SYSCALL_USER_H
#define SYSCALL_USER_H

#include "base/types.h"

int user_read(void *dst, u64 addr, size_t len);
int user_write(u64 addr, const void *src, size_t len);
int user_write_u32(u64 addr, u32 value);
/* A copy of len bytes, owned by the caller; len 0 gives a valid pointer. */
int user_dup(u64 addr, size_t len, void **ret_copy);
/* A string of at most size - 1 bytes: its length (size when it is longer), or -EFAULT. */
long user_read_string(char *dst, u64 addr, size_t size);
/*
 * Whether a caller's struct of user_size bytes suits one of our_size: bytes beyond ours must be
 * zero. -E2BIG as the kernel's bpf_check_uarg_tail_zero().
 */
int user_check_tail(u64 addr, size_t our_size, size_t user_size);

#endif
