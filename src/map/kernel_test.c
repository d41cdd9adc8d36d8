// SPDX-License-Identifier: BSD-2-Clause
/* The same parameters and operations on maps of the running kernel: the same errno, same results.
 */
#include "map/map.h"

#include "base/os.h"
#include "spec/helper.h"
#include "test/tap.h"

#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

static int kernel_bpf(int cmd, union bpf_attr *attr)
{
	long ret = syscall(SYS_bpf, cmd, attr, sizeof(*attr));

	return ret < 0 ? -errno : (int)ret;
}

static int kernel_create(const struct map_params *params)
{
	union bpf_attr attr;

	memset(&attr, 0, sizeof(attr));
	attr.map_type = params->type;
	attr.key_size = params->key_size;
	attr.value_size = params->value_size;
	attr.max_entries = params->max_entries;
	attr.map_flags = params->flags;
	attr.map_extra = params->extra;
	return kernel_bpf(BPF_MAP_CREATE, &attr);
}

static void need_kernel(void)
{
	struct map_params params = {BPF_MAP_TYPE_ARRAY, 4, 4, 1};
	int fd = kernel_create(&params);

	if (fd < 0)
		SKIP("no bpf(2) here: %s", strerror(-fd));
	close(fd);
}

static const u32 kinds[] = {BPF_MAP_TYPE_HASH, BPF_MAP_TYPE_ARRAY, BPF_MAP_TYPE_PROG_ARRAY,
	BPF_MAP_TYPE_PERF_EVENT_ARRAY, BPF_MAP_TYPE_PERCPU_HASH, BPF_MAP_TYPE_PERCPU_ARRAY,
	BPF_MAP_TYPE_STACK_TRACE, BPF_MAP_TYPE_CGROUP_ARRAY, BPF_MAP_TYPE_LRU_HASH,
	BPF_MAP_TYPE_LRU_PERCPU_HASH, BPF_MAP_TYPE_LPM_TRIE, BPF_MAP_TYPE_QUEUE, BPF_MAP_TYPE_STACK,
	BPF_MAP_TYPE_RINGBUF, BPF_MAP_TYPE_BLOOM_FILTER, BPF_MAP_TYPE_USER_RINGBUF};

TEST(the_kernel_refuses_the_same_parameters)
{
	static const u32 key_sizes[] = {0, 3, 4, 8, 260, 261, 513};
	static const u32 value_sizes[] = {0, 3, 4, 8, 16, 1016, 1024, 32769, 5u << 20, 0xfffffff0u};
	static const u32 entries[] = {0, 1, 100, 4096, 5000, 0x80000001u, 0xffffffffu};
	static const u32 flag_sets[] = {0, BPF_F_NO_PREALLOC, BPF_F_NO_COMMON_LRU, BPF_F_RDONLY,
		BPF_F_RDONLY_PROG, BPF_F_WRONLY_PROG | BPF_F_RDONLY_PROG, BPF_F_ZERO_SEED,
		BPF_F_MMAPABLE, BPF_F_PRESERVE_ELEMS, BPF_F_INNER_MAP, BPF_F_STACK_BUILD_ID,
		1u << 25};
	u32 compared = 0, differ = 0;

	need_kernel();
	for (size_t i = 0; i < ARRAY_SIZE(kinds) * ARRAY_SIZE(key_sizes) * ARRAY_SIZE(value_sizes) *
			ARRAY_SIZE(entries) * ARRAY_SIZE(flag_sets);
		i++) {
		size_t n = i;
		struct map_params p = {.caps = CAP_ALL};
		struct map *map = NULL;
		int ours, theirs;

#define PICK(table) ((table)[n % ARRAY_SIZE(table)])
		p.flags = PICK(flag_sets);
		n /= ARRAY_SIZE(flag_sets);
		p.max_entries = PICK(entries);
		n /= ARRAY_SIZE(entries);
		p.value_size = PICK(value_sizes);
		n /= ARRAY_SIZE(value_sizes);
		p.key_size = PICK(key_sizes);
		n /= ARRAY_SIZE(key_sizes);
		p.type = kinds[n];
		/* would only measure how much memory this machine has */
		if ((u64)p.max_entries * (p.value_size + p.key_size) > 100u << 20 &&
			p.type != BPF_MAP_TYPE_HASH)
			continue;
		if (p.max_entries > 1000 && i % 7)
			continue;
		theirs = kernel_create(&p);
		if (theirs >= 0)
			close(theirs);
		if (theirs == -ENOMEM)
			continue;
		ours = map_new(&p, &map);
		map_unref(map);
		compared++;
		if (MIN(ours, 0) == MIN(theirs, 0))
			continue;
		if (differ++ < 10)
			tap_note("type %u key %u value %u entries %u flags %x: ours %d, kernel %d",
				p.type, p.key_size, p.value_size, p.max_entries, p.flags, ours,
				MIN(theirs, 0));
	}
	tap_note("%u compared", compared);
	CHECK_EQ(differ, 0);
}

/* ---- operations ------------------------------------------------------------------------------ */

static u32 rng(void)
{
	static u64 state = 42;

	state = state * 6364136223846793005ull + 1442695040888963407ull;
	return (u32)(state >> 33);
}

#define VALUE_BYTES 4096

static int kernel_op(int fd, int cmd, void *key, void *value, u64 flags)
{
	union bpf_attr attr;

	memset(&attr, 0, sizeof(attr));
	attr.map_fd = (u32)fd;
	attr.key = (u64)(uintptr_t)key;
	attr.value = (u64)(uintptr_t)value; /* next_key is the same field */
	attr.flags = flags;
	return kernel_bpf(cmd, &attr);
}

static void compare_ops(struct map_params p, u32 key_range, u32 steps)
{
	static u8 ours_value[VALUE_BYTES], theirs_value[VALUE_BYTES];
	bool is_keyed = p.key_size != 0, is_bloom = p.type == BPF_MAP_TYPE_BLOOM_FILTER;
	struct map *map = NULL;
	u32 differ = 0;
	int fd;

	p.caps = CAP_ALL;
	fd = kernel_create(&p);
	REQUIRE(fd >= 0);
	REQUIRE_EQ(map_new(&p, &map), 0);
	for (u32 step = 0; step < steps; step++) {
		u8 key[16] = {0};
		u64 flags = rng() % 8 ? rng() % 3 : rng() % 6;
		int ours, theirs, op = (int)(rng() % 4);

		key[0] = (u8)(rng() % key_range);
		if (p.type == BPF_MAP_TYPE_LPM_TRIE)
			key[0] = (u8)(rng() % 34), key[5] = (u8)(rng() % 4 << 6);
		for (u32 i = 0; i < 512; i++)
			ours_value[i] = theirs_value[i] = (u8)rng();
		switch (op) {
		case 0:
			ours = map->ops->copy_in(map, key, ours_value, flags);
			theirs = kernel_op(fd, BPF_MAP_UPDATE_ELEM, is_keyed ? key : NULL,
				theirs_value, flags);
			break;
		case 1:
			ours = map->ops->copy_out(map, key, ours_value, 0);
			theirs = kernel_op(
				fd, BPF_MAP_LOOKUP_ELEM, is_keyed ? key : NULL, theirs_value, 0);
			break;
		case 2:
			if (!is_keyed || (map->ops->take && step % 2)) {
				ours = map->ops->take ? map->ops->take(map, key, ours_value, 0)
						      : -MAP_ENOTSUPP;
				theirs = kernel_op(fd, BPF_MAP_LOOKUP_AND_DELETE_ELEM,
					is_keyed ? key : NULL, theirs_value, 0);
				if (is_bloom)
					continue;
				break;
			}
			ours = map->ops->remove(map, key);
			theirs = kernel_op(fd, BPF_MAP_DELETE_ELEM, key, NULL, 0);
			break;
		default: {
			u8 next[16] = {0}, next2[16] = {0};

			/* order within hashes differs: only the end is compared */
			if (!is_keyed)
				continue;
			if (p.type != BPF_MAP_TYPE_ARRAY && p.type != BPF_MAP_TYPE_LPM_TRIE) {
				ours = map->ops->next_key(map, NULL, next);
				theirs = kernel_op(fd, BPF_MAP_GET_NEXT_KEY, NULL, next2, 0);
				break;
			}
			ours = map->ops->next_key(map, key, next);
			theirs = kernel_op(fd, BPF_MAP_GET_NEXT_KEY, key, next2, 0);
			if (ours == 0 && theirs == 0)
				CHECK_MEM(next, next2, p.key_size);
			break;
		}
		}
		if (ours != theirs && differ++ < 5)
			tap_note("type %u step %u op %d flags %x: ours %d, kernel %d", p.type, step,
				op, (u32)flags, ours, theirs);
		if (ours == 0 && theirs == 0 && op)
			CHECK_MEM(ours_value, theirs_value, map_user_value_size(map));
	}
	CHECK_EQ(differ, 0);
	close(fd);
	map_unref(map);
}

TEST(the_kernel_gives_the_same_results)
{
	need_kernel();
	compare_ops((struct map_params){BPF_MAP_TYPE_ARRAY, 4, 12, 20}, 24, 3000);
	compare_ops((struct map_params){BPF_MAP_TYPE_PERCPU_ARRAY, 4, 12, 20}, 24, 3000);
	compare_ops((struct map_params){BPF_MAP_TYPE_HASH, 8, 12, 20}, 30, 6000);
	compare_ops((struct map_params){BPF_MAP_TYPE_HASH, 8, 8, 20, BPF_F_NO_PREALLOC}, 30, 6000);
	compare_ops((struct map_params){BPF_MAP_TYPE_PERCPU_HASH, 5, 4, 20}, 30, 6000);
	compare_ops((struct map_params){BPF_MAP_TYPE_LRU_HASH, 4, 8, 4000}, 30, 6000);
	compare_ops((struct map_params){BPF_MAP_TYPE_LRU_PERCPU_HASH, 4, 8, 4000}, 30, 6000);
	compare_ops(
		(struct map_params){BPF_MAP_TYPE_LPM_TRIE, 8, 8, 30, BPF_F_NO_PREALLOC}, 1, 6000);
	compare_ops((struct map_params){BPF_MAP_TYPE_QUEUE, 0, 12, 20}, 1, 3000);
	compare_ops((struct map_params){BPF_MAP_TYPE_STACK, 0, 12, 20}, 1, 3000);
	compare_ops((struct map_params){BPF_MAP_TYPE_STACK_TRACE, 4, 80, 20}, 30, 500);
}

TEST(the_kernels_maps_of_objects_answer_alike)
{
	u32 key = 0, value = 12345,
	    kinds_of_slots[] = {BPF_MAP_TYPE_PROG_ARRAY, BPF_MAP_TYPE_PERF_EVENT_ARRAY,
		    BPF_MAP_TYPE_CGROUP_ARRAY, BPF_MAP_TYPE_RINGBUF};

	need_kernel();
	for (size_t i = 0; i < ARRAY_SIZE(kinds_of_slots); i++) {
		struct map_params p = {kinds_of_slots[i], 4, 4, 4, .caps = CAP_ALL};
		struct map *map = NULL;
		u32 next;
		int fd;

		if (p.type == BPF_MAP_TYPE_RINGBUF)
			p = (struct map_params){p.type, 0, 0, 4096, .caps = CAP_ALL};
		fd = kernel_create(&p);
		REQUIRE(fd >= 0);
		REQUIRE_EQ(map_new(&p, &map), 0);
		for (key = 0; key < 5 && p.key_size; key += 4) {
			CHECK_EQ(map->ops->copy_out(map, &key, &value, 0),
				kernel_op(fd, BPF_MAP_LOOKUP_ELEM, &key, &value, 0));
			CHECK_EQ(map->ops->remove(map, &key),
				kernel_op(fd, BPF_MAP_DELETE_ELEM, &key, NULL, 0));
			CHECK_EQ(map->ops->copy_in(map, &key, &value, 1),
				kernel_op(fd, BPF_MAP_UPDATE_ELEM, &key, &value, 1));
			CHECK_EQ(map->ops->next_key(map, &key, &next),
				kernel_op(fd, BPF_MAP_GET_NEXT_KEY, &key, &next, 0));
		}
		close(fd);
		map_unref(map);
	}
}
