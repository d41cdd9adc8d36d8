/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who "current" is while a program runs: the only place where helpers learn of pids, clocks, random
 * numbers and memory. A traced process, a packet replay and a test with mocked time are three
 * worlds. The caller owns the struct; it must stay valid while the program runs.
 */
#ifndef HACHI_WORLD_H
#define HACHI_WORLD_H

#include <stddef.h>
#include <stdint.h>

enum hachi_clock {
	HACHI_CLOCK_MONOTONIC,
	HACHI_CLOCK_BOOTTIME,
	HACHI_CLOCK_COARSE,
	HACHI_CLOCK_TAI,
};

struct hachi_world;

/* Any function may be NULL: then the default of this process's own world answers. */
struct hachi_world_ops {
	uint64_t (*time_ns)(const struct hachi_world *w, enum hachi_clock clock);
	uint32_t (*random)(const struct hachi_world *w);
	/* Fills comm (16 bytes, NUL-padded), uid_gid (gid << 32 | uid), cgroup id. */
	void (*comm)(const struct hachi_world *w, char comm[16]);
	uint64_t (*uid_gid)(const struct hachi_world *w);
	uint64_t (*cgroup_id)(const struct hachi_world *w, int ancestor_level); /* -1 = its own */
	/* Address of the current struct task_struct image, readable through read_kernel; or 0. */
	uint64_t (*task)(const struct hachi_world *w);
	/* struct pt_regs of user mode; 0 or -errno. */
	int (*user_regs)(const struct hachi_world *w, void *regs, size_t size);
	/* Copies all of len or fails with -EFAULT. */
	int (*read_user)(const struct hachi_world *w, void *dst, size_t len, uint64_t addr);
	int (*write_user)(const struct hachi_world *w, uint64_t addr, const void *src, size_t len);
	int (*read_kernel)(const struct hachi_world *w, void *dst, size_t len, uint64_t addr);
	/* Instruction pointers, innermost first; count or -errno. */
	int (*user_stack)(const struct hachi_world *w, uint64_t *ret_ips, uint32_t max);
	int (*kernel_stack)(const struct hachi_world *w, uint64_t *ret_ips, uint32_t max);
	int (*send_signal)(const struct hachi_world *w, int sig, int whole_process);
	/* For bpf_override_return in error-injection sites: the call must return rc. 0 or -errno.
	 */
	int (*override_return)(const struct hachi_world *w, uint64_t rc);
};

struct hachi_world {
	size_t size; /* sizeof(struct hachi_world), for later growth */
	const struct hachi_world_ops *ops;
	void *priv;    /* for ops */
	uint32_t pid;  /* thread id, what the kernel calls pid */
	uint32_t tgid; /* process id */
	int32_t cpu;   /* CPU that per-CPU maps index; -1 = the one this thread runs on */
	uint32_t numa_node;
	uint64_t func_ip;   /* bpf_get_func_ip(), or 0 */
	uint64_t func_args; /* address of uint64_t args[] for bpf_get_func_arg(), or 0 */
	uint32_t func_arg_count;
	uint32_t trace_flags; /* preempt count and irq bits for the column of trace lines */
};

#endif
