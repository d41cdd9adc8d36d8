// SPDX-License-Identifier: BSD-2-Clause
/*
 * Every instruction is one, and what wide immediates name exists: maps by descriptor or index,
 * kernel variables by BTF id. Instructions with bad fields are only noted (env->decoded): the
 * kernel refuses those where a path reaches them.
 */
#include "verify/check.h"

#include <errno.h>

static int check_map(struct verify_env *env, const struct verify_map *map)
{
	const char *objection = maptype_prog_objection(
		map->type, map->fields ? map->fields->kinds : 0, env->prog_type, env->is_sleepable);

	return objection ? verify_refuse(env, REASON_MAP_PROG, "%s\n", objection) : 0;
}

static int check_new_map(struct verify_env *env, const struct verify_map *map)
{
	if (map->type == BPF_MAP_TYPE_CGROUP_STORAGE ||
		map->type == BPF_MAP_TYPE_PERCPU_CGROUP_STORAGE)
		for (u32 i = 0; i + 1 < env->map_count; i++)
			if (env->maps[i]->type == map->type)
				return verify_refuse(env, REASON_MAP_BUSY,
					"only one cgroup storage of each type is allowed\n");
	if (map->type == HACHI_BPF_MAP_TYPE_ARENA)
		return verify_unsupported(env, "an arena map");
	return 0;
}

/* Index into env->maps, or -errno. */
static int use_map(struct verify_env *env, s32 number, bool by_index, bool *ret_is_new)
{
	const struct verify_map *map = NULL;
	int err = env->world->ops->map(env->world, number, by_index, &map);

	if (err == -EPROTO)
		return verify_refuse(env, REASON_MAP_INDEX, "fd_idx without fd_array is invalid\n");
	if (err == -EFAULT)
		return verify_refuse(env, REASON_MAP_INDEX_FAULT, "%s", "");
	if (err == -EBADF)
		return verify_refuse(
			env, REASON_MAP_BAD_FD, "fd %d is not pointing to valid bpf_map\n", number);
	if (err)
		return err == -ENOMEM ? err
				      : verify_refuse(env, REASON_MAP_NOT_MAP,
						"fd %d is not pointing to valid bpf_map\n", number);
	for (u32 i = 0; i < env->map_count; i++)
		if (env->maps[i]->handle == map->handle)
			return (int)i;
	if (env->map_count >= USED_MAPS_MAX)
		return verify_refuse(env, REASON_TOO_MANY_MAPS,
			"The total number of maps per program has reached the limit of %u\n",
			USED_MAPS_MAX);
	env->maps[env->map_count++] = map;
	*ret_is_new = true;
	return (int)env->map_count - 1;
}

static int check_map_value(struct verify_env *env, const struct verify_map *map, u32 off)
{
	if (off >= VAR_OFF_MAX)
		return verify_refuse(env, REASON_MAP_VALUE_IMM,
			"direct value offset of %u is not allowed\n", off);
	if (!map->has_direct_value)
		return verify_refuse(env, REASON_MAP_VALUE_IMM,
			"no direct value access support for this map type\n");
	if (map->type == BPF_MAP_TYPE_ARRAY && map->max_entries != 1)
		return verify_refuse(env, REASON_MAP_VALUE_MANY,
			"invalid access to map value pointer, value_size=%u off=%u\n",
			map->value_size, off);
	if (off >= map->value_size)
		return verify_refuse(env, REASON_MAP_VALUE_IMM,
			"invalid access to map value pointer, value_size=%u off=%u\n",
			map->value_size, off);
	return 0;
}

static int resolve_map(struct verify_env *env, u32 i)
{
	const struct insn *insn = &env->insns[i];
	bool by_index = insn->src == BPF_PSEUDO_MAP_IDX || insn->src == BPF_PSEUDO_MAP_IDX_VALUE;
	bool is_value = insn->src == BPF_PSEUDO_MAP_VALUE || insn->src == BPF_PSEUDO_MAP_IDX_VALUE;
	bool is_new = false;
	int index, err;

	if (insn->src != BPF_PSEUDO_MAP_FD && !by_index && !is_value)
		return verify_refuse(env, REASON_SHAPE, "unrecognized bpf_ld_imm64 insn\n");
	if (!is_value && insn[1].imm != 0)
		return verify_refuse(env, REASON_SHAPE, "unrecognized bpf_ld_imm64 insn\n");
	index = use_map(env, insn->imm, by_index, &is_new);
	if (index < 0)
		return index;
	env->aux[i].map_index = index;
	err = check_map(env, env->maps[index]);
	if (!err && is_value) {
		err = check_map_value(env, env->maps[index], (u32)insn[1].imm);
		env->aux[i].map_off = (u32)insn[1].imm;
	}
	if (!err && is_new)
		err = check_new_map(env, env->maps[index]);
	return err;
}

static int resolve_wide(struct verify_env *env, u32 i)
{
	const struct insn *insn = &env->insns[i];

	switch (insn->src) {
	case 0: return 0;
	case BPF_PSEUDO_FUNC: env->aux[i].ptr_type = REG_FUNC; return 0;
	case BPF_PSEUDO_BTF_ID: return ldimm_resolve_btf(env, i);
	default: return resolve_map(env, i);
	}
}

int shape_check(struct verify_env *env)
{
	env->decoded = arena_calloc(&env->scratch, env->insn_count, sizeof(*env->decoded));
	if (!env->decoded)
		return -ENOMEM;
	for (u32 i = 0; i < env->insn_count; i++) {
		const struct insn *insn = &env->insns[i];
		enum insn_error error = insn_check_early(insn, env->insn_count - i);
		char text[160];
		int err;

		if (error != INSN_OK && error != INSN_ERROR_LD_IMM64_PSEUDO) {
			insn_error_text(error, insn, text, sizeof(text));
			return verify_refuse(env, REASON_SHAPE, "%s\n", text);
		}
		if (insn_op_since(insn->op) > env->kernel && BPF_CLASS(insn->op) == BPF_LDX)
			return verify_refuse(env, REASON_SHAPE, "BPF_LDX uses reserved fields\n");
		if (insn_op_since(insn->op) > env->kernel)
			return verify_refuse(env, REASON_SHAPE, "unknown opcode %02x\n", insn->op);
		(void)insn_decode(insn, env->insn_count - i, &env->decoded[i]);
		if (!insn_is_ld_imm64(insn))
			continue;
		err = resolve_wide(env, i);
		if (err)
			return err;
		i++;
	}
	return 0;
}
