// SPDX-License-Identifier: BSD-2-Clause
#include "cli/map_show.h"
#include "base/alloc.h"
#include "base/str.h"
#include "btf/print.h"
#include "show/hist.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <hachi/abi.h>
#include <time.h>

bool map_show_is_data(u32 map_type)
{
	switch (map_type) {
	case BPF_MAP_TYPE_HASH:
	case BPF_MAP_TYPE_ARRAY:
	case BPF_MAP_TYPE_PERCPU_HASH:
	case BPF_MAP_TYPE_PERCPU_ARRAY:
	case BPF_MAP_TYPE_LRU_HASH:
	case BPF_MAP_TYPE_LRU_PERCPU_HASH:
	case BPF_MAP_TYPE_LPM_TRIE: return true;
	default: return false;
	}
}

static bool is_per_cpu(u32 map_type)
{
	return map_type == BPF_MAP_TYPE_PERCPU_HASH || map_type == BPF_MAP_TYPE_PERCPU_ARRAY ||
		map_type == BPF_MAP_TYPE_LRU_PERCPU_HASH;
}

static bool is_zero(const u8 *data, size_t size)
{
	for (size_t i = 0; i < size; i++)
		if (data[i])
			return false;
	return true;
}

static int read_entries(const struct map_show *show, struct show_table *table, u32 max_entries,
	size_t values_size, bool is_array)
{
	u8 *keys = mem_zalloc(2 * (size_t)table->map.key_size), *values = mem_zalloc(values_size);
	u8 *key = keys, *next = keys + table->map.key_size;
	bool has_key = false;
	int err = -ENOMEM;

	if (!keys || !values)
		goto out;
	/* an entry that goes away between the two calls makes the walk start again: bounded */
	for (u64 steps = 0; steps < 2ull * max_entries + 2; steps++) {
		u8 *swap;

		if (bpf_map_get_next_key(show->fd, has_key ? key : NULL, next)) {
			err = errno == ENOENT ? 0 : -errno;
			goto out;
		}
		swap = key;
		key = next;
		next = swap;
		has_key = true;
		if (bpf_map_lookup_elem(show->fd, key, values))
			continue;
		if (show->skip_empty && is_array && is_zero(values, values_size))
			continue;
		err = show_table_add(table, key, values);
		if (err)
			goto out;
	}
	err = 0;
out:
	mem_free(keys);
	mem_free(values);
	return err;
}

int map_show_read(const struct map_show *show, struct show_table *ret_table)
{
	struct bpf_map_info info = {0};
	u32 len = sizeof(info);
	struct show_map map;
	size_t values_size;
	int err, cpus;

	if (bpf_obj_get_info_by_fd(show->fd, &info, &len))
		return -errno;
	cpus = is_per_cpu(info.type) ? libbpf_num_possible_cpus() : 0;
	if (cpus < 0)
		return cpus;
	map = (struct show_map){
		.name = show->name,
		.btf = show->btf,
		.key_type = show->key_type,
		.value_type = show->value_type,
		.key_size = info.key_size,
		.value_size = info.value_size,
		.cpus = (u32)cpus,
	};
	values_size = cpus ? (size_t)cpus * ALIGN_UP(info.value_size, 8u) : info.value_size;
	show_table_init(ret_table, &map);
	err = read_entries(show, ret_table, info.max_entries, values_size,
		info.type == BPF_MAP_TYPE_ARRAY || info.type == BPF_MAP_TYPE_PERCPU_ARRAY);
	if (err) {
		show_table_release(ret_table);
		return err;
	}
	show_table_sort(ret_table);
	return 0;
}

static void print_title(const struct map_show *show, FILE *out)
{
	if (!show->no_title)
		fprintf(out, "\n%s\n", show->name);
}

int map_show_print(const struct map_show *show, FILE *out)
{
	struct show_table table;
	int err = map_show_read(show, &table);

	if (err)
		return err;
	if (table.entries.len == 0 && show->skip_empty) {
		err = 0;
	} else if (show->is_json) {
		err = show_table_ndjson(&table, out);
	} else if (show_hist_kind(&table.map) != SHOW_HIST_NONE) {
		print_title(show, out);
		err = show_hist_print(&table, out, NULL);
	} else {
		print_title(show, out);
		err = show_table_print(&table, out);
	}
	show_table_release(&table);
	return err;
}

static void print_variable(const struct map_show *show, const struct btf_var_secinfo *var,
	const u8 *data, u32 size, FILE *out)
{
	const struct btf_type *t = btype_by_id(show->btf, var->type);
	struct strbuf text = {0};

	if (!t || btype_kind(t) != BTF_KIND_VAR || var->offset > size)
		return;
	if (btype_print(show->btf, t->type, data + var->offset, MIN(var->size, size - var->offset),
		    BTYPE_STYLE_C, &text) == 0)
		fprintf(out, "%s = %s\n", btype_name(show->btf, var->type), strbuf_cstr(&text));
	strbuf_release(&text);
}

int map_show_variables(const struct map_show *show, FILE *out)
{
	const struct btf_type *section =
		show->btf && show->value_type ? btype_by_id(show->btf, show->value_type) : NULL;
	struct show_table table;
	int err;

	if (!section || btype_kind(section) != BTF_KIND_DATASEC || show->is_json)
		return map_show_print(show, out);
	err = map_show_read(show, &table);
	if (err)
		return err;
	if (table.entries.len && btype_vlen(section)) {
		fprintf(out, "\n%s\n", show->name);
		for (u32 i = 0; i < btype_vlen(section); i++)
			print_variable(show, &btype_vars(section)[i], table.entries.data[0].values,
				table.map.value_size, out);
	}
	show_table_release(&table);
	return 0;
}

/* Elements of arrays cannot be deleted: they become zero. */
static void forget_entry(const struct map_show *show, const void *key, const void *zeros)
{
	if (bpf_map_delete_elem(show->fd, key))
		bpf_map_update_elem(show->fd, key, zeros, BPF_ANY);
}

static void print_rate(const struct show_table *table, const struct show_entry *entry,
	const char *unit, u64 elapsed_ns, FILE *out)
{
	const struct show_map *map = &table->map;
	struct strbuf key = {0};
	char clock[16] = "";
	time_t now = time(NULL);
	u64 count = 0;
	struct tm tm;
	u8 *value = mem_zalloc((size_t)map->value_size + 8);

	if (!value)
		return;
	show_table_value(table, entry, value);
	memcpy(&count, value, MIN(map->value_size, 8u));
	mem_free(value);
	if (!count)
		return;
	if (localtime_r(&now, &tm))
		strftime(clock, sizeof(clock), "%H:%M:%S", &tm);
	if (!map->btf || !map->key_type ||
		btype_print(
			map->btf, map->key_type, entry->key, map->key_size, BTYPE_STYLE_C, &key))
		for (u32 i = 0; i < map->key_size; i++)
			strbuf_printf(&key, "%02x", entry->key[i]);
	fprintf(out, "%s %s: %llu %s\n", clock, strbuf_cstr(&key),
		(unsigned long long)(((unsigned __int128)count * 1000000000 + elapsed_ns / 2) /
			elapsed_ns),
		unit);
	strbuf_release(&key);
}

int map_show_rate(const struct map_show *show, const char *unit, u64 elapsed_ns, FILE *out)
{
	const struct show_entry *entry;
	struct show_table table;
	u8 *zeros;
	int err = map_show_read(show, &table);

	if (err)
		return err;
	zeros = mem_zalloc((size_t)MAX(table.map.cpus, 1u) * ALIGN_UP(table.map.value_size, 8u));
	if (!zeros)
		err = -ENOMEM;
	vec_for_each (entry, &table.entries) {
		if (err)
			break;
		print_rate(&table, entry, unit, elapsed_ns ? elapsed_ns : 1, out);
		forget_entry(show, entry->key, zeros);
	}
	mem_free(zeros);
	show_table_release(&table);
	return err;
}
