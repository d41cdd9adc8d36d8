// SPDX-License-Identifier: BSD-2-Clause
/* A program's instructions in bpftool's notation, with functions and lines of source. */
#include "cli/typed.h"
#include "cli/prog.h"
#include "isa/disasm.h"

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <ctype.h>
#include <stdio.h>

static const u64 *jited_addresses(const struct prog_code *code)
{
	return (const u64 *)(uintptr_t)code->info.jited_ksyms;
}

static const char *call_name(void *ctx, const struct insn *insn, char *buf, size_t size)
{
	const struct prog_code *code = ctx;
	u64 address = code->syms.call_base + (s64)insn->imm;
	const struct ksym *sym;

	if (insn->src != BPF_PSEUDO_CALL) {
		sym = ksyms_find(&code->syms, address);
		if (sym)
			snprintf(buf, size, "%s", sym->name);
		else
			snprintf(buf, size, "0x%llx", (unsigned long long)address);
		return buf;
	}
	/* an interpreted program, or the user backend: no addresses of functions */
	if ((u32)insn->imm >= code->info.nr_jited_ksyms) {
		snprintf(buf, size, "%+d", insn->off);
		return buf;
	}
	address = jited_addresses(code)[insn->imm];
	sym = ksyms_find(&code->syms, address);
	if (sym)
		snprintf(buf, size, "%+d#%s", insn->off, sym->name);
	else
		snprintf(buf, size, "%+d#0x%llx", insn->off, (unsigned long long)address);
	return buf;
}

static const char *imm_name(void *ctx, const struct insn *insn, u64 imm64, char *buf, size_t size)
{
	(void)ctx;
	switch (insn->src) {
	case BPF_PSEUDO_MAP_FD:
	case BPF_PSEUDO_MAP_VALUE:
	case BPF_PSEUDO_MAP_IDX_VALUE:
	case BPF_PSEUDO_FUNC: return disasm_imm_pseudo(NULL, insn, imm64, buf, size);
	default: return NULL;
	}
}

size_t cli_prog_insn_text(
	const struct prog_code *code, const struct insn *insn, size_t left, struct strbuf *out)
{
	struct disasm_opts opts = {
		.call_name = call_name,
		.imm_name = imm_name,
		.ctx = (void *)(uintptr_t)code,
	};

	return disasm_insn(&opts, insn, left, out);
}

void cli_prog_signature_at(const struct prog_code *code, u32 insn, u32 *index, struct strbuf *out)
{
	const struct bpf_func_info *func;

	if (!code->btf || *index >= code->info.nr_func_info)
		return;
	func = (const void *)(uintptr_t)(code->info.func_info +
		(u64)*index * code->info.func_info_rec_size);
	if (func->insn_off != insn)
		return;
	typed_signature(code->btf, func->type_id, out);
	++*index;
}

const struct bpf_line_info *cli_prog_line_at(const struct prog_code *code, u32 insn, u32 *seen)
{
	const struct bpf_line_info *line =
		code->lines ? bpf_prog_linfo__lfind(code->lines, insn, *seen) : NULL;

	if (line)
		++*seen;
	return line;
}

void cli_prog_print_line(struct words *w, const struct prog_code *code,
	const struct bpf_line_info *line, const char *prefix)
{
	const char *text = btf__name_by_offset(code->btf, line->line_off);
	const char *file = btf__name_by_offset(code->btf, line->file_name_off);
	u32 number = BPF_LINE_INFO_LINE_NUM(line->line_col);
	u32 column = BPF_LINE_INFO_LINE_COL(line->line_col);

	while (text && isspace((unsigned char)*text))
		text++;
	if (w->is_json) {
		if (text)
			words_text(w, "src", text);
		if (code->linum && file)
			words_text(w, "file", file);
		if (code->linum && number)
			words_u64(w, "line_num", number);
		if (code->linum && column)
			words_u64(w, "line_col", column);
	} else if (text && code->linum) {
		printf("%s%s [file:%s line_num:%u line_col:%u]\n", prefix, text, file ? file : "",
			number, column);
	} else if (text) {
		printf("%s%s\n", prefix, text);
	}
}

static void print_opcodes_json(struct words *w, const struct insn *insn, bool is_wide)
{
	show_json_key(&w->json, "opcodes");
	show_json_open(&w->json, '{');
	show_json_key(&w->json, "code");
	show_json_raw(&w->json, "\"0x%02x\"", insn->op);
	show_json_key(&w->json, "src_reg");
	show_json_raw(&w->json, "\"0x%x\"", insn->src);
	show_json_key(&w->json, "dst_reg");
	show_json_raw(&w->json, "\"0x%x\"", insn->dst);
	show_json_key(&w->json, "off");
	show_json_bytes(&w->json, &insn->off, 2);
	show_json_key(&w->json, "imm");
	show_json_bytes(&w->json, &insn->imm, is_wide ? 12 : 4);
	show_json_close(&w->json, '}');
}

static void print_opcodes(const struct insn *insn, bool is_wide)
{
	printf("       ");
	words_hex(insn, 8, " ");
	if (is_wide) {
		printf(" ");
		words_hex(insn + 1, 8, " ");
	}
	printf("\n");
}

static void print_insn(struct words *w, const struct prog_code *code, const struct insn *insn,
	u32 index, const char *text, const char *signature, const struct bpf_line_info *line,
	bool is_wide)
{
	if (w->is_json) {
		show_json_open(&w->json, '{');
		if (*signature)
			words_text(w, "proto", signature);
		if (line)
			cli_prog_print_line(w, code, line, "");
		words_text(w, "disasm", text);
		if (code->opcodes)
			print_opcodes_json(w, insn, is_wide);
		show_json_close(&w->json, '}');
		return;
	}
	if (*signature)
		printf("%s:\n", signature);
	if (line)
		cli_prog_print_line(w, code, line, "; ");
	printf("%4u: %s\n", index, text);
	if (code->opcodes)
		print_opcodes(insn, is_wide);
}

void cli_prog_print_insns(struct words *w, const struct prog_code *code)
{
	const struct insn *insns = (const void *)(uintptr_t)code->info.xlated_prog_insns;
	u32 count = code->info.xlated_prog_len / sizeof(*insns), func = 0, line = 0;
	struct strbuf text = {0}, signature = {0};

	if (w->is_json)
		show_json_open(&w->json, '[');
	for (u32 i = 0; i < count;) {
		u32 width;

		strbuf_reset(&text);
		strbuf_reset(&signature);
		cli_prog_signature_at(code, i, &func, &signature);
		width = (u32)cli_prog_insn_text(code, insns + i, count - i, &text);
		print_insn(w, code, insns + i, i, strbuf_cstr(&text), strbuf_cstr(&signature),
			cli_prog_line_at(code, i, &line), width == 2);
		i += width;
	}
	if (w->is_json)
		show_json_close(&w->json, ']');
	strbuf_release(&text);
	strbuf_release(&signature);
}
