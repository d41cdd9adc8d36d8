/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the core asks of the operating system; in the core no other file calls it. Everything
 * returns 0 or a count, or -errno. Calls go through raw system calls where a process may have
 * replaced libc's function (see client/door.c).
 */
#ifndef BASE_OS_H
#define BASE_OS_H

#include "base/types.h"

enum os_clock { OS_CLOCK_MONOTONIC, OS_CLOCK_BOOTTIME, OS_CLOCK_REALTIME, OS_CLOCK_TAI };

/* The system call itself, past whatever replaced libc's functions: its result or -errno. */
long os_syscall(long nr, long a, long b, long c, long d, long e, long f);

u64 os_time_ns(enum os_clock clock);
void os_random(void *buf, size_t len);
u32 os_pid(void);
u32 os_tid(void);
/*
 * This thread, as a word for locks in shared memory: never 0, never the same for two threads of a
 * pid namespace, dead ones included. Cheap; right after fork() too.
 */
u64 os_self(void);
u64 os_thread(u32 tid); /* os_self() of a thread of any process, 0 when it has ended */
bool os_is_pid_namespace(u64 dev, u64 ino); /* whether stat(2) says so of this process's */
u64 os_pid_namespace(void);		    /* where thread ids mean the same; 0 = unknown */
bool os_is_gone(u64 self);		    /* whether that thread has ended; may read /proc */
u32 os_cpu(void);
u32 os_cpu_count(void); /* possible CPUs, as the kernel counts per-CPU slots */
size_t os_page_size(void);

/* A memfd of size bytes, close-on-exec. */
int os_memfd(const char *name, u64 size, int *ret_fd);
int os_fd_inode(int fd, u64 *ret_dev, u64 *ret_ino);
int os_fd_size(int fd, u64 *ret_size);
int os_fd_truncate(int fd, u64 size);
int os_eventfd(int *ret_fd);
int os_eventfd_signal(int fd);
int os_eventfd_drain(int fd);
int os_close(int fd);
int os_dup(int fd, int *ret_fd); /* close-on-exec */
/* dup, dup2, dup3: new_fd < 0 = the lowest free one; the new descriptor or -errno. */
int os_dup_to(int fd, int new_fd, int flags);
int os_map_shared(int fd, u64 offset, u64 size, bool may_write, void **ret_addr);
/* The same over [addr, addr + size), which the caller has mapped. */
int os_map_shared_at(int fd, u64 offset, u64 size, bool may_write, void *addr);
int os_map_private_at(u64 size, void *addr);
int os_map_reserve(u64 size, void **ret_addr); /* addresses only: no access, no memory */
/* mmap() as it is: the address, or a value for which OS_IS_ERR holds. */
long os_mmap(void *addr, u64 size, int prot, int flags, int fd, s64 offset);
/* The same, for reading; what is mapped so can never be made writable. */
long os_mmap_readonly(void *addr, u64 size, int prot, int flags, int fd, s64 offset);
#define OS_IS_ERR(ret) ((ret) < 0 && (ret) > -4096)
struct epoll_event;
int os_epoll_ctl(int epfd, int op, int fd, struct epoll_event *event);
int os_map_private(u64 size, void **ret_addr); /* zeroed, anonymous */
int os_unmap(void *addr, u64 size);
/* Reads or writes this process's own memory without faulting; -EFAULT on a bad address. */
int os_peek(void *dst, const void *src, size_t len);
int os_poke(void *dst, const void *src, size_t len);
int os_futex_wait(u32 *word, u32 expected, u64 timeout_ns); /* 0, -EAGAIN, -ETIMEDOUT, -EINTR */
int os_futex_wake(u32 *word, int count);
/* The whole file, at most max bytes (-EFBIG beyond); owned by the caller. */
int os_read_file(const char *path, size_t max, void **ret_data, size_t *ret_size);
/* A new empty file; -EEXIST when there is one. Its inode identifies it later. */
int os_file_create(const char *path, u64 *ret_ino);
int os_file_inode(const char *path, u64 *ret_ino);
int os_file_remove(const char *path);
bool os_is_dir(const char *path);
void os_remove_tree(const char *path); /* as far as it can */
int os_check_file(
	const char *path); /* 0 = a regular file; -EISDIR = something else; -ENOENT, ... */
/* Where /proc/self/fd/FD points: length or -errno. */
int os_fd_path(int fd, char *buf, size_t size);
int os_current_dir(char *buf, size_t size); /* length or -errno */
bool os_fd_is_cgroup(int fd);
bool os_netdev_exists(u32 ifindex); /* in this network namespace */
bool os_process_exists(u32 pid);
u32 os_uid(void);
/* Every running thread of this process passes a full barrier (base/epoch.c). */
int os_membarrier_register(void);
void os_membarrier(void);
void os_yield(void);

/* This thread and process as the helpers of a program that nobody else defines see them. */
void os_thread_name(char name[16]); /* NUL-padded */
u64 os_uid_gid(void);		    /* gid << 32 | uid */
/* Id of the cgroup (version 2), or of its ancestor at level (0 = root; -1 = its own); 0 = none. */
u64 os_cgroup_id(int level);

#endif
