/* SPDX-License-Identifier: BSD-2-Clause */
/* The commands of `hachi map`. */
#ifndef CLI_MAP_H
#define CLI_MAP_H

#include "cli/objects.h"

extern const struct words_noun cli_map_noun;

int cli_map_show(struct words *w);
int cli_map_dump(struct words *w);
int cli_map_lookup(struct words *w);
int cli_map_update(struct words *w);
int cli_map_getnext(struct words *w);
int cli_map_delete(struct words *w);
int cli_map_pop(struct words *w);
int cli_map_create(struct words *w);
int cli_map_freeze(struct words *w);
int cli_map_pin(struct words *w);
int cli_map_event_pipe(struct words *w);

bool cli_map_is_per_cpu(u32 type);
bool cli_map_is_of_maps(u32 type);
bool cli_map_is_of_progs(u32 type);
/* Bytes of what a lookup returns: per-CPU maps have one value a possible CPU, 8-aligned. */
u64 cli_map_value_bytes(const struct bpf_map_info *info);

/* The head of `map show` alone, for other commands. */
void cli_map_print_header(struct words *w, const struct bpf_map_info *info);

/* How an entry is printed: by its types, or in bytes. */
struct map_format {
	const struct bpf_map_info *info;
	void *btf;		/* libbpf's, owned, or NULL: bytes */
	struct show_json *json; /* where entries by type go in text mode */
};

int cli_map_format_open(struct words *w, const struct bpf_map_info *info, struct map_format *ret);
void cli_map_format_close(struct map_format *format);
void cli_map_print_entry(
	struct words *w, const struct map_format *format, const u8 *key, const u8 *value);

#endif
