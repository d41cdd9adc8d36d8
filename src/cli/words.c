// SPDX-License-Identifier: BSD-2-Clause
#include "cli/words.h"
#include "client/door.h"

#include <bpf/libbpf.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- the words ------------------------------------------------------------------------------ */

bool words_prefix(const char *text, const char *of)
{
	return text && strncmp(of, text, strlen(text)) == 0;
}

bool words_peek(const struct words *w, const char *word)
{
	return w->argc > 0 && words_prefix(w->argv[0], word);
}

bool words_take(struct words *w, const char *word)
{
	if (!words_peek(w, word))
		return false;
	words_next(w);
	return true;
}

char *words_next(struct words *w)
{
	if (w->argc <= 0)
		return NULL;
	w->argc--;
	return *w->argv++;
}

bool words_need(struct words *w, int count)
{
	if (w->argc >= count)
		return true;
	words_error(w, "'%s' needs at least %d arguments, %d found", w->argv[-1], count, w->argc);
	return false;
}

bool words_end(struct words *w)
{
	if (w->argc == 0)
		return true;
	words_error(w, "what is '%s'?", w->argv[0]);
	return false;
}

int words_u32(struct words *w, const char *what, u32 *ret)
{
	const char *word = words_next(w);
	char *end;

	if (!word)
		return words_error(w, "expected %s", what);
	*ret = (u32)strtoul(word, &end, 0);
	if (*end || end == word)
		return words_error(w, "can't parse %s as %s", word, what);
	return 0;
}

int words_usage(struct words *w)
{
	if (w->is_json)
		show_json_null(&w->json);
	else
		fputs(w->noun->help, stderr);
	return WORDS_FAILED;
}

/* ---- what is said --------------------------------------------------------------------------- */

static void say_error(struct words *w, const char *text)
{
	if (w->is_json) {
		show_json_open(&w->json, '{');
		words_text(w, "error", text);
		show_json_close(&w->json, '}');
	} else {
		fflush(stdout);
		fprintf(stderr, "Error: %s\n", text);
	}
}

int words_error(struct words *w, const char *format, ...)
{
	struct strbuf text = {0};
	va_list args;

	va_start(args, format);
	strbuf_vprintf(&text, format, args);
	va_end(args);
	say_error(w, strbuf_cstr(&text));
	strbuf_release(&text);
	return WORDS_FAILED;
}

int words_error_errno(struct words *w, int err, const char *format, ...)
{
	struct strbuf text = {0}, reason = {0};
	va_list args;

	va_start(args, format);
	strbuf_vprintf(&text, format, args);
	va_end(args);
	strbuf_printf(&text, ": %s", strerror(err < 0 ? -err : err));
	if (!w->h && cli_kernel_reason(err < 0 ? err : -err, &reason))
		strbuf_printf(&text, " (%s)", strbuf_cstr(&reason));
	say_error(w, strbuf_cstr(&text));
	strbuf_release(&text);
	strbuf_release(&reason);
	return WORDS_FAILED;
}

void words_info(struct words *w, const char *format, ...)
{
	va_list args;

	if (w->is_json)
		return;
	fflush(stdout);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
}

int words_done(struct words *w)
{
	if (w->is_json)
		show_json_null(&w->json);
	return 0;
}

void words_text(struct words *w, const char *key, const char *text)
{
	show_json_key(&w->json, key);
	show_json_string(&w->json, text);
}

void words_u64(struct words *w, const char *key, u64 number)
{
	show_json_key(&w->json, key);
	show_json_u64(&w->json, number);
}

void words_s64(struct words *w, const char *key, s64 number)
{
	show_json_key(&w->json, key);
	show_json_s64(&w->json, number);
}

void words_bool(struct words *w, const char *key, bool value)
{
	show_json_key(&w->json, key);
	show_json_bool(&w->json, value);
}

void words_hex(const void *data, u32 size, const char *separator)
{
	const u8 *bytes = data;

	for (u32 i = 0; i < size; i++) {
		const char *gap = i == 0 ? "" : i % 16 == 0 ? "\n" : i % 8 == 0 ? "  " : separator;

		printf("%s%02x", gap, bytes[i]);
	}
}

/* ---- the backend ---------------------------------------------------------------------------- */

static int open_kernel(struct words *w)
{
	struct strbuf reason = {0};
	int err = cli_kernel_probe(&reason);

	/* what a process without rights may still do (its own pins, socket filters) is tried */
	if (err == -ENOSYS || (err && w->backend == CLI_BACKEND_AUTO)) {
		words_error(w,
			"the kernel backend cannot be used: %s. The user backend (--backend user) "
			"needs no rights; its objects live in one run, or in `hachi batch`",
			strbuf_cstr(&reason));
		strbuf_release(&reason);
		return WORDS_FAILED;
	}
	strbuf_release(&reason);
	return 0;
}

int words_open(struct words *w, enum words_scope scope)
{
	enum cli_backend backend = w->backend;
	int err;

	if (w->has_backend)
		return 0;
	if (backend == CLI_BACKEND_AUTO)
		backend = scope == WORDS_FILE || w->instance.pin_dir ? CLI_BACKEND_USER
								     : CLI_BACKEND_KERNEL;
	if (backend == CLI_BACKEND_KERNEL) {
		err = open_kernel(w);
		if (err)
			return err;
	} else {
		w->h = cli_instance_open(&w->instance);
		if (!w->h)
			return WORDS_FAILED;
	}
	w->has_backend = true;
	return 0;
}

/* ---- options and commands ------------------------------------------------------------------- */

enum { OPT_PIN_DIR = OPT_VERB, OPT_AFTER };

static const struct option options[] = {
	{"json", no_argument, NULL, 'j'},
	{"pretty", no_argument, NULL, 'p'},
	{"bpffs", no_argument, NULL, 'f'},
	{"mapcompat", no_argument, NULL, 'm'},
	{"nomount", no_argument, NULL, 'n'},
	{"debug", no_argument, NULL, 'd'},
	{"base-btf", required_argument, NULL, 'B'},
	{"backend", required_argument, NULL, OPT_BACKEND},
	{"pin-dir", required_argument, NULL, OPT_PIN_DIR},
	{"after", required_argument, NULL, OPT_AFTER},
	{"help", no_argument, NULL, 'h'},
	CLI_INSTANCE_OPTIONS,
	{NULL, 0, NULL, 0},
};

static void set_json(struct words *w, bool is_pretty)
{
	w->is_json = true;
	w->is_pretty = w->json.is_pretty = w->is_pretty || is_pretty;
	cli_set_json(true, w->is_pretty);
}

static int add_clang_flag(struct words *w, char letter, const char *value)
{
	static char flags[32][512];
	u32 n = w->clang_flag_count;

	if (n >= ARRAY_SIZE(flags) ||
		snprintf(flags[n], sizeof(flags[n]), "-%c%s", letter, value) >=
			(int)sizeof(flags[n])) {
		words_error(w, "-%c %s: too many or too long flags for clang", letter, value);
		return EXIT_WORDS + 1;
	}
	w->clang_flags[w->clang_flag_count++] = flags[n];
	return 0;
}

int words_options(struct words *w, const char *help, int *argc, char ***ret_argv)
{
	char **argv = *ret_argv;
	int option;

	optind = 0; /* glibc: forget what was parsed before, permute anew */
	while ((option = getopt_long(*argc, argv, "jpfmndhB:D:I:", options, NULL)) != -1) {
		switch (option) {
		case 'j': set_json(w, false); break;
		case 'p': set_json(w, true); break;
		case 'f': w->show_pinned = true; break;
		case 'm': w->relaxed_maps = true; break;
		case 'n': w->no_mount = true; break;
		case 'd': w->is_verbose = true; break;
		case 'B': w->base_btf = optarg; break;
		case 'D':
		case 'I':
			if (add_clang_flag(w, (char)option, optarg))
				return EXIT_WORDS + 1;
			break;
		case OPT_PIN_DIR: w->instance.pin_dir = optarg; break;
		case OPT_AFTER: w->after = optarg; break;
		case OPT_BACKEND:
			if (cli_backend_option(optarg, &w->backend))
				return EXIT_WORDS + 1;
			break;
		case 'h': fputs(help, stdout); return 1;
		case '?':
			fprintf(stderr, "`%s --help` lists the options.\n", argv[0]);
			return EXIT_WORDS + 1;
		default:
			if (cli_instance_option(&w->instance, option, optarg))
				return EXIT_WORDS + 1;
		}
	}
	/* getopt left argv[0] in place and moved the words behind the options */
	argv[optind - 1] = argv[0];
	*argc -= optind - 1;
	*ret_argv = argv + optind - 1;
	return 0;
}

static int print_help(struct words *w)
{
	if (w->is_json)
		show_json_null(&w->json);
	else
		fputs(w->noun->help, stdout);
	return 0;
}

static const struct words_command *find_command(const struct words_noun *noun, const char *word)
{
	const struct words_command *command;

	if (!word)
		return noun->commands;
	for (command = noun->commands; command->name; command++)
		if (words_prefix(word, command->name))
			return command;
	return NULL;
}

int words_run(struct words *w, const struct words_noun *noun, int argc, char **argv)
{
	const struct words_command *command = find_command(noun, argc > 1 ? argv[1] : NULL);

	w->noun = noun;
	w->argc = argc > 1 ? argc - 2 : 0;
	w->argv = argc > 1 ? argv + 2 : argv + argc;
	if (argc > 1 && strcmp(argv[1], "help") == 0)
		return print_help(w);
	return command ? command->run(w) : words_usage(w);
}

static int quiet(enum libbpf_print_level level, const char *format, va_list args)
{
	(void)level, (void)format, (void)args;
	return 0;
}

static int loud(enum libbpf_print_level level, const char *format, va_list args)
{
	(void)level;
	return vfprintf(stderr, format, args);
}

int words_finish(struct words *w, int status)
{
	if (w->is_json) {
		strbuf_putc(&w->json.text, '\n');
		if (show_json_flush(&w->json, stdout))
			status = WORDS_FAILED;
	}
	if (w->h)
		cli_instance_close(w->h);
	if (fflush(stdout) || ferror(stdout)) {
		fprintf(stderr, "Error: standard output: %s\n", strerror(errno));
		status = WORDS_FAILED;
	}
	show_json_release(&w->json);
	return status & 0xff;
}

int words_main(const struct words_noun *noun, int argc, char **argv)
{
	struct words w = {.noun = noun, .instance.size = sizeof(w.instance)};
	int status = words_options(&w, noun->help, &argc, &argv);

	if (status) {
		show_json_release(&w.json);
		return status - 1;
	}
	libbpf_set_print(w.is_verbose ? loud : quiet);
	return words_finish(&w, words_run(&w, noun, argc, argv));
}
