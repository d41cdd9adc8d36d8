/* SPDX-License-Identifier: BSD-2-Clause */
/* The rings of an object, consumed through libbpf and printed as events. */
#ifndef CLI_RUN_CHANNELS_H
#define CLI_RUN_CHANNELS_H

#include "base/str.h"
#include "btf/btf.h"

#include <stdio.h>

struct bpf_object;
struct run_channels;

struct run_channels_opts {
	bool is_json;
	bool has_time; /* each event with the time of day */
};

/* btf: of the program, for event types; may be NULL. */
int run_channels_new(struct bpf_object *object, const struct btf *btf, FILE *out,
	const struct run_channels_opts *opts, struct run_channels **ret_channels,
	struct strbuf *ret_error);
void run_channels_drain(struct run_channels *channels);
/* The last time: what a full buffer refused at the end is counted as lost too. */
void run_channels_finish(struct run_channels *channels);
/* Events that perf buffers lost, as the kernel side counted them. */
u64 run_channels_lost(const struct run_channels *channels);
u64 run_channels_events(const struct run_channels *channels);
void run_channels_free(struct run_channels *channels);

/*
 * The type of a ring's events: its declared value type if that is a struct; else the struct that a
 * global variable "struct event *unused" points to, by name of the map if there are several; else
 * a struct called event or MAP_event. 0 = unknown.
 */
u32 run_channels_event_type(const struct btf *btf, const char *map_name, u32 value_type);

#endif
