/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reads machine code: the instructions that images may contain (forms.def) and no others. Written
 * from Intel's manual alone: it shares nothing with emit.c, whose mistakes it is there to find.
 */
#ifndef JIT_X86_64_DECODE_H
#define JIT_X86_64_DECODE_H

#include "base/types.h"

enum {
	X86_DECODE_BYTES = 16, /* readable at what x86_decode() gets */
	X86_DECODE_NONE = 16,  /* no register */
};

enum x86_kind {
	X86_KIND_NONE, /* not allowed */
	X86_KIND_PLAIN,
	X86_KIND_BRANCH, /* conditional; imm is the distance from the next instruction */
	X86_KIND_JUMP,
	X86_KIND_CALL,
	X86_KIND_CALL_REG, /* rm */
	X86_KIND_JUMP_MEM,
	X86_KIND_RET,
	X86_KIND_PUSH, /* rm */
	X86_KIND_POP,
	X86_KIND_TRAP,
	X86_KIND_LANDING,   /* endbr64 */
	X86_KIND_LEA_LABEL, /* lea reg, [rip + disp] */
};

struct x86_insn {
	u8 length;
	u8 kind; /* enum x86_kind */
	u8 opcode;
	bool is_0f;	 /* the opcode stands behind 0F */
	u8 width;	 /* bits of the operation */
	u8 reg, rm;	 /* of ModRM, or the one in the opcode (rm); rm: when has_mem is not set */
	u8 access_bytes; /* of memory; 0: the address alone counts */
	bool has_mem;	 /* base + (index << scale) + disp */
	bool writes_mem; /* or reads and writes it */
	u8 base, index;	 /* or X86_DECODE_NONE */
	u8 scale;	 /* 0 to 3 */
	u8 disp_bytes;	 /* 0, 1, 4 */
	u8 imm_bytes;	 /* 0, 1, 2, 4, 8 */
	u16 writes;	 /* registers written because the instruction names them, one bit each */
	s32 disp;
	s64 imm; /* sign-extended */
};

/* false: the bytes are no instruction that an image may contain. */
bool x86_decode(const u8 *bytes, struct x86_insn *ret_insn);

#endif
