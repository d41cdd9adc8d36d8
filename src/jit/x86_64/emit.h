/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * x86-64 encodings. Each function appends one instruction, choosing the shortest form; what comes
 * out depends on its arguments only. w is 32 or 64 (8 and 16 where said).
 *
 * Jumps and calls within the image name labels. They take no bytes until x86_layout() gives every
 * jump its short form where it reaches.
 */
#ifndef JIT_X86_64_EMIT_H
#define JIT_X86_64_EMIT_H

#include "base/arena.h"
#include "base/types.h"

enum x86_reg {
	X86_RAX,
	X86_RCX,
	X86_RDX,
	X86_RBX,
	X86_RSP,
	X86_RBP,
	X86_RSI,
	X86_RDI,
	X86_R8,
	X86_R9,
	X86_R10,
	X86_R11,
	X86_R12,
	X86_R13,
	X86_R14,
	X86_R15,
	X86_NO_REG = 0xff,
};

/* Operations with the encoding of ADD: the number is what the opcode bytes contain. */
enum x86_alu {
	X86_ADD = 0,
	X86_OR = 1,
	X86_AND = 4,
	X86_SUB = 5,
	X86_XOR = 6,
	X86_CMP = 7,
};

enum x86_shift {
	X86_ROL = 0,
	X86_ROR = 1,
	X86_SHL = 4,
	X86_SHR = 5,
	X86_SAR = 7,
};

/* One operand, opcode F7. */
enum x86_unary {
	X86_NOT = 2,
	X86_NEG = 3,
	X86_DIV = 6,
	X86_IDIV = 7,
};

/* Conditions as the encodings number them; neighbours are opposites. */
enum x86_cond {
	X86_B = 2,
	X86_AE = 3,
	X86_E = 4,
	X86_NE = 5,
	X86_BE = 6,
	X86_A = 7,
	X86_L = 12,
	X86_GE = 13,
	X86_LE = 14,
	X86_G = 15,
	X86_ALWAYS = 16,
};

struct x86_mem {
	u8 base; /* X86_NO_REG = none */
	u8 index;
	u8 scale; /* 0 to 3 */
	s32 disp;
};

/* Something whose place or bytes are known only when everything is: in the order of the code. */
struct x86_jump {
	u32 at;	    /* where it stands in the bytes without jumps */
	u32 label;  /* of X86_ALIGN: where the code ends that should lie in one line */
	u8 kind;    /* enum x86_cond, or one of those below */
	u8 size;    /* bytes */
	u8 reg;	    /* of X86_LEA_LABEL */
	u32 final;  /* where it stands in the end */
	u64 target; /* of X86_CALL_ADDRESS */
};

enum { X86_CALL_LABEL = 17, X86_LEA_LABEL, X86_ALIGN, X86_BIND, X86_CALL_ADDRESS };

struct x86_buf {
	struct arena *arena;
	u8 *code;
	u32 len, cap;
	u32 *labels; /* final offsets, after x86_layout() */
	u32 label_count, label_cap;
	struct x86_jump *jumps;
	u32 jump_count, jump_cap;
	u32 named; /* bits: registers that were named, but as addresses, since somebody cleared it
		    */
	int err;   /* -ENOMEM: nothing more is appended */
};

void x86_init(struct x86_buf *b, struct arena *arena);
u32 x86_new_label(struct x86_buf *b);
void x86_bind(struct x86_buf *b, u32 label);
void x86_jump(struct x86_buf *b, enum x86_cond cond, u32 label);
void x86_call(struct x86_buf *b, u64 address); /* destroys rax when it is far */
void x86_call_label(struct x86_buf *b, u32 label);
void x86_lea_label(struct x86_buf *b, u8 reg, u32 label);
/*
 * The code from here to the label, if it is short, shall lie within as few windows of 32 bytes as
 * it can: that is what the processor fetches at once.
 */
void x86_align(struct x86_buf *b, u32 end_label);
/* Bytes of the whole with jumps in their final forms; is_near: x86_call() reaches all addresses. */
u32 x86_layout(struct x86_buf *b, bool is_near);
/* Whether calls from code at base reach their addresses. */
bool x86_reaches(const struct x86_buf *b, const u8 *base, u32 size);
void x86_write(const struct x86_buf *b, u8 *dst);
/* Where a label lies in what x86_write() wrote. */
u32 x86_label_offset(const struct x86_buf *b, u32 label);

void x86_mov_rr(struct x86_buf *b, u8 w, u8 dst, u8 src);
void x86_mov_ri(struct x86_buf *b, u8 dst, u64 imm); /* changes no flags */
void x86_zero(struct x86_buf *b, u8 dst);	     /* changes flags */
void x86_alu_rr(struct x86_buf *b, enum x86_alu op, u8 w, u8 dst, u8 src);
void x86_alu_ri(struct x86_buf *b, enum x86_alu op, u8 w, u8 dst, s32 imm);
void x86_alu_rm(struct x86_buf *b, enum x86_alu op, u8 w, u8 dst, struct x86_mem m);
void x86_alu_mr(struct x86_buf *b, enum x86_alu op, u8 w, struct x86_mem m, u8 src);
void x86_alu_mi(
	struct x86_buf *b, enum x86_alu op, u8 w, struct x86_mem m, s32 imm); /* w 8, 16 too */
void x86_cmp8_ri(struct x86_buf *b, u8 reg, u8 imm);			      /* the low byte */
void x86_test_rr(struct x86_buf *b, u8 w, u8 x, u8 y);
void x86_test_ri(struct x86_buf *b, u8 w, u8 x, s32 imm); /* w 8, too */
/* The carry flag is that bit of reg, modulo w. */
void x86_bt_ri(struct x86_buf *b, u8 w, u8 reg, u8 bit);
void x86_bt_rr(struct x86_buf *b, u8 w, u8 reg, u8 bit);
void x86_inc(struct x86_buf *b, u8 w, u8 dst, bool is_dec);
void x86_unary(struct x86_buf *b, enum x86_unary op, u8 w, u8 reg);
void x86_unary_m(struct x86_buf *b, enum x86_unary op, u8 w, struct x86_mem m);
void x86_imul_rr(struct x86_buf *b, u8 w, u8 dst, u8 src);
void x86_imul_rm(struct x86_buf *b, u8 w, u8 dst, struct x86_mem m);
void x86_imul_rri(struct x86_buf *b, u8 w, u8 dst, u8 src, s32 imm);
void x86_shift_ri(struct x86_buf *b, enum x86_shift op, u8 w, u8 dst, u8 count);
void x86_shift_cl(struct x86_buf *b, enum x86_shift op, u8 w, u8 dst);
void x86_shiftx(struct x86_buf *b, enum x86_shift op, u8 w, u8 dst, u8 src, u8 count); /* BMI2 */
void x86_rorx(struct x86_buf *b, u8 w, u8 dst, u8 src, u8 count);		       /* BMI2 */
void x86_bswap(struct x86_buf *b, u8 w, u8 reg);
void x86_bsr(struct x86_buf *b, u8 w, u8 dst, u8 src);
void x86_popcnt(struct x86_buf *b, u8 w, u8 dst, u8 src);
void x86_rol16(struct x86_buf *b, u8 reg, u8 count); /* low 16 bits */
void x86_lea(struct x86_buf *b, u8 w, u8 dst, struct x86_mem m);
void x86_movzx_rr(struct x86_buf *b, u8 size, u8 dst, u8 src); /* low size bytes */
void x86_movsx_rr(struct x86_buf *b, u8 size, u8 w, u8 dst, u8 src);
void x86_load(struct x86_buf *b, u8 size, u8 dst, struct x86_mem m); /* zero-extends */
void x86_load_sx(struct x86_buf *b, u8 size, u8 w, u8 dst, struct x86_mem m);
void x86_movbe_load(struct x86_buf *b, u8 size, u8 dst, struct x86_mem m); /* 4 or 8 bytes */
void x86_store(struct x86_buf *b, u8 size, struct x86_mem m, u8 src);
void x86_store_imm(struct x86_buf *b, u8 size, struct x86_mem m, s32 imm);
void x86_cmov(struct x86_buf *b, enum x86_cond cond, u8 w, u8 dst, u8 src);
void x86_setcc(struct x86_buf *b, enum x86_cond cond, u8 dst);
void x86_cqo(struct x86_buf *b, u8 w);
void x86_push(struct x86_buf *b, u8 reg);
void x86_pop(struct x86_buf *b, u8 reg);
void x86_ret(struct x86_buf *b);
void x86_call_reg(struct x86_buf *b, u8 reg);
void x86_jump_mem(struct x86_buf *b, struct x86_mem m);
void x86_retpoline(struct x86_buf *b); /* jumps to rax, and lets nobody guess where that is */
void x86_lfence(struct x86_buf *b);
void x86_mfence(struct x86_buf *b);
void x86_trap(struct x86_buf *b);
void x86_endbr64(struct x86_buf *b);
void x86_xchg_rr(struct x86_buf *b, u8 x, u8 y);
void x86_xchg_mr(struct x86_buf *b, u8 size, struct x86_mem m, u8 reg);
void x86_lock(struct x86_buf *b); /* prefix of the next instruction */
void x86_xadd_mr(struct x86_buf *b, u8 w, struct x86_mem m, u8 reg);
void x86_cmpxchg_mr(struct x86_buf *b, u8 w, struct x86_mem m, u8 reg);

#endif
