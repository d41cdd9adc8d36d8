/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reads machine code: the instructions that images may contain (forms.def) and no others. Written
 * from the Arm architecture reference manual alone: it shares nothing with emit.c, whose mistakes
 * it is there to find.
 */
#ifndef JIT_ARM64_DECODE_H
#define JIT_ARM64_DECODE_H

#include "base/types.h"

enum a64_kind {
	A64_KIND_PLAIN,
	A64_KIND_BRANCH, /* conditional */
	A64_KIND_JUMP,
	A64_KIND_CALL,
	A64_KIND_CALL_REG, /* rn */
	A64_KIND_JUMP_REG,
	A64_KIND_RET,
	A64_KIND_PUSH, /* stp with the base changed before */
	A64_KIND_POP,  /* ldp with the base changed afterwards */
	A64_KIND_TRAP,
	A64_KIND_LANDING, /* bti c */
	A64_KIND_ADR,
	A64_KIND_ADRP, /* to counts from the page of the instruction */
};

enum a64_constant {
	A64_CONST_NONE,
	A64_CONST_ADDED, /* imm, to or from rn */
	A64_CONST_MASK,	 /* imm, with rn */
	A64_CONST_MOVED, /* imm is all of the register */
	A64_CONST_KEPT,	 /* imm is 16 bits of it, at shift; the others stay */
};

struct a64_insn {
	u8 kind;     /* enum a64_kind */
	u8 constant; /* enum a64_constant */
	u8 shift;
	u8 rt, rt2, rn, rm; /* as they stand in the word; 31 is zero or the stack pointer */
	bool is_wide;	    /* 64 bits, where both are possible */
	bool has_mem;	    /* rn + disp, or an index in its place */
	bool has_index, writes_mem;
	u8 access_bytes;
	u32 writes; /* registers, one bit each; bit 31 is the stack pointer */
	s32 disp;
	s64 to; /* distance in bytes from the instruction: branches, adr */
	u64 imm;
};

/* false: the word is no instruction that an image may contain. */
bool a64_decode(u32 word, struct a64_insn *ret_insn);

#endif
