// SPDX-License-Identifier: BSD-2-Clause
#include "hook/event_ring.h"

#include "base/alloc.h"
#include "base/os.h"

#include <linux/perf_event.h>
#include <pthread.h>

struct event_ring {
	pthread_mutex_t lock;
	struct perf_event_mmap_page *page; /* mapping of the whole, owned */
	u8 *data;
	u64 size, data_size; /* data_size: power of two */
	bool is_overwrite;
	u64 lost;
};

int event_ring_new(int fd, u64 size, bool is_overwrite, struct event_ring **ret_ring)
{
	size_t page_size = os_page_size();
	struct event_ring *ring;
	void *addr;
	int err;

	if (size % page_size || size < 2 * page_size || !IS_POWER_OF_2(size - page_size))
		return -EINVAL;
	ring = mem_zalloc(sizeof(*ring));
	if (!ring)
		return -ENOMEM;
	err = os_fd_truncate(fd, size);
	if (!err)
		err = os_map_shared(fd, 0, size, true, &addr);
	if (err) {
		mem_free(ring);
		return err;
	}
	pthread_mutex_init(&ring->lock, NULL);
	ring->page = addr;
	ring->data = (u8 *)addr + page_size;
	ring->size = size;
	ring->data_size = size - page_size;
	ring->is_overwrite = is_overwrite;
	ring->page->version = 0;
	ring->page->compat_version = 0;
	ring->page->data_offset = page_size;
	ring->page->data_size = ring->data_size;
	*ret_ring = ring;
	return 0;
}

void event_ring_free(struct event_ring *ring)
{
	if (!ring)
		return;
	os_unmap(ring->page, ring->size);
	pthread_mutex_destroy(&ring->lock);
	mem_free(ring);
}

u64 event_ring_size(const struct event_ring *ring)
{
	return ring->size;
}

static void put(struct event_ring *ring, u64 *head, const void *data, u64 size)
{
	u64 at = *head & (ring->data_size - 1);
	u64 first = MIN(size, ring->data_size - at);

	memcpy(ring->data + at, data, first);
	memcpy(ring->data, (const u8 *)data + first, size - first);
	*head += size;
}

static bool has_room(const struct event_ring *ring, u64 head, u64 size)
{
	u64 tail = __atomic_load_n(&ring->page->data_tail, __ATOMIC_ACQUIRE);

	/* a tail from the reader that makes no sense counts as a full ring */
	return size <= ring->data_size &&
		(ring->is_overwrite || head - tail + size <= ring->data_size);
}

static void put_lost(struct event_ring *ring, u64 *head)
{
	struct {
		struct perf_event_header head;
		u64 id, lost;
	} record = {{PERF_RECORD_LOST, 0, sizeof(record)}, 0, ring->lost};

	put(ring, head, &record, sizeof(record));
	ring->lost = 0;
}

int event_ring_write(struct event_ring *ring, u32 type, const void *body, u32 body_size,
	const void *data, u64 data_size)
{
	static const u8 zeroes[8];
	u64 bytes = ALIGN_UP(sizeof(struct perf_event_header) + body_size + data_size, 8u);
	struct perf_event_header header = {type, 0, (u16)bytes};
	u64 head, start, lost_bytes;
	bool was_empty;

	if (bytes > UINT16_MAX)
		return -E2BIG;
	pthread_mutex_lock(&ring->lock);
	start = head = ring->page->data_head;
	was_empty = head == __atomic_load_n(&ring->page->data_tail, __ATOMIC_ACQUIRE);
	lost_bytes = ring->lost ? 24 : 0;
	if (!has_room(ring, head, bytes + lost_bytes)) {
		ring->lost++;
		pthread_mutex_unlock(&ring->lock);
		return -ENOSPC;
	}
	if (ring->lost)
		put_lost(ring, &head);
	put(ring, &head, &header, sizeof(header));
	put(ring, &head, body, body_size);
	put(ring, &head, data, data_size);
	put(ring, &head, zeroes, start + lost_bytes + bytes - head);
	__atomic_store_n(&ring->page->data_head, head, __ATOMIC_RELEASE);
	pthread_mutex_unlock(&ring->lock);
	return was_empty;
}

void event_ring_tell_lost(struct event_ring *ring)
{
	u64 head;

	pthread_mutex_lock(&ring->lock);
	head = ring->page->data_head;
	if (ring->lost && has_room(ring, head, 24)) {
		put_lost(ring, &head);
		__atomic_store_n(&ring->page->data_head, head, __ATOMIC_RELEASE);
	}
	pthread_mutex_unlock(&ring->lock);
}

bool event_ring_has_data(const struct event_ring *ring)
{
	return __atomic_load_n(&ring->page->data_head, __ATOMIC_ACQUIRE) !=
		__atomic_load_n(&ring->page->data_tail, __ATOMIC_ACQUIRE);
}
