/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Instructions as text: what the verifier log and `bpftool prog dump xlated` print, byte for byte.
 * Any bytes print; those that mean nothing as the kernel's BUG_xx.
 */
#ifndef ISA_DISASM_H
#define ISA_DISASM_H

#include "base/str.h"
#include "isa/insn.h"

struct disasm_opts {
	/*
	 * The name of a call's target (imm and src say which), or the value of a wide immediate
	 * (imm64 put together from both slots). Return buf or any other text; NULL = the default:
	 * "kernel-function" and "unknown", 0x... A helper that has a name is not asked for.
	 */
	const char *(*call_name)(void *ctx, const struct insn *insn, char *buf, size_t size);
	const char *(*imm_name)(
		void *ctx, const struct insn *insn, u64 imm64, char *buf, size_t size);
	void *ctx;
	bool without_opcode; /* no "(b7) " in front */
	bool hides_pointers; /* pointers among the wide immediates print as 0x0 */
	/*
	 * Everything that the kernel's notation leaves out is said too, so that the assembler gives
	 * back the same bytes: pseudo immediates, internal kinds, a kfunc's module.
	 */
	bool is_lossless;
};

/* Appends one instruction without a newline; opts may be NULL. Returns the slots it took, 1 or 2.
 */
size_t disasm_insn(
	const struct disasm_opts *opts, const struct insn *insn, size_t left, struct strbuf *out);
/* Appends a line per instruction, each "%4zu: " and its text, as bpftool does. */
void disasm_program(
	const struct disasm_opts *opts, const struct insn *insns, size_t count, struct strbuf *out);
/*
 * An imm_name: "map[id:5]", "map[id:5][0]+8", "subprog[+3]", as bpftool prints them; in addition
 * map[idx:0], btf[5,obj:3].
 */
const char *disasm_imm_pseudo(
	void *ctx, const struct insn *insn, u64 imm64, char *buf, size_t size);

#endif
