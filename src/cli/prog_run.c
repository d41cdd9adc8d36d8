// SPDX-License-Identifier: BSD-2-Clause
/* `hachi prog run`: one program on given bytes, through BPF_PROG_TEST_RUN of either backend. */
#include "base/alloc.h"
#include "cli/prog.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <stdio.h>
#include <stdlib.h>

#define DEFAULT_OUT	(32u << 10)
#define ENOTSUPP_KERNEL 524 /* which libc does not name */

struct buffer {
	const char *in_path, *out_path;
	u8 *in, *out; /* owned */
	u32 in_size, out_size;
};

struct run {
	struct buffer data, ctx;
	u32 repeat;
};

/* ---- bytes in ------------------------------------------------------------------------------- */

static int read_bytes(struct words *w, struct buffer *b)
{
	FILE *f = strcmp(b->in_path, "-") == 0 ? stdin : fopen(b->in_path, "re");
	size_t cap = 4096, len = 0, n;
	bool failed;
	u8 *grown;

	if (!f)
		return words_error(w, "failed to open %s: %s", b->in_path, strerror(errno));
	b->in = mem_alloc(cap);
	while (b->in && (n = fread(b->in + len, 1, cap - len, f)) > 0) {
		len += n;
		if (len < cap)
			continue;
		grown = cap < UINT32_MAX / 2 ? mem_realloc(b->in, cap * 2) : NULL;
		if (!grown)
			break;
		b->in = grown;
		cap *= 2;
	}
	failed = ferror(f);
	if (f != stdin)
		fclose(f);
	if (failed)
		return words_error(w, "failed to read data_in/ctx_in from %s: %s", b->in_path,
			strerror(errno));
	if (!b->in || len == cap)
		return words_error(w, "%s: too much for data_in/ctx_in", b->in_path);
	b->in_size = (u32)len;
	return 0;
}

static int prepare(struct words *w, struct buffer *b)
{
	if (!b->in_path)
		return 0;
	if (read_bytes(w, b))
		return WORDS_FAILED;
	if (!b->out_size)
		b->out_size = DEFAULT_OUT;
	b->out = mem_zalloc(b->out_size);
	return b->out ? 0 : words_error(w, "failed to allocate memory for output data/ctx");
}

/* ---- bytes out ------------------------------------------------------------------------------ */

static void print_dump(const u8 *bytes, u32 size)
{
	for (u32 i = 0; i < size; i += 16) {
		printf("%07x\t", i);
		for (u32 j = i; j < i + 16; j++) {
			if (j < size)
				printf("%02x", bytes[j]);
			else
				printf("  ");
			if (j % 2)
				putchar(' ');
		}
		printf("| ");
		for (u32 j = i; j < i + 16 && j < size; j++) {
			putchar(bytes[j] < ' ' || bytes[j] > '~' ? '.' : bytes[j]);
			if (j == i + 7)
				putchar(' ');
		}
		putchar('\n');
	}
}

static int write_bytes(struct words *w, const struct buffer *b, u32 size, const char *key)
{
	size_t written;
	FILE *f;

	if (!b->out_path || !size)
		return 0;
	if (strcmp(b->out_path, "-") == 0 && !w->is_json) {
		print_dump(b->out, size);
		return 0;
	}
	if (strcmp(b->out_path, "-") == 0) {
		show_json_key(&w->json, key);
		show_json_open(&w->json, '[');
		for (u32 i = 0; i < size; i++)
			show_json_u64(&w->json, b->out[i]);
		show_json_close(&w->json, ']');
		return 0;
	}
	f = fopen(b->out_path, "we");
	if (!f)
		return words_error(w, "failed to open %s: %s", b->out_path, strerror(errno));
	written = fwrite(b->out, 1, size, f);
	if (fclose(f) || written != size)
		return words_error(w, "failed to write output data/ctx: %s", strerror(errno));
	return 0;
}

static int run_fd(struct words *w, int fd, struct run *run)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = run->data.in, .data_out = run->data.out,
		.data_size_in = run->data.in_size, .data_size_out = run->data.out_size,
		.ctx_in = run->ctx.in, .ctx_out = run->ctx.out, .ctx_size_in = run->ctx.in_size,
		.ctx_size_out = run->ctx.out_size, .repeat = (int)run->repeat);
	int err;

	if (bpf_prog_test_run_opts(fd, &opts)) {
		if (w->h && errno == ENOTSUPP_KERNEL)
			return words_error(w,
				"failed to run program: a program of its type has no "
				"test run; `hachi run` attaches it");
		return words_error_errno(w, errno, "failed to run program");
	}
	if (w->is_json)
		show_json_open(&w->json, '{');
	/* a file that cannot be written does not hide the result */
	err = write_bytes(w, &run->data, opts.data_size_out, "data_out");
	if (write_bytes(w, &run->ctx, opts.ctx_size_out, "ctx_out"))
		err = WORDS_FAILED;
	if (w->is_json) {
		words_u64(w, "retval", opts.retval);
		words_u64(w, "duration", opts.duration);
		show_json_close(&w->json, '}');
	} else {
		printf("Return value: %u, duration%s: %uns\n", opts.retval,
			run->repeat > 1 ? " (average)" : "", opts.duration);
	}
	return err;
}

/* ---- the command line ----------------------------------------------------------------------- */

static int check_ambiguous(struct words *w, const char *const *names, u32 count)
{
	struct strbuf text = {0};
	u32 matches = 0;

	strbuf_printf(&text, "ambiguous prefix: '%s' could be '", w->argv[0]);
	for (u32 i = 0; i < count; i++)
		if (words_prefix(w->argv[0], names[i]))
			strbuf_printf(&text, matches++ ? "' or '%s" : "%s", names[i]);
	if (matches > 1)
		words_error(w, "%s'", strbuf_cstr(&text));
	strbuf_release(&text);
	return matches > 1 ? WORDS_FAILED : 0;
}

static int parse_argument(struct words *w, struct run *run)
{
	static const char *const data[] = {"data_in", "data_out", "data_size_out"};
	static const char *const ctx[] = {"ctx_in", "ctx_out", "ctx_size_out"};
	const char **path = NULL;

	if (check_ambiguous(w, data, 3) || check_ambiguous(w, ctx, 3))
		return WORDS_FAILED;
	if (words_take(w, "data_in"))
		path = &run->data.in_path;
	else if (words_take(w, "data_out"))
		path = &run->data.out_path;
	else if (words_take(w, "ctx_in"))
		path = &run->ctx.in_path;
	else if (words_take(w, "ctx_out"))
		path = &run->ctx.out_path;
	else if (words_take(w, "data_size_out"))
		return words_u32(w, "output data size", &run->data.out_size);
	else if (words_take(w, "ctx_size_out"))
		return words_u32(w, "output context size", &run->ctx.out_size);
	else if (words_take(w, "repeat"))
		return words_u32(w, "repeat number", &run->repeat);
	else
		return words_error(w,
			"expected no more arguments, 'data_in', 'data_out', 'data_size_out', "
			"'ctx_in', 'ctx_out', 'ctx_size_out' or 'repeat', got: '%s'?",
			w->argv[0]);
	if (!words_need(w, 1))
		return WORDS_FAILED;
	*path = words_next(w);
	if (run->data.in_path && run->ctx.in_path && strcmp(run->data.in_path, "-") == 0 &&
		strcmp(run->ctx.in_path, "-") == 0)
		return words_error(w, "cannot use standard input for both data_in and ctx_in");
	return 0;
}

int cli_prog_run(struct words *w)
{
	struct run run = {.repeat = 1};
	struct load load = {0};
	bool is_file = cli_prog_is_file(w);
	int fd = -1, err = 0;

	if (!is_file && !words_need(w, 4))
		return WORDS_FAILED;
	if (is_file)
		err = cli_prog_load_file(w, &load, &fd);
	else
		fd = object_parse(w, OBJECT_PROG);
	if (fd < 0)
		err = WORDS_FAILED;
	while (!err && w->argc)
		err = parse_argument(w, &run);
	if (!err)
		err = prepare(w, &run.data);
	if (!err)
		err = prepare(w, &run.ctx);
	if (!err)
		err = run_fd(w, fd, &run);
	mem_free(run.data.in);
	mem_free(run.data.out);
	mem_free(run.ctx.in);
	mem_free(run.ctx.out);
	if (!is_file)
		object_close(w, fd);
	load_close(&load);
	return err;
}
