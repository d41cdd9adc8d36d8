// SPDX-License-Identifier: BSD-2-Clause
/*
 * Pointer plus or minus a number. Constants go into the fixed part of the offset, anything else
 * into the variable part, where it is a scalar with its bits and ranges; whether the sum points to
 * something is asked only where it is used. A packet pointer with a new variable part is a new one:
 * what was learned of the old one's range does not hold for it.
 */
#include "verify/check.h"

#include <errno.h>

/* Offsets so large that sums of them could wrap are refused at once. */
static int check_offset(struct verify_env *env, const struct reg *reg, u32 type)
{
	char text[REG_TYPE_TEXT];
	s64 value = (s64)reg->val.var_off.value, smin = reg->val.smin;

	if (reg_var_is_const(reg) && (value >= VAR_OFF_MAX || value <= -VAR_OFF_MAX))
		return verify_refuse(env, REASON_POINTER_OFFSET,
			"math between %s pointer and %lld is not allowed\n",
			reg_type_text(type, text), (long long)value);
	if (reg->off >= VAR_OFF_MAX || reg->off <= -VAR_OFF_MAX)
		return verify_refuse(env, REASON_POINTER_OFFSET,
			"%s pointer offset %d is not allowed\n", reg_type_text(type, text),
			reg->off);
	if (smin == INT64_MIN)
		return verify_refuse(env, REASON_POINTER_OFFSET,
			"math between %s pointer and register with unbounded min value is not "
			"allowed\n",
			reg_type_text(type, text));
	if (smin >= VAR_OFF_MAX || smin <= -VAR_OFF_MAX)
		return verify_refuse(env, REASON_POINTER_OFFSET,
			"value %lld makes %s pointer be out of bounds\n", (long long)smin,
			reg_type_text(type, text));
	return 0;
}

static int check_kind(struct verify_env *env, const struct insn *insn, const struct reg *ptr,
	const struct reg *offset)
{
	bool is_const = reg_var_is_const(offset);
	char text[REG_TYPE_TEXT];

	switch (reg_kind(ptr->type)) {
	case REG_CTX:
	case REG_MAP_VALUE:
	case REG_MAP_KEY:
	case REG_STACK:
	case REG_PACKET_META:
	case REG_PACKET:
	case REG_TP_BUFFER:
	case REG_BTF:
	case REG_MEM:
	case REG_BUF:
	case REG_FUNC:
	case REG_DYNPTR: return 0;
	case REG_FLOW_KEYS:
		if (is_const)
			return 0;
		break;
	case REG_MAP_PTR:
		if (is_const && offset->val.smin == 0 && BPF_OP(insn->op) == BPF_ADD)
			return 0;
		break;
	default: break;
	}
	return verify_refuse(env, REASON_POINTER_ARITHMETIC,
		"R%d pointer arithmetic on %s prohibited\n", insn->dst,
		reg_type_text(ptr->type, text));
}

static void add_ranges(struct scalar *out, const struct scalar *p, const struct scalar *n)
{
	if (__builtin_add_overflow(p->smin, n->smin, &out->smin) ||
		__builtin_add_overflow(p->smax, n->smax, &out->smax))
		out->smin = INT64_MIN, out->smax = INT64_MAX;
	if (__builtin_add_overflow(p->umin, n->umin, &out->umin) ||
		__builtin_add_overflow(p->umax, n->umax, &out->umax))
		out->umin = 0, out->umax = UINT64_MAX;
	out->var_off = tnum_add(p->var_off, n->var_off);
}

static void sub_ranges(struct scalar *out, const struct scalar *p, const struct scalar *n)
{
	if (__builtin_sub_overflow(p->smin, n->smax, &out->smin) ||
		__builtin_sub_overflow(p->smax, n->smin, &out->smax))
		out->smin = INT64_MIN, out->smax = INT64_MAX;
	if (p->umin < n->umax) {
		out->umin = 0, out->umax = UINT64_MAX;
	} else {
		u64 umin = p->umin - n->umax;

		out->umax = p->umax - n->umin;
		out->umin = umin;
	}
	out->var_off = tnum_sub(p->var_off, n->var_off);
}

static void forget_low_half(struct scalar *s)
{
	s->s32_min = INT32_MIN;
	s->s32_max = INT32_MAX;
	s->u32_min = 0;
	s->u32_max = UINT32_MAX;
}

/* A new packet pointer; its range is known only if it moved backwards for certain. */
static void renew_packet(struct verify_env *env, struct reg *dst, bool keeps_range)
{
	if (!reg_is_packet(dst))
		return;
	dst->id = ++env->id_gen;
	if (!keeps_range)
		dst->raw[0] = dst->raw[1] = 0;
}

/* dst is a copy of the pointer already. */
static int compute(struct verify_env *env, const struct insn *insn, struct reg *dst,
	const struct reg *offset, bool is_dst_ptr)
{
	const struct scalar *n = &offset->val, p = dst->val;
	bool is_const = reg_var_is_const(offset);
	s64 sum;

	forget_low_half(&dst->val);
	switch (BPF_OP(insn->op)) {
	case BPF_ADD:
		sum = dst->off + n->smin;
		if (is_const && sum == (s32)sum) {
			dst->off = (s32)sum;
			return 0;
		}
		add_ranges(&dst->val, &p, n);
		renew_packet(env, dst, false);
		return 0;
	case BPF_SUB:
		if (!is_dst_ptr)
			return verify_refuse(env, REASON_POINTER_ARITHMETIC,
				"R%d tried to subtract pointer from scalar\n", insn->dst);
		if (dst->type == REG_STACK)
			return verify_refuse(env, REASON_POINTER_ARITHMETIC,
				"R%d subtraction from stack pointer prohibited\n", insn->dst);
		sum = dst->off - n->smin;
		if (is_const && sum == (s32)sum) {
			dst->off = (s32)sum;
			return 0;
		}
		sub_ranges(&dst->val, &p, n);
		renew_packet(env, dst, n->smin >= 0);
		return 0;
	case BPF_AND:
	case BPF_OR:
	case BPF_XOR:
		return verify_refuse(env, REASON_POINTER_ARITHMETIC,
			"R%d bitwise operator %s on pointer prohibited\n", insn->dst,
			alu_op_name(insn->op));
	default:
		return verify_refuse(env, REASON_POINTER_ARITHMETIC,
			"R%d pointer arithmetic with %s operator prohibited\n", insn->dst,
			alu_op_name(insn->op));
	}
}

int pointer_add(struct verify_env *env, const struct insn *insn, const struct reg *ptr,
	const struct reg *offset)
{
	struct reg *dst = cur_reg(env, insn->dst);
	const struct scalar *n = &offset->val;
	bool is_dst_ptr = dst == ptr;
	bool speculates = BPF_OP(insn->op) == BPF_ADD || BPF_OP(insn->op) == BPF_SUB;
	struct sanitize_info info = {0};
	char text[REG_TYPE_TEXT];
	int err;

	if ((reg_var_is_const(offset) && (n->smin != n->smax || n->umin != n->umax)) ||
		n->smin > n->smax || n->umin > n->umax) {
		mark_unknown(env, dst); /* a path that cannot be */
		return 0;
	}
	if (BPF_CLASS(insn->op) != BPF_ALU64) {
		if (BPF_OP(insn->op) == BPF_SUB && env->allow_ptr_leaks) {
			mark_unknown(env, dst);
			return 0;
		}
		return verify_refuse(env, REASON_POINTER_ARITHMETIC,
			"R%d 32-bit pointer arithmetic prohibited\n", insn->dst);
	}
	if (reg_maybe_null(ptr)) {
		err = verify_refuse(env, REASON_NULL_CHECK,
			"R%d pointer arithmetic on %s prohibited, null-check it first\n", insn->dst,
			reg_type_text(ptr->type, text));
		verify_blame(env, insn->dst, "compare the pointer with 0 first");
		return err;
	}
	err = check_kind(env, insn, ptr, offset);
	if (err)
		return err;
	if (!is_dst_ptr)
		*dst = *ptr; /* what is read of the sum was read of the pointer */
	err = check_offset(env, offset, ptr->type);
	if (!err)
		err = check_offset(env, ptr, ptr->type);
	if (!err && speculates)
		err = sanitize_pointer(env, insn, ptr, offset, dst, &info, false);
	if (!err)
		err = compute(env, insn, dst, offset, is_dst_ptr);
	if (!err)
		err = check_offset(env, dst, dst->type);
	if (err)
		return err;
	scalar_sync(&dst->val);
	err = sanitize_bounds(env, insn, dst);
	if (!err && speculates)
		err = sanitize_pointer(env, insn, dst, offset, dst, &info, true);
	return err;
}
