// SPDX-License-Identifier: BSD-2-Clause
/* *_GET_NEXT_ID, and *_GET_FD_BY_ID of maps, programs and links (BTF: btf.c). */
#include "hook/link.h"
#include "syscall/instance.h"
#include "syscall/map.h"
#include "syscall/user.h"

static long next_id(struct call *call, struct id_table *table)
{
	u32 start = call->attr.id.id, id;
	void *object;

	if (start >= INT32_MAX)
		return -EINVAL;
	if (!hachi_has_cap(call->h, CAP_NEEDED_SYS_ADMIN))
		return -EPERM;
	desc_sweep(&call->h->descs);
	object = id_next(table, start, &id);
	if (!object)
		return -ENOENT;
	object_ops[table->kind].unref(object);
	return user_write_u32(CALL_FIELD(call, id, next_id), id);
}

long cmd_prog_next_id(struct call *call)
{
	return next_id(call, &call->h->progs);
}

long cmd_map_next_id(struct call *call)
{
	return next_id(call, &call->h->maps);
}

long cmd_btf_next_id(struct call *call)
{
	if (!call->attr.id.id)
		hachi_vmlinux(call->h);
	return next_id(call, &call->h->btfs);
}

long cmd_link_next_id(struct call *call)
{
	return next_id(call, &call->h->links);
}

long cmd_prog_fd_by_id(struct call *call)
{
	struct prog *prog;
	long fd;

	if (!hachi_has_cap(call->h, CAP_NEEDED_SYS_ADMIN))
		return -EPERM;
	prog = id_get(&call->h->progs, call->attr.id.id);
	if (!prog)
		return -ENOENT;
	fd = desc_new(&call->h->descs, HACHI_FD_PROG, prog, -1, DESC_RDWR);
	prog_unref(prog);
	return fd;
}

long cmd_map_fd_by_id(struct call *call)
{
	u32 flags = call->attr.id.open_flags, mode;
	struct map *map;
	long fd;

	if (flags & ~(u32)(BPF_F_RDONLY | BPF_F_WRONLY))
		return -EINVAL;
	if (!hachi_has_cap(call->h, CAP_NEEDED_SYS_ADMIN))
		return -EPERM;
	fd = map_mode(flags, &mode);
	if (fd)
		return fd;
	map = id_get(&call->h->maps, call->attr.id.id);
	if (!map)
		return -ENOENT;
	fd = desc_new(&call->h->descs, HACHI_FD_MAP, map, map->fd, mode);
	map_unref(map);
	return fd;
}

long cmd_link_fd_by_id(struct call *call)
{
	struct link *link;
	long fd;

	if (!hachi_has_cap(call->h, CAP_NEEDED_SYS_ADMIN))
		return -EPERM;
	link = id_get(&call->h->links, call->attr.id.id);
	if (!link)
		return -ENOENT;
	fd = desc_new(&call->h->descs, HACHI_FD_LINK, link, -1, DESC_RDWR);
	link_unref(link);
	return fd;
}
