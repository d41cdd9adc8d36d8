/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Events of a perf or ring buffer, one a line: columns by BTF with a header before the first,
 * hexadecimal bytes without, or NDJSON.
 */
#ifndef SHOW_EVENT_H
#define SHOW_EVENT_H

#include "btf/btf.h"

#include <stdio.h>

struct show_event_format {
	const char *map;       /* the buffer's name */
	const struct btf *btf; /* kept alive by the caller; NULL = bytes */
	u32 type;	       /* of an event, 0 = bytes */
	bool is_json;
	bool has_time; /* a column TIME before the others: the local time when it is printed */
};

struct show_event;

int show_event_new(const struct show_event_format *format, struct show_event **ret);
void show_event_free(struct show_event *event);
/* cpu: -1 where the buffer does not say. -EIO, -ENOMEM. */
int show_event_print(struct show_event *event, FILE *f, s32 cpu, const void *data, u32 size);

#endif
