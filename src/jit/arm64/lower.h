/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From values to arm64 code, one file for each class: lower_alu.c, lower_mem.c, lower_call.c;
 * lower.c walks the blocks, frame.c enters and leaves functions, moves.c carries out moves.
 *
 * Functions follow the procedure call standard: r1 to r5 arrive in x0 to x4, the run in x5, the
 * result leaves in x0. The entry function gets the context in x0 and the run in x1. x15 to x17 are
 * never given to a value, x18 belongs to the platform; x13 and x14 are given out where no atomic
 * operation is a loop. Functions that call nothing use memory below their own frame never: signals
 * come there.
 */
#ifndef JIT_ARM64_LOWER_H
#define JIT_ARM64_LOWER_H

#include "jit/alloc.h"
#include "jit/arm64/emit.h"
#include "jit/flow.h"

enum {
	ARM64_SCRATCH = 16, /* first operands and addresses; what moves keep while they go around */
	ARM64_SCRATCH2 = 17, /* second operands; results that belong in memory */
	ARM64_SCRATCH3 = 15, /* third operands and large displacements */
	ARM64_LOOP_NEW = 14, /* of atomic operations */
	ARM64_LOOP_STATUS = 13,
	ARM64_CALLER_SAVED = (1 << 18) - 1,
};

struct arm64_lower {
	struct a64_buf *b;
	struct ir_program *p;
	struct ir_func *f;
	struct alloc_result alloc;
	struct flow flow;
	u32 func_labels; /* first of ir_program.func_count labels */
	u32 exit_label, fault_label, zero_label;
	bool is_exit_bound, uses_fault, uses_zero;
	u8 saved[12]; /* registers to save: the frame record first */
	u32 saved_count;
	s32 frame_bytes;		      /* below the saved registers */
	s32 spill_at, may_goto_at, stack_end; /* offsets from sp */
	s32 fuel_at;			      /* where registers are kept during run_refuel() */
	u8 test_reg, test_w, test_bit;	      /* what A64_CBZ and its like look at */
	bool has_lse;
};

/* fold.c: passes of this machine. */
void arm64_fold_addresses(struct ir_func *f);
void arm64_fold_operands(struct ir_func *f);

/* lower.c */
int arm64_lower_func(struct arm64_lower *l);
bool arm64_is_spilled(const struct arm64_lower *l, u32 v);
bool arm64_is_const(const struct arm64_lower *l, u32 v, u8 w, u64 *ret_imm);
/* The low w bits of v in a register: its own, or scratch after loading it; 0 may be A64_ZR. */
u8 arm64_src(struct arm64_lower *l, u32 v, u8 w, u8 scratch);
/* The same, but never register 31. */
u8 arm64_base(struct arm64_lower *l, u32 v, u8 w, u8 scratch);
void arm64_load_into(struct arm64_lower *l, u8 d, u32 v, u8 w);
u8 arm64_dst(const struct arm64_lower *l, u32 v);
void arm64_store_dst(struct arm64_lower *l, u32 v, u8 reg);
/* Compares a with b; the condition to branch on. can_test: it may be one of A64_CBZ and on. */
enum a64_cond arm64_compare(
	struct arm64_lower *l, u32 a, u32 b, u8 w, enum ir_cond cond, bool can_test);
void arm64_jump(struct arm64_lower *l, enum a64_cond cond, u32 label);

/* lower_alu.c */
void arm64_alu(struct arm64_lower *l, u32 v);
void arm64_divide(struct arm64_lower *l, u32 v);
void arm64_convert(struct arm64_lower *l, u32 v);
void arm64_select(struct arm64_lower *l, u32 v);
void arm64_blind(struct arm64_lower *l, u32 v);
/* d = n + imm; n may be the stack pointer when imm has at most 24 bits. */
void arm64_add_const(struct arm64_lower *l, u8 w, u8 d, u8 n, s64 imm);

/* lower_mem.c */
void arm64_load_at(struct arm64_lower *l, u8 size, u8 d, u8 base, s32 disp);
void arm64_store_at(struct arm64_lower *l, u8 size, u8 s, u8 base, s32 disp);
void arm64_memory(struct arm64_lower *l, u32 v);
void arm64_atomic(struct arm64_lower *l, u32 v);
bool arm64_has_loops(const struct ir_func *f); /* of atomic operations */

/* lower_call.c */
void arm64_call(struct arm64_lower *l, u32 v);
void arm64_tail_call(struct arm64_lower *l, u32 v);
void arm64_packet(struct arm64_lower *l, u32 v);
void arm64_fuel(struct arm64_lower *l, u32 v);
void arm64_refuel(struct arm64_lower *l); /* out of line, for all of them */
void arm64_check(struct arm64_lower *l, u32 v);

/* moves.c: as if every source were read before any destination is written. */
void arm64_moves(struct arm64_lower *l, struct move *moves, u32 count);

/* frame.c */
void arm64_enter(struct arm64_lower *l);
void arm64_leave(struct arm64_lower *l); /* all but the ret; changes saved registers only */
void arm64_exits(struct arm64_lower *l);

extern const struct alloc_target arm64_alloc_target;

#endif
