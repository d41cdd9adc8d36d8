/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Attaching in the kernel: what libbpf attaches by section name, and what needs to be told where:
 * a device, a cgroup, a route, a rate. What dies with its descriptor is held here; the rest is the
 * keeper's.
 */
#ifndef CLIENT_KERNEL_ATTACH_H
#define CLIENT_KERNEL_ATTACH_H

#include "client/keeper.h"
#include "client/load.h"

enum kernel_xdp_mode { KERNEL_XDP_AUTO, KERNEL_XDP_NATIVE, KERNEL_XDP_GENERIC };

struct kernel_attach_opts {
	const char *device; /* NULL = none */
	enum kernel_xdp_mode xdp_mode;
	int cgroup_fd;		   /* -1 = none */
	const struct route *route; /* NULL = none; its ifindex is the device's */
	u64 sample_freq;	   /* Hz, for perf_event programs */
	const char *prog_name;	   /* only this one takes packets; NULL = the first, or all */
	struct keeper *keeper;
};

struct kernel_attached;

/* Whether such a program is attached to a cgroup. */
bool kernel_attach_wants_cgroup(u32 prog_type, u32 attach_type);
/* 0, or -errno with the sentence; ret_prog (may be NULL) then is the program concerned. */
int kernel_attach(struct load *load, const struct kernel_attach_opts *opts,
	struct kernel_attached **ret_attached, struct bpf_program **ret_prog,
	struct strbuf *ret_error);
/* Throws away what sockets with a filter received. */
void kernel_attach_drain(struct kernel_attached *attached);
/* Links of iterators: fn reads each. */
void kernel_attach_iterators(struct kernel_attached *attached,
	void (*fn)(const char *name, int iter_fd, void *arg), void *arg);
/* Detaches, also the links in load. */
void kernel_detach(struct kernel_attached *attached, struct load *load);

#endif
