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

/* By its name or an abbreviation that no other verb shares; NULL after an error was printed. */
static const struct cli_verb *find_verb(const char *name)
{
	const struct cli_verb *found = NULL;

	for (const struct cli_verb *verb = cli_verbs; verb->name; verb++) {
		if (strcmp(verb->name, name) == 0)
			return verb;
		if (strncmp(verb->name, name, strlen(name)) != 0)
			continue;
		if (found) {
			cli_error("%s may be %s or %s; `hachi help` lists the verbs", name,
				found->name, verb->name);
			return NULL;
		}
		found = verb;
	}
	if (!found)
		cli_error("%s is no verb of hachi; `hachi help` lists them", name);
	return found;
}

/*
 * bpftool's options may stand before the noun: `hachi -j prog list`. The verb goes to the front,
 * options that have no argument stay behind it.
 */
static void verb_to_front(int argc, char **argv)
{
	int i = 1;

	while (i < argc && argv[i][0] == '-' && argv[i][1])
		i++;
	if (i == argc)
		return;
	for (char *verb = argv[i]; i >= 1; i--)
		argv[i] = i == 1 ? verb : argv[i - 1];
}

int main(int argc, char **argv)
{
	static char name[32];
	const struct cli_verb *verb;

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
	verb_to_front(argc, argv);
	verb = find_verb(argv[1]);
	if (verb) { /* what getopt() begins its errors with */
		snprintf(name, sizeof(name), "hachi %s", verb->name);
		argv[1] = name;
	}
	return verb ? verb->run(argc - 1, argv + 1) : EXIT_TROUBLE;
}
