// SPDX-License-Identifier: BSD-2-Clause
/* `hachi run`: options, and the run on one page. */
#include "cli/run.h"
#include "base/os.h"

#include <bpf/libbpf.h>
#include <getopt.h>
#include <stdlib.h>
#include <sys/wait.h>

static struct run_cmd *active; /* for the signal handler */
static int is_cancelled;

static void on_interrupt(int sig)
{
	(void)sig;
	is_cancelled = 1;
	if (active && active->trace)
		trace_stop(active->trace);
}

bool run_is_cancelled(void)
{
	return __atomic_load_n(&is_cancelled, __ATOMIC_RELAXED);
}

static const char help_text[] =
	"Usage: hachi run [OPTIONS] FILE.bpf.c|FILE.bpf.o [-- COMMAND [ARG...]]\n"
	"       hachi run [OPTIONS] FILE.bpf.c|FILE.bpf.o -r FILE.pcap [-w OUT.pcap]\n"
	"       hachi run --backend kernel [OPTIONS] FILE.bpf.c|FILE.bpf.o [-- COMMAND [ARG...]]\n"
	"\n"
	"Runs BPF programs in user space, verified and without root: around a command that is\n"
	"traced, or on the packets of a capture. Prints what they say: trace lines, events of "
	"perf\n"
	"and ring buffers by their BTF type, and all maps at the end.\n"
	"\n"
	"  -i, --interval SECONDS  print the maps every so often, not only at the end\n"
	"  -d, --duration SECONDS  end the observation after so long (the command goes on)\n"
	"  -j, --json              one JSON object a line (NDJSON)\n"
	"  -o, --output FILE       write there instead of standard output\n"
	"  -r, --read FILE         feed the packets of a pcap or pcapng file (- = standard input)\n"
	"  -w, --write FILE        write the packets that pass, as the program left them\n"
	"      --prog NAME         the program that gets the packets (default: the first that is\n"
	"                          no tail call's target)\n"
	"      --freq HZ           rate of perf_event programs (default 99)\n"
	"      --engine NAME       interp or jit\n"
	"      --harden WHICH      machine code of off, unprivileged (default) or all programs\n"
	"      --kernel VERSION    judge as this kernel does: 5.15, 6.1, 6.12, 6.18\n"
	"      --pin auto|never|always  keep tracer and command on one CPU\n"
	"      --backend NAME      user (default), kernel, or auto: kernel where a section needs "
	"it\n"
	"                          and the rights are there\n"
	"  -t, --time              events with the time of day\n"
	"      --map NAME          show only this map\n"
	"      --rate UNIT         with -i: a line TIME KEY: N UNIT an entry, N counted since the\n"
	"                          line before\n"
	"\n"
	"In the kernel (without COMMAND: until Ctrl-C or -d):\n"
	"      --extend PROG       the program whose function freplace programs replace: its id,\n"
	"                          name or pinned path\n"
	"      --dev IFACE         where xdp, tc, socket and lwt programs are attached\n"
	"      --xdp MODE          native, generic, or auto: native where the driver has it\n"
	"      --cgroup PATH       where cgroup programs are attached (default: one that is made\n"
	"                          for COMMAND)\n"
	"      --route PREFIX      the route whose packets go through lwt programs, with --dev\n"
	"      --only-command      programs do nothing but for COMMAND and its children\n"
	"\n"
	"  -D, -I FLAG             passed to clang when FILE is C\n"
	"  -v, --verbose           what libbpf and the verifier say, and statistics\n"
	"  -h, --help\n"
	"\n"
	"Examples:\n"
	"  hachi run examples/hello.bpf.c -- ls /\n"
	"  hachi run -i 1 examples/bytes.bpf.c -- sh -c 'echo hi; sleep 3'\n"
	"  hachi run examples/xdp_drop.bpf.c -r capture.pcap -w passed.pcap\n"
	"  hachi run --backend kernel --dev eth0 -i 1 examples/xdp_drop.bpf.c\n"
	"\n"
	"The exit status is the command's own (128 + N when signal N killed it), 0 for a capture, "
	"and\n"
	"125 when hachi itself fails.\n";

enum {
	OPT_PROG = OPT_VERB,
	OPT_FREQ,
	OPT_PIN,
	OPT_MAP,
	OPT_RATE,
	OPT_DEV,
	OPT_EXTEND,
	OPT_XDP,
	OPT_CGROUP,
	OPT_ROUTE,
	OPT_ONLY_COMMAND,
};

#define SHORT_OPTIONS "+i:d:jpo:r:w:tvhD:I:"

static const struct option options[] = {
	{"interval", required_argument, NULL, 'i'},
	{"duration", required_argument, NULL, 'd'},
	{"json", no_argument, NULL, 'j'},
	{"pretty", no_argument, NULL, 'p'},
	{"output", required_argument, NULL, 'o'},
	{"read", required_argument, NULL, 'r'},
	{"write", required_argument, NULL, 'w'},
	{"prog", required_argument, NULL, OPT_PROG},
	{"freq", required_argument, NULL, OPT_FREQ},
	{"pin", required_argument, NULL, OPT_PIN},
	{"time", no_argument, NULL, 't'},
	{"map", required_argument, NULL, OPT_MAP},
	{"rate", required_argument, NULL, OPT_RATE},
	{"backend", required_argument, NULL, OPT_BACKEND},
	{"dev", required_argument, NULL, OPT_DEV},
	{"extend", required_argument, NULL, OPT_EXTEND},
	{"xdp", required_argument, NULL, OPT_XDP},
	{"cgroup", required_argument, NULL, OPT_CGROUP},
	{"route", required_argument, NULL, OPT_ROUTE},
	{"only-command", no_argument, NULL, OPT_ONLY_COMMAND},
	{"verbose", no_argument, NULL, 'v'},
	{"help", no_argument, NULL, 'h'},
	CLI_INSTANCE_OPTIONS,
	{NULL, 0, NULL, 0},
};

static bool parse_seconds(const char *option, const char *text, double *ret_seconds)
{
	char *end;
	double seconds = strtod(text, &end);

	if (end == text || *end || !(seconds > 0) || seconds > 1e9) {
		cli_error("%s %s: a positive number of seconds is wanted", option, text);
		return false;
	}
	*ret_seconds = seconds;
	return true;
}

static bool parse_pin(const char *text, enum trace_pin *ret_pin)
{
	static const char *const names[] = {[TRACE_PIN_AUTO] = "auto",
		[TRACE_PIN_NEVER] = "never",
		[TRACE_PIN_ALWAYS] = "always"};

	for (u32 i = 0; i < ARRAY_SIZE(names); i++)
		if (strcmp(text, names[i]) == 0) {
			*ret_pin = (enum trace_pin)i;
			return true;
		}
	cli_error("--pin %s: auto, never or always", text);
	return false;
}

static bool parse_xdp(const char *text, enum kernel_xdp_mode *ret_mode)
{
	static const char *const names[] = {[KERNEL_XDP_AUTO] = "auto",
		[KERNEL_XDP_NATIVE] = "native",
		[KERNEL_XDP_GENERIC] = "generic"};

	for (u32 i = 0; i < ARRAY_SIZE(names); i++)
		if (strcmp(text, names[i]) == 0) {
			*ret_mode = (enum kernel_xdp_mode)i;
			return true;
		}
	cli_error("--xdp %s: native, generic or auto", text);
	return false;
}

static bool parse_route(const char *text, struct run_cmd *cmd)
{
	cmd->has_route = route_parse(text, &cmd->route) == 0;
	if (!cmd->has_route)
		cli_error("--route %s: no prefix such as 10.1.0.0/16 or fd00::/8", text);
	return cmd->has_route;
}

/* Options of what happens in the kernel: -1 = go on, else the exit status. */
static int take_kernel_option(struct run_cmd *cmd, int option)
{
	switch (option) {
	case OPT_BACKEND: return cli_backend_option(optarg, &cmd->backend) ? EXIT_HACHI : -1;
	case OPT_DEV: cmd->device = optarg; return -1;
	case OPT_EXTEND: cmd->extend = optarg; return -1;
	case OPT_XDP: return parse_xdp(optarg, &cmd->xdp_mode) ? -1 : EXIT_HACHI;
	case OPT_CGROUP: cmd->cgroup_path = optarg; return -1;
	case OPT_ROUTE: return parse_route(optarg, cmd) ? -1 : EXIT_HACHI;
	case OPT_ONLY_COMMAND: cmd->only_command = true; return -1;
	default: return cli_instance_option(&cmd->instance, option, optarg) ? EXIT_HACHI : -1;
	}
}

static bool add_clang_flag(struct run_cmd *cmd, char letter, const char *value)
{
	static char flags[32][512];
	u32 n = cmd->clang_flag_count;

	if (n + 1 >= ARRAY_SIZE(cmd->clang_flags) ||
		snprintf(flags[n], sizeof(flags[n]), "-%c%s", letter, value) >=
			(int)sizeof(flags[n])) {
		cli_error("-%c %s: too many or too long flags for clang", letter, value);
		return false;
	}
	cmd->clang_flags[cmd->clang_flag_count++] = flags[n];
	return true;
}

/* -1 = go on, else the exit status. */
static int take_option(struct run_cmd *cmd, int option)
{
	switch (option) {
	case 'i': return parse_seconds("-i", optarg, &cmd->interval_s) ? -1 : EXIT_HACHI;
	case 'd': return parse_seconds("-d", optarg, &cmd->duration_s) ? -1 : EXIT_HACHI;
	case 'j': cli_set_json(true, false); return -1;
	case 'p': cli_set_json(true, true); return -1;
	case 'o': cmd->out_path = optarg; return -1;
	case 'r': cmd->read_path = optarg; return -1;
	case 'w': cmd->write_path = optarg; return -1;
	case 'v': cmd->verbose = true; return -1;
	case 'D':
	case 'I': return add_clang_flag(cmd, (char)option, optarg) ? -1 : EXIT_HACHI;
	case OPT_PROG: cmd->prog_name = optarg; return -1;
	case OPT_FREQ:
		if (str_to_u64(optarg, &cmd->sample_freq) == 0 && cmd->sample_freq > 0 &&
			cmd->sample_freq <= 10000)
			return -1;
		cli_error("--freq %s: a rate from 1 to 10000 is wanted", optarg);
		return EXIT_HACHI;
	case OPT_PIN: return parse_pin(optarg, &cmd->pin) ? -1 : EXIT_HACHI;
	case 'h': fputs(help_text, stdout); return 0;
	case '?': fprintf(stderr, "`hachi run --help` lists the options.\n"); return EXIT_HACHI;
	case 't': cmd->has_time = true; return -1;
	case OPT_MAP: cmd->map_name = optarg; return -1;
	case OPT_RATE: cmd->rate_unit = optarg; return -1;
	default: return take_kernel_option(cmd, option);
	}
}

/* Options that only the kernel backend has: the first that was given, or NULL. */
static const char *kernel_option(const struct run_cmd *cmd)
{
	return cmd->device	    ? "--dev"
		: cmd->extend	    ? "--extend"
		: cmd->cgroup_path  ? "--cgroup"
		: cmd->has_route    ? "--route"
		: cmd->only_command ? "--only-command"
				    : NULL;
}

/* Whether the options fit each other. */
static bool check_options(struct run_cmd *cmd)
{
	const char *option = kernel_option(cmd);

	if (cmd->command && cmd->read_path) {
		cli_error("give either a command or a capture (-r), not both");
	} else if (cmd->backend == CLI_BACKEND_USER && option) {
		cli_error("%s is for the kernel: add --backend kernel", option);
	} else if (cmd->backend == CLI_BACKEND_KERNEL && cmd->read_path) {
		cli_error("-r %s: captures are replayed in user space, without --backend kernel",
			cmd->read_path);
	} else if (cmd->backend == CLI_BACKEND_USER && !cmd->command && !cmd->read_path) {
		cli_error("nothing to run %s on: give a command behind --, or a capture with -r",
			cmd->file);
	} else if (cmd->write_path && !cmd->read_path) {
		cli_error("-w %s needs packets to write: give a capture with -r", cmd->write_path);
	} else if (cmd->only_command && !cmd->command) {
		cli_error("--only-command: give the command behind --");
	} else if (cmd->rate_unit && !(cmd->interval_s > 0)) {
		cli_error("--rate %s needs an interval: give -i SECONDS", cmd->rate_unit);
	} else {
		return true;
	}
	return false;
}

static int parse(struct run_cmd *cmd, int argc, char **argv)
{
	int option, status;

	cmd->instance.size = sizeof(cmd->instance);
	optind = 1;
	while ((option = getopt_long(argc, argv, SHORT_OPTIONS, options, NULL)) != -1) {
		status = take_option(cmd, option);
		if (status >= 0)
			return status;
	}
	/* options may also follow the file, up to -- */
	if (optind < argc && strcmp(argv[optind - 1], "--") != 0) {
		cmd->file = argv[optind++];
		while (optind < argc &&
			(option = getopt_long(argc, argv, SHORT_OPTIONS, options, NULL)) != -1) {
			status = take_option(cmd, option);
			if (status >= 0)
				return status;
		}
		if (optind < argc && strcmp(argv[optind - 1], "--") != 0) {
			cli_error("%s: what is this? A command goes behind --: hachi run %s -- %s",
				argv[optind], cmd->file, argv[optind]);
			return EXIT_HACHI;
		}
	}
	if (!cmd->file) {
		cli_error("no FILE.bpf.c or FILE.bpf.o given; `hachi run --help` tells more");
		return EXIT_HACHI;
	}
	if (optind < argc)
		cmd->command = argv + optind;
	if (!check_options(cmd))
		return EXIT_HACHI;
	return -1;
}

void run_tick(void *arg)
{
	struct run_cmd *cmd = arg;
	u64 now;

	run_output_drain(cmd);
	if (!cmd->next_interval_ns && !cmd->end_ns)
		return;
	now = os_time_ns(OS_CLOCK_MONOTONIC);
	if (cmd->next_interval_ns && now >= cmd->next_interval_ns && !cmd->maps_printed) {
		run_output_maps(cmd);
		cmd->next_interval_ns += (u64)(cmd->interval_s * 1e9);
	}
	if (cmd->end_ns && now >= cmd->end_ns && cmd->trace)
		trace_stop(cmd->trace);
}

static void on_stopped(void *arg)
{
	struct run_cmd *cmd = arg;

	run_output_drain(cmd);
	run_output_maps(cmd);
	cmd->maps_printed = true;
	fflush(cmd->out);
}

static int run_command(struct run_cmd *cmd)
{
	struct trace_opts opts = {
		.h = cmd->h,
		.argv = cmd->command,
		.pin = cmd->pin,
		.tick = run_tick,
		.tick_arg = cmd,
		.tick_ms = 100,
		.stopped = on_stopped,
	};
	int err, status = 0;

	err = trace_new(&opts, &cmd->trace);
	if (!err) {
		err = trace_run(cmd->trace, &status);
		run_output_drain(cmd);
	}
	if (err) {
		cli_error("%s: cannot be run: %s", cmd->command[0], strerror(-err));
		return EXIT_HACHI;
	}
	if (cmd->verbose) {
		const struct trace_stats *stats = trace_stats(cmd->trace);

		fprintf(stderr,
			"hachi: %llu stops (%llu system calls, %llu breakpoints, %llu samples), %u "
			"tasks%s\n",
			(unsigned long long)stats->stops, (unsigned long long)stats->syscalls,
			(unsigned long long)stats->breakpoints, (unsigned long long)stats->samples,
			stats->tasks_seen, stats->is_pinned ? ", on one CPU" : "");
	}
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

static struct bpf_program *packet_program(struct run_cmd *cmd)
{
	struct bpf_program *prog, *found = NULL;
	u32 others = 0;

	bpf_object__for_each_program(prog, cmd->load.object)
	{
		if (cmd->prog_name && strcmp(cmd->prog_name, bpf_program__name(prog)) != 0)
			continue;
		if (!run_is_packet_program(bpf_program__type(prog)))
			continue;
		if (!cmd->prog_name && load_is_tail_target(&cmd->load, prog))
			continue;
		if (found)
			others++;
		else
			found = prog;
	}
	if (!found && cmd->prog_name)
		cli_error("%s: no program %s that takes packets", cmd->file, cmd->prog_name);
	else if (!found)
		cli_error("%s: no program that takes packets (xdp, tc, socket, cgroup_skb, lwt)",
			cmd->file);
	if (others && cmd->verbose)
		fprintf(stderr, "hachi: packets go to %s; --prog chooses another\n",
			bpf_program__name(found));
	return found;
}

static int run_capture(struct run_cmd *cmd)
{
	struct packets_opts opts = {
		.in_path = cmd->read_path,
		.out_path = cmd->write_path,
		.ifindex = 1,
		.cancel = &is_cancelled,
		.tick = run_tick,
		.tick_arg = cmd,
	};
	struct bpf_program *prog = packet_program(cmd);
	struct packets_stats stats = {0};
	struct hachi_prog *handle;
	char error[512];
	int err;

	if (!prog)
		return EXIT_HACHI;
	err = hachi_prog_get(cmd->h, bpf_program__fd(prog), &handle);
	if (err) {
		cli_error("%s: program %s: %s", cmd->file, bpf_program__name(prog), strerror(-err));
		return EXIT_HACHI;
	}
	err = packets_run(handle, bpf_program__type(prog), &opts, &stats, error, sizeof(error));
	hachi_prog_put(handle);
	run_output_drain(cmd);
	if (err)
		cli_error("%s", error);
	if (!err || stats.packets)
		run_output_packets(cmd, bpf_program__type(prog), bpf_program__name(prog), &stats);
	return err ? EXIT_HACHI : 0;
}

static void catch_signals(struct run_cmd *cmd)
{
	struct sigaction action = {.sa_handler = on_interrupt};

	active = cmd;
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	signal(SIGPIPE, SIG_IGN);
}

static int open_all(struct run_cmd *cmd, struct strbuf *error)
{
	struct load_opts opts = {
		.h = cmd->h,
		.flags = cmd->clang_flag_count ? cmd->clang_flags : NULL,
		.verbose = cmd->verbose,
	};
	int err = load_open(&cmd->load, cmd->file, &opts, error);

	if (!err)
		err = load_load(&cmd->load, error);
	if (!err)
		err = run_output_open(cmd, error);
	if (!err)
		err = run_attach(cmd, error);
	return err;
}

static int open_output(struct run_cmd *cmd)
{
	if (!cmd->out_path)
		return 0;
	cmd->out = fopen(cmd->out_path, "we");
	if (cmd->out)
		return 0;
	cli_error("%s: %s", cmd->out_path, strerror(errno));
	return EXIT_HACHI;
}

static int close_output(struct run_cmd *cmd, int status)
{
	if (fflush(cmd->out) || ferror(cmd->out) || (cmd->out != stdout && fclose(cmd->out))) {
		cli_error("%s: %s", cmd->out_path ? cmd->out_path : "standard output",
			strerror(errno));
		status = EXIT_HACHI;
	}
	return status;
}

void run_start_clock(struct run_cmd *cmd)
{
	u64 now = os_time_ns(OS_CLOCK_MONOTONIC);

	if (cmd->interval_s > 0)
		cmd->next_interval_ns = now + (u64)(cmd->interval_s * 1e9);
	if (cmd->duration_s > 0)
		cmd->end_ns = now + (u64)(cmd->duration_s * 1e9);
}

/*
 * In user space; the exit status. ret_why takes the sentence when a section needs the kernel and
 * the kernel may be taken instead, otherwise it is printed.
 */
static int run_user(struct run_cmd *cmd, struct strbuf *ret_why)
{
	struct strbuf error = {0};
	int status = EXIT_HACHI, err;

	cmd->h = cli_instance_open(&cmd->instance);
	if (!cmd->h)
		return EXIT_HACHI;
	err = open_all(cmd, &error);
	if (err == -EOPNOTSUPP && cmd->backend == CLI_BACKEND_AUTO) {
		strbuf_puts(ret_why, strbuf_cstr(&error));
	} else if (err) {
		cli_error("%s", strbuf_cstr(&error));
	} else {
		if (cmd->backend == CLI_BACKEND_AUTO)
			fprintf(stderr, "hachi: user backend\n");
		catch_signals(cmd);
		run_start_clock(cmd);
		status = cmd->command ? run_command(cmd) : run_capture(cmd);
		if (!cmd->maps_printed)
			run_output_maps(cmd);
	}
	run_output_close(cmd);
	active = NULL;
	trace_free(cmd->trace);
	load_close(&cmd->load);
	cli_instance_close(cmd->h);
	cmd->h = NULL;
	strbuf_release(&error);
	return status;
}

/* auto: user space; the kernel when only it can and may. */
static int run_auto(struct run_cmd *cmd)
{
	const char *option = kernel_option(cmd);
	struct strbuf why = {0}, reason = {0};
	int status = 0;

	if (option)
		strbuf_printf(&why, "%s was given", option);
	else if (!cmd->command && !cmd->read_path)
		strbuf_puts(&why, "there is neither command nor capture");
	else
		status = run_user(cmd, &why);
	if (!why.len)
		goto out;
	if (cli_kernel_probe(&reason)) {
		cli_error("%s; the kernel backend cannot be had: %s", strbuf_cstr(&why),
			strbuf_cstr(&reason));
		status = EXIT_HACHI;
		goto out;
	}
	fprintf(stderr, "hachi: kernel backend: %s\n", strbuf_cstr(&why));
	catch_signals(cmd);
	status = run_kernel(cmd);
out:
	strbuf_release(&why);
	strbuf_release(&reason);
	return status;
}

int cli_run(int argc, char **argv)
{
	struct run_cmd cmd = {.out = stdout, .backend = CLI_BACKEND_USER};
	int status = parse(&cmd, argc, argv);

	if (status >= 0)
		return status;
	if (open_output(&cmd))
		return EXIT_HACHI;
	switch (cmd.backend) {
	case CLI_BACKEND_USER: status = run_user(&cmd, NULL); break;
	case CLI_BACKEND_AUTO: status = run_auto(&cmd); break;
	case CLI_BACKEND_KERNEL:
		catch_signals(&cmd);
		status = run_kernel(&cmd);
		break;
	}
	return close_output(&cmd, status);
}
