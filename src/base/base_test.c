// SPDX-License-Identifier: BSD-2-Clause
#include "base/alloc.h"
#include "base/arena.h"
#include "base/bitset.h"
#include "base/exec_mem.h"
#include "base/hash.h"
#include "base/idmap.h"
#include "base/log.h"
#include "base/os.h"
#include "base/str.h"
#include "base/vec.h"
#include "test/tap.h"

#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

TEST(sha1_of_abc_is_the_standard_vector)
{
	static const u8 want[] = {0xa9, 0x99, 0x3e, 0x36, 0x47, 0x06, 0x81, 0x6a, 0xba, 0x3e, 0x25,
		0x71, 0x78, 0x50, 0xc2, 0x6c, 0x9c, 0xd0, 0xd8, 0x9d};
	u8 got[SHA1_SIZE];

	sha1("abc", 3, got);
	CHECK_MEM(got, want, sizeof(want));
}

TEST(sha256_of_two_blocks_is_the_standard_vector)
{
	static const u8 want[] = {0x24, 0x8d, 0x6a, 0x61, 0xd2, 0x06, 0x38, 0xb8, 0xe5, 0xc0, 0x26,
		0x93, 0x0c, 0x3e, 0x60, 0x39, 0xa3, 0x3c, 0xe4, 0x59, 0x64, 0xff, 0x21, 0x67, 0xf6,
		0xec, 0xed, 0xd4, 0x19, 0xdb, 0x06, 0xc1};
	u8 got[SHA256_SIZE];

	sha256("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 56, got);
	CHECK_MEM(got, want, sizeof(want));
}

TEST(rotating_log_keeps_the_end)
{
	char buf[8];
	struct log log;
	u32 true_size;

	log_init(&log, buf, sizeof(buf), LOG_LEVEL1);
	log_printf(&log, "0123456789");
	log_printf(&log, "abc");
	CHECK_EQ(log_finish(&log, &true_size), -ENOSPC);
	CHECK_STR(buf, "6789abc");
	CHECK_EQ(true_size, 14);
}

TEST(fixed_log_keeps_the_start_and_reset_takes_back)
{
	char buf[8];
	struct log log;
	u32 true_size;

	log_init(&log, buf, sizeof(buf), LOG_LEVEL1 | LOG_FIXED);
	log_printf(&log, "abc");
	log_printf(&log, "0123456789");
	log_reset(&log, 3);
	log_printf(&log, "de");
	CHECK_EQ(log_finish(&log, &true_size), -ENOSPC);
	CHECK_STR(buf, "abcde");
	CHECK_EQ(true_size, 14);
}

TEST(log_without_a_buffer_counts)
{
	struct log log;
	u32 true_size;

	log_init(&log, NULL, 0, LOG_LEVEL1);
	log_printf(&log, "hello");
	CHECK_EQ(log_finish(&log, &true_size), 0);
	CHECK_EQ(true_size, 6);
}

TEST(idmap_equals_a_plain_array)
{
	static void *model[512];
	struct idmap map = {0};
	u64 seed = 1;
	size_t live = 0;

	for (int i = 0; i < 200000; i++) {
		u64 key;

		seed = hash_u64(seed + (u64)i);
		key = seed % ARRAY_SIZE(model);
		if (seed >> 60 & 1) {
			live += model[key] == NULL;
			model[key] = &model[seed >> 32 & 511];
			REQUIRE_EQ(idmap_put(&map, key, model[key]), 0);
		} else {
			void *old = idmap_remove(&map, key);

			REQUIRE(old == model[key]);
			live -= old != NULL;
			model[key] = NULL;
		}
		REQUIRE_EQ(map.len, live);
	}
	for (u64 key = 0; key < ARRAY_SIZE(model); key++)
		CHECK(idmap_get(&map, key) == model[key]);
	idmap_release(&map);
}

TEST(arena_gives_aligned_zeroed_memory_and_survives_failure)
{
	struct arena arena;
	u8 *p;

	arena_init(&arena);
	for (size_t size = 1; size < 100000; size = size * 3 + 1) {
		p = arena_zalloc(&arena, size);
		REQUIRE(p != NULL);
		CHECK_EQ((uintptr_t)p % 16, 0);
		CHECK_EQ(p[size - 1], 0);
	}
	mem_fail_nth(1);
	CHECK(arena_alloc(&arena, 1 << 21) == NULL);
	CHECK(mem_has_failed());
	CHECK(arena_calloc(&arena, SIZE_MAX / 2, 3) == NULL);
	CHECK_STR(arena_printf(&arena, "%d-%s", 7, "x"), "7-x");
	arena_release(&arena);
}

TEST(numbers_are_read_whole_or_not_at_all)
{
	u64 u;
	s64 s;

	CHECK_EQ(str_to_u64("0x10", &u), 0);
	CHECK_EQ(u, 16);
	CHECK_EQ(str_to_u64("12x", &u), -EINVAL);
	CHECK_EQ(str_to_u64("", &u), -EINVAL);
	CHECK_EQ(str_to_u64("18446744073709551616", &u), -ERANGE);
	CHECK_EQ(str_to_s64("-9223372036854775808", &s), 0);
	CHECK_EQ(s, INT64_MIN);
	CHECK_EQ(str_to_s64("9223372036854775808", &s), -ERANGE);
}

TEST(bitset_walks_only_set_bits)
{
	u64 set[BITSET_WORDS(130)] = {0};
	size_t bit, count = 0;

	bitset_set(set, 0);
	bitset_set(set, 64);
	bitset_set(set, 129);
	bitset_for_each (bit, set, 130)
		count += bit;
	CHECK_EQ(count, 193);
	CHECK_EQ(bitset_next(set, 130, 65), 129);
}

TEST(sealed_code_is_not_writable)
{
	struct exec_mem mem;
	char line[256];
	FILE *maps;
	bool found = false;

	REQUIRE_EQ(exec_mem_new(100, &mem), 0);
	mem.base[0] = 0xc3;
	REQUIRE_EQ(exec_mem_seal(&mem), 0);
	maps = fopen("/proc/self/maps", "r");
	REQUIRE(maps != NULL);
	while (fgets(line, sizeof(line), maps)) {
		unsigned long from, to;
		char prot[8];

		if (sscanf(line, "%lx-%lx %7s", &from, &to, prot) == 3 &&
			from == (uintptr_t)mem.base) {
			found = true;
			CHECK_STR(prot, "r-xp");
		}
	}
	fclose(maps);
	CHECK(found);
	exec_mem_free(&mem);
}

TEST(peek_reports_a_bad_address)
{
	int x = 5, y = 0;

	CHECK_EQ(os_peek(&y, &x, sizeof(x)), 0);
	CHECK_EQ(y, 5);
	CHECK_EQ(os_peek(&y, (void *)16, sizeof(y)), -EFAULT);
}

TEST(a_thread_knows_itself_after_fork_and_death_shows)
{
	u64 self = os_self(), child_self = 0;
	int pipe_fds[2], status;
	pid_t pid;

	CHECK(self != 0);
	CHECK_EQ(os_self(), self);
	CHECK(!os_is_gone(self));
	REQUIRE_EQ(pipe(pipe_fds), 0);
	pid = fork();
	if (pid == 0) {
		u64 mine = os_self();

		_exit(write(pipe_fds[1], &mine, sizeof(mine)) != sizeof(mine));
	}
	CHECK_EQ(read(pipe_fds[0], &child_self, sizeof(child_self)), sizeof(child_self));
	CHECK(child_self != 0 && child_self != self);
	/* a zombie is gone already */
	for (int i = 0; i < 1000 && !os_is_gone(child_self); i++)
		usleep(1000);
	CHECK(os_is_gone(child_self));
	waitpid(pid, &status, 0);
	CHECK(os_is_gone(child_self));
	CHECK_EQ(status, 0);
	close(pipe_fds[0]);
	close(pipe_fds[1]);
}
