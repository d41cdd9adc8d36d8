/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the files of the tracer share: the traced tasks and address spaces, and the index of
 * attachments by what makes them fire.
 */
#ifndef SOURCE_INTERNAL_H
#define SOURCE_INTERNAL_H

#include "base/idmap.h"
#include "base/vec.h"
#include "source/trace.h"

#include <sched.h>
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/user.h>
#include <time.h>

#define SYSCALL_MAX 512 /* numbers at or above are never listened to one by one */

/* How the context of an attachment looks. */
enum listener_shape {
	SHAPE_TRACEPOINT, /* record bytes */
	SHAPE_RAW,	  /* u64 args[] */
	SHAPE_KPROBE,	  /* struct pt_regs of the kernel function */
	SHAPE_FENTRY,	  /* u64 args[]: the function's arguments */
	SHAPE_FEXIT,	  /* and its return value */
};

struct listener {
	u32 id; /* attachment */
	enum listener_shape shape;
	s32 pid; /* only this process; -1 = all */
};

typedef VEC(struct listener) listener_list;

/* A breakpoint wanted in a file. */
struct probe_site {
	char *path; /* owned */
	u64 dev, ino;
	u64 offset; /* in the file */
	listener_list entry, ret;
	u64 ref_ctr_offset; /* USDT semaphore in the file, or 0 */
};

struct sampler {
	struct listener listener;
	u64 period_ns;
};

struct listeners {
	u64 generation;
	listener_list enter[SYSCALL_MAX], exit[SYSCALL_MAX]; /* by system call number */
	listener_list any_enter, any_exit;
	listener_list exec, fork, process_exit;
	VEC(struct probe_site) sites;
	VEC(struct sampler) samplers;
};

/* How a replaced instruction does its work all the same. */
#define SLOT_SIZE 32 /* bytes of a displaced copy */

enum displaced { DISPLACED_COPY, DISPLACED_EMULATE, DISPLACED_IMPOSSIBLE };

/* One instruction replaced by int3 in one address space. */
struct breakpoint {
	u64 addr;
	u32 site;    /* index into listeners.sites */
	u8 insn[15]; /* what stood there */
	u8 insn_len;
	u8 saved; /* the byte under int3 */
	u64 slot; /* address of the displaced copy, or 0 */
	enum displaced how;
};

/* Executable pages that the tracer mapped into the task, for displaced code. */
struct scratch {
	u64 addr, used, size;
};

struct address_space {
	u32 refs;
	VEC(struct breakpoint) breakpoints;
	VEC(struct scratch) scratch;
	u64 return_trap;     /* int3 that returning functions land on; 0 = none */
	VEC(u32) semaphores; /* sites whose USDT semaphore has been raised here */
	bool has_scratch;    /* it has been tried */
};

struct pending_return {
	u64 sp, addr; /* where the return address stood, and what it was */
	u32 site;
};

struct task {
	struct trace *trace;
	u32 tid, tgid;
	bool is_new;	    /* its first stop has not been seen */
	bool in_syscall;    /* an exit stop will come */
	bool is_fork_child; /* its parent's fork has been seen; it returns from that call first */
	bool is_held;	    /* stopped until its parent's fork has been seen */
	u64 syscall_nr;
	u64 args[6];
	struct user_regs_struct regs; /* valid while stopped if has_regs */
	bool has_regs;
	struct address_space *space; /* owned reference */
	VEC(struct pending_return) returns;
	struct hachi_world world;
	int comm_fd; /* /proc/TID/comm, or -1 */
	bool has_ids;
	u64 uid_gid;
	void *image;	 /* its struct task_struct; see taskimage.c */
	bool due_sample; /* PTRACE_INTERRUPT was sent to take one */
	u64 sampled_ns;	 /* its CPU time at the last sample */
};

struct trace {
	struct trace_opts opts;
	struct hachi *h;
	struct listeners listeners;
	struct idmap tasks; /* tid -> struct task */
	struct trace_stats stats;
	u32 root_pid;
	int root_status;
	bool root_has_ended, is_pinned;
	volatile sig_atomic_t stop_requested;
	struct task_images *images;
	timer_t sample_timer;
	bool has_sample_timer;
	bool is_silent;		  /* observation has ended */
	u32 since_tick;		  /* stops */
	int to_child, from_child; /* pipes: the go-ahead; echoes and the errno of a failed exec */
	cpu_set_t own_cpus;	  /* this thread's affinity before pinning */
};

/* ---- listen.c: attachments, indexed by what fires them ---- */
int listeners_build(struct listeners *l, struct hachi *h);
void listeners_release(struct listeners *l);
bool listeners_any_syscall(const struct listeners *l);

/* ---- filter.c: the seccomp filter, installed by the child before its exec ---- */
int filter_install(const struct listeners *l);

/* ---- fire.c: contexts, and running programs on them ---- */
void fire_syscall_enter(struct task *task);
void fire_syscall_exit(struct task *task, s64 ret);
/* The child of a fork returns from its parent's system call. */
void fire_child_return(struct task *task);
void fire_exec(struct task *task, u32 old_tid);
void fire_fork(struct task *parent, struct task *child);
void fire_process_exit(struct task *task);
void fire_probe(struct task *task, const listener_list *list, u64 ip);
void fire_sample(struct task *task, const struct sampler *sampler);

/* ---- task.c: the traced tasks and what programs may ask of them ---- */
struct task *task_get(struct trace *trace, u32 tid);
int task_new(struct trace *trace, u32 tid, struct task **ret_task);
void task_free(struct task *task);
/* Registers of a stopped task, fetched once a stop. NULL when it died. */
struct user_regs_struct *task_regs(struct task *task);
int task_put_regs(struct task *task);
int task_read(struct task *task, void *dst, size_t len, u64 addr);
int task_write_data(struct task *task, u64 addr, const void *src, size_t len);
/* Also where the task itself may not write. */
int task_write_code(struct task *task, u64 addr, const void *src, size_t len);
void task_forget_ids(struct task *task); /* uid may have changed */

/* ---- taskimage.c: struct task_struct and cred as kernel BTF lays them out ---- */
int task_images_new(struct task_images **ret_images);
void task_images_free(struct task_images *images);
/* Address of the image of a task, up to date; 0 when there is no kernel BTF. */
u64 task_image(struct task_images *images, struct task *task);
void task_image_drop(struct task_images *images, struct task *task);
int task_images_read(const struct task_images *images, void *dst, size_t len, u64 addr);
/* Offset of a member in a kernel struct ("trace_event_raw_sched_process_exit", "pid"), or -1. */
int task_images_offset(struct task_images *images, const char *type, const char *member);
int task_images_size(struct task_images *images, const char *type);

/* ---- breakpoint.c: uprobes ---- */
void space_unref(struct address_space *space);
struct address_space *space_new(void);
struct address_space *space_copy(const struct address_space *space);
/* Puts breakpoints into what is mapped now; the task is stopped. */
int space_refresh(struct task *task);
/* The task stopped by SIGTRAP: true when it was a breakpoint of ours and has been served. */
bool breakpoint_hit(struct task *task);
/* The address that a return trap stands for, when ip is one. */
u64 space_true_return(const struct task *task, u64 ip, u32 *pending_index);

/* ---- inject.c: scratch pages in the task ---- */
/* Maps scratch pages near the task's code. The task has one thread and is stopped. */
int scratch_map(struct task *task);
/* Room for a displaced instruction within reach of addr; 0 = none. */
u64 scratch_take(struct address_space *space, u64 addr);

/* ---- displace.c: running a replaced instruction elsewhere ---- */
/*
 * Decodes the instruction at addr. COPY: ret_copy (at most 32 bytes, of ret_size) can run at
 * slot and jumps back; EMULATE: displace_emulate() does its work on the registers.
 */
enum displaced displace_plan(
	const u8 insn[15], u64 addr, u64 slot, u8 ret_copy[32], u32 *ret_size, u8 *ret_insn_len);
/* Sets the registers as the instruction would; 0, or -errno when it cannot. */
int displace_emulate(struct task *task, const struct breakpoint *bp);

/* ---- sample.c: perf_event sampling by timers ---- */
int sample_start(struct trace *trace);
void sample_stop(struct trace *trace);
void sample_tick(struct trace *trace);
void sample_take(struct task *task);

#endif
