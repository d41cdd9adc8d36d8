// SPDX-License-Identifier: BSD-2-Clause
/*
 * Phase two, one member: does a value of its type fit where the struct puts it? Two rules for each
 * kind, with kflag (bit field sizes in the member) and without. All arithmetic wraps as the
 * kernel's u32 does; phase one has made sure that the offset lies within the struct.
 */
#include "btf/check.h"

#define COPY_BITS_MAX 128

static int refuse(struct check_env *env, const struct btf_type *t, const struct btf_member *m,
	const char *message)
{
	check_log_member(env, t, m, message);
	return -EINVAL;
}

static bool exceeds(const struct btf_type *t, u32 byte, u32 bytes)
{
	return t->size < byte || t->size - byte < bytes;
}

static int int_bits(struct check_env *env, const struct btf_type *t, const struct btf_member *m,
	u32 offset, u32 bits)
{
	u32 copied = bits + offset % 8;

	if (copied > COPY_BITS_MAX)
		return refuse(env, t, m, "nr_copy_bits exceeds 128");
	if (exceeds(t, offset / 8, (copied + 7) / 8))
		return refuse(env, t, m, "Member exceeds struct_size");
	return 0;
}

static int member_int(struct check_env *env, const struct btf_type *t, const struct btf_member *m,
	const struct btf_type *its)
{
	struct btype_int i = btype_int(its);
	u32 offset = m->offset, bits;

	if (!btype_kflag(t)) {
		if (UINT32_MAX - offset < i.bit_offset)
			return refuse(env, t, m, "bits_offset exceeds U32_MAX");
		return int_bits(env, t, m, offset + i.bit_offset, i.bits);
	}
	if (!btype_int_is_regular(its))
		return refuse(env, t, m, "Invalid member base type");
	offset = BTF_MEMBER_BIT_OFFSET(m->offset);
	bits = BTF_MEMBER_BITFIELD_SIZE(m->offset);
	if (!bits && offset % 8)
		return refuse(env, t, m, "Invalid member offset");
	if (bits > i.bits)
		return refuse(env, t, m, "Invalid member bitfield_size");
	return int_bits(env, t, m, offset, bits ? bits : i.bits);
}

static int member_bytes(
	struct check_env *env, const struct btf_type *t, const struct btf_member *m, u32 size)
{
	if (m->offset % 8)
		return refuse(env, t, m, "Member is not byte aligned");
	if (t->size - m->offset / 8 < size)
		return refuse(env, t, m, "Member exceeds struct_size");
	return 0;
}

static int member_enum(struct check_env *env, const struct btf_type *t, const struct btf_member *m,
	const struct btf_type *its)
{
	u32 offset = BTF_MEMBER_BIT_OFFSET(m->offset), bits = BTF_MEMBER_BITFIELD_SIZE(m->offset);

	if (!btype_kflag(t))
		return member_bytes(env, t, m, its->size);
	if (!bits && offset % 8)
		return refuse(env, t, m, "Member is not byte aligned");
	if (bits > 32)
		return refuse(env, t, m, "Invalid member bitfield_size");
	if (t->size < (offset + (bits ? bits : 32) + 7) / 8)
		return refuse(env, t, m, "Member exceeds struct_size");
	return 0;
}

static int member_float(struct check_env *env, const struct btf_type *t, const struct btf_member *m,
	const struct btf_type *its)
{
	u32 align_bits = MIN(8u, its->size) * 8;

	if (m->offset % align_bits)
		return refuse(env, t, m, "Member is not properly aligned");
	if ((u64)m->offset / 8 + its->size > t->size)
		return refuse(env, t, m, "Member exceeds struct_size");
	return 0;
}

int check_member(struct check_env *env, const struct btf_type *t, const struct btf_member *m)
{
	const struct btf_type *its = btype_by_id(env->btf, m->type);
	struct btf_member plain = *m;
	u32 size = 0;

	/* Log lines then name the type behind the modifiers, as the kernel's do. */
	if (btype_is_mod(its)) {
		its = btype_sized(env->btf, m->type, &plain.type, NULL);
		if (!its)
			return refuse(env, t, m, "Invalid member");
	}
	if (btype_kind(its) == BTF_KIND_INT)
		return member_int(env, t, &plain, its);
	if (btype_is_any_enum(its))
		return member_enum(env, t, &plain, its);
	if (btype_kflag(t) && BTF_MEMBER_BITFIELD_SIZE(m->offset))
		return refuse(env, t, &plain, "Invalid member bitfield_size");
	switch (btype_kind(its)) {
	case BTF_KIND_PTR: return member_bytes(env, t, &plain, 8);
	case BTF_KIND_STRUCT:
	case BTF_KIND_UNION: return member_bytes(env, t, &plain, its->size);
	case BTF_KIND_ARRAY:
		btype_sized(env->btf, plain.type, NULL, &size);
		return member_bytes(env, t, &plain, size);
	case BTF_KIND_FLOAT: return member_float(env, t, &plain, its);
	default:
		check_log_basic(env, t,
			btype_kflag(t) ? "Unsupported check_kflag_member"
				       : "Unsupported check_member");
		return -EINVAL;
	}
}
