/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What engines compile and what they return. A `code` is a verified, rewritten program without
 * addresses: LD_IMM64 names maps, subprograms and BTF objects by index into the tables here, calls
 * name helpers by id. The engine resolves them when it compiles.
 *
 * Forms after verify/rewrite (beside plain instructions; `;` separates form and meaning):
 *	LD_IMM64 src=BPF_PSEUDO_MAP_FD, _IDX		; imm = index into maps: maps[imm].handle
 *	LD_IMM64 src=BPF_PSEUDO_MAP_VALUE, _IDX_VALUE	; as above, next.imm = offset: values +
 *offset LD_IMM64 src=BPF_PSEUDO_FUNC	; imm = index into subprogs: value for run_callback()
 *	LD_IMM64 src=0, BPF_PSEUDO_BTF_ID		; the constant
 *	CALL src=0			; imm = helper id: helper(helper_ctx, id)
 *	CALL src=BPF_PSEUDO_CALL	; imm = pc-relative, as in the ISA
 *	CALL src=BPF_PSEUDO_KFUNC_CALL	; imm = index into kfuncs
 *	CALL imm=BPF_FUNC_tail_call	; carried out by the engine: r2 = map, r3 = index
 *	LDX PROBE_MEM, PROBE_MEMSX	; run_probe_load()
 *	PROBE_MEM32 and the like	; arena_base + (u32)register + off
 *	may_goto			; stays as loaded: the engine counts, per call of a function
 *	LD_ABS, LD_IND			; may stay as loaded: run_load_packet()
 *	ST|NOSPEC			; speculation barrier
 */
#ifndef RUNTIME_IMAGE_H
#define RUNTIME_IMAGE_H

#include "isa/insn.h"
#include "runtime/run.h"

/* Slots of a prog array as engines read them: written with release, read with acquire. */
struct log;

struct tail_table {
	u32 count;
	u32 mask; /* there are mask + 1 slots: where speculation past the check of the index ends */
	const struct image *slots[];
};

struct code_map {
	u64 handle;   /* address of the struct map */
	u64 values;   /* what BPF_PSEUDO_MAP_VALUE names; 0 = the map has no such address */
	u64 elements; /* arrays: address of element 0 (of CPU 0); else 0 */
	u32 type, key_size, value_size, max_entries;
	u32 elem_size;		       /* distance between array elements, bytes */
	u32 index_mask;		       /* arrays made without CAP_PERFMON; else all ones */
	u64 cpu_stride;		       /* per-CPU arrays: distance between CPUs' copies */
	const struct tail_table *tail; /* prog arrays */
	helper_fn lookup;	       /* direct lookup for this kind, or NULL: call the helper */
};

struct code_subprog {
	u32 start;	 /* first instruction */
	u32 stack_bytes; /* what the verifier saw used, rounded up to 8 */
	bool has_tail_call, is_callback, is_exception_cb;
	const char *name; /* may be NULL */
};

/* What the verifier knows of an instruction; engines may use it to emit less. */
struct code_fact {
	u8 is_dead : 1;	     /* never reached */
	u8 zext_dst : 1;     /* the 32-bit result must be zero-extended (others need not be) */
	u8 branch_known : 1; /* conditional jump with one outcome */
	u8 branch_taken : 1;
	u8 src_nonzero : 1; /* divisor cannot be 0 */
	u8 is_jump_target : 1;
	u8 needs_bounds : 1; /* arena and the like */
	s8 map;		     /* map index that a helper call's map argument always is, or -1 */
	u32 orig;	     /* instruction index as loaded */
};

struct code {
	const struct insn *insns;
	u32 insn_count;
	const struct code_fact *facts; /* insn_count of them, or NULL */
	const struct code_subprog *subprogs;
	u32 subprog_count;
	const struct code_map *maps;
	u32 map_count;
	const helper_fn *kfuncs;
	u32 kfunc_count;
	helper_fn (*helper)(void *helper_ctx, u32 id); /* NULL when this build has none */
	void *helper_ctx;
	u64 arena_base; /* where this process has the arena: 4 GiB and 32 KiB on both sides mapped
			 */
	u64 arena_user_base; /* upper half of user addresses in it */
	bool blind;	     /* no constant of insns may be seen in the machine code */
	bool retpolines;     /* no jump whose target the processor may guess */
	bool masks_indices;  /* no index of a tail call is trusted in speculation */
	bool uses_fuel;	     /* run->fuel and run->cancel are checked at back edges */
	u32 prog_type;
	const char *name;
};

struct engine;
struct strbuf;

/* A compiled program. Shared by all runs; freed by its engine. */
struct image {
	u64 (*entry)(void *ctx, struct run *run); /* runs it from the top */
	const struct engine *engine;
	u32 machine_size; /* bytes of machine code, 0 for the interpreter */
	const void *machine_code;
	const void *prog; /* struct prog that owns the image; opaque here */
	bool is_limited;  /* made from a code that uses fuel: tail calls lead to such images, too */
};

struct engine {
	const char *name; /* "interp", "x86-64", "arm64" */
	bool (*is_available)(void);
	int (*compile)(const struct code *code, struct log *log, struct image **ret_image);
	void (*free)(struct image *image);
	/* See run_callback(). */
	u64 (*callback)(struct run *run, u64 func, u64 r1, u64 r2, u64 r3, u64 r4, u64 r5);
	/* Name of stage i of a compilation, NULL behind the last one; the program after a stage
	 * (-EINVAL: no such one). Both NULL where there are no stages. */
	const char *(*stage)(u32 i);
	int (*dump)(const struct code *code, const char *after, struct strbuf *text);
};

extern const struct engine engine_interp; /* runtime/interp.c */

#endif
