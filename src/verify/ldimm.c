// SPDX-License-Identifier: BSD-2-Clause
/* Wide immediates: numbers, maps, addresses in map values, functions, kernel variables. */
#include "verify/check.h"

#include <errno.h>

static bool is_percpu(const struct btf *btf, u32 var)
{
	int id = btype_find(btf, ".data..percpu", BTF_KIND_DATASEC);
	const struct btf_type *section;

	if (id < 0)
		return false;
	section = btype_by_id(btf, (u32)id);
	for (u32 i = 0; i < btype_vlen(section); i++)
		if (btype_vars(section)[i].type == var)
			return true;
	return false;
}

int ldimm_resolve_btf(struct verify_env *env, u32 i)
{
	const struct insn *insn = &env->insns[i];
	const struct btf *btf = kernel_btf(env);
	struct insn_aux *aux = &env->aux[i];
	u32 id = (u32)insn->imm, type_id;
	const struct btf_type *t, *target;

	if (insn[1].imm)
		return verify_unsupported(env, "a variable of a kernel module");
	if (!btf)
		return verify_refuse(env, REASON_KERNEL_BTF,
			"kernel is missing BTF, make sure CONFIG_DEBUG_INFO_BTF=y is specified in "
			"Kconfig.\n");
	t = btype_by_id(btf, id);
	if (!t)
		return verify_refuse(env, REASON_KERNEL_SYMBOL,
			"ldimm64 insn specifies invalid btf_id %d.\n", id);
	if (btype_kind(t) != BTF_KIND_VAR && btype_kind(t) != BTF_KIND_FUNC)
		return verify_refuse(env, REASON_KERNEL_BTF,
			"pseudo btf_id %d in ldimm64 isn't KIND_VAR or KIND_FUNC\n", id);
	aux->btf = btf;
	if (btype_kind(t) == BTF_KIND_FUNC) {
		aux->btf_type = REG_MEM | REG_RDONLY;
		aux->mem_size = 0;
		return 0;
	}
	aux->btf_id = t->type;
	target = btype_skip_mods(btf, t->type, &type_id);
	if (is_percpu(btf, id)) {
		aux->btf_type = REG_BTF | REG_PERCPU;
	} else if (target && btype_is_composite(target)) {
		aux->btf_type = REG_BTF;
	} else {
		if (!target || btype_size(btf, type_id, &aux->mem_size))
			return verify_refuse(env, REASON_KERNEL_BTF,
				"ldimm64 unable to resolve the size of type '%s': %d\n",
				target ? btype_name_of(btf, target) : "", -EINVAL);
		aux->btf_type = REG_MEM | REG_RDONLY;
	}
	return 0;
}

static int load_btf(struct verify_env *env, struct reg *dst)
{
	const struct insn_aux *aux = cur_aux(env);

	dst->type = aux->btf_type;
	if (reg_kind(dst->type) == REG_MEM) {
		dst->mem_size = aux->mem_size;
	} else {
		dst->btf = aux->btf;
		dst->btf_id = aux->btf_id;
	}
	return 0;
}

static int load_func(struct verify_env *env, struct reg *dst, const struct insn *insn)
{
	s32 subprog = subprog_at(env, env->insn + insn->imm + 1);

	if (bug_on(subprog < 0))
		return verify_refuse(
			env, REASON_INTERNAL, "verifier bug. No program starts there\n");
	if (!env->has_func_info)
		return verify_refuse(env, REASON_CALLBACK, "missing btf func_info\n");
	if (env->subprogs[subprog].linkage != BTF_FUNC_STATIC)
		return verify_refuse(env, REASON_CALLBACK, "callback function not static\n");
	if (subprog == 0)
		return verify_refuse(
			env, REASON_CALLBACK, "callback function cannot be the main program\n");
	dst->type = REG_FUNC;
	dst->subprog = (u32)subprog;
	return 0;
}

int ldimm_check(struct verify_env *env, const struct insn *insn)
{
	const struct insn_aux *aux = cur_aux(env);
	struct reg *dst = cur_reg(env, insn->dst);
	int err = live_use(env, insn->dst, USE_WRITE);

	if (err)
		return err;
	if (insn->src == 0) {
		reg_set_const(dst, insn_imm64(insn));
		return 0;
	}
	mark_pointer(dst, REG_SCALAR);
	switch (insn->src) {
	case BPF_PSEUDO_BTF_ID: return load_btf(env, dst);
	case BPF_PSEUDO_FUNC: return load_func(env, dst, insn);
	case BPF_PSEUDO_MAP_VALUE:
	case BPF_PSEUDO_MAP_IDX_VALUE:
		dst->type = REG_MAP_VALUE;
		dst->off = (s32)aux->map_off;
		break;
	default: dst->type = REG_MAP_PTR;
	}
	dst->map = env->maps[aux->map_index];
	return 0;
}
