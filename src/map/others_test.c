// SPDX-License-Identifier: BSD-2-Clause
/* Queues, stacks, bloom filters, prefix tries and stack traces against naive models. */
#include "map/hash.h"
#include "map/map.h"
#include "map/stack_trace.h"

#include "base/os.h"
#include "spec/helper.h"
#include "test/tap.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static int try_map(struct map_params params, struct map **ret_map)
{
	params.caps = CAP_ALL;
	return map_new(&params, ret_map);
}

static struct map *new_map(struct map_params params)
{
	struct map *map = NULL;

	REQUIRE_EQ(try_map(params, &map), 0);
	return map;
}

static u32 rng(void)
{
	static u64 state = 0x1234567;

	state = state * 6364136223846793005ull + 1442695040888963407ull;
	return (u32)(state >> 33);
}

static void run_circle(u32 type, u32 max)
{
	struct map *map =
		new_map((struct map_params){.type = type, .value_size = 8, .max_entries = max});
	u64 model[64], value, got;
	u32 count = 0;

	for (u32 step = 0; step < 20000; step++) {
		u64 flags = rng() % 4 == 0 ? BPF_EXIST : BPF_ANY;
		u32 at = type == BPF_MAP_TYPE_QUEUE ? 0 : count - 1;

		value = rng();
		switch (rng() % 3) {
		case 0:
			CHECK_EQ(map->ops->push(map, &value, flags),
				count == max && !flags ? -E2BIG : 0);
			if (count == max && flags)
				memmove(model, model + 1, --count * 8);
			if (count < max)
				model[count++] = value;
			break;
		case 1:
			got = 99;
			CHECK_EQ(map->ops->peek(map, &got), count ? 0 : -ENOENT);
			CHECK_EQ(got, count ? model[at] : 0);
			break;
		case 2:
			CHECK_EQ(map->ops->pop(map, &got), count ? 0 : -ENOENT);
			CHECK_EQ(got, count ? model[at] : 0);
			if (count && type == BPF_MAP_TYPE_QUEUE)
				memmove(model, model + 1, (count - 1) * 8);
			count -= count != 0;
			break;
		}
	}
	CHECK_EQ(map->ops->push(map, &value, BPF_NOEXIST), -EINVAL);
	CHECK_EQ(map->ops->push(map, &value, 4), -EINVAL);
	CHECK_EQ(map->ops->remove(map, NULL), -EINVAL);
	map_unref(map);
}

TEST(queues_and_stacks_equal_the_model)
{
	run_circle(BPF_MAP_TYPE_QUEUE, 1);
	run_circle(BPF_MAP_TYPE_QUEUE, 7);
	run_circle(BPF_MAP_TYPE_STACK, 1);
	run_circle(BPF_MAP_TYPE_STACK, 64);
}

static void *push_and_pop(void *arg)
{
	struct map *map = arg;
	u64 sum = 0, value;

	for (u64 i = 1; i <= 20000; i++) {
		while (map->ops->push(map, &i, 0))
			os_yield();
		if (map->ops->pop(map, &value) == 0)
			sum += value;
	}
	while (map->ops->pop(map, &value) == 0)
		sum += value;
	return (void *)(uintptr_t)sum;
}

TEST(what_threads_push_is_popped_once)
{
	struct map *map = new_map((struct map_params){
		.type = BPF_MAP_TYPE_QUEUE, .value_size = 8, .max_entries = 32});
	pthread_t threads[3];
	u64 sum = 0;

	for (u32 i = 0; i < 3; i++)
		pthread_create(&threads[i], NULL, push_and_pop, map);
	for (u32 i = 0; i < 3; i++) {
		void *ret;

		pthread_join(threads[i], &ret);
		sum += (uintptr_t)ret;
	}
	CHECK_EQ(sum, 3ull * 20000 * 20001 / 2);
	map_unref(map);
}

TEST(a_bloom_filter_forgets_nothing_and_errs_seldom)
{
	struct map *map = new_map((struct map_params){
		.type = BPF_MAP_TYPE_BLOOM_FILTER, .value_size = 8, .max_entries = 1000});
	u32 wrong = 0, next;

	for (u64 i = 0; i < 1000; i++)
		CHECK_EQ(map->ops->push(map, &i, 0), 0);
	for (u64 i = 0; i < 1000; i++)
		CHECK_EQ(map->ops->peek(map, &i), 0);
	for (u64 i = 1000; i < 11000; i++)
		wrong += map->ops->peek(map, &i) == 0;
	CHECK_MSG(wrong < 400, "%u of 10000 wrong", wrong);
	CHECK_EQ(map->ops->push(map, &wrong, BPF_EXIST), -EINVAL);
	CHECK_EQ(map->ops->pop(map, &next), -EOPNOTSUPP);
	CHECK_EQ(map->ops->next_key(map, NULL, &next), -EOPNOTSUPP);
	map_unref(map);
}

/* ---- prefixes -------------------------------------------------------------------------------- */

struct lpm_key {
	u32 len;
	u8 data[4];
};

#define LPM_MAX 40

struct lpm_model {
	u32 count;
	struct lpm_key keys[LPM_MAX];
	u64 values[LPM_MAX];
};

static bool has_prefix(const u8 *data, const struct lpm_key *prefix, u32 len)
{
	for (u32 i = 0; i < len; i++)
		if ((data[i / 8] ^ prefix->data[i / 8]) >> (7 - i % 8) & 1)
			return false;
	return true;
}

static int lpm_exact(const struct lpm_model *m, const struct lpm_key *key)
{
	for (u32 i = 0; i < m->count; i++)
		if (m->keys[i].len == key->len && has_prefix(m->keys[i].data, key, key->len))
			return (int)i;
	return -1;
}

static int lpm_best(const struct lpm_model *m, const struct lpm_key *key)
{
	int best = -1;

	for (u32 i = 0; i < m->count; i++)
		if (m->keys[i].len <= key->len &&
			has_prefix(key->data, &m->keys[i], m->keys[i].len) &&
			(best < 0 || m->keys[i].len > m->keys[best].len))
			best = (int)i;
	return best;
}

static struct lpm_key random_prefix(void)
{
	/* few different bits, so that prefixes nest */
	return (struct lpm_key){rng() % 33,
		{(u8)(rng() % 3 * 64), (u8)(rng() % 2 * 255), (u8)rng(), (u8)(rng() % 4)}};
}

/* Postorder: a before b when b is a prefix of a, else by bits. */
static bool comes_before(const struct lpm_key *a, const struct lpm_key *b)
{
	u32 limit = MIN(a->len, b->len);

	for (u32 i = 0; i < limit; i++) {
		u32 x = a->data[i / 8] >> (7 - i % 8) & 1, y = b->data[i / 8] >> (7 - i % 8) & 1;

		if (x != y)
			return x < y;
	}
	return a->len > b->len;
}

static void walk_prefixes(struct map *map, const struct lpm_model *m)
{
	struct lpm_key key, next;
	u32 seen = 0;
	int err = map->ops->next_key(map, NULL, &next);

	while (!err && seen <= m->count) {
		CHECK(lpm_exact(m, &next) >= 0);
		if (seen++)
			CHECK(comes_before(&key, &next));
		key = next;
		err = map->ops->next_key(map, &key, &next);
	}
	CHECK_EQ(seen, m->count);
}

TEST(the_longest_prefix_is_found_as_in_the_model)
{
	struct map *map = new_map((struct map_params){.type = BPF_MAP_TYPE_LPM_TRIE,
		.key_size = 8,
		.value_size = 8,
		.max_entries = LPM_MAX,
		.flags = BPF_F_NO_PREALLOC});
	struct lpm_model m = {0};
	struct lpm_key key;
	u64 value, got;

	for (u32 step = 0; step < 60000; step++) {
		u64 flags = rng() % 3;
		int at, expect = 0;

		key = random_prefix();
		value = rng();
		at = lpm_exact(&m, &key);
		switch (rng() % 4) {
		case 0:
			if (at >= 0 && flags == BPF_NOEXIST)
				expect = -EEXIST;
			else if (at < 0 && flags == BPF_EXIST)
				expect = -ENOENT;
			else if (at < 0 && m.count == LPM_MAX)
				expect = -ENOSPC;
			CHECK_EQ(map->ops->update(map, &key, &value, flags, 0), expect);
			if (expect)
				break;
			if (at < 0)
				at = (int)m.count++;
			m.keys[at] = key;
			m.values[at] = value;
			break;
		case 1:
			CHECK_EQ(map->ops->remove(map, &key), at >= 0 ? 0 : -ENOENT);
			if (at >= 0) {
				m.keys[at] = m.keys[--m.count];
				m.values[at] = m.values[m.count];
			}
			break;
		case 2:
			at = lpm_best(&m, &key);
			CHECK_EQ(map->ops->copy_out(map, &key, &got, 0), at >= 0 ? 0 : -ENOENT);
			if (at >= 0)
				CHECK_EQ(got, m.values[at]);
			break;
		case 3:
			if (step % 50 == 0)
				walk_prefixes(map, &m);
			break;
		}
	}
	key.len = 33;
	CHECK_EQ(map->ops->update(map, &key, &value, 0, 0), -EINVAL);
	CHECK_EQ(map->ops->remove(map, &key), -EINVAL);
	CHECK(map->ops->lookup(map, &key, 0) == NULL);
	map_unref(map);
}

TEST(a_trie_survives_the_death_of_its_writers)
{
	struct map *map = new_map((struct map_params){.type = BPF_MAP_TYPE_LPM_TRIE,
		.key_size = 8,
		.value_size = 8,
		.max_entries = LPM_MAX,
		.flags = BPF_F_NO_PREALLOC});
	struct map_lock *lock = (void *)map->region;
	u32 recovered = 0;

	for (u32 round = 0; round < 60; round++) {
		struct timespec pause = {0, 200000 + rng() % 500000};
		struct lpm_model m = {0};
		pid_t pid = fork();
		u64 value = 5, got;
		int status;

		if (pid == 0) {
			for (;;) {
				struct lpm_key key = random_prefix();

				if (rng() % 3)
					map->ops->update(map, &key, &value, 0, 0);
				else
					map->ops->remove(map, &key);
			}
		}
		nanosleep(&pause, NULL);
		kill(pid, SIGKILL);
		waitpid(pid, &status, 0);
		recovered += lock->owner != 0;
		/* empty it, then fill it to the brim: no node is lost, none used twice */
		for (struct lpm_key key; map->ops->next_key(map, NULL, &key) == 0;)
			CHECK_EQ(map->ops->remove(map, &key), 0);
		while (m.count < LPM_MAX) {
			struct lpm_key key = random_prefix();

			if (lpm_exact(&m, &key) >= 0)
				continue;
			m.keys[m.count++] = key;
			value = m.count;
			REQUIRE_EQ(map->ops->update(map, &key, &value, BPF_NOEXIST, 0), 0);
		}
		for (u32 i = 0; i < LPM_MAX; i++) {
			CHECK_EQ(map->ops->copy_out(map, &m.keys[i], &got, 0), 0);
			CHECK_EQ(got, i + 1);
		}
	}
	tap_note("%u of 60 deaths left the lock behind", recovered);
	map_unref(map);
}

/* ---- stack traces ---------------------------------------------------------------------------- */

TEST(equal_stacks_get_equal_ids)
{
	struct map *map = new_map((struct map_params){.type = BPF_MAP_TYPE_STACK_TRACE,
		.key_size = 4,
		.value_size = 10 * 8,
		.max_entries = 64});
	u64 ips[10] = {1, 2, 3}, got[10];
	u32 key, next, seen = 0, used = 0;
	int id = stack_trace_put(map, ips, 3, ips, 0), again, err;

	REQUIRE(id >= 0);
	CHECK_EQ(stack_trace_put(map, ips, 3, ips, 0), id);
	key = (u32)id;
	memset(got, 0xff, sizeof(got));
	CHECK_EQ(map->ops->copy_out(map, &key, got, 0), 0);
	CHECK_MEM(got, ips, sizeof(ips));
	/* another stack of the same bucket */
	do {
		ips[3]++;
		again = stack_trace_put(map, ips, 4, ips, 0);
	} while (again >= 0 && ips[3] < 100000);
	CHECK_EQ(again, -EEXIST);
	CHECK(stack_trace_put(map, ips, 4, ips, BPF_F_REUSE_STACKID) >= 0);
	for (err = map->ops->next_key(map, NULL, &next); !err; seen++) {
		key = next;
		err = map->ops->next_key(map, &key, &next);
	}
	for (key = 0; key < 64; key++)
		used += map->ops->copy_out(map, &key, got, 0) == 0;
	CHECK_EQ(seen, used);
	CHECK_EQ(map->ops->copy_in(map, &key, got, 0), -EINVAL);
	key = (u32)id;
	CHECK_EQ(map->ops->remove(map, &key), 0);
	CHECK_EQ(map->ops->remove(map, &key), -ENOENT);
	key = 64;
	CHECK_EQ(map->ops->remove(map, &key), -E2BIG);
	CHECK_EQ(map->ops->copy_out(map, &key, got, 0), -ENOENT);
	map_unref(map);
}

TEST(odd_parameters_are_refused)
{
	struct map *map;

	CHECK_EQ(try_map((struct map_params){BPF_MAP_TYPE_STACK_TRACE, 4, 12, 1}, &map), -EINVAL);
	CHECK_EQ(try_map((struct map_params){BPF_MAP_TYPE_STACK_TRACE, 4, 128 * 8, 1}, &map),
		-EINVAL);
	CHECK_EQ(try_map((struct map_params){BPF_MAP_TYPE_LPM_TRIE, 8, 8, 1}, &map), -EINVAL);
	CHECK_EQ(try_map((struct map_params){BPF_MAP_TYPE_QUEUE, 4, 8, 1}, &map), -EINVAL);
	CHECK_EQ(try_map((struct map_params){BPF_MAP_TYPE_QUEUE, 0, 5 << 20, 1}, &map), -E2BIG);
	CHECK_EQ(try_map((struct map_params){BPF_MAP_TYPE_BLOOM_FILTER, 0, 5 << 20, 1}, &map),
		-E2BIG);
	CHECK_EQ(
		try_map((struct map_params){BPF_MAP_TYPE_BLOOM_FILTER, 0, 8, 1, .extra = 16}, &map),
		-EINVAL);
}
