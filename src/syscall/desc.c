// SPDX-License-Identifier: BSD-2-Clause
/*
 * The table under one lock. Objects are never let go under it: what a change leaves without
 * descriptors is unlinked into a list and let go after the lock, because that may detach links,
 * empty maps and come back here.
 */
#include "syscall/desc.h"

#include "base/alloc.h"
#include "base/os.h"

struct node {
	enum hachi_fd_kind kind;
	void *object; /* reference and user reference owned */
	u64 inode;
	int own_fd; /* the object's own descriptor of the file, which is none of the user's; or -1
		     */
	u32 fd_count;
	struct node *next; /* among those to let go */
};

struct desc {
	struct node *node;
	u32 mode;
	int fd;
};

void desc_table_init(struct desc_table *table)
{
	pthread_mutex_init(&table->lock, NULL);
}

static u64 fd_key(int fd)
{
	return (u64)(u32)fd;
}

static u64 object_key(const void *object)
{
	return (u64)(uintptr_t)object;
}

#define FOREIGN UINT64_MAX

/*
 * The file's number among memfds; FOREIGN for a file of another kind, whose number may well be the
 * same; 0 when fd is not open.
 */
static u64 inode_of(const struct desc_table *table, int fd)
{
	u64 dev, inode;

	if (os_fd_inode(fd, &dev, &inode))
		return 0;
	return table->dev && dev != table->dev ? FOREIGN : inode;
}

static void nodes_free(struct node *node)
{
	while (node) {
		struct node *next = node->next;
		const struct object_ops *ops = &object_ops[node->kind];

		if (ops->closed)
			ops->closed(node->object);
		if (ops->user_unref)
			ops->user_unref(node->object);
		ops->unref(node->object);
		mem_free(node);
		node = next;
	}
}

/* Forgets a descriptor; a node that has no more goes to the list. */
static void desc_drop(struct desc_table *table, struct desc *desc, struct node **garbage)
{
	struct node *node = desc->node;

	idmap_remove(&table->by_fd, fd_key(desc->fd));
	mem_free(desc);
	if (--node->fd_count)
		return;
	idmap_remove(&table->by_inode, node->inode);
	idmap_remove(&table->by_object, object_key(node->object));
	node->next = *garbage;
	*garbage = node;
}

static int desc_add(struct desc_table *table, struct node *node, int fd, u32 mode)
{
	struct desc *desc = mem_zalloc(sizeof(*desc));

	if (!desc)
		return -ENOMEM;
	*desc = (struct desc){node, mode, fd};
	if (idmap_put(&table->by_fd, fd_key(fd), desc)) {
		mem_free(desc);
		return -ENOMEM;
	}
	node->fd_count++;
	return 0;
}

/*
 * What fd is now, whatever the table says of its number: a stale entry goes, an unknown descriptor
 * of a known file comes in. NULL: none of ours.
 */
static struct desc *desc_find(struct desc_table *table, int fd, struct node **garbage)
{
	struct desc *desc = idmap_get(&table->by_fd, fd_key(fd));
	u64 inode;
	struct node *node;

	if (!desc && !table->by_inode.len)
		return NULL;
	inode = inode_of(table, fd);
	if (desc && desc->node->inode == inode)
		return desc;
	if (desc)
		desc_drop(table, desc, garbage);
	node = inode && inode != FOREIGN ? idmap_get(&table->by_inode, inode) : NULL;
	if (!node || fd == node->own_fd || desc_add(table, node, fd, DESC_RDWR))
		return NULL;
	return idmap_get(&table->by_fd, fd_key(fd));
}

static int node_new(struct desc_table *table, enum hachi_fd_kind kind, void *object, int fd,
	struct node **ret_node)
{
	struct node *node = mem_zalloc(sizeof(*node));
	const struct object_ops *ops = &object_ops[kind];

	if (!node)
		return -ENOMEM;
	if (!table->dev) { /* all memfds are of one device */
		u64 inode;

		os_fd_inode(fd, &table->dev, &inode);
	}
	node->kind = kind;
	node->object = object;
	node->inode = inode_of(table, fd);
	if (idmap_put(&table->by_inode, node->inode, node))
		goto out_node;
	if (idmap_put(&table->by_object, object_key(object), node))
		goto out_inode;
	ops->ref(object);
	if (ops->user_ref)
		ops->user_ref(object);
	*ret_node = node;
	return 0;
out_inode:
	idmap_remove(&table->by_inode, node->inode);
out_node:
	mem_free(node);
	return -ENOMEM;
}

/* A descriptor for the file of this node: a dup of any that is still open. */
static int node_dup(struct desc_table *table, struct node *node, int *ret_fd)
{
	struct idmap_slot *slot;
	size_t pos = 0;

	while ((slot = idmap_next(&table->by_fd, &pos))) {
		struct desc *desc = slot->value;
		int fd;

		if (desc->node != node || os_dup(desc->fd, &fd))
			continue;
		if (inode_of(table, fd) == node->inode) {
			*ret_fd = fd;
			return 0;
		}
		os_close(fd);
	}
	return -ENOENT;
}

/* A node whose descriptors were all closed behind our back and whose object lives on. */
static void node_unlink(struct desc_table *table, struct node *node, struct node **garbage)
{
	struct idmap_slot *slot;
	size_t pos;

	for (;;) {
		pos = 0;
		while ((slot = idmap_next(&table->by_fd, &pos)))
			if (((struct desc *)slot->value)->node == node)
				break;
		if (!slot)
			return;
		if (node->fd_count == 1) {
			desc_drop(table, slot->value, garbage);
			return;
		}
		desc_drop(table, slot->value, garbage);
	}
}

static int desc_open(struct desc_table *table, enum hachi_fd_kind kind, void *object, int memfd,
	struct node **ret_node, struct node **garbage)
{
	struct node *node = idmap_get(&table->by_object, object_key(object));
	int fd, err;

	if (node && memfd < 0 && node_dup(table, node, &fd) == 0) {
		*ret_node = node;
		return fd;
	}
	if (node && memfd < 0) {
		node_unlink(table, node, garbage);
		node = NULL;
	}
	err = memfd >= 0 ? os_dup(memfd, &fd) : os_memfd(object_ops[kind].name, 0, &fd);
	if (err)
		return err;
	if (!node)
		err = node_new(table, kind, object, fd, &node);
	if (err) {
		os_close(fd);
		return err;
	}
	node->own_fd = memfd;
	*ret_node = node;
	return fd;
}

int desc_new(struct desc_table *table, enum hachi_fd_kind kind, void *object, int memfd, u32 mode)
{
	struct node *garbage = NULL, *node = NULL;
	struct desc *stale;
	int fd, err = 0;

	pthread_mutex_lock(&table->lock);
	fd = desc_open(table, kind, object, memfd, &node, &garbage);
	if (fd >= 0) {
		node->fd_count++; /* while a stale entry of the same number may drop it */
		stale = idmap_get(&table->by_fd, fd_key(fd));
		if (stale)
			desc_drop(table, stale, &garbage);
		err = desc_add(table, node, fd, mode);
		node->fd_count--;
		if (err) {
			os_close(fd);
			fd = err;
			if (!node->fd_count) {
				idmap_remove(&table->by_inode, node->inode);
				idmap_remove(&table->by_object, object_key(object));
				node->next = garbage;
				garbage = node;
			}
		}
	}
	pthread_mutex_unlock(&table->lock);
	nodes_free(garbage);
	return fd;
}

int desc_get(struct desc_table *table, int fd, enum hachi_fd_kind kind, struct desc_ref *ret_ref)
{
	struct node *garbage = NULL;
	struct desc *desc;
	int err = 0;

	pthread_mutex_lock(&table->lock);
	desc = desc_find(table, fd, &garbage);
	if (!desc)
		err = inode_of(table, fd) ? -EINVAL : -EBADF;
	else if (kind && desc->node->kind != kind)
		err = -EINVAL;
	if (!err) {
		*ret_ref = (struct desc_ref){desc->node->kind, desc->node->object, desc->mode};
		object_ops[ret_ref->kind].ref(ret_ref->object);
	}
	pthread_mutex_unlock(&table->lock);
	nodes_free(garbage);
	return err;
}

void desc_put(const struct desc_ref *ref)
{
	object_ops[ref->kind].unref(ref->object);
}

int desc_get_object(struct desc_table *table, int fd, enum hachi_fd_kind kind, void **ret_object)
{
	struct desc_ref ref;
	int err = desc_get(table, fd, kind, &ref);

	if (!err)
		*ret_object = ref.object;
	return err;
}

int desc_kind(struct desc_table *table, int fd)
{
	struct node *garbage = NULL;
	struct desc *desc;
	int kind = 0;

	pthread_mutex_lock(&table->lock);
	desc = desc_find(table, fd, &garbage);
	if (desc)
		kind = (int)desc->node->kind;
	pthread_mutex_unlock(&table->lock);
	nodes_free(garbage);
	return kind;
}

long desc_close(struct desc_table *table, int fd)
{
	struct node *garbage = NULL;
	struct desc *desc;
	long ret;

	/* in one step: another thread must not get the number while the table still has it */
	pthread_mutex_lock(&table->lock);
	desc = idmap_get(&table->by_fd, fd_key(fd));
	if (desc)
		desc_drop(table, desc, &garbage);
	ret = os_close(fd);
	pthread_mutex_unlock(&table->lock);
	nodes_free(garbage);
	return ret;
}

long desc_dup(struct desc_table *table, int fd, int new_fd, int flags)
{
	struct node *garbage = NULL;
	struct desc *desc, *old;
	int fd_copy;
	long ret;

	pthread_mutex_lock(&table->lock);
	desc = desc_find(table, fd, &garbage);
	ret = os_dup_to(fd, new_fd, flags);
	fd_copy = (int)ret;
	if (ret >= 0 && fd_copy != fd) {
		old = idmap_get(&table->by_fd, fd_key(fd_copy));
		if (desc)
			desc->node->fd_count++;
		if (old)
			desc_drop(table, old, &garbage);
		if (desc && desc_add(table, desc->node, fd_copy, desc->mode)) {
			os_close(fd_copy);
			ret = -ENOMEM;
		}
		if (desc)
			desc->node->fd_count--;
	}
	pthread_mutex_unlock(&table->lock);
	nodes_free(garbage);
	return ret;
}

void desc_forget(struct desc_table *table, int fd)
{
	struct node *garbage = NULL;
	struct desc *desc;

	pthread_mutex_lock(&table->lock);
	desc = idmap_get(&table->by_fd, fd_key(fd));
	if (desc)
		desc_drop(table, desc, &garbage);
	pthread_mutex_unlock(&table->lock);
	nodes_free(garbage);
}

void desc_sweep(struct desc_table *table)
{
	struct node *garbage = NULL;
	struct idmap_slot *slot;
	size_t pos = 0;

	pthread_mutex_lock(&table->lock);
	while ((slot = idmap_next(&table->by_fd, &pos))) {
		struct desc *desc = slot->value;

		if (inode_of(table, desc->fd) == desc->node->inode)
			continue;
		desc_drop(table, desc, &garbage);
		pos = 0; /* the table moved */
	}
	pthread_mutex_unlock(&table->lock);
	nodes_free(garbage);
}

void desc_table_release(struct desc_table *table)
{
	for (;;) {
		size_t pos = 0;
		struct idmap_slot *slot = idmap_next(&table->by_fd, &pos);
		struct desc *desc = slot ? slot->value : NULL;
		struct node *garbage = NULL;

		if (!desc)
			break;
		if (inode_of(table, desc->fd) == desc->node->inode)
			os_close(desc->fd);
		desc_drop(table, desc, &garbage);
		nodes_free(garbage);
	}
	idmap_release(&table->by_fd);
	idmap_release(&table->by_inode);
	idmap_release(&table->by_object);
	pthread_mutex_destroy(&table->lock);
}
