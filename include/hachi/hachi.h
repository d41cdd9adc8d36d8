/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * hachi: the BPF subsystem of Linux as a library. A struct hachi is one instance of it; instances
 * share nothing. Every call is thread-safe. Unless said otherwise a call returns 0 or a positive
 * number on success and -errno on failure, with the errno that Linux gives.
 *
 * hachi_bpf() is bpf(2). The calls beside it are those that a program makes on BPF descriptors:
 * descriptors are real ones of this process (a map is a memfd), so that they can be passed, polled
 * and mapped. Whoever closes them does it with hachi_close(), or tells hachi_forget().
 */
#ifndef HACHI_HACHI_H
#define HACHI_HACHI_H

#include <hachi/abi.h>
#include <hachi/context.h>
#include <hachi/world.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HACHI_API __attribute__((visibility("default")))

#ifdef __cplusplus
extern "C" {
#endif

struct hachi;
struct perf_event_attr;
struct epoll_event;

/* ---- an instance ------------------------------------------------------------------------- */

enum hachi_caps {
	HACHI_CAP_BPF = 1,
	HACHI_CAP_PERFMON = 2,
	HACHI_CAP_NET_ADMIN = 4,
	HACHI_CAP_SYS_ADMIN = 8,
	HACHI_CAPS_ALL = 15,
};

/*
 * Whose programs get hardened machine code (kernel: net.core.bpf_jit_harden 0, 1 and 2): no
 * constant that the program's author chose stands in it (constant blinding), and no indirect jump
 * whose target the processor may guess (retpolines, x86-64; a thread with a shadow stack keeps the
 * jump).
 */
enum hachi_harden {
	HACHI_HARDEN_DEFAULT, /* as HACHI_HARDEN_UNPRIVILEGED */
	HACHI_HARDEN_OFF,
	HACHI_HARDEN_UNPRIVILEGED, /* programs loaded without HACHI_CAP_BPF */
	HACHI_HARDEN_ALL,
};

struct hachi_opts {
	size_t size;	      /* sizeof(struct hachi_opts) */
	const char *kernel;   /* whose verdicts: "6.18" (default), "6.12", "6.1", "5.15" */
	const char *engine;   /* "interp", "jit"; NULL = the fastest that works here */
	const char *btf_path; /* vmlinux BTF; NULL = /sys/kernel/btf/vmlinux; "" = none */
	const char *pin_dir; /* host directory that stands for /sys/fs/bpf; NULL = pins in memory */
	uint32_t caps;	     /* enum hachi_caps of the loader; 0 = all (use no_caps for none) */
	bool no_caps;
	bool guard;	       /* interpreter checks every access (tests, fuzzers) */
	uint64_t memory_limit; /* bytes of all maps; 0 = none */
	/*
	 * Maps whose elements only a kernel can serve (of sockets, devices, cgroups, storage on
	 * objects) may be made too: the verifier judges programs that use them, and those that it
	 * accepts are then refused with EOPNOTSUPP.
	 */
	bool judges_only;
	uint32_t harden; /* enum hachi_harden */
	/* Limits of every run that has none of its own (struct hachi_run_opts), of hooks, too. */
	int64_t fuel;
	uint64_t time_limit_ns;
};

HACHI_API int hachi_new(const struct hachi_opts *opts, struct hachi **ret_h); /* opts may be NULL */
HACHI_API void hachi_free(struct hachi *h); /* detaches and frees all; closes its descriptors */
HACHI_API const char *hachi_version(void);
/* What the loader may do from now on, enum hachi_caps; what is loaded stays. */
HACHI_API uint32_t hachi_caps(const struct hachi *h);
HACHI_API void hachi_set_caps(struct hachi *h, uint32_t caps);

/* ---- the system calls -------------------------------------------------------------------- */

/* bpf(2): cmd, attr and size as there; returns a descriptor, 0, or -errno. */
HACHI_API long hachi_bpf(struct hachi *h, int cmd, union bpf_attr *attr, uint32_t size);
HACHI_API long hachi_perf_event_open(struct hachi *h, const struct perf_event_attr *attr, int pid,
	int cpu, int group, uint64_t flags);
/* PERF_EVENT_IOC_SET_BPF, ENABLE, DISABLE, ... ; -ENOTTY when fd is not ours. */
HACHI_API long hachi_ioctl(struct hachi *h, int fd, unsigned long request, unsigned long arg);
/* The address, or -errno as a pointer-sized negative number; munmap() undoes it. */
HACHI_API long hachi_mmap(
	struct hachi *h, void *addr, size_t len, int prot, int flags, int fd, int64_t off);
/* A mapping that hachi_mmap() made was undone: writable ones count when a map is frozen. */
HACHI_API void hachi_munmap(struct hachi *h, void *addr, size_t len);
HACHI_API long hachi_close(struct hachi *h, int fd);
/* dup, dup2, dup3: new_fd < 0 = the lowest free one. */
HACHI_API long hachi_dup(struct hachi *h, int fd, int new_fd, int flags);
/* fd was closed or replaced behind our back. */
HACHI_API void hachi_forget(struct hachi *h, int fd);
/* Whether fd is a descriptor of this instance: 0, or its enum hachi_fd_kind. */
enum hachi_fd_kind {
	HACHI_FD_MAP = 1,
	HACHI_FD_PROG,
	HACHI_FD_LINK,
	HACHI_FD_BTF,
	HACHI_FD_PERF,
	HACHI_FD_ITER,
};
HACHI_API int hachi_fd_kind(struct hachi *h, int fd);
/*
 * epoll_ctl for ring buffers, perf events: watches a stand-in (an eventfd). hachi_epoll_sync()
 * before each wait makes the stand-ins say whether there is data now.
 */
HACHI_API long hachi_epoll_ctl(
	struct hachi *h, int epfd, int op, int fd, struct epoll_event *event);
HACHI_API void hachi_epoll_sync(struct hachi *h, int epfd);
/* For poll() and select(): the descriptor to ask instead of fd, up to date now; or -errno. */
HACHI_API int hachi_poll_fd(struct hachi *h, int fd);
/* Where a path below /sys/fs/bpf lies on the host; -ENOENT when it is none or pins are in memory.
 */
HACHI_API int hachi_host_path(struct hachi *h, const char *path, char *buf, size_t size);
/* unlink() of a path below /sys/fs/bpf or the pin directory. */
HACHI_API int hachi_unpin(struct hachi *h, const char *path);
HACHI_API long hachi_setsockopt(
	struct hachi *h, int fd, int level, int name, const void *value, uint32_t len);
/* Text of /proc/self/fdinfo/FD for our descriptors; length or -errno. */
HACHI_API long hachi_fdinfo(struct hachi *h, int fd, char *buf, size_t size);
/*
 * Text of a file of tracefs or sysfs that loaders read to attach (event ids, PMU types), as this
 * instance answers it; length, or -ENOENT when the path is none of ours.
 */
HACHI_API long hachi_virtual_file(struct hachi *h, const char *path, char *buf, size_t size);

/* ---- what is attached, and making it happen ------------------------------------------------ */

enum hachi_attach_kind {
	HACHI_ATTACH_TRACEPOINT,     /* target "syscalls/sys_enter_openat" */
	HACHI_ATTACH_RAW_TRACEPOINT, /* target "sys_enter"; tp_btf too */
	HACHI_ATTACH_KPROBE,	     /* target = symbol, offset */
	HACHI_ATTACH_KRETPROBE,
	HACHI_ATTACH_UPROBE, /* target = path, offset in the file */
	HACHI_ATTACH_URETPROBE,
	HACHI_ATTACH_FENTRY, /* target = kernel function */
	HACHI_ATTACH_FEXIT,
	HACHI_ATTACH_FMOD_RET,
	HACHI_ATTACH_LSM,
	HACHI_ATTACH_PERF_EVENT, /* sampling: sample_freq or sample_period */
	HACHI_ATTACH_XDP,	 /* ifindex */
	HACHI_ATTACH_TC_INGRESS,
	HACHI_ATTACH_TC_EGRESS,
	HACHI_ATTACH_SOCKET, /* SO_ATTACH_BPF on fd `offset` */
	HACHI_ATTACH_CGROUP, /* target = cgroup path, attach_type */
	HACHI_ATTACH_NETFILTER,
	HACHI_ATTACH_OTHER, /* by attach_type */
};

struct hachi_attachment {
	uint32_t id; /* for hachi_fire(); never reused in an instance */
	enum hachi_attach_kind kind;
	uint32_t prog_id, prog_type, attach_type;
	const char *target; /* valid while the walk's callback runs */
	uint64_t offset;
	uint64_t cookie;
	uint64_t ref_ctr_offset; /* USDT semaphore in the file, or 0 */
	int32_t pid;		 /* -1 = every process */
	int32_t cpu;
	uint64_t sample_period, sample_freq;
	uint32_t sample_type, sample_config; /* perf_event_attr type and config */
	uint32_t ifindex;
	bool is_enabled;
};

/* Changes whenever something is attached, detached, enabled or disabled. */
HACHI_API uint64_t hachi_attach_generation(struct hachi *h);
/* Calls fn for each; stops when it returns non-zero and returns that. */
HACHI_API int hachi_attach_walk(
	struct hachi *h, int (*fn)(const struct hachi_attachment *a, void *arg), void *arg);
/*
 * Runs the program of an attachment on ctx (include/hachi/context.h says which shape).
 * ret_value gets its r0. -ENOENT when it is gone (sources may race with a detach: ignore it).
 */
HACHI_API int hachi_fire(struct hachi *h, uint32_t attach_id, void *ctx, uint32_t ctx_size,
	const struct hachi_world *world, uint64_t *ret_value);

/* Lines of bpf_trace_printk, in trace_pipe's format: length read, 0 when there is none. */
struct hachi_trace_record {
	uint64_t time_ns;
	uint32_t pid, cpu, flags;
	char comm[16];
	char text[1024]; /* without newline at the end */
};
HACHI_API int hachi_trace_read(struct hachi *h, struct hachi_trace_record *ret_record);
HACHI_API uint64_t hachi_trace_lost(struct hachi *h);

/* ---- running programs directly ----------------------------------------------------------- */

struct hachi_prog; /* a reference to a loaded program; cheap to call */

HACHI_API int hachi_prog_get(struct hachi *h, int prog_fd, struct hachi_prog **ret_prog);
HACHI_API void hachi_prog_put(struct hachi_prog *prog);
/* Runs it. world may be NULL: this process and thread. 0 or -errno; ret_value gets r0. */
HACHI_API int hachi_prog_run(struct hachi_prog *prog, void *ctx, uint32_t ctx_size,
	const struct hachi_world *world, uint64_t *ret_value);

struct hachi_run_opts {
	size_t size;
	int64_t fuel;	   /* loop back edges before the run ends with -ETIME; 0 = no limit */
	const int *cancel; /* non-zero ends it with -ECANCELED; may be set from a signal handler */
	/* ends it with -ETIME; 0 = no limit. Clock and cancel are looked at now and then: below. */
	uint64_t time_limit_ns;
};
/*
 * With limits the program runs in machine code of its own, made by the first such run, that counts
 * jumps backwards and calls of callbacks. At the first of them and at every 1,024th the clock and
 * *cancel are looked at; what a helper does in between is not interrupted, nor is code without
 * loops.
 */
HACHI_API int hachi_prog_run_opts(struct hachi_prog *prog, void *ctx, uint32_t ctx_size,
	const struct hachi_world *world, const struct hachi_run_opts *opts, uint64_t *ret_value);

/* Statistics of a program. */
struct hachi_prog_stats {
	size_t size;
	uint64_t run_count, run_time_ns, recursion_misses;
};

/* Address of a map's element in this process (shared with programs), NULL when absent. */
HACHI_API void *hachi_map_lookup(struct hachi *h, int map_fd, const void *key);

/* ---- embedding: own program types and helpers ---------------------------------------------- */

enum hachi_field_kind {
	HACHI_FIELD_SCALAR,
	HACHI_FIELD_MEM,     /* 8 bytes: start of a region the program may access */
	HACHI_FIELD_MEM_END, /* 8 bytes: its end; must be compared before access, like packet data
			      */
};

enum hachi_field_access { HACHI_FIELD_READ = 1, HACHI_FIELD_WRITE = 2 };

struct hachi_ctx_field {
	const char *name;
	uint32_t off, size; /* 1, 2, 4 or 8; naturally aligned; in the C struct of the context */
	enum hachi_field_kind kind;
	uint32_t access; /* enum hachi_field_access */
};

struct hachi_prog_type {
	size_t size;
	const char *name; /* "my_filter"; libbpf section names are the loader's business */
	uint32_t ctx_size;
	const struct hachi_ctx_field *fields;
	uint32_t field_count;
	int64_t ret_min, ret_max; /* what r0 may be at exit */
	const uint32_t *helpers;  /* ids that it may call beside the base set */
	uint32_t helper_count;
};

/* The number to pass as prog_type to BPF_PROG_LOAD, >= HACHI_BPF_PROG_TYPE_CUSTOM, or -errno. */
HACHI_API int hachi_prog_type_register(struct hachi *h, const struct hachi_prog_type *type);

enum hachi_arg_kind {
	HACHI_ARG_NONE,
	HACHI_ARG_ANYTHING, /* a scalar */
	HACHI_ARG_CTX,	    /* the program's context */
	HACHI_ARG_MEM_READ, /* memory of the size that the next argument gives */
	HACHI_ARG_MEM_WRITE,
	HACHI_ARG_MEM_SIZE,
	HACHI_ARG_MAP,
	HACHI_ARG_STRING, /* constant string in a read-only map */
};

typedef uint64_t (*hachi_helper_fn)(
	uint64_t r1, uint64_t r2, uint64_t r3, uint64_t r4, uint64_t r5, void *user);

struct hachi_helper {
	size_t size;
	const char *name; /* "my_log" */
	enum hachi_arg_kind args[5];
	hachi_helper_fn fn;
	void *user; /* for fn */
};

/* The id to call, >= HACHI_HELPER_CUSTOM, or -errno. */
#define HACHI_HELPER_CUSTOM 0x10000
HACHI_API int hachi_helper_register(struct hachi *h, const struct hachi_helper *helper);

/* Number of a system call of this processor ("openat"), -1 = unknown; and its name, or NULL. */
HACHI_API int hachi_syscall_number(const char *name);
HACHI_API const char *hachi_syscall_name(int number);

/* ---- what this build serves (for `hachi feature`) ------------------------------------------ */

HACHI_API bool hachi_has_helper(uint32_t helper_id);
HACHI_API bool hachi_has_map_type(uint32_t map_type);
HACHI_API bool hachi_has_command(int cmd);

/* Why the last BPF_PROG_LOAD of this thread was refused, as data. */
struct hachi_refusal {
	const char *reason; /* stable id, "" = accepted; valid until the thread's next load */
	const char *category;
	const char *sentence; /* English */
	const char *detail;   /* the kernel's own message */
	const char *hint;     /* what would fix it, or "" */
	uint32_t insn;	      /* as loaded; UINT32_MAX = none */
	const char *file;     /* source line, or "" */
	uint32_t line, column;
	const char *source; /* text of the line, or "" */
};
HACHI_API void hachi_last_refusal(struct hachi *h, struct hachi_refusal *ret_refusal);

/* A loaded program's code after a stage, for `prog dump --after`: text into buf, length or -errno.
 * stage: "load", "verify", "rewrite", and what the engine's compiler has; -EINVAL: no such one. */
HACHI_API long hachi_prog_dump(
	struct hachi *h, int prog_fd, const char *stage, char *buf, size_t size);
/* Stage number i of those of the default engine, in their order; NULL behind the last one. */
HACHI_API const char *hachi_prog_dump_stage(uint32_t i);

#ifdef __cplusplus
}
#endif
#endif
