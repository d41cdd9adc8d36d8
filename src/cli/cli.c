// SPDX-License-Identifier: BSD-2-Clause
#include "cli/cli.h"
#include "client/door.h"

#include <stdio.h>

static bool is_json, is_pretty;

void cli_set_json(bool json, bool pretty)
{
	is_json = json || pretty;
	is_pretty = pretty;
}

bool cli_is_json(void)
{
	return is_json;
}

bool cli_is_pretty(void)
{
	return is_pretty;
}

static void print_json_text(const char *text)
{
	for (; *text; text++) {
		unsigned char c = (unsigned char)*text;

		if (c == '"' || c == '\\')
			printf("\\%c", c);
		else if (c == '\n')
			printf("\\n");
		else if (c < 0x20)
			printf("\\u%04x", c);
		else
			putchar(c);
	}
}

static void print_message(const char *kind, const char *format, va_list args)
{
	struct strbuf text = {0};

	strbuf_vprintf(&text, format, args);
	fflush(stdout);
	if (is_json && strcmp(kind, "Error") == 0) {
		printf("{\"error\":\"");
		print_json_text(strbuf_cstr(&text));
		printf("\"}\n");
	} else {
		fprintf(stderr, "%s: %s\n", kind, strbuf_cstr(&text));
	}
	strbuf_release(&text);
}

void cli_error(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	print_message("Error", format, args);
	va_end(args);
}

void cli_warn(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	print_message("Warning", format, args);
	va_end(args);
}

static int harden_option(struct hachi_opts *opts, const char *value)
{
	static const char *const names[] = {"default", "off", "unprivileged", "all"};

	for (u32 i = 0; i < ARRAY_SIZE(names); i++) {
		if (strcmp(names[i], value) == 0) {
			opts->harden = i;
			return 0;
		}
	}
	cli_error("--harden %s: off, unprivileged or all", value);
	return EXIT_TROUBLE;
}

int cli_instance_option(struct hachi_opts *opts, int option, const char *value)
{
	switch (option) {
	case OPT_ENGINE: opts->engine = value; return 0;
	case OPT_KERNEL: opts->kernel = value; return 0;
	case OPT_HARDEN: return harden_option(opts, value);
	default: return EXIT_TROUBLE;
	}
}

struct hachi *cli_instance_open(const struct hachi_opts *opts)
{
	struct hachi *h;
	int err = hachi_new(opts, &h);

	if (err == -EINVAL && opts->engine) {
		cli_error("--engine %s: this build has no such engine (interp, jit)", opts->engine);
		return NULL;
	}
	if (err == -EINVAL && opts->kernel) {
		cli_error("--kernel %s: not a kernel whose rules are known (5.15, 6.1, 6.12, 6.18)",
			opts->kernel);
		return NULL;
	}
	if (err) {
		cli_error("cannot start the user backend: %s", strerror(-err));
		return NULL;
	}
	door_set(h);
	return h;
}

void cli_instance_close(struct hachi *h)
{
	door_set(NULL);
	hachi_free(h);
}
