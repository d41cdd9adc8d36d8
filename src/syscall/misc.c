// SPDX-License-Identifier: BSD-2-Clause
/* Commands that stand alone: PROG_BIND_MAP, ENABLE_STATS, tokens, streams. */
#include "base/alloc.h"
#include "base/os.h"
#include "syscall/instance.h"
#include "syscall/user.h"

long cmd_bind_map(struct call *call)
{
	const struct attr_bind_map *attr = &call->attr.prog_bind_map;
	struct prog *prog;
	struct map *map;
	int err;

	if (attr->flags)
		return -EINVAL;
	err = prog_from_fd(call->h, (int)attr->prog_fd, &prog);
	if (err)
		return err;
	err = map_from_fd(call->h, (int)attr->map_fd, &map);
	if (!err) {
		err = prog_bind_map(prog, map);
		map_unref(map);
	}
	prog_unref(prog);
	return err;
}

void stats_switch_ref(struct stats_switch *s)
{
	__atomic_add_fetch(&s->refs, 1, __ATOMIC_RELAXED);
}

void stats_switch_unref(struct stats_switch *s)
{
	if (!s || __atomic_sub_fetch(&s->refs, 1, __ATOMIC_ACQ_REL))
		return;
	__atomic_sub_fetch(&s->h->stats_on, 1, __ATOMIC_RELAXED);
	mem_free(s);
}

long cmd_enable_stats(struct call *call)
{
	struct stats_switch *s;
	long fd;

	if (!hachi_has_cap(call->h, CAP_NEEDED_SYS_ADMIN))
		return -EPERM;
	if (call->attr.enable_stats.type != BPF_STATS_RUN_TIME)
		return -EINVAL;
	s = mem_zalloc(sizeof(*s));
	if (!s)
		return -ENOMEM;
	s->refs = 1;
	s->h = call->h;
	__atomic_add_fetch(&call->h->stats_on, 1, __ATOMIC_RELAXED);
	fd = desc_new(&call->h->descs, OBJECT_STATS, s, -1, DESC_RDWR);
	stats_switch_unref(s);
	return fd;
}

int token_refused(int fd)
{
	u64 dev, inode;

	return os_fd_inode(fd, &dev, &inode) ? -EBADF : -EINVAL;
}

/* A token belongs to a bpffs mounted with delegation, and none is here. */
long cmd_token_create(struct call *call)
{
	if (call->attr.token_create.flags)
		return -EINVAL;
	return token_refused((int)call->attr.token_create.bpffs_fd);
}

/* What a program wrote to its standard streams (bpf_stream_vprintk). None of ours writes there. */
long cmd_stream_read(struct call *call)
{
	const struct attr_stream_read *attr = &call->attr.prog_stream_read;
	struct prog *prog;
	int err = prog_from_fd(call->h, (int)attr->prog_fd, &prog);

	if (err)
		return err;
	prog_unref(prog);
	return attr->stream_id == 1 || attr->stream_id == 2 ? 0 : -ENOENT;
}
