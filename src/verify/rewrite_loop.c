// SPDX-License-Identifier: BSD-2-Clause
/*
 * bpf_loop() without a call of the helper, as kernel/bpf/verifier.c (inline_bpf_loop) has it: where
 * the callback is always the same function and the flags are always 0, the loop stands in the
 * program and calls the function itself. r6 to r8 hold count, turn and context meanwhile; what was
 * in them lies below the rest of the stack.
 */
#include "verify/rewrite.h"

#include <errno.h>

enum { LOOPS_MAX = 8 << 20, SAVED = 3, COUNT = BPF_REG_6, TURN, CONTEXT };

bool rewrite_loop_fits(const struct verify_env *env, u32 i)
{
	const struct insn_aux *aux = &env->aux[i];

	return insn_is_call_helper(&env->insns[i]) && env->insns[i].imm == BPF_FUNC_loop &&
		aux->loop_fits && env->new_subprog[aux->loop_subprog] != UINT32_MAX;
}

/* The place of saved register n; the function's stack grows by all of them once. */
static s16 saved_off(struct rewriter *w, u32 i, u32 n)
{
	struct subprog *sub = subprog_containing(w->env, i);

	if (!sub->loop_stack_off) {
		sub->stack_depth = (u32)ALIGN_UP(sub->stack_depth, 8u) + 8 * SAVED;
		sub->loop_stack_off = (s16) - (s32)sub->stack_depth;
	}
	return (s16)(sub->loop_stack_off + 8 * (s32)n);
}

void rewrite_loop(struct rewriter *w, u32 i)
{
	struct verify_env *env = w->env;
	u32 callback = env->subprogs[env->aux[i].loop_subprog].start, n;

	emit(w, INSN_JMP_IMM(BPF_JLE, BPF_REG_1, LOOPS_MAX, 2), i);
	emit(w, INSN_MOV32_IMM(BPF_REG_0, -E2BIG), i);
	emit(w, INSN_JA(16), i);
	for (n = 0; n < SAVED; n++)
		emit(w, INSN_STX_MEM(BPF_DW, BPF_REG_10, (u8)(BPF_REG_6 + n), saved_off(w, i, n)),
			i);
	emit(w, INSN_MOV64_REG(COUNT, BPF_REG_1), i);
	emit(w, INSN_MOV32_IMM(TURN, 0), i);
	emit(w, INSN_MOV64_REG(CONTEXT, BPF_REG_3), i);
	emit(w, INSN_JMP_REG(BPF_JGE, TURN, COUNT, 5), i);
	emit(w, INSN_MOV64_REG(BPF_REG_1, TURN), i);
	emit(w, INSN_MOV64_REG(BPF_REG_2, CONTEXT), i);
	emit_jump(w, INSN_CALL_FUNC(0), i, (s32)callback);
	emit(w, INSN_ALU64_IMM(BPF_ADD, TURN, 1), i);
	emit(w, INSN_JMP_IMM(BPF_JEQ, BPF_REG_0, 0, -6), i);
	emit(w, INSN_MOV64_REG(BPF_REG_0, TURN), i);
	for (n = 0; n < SAVED; n++)
		emit(w, INSN_LDX_MEM(BPF_DW, (u8)(BPF_REG_6 + n), BPF_REG_10, saved_off(w, i, n)),
			i);
}
