/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the parts of the interpreter share: decoded operations and the image made of them.
 *
 * An operation is one BPF instruction with its operands taken apart, the address of the code that
 * carries it out, and jump targets as distances between operations. Fusing two operations changes
 * only the label of the first one; the second stays where it is, so that jumps to it still work.
 */
#ifndef RUNTIME_INTERP_H
#define RUNTIME_INTERP_H

#include "runtime/image.h"

enum {
	INTERP_STACK_BYTES = 512,      /* of one function */
	INTERP_MAX_FRAMES = 16,	       /* the verifier allows 8; a tail call keeps its frame */
	INTERP_MAY_GOTO = 8 * 1 << 20, /* kernel: BPF_MAX_LOOPS */
};

/* Operations: one for each kind of instruction, and those without one. */
enum interp_kind {
	INTERP_KIND_FUEL = INSN_KIND_COUNT, /* before a jump backwards, when runs may be stopped */
	INTERP_KIND_CALL_CHECKED,	    /* a helper call after which run->fault is looked at */
	INTERP_KIND_UNREACHABLE,
	INTERP_KIND_COUNT,
};

enum interp_fused {
#define FUSE(a, b) INTERP_FUSED_##a##_##b,
#include "runtime/interp_fused.def"
	INTERP_FUSED_COUNT,
};

enum interp_addressed {
#define ADDRESSED(base, access) INTERP_ADDRESSED_##base##_##access,
#include "runtime/interp_addressed.def"
	INTERP_ADDRESSED_COUNT,
};

struct interp_func;

struct interp_op {
	const void *label;
	u16 kind; /* before fusing */
	u8 dst, src;
	s32 off; /* of memory; of jumps: bytes from this op to the target; of calls: the helper's id
		  */
	union {
		u64 imm;
		helper_fn fn;
		const struct interp_func *func;
		const struct code_map *map; /* of a tail call, or NULL when it is not known */
	};
};

struct interp_func {
	const struct interp_image *owner;
	const struct interp_op *start;
	u32 stack_bytes;
	bool is_entry; /* where bpf_throw() unwinds to */
};

struct interp_image {
	struct image image;
	struct interp_op *ops; /* owned, like all arrays here */
	u32 op_count;
	u32 *insn_of_op; /* index in the rewritten program */
	struct interp_func *funcs;
	u32 func_count;
	struct code_map *maps;
	u32 map_count;
	struct code_fact *facts; /* per operation; NULL unless this build checks them */
	const struct interp_func *exception_cb;
	u64 arena_base, arena_user_base;
};

/* Labels of the operations, of the fused pairs and of accesses to elements. */
struct interp_labels {
	const void *const *kinds;
	const void *const *fused;
	const void *const *addressed;
};

/* The two loops: interp_loop.h included with and without checks. */
u64 interp_run_fast(struct run *run, const struct interp_func *func, const u64 args[5]);
u64 interp_run_checked(struct run *run, const struct interp_func *func, const u64 args[5]);
void interp_fast_labels(struct interp_labels *ret_labels);

/*
 * interp_bytes.c: the program with wide loads instead of narrow ones, and which instructions
 * nobody needs then; the caller frees both.
 */
int interp_join_bytes(const struct code *code, struct insn **ret_insns, u8 **ret_is_dropped);
/* Decodes, resolves and links code into image->ops; labels are set by interp_fuse(). */
int interp_translate(const struct code *code, struct interp_image *image);
/* Sets the label of each operation, of a fused pair where two neighbours have one. */
void interp_fuse(struct interp_image *image, const struct interp_labels *labels);

/*
 * Whether the guard lets op's access happen, or lets the helper have what its arguments point to
 * (regs: r0 to r5). When not, the run is over.
 */
bool interp_guard_call(struct run *run, const struct interp_image *image,
	const struct interp_op *op, const u64 *regs);
bool interp_guard_access(struct run *run, const struct interp_image *image,
	const struct interp_op *op, u64 addr, u32 size, bool is_write);
/* The image that a tail call goes to, or NULL; counts it. */
const struct image *interp_tail_target(
	struct run *run, const struct code_map *map, u64 handle, u32 index);

#endif
