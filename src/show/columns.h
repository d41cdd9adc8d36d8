/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A type as the columns of a table: every scalar or text in it is one, nested members are dotted.
 * What is no column (an array, something too wide) is one column of C text.
 *
 * A member may name its title and width itself, by a tag that clang puts into the BTF:
 * __attribute__((btf_decl_tag("column=TITLE,WIDTH"))).
 */
#ifndef SHOW_COLUMNS_H
#define SHOW_COLUMNS_H

#include "base/str.h"
#include "base/vec.h"
#include "btf/btf.h"

struct show_column {
	char *name; /* owned: the member's in upper case, or its tag's title */
	struct btype_member member;
	bool is_right;	 /* numbers */
	bool is_text;	 /* an array of char: without quotes */
	u32 least_width; /* the title's, or what the member's tag asks for */
	u32 width;	 /* at least; the header's or what its values usually need */
};

struct show_columns {
	const struct btf *btf;
	VEC(struct show_column) list;
};

/*
 * Appends the columns of one type. fallback names a type that is no struct. btf NULL or type 0:
 * one column of hexadecimal bytes. -ENOMEM.
 */
int show_columns_add(
	struct show_columns *columns, const struct btf *btf, u32 type, const char *fallback);
void show_columns_release(struct show_columns *columns);
/* One cell of the value at data; control characters are made visible. */
void show_cell(const struct show_columns *columns, const struct show_column *column,
	const void *data, u32 size, struct strbuf *out);
/* Pads a cell to width; the last of a line is not padded on its right. */
void show_pad(struct strbuf *line, const char *cell, u32 width, bool is_right, bool is_last);
/* How many terminal columns UTF-8 text takes, one for each character. */
u32 show_width(const char *text);

#endif
