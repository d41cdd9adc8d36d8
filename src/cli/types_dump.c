// SPDX-License-Identifier: BSD-2-Clause
#include "cli/types_dump.h"

#include <bpf/btf.h>
#include <stdio.h>

struct dump {
	struct words *w;
	const struct btf *btf;
};

static const char *const kinds[] = {"UNKNOWN", "INT", "PTR", "ARRAY", "STRUCT", "UNION", "ENUM",
	"FWD", "TYPEDEF", "VOLATILE", "CONST", "RESTRICT", "FUNC", "FUNC_PROTO", "VAR", "DATASEC",
	"FLOAT", "DECL_TAG", "TYPE_TAG", "ENUM64"};

static const char *kind_name(u32 kind)
{
	return kinds[kind < ARRAY_SIZE(kinds) ? kind : 0];
}

static const char *name_at(const struct dump *d, u32 offset)
{
	const char *name = offset ? btf__name_by_offset(d->btf, offset) : "(anon)";

	return name ? name : "(invalid)";
}

/* ---- fields: " key=value" or a member of the object ----------------------------------------- */

static void put_u64(const struct dump *d, const char *key, u64 value)
{
	if (d->w->is_json)
		words_u64(d->w, key, value);
	else
		printf(" %s=%llu", key, (unsigned long long)value);
}

static void put_s64(const struct dump *d, const char *key, s64 value)
{
	if (d->w->is_json)
		words_s64(d->w, key, value);
	else
		printf(" %s=%lld", key, (long long)value);
}

static void put_text(const struct dump *d, const char *key, const char *value)
{
	if (d->w->is_json)
		words_text(d->w, key, value);
	else
		printf(" %s=%s", key, value);
}

static void open_list(const struct dump *d, const char *key)
{
	if (!d->w->is_json)
		return;
	show_json_key(&d->w->json, key);
	show_json_open(&d->w->json, '[');
}

static void close_list(const struct dump *d)
{
	if (d->w->is_json)
		show_json_close(&d->w->json, ']');
}

/* One of a list: a line that starts with the name, or an object. NULL = nothing has a name. */
static void open_item(const struct dump *d, const char *name)
{
	if (d->w->is_json) {
		show_json_open(&d->w->json, '{');
		if (name)
			words_text(d->w, "name", name);
	} else if (name) {
		printf("\n\t'%s'", name);
	}
}

static void close_item(const struct dump *d)
{
	if (d->w->is_json)
		show_json_close(&d->w->json, '}');
}

/* ---- kinds ---------------------------------------------------------------------------------- */

static void dump_int(const struct dump *d, const struct btf_type *t)
{
	u8 encoding = btf_int_encoding(t);
	const char *name = encoding == 0     ? "(none)"
		: encoding == BTF_INT_SIGNED ? "SIGNED"
		: encoding == BTF_INT_CHAR   ? "CHAR"
		: encoding == BTF_INT_BOOL   ? "BOOL"
					     : "UNKN";

	put_u64(d, "size", t->size);
	put_u64(d, "bits_offset", btf_int_offset(t));
	put_u64(d, "nr_bits", btf_int_bits(t));
	put_text(d, "encoding", name);
}

static void dump_members(const struct dump *d, const struct btf_type *t)
{
	put_u64(d, "size", t->size);
	put_u64(d, "vlen", btf_vlen(t));
	open_list(d, "members");
	for (u32 i = 0; i < btf_vlen(t); i++) {
		const struct btf_member *m = btf_members(t) + i;

		open_item(d, name_at(d, m->name_off));
		put_u64(d, "type_id", m->type);
		put_u64(d, "bits_offset", btf_member_bit_offset(t, i));
		if (btf_member_bitfield_size(t, i))
			put_u64(d, "bitfield_size", btf_member_bitfield_size(t, i));
		close_item(d);
	}
	close_list(d);
}

static void dump_enumerators(const struct dump *d, const struct btf_type *t)
{
	bool is_signed = btf_kflag(t), is_64 = btf_is_enum64(t);

	put_text(d, "encoding", is_signed ? "SIGNED" : "UNSIGNED");
	put_u64(d, "size", t->size);
	put_u64(d, "vlen", btf_vlen(t));
	open_list(d, "values");
	for (u32 i = 0; i < btf_vlen(t); i++) {
		const struct btf_enum64 *wide = btf_enum64(t) + i;
		const struct btf_enum *narrow = btf_enum(t) + i;

		open_item(d, name_at(d, is_64 ? wide->name_off : narrow->name_off));
		if (is_signed)
			put_s64(d, "val", is_64 ? (s64)btf_enum64_value(wide) : narrow->val);
		else
			put_u64(d, "val", is_64 ? btf_enum64_value(wide) : (u32)narrow->val);
		if (is_64 && !d->w->is_json)
			printf(is_signed ? "LL" : "ULL");
		close_item(d);
	}
	close_list(d);
}

static void dump_params(const struct dump *d, const struct btf_type *t)
{
	put_u64(d, "ret_type_id", t->type);
	put_u64(d, "vlen", btf_vlen(t));
	open_list(d, "params");
	for (u32 i = 0; i < btf_vlen(t); i++) {
		open_item(d, name_at(d, btf_params(t)[i].name_off));
		put_u64(d, "type_id", btf_params(t)[i].type);
		close_item(d);
	}
	close_list(d);
}

static void dump_section(const struct dump *d, const struct btf_type *t)
{
	put_u64(d, "size", t->size);
	put_u64(d, "vlen", btf_vlen(t));
	open_list(d, "vars");
	for (u32 i = 0; i < btf_vlen(t); i++) {
		const struct btf_var_secinfo *var = btf_var_secinfos(t) + i;
		const struct btf_type *of = btf__type_by_id(d->btf, var->type);

		open_item(d, NULL);
		if (d->w->is_json) {
			put_u64(d, "type_id", var->type);
			put_u64(d, "offset", var->offset);
			put_u64(d, "size", var->size);
		} else {
			printf("\n\ttype_id=%u offset=%u size=%u", var->type, var->offset,
				var->size);
			if (of)
				printf(" (%s '%s')", kind_name(btf_kind(of)),
					name_at(d, of->name_off));
		}
		close_item(d);
	}
	close_list(d);
}

static const char *linkage_name(u32 linkage)
{
	static const char *const names[] = {"static", "global", "extern"};

	return linkage < ARRAY_SIZE(names) ? names[linkage] : "(unknown)";
}

static void dump_var(const struct dump *d, const struct btf_type *t)
{
	put_u64(d, "type_id", t->type);
	if (!d->w->is_json)
		printf(",");
	put_text(d, "linkage",
		btf_var(t)->linkage == BTF_VAR_GLOBAL_ALLOCATED
			? "global"
			: linkage_name(btf_var(t)->linkage));
}

static void dump_kind(const struct dump *d, const struct btf_type *t)
{
	switch (btf_kind(t)) {
	case BTF_KIND_INT: dump_int(d, t); break;
	case BTF_KIND_PTR:
	case BTF_KIND_CONST:
	case BTF_KIND_VOLATILE:
	case BTF_KIND_RESTRICT:
	case BTF_KIND_TYPEDEF:
	case BTF_KIND_TYPE_TAG: put_u64(d, "type_id", t->type); break;
	case BTF_KIND_ARRAY:
		put_u64(d, "type_id", btf_array(t)->type);
		put_u64(d, "index_type_id", btf_array(t)->index_type);
		put_u64(d, "nr_elems", btf_array(t)->nelems);
		break;
	case BTF_KIND_STRUCT:
	case BTF_KIND_UNION: dump_members(d, t); break;
	case BTF_KIND_ENUM:
	case BTF_KIND_ENUM64: dump_enumerators(d, t); break;
	case BTF_KIND_FWD: put_text(d, "fwd_kind", btf_kflag(t) ? "union" : "struct"); break;
	case BTF_KIND_FUNC:
		put_u64(d, "type_id", t->type);
		put_text(d, "linkage", linkage_name(btf_vlen(t)));
		break;
	case BTF_KIND_FUNC_PROTO: dump_params(d, t); break;
	case BTF_KIND_VAR: dump_var(d, t); break;
	case BTF_KIND_DATASEC: dump_section(d, t); break;
	case BTF_KIND_FLOAT: put_u64(d, "size", t->size); break;
	case BTF_KIND_DECL_TAG:
		put_u64(d, "type_id", t->type);
		put_s64(d, "component_idx", btf_decl_tag(t)->component_idx);
		break;
	default: break;
	}
}

static void dump_type(const struct dump *d, u32 id)
{
	const struct btf_type *t = btf__type_by_id(d->btf, id);
	const char *kind, *name;

	if (!t)
		return;
	kind = kind_name(btf_kind(t));
	name = name_at(d, t->name_off);
	if (d->w->is_json) {
		show_json_open(&d->w->json, '{');
		words_u64(d->w, "id", id);
		words_text(d->w, "kind", kind);
		words_text(d->w, "name", name);
	} else {
		printf("[%u] %s '%s'", id, kind, name);
	}
	dump_kind(d, t);
	if (d->w->is_json) {
		show_json_close(&d->w->json, '}');
		if (d->w->json.text.len > 1 << 16)
			show_json_flush(&d->w->json, stdout);
	} else {
		printf("\n");
	}
}

int types_dump_raw(struct words *w, const void *btf, const u32 *roots, u32 count)
{
	struct dump d = {w, btf};
	const struct btf *base = btf__base_btf(btf);
	u32 start = base ? btf__type_cnt(base) : 1;

	if (w->is_json) {
		show_json_open(&w->json, '{');
		open_list(&d, "types");
	}
	for (u32 i = 0; i < count; i++)
		dump_type(&d, roots[i]);
	for (u32 id = start; !count && id < btf__type_cnt(btf); id++)
		dump_type(&d, id);
	if (w->is_json) {
		close_list(&d);
		show_json_close(&w->json, '}');
	}
	return 0;
}

/* ---- C -------------------------------------------------------------------------------------- */

static void print_c(void *ctx, const char *format, va_list args)
{
	(void)ctx;
	vfprintf(stdout, format, args);
}

int types_dump_c(struct words *w, const void *btf, const u32 *roots, u32 count)
{
	struct btf_dump *dump = btf_dump__new(btf, print_c, NULL, NULL);
	int err = 0;

	if (!dump) {
		err = -errno;
		words_error(w, "the types cannot be dumped: %s", strerror(-err));
		return err;
	}
	printf("#ifndef __VMLINUX_H__\n#define __VMLINUX_H__\n\n"
	       "#ifndef BPF_NO_PRESERVE_ACCESS_INDEX\n"
	       "#pragma clang attribute push (__attribute__((preserve_access_index)), apply_to = "
	       "record)\n"
	       "#endif\n\n");
	for (u32 i = 0; !err && i < count; i++)
		err = btf_dump__dump_type(dump, roots[i]);
	for (u32 id = 1; !err && !count && id < btf__type_cnt(btf); id++)
		err = btf_dump__dump_type(dump, id);
	if (!err)
		printf("#ifndef BPF_NO_PRESERVE_ACCESS_INDEX\n#pragma clang attribute pop\n#endif\n"
		       "\n#endif /* __VMLINUX_H__ */\n");
	btf_dump__free(dump);
	return err;
}
