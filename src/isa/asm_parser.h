/* SPDX-License-Identifier: BSD-2-Clause */
/* What the files of the assembler share: the cursor, tokens, and emission. Not for others. */
#ifndef ISA_ASM_PARSER_H
#define ISA_ASM_PARSER_H

#include "isa/asm.h"

struct asm_label {
	const char *name; /* in the text */
	size_t len;
	size_t index; /* of the instruction it stands before */
	const char *at;
};

/* A jump, call or function address whose target is a label. */
struct asm_fixup {
	const char *name; /* in the text */
	size_t len;
	size_t index;
};

struct asm_parser {
	const struct asm_opts *opts;
	const char *text, *end;
	const char *at;	   /* the next character to read */
	int opcode;	   /* "(b7)" before the statement, or -1 */
	size_t exit_index; /* first exit; SIZE_MAX = none yet */
	struct insn_vec *out;
	size_t start; /* where in out the program begins */
	struct {
		struct asm_label *data;
		size_t len, cap;
	} labels;
	struct {
		struct asm_fixup *data;
		size_t len, cap;
	} fixups;
	struct asm_error *error;
};

/* A register as written: rN or wN. */
struct asm_reg {
	u8 number;
	bool is_32;
};

/* "(u64 *)(r1 +8)" and "[%r1+8]" (which leaves size at BPF_DW). */
struct asm_mem {
	u8 size; /* BPF_B .. BPF_DW */
	bool is_signed;
	u8 base;
	s16 off;
};

/* Records the error at a place and returns -EINVAL. */
int asm_fail(struct asm_parser *p, const char *at, const char *format, ...) PRINTF_LIKE(3, 4);

/* Tokens. accept: skips blanks, and the token when it stands there. All stop at the line's end. */
void asm_skip_blanks(struct asm_parser *p);
bool asm_at_end(struct asm_parser *p); /* of the statement: newline, comment or end of text */
bool asm_accept(struct asm_parser *p, const char *punctuation);
bool asm_accept_word(struct asm_parser *p, const char *word);
int asm_expect(struct asm_parser *p, const char *punctuation);
/* The identifier at the cursor: its length, 0 when there is none. Does not skip it. */
size_t asm_peek_word(struct asm_parser *p, const char **ret_word);
bool asm_accept_reg(struct asm_parser *p, struct asm_reg *ret_reg);
int asm_reg(struct asm_parser *p, struct asm_reg *ret_reg);
/* A 64-bit register. */
int asm_reg64(struct asm_parser *p, u8 *ret_number);
bool asm_peek_number(struct asm_parser *p);
int asm_number(struct asm_parser *p, u64 *ret_value);
int asm_imm32(struct asm_parser *p, s32 *ret_imm);
int asm_off16(struct asm_parser *p, s16 *ret_off);

/* Memory operands: the cast and the address apart, or both and unsigned. */
int asm_size(struct asm_parser *p, struct asm_mem *mem);
int asm_cast(struct asm_parser *p, struct asm_mem *mem);
int asm_address(struct asm_parser *p, struct asm_mem *mem);
int asm_unsigned_mem(struct asm_parser *p, struct asm_mem *mem);

int asm_emit(struct asm_parser *p, struct insn insn);
int asm_emit_wide(struct asm_parser *p, u8 dst, u8 src, u64 imm64);
/* Reads a jump target and emits the jump; the distance goes to imm when is_imm, else to off. */
int asm_emit_jump(struct asm_parser *p, struct insn insn, bool is_imm);

/* The two notations; each reads one statement from its first word on. */
int asm_kernel_statement(struct asm_parser *p, bool *ret_is_ours);
int asm_mnemonic_statement(struct asm_parser *p);
/* The value after "rN =". */
int asm_assign(struct asm_parser *p, struct asm_reg dst);
int asm_call(struct asm_parser *p);

#endif
