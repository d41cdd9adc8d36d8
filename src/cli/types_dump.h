/* SPDX-License-Identifier: BSD-2-Clause */
/* The types of a BTF as bpftool dumps them: a record a line, or C declarations by libbpf. */
#ifndef CLI_TYPES_DUMP_H
#define CLI_TYPES_DUMP_H

#include "cli/words.h"

/* btf is libbpf's. roots: only these types (for C: and what they need); count 0 = all. */
int types_dump_raw(struct words *w, const void *btf, const u32 *roots, u32 count);
int types_dump_c(struct words *w, const void *btf, const u32 *roots, u32 count);

extern const struct words_noun cli_btf_noun, cli_link_noun;

#endif
