/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The in-process door: while an instance is set, the system calls that libbpf makes in this
 * process (bpf, perf_event_open, and what follows on their descriptors) go to it; otherwise, and
 * for everything that is not BPF's, to Linux. See client/door.c for the list.
 */
#ifndef CLIENT_DOOR_H
#define CLIENT_DOOR_H

#include <hachi/hachi.h>

/* NULL = the kernel backend. The instance must outlive its stay here. */
void door_set(struct hachi *h);
struct hachi *door_get(void);

/* Whether this is the process of door_set(), or its child by fork(); not by vfork(). */
bool door_is_own_process(void);
/* Between the door's files. path, or in buf (PATH_MAX) where it lies on the host. */
const char *door_host_path(const char *path, char *buf);
/* N of /proc/self/FOLDER/N, or -1. */
int door_proc_fd(const char *path, const char *folder);

/*
 * Makes BPF_PROG_LOAD on the kernel backend in the system call's stead, with the raw one
 * (os_syscall); a descriptor or -errno. NULL = the call goes as it came.
 */
typedef long (*door_load_fn)(const union bpf_attr *attr, uint32_t size);
void door_set_kernel_load(door_load_fn fn);
door_load_fn door_kernel_load(void);

#endif
