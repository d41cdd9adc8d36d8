// SPDX-License-Identifier: BSD-2-Clause
/*
 * struct task_struct for programs: images laid out as the machine's kernel BTF says, filled with
 * what user space can know of a task. bpf_get_current_task() gives an image's address, and
 * bpf_probe_read_kernel() and BTF pointers read it, so that CO-RE programs that follow
 * task->real_parent->tgid or task->cred->uid find true values. Other members are zero.
 *
 * One image a task, and one for each of its ancestors. An image that is gone cannot be read any
 * more (-EFAULT), like freed memory that the kernel would not let be read.
 */
#include "base/alloc.h"
#include "base/idmap.h"
#include "source/internal.h"

#include <bpf/btf.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#define ANCESTORS_MAX 32

struct image {
	u32 tid;
	u8 *task, *cred;
};

struct cached_offset {
	const char *type, *member; /* literals: compared by address first */
	int off;
};

struct task_images {
	struct btf *btf;
	u32 task_size, cred_size;
	VEC(struct image) images;
	VEC(struct cached_offset) offsets;
};

int task_images_new(struct task_images **ret_images)
{
	struct task_images *images = mem_zalloc(sizeof(*images));

	if (!images)
		return -ENOMEM;
	images->btf = btf__load_vmlinux_btf();
	if (!images->btf) {
		mem_free(images);
		return -ENOENT;
	}
	images->task_size = (u32)MAX(task_images_size(images, "task_struct"), 0);
	images->cred_size = (u32)MAX(task_images_size(images, "cred"), 0);
	*ret_images = images;
	return 0;
}

void task_images_free(struct task_images *images)
{
	struct image *image;

	if (!images)
		return;
	vec_for_each (image, &images->images) {
		mem_free(image->task);
		mem_free(image->cred);
	}
	vec_release(&images->images);
	vec_release(&images->offsets);
	btf__free(images->btf);
	mem_free(images);
}

int task_images_size(struct task_images *images, const char *type)
{
	int id = btf__find_by_name_kind(images->btf, type, BTF_KIND_STRUCT);

	return id < 0 ? -1 : (int)btf__resolve_size(images->btf, (u32)id);
}

/* Offset in bits of a member, also inside anonymous structs and unions; -1 = absent. */
static s64 find_member(
	const struct btf *btf, const struct btf_type *type, const char *name, int depth)
{
	const struct btf_member *m = btf_members(type);

	for (u32 i = 0; i < btf_vlen(type); i++, m++) {
		const char *text = btf__name_by_offset(btf, m->name_off);
		u32 off = btf_member_bit_offset(type, i);
		const struct btf_type *inner;
		s64 found;

		if (text && strcmp(text, name) == 0)
			return off;
		if (text && *text)
			continue;
		inner = btf__type_by_id(btf, m->type);
		if (!inner || !btf_is_composite(inner) || depth > 8)
			continue;
		found = find_member(btf, inner, name, depth + 1);
		if (found >= 0)
			return off + found;
	}
	return -1;
}

int task_images_offset(struct task_images *images, const char *type, const char *member)
{
	struct cached_offset *c, fresh = {type, member, -1};
	s64 bits = -1;
	int id;

	vec_for_each (c, &images->offsets) {
		if ((c->type == type || strcmp(c->type, type) == 0) &&
			(c->member == member || strcmp(c->member, member) == 0))
			return c->off;
	}
	id = btf__find_by_name_kind(images->btf, type, BTF_KIND_STRUCT);
	if (id >= 0)
		bits = find_member(images->btf, btf__type_by_id(images->btf, (u32)id), member, 0);
	fresh.off = bits < 0 ? -1 : (int)(bits / 8);
	if (vec_push(&images->offsets, fresh))
		return fresh.off;
	return fresh.off;
}

static void put(struct task_images *images, u8 *image, const char *type, const char *member,
	const void *value, size_t len)
{
	u32 size = image && strcmp(type, "cred") == 0 ? images->cred_size : images->task_size;
	int off = task_images_offset(images, type, member);

	if (image && off >= 0 && (size_t)off + len <= size)
		memcpy(image + off, value, len);
}

static void put_u32(
	struct task_images *images, u8 *image, const char *type, const char *member, u32 value)
{
	put(images, image, type, member, &value, sizeof(value));
}

static void put_u64(
	struct task_images *images, u8 *image, const char *type, const char *member, u64 value)
{
	put(images, image, type, member, &value, sizeof(value));
}

struct proc_stat {
	u32 tgid, ppid;
	u64 start_ticks;
	u32 uid[4], gid[4];
	char comm[16];
};

static bool read_text(u32 tid, const char *name, char *buf, size_t size)
{
	char path[64];
	ssize_t len;
	int fd;

	snprintf(path, sizeof(path), "/proc/%u/%s", tid, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	len = read(fd, buf, size - 1);
	close(fd);
	buf[len > 0 ? len : 0] = 0;
	return len > 0;
}

static bool read_proc_stat(u32 tid, struct proc_stat *ret)
{
	char text[2048];
	const char *p;

	memset(ret, 0, sizeof(*ret));
	if (!read_text(tid, "stat", text, sizeof(text)))
		return false;
	p = strrchr(text, ')');
	if (!p)
		return false;
	/* fields 3..22: state, ppid, ..., starttime */
	sscanf(p + 1,
		" %*c %u %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d %*d %lu",
		&ret->ppid, &ret->start_ticks);
	if (!read_text(tid, "status", text, sizeof(text)))
		return false;
	p = strstr(text, "\nTgid:\t");
	if (p)
		sscanf(p, "\nTgid:\t%u", &ret->tgid);
	p = strstr(text, "\nUid:\t");
	if (p)
		sscanf(p, "\nUid:\t%u %u %u %u", &ret->uid[0], &ret->uid[1], &ret->uid[2],
			&ret->uid[3]);
	p = strstr(text, "\nGid:\t");
	if (p)
		sscanf(p, "\nGid:\t%u %u %u %u", &ret->gid[0], &ret->gid[1], &ret->gid[2],
			&ret->gid[3]);
	if (read_text(tid, "comm", text, sizeof(text))) {
		text[strcspn(text, "\n")] = 0;
		memcpy(ret->comm, text, MIN(strlen(text) + 1, sizeof(ret->comm)));
	}
	return true;
}

static struct image *find_image(struct task_images *images, u32 tid)
{
	struct image *image;

	vec_for_each (image, &images->images) {
		if (image->tid == tid)
			return image;
	}
	return NULL;
}

static void fill_cred(struct task_images *images, u8 *cred, const struct proc_stat *st)
{
	static const char *const uids[] = {"uid", "euid", "suid", "fsuid"};
	static const char *const gids[] = {"gid", "egid", "sgid", "fsgid"};

	for (int i = 0; i < 4; i++) {
		put_u32(images, cred, "cred", uids[i], st->uid[i]);
		put_u32(images, cred, "cred", gids[i], st->gid[i]);
	}
}

/* Address of the image of tid, made or brought up to date; 0 when the task is gone. */
static u64 refresh(struct task_images *images, u32 tid, int depth)
{
	struct image *image = find_image(images, tid), fresh = {.tid = tid};
	u64 start_ns, parent, leader, self;
	struct proc_stat st;
	u8 *task, *cred;

	if (!read_proc_stat(tid, &st))
		return 0;
	if (!image) {
		fresh.task = mem_zalloc(images->task_size);
		fresh.cred = mem_zalloc(images->cred_size);
		if (!fresh.task || !fresh.cred || vec_push(&images->images, fresh)) {
			mem_free(fresh.task);
			mem_free(fresh.cred);
			return 0;
		}
		image = &vec_last(&images->images);
	}
	task = image->task; /* the vec moves when ancestors are added */
	cred = image->cred;
	self = (u64)(uintptr_t)task;
	fill_cred(images, cred, &st);
	start_ns = st.start_ticks * (1000000000u / (u64)sysconf(_SC_CLK_TCK));
	put_u32(images, task, "task_struct", "pid", tid);
	put_u32(images, task, "task_struct", "tgid", st.tgid);
	put_u32(images, task, "task_struct", "prio", 120);
	put_u32(images, task, "task_struct", "static_prio", 120);
	put(images, task, "task_struct", "comm", st.comm, sizeof(st.comm));
	put_u64(images, task, "task_struct", "start_time", start_ns);
	put_u64(images, task, "task_struct", "start_boottime", start_ns);
	put_u64(images, task, "task_struct", "cred", (u64)(uintptr_t)cred);
	put_u64(images, task, "task_struct", "real_cred", (u64)(uintptr_t)cred);
	leader = st.tgid == tid || depth >= ANCESTORS_MAX ? self
							  : refresh(images, st.tgid, depth + 1);
	put_u64(images, task, "task_struct", "group_leader", leader);
	parent = !st.ppid		 ? self /* init's parent is itself, as the idle task's */
		: depth >= ANCESTORS_MAX ? 0
		: find_image(images, st.ppid) ? (u64)(uintptr_t)find_image(images, st.ppid)->task
					      : refresh(images, st.ppid, depth + 1);
	put_u64(images, task, "task_struct", "real_parent", parent);
	put_u64(images, task, "task_struct", "parent", parent);
	return self;
}

u64 task_image(struct task_images *images, struct task *task)
{
	return images->task_size && images->cred_size ? refresh(images, task->tid, 0) : 0;
}

void task_image_drop(struct task_images *images, struct task *task)
{
	struct image *image = find_image(images, task->tid);

	if (!image)
		return;
	mem_free(image->task);
	mem_free(image->cred);
	*image = vec_last(&images->images);
	images->images.len--;
}

static bool read_part(const u8 *base, u32 size, void *dst, size_t len, u64 addr)
{
	u64 start = (u64)(uintptr_t)base;

	if (addr < start || addr - start > size || len > size - (addr - start))
		return false;
	memcpy(dst, base + (addr - start), len);
	return true;
}

int task_images_read(const struct task_images *images, void *dst, size_t len, u64 addr)
{
	const struct image *image;

	vec_for_each (image, &images->images) {
		if (read_part(image->task, images->task_size, dst, len, addr) ||
			read_part(image->cred, images->cred_size, dst, len, addr))
			return 0;
	}
	return -EFAULT;
}
