/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What perf_event_open(2) makes: a place where a program can be attached (tracepoint, kprobe,
 * uprobe, sampling), or a ring that bpf_perf_event_output() writes to. The ring is the object's
 * memfd as mmap() shows it: one control page, then a power of two of data pages.
 */
#ifndef HOOK_EVENT_H
#define HOOK_EVENT_H

#include "hook/hook.h"

#include <linux/perf_event.h>

/* PMU types of probes, as /sys/bus/event_source tells them (hachi_virtual_file()). */
enum { EVENT_TYPE_KPROBE = 6, EVENT_TYPE_UPROBE = 7 };

struct event_ring; /* hook/event_ring.c */

struct event {
	u32 refs; /* atomic */
	u64 id;
	struct perf_event_attr attr;
	struct hachi_attachment place; /* what an attachment of it says; target is owned */
	bool can_attach;	       /* a program makes sense here */
	struct hook_set *set;
	pthread_mutex_t lock;	/* prog, att, is_enabled, ring's wiring */
	struct prog *prog;	/* owned reference; NULL = none */
	struct attachment *att; /* owned; of prog */
	bool is_enabled;
	struct event_ring *ring; /* owned; of BPF_OUTPUT events */
	int fd;			 /* memfd, owned */
	int event_fd;		 /* stand-in for poll, owned; or -1 */
	struct epoch_node epoch; /* a run may have found it in a slot */
};

/* What a caller passed to perf_event_open(), with strings copied from his memory. */
struct event_args {
	struct perf_event_attr attr;
	const char *target; /* probes: symbol or path; tracepoints: "category/name" */
	s32 pid, cpu;
};

int event_new(struct hook_set *set, const struct event_args *args, struct event **ret_event);
void event_ref(struct event *event);
void event_unref(struct event *event);

/* -EEXIST when it has one, -EINVAL when the program is of a type that does not go here. */
int event_set_prog(struct event *event, struct prog *prog, u64 cookie);
void event_clear_prog(struct event *event);
int event_enable(struct event *event, bool is_enabled);

/* bpf_perf_event_output(): a sample record with this raw data. cpu: where the program runs. */
int event_output(struct event *event, const struct run *run, const void *data, u64 size);
/* mmap() of `size` bytes: makes the ring at the first call. is_overwrite: mapped read-only. */
int event_mmap(struct event *event, u64 size, bool is_overwrite);
bool event_has_data(struct event *event);

#endif
