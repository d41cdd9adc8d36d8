// SPDX-License-Identifier: BSD-2-Clause
/* `hachi prog dump jited`: machine code of x86-64 decoded by Zydis, AT&T syntax as objdump has it.
 */
#include "cli/typed.h"
#include "cli/prog.h"

#include <Zydis/Zydis.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <stdio.h>

struct machine {
	struct words *w;
	const struct prog_code *code;
	ZydisDecoder decoder;
	ZydisFormatter formatter;
};

static void print_bytes(struct machine *m, const u8 *bytes, u32 count)
{
	if (m->w->is_json) {
		show_json_key(&m->w->json, "opcodes");
		show_json_bytes(&m->w->json, bytes, count);
		return;
	}
	printf("\n\t");
	for (u32 i = 0; i < count; i++)
		printf(i ? " %02x" : "%02x", bytes[i]);
}

/* Decodes one instruction; a byte that is none is shown as data. */
static u32 decode(
	struct machine *m, const u8 *bytes, u32 left, u64 address, char *text, size_t size)
{
	ZydisDecodedInstruction insn;
	ZydisDecodedOperand operands[ZYDIS_MAX_OPERAND_COUNT];

	if (ZYAN_SUCCESS(ZydisDecoderDecodeFull(&m->decoder, bytes, left, &insn, operands)) &&
		ZYAN_SUCCESS(ZydisFormatterFormatInstruction(&m->formatter, &insn, operands,
			insn.operand_count_visible, text, size, address, NULL)))
		return insn.length;
	snprintf(text, size, ".byte 0x%02x", bytes[0]);
	return 1;
}

static void print_one(struct machine *m, const u8 *bytes, u32 count, u32 offset, const char *text,
	const struct bpf_line_info *line)
{
	struct words *w = m->w;

	if (line && !w->is_json)
		cli_prog_print_line(w, m->code, line, "; ");
	if (w->is_json) {
		show_json_open(&w->json, '{');
		if (line)
			cli_prog_print_line(w, m->code, line, "");
		show_json_key(&w->json, "pc");
		show_json_raw(&w->json, "\"0x%x\"", offset);
		words_text(w, "operation", text);
		if (m->code->opcodes)
			print_bytes(m, bytes, count);
		show_json_close(&w->json, '}');
		return;
	}
	printf("%4x:\t%s", offset, text);
	if (m->code->opcodes)
		print_bytes(m, bytes, count);
	printf("\n");
}

static void print_function(struct machine *m, const u8 *image, u32 size, u64 address, u32 func)
{
	u32 seen = 0;

	for (u32 offset = 0; offset < size;) {
		const struct bpf_line_info *line = m->code->lines && address
			? bpf_prog_linfo__lfind_addr_func(
				  m->code->lines, address + offset, func, seen)
			: NULL;
		char text[256];
		u32 count = decode(
			m, image + offset, size - offset, address + offset, text, sizeof(text));

		if (line)
			seen++;
		print_one(m, image + offset, count, offset, text, line);
		offset += count;
	}
}

/* The name that the kernel's symbol table has for a function, made here for the user backend. */
static void symbol_name(
	struct machine *m, u32 func, u64 address, const char *func_name, char *buf, size_t size)
{
	const struct bpf_prog_info *info = &m->code->info;
	const u8(*tags)[BPF_TAG_SIZE] = (const void *)(uintptr_t)info->prog_tags;
	const struct ksym *sym = address ? ksyms_find(&m->code->syms, address) : NULL;
	char tag[2 * BPF_TAG_SIZE + 1];

	if (sym) {
		snprintf(buf, size, "%s", sym->name);
	} else if (m->w->h && tags && func < info->nr_prog_tags) {
		for (u32 i = 0; i < BPF_TAG_SIZE; i++)
			snprintf(tag + 2 * i, 3, "%02x", tags[func][i]);
		snprintf(buf, size, "bpf_prog_%s_%s", tag, *func_name ? func_name : "F");
	} else if (address) {
		snprintf(buf, size, "0x%016llx", (unsigned long long)address);
	} else {
		snprintf(buf, size, "unknown");
	}
}

static void print_names(struct machine *m, u32 func, u64 address)
{
	const struct bpf_prog_info *info = &m->code->info;
	const char *func_name = func == 0 ? info->name : "";
	struct strbuf signature = {0};
	const struct btf_type *type = NULL;
	char name[256];

	if (func < info->nr_func_info && m->code->btf) {
		const struct bpf_func_info *record = (const void *)(uintptr_t)(info->func_info +
			(u64)func * info->func_info_rec_size);

		type = btf__type_by_id(m->code->btf, record->type_id);
		typed_signature(m->code->btf, record->type_id, &signature);
	}
	if (type)
		func_name = btf__name_by_offset(m->code->btf, type->name_off);
	symbol_name(m, func, address, func_name, name, sizeof(name));
	if (m->w->is_json) {
		if (signature.len)
			words_text(m->w, "proto", strbuf_cstr(&signature));
		words_text(m->w, "name", name);
	} else {
		if (signature.len)
			printf("%s:\n", strbuf_cstr(&signature));
		printf("%s:\n", name);
	}
	strbuf_release(&signature);
}

static void print_functions(struct machine *m)
{
	const struct bpf_prog_info *info = &m->code->info;
	const u8 *image = (const void *)(uintptr_t)info->jited_prog_insns;
	const u8 *end = image + info->jited_prog_len;
	const u32 *sizes = (const void *)(uintptr_t)info->jited_func_lens;
	const u64 *addresses = (const void *)(uintptr_t)info->jited_ksyms;

	for (u32 i = 0; i < info->nr_jited_func_lens && image < end; i++) {
		u64 address = i < info->nr_jited_ksyms ? addresses[i] : 0;
		u32 size = MIN(sizes[i], (u32)(end - image));

		if (m->w->is_json)
			show_json_open(&m->w->json, '{');
		print_names(m, i, address);
		if (m->w->is_json) {
			show_json_key(&m->w->json, "insns");
			show_json_open(&m->w->json, '[');
		}
		print_function(m, image, size, address, i);
		if (m->w->is_json) {
			show_json_close(&m->w->json, ']');
			show_json_close(&m->w->json, '}');
		} else {
			printf("\n");
		}
		image += size;
	}
}

int cli_prog_print_machine_code(struct words *w, const struct prog_code *code)
{
	struct machine m = {.w = w, .code = code};
	const struct bpf_prog_info *info = &code->info;

#ifndef __x86_64__
	return words_error(w,
		"machine code of this processor cannot be decoded; write it with "
		"'file FILE' and use a disassembler of its own");
#endif
	ZydisDecoderInit(&m.decoder, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64);
	ZydisFormatterInit(&m.formatter, ZYDIS_FORMATTER_STYLE_ATT);
	if (w->is_json)
		show_json_open(&w->json, '[');
	if (info->nr_jited_func_lens && info->jited_func_lens)
		print_functions(&m);
	else
		print_function(&m, (const void *)(uintptr_t)info->jited_prog_insns,
			info->jited_prog_len, 0, 0);
	if (w->is_json)
		show_json_close(&w->json, ']');
	return 0;
}
