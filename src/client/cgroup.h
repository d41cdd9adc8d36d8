/* SPDX-License-Identifier: BSD-2-Clause */
/* A cgroup (version 2) of our own for a command, below the one we are in. */
#ifndef CLIENT_CGROUP_H
#define CLIENT_CGROUP_H

#include "client/keeper.h"

struct cgroup {
	char path[1024];
	u64 id;	   /* what bpf_get_current_cgroup_id() gives inside */
	s32 level; /* below the root; -1 = unknown, in a cgroup namespace */
	int fd;	   /* owned */
};

/* Made, and told to the keeper, who removes it. The sentence says what is missing. */
int cgroup_new(struct keeper *keeper, struct cgroup *ret_cgroup, struct strbuf *ret_error);
void cgroup_close(struct cgroup *cgroup);
int cgroup_add(const struct cgroup *cgroup, pid_t pid);

#endif
