// SPDX-License-Identifier: BSD-2-Clause
/* `hachi map show`: which maps there are. */
#include "cli/map.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <stdio.h>
#include <stdlib.h>

static void print_header_json(struct words *w, const struct bpf_map_info *info)
{
	const char *type = libbpf_bpf_map_type_str((enum bpf_map_type)info->type);

	words_u64(w, "id", info->id);
	if (type)
		words_text(w, "type", type);
	else
		words_u64(w, "type", info->type);
	if (*info->name)
		words_text(w, "name", info->name);
	words_s64(w, "flags", (s32)info->map_flags);
}

void cli_map_print_header(struct words *w, const struct bpf_map_info *info)
{
	const char *type = libbpf_bpf_map_type_str((enum bpf_map_type)info->type);

	if (w->is_json) {
		print_header_json(w, info);
		return;
	}
	printf("%u: ", info->id);
	if (type)
		printf("%s  ", type);
	else
		printf("type %u  ", info->type);
	if (*info->name)
		printf("name %s  ", info->name);
	printf("flags 0x%x\n", info->map_flags);
}

/* The kind of program that a program array is for, once it has had one. */
static void print_owner(struct words *w, int fd)
{
	char type[32] = "", jited[32] = "";
	bool has_type = object_fdinfo(w, fd, "owner_prog_type", type, sizeof(type));
	bool has_jited = object_fdinfo(w, fd, "owner_jited", jited, sizeof(jited));
	const char *name = libbpf_bpf_prog_type_str((enum bpf_prog_type)atoi(type));

	if (w->is_json) {
		if (has_type && name)
			words_text(w, "owner_prog_type", name);
		else if (has_type)
			words_u64(w, "owner_prog_type", (u32)atoi(type));
		if (has_jited)
			words_bool(w, "owner_jited", atoi(jited) != 0);
		return;
	}
	if (has_type || has_jited)
		printf("\n\t");
	if (has_type && name)
		printf("owner_prog_type %s  ", name);
	else if (has_type)
		printf("owner_prog_type %d  ", atoi(type));
	if (has_jited)
		printf("owner%s jited", atoi(jited) ? "" : " not");
}

static void print_json(
	struct words *w, int fd, const struct bpf_map_info *info, const struct object_index *pinned)
{
	char text[64];

	show_json_open(&w->json, '{');
	cli_map_print_header(w, info);
	words_u64(w, "bytes_key", info->key_size);
	words_u64(w, "bytes_value", info->value_size);
	words_u64(w, "max_entries", info->max_entries);
	if (object_fdinfo(w, fd, "memlock", text, sizeof(text)))
		words_s64(w, "bytes_memlock", atoll(text));
	if (info->type == BPF_MAP_TYPE_PROG_ARRAY)
		print_owner(w, fd);
	words_s64(w, "frozen", object_fdinfo(w, fd, "frozen", text, sizeof(text)) ? atoi(text) : 0);
	if (info->btf_id)
		words_s64(w, "btf_id", (s32)info->btf_id);
	object_print_pinned(w, pinned, info->id);
	show_json_close(&w->json, '}');
}

static void print_text(
	struct words *w, int fd, const struct bpf_map_info *info, const struct object_index *pinned)
{
	bool is_frozen;
	char text[64];

	cli_map_print_header(w, info);
	printf("\tkey %uB  value %uB  max_entries %u", info->key_size, info->value_size,
		info->max_entries);
	if (object_fdinfo(w, fd, "memlock", text, sizeof(text)))
		printf("  memlock %sB", text);
	if (info->type == BPF_MAP_TYPE_PROG_ARRAY)
		print_owner(w, fd);
	object_print_pinned(w, pinned, info->id);
	is_frozen = object_fdinfo(w, fd, "frozen", text, sizeof(text)) && atoi(text);
	if (info->btf_id || is_frozen)
		printf("\n\t");
	if (info->btf_id)
		printf("btf_id %d", (s32)info->btf_id);
	if (is_frozen)
		printf("%sfrozen", info->btf_id ? "  " : "");
	printf("\n");
}

static int show_one(struct words *w, int fd, u32 id, void *arg)
{
	struct bpf_map_info info = {0};
	u32 len = sizeof(info);

	(void)id;
	if (bpf_obj_get_info_by_fd(fd, &info, &len))
		return words_error(w, "can't get map info: %s", strerror(errno));
	if (w->is_json)
		print_json(w, fd, &info, arg);
	else
		print_text(w, fd, &info, arg);
	return 0;
}

static int show_subset(struct words *w, struct object_index *pinned)
{
	struct object_fds fds = {0};
	int err = object_parse_all(w, OBJECT_MAP, &fds);
	bool is_array = w->is_json && fds.list.len > 1;

	if (is_array)
		show_json_open(&w->json, '[');
	for (size_t i = 0; !err && i < fds.list.len; i++)
		err = show_one(w, fds.list.data[i], 0, pinned);
	if (is_array)
		show_json_close(&w->json, ']');
	object_fds_release(&fds);
	return err;
}

int cli_map_show(struct words *w)
{
	struct object_index pinned = {0};
	int err = words_open(w, WORDS_SYSTEM);

	if (!err)
		err = object_pinned(w, OBJECT_MAP, &pinned);
	if (err) {
		/* said already */
	} else if (w->argc == 2) {
		err = show_subset(w, &pinned);
	} else if (!words_end(w)) {
		err = WORDS_FAILED;
	} else {
		object_explain_empty(w);
		if (w->is_json)
			show_json_open(&w->json, '[');
		err = object_for_each(w, OBJECT_MAP, show_one, &pinned);
		if (w->is_json)
			show_json_close(&w->json, ']');
	}
	object_index_release(&pinned);
	return err;
}
