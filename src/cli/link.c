// SPDX-License-Identifier: BSD-2-Clause
/*
 * `hachi link`. Kinds of links that bpftool 7.1 tells more of are shown as it does; those that came
 * later as its successors do.
 */
#include "cli/objects.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <hachi/abi.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>

static const char help_text[] =
	"Usage: hachi link { show | list } [LINK]\n"
	"       hachi link pin    LINK FILE\n"
	"       hachi link detach LINK\n"
	"       hachi link help\n"
	"\n"
	"       LINK := { id LINK_ID | pinned FILE }\n"
	"\n"
	"Looks at BPF links, in the words of bpftool; words may be abbreviated.\n"
	"\n"
	"  -j, --json            JSON\n"
	"  -p, --pretty          JSON over several lines\n"
	"  -f, --bpffs           show where links are pinned\n"
	"  -n, --nomount         never mount a BPF file system\n"
	"  -d, --debug           what libbpf says\n"
	"      --backend NAME    kernel or user (auto: kernel, or user with --pin-dir)\n"
	"      --pin-dir DIR     the user backend pins below DIR instead of in memory\n"
	"  -h, --help\n"
	"\n"
	"Examples:\n"
	"  hachi link list\n"
	"  hachi link detach pinned /sys/fs/bpf/my_link\n";

/* ---- the record ----------------------------------------------------------------------------- */

/* As the newest kernels fill it: larger than the machine's header may know. */
union record {
	struct bpf_link_info info;
	u8 bytes[256];
};

static int read_record(int fd, union record *record, char *text, u32 text_size)
{
	struct bpf_link_info *info = &record->info;
	u32 len = sizeof(*record);

	memset(record, 0, sizeof(*record));
	text[0] = 0;
	if (bpf_obj_get_info_by_fd(fd, info, &len))
		return -errno;
	if (info->type == BPF_LINK_TYPE_RAW_TRACEPOINT) {
		info->raw_tracepoint.tp_name = (u64)(uintptr_t)text;
		info->raw_tracepoint.tp_name_len = text_size;
	} else if (info->type == BPF_LINK_TYPE_ITER) {
		info->iter.target_name = (u64)(uintptr_t)text;
		info->iter.target_name_len = text_size;
	} else {
		return 0;
	}
	len = sizeof(*record);
	return bpf_obj_get_info_by_fd(fd, info, &len) ? -errno : 0;
}

/* ---- showing -------------------------------------------------------------------------------- */

static void print_attach_type(struct words *w, u32 type)
{
	const char *name = libbpf_bpf_attach_type_str((enum bpf_attach_type)type);

	if (w->is_json && name)
		words_text(w, "attach_type", name);
	else if (w->is_json)
		words_u64(w, "attach_type", type);
	else if (name)
		printf("attach_type %s  ", name);
	else
		printf("attach_type %u  ", type);
}

static void print_device(struct words *w, u32 ifindex)
{
	char name[IF_NAMESIZE] = "(unknown)";

	if (!ifindex)
		str_copy(name, sizeof(name), "(detached)");
	else
		if_indextoname(ifindex, name);
	if (w->is_json) {
		words_text(w, "devname", name);
		words_u64(w, "ifindex", ifindex);
	} else {
		printf("ifindex %s(%u)  ", name, ifindex);
	}
}

static void print_tracing(struct words *w, const struct bpf_link_info *info)
{
	int fd = object_get_by_id(OBJECT_PROG, info->prog_id);
	struct bpf_prog_info prog = {0};
	u32 len = sizeof(prog);
	const char *name = NULL;

	if (fd >= 0) {
		bpf_obj_get_info_by_fd(fd, &prog, &len);
		name = libbpf_bpf_prog_type_str((enum bpf_prog_type)prog.type);
		object_close(w, fd);
	}
	if (w->is_json && name)
		words_text(w, "prog_type", name);
	else if (w->is_json)
		words_u64(w, "prog_type", prog.type);
	else if (name)
		printf("\n\tprog_type %s  ", name);
	else
		printf("\n\tprog_type %u  ", prog.type);
	print_attach_type(w, info->tracing.attach_type);
	if (w->is_json) {
		words_u64(w, "target_obj_id", info->tracing.target_obj_id);
		words_u64(w, "target_btf_id", info->tracing.target_btf_id);
	} else if (info->tracing.target_obj_id || info->tracing.target_btf_id) {
		printf("\n\ttarget_obj_id %u  target_btf_id %u  ", info->tracing.target_obj_id,
			info->tracing.target_btf_id);
	}
}

static const char *cgroup_order(u32 order)
{
	static const char *const names[] = {
		"order_unspec", "self_only", "descendants_pre", "descendants_post", "ancestors_up"};

	return order < ARRAY_SIZE(names) ? names[order] : "unknown";
}

static void print_iter(struct words *w, const struct bpf_link_info *info, const char *target)
{
	bool is_map = !strcmp(target, "bpf_map_elem") || !strcmp(target, "bpf_sk_storage_map");
	bool is_task = !strcmp(target, "task") || !strcmp(target, "task_file") ||
		!strcmp(target, "task_vma");

	if (w->is_json)
		words_text(w, "target_name", target);
	else
		printf("target_name %s  ", target);
	if (is_map && w->is_json)
		words_u64(w, "map_id", info->iter.map.map_id);
	else if (is_map)
		printf("map_id %u  ", info->iter.map.map_id);
	if (is_task && (info->iter.task.tid || info->iter.task.pid)) {
		const char *what = info->iter.task.tid ? "tid" : "pid";
		u32 id = info->iter.task.tid ? info->iter.task.tid : info->iter.task.pid;

		if (w->is_json)
			words_u64(w, what, id);
		else
			printf("%s %u ", what, id);
	}
	if (strcmp(target, "cgroup") != 0)
		return;
	if (w->is_json) {
		words_u64(w, "cgroup_id", info->iter.cgroup.cgroup_id);
		words_text(w, "order", cgroup_order(info->iter.cgroup.order));
	} else {
		printf("cgroup_id %llu  ", (unsigned long long)info->iter.cgroup.cgroup_id);
		printf("order %s  ", cgroup_order(info->iter.cgroup.order));
	}
}

static void print_number(struct words *w, const char *key, u64 number)
{
	if (w->is_json)
		words_u64(w, key, number);
	else
		printf("\n\t%s %llu  ", key, (unsigned long long)number);
}

/* The part that depends on the kind. */
static void print_details(struct words *w, const struct bpf_link_info *info, const char *text)
{
	switch ((u32)info->type) {
	case BPF_LINK_TYPE_RAW_TRACEPOINT:
		if (w->is_json)
			words_text(w, "tp_name", text);
		else
			printf("\n\ttp '%s'  ", text);
		break;
	case BPF_LINK_TYPE_TRACING: print_tracing(w, info); break;
	case BPF_LINK_TYPE_CGROUP:
		print_number(w, "cgroup_id", info->cgroup.cgroup_id);
		print_attach_type(w, info->cgroup.attach_type);
		break;
	case BPF_LINK_TYPE_ITER: print_iter(w, info, text); break;
	case BPF_LINK_TYPE_NETNS:
		print_number(w, "netns_ino", info->netns.netns_ino);
		print_attach_type(w, info->netns.attach_type);
		break;
	default: break;
	}
}

/* Links that bpftool 7.1 shows without details, or does not know. */
static void print_newer(struct words *w, const struct bpf_link_info *info)
{
	const u32 *pair = (const u32 *)&info->xdp; /* ifindex or map id, then the attach type */

	switch ((u32)info->type) {
	case HACHI_BPF_LINK_TYPE_TCX:
	case HACHI_BPF_LINK_TYPE_NETKIT:
		if (!w->is_json)
			printf("\n\t");
		print_device(w, pair[0]);
		print_attach_type(w, pair[1]);
		break;
	case HACHI_BPF_LINK_TYPE_SOCKMAP:
		print_number(w, "map_id", pair[0]);
		print_attach_type(w, pair[1]);
		break;
	default: break;
	}
}

static int show_one(struct words *w, int fd, u32 id, void *arg)
{
	const struct object_index *pinned = arg;
	union record record;
	const struct bpf_link_info *info = &record.info;
	const char *type;
	char text[4096];
	int err = read_record(fd, &record, text, sizeof(text));

	(void)id;
	if (err)
		return words_error(w, "can't get link info: %s", strerror(-err));
	type = libbpf_bpf_link_type_str((enum bpf_link_type)info->type);
	if (w->is_json) {
		show_json_open(&w->json, '{');
		words_u64(w, "id", info->id);
		if (type)
			words_text(w, "type", type);
		else
			words_u64(w, "type", info->type);
		words_u64(w, "prog_id", info->prog_id);
	} else {
		printf("%u: ", info->id);
		if (type)
			printf("%s  ", type);
		else
			printf("type %u  ", info->type);
		printf("prog %u  ", info->prog_id);
	}
	print_details(w, info, text);
	print_newer(w, info);
	object_print_pinned(w, pinned, info->id);
	if (w->is_json)
		show_json_close(&w->json, '}');
	else
		printf("\n");
	return 0;
}

static int link_show(struct words *w)
{
	struct object_index pinned = {0};
	int fd, err = words_open(w, WORDS_SYSTEM);

	if (!err)
		err = object_pinned(w, OBJECT_LINK, &pinned);
	if (err) {
		/* said already */
	} else if (w->argc == 2) {
		fd = object_parse(w, OBJECT_LINK);
		err = fd < 0 ? WORDS_FAILED : show_one(w, fd, 0, &pinned);
		object_close(w, fd);
	} else if (!words_end(w)) {
		err = WORDS_FAILED;
	} else {
		object_explain_empty(w);
		if (w->is_json)
			show_json_open(&w->json, '[');
		err = object_for_each(w, OBJECT_LINK, show_one, &pinned);
		if (w->is_json)
			show_json_close(&w->json, ']');
	}
	object_index_release(&pinned);
	return err;
}

static int link_pin(struct words *w)
{
	return object_pin_command(w, OBJECT_LINK);
}

static int link_detach(struct words *w)
{
	int fd, err = 0;

	if (w->argc != 2) {
		words_error(w, "link specifier is invalid or missing");
		return 1;
	}
	fd = object_parse(w, OBJECT_LINK);
	if (fd < 0)
		return 1;
	if (bpf_link_detach(fd)) {
		words_error_errno(w, errno, "failed link detach");
		err = 1;
	}
	object_close(w, fd);
	return err ? err : words_done(w);
}

static const struct words_command commands[] = {
	{"show", link_show},
	{"list", link_show},
	{"pin", link_pin},
	{"detach", link_detach},
	{NULL, NULL},
};

const struct words_noun cli_link_noun = {"link", help_text, commands};

int cli_link(int argc, char **argv)
{
	return words_main(&cli_link_noun, argc, argv);
}
