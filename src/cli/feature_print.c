// SPDX-License-Identifier: BSD-2-Clause
/*
 * What was found out, in the words and JSON keys of `bpftool feature probe`. Sections that bpftool
 * lacks (instructions, attach types, commands) follow its manner.
 */
#include "cli/cli.h"
#include "cli/feature.h"
#include "isa/insn.h"
#include "show/json.h"
#include "spec/helper.h"
#include "spec/progtype.h"

#include <stdio.h>

struct printer {
	struct show_json json;
	bool is_json;
};

static void section(struct printer *p, const char *key, const char *title)
{
	if (p->is_json) {
		show_json_key(&p->json, key);
		show_json_open(&p->json, '{');
	} else {
		printf("%s\n", title);
	}
}

static void section_end(struct printer *p)
{
	if (p->is_json)
		show_json_close(&p->json, '}');
	else
		printf("\n");
}

/* "have_NAME_SUFFIX": true, or "WORDS NAME is available". */
static void feature(
	struct printer *p, const char *words, const char *name, const char *suffix, bool is_there)
{
	char key[128];

	if (!p->is_json) {
		printf("%s %s is %savailable\n", words, name, is_there ? "" : "NOT ");
		return;
	}
	snprintf(key, sizeof(key), "have_%s_%s", name, suffix);
	show_json_key(&p->json, key);
	show_json_bool(&p->json, is_there);
}

static void print_syscall(struct printer *p, const struct feature_door *door)
{
	bool is_there = feature_has_syscall(door);

	section(p, "syscall_config", "Scanning system call availability...");
	if (p->is_json) {
		show_json_key(&p->json, "have_bpf_syscall");
		show_json_bool(&p->json, is_there);
	} else {
		printf("bpf() syscall is %savailable\n", is_there ? "" : "NOT ");
	}
	section_end(p);
}

static void print_prog_types(struct printer *p, const struct feature_door *door)
{
	section(p, "program_types", "Scanning eBPF program types...");
	for (u32 i = 0; i < progtype_spec_count(); i++) {
		const struct progtype_spec *spec = progtype_spec_at(i);

		feature(p, "eBPF program_type", spec->name, "prog_type",
			feature_has_prog_type(door, spec->type));
	}
	section_end(p);
}

static void print_map_types(struct printer *p, const struct feature_door *door)
{
	section(p, "map_types", "Scanning eBPF map types...");
	for (u32 i = 0; i < maptype_spec_count(); i++) {
		const struct maptype_spec *spec = maptype_spec_at(i);

		feature(p, "eBPF map_type", spec->name, "map_type",
			feature_has_map_type(door, spec->type));
	}
	section_end(p);
}

static void print_helpers_of(
	struct printer *p, const struct feature_door *door, const struct progtype_spec *prog)
{
	int err = feature_can_ask_helpers(door, prog->type);
	char key[64];

	if (p->is_json) {
		snprintf(key, sizeof(key), "%s_available_helpers", prog->name);
		show_json_key(&p->json, key);
		show_json_open(&p->json, '[');
	} else {
		printf("eBPF helpers supported for program type %s:\n", prog->name);
		if (err)
			printf("\t%s\n",
				err == -EOPNOTSUPP
					? "Could not determine which helpers are available"
					: "Program type not supported");
	}
	for (u32 id = 1; !err && id <= helper_spec_count(); id++) {
		if (!feature_has_helper(door, prog->type, id))
			continue;
		if (p->is_json)
			show_json_string(&p->json, helper_name(id));
		else
			printf("\t- %s\n", helper_name(id));
	}
	if (p->is_json)
		show_json_close(&p->json, ']');
}

static void print_helpers(struct printer *p, const struct feature_door *door)
{
	section(p, "helpers", "Scanning eBPF helper functions...");
	for (u32 i = 0; i < progtype_spec_count(); i++)
		print_helpers_of(p, door, progtype_spec_at(i));
	section_end(p);
}

static void print_misc(struct printer *p, const struct feature_door *door)
{
	section(p, "misc", "Scanning miscellaneous eBPF features...");
	for (const struct feature_misc *misc = feature_miscs; misc->key; misc++) {
		bool is_there = misc->probe(door);

		if (p->is_json) {
			show_json_key(&p->json, misc->key);
			show_json_bool(&p->json, is_there);
		} else {
			printf("%s is %savailable\n", misc->words, is_there ? "" : "NOT ");
		}
	}
	section_end(p);
}

static void print_commands(struct printer *p, const struct feature_door *door)
{
	section(p, "commands", "Scanning bpf() commands...");
	for (u32 cmd = 0; cmd < command_count(); cmd++)
		feature(p, "bpf() command", command_name(cmd), "command",
			feature_has_command(door, cmd));
	section_end(p);
}

static void print_insns(struct printer *p, const struct feature_door *door)
{
	section(p, "instructions", "Scanning eBPF instructions...");
	for (u32 kind = 0; kind < INSN_KIND_COUNT; kind++) {
		const struct insn_desc *desc = insn_desc(kind);

		if (desc->scope == INSN_SCOPE_UAPI)
			feature(p, "eBPF instruction", desc->id, "insn",
				desc->since <= door->kernel);
	}
	section_end(p);
}

int feature_print(const struct feature_door *door)
{
	struct printer p = {.is_json = cli_is_json(), .json.is_pretty = cli_is_pretty()};
	int err = 0;

	if (p.is_json)
		show_json_open(&p.json, '{');
	print_syscall(&p, door);
	print_prog_types(&p, door);
	print_map_types(&p, door);
	print_helpers(&p, door);
	print_misc(&p, door);
	print_commands(&p, door);
	print_insns(&p, door);
	if (p.is_json) {
		show_json_close(&p.json, '}');
		err = show_json_line(&p.json, stdout);
		show_json_release(&p.json);
	}
	if (fflush(stdout) && !err)
		err = -EIO;
	return err;
}
