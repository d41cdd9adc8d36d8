/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One execution of a program on one thread, what engines and helpers share while it lasts.
 *
 * Addresses in BPF registers are addresses of this process. A BPF map pointer is the address of
 * its struct map (map/map.h), opaque here. Helpers get the five BPF arguments and the run as a
 * sixth one; x86-64 passes it in r9, where the kernel's JIT has nothing.
 */
#ifndef RUNTIME_RUN_H
#define RUNTIME_RUN_H

#include "base/types.h"
#include "isa/insn.h"
#include <hachi/world.h>

struct run;
struct image;

enum { RUN_TAIL_CALLS = 33 }; /* kernel: MAX_TAIL_CALL_CNT */

typedef u64 (*helper_fn)(u64 r1, u64 r2, u64 r3, u64 r4, u64 r5, struct run *run);

/* What helpers may ask of the instance that owns the program; implemented in prog/ and hook/. */
struct run_services {
	/* A line for trace_pipe (without the prefix). */
	void (*trace)(struct run *run, const char *text, size_t len);
	/* The image in slot index of a prog array, or NULL; valid until the run leaves. */
	const struct image *(*tail_target)(struct run *run, u64 map, u32 index);
	/* Writes data to the perf event in the slot that flags names; 0 or -errno. */
	int (*perf_output)(struct run *run, u64 map, u64 flags, const void *data, u64 size);
};

/* A memory guard: every access of the interpreter in guard mode asks it. */
struct run_guard {
	/* Whether [addr, addr + size) may be read or written by this program now. */
	bool (*may_access)(const struct run_guard *guard, const struct run *run, u64 addr, u32 size,
		bool is_write);
	/* Called on a refused access; the run then ends with RUN_GUARD_TRIPPED in run->fault. */
	void (*tripped)(struct run_guard *guard, const struct run *run, u32 insn, u64 addr);
};

/* The stack of one invocation of the checked interpreter; callbacks nest. */
struct run_stack {
	u64 low, high;
	struct run_stack *outer;
};

enum run_fault {
	RUN_OK,
	RUN_GUARD_TRIPPED, /* guard mode found an access that the verifier should have refused */
	RUN_OUT_OF_FUEL,
	RUN_CANCELLED,
	/*
	 * bpf_throw() sets it and run->thrown, and returns; the engine unwinds to the entry
	 * function and clears it there. It stays set while a callback is left.
	 */
	RUN_THROWN,
};

struct run {
	const struct hachi_world *world;
	const struct run_services *services;
	void *owner;		   /* struct hachi of the program, for services */
	const struct image *image; /* running now; the caller sets it; changes with a tail call */
	void *ctx;
	u32 ctx_size; /* bytes, for guard mode; 0 = unknown */
	u32 cpu;
	s64 tail_calls_left; /* RUN_TAIL_CALLS when it starts; at 0 and below there are none */
	u32 depth;	     /* of nested runs on this thread */
	enum run_fault fault;
	u64 thrown; /* r1 of bpf_throw() */
	/*
	 * Back edges until somebody must look whether the run may go on (run_refuel()); < 0 =
	 * never. What is looked at then: see run_limit().
	 */
	s64 fuel;
	s64 fuel_beyond; /* back edges allowed after those; < 0 = any number */
	u64 deadline_ns; /* of the monotonic clock; 0 = none */
	const int *cancel;
	struct run_guard *guard; /* NULL = off; stacks are not asked about */
	struct run_stack *stack; /* of the checked interpreter, innermost first */
	u64 cookie, func_ip;
	u64 func_args; /* address of u64 args[] for bpf_get_func_arg*, or 0 */
	u32 func_arg_count;
	/* Memory that helpers lent to the program (ring buffer records), for guard mode. */
	struct {
		u64 addr;
		u64 size;
	} lent[16];
	u32 lent_count;
	/* scratch that lives as long as the run: bprintf buffers, dynptrs */
	u8 scratch[512];
};

/*
 * Calls a BPF function from a helper (bpf_loop's callback and the like). func is what LD_IMM64
 * with BPF_PSEUDO_FUNC loaded: only the engine that runs the program knows its shape. When
 * run->fault is set afterwards the helper returns at once.
 */
u64 run_callback(struct run *run, u64 func, u64 r1, u64 r2, u64 r3, u64 r4, u64 r5);

/* A load through a BTF pointer: never faults, 0 where nothing can be read (kernel: PROBE_MEM). */
u64 run_probe_load(struct run *run, u64 addr, u32 size);

/*
 * LD_ABS and LD_IND: size bytes at off of the packet of a struct hachi_skb, big endian; negative
 * offsets as classic BPF has them. false: outside the packet, and the function returns 0.
 */
bool run_load_packet(struct run *run, u64 ctx, s32 off, u32 size, u64 *ret_value);

/*
 * What ends a run: fuel, back edges (< 0 = any number); a time of the monotonic clock (0 = none);
 * an int that somebody else, a signal handler perhaps, makes non-zero (NULL = none). The clock and
 * the int are looked at on the first back edge and every RUN_SLICE of them.
 */
enum { RUN_SLICE = 1024 };
void run_limit(struct run *run, s64 fuel, u64 deadline_ns, const int *cancel);
/*
 * Counts a jump backwards, or one call of a callback. Sets run->fault when the run must end:
 * helpers that call back in a loop must then stop, too.
 */
void run_back_edge(struct run *run);
/* For engines that count by themselves, when run->fuel fell below 0: true = the run must end. */
bool run_refuel(struct run *run);

/* World access with the process's own world as the default. */
u64 world_time_ns(const struct hachi_world *w, enum hachi_clock clock);
u32 world_random(const struct hachi_world *w);
void world_comm(const struct hachi_world *w, char comm[16]);
u64 world_uid_gid(const struct hachi_world *w);
u64 world_cgroup_id(const struct hachi_world *w, int ancestor_level);
u64 world_task(const struct hachi_world *w);
int world_read_user(const struct hachi_world *w, void *dst, size_t len, u64 addr);
int world_write_user(const struct hachi_world *w, u64 addr, const void *src, size_t len);
int world_read_kernel(const struct hachi_world *w, void *dst, size_t len, u64 addr);
int world_user_stack(const struct hachi_world *w, u64 *ret_ips, u32 max);
int world_kernel_stack(const struct hachi_world *w, u64 *ret_ips, u32 max);
/* This thread and process as they are: for test runs and embedders that pass no world. */
void world_init_self(struct hachi_world *w);

#endif
