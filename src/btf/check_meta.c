// SPDX-License-Identifier: BSD-2-Clause
/*
 * Phase one: each record alone. Does its tail fit, are flags, name and sizes what its kind allows,
 * do members and variables stand in order inside their whole. References are only range-checked.
 */
#include "btf/check.h"

#include <stdio.h>

#define INFO_MASK    0x9f00ffffu
#define INT_MASK     0x0fffffffu
#define INT_BITS_MAX 128u

static int refuse(struct check_env *env, const struct btf_type *t, const char *message)
{
	check_log_type(env, t, "%s", message);
	return -EINVAL;
}

/* What most kinds have in common. */
enum rule {
	NO_VLEN = 1,
	NO_KFLAG = 2,
	NAMELESS = 4,	/* no name */
	NAME_MAY = 8,	/* a name, if any, is an identifier */
	NAME_MUST = 16, /* an identifier */
	TEXT_MUST = 32, /* any text */
};

static const char *broken_rule(struct check_env *env, const struct btf_type *t, u32 rules)
{
	const char *text = btype_string(env->btf, t->name_off);

	if (rules & NO_VLEN && btype_vlen(t))
		return "vlen != 0";
	if (rules & NO_KFLAG && btype_kflag(t))
		return "Invalid btf_info kind_flag";
	if (rules & NAMELESS && t->name_off)
		return "Invalid name";
	if (rules & (NAME_MAY | NAME_MUST) && t->name_off &&
		!check_is_identifier(env->btf, t->name_off))
		return "Invalid name";
	if (rules & NAME_MUST && !t->name_off)
		return "Invalid name";
	if (rules & TEXT_MUST && (!text || !*text))
		return "Invalid name";
	return NULL;
}

/* The record, when its tail of `size` bytes does not fit. */
static bool is_cut(struct check_env *env, const struct btf_type *t, u32 left, u32 size)
{
	if (left >= size)
		return false;
	check_log_basic(env, t, "meta_left:%u meta_needed:%u", left, size);
	return true;
}

static int meta_int(struct check_env *env, const struct btf_type *t)
{
	const char *broken = broken_rule(env, t, NO_VLEN | NO_KFLAG);
	u32 data = load_u32(t + 1), bits;

	if (broken)
		return refuse(env, t, broken);
	if (data & ~INT_MASK) {
		check_log_basic(env, t, "Invalid int_data:%x", data);
		return -EINVAL;
	}
	bits = BTF_INT_BITS(data) + BTF_INT_OFFSET(data);
	if (bits > INT_BITS_MAX) {
		check_log_type(env, t, "nr_bits exceeds %u", INT_BITS_MAX);
		return -EINVAL;
	}
	if ((bits + 7) / 8 > t->size)
		return refuse(env, t, "nr_bits exceeds type_size");
	switch (BTF_INT_ENCODING(data)) {
	case 0:
	case BTF_INT_SIGNED:
	case BTF_INT_CHAR:
	case BTF_INT_BOOL: break;
	default: refuse(env, t, "Unsupported encoding"); return -BTYPE_ENOTSUPP;
	}
	check_log_type(env, t, NULL);
	return 0;
}

/* PTR and all modifiers. */
static int meta_ref(struct check_env *env, const struct btf_type *t)
{
	u32 kind = btype_kind(t), rules = NO_VLEN;
	const char *broken;

	if (kind != BTF_KIND_TYPE_TAG || env->opts->no_tag_kflag)
		rules |= NO_KFLAG;
	broken = broken_rule(env, t, rules);
	if (!broken && t->type > BTF_MAX_TYPE)
		broken = "Invalid type_id";
	if (!broken)
		broken = broken_rule(env, t,
			kind == BTF_KIND_TYPEDEF	    ? NAME_MUST
				: kind == BTF_KIND_TYPE_TAG ? TEXT_MUST
							    : NAMELESS);
	if (broken)
		return refuse(env, t, broken);
	check_log_type(env, t, NULL);
	return 0;
}

static int meta_fwd(struct check_env *env, const struct btf_type *t)
{
	const char *broken = broken_rule(env, t, NO_VLEN);

	if (!broken && t->type)
		broken = "type != 0";
	if (!broken)
		broken = broken_rule(env, t, NAME_MUST);
	if (broken)
		return refuse(env, t, broken);
	check_log_type(env, t, NULL);
	return 0;
}

static int meta_array(struct check_env *env, const struct btf_type *t)
{
	const struct btf_array *a = btype_array(t);
	const char *broken = broken_rule(env, t, NAMELESS);

	if (!broken)
		broken = broken_rule(env, t, NO_VLEN | NO_KFLAG);
	if (!broken && t->size)
		broken = "size != 0";
	if (!broken && (!a->type || a->type > BTF_MAX_TYPE))
		broken = "Invalid elem";
	if (!broken && (!a->index_type || a->index_type > BTF_MAX_TYPE))
		broken = "Invalid index";
	if (broken)
		return refuse(env, t, broken);
	check_log_type(env, t, NULL);
	return 0;
}

static const char *broken_member(
	struct check_env *env, const struct btf_type *t, const struct btf_member *m, u32 last)
{
	u32 offset = btype_bit_offset(t, m);

	if (m->name_off && !check_is_identifier(env->btf, m->name_off))
		return "Invalid name";
	if (!m->type || m->type > BTF_MAX_TYPE)
		return "Invalid type_id";
	if (btype_kind(t) == BTF_KIND_UNION && offset)
		return "Invalid member bits_offset";
	if (last > offset)
		return "Invalid member bits_offset";
	/* Rounded up in 64 bits as in 32: the kernel's (x >> 3) + !!(x & 7) cannot overflow. */
	if ((u64)offset / 8 + !!(offset % 8) > t->size)
		return "Member bits_offset exceeds its struct size";
	return NULL;
}

static int meta_struct(struct check_env *env, const struct btf_type *t)
{
	const struct btf_member *m = btype_members(t);
	const char *broken = broken_rule(env, t, NAME_MAY);
	u32 last = 0;

	if (broken)
		return refuse(env, t, broken);
	check_log_type(env, t, NULL);
	for (u32 i = 0; i < btype_vlen(t); i++, m++) {
		char text[64];

		if (!check_is_name_offset(env->btf, m->name_off)) {
			snprintf(text, sizeof(text), "Invalid member name_offset:%u", m->name_off);
			check_log_member(env, t, m, text);
			return -EINVAL;
		}
		broken = broken_member(env, t, m, last);
		check_log_member(env, t, m, broken);
		if (broken)
			return -EINVAL;
		last = btype_bit_offset(t, m);
	}
	return 0;
}

static int meta_enum(struct check_env *env, const struct btf_type *t)
{
	bool is_64 = btype_kind(t) == BTF_KIND_ENUM64;
	const char *broken = NULL;

	if (t->size > 8 || !IS_POWER_OF_2(t->size))
		broken = "Unexpected size";
	if (!broken)
		broken = broken_rule(env, t, NAME_MAY);
	if (broken)
		return refuse(env, t, broken);
	check_log_type(env, t, NULL);
	for (u32 i = 0; i < btype_vlen(t); i++) {
		size_t step = is_64 ? sizeof(struct btf_enum64) : sizeof(struct btf_enum);
		u32 name = load_u32((const u8 *)(t + 1) + i * step);
		s64 value;

		if (!check_is_name_offset(env->btf, name)) {
			log_printf(env->log, "\tInvalid name_offset:%u", name);
			return -EINVAL;
		}
		if (!name || !check_is_identifier(env->btf, name))
			return refuse(env, t, "Invalid name");
		btype_enumerator(env->btf, t, i, &value);
		log_printf(env->log, btype_kflag(t) ? "\t%s val=%lld\n" : "\t%s val=%llu\n",
			btype_log_name(env->btf, name), (long long)value);
	}
	return 0;
}

static int meta_func_proto(struct check_env *env, const struct btf_type *t)
{
	const char *broken = broken_rule(env, t, NAMELESS);

	if (!broken)
		broken = broken_rule(env, t, NO_KFLAG);
	if (broken)
		return refuse(env, t, broken);
	check_log_type(env, t, NULL);
	return 0;
}

static int meta_func(struct check_env *env, const struct btf_type *t)
{
	const char *broken = broken_rule(env, t, NAME_MUST);

	if (!broken && btype_vlen(t) > BTF_FUNC_GLOBAL)
		broken = "Invalid func linkage";
	if (!broken)
		broken = broken_rule(env, t, NO_KFLAG);
	if (broken)
		return refuse(env, t, broken);
	check_log_type(env, t, NULL);
	return 0;
}

static int meta_var(struct check_env *env, const struct btf_type *t)
{
	const char *broken = broken_rule(env, t, NO_VLEN | NO_KFLAG | NAME_MUST);
	u32 linkage = btype_var_linkage(t);

	if (!broken && (!t->type || t->type > BTF_MAX_TYPE))
		broken = "Invalid type_id";
	if (!broken && linkage != BTF_VAR_STATIC && linkage != BTF_VAR_GLOBAL_ALLOCATED)
		broken = "Linkage not supported";
	if (broken)
		return refuse(env, t, broken);
	check_log_type(env, t, NULL);
	return 0;
}

static const char *broken_var(const struct btf_type *t, const struct btf_var_secinfo *v, u32 end)
{
	if (!v->type || v->type > BTF_MAX_TYPE)
		return "Invalid type_id";
	if (v->offset < end || v->offset >= t->size)
		return "Invalid offset";
	if (!v->size || v->size > t->size)
		return "Invalid size";
	if (v->offset + v->size > t->size) /* wraps, as it does in the kernel */
		return "Invalid offset+size";
	return NULL;
}

static int meta_datasec(struct check_env *env, const struct btf_type *t)
{
	const struct btf_var_secinfo *v = btype_vars(t);
	const char *broken = t->size ? broken_rule(env, t, NO_KFLAG) : "size == 0";
	u32 end = 0;
	u64 sum = 0;

	if (!broken && (!t->name_off || !check_is_section_name(env->btf, t->name_off)))
		broken = "Invalid name";
	if (broken)
		return refuse(env, t, broken);
	check_log_type(env, t, NULL);
	for (u32 i = 0; i < btype_vlen(t); i++, v++) {
		broken = broken_var(t, v, end);
		check_log_var(env, t, v, broken);
		if (broken)
			return -EINVAL;
		end = v->offset + v->size;
		sum += v->size;
	}
	return t->size < sum ? refuse(env, t, "Invalid btf_info size") : 0;
}

static int meta_float(struct check_env *env, const struct btf_type *t)
{
	const char *broken = broken_rule(env, t, NO_VLEN | NO_KFLAG);

	if (!broken && t->size != 2 && t->size != 4 && t->size != 8 && t->size != 12 &&
		t->size != 16)
		broken = "Invalid type_size";
	if (broken)
		return refuse(env, t, broken);
	check_log_type(env, t, NULL);
	return 0;
}

static int meta_decl_tag(struct check_env *env, const struct btf_type *t)
{
	const char *broken = broken_rule(env, t, TEXT_MUST) ? "Invalid value" : NULL;

	if (!broken)
		broken = broken_rule(env, t, NO_VLEN | (env->opts->no_tag_kflag ? NO_KFLAG : 0));
	if (!broken && btype_tag_component(t) < -1)
		broken = "Invalid component_idx";
	if (broken)
		return refuse(env, t, broken);
	check_log_type(env, t, NULL);
	return 0;
}

static int (*const checks[])(struct check_env *, const struct btf_type *) = {
	[BTF_KIND_INT] = meta_int,
	[BTF_KIND_PTR] = meta_ref,
	[BTF_KIND_ARRAY] = meta_array,
	[BTF_KIND_STRUCT] = meta_struct,
	[BTF_KIND_UNION] = meta_struct,
	[BTF_KIND_ENUM] = meta_enum,
	[BTF_KIND_FWD] = meta_fwd,
	[BTF_KIND_TYPEDEF] = meta_ref,
	[BTF_KIND_VOLATILE] = meta_ref,
	[BTF_KIND_CONST] = meta_ref,
	[BTF_KIND_RESTRICT] = meta_ref,
	[BTF_KIND_FUNC] = meta_func,
	[BTF_KIND_FUNC_PROTO] = meta_func_proto,
	[BTF_KIND_VAR] = meta_var,
	[BTF_KIND_DATASEC] = meta_datasec,
	[BTF_KIND_FLOAT] = meta_float,
	[BTF_KIND_DECL_TAG] = meta_decl_tag,
	[BTF_KIND_TYPE_TAG] = meta_ref,
	[BTF_KIND_ENUM64] = meta_enum,
};

int check_record(struct check_env *env, const struct btf_type *t, u32 left)
{
	u32 kind_max = env->opts->kind_max ? env->opts->kind_max : ARRAY_SIZE(checks) - 1;
	u32 tail;
	int err;

	if (left < sizeof(*t)) {
		log_printf(env->log, "[%u] meta_left:%u meta_needed:%zu", env->log_id, left,
			sizeof(*t));
		return -EINVAL;
	}
	if (t->info & ~INFO_MASK) {
		log_printf(env->log, "[%u] Invalid btf_info:%x", env->log_id, t->info);
		return -EINVAL;
	}
	if (btype_kind(t) > kind_max || btype_kind(t) == BTF_KIND_UNKN) {
		log_printf(env->log, "[%u] Invalid kind:%u", env->log_id, btype_kind(t));
		return -EINVAL;
	}
	if (!check_is_name_offset(env->btf, t->name_off)) {
		log_printf(env->log, "[%u] Invalid name_offset:%u", env->log_id, t->name_off);
		return -EINVAL;
	}
	tail = (u32)btype_tail_size(t);
	if (is_cut(env, t, left - sizeof(*t), tail))
		return -EINVAL;
	err = checks[btype_kind(t)](env, t);
	return err ? err : (int)(sizeof(*t) + tail);
}
