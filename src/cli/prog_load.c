// SPDX-License-Identifier: BSD-2-Clause
/* `hachi prog load`, `loadall`, `pin`, `attach`, `detach`; loading one program of a file. */
#include "cli/prog.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <limits.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* ---- one program of a file ------------------------------------------------------------------ */

bool cli_prog_is_file(const struct words *w)
{
	return w->argc > 0 && (str_ends_with(w->argv[0], ".o") || str_ends_with(w->argv[0], ".c"));
}

static int open_file(struct words *w, const char *path, struct load *load)
{
	struct load_opts opts = {
		.h = w->h,
		.flags = w->clang_flag_count ? w->clang_flags : NULL,
		.verbose = w->is_verbose,
		.log_level = w->is_verbose ? 1 + 2 + 4 : 0,
	};
	struct strbuf error = {0};
	int err = load_open(load, path, &opts, &error);

	if (err)
		words_error(w, "%s", strbuf_cstr(&error));
	strbuf_release(&error);
	return err ? WORDS_FAILED : 0;
}

static int load_opened(struct words *w, struct load *load)
{
	struct strbuf error = {0}, reason = {0};
	int err = load_load(load, &error);

	if (err && !w->h && cli_kernel_reason(err, &reason))
		words_error(w, "%s (%s)", strbuf_cstr(&error), strbuf_cstr(&reason));
	else if (err)
		words_error(w, "%s", strbuf_cstr(&error));
	strbuf_release(&error);
	strbuf_release(&reason);
	return err ? WORDS_FAILED : 0;
}

int cli_prog_load_file(struct words *w, struct load *load, int *ret_fd)
{
	const char *path = words_next(w), *name = words_next(w);
	struct bpf_program *prog, *chosen = NULL;

	if (!name)
		return words_error(w, "%s: which program? Give its name behind the file", path);
	if (words_open(w, WORDS_FILE) || open_file(w, path, load))
		return WORDS_FAILED;
	bpf_object__for_each_program(prog, load->object)
	{
		bool is_it = strcmp(bpf_program__name(prog), name) == 0;

		bpf_program__set_autoload(prog, is_it);
		if (is_it)
			chosen = prog;
	}
	if (!chosen)
		return words_error(w, "%s: no program %s", path, name);
	if (load_opened(w, load))
		return WORDS_FAILED;
	*ret_fd = bpf_program__fd(chosen);
	return 0;
}

/* ---- load, loadall -------------------------------------------------------------------------- */

struct replacement {
	const char *name; /* or */
	u32 index;
	int fd; /* owned */
	bool is_used;
};

struct load_cmd {
	struct load load;
	const char *file, *pin_path, *map_dir, *type_name;
	enum bpf_prog_type type;
	enum bpf_attach_type attach_type;
	u32 ifindex;
	bool is_all, is_attached;
	VEC(struct replacement) replacements;
};

static int parse_type(struct words *w, struct load_cmd *cmd)
{
	char text[128];

	if (cmd->type_name)
		return words_error(w, "program type already specified");
	if (!words_need(w, 1))
		return WORDS_FAILED;
	cmd->type_name = words_next(w);
	if (libbpf_prog_type_by_name(cmd->type_name, &cmd->type, &cmd->attach_type) == 0)
		return 0;
	/* some section names end with a slash */
	snprintf(text, sizeof(text), "%s/", cmd->type_name);
	if (libbpf_prog_type_by_name(text, &cmd->type, &cmd->attach_type) == 0)
		return 0;
	return words_error(w, "type %s: libbpf knows no such program type", cmd->type_name);
}

static int parse_replacement(struct words *w, struct load_cmd *cmd)
{
	struct replacement r = {0};

	if (!words_need(w, 4))
		return WORDS_FAILED;
	if (words_take(w, "idx")) {
		if (words_u32(w, "IDX", &r.index))
			return WORDS_FAILED;
	} else if (words_take(w, "name")) {
		r.name = words_next(w);
	} else {
		return words_error(w, "expected 'idx' or 'name', got: '%s'?", w->argv[0]);
	}
	r.fd = object_parse(w, OBJECT_MAP);
	if (r.fd < 0)
		return WORDS_FAILED;
	if (vec_push(&cmd->replacements, r)) {
		object_close(w, r.fd);
		return words_error(w, "%s", strerror(ENOMEM));
	}
	return 0;
}

static int parse_device(struct words *w, struct load_cmd *cmd)
{
	const char *name;

	if (cmd->ifindex)
		return words_error(w, "offload_dev already specified");
	if (!words_need(w, 1))
		return WORDS_FAILED;
	name = words_next(w);
	cmd->ifindex = if_nametoindex(name);
	return cmd->ifindex
		? 0
		: words_error(w, "unrecognized netdevice '%s': %s", name, strerror(errno));
}

static int parse_load(struct words *w, struct load_cmd *cmd)
{
	int err = 0;

	if (!words_need(w, 2))
		return WORDS_FAILED;
	cmd->file = words_next(w);
	cmd->pin_path = words_next(w);
	while (!err && w->argc) {
		if (words_take(w, "type")) {
			err = parse_type(w, cmd);
		} else if (words_take(w, "map")) {
			err = parse_replacement(w, cmd);
		} else if (words_take(w, "dev") || words_take(w, "offload_dev")) {
			err = parse_device(w, cmd);
		} else if (words_take(w, "pinmaps")) {
			if (!words_need(w, 1))
				return WORDS_FAILED;
			cmd->map_dir = words_next(w);
		} else if (words_take(w, "autoattach")) {
			cmd->is_attached = true;
		} else {
			err = words_error(w,
				"expected no more arguments, 'type', 'map', 'dev', 'pinmaps' or "
				"'autoattach', got: '%s'?",
				w->argv[0]);
		}
	}
	return err;
}

static void set_types(struct load_cmd *cmd)
{
	struct bpf_program *prog;

	bpf_object__for_each_program(prog, cmd->load.object)
	{
		bpf_program__set_ifindex(prog, cmd->ifindex);
		if (!cmd->type_name)
			continue;
		bpf_program__set_type(prog, cmd->type);
		bpf_program__set_expected_attach_type(prog, cmd->attach_type);
	}
}

static int replace_maps(struct words *w, struct load_cmd *cmd)
{
	struct replacement *r;
	struct bpf_map *map;
	u32 index = 0;

	bpf_object__for_each_map(map, cmd->load.object)
	{
		bool is_replaced = false;

		if (bpf_map__type(map) != BPF_MAP_TYPE_PERF_EVENT_ARRAY)
			bpf_map__set_ifindex(map, cmd->ifindex);
		vec_for_each (r, &cmd->replacements) {
			if (r->name ? strcmp(bpf_map__name(map), r->name) != 0 : r->index != index)
				continue;
			if (is_replaced)
				return words_error(w,
					"replacement for map idx %u specified more than once",
					index);
			if (bpf_map__reuse_fd(map, r->fd))
				return words_error(
					w, "unable to set up map reuse: %s", strerror(errno));
			is_replaced = r->is_used = true;
		}
		index++;
	}
	vec_for_each (r, &cmd->replacements) {
		if (!r->is_used && r->name)
			return words_error(w, "unable to find map '%s'", r->name);
		if (!r->is_used)
			return words_error(w, "map idx '%u' not used", r->index);
	}
	return 0;
}

/* Its link when it can be attached and autoattach was said, else the program. */
static int pin_program(
	struct words *w, struct load_cmd *cmd, struct bpf_program *prog, const char *path)
{
	struct bpf_link *link = cmd->is_attached ? bpf_program__attach(prog) : NULL;
	int err = 0;

	if (cmd->is_attached && !link)
		words_info(w, "Program %s does not support autoattach, falling back to pinning",
			bpf_program__name(prog));
	if (link)
		err = bpf_link__pin(link, path);
	else if (!w->h)
		err = bpf_program__pin(prog, path); /* makes the folder of several */
	else if (bpf_obj_pin(bpf_program__fd(prog), path))
		err = -errno;
	if (link)
		bpf_link__destroy(link);
	return err;
}

static int pin_first(struct words *w, struct load_cmd *cmd)
{
	struct bpf_program *prog = bpf_object__next_program(cmd->load.object, NULL);
	int err = object_prepare_pin(w, cmd->pin_path, false);

	if (err)
		return err;
	err = pin_program(w, cmd, prog, cmd->pin_path);
	if (err == -EPERM && w->h)
		return object_pin_refused(w, cmd->pin_path);
	return err ? words_error_errno(
			     w, err, "failed to pin program %s", bpf_program__section_name(prog))
		   : 0;
}

/*
 * What libbpf's pin_programs and pin_maps do, which make their folder in the machine's file system:
 * for the user backend it is one below --pin-dir, or there is none.
 */
static int pin_in(struct words *w, const char *dir, const char *name, int fd)
{
	char path[PATH_MAX];

	if (snprintf(path, sizeof(path), "%s/%s", dir, name) >= (int)sizeof(path))
		return words_error(w, "%s/%s: %s", dir, name, strerror(ENAMETOOLONG));
	for (char *c = path + strlen(dir) + 1; *c; c++)
		if (*c == '.')
			*c = '_';
	return object_pin(w, fd, path);
}

static int pin_each_here(struct words *w, struct load_cmd *cmd)
{
	struct bpf_program *prog;
	int err = 0;

	bpf_object__for_each_program(prog, cmd->load.object)
	{
		if (!err)
			err = pin_in(
				w, cmd->pin_path, bpf_program__name(prog), bpf_program__fd(prog));
	}
	return err;
}

static int pin_maps_here(struct words *w, struct load_cmd *cmd)
{
	struct bpf_map *map;
	int err = 0;

	bpf_object__for_each_map(map, cmd->load.object)
	{
		if (!err && bpf_map__fd(map) >= 0)
			err = pin_in(w, cmd->map_dir, bpf_map__name(map), bpf_map__fd(map));
	}
	return err;
}

static int pin_each(struct words *w, struct load_cmd *cmd)
{
	struct bpf_program *prog;
	char path[PATH_MAX];
	int err = object_prepare_pin(w, cmd->pin_path, true);

	if (err)
		return err;
	if (w->h && !cmd->is_attached)
		return pin_each_here(w, cmd);
	if (!cmd->is_attached) {
		err = bpf_object__pin_programs(cmd->load.object, cmd->pin_path);
		return err ? words_error_errno(w, err, "failed to pin all programs") : 0;
	}
	bpf_object__for_each_program(prog, cmd->load.object)
	{
		snprintf(path, sizeof(path), "%s/%s", cmd->pin_path, bpf_program__name(prog));
		err = pin_program(w, cmd, prog, path);
		if (err)
			return words_error_errno(w, err, "failed to pin all programs");
	}
	return 0;
}

static int pin_maps(struct words *w, struct load_cmd *cmd)
{
	int err = cmd->map_dir ? object_prepare_pin(w, cmd->map_dir, true) : 0;

	if (err || !cmd->map_dir)
		return err;
	if (w->h)
		return pin_maps_here(w, cmd);
	err = bpf_object__pin_maps(cmd->load.object, cmd->map_dir);
	if (!err)
		return 0;
	if (cmd->is_all)
		bpf_object__unpin_programs(cmd->load.object, cmd->pin_path);
	else
		unlink(cmd->pin_path);
	return words_error_errno(w, err, "failed to pin all maps");
}

static int load_command(struct words *w, bool is_all)
{
	struct load_cmd cmd = {.is_all = is_all};
	struct replacement *r;
	int err = parse_load(w, &cmd);

	if (!err)
		err = words_open(w, WORDS_SYSTEM);
	if (!err)
		err = open_file(w, cmd.file, &cmd.load);
	if (!err) {
		set_types(&cmd);
		err = replace_maps(w, &cmd);
	}
	if (!err)
		err = load_opened(w, &cmd.load);
	if (!err)
		err = is_all ? pin_each(w, &cmd) : pin_first(w, &cmd);
	if (!err)
		err = pin_maps(w, &cmd);
	vec_for_each (r, &cmd.replacements)
		object_close(w, r->fd);
	vec_release(&cmd.replacements);
	load_close(&cmd.load);
	return err ? err : words_done(w);
}

int cli_prog_load(struct words *w)
{
	return load_command(w, false);
}

int cli_prog_loadall(struct words *w)
{
	return load_command(w, true);
}

int cli_prog_pin(struct words *w)
{
	return object_pin_command(w, OBJECT_PROG);
}

/* ---- attach, detach: programs of socket maps, flow dissectors ------------------------------- */

static const struct {
	enum bpf_attach_type type;
	const char *names[2]; /* bpftool took the first before it took libbpf's */
} attach_types[] = {
	{BPF_SK_SKB_STREAM_PARSER, {"stream_parser", "sk_skb_stream_parser"}},
	{BPF_SK_SKB_STREAM_VERDICT, {"stream_verdict", "sk_skb_stream_verdict"}},
	{BPF_SK_SKB_VERDICT, {"skb_verdict", "sk_skb_verdict"}},
	{BPF_SK_MSG_VERDICT, {"msg_verdict", "sk_msg_verdict"}},
	{BPF_FLOW_DISSECTOR, {"flow_dissector", "flow_dissector"}},
};

static bool find_attach_type(const char *word, enum bpf_attach_type *ret_type)
{
	for (u32 i = 0; i < ARRAY_SIZE(attach_types); i++)
		if (words_prefix(word, attach_types[i].names[0]) ||
			strcmp(word, attach_types[i].names[1]) == 0) {
			*ret_type = attach_types[i].type;
			return true;
		}
	return false;
}

static int attach_command(struct words *w, bool is_attach)
{
	enum bpf_attach_type type;
	int prog_fd, map_fd = -1, err = 0;
	const char *word;

	if (!words_need(w, 3))
		return WORDS_FAILED;
	prog_fd = object_parse(w, OBJECT_PROG);
	if (prog_fd < 0)
		return WORDS_FAILED;
	word = words_next(w);
	if (!word || !find_attach_type(word, &type)) {
		object_close(w, prog_fd);
		return words_error(w, "invalid attach/detach type");
	}
	if (type != BPF_FLOW_DISSECTOR) {
		map_fd = words_need(w, 2) ? object_parse(w, OBJECT_MAP) : -1;
		err = map_fd < 0 ? WORDS_FAILED : 0;
	}
	if (!err) {
		int target = map_fd < 0 ? 0 : map_fd;

		err = is_attach ? bpf_prog_attach(prog_fd, target, type, 0)
				: bpf_prog_detach2(prog_fd, target, type);
		if (err)
			words_error_errno(w, errno, "failed prog %s map",
				is_attach ? "attach to" : "detach from");
	}
	object_close(w, map_fd);
	object_close(w, prog_fd);
	return err ? WORDS_FAILED : words_done(w);
}

int cli_prog_attach(struct words *w)
{
	return attach_command(w, true);
}

int cli_prog_detach(struct words *w)
{
	return attach_command(w, false);
}
