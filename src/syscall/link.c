// SPDX-License-Identifier: BSD-2-Clause
/* LINK_UPDATE, LINK_DETACH, ITER_CREATE, TASK_FD_QUERY: what is done with links that exist. */
#include "hook/link.h"

#include "base/os.h"
#include "hook/event.h"
#include "syscall/info.h"
#include "syscall/instance.h"
#include "syscall/user.h"

#include <stdio.h>

static int link_from_fd(struct hachi *h, int fd, struct link **ret_link)
{
	return desc_get_object(&h->descs, fd, HACHI_FD_LINK, (void **)ret_link);
}

long cmd_link_update(struct call *call)
{
	const struct attr_link_update *attr = &call->attr.link_update;
	bool check_old = attr->flags & BPF_F_REPLACE;
	struct prog *prog, *old = NULL;
	struct link *link;
	int err;

	if (attr->flags & ~(u32)BPF_F_REPLACE)
		return -EINVAL;
	err = link_from_fd(call->h, (int)attr->link_fd, &link);
	if (err)
		return err;
	err = prog_from_fd(call->h, (int)attr->new_fd, &prog);
	if (!err) {
		if (check_old)
			err = prog_from_fd(call->h, (int)attr->old_fd, &old);
		else if (attr->old_fd)
			err = -EINVAL;
		if (!err)
			err = link_update(link, prog, old, check_old);
		prog_unref(old);
		prog_unref(prog);
	}
	link_unref(link);
	return err;
}

long cmd_link_detach(struct call *call)
{
	struct link *link;
	int err = link_from_fd(call->h, (int)call->attr.link_detach.link_fd, &link);

	if (err)
		return err;
	err = link_detach(link);
	link_unref(link);
	return err;
}

/* Iterators walk the kernel's own objects: no link of theirs can be made here. */
long cmd_iter_create(struct call *call)
{
	struct link *link;
	int err;

	if (call->attr.iter_create.flags)
		return -EINVAL;
	err = link_from_fd(call->h, (int)call->attr.iter_create.link_fd, &link);
	if (err)
		return err;
	link_unref(link);
	return -EINVAL;
}

enum { KERNEL_ENOTSUPP = 524 }; /* which libc does not name */

/* What an event says of itself: enum bpf_task_fd_type. */
static int event_type(const struct event *event)
{
	switch (event->place.kind) {
	case HACHI_ATTACH_TRACEPOINT: return BPF_FD_TYPE_TRACEPOINT;
	case HACHI_ATTACH_KPROBE: return BPF_FD_TYPE_KPROBE;
	case HACHI_ATTACH_KRETPROBE: return BPF_FD_TYPE_KRETPROBE;
	case HACHI_ATTACH_UPROBE: return BPF_FD_TYPE_UPROBE;
	case HACHI_ATTACH_URETPROBE: return BPF_FD_TYPE_URETPROBE;
	default: return -EOPNOTSUPP;
	}
}

static int answer(struct call *call, u32 prog_id, u32 type, const char *name, u64 offset)
{
	const struct attr_task_fd_query *attr = &call->attr.task_fd_query;
	int err, name_err;

	if (user_write_u32(CALL_FIELD(call, task_fd_query, buf_len), (u32)strlen(name)))
		return -EFAULT;
	name_err = info_put_string(attr->buf, attr->buf_len, name);
	if (name_err == -EFAULT)
		return name_err;
	err = user_write_u32(CALL_FIELD(call, task_fd_query, prog_id), prog_id);
	if (!err)
		err = user_write_u32(CALL_FIELD(call, task_fd_query, fd_type), type);
	if (!err)
		err = user_write(
			CALL_FIELD(call, task_fd_query, probe_offset), &offset, sizeof(offset));
	offset = 0;
	if (!err)
		err = user_write(
			CALL_FIELD(call, task_fd_query, probe_addr), &offset, sizeof(offset));
	return err ? err : name_err;
}

long cmd_task_fd_query(struct call *call)
{
	const struct attr_task_fd_query *attr = &call->attr.task_fd_query;
	struct desc_ref ref;
	int err;

	if (!hachi_has_cap(call->h, CAP_NEEDED_SYS_ADMIN))
		return -EPERM;
	if (attr->flags)
		return -EINVAL;
	if (!attr->pid || !os_process_exists(attr->pid))
		return -ENOENT;
	if (attr->pid != os_pid())
		return -EBADF; /* other processes' descriptors are none of this instance */
	err = desc_get(&call->h->descs, (int)attr->fd, 0, &ref);
	if (err)
		return err == -EBADF ? err : -KERNEL_ENOTSUPP;
	if (ref.kind == HACHI_FD_LINK &&
		((struct link *)ref.object)->type == BPF_LINK_TYPE_RAW_TRACEPOINT) {
		struct link *link = ref.object;

		err = answer(call, link->prog->id, BPF_FD_TYPE_RAW_TRACEPOINT, link->name, 0);
	} else if (ref.kind == HACHI_FD_PERF) {
		struct event *event = ref.object;
		const char *slash = strrchr(event->place.target, '/');
		const char *name = slash && event->place.kind == HACHI_ATTACH_TRACEPOINT
			? slash + 1
			: event->place.target;
		struct prog *prog = event->prog;
		int type = event_type(event);

		if (!prog)
			err = -ENOENT;
		else
			err = type < 0
				? type
				: answer(call, prog->id, (u32)type, name, event->place.offset);
	} else {
		err = -KERNEL_ENOTSUPP;
	}
	desc_put(&ref);
	return err;
}
