// SPDX-License-Identifier: BSD-2-Clause
/*
 * Printing goes by opcode bits and not by the table's rows, because the verifier prints an
 * instruction before it checks it: fields that are reserved must come out as the kernel's printer
 * would show them.
 */
#include "isa/disasm.h"

#include "isa/spelling.h"

#include <stdio.h>

/* Everything that one line needs. */
struct line {
	const struct disasm_opts *opts;
	const struct insn *insn;
	size_t left;
	struct strbuf *out;
};

static const char *text_or_null(const char *text)
{
	return text ? text : "(null)";
}

static char register_letter(const struct insn *insn)
{
	u8 class = insn_class(insn);

	return class == BPF_ALU || class == BPF_JMP32 ? 'w' : 'r';
}

static const char *size_name(const struct insn *insn)
{
	return spelling_unsigned[BPF_SIZE(insn->op) >> 3];
}

static void print_opcode(const struct line *line)
{
	if (!line->opts->without_opcode)
		strbuf_printf(line->out, "(%02x) ", line->insn->op);
}

static void print_bug(const struct line *line, const char *kind)
{
	strbuf_printf(line->out, "BUG_%s%02x", kind, line->insn->op);
}

static const char *alu_sign(const struct insn *insn)
{
	u8 op = BPF_OP(insn->op);

	if ((op == BPF_DIV || op == BPF_MOD) && insn->off == 1)
		return spelling_alu_signed[op >> 4];
	return text_or_null(spelling_alu[op >> 4]);
}

static const char *movsx_cast(const struct insn *insn)
{
	if (BPF_OP(insn->op) != BPF_MOV)
		return "";
	switch (insn->off) {
	case 8: return "(s8)";
	case 16: return "(s16)";
	case 32: return "(s32)";
	default: return "";
	}
}

static void print_end(const struct line *line)
{
	const struct insn *insn = line->insn;
	const char *name = BPF_SRC(insn->op) == BPF_TO_BE ? "be" : "le";

	if (insn_class(insn) == BPF_ALU64)
		name = "bswap";
	strbuf_printf(line->out, "r%d = %s%d r%d", insn->dst, name, insn->imm, insn->dst);
}

static void print_alu(const struct line *line)
{
	const struct insn *insn = line->insn;
	bool is_mov64_reg = insn->op == (BPF_ALU64 | BPF_MOV | BPF_X);
	char r = register_letter(insn);

	print_opcode(line);
	if (BPF_OP(insn->op) == BPF_END)
		print_end(line);
	else if (BPF_OP(insn->op) == BPF_NEG)
		strbuf_printf(line->out, "%c%d = -%c%d", r, insn->dst, r, insn->dst);
	else if (is_mov64_reg && insn->off == INSN_ADDR_SPACE_CAST)
		strbuf_printf(line->out, "r%d = addr_space_cast(r%d, %d, %d)", insn->dst, insn->src,
			(u32)insn->imm >> 16, (u16)insn->imm);
	else if (is_mov64_reg && insn->off == INSN_PERCPU_ADDR)
		strbuf_printf(line->out, "r%d = &(void __percpu *)(r%d)", insn->dst, insn->src);
	else if (line->opts->is_lossless && insn->op == (BPF_ALU | BPF_MOV | BPF_X) &&
		insn->imm == 1)
		strbuf_printf(line->out, "w%d = zext(w%d)", insn->dst, insn->src);
	else if (BPF_SRC(insn->op) == BPF_X)
		strbuf_printf(line->out, "%c%d %s %s%c%d", r, insn->dst, alu_sign(insn),
			movsx_cast(insn), r, insn->src);
	else
		strbuf_printf(line->out, "%c%d %s %d", r, insn->dst, alu_sign(insn), insn->imm);
}

/* `mode` has an internal meaning that only the lossless notation shows. */
static bool print_internal(const struct line *line, u8 mode, const char *word)
{
	if (!line->opts->is_lossless || BPF_MODE(line->insn->op) != mode)
		return false;
	print_opcode(line);
	strbuf_printf(line->out, "%s ", word);
	return true;
}

static void print_ldx(const struct line *line)
{
	const struct insn *insn = line->insn;
	u8 mode = BPF_MODE(insn->op), size = BPF_SIZE(insn->op) >> 3;
	const char *name;

	if (mode == BPF_MEM || mode == INSN_MEMSX) {
		print_opcode(line);
	} else if (!print_internal(line, INSN_PROBE_MEM, "probe") &&
		!print_internal(line, INSN_PROBE_MEMSX, "probe") &&
		!print_internal(line, INSN_PROBE_MEM32, "arena") &&
		!print_internal(line, INSN_PROBE_MEM32SX, "arena")) {
		print_bug(line, "ldx_");
		return;
	}
	name = mode == BPF_MEM || mode == INSN_PROBE_MEM || mode == INSN_PROBE_MEM32
		? spelling_unsigned[size]
		: spelling_signed[size];
	strbuf_printf(line->out, "r%d = *(%s *)(r%d %+d)", insn->dst, text_or_null(name), insn->src,
		insn->off);
}

static void print_st(const struct line *line)
{
	const struct insn *insn = line->insn;

	if (BPF_MODE(insn->op) == INSN_NOSPEC) {
		print_opcode(line);
		strbuf_puts(line->out, "nospec");
		return;
	}
	if (BPF_MODE(insn->op) == BPF_MEM)
		print_opcode(line);
	else if (!print_internal(line, INSN_PROBE_MEM32, "arena")) {
		print_bug(line, "st_");
		return;
	}
	strbuf_printf(line->out, "*(%s *)(r%d %+d) = %d", size_name(insn), insn->dst, insn->off,
		insn->imm);
}

static void print_atomic(const struct line *line)
{
	const struct insn *insn = line->insn;
	const char *wide = BPF_SIZE(insn->op) == BPF_DW ? "64" : "";
	const char *size = size_name(insn);
	u8 op = BPF_OP(insn->imm) >> 4;

	if (insn->imm == BPF_XCHG)
		strbuf_printf(line->out, "r%d = atomic%s_xchg((%s *)(r%d %+d), r%d)", insn->src,
			wide, size, insn->dst, insn->off, insn->src);
	else if (insn->imm == BPF_CMPXCHG)
		strbuf_printf(line->out, "r0 = atomic%s_cmpxchg((%s *)(r%d %+d), r0, r%d)", wide,
			size, insn->dst, insn->off, insn->src);
	else if (insn->imm == INSN_LOAD_ACQ)
		strbuf_printf(line->out, "r%d = load_acquire((%s *)(r%d %+d))", insn->dst, size,
			insn->src, insn->off);
	else if (insn->imm == INSN_STORE_REL)
		strbuf_printf(line->out, "store_release((%s *)(r%d %+d), r%d)", size, insn->dst,
			insn->off, insn->src);
	else if (insn->imm & BPF_FETCH)
		strbuf_printf(line->out, "r%d = atomic%s_fetch_%s((%s *)(r%d %+d), r%d)", insn->src,
			wide, spelling_atomic[op], size, insn->dst, insn->off, insn->src);
	else
		strbuf_printf(line->out, "lock *(%s *)(r%d %+d) %s r%d", size, insn->dst, insn->off,
			spelling_alu[op], insn->src);
}

static bool is_atomic_imm(s32 imm)
{
	if (imm == BPF_XCHG || imm == BPF_CMPXCHG || imm == INSN_LOAD_ACQ || imm == INSN_STORE_REL)
		return true;
	return (imm & ~(0xf0 | BPF_FETCH)) == 0 && spelling_atomic[BPF_OP(imm) >> 4];
}

static void print_stx(const struct line *line)
{
	const struct insn *insn = line->insn;
	u8 mode = BPF_MODE(insn->op);

	if (mode == BPF_MEM) {
		print_opcode(line);
	} else if (mode == BPF_ATOMIC && is_atomic_imm(insn->imm)) {
		print_opcode(line);
		print_atomic(line);
		return;
	} else if (is_atomic_imm(insn->imm) && print_internal(line, INSN_PROBE_ATOMIC, "arena")) {
		print_atomic(line);
		return;
	} else if (!print_internal(line, INSN_PROBE_MEM32, "arena")) {
		print_bug(line, "");
		return;
	}
	strbuf_printf(line->out, "*(%s *)(r%d %+d) = r%d", size_name(insn), insn->dst, insn->off,
		insn->src);
}

const char *disasm_imm_pseudo(void *ctx, const struct insn *insn, u64 imm64, char *buf, size_t size)
{
	u32 low = (u32)imm64, high = imm64 >> 32;

	switch (insn->src) {
	case BPF_PSEUDO_MAP_FD: snprintf(buf, size, "map[id:%u]", low); break;
	case BPF_PSEUDO_MAP_VALUE: snprintf(buf, size, "map[id:%u][0]+%u", low, high); break;
	case BPF_PSEUDO_MAP_IDX: snprintf(buf, size, "map[idx:%u]", low); break;
	case BPF_PSEUDO_MAP_IDX_VALUE: snprintf(buf, size, "map[idx:%u]+%u", low, high); break;
	case BPF_PSEUDO_FUNC: snprintf(buf, size, "subprog[%+d]", (s32)low); break;
	case BPF_PSEUDO_BTF_ID: snprintf(buf, size, "btf[%u,obj:%u]", low, high); break;
	default: return NULL;
	}
	return buf;
}

static bool is_pointer_imm(const struct insn *insn)
{
	return insn->src == BPF_PSEUDO_MAP_FD || insn->src == BPF_PSEUDO_MAP_VALUE ||
		insn->src == BPF_PSEUDO_MAP_IDX || insn->src == BPF_PSEUDO_MAP_IDX_VALUE ||
		insn->src == BPF_PSEUDO_BTF_ID;
}

static void print_ld_imm64(const struct line *line)
{
	const struct disasm_opts *opts = line->opts;
	const struct insn *insn = line->insn;
	u64 imm64 = insn_imm64(insn);
	const char *name = NULL;
	char buf[128];

	if (opts->hides_pointers && is_pointer_imm(insn))
		imm64 = 0;
	if (opts->imm_name)
		name = opts->imm_name(opts->ctx, insn, imm64, buf, sizeof(buf));
	/* A subprogram is a distance, one word, whatever its second slot holds. */
	if (!name && opts->is_lossless && !(insn->src == BPF_PSEUDO_FUNC && insn[1].imm) &&
		!((insn->src == BPF_PSEUDO_MAP_FD || insn->src == BPF_PSEUDO_MAP_IDX) &&
			insn[1].imm))
		name = disasm_imm_pseudo(NULL, insn, imm64, buf, sizeof(buf));
	print_opcode(line);
	strbuf_printf(line->out, "r%d = ", insn->dst);
	if (name)
		strbuf_puts(line->out, name);
	else
		strbuf_printf(line->out, "0x%llx%s", (unsigned long long)imm64,
			opts->is_lossless ? " ll" : "");
}

static void print_ld(const struct line *line)
{
	const struct insn *insn = line->insn;
	u8 mode = BPF_MODE(insn->op);

	if (mode == BPF_ABS) {
		print_opcode(line);
		strbuf_printf(line->out, "r0 = *(%s *)skb[%d]", size_name(insn), insn->imm);
	} else if (mode == BPF_IND) {
		print_opcode(line);
		strbuf_printf(line->out, "r0 = *(%s *)skb[r%d + %d]", size_name(insn), insn->src,
			insn->imm);
	} else if (insn_is_ld_imm64(insn) && line->left >= 2) {
		print_ld_imm64(line);
	} else {
		print_bug(line, "ld_");
	}
}

static void print_call(const struct line *line)
{
	const struct disasm_opts *opts = line->opts;
	const struct insn *insn = line->insn;
	const char *name = insn->src == 0 ? spelling_helper(insn->imm) : NULL;
	char buf[128];

	print_opcode(line);
	if (opts->is_lossless && BPF_SRC(insn->op) == BPF_X) {
		strbuf_printf(line->out, "callx r%d", insn->dst);
		return;
	}
	if (!name && opts->call_name)
		name = opts->call_name(opts->ctx, insn, buf, sizeof(buf));
	if (insn->src == INSN_PSEUDO_CALL) {
		strbuf_puts(line->out, "call pc");
		if (name)
			strbuf_puts(line->out, name);
		else
			strbuf_printf(line->out, "%+d", insn->imm);
		return;
	}
	if (!name)
		name = insn->src == INSN_PSEUDO_KFUNC_CALL ? "kernel-function" : "unknown";
	strbuf_printf(line->out, "call %s#%d", name, insn->imm);
	if (opts->is_lossless && insn->src == INSN_PSEUDO_KFUNC_CALL && insn->off)
		strbuf_printf(line->out, " off=%d", insn->off);
}

static void print_jump(const struct line *line)
{
	const struct insn *insn = line->insn;
	const char *sign = text_or_null(spelling_jump[BPF_OP(insn->op) >> 4]);
	char r = register_letter(insn);

	if (BPF_OP(insn->op) == BPF_CALL) {
		print_call(line);
		return;
	}
	print_opcode(line);
	if (insn->op == (BPF_JMP | BPF_JA))
		strbuf_printf(line->out, "goto pc%+d", insn->off);
	else if (insn->op == (BPF_JMP | INSN_JCOND) && insn->src == INSN_MAY_GOTO)
		strbuf_printf(line->out, "may_goto pc%+d", insn->off);
	else if (insn->op == (BPF_JMP32 | BPF_JA))
		strbuf_printf(line->out, "gotol pc%+d", insn->imm);
	else if (insn->op == (BPF_JMP | BPF_EXIT))
		strbuf_puts(line->out, "exit");
	else if (BPF_SRC(insn->op) == BPF_X)
		strbuf_printf(line->out, "if %c%d %s %c%d goto pc%+d", r, insn->dst, sign, r,
			insn->src, insn->off);
	else
		strbuf_printf(line->out, "if %c%d %s 0x%x goto pc%+d", r, insn->dst, sign,
			(u32)insn->imm, insn->off);
}

size_t disasm_insn(
	const struct disasm_opts *opts, const struct insn *insn, size_t left, struct strbuf *out)
{
	static const struct disasm_opts plain;
	struct line line = {opts ? opts : &plain, insn, left, out};

	switch (insn_class(insn)) {
	case BPF_ALU:
	case BPF_ALU64: print_alu(&line); break;
	case BPF_STX: print_stx(&line); break;
	case BPF_ST: print_st(&line); break;
	case BPF_LDX: print_ldx(&line); break;
	case BPF_LD: print_ld(&line); break;
	default: print_jump(&line); break;
	}
	return insn_is_ld_imm64(insn) && left >= 2 ? 2 : 1;
}

void disasm_program(
	const struct disasm_opts *opts, const struct insn *insns, size_t count, struct strbuf *out)
{
	for (size_t i = 0; i < count;) {
		strbuf_printf(out, "%4zu: ", i);
		i += disasm_insn(opts, insns + i, count - i, out);
		strbuf_putc(out, '\n');
	}
}
