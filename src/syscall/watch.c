// SPDX-License-Identifier: BSD-2-Clause
/*
 * Waiting for data, mmap(), socket filters. A memfd cannot be polled: an eventfd stands in for it.
 * Before a wait the stand-ins are brought up to date: drained first, then signalled where there is
 * data; a record that comes in between signals anew.
 */
#include "syscall/watch.h"

#include "base/os.h"
#include "hook/event.h"
#include "syscall/instance.h"
#include "syscall/map.h"

#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>

void watch_table_init(struct watch_table *table)
{
	pthread_mutex_init(&table->lock, NULL);
}

static void mapping_drop(struct mapping *m)
{
	map_write_end(m->map);
	map_unref(m->map);
}

void watch_table_release(struct hachi *h)
{
	struct watch_table *table = &h->watches;

	for (size_t i = 0; i < table->mappings.len; i++)
		mapping_drop(&table->mappings.data[i]);
	for (size_t i = 0; i < table->sockets.len; i++)
		hook_detach(&h->hooks, table->sockets.data[i].att);
	vec_release(&table->watches);
	vec_release(&table->mappings);
	vec_release(&table->sockets);
	pthread_mutex_destroy(&table->lock);
}

void watch_forget(struct hachi *h, int fd)
{
	struct watch_table *table = &h->watches;
	struct attachment *att = NULL;

	pthread_mutex_lock(&table->lock);
	for (size_t i = table->watches.len; i-- > 0;) {
		struct watch *w = &table->watches.data[i];

		if (w->epfd != fd && w->fd != fd)
			continue;
		if (w->fd == fd)
			os_epoll_ctl(w->epfd, EPOLL_CTL_DEL, w->stand_in, NULL);
		*w = vec_last(&table->watches);
		table->watches.len--;
	}
	for (size_t i = 0; i < table->sockets.len; i++) {
		if (table->sockets.data[i].fd != fd)
			continue;
		att = table->sockets.data[i].att;
		table->sockets.data[i] = vec_last(&table->sockets);
		table->sockets.len--;
		break;
	}
	pthread_mutex_unlock(&table->lock);
	hook_detach(&h->hooks, att);
}

/* ---- waiting -----------------------------------------------------------------------------------
 */

/* The stand-in of an object that can be waited for, made when first asked for. */
static int stand_in(const struct desc_ref *ref)
{
	struct map *map = ref->object;
	int fd, none = -1, err;

	if (ref->kind == HACHI_FD_PERF)
		return ((struct event *)ref->object)->event_fd;
	if (ref->kind != HACHI_FD_MAP || !map->ops->has_data)
		return -EPERM; /* as epoll says of files that cannot be polled */
	fd = __atomic_load_n(&map->event_fd, __ATOMIC_ACQUIRE);
	if (fd >= 0)
		return fd;
	err = os_eventfd(&fd);
	if (err)
		return err;
	if (__atomic_compare_exchange_n(
		    &map->event_fd, &none, fd, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
		return fd;
	os_close(fd);
	return none;
}

static void bring_up_to_date(const struct desc_ref *ref, int fd)
{
	struct map *map = ref->object;
	bool has_data;

	os_eventfd_drain(fd);
	has_data =
		ref->kind == HACHI_FD_PERF ? event_has_data(ref->object) : map->ops->has_data(map);
	if (has_data)
		os_eventfd_signal(fd);
}

int hachi_poll_fd(struct hachi *h, int fd)
{
	struct desc_ref ref;
	int ret = desc_get(&h->descs, fd, 0, &ref);

	if (ret)
		return ret;
	ret = stand_in(&ref);
	if (ret >= 0)
		bring_up_to_date(&ref, ret);
	desc_put(&ref);
	return ret;
}

long hachi_epoll_ctl(struct hachi *h, int epfd, int op, int fd, struct epoll_event *event)
{
	struct watch_table *table = &h->watches;
	struct desc_ref ref;
	long ret = desc_get(&h->descs, fd, 0, &ref);
	int in;

	if (ret)
		return ret;
	in = stand_in(&ref);
	desc_put(&ref);
	if (in < 0)
		return in;
	pthread_mutex_lock(&table->lock);
	ret = op == EPOLL_CTL_ADD ? vec_reserve(&table->watches, 1) : 0;
	if (!ret)
		ret = os_epoll_ctl(epfd, op, in, event);
	if (!ret && op == EPOLL_CTL_ADD)
		table->watches.data[table->watches.len++] = (struct watch){epfd, fd, in};
	for (size_t i = 0; !ret && op == EPOLL_CTL_DEL && i < table->watches.len; i++) {
		struct watch *w = &table->watches.data[i];

		if (w->epfd != epfd || w->fd != fd)
			continue;
		*w = vec_last(&table->watches);
		table->watches.len--;
		break;
	}
	pthread_mutex_unlock(&table->lock);
	return ret;
}

void hachi_epoll_sync(struct hachi *h, int epfd)
{
	struct watch_table *table = &h->watches;
	int fds[64];
	size_t count, next = 0;

	/* in portions, because objects are not let go under the lock */
	do {
		count = 0;
		pthread_mutex_lock(&table->lock);
		for (; next < table->watches.len && count < ARRAY_SIZE(fds); next++)
			if (table->watches.data[next].epfd == epfd)
				fds[count++] = table->watches.data[next].fd;
		pthread_mutex_unlock(&table->lock);
		for (size_t i = 0; i < count; i++)
			hachi_poll_fd(h, fds[i]);
	} while (count == ARRAY_SIZE(fds));
}

/* ---- mmap
 * ---------------------------------------------------------------------------------------- */

static int check_map_mapping(
	struct map *map, u32 mode, size_t len, int prot, int flags, int64_t off)
{
	bool is_write = prot & PROT_WRITE;

	if (!map->mmap_bytes && !(map->ops->mmap_size && map->ops->mmap_size(map)))
		return -BTYPE_ENOTSUPP;
	if (map->fields)
		return -BTYPE_ENOTSUPP;
	if ((flags & MAP_TYPE) == MAP_PRIVATE)
		return -EINVAL;
	if (off < 0 || off % (int64_t)os_page_size())
		return -EINVAL;
	if (is_write && !(mode & DESC_WRITE))
		return -EACCES;
	if (is_write && __atomic_load_n(&map->is_frozen, __ATOMIC_ACQUIRE))
		return -EPERM;
	if (is_write && (map->params.flags & BPF_F_RDONLY_PROG))
		return -EACCES;
	return map->ops->mmap_check ? map->ops->mmap_check(map, (u64)off, len, is_write) : 0;
}

static long map_the_map(struct hachi *h, const struct desc_ref *ref, void *addr, size_t len,
	int prot, int flags, int fd, int64_t off)
{
	struct watch_table *table = &h->watches;
	struct map *map = ref->object;
	bool is_write = prot & PROT_WRITE;
	long ret;
	int err;

	if (is_write)
		map_write_begin(map);
	err = check_map_mapping(map, ref->mode, len, prot, flags, off);
	pthread_mutex_lock(&table->lock);
	ret = err ? err : is_write ? vec_reserve(&table->mappings, 1) : 0;
	if (!ret)
		ret = is_write ? os_mmap(addr, len, prot, flags, fd, off)
			       : os_mmap_readonly(addr, len, prot, flags, fd, off);
	if (!OS_IS_ERR(ret) && is_write) {
		map_ref(map);
		table->mappings.data[table->mappings.len++] =
			(struct mapping){(u64)ret, ALIGN_UP(len, os_page_size()), map};
	}
	pthread_mutex_unlock(&table->lock);
	if (is_write && OS_IS_ERR(ret))
		map_write_end(map);
	return ret;
}

long hachi_mmap(struct hachi *h, void *addr, size_t len, int prot, int flags, int fd, int64_t off)
{
	struct desc_ref ref;
	long ret = desc_get(&h->descs, fd, 0, &ref);

	if (ret)
		return ret;
	if (!len) {
		ret = -EINVAL;
	} else if (ref.kind == HACHI_FD_MAP) {
		ret = map_the_map(h, &ref, addr, len, prot, flags, fd, off);
	} else if (ref.kind == HACHI_FD_PERF) {
		ret = (flags & MAP_TYPE) == MAP_PRIVATE || off
			? -EINVAL
			: event_mmap(ref.object, len, !(prot & PROT_WRITE));
		if (!ret)
			ret = os_mmap(addr, len, prot, flags, fd, 0);
	} else {
		ret = -ENODEV;
	}
	desc_put(&ref);
	return ret;
}

void hachi_munmap(struct hachi *h, void *addr, size_t len)
{
	struct watch_table *table = &h->watches;
	u64 start = (u64)(uintptr_t)addr, end = start + len;

	for (;;) {
		struct mapping found = {0};

		pthread_mutex_lock(&table->lock);
		for (size_t i = 0; i < table->mappings.len && !found.map; i++) {
			struct mapping *m = &table->mappings.data[i];

			if (m->addr < start || m->addr + m->len > end)
				continue;
			found = *m;
			*m = vec_last(&table->mappings);
			table->mappings.len--;
		}
		pthread_mutex_unlock(&table->lock);
		if (!found.map)
			return;
		mapping_drop(&found);
	}
}

/* ---- socket filters
 * ------------------------------------------------------------------------------- */

long hachi_setsockopt(struct hachi *h, int fd, int level, int name, const void *value, uint32_t len)
{
	struct watch_table *table = &h->watches;
	struct hachi_attachment place = {.kind = HACHI_ATTACH_SOCKET,
		.offset = (u32)fd,
		.pid = -1,
		.cpu = -1,
		.is_enabled = true};
	struct attachment *att;
	struct prog *prog;
	s32 prog_fd;
	int err;

	if (level != SOL_SOCKET || (name != SO_ATTACH_BPF && name != SO_DETACH_BPF))
		return -ENOPROTOOPT;
	if (name == SO_DETACH_BPF) {
		watch_forget(h, fd);
		return 0;
	}
	if (len != sizeof(prog_fd))
		return -EINVAL;
	if (os_peek(&prog_fd, value, sizeof(prog_fd)))
		return -EFAULT;
	err = prog_from_fd(h, prog_fd, &prog);
	if (err)
		return err;
	if (prog->type != BPF_PROG_TYPE_SOCKET_FILTER)
		err = -EINVAL;
	if (!err)
		err = hook_attach(&h->hooks, &place, prog, NULL, &att);
	prog_unref(prog);
	if (err)
		return err;
	watch_forget(h, fd); /* the newest one counts */
	pthread_mutex_lock(&table->lock);
	err = vec_push(&table->sockets, ((struct sock_filter_slot){fd, att}));
	pthread_mutex_unlock(&table->lock);
	if (err)
		hook_detach(&h->hooks, att);
	return err;
}
