/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Descriptors that an epoll set watches, and writable mappings of maps: what the kernel hangs on
 * files and address spaces and we must remember.
 */
#ifndef SYSCALL_WATCH_H
#define SYSCALL_WATCH_H

#include "base/types.h"
#include "base/vec.h"
#include <pthread.h>

struct hachi;

struct watch {
	int epfd, fd;
	int stand_in; /* eventfd of the object; not owned */
};

struct mapping {
	u64 addr, len;
	struct map *map; /* reference owned; counts as a writer */
};

struct sock_filter_slot {
	int fd;
	struct attachment *att; /* owned */
};

struct watch_table {
	pthread_mutex_t lock;
	VEC(struct watch) watches;
	VEC(struct mapping) mappings;
	VEC(struct sock_filter_slot) sockets;
};

void watch_table_init(struct watch_table *table);
void watch_table_release(struct hachi *h);
/* The descriptor is closed or replaced. */
void watch_forget(struct hachi *h, int fd);

#endif
