/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From values to x86-64 code, one file for each class: lower_alu.c, lower_mem.c, lower_call.c;
 * lower.c walks the blocks, frame.c enters and leaves functions, moves.c carries out moves.
 *
 * Functions follow the System V convention: r1 to r5 arrive in rdi, rsi, rdx, rcx and r8, the run
 * in r9, the result leaves in rax. The entry function gets the context in rdi and the run in rsi.
 * r11 is never given to a value; r10 only where nothing lives in memory and nothing needs two.
 */
#ifndef JIT_X86_64_LOWER_H
#define JIT_X86_64_LOWER_H

#include "jit/alloc.h"
#include "jit/flow.h"
#include "jit/x86_64/emit.h"

enum {
	LOWER_SCRATCH = X86_R11,  /* sources that are in memory or constants */
	LOWER_SCRATCH2 = X86_R10, /* results that belong in memory, when there are any */
	X86_CALLER_SAVED = 1 << X86_RAX | 1 << X86_RCX | 1 << X86_RDX | 1 << X86_RSI |
		1 << X86_RDI | 1 << X86_R8 | 1 << X86_R9 | 1 << X86_R10 | 1 << X86_R11,
};

struct lower {
	struct x86_buf *b;
	struct ir_program *p;
	struct ir_func *f;
	struct alloc_result alloc;
	u32 func_labels; /* first of ir_program.func_count labels */
	struct flow flow;
	u32 exit_label, fault_label, zero_label;
	bool is_exit_bound, uses_fault, uses_zero;
	u32 saved;			      /* callee-saved registers to save */
	s32 frame_bytes;		      /* below the saved registers */
	s32 spill_at, may_goto_at, stack_end; /* offsets from rsp */
	bool has_bmi2, has_movbe, uses_retpolines;
	/* The flags say how this register compares with 0, as long as nothing is appended. */
	u32 flags_at;
	u8 flags_reg, flags_w;
	/* What the scratch registers hold, as long as nothing names them. */
	u32 kept[2];
	u32 params_at; /* parameters are still where they arrived, too, while nothing is appended */
	/* The last constant that a move put into a register, until there is code or a label. */
	u32 moved_at;
	u8 moved_reg;
	u64 moved_imm;
	s32 fuel_at;	  /* offset from rsp of where registers are kept during run_refuel() */
	bool keeps_flags; /* moves stand between a comparison and its jump */
};

/* fold.c: passes of this machine. */
void x86_fold_addresses(struct ir_func *f);
void x86_fold_operands(struct ir_func *f);

/* lower.c */
int lower_func(struct lower *l);
bool lower_is_spilled(const struct lower *l, u32 v);
struct x86_mem lower_slot(const struct lower *l, u32 v);
/* A register that holds v: its own, or scratch after loading it. */
u8 lower_src(struct lower *l, u32 v, u8 scratch);
/* Puts v into dst. */
void lower_load_into(struct lower *l, u8 dst, u32 v, u8 w);
u8 lower_dst(const struct lower *l, u32 v);
/* The scratch register that holds a spilled value, or X86_NO_REG. */
u8 lower_kept(const struct lower *l, u32 v);
void lower_store_dst(struct lower *l, u32 v, u8 reg);
bool lower_small_const(const struct lower *l, u32 v, u8 w, s32 *ret_imm);
void lower_set_flags(struct lower *l, u8 reg, u8 w);
/* Compares a with b; the condition to branch on. */
enum x86_cond lower_compare(struct lower *l, u32 a, u32 b, u8 w, enum ir_cond cond);

/* lower_alu.c */
enum x86_alu x86_alu_of(u8 op); /* of an IR_ADD or the like */
void lower_alu(struct lower *l, u32 v);
void lower_divide(struct lower *l, u32 v);
void lower_convert(struct lower *l, u32 v);
void lower_select(struct lower *l, u32 v);
void lower_blind(struct lower *l, u32 v);

/* lower_mem.c */
struct x86_mem lower_address(struct lower *l, u32 v);
bool lower_mem_uses(struct x86_mem m, u8 reg);
void lower_memory(struct lower *l, u32 v);
void lower_atomic(struct lower *l, u32 v);

/* lower_call.c */
void lower_call(struct lower *l, u32 v);
void lower_tail_call(struct lower *l, u32 v);
void lower_packet(struct lower *l, u32 v);
void lower_fuel(struct lower *l, u32 v);
void lower_refuel(struct lower *l); /* out of line, for all of them */
void lower_check(struct lower *l, u32 v);

/* moves.c: all at once, as if every source were read before any destination is written. */
void lower_moves(struct lower *l, struct move *moves, u32 count);

/* frame.c */
void frame_enter(struct lower *l);
/* Whether a parameter is in reg, where it arrived, beside where it lives. */
bool frame_has_param(const struct lower *l, u32 v, u8 reg);
void frame_leave(struct lower *l);	    /* all but the ret */
bool frame_is_small(const struct lower *l); /* leaving takes no more bytes than a jump */
void frame_exits(struct lower *l);

extern const struct alloc_target x86_alloc_target;
/* rename.c */
void x86_rename(struct ir_func *f, u32 usable, struct alloc_result *result);
bool x86_needs_two_scratch(const struct ir_func *f, bool has_bmi2);

#endif
