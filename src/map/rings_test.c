// SPDX-License-Identifier: BSD-2-Clause
/*
 * Ring buffers: the rules of reservation, a forged consumer, dead producers, and
 * libbpf's own consumer reading them, through the door.
 */
#include "map/ringbuf.h"

#include "base/os.h"
#include "client/door.h"
#include "spec/helper.h"
#include "test/tap.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- libbpf on the other side -----------------------------------------------------------------
 */

/*
 * libbpf reads the ring of an instance's map through the door; the test writes through a second
 * handle on the same region.
 */
struct reader {
	struct hachi *h;
	int fd;
	struct map *map;
	struct ring_buffer *rb;
};

static struct reader new_reader(u32 size, ring_buffer_sample_fn fn, void *arg)
{
	struct reader r = {0};
	union bpf_attr attr;

#ifdef __SANITIZE_THREAD__
	SKIP_HERE("the race detector and the door both replace mmap()");
#endif
	REQUIRE_EQ(hachi_new(NULL, &r.h), 0);
	memset(&attr, 0, sizeof(attr));
	attr.map_type = BPF_MAP_TYPE_RINGBUF;
	attr.max_entries = size;
	r.fd = (int)hachi_bpf(r.h, BPF_MAP_CREATE, &attr, sizeof(attr));
	REQUIRE(r.fd >= 0);
	REQUIRE_EQ(map_open(dup(r.fd), &r.map), 0);
	door_set(r.h);
	r.rb = ring_buffer__new(r.fd, fn, arg, NULL);
	REQUIRE(r.rb != NULL);
	return r;
}

static void free_reader(struct reader *r)
{
	ring_buffer__free(r->rb);
	door_set(NULL);
	map_unref(r->map);
	hachi_close(r->h, r->fd);
	hachi_free(r->h);
}

/* ---- helpers --------------------------------------------------------------------------------- */

static struct map *new_ring(u32 type, u32 size)
{
	struct map_params params = {.type = type, .max_entries = size, .caps = CAP_ALL};
	struct map *map = NULL;

	REQUIRE_EQ(map_new(&params, &map), 0);
	REQUIRE_EQ(os_eventfd(&map->event_fd), 0);
	return map;
}

static u64 wakeups(const struct map *map)
{
	u64 count = 0;

	return read(map->event_fd, &count, sizeof(count)) == sizeof(count) ? count : 0;
}

static u64 *consumer_pos(struct map *map)
{
	return (u64 *)map->region;
}

struct seen {
	u32 count;
	u64 sum, last;
	bool is_bad;
};

/* Each sample holds its length in every byte, its number in the first eight. */
static int see(void *arg, void *data, size_t size)
{
	struct seen *seen = arg;
	const u8 *p = data;

	seen->count++;
	seen->sum += size;
	if (size >= 8) {
		u64 number = load_u64(p);

		if (number <= seen->last && seen->last)
			seen->is_bad = true;
		seen->last = number;
	}
	for (size_t i = 8; i < size; i++)
		seen->is_bad |= p[i] != (u8)size;
	return 0;
}

static int emit(struct map *map, u32 size, u64 number)
{
	u8 *sample = ringbuf_reserve(map, size);

	if (!sample)
		return -EAGAIN;
	memset(sample, (int)(u8)size, size);
	if (size >= 8)
		store_u64(sample, number);
	ringbuf_commit(sample, 0, false);
	return 0;
}

/* ---- ring buffers ---------------------------------------------------------------------------- */

TEST(ring_sizes_are_powers_of_two_pages)
{
	static const u32 bad[] = {0, 1, 100, 2048, 4097, 12288};
	struct map_params params = {.type = BPF_MAP_TYPE_RINGBUF, .caps = CAP_ALL};
	struct map *map;

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		params.max_entries = bad[i];
		CHECK_EQ(map_new(&params, &map), -EINVAL);
	}
	params.max_entries = 65536;
	params.value_size = 4;
	CHECK_EQ(map_new(&params, &map), -EINVAL);
	params.value_size = 0;
	params.flags = BPF_F_NO_PREALLOC;
	CHECK_EQ(map_new(&params, &map), -EINVAL);
}

TEST(a_record_may_not_exceed_the_ring)
{
	struct map *map = new_ring(BPF_MAP_TYPE_RINGBUF, 4096);

	CHECK(ringbuf_reserve(map, 8192) == NULL);
	CHECK(ringbuf_reserve(map, 4096) == NULL);
	CHECK(ringbuf_reserve(map, UINT64_MAX) == NULL);
	CHECK_EQ(ringbuf_lost(map), 3);
	CHECK(ringbuf_reserve(map, 4080) != NULL);
	CHECK(ringbuf_reserve(map, 0) == NULL);
	CHECK_EQ(ringbuf_query(map, BPF_RB_AVAIL_DATA), 4088);
	CHECK_EQ(ringbuf_query(map, BPF_RB_RING_SIZE), 4096);
	CHECK_EQ(ringbuf_query(map, 99), 0);
	map_unref(map);
}

TEST(a_forged_consumer_position_gives_no_overlapping_records)
{
	struct map *map = new_ring(BPF_MAP_TYPE_RINGBUF, 0x4000);

	*consumer_pos(map) = 0x3000;
	CHECK(ringbuf_reserve(map, 0x3000) != NULL);
	CHECK(ringbuf_reserve(map, 0x3000) == NULL);
	map_unref(map);
}

TEST(only_the_consumer_page_may_be_written)
{
	struct map *map = new_ring(BPF_MAP_TYPE_RINGBUF, 4096);
	struct map *user = new_ring(BPF_MAP_TYPE_USER_RINGBUF, 4096);

	CHECK_EQ(map->ops->mmap_check(map, 0, 4096, true), 0);
	CHECK_EQ(map->ops->mmap_check(map, 0, 8192, true), -EPERM);
	CHECK_EQ(map->ops->mmap_check(map, 4096, 4096, true), -EPERM);
	CHECK_EQ(map->ops->mmap_check(map, 4096, 4096 + 8192, false), 0);
	CHECK_EQ(map->ops->mmap_check(map, 4096, 4096 + 8192 + 4096, false), -EINVAL);
	CHECK_EQ(user->ops->mmap_check(user, 0, 4096, true), -EPERM);
	CHECK_EQ(user->ops->mmap_check(user, 4096, 8192, true), 0);
	map_unref(map);
	map_unref(user);
}

TEST(a_consumer_that_caught_up_is_woken_and_no_other)
{
	struct map *map = new_ring(BPF_MAP_TYPE_RINGBUF, 4096);
	void *first, *second;

	first = ringbuf_reserve(map, 8);
	second = ringbuf_reserve(map, 8);
	ringbuf_commit(second, 0, false);
	CHECK_EQ(wakeups(map), 0);
	ringbuf_commit(first, 0, false);
	CHECK_EQ(wakeups(map), 1);
	CHECK_EQ(ringbuf_output(map, "x", 1, 0), 0);
	CHECK_EQ(wakeups(map), 0);
	CHECK_EQ(ringbuf_output(map, "x", 1, BPF_RB_FORCE_WAKEUP), 0);
	CHECK_EQ(wakeups(map), 1);
	*consumer_pos(map) = ringbuf_query(map, BPF_RB_PROD_POS);
	CHECK_EQ(ringbuf_output(map, "x", 1, BPF_RB_NO_WAKEUP), 0);
	CHECK_EQ(wakeups(map), 0);
	CHECK_EQ(ringbuf_output(map, "x", 1, 4), -EINVAL);
	map_unref(map);
}

TEST(libbpf_consumes_records_of_every_size_around_the_end)
{
	struct seen seen = {0};
	struct reader reader = new_reader(4096, see, &seen);
	struct ring_buffer *rb = reader.rb;
	struct map *map = reader.map;
	u64 sent = 0, sum = 0;

	for (u32 i = 1; i <= 5000; i++) {
		u32 size = 8 + i * 37 % 700;

		while (emit(map, size, i))
			CHECK(ring_buffer__consume(rb) > 0);
		sent++;
		sum += size;
		if (i % 11 == 0)
			ringbuf_commit(ringbuf_reserve(map, 0) ?: ringbuf_reserve(map, 0), 0, true);
		if (i % 5 == 0)
			CHECK(ring_buffer__poll(rb, 0) >= 0);
	}
	ring_buffer__consume(rb);
	CHECK_EQ(seen.count, sent);
	CHECK_EQ(seen.sum, sum);
	CHECK_EQ(seen.last, 5000);
	CHECK(!seen.is_bad);
	CHECK_EQ(ringbuf_query(map, BPF_RB_AVAIL_DATA), 0);
	CHECK(!map->ops->has_data(map));
	free_reader(&reader);
}

struct producer {
	struct map *map;
	u32 id, sent, refused;
};

static void *produce(void *arg)
{
	struct producer *p = arg;

	for (u32 i = 0; i < 20000; i++) {
		u32 *sample = ringbuf_reserve(p->map, 16 + i % 50);

		if (!sample) {
			p->refused++;
			os_yield();
			continue;
		}
		sample[0] = p->id;
		sample[1] = p->sent++;
		ringbuf_commit(sample, 0, i % 16 == 15);
		if (i % 16 == 15)
			p->sent--;
	}
	return NULL;
}

struct order {
	u32 next[2];
	bool is_bad;
};

static int see_order(void *arg, void *data, size_t size)
{
	struct order *order = arg;
	const u32 *sample = data;

	if (sample[0] > 1 || sample[1] != order->next[sample[0]]++)
		order->is_bad = true;
	return 0;
}

TEST(records_of_each_producer_arrive_in_order)
{
	struct order order = {0};
	struct reader reader = new_reader(16384, see_order, &order);
	struct ring_buffer *rb = reader.rb;
	struct map *map = reader.map;
	struct producer producers[2] = {{map, 0, 0, 0}, {map, 1, 0, 0}};
	pthread_t threads[2];

	for (u32 i = 0; i < 2; i++)
		pthread_create(&threads[i], NULL, produce, &producers[i]);
	while (pthread_tryjoin_np(threads[0], NULL))
		ring_buffer__consume(rb);
	while (pthread_tryjoin_np(threads[1], NULL))
		ring_buffer__consume(rb);
	ring_buffer__consume(rb);
	CHECK(!order.is_bad);
	for (u32 i = 0; i < 2; i++)
		CHECK_EQ(order.next[i], producers[i].sent);
	CHECK_EQ(ringbuf_lost(map), producers[0].refused + producers[1].refused);
	free_reader(&reader);
}

TEST(a_dead_producers_record_is_discarded_and_the_rest_read)
{
	struct seen seen = {0};
	struct reader reader = new_reader(4096, see, &seen);
	struct ring_buffer *rb = reader.rb;
	struct map *map = reader.map;
	int status;
	pid_t pid;

	CHECK_EQ(emit(map, 16, 1), 0);
	pid = fork();
	if (pid == 0) {
		ringbuf_reserve(map, 100);
		kill(getpid(), SIGKILL);
	}
	waitpid(pid, &status, 0);
	CHECK_EQ(emit(map, 16, 2), 0);
	CHECK_EQ(ring_buffer__consume(rb), 1);
	CHECK(map->ops->has_data(map)); /* looks for the dead */
	CHECK_EQ(ring_buffer__consume(rb), 1);
	CHECK_EQ(seen.last, 2);
	/* a full ring gets its room back too */
	pid = fork();
	if (pid == 0) {
		ringbuf_reserve(map, 4000);
		kill(getpid(), SIGKILL);
	}
	waitpid(pid, &status, 0);
	usleep(20000);
	CHECK_EQ(ringbuf_reap(map), 1);
	ring_buffer__consume(rb);
	CHECK_EQ(emit(map, 4000, 3), 0);
	CHECK_EQ(ringbuf_reap(map), 0);
	free_reader(&reader);
}

TEST(a_living_producers_record_is_waited_for)
{
	struct map *map = new_ring(BPF_MAP_TYPE_RINGBUF, 4096);
	void *sample = ringbuf_reserve(map, 8);

	usleep(20000);
	CHECK(map->ops->has_data(map));
	CHECK_EQ(ringbuf_reap(map), 0);
	ringbuf_commit(sample, 0, false);
	map_unref(map);
}

TEST(user_ring_samples_are_checked)
{
	struct map *map = new_ring(BPF_MAP_TYPE_USER_RINGBUF, 4096);
	u64 *produced = (u64 *)(map->region + os_page_size());
	u8 *data = map->region + 2 * os_page_size();
	void *sample;
	u32 size;

	CHECK_EQ(user_ringbuf_peek(map, &sample, &size), -ENODATA);
	*produced = 3;
	CHECK_EQ(user_ringbuf_peek(map, &sample, &size), -EINVAL);
	*produced = 24;
	store_u32(data, 16);
	REQUIRE_EQ(user_ringbuf_peek(map, &sample, &size), 0);
	CHECK_EQ(size, 16);
	CHECK(sample == data + 8);
	store_u32(data, 17);
	CHECK_EQ(user_ringbuf_peek(map, &sample, &size), -EINVAL);
	store_u32(data, 16 | BPF_RINGBUF_BUSY_BIT);
	CHECK_EQ(user_ringbuf_peek(map, &sample, &size), -ENODATA);
	store_u32(data, 16 | BPF_RINGBUF_DISCARD_BIT);
	CHECK_EQ(user_ringbuf_peek(map, &sample, &size), -EAGAIN);
	CHECK_EQ(user_ringbuf_peek(map, &sample, &size), -ENODATA);
	*produced = 24 + 8192;
	store_u32(data + 24, 8000);
	CHECK_EQ(user_ringbuf_peek(map, &sample, &size), -E2BIG);
	CHECK_EQ(user_ringbuf_enter(map), 0);
	CHECK_EQ(user_ringbuf_enter(map), -EBUSY);
	user_ringbuf_leave(map, 0, true);
	CHECK_EQ(wakeups(map), 1);
	map_unref(map);
}
