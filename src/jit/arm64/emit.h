/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * arm64 encodings. Each function appends one instruction (a64_mov_imm() as many as it takes); what
 * comes out depends on its arguments only. w is 32 or 64. Register 31 is the stack pointer in
 * addresses and in additions of immediates, else zero.
 *
 * Jumps and calls within the image name labels. Their places and sizes are known after
 * a64_layout(): far ones take two instructions.
 */
#ifndef JIT_ARM64_EMIT_H
#define JIT_ARM64_EMIT_H

#include "base/arena.h"
#include "base/types.h"

enum a64_reg {
	A64_FP = 29,
	A64_LR = 30,
	A64_SP = 31,
	A64_ZR = 31,
	A64_NO_REG = 0xff,
};

/* Conditions as the encodings number them; neighbours are opposites, also the tests of a register.
 */
enum a64_cond {
	A64_EQ,
	A64_NE,
	A64_HS,
	A64_LO,
	A64_MI,
	A64_PL,
	A64_VS,
	A64_VC,
	A64_HI,
	A64_LS,
	A64_GE,
	A64_LT,
	A64_GT,
	A64_LE,
	A64_ALWAYS,
	A64_CBZ = 16, /* the register is 0 */
	A64_CBNZ,
	A64_TBZ, /* a bit of it is 0 */
	A64_TBNZ,
};

enum a64_shift { A64_LSL, A64_LSR, A64_ASR, A64_ROR };

/* With two register operands, the second one shifted by a constant. */
enum a64_alu {
	A64_AND = 0x0a000000,
	A64_BIC = 0x0a200000,
	A64_ORR = 0x2a000000,
	A64_ORN = 0x2a200000,
	A64_EOR = 0x4a000000,
	A64_ANDS = 0x6a000000,
	A64_ADD = 0x0b000000,
	A64_ADDS = 0x2b000000,
	A64_SUB = 0x4b000000,
	A64_SUBS = 0x6b000000,
};

/* With two register operands. */
enum a64_two {
	A64_UDIV = 0x1ac00800,
	A64_SDIV = 0x1ac00c00,
	A64_LSLV = 0x1ac02000,
	A64_LSRV = 0x1ac02400,
	A64_ASRV = 0x1ac02800,
	A64_RORV = 0x1ac02c00,
};

enum a64_select { A64_CSEL, A64_CSINC, A64_CSINV, A64_CSNEG };

/* What an atomic instruction does to memory; the old value goes to a register. */
enum a64_atomic {
	A64_LDADD = 0x38200000,
	A64_LDCLR = 0x38201000,
	A64_LDEOR = 0x38202000,
	A64_LDSET = 0x38203000,
	A64_SWP = 0x38208000,
};

enum a64_exclusive {
	A64_LDXR = 0x085f7c00,
	A64_LDAXR = 0x085ffc00,
	A64_LDAR = 0x08dffc00,
	A64_STLR = 0x089ffc00,
};

/* An address: base + displacement, or base + (index << scale), the index zero-extended from 32. */
struct a64_mem {
	u8 base;
	u8 index; /* A64_NO_REG = none */
	u8 scale; /* 0, or log2 of the size */
	bool is_index32;
	s32 disp;
};

/* Something whose place or size is known only when everything is: in the order of the code. */
struct a64_item {
	u32 at;	   /* instructions before it, without items */
	u32 label; /* of A64_ALIGN: log2 of the alignment in instructions */
	u8 kind;   /* enum a64_cond, or one of those below */
	u8 size;   /* instructions */
	u8 reg, bit, w;
	u32 final; /* where it stands in the end, in instructions */
	u64 target;
};

enum {
	A64_CALL_LABEL = 32,
	A64_CALL_ADDRESS, /* target */
	A64_ADR_LABEL,	  /* address of a label into a register */
	A64_BIND,	  /* where a label stands */
	A64_ALIGN,
};

struct a64_buf {
	struct arena *arena;
	u32 *code;
	u32 len, cap;
	u32 *labels; /* offset in the image, after a64_layout(), in instructions */
	u32 label_count, label_cap;
	struct a64_item *items;
	u32 item_count, item_cap;
	int err;
};

void a64_init(struct a64_buf *b, struct arena *arena);
u32 a64_new_label(struct a64_buf *b);
void a64_bind(struct a64_buf *b, u32 label);
/* cond below 16. */
void a64_jump(struct a64_buf *b, enum a64_cond cond, u32 label);
/* cond from A64_CBZ on: on what is in reg; bit is of A64_TBZ and A64_TBNZ. */
void a64_test_jump(struct a64_buf *b, enum a64_cond cond, u8 w, u8 reg, u8 bit, u32 label);
void a64_call_label(struct a64_buf *b, u32 label);
/* A call of any address; destroys x16 when it is far. */
void a64_call(struct a64_buf *b, u64 address);
void a64_adr_label(struct a64_buf *b, u8 reg, u32 label);
void a64_align(struct a64_buf *b, u32 log2);
/* Bytes of the whole image when it stands at base (which may change its size). */
u32 a64_layout(struct a64_buf *b, u64 base);
/* Into memory that will run at the base of a64_layout(). */
void a64_write(const struct a64_buf *b, u8 *dst);

bool a64_is_add_imm(u64 imm);		    /* 12 bits, or 12 bits << 12 */
bool a64_is_bitmask(u64 imm, u8 w);	    /* what AND, ORR, EOR take */
bool a64_is_disp(s64 disp, u8 size);	    /* what loads and stores of size bytes take */
u32 a64_mov_imm_words(u64 imm, u32 out[4]); /* for register 0; how many */

void a64_word(struct a64_buf *b, u32 word);
void a64_mov_imm(struct a64_buf *b, u8 d, u64 imm);
void a64_mov(struct a64_buf *b, u8 w, u8 d, u8 s);
void a64_alu(struct a64_buf *b, enum a64_alu op, u8 w, u8 d, u8 n, u8 m);
void a64_alu_shifted(
	struct a64_buf *b, enum a64_alu op, u8 w, u8 d, u8 n, u8 m, enum a64_shift shift, u8 count);
/* ADD, ADDS, SUB, SUBS; 31 is the stack pointer in n, and in d when no flags are set. */
void a64_add_imm(struct a64_buf *b, enum a64_alu op, u8 w, u8 d, u8 n, u32 imm);
void a64_add_uxtw(struct a64_buf *b, enum a64_alu op, u8 d, u8 n, u8 m, u8 count);
/* AND, ORR, EOR, ANDS with a constant for which a64_is_bitmask() holds. */
void a64_logic_imm(struct a64_buf *b, enum a64_alu op, u8 w, u8 d, u8 n, u64 imm);
void a64_two(struct a64_buf *b, enum a64_two op, u8 w, u8 d, u8 n, u8 m);
void a64_madd(struct a64_buf *b, u8 w, u8 d, u8 n, u8 m, u8 a); /* a + n * m */
void a64_msub(struct a64_buf *b, u8 w, u8 d, u8 n, u8 m, u8 a); /* a - n * m */
void a64_bitfield(struct a64_buf *b, bool is_signed, u8 w, u8 d, u8 n, u8 immr, u8 imms);
void a64_shift_imm(struct a64_buf *b, enum a64_shift shift, u8 w, u8 d, u8 n, u8 count);
void a64_extend(struct a64_buf *b, bool is_signed, u8 size, u8 w, u8 d, u8 n);
void a64_rev(struct a64_buf *b, u8 w, u8 d, u8 n);
void a64_clz(struct a64_buf *b, u8 w, u8 d, u8 n);
void a64_rev16(struct a64_buf *b, u8 w, u8 d, u8 n);
void a64_select(struct a64_buf *b, enum a64_select op, u8 w, u8 d, u8 n, u8 m, enum a64_cond cond);
void a64_cset(struct a64_buf *b, u8 d, enum a64_cond cond);
void a64_load(struct a64_buf *b, u8 size, u8 d, struct a64_mem m);    /* zero-extends */
void a64_load_sx(struct a64_buf *b, u8 size, u8 d, struct a64_mem m); /* to 64 bits */
void a64_store(struct a64_buf *b, u8 size, u8 s, struct a64_mem m);
/* Two registers at base + disp, a multiple of 8 from -512 to 504. */
void a64_load_pair(struct a64_buf *b, u8 x, u8 y, u8 base, s32 disp);
void a64_store_pair(struct a64_buf *b, u8 x, u8 y, u8 base, s32 disp);
void a64_load_pair_post(struct a64_buf *b, u8 x, u8 y, u8 base, s32 disp);
void a64_store_pair_pre(struct a64_buf *b, u8 x, u8 y, u8 base, s32 disp);
/* LSE; is_ordered: acquire and release, as operations that fetch are in the kernel. */
void a64_atomic(
	struct a64_buf *b, enum a64_atomic op, u8 size, bool is_ordered, u8 s, u8 d, u8 base);
void a64_cas(struct a64_buf *b, u8 size, u8 s, u8 t, u8 base); /* acquire and release */
void a64_exclusive(struct a64_buf *b, enum a64_exclusive op, u8 size, u8 t, u8 base);
void a64_store_exclusive(struct a64_buf *b, bool is_release, u8 size, u8 status, u8 t, u8 base);
void a64_branch_reg(struct a64_buf *b, u8 reg);
void a64_call_reg(struct a64_buf *b, u8 reg);
void a64_ret(struct a64_buf *b);
void a64_bti_c(struct a64_buf *b);
void a64_dmb_ish(struct a64_buf *b);
void a64_speculation_barrier(struct a64_buf *b); /* dsb nsh; isb */
void a64_trap(struct a64_buf *b);

#endif
