/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What has an id and descriptors: maps, programs, links, BTF objects. Here: ids (handed out upwards
 * and not reused soon, as the kernel does), and references by kind. An id table holds no reference;
 * an object leaves it when its last reference goes.
 */
#ifndef SYSCALL_OBJECT_H
#define SYSCALL_OBJECT_H

#include "base/idmap.h"
#include <hachi/hachi.h>
#include <pthread.h>

/* Beside the public kinds: what ENABLE_STATS returns. */
#define OBJECT_STATS ((enum hachi_fd_kind)(HACHI_FD_ITER + 1))
#define OBJECT_KINDS (HACHI_FD_ITER + 2)

struct object_ops {
	const char *name; /* "bpf-map": what the kernel calls the descriptor */
	void (*ref)(void *object);
	bool (*ref_unless_dead)(void *object);
	void (*unref)(void *object);
	/* The first or one more, the last or one less descriptor or pin; may be NULL. */
	void (*user_ref)(void *object);
	void (*user_unref)(void *object);
	/* The last descriptor was closed; may be NULL. */
	void (*closed)(void *object);
};

extern const struct object_ops object_ops[OBJECT_KINDS];

/* Adds one unless it is 0: the object is about to be freed then. */
bool ref_unless_zero(u32 *refs);

struct id_table {
	enum hachi_fd_kind kind;
	pthread_mutex_t lock;
	struct idmap by_id;
	u32 last;
};

void id_table_init(struct id_table *table, enum hachi_fd_kind kind);
void id_table_release(struct id_table *table);
int id_alloc(struct id_table *table, void *object, u32 *ret_id);
void id_remove(struct id_table *table, u32 id);
/* With a new reference; NULL when there is none. */
void *id_get(struct id_table *table, u32 id);
/* The smallest id above this one, with a new reference; NULL at the end. */
void *id_next(struct id_table *table, u32 after, u32 *ret_id);

#endif
