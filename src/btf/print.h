/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Any value by its type, as text. Never reads past the bytes that are there: what is cut off prints
 * as ? (C) or null (JSON). The text of hostile types is bounded; what is left out is "...".
 */
#ifndef BTF_PRINT_H
#define BTF_PRINT_H

#include "base/str.h"
#include "btf/btf.h"

enum btype_style {
	BTYPE_STYLE_C,	  /* {.pid = 1, .comm = "bash", .state = RUNNING, .v = {1, 2}} */
	BTYPE_STYLE_JSON, /* {"pid":1,"comm":"bash","state":"RUNNING","v":[1,2]} */
};

/*
 * JSON is what bpftool map dump -j calls "formatted", but: anonymous members are members of the
 * outer object, bit fields are numbers, strings may hold UTF-8. Integers are exact; those of more
 * than 64 bits are strings of hexadecimal digits.
 * A flexible array at the end takes whatever bytes follow. -EINVAL: the id has no value.
 */
int btype_print(const struct btf *btf, u32 id, const void *data, u32 size, enum btype_style style,
	struct strbuf *out);
/* One member (as btype_member() gives it) of the struct at data. */
int btype_print_member(const struct btf *btf, const struct btype_member *member, const void *data,
	u32 size, enum btype_style style, struct strbuf *out);

/* A number of up to 64 bits at bit_offset: INT, enum, pointer. -EINVAL: not one, or cut off. */
int btype_read_number(const struct btf *btf, u32 id, const void *data, u32 size, u32 bit_offset,
	u32 bit_size, u64 *ret_value, bool *ret_is_signed);

/* The type as C declares it, around a name or "": "struct foo *x", "char[16]", "int (*)(int)". */
void btype_declare(const struct btf *btf, u32 id, const char *name, struct strbuf *out);

/* A JSON string with its quotes. Bytes that are no UTF-8 become U+FFFD. */
void btype_json_string(struct strbuf *out, const char *text, size_t len);

#endif
