// SPDX-License-Identifier: BSD-2-Clause
#include "show/table.h"
#include "base/alloc.h"
#include "btf/print.h"
#include "show/columns.h"
#include "show/json.h"

#include <stdlib.h>

static u32 step(const struct show_map *map)
{
	return ALIGN_UP(map->value_size, 8u);
}

static size_t values_size(const struct show_map *map)
{
	return map->cpus ? (size_t)map->cpus * step(map) : map->value_size;
}

void show_table_init(struct show_table *table, const struct show_map *map)
{
	memset(table, 0, sizeof(*table));
	table->map = *map;
}

void show_table_clear(struct show_table *table)
{
	struct show_entry *entry;

	vec_for_each (entry, &table->entries)
		mem_free(entry->key);
	table->entries.len = 0;
}

void show_table_release(struct show_table *table)
{
	show_table_clear(table);
	vec_release(&table->entries);
}

int show_table_add(struct show_table *table, const void *key, const void *values)
{
	const struct show_map *map = &table->map;
	size_t key_room = ALIGN_UP((size_t)map->key_size, (size_t)8);
	struct show_entry entry = {mem_alloc(key_room + values_size(map) + 1), NULL};

	if (!entry.key)
		return -ENOMEM;
	entry.values = entry.key + key_room;
	if (map->key_size)
		memcpy(entry.key, key, map->key_size);
	memcpy(entry.values, values, values_size(map));
	if (vec_push(&table->entries, entry)) {
		mem_free(entry.key);
		return -ENOMEM;
	}
	return 0;
}

/* ---- order ---------------------------------------------------------------------------------- */

static int compare(const void *a, const void *b, void *arg)
{
	const struct show_map *map = arg;
	const struct show_entry *x = a, *y = b;
	u64 i, j;
	bool is_signed;

	if (map->btf && map->key_type &&
		!btype_read_number(
			map->btf, map->key_type, x->key, map->key_size, 0, 0, &i, &is_signed) &&
		!btype_read_number(
			map->btf, map->key_type, y->key, map->key_size, 0, 0, &j, &is_signed)) {
		if (is_signed)
			return ((s64)i > (s64)j) - ((s64)i < (s64)j);
		return (i > j) - (i < j);
	}
	return memcmp(x->key, y->key, map->key_size);
}

void show_table_sort(struct show_table *table)
{
	if (table->map.key_size && table->entries.len)
		qsort_r(table->entries.data, table->entries.len, sizeof(struct show_entry), compare,
			&table->map);
}

/* ---- sums over CPUs ------------------------------------------------------------------------- */

static void add_int(u8 *sum, const u8 *value, u32 size)
{
	u64 a = 0, b = 0;

	memcpy(&a, sum, size);
	memcpy(&b, value, size);
	a += b;
	memcpy(sum, &a, size);
}

/*
 * Adds all whole integers in a value of this type; the rest stays as the first CPU has it. budget
 * bounds hostile types.
 */
static void add_value(
	const struct btf *btf, u32 type, u8 *sum, const u8 *value, u32 size, u32 depth, u32 *budget)
{
	const struct btf_type *t = btype_resolve(btf, type, NULL);
	u32 elem_size;

	if (!t || depth > 16 || *budget == 0)
		return;
	--*budget;
	switch (btype_kind(t)) {
	case BTF_KIND_INT:
		if (btype_int_is_regular(t) && t->size <= MIN(size, 8u))
			add_int(sum, value, t->size);
		break;
	case BTF_KIND_ARRAY:
		if (btype_size(btf, btype_array(t)->type, &elem_size) || !elem_size)
			return;
		for (u64 i = 0; i < btype_array(t)->nelems && (i + 1) * elem_size <= size; i++)
			add_value(btf, btype_array(t)->type, sum + i * elem_size,
				value + i * elem_size, elem_size, depth + 1, budget);
		break;
	case BTF_KIND_STRUCT:
		for (u32 i = 0; i < btype_vlen(t); i++) {
			struct btype_member m = btype_member(btf, t, i);
			u32 at = m.bit_offset / 8;

			if (!m.bit_size && at < size)
				add_value(btf, m.type, sum + at, value + at, size - at, depth + 1,
					budget);
		}
		break;
	default: break;
	}
}

void show_table_value(const struct show_table *table, const struct show_entry *entry, u8 *ret)
{
	const struct show_map *map = &table->map;

	memcpy(ret, entry->values, map->value_size);
	for (u32 cpu = 1; cpu < map->cpus; cpu++) {
		const u8 *value = entry->values + (size_t)cpu * step(map);
		u32 budget = 64u << 10;

		if (map->btf && map->value_type)
			add_value(
				map->btf, map->value_type, ret, value, map->value_size, 0, &budget);
		else if (map->value_size == 4 || map->value_size == 8)
			add_int(ret, value, map->value_size);
	}
}

/* ---- text ----------------------------------------------------------------------------------- */

struct layout {
	struct show_columns keys, values;
	u8 *value; /* value_size bytes */
	struct strbuf line, cell;
};

static void layout_release(struct layout *l)
{
	show_columns_release(&l->keys);
	show_columns_release(&l->values);
	mem_free(l->value);
	strbuf_release(&l->line);
	strbuf_release(&l->cell);
}

static int layout_init(struct layout *l, const struct show_map *map)
{
	int err = 0;

	memset(l, 0, sizeof(*l));
	l->value = mem_zalloc((size_t)map->value_size + 1);
	if (!l->value)
		err = -ENOMEM;
	if (!err && map->key_size)
		err = show_columns_add(&l->keys, map->btf, map->key_type, "key");
	if (!err)
		err = show_columns_add(&l->values, map->btf, map->value_type, "value");
	return err;
}

static const char *cell_text(struct layout *l, const struct show_columns *columns,
	const struct show_column *column, const void *data, u32 size)
{
	strbuf_reset(&l->cell);
	if (data)
		show_cell(columns, column, data, size, &l->cell);
	else
		strbuf_puts(&l->cell, column->name);
	return strbuf_cstr(&l->cell);
}

static void widen(struct layout *l, struct show_columns *columns, const void *data, u32 size)
{
	struct show_column *column;

	vec_for_each (column, &columns->list) {
		u32 width = show_width(cell_text(l, columns, column, data, size));

		column->width = MAX(column->width, width);
	}
}

static void put_cells(struct layout *l, const struct show_columns *columns, const void *data,
	u32 size, bool is_end)
{
	const struct show_column *column;

	vec_for_each (column, &columns->list) {
		bool is_last = is_end && column == &vec_last(&columns->list);

		if (l->line.len)
			strbuf_putc(&l->line, ' ');
		show_pad(&l->line, cell_text(l, columns, column, data, size), column->width,
			column->is_right, is_last);
	}
}

/* entry NULL: the header. */
static int put_line(
	struct layout *l, const struct show_table *table, const struct show_entry *entry, FILE *f)
{
	if (entry)
		show_table_value(table, entry, l->value);
	strbuf_reset(&l->line);
	put_cells(l, &l->keys, entry ? entry->key : NULL, table->map.key_size, false);
	put_cells(l, &l->values, entry ? l->value : NULL, table->map.value_size, true);
	strbuf_putc(&l->line, '\n');
	if (l->line.failed || l->cell.failed)
		return -ENOMEM;
	return fwrite(l->line.data, 1, l->line.len, f) == l->line.len ? 0 : -EIO;
}

static void reset_widths(struct show_columns *columns)
{
	struct show_column *column;

	vec_for_each (column, &columns->list)
		column->width = column->least_width;
}

int show_table_print(const struct show_table *table, FILE *f)
{
	const struct show_entry *entry;
	struct layout l;
	int err = layout_init(&l, &table->map);

	if (!err) {
		reset_widths(&l.keys);
		reset_widths(&l.values);
		vec_for_each (entry, &table->entries) {
			show_table_value(table, entry, l.value);
			widen(&l, &l.keys, entry->key, table->map.key_size);
			widen(&l, &l.values, l.value, table->map.value_size);
		}
		err = put_line(&l, table, NULL, f);
	}
	for (size_t i = 0; !err && i < table->entries.len; i++)
		err = put_line(&l, table, &table->entries.data[i], f);
	layout_release(&l);
	return err;
}

/* ---- JSON ----------------------------------------------------------------------------------- */

/* Calls for each CPU's value, as {"cpu":0,"value":...}. */
static void put_cpus(struct show_json *json, const struct show_map *map,
	const struct show_entry *entry, bool is_formatted)
{
	show_json_key(json, "values");
	show_json_open(json, '[');
	for (u32 cpu = 0; cpu < map->cpus; cpu++) {
		const u8 *value = entry->values + (size_t)cpu * step(map);

		show_json_open(json, '{');
		show_json_key(json, "cpu");
		show_json_u64(json, cpu);
		show_json_key(json, "value");
		show_json_value(json, is_formatted ? map->btf : NULL, map->value_type, value,
			map->value_size);
		show_json_close(json, '}');
	}
	show_json_close(json, ']');
}

static void put_pair(struct show_json *json, const struct show_map *map,
	const struct show_entry *entry, bool is_formatted)
{
	const struct btf *btf = is_formatted ? map->btf : NULL;

	if (map->key_size) {
		show_json_key(json, "key");
		show_json_value(json, btf, map->key_type, entry->key, map->key_size);
	}
	if (map->cpus) {
		put_cpus(json, map, entry, is_formatted);
		return;
	}
	show_json_key(json, "value");
	show_json_value(json, btf, map->value_type, entry->values, map->value_size);
}

static void put_entries(struct show_json *json, const struct show_table *table)
{
	const struct show_map *map = &table->map;
	const struct show_entry *entry;

	show_json_open(json, '[');
	vec_for_each (entry, &table->entries) {
		show_json_open(json, '{');
		put_pair(json, map, entry, false);
		if (map->btf && map->value_type) {
			show_json_key(json, "formatted");
			show_json_open(json, '{');
			put_pair(json, map, entry, true);
			show_json_close(json, '}');
		}
		show_json_close(json, '}');
	}
	show_json_close(json, ']');
}

int show_table_json(const struct show_table *table, FILE *f)
{
	struct show_json json = {0};
	int err;

	put_entries(&json, table);
	err = show_json_line(&json, f);
	show_json_release(&json);
	return err;
}

int show_table_ndjson(const struct show_table *table, FILE *f)
{
	struct show_json json = {0};
	int err;

	show_json_open(&json, '{');
	show_json_key(&json, "map");
	show_json_string(&json, table->map.name);
	show_json_key(&json, "entries");
	put_entries(&json, table);
	show_json_close(&json, '}');
	err = show_json_line(&json, f);
	show_json_release(&json);
	return err;
}
