// SPDX-License-Identifier: BSD-2-Clause
/*
 * `hachi batch`: commands of a file, a line each, on one backend. On the user backend they share
 * one instance: what a line loads and pins the next ones find.
 */
#include "cli/types_dump.h"
#include "cli/map.h"
#include "cli/prog.h"

#include <stdio.h>
#include <stdlib.h>

#define WORDS_MAX 256

static const char help_text[] =
	"Usage: hachi batch file FILE\n"
	"\n"
	"Runs the commands of FILE (- = standard input), one a line: prog, map, link and btf in\n"
	"the words of their --help. A line that ends with \\ goes on; what follows # is a remark.\n"
	"The first failure ends it.\n"
	"\n"
	"  -j, --json            JSON: each command with its output\n"
	"  -p, --pretty          JSON over several lines\n"
	"  -f, --bpffs           show where objects are pinned\n"
	"  -n, --nomount         never mount a BPF file system\n"
	"  -d, --debug           what libbpf and the verifier say\n"
	"      --backend NAME    user, kernel or auto (as the first command would choose)\n"
	"      --pin-dir DIR     the user backend pins below DIR instead of in memory\n"
	"      --engine NAME     interp or jit (user backend)\n"
	"      --harden WHICH    machine code of off, unprivileged or all programs (user backend)\n"
	"      --kernel VERSION  judge as this kernel does: 5.15, 6.1, 6.12, 6.18 (user backend)\n"
	"  -h, --help\n"
	"\n"
	"On the user backend all lines share one instance, so that objects outlive a line:\n"
	"\n"
	"  printf '%s\\n' 'prog load xdp.bpf.o /sys/fs/bpf/xdp' 'prog list' \\\n"
	"      'prog dump xlated pinned /sys/fs/bpf/xdp' | hachi batch --backend user file -\n";

static const struct words_noun *const nouns[] = {
	&cli_prog_noun,
	&cli_map_noun,
	&cli_link_noun,
	&cli_btf_noun,
};

/* Cuts a line into words, quotes taken off; the count, or WORDS_FAILED. */
static int split(struct words *w, char *line, char **argv, u32 line_number)
{
	int count = 0;

	for (;;) {
		char *end;

		line += strspn(line, " \t\r\n");
		if (!*line || *line == '#')
			break;
		if (count == WORDS_MAX - 1)
			return words_error(w, "too many arguments to command %u", line_number);
		if (*line == '\'' || *line == '"') {
			end = strchr(line + 1, *line);
			if (!end)
				return words_error(
					w, "unterminated quoted string in command %u", line_number);
			line++;
		} else {
			end = line + strcspn(line, " \t\r\n");
		}
		argv[count++] = line;
		if (!*end)
			break;
		*end = 0;
		line = end + 1;
	}
	argv[count] = NULL;
	return count;
}

static int run_line(struct words *w, int argc, char **argv)
{
	int err = WORDS_FAILED;
	bool is_known = false;

	if (w->is_json) {
		show_json_open(&w->json, '{');
		show_json_key(&w->json, "command");
		show_json_open(&w->json, '[');
		for (int i = 0; i < argc; i++)
			show_json_string(&w->json, argv[i]);
		show_json_close(&w->json, ']');
		show_json_key(&w->json, "output");
	}
	for (u32 i = 0; i < ARRAY_SIZE(nouns) && !is_known; i++) {
		is_known = words_prefix(argv[0], nouns[i]->name);
		if (is_known)
			err = words_run(w, nouns[i], argc, argv);
	}
	if (!is_known)
		words_error(w, "%s: batch knows prog, map, link and btf", argv[0]);
	if (w->is_json)
		show_json_close(&w->json, '}');
	return err;
}

/* A line without the backslashes that join it with the next; false at the end of the file. */
static bool read_line(FILE *f, struct strbuf *line)
{
	char *part = NULL;
	size_t cap = 0;
	ssize_t n;
	bool any = false;

	strbuf_reset(line);
	while ((n = getline(&part, &cap, f)) > 0) {
		bool goes_on = n >= 2 && part[n - 1] == '\n' && part[n - 2] == '\\';

		any = true;
		strbuf_add(line, part, goes_on ? (size_t)n - 2 : (size_t)n);
		if (!goes_on)
			break;
	}
	free(part);
	return any;
}

static int run_file(struct words *w, FILE *f)
{
	struct strbuf line = {0};
	u32 number = 0;
	int err = 0;

	w->is_batch = true;
	if (w->is_json)
		show_json_open(&w->json, '[');
	while (!err && read_line(f, &line)) {
		char *argv[WORDS_MAX];
		int argc = line.len ? split(w, line.data, argv, number + 1) : 0;

		if (argc < 0)
			err = argc;
		if (argc <= 0)
			continue;
		number++;
		err = run_line(w, argc, argv);
		fflush(stdout);
	}
	if (w->is_json)
		show_json_close(&w->json, ']');
	else if (!err)
		printf("processed %u commands\n", number);
	strbuf_release(&line);
	return err;
}

static int batch_file(struct words *w)
{
	const char *path = words_next(w);
	bool is_stdin = path && strcmp(path, "-") == 0;
	FILE *f;
	int err;

	if (!path)
		return words_error(w, "expected the file with commands");
	if (!words_end(w))
		return WORDS_FAILED;
	f = is_stdin ? stdin : fopen(path, "re");
	if (!f)
		return words_error(w, "Can't open file (%s): %s", path, strerror(errno));
	err = run_file(w, f);
	if (!is_stdin)
		fclose(f);
	return err;
}

static const struct words_command commands[] = {
	{"file", batch_file},
	{NULL, NULL},
};

int cli_batch(int argc, char **argv)
{
	static const struct words_noun noun = {"batch", help_text, commands};

	return words_main(&noun, argc, argv);
}
