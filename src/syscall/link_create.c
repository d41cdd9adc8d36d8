// SPDX-License-Identifier: BSD-2-Clause
/*
 * LINK_CREATE and RAW_TRACEPOINT_OPEN: which place the caller means. What happens there is the
 * business of hook/; places that no source of this machine can serve are refused with the errno
 * that a kernel without that device or map gives.
 */
#include "base/alloc.h"
#include "base/os.h"
#include "base/str.h"
#include "hook/event.h"
#include "syscall/attach.h"
#include "syscall/user.h"

#include <limits.h>
#include <stdio.h>

#define MULTI_MAX      (1u << 20) /* kernel: MAX_UPROBE_MULTI_CNT, MAX_KPROBE_MULTI_CNT */
#define MULTI_RETURN   1u
#define NF_FLAG_DEFRAG 1u

static void link_gone(struct link *link)
{
	struct hachi *h = link->owner;

	if (link->id)
		id_remove(&h->links, link->id);
}

long link_publish(struct hachi *h, struct link *link)
{
	long ret;

	link->owner = h;
	link->free_hook = link_gone;
	ret = id_alloc(&h->links, link, &link->id);
	if (!ret)
		ret = desc_new(&h->descs, HACHI_FD_LINK, link, -1, DESC_RDWR);
	link_unref(link);
	return ret;
}

/* A link with a single attachment. */
static int link_single(struct hachi *h, u32 type, u32 attach_type, struct prog *prog,
	struct hachi_attachment *pub, struct link **ret_link)
{
	struct link *link;
	int err = link_new(&h->hooks, type, attach_type, prog, 1, &link);

	if (err)
		return err;
	pub->is_enabled = true;
	if (!pub->cpu && !pub->pid)
		pub->cpu = pub->pid = -1;
	link->cookie = pub->cookie;
	err = link_attach(link, pub);
	if (err) {
		link_unref(link);
		return err;
	}
	*ret_link = link;
	return 0;
}

/* ---- tracing --------------------------------------------------------------------------------- */

static enum hachi_attach_kind tracing_kind(const struct prog *prog)
{
	if (prog->type == BPF_PROG_TYPE_LSM)
		return HACHI_ATTACH_LSM;
	switch (prog->attach_type) {
	case BPF_TRACE_RAW_TP: return HACHI_ATTACH_RAW_TRACEPOINT;
	case BPF_TRACE_FENTRY: return HACHI_ATTACH_FENTRY;
	case BPF_TRACE_FEXIT: return HACHI_ATTACH_FEXIT;
	case BPF_MODIFY_RETURN: return HACHI_ATTACH_FMOD_RET;
	default: return HACHI_ATTACH_OTHER;
	}
}

/* A program that was loaded for its target: fentry, fexit, fmod_ret, lsm, tp_btf. */
static long attach_tracing(struct hachi *h, struct prog *prog, u64 cookie)
{
	struct hachi_attachment pub = {.kind = tracing_kind(prog),
		.attach_type = prog->attach_type,
		.target = prog->attach_name,
		.cookie = cookie,
		.pid = -1,
		.cpu = -1};
	bool is_raw = pub.kind == HACHI_ATTACH_RAW_TRACEPOINT;
	struct link *link;
	int err;

	if (!prog->attach_name || prog->type == BPF_PROG_TYPE_EXT || prog->target ||
		pub.kind == HACHI_ATTACH_OTHER)
		return -EOPNOTSUPP;
	err = link_single(h, is_raw ? BPF_LINK_TYPE_RAW_TRACEPOINT : BPF_LINK_TYPE_TRACING,
		prog->attach_type, prog, &pub, &link);
	if (err)
		return err;
	if (is_raw) {
		link->name = mem_strdup(prog->attach_name);
		if (!link->name) {
			link_unref(link);
			return -ENOMEM;
		}
	} else {
		link->tracing.target_obj_id = prog->attach_btf_obj_id;
		link->tracing.target_btf_id = prog->attach_btf_id;
	}
	return link_publish(h, link);
}

/* The kernel has a typedef btf_trace_NAME for every raw tracepoint. */
static bool raw_tracepoint_exists(struct hachi *h, const char *name)
{
	static const char *const served[] = {"sys_enter", "sys_exit", "sched_process_exec",
		"sched_process_fork", "sched_process_exit"};
	char typedef_name[160];
	const struct btf *vmlinux;

	for (u32 i = 0; i < ARRAY_SIZE(served); i++)
		if (!strcmp(name, served[i]))
			return true;
	vmlinux = hachi_vmlinux(h);
	snprintf(typedef_name, sizeof(typedef_name), "btf_trace_%s", name);
	return vmlinux && btype_find(vmlinux, typedef_name, BTF_KIND_TYPEDEF) > 0;
}

static long attach_raw_tracepoint(struct hachi *h, struct prog *prog, u64 name_addr, u64 cookie)
{
	struct hachi_attachment pub = {
		.kind = HACHI_ATTACH_RAW_TRACEPOINT, .cookie = cookie, .pid = -1, .cpu = -1};
	struct link *link;
	char name[128];
	int err;

	if (user_read_string(name, name_addr, sizeof(name)) < 0)
		return -EFAULT;
	if (!raw_tracepoint_exists(h, name))
		return -ENOENT;
	pub.target = name;
	err = link_single(h, BPF_LINK_TYPE_RAW_TRACEPOINT, BPF_TRACE_RAW_TP, prog, &pub, &link);
	if (err)
		return err;
	link->name = mem_strdup(name);
	if (!link->name) {
		link_unref(link);
		return -ENOMEM;
	}
	return link_publish(h, link);
}

long cmd_raw_tracepoint_open(struct call *call)
{
	const struct attr_raw_tracepoint *attr = &call->attr.raw_tracepoint;
	struct prog *prog;
	long ret = prog_from_fd(call->h, (int)attr->prog_fd, &prog);

	if (ret)
		return ret;
	switch (prog->type) {
	case BPF_PROG_TYPE_TRACING:
	case BPF_PROG_TYPE_EXT:
	case BPF_PROG_TYPE_LSM:
		ret = attr->name ? -EINVAL : attach_tracing(call->h, prog, attr->cookie);
		break;
	case BPF_PROG_TYPE_RAW_TRACEPOINT:
	case BPF_PROG_TYPE_RAW_TRACEPOINT_WRITABLE:
		ret = attach_raw_tracepoint(call->h, prog, attr->name, attr->cookie);
		break;
	default: ret = -EINVAL;
	}
	prog_unref(prog);
	return ret;
}

/* ---- perf events and multi-probes ------------------------------------------------------------ */

static long attach_perf(struct hachi *h, struct prog *prog, const struct attr_link_create *attr)
{
	struct event *event;
	struct link *link;
	int err;

	if (attr->flags)
		return -EINVAL;
	err = desc_get_object(&h->descs, (int)attr->target_fd, HACHI_FD_PERF, (void **)&event);
	if (err)
		return -EBADF;
	err = link_new(&h->hooks, BPF_LINK_TYPE_PERF_EVENT, BPF_PERF_EVENT, prog, 0, &link);
	if (!err) {
		err = event_set_prog(event, prog, attr->perf_event.cookie);
		if (err) {
			link_unref(link);
		} else {
			link->cookie = attr->perf_event.cookie;
			link->event = event;
			return link_publish(h, link);
		}
	}
	event_unref(event);
	return err;
}

/* element n of an optional array of u64 */
static int read_value(u64 addr, u32 n, u64 *ret_value)
{
	*ret_value = 0;
	return addr ? user_read(ret_value, addr + n * sizeof(u64), sizeof(u64)) : 0;
}

static int add_uprobe(struct link *link, const struct attr_link_create *attr, u32 n)
{
	struct hachi_attachment pub = {
		.kind = attr->uprobe_multi.flags & MULTI_RETURN ? HACHI_ATTACH_URETPROBE
								: HACHI_ATTACH_UPROBE,
		.attach_type = link->attach_type,
		.target = link->name,
		.pid = link->pid ? (s32)link->pid : -1,
		.cpu = -1,
		.is_enabled = true,
	};

	if (read_value(attr->uprobe_multi.offsets, n, &pub.offset) ||
		read_value(attr->uprobe_multi.ref_ctr_offsets, n, &pub.ref_ctr_offset) ||
		read_value(attr->uprobe_multi.cookies, n, &pub.cookie))
		return -EFAULT;
	return (s64)pub.offset < 0 ? -EINVAL : link_attach(link, &pub);
}

static long attach_uprobe_multi(
	struct hachi *h, struct prog *prog, const struct attr_link_create *attr)
{
	u32 cnt = attr->uprobe_multi.cnt;
	char path[PATH_MAX];
	struct link *link;
	long len;
	int err;

	if (prog->attach_type != attr->attach_type || (attr->uprobe_multi.flags & ~MULTI_RETURN) ||
		!attr->uprobe_multi.path || !attr->uprobe_multi.offsets || !cnt ||
		(s32)attr->uprobe_multi.pid < 0)
		return -EINVAL;
	if (cnt > MULTI_MAX)
		return -E2BIG;
	len = user_read_string(path, attr->uprobe_multi.path, sizeof(path));
	if (len < 0)
		return len;
	err = os_check_file(path);
	if (err)
		return err == -EISDIR ? -EBADF : err;
	if (attr->uprobe_multi.pid && !os_process_exists(attr->uprobe_multi.pid))
		return -ESRCH;
	err = link_new(
		&h->hooks, HACHI_BPF_LINK_TYPE_UPROBE_MULTI, attr->attach_type, prog, cnt, &link);
	if (err)
		return err;
	link->pid = attr->uprobe_multi.pid;
	link->flags = attr->uprobe_multi.flags;
	link->name = mem_strdup(path);
	if (!link->name)
		err = -ENOMEM;
	for (u32 i = 0; i < cnt && !err; i++)
		err = add_uprobe(link, attr, i);
	if (err) {
		link_unref(link);
		return err;
	}
	return link_publish(h, link);
}

static int add_kprobe(struct link *link, const struct attr_link_create *attr, u32 n)
{
	char name[256];
	struct hachi_attachment pub = {
		.kind = attr->kprobe_multi.flags & MULTI_RETURN ? HACHI_ATTACH_KRETPROBE
								: HACHI_ATTACH_KPROBE,
		.attach_type = link->attach_type,
		.target = name,
		.pid = -1,
		.cpu = -1,
		.is_enabled = true,
	};
	u64 addr;

	if (read_value(attr->kprobe_multi.syms, n, &addr) ||
		read_value(attr->kprobe_multi.cookies, n, &pub.cookie) ||
		user_read_string(name, addr, sizeof(name)) < 0)
		return -EFAULT;
	return link_attach(link, &pub);
}

static long attach_kprobe_multi(
	struct hachi *h, struct prog *prog, const struct attr_link_create *attr)
{
	u32 cnt = attr->kprobe_multi.cnt;
	struct link *link;
	int err;

	if (prog->attach_type != attr->attach_type || (attr->kprobe_multi.flags & ~MULTI_RETURN) ||
		!cnt || !attr->kprobe_multi.addrs == !attr->kprobe_multi.syms)
		return -EINVAL;
	if (cnt > MULTI_MAX)
		return -E2BIG;
	if (attr->kprobe_multi.addrs)
		return -EOPNOTSUPP; /* kernel addresses mean nothing here: name the symbols */
	err = link_new(&h->hooks, BPF_LINK_TYPE_KPROBE_MULTI, attr->attach_type, prog, cnt, &link);
	if (err)
		return err;
	link->flags = attr->kprobe_multi.flags;
	for (u32 i = 0; i < cnt && !err; i++)
		err = add_kprobe(link, attr, i);
	if (err) {
		link_unref(link);
		return err;
	}
	return link_publish(h, link);
}

/* ---- network --------------------------------------------------------------------------------- */

static long attach_xdp(struct hachi *h, struct prog *prog, const struct attr_link_create *attr)
{
	struct hachi_attachment pub = {.kind = HACHI_ATTACH_XDP,
		.attach_type = BPF_XDP,
		.ifindex = attr->target_fd,
		.pid = -1,
		.cpu = -1};
	struct link *link;
	bool is_taken;
	int err;

	if (!os_netdev_exists(attr->target_fd))
		return -EINVAL;
	if (prog->attach_type && prog->attach_type != BPF_XDP)
		return -EINVAL;
	pthread_mutex_lock(&h->hooks.lock);
	is_taken = hook_next_at(&h->hooks, NULL, &pub) != NULL;
	pthread_mutex_unlock(&h->hooks.lock);
	if (is_taken)
		return -EBUSY;
	err = link_single(h, BPF_LINK_TYPE_XDP, BPF_XDP, prog, &pub, &link);
	if (err)
		return err;
	link->ifindex = attr->target_fd;
	link->flags = attr->flags;
	return link_publish(h, link);
}

int attach_place_tcx(u32 ifindex, u32 attach_type, struct hachi_attachment *ret_place)
{
	*ret_place = (struct hachi_attachment){
		.kind = attach_type == HACHI_BPF_TCX_INGRESS ? HACHI_ATTACH_TC_INGRESS
							     : HACHI_ATTACH_TC_EGRESS,
		.attach_type = attach_type,
		.ifindex = ifindex,
		.pid = -1,
		.cpu = -1,
		.is_enabled = true,
	};
	return os_netdev_exists(ifindex) ? 0 : -ENODEV;
}

static long attach_tcx(struct hachi *h, struct prog *prog, const struct attr_link_create *attr)
{
	struct hachi_attachment place;
	struct link *link;
	int err = attach_place_tcx(attr->target_fd, attr->attach_type, &place);

	if (err)
		return err;
	if (attr->flags || attr->order.relative || attr->order.expected_revision)
		return -EOPNOTSUPP; /* at the end, in the order of attaching */
	err = link_single(h, HACHI_BPF_LINK_TYPE_TCX, attr->attach_type, prog, &place, &link);
	if (err)
		return err;
	link->ifindex = attr->target_fd;
	return link_publish(h, link);
}

static long attach_netfilter(
	struct hachi *h, struct prog *prog, const struct attr_link_create *attr)
{
	struct hachi_attachment pub = {.kind = HACHI_ATTACH_NETFILTER,
		.attach_type = HACHI_BPF_NETFILTER,
		.pid = -1,
		.cpu = -1};
	s32 priority = attr->netfilter.priority;
	struct link *link;
	int err;

	if (attr->flags || (attr->netfilter.flags & ~NF_FLAG_DEFRAG))
		return -EINVAL;
	if (attr->netfilter.pf != 2 && attr->netfilter.pf != 10) /* NFPROTO_IPV4, _IPV6 */
		return -EAFNOSUPPORT;
	if (attr->netfilter.hooknum >= 5)
		return -EPROTO;
	if (priority == INT32_MIN || priority == INT32_MAX) /* NF_IP_PRI_FIRST, _LAST */
		return -ERANGE;
	if ((attr->netfilter.flags & NF_FLAG_DEFRAG) && priority <= -400)
		return -ERANGE;
	pub.offset = (u64)attr->netfilter.pf << 32 | attr->netfilter.hooknum;
	err = link_single(h, HACHI_BPF_LINK_TYPE_NETFILTER, HACHI_BPF_NETFILTER, prog, &pub, &link);
	if (err)
		return err;
	link->netfilter.pf = attr->netfilter.pf;
	link->netfilter.hooknum = attr->netfilter.hooknum;
	link->netfilter.priority = priority;
	link->flags = attr->netfilter.flags;
	return link_publish(h, link);
}

bool attach_is_cgroup(u32 prog_type, u32 attach_type)
{
	switch (prog_type) {
	case BPF_PROG_TYPE_CGROUP_SKB:
	case BPF_PROG_TYPE_CGROUP_SOCK:
	case BPF_PROG_TYPE_CGROUP_SOCK_ADDR:
	case BPF_PROG_TYPE_SOCK_OPS:
	case BPF_PROG_TYPE_CGROUP_DEVICE:
	case BPF_PROG_TYPE_CGROUP_SYSCTL:
	case BPF_PROG_TYPE_CGROUP_SOCKOPT: return true;
	case BPF_PROG_TYPE_LSM: return attach_type == BPF_LSM_CGROUP;
	default: return false;
	}
}

int attach_place_cgroup(int fd, u32 attach_type, char *path, size_t size,
	struct hachi_attachment *ret_place, u64 *ret_id)
{
	u64 dev;
	int len;

	if (!os_fd_is_cgroup(fd))
		return -EBADF;
	len = os_fd_path(fd, path, size);
	if (len < 0)
		return len;
	*ret_place = (struct hachi_attachment){
		.kind = HACHI_ATTACH_CGROUP,
		.attach_type = attach_type,
		.target = path,
		.pid = -1,
		.cpu = -1,
		.is_enabled = true,
	};
	return os_fd_inode(fd, &dev, ret_id); /* a cgroup's id is its inode */
}

static long attach_cgroup(struct hachi *h, struct prog *prog, const struct attr_link_create *attr)
{
	struct hachi_attachment place;
	char path[PATH_MAX];
	struct link *link;
	u64 id;
	int err;

	if (attr->flags)
		return -EINVAL;
	err = attach_place_cgroup(
		(int)attr->target_fd, attr->attach_type, path, sizeof(path), &place, &id);
	if (!err)
		err = link_single(h, BPF_LINK_TYPE_CGROUP, attr->attach_type, prog, &place, &link);
	if (err)
		return err;
	link->cgroup.id = id;
	return link_publish(h, link);
}

static long attach_netns(struct hachi *h, struct prog *prog, const struct attr_link_create *attr)
{
	struct hachi_attachment place = {
		.kind = HACHI_ATTACH_OTHER, .attach_type = attr->attach_type, .pid = -1, .cpu = -1};
	struct link *link;
	char path[PATH_MAX];
	u64 dev, inode;
	int err;

	if (attr->flags)
		return -EINVAL;
	err = os_fd_inode((int)attr->target_fd, &dev, &inode);
	if (err)
		return err;
	if (os_fd_path((int)attr->target_fd, path, sizeof(path)) < 0 || strncmp(path, "net:", 4))
		return -EINVAL;
	place.offset = inode;
	err = link_single(h, BPF_LINK_TYPE_NETNS, attr->attach_type, prog, &place, &link);
	if (err)
		return err;
	link->netns_inode = (u32)inode;
	return link_publish(h, link);
}

/* ---- the command ----------------------------------------------------------------------------- */

static long attach_classifier(
	struct hachi *h, struct prog *prog, const struct attr_link_create *attr)
{
	if (attr->attach_type == HACHI_BPF_TCX_INGRESS || attr->attach_type == HACHI_BPF_TCX_EGRESS)
		return attach_tcx(h, prog, attr);
	/* netkit: no such device can be here */
	return os_netdev_exists(attr->target_fd) ? -ENXIO : -ENODEV;
}

static long attach_kprobe(struct hachi *h, struct prog *prog, const struct attr_link_create *attr)
{
	switch (attr->attach_type) {
	case BPF_PERF_EVENT: return attach_perf(h, prog, attr);
	case BPF_TRACE_KPROBE_MULTI:
	case HACHI_BPF_TRACE_KPROBE_SESSION: return attach_kprobe_multi(h, prog, attr);
	default: return attach_uprobe_multi(h, prog, attr);
	}
}

static long attach_by_type(struct hachi *h, struct prog *prog, const struct attr_link_create *attr)
{
	if (attach_is_cgroup(prog->type, attr->attach_type))
		return attach_cgroup(h, prog, attr);
	switch (prog->type) {
	case BPF_PROG_TYPE_EXT:
	case BPF_PROG_TYPE_LSM:
	case BPF_PROG_TYPE_TRACING:
		if (prog->type != BPF_PROG_TYPE_EXT && attr->attach_type != prog->attach_type)
			return -EINVAL;
		return attach_tracing(h, prog, attr->tracing.cookie);
	case BPF_PROG_TYPE_FLOW_DISSECTOR:
	case BPF_PROG_TYPE_SK_LOOKUP: return attach_netns(h, prog, attr);
	case BPF_PROG_TYPE_XDP: return attach_xdp(h, prog, attr);
	case BPF_PROG_TYPE_SCHED_CLS: return attach_classifier(h, prog, attr);
	case HACHI_BPF_PROG_TYPE_NETFILTER: return attach_netfilter(h, prog, attr);
	case BPF_PROG_TYPE_PERF_EVENT:
	case BPF_PROG_TYPE_TRACEPOINT: return attach_perf(h, prog, attr);
	case BPF_PROG_TYPE_KPROBE: return attach_kprobe(h, prog, attr);
	default: return -EINVAL;
	}
}

long cmd_link_create(struct call *call)
{
	const struct attr_link_create *attr = &call->attr.link_create;
	struct prog *prog;
	long ret;

	if (attr->attach_type == HACHI_BPF_STRUCT_OPS)
		return -EINVAL; /* its map kind is not here */
	ret = prog_from_fd(call->h, (int)attr->prog_fd, &prog);
	if (ret)
		return ret;
	ret = attach_check_type(call->h, prog, attr->attach_type);
	if (!ret)
		ret = attach_by_type(call->h, prog, attr);
	prog_unref(prog);
	return ret;
}
