/* SPDX-License-Identifier: BSD-2-Clause */
/* The files of tracefs and sysfs that loaders read before they attach, as this instance has them.
 */
#ifndef SYSCALL_TRACEFS_H
#define SYSCALL_TRACEFS_H

#include "base/types.h"

/* "category/name" of a tracepoint's id; -ENOENT. */
int tracefs_name_of_id(u64 id, char *buf, size_t size);
/* -ENOENT when a function of this name cannot be in the kernel. */
int tracefs_check_symbol(const char *name);

#endif
