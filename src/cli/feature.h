/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What `hachi feature` finds out, and through which bpf(2): the instance's or the kernel's. The
 * questions are the same loads and creations on both sides.
 */
#ifndef CLI_FEATURE_H
#define CLI_FEATURE_H

#include "base/types.h"
#include <hachi/abi.h>

struct feature_door {
	/* bpf(2): a descriptor, 0 or -errno */
	long (*bpf)(void *arg, int cmd, union bpf_attr *attr, u32 size);
	void (*close)(void *arg, int fd);
	void *arg;
	u16 kernel; /* KERNEL(6, 18): whose rules; what the tables say is newer is not there */
	/* NULL = the kernel: helpers are asked for with loads, commands have a first version. */
	bool (*has_helper)(u32 helper_id);
	bool (*has_command)(int cmd);
};

/* The running kernel. */
void feature_door_kernel(struct feature_door *ret_door);

bool feature_has_syscall(const struct feature_door *door);
bool feature_has_prog_type(const struct feature_door *door, u32 prog_type);
bool feature_has_map_type(const struct feature_door *door, u32 map_type);
bool feature_has_helper(const struct feature_door *door, u32 prog_type, u32 helper_id);
bool feature_has_command(const struct feature_door *door, u32 cmd);
/* Whether the type's helpers can be asked for at all: 0, or -errno as bpftool words it. */
int feature_can_ask_helpers(const struct feature_door *door, u32 prog_type);

/* Programs that only some kernels take, as bpftool has them: loads of socket filters. */
struct feature_misc {
	const char *key;   /* "have_bounded_loops" */
	const char *words; /* "Bounded loop support" */
	bool (*probe)(const struct feature_door *door);
};
extern const struct feature_misc feature_miscs[]; /* ends with a NULL key */

/* All of it on standard output; text, or JSON as cli_is_json() says. */
int feature_print(const struct feature_door *door);

#endif
