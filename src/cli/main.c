// SPDX-License-Identifier: BSD-2-Clause
/* The command: finds the verb, or says which there are. */
#include "cli/cli.h"

#include <stdio.h>
#include <string.h>

const struct cli_verb cli_verbs[] = {
#define VERB(name, summary) {#name, cli_##name, summary},
#include "cli/verbs.def"
#undef VERB
	{NULL, NULL, NULL},
};

static void print_usage(FILE *out)
{
	fprintf(out,
		"Usage: hachi VERB [OPTIONS] ...\n\n"
		"eBPF without root and without the kernel: load, verify, run and watch "
		"programs.\n\n");
	for (const struct cli_verb *verb = cli_verbs; verb->name; verb++)
		fprintf(out, "  %-9s %s\n", verb->name, verb->summary);
	fprintf(out,
		"\n"
		"`hachi VERB --help` tells the options of a verb; the manual page is hachi(1).\n");
}

static void print_version(void)
{
	printf("hachi %s\n", hachi_version());
}

int main(int argc, char **argv)
{
	if (argc < 2) {
		print_usage(stderr);
		return EXIT_TROUBLE;
	}
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 ||
		strcmp(argv[1], "help") == 0) {
		print_usage(stdout);
		return 0;
	}
	if (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "-V") == 0 ||
		strcmp(argv[1], "version") == 0) {
		print_version();
		return 0;
	}
	for (const struct cli_verb *verb = cli_verbs; verb->name; verb++)
		if (strcmp(verb->name, argv[1]) == 0)
			return verb->run(argc - 1, argv + 1);
	cli_error("%s is no verb of hachi; `hachi help` lists them", argv[1]);
	return EXIT_TROUBLE;
}
