/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A command line in bpftool's words: options anywhere, a noun, a command that may be abbreviated,
 * then words in order. Output is text on stdout or one stream of JSON; errors are a sentence on
 * stderr or an object in that stream. A command returns 0, or after it said why WORDS_FAILED (exit
 * status 255, as bpftool's) or, where bpftool does, -errno (exit status 256 - errno).
 */
#ifndef CLI_WORDS_H
#define CLI_WORDS_H

#include "cli/cli.h"
#include "show/json.h"

#define WORDS_FAILED (-1)
#define EXIT_WORDS   255

struct words {
	int argc; /* words left; argv[argc] is NULL */
	char **argv;
	const struct words_noun *noun;
	struct show_json json;
	bool is_json, is_pretty;
	bool show_pinned, relaxed_maps, no_mount, is_verbose;
	enum cli_backend backend;
	struct hachi_opts instance;
	struct hachi *h;  /* the user backend's instance; NULL = kernel */
	bool is_batch;	  /* other commands share this context */
	bool has_backend; /* decided, and h made when it is the user's */
	const char *base_btf, *after;
	const char *clang_flags[64]; /* NULL-terminated */
	u32 clang_flag_count;
};

struct words_command {
	const char *name;
	int (*run)(struct words *w);
};

struct words_noun {
	const char *name;
	const char *help;		      /* whole text; also for `help` and --help */
	const struct words_command *commands; /* ends with a NULL name; [0] is the default */
};

/* Runs one command line whose argv[0] is the noun; the exit status. */
int words_main(const struct words_noun *noun, int argc, char **argv);
/* The same on an existing context (batch): argv[0] is the noun. */
int words_run(struct words *w, const struct words_noun *noun, int argc, char **argv);
/* Takes the options out of argv, whose [0] is the noun. 0, or an exit status + 1. */
int words_options(struct words *w, const char *help, int *argc, char ***argv);
/* Ends the output, frees all; the exit status. */
int words_finish(struct words *w, int status);

/* ---- the words ------------------------------------------------------------------------------ */

bool words_prefix(const char *text, const char *of);
/* The next word is `word` or an abbreviation; it is consumed. */
bool words_take(struct words *w, const char *word);
bool words_peek(const struct words *w, const char *word);
/* The next word, consumed; NULL at the end. */
char *words_next(struct words *w);
/* At least so many are left, else an error. */
bool words_need(struct words *w, int count);
/* No word is left, else an error ("what is 'x'?"). */
bool words_end(struct words *w);
/* The whole next word as a number. what: for the error, "ID". */
int words_u32(struct words *w, const char *what, u32 *ret);
/* The help text on stderr. Returns WORDS_FAILED. */
int words_usage(struct words *w);

/* ---- what is said --------------------------------------------------------------------------- */

/* Returns WORDS_FAILED. */
int words_error(struct words *w, const char *format, ...) PRINTF_LIKE(2, 3);
/* The same; for a kernel that refuses a call with errno err, the reason too. */
int words_error_errno(struct words *w, int err, const char *format, ...) PRINTF_LIKE(3, 4);
/* A remark on stderr, nothing in JSON. */
void words_info(struct words *w, const char *format, ...) PRINTF_LIKE(2, 3);
/* Success without output is `null` in JSON. Returns 0. */
int words_done(struct words *w);

void words_text(struct words *w, const char *key, const char *text);
void words_u64(struct words *w, const char *key, u64 number);
void words_s64(struct words *w, const char *key, s64 number);
void words_bool(struct words *w, const char *key, bool value);
/* Bytes in hexadecimal, 16 a line, a wider gap after 8. */
void words_hex(const void *data, u32 size, const char *separator);

/* ---- the backend ---------------------------------------------------------------------------- */

enum words_scope {
	WORDS_SYSTEM, /* objects that outlive the command: the kernel's, unless --pin-dir */
	WORDS_FILE,   /* a file, done with when the command ends: the user backend */
};
/* Settles the backend once; WORDS_FAILED after saying what is missing. */
int words_open(struct words *w, enum words_scope scope);

#endif
