/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * JSON as it is written: no document in memory but the current line. Commas and escapes are the
 * writer's; numbers are exact. A zeroed struct show_json is ready. Out of memory is remembered and
 * told by show_json_line() and show_json_flush(). is_pretty: a member a line, in bpftool's layout.
 */
#ifndef SHOW_JSON_H
#define SHOW_JSON_H

#include "base/str.h"
#include "btf/btf.h"

#include <stdio.h>

struct show_json {
	struct strbuf text;
	u64 filled; /* by depth: something stands before */
	u32 depth;  /* at most 63 */
	bool after_key;
	bool is_pretty;
};

void show_json_release(struct show_json *json);
void show_json_open(struct show_json *json, char bracket);  /* { or [ */
void show_json_close(struct show_json *json, char bracket); /* } or ] */
void show_json_key(struct show_json *json, const char *key);
void show_json_string(struct show_json *json, const char *text);
void show_json_u64(struct show_json *json, u64 value);
void show_json_s64(struct show_json *json, s64 value);
void show_json_bool(struct show_json *json, bool value);
void show_json_null(struct show_json *json);
/* A value that is JSON already. */
void show_json_raw(struct show_json *json, const char *format, ...) PRINTF_LIKE(2, 3);
/* ["0x01","0xff"], as bpftool writes bytes. */
void show_json_bytes(struct show_json *json, const void *data, u32 size);
/* A value by its type; bytes when there is no type. */
void show_json_value(
	struct show_json *json, const struct btf *btf, u32 type, const void *data, u32 size);
/* Writes what was said as one line and starts anew. -ENOMEM, -EIO. */
int show_json_line(struct show_json *json, FILE *f);
/* Writes what was said so far, in the middle of a value too. -ENOMEM, -EIO. */
int show_json_flush(struct show_json *json, FILE *f);

#endif
