/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A loaded program: the load pipeline (prog/load.c, one page), running it, tail calls, lifetime.
 */
#ifndef PROG_PROG_H
#define PROG_PROG_H

#include "base/epoch.h"
#include "base/log.h"
#include "map/map.h"
#include "runtime/image.h"
#include "verify/verify.h"
#include <pthread.h>

struct prog {
	u32 id, type, attach_type, flags;
	u32 refs; /* atomic */
	char name[16];
	u8 tag[8];
	bool is_gpl, is_jited, is_sleepable;
	u64 loaded_ns; /* CLOCK_BOOTTIME */
	u32 uid;
	struct image *image; /* owned */
	/* as loaded, and after the rewrite; owned */
	struct insn *orig_insns, *insns;
	u32 orig_count, insn_count;
	struct map **maps; /* owned references */
	u32 map_count;
	pthread_mutex_t lock; /* bound */
	struct map **bound;   /* PROG_BIND_MAP; owned references */
	u32 bound_count;
	struct btf *btf; /* owned reference, or NULL */
	struct verify_func_info *func_info;
	u32 func_info_count;
	struct verify_line_info *line_info;
	u32 line_info_count;
	struct code_subprog *subprogs;
	u32 subprog_count;
	struct code_fact *facts;
	u32 verified_insns, max_ctx_offset;
	u32 attach_btf_id, attach_btf_obj_id;
	struct prog *target; /* what a tracing program was loaded for; owned reference, or NULL */
	char *attach_name;   /* of the target in attach_btf, without its prefix; owned, or NULL */
	void *owner;	     /* struct hachi; opaque here */
	const struct run_services *services;
	helper_fn (*custom_helper)(void *owner, u32 id);
	/* what the engine was given: its tables live as long as the image */
	struct code code;
	/* images compiled on demand for runs with a limit; owned, NULL until then */
	struct image *limited_image;
	s64 fuel;	   /* of a run without a limit of its own; 0 = any */
	u64 time_limit_ns; /* the same */
	bool guard;
	const struct ctx_layout
		*custom_ctx; /* of an embedder's type, outlives the program; or NULL */
	struct verify_stats verify_stats;
	/* statistics, counted only while *stats_on; recursion_misses always */
	const u32 *stats_on;
	u64 run_count, run_time_ns, recursion_misses;
	void (*free_hook)(struct prog *prog); /* called before the last reference frees it */
	struct epoch_node epoch;	      /* freed when no run can be in it any more */
};

struct prog_load_args {
	struct verify_input in;
	const struct verify_world *world;
	const struct engine *engine;
	bool may_interpret; /* what the engine cannot compile, or this process not execute */
	bool guard;
	bool harden; /* blinded constants, retpolines */
	s64 fuel;
	u64 time_limit_ns;
	bool masks_indices; /* the loader must not see what speculation reads */
	void *owner;
	const struct run_services *services;
	helper_fn (*custom_helper)(void *owner, u32 id);
	const u32 *stats_on;
};

/* 0 or -errno; ret_verdict is filled in every case, its texts in the arena. */
int prog_load(const struct prog_load_args *args, struct arena *arena, struct log *log,
	struct verdict *ret_verdict, struct prog **ret_prog);
void prog_ref(struct prog *prog);
void prog_unref(struct prog *prog);
/* Keeps a map alive with the program. */
int prog_bind_map(struct prog *prog, struct map *map);

struct prog_run_limits {
	s64 fuel;	 /* < 0 = none */
	u64 deadline_ns; /* of the monotonic clock; 0 = none */
	const int *cancel;
};

/* The image that counts back edges, made when somebody first asks; NULL: no memory. */
const struct image *prog_limited_image(struct prog *prog);

/*
 * One run. cookie as in the attachment; 0 or -errno; ret_value gets r0. limits may be NULL.
 * -EFAULT: the guard tripped; -ETIME: out of fuel or time; -ECANCELED; -EDEADLK: the program is
 * already running on this thread and is of a kind that must not recurse (counted as a miss).
 */
int prog_run(struct prog *prog, void *ctx, u32 ctx_size, const struct hachi_world *world,
	u64 cookie, u64 *ret_value);
int prog_run_limited(struct prog *prog, void *ctx, u32 ctx_size, const struct hachi_world *world,
	u64 cookie, const struct prog_run_limits *limits, u64 *ret_value);

/* prog/tag.c: the 8 bytes that name a program's instructions, as that kernel computes them. */
int prog_tag(const struct insn *insns, u32 count, u32 kernel_features, u8 ret_tag[8]);

/*
 * prog/tail.c: prog arrays as engines read them. A table is made with its map; prog_tail_set() is
 * called whenever a slot changes.
 */
int prog_tail_new(struct map *map);
void prog_tail_set(struct map *map, u32 slot, const struct prog *prog);
const struct image *prog_tail_target(struct run *run, u64 map, u32 index);

/* prog/guard.c: what a program may touch, asked at every access of a guarded run. */
struct prog_guard {
	struct run_guard guard;
	u64 bad_addr;
	u32 bad_insn;
};
void prog_guard_init(struct prog_guard *guard);

#endif
