/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The entries of a map through bpf(2), on either backend, shown as a table, a histogram or JSON.
 */
#ifndef CLI_MAP_SHOW_H
#define CLI_MAP_SHOW_H

#include "btf/btf.h"
#include "show/table.h"

#include <stdio.h>

struct map_show {
	int fd;
	const char *name;
	const struct btf *btf; /* of key and value; NULL = bytes */
	u32 key_type, value_type;
	bool skip_empty; /* array elements that are all zero, and maps without entries */
	bool no_title;	 /* text: without the map's name above */
	bool is_json;
};

/* Whether a map of this kind holds entries that can be read (not a ring, not programs). */
bool map_show_is_data(u32 map_type);
/* 0 or -errno. */
int map_show_print(const struct map_show *show, FILE *out);
/* A map of global variables (.data, .bss): a line "name = value" each. */
int map_show_variables(const struct map_show *show, FILE *out);
/*
 * A line "TIME KEY: COUNT UNIT" an entry, COUNT being its first number per second of the elapsed
 * time; then the map is emptied. 0 or -errno.
 */
int map_show_rate(const struct map_show *show, const char *unit, u64 elapsed_ns, FILE *out);
/* Reads all entries into a fresh table; the caller releases it. */
int map_show_read(const struct map_show *show, struct show_table *ret_table);

#endif
