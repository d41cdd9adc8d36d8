/* SPDX-License-Identifier: BSD-2-Clause */
/* What PROG_ATTACH, PROG_QUERY and LINK_CREATE share. */
#ifndef SYSCALL_ATTACH_H
#define SYSCALL_ATTACH_H

#include "hook/link.h"
#include "syscall/instance.h"

/* The program type of an attach type, BPF_PROG_TYPE_UNSPEC when there is none. */
u32 attach_prog_type(u32 attach_type);
/* -EINVAL: the program does not go there, or this kernel has no such place. */
int attach_check_type(const struct hachi *h, const struct prog *prog, u32 attach_type);

/* A place where several programs stand in order: what tells it from others. */
int attach_place_cgroup(int fd, u32 attach_type, char *path, size_t size,
	struct hachi_attachment *ret_place, u64 *ret_id);
int attach_place_tcx(u32 ifindex, u32 attach_type, struct hachi_attachment *ret_place);
bool attach_is_cgroup(u32 prog_type, u32 attach_type);

/* Gives the link its id and descriptor; drops the creator's reference. The descriptor or -errno. */
long link_publish(struct hachi *h, struct link *link);

#endif
