// SPDX-License-Identifier: BSD-2-Clause
/* The perf event buffer; perf_ring.h says what it is. */
#include "map/perf_ring.h"

#include "base/alloc.h"
#include "map/lock.h"

#include <linux/perf_event.h>

#define SAMPLE_TYPES_KNOWN                                                                         \
	(PERF_SAMPLE_IDENTIFIER | PERF_SAMPLE_IP | PERF_SAMPLE_TID | PERF_SAMPLE_TIME |            \
		PERF_SAMPLE_ADDR | PERF_SAMPLE_ID | PERF_SAMPLE_STREAM_ID | PERF_SAMPLE_CPU |      \
		PERF_SAMPLE_PERIOD | PERF_SAMPLE_RAW)

struct perf_ring {
	struct perf_ring_params params;
	struct map_lock lock; /* over all that follows but the reader's page */
	int fd, event_fd;
	u64 size; /* of the mapping, 0 = none yet */
	struct perf_event_mmap_page *page;
	u8 *data;
	u64 data_size, head, watermark, wakeup_at;
	u64 lost_unreported, lost;
	u32 events; /* since the last wake-up */
	bool is_paused;
};

int perf_ring_new(const struct perf_ring_params *params, struct perf_ring **ret_ring)
{
	struct perf_ring *ring;
	int err;

	if (params->sample_type & ~(u64)SAMPLE_TYPES_KNOWN)
		return -EINVAL;
	ring = mem_zalloc(sizeof(*ring));
	if (!ring)
		return -ENOMEM;
	ring->params = *params;
	ring->fd = ring->event_fd = -1;
	err = os_memfd("hachi:perf", 0, &ring->fd);
	if (!err)
		err = os_eventfd(&ring->event_fd);
	if (err) {
		perf_ring_free(ring);
		return err;
	}
	*ret_ring = ring;
	return 0;
}

void perf_ring_free(struct perf_ring *ring)
{
	if (!ring)
		return;
	if (ring->size)
		os_unmap(ring->page, ring->size);
	if (ring->fd >= 0)
		os_close(ring->fd);
	if (ring->event_fd >= 0)
		os_close(ring->event_fd);
	mem_free(ring);
}

int perf_ring_fd(const struct perf_ring *ring)
{
	return ring->fd;
}

int perf_ring_event_fd(const struct perf_ring *ring)
{
	return ring->event_fd;
}

/* With the lock held and no buffer yet. */
static int make_buffer(struct perf_ring *ring, u64 size)
{
	u64 page_size = os_page_size();
	void *at;
	int err = os_fd_truncate(ring->fd, size);

	if (!err)
		err = os_map_shared(ring->fd, 0, size, true, &at);
	if (err)
		return err;
	ring->page = at;
	ring->data = (u8 *)at + page_size;
	ring->data_size = size - page_size;
	ring->watermark = MIN(ring->params.watermark_bytes, ring->data_size);
	if (!ring->watermark)
		ring->watermark = ring->data_size / 2;
	ring->page->version = 0;
	ring->page->compat_version = 0;
	ring->page->size = (u32)offsetof(struct perf_event_mmap_page, __reserved);
	ring->page->data_offset = page_size;
	ring->page->data_size = ring->data_size;
	ring->size = size;
	return 0;
}

int perf_ring_resize(struct perf_ring *ring, u64 size)
{
	u64 page_size = os_page_size(), pages = size / page_size;
	int err;

	/* one page alone is allowed: the counter without a buffer */
	if (size % page_size || !pages || (pages > 1 && !IS_POWER_OF_2(pages - 1)))
		return -EINVAL;
	err = map_lock_take(&ring->lock);
	if (err < 0)
		return err;
	if (ring->size)
		err = ring->size == size ? 0 : -EINVAL;
	else
		err = make_buffer(ring, size);
	map_lock_drop(&ring->lock);
	return err;
}

/* ---- writing -------------------------------------------------------------------------------- */

/* Copies to position, around the end. */
static void write_at(struct perf_ring *ring, u64 position, const void *src, u64 size)
{
	u64 offset = position & (ring->data_size - 1);
	u64 first = MIN(size, ring->data_size - offset);

	memcpy(ring->data + offset, src, first);
	memcpy(ring->data, (const u8 *)src + first, size - first);
}

static u64 write_u64(struct perf_ring *ring, u64 position, u64 value)
{
	write_at(ring, position, &value, sizeof(value));
	return position + sizeof(value);
}

/* Bytes of a sample without its raw data. */
static u32 fixed_size(u64 sample_type)
{
	return sizeof(struct perf_event_header) +
		8 * (u32)__builtin_popcountll(sample_type & ~(u64)PERF_SAMPLE_RAW);
}

/* kernel: perf_output_sample(), in this order */
static u64 write_fixed(struct perf_ring *ring, u64 at, const struct perf_ring_sample *sample)
{
	u64 type = ring->params.sample_type, id = ring->params.id;

	if (type & PERF_SAMPLE_IDENTIFIER)
		at = write_u64(ring, at, id);
	if (type & PERF_SAMPLE_IP)
		at = write_u64(ring, at, sample->ip);
	if (type & PERF_SAMPLE_TID)
		at = write_u64(ring, at, (u64)sample->tid << 32 | sample->pid);
	if (type & PERF_SAMPLE_TIME)
		at = write_u64(ring, at, sample->time_ns);
	if (type & PERF_SAMPLE_ADDR)
		at = write_u64(ring, at, sample->addr);
	if (type & PERF_SAMPLE_ID)
		at = write_u64(ring, at, id);
	if (type & PERF_SAMPLE_STREAM_ID)
		at = write_u64(ring, at, id);
	if (type & PERF_SAMPLE_CPU)
		at = write_u64(ring, at, sample->cpu);
	if (type & PERF_SAMPLE_PERIOD)
		at = write_u64(ring, at, sample->period);
	return at;
}

static u64 free_bytes(const struct perf_ring *ring)
{
	u64 tail = __atomic_load_n(&ring->page->data_tail, __ATOMIC_ACQUIRE);

	return (tail - ring->head - 1) & (ring->data_size - 1);
}

struct lost_record {
	struct perf_event_header header;
	u64 id, lost;
};

static u64 write_lost(struct perf_ring *ring, u64 at)
{
	struct lost_record record = {
		.header = {PERF_RECORD_LOST, 0, sizeof(record)},
		.id = ring->params.id,
		.lost = ring->lost_unreported,
	};

	write_at(ring, at, &record, sizeof(record));
	ring->lost_unreported = 0;
	return at + sizeof(record);
}

/* size, the pieces, zeroes up to a multiple of 8 that the size counts too */
static u64 write_raw(struct perf_ring *ring, u64 at, const struct perf_ring_piece *pieces,
	u32 piece_count, u32 raw_size)
{
	static const u8 zeroes[8];
	u64 end = at + sizeof(u32) + raw_size;

	write_at(ring, at, &raw_size, sizeof(raw_size));
	at += sizeof(raw_size);
	for (u32 i = 0; i < piece_count; i++) {
		write_at(ring, at, pieces[i].data, pieces[i].size);
		at += pieces[i].size;
	}
	write_at(ring, at, zeroes, end - at);
	return end;
}

/* Whether the reader is due to wake now that head has moved. */
static bool is_due(struct perf_ring *ring)
{
	bool due = false;

	if (ring->params.wakeup_events && !ring->params.watermark_bytes &&
		++ring->events >= ring->params.wakeup_events) {
		ring->events = 0;
		due = true;
	}
	if (ring->head - ring->wakeup_at > ring->watermark) {
		ring->wakeup_at += ring->watermark;
		due = true;
	}
	return due;
}

static int output_locked(struct perf_ring *ring, const struct perf_ring_sample *sample,
	const struct perf_ring_piece *pieces, u32 piece_count, u32 raw_size, bool *ret_due)
{
	bool has_raw = ring->params.sample_type & PERF_SAMPLE_RAW;
	u32 size = fixed_size(ring->params.sample_type) + (has_raw ? sizeof(u32) + raw_size : 0);
	u32 lost_size = ring->lost_unreported ? sizeof(struct lost_record) : 0;
	struct perf_event_header header = {PERF_RECORD_SAMPLE, sample->misc, (u16)size};
	u64 at = ring->head;

	if (size > UINT16_MAX)
		return -E2BIG;
	if (!ring->size || !ring->data_size)
		return -ENOSPC;
	if (ring->is_paused || free_bytes(ring) < (u64)size + lost_size) {
		ring->lost_unreported++;
		ring->lost++;
		return -ENOSPC;
	}
	if (lost_size)
		at = write_lost(ring, at);
	write_at(ring, at, &header, sizeof(header));
	at = write_fixed(ring, at + sizeof(header), sample);
	if (has_raw)
		at = write_raw(ring, at, pieces, piece_count, raw_size);
	ring->head = at;
	__atomic_store_n(&ring->page->data_head, at, __ATOMIC_RELEASE);
	*ret_due = is_due(ring);
	return 0;
}

int perf_ring_output(struct perf_ring *ring, const struct perf_ring_sample *sample,
	const struct perf_ring_piece *pieces, u32 piece_count)
{
	u64 sum = 0;
	bool due = false;
	int err;

	for (u32 i = 0; i < piece_count; i++)
		sum += pieces[i].size;
	if (sum > UINT16_MAX)
		return -E2BIG;
	err = map_lock_take(&ring->lock);
	if (err < 0)
		return err;
	err = output_locked(ring, sample, pieces, piece_count,
		(u32)(ALIGN_UP(sum + sizeof(u32), 8u) - sizeof(u32)), &due);
	map_lock_drop(&ring->lock);
	if (due)
		os_eventfd_signal(ring->event_fd);
	return err;
}

bool perf_ring_has_data(const struct perf_ring *ring)
{
	return ring->size &&
		__atomic_load_n(&ring->page->data_head, __ATOMIC_ACQUIRE) !=
		__atomic_load_n(&ring->page->data_tail, __ATOMIC_ACQUIRE);
}

void perf_ring_pause(struct perf_ring *ring, bool is_paused)
{
	__atomic_store_n(&ring->is_paused, is_paused, __ATOMIC_RELEASE);
}

u64 perf_ring_lost(const struct perf_ring *ring)
{
	return __atomic_load_n(&ring->lost, __ATOMIC_RELAXED);
}
