// SPDX-License-Identifier: BSD-2-Clause
#include "cli/typed.h"

#include <bpf/btf.h>
#include <ctype.h>

#define DEPTH_MAX 32

struct printer {
	struct show_json *json;
	const struct btf *btf;
	const u8 *data, *end;
	bool is_plain;
};

static int print_value(struct printer *p, u32 id, const u8 *data, u32 bit, u32 depth);

/* ---- numbers -------------------------------------------------------------------------------- */

typedef unsigned __int128 u128;

static void print_wide(struct printer *p, u128 value)
{
	const char *quote = p->is_plain ? "" : "\"";
	unsigned long long high = (u64)(value >> 64), low = (u64)value;

	if (high)
		show_json_raw(p->json, "%s0x%llx%016llx%s", quote, high, low, quote);
	else
		show_json_raw(p->json, "%s0x%llx%s", quote, low, quote);
}

static int print_bits(struct printer *p, const u8 *data, u32 bit, u32 bits)
{
	u32 bytes = (bit + bits + 7) / 8;
	u128 value = 0;

	if (bits == 0 || bits > 128 || bytes > sizeof(value) || data + bytes > p->end)
		return -EINVAL;
	memcpy(&value, data, bytes);
	value >>= bit;
	if (bits < 128)
		value &= ((u128)1 << bits) - 1;
	print_wide(p, value);
	return 0;
}

static s64 load_signed(const u8 *data, u32 size)
{
	u64 value = 0;

	memcpy(&value, data, size);
	return (s64)(value << (64 - 8 * size)) >> (64 - 8 * size);
}

static u64 load_unsigned(const u8 *data, u32 size)
{
	u64 value = 0;

	memcpy(&value, data, size);
	return value;
}

static void print_char(struct printer *p, u8 c)
{
	if (isprint(c))
		show_json_raw(p->json, "\"%c\"", c);
	else if (p->is_plain)
		show_json_raw(p->json, "0x%x", c);
	else
		show_json_raw(p->json, "\"\\u00%02x\"", c);
}

static int print_int(struct printer *p, const struct btf_type *t, const u8 *data, u32 bit)
{
	u32 bits = btf_int_bits(t), offset = btf_int_offset(t) + bit;
	u8 encoding = btf_int_encoding(t);

	if (offset || bits % 8)
		return print_bits(p, data + offset / 8, offset % 8, bits);
	if (data + bits / 8 > p->end)
		return -EINVAL;
	if (encoding == BTF_INT_CHAR) {
		print_char(p, data[0]);
	} else if (encoding == BTF_INT_BOOL) {
		show_json_bool(p->json, data[0]);
	} else if (encoding && encoding != BTF_INT_SIGNED) {
		return -EINVAL;
	} else if (bits != 64 && bits != 32 && bits != 16 && bits != 8) {
		return print_bits(p, data, 0, bits);
	} else if (encoding) {
		show_json_s64(p->json, load_signed(data, bits / 8));
	} else {
		show_json_u64(p->json, load_unsigned(data, bits / 8));
	}
	return 0;
}

static int print_enum(struct printer *p, const struct btf_type *t, const u8 *data)
{
	bool is_64 = btf_is_enum64(t);
	u32 size = t->size, count = btf_vlen(t);
	s64 value;

	if ((size != 1 && size != 2 && size != 4 && size != 8) || data + size > p->end)
		return -EINVAL;
	value = load_signed(data, size);
	for (u32 i = 0; i < count; i++) {
		s64 known = is_64 ? (s64)btf_enum64_value(btf_enum64(t) + i) : btf_enum(t)[i].val;
		u32 name = is_64 ? btf_enum64(t)[i].name_off : btf_enum(t)[i].name_off;

		if (known == value) {
			show_json_string(p->json, btf__name_by_offset(p->btf, name));
			return 0;
		}
	}
	show_json_s64(p->json, value);
	return 0;
}

static int print_pointer(struct printer *p, const u8 *data)
{
	u64 value;

	if (data + 8 > p->end)
		return -EINVAL;
	value = load_u64(data);
	if (!p->is_plain)
		show_json_u64(p->json, value);
	else if (value)
		show_json_raw(p->json, "0x%llx", (unsigned long long)value);
	else
		show_json_raw(p->json, "(nil)");
	return 0;
}

static int print_float(struct printer *p, const struct btf_type *t, const u8 *data)
{
	double d;
	float f;

	if ((t->size != sizeof(f) && t->size != sizeof(d)) || data + t->size > p->end)
		return -EINVAL;
	memcpy(&f, data, sizeof(f));
	d = (double)f;
	if (t->size == sizeof(d))
		memcpy(&d, data, sizeof(d));
	show_json_raw(p->json, "%g", d);
	return 0;
}

/* ---- what consists of others ---------------------------------------------------------------- */

static bool is_text(struct printer *p, const struct btf_array *array, const u8 *data)
{
	const struct btf_type *t = btf__type_by_id(p->btf, array->type);

	while (t && btf_is_mod(t)) /* a typedef of char is no text */
		t = btf__type_by_id(p->btf, t->type);
	if (!t || !btf_is_int(t) || t->size != 1)
		return false;
	if (btf_int_encoding(t) != BTF_INT_CHAR &&
		strcmp("char", btf__name_by_offset(p->btf, t->name_off)) != 0)
		return false;
	for (u32 i = 0; i < array->nelems && data + i < p->end; i++) {
		if (!data[i])
			return true;
		if (data[i] <= 0x1f || data[i] >= 0x7f)
			return false;
	}
	return false;
}

static int print_array(struct printer *p, const struct btf_type *t, const u8 *data, u32 depth)
{
	const struct btf_array *array = btf_array(t);
	s64 size = btf__resolve_size(p->btf, array->type);
	int err = 0;

	if (is_text(p, array, data)) {
		show_json_string(p->json, (const char *)data);
		return 0;
	}
	if (size < 0)
		return (int)size;
	show_json_open(p->json, '[');
	for (u32 i = 0; !err && i < array->nelems; i++)
		err = print_value(p, array->type, data + i * (u64)size, 0, depth);
	show_json_close(p->json, ']');
	return err;
}

static int print_struct(struct printer *p, const struct btf_type *t, const u8 *data, u32 depth)
{
	int err = 0;

	show_json_open(p->json, '{');
	for (u32 i = 0; !err && i < btf_vlen(t); i++) {
		u32 bit = btf_member_bit_offset(t, i), bits = btf_member_bitfield_size(t, i);

		show_json_key(p->json, btf__name_by_offset(p->btf, btf_members(t)[i].name_off));
		if (bits)
			err = print_bits(p, data + bit / 8, bit % 8, bits);
		else
			err = print_value(
				p, btf_members(t)[i].type, data + bit / 8, bit % 8, depth);
	}
	show_json_close(p->json, '}');
	return err;
}

static int print_var(struct printer *p, const struct btf_type *t, const u8 *data, u32 depth)
{
	int err;

	show_json_open(p->json, '{');
	show_json_key(p->json, btf__name_by_offset(p->btf, t->name_off));
	err = print_value(p, t->type, data, 0, depth);
	show_json_close(p->json, '}');
	return err;
}

static int print_datasec(struct printer *p, const struct btf_type *t, const u8 *data, u32 depth)
{
	const struct btf_var_secinfo *vars = btf_var_secinfos(t);
	int err = 0;

	show_json_open(p->json, '{');
	show_json_key(p->json, btf__name_by_offset(p->btf, t->name_off));
	show_json_open(p->json, '[');
	for (u32 i = 0; !err && i < btf_vlen(t); i++)
		err = print_value(p, vars[i].type, data + vars[i].offset, 0, depth);
	show_json_close(p->json, ']');
	show_json_close(p->json, '}');
	return err;
}

static int print_value(struct printer *p, u32 id, const u8 *data, u32 bit, u32 depth)
{
	const struct btf_type *t = btf__type_by_id(p->btf, id);

	if (!t || depth == DEPTH_MAX || data > p->end)
		return -EINVAL;
	switch (btf_kind(t)) {
	case BTF_KIND_INT: return print_int(p, t, data, bit);
	case BTF_KIND_STRUCT:
	case BTF_KIND_UNION: return print_struct(p, t, data, depth + 1);
	case BTF_KIND_ARRAY: return print_array(p, t, data, depth + 1);
	case BTF_KIND_ENUM:
	case BTF_KIND_ENUM64: return print_enum(p, t, data);
	case BTF_KIND_PTR: return print_pointer(p, data);
	case BTF_KIND_FLOAT: return print_float(p, t, data);
	case BTF_KIND_UNKN: show_json_raw(p->json, "(unknown)"); return 0;
	case BTF_KIND_TYPEDEF:
	case BTF_KIND_VOLATILE:
	case BTF_KIND_CONST:
	case BTF_KIND_RESTRICT:
	case BTF_KIND_TYPE_TAG: return print_value(p, t->type, data, bit, depth + 1);
	case BTF_KIND_VAR: return print_var(p, t, data, depth + 1);
	case BTF_KIND_DATASEC: return print_datasec(p, t, data, depth + 1);
	default: return -EINVAL;
	}
}

int typed_print(struct show_json *json, libbpf_btf *btf, u32 type, const void *data, u32 size,
	bool is_plain)
{
	struct printer p = {json, btf, data, (const u8 *)data + size, is_plain};

	return print_value(&p, type, data, 0, 0);
}

/* ---- signatures ----------------------------------------------------------------------------- */

static int add_type(const struct btf *btf, u32 id, u32 depth, struct strbuf *out);

static int add_func(const struct btf *btf, const struct btf_type *proto, const char *name,
	u32 depth, struct strbuf *out)
{
	const struct btf_param *params = btf_params(proto);
	int err = add_type(btf, proto->type, depth, out);

	strbuf_printf(out, "%s(", name);
	for (u32 i = 0; !err && i < btf_vlen(proto); i++) {
		if (i)
			strbuf_puts(out, ", ");
		if (!params[i].type) {
			strbuf_puts(out, "...");
			continue;
		}
		err = add_type(btf, params[i].type, depth, out);
		if (params[i].name_off)
			strbuf_puts(out, btf__name_by_offset(btf, params[i].name_off));
		else if (out->len && out->data[out->len - 1] == ' ')
			out->data[--out->len] = 0;
	}
	strbuf_putc(out, ')');
	return err;
}

static int add_type(const struct btf *btf, u32 id, u32 depth, struct strbuf *out)
{
	const struct btf_type *t = btf__type_by_id(btf, id), *proto;
	const char *name = t ? btf__name_by_offset(btf, t->name_off) : NULL;
	int err;

	if (!id) {
		strbuf_puts(out, "void ");
		return 0;
	}
	if (!t || depth == DEPTH_MAX)
		return -EINVAL;
	switch (btf_kind(t)) {
	case BTF_KIND_INT:
	case BTF_KIND_TYPEDEF:
	case BTF_KIND_FLOAT: strbuf_printf(out, "%s ", name); return 0;
	case BTF_KIND_STRUCT: strbuf_printf(out, "struct %s ", name); return 0;
	case BTF_KIND_UNION: strbuf_printf(out, "union %s ", name); return 0;
	case BTF_KIND_ENUM:
	case BTF_KIND_ENUM64: strbuf_printf(out, "enum %s ", name); return 0;
	case BTF_KIND_FWD:
		strbuf_printf(out, "%s %s ", btf_kflag(t) ? "union" : "struct", name);
		return 0;
	case BTF_KIND_ARRAY:
		err = add_type(btf, btf_array(t)->type, depth + 1, out);
		strbuf_printf(out, "[%u]", btf_array(t)->nelems);
		return err;
	case BTF_KIND_PTR:
		err = add_type(btf, t->type, depth + 1, out);
		strbuf_puts(out, "* ");
		return err;
	case BTF_KIND_VOLATILE:
		strbuf_puts(out, "volatile ");
		return add_type(btf, t->type, depth + 1, out);
	case BTF_KIND_CONST:
		strbuf_puts(out, "const ");
		return add_type(btf, t->type, depth + 1, out);
	case BTF_KIND_RESTRICT:
		strbuf_puts(out, "restrict ");
		return add_type(btf, t->type, depth + 1, out);
	case BTF_KIND_FUNC_PROTO: return add_func(btf, t, "", depth + 1, out);
	case BTF_KIND_FUNC:
		proto = btf__type_by_id(btf, t->type);
		return proto ? add_func(btf, proto, name, depth + 1, out) : -EINVAL;
	default: return -EINVAL;
	}
}

void typed_signature(libbpf_btf *btf, u32 type, struct strbuf *out)
{
	size_t len = out->len;

	if (!btf || add_type(btf, type, 0, out) == 0)
		return;
	out->len = len;
	if (out->data)
		out->data[len] = 0;
}
