/* SPDX-License-Identifier: BSD-2-Clause */
/* The commands of `hachi map`. */
#ifndef CLI_MAP_H
#define CLI_MAP_H

#include "cli/objects.h"

extern const struct words_noun map_noun;

int map_show(struct words *w);
int map_dump(struct words *w);
int map_lookup(struct words *w);
int map_update(struct words *w);
int map_getnext(struct words *w);
int map_delete(struct words *w);
int map_pop(struct words *w);
int map_create(struct words *w);
int map_freeze(struct words *w);
int map_pin(struct words *w);
int map_event_pipe(struct words *w);

bool map_is_per_cpu(u32 type);
bool map_is_of_maps(u32 type);
bool map_is_of_progs(u32 type);
/* Bytes of what a lookup returns: per-CPU maps have one value a possible CPU, 8-aligned. */
u64 map_value_bytes(const struct bpf_map_info *info);

/* The head of `map show` alone, for other commands. */
void map_print_header(struct words *w, const struct bpf_map_info *info);

/* How an entry is printed: by its types, or in bytes. */
struct map_format {
	const struct bpf_map_info *info;
	void *btf;		/* libbpf's, owned, or NULL: bytes */
	struct show_json *json; /* where entries by type go in text mode */
};

int map_format_open(struct words *w, const struct bpf_map_info *info, struct map_format *ret);
void map_format_close(struct map_format *format);
void map_print_entry(
	struct words *w, const struct map_format *format, const u8 *key, const u8 *value);

#endif
