// SPDX-License-Identifier: BSD-2-Clause
/*
 * `hachi feature`: what this build serves, or what the running kernel does, as `bpftool feature
 * probe` tells it.
 */
#include "cli/feature.h"
#include "cli/cli.h"
#include "client/door.h"
#include "spec/progtype.h"

#include <getopt.h>
#include <stdio.h>
#include <unistd.h>

static const char help_text[] =
	"Usage: hachi feature [OPTIONS] [probe]\n"
	"\n"
	"Lists the program types, map types, helpers, bpf() commands and instructions that are\n"
	"served, in the words and JSON keys of `bpftool feature probe`.\n"
	"\n"
	"      --backend NAME    user: this build (default); kernel: the running kernel (needs "
	"root)\n"
	"      --kernel VERSION  the build as this kernel: 5.15, 6.1, 6.12, 6.18 (default)\n"
	"  -j, --json            one JSON object\n"
	"  -p, --pretty          the same, indented\n"
	"  -h, --help\n"
	"\n"
	"Example:\n"
	"  hachi feature | grep -A3 'program type xdp'\n"
	"\n"
	"Exit status: 0, or 2 when it could not be found out.\n";

static const struct option options[] = {
	{"json", no_argument, NULL, 'j'},
	{"pretty", no_argument, NULL, 'p'},
	{"help", no_argument, NULL, 'h'},
	{"backend", required_argument, NULL, OPT_BACKEND},
	CLI_INSTANCE_OPTIONS,
	{NULL, 0, NULL, 0},
};

struct feature_cmd {
	struct hachi_opts instance;
	bool is_kernel;
};

static long user_bpf(void *arg, int cmd, union bpf_attr *attr, u32 size)
{
	return hachi_bpf(arg, cmd, attr, size);
}

static void user_close(void *arg, int fd)
{
	hachi_close(arg, fd);
}

static int report(int err)
{
	if (!err)
		return 0;
	cli_error("cannot write the list: %s", strerror(-err));
	return EXIT_TROUBLE;
}

static int print_user(const struct hachi_opts *opts)
{
	struct feature_door door = {.bpf = user_bpf,
		.close = user_close,
		.kernel = kernel_profile_by_name(opts->kernel)->version,
		.has_helper = hachi_has_helper,
		.has_command = hachi_has_command};
	struct hachi *h = cli_instance_open(opts);
	int err;

	if (!h)
		return EXIT_TROUBLE;
	door_set(NULL); /* it is asked directly */
	door.arg = h;
	err = feature_print(&door);
	cli_instance_close(h);
	return report(err);
}

static int print_kernel(void)
{
	struct feature_door door;

	feature_door_kernel(&door);
	/* a list of all that failed for want of rights would be a lie */
	if (!feature_has_prog_type(&door, BPF_PROG_TYPE_KPROBE)) {
		cli_error("--backend kernel: the kernel does not let this user load programs; run "
			  "it as root, or with CAP_BPF, CAP_PERFMON and CAP_NET_ADMIN");
		return EXIT_TROUBLE;
	}
	return report(feature_print(&door));
}

static int parse_options(int argc, char **argv, struct feature_cmd *cmd)
{
	int option;

	optind = 0;
	while ((option = getopt_long(argc, argv, "+jph", options, NULL)) != -1) {
		switch (option) {
		case 'j': cli_set_json(true, false); break;
		case 'p': cli_set_json(true, true); break;
		case 'h': printf("%s", help_text); return -1;
		case OPT_BACKEND:
			cmd->is_kernel = strcmp(optarg, "kernel") == 0;
			if (cmd->is_kernel || strcmp(optarg, "user") == 0)
				break;
			cli_error("--backend %s: neither user nor kernel", optarg);
			return EXIT_TROUBLE;
		case '?': return EXIT_TROUBLE;
		default:
			if (cli_instance_option(&cmd->instance, option, optarg))
				return EXIT_TROUBLE;
		}
	}
	if (optind < argc && strcmp(argv[optind], "probe") == 0)
		optind++;
	if (optind < argc) {
		cli_error("hachi feature: %s is no argument of it", argv[optind]);
		return EXIT_TROUBLE;
	}
	return 0;
}

int cli_feature(int argc, char **argv)
{
	struct feature_cmd cmd = {.instance = {.size = sizeof(struct hachi_opts)}};
	int status = parse_options(argc, argv, &cmd);

	if (status)
		return status < 0 ? 0 : status;
	if (cmd.is_kernel)
		return print_kernel();
	if (!kernel_profile_by_name(cmd.instance.kernel)) {
		cli_error("--kernel %s: not a kernel whose rules are known (5.15, 6.1, 6.12, 6.18)",
			cmd.instance.kernel);
		return EXIT_TROUBLE;
	}
	return print_user(&cmd.instance);
}
