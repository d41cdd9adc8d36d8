/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the verbs of the command share: the table of verbs, errors in text or JSON, exit codes.
 */
#ifndef CLI_CLI_H
#define CLI_CLI_H

#include "base/str.h"
#include <hachi/hachi.h>

#define EXIT_REFUSED 1	 /* `check`: some program was refused */
#define EXIT_TROUBLE 2	 /* it could not be tried */
#define EXIT_HACHI   125 /* `run`, `exec`: hachi itself failed; other codes are the command's */

struct cli_verb {
	const char *name;
	int (*run)(int argc, char **argv); /* argv[0] is the verb; returns the exit status */
	const char *summary;
};

#define VERB(name, summary) int cli_##name(int argc, char **argv);
#include "cli/verbs.def"
#undef VERB

extern const struct cli_verb cli_verbs[]; /* ends with a NULL name */

/* "Error: ..." on standard error, or {"error": "..."} on standard output in JSON mode. */
void cli_error(const char *format, ...) PRINTF_LIKE(1, 2);
void cli_warn(const char *format, ...) PRINTF_LIKE(1, 2);
/* -j, -p: how errors are printed from now on. */
void cli_set_json(bool is_json, bool is_pretty);
bool cli_is_json(void);
bool cli_is_pretty(void);

/* Options that every verb with an instance has: --engine, --kernel, --caps, ... */
struct cli_instance {
	struct hachi_opts opts;
};
/* Takes one of them; true when it was one. `short` options are left to the verb. */
enum {
	OPT_ENGINE = 0x100,
	OPT_KERNEL,
	OPT_HARDEN,
	OPT_BACKEND,
	OPT_CAPS,
	OPT_VERB, /* verbs number theirs from here */
};
#define CLI_INSTANCE_OPTIONS                                                                       \
	{"engine", required_argument, NULL, OPT_ENGINE},                                           \
		{"harden", required_argument, NULL, OPT_HARDEN},                                   \
	{                                                                                          \
		"kernel", required_argument, NULL, OPT_KERNEL                                      \
	}
/* 0, or an exit status after an error was printed. */
int cli_instance_option(struct hachi_opts *opts, int option, const char *value);
/*
 * Where a verb's bpf(2) goes. Every verb that has --backend parses it here and asks the two
 * questions below; auto is the verb's own choice.
 */
enum cli_backend { CLI_BACKEND_AUTO, CLI_BACKEND_USER, CLI_BACKEND_KERNEL };
/* 0, or an exit status after an error was printed. */
int cli_backend_option(const char *value, enum cli_backend *ret_backend);
const char *cli_backend_name(enum cli_backend backend);
/* Whether this process may use BPF in the kernel for everything: 0, or -errno and the reason. */
int cli_kernel_probe(struct strbuf *ret_reason);
/*
 * Why the kernel answered a bpf(2) call with -err: the capability, sysctl or configuration option
 * that is missing, in one sentence. False when the errno says it all.
 */
bool cli_kernel_reason(int err, struct strbuf *ret_reason);
/* Makes the instance and puts the in-process door before it; NULL after an error was printed. */
struct hachi *cli_instance_open(const struct hachi_opts *opts);
void cli_instance_close(struct hachi *h);

#endif
