/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Programs that do nothing outside one cgroup. The check is put in front of the instructions that
 * PROG_LOAD hands to the kernel, so every kind of program whose "current" is the process in
 * question can be confined, whatever its source. For programs of packets there is no such process:
 * they are left as they are.
 */
#ifndef CLIENT_CONFINE_H
#define CLIENT_CONFINE_H

#include "client/cgroup.h"

#include <linux/bpf.h>
#include <stdbool.h>

/* Whether "current" means something in such a program, so that it can be confined. */
bool confine_can(u32 prog_type, u32 attach_type);

/* An attr of BPF_PROG_LOAD with the check in front, and what it points to. */
struct confined {
	union bpf_attr attr;
	void *insns, *func_info, *line_info; /* owned */
};

/*
 * Makes it from attr, of which size bytes are given. -EOPNOTSUPP: a program that cannot be
 * confined; load it as it is. -ENOMEM, -E2BIG.
 */
int confine_make(const struct cgroup *cgroup, const union bpf_attr *attr, u32 size,
	struct confined *ret_confined);
void confine_release(struct confined *confined);

#endif
