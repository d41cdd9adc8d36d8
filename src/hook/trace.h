/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The lines of bpf_trace_printk until somebody reads them: a ring that drops the newest when it is
 * full and counts what was lost, as tracefs does per reader.
 */
#ifndef HOOK_TRACE_H
#define HOOK_TRACE_H

#include "runtime/run.h"
#include <hachi/hachi.h>
#include <pthread.h>

struct trace_ring {
	pthread_mutex_t lock;
	struct hachi_trace_record *records; /* owned; made with the first line */
	u32 first, count;
	u64 lost; /* atomic */
};

void trace_ring_init(struct trace_ring *ring);
void trace_ring_release(struct trace_ring *ring);
void trace_ring_add(struct trace_ring *ring, const struct run *run, const char *text, size_t len);
int trace_ring_read(struct trace_ring *ring, struct hachi_trace_record *ret_record); /* 1, 0 */

#endif
