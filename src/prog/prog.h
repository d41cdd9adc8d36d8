/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A loaded program: the load pipeline (prog/load.c, one page), running it, tail calls, lifetime.
 */
#ifndef PROG_PROG_H
#define PROG_PROG_H

#include "base/log.h"
#include "map/map.h"
#include "runtime/image.h"
#include "verify/verify.h"

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
	struct btf *btf; /* owned reference, or NULL */
	struct verify_func_info *func_info;
	u32 func_info_count;
	struct verify_line_info *line_info;
	u32 line_info_count;
	struct code_subprog *subprogs;
	u32 subprog_count;
	struct code_fact *facts;
	u32 verified_insns;
	u32 attach_btf_id, attach_btf_obj_id;
	void *owner; /* struct hachi; opaque here */
	const struct run_services *services;
	/* statistics, counted only while enabled */
	u64 run_count, run_time_ns, recursion_misses;
	void (*free_hook)(struct prog *prog); /* called before the last reference frees it */
};

struct prog_load_args {
	struct verify_input in;
	const struct verify_world *world;
	const struct engine *engine;
	bool guard;
	void *owner;
	const struct run_services *services;
	helper_fn (*custom_helper)(void *owner, u32 id);
};

/* 0 or -errno; ret_verdict is filled in every case, its texts in the arena. */
int prog_load(const struct prog_load_args *args, struct arena *arena, struct log *log,
	struct verdict *ret_verdict, struct prog **ret_prog);
void prog_ref(struct prog *prog);
void prog_unref(struct prog *prog);

/* One run. cookie as in the attachment; 0 or -errno; ret_value gets r0. */
int prog_run(struct prog *prog, void *ctx, u32 ctx_size, const struct hachi_world *world,
	u64 cookie, u64 *ret_value);

#endif
