// SPDX-License-Identifier: BSD-2-Clause
/* Arrays and hashes against a naive model, between threads and processes, and a writer's death. */
#include "map/map.h"

#include "base/alloc.h"
#include "base/os.h"
#include "map/hash.h"
#include "spec/helper.h"
#include "test/tap.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static struct map *new_map(u32 type, u32 key_size, u32 value_size, u32 max_entries, u32 flags)
{
	struct map_params params = {
		.type = type,
		.key_size = key_size,
		.value_size = value_size,
		.max_entries = max_entries,
		.flags = flags,
		.name = "test",
		.caps = CAP_ALL,
	};
	struct map *map = NULL;

	REQUIRE_EQ(map_new(&params, &map), 0);
	return map;
}

static int check(u32 type, u32 key_size, u32 value_size, u32 max_entries, u32 flags)
{
	struct map_params params = {
		.type = type,
		.key_size = key_size,
		.value_size = value_size,
		.max_entries = max_entries,
		.flags = flags,
		.caps = CAP_ALL,
	};
	struct map *map = NULL;
	int err = map_new(&params, &map);

	map_unref(map);
	return err;
}

static u64 rng_state = 88172645463325252ull;

static u32 rng(void)
{
	rng_state ^= rng_state << 13;
	rng_state ^= rng_state >> 7;
	rng_state ^= rng_state << 17;
	return (u32)(rng_state >> 16);
}

TEST(array_elements_are_always_there)
{
	struct map *map = new_map(BPF_MAP_TYPE_ARRAY, 4, 8, 5, 0);
	u32 key = 2, next;
	u64 value = 77, got = 0;

	CHECK_EQ(map->ops->update(map, &key, &value, BPF_ANY, 0), 0);
	CHECK_EQ(*(u64 *)map->ops->lookup(map, &key, 0), 77);
	CHECK_EQ(map->ops->copy_out(map, &key, &got, 0), 0);
	CHECK_EQ(got, 77);
	CHECK_EQ(map->ops->update(map, &key, &value, BPF_NOEXIST, 0), -EEXIST);
	CHECK_EQ(map->ops->update(map, &key, &value, BPF_EXIST, 0), 0);
	CHECK_EQ(map->ops->update(map, &key, &value, 3, 0), -EINVAL);
	CHECK_EQ(map->ops->update(map, &key, &value, BPF_F_LOCK, 0), -EINVAL);
	CHECK_EQ(map->ops->remove(map, &key), -EINVAL);
	key = 5;
	CHECK(map->ops->lookup(map, &key, 0) == NULL);
	CHECK_EQ(map->ops->update(map, &key, &value, BPF_ANY, 0), -E2BIG);
	CHECK_EQ(map->ops->copy_out(map, &key, &got, 0), -ENOENT);
	CHECK_EQ(map->ops->next_key(map, NULL, &next), 0);
	CHECK_EQ(next, 0);
	key = 4;
	CHECK_EQ(map->ops->next_key(map, &key, &next), -ENOENT);
	key = 99;
	CHECK_EQ(map->ops->next_key(map, &key, &next), 0);
	CHECK_EQ(next, 0);
	map_unref(map);
}

TEST(create_parameters_are_judged_as_the_kernel_does)
{
	CHECK_EQ(check(BPF_MAP_TYPE_ARRAY, 4, 4, 0, 0), -EINVAL);
	CHECK_EQ(check(BPF_MAP_TYPE_ARRAY, 8, 4, 1, 0), -EINVAL);
	CHECK_EQ(check(BPF_MAP_TYPE_ARRAY, 4, 0, 1, 0), -EINVAL);
	CHECK_EQ(check(BPF_MAP_TYPE_ARRAY, 4, 0x80000000u, 1, 0), -E2BIG);
	CHECK_EQ(check(BPF_MAP_TYPE_ARRAY, 4, 4, 1, BPF_F_NO_PREALLOC), -EINVAL);
	CHECK_EQ(check(BPF_MAP_TYPE_ARRAY, 4, 4, 1, BPF_F_MMAPABLE), 0);
	CHECK_EQ(check(BPF_MAP_TYPE_PERCPU_ARRAY, 4, 4, 1, BPF_F_MMAPABLE), -EINVAL);
	CHECK_EQ(check(BPF_MAP_TYPE_PERCPU_ARRAY, 4, 32769, 1, 0), -E2BIG);
	CHECK_EQ(check(BPF_MAP_TYPE_HASH, 0, 4, 1, 0), -EINVAL);
	CHECK_EQ(check(BPF_MAP_TYPE_HASH, 4, 0, 1, 0), -EINVAL);
	CHECK_EQ(check(BPF_MAP_TYPE_HASH, 4, 4, 0, 0), -EINVAL);
	CHECK_EQ(check(BPF_MAP_TYPE_HASH, 4, 4, 0xffffffffu, 0), -E2BIG);
	CHECK_EQ(check(BPF_MAP_TYPE_HASH, 4, 0x80000000u, 1, 0), -E2BIG);
	CHECK_EQ(check(BPF_MAP_TYPE_HASH, 4, 4, 1, BPF_F_NO_COMMON_LRU), -EINVAL);
	CHECK_EQ(check(BPF_MAP_TYPE_HASH, 4, 4, 1, BPF_F_RDONLY_PROG | BPF_F_WRONLY_PROG), -EINVAL);
	CHECK_EQ(check(BPF_MAP_TYPE_LRU_HASH, 4, 4, 1, BPF_F_NO_PREALLOC), -MAP_ENOTSUPP);
	CHECK_EQ(check(BPF_MAP_TYPE_HASH, 600, 4, 1, 0), 0);
	CHECK_EQ(check(12345, 4, 4, 1, 0), -EINVAL);
}

TEST(failing_allocations_leave_nothing_behind)
{
	struct map_params params = {BPF_MAP_TYPE_HASH, 4, 4, 10, .caps = CAP_ALL};
	struct map *map;

	for (u64 n = 1;; n++) {
		int err;

		mem_fail_nth(n);
		map = NULL;
		err = map_new(&params, &map);
		if (!mem_has_failed())
			break;
		CHECK_EQ(err, -ENOMEM);
		CHECK(map == NULL);
	}
	mem_fail_nth(0);
	map_unref(map);
}

TEST(per_cpu_copies_are_apart)
{
	struct map *map = new_map(BPF_MAP_TYPE_PERCPU_ARRAY, 4, 4, 3, 0);
	u32 cpus = os_cpu_count(), key = 1, value;
	u64 *all = calloc(cpus, 8);

	for (u32 cpu = 0; cpu < cpus; cpu++) {
		value = 100 + cpu;
		CHECK_EQ(map->ops->update(map, &key, &value, 0, cpu), 0);
	}
	CHECK_EQ(map_user_value_size(map), cpus * 8);
	CHECK_EQ(map->ops->copy_out(map, &key, all, 0), 0);
	for (u32 cpu = 0; cpu < cpus; cpu++) {
		CHECK_EQ(all[cpu], 100 + cpu);
		all[cpu] = 500 + cpu;
	}
	CHECK_EQ(map->ops->copy_in(map, &key, all, 0), 0);
	for (u32 cpu = 0; cpu < cpus; cpu++)
		CHECK_EQ(*(u32 *)map->ops->lookup(map, &key, cpu), 500 + cpu);
	CHECK_EQ(map->ops->update(map, &key, &value, 0, cpus), -EINVAL);
	free(all);
	map_unref(map);
}

TEST(per_cpu_hash_zeroes_the_other_cpus_of_a_new_element)
{
	struct map *map = new_map(BPF_MAP_TYPE_PERCPU_HASH, 4, 8, 2, 0);
	u32 cpus = os_cpu_count(), key = 1;
	u64 *all = calloc(cpus, 8), value = 7;

	for (u32 round = 0; round < 3; round++) {
		memset(all, 0xff, cpus * 8);
		CHECK_EQ(map->ops->copy_in(map, &key, all, 0), 0);
		CHECK_EQ(map->ops->remove(map, &key), 0);
		CHECK_EQ(map->ops->update(map, &key, &value, BPF_NOEXIST, cpus - 1), 0);
		CHECK_EQ(map->ops->copy_out(map, &key, all, 0), 0);
		for (u32 cpu = 0; cpu < cpus; cpu++)
			CHECK_EQ(all[cpu], cpu == cpus - 1 ? 7 : 0);
	}
	free(all);
	map_unref(map);
}

/* ---- a model: a plain list of pairs ---------------------------------------------------------- */

#define MODEL_MAX 64

struct model {
	u32 count, max;
	u8 keys[MODEL_MAX][40];
	u64 values[MODEL_MAX];
};

static int model_find(const struct model *m, const void *key, u32 size)
{
	for (u32 i = 0; i < m->count; i++)
		if (memcmp(m->keys[i], key, size) == 0)
			return (int)i;
	return -1;
}

static int model_update(struct model *m, const void *key, u32 size, u64 value, u64 flags)
{
	int at = model_find(m, key, size);

	if (flags > BPF_EXIST)
		return -EINVAL;
	if (at >= 0 && flags == BPF_NOEXIST)
		return -EEXIST;
	if (at < 0 && flags == BPF_EXIST)
		return -ENOENT;
	if (at < 0 && m->count == m->max)
		return -E2BIG;
	if (at < 0) {
		at = (int)m->count++;
		memcpy(m->keys[at], key, size);
	}
	m->values[at] = value;
	return 0;
}

static int model_remove(struct model *m, const void *key, u32 size)
{
	int at = model_find(m, key, size);

	if (at < 0)
		return -ENOENT;
	m->count--;
	memcpy(m->keys[at], m->keys[m->count], 40);
	m->values[at] = m->values[m->count];
	return 0;
}

static void compare_walk(struct map *map, const struct model *m, u32 size)
{
	u8 key[40], next[40];
	u32 seen = 0;
	int err = map->ops->next_key(map, NULL, next);

	while (!err) {
		CHECK(model_find(m, next, size) >= 0);
		if (++seen > m->count)
			break;
		memcpy(key, next, size);
		err = map->ops->next_key(map, key, next);
	}
	CHECK_EQ(seen, m->count);
	CHECK_EQ(hash_count(map), m->count);
}

static void run_model(u32 type, u32 key_size, u32 max, u32 flags, u32 steps)
{
	struct map *map = new_map(type, key_size, 8, max, flags);
	struct model *m = calloc(1, sizeof(*m));
	u8 key[40] = {0};

	m->max = max;
	for (u32 step = 0; step < steps; step++) {
		u64 value = rng(), got = 0;
		u32 how = rng() % 4;
		int at;

		memset(key, 0, sizeof(key));
		key[0] = (u8)(rng() % (max + max / 2 + 1));
		key[key_size - 1] ^= (u8)(rng() % 2);
		switch (rng() % 4) {
		case 0:
		case 1:
			CHECK_EQ(map->ops->update(map, key, &value, how, 0),
				model_update(m, key, key_size, value, how));
			break;
		case 2:
			if (rng() % 2)
				CHECK_EQ(
					map->ops->remove(map, key), model_remove(m, key, key_size));
			break;
		case 3: {
			u64 *p = map->ops->lookup(map, key, 0);

			at = model_find(m, key, key_size);
			CHECK_EQ(p != NULL, at >= 0);
			CHECK_EQ(map->ops->copy_out(map, key, &got, 0), at >= 0 ? 0 : -ENOENT);
			if (p && at >= 0) {
				CHECK_EQ(*p, m->values[at]);
				CHECK_EQ(got, m->values[at]);
			}
			break;
		}
		}
		if (step % 64 == 0)
			compare_walk(map, m, key_size);
	}
	free(m);
	map_unref(map);
}

TEST(random_operations_on_hashes_equal_the_model)
{
	static const u32 sizes[] = {1, 4, 7, 8, 12, 16, 20, 32, 33};

	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		run_model(BPF_MAP_TYPE_HASH, sizes[i], 20, 0, 4000);
		run_model(BPF_MAP_TYPE_HASH, sizes[i], 1, BPF_F_NO_PREALLOC, 500);
		run_model(BPF_MAP_TYPE_HASH, sizes[i], MODEL_MAX, BPF_F_ZERO_SEED, 4000);
	}
}

TEST(a_full_hash_takes_replacements_and_nothing_else)
{
	struct map *map = new_map(BPF_MAP_TYPE_HASH, 4, 8, 1000, 0);
	u64 value = 1, old;

	for (u32 key = 0; key < 1000; key++)
		CHECK_EQ(map->ops->update(map, &key, &value, BPF_NOEXIST, 0), 0);
	for (u32 key = 1000; key < 1100; key++)
		CHECK_EQ(map->ops->update(map, &key, &value, 0, 0), -E2BIG);
	for (u32 round = 0; round < 100; round++)
		for (u32 key = 0; key < 1000; key += 7) {
			value = key + round;
			CHECK_EQ(map->ops->update(map, &key, &value, BPF_EXIST, 0), 0);
		}
	for (u32 key = 0; key < 1000; key++) {
		u32 other = key + 5000;

		CHECK_EQ(map->ops->take(map, &key, &old, 0), 0);
		CHECK_EQ(old, key % 7 ? 1 : key + 99);
		CHECK_EQ(map->ops->update(map, &other, &value, 0, 0), 0);
		CHECK_EQ(map->ops->update(map, &key, &value, 0, 0), -E2BIG);
	}
	CHECK_EQ(hash_count(map), 1000);
	map_unref(map);
}

TEST(an_lru_hash_keeps_what_is_used)
{
	struct map *map = new_map(BPF_MAP_TYPE_LRU_HASH, 4, 8, 100, 0);
	u64 value = 1, got;
	u32 kept = 0;

	for (u32 key = 0; key < 100; key++)
		CHECK_EQ(map->ops->update(map, &key, &value, 0, 0), 0);
	CHECK_EQ(hash_count(map), 100);
	for (u32 key = 0; key < 50; key++)
		CHECK(map->ops->lookup(map, &key, 0) != NULL);
	/* reading from user space is no use */
	for (u32 key = 50; key < 100; key++)
		CHECK_EQ(map->ops->copy_out(map, &key, &got, 0), 0);
	for (u32 key = 1000; key < 1050; key++)
		CHECK_EQ(map->ops->update(map, &key, &value, 0, 0), 0);
	for (u32 key = 0; key < 50; key++)
		kept += map->ops->copy_out(map, &key, &got, 0) == 0;
	CHECK_EQ(kept, 50);
	for (u32 key = 0; key < 100000; key++)
		REQUIRE_EQ(map->ops->update(map, &key, &value, 0, 0), 0);
	CHECK_EQ(hash_count(map), 100);
	map_unref(map);
}

TEST(an_lru_hash_with_lists_gives_each_cpu_its_share)
{
	u32 cpus = os_cpu_count();
	struct map *map = new_map(BPF_MAP_TYPE_LRU_HASH, 4, 8, 10 * cpus, BPF_F_NO_COMMON_LRU);
	u64 value = 1;

	for (u32 key = 0; key < 1000; key++)
		REQUIRE_EQ(map->ops->update(map, &key, &value, 0, 0), 0);
	CHECK_EQ(hash_count(map), 10);
	for (u32 round = 0; round < 50; round++)
		for (u32 key = 990; key < 1000; key++)
			REQUIRE_EQ(map->ops->update(map, &key, &value, BPF_EXIST, cpus - 1), 0);
	for (u32 key = 0; key < 900 && cpus > 1; key++)
		REQUIRE_EQ(map->ops->update(map, &key, &value, 0, cpus - 1), 0);
	CHECK_EQ(hash_count(map), cpus > 1 ? 20 : 10);
	map_unref(map);
}

struct each {
	struct map *map;
	u32 calls, limit;
	bool deletes;
};

static int each_fn(void *arg, void *key, void *value)
{
	struct each *each = arg;

	each->calls++;
	if (each->deletes)
		CHECK_EQ(each->map->ops->remove(each->map, key), 0);
	return each->calls == each->limit;
}

TEST(for_each_stops_when_told_and_may_delete)
{
	struct map *map = new_map(BPF_MAP_TYPE_HASH, 4, 8, 200, 0);
	struct each each = {map, 0, 5, false};
	u64 value = 1;

	for (u32 key = 0; key < 200; key++)
		map->ops->update(map, &key, &value, 0, 0);
	CHECK_EQ(map->ops->for_each(map, 0, each_fn, &each, 0), 5);
	CHECK_EQ(map->ops->for_each(map, 0, each_fn, &each, 1), -EINVAL);
	each = (struct each){map, 0, 0, true};
	CHECK_EQ(map->ops->for_each(map, 0, each_fn, &each, 0), 200);
	CHECK_EQ(hash_count(map), 0);
	map_unref(map);
}

/* ---- threads --------------------------------------------------------------------------------- */

#define STORM_KEYS 64

struct storm {
	struct map *map;
	u32 seed;
	int is_over;
	u64 bad, lookups;
};

/* A value always says its key: high half key, low half anything. */
static void *storm_writer(void *arg)
{
	struct storm *storm = arg;
	struct map *map = storm->map;
	u32 x = storm->seed;

	for (u32 i = 0; i < 40000; i++) {
		u32 key;
		u64 value;
		int err;

		x = x * 1664525 + 1013904223;
		key = x >> 16 & (STORM_KEYS - 1);
		value = (u64)key << 32 | i;
		err = x >> 28 < 11 ? map->ops->update(map, &key, &value, BPF_ANY, 0)
				   : map->ops->remove(map, &key);
		if (err && err != -ENOENT && err != -E2BIG)
			__atomic_fetch_add(&storm->bad, 1, __ATOMIC_RELAXED);
	}
	return NULL;
}

static void *storm_reader(void *arg)
{
	struct storm *storm = arg;
	struct map *map = storm->map;
	u32 stable = 1000;

	while (!__atomic_load_n(&storm->is_over, __ATOMIC_RELAXED)) {
		for (u32 key = 0; key < STORM_KEYS; key++) {
			u64 value;

			if (map->ops->copy_out(map, &key, &value, 0) == 0 && value >> 32 != key)
				storm->bad++;
			storm->lookups++;
		}
		/* nobody touches this one: it must be found every time */
		if (!map->ops->lookup(map, &stable, 0))
			storm->bad++;
	}
	return NULL;
}

static void run_storm(u32 type, u32 max)
{
	struct map *map = new_map(type, 4, 8, max, 0);
	struct storm storms[4];
	pthread_t threads[4];
	u32 stable = 1000, used = 0;
	u64 value = 1000ull << 32;
	struct hash *h = map->priv;

	REQUIRE_EQ(map->ops->update(map, &stable, &value, 0, 0), 0);
	for (u32 i = 0; i < 4; i++) {
		storms[i] = (struct storm){map, i * 7919 + 1, 0, 0, 0};
		pthread_create(&threads[i], NULL, i < 2 ? storm_writer : storm_reader, &storms[i]);
	}
	for (u32 i = 0; i < 4; i++) {
		if (i >= 2)
			__atomic_store_n(&storms[i].is_over, 1, __ATOMIC_RELAXED);
		pthread_join(threads[i], NULL);
		CHECK_EQ(storms[i].bad, 0);
	}
	/* no node got lost: the map fills up to exactly max */
	for (u32 i = 1; i <= h->node_count; i++)
		used += hash_node(h, i)->owner && !(hash_node(h, i)->owner & HASH_EXTRA_BIT);
	CHECK_EQ(used, hash_count(map));
	if (type == BPF_MAP_TYPE_HASH)
		for (u32 key = 5000; hash_count(map) < max; key++)
			REQUIRE_EQ(map->ops->update(map, &key, &value, 0, 0), 0);
	map_unref(map);
}

TEST(readers_never_see_another_keys_value)
{
	run_storm(BPF_MAP_TYPE_HASH, 128);
	run_storm(BPF_MAP_TYPE_HASH, 40);
}

static void *lru_thread(void *arg)
{
	struct storm *storm = arg;
	struct map *map = storm->map;
	u32 x = storm->seed;

	for (u32 i = 0; i < 40000; i++) {
		u64 value, got;
		u32 key;
		int err;

		x = x * 1664525 + 1013904223;
		key = x >> 16 & 1023;
		value = (u64)key << 32 | i;
		err = x >> 28 < 9      ? map->ops->update(map, &key, &value, BPF_ANY, x >> 27 & 1)
			: x >> 28 < 11 ? map->ops->remove(map, &key)
				       : 0;
		if (err && err != -ENOENT)
			storm->bad++;
		if (map->ops->copy_out(map, &key, &got, 0) == 0 && got >> 32 != key)
			storm->bad++;
		map->ops->lookup(map, &key, 0);
	}
	return NULL;
}

static void run_lru_storm(u32 flags)
{
	u32 max = 64 * os_cpu_count(), used = 0;
	struct map *map = new_map(BPF_MAP_TYPE_LRU_HASH, 4, 8, max, flags);
	struct hash *h = map->priv;
	struct storm storms[3];
	pthread_t threads[3];

	for (u32 i = 0; i < 3; i++) {
		storms[i] = (struct storm){map, i * 7919 + 1, 0, 0, 0};
		pthread_create(&threads[i], NULL, lru_thread, &storms[i]);
	}
	for (u32 i = 0; i < 3; i++) {
		pthread_join(threads[i], NULL);
		CHECK_EQ(storms[i].bad, 0);
	}
	for (u32 i = 1; i <= h->node_count; i++)
		used += hash_node(h, i)->owner && !(hash_node(h, i)->owner & HASH_EXTRA_BIT);
	CHECK_EQ(used, hash_count(map));
	CHECK(used <= max);
	map_unref(map);
}

TEST(an_lru_hash_full_of_threads_never_refuses)
{
	run_lru_storm(0);
	run_lru_storm(BPF_F_NO_COMMON_LRU);
}

/* ---- processes ------------------------------------------------------------------------------- */

TEST(another_process_opens_the_map_from_its_descriptor)
{
	struct map *map = new_map(BPF_MAP_TYPE_HASH, 4, 8, 100, 0);
	u32 key = 5;
	u64 value = 55;
	int status;
	pid_t pid;

	REQUIRE_EQ(map->ops->update(map, &key, &value, 0, 0), 0);
	pid = fork();
	if (pid == 0) {
		struct map *mine;
		u64 *found;
		int fd = dup(map->fd);

		map_unref(map); /* what fork() copied */
		if (map_open(fd, &mine))
			_exit(1);
		key = 5;
		found = mine->ops->lookup(mine, &key, 0);
		if (!found || *found != 55)
			_exit(2);
		key = 6;
		value = 66;
		if (mine->ops->update(mine, &key, &value, 0, 0))
			_exit(3);
		map_unref(mine);
		_exit(0);
	}
	REQUIRE_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(status, 0);
	key = 6;
	REQUIRE(map->ops->lookup(map, &key, 0) != NULL);
	CHECK_EQ(*(u64 *)map->ops->lookup(map, &key, 0), 66);
	map_unref(map);
}

TEST(a_file_that_is_no_map_is_refused)
{
	struct map *map;
	int fd;

	REQUIRE_EQ(os_memfd("nothing", 65536, &fd), 0);
	CHECK_EQ(map_open(fd, &map), -EINVAL);
	REQUIRE_EQ(os_fd_truncate(fd, 100), 0);
	CHECK_EQ(map_open(fd, &map), -EINVAL);
	os_close(fd);
}

/* A writer is killed at a random moment, many times; the map stays whole and usable. */
static void run_deaths(u32 type, u32 rounds)
{
	struct map *map = new_map(type, 4, 8, 50, 0);
	struct hash *h = map->priv;
	u32 used = 0, recovered = 0;

	for (u32 round = 0; round < rounds; round++) {
		struct timespec pause = {0, 200000 + rng() % 600000};
		pid_t pid = fork();
		u64 value = 1;
		int status;

		if (pid == 0) {
			for (u32 x = round;; x = x * 1664525 + 1013904223) {
				u32 key = (x >> 16) % 60;

				value = (u64)key << 32;
				if (x >> 30)
					map->ops->update(map, &key, &value, 0, 0);
				else
					map->ops->remove(map, &key);
			}
		}
		nanosleep(&pause, NULL);
		kill(pid, SIGKILL);
		waitpid(pid, &status, 0);
		for (u64 i = 0; i <= h->bucket_mask; i++)
			recovered += h->buckets[i].lock.owner != 0;
		for (u32 key = 0; key < 60; key++) {
			u64 got;

			value = (u64)key << 32;
			if (map->ops->copy_out(map, &key, &got, 0) == 0)
				CHECK_EQ(got >> 32, key);
			map->ops->update(map, &key, &value, 0, 0);
			map->ops->remove(map, &key);
		}
		CHECK_EQ(hash_count(map), 0);
	}
	tap_note("%u of %u deaths left a lock behind", recovered, rounds);
	for (u32 i = 1; i <= h->node_count; i++)
		used += hash_node(h, i)->owner && !(hash_node(h, i)->owner & HASH_EXTRA_BIT);
	CHECK_EQ(used, 0);
	for (u32 i = 0; i < h->extra_count; i++)
		CHECK_EQ(hash_node(h, h->extras[i])->owner, HASH_EXTRA_BIT | i);
	for (u32 key = 0; key < 50; key++) {
		u64 value = 3;

		CHECK_EQ(map->ops->update(map, &key, &value, 0, 0), 0);
	}
	map_unref(map);
}

TEST(a_hash_survives_the_death_of_its_writers)
{
	run_deaths(BPF_MAP_TYPE_HASH, 150);
	run_deaths(BPF_MAP_TYPE_LRU_HASH, 50);
}

TEST(a_program_inside_an_update_of_the_same_bucket_gets_edeadlk)
{
	struct map *map = new_map(BPF_MAP_TYPE_HASH, 4, 8, 1, 0);
	struct hash *h = map->priv;
	u32 key = 1;
	u64 value = 2;

	REQUIRE_EQ(hash_lock_bucket(h, &h->buckets[0]), 0);
	CHECK_EQ(map->ops->update(map, &key, &value, 0, 0), -EDEADLK);
	map_lock_drop(&h->buckets[0].lock);
	CHECK_EQ(map->ops->update(map, &key, &value, 0, 0), 0);
	map_unref(map);
}

/* ---- maps of objects ------------------------------------------------------------------------- */

/* The "descriptors" are indices into this table; what a slot holds is counted. */
static struct map *inner_maps[4];
static u32 get_count, put_count, changes;

static int get_inner(struct map *map, s32 fd, void **ret_object, u32 *ret_id)
{
	if (fd < 0 || fd >= 4)
		return -EBADF;
	if (map->inner_template && !map_same_shape(map->inner_template, inner_maps[fd]))
		return -EINVAL;
	map_ref(inner_maps[fd]);
	get_count++;
	*ret_object = inner_maps[fd];
	*ret_id = 100 + (u32)fd;
	return 0;
}

static void put_inner(struct map *map, void *object)
{
	put_count++;
	map_unref(object);
}

static void inner_changed(struct map *map, u32 slot, void *object)
{
	changes++;
}

static const struct map_object_ops inner_ops = {get_inner, put_inner, inner_changed};

static void make_inner_maps(void)
{
	get_count = put_count = changes = 0;
	for (u32 i = 0; i < 4; i++)
		inner_maps[i] = new_map(BPF_MAP_TYPE_ARRAY, 4, 8, i == 3 ? 9 : 2, 0);
}

static void drop_inner_maps(void)
{
	CHECK_EQ(get_count, put_count);
	for (u32 i = 0; i < 4; i++) {
		CHECK_EQ(inner_maps[i]->refs, 1);
		map_unref(inner_maps[i]);
	}
}

TEST(an_array_of_maps_holds_maps_of_one_shape)
{
	struct map *map = new_map(BPF_MAP_TYPE_ARRAY_OF_MAPS, 4, 4, 3, 0);
	u32 key = 1, fd = 2, id = 0;

	make_inner_maps();
	map->object_ops = &inner_ops;
	map->inner_template = new_map(BPF_MAP_TYPE_ARRAY, 4, 8, 2, 0);
	CHECK_EQ(map_inner_check(inner_maps[0]), 0);
	CHECK_EQ(map_inner_check(map), -EINVAL);
	CHECK(map->ops->lookup(map, &key, 0) == NULL);
	CHECK_EQ(map->ops->copy_out(map, &key, &id, 0), -ENOENT);
	CHECK_EQ(map->ops->copy_in(map, &key, &fd, BPF_EXIST), -EINVAL);
	CHECK_EQ(map->ops->copy_in(map, &key, &fd, 0), 0);
	CHECK(map->ops->lookup(map, &key, 0) == inner_maps[2]);
	CHECK_EQ(map->ops->copy_out(map, &key, &id, 0), 0);
	CHECK_EQ(id, 102);
	fd = 1;
	CHECK_EQ(map->ops->copy_in(map, &key, &fd, 0), 0);
	CHECK_EQ(put_count, 1);
	fd = 3;
	CHECK_EQ(map->ops->copy_in(map, &key, &fd, 0), -EINVAL);
	fd = 9;
	CHECK_EQ(map->ops->copy_in(map, &key, &fd, 0), -EBADF);
	CHECK_EQ(map->ops->remove(map, &key), 0);
	CHECK_EQ(map->ops->remove(map, &key), -ENOENT);
	CHECK_EQ(changes, 4);
	key = 3;
	CHECK_EQ(map->ops->remove(map, &key), -E2BIG);
	key = 0;
	fd = 0;
	CHECK_EQ(map->ops->copy_in(map, &key, &fd, 0), 0);
	map_unref(map);
	drop_inner_maps();
}

TEST(a_hash_of_maps_gives_back_what_is_replaced)
{
	struct map *map = new_map(BPF_MAP_TYPE_HASH_OF_MAPS, 8, 4, 2, 0);
	u64 key = 1;
	u32 fd = 0, id = 0;

	make_inner_maps();
	map->object_ops = &inner_ops;
	CHECK_EQ(map->ops->copy_in(map, &key, &fd, BPF_EXIST), -ENOENT);
	CHECK_EQ(get_count - put_count, 0);
	for (u32 round = 0; round < 100; round++) {
		fd = round % 3;
		CHECK_EQ(map->ops->copy_in(map, &key, &fd, 0), 0);
		CHECK(map->ops->lookup(map, &key, 0) == inner_maps[fd]);
		CHECK_EQ(map->ops->copy_out(map, &key, &id, 0), 0);
		CHECK_EQ(id, 100 + fd);
		CHECK_EQ(get_count - put_count, 1);
	}
	key = 2;
	CHECK_EQ(map->ops->copy_in(map, &key, &fd, 0), 0);
	key = 3;
	CHECK_EQ(map->ops->copy_in(map, &key, &fd, 0), -E2BIG);
	CHECK_EQ(get_count - put_count, 2);
	key = 1;
	CHECK_EQ(map->ops->remove(map, &key), 0);
	CHECK(map->ops->lookup(map, &key, 0) == NULL);
	map_unref(map);
	drop_inner_maps();
}

TEST(slots_of_programs_show_ids_and_those_of_events_nothing)
{
	struct map *progs = new_map(BPF_MAP_TYPE_PROG_ARRAY, 4, 4, 2, 0);
	struct map *events = new_map(BPF_MAP_TYPE_PERF_EVENT_ARRAY, 4, 4, 2, BPF_F_PRESERVE_ELEMS);
	u32 key = 1, fd = 0, id;

	make_inner_maps();
	progs->object_ops = events->object_ops = &inner_ops;
	CHECK_EQ(progs->ops->copy_in(progs, &key, &fd, 0), 0);
	CHECK_EQ(progs->ops->copy_out(progs, &key, &id, 0), 0);
	CHECK_EQ(id, 100);
	CHECK_EQ(load_u32((u8 *)progs->objects - 8), 2);
	CHECK_EQ(events->ops->copy_in(events, &key, &fd, 0), 0);
	CHECK_EQ(events->ops->copy_out(events, &key, &id, 0), -MAP_ENOTSUPP);
	CHECK_EQ(map_inner_check(progs), -MAP_ENOTSUPP);
	map_unref(progs);
	map_unref(events);
	drop_inner_maps();
}
