// SPDX-License-Identifier: BSD-2-Clause
/*
 * What the future of a checkpoint reads of it. Each register of a state knows the same register of
 * the checkpoint before (parent). A read walks up that chain and leaves a mark in each checkpoint,
 * until one that wrote the register itself on the way down. Two states need only agree in what is
 * marked (prune.c). The same walk tells which 32-bit results need their upper half zeroed.
 */
#include "verify/check.h"

#include <errno.h>

void live_mark_read(struct verify_env *env, const struct reg *reg, struct reg *parent, u8 flag)
{
	bool writes = parent == reg->parent; /* is reg's own write mark about this link? */
	u32 steps = 0;

	while (parent) {
		if (writes && reg->live & LIVE_WRITTEN)
			break;
		/* a finished state is not the ancestor of a running one */
		if (bug_on(parent->live & LIVE_DONE))
			break;
		/* whoever left that mark walked on already */
		if ((parent->live & LIVE_READ) == flag || parent->live & LIVE_READ64)
			break;
		parent->live |= flag;
		if (flag == LIVE_READ64)
			parent->live &= (u8)~LIVE_READ32;
		reg = parent;
		parent = reg->parent;
		writes = true;
		steps++;
	}
	if (steps > env->longest_mark_read)
		env->longest_mark_read = steps;
}

void live_mark_zext(struct verify_env *env, struct reg *reg)
{
	if (!reg->subreg_def)
		return;
	env->aux[reg->subreg_def - 1].zext_dst = 1;
	reg->subreg_def = 0;
}

/* Does the instruction use all 64 bits of the register? is_read: as an operand, else as result. */
static bool uses_64(const struct insn *insn, const struct reg *reg, bool is_read)
{
	u8 class = BPF_CLASS(insn->op), op = BPF_OP(insn->op);
	bool is_swap = op == BPF_END;

	switch (class) {
	case BPF_JMP:
		if (op == BPF_CALL)
			return insn->src != BPF_PSEUDO_CALL && is_read;
		return true;
	case BPF_JMP32: return false;
	case BPF_ALU64: return !(is_swap && (insn->imm == 16 || insn->imm == 32));
	case BPF_ALU: return is_swap && insn->imm == 64;
	case BPF_LDX:
		return is_read || BPF_SIZE(insn->op) == BPF_DW || BPF_MODE(insn->op) == INSN_MEMSX;
	case BPF_STX:
		if (is_read && reg->type != REG_SCALAR)
			return true;
		return BPF_SIZE(insn->op) == BPF_DW;
	case BPF_LD: return BPF_MODE(insn->op) == BPF_IMM || is_read;
	default: return true;
	}
}

bool live_insn_def32(const struct insn *insn)
{
	switch (BPF_CLASS(insn->op)) {
	case BPF_JMP:
	case BPF_JMP32:
	case BPF_ST: return false;
	case BPF_STX:
		if (BPF_MODE(insn->op) != BPF_ATOMIC || !(insn->imm & BPF_FETCH))
			return false;
		FALLTHROUGH;
	default: return !uses_64(insn, NULL, false);
	}
}

int live_use_of(struct verify_env *env, struct reg *regs, u32 regno, enum reg_use use)
{
	const struct insn *insn = &env->insns[env->insn];
	struct reg *reg = &regs[regno];
	bool whole;

	scratch_reg(env, regno);
	whole = uses_64(insn, reg, use == USE_READ);
	if (use == USE_READ) {
		if (reg->type == REG_NOT_INIT) {
			int err = verify_refuse(
				env, REASON_UNINITIALIZED_REGISTER, "R%d !read_ok\n", regno);

			verify_blame(env, (s32)regno, "set the register on every path to here");
			return err;
		}
		if (regno == BPF_REG_10)
			return 0;
		if (whole)
			live_mark_zext(env, reg);
		live_mark_read(env, reg, reg->parent, whole ? LIVE_READ64 : LIVE_READ32);
		return 0;
	}
	if (regno == BPF_REG_10)
		return verify_refuse(env, REASON_FRAME_POINTER, "frame pointer is read only\n");
	reg->live |= LIVE_WRITTEN;
	reg->subreg_def = whole ? 0 : env->insn + 1;
	if (use == USE_WRITE)
		mark_unknown(env, reg);
	return 0;
}

int live_use(struct verify_env *env, u32 regno, enum reg_use use)
{
	return live_use_of(env, cur_frame(env)->regs, regno, use);
}

void live_clobber_caller_saved(struct verify_env *env, struct reg *regs)
{
	for (u32 i = BPF_REG_0; i <= BPF_REG_5; i++) {
		mark_not_init(env, &regs[i]);
		(void)live_use_of(env, regs, i, USE_WRITE_KEEP);
	}
}
