// SPDX-License-Identifier: BSD-2-Clause
/*
 * An instruction under a breakpoint must still do its work. Most run as a copy elsewhere,
 * followed by a jump back; so a hit costs one stop, and other threads never find the breakpoint
 * missing. Instructions that transfer control are done on the registers here instead.
 */
#include "source/internal.h"

#include <Zydis/Zydis.h>

#define FLAG_CARRY    (1u << 0)
#define FLAG_PARITY   (1u << 2)
#define FLAG_ZERO     (1u << 6)
#define FLAG_SIGN     (1u << 7)
#define FLAG_OVERFLOW (1u << 11)

static bool decode(
	const u8 insn[15], ZydisDecodedInstruction *ret_insn, ZydisDecodedOperand *ret_ops)
{
	ZydisDecoder decoder;

	ZydisDecoderInit(&decoder, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64);
	return ZYAN_SUCCESS(ZydisDecoderDecodeFull(&decoder, insn, 15, ret_insn, ret_ops));
}

static bool is_control_transfer(const ZydisDecodedInstruction *insn)
{
	switch (insn->meta.category) {
	case ZYDIS_CATEGORY_CALL:
	case ZYDIS_CATEGORY_COND_BR:
	case ZYDIS_CATEGORY_UNCOND_BR:
	case ZYDIS_CATEGORY_RET: return true;
	default: return false;
	}
}

enum displaced displace_plan(const u8 insn[15], u64 addr, u64 slot, u8 ret_copy[SLOT_SIZE],
	u32 *ret_size, u8 *ret_insn_len)
{
	ZydisDecodedOperand ops[ZYDIS_MAX_OPERAND_COUNT];
	ZydisDecodedInstruction d;
	s64 jump_back;
	u8 len;

	if (!decode(insn, &d, ops))
		return DISPLACED_IMPOSSIBLE;
	len = *ret_insn_len = d.length;
	if (is_control_transfer(&d))
		return DISPLACED_EMULATE;
	if (!slot)
		return DISPLACED_IMPOSSIBLE;
	memcpy(ret_copy, insn, len);
	if (d.attributes & ZYDIS_ATTRIB_IS_RELATIVE) {
		s64 disp = d.raw.disp.value + (s64)(addr - slot);
		s32 narrow = (s32)disp;

		if (d.raw.disp.size != 32 || disp != narrow)
			return DISPLACED_IMPOSSIBLE;
		memcpy(ret_copy + d.raw.disp.offset, &narrow, sizeof(narrow));
	}
	jump_back = (s64)(addr + len) - (s64)(slot + len + 5);
	if (jump_back != (s32)jump_back)
		return DISPLACED_IMPOSSIBLE;
	ret_copy[len] = 0xe9; /* jmp rel32 */
	memcpy(ret_copy + len + 1, &(s32){(s32)jump_back}, 4);
	*ret_size = len + 5u;
	return DISPLACED_COPY;
}

static u64 *register_of(struct user_regs_struct *r, ZydisRegister reg)
{
	switch (reg) {
	case ZYDIS_REGISTER_RAX: return (u64 *)&r->rax;
	case ZYDIS_REGISTER_RCX: return (u64 *)&r->rcx;
	case ZYDIS_REGISTER_RDX: return (u64 *)&r->rdx;
	case ZYDIS_REGISTER_RBX: return (u64 *)&r->rbx;
	case ZYDIS_REGISTER_RSP: return (u64 *)&r->rsp;
	case ZYDIS_REGISTER_RBP: return (u64 *)&r->rbp;
	case ZYDIS_REGISTER_RSI: return (u64 *)&r->rsi;
	case ZYDIS_REGISTER_RDI: return (u64 *)&r->rdi;
	case ZYDIS_REGISTER_R8: return (u64 *)&r->r8;
	case ZYDIS_REGISTER_R9: return (u64 *)&r->r9;
	case ZYDIS_REGISTER_R10: return (u64 *)&r->r10;
	case ZYDIS_REGISTER_R11: return (u64 *)&r->r11;
	case ZYDIS_REGISTER_R12: return (u64 *)&r->r12;
	case ZYDIS_REGISTER_R13: return (u64 *)&r->r13;
	case ZYDIS_REGISTER_R14: return (u64 *)&r->r14;
	case ZYDIS_REGISTER_R15: return (u64 *)&r->r15;
	default: return NULL;
	}
}

/* Whether a Jcc, JRCXZ or LOOP is taken; LOOP counts rcx down. -1 = not one we know. */
static int condition(ZydisMnemonic mnemonic, struct user_regs_struct *r)
{
	u64 f = r->eflags;
	bool carry = f & FLAG_CARRY, zero = f & FLAG_ZERO, parity = f & FLAG_PARITY;
	bool less = !(f & FLAG_SIGN) != !(f & FLAG_OVERFLOW);

	switch (mnemonic) {
	case ZYDIS_MNEMONIC_JB: return carry;
	case ZYDIS_MNEMONIC_JNB: return !carry;
	case ZYDIS_MNEMONIC_JZ: return zero;
	case ZYDIS_MNEMONIC_JNZ: return !zero;
	case ZYDIS_MNEMONIC_JBE: return carry || zero;
	case ZYDIS_MNEMONIC_JNBE: return !carry && !zero;
	case ZYDIS_MNEMONIC_JS: return !!(f & FLAG_SIGN);
	case ZYDIS_MNEMONIC_JNS: return !(f & FLAG_SIGN);
	case ZYDIS_MNEMONIC_JP: return parity;
	case ZYDIS_MNEMONIC_JNP: return !parity;
	case ZYDIS_MNEMONIC_JO: return !!(f & FLAG_OVERFLOW);
	case ZYDIS_MNEMONIC_JNO: return !(f & FLAG_OVERFLOW);
	case ZYDIS_MNEMONIC_JL: return less;
	case ZYDIS_MNEMONIC_JNL: return !less;
	case ZYDIS_MNEMONIC_JLE: return less || zero;
	case ZYDIS_MNEMONIC_JNLE: return !less && !zero;
	case ZYDIS_MNEMONIC_JRCXZ: return r->rcx == 0;
	case ZYDIS_MNEMONIC_LOOP: return --r->rcx != 0;
	case ZYDIS_MNEMONIC_LOOPE: return --r->rcx != 0 && zero;
	case ZYDIS_MNEMONIC_LOOPNE: return --r->rcx != 0 && !zero;
	default: return -1;
	}
}

/* Where a call or jump goes; 0 or -errno. */
static int target_of(struct task *task, const ZydisDecodedOperand *op, u64 next, u64 *ret_target)
{
	struct user_regs_struct *r = &task->regs;
	const u64 *reg;
	u64 addr;

	switch (op->type) {
	case ZYDIS_OPERAND_TYPE_IMMEDIATE: *ret_target = next + (u64)op->imm.value.s; return 0;
	case ZYDIS_OPERAND_TYPE_REGISTER:
		reg = register_of(r, op->reg.value);
		if (!reg)
			return -EOPNOTSUPP;
		*ret_target = *reg;
		return 0;
	case ZYDIS_OPERAND_TYPE_MEMORY:
		if (op->size != 64)
			return -EOPNOTSUPP;
		addr = (u64)op->mem.disp.value;
		if (op->mem.base == ZYDIS_REGISTER_RIP) {
			addr += next;
		} else if (op->mem.base != ZYDIS_REGISTER_NONE) {
			reg = register_of(r, op->mem.base);
			if (!reg)
				return -EOPNOTSUPP;
			addr += *reg;
		}
		if (op->mem.index != ZYDIS_REGISTER_NONE) {
			reg = register_of(r, op->mem.index);
			if (!reg)
				return -EOPNOTSUPP;
			addr += *reg * op->mem.scale;
		}
		if (op->mem.segment == ZYDIS_REGISTER_FS)
			addr += r->fs_base;
		else if (op->mem.segment == ZYDIS_REGISTER_GS)
			addr += r->gs_base;
		return task_read(task, ret_target, sizeof(*ret_target), addr);
	default: return -EOPNOTSUPP;
	}
}

int displace_emulate(struct task *task, const struct breakpoint *bp)
{
	ZydisDecodedOperand ops[ZYDIS_MAX_OPERAND_COUNT];
	struct user_regs_struct *r = &task->regs;
	u64 next = bp->addr + bp->insn_len, target;
	ZydisDecodedInstruction d;
	int err, taken;

	if (!decode(bp->insn, &d, ops))
		return -EOPNOTSUPP;
	if (d.meta.category == ZYDIS_CATEGORY_RET) {
		err = task_read(task, &target, sizeof(target), r->rsp);
		if (err)
			return err;
		r->rsp += 8 + (d.operand_count_visible ? ops[0].imm.value.u : 0);
		r->rip = target;
		return 0;
	}
	if (d.meta.category == ZYDIS_CATEGORY_COND_BR) {
		taken = condition(d.mnemonic, r);
		if (taken < 0)
			return -EOPNOTSUPP;
		r->rip = taken ? next + (u64)ops[0].imm.value.s : next;
		return 0;
	}
	err = target_of(task, &ops[0], next, &target);
	if (err)
		return err;
	if (d.meta.category == ZYDIS_CATEGORY_CALL) {
		err = task_write_data(task, r->rsp - 8, &next, sizeof(next));
		if (err)
			return err;
		r->rsp -= 8;
	}
	r->rip = target;
	return 0;
}
