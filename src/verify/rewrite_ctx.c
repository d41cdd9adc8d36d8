// SPDX-License-Identifier: BSD-2-Clause
/*
 * Accesses to contexts whose UAPI struct is a fiction: struct __sk_buff and struct xdp_md have
 * 32-bit fields where the real ones (include/hachi/context.h) have pointers. A load that is
 * narrower than its field loads the field and masks.
 *
 * Legacy packet loads (LD_ABS, LD_IND) are written out: bounds check, load, byte swap; out of
 * bounds the function returns 0. Offsets below 0 count from the network or link header
 * (SKF_NET_OFF, SKF_LL_OFF). R1 to R5 are free: the call convention says that such a load clobbers
 * them.
 */
#include "verify/rewrite.h"

#include <errno.h>
#include <hachi/context.h>
#include <linux/filter.h>

static u8 size_bits(u32 bytes)
{
	return bytes == 8 ? BPF_DW : bytes == 4 ? BPF_W : bytes == 2 ? BPF_H : BPF_B;
}

static const struct ctx_layout *layout_of(const struct verify_env *env)
{
	return env->in->custom_ctx ? env->in->custom_ctx : ctx_layout_for(env->prog_type);
}

/* The part of a field that was asked for, from the whole in dst. */
static void emit_part(struct rewriter *w, u32 i, u32 byte, u32 size, bool is_signed, u32 field_size)
{
	u8 dst = w->env->insns[i].dst;

	if (byte)
		emit(w,
			field_size == 8 ? INSN_ALU64_IMM(BPF_RSH, dst, (s32)byte * 8)
					: INSN_ALU32_IMM(BPF_RSH, dst, (s32)byte * 8),
			i);
	if (is_signed)
		emit(w, INSN_MOVSX64(dst, dst, (s16)(size * 8)), i);
	else if (size < 4)
		emit(w, INSN_ALU32_IMM(BPF_AND, dst, (s32)((1u << size * 8) - 1)), i);
	else if (field_size == 8)
		emit(w, INSN_MOV32_REG(dst, dst), i);
}

int rewrite_ctx_access(struct rewriter *w, u32 i)
{
	struct verify_env *env = w->env;
	struct insn insn = env->insns[i];
	const struct ctx_field *f = env->aux[i].ctx_field;
	const struct ctx_layout *layout = layout_of(env);
	bool is_load = BPF_CLASS(insn.op) == BPF_LDX;
	u32 size = insn_size_bytes(insn.op), elem, byte, real;

	if (!f || !layout || !layout->is_rewritten) {
		emit(w, insn, i);
		return 0;
	}
	elem = f->elem ? f->elem : f->size;
	byte = (u32)(insn.off - f->off) % elem;
	real = f->real_off + (u32)(insn.off - f->off) / elem * f->real_size;
	if (size > elem) { /* over two elements, which lie side by side there too */
		if (f->real_size != elem)
			return verify_unsupported(env, "a wide access to this context field");
		insn.off = (s16)real;
		emit(w, insn, i);
		return 0;
	}
	if (!is_load) {
		if (f->real_size > elem && size != elem)
			return verify_unsupported(env, "a narrow store to this context field");
		insn.off = (s16)(real + byte);
		insn.op = (u8)((insn.op & ~0x18) | size_bits(size == elem ? f->real_size : size));
		emit(w, insn, i);
		return 0;
	}
	insn.off = (s16)real;
	insn.op = (u8)(BPF_LDX | BPF_MEM | size_bits(f->real_size));
	emit(w, insn, i);
	/* a pointer field is 4 bytes wide to the program and 8 in truth */
	if (size < elem || BPF_MODE(env->insns[i].op) == INSN_MEMSX)
		emit_part(w, i, byte, size, BPF_MODE(env->insns[i].op) == INSN_MEMSX, f->real_size);
	return 0;
}

#define SKB(field) ((s16)offsetof(struct hachi_skb, field))

/* r1 = address in the packet of the offset in r3, if that is below 0. */
static void emit_negative(struct rewriter *w, u32 i)
{
	/* r4 = offset of the header from head, r3 = distance from there */
	emit(w, INSN_LDX_MEM(BPF_W, BPF_REG_4, BPF_REG_6, SKB(network_header)), i);
	emit(w, INSN_MOV64_REG(BPF_REG_5, BPF_REG_3), i);
	emit(w, INSN_ALU64_IMM(BPF_SUB, BPF_REG_5, SKF_NET_OFF), i);
	emit(w, INSN_JMP_IMM(BPF_JSGE, BPF_REG_5, 0, 5), i);
	emit(w, INSN_LDX_MEM(BPF_W, BPF_REG_4, BPF_REG_6, SKB(mac_header)), i);
	emit(w, INSN_MOV64_REG(BPF_REG_5, BPF_REG_3), i);
	emit(w, INSN_ALU64_IMM(BPF_SUB, BPF_REG_5, SKF_LL_OFF), i);
	emit(w, INSN_JMP_IMM(BPF_JSGE, BPF_REG_5, 0, 1), i);
	/* neither: an address that no bounds check passes */
	emit(w, INSN_MOV64_REG(BPF_REG_5, BPF_REG_2), i);
	emit(w, INSN_LDX_MEM(BPF_DW, BPF_REG_1, BPF_REG_6, SKB(head)), i);
	emit(w, INSN_ALU64_REG(BPF_ADD, BPF_REG_1, BPF_REG_4), i);
	emit(w, INSN_ALU64_REG(BPF_ADD, BPF_REG_1, BPF_REG_5), i);
}

#define NEGATIVE_INSNS 12

void rewrite_ld_abs(struct rewriter *w, u32 i)
{
	const struct insn *insn = &w->env->insns[i];
	u32 size = insn_size_bytes(insn->op);
	bool is_indirect = BPF_MODE(insn->op) == BPF_IND;
	bool may_be_negative = is_indirect || insn->imm < 0;

	if (is_indirect) {
		emit(w, INSN_MOV32_REG(BPF_REG_3, insn->src), i);
		emit(w, INSN_ALU32_IMM(BPF_ADD, BPF_REG_3, insn->imm), i);
		emit(w, INSN_MOVSX64(BPF_REG_3, BPF_REG_3, 32), i);
	} else {
		emit(w, INSN_MOV64_IMM(BPF_REG_3, insn->imm), i);
	}
	emit(w, INSN_LDX_MEM(BPF_DW, BPF_REG_2, BPF_REG_6, SKB(data_end)), i);
	if (may_be_negative) {
		emit(w, INSN_JMP_IMM(BPF_JSGE, BPF_REG_3, 0, NEGATIVE_INSNS + 1), i);
		emit_negative(w, i);
		emit(w, INSN_JA(2), i);
	}
	emit(w, INSN_LDX_MEM(BPF_DW, BPF_REG_1, BPF_REG_6, SKB(data)), i);
	emit(w, INSN_ALU64_REG(BPF_ADD, BPF_REG_1, BPF_REG_3), i);
	emit(w, INSN_MOV64_REG(BPF_REG_4, BPF_REG_1), i);
	emit(w, INSN_ALU64_IMM(BPF_ADD, BPF_REG_4, (s32)size), i);
	/* addresses are far from 0 and from 2^64: the sum does not wrap */
	emit(w, INSN_JMP_REG(BPF_JLE, BPF_REG_4, BPF_REG_2, 2), i);
	emit(w, INSN_MOV64_IMM(BPF_REG_0, 0), i);
	emit(w, INSN_EXIT(), i);
	emit(w, INSN_LDX_MEM(size_bits(size), BPF_REG_0, BPF_REG_1, 0), i);
	if (size > 1)
		emit(w, INSN_BE(BPF_REG_0, (s32)size * 8), i);
}
