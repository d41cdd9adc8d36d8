// SPDX-License-Identifier: BSD-2-Clause
/* Memory for machine code: what may be done with it before and after it is sealed, and around it.
 */
#include "base/exec_mem.h"
#include "test/tap.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

enum access { READ, WRITE, EXECUTE };

/* The signal that ends a child which does this; 0: nothing happens to it. */
static int signal_of(enum access access, u8 *at)
{
	static const int signals[] = {SIGSEGV, SIGBUS, SIGILL};
	int status;
	pid_t child = fork();

	if (child == 0) {
		/* a sanitizer's handlers would report, and exit instead */
		for (u32 i = 0; i < ARRAY_SIZE(signals); i++)
			signal(signals[i], SIG_DFL);
		close(STDERR_FILENO); /* emulators say something there */
		switch (access) {
		case READ: *(volatile u8 *)at; break;
		case WRITE: *(volatile u8 *)at = 0; break;
		case EXECUTE: ((void (*)(void))(uintptr_t)at)(); break;
		}
		_exit(0);
	}
	if (child < 0 || waitpid(child, &status, 0) != child)
		return -1;
	return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

static void put_return(u8 *at)
{
#ifdef __aarch64__
	static const u32 code[] = {0xd503245f /* bti c */, 0xd65f03c0 /* ret */};
#else
	static const u8 code[] = {0xf3, 0x0f, 0x1e, 0xfa /* endbr64 */, 0xc3 /* ret */};
#endif
	memcpy(at, code, sizeof(code));
}

TEST(code_is_written_then_sealed_and_never_both)
{
	struct exec_mem mem;

	REQUIRE_EQ(exec_mem_new(100, &mem), 0);
	put_return(mem.base);
	CHECK_EQ(signal_of(WRITE, mem.base), 0);
	CHECK_EQ(signal_of(EXECUTE, mem.base), SIGSEGV);
	REQUIRE_EQ(exec_mem_seal(&mem), 0);
	CHECK(mem.is_sealed);
	CHECK_EQ(signal_of(READ, mem.base), 0);
	CHECK_EQ(signal_of(EXECUTE, mem.base), 0);
	CHECK_EQ(signal_of(WRITE, mem.base), SIGSEGV);
	CHECK_EQ(signal_of(WRITE, mem.base + mem.size - 1), SIGSEGV);
	exec_mem_free(&mem);
	CHECK(!mem.base);
	exec_mem_free(&mem);
}

TEST(guard_pages_stand_on_both_sides)
{
	static const size_t sizes[] = {1, 4096, 4097, 300000};

	for (u32 i = 0; i < ARRAY_SIZE(sizes); i++) {
		struct exec_mem mem;

		REQUIRE_EQ(exec_mem_new(sizes[i], &mem), 0);
		CHECK(mem.size >= sizes[i]);
		for (int sealed = 0; sealed < 2; sealed++) {
			CHECK_EQ(signal_of(READ, mem.base - 1), SIGSEGV);
			CHECK_EQ(signal_of(WRITE, mem.base - 1), SIGSEGV);
			CHECK_EQ(signal_of(READ, mem.base + mem.size), SIGSEGV);
			CHECK_EQ(signal_of(WRITE, mem.base + mem.size), SIGSEGV);
			CHECK_EQ(signal_of(READ, mem.base + mem.size - 1), 0);
			if (!sealed)
				REQUIRE_EQ(exec_mem_seal(&mem), 0);
		}
		exec_mem_free(&mem);
	}
}

TEST(an_address_that_held_code_is_not_soon_code_again)
{
	u8 *first;
	struct exec_mem mem;

	REQUIRE_EQ(exec_mem_new(4096, &mem), 0);
	first = mem.base;
	exec_mem_free(&mem);
	for (u32 i = 0; i < 1000; i++) {
		REQUIRE_EQ(exec_mem_new(4096, &mem), 0);
		CHECK(mem.base != first);
		exec_mem_free(&mem);
	}
}

static bool overlap(const struct exec_mem *a, const struct exec_mem *b)
{
	return a->base < b->base + b->size && b->base < a->base + a->size;
}

TEST(addresses_serve_again_but_not_while_code_is_there)
{
	enum { LARGE = 16 << 20 };
	struct exec_mem small, held = {0}, mem;
	u32 i;

	REQUIRE_EQ(exec_mem_new(5000, &small), 0);
	put_return(small.base);
	REQUIRE_EQ(exec_mem_seal(&small), 0);
	for (i = 0; i < 300; i++) { /* several times around */
		REQUIRE_EQ(exec_mem_new(LARGE, &mem), 0);
		CHECK(!overlap(&mem, &small) && !overlap(&mem, &held));
		exec_mem_free(&held);
		held = mem;
	}
	CHECK_EQ(signal_of(READ, held.base - 1), SIGSEGV);
	CHECK_EQ(signal_of(READ, held.base + held.size), SIGSEGV);
	exec_mem_free(&held);
	CHECK_EQ(signal_of(EXECUTE, small.base), 0);
	CHECK_EQ(signal_of(READ, small.base - 1), SIGSEGV);
	CHECK_EQ(signal_of(READ, small.base + small.size), SIGSEGV);
	exec_mem_free(&small);
}

TEST(what_the_common_range_cannot_hold_is_held_elsewhere)
{
	struct exec_mem large, small;

	REQUIRE_EQ(exec_mem_new((size_t)3 << 30, &large), 0);
	REQUIRE_EQ(exec_mem_new(1, &small), 0);
	CHECK(!overlap(&large, &small));
	CHECK_EQ(signal_of(READ, large.base - 1), SIGSEGV);
	CHECK_EQ(signal_of(READ, large.base + large.size - 1), 0);
	CHECK_EQ(signal_of(READ, large.base + large.size), SIGSEGV);
	exec_mem_free(&large);
	exec_mem_free(&small);
}

TEST(freed_memory_is_not_there_any_more)
{
	struct exec_mem mem;
	u8 *base;

	REQUIRE_EQ(exec_mem_new(1, &mem), 0);
	base = mem.base;
	put_return(base);
	REQUIRE_EQ(exec_mem_seal(&mem), 0);
	exec_mem_free(&mem);
	CHECK_EQ(signal_of(READ, base), SIGSEGV);
	CHECK_EQ(signal_of(EXECUTE, base), SIGSEGV);
}

TEST(sizes_that_cannot_be_are_refused)
{
	struct exec_mem mem = {0};

	CHECK(exec_mem_new(SIZE_MAX, &mem) < 0);
	CHECK(exec_mem_new(SIZE_MAX - 8192, &mem) < 0);
	CHECK(!mem.base);
}
