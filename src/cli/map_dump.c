// SPDX-License-Identifier: BSD-2-Clause
/*
 * `hachi map dump`. In text mode maps whose types are known are printed as JSON over several lines,
 * when all maps that match have types; else every entry in bytes.
 */
#include "base/alloc.h"
#include "cli/map.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <stdio.h>

struct dump {
	struct show_json typed; /* text mode, by type */
	bool is_typed;
	u32 found;
};

static void print_error_bytes(const struct bpf_map_info *info, const u8 *key, const char *text)
{
	size_t len = strlen(text);
	bool breaks_names = info->key_size > 16 || len > 16;
	bool is_one_line = info->key_size + len <= 24 && !breaks_names;
	char gap = breaks_names ? '\n' : ' ';

	printf("key:%c", gap);
	words_hex(key, info->key_size, " ");
	printf("%svalue:%c%s\n", is_one_line ? "  " : "\n", gap, text);
}

/* An entry whose value cannot be read. */
static void print_unreadable(
	struct words *w, const struct bpf_map_info *info, const u8 *key, int err)
{
	/* an empty slot is none of the entries */
	if (err == ENOENT && (cli_map_is_of_maps(info->type) || cli_map_is_of_progs(info->type)))
		return;
	if (w->is_json) {
		show_json_open(&w->json, '{');
		show_json_key(&w->json, "key");
		show_json_bytes(&w->json, key, info->key_size);
		show_json_key(&w->json, "value");
		show_json_open(&w->json, '{');
		words_text(w, "error", strerror(err));
		show_json_close(&w->json, '}');
		show_json_close(&w->json, '}');
	} else if (err == ENOENT) {
		print_error_bytes(info, key, "<no entry>");
	} else if (err == ENOSPC && info->type == BPF_MAP_TYPE_REUSEPORT_SOCKARRAY) {
		print_error_bytes(info, key, "<cannot read>");
	} else {
		print_error_bytes(info, key, strerror(err));
	}
}

static int walk(struct words *w, struct dump *dump, int fd, const struct map_format *format)
{
	const struct bpf_map_info *info = format->info;
	u8 *keys = mem_zalloc(2 * (size_t)info->key_size + 1);
	u8 *value = mem_zalloc(cli_map_value_bytes(info) + 1);
	u8 *key = keys, *next = keys + info->key_size, *swap;
	bool is_first = true;
	int err = 0;

	if (!keys || !value)
		err = words_error(w, "mem alloc failed");
	while (!err && bpf_map_get_next_key(fd, is_first ? NULL : key, next) == 0) {
		swap = key;
		key = next;
		next = swap;
		is_first = false;
		if (bpf_map_lookup_elem(fd, key, value)) {
			print_unreadable(w, info, key, errno);
			continue;
		}
		cli_map_print_entry(w, format, key, value);
		dump->found++;
		if (dump->is_typed)
			show_json_flush(&dump->typed, stdout);
	}
	if (!err && errno != ENOENT)
		err = -errno;
	mem_free(keys);
	mem_free(value);
	return err;
}

static int dump_one(struct words *w, struct dump *dump, int fd, bool has_header)
{
	struct show_json *json = w->is_json ? &w->json : dump->is_typed ? &dump->typed : NULL;
	struct map_format format = {0};
	struct bpf_map_info info = {0};
	u32 len = sizeof(info);
	int err;

	if (bpf_obj_get_info_by_fd(fd, &info, &len))
		return words_error(w, "can't get map info: %s", strerror(errno));
	format.info = &info;
	if (json) {
		err = cli_map_format_open(w, &info, &format);
		if (err)
			return err;
	}
	if (dump->is_typed)
		format.json = &dump->typed;
	if (has_header && json)
		show_json_open(json, '{');
	if (has_header && w->is_json)
		cli_map_print_header(w, &info);
	if (has_header && dump->is_typed) {
		show_json_key(json, "id");
		show_json_u64(json, info.id);
		show_json_key(json, "type");
		show_json_string(json,
			libbpf_bpf_map_type_str((enum bpf_map_type)info.type)
				? libbpf_bpf_map_type_str((enum bpf_map_type)info.type)
				: "unknown");
		if (*info.name) {
			show_json_key(json, "name");
			show_json_string(json, info.name);
		}
		show_json_key(json, "flags");
		show_json_s64(json, (s32)info.map_flags);
	}
	if (has_header && json)
		show_json_key(json, "elements");
	else if (has_header)
		cli_map_print_header(w, &info);
	if (json)
		show_json_open(json, '[');
	dump->found = 0;
	err = walk(w, dump, fd, &format);
	if (json)
		show_json_close(json, ']');
	else
		printf("Found %u element%s\n", dump->found, dump->found == 1 ? "" : "s");
	if (has_header && json)
		show_json_close(json, '}');
	cli_map_format_close(&format);
	return err;
}

static bool all_have_types(const struct object_fds *fds)
{
	for (size_t i = 0; i < fds->list.len; i++) {
		struct bpf_map_info info = {0};
		u32 len = sizeof(info);

		if (bpf_obj_get_info_by_fd(fds->list.data[i], &info, &len) || !info.btf_id)
			return false;
	}
	return true;
}

int cli_map_dump(struct words *w)
{
	struct dump dump = {.typed.is_pretty = true};
	struct object_fds fds = {0};
	struct show_json *json;
	int err;

	if (w->argc != 2)
		return words_usage(w);
	err = object_parse_all(w, OBJECT_MAP, &fds);
	dump.is_typed = !err && !w->is_json && all_have_types(&fds);
	json = w->is_json ? &w->json : dump.is_typed ? &dump.typed : NULL;
	if (!err && json && fds.list.len > 1)
		show_json_open(json, '[');
	for (size_t i = 0; !err && i < fds.list.len; i++) {
		err = dump_one(w, &dump, fds.list.data[i], fds.list.len > 1);
		if (!json && i + 1 < fds.list.len)
			printf("\n");
	}
	if (!err && json && fds.list.len > 1)
		show_json_close(json, ']');
	if (dump.is_typed)
		show_json_line(&dump.typed, stdout);
	show_json_release(&dump.typed);
	object_fds_release(&fds);
	return err;
}
