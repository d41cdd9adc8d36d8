/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A process that undoes what the kernel would keep after us. Links, sockets and perf events die
 * with their last descriptor; a tc filter, a route, a registered struct_ops and a cgroup do not.
 * The keeper is told of each before it is made, answers that it knows, and undoes them in reverse
 * order when our end of its socket closes: when we say so, or when we are killed.
 */
#ifndef CLIENT_KEEPER_H
#define CLIENT_KEEPER_H

#include "client/route.h"

#include <sys/types.h>

struct keeper;

/* Forks; before descriptors are opened that it must not hold. */
int keeper_new(struct keeper **ret_keeper);
/* Makes the clsact qdisc of a device if it is not there; then it is removed at the end. */
int keeper_clsact(struct keeper *keeper, u32 ifindex);
/* The filter with this handle and priority goes at the end if it runs the program prog_id. */
int keeper_filter(
	struct keeper *keeper, u32 ifindex, bool is_egress, u32 handle, u32 priority, u32 prog_id);
int keeper_route(struct keeper *keeper, const struct route *route);
int keeper_struct_ops(struct keeper *keeper, u32 map_id);
/* Processes still in the cgroup at path are moved to home; it is removed. */
int keeper_cgroup(struct keeper *keeper, const char *path, const char *home);
/* Undoes all of it and returns when it is undone. */
void keeper_end(struct keeper *keeper);

#endif
