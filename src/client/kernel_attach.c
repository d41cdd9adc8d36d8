// SPDX-License-Identifier: BSD-2-Clause
/*
 * One function a kind of place, chosen by program type in the table at the end. libbpf has no
 * wrapper for links that are younger than it is (tcx, netkit, netfilter): these are made by bpf(2)
 * directly.
 */
#include "client/kernel_attach.h"
#include "base/alloc.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fcntl.h>
#include <linux/if_ether.h>
#include <linux/if_link.h>
#include <linux/netfilter.h>
#include <linux/perf_event.h>
#include <net/if.h>
#include <netpacket/packet.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#define TC_PRIORITY   0xbee
#define DRAIN_PACKETS 1024

struct iterator {
	const char *name;
	struct bpf_link *link; /* the load's */
};

struct kernel_attached {
	VEC(int) fds;	  /* links, owned */
	VEC(int) sockets; /* owned */
	VEC(struct iterator) iterators;
};

struct attaching {
	struct load *load;
	const struct kernel_attach_opts *opts;
	struct kernel_attached *attached;
	struct route_programs route;
	struct bpf_program *xdp; /* the one on the device */
	struct strbuf *error;
	u32 ifindex;
};

/* ---- sentences ------------------------------------------------------------------------------ */

static int fail(struct attaching *a, struct bpf_program *prog, int err, const char *format, ...)
	PRINTF_LIKE(4, 5);

static int fail(struct attaching *a, struct bpf_program *prog, int err, const char *format, ...)
{
	va_list args;

	strbuf_printf(a->error, "%s: program %s: section \"%s\"", a->load->path,
		bpf_program__name(prog), bpf_program__section_name(prog));
	va_start(args, format);
	strbuf_vprintf(a->error, format, args);
	va_end(args);
	return err;
}

static int need_device(struct attaching *a, struct bpf_program *prog)
{
	if (a->ifindex)
		return 0;
	return fail(a, prog, -EINVAL, " wants a network device: give --dev IFACE");
}

static int keep_fd(struct attaching *a, struct bpf_program *prog, int fd)
{
	int err = -errno;

	if (fd < 0)
		return fail(a, prog, err, " cannot be attached: %s", strerror(-err));
	if (vec_push(&a->attached->fds, fd) == 0)
		return 0;
	close(fd);
	return -ENOMEM;
}

static int keep_link(struct attaching *a, struct bpf_program *prog, struct bpf_link *link)
{
	int err = -errno;

	if (!link)
		return fail(a, prog, err, " cannot be attached: %s", strerror(-err));
	return load_keep_link(a->load, prog, link);
}

static u32 prog_id(struct bpf_program *prog)
{
	struct bpf_prog_info info = {0};
	u32 len = sizeof(info);

	return bpf_obj_get_info_by_fd(bpf_program__fd(prog), &info, &len) ? 0 : info.id;
}

static bool section_is(const struct bpf_program *prog, const char *start)
{
	return str_starts_with(bpf_program__section_name(prog), start);
}

/* ---- devices -------------------------------------------------------------------------------- */

static int attach_xdp(struct attaching *a, struct bpf_program *prog)
{
	LIBBPF_OPTS(bpf_link_create_opts, opts);
	enum bpf_attach_type type = bpf_program__get_expected_attach_type(prog);
	int err = need_device(a, prog), fd;

	if (err)
		return err;
	/* programs of a devmap or cpumap are run by the map; others behind the first by tail call
	 */
	if (type == BPF_XDP_DEVMAP || type == BPF_XDP_CPUMAP || a->xdp)
		return 0;
	if (a->opts->xdp_mode != KERNEL_XDP_AUTO)
		opts.flags = a->opts->xdp_mode == KERNEL_XDP_NATIVE ? XDP_FLAGS_DRV_MODE
								    : XDP_FLAGS_SKB_MODE;
	fd = bpf_link_create(bpf_program__fd(prog), (int)a->ifindex, BPF_XDP, &opts);
	err = -errno;
	if (fd < 0 && err == -EBUSY)
		return fail(
			a, prog, err, ": device %s has an XDP program already", a->opts->device);
	if (fd < 0 && err == -EOPNOTSUPP && a->opts->xdp_mode == KERNEL_XDP_NATIVE)
		return fail(a, prog, err, ": the driver of %s has no native XDP: --xdp generic",
			a->opts->device);
	errno = -err;
	a->xdp = prog;
	return keep_fd(a, prog, fd);
}

/* BPF_LINK_CREATE for attach types that libbpf does not know. */
static int link_raw(struct bpf_program *prog, u32 target, u32 attach_type)
{
	union bpf_attr attr = {0};

	attr.link_create.prog_fd = (u32)bpf_program__fd(prog);
	attr.link_create.target_fd = target;
	attr.link_create.attach_type = attach_type;
	return (int)syscall(SYS_bpf, BPF_LINK_CREATE, &attr, sizeof(attr));
}

/* Kernels before 6.6: a clsact qdisc and a filter of classifier and action in one. */
static int attach_clsact(struct attaching *a, struct bpf_program *prog, bool is_egress)
{
	u32 handle = (u32)getpid() % 0xfffe + 1,
	    priority = TC_PRIORITY + (u32)a->load->attached.len;
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = (int)a->ifindex,
		.attach_point = is_egress ? BPF_TC_EGRESS : BPF_TC_INGRESS);
	LIBBPF_OPTS(bpf_tc_opts, opts, .prog_fd = bpf_program__fd(prog), .handle = handle,
		.priority = priority + (u32)a->attached->fds.len);
	int err = keeper_clsact(a->opts->keeper, a->ifindex);

	if (!err)
		err = keeper_filter(a->opts->keeper, a->ifindex, is_egress, opts.handle,
			opts.priority, prog_id(prog));
	if (!err)
		err = bpf_tc_attach(&hook, &opts);
	if (err)
		return fail(a, prog, err, " cannot be attached to device %s: %s", a->opts->device,
			strerror(-err));
	/* a place in fds, so that the next filter gets a priority of its own */
	return keep_fd(a, prog, dup(bpf_program__fd(prog)));
}

static int attach_tc(struct attaching *a, struct bpf_program *prog)
{
	bool is_egress = section_is(prog, "tc/egress") || section_is(prog, "tcx/egress");
	bool is_netkit = section_is(prog, "netkit/");
	u32 type = is_egress ? HACHI_BPF_TCX_EGRESS : HACHI_BPF_TCX_INGRESS;
	int err = need_device(a, prog), fd;

	if (err)
		return err;
	if (is_netkit)
		type = section_is(prog, "netkit/peer") ? HACHI_BPF_NETKIT_PEER
						       : HACHI_BPF_NETKIT_PRIMARY;
	fd = link_raw(prog, a->ifindex, type);
	if (fd < 0 && errno == EINVAL && !is_netkit)
		return attach_clsact(a, prog, is_egress);
	return keep_fd(a, prog, fd);
}

static int attach_socket(struct attaching *a, struct bpf_program *prog)
{
	struct sockaddr_ll address = {
		.sll_family = AF_PACKET,
		.sll_protocol = htons(ETH_P_ALL),
		.sll_ifindex = (int)a->ifindex,
	};
	int err = need_device(a, prog), prog_fd = bpf_program__fd(prog), fd;

	if (err)
		return err;
	fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	err = fd < 0 ? -errno : 0;
	if (!err && setsockopt(fd, SOL_SOCKET, SO_ATTACH_BPF, &prog_fd, sizeof(prog_fd)))
		err = -errno;
	if (!err && bind(fd, (struct sockaddr *)&address, sizeof(address)))
		err = -errno;
	if (!err && vec_push(&a->attached->sockets, fd))
		err = -ENOMEM;
	if (!err)
		return 0;
	if (fd >= 0)
		close(fd);
	return fail(a, prog, err, ": no packet socket with it on %s: %s", a->opts->device,
		strerror(-err));
}

static int attach_lwt(struct attaching *a, struct bpf_program *prog)
{
	int fd = bpf_program__fd(prog), err = need_device(a, prog);

	if (err)
		return err;
	if (!a->opts->route)
		return fail(a, prog, -EINVAL, " wants a route: give --route PREFIX with --dev");
	switch (bpf_program__type(prog)) {
	case BPF_PROG_TYPE_LWT_IN: a->route.in_fd = fd; break;
	case BPF_PROG_TYPE_LWT_OUT: a->route.out_fd = fd; break;
	default: a->route.xmit_fd = fd; break;
	}
	return 0;
}

static int add_route(struct attaching *a)
{
	struct route route;
	int err;

	if (a->route.in_fd < 0 && a->route.out_fd < 0 && a->route.xmit_fd < 0)
		return 0;
	route = *a->opts->route;
	route.ifindex = a->ifindex;
	err = keeper_route(a->opts->keeper, &route);
	if (!err)
		err = route_add(&route, &a->route);
	if (err)
		strbuf_printf(a->error, "%s: the route through %s cannot be made: %s",
			a->load->path, a->opts->device, strerror(-err));
	return err;
}

static int attach_netfilter(struct attaching *a, struct bpf_program *prog)
{
	static const char *const hooks[] = {
		"prerouting", "input", "forward", "output", "postrouting"};
	const char *name = strchr(bpf_program__section_name(prog), '/');
	/* struct { __u32 pf, hooknum; __s32 priority; __u32 flags; }, since 6.4 */
	u32 place[4] = {NFPROTO_IPV4, NF_INET_LOCAL_IN, 0, 0};
	union bpf_attr attr = {0};

	for (u32 i = 0; name && i < ARRAY_SIZE(hooks); i++)
		if (strcmp(name + 1, hooks[i]) == 0)
			place[1] = i;
	attr.link_create.prog_fd = (u32)bpf_program__fd(prog);
	attr.link_create.attach_type = HACHI_BPF_NETFILTER;
	memcpy((u8 *)&attr.link_create + 16, place, sizeof(place));
	return keep_fd(a, prog, (int)syscall(SYS_bpf, BPF_LINK_CREATE, &attr, sizeof(attr)));
}

/* ---- cgroups, namespaces, maps, samples ------------------------------------------------------ */

static int attach_cgroup(struct attaching *a, struct bpf_program *prog)
{
	if (a->opts->cgroup_fd < 0)
		return fail(a, prog, -EINVAL,
			" wants a cgroup: give --cgroup PATH, or a command to have one made for "
			"it");
	return keep_link(a, prog, bpf_program__attach_cgroup(prog, a->opts->cgroup_fd));
}

static int attach_netns(struct attaching *a, struct bpf_program *prog)
{
	int fd = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC), err;

	if (fd < 0)
		return fail(a, prog, -errno, ": no network namespace: %s", strerror(errno));
	err = keep_link(a, prog, bpf_program__attach_netns(prog, fd));
	close(fd);
	return err;
}

/* To the sockmaps of the object; the attachment goes with the map. */
static int attach_sockmap(struct attaching *a, struct bpf_program *prog)
{
	struct bpf_map *map;
	u32 count = 0;

	bpf_object__for_each_map(map, a->load->object)
	{
		enum bpf_map_type type = bpf_map__type(map);
		int err;

		if (type != BPF_MAP_TYPE_SOCKMAP && type != BPF_MAP_TYPE_SOCKHASH)
			continue;
		err = bpf_prog_attach(bpf_program__fd(prog), bpf_map__fd(map),
			bpf_program__get_expected_attach_type(prog), 0);
		if (err)
			return fail(a, prog, err, " cannot be attached to map %s: %s",
				bpf_map__name(map), strerror(-err));
		count++;
	}
	if (!count)
		return fail(a, prog, -EINVAL, " wants a map of sockets in the same object");
	return 0;
}

static int attach_samples(struct attaching *a, struct bpf_program *prog)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_SOFTWARE,
		.size = sizeof(attr),
		.config = PERF_COUNT_SW_CPU_CLOCK,
		.sample_freq = a->opts->sample_freq,
		.freq = 1,
	};
	int cpus = libbpf_num_possible_cpus();

	for (int cpu = 0; cpu < cpus; cpu++) {
		int fd =
			(int)syscall(SYS_perf_event_open, &attr, -1, cpu, -1, PERF_FLAG_FD_CLOEXEC);
		int err;

		if (fd < 0 && errno == ENODEV)
			continue; /* possible, not online */
		if (fd < 0)
			return fail(a, prog, -errno, ": no sampling event: %s", strerror(errno));
		err = keep_link(a, prog, bpf_program__attach_perf_event(prog, fd));
		if (err) {
			close(fd);
			return err;
		}
	}
	return 0;
}

/* Such a program is not attached: it runs once, now. */
static int run_once(struct attaching *a, struct bpf_program *prog)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts);
	int err = bpf_prog_test_run_opts(bpf_program__fd(prog), &opts);

	return err ? fail(a, prog, err, " cannot be run: %s", strerror(-err)) : 0;
}

static int attach_by_name(struct attaching *a, struct bpf_program *prog)
{
	bool is_iterator = bpf_program__get_expected_attach_type(prog) == BPF_TRACE_ITER &&
		bpf_program__type(prog) == BPF_PROG_TYPE_TRACING;
	struct iterator iterator;
	int err;

	if (bpf_program__type(prog) == BPF_PROG_TYPE_LSM &&
		bpf_program__get_expected_attach_type(prog) == BPF_LSM_CGROUP)
		return attach_cgroup(a, prog);
	/* without a target: called by tail call from the others */
	if (!strchr(bpf_program__section_name(prog), '/'))
		return 0;
	err = load_attach_program(a->load, prog, a->error);
	if (err || !is_iterator)
		return err;
	iterator.name = bpf_program__name(prog);
	iterator.link = vec_last(&a->load->attached).link;
	return vec_push(&a->attached->iterators, iterator);
}

static int cannot(struct attaching *a, struct bpf_program *prog)
{
	switch (bpf_program__type(prog)) {
	case BPF_PROG_TYPE_SCHED_ACT:
		return fail(a, prog, -EOPNOTSUPP,
			": actions are not attached alone; section \"tc\" is classifier and "
			"action");
	case BPF_PROG_TYPE_SK_REUSEPORT:
		return fail(a, prog, -EOPNOTSUPP,
			": the server itself sets it on its sockets (SO_ATTACH_REUSEPORT_EBPF)");
	case BPF_PROG_TYPE_LIRC_MODE2:
		return fail(a, prog, -EOPNOTSUPP, ": infrared receivers are not served");
	case BPF_PROG_TYPE_LWT_SEG6LOCAL:
		return fail(a, prog, -EOPNOTSUPP, ": seg6local routes are not served");
	default: return fail(a, prog, -EOPNOTSUPP, ": nothing is known to attach it to");
	}
}

/* ---- which function for which type ------------------------------------------------------------
 */

static const struct kind {
	u32 type;
	int (*attach)(struct attaching *a, struct bpf_program *prog);
	bool takes_packets; /* --prog chooses among them */
} kinds[] = {
	{BPF_PROG_TYPE_KPROBE, attach_by_name, false},
	{BPF_PROG_TYPE_TRACEPOINT, attach_by_name, false},
	{BPF_PROG_TYPE_RAW_TRACEPOINT, attach_by_name, false},
	{BPF_PROG_TYPE_RAW_TRACEPOINT_WRITABLE, attach_by_name, false},
	{BPF_PROG_TYPE_TRACING, attach_by_name, false},
	{BPF_PROG_TYPE_LSM, attach_by_name, false},
	{BPF_PROG_TYPE_EXT, attach_by_name, false},
	{BPF_PROG_TYPE_STRUCT_OPS, NULL, false}, /* by its map */
	{BPF_PROG_TYPE_PERF_EVENT, attach_samples, false},
	{BPF_PROG_TYPE_SYSCALL, run_once, false},
	{BPF_PROG_TYPE_XDP, attach_xdp, true},
	{BPF_PROG_TYPE_SCHED_CLS, attach_tc, true},
	{BPF_PROG_TYPE_SOCKET_FILTER, attach_socket, true},
	{BPF_PROG_TYPE_LWT_IN, attach_lwt, true},
	{BPF_PROG_TYPE_LWT_OUT, attach_lwt, true},
	{BPF_PROG_TYPE_LWT_XMIT, attach_lwt, true},
	{HACHI_BPF_PROG_TYPE_NETFILTER, attach_netfilter, true},
	{BPF_PROG_TYPE_CGROUP_SKB, attach_cgroup, true},
	{BPF_PROG_TYPE_CGROUP_SOCK, attach_cgroup, false},
	{BPF_PROG_TYPE_CGROUP_SOCK_ADDR, attach_cgroup, false},
	{BPF_PROG_TYPE_CGROUP_DEVICE, attach_cgroup, false},
	{BPF_PROG_TYPE_CGROUP_SYSCTL, attach_cgroup, false},
	{BPF_PROG_TYPE_CGROUP_SOCKOPT, attach_cgroup, false},
	{BPF_PROG_TYPE_SOCK_OPS, attach_cgroup, false},
	{BPF_PROG_TYPE_SK_LOOKUP, attach_netns, false},
	{BPF_PROG_TYPE_FLOW_DISSECTOR, attach_netns, false},
	{BPF_PROG_TYPE_SK_SKB, attach_sockmap, false},
	{BPF_PROG_TYPE_SK_MSG, attach_sockmap, false},
};

static int attach_one(struct attaching *a, struct bpf_program *prog)
{
	u32 type = bpf_program__type(prog);

	for (u32 i = 0; i < ARRAY_SIZE(kinds); i++) {
		if (kinds[i].type != type)
			continue;
		if (!kinds[i].attach)
			return 0;
		if (kinds[i].takes_packets && a->opts->prog_name &&
			strcmp(a->opts->prog_name, bpf_program__name(prog)) != 0)
			return 0;
		if (!a->opts->prog_name && load_is_tail_target(a->load, prog))
			return 0;
		return kinds[i].attach(a, prog);
	}
	return cannot(a, prog);
}

bool kernel_attach_wants_cgroup(u32 prog_type, u32 attach_type)
{
	if (prog_type == BPF_PROG_TYPE_LSM)
		return attach_type == BPF_LSM_CGROUP;
	for (u32 i = 0; i < ARRAY_SIZE(kinds); i++)
		if (kinds[i].type == prog_type)
			return kinds[i].attach == attach_cgroup;
	return false;
}

static int attach_struct_ops(struct attaching *a)
{
	struct bpf_map *map;

	bpf_object__for_each_map(map, a->load->object)
	{
		struct bpf_map_info info = {0};
		u32 len = sizeof(info);
		struct bpf_link *link;
		int err;

		if (bpf_map__type(map) != BPF_MAP_TYPE_STRUCT_OPS)
			continue;
		err = bpf_obj_get_info_by_fd(bpf_map__fd(map), &info, &len) ? -errno : 0;
		if (!err)
			err = keeper_struct_ops(a->opts->keeper, info.id);
		link = err ? NULL : bpf_map__attach_struct_ops(map);
		if (!err)
			err = link ? load_keep_link(a->load, NULL, link) : -errno;
		if (err) {
			strbuf_printf(a->error, "%s: struct_ops %s cannot be registered: %s",
				a->load->path, bpf_map__name(map), strerror(-err));
			return err;
		}
	}
	return 0;
}

int kernel_attach(struct load *load, const struct kernel_attach_opts *opts,
	struct kernel_attached **ret_attached, struct bpf_program **ret_prog,
	struct strbuf *ret_error)
{
	struct attaching a = {
		.load = load,
		.opts = opts,
		.route = {-1, -1, -1, 0},
		.error = ret_error,
	};
	struct bpf_program *prog;
	int err = 0;

	if (opts->device) {
		a.ifindex = if_nametoindex(opts->device);
		if (!a.ifindex) {
			err = -errno;
			strbuf_printf(ret_error, "--dev %s: %s", opts->device, strerror(-err));
			return err;
		}
	}
	a.attached = mem_zalloc(sizeof(*a.attached));
	if (!a.attached)
		return -ENOMEM;
	bpf_object__for_each_program(prog, load->object)
	{
		if (!bpf_program__autoload(prog))
			continue;
		err = attach_one(&a, prog);
		if (err) {
			if (ret_prog)
				*ret_prog = prog;
			break;
		}
	}
	if (!err)
		err = attach_struct_ops(&a);
	if (!err)
		err = add_route(&a);
	if (err) {
		kernel_detach(a.attached, load);
		return err;
	}
	*ret_attached = a.attached;
	return 0;
}

void kernel_attach_drain(struct kernel_attached *attached)
{
	const int *fd;
	char byte;

	vec_for_each (fd, &attached->sockets) {
		for (int i = 0; i < DRAIN_PACKETS && recv(*fd, &byte, 1, MSG_TRUNC) >= 0; i++)
			;
	}
}

void kernel_attach_iterators(struct kernel_attached *attached,
	void (*fn)(const char *name, int iter_fd, void *arg), void *arg)
{
	const struct iterator *iterator;

	vec_for_each (iterator, &attached->iterators) {
		int fd = bpf_iter_create(bpf_link__fd(iterator->link));

		if (fd < 0)
			continue;
		fn(iterator->name, fd, arg);
		close(fd);
	}
}

void kernel_detach(struct kernel_attached *attached, struct load *load)
{
	load_detach(load);
	if (!attached)
		return;
	while (attached->fds.len)
		close(vec_pop(&attached->fds));
	while (attached->sockets.len)
		close(vec_pop(&attached->sockets));
	vec_release(&attached->fds);
	vec_release(&attached->sockets);
	vec_release(&attached->iterators);
	mem_free(attached);
}
