/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Descriptors. Each is a real one of this process: a dup of the map's memfd, or of a small memfd
 * made for the object. What counts is the file's inode: a descriptor that was dup'ed or inherited
 * without our knowledge is recognised by it, and one that was closed behind our back is noticed
 * when its number shows another inode. A node stands for one such file; while it has descriptors it
 * holds one reference (and one user reference) on the object.
 */
#ifndef SYSCALL_DESC_H
#define SYSCALL_DESC_H

#include "base/idmap.h"
#include "syscall/object.h"

enum desc_mode { DESC_READ = 1, DESC_WRITE = 2, DESC_RDWR = 3 };

struct desc_table {
	pthread_mutex_t lock;
	u64 dev;		/* of memfds; 0 = none made yet */
	struct idmap by_fd;	/* -> struct desc, owned */
	struct idmap by_inode;	/* -> struct node, owned */
	struct idmap by_object; /* -> the same nodes */
};

/* An object that a descriptor named, with a reference. */
struct desc_ref {
	enum hachi_fd_kind kind;
	void *object;
	u32 mode;
};

void desc_table_init(struct desc_table *table);
/* Closes every descriptor; the references go. */
void desc_table_release(struct desc_table *table);

/* A new descriptor, close-on-exec, or -errno. memfd: the object's own one to dup, or -1. */
int desc_new(struct desc_table *table, enum hachi_fd_kind kind, void *object, int memfd, u32 mode);
/* kind 0 = any. -EBADF: not open; -EINVAL: not one of ours or of another kind. */
int desc_get(struct desc_table *table, int fd, enum hachi_fd_kind kind, struct desc_ref *ret_ref);
void desc_put(const struct desc_ref *ref);
/* The object alone, for the many who want no more. */
int desc_get_object(struct desc_table *table, int fd, enum hachi_fd_kind kind, void **ret_object);
int desc_kind(struct desc_table *table, int fd); /* 0 = not ours */
long desc_close(struct desc_table *table, int fd);
long desc_dup(struct desc_table *table, int fd, int new_fd, int flags);
void desc_forget(struct desc_table *table, int fd);
/* Drops what was closed behind our back. */
void desc_sweep(struct desc_table *table);

#endif
