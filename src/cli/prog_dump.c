// SPDX-License-Identifier: BSD-2-Clause
/* `hachi prog dump`: the instructions of programs that exist, or of a program of a file. */
#include "base/alloc.h"
#include "base/str.h"
#include "cli/prog.h"

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

struct dump {
	bool is_jited, opcodes, linum, visual;
	const char *path;
};

/* ---- reading a program ---------------------------------------------------------------------- */

struct part {
	u32 bytes;
	u64 *pointer;
};

static int read_code(int fd, bool is_jited, struct prog_code *code)
{
	struct bpf_prog_info first = {0}, *info = &code->info;
	u32 len = sizeof(first);
	u64 total = 0;
	u8 *at;

	if (bpf_obj_get_info_by_fd(fd, &first, &len))
		return -errno;
	memset(info, 0, sizeof(*info));
	info->jited_prog_len = is_jited ? first.jited_prog_len : 0;
	info->xlated_prog_len = is_jited ? 0 : first.xlated_prog_len;
	info->nr_jited_ksyms = first.nr_jited_ksyms;
	info->nr_jited_func_lens = first.nr_jited_func_lens;
	info->nr_prog_tags = first.nr_prog_tags;
	info->nr_func_info = first.nr_func_info;
	info->func_info_rec_size = first.func_info_rec_size;
	info->nr_line_info = first.nr_line_info;
	info->line_info_rec_size = first.line_info_rec_size;
	info->nr_jited_line_info = first.nr_jited_line_info;
	info->jited_line_info_rec_size = first.jited_line_info_rec_size;

	const struct part parts[] = {
		{info->jited_prog_len, (u64 *)&info->jited_prog_insns},
		{info->xlated_prog_len, (u64 *)&info->xlated_prog_insns},
		{info->nr_jited_ksyms * 8, (u64 *)&info->jited_ksyms},
		{info->nr_jited_func_lens * 4, (u64 *)&info->jited_func_lens},
		{info->nr_prog_tags * 8, (u64 *)&info->prog_tags},
		{info->nr_func_info * info->func_info_rec_size, (u64 *)&info->func_info},
		{info->nr_line_info * info->line_info_rec_size, (u64 *)&info->line_info},
		{info->nr_jited_line_info * info->jited_line_info_rec_size,
			(u64 *)&info->jited_line_info},
	};

	for (u32 i = 0; i < ARRAY_SIZE(parts); i++)
		total += ALIGN_UP(parts[i].bytes, 8u);
	at = code->data = mem_zalloc(total + 8);
	if (!at)
		return -ENOMEM;
	for (u32 i = 0; i < ARRAY_SIZE(parts); i++) {
		*parts[i].pointer = parts[i].bytes ? (u64)(uintptr_t)at : 0;
		at += ALIGN_UP(parts[i].bytes, 8u);
	}
	len = sizeof(*info);
	return bpf_obj_get_info_by_fd(fd, info, &len) ? -errno : 0;
}

static void code_release(struct prog_code *code)
{
	bpf_prog_linfo__free(code->lines);
	btf__free(code->btf);
	mem_free(code->data);
	ksyms_release(&code->syms);
	memset(code, 0, sizeof(*code));
}

static int code_open(struct words *w, int fd, bool is_jited, struct prog_code *code)
{
	int err = read_code(fd, is_jited, code);

	if (err)
		return words_error_errno(w, err, "can't get prog info");
	if (is_jited && (!code->info.jited_prog_len || !code->info.jited_prog_insns)) {
		words_info(w, "no instructions returned");
		return WORDS_FAILED;
	}
	if (!is_jited && (!code->info.xlated_prog_len || !code->info.xlated_prog_insns))
		return words_error(w, "error retrieving insn dump: kernel.kptr_restrict set?");
	if (code->info.btf_id) {
		code->btf = btf__load_from_kernel_by_id(code->info.btf_id);
		if (!code->btf)
			return words_error(w, "failed to get btf");
	}
	if (code->info.nr_line_info && code->btf) {
		code->lines = bpf_prog_linfo__new(&code->info);
		if (!code->lines)
			words_info(w, "error in processing bpf_line_info.  continue without it.");
	}
	return 0;
}

/* ---- one program ---------------------------------------------------------------------------- */

static int write_file(struct words *w, const char *path, const void *data, u32 size)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600), err = 0;
	ssize_t n;

	if (fd < 0)
		return words_error(w, "can't open file %s: %s", path, strerror(errno));
	n = write(fd, data, size);
	if (n != (ssize_t)size)
		err = words_error(w, "error writing output file: %s",
			n < 0 ? strerror(errno) : "short write");
	close(fd);
	return err ? err : words_done(w);
}

static int dump_code(struct words *w, const struct dump *dump, struct prog_code *code)
{
	if (dump->path && dump->is_jited)
		return write_file(w, dump->path, (void *)(uintptr_t)code->info.jited_prog_insns,
			code->info.jited_prog_len);
	if (dump->path)
		return write_file(w, dump->path, (void *)(uintptr_t)code->info.xlated_prog_insns,
			code->info.xlated_prog_len);
	/* addresses of the user backend are none of the kernel's */
	if (!w->h && ksyms_load(&code->syms))
		return words_error(w, "%s", strerror(ENOMEM));
	if (dump->is_jited)
		return cli_prog_print_machine_code(w, code);
	if (dump->visual)
		return cli_prog_print_graph(w, code);
	cli_prog_print_insns(w, code);
	return 0;
}

static int dump_one(struct words *w, int fd, const struct dump *dump, bool has_header)
{
	struct prog_code code = {.opcodes = dump->opcodes, .linum = dump->linum};
	struct bpf_prog_info info = {0};
	u32 len = sizeof(info);
	int err = code_open(w, fd, dump->is_jited, &code);

	if (!err && has_header) {
		if (bpf_obj_get_info_by_fd(fd, &info, &len))
			err = words_error_errno(w, errno, "can't get prog info");
		if (w->is_json)
			show_json_open(&w->json, '{');
		if (!err)
			cli_prog_print_header(w, fd, &info);
		if (w->is_json)
			show_json_key(&w->json, "insns");
	}
	if (!err)
		err = dump_code(w, dump, &code);
	if (has_header && w->is_json)
		show_json_close(&w->json, '}');
	code_release(&code);
	return err;
}

/* ---- the command line ----------------------------------------------------------------------- */

static int parse_how(struct words *w, struct dump *dump, size_t programs)
{
	while (w->argc) {
		if (words_take(w, "file")) {
			dump->path = words_next(w);
			if (!dump->path)
				return words_error(w, "expected file path");
		} else if (words_take(w, "opcodes")) {
			dump->opcodes = true;
		} else if (words_take(w, "visual") && !dump->is_jited) {
			dump->visual = true;
		} else if (words_take(w, "linum")) {
			dump->linum = true;
		} else {
			return words_usage(w);
		}
	}
	if (programs > 1 && (dump->path || dump->visual))
		return words_error(w, "several programs matched");
	if (dump->path && (dump->opcodes || dump->visual || dump->linum))
		return words_error(
			w, "'file' is not compatible with 'opcodes', 'visual', or 'linum'");
	if (dump->visual && (dump->opcodes || dump->linum))
		return words_error(w, "'visual' is not compatible with 'opcodes' or 'linum'");
	if (dump->visual && w->is_json)
		return words_error(w, "'visual' is not compatible with JSON output");
	return 0;
}

static int unknown_stage(struct words *w, const char *stage)
{
	struct strbuf names = {0};
	const char *name;
	int err;

	for (u32 i = 0; (name = hachi_prog_dump_stage(i)); i++)
		strbuf_printf(&names, "%s%s", i ? " " : "", name);
	err = words_error(w, "--after %s: no such stage; there are %s", stage, strbuf_cstr(&names));
	strbuf_release(&names);
	return err;
}

/* The text of a stage; the caller frees it. */
static int stage_text(struct words *w, int fd, const char *stage, char **ret_text)
{
	long size = 64 << 10, len;
	char *text = NULL;

	for (;;) {
		mem_free(text);
		text = mem_zalloc((size_t)size);
		if (!text)
			return words_error(w, "%s", strerror(ENOMEM));
		len = hachi_prog_dump(w->h, fd, stage, text, (size_t)size);
		if (len != -ENOSPC && (len < 0 || len < size))
			break;
		size = len > size ? len + 1 : size * 4;
		if (size > 1l << 30)
			break;
	}
	if (len >= 0) {
		*ret_text = text;
		return 0;
	}
	mem_free(text);
	if (len == -EINVAL)
		return unknown_stage(w, stage);
	return words_error(w, "the program cannot be dumped: %s", strerror((int)-len));
}

static int print_stage(struct words *w, int fd, const char *name)
{
	char *text = NULL;
	int err = stage_text(w, fd, w->after, &text);

	if (err)
		return err;
	if (!w->is_json) {
		printf("%s", text);
	} else {
		show_json_open(&w->json, '{');
		words_text(w, "name", name);
		words_text(w, "after", w->after);
		show_json_key(&w->json, "lines");
		show_json_open(&w->json, '[');
		for (char *line = text; *line;) {
			char *end = line + strcspn(line, "\n");
			bool is_last = !*end;

			*end = 0;
			show_json_string(&w->json, line);
			line = end + !is_last;
		}
		show_json_close(&w->json, ']');
		show_json_close(&w->json, '}');
	}
	mem_free(text);
	return 0;
}

/* FILE NAME [--after STAGE] */
static int dump_file(struct words *w, struct dump *dump)
{
	const char *name = w->argv[1];
	struct load load = {0};
	int fd, err = cli_prog_load_file(w, &load, &fd);

	if (!err)
		err = parse_how(w, dump, 1);
	if (!err && w->after && !w->h)
		err = words_error(w, "--after needs the user backend: the kernel keeps no stages");
	if (!err)
		err = w->after ? print_stage(w, fd, name) : dump_one(w, fd, dump, false);
	load_close(&load);
	return err;
}

static int dump_objects(struct words *w, struct dump *dump)
{
	struct object_fds fds = {0};
	int err;

	if (w->after && words_open(w, WORDS_SYSTEM) == 0 && !w->h)
		return words_error(w, "--after needs the user backend: the kernel keeps no stages");
	err = object_parse_all(w, OBJECT_PROG, &fds);
	if (!err)
		err = parse_how(w, dump, fds.list.len);
	if (!err && w->is_json && fds.list.len > 1)
		show_json_open(&w->json, '[');
	for (size_t i = 0; !err && i < fds.list.len; i++) {
		err = w->after ? print_stage(w, fds.list.data[i], "")
			       : dump_one(w, fds.list.data[i], dump, fds.list.len > 1);
		if (!w->is_json && fds.list.len > 1 && i + 1 < fds.list.len)
			printf("\n");
	}
	if (!err && w->is_json && fds.list.len > 1)
		show_json_close(&w->json, ']');
	object_fds_release(&fds);
	return err;
}

int cli_prog_dump(struct words *w)
{
	struct dump dump = {0};
	bool has_kind = false;

	if (cli_prog_is_file(w))
		return dump_file(w, &dump);
	if (words_peek(w, "jited") || words_peek(w, "xlated")) {
		dump.is_jited = words_peek(w, "jited");
		has_kind = true;
		words_next(w);
	}
	if (has_kind && cli_prog_is_file(w))
		return dump_file(w, &dump);
	if (w->argc < 2)
		return words_usage(w);
	if (!has_kind && !w->after)
		return words_error(w, "expected 'xlated' or 'jited', got: %s", w->argv[0]);
	return dump_objects(w, &dump);
}
