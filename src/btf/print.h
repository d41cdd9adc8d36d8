/* SPDX-License-Identifier: BSD-2-Clause */
/* Any value by its type, as text. */
#ifndef BTF_PRINT_H
#define BTF_PRINT_H

#include "base/str.h"
#include "btf/btf.h"

enum btype_style {
	BTYPE_STYLE_C,	  /* {.pid = 1, .comm = "bash", .state = RUNNING, .v = {1, 2}} */
	BTYPE_STYLE_JSON, /* as bpftool map dump: {"pid":1,"comm":"bash","state":"RUNNING"} */
};

/*
 * Appends. `size` bytes are at data; never reads past them, what is cut off prints as "?" (C) or
 * null (JSON). -EINVAL for an id that has no value. Deep nesting ends in "..." / null.
 */
int btype_print(const struct btf *btf, u32 id, const void *data, u32 size, enum btype_style style,
	struct strbuf *out);
/* A bit field: `bits` bits from bit_offset on, of a value of type id. */
int btype_print_bits(const struct btf *btf, u32 id, const void *data, u32 size, u32 bit_offset,
	u32 bits, enum btype_style style, struct strbuf *out);
/* The type as C writes it: "struct foo *", "const char[16]", "int (*)(void *)". */
int btype_type_text(const struct btf *btf, u32 id, struct strbuf *out);

#endif
