// SPDX-License-Identifier: BSD-2-Clause
/*
 * Classic BPF by its definition, as slow and as plain as can be: what the translation is measured
 * against. A load outside the packet and a division by zero return 0.
 */
#include "cbpf/cbpf.h"

#include <linux/seccomp.h>

struct machine {
	const struct cbpf_packet *packet;
	u32 a, x, mem[CBPF_MEMWORDS];
};

/* Bytes at a filter's offset, big endian; false when the packet does not have them. */
static bool load_packet(const struct cbpf_packet *packet, u32 k, u32 width, u32 *ret_value)
{
	s64 at = (s64)(s32)k;
	u32 value = 0;

	if (at >= 0)
		at += packet->start;
	else if (at >= SKF_NET_OFF)
		at += packet->net_offset - (s64)SKF_NET_OFF;
	else if (at >= SKF_LL_OFF)
		at += -(s64)SKF_LL_OFF;
	else
		return false;
	if (at < 0 || at + width > packet->size)
		return false;
	for (u32 i = 0; i < width; i++)
		value = value << 8 | packet->data[at + i];
	*ret_value = value;
	return true;
}

/* Loads into A; false ends the filter with 0. */
static bool load(struct machine *m, const struct sock_filter *insn, enum cbpf_kind kind)
{
	static const u8 widths[] = {4, 2, 1};
	u32 width = widths[BPF_SIZE(insn->code) >> 3 & 3];
	enum cbpf_ancillary ancillary = cbpf_ancillary(insn);

	if (kind == CBPF_SECCOMP) {
		m->a = load_u32(m->packet->data + insn->k);
		return true;
	}
	if (BPF_MODE(insn->code) == BPF_IND)
		return load_packet(m->packet, m->x + insn->k, width, &m->a);
	if (ancillary == CBPF_AD_COUNT)
		return load_packet(m->packet, insn->k, width, &m->a);
	if (ancillary == CBPF_AD_ALU_XOR_X) {
		m->a ^= m->x;
		return true;
	}
	m->a = m->packet->ancillary[ancillary];
	return ancillary != CBPF_AD_IFINDEX || m->a != 0;
}

static bool alu(struct machine *m, u8 op, u32 operand)
{
	switch (op) {
	case BPF_ADD: m->a += operand; return true;
	case BPF_SUB: m->a -= operand; return true;
	case BPF_MUL: m->a *= operand; return true;
	case BPF_DIV:
		if (operand)
			m->a /= operand;
		return operand != 0;
	case BPF_MOD:
		if (operand)
			m->a %= operand;
		return operand != 0;
	case BPF_OR: m->a |= operand; return true;
	case BPF_AND: m->a &= operand; return true;
	case BPF_XOR: m->a ^= operand; return true;
	case BPF_LSH: m->a <<= operand & 31; return true;
	case BPF_RSH: m->a >>= operand & 31; return true;
	default:
		m->a = -m->a; /* NEG */
		return true;
	}
}

static bool is_taken(u8 op, u32 a, u32 operand)
{
	switch (op) {
	case BPF_JEQ: return a == operand;
	case BPF_JGT: return a > operand;
	case BPF_JGE: return a >= operand;
	default: return (a & operand) != 0; /* JSET */
	}
}

/* Everything but jumps and returns; false ends the filter with 0. */
static bool step(struct machine *m, const struct sock_filter *insn, enum cbpf_kind kind)
{
	u32 size = kind == CBPF_SECCOMP ? sizeof(struct seccomp_data)
					: m->packet->size - m->packet->start;
	u32 byte;

	switch (cbpf_code(insn->code)) {
	case CBPF_LD_LEN: m->a = size; return true;
	case CBPF_LDX_LEN: m->x = size; return true;
	case CBPF_LD_IMM: m->a = insn->k; return true;
	case CBPF_LDX_IMM: m->x = insn->k; return true;
	case CBPF_LD_MEM: m->a = m->mem[insn->k]; return true;
	case CBPF_LDX_MEM: m->x = m->mem[insn->k]; return true;
	case CBPF_LDX_MSH:
		if (!load_packet(m->packet, insn->k, 1, &byte))
			return false;
		m->x = (byte & 0xf) << 2;
		return true;
	case CBPF_ST: m->mem[insn->k] = m->a; return true;
	case CBPF_STX: m->mem[insn->k] = m->x; return true;
	case CBPF_TAX: m->x = m->a; return true;
	case CBPF_TXA: m->a = m->x; return true;
	default:
		if (BPF_CLASS(insn->code) == BPF_ALU)
			return alu(m, BPF_OP(insn->code),
				BPF_SRC(insn->code) == BPF_X ? m->x : insn->k);
		return load(m, insn, kind);
	}
}

u32 cbpf_eval(const struct sock_filter *filter, u32 len, enum cbpf_kind kind,
	const struct cbpf_packet *packet)
{
	struct machine m = {.packet = packet};

	for (u32 pc = 0; pc < len; pc++) {
		const struct sock_filter *insn = &filter[pc];
		u32 operand = BPF_SRC(insn->code) == BPF_X ? m.x : insn->k;

		switch (BPF_CLASS(insn->code)) {
		case BPF_RET: return insn->code == (BPF_RET | BPF_A) ? m.a : insn->k;
		case BPF_JMP:
			if (BPF_OP(insn->code) == BPF_JA)
				pc += insn->k;
			else
				pc += is_taken(BPF_OP(insn->code), m.a, operand) ? insn->jt
										 : insn->jf;
			break;
		default:
			if (!step(&m, insn, kind))
				return 0;
		}
	}
	return 0; /* not reached: cbpf_check saw a return at the end */
}
