/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The records that BPF_PROG_LOAD takes beside the instructions: which function starts where, which
 * source line an instruction came from, CO-RE relocations. Shapes and lookups; verify/ checks them.
 */
#ifndef BTF_EXT_H
#define BTF_EXT_H

#include "btf/btf.h"

struct btype_func_info { /* struct bpf_func_info */
	u32 insn_off, type;
};

struct btype_line_info {			 /* struct bpf_line_info */
	u32 insn_off, file_off, text_off, place; /* place: line << 10 | column */
};

struct btype_core_relo { /* struct bpf_core_relo */
	u32 insn_off, type, access_off, kind;
};

struct btype_line {
	const char *file, *text; /* never NULL; text without leading blanks */
	u32 line, column;
};

/* The record that covers this instruction: the last with insn_off <= insn; NULL: none. Sorted. */
const struct btype_line_info *btype_line_find(
	const struct btype_line_info *lines, u32 count, u32 insn);
const struct btype_func_info *btype_func_find(
	const struct btype_func_info *funcs, u32 count, u32 insn);
struct btype_line btype_line(const struct btf *btf, const struct btype_line_info *info);

#endif
