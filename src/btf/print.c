// SPDX-License-Identifier: BSD-2-Clause
/*
 * A walk over the type with the bytes beside it. Everything that could make it long or deep is
 * counted: nesting, values printed. Containment cannot be cyclic in a checked btf, but it can be
 * wide (unions of unions) and deep.
 */
#include "btf/print.h"
#include "btf/priv.h"

#include <math.h>
#include <stdio.h>

#define DEPTH_MAX 32

typedef unsigned __int128 u128;

struct printer {
	const struct btf *btf;
	const u8 *data;
	u32 size;
	u32 flex_from; /* a flexible array may reach from here to the end; ~0 = none */
	u32 budget;    /* values that may still be printed */
	enum btype_style style;
	struct strbuf *out;
};

static void print_value(struct printer *p, u32 id, u32 offset, u32 depth);

static bool is_json(const struct printer *p)
{
	return p->style == BTYPE_STYLE_JSON;
}

static void put_cut(struct printer *p)
{
	strbuf_puts(p->out, is_json(p) ? "null" : "?");
}

static bool has_bytes(const struct printer *p, u32 offset, u32 bytes)
{
	return offset <= p->size && bytes <= p->size - offset;
}

/* ---- strings -------------------------------------------------------------------------------- */

/* Length of the UTF-8 sequence at s, 0 = none. No overlong forms, no surrogates. */
static u32 utf8_len(const u8 *s, size_t left)
{
	u32 len = s[0] < 0x80 ? 1 : s[0] >= 0xf0 ? 4 : s[0] >= 0xe0 ? 3 : 2;

	if (s[0] < 0x80)
		return 1;
	if (s[0] < 0xc2 || s[0] > 0xf4 || len > left)
		return 0;
	for (u32 i = 1; i < len; i++)
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	if ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f) ||
		(s[0] == 0xf0 && s[1] < 0x90) || (s[0] == 0xf4 && s[1] > 0x8f))
		return 0;
	return len;
}

void btype_json_string(struct strbuf *out, const char *text, size_t len)
{
	const u8 *s = (const u8 *)text;

	strbuf_putc(out, '"');
	for (size_t i = 0; i < len;) {
		u32 bytes = utf8_len(s + i, len - i);

		if (bytes == 0)
			strbuf_puts(out, "\xef\xbf\xbd");
		else if (s[i] == '"' || s[i] == '\\')
			strbuf_printf(out, "\\%c", s[i]);
		else if (s[i] == '\n')
			strbuf_puts(out, "\\n");
		else if (s[i] == '\t')
			strbuf_puts(out, "\\t");
		else if (s[i] < 0x20 || s[i] == 0x7f)
			strbuf_printf(out, "\\u%04x", s[i]);
		else
			strbuf_add(out, s + i, bytes);
		i += MAX(bytes, 1u);
	}
	strbuf_putc(out, '"');
}

static void put_c_char(struct strbuf *out, u8 c, char quote)
{
	if (c == (u8)quote || c == '\\')
		strbuf_printf(out, "\\%c", c);
	else if (c == '\n')
		strbuf_puts(out, "\\n");
	else if (c == '\t')
		strbuf_puts(out, "\\t");
	else if (c < 0x20 || c == 0x7f)
		strbuf_printf(out, "\\x%02x", c);
	else
		strbuf_putc(out, (char)c);
}

static void put_string(struct printer *p, const u8 *s, size_t len)
{
	if (is_json(p)) {
		btype_json_string(p->out, (const char *)s, len);
		return;
	}
	strbuf_putc(p->out, '"');
	for (size_t i = 0; i < len; i++)
		put_c_char(p->out, s[i], '"');
	strbuf_putc(p->out, '"');
}

static bool is_char(const struct btf *btf, const struct btf_type *t)
{
	return t && btype_kind(t) == BTF_KIND_INT && t->size == 1 &&
		(btype_int(t).encoding & BTF_INT_CHAR ||
			strcmp(btype_name_of(btf, t), "char") == 0);
}

/* Text up to a NUL or to the end; false: bytes that no text has. */
static bool is_text(const u8 *s, u32 size, u32 *ret_len)
{
	u32 i = 0;

	while (i < size && s[i]) {
		u32 len = utf8_len(s + i, size - i);

		if (!len || (s[i] < 0x20 && s[i] != '\t' && s[i] != '\n') || s[i] == 0x7f)
			return false;
		i += len;
	}
	*ret_len = i;
	return true;
}

/* ---- numbers -------------------------------------------------------------------------------- */

static u128 read_bits(const u8 *data, u32 bit_offset, u32 bits)
{
	u128 value = 0;
	u32 first = bit_offset / 8, shift = bit_offset % 8;
	u32 bytes;

	bits = MIN(bits, 128u); /* a trusted btf may claim more */
	bytes = (shift + bits + 7) / 8;
	/* Little-endian, as every host of ours. 17 bytes can hold 128 bits at an odd place. */
	for (u32 i = MIN(bytes, 16u); i-- > 0;)
		value = value << 8 | data[first + i];
	value >>= shift;
	if (bytes > 16)
		value |= (u128)data[first + 16] << (128 - shift);
	return bits >= 128 ? value : value & (((u128)1 << bits) - 1);
}

static s64 sign_extend(u64 value, u32 bits)
{
	u32 shift = bits < 64 ? 64 - bits : 0;

	return bits ? (s64)(value << shift) >> shift : 0;
}

/* The bits that hold a scalar of this type; -EINVAL: it is none. */
static int scalar_bits(const struct btf_type *t, u32 *bit_offset, u32 *bits, bool *ret_is_signed)
{
	*ret_is_signed = false;
	switch (btype_kind(t)) {
	case BTF_KIND_INT: {
		struct btype_int i = btype_int(t);

		if (!*bits) {
			*bit_offset += i.bit_offset;
			*bits = i.bits;
		}
		*ret_is_signed = i.encoding & BTF_INT_SIGNED;
		return 0;
	}
	case BTF_KIND_ENUM:
	case BTF_KIND_ENUM64:
		*ret_is_signed = btype_kflag(t);
		if (!*bits)
			*bits = t->size * 8;
		return 0;
	case BTF_KIND_PTR: *bits = 64; return 0;
	default: return -EINVAL;
	}
}

int btype_read_number(const struct btf *btf, u32 id, const void *data, u32 size, u32 bit_offset,
	u32 bit_size, u64 *ret_value, bool *ret_is_signed)
{
	const struct btf_type *t = btype_resolve(btf, id, NULL);
	bool is_signed;
	u64 value;

	if (!t || scalar_bits(t, &bit_offset, &bit_size, &is_signed) || bit_size > 64 ||
		((u64)bit_offset + bit_size + 7) / 8 > size)
		return -EINVAL;
	value = (u64)read_bits(data, bit_offset, bit_size);
	*ret_value = is_signed ? (u64)sign_extend(value, bit_size) : value;
	*ret_is_signed = is_signed;
	return 0;
}

static void put_char(struct printer *p, u8 c)
{
	if (is_json(p)) {
		if (c < 0x80)
			btype_json_string(p->out, (const char *)&c, 1);
		else
			strbuf_printf(p->out, "\"\\u%04x\"", c);
	} else if (c < 0x80) {
		strbuf_putc(p->out, '\'');
		put_c_char(p->out, c, '\'');
		strbuf_putc(p->out, '\'');
	} else {
		strbuf_printf(p->out, "'\\x%02x'", c);
	}
}

static void put_wide(struct printer *p, u128 value)
{
	const char *quote = is_json(p) ? "\"" : "";
	u64 high = (u64)(value >> 64), low = (u64)value;

	if (high)
		strbuf_printf(p->out, "%s0x%llx%016llx%s", quote, (unsigned long long)high,
			(unsigned long long)low, quote);
	else
		strbuf_printf(p->out, "%s0x%llx%s", quote, (unsigned long long)low, quote);
}

static void put_number(struct printer *p, u64 value, u32 bits, bool is_signed)
{
	if (is_signed)
		strbuf_printf(p->out, "%lld", (long long)sign_extend(value, bits));
	else
		strbuf_printf(p->out, "%llu", (unsigned long long)value);
}

static void print_scalar(
	struct printer *p, const struct btf_type *t, u32 offset, u32 bit_offset, u32 bits)
{
	bool is_signed;
	const char *name;
	u128 value;

	scalar_bits(t, &bit_offset, &bits, &is_signed);
	if (!has_bytes(p, offset, (bit_offset + bits + 7) / 8)) {
		put_cut(p);
		return;
	}
	value = read_bits(p->data + offset, bit_offset, bits);
	if (btype_is_any_enum(t)) {
		name = btype_enum_name(
			p->btf, t, is_signed ? (u64)sign_extend((u64)value, bits) : (u64)value);
		if (!name)
			put_number(p, (u64)value, bits, is_signed);
		else if (is_json(p))
			btype_json_string(p->out, name, strlen(name));
		else
			strbuf_puts(p->out, name);
	} else if (btype_is_ptr(t)) {
		strbuf_printf(
			p->out, is_json(p) ? "%llu" : "0x%llx", (unsigned long long)(u64)value);
	} else if (bits > 64) {
		put_wide(p, value);
	} else if (btype_int(t).encoding & BTF_INT_CHAR && bits == 8) {
		put_char(p, (u8)value);
	} else if (btype_int(t).encoding & BTF_INT_BOOL) {
		strbuf_puts(p->out, value ? "true" : "false");
	} else {
		put_number(p, (u64)value, bits, is_signed);
	}
}

static void print_float(struct printer *p, const struct btf_type *t, u32 offset)
{
	double value = 0;

	if (!has_bytes(p, offset, t->size)) {
		put_cut(p);
		return;
	}
	if (t->size == 4) {
		float narrow;

		memcpy(&narrow, p->data + offset, 4);
		value = (double)narrow;
	} else if (t->size == 8) {
		memcpy(&value, p->data + offset, 8);
	} else {
		put_wide(p, read_bits(p->data + offset, 0, t->size * 8));
		return;
	}
	if (is_json(p) && !isfinite(value))
		strbuf_puts(p->out, "null");
	else
		strbuf_printf(p->out, "%.*g", t->size == 4 ? 9 : 17, value);
}

/* ---- aggregates ----------------------------------------------------------------------------- */

static bool print_text(struct printer *p, u32 offset, u32 count)
{
	u32 len, there = offset < p->size ? MIN(count, p->size - offset) : 0;

	if (!there || !is_text(p->data + offset, there, &len))
		return false;
	/* bpftool's rule: without its NUL a JSON array of characters. */
	if (is_json(p) && len == count && count <= 1)
		return false;
	put_string(p, p->data + offset, len);
	return true;
}

static void print_array(struct printer *p, const struct btf_type *t, u32 offset, u32 depth)
{
	const struct btf_array *a = btype_array(t);
	const struct btf_type *elem = btype_resolve(p->btf, a->type, NULL);
	u32 count = a->nelems, elem_size = 0;

	btype_size(p->btf, a->type, &elem_size);
	if (!count && elem_size && offset >= p->flex_from && offset < p->size)
		count = (p->size - offset) / elem_size;
	if (count && is_char(p->btf, elem) && print_text(p, offset, count))
		return;
	strbuf_putc(p->out, is_json(p) ? '[' : '{');
	for (u32 i = 0; i < count && elem_size; i++) {
		u64 at = offset + (u64)i * elem_size;

		if (i)
			strbuf_puts(p->out, is_json(p) ? "," : ", ");
		if (at >= p->size || !p->budget || p->out->failed) {
			strbuf_puts(p->out, is_json(p) ? "null" : "...");
			break;
		}
		print_value(p, a->type, (u32)at, depth + 1);
	}
	strbuf_putc(p->out, is_json(p) ? ']' : '}');
}

static void put_name(struct printer *p, const char *name)
{
	if (is_json(p)) {
		btype_json_string(p->out, name, strlen(name));
		strbuf_putc(p->out, ':');
	} else {
		strbuf_printf(p->out, ".%s = ", name);
	}
}

static void print_member(struct printer *p, const struct btype_member *m, u32 offset, u32 depth)
{
	const struct btf_type *its = btype_resolve(p->btf, m->type, NULL);

	if (m->bit_size && its && (btype_kind(its) == BTF_KIND_INT || btype_is_any_enum(its)))
		print_scalar(p, its, offset + m->bit_offset / 8, m->bit_offset % 8, m->bit_size);
	else
		print_value(p, m->type, offset + m->bit_offset / 8, depth);
}

/* The members, also those of anonymous ones; `any`: something stands before. */
static bool print_members(
	struct printer *p, const struct btf_type *t, u32 offset, u32 depth, bool any)
{
	for (u32 i = 0; i < btype_vlen(t); i++) {
		struct btype_member m = btype_member(p->btf, t, i);
		const struct btf_type *its = btype_resolve(p->btf, m.type, NULL);

		if (!p->budget || p->out->failed) {
			if (!is_json(p))
				strbuf_puts(p->out, any ? ", ..." : "...");
			return true;
		}
		if (!*m.name && its && btype_is_composite(its) && depth < DEPTH_MAX) {
			p->budget--;
			any = print_members(p, its, offset + m.bit_offset / 8, depth + 1, any);
			continue;
		}
		if (!*m.name) /* padding */
			continue;
		if (any)
			strbuf_puts(p->out, is_json(p) ? "," : ", ");
		any = true;
		put_name(p, m.name);
		print_member(p, &m, offset, depth + 1);
	}
	return any;
}

static void print_datasec(struct printer *p, const struct btf_type *t, u32 offset, u32 depth)
{
	const struct btf_var_secinfo *v = btype_vars(t);

	strbuf_putc(p->out, '{');
	for (u32 i = 0; i < btype_vlen(t) && p->budget; i++) {
		if (i)
			strbuf_puts(p->out, is_json(p) ? "," : ", ");
		put_name(p, btype_name(p->btf, v[i].type));
		print_value(p, v[i].type, offset + v[i].offset, depth + 1);
	}
	strbuf_putc(p->out, '}');
}

static void print_value(struct printer *p, u32 id, u32 offset, u32 depth)
{
	const struct btf_type *t = btype_resolve(p->btf, id, NULL);

	if (!p->budget || depth > DEPTH_MAX || !t) {
		strbuf_puts(p->out, is_json(p) ? "null" : "...");
		return;
	}
	p->budget--;
	switch (btype_kind(t)) {
	case BTF_KIND_INT:
	case BTF_KIND_ENUM:
	case BTF_KIND_ENUM64:
	case BTF_KIND_PTR: print_scalar(p, t, offset, 0, 0); break;
	case BTF_KIND_FLOAT: print_float(p, t, offset); break;
	case BTF_KIND_ARRAY: print_array(p, t, offset, depth); break;
	case BTF_KIND_STRUCT:
	case BTF_KIND_UNION:
		strbuf_putc(p->out, '{');
		print_members(p, t, offset, depth, false);
		strbuf_putc(p->out, '}');
		break;
	case BTF_KIND_DATASEC: print_datasec(p, t, offset, depth); break;
	default: put_cut(p); break;
	}
}

static struct printer printer_of(const struct btf *btf, const void *data, u32 size,
	enum btype_style style, struct strbuf *out)
{
	return (struct printer){
		.btf = btf,
		.data = data,
		.size = size,
		.flex_from = ~0u,
		.budget = (64u << 10) + MIN(size, 64u << 20),
		.style = style,
		.out = out,
	};
}

int btype_print(const struct btf *btf, u32 id, const void *data, u32 size, enum btype_style style,
	struct strbuf *out)
{
	struct printer p = printer_of(btf, data, size, style, out);
	const struct btf_type *t = btype_resolve(btf, id, NULL);
	u32 own;

	if (!t || btype_size(btf, id, &own))
		return -EINVAL;
	if (size > own && btype_kind(t) == BTF_KIND_STRUCT && btype_vlen(t))
		p.flex_from = btype_bit_offset(t, &btype_members(t)[btype_vlen(t) - 1]) / 8;
	print_value(&p, id, 0, 0);
	return out->failed ? -ENOMEM : 0;
}

int btype_print_member(const struct btf *btf, const struct btype_member *member, const void *data,
	u32 size, enum btype_style style, struct strbuf *out)
{
	struct printer p = printer_of(btf, data, size, style, out);

	print_member(&p, member, 0, 0);
	return out->failed ? -ENOMEM : 0;
}
