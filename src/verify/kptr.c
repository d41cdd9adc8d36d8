// SPDX-License-Identifier: BSD-2-Clause
/*
 * Kernel pointers in map values. Unreferenced ones may be stored and loaded like numbers, but what
 * comes out is not trusted; referenced ones change hands only through bpf_kptr_xchg().
 */
#include "btf/walk.h"
#include "verify/check.h"

#include <errno.h>

/* Types that are freed only after a grace period: safe to use in an RCU section. */
static bool is_rcu_protected(const struct btype_field *f)
{
	static const char *const types[] = {
		"prog_test_ref_kfunc", "cgroup", "bpf_cpumask", "task_struct", "bpf_crypto_ctx"};
	const char *name;

	if (f->kind == BTYPE_KPTR_PERCPU || !btype_is_kernel(f->btf))
		return true;
	name = btype_name(f->btf, f->type);
	for (u32 i = 0; i < ARRAY_SIZE(types); i++)
		if (strcmp(name, types[i]) == 0)
			return true;
	return false;
}

int kptr_match(struct verify_env *env, const struct btype_field *f, u32 regno)
{
	const struct reg *reg = cur_reg(env, regno);
	const char *want = btype_name(f->btf, f->type), *have = "";
	u32 allowed = REG_MAYBE_NULL | REG_TRUSTED | REG_RCU;
	char text[REG_TYPE_TEXT];

	if (f->kind == BTYPE_KPTR_UNREF)
		allowed |= REG_UNTRUSTED;
	if (reg_kind(reg->type) == REG_BTF && btype_is_kernel(reg->btf) &&
		!(reg_flags(reg->type) & ~allowed) && f->kind != BTYPE_KPTR_PERCPU) {
		have = btype_name(reg->btf, reg->btf_id);
		if (access_ptr_off(env, reg, regno, true))
			return env->verdict.err;
		if (btype_ids_match(reg->btf, reg->btf_id, reg->off, f->btf, f->type,
			    f->kind != BTYPE_KPTR_UNREF, false, env->log))
			return 0;
	} else if (reg->type & REG_ALLOC) {
		return verify_unsupported(env, "a kptr to the program's own type");
	}
	return verify_refuse(env, REASON_KPTR,
		"invalid kptr access, R%d type=%s%s expected=ptr_%s%s%s\n", regno,
		reg_type_text(reg->type, text), have, want,
		f->kind == BTYPE_KPTR_UNREF ? " or untrusted_ptr_" : "",
		f->kind == BTYPE_KPTR_UNREF ? want : "");
}

static void load(struct verify_env *env, struct reg *dst, const struct btype_field *f)
{
	u32 flags = REG_MAYBE_NULL;

	if (f->kind != BTYPE_KPTR_UNREF && is_rcu_protected(f) && in_rcu(env))
		flags |= REG_RCU;
	else
		flags |= REG_UNTRUSTED;
	mark_btf_pointer(env, dst, f->btf, f->type, flags);
}

int kptr_access(struct verify_env *env, u32 regno, s32 value_regno, const struct btype_field *f)
{
	const struct insn *insn = &env->insns[env->insn];
	u8 class = BPF_CLASS(insn->op);

	(void)regno;
	if (!btype_is_kernel(f->btf) || f->kind == BTYPE_KPTR_PERCPU)
		return verify_unsupported(env, "a kptr to the program's own type");
	if (BPF_MODE(insn->op) != BPF_MEM)
		return verify_refuse(env, REASON_SPECIAL_FIELD,
			"kptr in map can only be accessed using BPF_MEM instruction mode\n");
	if (class != BPF_LDX && f->kind != BTYPE_KPTR_UNREF)
		return verify_refuse(
			env, REASON_SPECIAL_FIELD, "store to referenced kptr disallowed\n");
	switch (class) {
	case BPF_LDX: load(env, cur_reg(env, (u32)value_regno), f); return 0;
	case BPF_STX:
		if (reg_is_null(cur_reg(env, (u32)value_regno)))
			return precision_mark(env, (u32)value_regno);
		return kptr_match(env, f, (u32)value_regno) ? verify_as(env, REASON_SPECIAL_FIELD)
							    : 0;
	case BPF_ST:
		if (!insn->imm)
			return 0;
		return verify_refuse(env, REASON_SPECIAL_FIELD,
			"BPF_ST imm must be 0 when storing to kptr at off=%u\n", f->offset);
	default:
		return verify_refuse(env, REASON_SPECIAL_FIELD,
			"kptr in map can only be accessed using BPF_LDX/BPF_STX/BPF_ST\n");
	}
}

int kptr_arg(struct verify_env *env, u32 regno, struct call_meta *meta)
{
	const struct reg *reg = cur_reg(env, regno);
	const struct btype_fields *fields;
	const struct btype_field *f;
	u32 off;

	if (reg->type != REG_MAP_VALUE)
		return verify_unsupported(env, "a kptr in an object of the program's own type");
	if (!reg->map->btf)
		return verify_refuse(env, REASON_KPTR,
			"map '%s' has to have BTF in order to use bpf_kptr_xchg\n", reg->map->name);
	fields = reg->map->fields;
	meta->map = reg->map;
	if (!reg_var_is_const(reg))
		return verify_refuse(env, REASON_KPTR,
			"R%d doesn't have constant offset. kptr has to be at the constant offset\n",
			regno);
	if (!fields || !(fields->kinds & BTYPE_KPTR))
		return verify_refuse(env, REASON_KPTR, "R%d has no valid kptr\n", regno);
	off = (u32)(reg->off + (s32)reg->val.var_off.value);
	f = btype_fields_at(fields, off, BTYPE_KPTR);
	if (!f || f->offset != off)
		return verify_refuse(
			env, REASON_SPECIAL_FIELD, "off=%d doesn't point to kptr\n", off);
	if (f->kind == BTYPE_KPTR_UNREF)
		return verify_refuse(
			env, REASON_SPECIAL_FIELD, "off=%d kptr isn't referenced kptr\n", off);
	meta->kptr = f;
	return 0;
}
