// SPDX-License-Identifier: BSD-2-Clause
/*
 * `hachi check`: a verdict for every program of every file. Where the whole object is refused, each
 * program is loaded alone, so that one refusal does not hide the others.
 */
#include "base/alloc.h"
#include "cli/cli.h"
#include "client/load.h"
#include "show/json.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

struct check_cmd {
	struct hachi_opts instance;
	struct hachi *h; /* NULL = the kernel backend */
	enum cli_backend backend;
	const char *prog_name;
	bool show_log; /* -v: the verifier's whole log */
	bool is_quiet;
	u32 accepted, refused, untried;
};

static const char help_text[] =
	"Usage: hachi check [OPTIONS] FILE.bpf.c|FILE.bpf.o...\n"
	"\n"
	"Verifies every program of the files, without loading anything into the kernel and "
	"without\n"
	"root. For a refusal: the C line, the instruction, the reason, and what would fix it.\n"
	"\n"
	"      --kernel VERSION  judge as this kernel does: 5.15, 6.1, 6.12, 6.18 (default)\n"
	"      --backend NAME    user (default); kernel: the running kernel's verdict, with the "
	"rights;\n"
	"                        auto: user\n"
	"      --prog NAME       only this program\n"
	"  -j, --json            one JSON object a program\n"
	"  -q, --quiet           only the exit status\n"
	"  -v, --verbose         the verifier's log too, in the kernel's format\n"
	"  -h, --help\n"
	"\n"
	"Example:\n"
	"  hachi check examples/broken.bpf.c\n"
	"\n"
	"Exit status: 0 all accepted, 1 some refused, 2 some could not be tried.\n";

enum { OPT_PROG = OPT_VERB };

static const struct option options[] = {
	{"json", no_argument, NULL, 'j'},
	{"quiet", no_argument, NULL, 'q'},
	{"verbose", no_argument, NULL, 'v'},
	{"prog", required_argument, NULL, OPT_PROG},
	{"backend", required_argument, NULL, OPT_BACKEND},
	{"help", no_argument, NULL, 'h'},
	CLI_INSTANCE_OPTIONS,
	{NULL, 0, NULL, 0},
};

struct result {
	const char *file, *program, *section, *verdict;
	struct hachi_refusal why;
	struct strbuf error;
	u32 insns, verified;
	char *log;
	bool shows_log;
	char only_kernel[96]; /* what of an accepted program user space lacks; "" = nothing */
};

static void add_text(struct show_json *json, const char *key, const char *text)
{
	show_json_key(json, key);
	show_json_string(json, text);
}

static void add_number(struct show_json *json, const char *key, s64 number)
{
	show_json_key(json, key);
	show_json_s64(json, number);
}

static void print_json(const struct result *r)
{
	struct show_json json = {0};

	show_json_open(&json, '{');
	add_text(&json, "file", r->file);
	add_text(&json, "program", r->program);
	add_text(&json, "section", r->section);
	add_text(&json, "verdict", r->verdict);
	add_number(&json, "insns", r->insns);
	add_number(&json, "verified_insns", r->verified);
	if (*r->only_kernel)
		add_text(&json, "only_kernel", r->only_kernel);
	if (r->why.reason && *r->why.reason) {
		add_text(&json, "reason", r->why.reason);
		add_text(&json, "category", r->why.category);
		add_number(&json, "insn", (s32)r->why.insn);
		add_text(&json, "message", r->why.sentence);
		add_text(&json, "verifier", r->why.detail);
		add_text(&json, "source_file", r->why.file);
		add_number(&json, "line", r->why.line);
		add_number(&json, "column", r->why.column);
		add_text(&json, "source", r->why.source);
		add_text(&json, "hint", r->why.hint);
	} else if (r->error.len && !*r->only_kernel) {
		add_text(&json, "message", strbuf_cstr(&r->error));
	}
	show_json_close(&json, '}');
	show_json_line(&json, stdout);
	show_json_release(&json);
}

static void print_text(const struct result *r)
{
	if (strcmp(r->verdict, "accepted") == 0)
		printf("%s: %s: accepted (%u instructions, %u verified)%s%s\n", r->file, r->program,
			r->insns, r->verified,
			*r->only_kernel ? "; only a kernel can "
					  "run it: "
					: "",
			r->only_kernel);
	else
		printf("%s\n", strbuf_cstr(&r->error));
	if (r->shows_log && r->log && *r->log)
		printf("%s", r->log);
}

static void report(struct check_cmd *cmd, struct result *r)
{
	if (!cmd->is_quiet) {
		if (cli_is_json())
			print_json(r);
		else
			print_text(r);
	}
	if (strcmp(r->verdict, "accepted") == 0)
		cmd->accepted++;
	else if (strcmp(r->verdict, "refused") == 0)
		cmd->refused++;
	else
		cmd->untried++;
}

#define LOG_SIZE (16u << 20) /* a smaller rotating log would make the load fail with ENOSPC */

#define LOG_LEVEL_STATS 4 /* what is refused, and the counts */

/* Only the program called name stays in the object. */
static struct bpf_program *choose(struct bpf_object *object, const char *name)
{
	struct bpf_program *prog, *chosen = NULL;

	bpf_object__for_each_program(prog, object)
	{
		bool is_it = strcmp(bpf_program__name(prog), name) == 0;

		bpf_program__set_autoload(prog, is_it);
		if (is_it)
			chosen = prog;
	}
	return chosen;
}

/* A loaded program of an object that was accepted as a whole. */
static void report_accepted(struct check_cmd *cmd, const char *file, struct bpf_program *prog)
{
	struct result r = {.file = file, .verdict = "accepted"};
	struct bpf_prog_info info = {0};
	u32 len = sizeof(info);

	r.program = bpf_program__name(prog);
	r.section = bpf_program__section_name(prog);
	r.insns = (u32)bpf_program__insn_cnt(prog);
	if (bpf_obj_get_info_by_fd(bpf_program__fd(prog), &info, &len) == 0)
		r.verified = info.verified_insns;
	report(cmd, &r);
}

/*
 * Verified, and then refused since no engine of user space can run it: the log says what it is that
 * is missing, after what the verifier counted.
 */
static bool is_only_for_kernel(struct result *r)
{
	const char *count = r->log ? strstr(r->log, "processed ") : NULL;
	const char *end = count ? strstr(count, " is not available in user space") : NULL;
	const char *line = end;

	if (!end)
		return false;
	while (line > count && line[-1] != '\n')
		line--;
	snprintf(r->only_kernel, sizeof(r->only_kernel), "%.*s",
		(int)(end + strlen(" is not available in user space") - line), line);
	r->verified = (u32)strtoul(count + strlen("processed "), NULL, 10);
	return true;
}

static void check_program(struct check_cmd *cmd, const char *file, const char *object_path,
	const char *name, const char *section)
{
	struct load_opts opts = {.h = cmd->h};
	struct result r = {.file = file, .program = name, .section = section, .verdict = "untried"};
	struct bpf_prog_info info = {0};
	u32 len = sizeof(info);
	struct bpf_program *prog;
	struct load load;
	int err;

	err = load_open(&load, object_path, &opts, &r.error);
	load.path = file;
	prog = err ? NULL : choose(load.object, name);
	r.log = prog && (cmd->show_log || cmd->h) ? mem_zalloc(LOG_SIZE) : NULL;
	if (r.log) {
		bpf_program__set_log_buf(prog, r.log, LOG_SIZE);
		bpf_program__set_log_level(prog, cmd->show_log ? 1 : LOG_LEVEL_STATS);
	}
	if (prog) {
		r.insns = (u32)bpf_program__insn_cnt(prog);
		err = load_load(&load, &r.error);
		if (!err) {
			r.verdict = "accepted";
			if (bpf_obj_get_info_by_fd(bpf_program__fd(prog), &info, &len) == 0)
				r.verified = info.verified_insns;
		} else {
			if (cmd->h)
				hachi_last_refusal(cmd->h, &r.why);
			if (cmd->h ? r.why.reason && *r.why.reason : load_has_verdict(&load))
				r.verdict = "refused";
			else if (is_only_for_kernel(&r))
				r.verdict = "accepted";
			else if (strstr(strbuf_cstr(&load.messages), "failed to initialize slot"))
				/* the program was loaded; its prog array wants the others too */
				r.verdict = "accepted";
		}
	}
	r.shows_log = cmd->show_log;
	report(cmd, &r);
	mem_free(r.log);
	strbuf_release(&r.error);
	load_close(&load);
}

static void report_untried(struct check_cmd *cmd, const char *file, struct strbuf *error)
{
	struct result r = {.file = file, .program = "", .section = "", .verdict = "untried"};

	r.error = *error;
	if (cli_is_json())
		report(cmd, &r);
	else
		cmd->untried++, cli_error("%s", strbuf_cstr(error));
}

static void check_file(struct check_cmd *cmd, const char *file)
{
	struct load_opts opts = {.h = cmd->h};
	struct strbuf error = {0};
	struct bpf_program *prog;
	struct load load;
	bool found = false;

	if (load_open(&load, file, &opts, &error)) {
		report_untried(cmd, file, &error);
		goto out;
	}
	/* all at once first; a refusal is looked into program by program */
	if (!cmd->prog_name && !cmd->show_log && load_load(&load, &error) == 0) {
		bpf_object__for_each_program(prog, load.object) report_accepted(cmd, file, prog);
		goto out;
	}
	strbuf_reset(&error);
	bpf_object__for_each_program(prog, load.object)
	{
		if (cmd->prog_name && strcmp(cmd->prog_name, bpf_program__name(prog)) != 0)
			continue;
		found = true;
		check_program(cmd, file, *load.object_path ? load.object_path : file,
			bpf_program__name(prog), bpf_program__section_name(prog));
	}
	if (!found) {
		strbuf_printf(&error, "%s: no program %s", file, cmd->prog_name);
		report_untried(cmd, file, &error);
	}
out:
	load_close(&load);
	strbuf_release(&error);
}

static bool open_backend(struct check_cmd *cmd)
{
	struct strbuf reason = {0};
	int err;

	if (cmd->backend != CLI_BACKEND_KERNEL) {
		cmd->h = cli_instance_open(&cmd->instance);
		return cmd->h;
	}
	err = cli_kernel_probe(&reason);
	if (err)
		cli_error("--backend kernel: %s", strbuf_cstr(&reason));
	strbuf_release(&reason);
	return !err;
}

int cli_check(int argc, char **argv)
{
	struct check_cmd cmd = {
		.instance.size = sizeof(cmd.instance), .instance.judges_only = true};
	int option;

	optind = 1;
	while ((option = getopt_long(argc, argv, "jqvh", options, NULL)) != -1) {
		switch (option) {
		case 'j': cli_set_json(true, false); break;
		case 'q': cmd.is_quiet = true; break;
		case 'v': cmd.show_log = true; break;
		case OPT_PROG: cmd.prog_name = optarg; break;
		case OPT_BACKEND:
			if (cli_backend_option(optarg, &cmd.backend))
				return EXIT_TROUBLE;
			break;
		case 'h': fputs(help_text, stdout); return 0;
		case '?':
			fprintf(stderr, "`hachi check --help` lists the options.\n");
			return EXIT_TROUBLE;
		default:
			if (cli_instance_option(&cmd.instance, option, optarg))
				return EXIT_TROUBLE;
		}
	}
	if (optind == argc) {
		cli_error("no files given; `hachi check --help` tells more");
		return EXIT_TROUBLE;
	}
	if (!open_backend(&cmd))
		return EXIT_TROUBLE;
	for (int i = optind; i < argc; i++)
		check_file(&cmd, argv[i]);
	if (!cmd.is_quiet && !cli_is_json() && cmd.accepted + cmd.refused + cmd.untried > 1)
		printf("%u accepted, %u refused, %u could not be tried\n", cmd.accepted,
			cmd.refused, cmd.untried);
	if (cmd.h)
		cli_instance_close(cmd.h);
	return cmd.untried ? EXIT_TROUBLE : cmd.refused ? EXIT_REFUSED : 0;
}
