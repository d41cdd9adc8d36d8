// SPDX-License-Identifier: BSD-2-Clause
/*
 * The longest bar has 40 stars, or 20 when the labels are wide; the others are to scale, rounded
 * down.
 */
#include "show/hist.h"
#include "base/alloc.h"
#include "base/str.h"
#include "btf/print.h"
#include "show/columns.h"

#define STARS	   40
#define WIDE_ABOVE 32 /* from this slot on labels need 20 digits */

static u32 last_used(const u64 *slots, u32 count, u64 *ret_max)
{
	u32 used = 0;

	*ret_max = 0;
	for (u32 i = 0; i < count; i++) {
		if (slots[i])
			used = i + 1;
		*ret_max = MAX(*ret_max, slots[i]);
	}
	return used;
}

static void put_bar(FILE *f, u64 value, u64 max, u32 width)
{
	u32 stars = max ? (u32)((unsigned __int128)value * width / max) : 0;

	fprintf(f, "|");
	for (u32 i = 0; i < width; i++)
		fputc(i < stars ? '*' : ' ', f);
	fprintf(f, "|\n");
}

void show_hist_log2(FILE *f, const u64 *slots, u32 count, const char *unit)
{
	u64 max;
	u32 used = last_used(slots, MIN(count, 64u), &max);
	bool is_wide = used > WIDE_ABOVE;
	int digits = is_wide ? 20 : 10;

	if (!used)
		return;
	fprintf(f, "%*s%-*s : count     distribution\n", is_wide ? 15 : 5, "", is_wide ? 29 : 19,
		unit);
	for (u32 i = 0; i < used; i++) {
		u64 low = i ? 1ull << i : 0, high = (2ull << i) - 1;

		fprintf(f, "%*llu -> %-*llu : %-8llu ", digits, (unsigned long long)low, digits,
			(unsigned long long)high, (unsigned long long)slots[i]);
		put_bar(f, slots[i], max, is_wide ? STARS / 2 : STARS);
	}
}

void show_hist_linear(FILE *f, const u64 *slots, u32 count, const char *unit)
{
	u64 max;
	u32 used = last_used(slots, count, &max);

	if (!used)
		return;
	fprintf(f, "     %-13s : count     distribution\n", unit);
	for (u32 i = 0; i < used; i++) {
		fprintf(f, "        %-10u : %-8llu ", i, (unsigned long long)slots[i]);
		put_bar(f, slots[i], max, STARS);
	}
}

/* ---- maps ----------------------------------------------------------------------------------- */

static bool is_counter(const struct btf *btf, u32 type)
{
	const struct btf_type *t = btype_resolve(btf, type, NULL);

	return t && btype_kind(t) == BTF_KIND_INT && (t->size == 4 || t->size == 8) &&
		btype_int_is_regular(t);
}

/* The member "slots" of the value: its place and how many of what there are. */
static bool find_slots(
	const struct show_map *map, struct btype_member *ret_first, u32 *ret_count, u32 *ret_size)
{
	const struct btf_type *t = btype_resolve(map->btf, map->value_type, NULL), *array;

	if (!t || btype_find_member(map->btf, t, "slots", ret_first))
		return false;
	array = btype_resolve(map->btf, ret_first->type, NULL);
	if (!array || btype_kind(array) != BTF_KIND_ARRAY ||
		!is_counter(map->btf, btype_array(array)->type))
		return false;
	*ret_count = MIN(btype_array(array)->nelems, (u32)SHOW_HIST_SLOTS_MAX);
	ret_first->type = btype_array(array)->type;
	return btype_size(map->btf, ret_first->type, ret_size) == 0;
}

enum show_hist_kind show_hist_kind(const struct show_map *map)
{
	struct btype_member slots;
	u32 count, size;

	if (map->btf && map->value_type && find_slots(map, &slots, &count, &size))
		return SHOW_HIST_SLOTS;
	if (!map->name || !strstr(map->name, "hist") ||
		(map->key_size != 4 && map->key_size != 8) ||
		(map->value_size != 4 && map->value_size != 8))
		return SHOW_HIST_NONE;
	if (map->btf && map->value_type &&
		(!is_counter(map->btf, map->value_type) || !is_counter(map->btf, map->key_type)))
		return SHOW_HIST_NONE;
	return SHOW_HIST_KEYS;
}

static const char *guess_unit(const char *name)
{
	static const char *const units[][2] = {
		{"usec", "usecs"},
		{"_us", "usecs"},
		{"nsec", "nsecs"},
		{"_ns", "nsecs"},
		{"msec", "msecs"},
		{"_ms", "msecs"},
		{"size", "bytes"},
		{"bytes", "bytes"},
		{"kb", "kbytes"},
	};

	for (u32 i = 0; name && i < ARRAY_SIZE(units); i++)
		if (strstr(name, units[i][0]))
			return units[i][1];
	return "value";
}

static void draw(const struct show_map *map, FILE *f, const u64 *slots, u32 count, const char *unit)
{
	bool is_linear = map->name && (strstr(map->name, "lhist") || strstr(map->name, "linear"));

	if (is_linear)
		show_hist_linear(f, slots, count, unit);
	else
		show_hist_log2(f, slots, count, unit);
}

static u64 number(const u8 *bytes, u32 size)
{
	u64 value = 0;

	memcpy(&value, bytes, MIN(size, 8u));
	return value;
}

/* One histogram whose slots are the entries. */
static void print_keys(const struct show_table *table, FILE *f, const char *unit, u64 *slots)
{
	const struct show_entry *entry;
	u8 value[8];

	vec_for_each (entry, &table->entries) {
		u64 slot = number(entry->key, table->map.key_size);

		show_table_value(table, entry, value);
		if (slot < SHOW_HIST_SLOTS_MAX)
			slots[slot] += number(value, table->map.value_size);
	}
	draw(&table->map, f, slots, SHOW_HIST_SLOTS_MAX, unit);
}

static int put_key(const struct show_table *table, const struct show_entry *entry, FILE *f)
{
	const struct show_map *map = &table->map;
	struct show_columns columns = {0};
	const struct show_column *column;
	struct strbuf text = {0};
	int err = show_columns_add(&columns, map->btf, map->key_type, "key");

	strbuf_putc(&text, '\n');
	vec_for_each (column, &columns.list) {
		if (column != columns.list.data)
			strbuf_puts(&text, ", ");
		for (const char *c = column->name; *c; c++)
			strbuf_putc(&text, *c >= 'A' && *c <= 'Z' ? (char)(*c + 32) : *c);
		strbuf_puts(&text, " = ");
		show_cell(&columns, column, entry->key, map->key_size, &text);
	}
	strbuf_putc(&text, '\n');
	if (!err && text.failed)
		err = -ENOMEM;
	if (!err)
		fputs(strbuf_cstr(&text), f);
	show_columns_release(&columns);
	strbuf_release(&text);
	return err;
}

static int print_slots(
	const struct show_table *table, FILE *f, const char *unit, u64 *slots, u8 *value)
{
	const struct show_entry *entry;
	struct btype_member first;
	u32 count, size;
	int err = 0;

	if (!find_slots(&table->map, &first, &count, &size))
		return -EINVAL;
	vec_for_each (entry, &table->entries) {
		u64 max;

		show_table_value(table, entry, value);
		for (u32 i = 0; i < count; i++) {
			u64 at = first.bit_offset / 8 + (u64)i * size;

			slots[i] =
				at + size <= table->map.value_size ? number(value + at, size) : 0;
		}
		if (!last_used(slots, count, &max))
			continue;
		if (table->entries.len > 1 && table->map.key_size)
			err = put_key(table, entry, f);
		if (err)
			return err;
		draw(&table->map, f, slots, count, unit);
	}
	return 0;
}

int show_hist_print(const struct show_table *table, FILE *f, const char *unit)
{
	enum show_hist_kind kind = show_hist_kind(&table->map);
	u64 *slots;
	u8 *value;
	int err = 0;

	if (kind == SHOW_HIST_NONE)
		return -EINVAL;
	if (!unit)
		unit = guess_unit(table->map.name);
	slots = mem_calloc(SHOW_HIST_SLOTS_MAX, sizeof(*slots));
	value = mem_zalloc((size_t)table->map.value_size + 8);
	if (!slots || !value)
		err = -ENOMEM;
	else if (kind == SHOW_HIST_KEYS)
		print_keys(table, f, unit, slots);
	else
		err = print_slots(table, f, unit, slots, value);
	mem_free(slots);
	mem_free(value);
	return err ? err : ferror(f) ? -EIO : 0;
}
