/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Pinned objects. A path below /sys/fs/bpf stands for one below the directory that the instance was
 * given; there each pin is an ordinary file (so that rm, ls and mkdir work on it), and the table
 * here says which object it means. Without a directory the pins are in the table alone.
 */
#ifndef SYSCALL_PIN_H
#define SYSCALL_PIN_H

#include "base/types.h"
#include <hachi/hachi.h>
#include <pthread.h>

struct pin;

struct pin_table {
	pthread_mutex_t lock;
	struct pin *first; /* owned */
	char *dir;	   /* owned; NULL = in memory */
};

int pin_table_init(struct pin_table *table, const char *dir);
void pin_table_release(struct pin_table *table);
/* Where the path lies on the host; -EPERM when it is not below a BPF file system. */
int pin_host_path(const struct pin_table *table, const char *path, char *ret_path, size_t size);
/* The pin takes a reference and a user reference. */
int pin_add(struct pin_table *table, const char *path, enum hachi_fd_kind kind, void *object);
/* With a reference; -ENOENT. */
int pin_get(
	struct pin_table *table, const char *path, enum hachi_fd_kind *ret_kind, void **ret_object);
int pin_remove(struct pin_table *table, const char *path);

#endif
