/* SPDX-License-Identifier: BSD-2-Clause */
/* The kernel's spelling of operators and sizes, for the printer and for the assembler. */
#ifndef ISA_SPELLING_H
#define ISA_SPELLING_H

#include "isa/insn.h"

/* By opcode bits >> 4; NULL where there is none. */
extern const char *const spelling_alu[16];	  /* "+=" */
extern const char *const spelling_alu_signed[16]; /* "s/=" */
extern const char *const spelling_jump[16];	  /* "==" */
extern const char *const spelling_atomic[16];	  /* "add", of the immediate */
/* By size bits >> 3. */
extern const char *const spelling_unsigned[4]; /* "u32" */
extern const char *const spelling_signed[4];   /* "s32"; NULL for 64 bits */

/* "bpf_map_lookup_elem" of 1; NULL when no kernel we know has that helper. */
const char *spelling_helper(s32 id);
/* The id of a name with or without "bpf_", or -ENOENT. */
int spelling_helper_id(const char *name, size_t len);

#endif
