// SPDX-License-Identifier: BSD-2-Clause
/*
 * Operations on a map, chosen by the bytes, beside a plain list that does the same. First bytes:
 * the kind and its sizes; then two or more bytes for each operation. Whatever happens, both agree.
 */
#include "fuzz/fuzz.h"

#include "map/map.h"
#include "map/ringbuf.h"
#include "spec/helper.h"

#define ENTRIES_MAX 24
#define KEY_MAX	    20

struct model {
	u32 count, max;
	u8 keys[ENTRIES_MAX][KEY_MAX];
	u64 values[ENTRIES_MAX];
};

struct input {
	const u8 *data;
	size_t left;
};

static u8 take_byte(struct input *in)
{
	if (!in->left)
		return 0;
	in->left--;
	return *in->data++;
}

static int find(const struct model *m, const u8 *key, u32 size)
{
	for (u32 i = 0; i < m->count; i++)
		if (memcmp(m->keys[i], key, size) == 0)
			return (int)i;
	return -1;
}

static void drop(struct model *m, int at)
{
	m->count--;
	memmove(m->keys[at], m->keys[m->count], KEY_MAX);
	m->values[at] = m->values[m->count];
}

/* ---- maps with keys
 * ------------------------------------------------------------------------------ */

static int expect_update(struct model *m, const u8 *key, u32 size, u64 value, u64 flags)
{
	int at = find(m, key, size);

	if (flags > BPF_EXIST)
		return -EINVAL;
	if (at >= 0 && flags == BPF_NOEXIST)
		return -EEXIST;
	if (at < 0 && flags == BPF_EXIST)
		return -ENOENT;
	if (at < 0 && m->count == m->max)
		return -E2BIG;
	if (at < 0)
		memcpy(m->keys[at = (int)m->count++], key, size);
	m->values[at] = value;
	return 0;
}

static void check_walk(struct map *map, const struct model *m, u32 size)
{
	u8 key[KEY_MAX], next[KEY_MAX];
	u32 seen = 0;

	for (int err = map->ops->next_key(map, NULL, next); !err;
		err = map->ops->next_key(map, key, next)) {
		FUZZ_CHECK(find(m, next, size) >= 0);
		FUZZ_CHECK(seen++ < m->count);
		memcpy(key, next, size);
	}
	FUZZ_CHECK(seen == m->count);
}

static void run_hash(struct map *map, struct input *in)
{
	u32 size = map->params.key_size;
	struct model m = {.max = map->params.max_entries};

	while (in->left) {
		u8 op = take_byte(in), key[KEY_MAX] = {0};
		u64 value = (u64)in->left * 0x0101010101010101ull, got = 0, *p;
		int at, err;

		key[size - 1] = take_byte(in) % 40;
		at = find(&m, key, size);
		switch (op % 6) {
		case 0:
		case 1:
			err = expect_update(&m, key, size, value, op / 6 % 5);
			FUZZ_CHECK(map->ops->update(map, key, &value, op / 6 % 5, 0) == err ||
				(op / 6 % 5 == BPF_F_LOCK && err == -EINVAL));
			break;
		case 2:
			FUZZ_CHECK(map->ops->remove(map, key) == (at >= 0 ? 0 : -ENOENT));
			if (at >= 0)
				drop(&m, at);
			break;
		case 3:
			p = map->ops->lookup(map, key, 0);
			FUZZ_CHECK((p != NULL) == (at >= 0));
			FUZZ_CHECK(!p || *p == m.values[at]);
			break;
		case 4:
			err = map->ops->take(map, key, &got, 0);
			FUZZ_CHECK(err == (at >= 0 ? 0 : -ENOENT));
			FUZZ_CHECK(err || got == m.values[at]);
			if (at >= 0)
				drop(&m, at);
			break;
		case 5: check_walk(map, &m, size); break;
		}
	}
	check_walk(map, &m, size);
}

/* ---- prefixes
 * ------------------------------------------------------------------------------------ */

static bool covers(const u8 *prefix, const u8 *key)
{
	u32 len = load_u32(prefix);

	for (u32 i = 0; i < len; i++)
		if ((prefix[4 + i / 8] ^ key[4 + i / 8]) >> (7 - i % 8) & 1)
			return false;
	return len <= load_u32(key);
}

static void run_trie(struct map *map, struct input *in)
{
	struct model m = {.max = map->params.max_entries};

	while (in->left) {
		u8 op = take_byte(in), key[KEY_MAX] = {0};
		u64 value = in->left, *p;
		int best = -1, err;

		store_u32(key, take_byte(in) % 17);
		key[4] = take_byte(in) & 0xe0;
		key[5] = take_byte(in) & 0xc0;
		/* the model's keys hold nothing behind the prefix */
		for (u32 i = load_u32(key); i < 16; i++)
			key[4 + i / 8] &= (u8) ~(1u << (7 - i % 8));
		switch (op % 3) {
		case 0:
			err = expect_update(&m, key, 6, value, BPF_ANY);
			FUZZ_CHECK(map->ops->update(map, key, &value, BPF_ANY, 0) ==
				(err == -E2BIG ? -ENOSPC : err));
			break;
		case 1:
			best = find(&m, key, 6);
			FUZZ_CHECK(map->ops->remove(map, key) == (best >= 0 ? 0 : -ENOENT));
			if (best >= 0)
				drop(&m, best);
			break;
		case 2:
			store_u32(key, 16);
			for (u32 i = 0; i < m.count; i++)
				if (covers(m.keys[i], key) &&
					(best < 0 || load_u32(m.keys[i]) > load_u32(m.keys[best])))
					best = (int)i;
			p = map->ops->lookup(map, key, 0);
			FUZZ_CHECK((p != NULL) == (best >= 0));
			FUZZ_CHECK(!p || *p == m.values[best]);
			break;
		}
	}
	check_walk(map, &m, 6);
}

/* ---- queues and rings
 * ---------------------------------------------------------------------------- */

static void run_circle(struct map *map, struct input *in)
{
	bool is_stack = map->params.type == BPF_MAP_TYPE_STACK;
	u64 model[ENTRIES_MAX], got;
	u32 count = 0, max = map->params.max_entries;

	while (in->left) {
		u64 value = in->left;
		u8 op = take_byte(in);

		if (op % 2) {
			u64 flags = op / 2 % 2 ? BPF_EXIST : BPF_ANY;

			FUZZ_CHECK(map->ops->push(map, &value, flags) ==
				(count == max && !flags ? -E2BIG : 0));
			if (count == max && flags)
				memmove(model, model + 1, --count * sizeof(u64));
			if (count < max)
				model[count++] = value;
			continue;
		}
		FUZZ_CHECK(map->ops->pop(map, &got) == (count ? 0 : -ENOENT));
		if (!count)
			continue;
		FUZZ_CHECK(got == model[is_stack ? count - 1 : 0]);
		count--;
		if (!is_stack)
			memmove(model, model + 1, count * sizeof(u64));
	}
}

/* A consumer that also forges its position; records that are out never overlap. */
static void run_ring(struct map *map, struct input *in)
{
	struct {
		u8 *at;
		u32 size;
		u8 mark;
	} out[16];
	u32 count = 0;

	while (in->left) {
		u8 op = take_byte(in);
		u32 size = (u32)(op >> 2) * 37 % 1500;
		u8 *at;

		switch (op % 4) {
		case 0:
		case 1:
			at = count < 16 ? ringbuf_reserve(map, size) : NULL;
			if (!at)
				break;
			memset(at, op, size);
			out[count].at = at;
			out[count].size = size;
			out[count++].mark = op;
			break;
		case 2:
			if (!count)
				break;
			count--;
			for (u32 i = 0; i < out[count].size; i++)
				FUZZ_CHECK(out[count].at[i] == out[count].mark);
			ringbuf_commit(out[count].at, op >> 2 & 1, op >> 3 & 1);
			break;
		case 3:
			*(u64 *)map->region = ringbuf_query(map, BPF_RB_PROD_POS) -
				(op & 0x80 ? (u64)take_byte(in) * 64 : 0);
			break;
		}
	}
	while (count--)
		for (u32 i = 0; i < out[count].size; i++)
			FUZZ_CHECK(out[count].at[i] == out[count].mark);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct {
		u32 type, key_size, value_size, flags;
		void (*run)(struct map *map, struct input *in);
	} kinds[] = {
		{BPF_MAP_TYPE_HASH, 4, 8, 0, run_hash},
		{BPF_MAP_TYPE_HASH, 8, 8, BPF_F_ZERO_SEED, run_hash},
		{BPF_MAP_TYPE_HASH, 16, 8, 0, run_hash},
		{BPF_MAP_TYPE_HASH, 19, 8, BPF_F_NO_PREALLOC, run_hash},
		{BPF_MAP_TYPE_LPM_TRIE, 6, 8, BPF_F_NO_PREALLOC, run_trie},
		{BPF_MAP_TYPE_QUEUE, 0, 8, 0, run_circle},
		{BPF_MAP_TYPE_STACK, 0, 8, 0, run_circle},
		{BPF_MAP_TYPE_RINGBUF, 0, 0, 0, run_ring},
	};
	struct input in = {data, size};
	u8 kind = take_byte(&in) % ARRAY_SIZE(kinds);
	struct map_params params = {kinds[kind].type, kinds[kind].key_size, kinds[kind].value_size,
		1 + take_byte(&in) % ENTRIES_MAX, kinds[kind].flags, .caps = CAP_ALL};
	struct map *map;

	if (params.type == BPF_MAP_TYPE_RINGBUF)
		params.max_entries = 4096;
	if (map_new(&params, &map))
		return 0;
	kinds[kind].run(map, &in);
	map_unref(map);
	return 0;
}
