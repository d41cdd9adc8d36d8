/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Ring buffers, in the kernel's layout of mmap(): consumer page, producer page, then the data
 * pages, as many again. The kernel maps the data pages twice so that a record may run over the end;
 * here a record that does so runs on into the second half, which nobody reads otherwise. Consumers
 * find each record at data + (position & mask), in both cases one piece.
 *
 * Nothing that readers can write is believed: consumer_pos only limits how much may be overwritten,
 * and no reservation may reach the oldest record that is not committed yet (pending_pos).
 *
 * Death: reserving writes the header first and producer_pos last, so a dead owner of the lock has
 * done nothing. A record that a dead thread never committed is found by its owner slot and
 * discarded (ringbuf_reap()).
 */
#ifndef MAP_RINGBUF_H
#define MAP_RINGBUF_H

#include "map/map.h"

#define RINGBUF_HEADER_SIZE 8
#define RINGBUF_RECORD_MAX  (UINT32_MAX / 4)

/* size bytes to fill, or NULL: no room, or larger than the ring can ever hold. */
void *ringbuf_reserve(struct map *map, u64 size);
/* sample: what ringbuf_reserve() returned. flags: BPF_RB_NO_WAKEUP, BPF_RB_FORCE_WAKEUP. */
void ringbuf_commit(void *sample, u64 flags, bool is_discarded);
int ringbuf_output(
	struct map *map, const void *data, u64 size, u64 flags); /* 0, -EAGAIN, -EINVAL */
u64 ringbuf_query(struct map *map, u64 what);			 /* BPF_RB_AVAIL_DATA, ... */
/* Reservations and outputs that found no room since the map was made: events that are lost. */
u64 ringbuf_lost(const struct map *map);
/* Discards uncommitted records of threads that ended, oldest first, up to a living one's. */
u32 ringbuf_reap(struct map *map);

/*
 * User ring buffers: user space produces. The next sample: 0; -ENODATA none (yet); -EAGAIN a
 * discarded one was skipped; -EINVAL, -E2BIG the producer wrote nonsense.
 */
int user_ringbuf_peek(struct map *map, void **ret_sample, u32 *ret_size);
void user_ringbuf_release(struct map *map, u32 size);
/* One consumer at a time: 0 or -EBUSY. */
int user_ringbuf_enter(struct map *map);
void user_ringbuf_leave(struct map *map, u64 wakeup_flags, bool has_consumed);

#endif
