// SPDX-License-Identifier: BSD-2-Clause
/* OBJ_PIN, OBJ_GET and the table behind them. */
#include "syscall/pin.h"

#include "base/alloc.h"
#include "base/os.h"
#include "base/str.h"
#include "hook/link.h"
#include "syscall/instance.h"
#include "syscall/map.h"
#include "syscall/user.h"

#include <limits.h>
#include <stdio.h>

#define BPFFS "/sys/fs/bpf"

struct pin {
	char *path; /* on the host, or as named when there is no directory; owned */
	u64 inode;
	enum hachi_fd_kind kind;
	void *object; /* reference and user reference owned */
	struct pin *next;
};

int pin_table_init(struct pin_table *table, const char *dir)
{
	pthread_mutex_init(&table->lock, NULL);
	if (!dir)
		return 0;
	table->dir = mem_strdup(dir);
	return table->dir ? 0 : -ENOMEM;
}

static void pin_free(struct pin *pin)
{
	const struct object_ops *ops = &object_ops[pin->kind];

	if (ops->user_unref)
		ops->user_unref(pin->object);
	ops->unref(pin->object);
	mem_free(pin->path);
	mem_free(pin);
}

void pin_table_release(struct pin_table *table)
{
	while (table->first) {
		struct pin *pin = table->first;

		table->first = pin->next;
		pin_free(pin);
	}
	mem_free(table->dir);
	pthread_mutex_destroy(&table->lock);
}

static const char *below(const char *path, const char *dir)
{
	size_t len = strlen(dir);

	while (len && dir[len - 1] == '/')
		len--;
	return !strncmp(path, dir, len) && (!path[len] || path[len] == '/') ? path + len : NULL;
}

int pin_host_path(const struct pin_table *table, const char *path, char *ret_path, size_t size)
{
	const char *rest = below(path, BPFFS);
	int len;

	if (rest)
		len = snprintf(ret_path, size, "%s%s", table->dir ? table->dir : BPFFS, rest);
	else if (table->dir && below(path, table->dir))
		len = snprintf(ret_path, size, "%s", path);
	else
		return -EPERM;
	return (size_t)len < size ? 0 : -ENAMETOOLONG;
}

static struct pin **find(struct pin_table *table, const char *path)
{
	struct pin **at = &table->first;

	while (*at && strcmp((*at)->path, path))
		at = &(*at)->next;
	return at;
}

/* Drops the entry when its file is gone or another one. */
static struct pin *take_stale(struct pin_table *table, struct pin **at)
{
	struct pin *pin = *at;
	u64 inode;

	if (!pin || !table->dir)
		return NULL;
	if (os_file_inode(pin->path, &inode) == 0 && inode == pin->inode)
		return NULL;
	*at = pin->next;
	return pin;
}

static int pin_insert(struct pin_table *table, struct pin *pin)
{
	struct pin **at = find(table, pin->path), *stale = take_stale(table, at);
	int err = 0;

	if (stale)
		pin_free(stale);
	if (*at)
		return -EEXIST;
	if (table->dir)
		err = os_file_create(pin->path, &pin->inode);
	if (!err) {
		pin->next = *at;
		*at = pin;
	}
	return err;
}

int pin_add(struct pin_table *table, const char *path, enum hachi_fd_kind kind, void *object)
{
	const struct object_ops *ops = &object_ops[kind];
	char host[PATH_MAX];
	struct pin *pin;
	int err = pin_host_path(table, path, host, sizeof(host));

	if (err)
		return err;
	pin = mem_zalloc(sizeof(*pin));
	if (!pin)
		return -ENOMEM;
	pin->kind = kind;
	pin->object = object;
	ops->ref(object);
	if (ops->user_ref)
		ops->user_ref(object);
	pin->path = mem_strdup(host);
	if (!pin->path)
		err = -ENOMEM;
	if (!err) {
		pthread_mutex_lock(&table->lock);
		err = pin_insert(table, pin);
		pthread_mutex_unlock(&table->lock);
	}
	if (err)
		pin_free(pin);
	return err;
}

int pin_get(
	struct pin_table *table, const char *path, enum hachi_fd_kind *ret_kind, void **ret_object)
{
	char host[PATH_MAX];
	struct pin **at, *stale;
	int err = pin_host_path(table, path, host, sizeof(host));

	if (err)
		return err;
	pthread_mutex_lock(&table->lock);
	at = find(table, host);
	stale = take_stale(table, at);
	if (stale || !*at) {
		u64 inode;

		/* a file or directory that is no pin */
		err = table->dir && os_file_inode(host, &inode) == 0 ? -EACCES : -ENOENT;
	} else {
		*ret_kind = (*at)->kind;
		*ret_object = (*at)->object;
		object_ops[*ret_kind].ref(*ret_object);
	}
	pthread_mutex_unlock(&table->lock);
	if (stale)
		pin_free(stale);
	return err;
}

int pin_remove(struct pin_table *table, const char *path)
{
	char host[PATH_MAX];
	struct pin **at, *pin;
	int err = pin_host_path(table, path, host, sizeof(host));

	if (err)
		return err;
	pthread_mutex_lock(&table->lock);
	at = find(table, host);
	pin = *at;
	if (pin)
		*at = pin->next;
	pthread_mutex_unlock(&table->lock);
	if (!pin)
		return -ENOENT;
	if (table->dir)
		err = os_file_remove(host);
	pin_free(pin);
	return err;
}

/* The path that a command names, made absolute where it is relative to a descriptor. */
static int read_path(struct call *call, char *path, size_t size)
{
	const struct attr_obj *attr = &call->attr.obj;
	bool has_fd = attr->file_flags & HACHI_BPF_F_PATH_FD;
	char name[PATH_MAX];
	long len = user_read_string(name, attr->pathname, sizeof(name));
	int n;

	if (len < 0)
		return (int)len;
	if (len >= (long)sizeof(name))
		return -ENAMETOOLONG;
	if (!len)
		return -ENOENT;
	if (name[0] == '/')
		return str_copy(path, size, name) ? 0 : -ENAMETOOLONG;
	n = has_fd ? os_fd_path(attr->path_fd, path, size) : os_current_dir(path, size);
	if (n < 0)
		return n;
	return snprintf(path + n, size - (size_t)n, "/%s", name) < (int)(size - (size_t)n)
		? 0
		: -ENAMETOOLONG;
}

long cmd_obj_pin(struct call *call)
{
	const struct attr_obj *attr = &call->attr.obj;
	char path[PATH_MAX];
	struct desc_ref ref;
	int err;

	if (attr->file_flags & ~(u32)HACHI_BPF_F_PATH_FD)
		return -EINVAL;
	if (!(attr->file_flags & HACHI_BPF_F_PATH_FD) && attr->path_fd)
		return -EINVAL;
	if (desc_get(&call->h->descs, (int)attr->bpf_fd, 0, &ref))
		return -EINVAL; /* whatever is wrong with it */
	err = 0;
	if (ref.kind != HACHI_FD_MAP && ref.kind != HACHI_FD_PROG && ref.kind != HACHI_FD_LINK)
		err = -EINVAL;
	if (!err)
		err = read_path(call, path, sizeof(path));
	if (!err)
		err = pin_add(&call->h->pins, path, ref.kind, ref.object);
	desc_put(&ref);
	return err;
}

long cmd_obj_get(struct call *call)
{
	const struct attr_obj *attr = &call->attr.obj;
	u32 known = BPF_F_RDONLY | BPF_F_WRONLY | HACHI_BPF_F_PATH_FD, mode;
	char path[PATH_MAX];
	enum hachi_fd_kind kind;
	void *object;
	long ret;

	if (attr->bpf_fd || (attr->file_flags & ~known))
		return -EINVAL;
	if (!(attr->file_flags & HACHI_BPF_F_PATH_FD) && attr->path_fd)
		return -EINVAL;
	ret = map_mode(attr->file_flags, &mode);
	if (!ret)
		ret = read_path(call, path, sizeof(path));
	if (!ret)
		ret = pin_get(&call->h->pins, path, &kind, &object);
	if (ret)
		return ret;
	if (kind == HACHI_FD_LINK && mode != DESC_RDWR)
		ret = -EINVAL;
	else
		ret = desc_new(&call->h->descs, kind, object,
			kind == HACHI_FD_MAP ? ((struct map *)object)->fd : -1, mode);
	object_ops[kind].unref(object);
	return ret;
}

int hachi_unpin(struct hachi *h, const char *path)
{
	return pin_remove(&h->pins, path);
}

int hachi_host_path(struct hachi *h, const char *path, char *buf, size_t size)
{
	if (!h->pins.dir || !path)
		return -ENOENT;
	return pin_host_path(&h->pins, path, buf, size) ? -ENOENT : 0;
}
