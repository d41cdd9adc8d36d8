// SPDX-License-Identifier: BSD-2-Clause
/* `hachi btf`: the types that are loaded, and dumps of them as records or as C. */
#include "cli/types_dump.h"
#include "cli/map.h"

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <stdio.h>
#include <stdlib.h>

#define VMLINUX "/sys/kernel/btf/vmlinux"

static const char help_text[] =
	"Usage: hachi btf { show | list } [id BTF_ID]\n"
	"       hachi btf dump BTF_SRC [format { raw | c [unsorted] }]\n"
	"       hachi btf help\n"
	"\n"
	"       BTF_SRC := { id BTF_ID | prog PROG | map MAP [{ key | value | kv | all }] |\n"
	"                    file FILE }\n"
	"       PROG := { id PROG_ID | pinned FILE | tag PROG_TAG | name PROG_NAME }\n"
	"       MAP := { id MAP_ID | pinned FILE | name MAP_NAME }\n"
	"\n"
	"Looks at BTF types, in the words of bpftool; words may be abbreviated. FILE may be an\n"
	"object, a program with .BTF, or raw BTF; no rights are needed for it.\n"
	"\n"
	"  -j, --json            JSON\n"
	"  -p, --pretty          JSON over several lines\n"
	"  -B, --base-btf FILE   the base of split BTF (a module's)\n"
	"  -d, --debug           what libbpf says\n"
	"      --backend NAME    kernel or user (auto: kernel, or user with --pin-dir)\n"
	"      --pin-dir DIR     where the user backend pins\n"
	"  -h, --help\n"
	"\n"
	"Examples:\n"
	"  hachi btf list\n"
	"  hachi btf dump file /sys/kernel/btf/vmlinux format c >vmlinux.h\n"
	"  hachi btf dump map name counts\n";

/* ---- show ----------------------------------------------------------------------------------- */

struct show {
	struct object_index progs, maps; /* value = id of a user, by id of its BTF */
};

static int note_prog(struct words *w, int fd, u32 id, void *arg)
{
	struct bpf_prog_info info = {0};
	u32 len = sizeof(info);

	if (bpf_obj_get_info_by_fd(fd, &info, &len))
		return words_error(w, "can't get prog info: %s", strerror(errno));
	return info.btf_id ? object_index_add(arg, info.btf_id, id, NULL) : 0;
}

static int note_map(struct words *w, int fd, u32 id, void *arg)
{
	struct bpf_map_info info = {0};
	u32 len = sizeof(info);

	if (bpf_obj_get_info_by_fd(fd, &info, &len))
		return words_error(w, "can't get map info: %s", strerror(errno));
	return info.btf_id ? object_index_add(arg, info.btf_id, id, NULL) : 0;
}

static void print_users(struct words *w, const char *key, const struct object_index *index, u32 id)
{
	const struct object_index_entry *entry = NULL;
	u32 count = 0;

	if (w->is_json) {
		show_json_key(&w->json, key);
		show_json_open(&w->json, '[');
	}
	while ((entry = object_index_next(index, entry, id))) {
		if (w->is_json)
			show_json_u64(&w->json, entry->value);
		else if (count++)
			printf(",%u", entry->value);
		else
			printf("  %s %u", key, entry->value);
	}
	if (w->is_json)
		show_json_close(&w->json, ']');
}

static int show_one(struct words *w, int fd, u32 id, void *arg)
{
	struct bpf_btf_info info = {0};
	struct show *show = arg;
	u32 len = sizeof(info);
	char name[64] = "";

	(void)id;
	info.name = (u64)(uintptr_t)name;
	info.name_len = sizeof(name);
	if (bpf_obj_get_info_by_fd(fd, &info, &len))
		return words_error(w, "can't get BTF object info: %s", strerror(errno));
	if (w->is_json) {
		show_json_open(&w->json, '{');
		words_u64(w, "id", info.id);
		words_u64(w, "size", info.btf_size);
	} else {
		printf("%u: ", info.id);
		if (info.kernel_btf)
			printf("name [%s]  ", name);
		else
			printf("name %s  ", *name ? name : "<anon>");
		printf("size %uB", info.btf_size);
	}
	print_users(w, "prog_ids", &show->progs, info.id);
	print_users(w, "map_ids", &show->maps, info.id);
	if (w->is_json) {
		words_bool(w, "kernel", info.kernel_btf);
		if (*name)
			words_text(w, "name", name);
		show_json_close(&w->json, '}');
	} else {
		printf("\n");
	}
	return 0;
}

static int types_show(struct words *w)
{
	struct show show = {0};
	int fd = -1, err = words_open(w, WORDS_SYSTEM);

	if (!err && w->argc == 2) {
		fd = object_parse(w, OBJECT_BTF);
		if (fd < 0)
			return WORDS_FAILED;
	}
	if (!err && !words_end(w))
		err = WORDS_FAILED;
	if (!err)
		err = object_for_each(w, OBJECT_PROG, note_prog, &show.progs);
	if (!err)
		err = object_for_each(w, OBJECT_MAP, note_map, &show.maps);
	if (!err && fd >= 0) {
		err = show_one(w, fd, 0, &show);
	} else if (!err) {
		if (w->is_json)
			show_json_open(&w->json, '[');
		err = object_for_each(w, OBJECT_BTF, show_one, &show);
		if (w->is_json)
			show_json_close(&w->json, ']');
	}
	object_close(w, fd);
	object_index_release(&show.progs);
	object_index_release(&show.maps);
	return err;
}

/* ---- dump ----------------------------------------------------------------------------------- */

struct source {
	struct btf *btf, *base;	  /* owned */
	u32 roots[2], root_count; /* only these types; 0 = all */
};

static struct btf *load_base(struct words *w, const char *path)
{
	struct btf *btf = btf__parse(path, NULL);

	if (!btf)
		words_error(w, "failed to parse base BTF at '%s': %s", path, strerror(errno));
	return btf;
}

/* Whether the BTF of this id is a module's, which needs the kernel's as its base. */
static bool is_module(u32 id)
{
	int fd = object_get_by_id(OBJECT_BTF, id);
	struct bpf_btf_info info = {0};
	u32 len = sizeof(info);
	char name[64] = "";
	bool is_it;

	if (fd < 0)
		return false;
	info.name = (u64)(uintptr_t)name;
	info.name_len = sizeof(name);
	is_it = bpf_obj_get_info_by_fd(fd, &info, &len) == 0 && info.kernel_btf &&
		strcmp(name, "vmlinux") != 0;
	object_close(NULL, fd);
	return is_it;
}

static int open_id(struct words *w, u32 id, struct source *source)
{
	if (!source->base && is_module(id)) {
		words_info(w,
			"Warning: valid base BTF was not specified with -B option, falling back to "
			"standard base BTF (" VMLINUX ")");
		source->base = load_base(w, VMLINUX);
		if (!source->base)
			return WORDS_FAILED;
	}
	source->btf = btf__load_from_kernel_by_id_split(id, source->base);
	if (!source->btf) {
		int err = -errno;

		words_error(w, "get btf by id (%u): %s", id, strerror(-err));
		return err;
	}
	return 0;
}

static int open_map(struct words *w, struct source *source)
{
	struct bpf_map_info info;
	int fd = words_need(w, 2) ? object_parse_map(w, &info) : -1;

	if (fd < 0)
		return WORDS_FAILED;
	object_close(w, fd);
	if (words_take(w, "key")) {
		source->roots[source->root_count++] = info.btf_key_type_id;
	} else if (words_take(w, "value")) {
		source->roots[source->root_count++] = info.btf_value_type_id;
	} else if (!words_take(w, "all")) {
		words_take(w, "kv");
		source->roots[source->root_count++] = info.btf_key_type_id;
		source->roots[source->root_count++] = info.btf_value_type_id;
	}
	return open_id(w, info.btf_id, source);
}

static int open_prog(struct words *w, struct source *source)
{
	struct bpf_prog_info info = {0};
	int fd = words_need(w, 2) ? object_parse(w, OBJECT_PROG) : -1, err;
	u32 len = sizeof(info);

	if (fd < 0)
		return WORDS_FAILED;
	err = bpf_obj_get_info_by_fd(fd, &info, &len) ? -errno : 0;
	object_close(w, fd);
	if (err)
		return words_error(w, "can't get prog info: %s", strerror(-err));
	return open_id(w, info.btf_id, source);
}

static int open_file(struct words *w, struct source *source)
{
	const char *path = words_next(w);

	if (!source->base && str_starts_with(path, "/sys/kernel/btf/") &&
		strcmp(path, VMLINUX) != 0) {
		source->base = load_base(w, VMLINUX);
		if (!source->base)
			return WORDS_FAILED;
	}
	source->btf = btf__parse_split(path, source->base);
	if (!source->btf) {
		int err = -errno;

		words_error(w, "failed to load BTF from %s: %s", path, strerror(-err));
		return err;
	}
	return 0;
}

static int open_source(struct words *w, struct source *source)
{
	u32 id;

	if (w->base_btf) {
		source->base = load_base(w, w->base_btf);
		if (!source->base)
			return WORDS_FAILED;
	}
	if (words_take(w, "map"))
		return open_map(w, source);
	if (words_take(w, "prog"))
		return open_prog(w, source);
	if (words_take(w, "file"))
		return open_file(w, source);
	if (!words_take(w, "id"))
		return words_error(w, "unrecognized BTF source specifier: '%s'", w->argv[0]);
	if (words_open(w, WORDS_SYSTEM) || words_u32(w, "ID", &id))
		return WORDS_FAILED;
	return open_id(w, id, source);
}

static int parse_format(struct words *w, bool *ret_is_c)
{
	const char *word;

	while (w->argc) {
		if (words_take(w, "unsorted"))
			continue; /* the order of the records is the only one here */
		if (!words_take(w, "format")) {
			words_error(w, "unrecognized option: '%s'", w->argv[0]);
			return -EINVAL;
		}
		word = words_next(w);
		if (!word) {
			words_error(w, "expecting value for 'format' option\n");
			return -EINVAL;
		}
		*ret_is_c = strcmp(word, "c") == 0;
		if (!*ret_is_c && strcmp(word, "raw") != 0) {
			words_error(w,
				"unrecognized format specifier: '%s', possible values: raw, c",
				word);
			return -EINVAL;
		}
	}
	return 0;
}

static int types_dump(struct words *w)
{
	struct source source = {0};
	bool is_c = false;
	int err;

	if (!words_need(w, 2)) {
		words_usage(w);
		return WORDS_FAILED;
	}
	err = open_source(w, &source);
	if (!err)
		err = parse_format(w, &is_c);
	if (!err && is_c && w->is_json) {
		words_error(w, "JSON output for C-syntax dump is not supported");
		err = -ENOTSUP;
	}
	if (!err && is_c)
		err = types_dump_c(w, source.btf, source.roots, source.root_count);
	else if (!err)
		err = types_dump_raw(w, source.btf, source.roots, source.root_count);
	btf__free(source.btf);
	btf__free(source.base);
	return err;
}

static const struct words_command commands[] = {
	{"show", types_show},
	{"list", types_show},
	{"dump", types_dump},
	{NULL, NULL},
};

const struct words_noun cli_btf_noun = {"btf", help_text, commands};

int cli_btf(int argc, char **argv)
{
	return words_main(&cli_btf_noun, argc, argv);
}
