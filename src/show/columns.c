// SPDX-License-Identifier: BSD-2-Clause
#include "show/columns.h"
#include "base/alloc.h"
#include "btf/print.h"

#include <ctype.h>

#define COLUMNS_MAX 40
#define DEPTH_MAX   8

/* What values of a type usually need; a longer one only shifts its line. */
static u32 usual_width(const struct btf *btf, const struct btf_type *t)
{
	u32 width = 4;

	switch (btype_kind(t)) {
	case BTF_KIND_INT: return t->size <= 1 ? 4 : t->size == 2 ? 6 : t->size == 4 ? 8 : 14;
	case BTF_KIND_PTR: return 18;
	case BTF_KIND_FLOAT: return 12;
	case BTF_KIND_ENUM:
	case BTF_KIND_ENUM64:
		for (u32 i = 0; i < btype_vlen(t) && i < 256; i++) {
			s64 value;
			u32 len = (u32)strlen(btype_enumerator(btf, t, i, &value));

			width = MAX(width, MIN(len, 20u));
		}
		return width;
	case BTF_KIND_ARRAY: return MIN(btype_array(t)->nelems, 16u);
	default: return 8;
	}
}

static bool is_char_array(const struct btf *btf, const struct btf_type *t)
{
	const struct btf_type *elem;

	if (btype_kind(t) != BTF_KIND_ARRAY)
		return false;
	elem = btype_resolve(btf, btype_array(t)->type, NULL);
	return elem && btype_kind(elem) == BTF_KIND_INT && elem->size == 1 &&
		(btype_int(elem).encoding & BTF_INT_CHAR ||
			strcmp(btype_name_of(btf, elem), "char") == 0);
}

/* "column=TITLE" or "column=TITLE,WIDTH"; title NULL: the name in upper case. */
static int set_title(struct show_column *column, const char *name, const char *title)
{
	const char *comma = title ? strrchr(title, ',') : NULL;
	u64 width = 0;

	column->name = mem_strdup(title ? title : name);
	if (!column->name)
		return -ENOMEM;
	if (comma && str_to_u64(comma + 1, &width) == 0 && width <= 256)
		column->name[comma - title] = 0;
	for (char *c = column->name; !title && *c; c++)
		*c = (char)toupper((unsigned char)*c);
	column->least_width = MAX((u32)width, show_width(column->name));
	column->width = column->least_width;
	return 0;
}

static int add_column(struct show_columns *columns, const struct btype_member *m,
	const struct btf_type *t, const char *name, const char *title)
{
	struct show_column column = {.member = *m};

	if (set_title(&column, name, title))
		return -ENOMEM;
	if (t) {
		u32 kind = btype_kind(t);

		column.is_text = is_char_array(columns->btf, t);
		column.is_right = kind == BTF_KIND_INT || kind == BTF_KIND_FLOAT;
		if (!title)
			column.width = MAX(column.width, usual_width(columns->btf, t));
	}
	if (vec_push(&columns->list, column)) {
		mem_free(column.name);
		return -ENOMEM;
	}
	return 0;
}

/* The members of struct id, whose own place is *outer. */
static int add_members(struct show_columns *columns, const struct btype_member *outer, u32 id,
	const char *prefix, u32 depth)
{
	const struct btf_type *t = btype_by_id(columns->btf, id);

	for (u32 i = 0; i < btype_vlen(t) && columns->list.len < COLUMNS_MAX; i++) {
		struct btype_member m = btype_member(columns->btf, t, i);
		u32 its_id = 0;
		const struct btf_type *its = btype_resolve(columns->btf, m.type, &its_id);
		const char *title = NULL;
		bool is_inner = its && btype_kind(its) == BTF_KIND_STRUCT && depth < DEPTH_MAX;
		struct strbuf name = {0};
		int err = 0;

		m.bit_offset += outer->bit_offset;
		strbuf_printf(&name, "%s%s%s", prefix, *prefix && *m.name ? "." : "", m.name);
		if (!*m.name && !is_inner && !(its && btype_is_composite(its)))
			; /* padding */
		else if (is_inner)
			err = add_members(columns, &m, its_id, strbuf_cstr(&name), depth + 1);
		else if (btype_tag_value(columns->btf, id, (s32)i, "column=", &title))
			err = add_column(
				columns, &m, its, *m.name ? strbuf_cstr(&name) : "-", NULL);
		else
			err = add_column(columns, &m, its, m.name, title);
		strbuf_release(&name);
		if (err)
			return err;
	}
	return 0;
}

int show_columns_add(
	struct show_columns *columns, const struct btf *btf, u32 type, const char *fallback)
{
	u32 id = 0;
	const struct btf_type *t = btf && type ? btype_resolve(btf, type, &id) : NULL;
	struct btype_member whole = {.name = "", .type = type};

	columns->btf = btf;
	if (t && btype_kind(t) == BTF_KIND_STRUCT && btype_vlen(t))
		return add_members(columns, &whole, id, "", 0);
	if (!t)
		whole.type = 0;
	return add_column(columns, &whole, t, fallback, NULL);
}

void show_columns_release(struct show_columns *columns)
{
	struct show_column *column;

	vec_for_each (column, &columns->list)
		mem_free(column->name);
	vec_release(&columns->list);
}

/* Text of programs may hold anything; a terminal must not. */
static void put_plain(struct strbuf *out, const u8 *s, u32 size)
{
	for (u32 i = 0; i < size && s[i]; i++) {
		if (s[i] < 0x20 || s[i] == 0x7f)
			strbuf_printf(out, "\\x%02x", s[i]);
		else
			strbuf_putc(out, (char)s[i]);
	}
}

void show_cell(const struct show_columns *columns, const struct show_column *column,
	const void *data, u32 size, struct strbuf *out)
{
	const u8 *bytes = data;
	u32 at = column->member.bit_offset / 8, own = 0;

	if (!column->member.type) {
		for (u32 i = 0; i < size; i++)
			strbuf_printf(out, i ? " %02x" : "%02x", bytes[i]);
		return;
	}
	btype_size(columns->btf, column->member.type, &own);
	if (at >= size) {
		strbuf_puts(out, own ? "?" : "");
		return;
	}
	if (column->is_text) { /* a flexible array takes the rest */
		put_plain(out, bytes + at, own && own < size - at ? own : size - at);
		return;
	}
	btype_print_member(columns->btf, &column->member, data, size, BTYPE_STYLE_C, out);
}

u32 show_width(const char *text)
{
	u32 width = 0;

	for (; *text; text++)
		width += ((u8)*text & 0xc0) != 0x80;
	return width;
}

void show_pad(struct strbuf *line, const char *cell, u32 width, bool is_right, bool is_last)
{
	u32 own = show_width(cell), fill = own < width ? width - own : 0;

	if (is_right)
		for (u32 i = 0; i < fill; i++)
			strbuf_putc(line, ' ');
	strbuf_puts(line, cell);
	if (!is_right && !is_last)
		for (u32 i = 0; i < fill; i++)
			strbuf_putc(line, ' ');
}
