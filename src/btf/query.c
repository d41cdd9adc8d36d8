// SPDX-License-Identifier: BSD-2-Clause
/*
 * Questions about types. A checked btf remembers what every modifier resolves to, so that a long
 * chain costs one step; in a trusted one chains are followed, never more often than there are ids.
 */
#include "btf/priv.h"

static const char *const kind_names[] = {
	[BTF_KIND_UNKN] = "UNKNOWN",
	[BTF_KIND_INT] = "INT",
	[BTF_KIND_PTR] = "PTR",
	[BTF_KIND_ARRAY] = "ARRAY",
	[BTF_KIND_STRUCT] = "STRUCT",
	[BTF_KIND_UNION] = "UNION",
	[BTF_KIND_ENUM] = "ENUM",
	[BTF_KIND_FWD] = "FWD",
	[BTF_KIND_TYPEDEF] = "TYPEDEF",
	[BTF_KIND_VOLATILE] = "VOLATILE",
	[BTF_KIND_CONST] = "CONST",
	[BTF_KIND_RESTRICT] = "RESTRICT",
	[BTF_KIND_FUNC] = "FUNC",
	[BTF_KIND_FUNC_PROTO] = "FUNC_PROTO",
	[BTF_KIND_VAR] = "VAR",
	[BTF_KIND_DATASEC] = "DATASEC",
	[BTF_KIND_FLOAT] = "FLOAT",
	[BTF_KIND_DECL_TAG] = "DECL_TAG",
	[BTF_KIND_TYPE_TAG] = "TYPE_TAG",
	[BTF_KIND_ENUM64] = "ENUM64",
};

const char *btype_kind_name(u32 kind)
{
	return kind < ARRAY_SIZE(kind_names) ? kind_names[kind] : kind_names[0];
}

const void *btype_data(const struct btf *btf, u32 *ret_size)
{
	*ret_size = btf->size;
	return btf->data;
}

const struct btf *btype_base(const struct btf *btf)
{
	return btf->base;
}

const char *btype_obj_name(const struct btf *btf)
{
	return btf->name ? btf->name : "";
}

bool btype_is_kernel(const struct btf *btf)
{
	return btf->is_kernel;
}

u32 btype_count(const struct btf *btf)
{
	return btf->first_id + btf->count;
}

u32 btype_first_id(const struct btf *btf)
{
	return btf->first_id;
}

/* ---- ids and names -------------------------------------------------------------------------- */

const struct btf_type *btype_by_id(const struct btf *btf, u32 id)
{
	static const struct btf_type void_type;

	if (id == 0)
		return &void_type;
	while (id < btf->first_id)
		btf = btf->base;
	id -= btf->first_id;
	return id < btf->count ? btype_own(btf, id) : NULL;
}

const char *btype_string(const struct btf *btf, u32 offset)
{
	while (offset < btf->first_str)
		btf = btf->base;
	offset -= btf->first_str;
	return offset < btf->header.str_len ? btf->strings + offset : NULL;
}

const char *btype_log_name(const struct btf *btf, u32 offset)
{
	const char *name = offset ? btype_string(btf, offset) : "(anon)";

	return name ? name : "(invalid-name-offset)";
}

const char *btype_name_of(const struct btf *btf, const struct btf_type *t)
{
	const char *name = btype_string(btf, t->name_off);

	return name ? name : "";
}

const char *btype_name(const struct btf *btf, u32 id)
{
	const struct btf_type *t = btype_by_id(btf, id);

	return t ? btype_name_of(btf, t) : "";
}

/* ---- following references ------------------------------------------------------------------- */

/* Follows t->type while the kind's bit is in `kinds`. */
static const struct btf_type *follow(const struct btf *btf, u32 id, u32 kinds, u32 *ret_id)
{
	const struct btf_type *t = btype_by_id(btf, id);
	u32 left = btype_count(btf);

	while (t && (1u << btype_kind(t) & kinds) && left-- > 0) {
		id = t->type;
		t = btype_by_id(btf, id);
	}
	if (t && (1u << btype_kind(t) & kinds))
		return NULL; /* a cycle in a trusted btf */
	if (t && ret_id)
		*ret_id = id;
	return t;
}

#define QUAL_KINDS                                                                                 \
	(1u << BTF_KIND_VOLATILE | 1u << BTF_KIND_CONST | 1u << BTF_KIND_RESTRICT |                \
		1u << BTF_KIND_TYPE_TAG)
#define MOD_KINDS (QUAL_KINDS | 1u << BTF_KIND_TYPEDEF)

const struct btf_type *btype_skip_mods(const struct btf *btf, u32 id, u32 *ret_id)
{
	const struct btf_type *t = btype_by_id(btf, id);
	const struct btf *home = btf;

	if (!t)
		return NULL;
	if (!btype_is_mod(t)) {
		if (ret_id)
			*ret_id = id;
		return t;
	}
	while (id < home->first_id)
		home = home->base;
	if (!home->resolved)
		return follow(btf, id, MOD_KINDS, ret_id);
	id = home->resolved[id - home->first_id];
	if (ret_id)
		*ret_id = id;
	return btype_by_id(btf, id);
}

const struct btf_type *btype_skip_quals(const struct btf *btf, u32 id, u32 *ret_id)
{
	return follow(btf, id, QUAL_KINDS, ret_id);
}

const struct btf_type *btype_resolve(const struct btf *btf, u32 id, u32 *ret_id)
{
	const struct btf_type *t = btype_by_id(btf, id);

	return btype_skip_mods(btf, t && btype_kind(t) == BTF_KIND_VAR ? t->type : id, ret_id);
}

const struct btf_type *btype_resolve_ptr(const struct btf *btf, u32 id, u32 *ret_id)
{
	const struct btf_type *t = btype_skip_mods(btf, id, NULL);

	return t && btype_is_ptr(t) ? btype_skip_mods(btf, t->type, ret_id) : NULL;
}

const struct btf_type *btype_resolve_func_ptr(const struct btf *btf, u32 id, u32 *ret_id)
{
	u32 proto_id;
	const struct btf_type *proto = btype_resolve_ptr(btf, id, &proto_id);

	if (!proto || btype_kind(proto) != BTF_KIND_FUNC_PROTO)
		return NULL;
	if (ret_id)
		*ret_id = proto_id;
	return proto;
}

bool btype_same(const struct btf *a, u32 a_id, const struct btf *b, u32 b_id)
{
	return a_id == b_id && (a == b || btype_by_id(a, a_id) == btype_by_id(b, b_id));
}

/* ---- sizes ---------------------------------------------------------------------------------- */

bool btype_is_sizeless(const struct btf_type *t)
{
	if (!t)
		return true;
	switch (btype_kind(t)) {
	case BTF_KIND_UNKN:
	case BTF_KIND_FWD:
	case BTF_KIND_FUNC:
	case BTF_KIND_FUNC_PROTO:
	case BTF_KIND_DECL_TAG: return true;
	default: return false;
	}
}

/* Bytes of an array without `sizes`: a product over the nested arrays, 0 when it overflows. */
static u32 array_size(const struct btf *btf, const struct btf_type *t)
{
	u64 count = 1;

	for (u32 left = btype_count(btf); left-- > 0 && t;) {
		if (btype_kind(t) != BTF_KIND_ARRAY) {
			u64 size = btype_is_ptr(t) ? 8 : btype_is_sizeless(t) ? 0 : t->size;

			return count * size > UINT32_MAX ? 0 : (u32)(count * size);
		}
		count *= btype_array(t)->nelems;
		if (count > UINT32_MAX)
			return 0;
		t = btype_skip_mods(btf, btype_array(t)->type, NULL);
	}
	return 0;
}

const struct btf_type *btype_sized(const struct btf *btf, u32 id, u32 *ret_id, u32 *ret_size)
{
	const struct btf_type *t = btype_resolve(btf, id, &id);
	const struct btf *home = btf;
	u32 size;

	if (btype_is_sizeless(t))
		return NULL;
	while (id < home->first_id)
		home = home->base;
	switch (btype_kind(t)) {
	case BTF_KIND_PTR: size = 8; break;
	case BTF_KIND_ARRAY:
		size = home->sizes ? home->sizes[id - home->first_id] : array_size(btf, t);
		break;
	case BTF_KIND_VAR: return NULL;
	default: size = t->size; break;
	}
	if (ret_id)
		*ret_id = id;
	if (ret_size)
		*ret_size = size;
	return t;
}

int btype_size(const struct btf *btf, u32 id, u32 *ret_size)
{
	return btype_sized(btf, id, NULL, ret_size) ? 0 : -EINVAL;
}

/* Hostile types may be wide at every level: `budget` members are looked at, over all levels. */
static u32 align_within(const struct btf *btf, u32 id, u32 levels, u32 *budget)
{
	const struct btf_type *t = btype_resolve(btf, id, NULL);
	u32 align = 1;

	if (btype_is_sizeless(t) || levels == 0)
		return 1;
	switch (btype_kind(t)) {
	case BTF_KIND_PTR: return 8;
	case BTF_KIND_INT:
	case BTF_KIND_FLOAT:
	case BTF_KIND_ENUM:
	case BTF_KIND_ENUM64: return t->size <= 16 && IS_POWER_OF_2(t->size) ? t->size : 1;
	case BTF_KIND_ARRAY: return align_within(btf, btype_array(t)->type, levels - 1, budget);
	case BTF_KIND_STRUCT:
	case BTF_KIND_UNION:
		for (u32 i = 0; i < btype_vlen(t) && align < 16 && *budget; i++) {
			struct btype_member m = btype_member(btf, t, i);
			u32 its;

			--*budget;
			its = align_within(btf, m.type, levels - 1, budget);

			if (m.bit_offset % (its * 8) && !m.bit_size)
				return 1; /* packed */
			align = MAX(align, its);
		}
		return t->size % align ? 1 : align;
	default: return 1;
	}
}

u32 btype_align(const struct btf *btf, u32 id)
{
	u32 budget = 4096;

	return align_within(btf, id, 8, &budget);
}

/* ---- parts of a record ---------------------------------------------------------------------- */

struct btype_int btype_int(const struct btf_type *t)
{
	u32 data = load_u32(t + 1);

	return (struct btype_int){BTF_INT_ENCODING(data), BTF_INT_OFFSET(data), BTF_INT_BITS(data)};
}

bool btype_int_is_regular(const struct btf_type *t)
{
	struct btype_int i = btype_int(t);

	return i.bit_offset == 0 && i.bits >= 8 && IS_POWER_OF_2(i.bits);
}

struct btype_member btype_member(const struct btf *btf, const struct btf_type *t, u32 index)
{
	const struct btf_member *m = btype_members(t) + index;
	const char *name = btype_string(btf, m->name_off);
	struct btype_member member = {name ? name : "", m->type, btype_bit_offset(t, m), 0};
	const struct btf_type *its;

	if (btype_kflag(t)) {
		member.bit_size = BTF_MEMBER_BITFIELD_SIZE(m->offset);
		return member;
	}
	/* Without kflag, a bit field is an INT with fewer bits than its bytes hold. */
	its = btype_skip_mods(btf, m->type, NULL);
	if (its && btype_kind(its) == BTF_KIND_INT) {
		struct btype_int i = btype_int(its);

		if (i.bit_offset || i.bits != its->size * 8) {
			member.bit_offset += i.bit_offset;
			member.bit_size = i.bits;
		}
	}
	return member;
}

static int find_member(const struct btf *btf, const struct btf_type *t, const char *name,
	u32 levels, u32 *budget, struct btype_member *ret)
{
	for (u32 i = 0; i < btype_vlen(t) && *budget; i++, --*budget) {
		struct btype_member m = btype_member(btf, t, i);
		const struct btf_type *its;
		struct btype_member inner;

		if (*m.name) {
			if (strcmp(m.name, name) == 0) {
				*ret = m;
				return 0;
			}
			continue;
		}
		its = btype_skip_mods(btf, m.type, NULL);
		if (!its || !btype_is_composite(its) || levels == 0 ||
			find_member(btf, its, name, levels - 1, budget, &inner))
			continue;
		*ret = inner;
		ret->bit_offset += m.bit_offset;
		return 0;
	}
	return -ENOENT;
}

int btype_find_member(const struct btf *btf, const struct btf_type *t, const char *name,
	struct btype_member *ret_member)
{
	u32 budget = 256u << 10;

	if (!btype_is_composite(t))
		return -ENOENT;
	return find_member(btf, t, name, 8, &budget, ret_member);
}

bool btype_member_is_int(const struct btf *btf, const struct btf_type *t, u32 index,
	u32 expect_offset, u32 expect_size)
{
	const struct btf_member *m = btype_members(t) + index;
	const struct btf_type *its = btype_sized(btf, m->type, NULL, NULL);
	u32 offset = btype_bit_offset(t, m);
	struct btype_int i;

	if (!its || btype_kind(its) != BTF_KIND_INT)
		return false;
	i = btype_int(its);
	if (btype_kflag(t))
		return !BTF_MEMBER_BITFIELD_SIZE(m->offset) && (offset + 7) / 8 == expect_offset &&
			(i.bits + 7u) / 8 == expect_size;
	return !i.bit_offset && offset % 8 == 0 && offset / 8 == expect_offset && i.bits % 8 == 0 &&
		i.bits / 8u == expect_size;
}

const struct btf_array *btype_array(const struct btf_type *t)
{
	return btype_kind(t) == BTF_KIND_ARRAY ? (const struct btf_array *)(t + 1) : NULL;
}

const char *btype_enumerator(
	const struct btf *btf, const struct btf_type *t, u32 index, s64 *ret_value)
{
	const char *name;

	if (btype_kind(t) == BTF_KIND_ENUM64) {
		const struct btf_enum64 *e = (const struct btf_enum64 *)(t + 1) + index;

		*ret_value = (s64)((u64)e->val_hi32 << 32 | e->val_lo32);
		name = btype_string(btf, e->name_off);
	} else {
		const struct btf_enum *e = (const struct btf_enum *)(t + 1) + index;

		*ret_value = btype_kflag(t) ? (s64)e->val : (s64)(u32)e->val;
		name = btype_string(btf, e->name_off);
	}
	return name ? name : "";
}

const char *btype_enum_name(const struct btf *btf, const struct btf_type *t, u64 value)
{
	u64 mask = t->size >= 8 ? ~0ull : (1ull << t->size * 8) - 1;

	for (u32 i = 0; i < btype_vlen(t); i++) {
		s64 its;
		const char *name = btype_enumerator(btf, t, i, &its);

		if ((((u64)its ^ value) & mask) == 0)
			return name;
	}
	return NULL;
}

int btype_enum_value(
	const struct btf *btf, const struct btf_type *t, const char *name, s64 *ret_value)
{
	for (u32 i = 0; i < btype_vlen(t); i++) {
		s64 value;

		if (strcmp(btype_enumerator(btf, t, i, &value), name) == 0) {
			*ret_value = value;
			return 0;
		}
	}
	return -ENOENT;
}

/* ---- functions, variables, tags ------------------------------------------------------------- */

const struct btf_type *btype_func_proto(const struct btf *btf, u32 id)
{
	const struct btf_type *t = btype_skip_mods(btf, id, NULL);

	if (t && btype_is_ptr(t))
		t = btype_skip_mods(btf, t->type, NULL);
	if (t && btype_kind(t) == BTF_KIND_FUNC)
		t = btype_by_id(btf, t->type);
	return t && btype_kind(t) == BTF_KIND_FUNC_PROTO ? t : NULL;
}

const struct btf_param *btype_params(const struct btf_type *proto)
{
	return (const struct btf_param *)(proto + 1);
}

u32 btype_var_linkage(const struct btf_type *var)
{
	return ((const struct btf_var *)(var + 1))->linkage;
}

const struct btf_var_secinfo *btype_vars(const struct btf_type *datasec)
{
	return (const struct btf_var_secinfo *)(datasec + 1);
}

s32 btype_tag_component(const struct btf_type *decl_tag)
{
	return ((const struct btf_decl_tag *)(decl_tag + 1))->component_idx;
}

int btype_find_tag(
	const struct btf *btf, u32 target, s32 component, const char *prefix, u32 from_id)
{
	size_t len = strlen(prefix);
	u32 first = MAX(from_id + 1, btf->first_id);

	for (u32 id = first; id < btype_count(btf); id++) {
		const struct btf_type *t = btype_own(btf, id - btf->first_id);

		if (btype_kind(t) == BTF_KIND_DECL_TAG && t->type == target &&
			btype_tag_component(t) == component &&
			strncmp(btype_name_of(btf, t), prefix, len) == 0)
			return (int)id;
	}
	return -ENOENT;
}

int btype_tag_value(const struct btf *btf, u32 target, s32 component, const char *prefix,
	const char **ret_value)
{
	int id = btype_find_tag(btf, target, component, prefix, 0);

	if (id < 0)
		return id;
	if (btype_find_tag(btf, target, component, prefix, (u32)id) > 0)
		return -EEXIST;
	*ret_value = btype_name(btf, (u32)id) + strlen(prefix);
	return 0;
}
