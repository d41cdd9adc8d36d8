// SPDX-License-Identifier: BSD-2-Clause
/*
 * What a processor may do on a path that it only guesses. Programs of users without CAP_PERFMON
 * must not leak memory that way: paths that a jump cannot take are explored too, as speculative;
 * pointer arithmetic must stay in the object on every path, and the rewrite masks it by the limit
 * that is computed here. The limit must be one and the same on all paths. What would be refused on
 * a speculative path gets a barrier, and the path ends there (6.16; older kernels refuse).
 */
#include "verify/check.h"

#include <errno.h>

enum {
	FAIL_BOUNDS = -1,
	FAIL_TYPE = -2,
	FAIL_PATHS = -3,
	FAIL_LIMIT = -4,
	FAIL_STACK = -5,
};

static bool is_exempt(const struct verify_env *env, const struct insn *insn)
{
	return env->bypass_spec_v1 || BPF_SRC(insn->op) == BPF_K || cur_aux(env)->nospec;
}

bool sanitize_stops(struct verify_env *env, struct insn_aux *aux, int err)
{
	if (!env->cur->speculative || env->kernel < KERNEL(6, 16))
		return false;
	if (err != -EPERM && err != -EACCES && err != -EINVAL)
		return err >= 0 && aux->nospec_result;
	aux->nospec = 1;
	aux->alu_state = 0;
	return true;
}

int sanitize_path(struct verify_env *env, const struct insn *insn, s32 next, s32 cur)
{
	int err = 0;
	struct state *st = explore_push(env, next, cur, true, &err);

	if (!st || !insn)
		return err;
	/* what the comparison would have told is not known there */
	mark_unknown(env, &state_frame(st)->regs[insn->dst]);
	if (BPF_SRC(insn->op) == BPF_X)
		mark_unknown(env, &state_frame(st)->regs[insn->src]);
	return 0;
}

static int refuse(struct verify_env *env, const struct insn *insn, int why,
	const struct reg *offset, const struct reg *dst)
{
	static const char suffix[] = "pointer arithmetic with it prohibited for !root";
	const char *op = BPF_OP(insn->op) == BPF_ADD ? "add" : "sub";
	bool is_dst = offset == dst;

	switch (why) {
	case FAIL_BOUNDS:
		return verify_refuse(env, REASON_SPECULATION,
			"R%d has unknown scalar with mixed signed bounds, %s\n",
			is_dst ? insn->dst : insn->src, suffix);
	case FAIL_TYPE:
		return verify_refuse(env, REASON_SPECULATION,
			"R%d has pointer with unsupported alu operation, %s\n",
			is_dst ? insn->src : insn->dst, suffix);
	case FAIL_PATHS:
		return verify_refuse(env, REASON_SPECULATION,
			"R%d tried to %s from different maps, paths or scalars, %s\n", insn->dst,
			op, suffix);
	case FAIL_LIMIT:
		return verify_refuse(env, REASON_SPECULATION,
			"R%d tried to %s beyond pointer bounds, %s\n", insn->dst, op, suffix);
	default:
		(void)verify_refuse(env, REASON_SPECULATION,
			"R%d could not be pushed for speculative verification, %s\n", insn->dst,
			suffix);
		/* no barrier helps against that, see sanitize_stops() */
		return env->kernel >= KERNEL(6, 16) ? -ENOMEM : env->verdict.err;
	}
}

static int keep_limit(u32 *state, u32 *limit, u32 new_state, u32 new_limit)
{
	if (*state && (*state != new_state || *limit != new_limit))
		return FAIL_PATHS;
	*state = new_state;
	*limit = new_limit;
	return 0;
}

int sanitize_scalar(struct verify_env *env, const struct insn *insn)
{
	struct insn_aux *aux = cur_aux(env);

	if (is_exempt(env, insn))
		return 0;
	if (keep_limit(&aux->alu_state, &aux->alu_limit, SANITIZE_SCALAR, 0))
		return refuse(env, insn, FAIL_PATHS, NULL, NULL);
	return 0;
}

/* How far the pointer may move in the direction of the operation. */
static int pointer_limit(const struct reg *ptr, bool to_left, u32 *ret_limit)
{
	u32 max, limit;

	switch (ptr->type) {
	case REG_STACK:
		max = STACK_MAX + to_left;
		limit = (u32) - ((s64)ptr->val.var_off.value + ptr->off);
		break;
	case REG_MAP_VALUE:
		max = ptr->map->value_size;
		limit = (u32)((to_left ? (u64)ptr->val.smin : ptr->val.umax) + (u64)(s64)ptr->off);
		break;
	default: return FAIL_TYPE;
	}
	if (limit >= max)
		return FAIL_LIMIT;
	*ret_limit = limit;
	return 0;
}

static int plan(struct verify_env *env, const struct insn *insn, const struct reg *ptr,
	const struct reg *offset, struct sanitize_info *info, bool is_ptr_dst, bool commit)
{
	struct insn_aux *aux = cur_aux(env);
	bool is_imm = reg_var_is_const(offset), is_neg = offset->val.smin < 0;
	u32 state, limit;
	int err;

	if (!commit) {
		if (!is_imm && is_neg != (offset->val.smax < 0))
			return FAIL_BOUNDS;
		info->mask_to_left = (BPF_OP(insn->op) == BPF_ADD) == is_neg;
	}
	err = pointer_limit(ptr, info->mask_to_left, &limit);
	if (err)
		return err;
	if (commit) {
		/* the distance that this operation really went */
		limit = info->alu_limit > limit ? info->alu_limit - limit : limit - info->alu_limit;
		return keep_limit(&aux->alu_state, &aux->alu_limit, info->alu_state, limit);
	}
	state = (is_neg ? SANITIZE_NEG : 0u) | (is_imm ? SANITIZE_IMM : 0u) |
		(is_ptr_dst ? SANITIZE_SRC : SANITIZE_DST);
	if (!is_imm)
		env->explore_alu_limits = true;
	return keep_limit(&info->alu_state, &info->alu_limit, state, limit);
}

int sanitize_pointer(struct verify_env *env, const struct insn *insn, const struct reg *ptr,
	const struct reg *offset, struct reg *dst, struct sanitize_info *info, bool commit)
{
	bool is_ptr_dst = ptr == dst;
	struct reg saved;
	int err;

	if (is_exempt(env, insn))
		return 0;
	if (!env->cur->speculative) {
		err = plan(env, insn, ptr, offset, info, is_ptr_dst, commit);
		if (err)
			return refuse(env, insn, err, offset, dst);
	}
	if (commit || reg_var_is_const(offset))
		return 0;
	/* the masked case: the pointer may not move at all */
	saved = *dst;
	if (!is_ptr_dst)
		reg_copy(dst, ptr);
	err = sanitize_path(env, NULL, env->insn + 1, env->insn);
	if (!is_ptr_dst)
		*dst = saved;
	if (err == -ENOMEM)
		return err;
	return err ? refuse(env, insn, FAIL_STACK, offset, dst) : 0;
}

int sanitize_bounds(struct verify_env *env, const struct insn *insn, const struct reg *dst)
{
	s32 off;

	if (env->bypass_spec_v1)
		return 0;
	if (dst->type == REG_STACK) {
		off = dst->off + (s32)dst->val.var_off.value;
		if (!reg_var_is_const(dst))
			return stack_refuse_variable(env, insn->dst, dst, off);
		if (off >= 0 || off < -STACK_MAX)
			return verify_refuse(env, REASON_SPECULATION,
				"R%d stack pointer arithmetic goes out of range, prohibited for "
				"!root; "
				"off=%d\n",
				insn->dst, off);
	} else if (dst->type == REG_MAP_VALUE &&
		access_map(env, insn->dst, dst->off, 1, false, true)) {
		return verify_refuse(env, REASON_SPECULATION,
			"R%d pointer arithmetic of map value goes out of range, prohibited for "
			"!root\n",
			insn->dst);
	}
	return 0;
}
