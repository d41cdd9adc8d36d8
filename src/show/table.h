/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The entries of a map, collected and then shown: as a table by BTF, as JSON in the form of bpftool
 * map dump -j, or (hist.h) as histograms. Numbers of per-CPU values are summed in tables; JSON has
 * each CPU's.
 */
#ifndef SHOW_TABLE_H
#define SHOW_TABLE_H

#include "base/vec.h"
#include "btf/btf.h"

#include <stdio.h>

struct show_map {
	const char *name;
	const struct btf *btf; /* NULL = bytes; the caller keeps it and the name alive */
	u32 key_type, value_type;
	u32 key_size, value_size; /* bytes; 0 = no key (queues, stacks) */
	u32 cpus;		  /* values a key, each at a multiple of 8 bytes; 0 = not per CPU */
};

struct show_entry {
	u8 *key; /* owned; the values stand behind it */
	u8 *values;
};

struct show_table {
	struct show_map map;
	VEC(struct show_entry) entries;
};

void show_table_init(struct show_table *table, const struct show_map *map);
void show_table_release(struct show_table *table);
/* Copies key_size bytes and value_size bytes, or cpus times value_size rounded up to 8. -ENOMEM. */
int show_table_add(struct show_table *table, const void *key, const void *values);
/* Forgets the entries, for the next interval. */
void show_table_clear(struct show_table *table);
/* Numeric keys in ascending order, others by their bytes. */
void show_table_sort(struct show_table *table);
/* The value of an entry, per-CPU numbers summed; value_size bytes into ret. */
void show_table_value(const struct show_table *table, const struct show_entry *entry, u8 *ret);

/* A header and a line an entry, columns as wide as they need be. -ENOMEM, -EIO. */
int show_table_print(const struct show_table *table, FILE *f);
/* [{"key":["0x01"],"value":["0x02"],"formatted":{"key":1,"value":2}}] on one line. */
int show_table_json(const struct show_table *table, FILE *f);
/* {"map":"name","entries":[...]} on one line, entries as above. */
int show_table_ndjson(const struct show_table *table, FILE *f);

#endif
