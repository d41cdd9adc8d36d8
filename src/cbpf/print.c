// SPDX-License-Identifier: BSD-2-Clause
/* The three formats of tcpdump -d, to the byte. */
#include "cbpf/cbpf.h"

#include <stdio.h>

enum operand { NONE, ABS, IND, LEN, HEX, DECIMAL, MEM, MSH, TARGET, X, CODE };

static const struct {
	const char *name;
	enum operand operand;
} codes[CBPF_CODE_COUNT + 1] = {
#define CBPF(id, code, name, operand, seccomp) {name, operand},
#include "cbpf/codes.def"
	{"unimp", CODE},
};

static const char *const ancillary_names[CBPF_AD_COUNT] = {
#define ANCILLARY(id, offset, name, how, detail) [CBPF_AD_##id] = name,
#include "cbpf/ancillary.def"
};

static void print_operand(
	const struct sock_filter *insn, u32 index, enum operand operand, char *buf, size_t size)
{
	enum cbpf_ancillary ancillary = cbpf_ancillary(insn);
	s32 k = (s32)insn->k;

	buf[0] = '\0';
	switch (operand) {
	case NONE: break;
	case ABS:
		if (ancillary != CBPF_AD_COUNT)
			snprintf(buf, size, "[%s]", ancillary_names[ancillary]);
		else
			snprintf(buf, size, "[%d]", k);
		break;
	case IND: snprintf(buf, size, "[x + %d]", k); break;
	case LEN: snprintf(buf, size, "#pktlen"); break;
	case HEX: snprintf(buf, size, "#0x%x", insn->k); break;
	case DECIMAL: snprintf(buf, size, "#%d", k); break;
	case MEM: snprintf(buf, size, "M[%d]", k); break;
	case MSH: snprintf(buf, size, "4*([%d]&0xf)", k); break;
	case TARGET: snprintf(buf, size, "%d", (s32)(index + 1 + insn->k)); break;
	case X: snprintf(buf, size, "x"); break;
	case CODE: snprintf(buf, size, "0x%x", insn->code); break;
	}
}

void cbpf_print_insn(const struct sock_filter *insn, u32 index, struct strbuf *out)
{
	enum cbpf_code code = cbpf_code(insn->code);
	char operand[32];

	print_operand(insn, index, codes[code].operand, operand, sizeof(operand));
	if (BPF_CLASS(insn->code) == BPF_JMP && BPF_OP(insn->code) != BPF_JA)
		strbuf_printf(out, "(%03u) %-8s %-16s jt %u\tjf %u", index, codes[code].name,
			operand, index + 1 + insn->jt, index + 1 + insn->jf);
	else
		strbuf_printf(out, "(%03u) %-8s %s", index, codes[code].name, operand);
}

void cbpf_print(
	const struct sock_filter *filter, u32 len, enum cbpf_style style, struct strbuf *out)
{
	if (style == CBPF_DECIMAL)
		strbuf_printf(out, "%u\n", len);
	for (u32 i = 0; i < len; i++) {
		const struct sock_filter *insn = &filter[i];

		switch (style) {
		case CBPF_TEXT:
			cbpf_print_insn(insn, i, out);
			strbuf_putc(out, '\n');
			break;
		case CBPF_C:
			strbuf_printf(out, "{ 0x%x, %u, %u, 0x%08x },\n", insn->code, insn->jt,
				insn->jf, insn->k);
			break;
		case CBPF_DECIMAL:
			strbuf_printf(
				out, "%u %u %u %u\n", insn->code, insn->jt, insn->jf, insn->k);
			break;
		}
	}
}
