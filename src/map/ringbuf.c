// SPDX-License-Identifier: BSD-2-Clause
/* Ring buffers; ringbuf.h has the layout and why it holds. */
#include "map/ringbuf.h"

#include "map/kinds.h"
#include "map/lock.h"

/* How long a full ring waits before it looks again for records of the dead. */
#define REAP_PERIOD_NS 10000000ull

struct header {
	u32 len; /* | BPF_RINGBUF_BUSY_BIT, BPF_RINGBUF_DISCARD_BIT */
	/* pages from the start of the region in the low bits, above them the owner slot */
	u32 place;
};

#define PLACE_PAGE_BITS 22
#define PLACE_PAGE_MASK ((1u << PLACE_PAGE_BITS) - 1)
#define OWNER_SLOTS	256 /* number 0 is nobody's */

struct control {
	struct map_lock lock __attribute__((aligned(64)));
	u64 lost;
	u64 last_reap_ns;
	u64 consumer; /* user rings: os_self() of who consumes */
	u32 next_slot;
	struct {
		u64 position;
		u64 owner; /* os_self(), 0 = free */
	} owners[OWNER_SLOTS];
};

struct producer_page {
	u64 producer_pos, pending_pos;
};

static u64 *consumer_pos(const struct map *map)
{
	return (u64 *)map->region;
}

static struct producer_page *producer(const struct map *map)
{
	return (void *)(map->region + os_page_size());
}

static u8 *data_of(const struct map *map)
{
	return map->region + 2 * os_page_size();
}

static struct control *control_of(const struct map *map)
{
	return (void *)(data_of(map) + 2ull * map->params.max_entries);
}

static u64 mask_of(const struct map *map)
{
	return (u64)map->params.max_entries - 1;
}

static struct header *header_at(const struct map *map, u64 position)
{
	return (void *)(data_of(map) + (position & mask_of(map)));
}

static u64 record_size(u32 len)
{
	len &= ~(u32)(BPF_RINGBUF_BUSY_BIT | BPF_RINGBUF_DISCARD_BIT);
	return ALIGN_UP((u64)len + RINGBUF_HEADER_SIZE, 8u);
}

/* ---- producing ------------------------------------------------------------------------------ */

/* Remembers who fills the record at position; the slot, or 0 when too many do at once. */
static u32 take_owner_slot(struct control *control, u64 position)
{
	for (u32 n = 0; n < 8; n++) {
		u32 slot = control->next_slot++ % (OWNER_SLOTS - 1) + 1;

		if (__atomic_load_n(&control->owners[slot].owner, __ATOMIC_ACQUIRE))
			continue;
		__atomic_store_n(&control->owners[slot].position, position, __ATOMIC_RELAXED);
		__atomic_store_n(&control->owners[slot].owner, os_self(), __ATOMIC_RELEASE);
		return slot;
	}
	return 0;
}

/* Moves pending_pos over what is committed; the lock is held. */
static u64 advance_pending(const struct map *map)
{
	struct producer_page *p = producer(map);
	u64 pending = p->pending_pos;

	while (pending < p->producer_pos) {
		u32 len = __atomic_load_n(&header_at(map, pending)->len, __ATOMIC_ACQUIRE);

		if (len & BPF_RINGBUF_BUSY_BIT)
			break;
		pending += record_size(len);
	}
	p->pending_pos = pending;
	return pending;
}

/* With the lock held: the header of the new record, or NULL. */
static struct header *reserve_locked(struct map *map, u32 size, u64 len)
{
	u64 consumed = __atomic_load_n(consumer_pos(map), __ATOMIC_ACQUIRE);
	u64 pending = advance_pending(map), start = producer(map)->producer_pos;
	struct header *header = header_at(map, start);
	u32 page;

	if (start + len - consumed > mask_of(map) || start + len - pending > mask_of(map))
		return NULL;
	page = (u32)(((u8 *)header - map->region) / os_page_size());
	header->place = page | take_owner_slot(control_of(map), start) << PLACE_PAGE_BITS;
	__atomic_store_n(&header->len, size | BPF_RINGBUF_BUSY_BIT, __ATOMIC_RELAXED);
	/* from here on consumers see it */
	__atomic_store_n(&producer(map)->producer_pos, start + len, __ATOMIC_RELEASE);
	return header;
}

static bool may_reap(struct control *control)
{
	u64 now = os_time_ns(OS_CLOCK_MONOTONIC);
	u64 last = __atomic_load_n(&control->last_reap_ns, __ATOMIC_RELAXED);

	return now - last >= REAP_PERIOD_NS &&
		__atomic_compare_exchange_n(&control->last_reap_ns, &last, now, false,
			__ATOMIC_RELAXED, __ATOMIC_RELAXED);
}

void *ringbuf_reserve(struct map *map, u64 size)
{
	struct control *control = control_of(map);
	struct header *header = NULL;
	u64 len = ALIGN_UP(size + RINGBUF_HEADER_SIZE, 8u);

	if (unlikely(size > RINGBUF_RECORD_MAX || len > map->params.max_entries)) {
		__atomic_fetch_add(&control->lost, 1, __ATOMIC_RELAXED);
		return NULL;
	}
	for (u32 attempt = 0; !header && attempt < 2; attempt++) {
		if (attempt && !(may_reap(control) && ringbuf_reap(map)))
			break;
		if (map_lock_take(&control->lock) < 0)
			break;
		header = reserve_locked(map, (u32)size, len);
		map_lock_drop(&control->lock);
	}
	if (unlikely(!header)) {
		__atomic_fetch_add(&control->lost, 1, __ATOMIC_RELAXED);
		return NULL;
	}
	return header + 1;
}

static void wake(const struct map *map)
{
	if (map->event_fd >= 0)
		os_eventfd_signal(map->event_fd);
}

void ringbuf_commit(void *sample, u64 flags, bool is_discarded)
{
	struct header *header = (struct header *)sample - 1;
	u64 page_size = os_page_size();
	u32 place = header->place, slot = place >> PLACE_PAGE_BITS;
	u8 *header_page = (u8 *)((uintptr_t)header & ~(page_size - 1));
	const struct map *map =
		map_of_region(header_page - (u64)(place & PLACE_PAGE_MASK) * page_size);
	u32 len = header->len & ~(u32)BPF_RINGBUF_BUSY_BIT;
	u64 position, consumed;

	if (slot < OWNER_SLOTS && slot)
		__atomic_store_n(&control_of(map)->owners[slot].owner, 0, __ATOMIC_RELEASE);
	/* before the consumer's position is read: else both could think the other one acts */
	__atomic_exchange_n(
		&header->len, len | (is_discarded ? BPF_RINGBUF_DISCARD_BIT : 0), __ATOMIC_SEQ_CST);
	position = (u64)((u8 *)header - data_of(map));
	consumed = __atomic_load_n(consumer_pos(map), __ATOMIC_SEQ_CST) & mask_of(map);
	if (flags & BPF_RB_FORCE_WAKEUP || (consumed == position && !(flags & BPF_RB_NO_WAKEUP)))
		wake(map);
}

int ringbuf_output(struct map *map, const void *data, u64 size, u64 flags)
{
	void *sample;

	if (unlikely(flags & ~(u64)(BPF_RB_NO_WAKEUP | BPF_RB_FORCE_WAKEUP)))
		return -EINVAL;
	sample = ringbuf_reserve(map, size);
	if (!sample)
		return -EAGAIN;
	memcpy(sample, data, size);
	ringbuf_commit(sample, flags, false);
	return 0;
}

u64 ringbuf_query(struct map *map, u64 what)
{
	u64 consumed = __atomic_load_n(consumer_pos(map), __ATOMIC_ACQUIRE);
	u64 produced = __atomic_load_n(&producer(map)->producer_pos, __ATOMIC_ACQUIRE);

	switch (what) {
	case BPF_RB_AVAIL_DATA: return produced - consumed;
	case BPF_RB_RING_SIZE: return map->params.max_entries;
	case BPF_RB_CONS_POS: return consumed;
	case BPF_RB_PROD_POS: return produced;
	default: return 0;
	}
}

u64 ringbuf_lost(const struct map *map)
{
	return __atomic_load_n(&control_of(map)->lost, __ATOMIC_RELAXED);
}

u32 ringbuf_reap(struct map *map)
{
	struct control *control = control_of(map);
	u32 count = 0;

	if (map_lock_take(&control->lock) < 0)
		return 0;
	for (;;) {
		u64 pending = advance_pending(map);
		struct header *header = header_at(map, pending);
		u32 slot = header->place >> PLACE_PAGE_BITS;
		u64 owner;

		if (pending >= producer(map)->producer_pos || !slot || slot >= OWNER_SLOTS)
			break;
		owner = __atomic_load_n(&control->owners[slot].owner, __ATOMIC_ACQUIRE);
		if (!owner || control->owners[slot].position != pending || !os_is_gone(owner))
			break;
		__atomic_store_n(&header->len,
			(header->len & ~(u32)BPF_RINGBUF_BUSY_BIT) | BPF_RINGBUF_DISCARD_BIT,
			__ATOMIC_RELEASE);
		__atomic_store_n(&control->owners[slot].owner, 0, __ATOMIC_RELEASE);
		count++;
	}
	map_lock_drop(&control->lock);
	if (count)
		wake(map);
	return count;
}

/* ---- consuming what user space produced ------------------------------------------------------ */

int user_ringbuf_peek(struct map *map, void **ret_sample, u32 *ret_size)
{
	/* the producer writes all of this at any time: each word is read once */
	u64 produced = __atomic_load_n(&producer(map)->producer_pos, __ATOMIC_ACQUIRE);
	u64 consumed = __atomic_load_n(consumer_pos(map), __ATOMIC_ACQUIRE), total;
	u32 len, size;

	if (produced % 8)
		return -EINVAL;
	if (consumed >= produced)
		return -ENODATA;
	len = __atomic_load_n(&header_at(map, consumed)->len, __ATOMIC_ACQUIRE);
	size = len & ~(u32)(BPF_RINGBUF_BUSY_BIT | BPF_RINGBUF_DISCARD_BIT);
	total = record_size(len);
	if (total > produced - consumed)
		return -EINVAL;
	if (total > map->params.max_entries || size > 0xffffff) /* a dynptr holds 24 bits */
		return -E2BIG;
	if (len & BPF_RINGBUF_DISCARD_BIT) {
		__atomic_store_n(consumer_pos(map), consumed + total, __ATOMIC_RELEASE);
		return -EAGAIN;
	}
	if (len & BPF_RINGBUF_BUSY_BIT)
		return -ENODATA;
	*ret_sample = data_of(map) + ((consumed + RINGBUF_HEADER_SIZE) & mask_of(map));
	*ret_size = size;
	return 0;
}

void user_ringbuf_release(struct map *map, u32 size)
{
	__atomic_store_n(
		consumer_pos(map), *consumer_pos(map) + record_size(size), __ATOMIC_RELEASE);
}

int user_ringbuf_enter(struct map *map)
{
	u64 *consumer = &control_of(map)->consumer, other = 0;

	if (__atomic_compare_exchange_n(
		    consumer, &other, os_self(), false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
		return 0;
	/* its death leaves nothing half-done: the sample it had is seen again */
	if (os_is_gone(other) &&
		__atomic_compare_exchange_n(
			consumer, &other, os_self(), false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
		return 0;
	return -EBUSY;
}

void user_ringbuf_leave(struct map *map, u64 wakeup_flags, bool has_consumed)
{
	__atomic_store_n(&control_of(map)->consumer, 0, __ATOMIC_RELEASE);
	if (wakeup_flags & BPF_RB_FORCE_WAKEUP ||
		(!(wakeup_flags & BPF_RB_NO_WAKEUP) && has_consumed))
		wake(map);
}

/* ---- the map -------------------------------------------------------------------------------- */

/* kernel: ringbuf_map_alloc() */
static int ringbuf_check(const struct map_params *params)
{
	if (params->flags & ~(u32)BPF_F_NUMA_NODE || params->key_size || params->value_size ||
		!IS_POWER_OF_2(params->max_entries) || params->max_entries % os_page_size())
		return -EINVAL;
	return 0;
}

static int ringbuf_region_size(const struct map_params *params, u64 *ret_size)
{
	*ret_size = 2 * os_page_size() + 2ull * params->max_entries + sizeof(struct control);
	return 0;
}

static int ringbuf_init(struct map *map, bool is_new)
{
	map->mmap_bytes = 2 * os_page_size() + 2ull * map->params.max_entries;
	return 0;
}

static u64 ringbuf_mmap_size(const struct map *map)
{
	return map->mmap_bytes;
}

static int check_range(const struct map *map, u64 off, u64 len)
{
	return len > map->mmap_bytes || off > map->mmap_bytes - len ? -EINVAL : 0;
}

/* Only the consumer's position is user space's to write. */
static int ringbuf_mmap_check(const struct map *map, u64 off, u64 len, bool is_write)
{
	if (is_write && (off || len != os_page_size()))
		return -EPERM;
	return check_range(map, off, len);
}

static int user_ringbuf_mmap_check(const struct map *map, u64 off, u64 len, bool is_write)
{
	if (is_write && off == 0)
		return -EPERM;
	return check_range(map, off, len);
}

static bool ringbuf_has_data(struct map *map)
{
	u64 avail = ringbuf_query(map, BPF_RB_AVAIL_DATA);
	u64 consumed = ringbuf_query(map, BPF_RB_CONS_POS);

	/* a consumer that is stuck at an uncommitted record: perhaps its producer died */
	if (avail && avail <= mask_of(map) && consumed % 8 == 0 &&
		__atomic_load_n(&header_at(map, consumed)->len, __ATOMIC_RELAXED) &
			BPF_RINGBUF_BUSY_BIT &&
		may_reap(control_of(map)))
		ringbuf_reap(map);
	return avail != 0;
}

static bool user_ringbuf_has_room(struct map *map)
{
	return ringbuf_query(map, BPF_RB_AVAIL_DATA) < map->params.max_entries;
}

static int no_copy_out(struct map *map, const void *key, void *value, u64 flags)
{
	return -MAP_ENOTSUPP;
}

static int no_copy_in(struct map *map, const void *key, const void *value, u64 flags)
{
	return -MAP_ENOTSUPP;
}

static int no_remove(struct map *map, const void *key)
{
	return -MAP_ENOTSUPP;
}

static int no_next_key(struct map *map, const void *key, void *ret_next)
{
	return -MAP_ENOTSUPP;
}

const struct map_ops map_ringbuf_ops = {
	.check = ringbuf_check,
	.region_size = ringbuf_region_size,
	.init = ringbuf_init,
	.remove = no_remove,
	.copy_out = no_copy_out,
	.copy_in = no_copy_in,
	.next_key = no_next_key,
	.mmap_size = ringbuf_mmap_size,
	.mmap_check = ringbuf_mmap_check,
	.has_data = ringbuf_has_data,
};

const struct map_ops map_user_ringbuf_ops = {
	.check = ringbuf_check,
	.region_size = ringbuf_region_size,
	.init = ringbuf_init,
	.remove = no_remove,
	.copy_out = no_copy_out,
	.copy_in = no_copy_in,
	.next_key = no_next_key,
	.mmap_size = ringbuf_mmap_size,
	.mmap_check = user_ringbuf_mmap_check,
	.has_data = user_ringbuf_has_room,
};
