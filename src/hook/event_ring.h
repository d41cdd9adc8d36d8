/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The ring of a perf event: records of the perf ABI behind a struct perf_event_mmap_page. Writers
 * hold the lock; the reader moves data_tail in shared memory.
 */
#ifndef HOOK_EVENT_RING_H
#define HOOK_EVENT_RING_H

#include "base/types.h"

struct event_ring;

/* Lays it out in fd, which is resized. size: one page and 2^n pages; else -EINVAL. */
int event_ring_new(int fd, u64 size, bool is_overwrite, struct event_ring **ret_ring);
void event_ring_free(struct event_ring *ring);
u64 event_ring_size(const struct event_ring *ring); /* as mapped */
/*
 * head + body + data + zeroes up to a multiple of 8. 1 = the ring was empty before, 0 = not;
 * -ENOSPC: no room, counted as lost.
 */
int event_ring_write(struct event_ring *ring, u32 type, const void *body, u32 body_size,
	const void *data, u64 data_size);
/* What was lost since the last record, told now that no further record may come. */
void event_ring_tell_lost(struct event_ring *ring);
bool event_ring_has_data(const struct event_ring *ring);

#endif
