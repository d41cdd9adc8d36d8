/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Text to instructions. Reads what the disassembler prints (in all its modes, with or without line
 * numbers and opcodes, so also a verifier log's or bpftool's lines) and the mnemonics that the
 * bpf_conformance suite uses; one program may mix both:
 *
 *	again:	r1 += 1				; comment
 *		if r1 < 10 goto again		// comment
 *		mov %r0, 0			# comment
 *		exit
 *
 * Jump targets: `pc+3`, `+3` or a label. Wide immediates: `r1 = 0x10 ll`, `(18) r1 = 0x10`, or any
 * value beyond 32 bits; `map[id:3]`, `map[NAME]`, `map[id:3][0]+8`, `map[NAME][0]+8`,
 * `map[idx:0]+8`, `subprog[+5]`, `subprog[label]`, `btf[5,obj:3]`. Calls: `call NAME`,
 * `call NAME#5`, `call 5`, `call label`, `call pc+3`, `call local label`, `call runtime 5`.
 */
#ifndef ISA_ASM_H
#define ISA_ASM_H

#include "isa/insn.h"

struct asm_opts {
	/* The descriptor of a map, or -errno. NULL: no map has a name. */
	int (*map_fd)(void *ctx, const char *name, size_t len);
	/*
	 * Fills src, off and imm of a call by the callee's name (a kfunc, say); 0 or -ENOENT. Asked
	 * after the helper names. NULL: only those.
	 */
	int (*call)(void *ctx, const char *name, size_t len, struct insn *ret_insn);
	void *ctx;
	/* Of an immediate beyond 32 bits its low ones are taken, as bpf_conformance does. */
	bool has_wrapping_imm;
};

struct asm_error {
	u32 line, column; /* from 1 */
	char text[160];
};

/*
 * Appends the program to out. 0, -ENOMEM, or -EINVAL with ret_error filled (and out as it was).
 * opts may be NULL. Registers up to r15 pass: whether an instruction is valid, insn_decode tells.
 */
int asm_parse(const char *text, size_t len, const struct asm_opts *opts, struct insn_vec *out,
	struct asm_error *ret_error);

#endif
