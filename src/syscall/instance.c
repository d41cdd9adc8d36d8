// SPDX-License-Identifier: BSD-2-Clause
/*
 * An instance's birth and death, and what fork() means for it: the child gets a copy of every
 * table, so all locks are taken around fork(). Maps stay shared with the parent, as in the kernel.
 */
#include "syscall/instance.h"

#include "base/alloc.h"
#include "jit/engine.h"

#include <ctype.h>

static pthread_mutex_t instances_lock = PTHREAD_MUTEX_INITIALIZER;
static struct hachi *instances;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void for_each_lock(int (*fn)(pthread_mutex_t *))
{
	for (struct hachi *h = instances; h; h = h->next) {
		pthread_mutex_t *locks[] = {&h->descs.lock, &h->pins.lock, &h->hooks.lock,
			&h->btf_lock, &h->custom.lock, &h->maps.lock, &h->progs.lock,
			&h->links.lock, &h->btfs.lock, &h->trace.lock, &h->watches.lock};

		for (u32 i = 0; i < ARRAY_SIZE(locks); i++)
			fn(locks[i]);
	}
}

static void before_fork(void)
{
	pthread_mutex_lock(&instances_lock);
	for_each_lock(pthread_mutex_lock);
}

static void after_fork(void)
{
	for_each_lock(pthread_mutex_unlock);
	pthread_mutex_unlock(&instances_lock);
}

static void setup(void)
{
	pthread_atfork(before_fork, after_fork, after_fork);
}

static int copy_opts(struct hachi *h, const struct hachi_opts *opts)
{
	h->kernel = kernel_profile_by_name(opts->kernel);
	if (opts->kernel && (!h->kernel || strcmp(h->kernel->name, opts->kernel)))
		return -EINVAL;
	h->engine = opts->engine ? engine_by_name(opts->engine) : engine_default();
	h->may_interpret = !opts->engine;
	if (!h->kernel || !h->engine)
		return -EINVAL;
	h->caps = opts->caps || opts->no_caps ? opts->caps : CAP_ALL;
	h->guard = opts->guard;
	h->judges_only = opts->judges_only;
	h->memory_limit = opts->memory_limit;
	if (opts->harden > HACHI_HARDEN_ALL)
		return -EINVAL;
	h->fuel = MAX(opts->fuel, 0);
	h->time_limit_ns = opts->time_limit_ns;
	h->harden = opts->harden ? (enum hachi_harden)opts->harden : HACHI_HARDEN_UNPRIVILEGED;
	h->btf_path = mem_strdup(opts->btf_path ? opts->btf_path : "/sys/kernel/btf/vmlinux");
	return h->btf_path ? pin_table_init(&h->pins, opts->pin_dir) : -ENOMEM;
}

int hachi_new(const struct hachi_opts *opts, struct hachi **ret_h)
{
	struct hachi_opts all = {0};
	struct hachi *h = mem_zalloc(sizeof(*h));
	int err;

	if (!h)
		return -ENOMEM;
	if (opts)
		memcpy(&all, opts, MIN(opts->size, sizeof(all)));
	pthread_once(&once, setup);
	desc_table_init(&h->descs);
	id_table_init(&h->maps, HACHI_FD_MAP);
	id_table_init(&h->progs, HACHI_FD_PROG);
	id_table_init(&h->links, HACHI_FD_LINK);
	id_table_init(&h->btfs, HACHI_FD_BTF);
	hook_set_init(&h->hooks);
	trace_ring_init(&h->trace);
	custom_table_init(&h->custom);
	watch_table_init(&h->watches);
	pthread_mutex_init(&h->btf_lock, NULL);
	h->btfs.last = 1; /* 1 is the kernel's own */
	err = copy_opts(h, &all);
	pthread_mutex_lock(&instances_lock);
	h->next = instances;
	h->prev = &instances;
	if (h->next)
		h->next->prev = &h->next;
	instances = h;
	pthread_mutex_unlock(&instances_lock);
	if (err) {
		hachi_free(h);
		return err;
	}
	*ret_h = h;
	return 0;
}

void hachi_free(struct hachi *h)
{
	if (!h)
		return;
	pthread_mutex_lock(&instances_lock);
	*h->prev = h->next;
	if (h->next)
		h->next->prev = h->prev;
	pthread_mutex_unlock(&instances_lock);
	watch_table_release(h);
	pin_table_release(&h->pins);
	desc_table_release(&h->descs);
	epoch_sync();	       /* what a map's slots still held is gone now */
	while (h->hooks.first) /* PROG_ATTACH; links are gone with their descriptors */
		hook_detach(&h->hooks, h->hooks.first);
	types_object_unref(h->vmlinux);
	epoch_sync();
	hook_set_release(&h->hooks);
	id_table_release(&h->maps);
	id_table_release(&h->progs);
	id_table_release(&h->links);
	id_table_release(&h->btfs);
	trace_ring_release(&h->trace);
	custom_table_release(&h->custom);
	idmap_release(&h->btf_by_data);
	pthread_mutex_destroy(&h->btf_lock);
	mem_free(h->btf_path);
	mem_free(h);
}

uint32_t hachi_caps(const struct hachi *h)
{
	return __atomic_load_n(&h->caps, __ATOMIC_RELAXED);
}

void hachi_set_caps(struct hachi *h, uint32_t caps)
{
	__atomic_store_n(&h->caps, caps & HACHI_CAPS_ALL, __ATOMIC_RELAXED);
}

const char *hachi_version(void)
{
	return HACHI_VERSION;
}

int name_check(const char *name, size_t size)
{
	size_t len = strnlen(name, size);

	if (len == size)
		return -EINVAL;
	for (size_t i = 0; i < len; i++)
		if (!isalnum((unsigned char)name[i]) && name[i] != '_' && name[i] != '.')
			return -EINVAL;
	return 0;
}

int map_from_fd(struct hachi *h, int fd, struct map **ret_map)
{
	return desc_get_object(&h->descs, fd, HACHI_FD_MAP, (void **)ret_map);
}

int prog_from_fd(struct hachi *h, int fd, struct prog **ret_prog)
{
	return desc_get_object(&h->descs, fd, HACHI_FD_PROG, (void **)ret_prog);
}

int types_from_fd(struct hachi *h, int fd, struct btf_object **ret_object)
{
	return desc_get_object(&h->descs, fd, HACHI_FD_BTF, (void **)ret_object);
}

long hachi_close(struct hachi *h, int fd)
{
	watch_forget(h, fd);
	return desc_close(&h->descs, fd);
}

long hachi_dup(struct hachi *h, int fd, int new_fd, int flags)
{
	if (new_fd >= 0 && new_fd != fd)
		watch_forget(h, new_fd);
	return desc_dup(&h->descs, fd, new_fd, flags);
}

void hachi_forget(struct hachi *h, int fd)
{
	watch_forget(h, fd);
	desc_forget(&h->descs, fd);
}

int hachi_fd_kind(struct hachi *h, int fd)
{
	int kind = desc_kind(&h->descs, fd);

	return kind <= HACHI_FD_ITER ? kind : 0;
}
