// SPDX-License-Identifier: BSD-2-Clause
/* An entry of a map as bpftool prints it: by its types when they are known, else in bytes. */
#include "base/alloc.h"
#include "cli/typed.h"
#include "cli/map.h"

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <stdio.h>

bool cli_map_is_per_cpu(u32 type)
{
	return type == BPF_MAP_TYPE_PERCPU_HASH || type == BPF_MAP_TYPE_PERCPU_ARRAY ||
		type == BPF_MAP_TYPE_LRU_PERCPU_HASH || type == BPF_MAP_TYPE_PERCPU_CGROUP_STORAGE;
}

bool cli_map_is_of_maps(u32 type)
{
	return type == BPF_MAP_TYPE_ARRAY_OF_MAPS || type == BPF_MAP_TYPE_HASH_OF_MAPS;
}

bool cli_map_is_of_progs(u32 type)
{
	return type == BPF_MAP_TYPE_PROG_ARRAY;
}

static u32 cpu_count(void)
{
	int cpus = libbpf_num_possible_cpus();

	return cpus > 0 ? (u32)cpus : 1;
}

u64 cli_map_value_bytes(const struct bpf_map_info *info)
{
	if (cli_map_is_per_cpu(info->type))
		return (u64)ALIGN_UP(info->value_size, 8u) * cpu_count();
	return info->value_size;
}

int cli_map_format_open(struct words *w, const struct bpf_map_info *info, struct map_format *ret)
{
	struct map_format format = {.info = info};

	if (info->btf_vmlinux_value_type_id)
		format.btf = btf__load_vmlinux_btf();
	else if (info->btf_value_type_id)
		format.btf = btf__load_from_kernel_by_id(info->btf_id);
	if (!format.btf && (info->btf_vmlinux_value_type_id || info->btf_value_type_id))
		return words_error(w, "failed to get btf");
	*ret = format;
	return 0;
}

void cli_map_format_close(struct map_format *format)
{
	btf__free(format->btf);
	format->btf = NULL;
}

static void print_typed(
	struct show_json *json, const struct map_format *format, const u8 *key, const u8 *value)
{
	const struct bpf_map_info *info = format->info;
	u32 type = info->btf_vmlinux_value_type_id ? info->btf_vmlinux_value_type_id
						   : info->btf_value_type_id;
	u32 step = ALIGN_UP(info->value_size, 8u);
	bool is_plain = json == format->json;

	show_json_open(json, '{');
	if (info->btf_key_type_id) {
		show_json_key(json, "key");
		typed_print(
			json, format->btf, info->btf_key_type_id, key, info->key_size, is_plain);
	}
	if (!cli_map_is_per_cpu(info->type)) {
		show_json_key(json, "value");
		typed_print(json, format->btf, type, value, info->value_size, is_plain);
	} else {
		show_json_key(json, "values");
		show_json_open(json, '[');
		for (u32 i = 0; i < cpu_count(); i++) {
			show_json_open(json, '{');
			show_json_key(json, "cpu");
			show_json_u64(json, i);
			show_json_key(json, "value");
			typed_print(json, format->btf, type, value + (size_t)i * step,
				info->value_size, is_plain);
			show_json_close(json, '}');
		}
		show_json_close(json, ']');
	}
	show_json_close(json, '}');
}

static void print_json(
	struct words *w, const struct map_format *format, const u8 *key, const u8 *value)
{
	const struct bpf_map_info *info = format->info;
	struct show_json *json = &w->json;
	u32 step = ALIGN_UP(info->value_size, 8u);

	show_json_open(json, '{');
	show_json_key(json, "key");
	show_json_bytes(json, key, info->key_size);
	if (!cli_map_is_per_cpu(info->type)) {
		show_json_key(json, "value");
		show_json_bytes(json, value, info->value_size);
		if (cli_map_is_of_maps(info->type))
			words_u64(w, "inner_map_id", load_u32(value));
	} else {
		show_json_key(json, "values");
		show_json_open(json, '[');
		for (u32 i = 0; i < cpu_count(); i++) {
			show_json_open(json, '{');
			words_u64(w, "cpu", i);
			show_json_key(json, "value");
			show_json_bytes(json, value + (size_t)i * step, info->value_size);
			show_json_close(json, '}');
		}
		show_json_close(json, ']');
	}
	if (format->btf) {
		show_json_key(json, "formatted");
		print_typed(json, format, key, value);
	}
	show_json_close(json, '}');
}

static void print_bytes(const struct bpf_map_info *info, const u8 *key, const u8 *value)
{
	bool breaks_names = info->key_size > 16 || info->value_size > 16;
	bool is_one_line = info->key_size + info->value_size <= 24 && !breaks_names;
	char gap = breaks_names ? '\n' : ' ';

	if (info->key_size) {
		printf("key:%c", gap);
		words_hex(key, info->key_size, " ");
		printf(is_one_line ? "  " : "\n");
	}
	if (info->value_size && cli_map_is_of_maps(info->type)) {
		printf("inner_map_id:%c%u ", gap, load_u32(value));
	} else if (info->value_size) {
		printf("value:%c", gap);
		words_hex(value, info->value_size, " ");
	}
	printf("\n");
}

static void print_cpu_bytes(const struct bpf_map_info *info, const u8 *key, const u8 *value)
{
	u32 step = ALIGN_UP(info->value_size, 8u);

	if (info->key_size) {
		printf("key:\n");
		words_hex(key, info->key_size, " ");
		printf("\n");
	}
	for (u32 i = 0; info->value_size && i < cpu_count(); i++) {
		printf("value (CPU %02u):%c", i, info->value_size > 16 ? '\n' : ' ');
		words_hex(value + (size_t)i * step, info->value_size, " ");
		printf("\n");
	}
}

void cli_map_print_entry(
	struct words *w, const struct map_format *format, const u8 *key, const u8 *value)
{
	if (w->is_json)
		print_json(w, format, key, value);
	else if (format->btf && format->json)
		print_typed(format->json, format, key, value);
	else if (cli_map_is_per_cpu(format->info->type))
		print_cpu_bytes(format->info, key, value);
	else
		print_bytes(format->info, key, value);
}
