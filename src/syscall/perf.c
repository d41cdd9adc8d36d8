// SPDX-License-Identifier: BSD-2-Clause
/*
 * perf_event_open(2) and the ioctls on what it makes, as far as loaders use them: tracepoints by
 * the id that tracefs gives, kprobes and uprobes by the types that sysfs gives
 * (hachi_virtual_file()), sampling, and the rings of bpf_perf_event_output().
 */
#include "base/os.h"
#include "hook/event.h"
#include "syscall/instance.h"
#include "syscall/tracefs.h"
#include "syscall/user.h"

#include <limits.h>
#include <sys/ioctl.h>

#define ATTR_SIZE_VER0 64u
#define KNOWN_FLAGS                                                                                \
	(PERF_FLAG_FD_NO_GROUP | PERF_FLAG_FD_OUTPUT | PERF_FLAG_PID_CGROUP | PERF_FLAG_FD_CLOEXEC)

/* The caller's attr: his size may be older or newer than ours; what is beyond must be zero. */
static int read_attr(u64 addr, struct perf_event_attr *ret_attr)
{
	u32 size;
	int err = user_read(&size, addr + offsetof(struct perf_event_attr, size), sizeof(size));

	if (err)
		return err;
	if (!size)
		size = ATTR_SIZE_VER0;
	if (size < ATTR_SIZE_VER0 || size > 4096)
		return -E2BIG;
	err = user_check_tail(addr, sizeof(*ret_attr), size);
	memset(ret_attr, 0, sizeof(*ret_attr));
	return err ? err : user_read(ret_attr, addr, MIN(size, (u32)sizeof(*ret_attr)));
}

/* The symbol or path of a probe. */
static int read_target(struct event_args *args, char *buf, size_t size)
{
	long len;

	/* config1: kprobe_func or uprobe_path */
	if (!args->attr.config1)
		return -EOPNOTSUPP; /* kernel addresses mean nothing here */
	len = user_read_string(buf, args->attr.config1, size);
	if (len < 0)
		return (int)len;
	if (!len || len >= (long)size)
		return -EINVAL;
	args->target = buf;
	return 0;
}

static int find_target(struct event_args *args, char *buf, size_t size)
{
	int err;

	switch (args->attr.type) {
	case PERF_TYPE_TRACEPOINT:
		err = tracefs_name_of_id(args->attr.config, buf, size);
		args->target = buf;
		return err ? -EINVAL : 0;
	case EVENT_TYPE_KPROBE:
		err = read_target(args, buf, size);
		return err ? err : tracefs_check_symbol(buf);
	case EVENT_TYPE_UPROBE:
		err = read_target(args, buf, size);
		if (!err)
			err = os_check_file(buf);
		return err == -EISDIR ? -EINVAL : err;
	default: return 0;
	}
}

long hachi_perf_event_open(struct hachi *h, const struct perf_event_attr *attr, int pid, int cpu,
	int group, uint64_t flags)
{
	struct event_args args = {.pid = pid, .cpu = cpu};
	char target[PATH_MAX];
	struct event *event;
	long ret;
	int err;

	if (flags & ~(u64)KNOWN_FLAGS)
		return -EINVAL;
	err = read_attr((u64)(uintptr_t)attr, &args.attr);
	if (err)
		return err;
	if (!hachi_has_cap(h, CAP_NEEDED_PERFMON))
		return -EACCES;
	if (pid == -1 && cpu == -1)
		return -EINVAL;
	if (cpu >= (int)os_cpu_count())
		return -ENODEV;
	if (pid > 0 && !os_process_exists((u32)pid))
		return -ESRCH;
	if (pid == 0)
		args.pid = (s32)os_pid();
	if (group != -1 && desc_kind(&h->descs, group) != HACHI_FD_PERF)
		return -EBADF;
	err = find_target(&args, target, sizeof(target));
	if (!err)
		err = event_new(&h->hooks, &args, &event);
	if (err)
		return err;
	ret = desc_new(&h->descs, HACHI_FD_PERF, event, event->fd, DESC_RDWR);
	event_unref(event);
	return ret;
}

static long set_bpf(struct hachi *h, struct event *event, int prog_fd)
{
	struct prog *prog;
	int err = prog_from_fd(h, prog_fd, &prog);

	if (err)
		return err;
	err = event_set_prog(event, prog, 0);
	prog_unref(prog);
	return err;
}

/* struct perf_event_query_bpf { ids_len, prog_cnt, ids[] }: the programs at this event's place. */
struct query_walk {
	const struct event *event;
	u64 ids;
	u32 room, count;
	bool has_fault;
};

static int query_one(const struct hachi_attachment *a, void *arg)
{
	struct query_walk *w = arg;
	const struct hachi_attachment *place = &w->event->place;

	if (a->kind != place->kind || a->offset != place->offset ||
		strcmp(a->target, place->target))
		return 0;
	if (w->count < w->room && user_write_u32(w->ids + w->count * sizeof(u32), a->prog_id))
		w->has_fault = true;
	w->count++;
	return 0;
}

static long query_bpf(struct hachi *h, struct event *event, u64 addr)
{
	struct query_walk w = {.event = event, .ids = addr + 2 * sizeof(u32)};
	int err;

	if (!hachi_has_cap(h, CAP_NEEDED_PERFMON))
		return -EPERM;
	if (event->attr.type != PERF_TYPE_TRACEPOINT)
		return -EINVAL;
	if (user_read(&w.room, addr, sizeof(w.room)))
		return -EFAULT;
	if (w.room > 64)
		return -E2BIG;
	err = hook_walk(&h->hooks, query_one, &w);
	if (err)
		return err;
	if (w.has_fault || user_write_u32(addr + sizeof(u32), w.count))
		return -EFAULT;
	return w.room && w.count > w.room ? -ENOSPC : 0;
}

long hachi_ioctl(struct hachi *h, int fd, unsigned long request, unsigned long arg)
{
	struct event *event;
	long ret;

	if (desc_get_object(&h->descs, fd, HACHI_FD_PERF, (void **)&event))
		return -ENOTTY;
	switch (request) {
	case PERF_EVENT_IOC_ENABLE: ret = event_enable(event, true); break;
	case PERF_EVENT_IOC_DISABLE: ret = event_enable(event, false); break;
	case PERF_EVENT_IOC_REFRESH: ret = event_enable(event, true); break;
	case PERF_EVENT_IOC_RESET:
	case PERF_EVENT_IOC_SET_OUTPUT:
	case PERF_EVENT_IOC_PAUSE_OUTPUT: ret = 0; break;
	case PERF_EVENT_IOC_SET_BPF: ret = set_bpf(h, event, (int)arg); break;
	case PERF_EVENT_IOC_QUERY_BPF: ret = query_bpf(h, event, arg); break;
	case PERF_EVENT_IOC_ID: ret = user_write(arg, &event->id, sizeof(event->id)); break;
	case PERF_EVENT_IOC_PERIOD: ret = arg ? 0 : -EFAULT; break;
	default: ret = -ENOTTY;
	}
	event_unref(event);
	return ret;
}
