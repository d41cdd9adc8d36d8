// SPDX-License-Identifier: BSD-2-Clause
/*
 * Arithmetic and moves. What becomes of numbers is domain/'s business; here is what concerns
 * registers: pointers, links between equal scalars, and what arithmetic on pointers means
 * (pointer.c).
 */
#include "verify/check.h"

#include <errno.h>

static const char *const alu_names[16] = {
	[BPF_ADD >> 4] = "+=",
	[BPF_SUB >> 4] = "-=",
	[BPF_MUL >> 4] = "*=",
	[BPF_DIV >> 4] = "/=",
	[BPF_OR >> 4] = "|=",
	[BPF_AND >> 4] = "&=",
	[BPF_LSH >> 4] = "<<=",
	[BPF_RSH >> 4] = ">>=",
	[BPF_NEG >> 4] = "neg",
	[BPF_MOD >> 4] = "%=",
	[BPF_XOR >> 4] = "^=",
	[BPF_MOV >> 4] = "=",
	[BPF_ARSH >> 4] = "s>>=",
	[BPF_END >> 4] = "endian",
};

const char *alu_op_name(u8 op)
{
	const char *name = alu_names[BPF_OP(op) >> 4];

	return name ? name : "?";
}

int reg_check_sane(struct verify_env *env, struct reg *reg, const char *where)
{
	const struct scalar *v = &reg->val;
	const char *what = scalar_insane(v);

	if (likely(!what))
		return 0;
	verify_say(env,
		"REG INVARIANTS VIOLATION (%s): %s u64=[%#llx, %#llx] s64=[%#llx, %#llx] "
		"u32=[%#x, %#x] s32=[%#x, %#x] var_off=(%#llx, %#llx)\n",
		where, what, (unsigned long long)v->umin, (unsigned long long)v->umax,
		(unsigned long long)v->smin, (unsigned long long)v->smax, v->u32_min, v->u32_max,
		(u32)v->s32_min, (u32)v->s32_max, (unsigned long long)v->var_off.value,
		(unsigned long long)v->var_off.mask);
	if (env->test_reg_invariants)
		return verify_refuse(env, REASON_INVARIANTS, "%s", "");
	scalar_forget_ranges(&reg->val);
	return 0;
}

void link_scalar(struct verify_env *env, struct reg *src)
{
	if (src->type != REG_SCALAR)
		return;
	if (src->id & REG_ADD_CONST)
		reg_clear_link(src);
	/* nothing more can be learned of a constant */
	if (!src->id && !reg_var_is_const(src))
		src->id = ++env->id_gen;
}

/* ---- moves ----------------------------------------------------------------------------------- */

static void finish_move(struct verify_env *env, struct reg *dst, bool is_64)
{
	dst->live |= LIVE_WRITTEN;
	dst->subreg_def = is_64 ? 0 : env->insn + 1;
}

/* bits: how many low bits of src are taken, sign-extended if is_signed. */
static void move_part(struct verify_env *env, struct reg *dst, struct reg *src, u32 bits,
	bool is_signed, bool is_64)
{
	bool same = is_signed ? src->val.umax < 1ull << (bits - 1) : reg_width(src) <= bits;

	if (env->kernel < KERNEL(6, 6))
		same = false;
	if (same)
		link_scalar(env, src);
	reg_copy(dst, src);
	if (!same)
		reg_clear_link(dst);
	if (is_signed)
		scalar_sext(&dst->val, bits / 8, is_64);
	finish_move(env, dst, is_64);
}

static int move_reg(struct verify_env *env, const struct insn *insn)
{
	struct reg *dst = cur_reg(env, insn->dst), *src = cur_reg(env, insn->src);
	bool is_64 = BPF_CLASS(insn->op) == BPF_ALU64;

	if (insn->imm)
		return verify_unsupported(env, "addr_space_cast");
	if (is_64 && !insn->off) {
		link_scalar(env, src);
		reg_copy(dst, src);
		finish_move(env, dst, true);
		return 0;
	}
	if (is_pointer_value(env, insn->src))
		return verify_refuse(env, REASON_POINTER_PARTIAL,
			is_64 ? "R%d sign-extension part of pointer\n"
			      : "R%d partial copy of pointer\n",
			insn->src);
	if (src->type == REG_SCALAR)
		move_part(env, dst, src, insn->off ? (u32)insn->off : 32, insn->off != 0, is_64);
	else
		mark_unknown(env, dst);
	if (!is_64)
		scalar_zext32(&dst->val);
	return 0;
}

static int check_move(struct verify_env *env, const struct insn *insn)
{
	bool is_reg = BPF_SRC(insn->op) == BPF_X;
	bool is_64 = BPF_CLASS(insn->op) == BPF_ALU64;
	struct reg *dst;
	int err = is_reg ? live_use(env, insn->src, USE_READ) : 0;

	if (!err)
		err = live_use(env, insn->dst, USE_WRITE_KEEP);
	if (err)
		return err;
	if (is_reg)
		return move_reg(env, insn);
	dst = cur_reg(env, insn->dst);
	mark_unknown(env, dst);
	reg_set_const(dst, is_64 ? (u64)(s64)insn->imm : (u32)insn->imm);
	return 0;
}

/* ---- operators ------------------------------------------------------------------------------- */

/* Whether anything is known of the result. */
static bool is_computable(const struct insn *insn, const struct reg *src)
{
	bool is_64 = BPF_CLASS(insn->op) == BPF_ALU64;
	const struct scalar *v = &src->val;
	bool is_const = is_64
		? scalar_is_const(v) && v->smin == v->smax && v->umin == v->umax
		: scalar_is_const32(v) && v->s32_min == v->s32_max && v->u32_min == v->u32_max;

	switch (BPF_OP(insn->op)) {
	case BPF_ADD:
	case BPF_SUB:
	case BPF_AND:
	case BPF_XOR:
	case BPF_OR:
	case BPF_MUL:
	case BPF_NEG: return true;
	case BPF_LSH:
	case BPF_RSH:
	case BPF_ARSH: return is_const && v->umax < (is_64 ? 64 : 32);
	default: return false;
	}
}

static void set_low_half(struct scalar *s, u32 value)
{
	s->var_off = tnum_const_subreg(s->var_off, value);
	s->s32_min = s->s32_max = (s32)value;
	s->u32_min = s->u32_max = value;
}

/*
 * A value that is 0 or -1 (the outcome of an arithmetic shift) and a constant: both cases are
 * followed by themselves, since no range holds just the two.
 */
static int fork_minus_one(struct verify_env *env, const struct insn *insn, struct reg *dst)
{
	bool is_32;
	struct state *other;
	struct reg *reg;
	int err = 0;

	if (dst->val.smin == -1 && dst->val.smax == 0)
		is_32 = false;
	else if (dst->val.s32_min == -1 && dst->val.s32_max == 0)
		is_32 = true;
	else
		return 0;
	other = explore_push(env, env->insn, env->insn, false, &err);
	if (!other)
		return err;
	reg = &state_frame(other)->regs[insn->dst];
	if (is_32) {
		set_low_half(&reg->val, 0);
		set_low_half(&dst->val, UINT32_MAX);
	} else {
		reg_set_const(reg, 0);
		reg_set_const(dst, UINT64_MAX);
	}
	return 0;
}

static int alu_scalars(
	struct verify_env *env, const struct insn *insn, struct reg *dst, const struct reg *src)
{
	u8 op = BPF_OP(insn->op);
	int err = 0;

	if (!is_computable(insn, src)) {
		mark_unknown(env, dst);
		return 0;
	}
	if (op == BPF_ADD || op == BPF_SUB)
		err = sanitize_scalar(env, insn);
	if (!err && (op == BPF_AND || op == BPF_OR) && reg_var_is_const(src))
		err = fork_minus_one(env, insn, dst);
	if (err)
		return err;
	scalar_alu(op, BPF_CLASS(insn->op) == BPF_ALU64, &dst->val, &src->val, &dst->val);
	return 0;
}

/* dst += constant keeps the link to the scalars that dst was equal to. */
static void relink(
	struct verify_env *env, const struct insn *insn, struct reg *dst, const struct reg *src)
{
	u64 delta = src->val.var_off.value;

	if (!env->bpf_capable || insn->op != (BPF_ALU64 | BPF_ADD | BPF_SRC(insn->op)) ||
		!dst->id || !reg_var_is_const(src) ||
		(BPF_SRC(insn->op) == BPF_X && insn->src == insn->dst) || dst->id & REG_ADD_CONST ||
		delta > INT32_MAX) {
		reg_clear_link(dst);
		return;
	}
	dst->id |= REG_ADD_CONST;
	dst->off = (s32)delta;
}

static int alu_two_registers(struct verify_env *env, const struct insn *insn)
{
	struct reg *dst = cur_reg(env, insn->dst), *src = cur_reg(env, insn->src);
	struct reg offset;
	int err = 0;

	if (src->type != REG_SCALAR && dst->type != REG_SCALAR) {
		if (BPF_OP(insn->op) == BPF_SUB && env->allow_ptr_leaks) {
			mark_unknown(env, dst);
			return 0;
		}
		return verify_refuse(env, REASON_POINTER_ARITHMETIC,
			"R%d pointer %s pointer prohibited\n", insn->dst, alu_op_name(insn->op));
	}
	if (src->type != REG_SCALAR) { /* scalar += pointer */
		err = precision_mark(env, insn->dst);
		if (err)
			return err;
		offset = *dst;
		return pointer_add(env, insn, src, &offset);
	}
	if (dst->type != REG_SCALAR) {
		err = precision_mark(env, insn->src);
		return err ? err : pointer_add(env, insn, dst, src);
	}
	if (dst->precise)
		err = precision_mark(env, insn->src);
	if (err)
		return err;
	offset = *src;
	err = alu_scalars(env, insn, dst, &offset);
	if (!err)
		relink(env, insn, dst, &offset);
	return err;
}

static int alu_immediate(struct verify_env *env, const struct insn *insn)
{
	struct reg *dst = cur_reg(env, insn->dst), *imm = &env->fake[0];
	int err;

	memset(imm, 0, sizeof(*imm));
	imm->type = REG_SCALAR;
	reg_set_const(imm, (u64)(s64)insn->imm);
	if (dst->type != REG_SCALAR)
		return pointer_add(env, insn, dst, imm);
	err = alu_scalars(env, insn, dst, imm);
	if (!err)
		relink(env, insn, dst, imm);
	return err;
}

static int check_operands(struct verify_env *env, const struct insn *insn)
{
	u8 op = BPF_OP(insn->op);
	int bits = BPF_CLASS(insn->op) == BPF_ALU64 ? 64 : 32;
	int err = BPF_SRC(insn->op) == BPF_X ? live_use(env, insn->src, USE_READ) : 0;

	if (!err)
		err = live_use(env, insn->dst, USE_READ);
	if (err || BPF_SRC(insn->op) == BPF_X)
		return err;
	if ((op == BPF_MOD || op == BPF_DIV) && insn->imm == 0)
		return verify_refuse(env, REASON_DIV_BY_ZERO, "div by zero\n");
	if ((op == BPF_LSH || op == BPF_RSH || op == BPF_ARSH) &&
		(insn->imm < 0 || insn->imm >= bits))
		return verify_refuse(env, REASON_SHIFT_RANGE, "invalid shift %d\n", insn->imm);
	return 0;
}

/* A byte swap, or the truncation that it is where the order is right already. */
static void swap_scalar(const struct insn *insn, struct scalar *val)
{
	bool to_be = BPF_SRC(insn->op) == BPF_TO_BE;
	bool is_be = __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__;
	bool swap = BPF_CLASS(insn->op) == BPF_ALU64 || to_be != is_be;

	scalar_end(val, (u32)insn->imm / 8, swap);
}

static int check_unary(struct verify_env *env, const struct insn *insn)
{
	struct reg *dst = cur_reg(env, insn->dst);
	bool is_neg = BPF_OP(insn->op) == BPF_NEG;
	/* before 6.17 negation was not followed, before 6.18.y byte swaps */
	bool is_tracked = env->kernel >= (is_neg ? KERNEL(6, 17) : KERNEL(6, 18));
	int err = live_use(env, insn->dst, USE_READ);

	if (err)
		return err;
	if (is_pointer_value(env, insn->dst))
		return verify_refuse(env, REASON_POINTER_ARITHMETIC,
			"R%d pointer arithmetic prohibited\n", insn->dst);
	if (dst->type != REG_SCALAR || !is_tracked)
		return live_use(env, insn->dst, USE_WRITE);
	err = live_use(env, insn->dst, USE_WRITE_KEEP);
	if (err)
		return err;
	if (is_neg)
		scalar_alu(
			BPF_NEG, BPF_CLASS(insn->op) == BPF_ALU64, &dst->val, &dst->val, &dst->val);
	else
		swap_scalar(insn, &dst->val);
	reg_clear_link(dst);
	return 0;
}

static int check_binary(struct verify_env *env, const struct insn *insn)
{
	int err = check_operands(env, insn);

	if (!err)
		err = live_use(env, insn->dst, USE_WRITE_KEEP);
	if (err)
		return err;
	return BPF_SRC(insn->op) == BPF_X ? alu_two_registers(env, insn) : alu_immediate(env, insn);
}

int alu_check(struct verify_env *env, const struct insn *insn)
{
	int err;

	switch (BPF_OP(insn->op)) {
	case BPF_END:
	case BPF_NEG: err = check_unary(env, insn); break;
	case BPF_MOV: err = check_move(env, insn); break;
	default: err = check_binary(env, insn);
	}
	return err ? err : reg_check_sane(env, cur_reg(env, insn->dst), "alu");
}
