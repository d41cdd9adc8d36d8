// SPDX-License-Identifier: BSD-2-Clause
/*
 * A type as a C declaration: from the name outwards, as C reads: pointers stand before the name,
 * arrays and parameters behind it, parentheses where a pointer meets either.
 */
#include "btf/print.h"
#include "btf/priv.h"

#define DEPTH_MAX 32

static void declare(
	const struct btf *btf, u32 id, const char *inner, u32 depth, struct strbuf *out);

static bool binds_tighter(const struct btf *btf, u32 id)
{
	const struct btf_type *t = btype_skip_quals(btf, id, NULL);

	return t && (btype_kind(t) == BTF_KIND_ARRAY || btype_kind(t) == BTF_KIND_FUNC_PROTO);
}

static void put_params(
	const struct btf *btf, const struct btf_type *proto, u32 depth, struct strbuf *out)
{
	const struct btf_param *params = btype_params(proto);

	strbuf_putc(out, '(');
	for (u32 i = 0; i < btype_vlen(proto); i++) {
		const char *name = btype_string(btf, params[i].name_off);

		strbuf_puts(out, i ? ", " : "");
		if (params[i].type)
			declare(btf, params[i].type, name ? name : "", depth + 1, out);
		else
			strbuf_puts(out, "...");
	}
	strbuf_puts(out, btype_vlen(proto) ? ")" : "void)");
}

static const char *qualifier(u32 kind)
{
	switch (kind) {
	case BTF_KIND_CONST: return "const";
	case BTF_KIND_VOLATILE: return "volatile";
	case BTF_KIND_RESTRICT: return "restrict";
	default: return NULL;
	}
}

static void put_named(const struct btf *btf, const struct btf_type *t, struct strbuf *out)
{
	static const char *const words[] = {
		[BTF_KIND_STRUCT] = "struct ",
		[BTF_KIND_UNION] = "union ",
		[BTF_KIND_ENUM] = "enum ",
		[BTF_KIND_ENUM64] = "enum ",
	};
	u32 kind = btype_kind(t);
	const char *name = btype_name_of(btf, t);

	if (kind == BTF_KIND_FWD)
		strbuf_puts(out, btype_kflag(t) ? "union " : "struct ");
	else if (kind < ARRAY_SIZE(words) && words[kind])
		strbuf_puts(out, words[kind]);
	if (kind == BTF_KIND_UNKN)
		strbuf_puts(out, "void");
	else
		strbuf_puts(out, *name ? name : "{...}");
}

static void put_base(
	const struct btf *btf, const struct btf_type *t, const char *inner, struct strbuf *out)
{
	put_named(btf, t, out);
	if (*inner)
		strbuf_printf(out, *inner == '[' ? "%s" : " %s", inner);
}

static void declare(const struct btf *btf, u32 id, const char *inner, u32 depth, struct strbuf *out)
{
	const struct btf_type *t = btype_by_id(btf, id);
	struct strbuf wrapped = {0};
	const char *qual;

	if (!t || depth > DEPTH_MAX) {
		strbuf_puts(out, "...");
		return;
	}
	qual = qualifier(btype_kind(t));
	switch (btype_kind(t)) {
	case BTF_KIND_CONST:
	case BTF_KIND_VOLATILE:
	case BTF_KIND_RESTRICT: {
		const struct btf_type *next = btype_skip_quals(btf, t->type, NULL);

		/* "const int x" but "int *const x". */
		if (next && btype_is_ptr(next)) {
			strbuf_printf(&wrapped, *inner ? "%s %s" : "%s%s", qual, inner);
			declare(btf, t->type, strbuf_cstr(&wrapped), depth + 1, out);
		} else {
			strbuf_printf(out, "%s ", qual);
			declare(btf, t->type, inner, depth + 1, out);
		}
		break;
	}
	case BTF_KIND_TYPE_TAG: declare(btf, t->type, inner, depth + 1, out); break;
	case BTF_KIND_PTR:
		strbuf_printf(&wrapped, binds_tighter(btf, t->type) ? "(*%s)" : "*%s", inner);
		declare(btf, t->type, strbuf_cstr(&wrapped), depth + 1, out);
		break;
	case BTF_KIND_ARRAY:
		strbuf_printf(&wrapped, "%s[%u]", inner, btype_array(t)->nelems);
		declare(btf, btype_array(t)->type, strbuf_cstr(&wrapped), depth + 1, out);
		break;
	case BTF_KIND_FUNC_PROTO:
		strbuf_puts(&wrapped, inner);
		put_params(btf, t, depth, &wrapped);
		declare(btf, t->type, strbuf_cstr(&wrapped), depth + 1, out);
		break;
	case BTF_KIND_FUNC:
	case BTF_KIND_VAR: declare(btf, t->type, btype_name_of(btf, t), depth + 1, out); break;
	default: put_base(btf, t, inner, out); break;
	}
	strbuf_release(&wrapped);
}

void btype_declare(const struct btf *btf, u32 id, const char *name, struct strbuf *out)
{
	declare(btf, id, name, 0, out);
}
