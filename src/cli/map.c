// SPDX-License-Identifier: BSD-2-Clause
/* `hachi map`: its commands and its help; create, pin. */
#include "cli/map.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <net/if.h>
#include <stdlib.h>

static const char help_text[] =
	"Usage: hachi map { show | list } [MAP]\n"
	"       hachi map create     FILE type TYPE key KEY_SIZE value VALUE_SIZE\n"
	"                            entries MAX_ENTRIES name NAME [flags FLAGS]\n"
	"                            [inner_map MAP] [offload_dev NAME]\n"
	"       hachi map dump       MAP\n"
	"       hachi map update     MAP [key DATA] [value VALUE] [any | exist | noexist]\n"
	"       hachi map lookup     MAP [key DATA]\n"
	"       hachi map getnext    MAP [key DATA]\n"
	"       hachi map delete     MAP key DATA\n"
	"       hachi map pin        MAP FILE\n"
	"       hachi map event_pipe MAP [cpu N index M]\n"
	"       hachi map peek       MAP\n"
	"       hachi map push       MAP value VALUE\n"
	"       hachi map pop        MAP\n"
	"       hachi map enqueue    MAP value VALUE\n"
	"       hachi map dequeue    MAP\n"
	"       hachi map freeze     MAP\n"
	"       hachi map help\n"
	"\n"
	"       MAP := { id MAP_ID | pinned FILE | name MAP_NAME }\n"
	"       DATA := { [hex] BYTES }\n"
	"       VALUE := { DATA | MAP | PROG }\n"
	"       TYPE := { hash | array | prog_array | perf_event_array | percpu_hash |\n"
	"                 percpu_array | lru_hash | lpm_trie | queue | stack | ringbuf | ... }\n"
	"\n"
	"Looks at BPF maps and changes them, in the words of bpftool; words may be abbreviated.\n"
	"Values whose types are known (BTF) are shown by them.\n"
	"\n"
	"  -j, --json            JSON\n"
	"  -p, --pretty          JSON over several lines\n"
	"  -f, --bpffs           show where maps are pinned\n"
	"  -m, --mapcompat       accepted and ignored, as by bpftool since libbpf 1.0\n"
	"  -n, --nomount         never mount a BPF file system\n"
	"  -d, --debug           what libbpf says\n"
	"      --backend NAME    kernel or user (auto: kernel, or user with --pin-dir)\n"
	"      --pin-dir DIR     the user backend pins below DIR instead of in memory\n"
	"      --engine NAME     interp or jit (user backend)\n"
	"      --harden WHICH    machine code of off, unprivileged or all programs (user backend)\n"
	"      --kernel VERSION  behave as 5.15, 6.1, 6.12, 6.18 (user backend)\n"
	"  -h, --help\n"
	"\n"
	"The user backend's maps live as long as its instance: one command, or all commands of "
	"one\n"
	"`hachi batch`.\n"
	"\n"
	"Examples:\n"
	"  hachi map list\n"
	"  hachi map dump name counts\n"
	"  hachi map update name counts key 1 0 0 0 value hex 2a 00 00 00 00 00 00 00 noexist\n"
	"  hachi map create /sys/fs/bpf/q type queue value 4 entries 8 name q\n";

/* ---- create --------------------------------------------------------------------------------- */

struct create {
	const char *path, *name;
	u32 type, key, value, entries, flags;
	bool has_type;
	struct bpf_map_create_opts opts;
};

/* libbpf's name for the kind; its number when there is none. */
static int parse_type(struct words *w, struct create *c)
{
	const char *word = words_next(w);

	if (c->has_type)
		return words_error(w, "map type already specified");
	c->has_type = true;
	for (u32 type = 1; type < 256; type++) {
		const char *name = libbpf_bpf_map_type_str((enum bpf_map_type)type);

		if (name && strcmp(name, word) == 0) {
			c->type = type;
			return 0;
		}
	}
	return words_error(w, "unrecognized map type: %s", word);
}

static int parse_number(struct words *w, const char *what, u32 *number)
{
	if (*number)
		return words_error(w, "%s already specified", what);
	return words_u32(w, what, number);
}

static int parse_argument(struct words *w, struct create *c)
{
	if (!words_need(w, 2))
		return WORDS_FAILED;
	if (words_take(w, "type"))
		return parse_type(w, c);
	if (words_take(w, "name")) {
		c->name = words_next(w);
		return 0;
	}
	if (words_take(w, "key"))
		return parse_number(w, "key size", &c->key);
	if (words_take(w, "value"))
		return parse_number(w, "value size", &c->value);
	if (words_take(w, "entries"))
		return parse_number(w, "max entries", &c->entries);
	if (words_take(w, "flags"))
		return parse_number(w, "flags", &c->opts.map_flags);
	if (words_take(w, "dev") || words_take(w, "offload_dev")) {
		const char *name = words_next(w);

		if (c->opts.map_ifindex)
			return words_error(w, "offload device already specified");
		c->opts.map_ifindex = if_nametoindex(name);
		return c->opts.map_ifindex
			? 0
			: words_error(w, "unrecognized netdevice '%s': %s", name, strerror(errno));
	}
	if (words_take(w, "inner_map")) {
		int fd = object_parse(w, OBJECT_MAP);

		if (fd < 0)
			return WORDS_FAILED;
		object_close(w, c->opts.inner_map_fd ? (int)c->opts.inner_map_fd : -1);
		c->opts.inner_map_fd = (u32)fd;
		return 0;
	}
	return words_error(w, "unknown arg %s", w->argv[0]);
}

int cli_map_create(struct words *w)
{
	struct create c = {.opts.sz = sizeof(c.opts)};
	int fd, err = words_need(w, 7) ? words_open(w, WORDS_SYSTEM) : WORDS_FAILED;

	if (err)
		return err;
	c.path = words_next(w);
	while (!err && w->argc)
		err = parse_argument(w, &c);
	if (!err && !c.name)
		err = words_error(w, "map name not specified");
	if (!err) {
		fd = bpf_map_create(
			(enum bpf_map_type)c.type, c.name, c.key, c.value, c.entries, &c.opts);
		if (fd < 0) {
			err = words_error_errno(w, errno, "map create failed");
		} else {
			err = object_pin(w, fd, c.path);
			object_close(w, fd);
		}
	}
	if (c.opts.inner_map_fd)
		object_close(w, (int)c.opts.inner_map_fd);
	return err ? err : words_done(w);
}

int cli_map_pin(struct words *w)
{
	return object_pin_command(w, OBJECT_MAP);
}

static const struct words_command commands[] = {
	{"show", cli_map_show},
	{"list", cli_map_show},
	{"dump", cli_map_dump},
	{"update", cli_map_update},
	{"lookup", cli_map_lookup},
	{"getnext", cli_map_getnext},
	{"delete", cli_map_delete},
	{"pin", cli_map_pin},
	{"event_pipe", cli_map_event_pipe},
	{"create", cli_map_create},
	{"peek", cli_map_lookup},
	{"push", cli_map_update},
	{"enqueue", cli_map_update},
	{"pop", cli_map_pop},
	{"dequeue", cli_map_pop},
	{"freeze", cli_map_freeze},
	{NULL, NULL},
};

const struct words_noun cli_map_noun = {"map", help_text, commands};

int cli_map(int argc, char **argv)
{
	return words_main(&cli_map_noun, argc, argv);
}
