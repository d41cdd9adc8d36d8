// SPDX-License-Identifier: BSD-2-Clause
/* `hachi prog show`: what is loaded. */
#include "cli/typed.h"
#include "cli/prog.h"

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>

struct show {
	struct object_index pinned;
};

static void print_tag(struct words *w, const u8 *tag)
{
	char text[2 * BPF_TAG_SIZE + 1];

	for (u32 i = 0; i < BPF_TAG_SIZE; i++)
		snprintf(text + 2 * i, 3, "%02x", tag[i]);
	if (w->is_json)
		words_text(w, "tag", text);
	else
		printf("tag %s", text);
}

/* The name of an interface of this network namespace, or NULL. */
static const char *device_name(u32 ifindex, u64 dev, u64 ino, char buf[IF_NAMESIZE])
{
	struct stat st;

	if (stat("/proc/self/ns/net", &st) || st.st_dev != dev || st.st_ino != ino)
		return NULL;
	return if_indextoname(ifindex, buf);
}

static void print_device(struct words *w, const struct bpf_prog_info *info)
{
	char buf[IF_NAMESIZE];
	const char *name;

	if (!info->ifindex)
		return;
	name = device_name(info->ifindex, info->netns_dev, info->netns_ino, buf);
	if (!w->is_json && name) {
		printf("  offloaded_to %s", name);
	} else if (!w->is_json) {
		printf("  offloaded_to ifindex %u ns_dev %llu ns_ino %llu", info->ifindex,
			info->netns_dev, info->netns_ino);
	} else {
		show_json_key(&w->json, "dev");
		show_json_open(&w->json, '{');
		words_u64(w, "ifindex", info->ifindex);
		words_u64(w, "ns_dev", info->netns_dev);
		words_u64(w, "ns_inode", info->netns_ino);
		if (name)
			words_text(w, "ifname", name);
		show_json_close(&w->json, '}');
	}
}

static void print_header_json(struct words *w, const struct bpf_prog_info *info, const char *name)
{
	const char *type = libbpf_bpf_prog_type_str((enum bpf_prog_type)info->type);

	words_u64(w, "id", info->id);
	if (type)
		words_text(w, "type", type);
	else
		words_u64(w, "type", info->type);
	if (*info->name)
		words_text(w, "name", name);
	print_tag(w, info->tag);
	words_bool(w, "gpl_compatible", info->gpl_compatible);
	if (info->run_time_ns) {
		words_u64(w, "run_time_ns", info->run_time_ns);
		words_u64(w, "run_cnt", info->run_cnt);
	}
	if (info->recursion_misses)
		words_u64(w, "recursion_misses", info->recursion_misses);
}

void cli_prog_print_header(struct words *w, int fd, const struct bpf_prog_info *info)
{
	const char *type = libbpf_bpf_prog_type_str((enum bpf_prog_type)info->type);
	char name[OBJECT_NAME_SIZE];

	object_prog_name(fd, info, name);
	if (w->is_json) {
		print_header_json(w, info, name);
		return;
	}
	printf("%u: ", info->id);
	if (type)
		printf("%s  ", type);
	else
		printf("type %u  ", info->type);
	if (*info->name)
		printf("name %s  ", name);
	print_tag(w, info->tag);
	print_device(w, info);
	if (info->gpl_compatible)
		printf("  gpl");
	if (info->run_time_ns)
		printf(" run_time_ns %lld run_cnt %lld", (long long)info->run_time_ns,
			(long long)info->run_cnt);
	if (info->recursion_misses)
		printf(" recursion_misses %lld", (long long)info->recursion_misses);
	printf("\n");
}

/* A time since boot as the wall clock says it, to the second. */
static void print_load_time(struct words *w, const struct bpf_prog_info *info)
{
	struct timespec now, boot;
	char text[32] = "?";
	struct tm tm;
	time_t at;

	if (!info->load_time)
		return;
	clock_gettime(CLOCK_REALTIME, &now);
	clock_gettime(CLOCK_BOOTTIME, &boot);
	at = (now.tv_sec - boot.tv_sec) +
		(time_t)((now.tv_nsec - boot.tv_nsec + (s64)info->load_time) / 1000000000);
	if (w->is_json) {
		words_s64(w, "loaded_at", at);
		words_u64(w, "uid", info->created_by_uid);
		return;
	}
	if (localtime_r(&at, &tm))
		strftime(text, sizeof(text), "%FT%T%z", &tm);
	printf("\tloaded_at %s  uid %u\n", text, info->created_by_uid);
}

/* Ids of the maps that a program uses; *ret_ids is the caller's to free. */
static int read_map_ids(int fd, u32 count, u32 **ret_ids)
{
	struct bpf_prog_info info = {0};
	u32 len = sizeof(info);
	u32 *ids = calloc(count + 1, sizeof(*ids));

	if (!ids)
		return -ENOMEM;
	info.nr_map_ids = count;
	info.map_ids = (u64)(uintptr_t)ids;
	if (count && bpf_obj_get_info_by_fd(fd, &info, &len)) {
		free(ids);
		return -errno;
	}
	*ret_ids = ids;
	return (int)MIN(info.nr_map_ids, count);
}

static void print_map_ids(struct words *w, const u32 *ids, int count)
{
	if (count <= 0)
		return;
	if (w->is_json) {
		show_json_key(&w->json, "map_ids");
		show_json_open(&w->json, '[');
		for (int i = 0; i < count; i++)
			show_json_u64(&w->json, ids[i]);
		show_json_close(&w->json, ']');
		return;
	}
	printf("  map_ids ");
	for (int i = 0; i < count; i++)
		printf(i ? ",%u" : "%u", ids[i]);
}

/* ---- metadata: variables called bpf_metadata_NAME in .rodata -------------------------------- */

#define METADATA_PREFIX "bpf_metadata_"

/* The value of the first .rodata map among ids; NULL when there is none. */
static void *read_rodata(const u32 *ids, int count, struct bpf_map_info *ret_info)
{
	void *value = NULL;
	u32 key = 0;

	for (int i = 0; i < count && !value; i++) {
		int fd = object_get_by_id(OBJECT_MAP, ids[i]);
		u32 len = sizeof(*ret_info);

		if (fd < 0)
			return NULL;
		memset(ret_info, 0, sizeof(*ret_info));
		if (bpf_obj_get_info_by_fd(fd, ret_info, &len) == 0 &&
			ret_info->type == BPF_MAP_TYPE_ARRAY && ret_info->key_size == 4 &&
			ret_info->max_entries == 1 && ret_info->btf_value_type_id &&
			strstr(ret_info->name, ".rodata")) {
			value = calloc(1, ret_info->value_size);
			if (value && bpf_map_lookup_elem(fd, &key, value)) {
				free(value);
				value = NULL;
			}
		}
		object_close(NULL, fd);
	}
	return value;
}

static void print_metadata_of(
	struct words *w, const struct btf *btf, const struct bpf_map_info *info, const u8 *value)
{
	const struct btf_type *section = btf__type_by_id(btf, info->btf_value_type_id);
	const struct btf_var_secinfo *vars;
	struct show_json line = {0};
	bool any = false;

	if (!section || !btf_is_datasec(section))
		return;
	vars = btf_var_secinfos(section);
	for (u32 i = 0; i < btf_vlen(section); i++) {
		const struct btf_type *var = btf__type_by_id(btf, vars[i].type);
		const char *name = btf__name_by_offset(btf, var->name_off);
		struct show_json *json = w->is_json ? &w->json : &line;

		if (!str_starts_with(name, METADATA_PREFIX) || vars[i].offset > info->value_size)
			continue;
		name += strlen(METADATA_PREFIX);
		if (!any && w->is_json) {
			show_json_key(json, "metadata");
			show_json_open(json, '{');
		} else if (!any) {
			printf("\tmetadata:");
		}
		any = true;
		if (w->is_json)
			show_json_key(json, name);
		else
			printf("\n\t\t%s = ", name);
		typed_print(json, btf, var->type, value + vars[i].offset,
			info->value_size - vars[i].offset, !w->is_json);
		if (!w->is_json) {
			printf("%s", strbuf_cstr(&line.text));
			strbuf_reset(&line.text);
			line.filled = 0;
		}
	}
	if (any && w->is_json)
		show_json_close(&w->json, '}');
	else if (any)
		printf("\n");
	show_json_release(&line);
}

static void print_metadata(struct words *w, const u32 *ids, int count)
{
	struct bpf_map_info info;
	void *value = read_rodata(ids, count, &info);
	struct btf *btf = value ? btf__load_from_kernel_by_id(info.btf_id) : NULL;

	if (btf)
		print_metadata_of(w, btf, &info, value);
	btf__free(btf);
	free(value);
}

/* ---- one program ---------------------------------------------------------------------------- */

static void print_json(struct words *w, int fd, const struct bpf_prog_info *info,
	const struct show *show, const u32 *ids, int id_count)
{
	char text[64];

	show_json_open(&w->json, '{');
	cli_prog_print_header(w, fd, info);
	print_device(w, info);
	print_load_time(w, info);
	words_u64(w, "bytes_xlated", info->xlated_prog_len);
	words_bool(w, "jited", info->jited_prog_len != 0);
	if (info->jited_prog_len)
		words_u64(w, "bytes_jited", info->jited_prog_len);
	if (object_fdinfo(w, fd, "memlock", text, sizeof(text)))
		words_s64(w, "bytes_memlock", atoll(text));
	print_map_ids(w, ids, id_count);
	if (info->btf_id)
		words_s64(w, "btf_id", (s32)info->btf_id);
	object_print_pinned(w, &show->pinned, info->id);
	print_metadata(w, ids, id_count);
	show_json_close(&w->json, '}');
}

static void print_text(struct words *w, int fd, const struct bpf_prog_info *info,
	const struct show *show, const u32 *ids, int id_count)
{
	char text[64];

	cli_prog_print_header(w, fd, info);
	print_load_time(w, info);
	printf("\txlated %uB", info->xlated_prog_len);
	if (info->jited_prog_len)
		printf("  jited %uB", info->jited_prog_len);
	else
		printf("  not jited");
	if (object_fdinfo(w, fd, "memlock", text, sizeof(text)))
		printf("  memlock %sB", text);
	print_map_ids(w, ids, id_count);
	object_print_pinned(w, &show->pinned, info->id);
	if (info->btf_id)
		printf("\n\tbtf_id %d", (s32)info->btf_id);
	printf("\n");
	print_metadata(w, ids, id_count);
}

static int show_one(struct words *w, int fd, u32 id, void *arg)
{
	struct bpf_prog_info info = {0};
	struct show *show = arg;
	u32 len = sizeof(info), *ids = NULL;
	int count;

	(void)id;
	if (bpf_obj_get_info_by_fd(fd, &info, &len))
		return words_error(w, "can't get prog info: %s", strerror(errno));
	count = read_map_ids(fd, info.nr_map_ids, &ids);
	if (count < 0)
		return words_error(w, "can't get prog info: %s", strerror(-count));
	if (w->is_json)
		print_json(w, fd, &info, show, ids, count);
	else
		print_text(w, fd, &info, show, ids, count);
	free(ids);
	return 0;
}

static int show_subset(struct words *w, struct show *show)
{
	struct object_fds fds = {0};
	int err = object_parse_all(w, OBJECT_PROG, &fds);

	if (!err && w->is_json && fds.list.len > 1)
		show_json_open(&w->json, '[');
	for (size_t i = 0; !err && i < fds.list.len; i++)
		err = show_one(w, fds.list.data[i], 0, show);
	if (!err && w->is_json && fds.list.len > 1)
		show_json_close(&w->json, ']');
	object_fds_release(&fds);
	return err;
}

int cli_prog_show(struct words *w)
{
	struct show show = {0};
	int err = words_open(w, WORDS_SYSTEM);

	if (!err)
		err = object_pinned(w, OBJECT_PROG, &show.pinned);
	if (err) {
		/* said already */
	} else if (w->argc == 2) {
		err = show_subset(w, &show);
	} else if (!words_end(w)) {
		err = WORDS_FAILED;
	} else {
		object_explain_empty(w);
		if (w->is_json)
			show_json_open(&w->json, '[');
		err = object_for_each(w, OBJECT_PROG, show_one, &show);
		if (w->is_json)
			show_json_close(&w->json, ']');
	}
	object_index_release(&show.pinned);
	return err;
}
