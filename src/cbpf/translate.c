// SPDX-License-Identifier: BSD-2-Clause
/*
 * Classic BPF as eBPF. r0 is A, r7 is X, r6 the context, M[k] a stack word; both registers are
 * always 32 bits wide, upper half zero. A load outside the packet ends the program with 0 in both
 * worlds. The verifier refuses what no path reaches, so that is left out; the kernel, whose own
 * translation is not verified, need not.
 *
 *	Needs: cbpf_check took the filter.  Keeps: jumps go forwards, so one pass finds what is
 *	reachable, and one pass after the code is placed resolves jumps.
 */
#include "base/alloc.h"
#include "base/vec.h"
#include "cbpf/cbpf.h"

#include <linux/seccomp.h>

enum {
	REG_A = BPF_REG_0,
	REG_SAVED_A = BPF_REG_8, /* survives a packet load */
	REG_X = BPF_REG_7,
	REG_CTX = BPF_REG_6,
	REG_FP = BPF_REG_10,
};

enum how { FIELD, FIELD_BE16, HELPER, XOR, NONE };

static const struct {
	enum how how;
	s32 detail;
} ancillary_ways[CBPF_AD_COUNT] = {
#define ANCILLARY(id, offset, name, how, detail) [CBPF_AD_##id] = {how, (s32)(detail)},
#include "cbpf/ancillary.def"
};

struct fixup {
	u32 at;	    /* index into out */
	u32 target; /* classic instruction */
};

struct translation {
	const struct sock_filter *filter;
	u32 len;
	enum cbpf_kind kind;
	struct insn_vec *out;
	size_t start;
	u32 *places; /* owned; of each classic instruction in out; UINT32_MAX: not reached */
	struct {
		struct fixup *data;
		size_t len, cap;
	} fixups;
	struct cbpf_error *error;
	u32 pc;
	bool is_out_of_memory;
};

static void emit(struct translation *t, struct insn insn)
{
	if (vec_push(t->out, insn))
		t->is_out_of_memory = true;
}

/* A jump to a classic instruction; its offset comes later. */
static void emit_jump(struct translation *t, struct insn insn, u32 target)
{
	struct fixup fixup = {(u32)t->out->len, target};

	if (vec_push(&t->fixups, fixup))
		t->is_out_of_memory = true;
	emit(t, insn);
}

/* ---- loads ------------------------------------------------------------------------------------*/

static int emit_ancillary(struct translation *t, enum cbpf_ancillary which)
{
	s32 detail = ancillary_ways[which].detail;

	switch (ancillary_ways[which].how) {
	case FIELD:
	case FIELD_BE16:
		emit(t, INSN_LDX_MEM(BPF_W, REG_A, REG_CTX, (s16)detail));
		if (ancillary_ways[which].how == FIELD_BE16)
			emit(t, INSN_BE(REG_A, 16));
		if (which == CBPF_AD_IFINDEX) { /* no device: classic BPF returns 0 */
			emit(t, INSN_JMP_IMM(BPF_JNE, REG_A, 0, 1));
			emit(t, INSN_EXIT());
		}
		return 0;
	case HELPER:
		emit(t, INSN_CALL(detail));
		emit(t, INSN_MOV32_REG(REG_A, REG_A));
		return 0;
	case XOR: emit(t, INSN_ALU32_REG(BPF_XOR, REG_A, REG_X)); return 0;
	case NONE: break;
	}
	*t->error = (struct cbpf_error){t->pc, "eBPF has no way to this extension"};
	return -EOPNOTSUPP;
}

static int emit_load_abs(struct translation *t, const struct sock_filter *insn)
{
	enum cbpf_ancillary which = cbpf_ancillary(insn);

	if (t->kind == CBPF_SECCOMP)
		emit(t, INSN_LDX_MEM(BPF_W, REG_A, REG_CTX, (s16)insn->k));
	else if (which != CBPF_AD_COUNT)
		return emit_ancillary(t, which);
	else
		emit(t, INSN_LD_ABS(BPF_SIZE(insn->code), (s32)insn->k));
	return 0;
}

static void emit_length(struct translation *t, u8 reg)
{
	if (t->kind == CBPF_SECCOMP)
		emit(t, INSN_MOV32_IMM(reg, sizeof(struct seccomp_data)));
	else
		emit(t, INSN_LDX_MEM(BPF_W, reg, REG_CTX, offsetof(struct __sk_buff, len)));
}

static void emit_msh(struct translation *t, const struct sock_filter *insn)
{
	emit(t, INSN_MOV64_REG(REG_SAVED_A, REG_A));
	emit(t, INSN_LD_ABS(BPF_B, (s32)insn->k));
	emit(t, INSN_ALU32_IMM(BPF_AND, REG_A, 0xf));
	emit(t, INSN_ALU32_IMM(BPF_LSH, REG_A, 2));
	emit(t, INSN_MOV64_REG(REG_X, REG_A));
	emit(t, INSN_MOV64_REG(REG_A, REG_SAVED_A));
}

/* ---- everything else --------------------------------------------------------------------------*/

static void emit_alu(struct translation *t, const struct sock_filter *insn)
{
	u8 op = BPF_OP(insn->code);

	if (op == BPF_NEG) {
		emit(t, INSN_NEG32(REG_A));
		return;
	}
	if (BPF_SRC(insn->code) == BPF_K) {
		emit(t, INSN_ALU32_IMM(op, REG_A, (s32)insn->k));
		return;
	}
	if (op == BPF_DIV || op == BPF_MOD) {
		emit(t, INSN_JMP32_IMM(BPF_JNE, REG_X, 0, 2));
		emit(t, INSN_MOV32_IMM(REG_A, 0));
		emit(t, INSN_EXIT());
	}
	emit(t, INSN_ALU32_REG(op, REG_A, REG_X));
}

static u8 inverse(u8 op)
{
	switch (op) {
	case BPF_JEQ: return BPF_JNE;
	case BPF_JGT: return BPF_JLE;
	case BPF_JGE: return BPF_JLT;
	default: return 0; /* JSET has none */
	}
}

static struct insn compare(const struct sock_filter *insn, u8 op)
{
	if (BPF_SRC(insn->code) == BPF_X)
		return INSN_JMP32_REG(op, REG_A, REG_X, 0);
	return INSN_JMP32_IMM(op, REG_A, (s32)insn->k, 0);
}

static void emit_branch(struct translation *t, const struct sock_filter *insn)
{
	u8 op = BPF_OP(insn->code);
	u32 next = t->pc + 1;

	if (op == BPF_JA) {
		if (insn->k)
			emit_jump(t, INSN_JA(0), next + insn->k);
	} else if (insn->jt == insn->jf) {
		if (insn->jt)
			emit_jump(t, INSN_JA(0), next + insn->jt);
	} else if (!insn->jt && inverse(op)) {
		emit_jump(t, compare(insn, inverse(op)), next + insn->jf);
	} else {
		emit_jump(t, compare(insn, op), next + insn->jt);
		if (insn->jf)
			emit_jump(t, INSN_JA(0), next + insn->jf);
	}
}

static s16 memory_word(const struct sock_filter *insn)
{
	return (s16)(-4 * (s32)(insn->k + 1));
}

static int emit_insn(struct translation *t, const struct sock_filter *insn)
{
	switch (cbpf_code(insn->code)) {
	case CBPF_LD_ABS_W:
	case CBPF_LD_ABS_H:
	case CBPF_LD_ABS_B: return emit_load_abs(t, insn);
	case CBPF_LD_IND_W:
	case CBPF_LD_IND_H:
	case CBPF_LD_IND_B: emit(t, INSN_LD_IND(BPF_SIZE(insn->code), REG_X, (s32)insn->k)); break;
	case CBPF_LD_LEN: emit_length(t, REG_A); break;
	case CBPF_LDX_LEN: emit_length(t, REG_X); break;
	case CBPF_LDX_MSH: emit_msh(t, insn); break;
	case CBPF_LD_IMM: emit(t, INSN_MOV32_IMM(REG_A, (s32)insn->k)); break;
	case CBPF_LDX_IMM: emit(t, INSN_MOV32_IMM(REG_X, (s32)insn->k)); break;
	case CBPF_LD_MEM: emit(t, INSN_LDX_MEM(BPF_W, REG_A, REG_FP, memory_word(insn))); break;
	case CBPF_LDX_MEM: emit(t, INSN_LDX_MEM(BPF_W, REG_X, REG_FP, memory_word(insn))); break;
	case CBPF_ST: emit(t, INSN_STX_MEM(BPF_W, REG_FP, REG_A, memory_word(insn))); break;
	case CBPF_STX: emit(t, INSN_STX_MEM(BPF_W, REG_FP, REG_X, memory_word(insn))); break;
	case CBPF_TAX: emit(t, INSN_MOV64_REG(REG_X, REG_A)); break;
	case CBPF_TXA: emit(t, INSN_MOV64_REG(REG_A, REG_X)); break;
	case CBPF_RET_K:
		emit(t, INSN_MOV32_IMM(REG_A, (s32)insn->k));
		emit(t, INSN_EXIT());
		break;
	case CBPF_RET_A: emit(t, INSN_EXIT()); break;
	default:
		if (BPF_CLASS(insn->code) == BPF_JMP)
			emit_branch(t, insn);
		else
			emit_alu(t, insn);
		break;
	}
	return 0;
}

/* Marks (with 0) in places what a path from the start comes by. */
static void mark_reached(struct translation *t)
{
	memset(t->places, 0xff, t->len * sizeof(*t->places));
	t->places[0] = 0;
	for (u32 pc = 0; pc < t->len; pc++) {
		const struct sock_filter *insn = &t->filter[pc];

		if (t->places[pc] == UINT32_MAX || BPF_CLASS(insn->code) == BPF_RET)
			continue;
		if (BPF_CLASS(insn->code) != BPF_JMP) {
			t->places[pc + 1] = 0;
		} else if (BPF_OP(insn->code) == BPF_JA) {
			t->places[pc + 1 + insn->k] = 0;
		} else {
			t->places[pc + 1 + insn->jt] = 0;
			t->places[pc + 1 + insn->jf] = 0;
		}
	}
}

/* A filter of 4096 may grow past 16 bits; only unconditional jumps reach that far. */
static int resolve_jumps(struct translation *t)
{
	struct fixup *fixup;

	vec_for_each (fixup, &t->fixups) {
		struct insn *insn = &t->out->data[fixup->at];
		s64 distance = (s64)t->places[fixup->target] - fixup->at - 1;

		if (distance <= INT16_MAX)
			insn->off = (s16)distance;
		else if (insn->op == (BPF_JMP | BPF_JA))
			*insn = INSN_JA32((s32)distance);
		else if (bug_on(true))
			return -EFAULT;
	}
	return 0;
}

static int translate(struct translation *t)
{
	mark_reached(t);
	emit(t, INSN_MOV64_REG(REG_CTX, BPF_REG_1));
	emit(t, INSN_MOV32_IMM(REG_A, 0));
	emit(t, INSN_MOV32_IMM(REG_X, 0));
	for (t->pc = 0; t->pc < t->len; t->pc++) {
		int err;

		if (t->places[t->pc] == UINT32_MAX)
			continue;
		t->places[t->pc] = (u32)t->out->len;
		err = emit_insn(t, &t->filter[t->pc]);
		if (err)
			return err;
		if (t->is_out_of_memory)
			return -ENOMEM;
	}
	return resolve_jumps(t);
}

int cbpf_translate(const struct sock_filter *filter, u32 len, enum cbpf_kind kind,
	struct insn_vec *out, struct cbpf_error *ret_error)
{
	struct translation t = {
		.filter = filter,
		.len = len,
		.kind = kind,
		.out = out,
		.start = out->len,
		.error = ret_error,
	};
	int err = cbpf_check(filter, len, kind, ret_error);

	if (err)
		return err;
	t.places = mem_calloc(len, sizeof(*t.places));
	if (!t.places)
		return -ENOMEM;
	err = translate(&t);
	if (err)
		out->len = t.start;
	mem_free(t.places);
	vec_release(&t.fixups);
	return err;
}
