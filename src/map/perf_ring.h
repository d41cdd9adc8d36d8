/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The buffer of a perf event as mmap() shows it: struct perf_event_mmap_page, then 2^n pages of
 * records, in a memfd; written as the kernel's perf_output_begin() and _end() do, so that readers
 * of perf buffers need not know the difference. Records may wrap at the end of the data. What found
 * no room is counted and reported by a PERF_RECORD_LOST before the next record that fits.
 *
 * Only the process that owns the object writes; the reader's data_tail is not believed further than
 * that it decides what may be overwritten.
 */
#ifndef MAP_PERF_RING_H
#define MAP_PERF_RING_H

#include "base/types.h"

struct perf_ring;

struct perf_ring_params {
	u64 sample_type;     /* attr.sample_type */
	u32 wakeup_events;   /* attr.wakeup_events: 0 = only at the watermark */
	u32 watermark_bytes; /* attr.wakeup_watermark when attr.watermark is set; else 0 */
	u64 id;		     /* of the event */
};

/* What else a sample may say, as far as sample_type asks for it. */
struct perf_ring_sample {
	u32 pid, tid, cpu;
	u64 ip, time_ns, addr, period;
	u16 misc; /* PERF_RECORD_MISC_* */
};

struct perf_ring_piece {
	const void *data;
	u32 size;
};

/* -EINVAL: sample_type asks for what we cannot give (registers, call chains, ...). */
int perf_ring_new(const struct perf_ring_params *params, struct perf_ring **ret_ring);
void perf_ring_free(struct perf_ring *ring);
/* The memfd to hand out, and the eventfd that is signalled when the reader shall wake. */
int perf_ring_fd(const struct perf_ring *ring);
int perf_ring_event_fd(const struct perf_ring *ring);
/*
 * Somebody maps size bytes: makes the buffer. 0; -EINVAL unless 1 + 2^n pages and the same as
 * before. Until then every sample is refused.
 */
int perf_ring_resize(struct perf_ring *ring, u64 size);
/* A PERF_RECORD_SAMPLE whose raw data are the pieces. 0; -ENOSPC no room or no buffer; -E2BIG. */
int perf_ring_output(struct perf_ring *ring, const struct perf_ring_sample *sample,
	const struct perf_ring_piece *pieces, u32 piece_count);
bool perf_ring_has_data(const struct perf_ring *ring);
void perf_ring_pause(struct perf_ring *ring, bool is_paused); /* PERF_EVENT_IOC_PAUSE_OUTPUT */
u64 perf_ring_lost(const struct perf_ring *ring); /* samples ever refused for want of room */

#endif
