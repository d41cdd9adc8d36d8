/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The test harness. A test file is src/x/y_test.c (or test/unit/y_test.c), one binary each:
 *
 *	#include "test/tap.h"
 *	TEST(sum_wraps_at_64_bits)
 *	{
 *		CHECK_EQ(sum(UINT64_MAX, 1), 0);
 *	}
 *
 * A failed check says both sides and the test goes on; REQUIRE ends the test. SKIP("reason") ends
 * it as skipped; under HACHI_CI=1 a reason that CI cannot have is a failure (SKIP_HERE: a skip that
 * even CI may take). Output is TAP 13; arguments choose tests by substring.
 */
#ifndef TEST_TAP_H
#define TEST_TAP_H

#include "base/types.h"

struct tap_test {
	const char *name;
	void (*run)(void);
	struct tap_test *next;
};

void tap_register(struct tap_test *test);
bool tap_check(bool ok, const char *file, int line, const char *format, ...) PRINTF_LIKE(4, 5);
bool tap_check_eq(s64 a, s64 b, const char *as, const char *bs, const char *file, int line);
bool tap_check_str(const char *a, const char *b, const char *as, const char *file, int line);
bool tap_check_mem(
	const void *a, const void *b, size_t len, const char *as, const char *file, int line);
_Noreturn void tap_stop(void);
_Noreturn void tap_skip(bool ci_may_skip, const char *format, ...) PRINTF_LIKE(2, 3);
void tap_note(const char *format, ...) PRINTF_LIKE(1, 2);

#define TEST(fn)                                                                                   \
	static void fn(void);                                                                      \
	__attribute__((constructor)) static void fn##_register(void)                               \
	{                                                                                          \
		static struct tap_test test = {#fn, fn, NULL};                                     \
		tap_register(&test);                                                               \
	}                                                                                          \
	static void fn(void)

#define CHECK(cond)	     tap_check((cond), __FILE__, __LINE__, "%s", #cond)
#define CHECK_MSG(cond, ...) tap_check((cond), __FILE__, __LINE__, __VA_ARGS__)
#define CHECK_EQ(a, b)	     tap_check_eq((s64)(a), (s64)(b), #a, #b, __FILE__, __LINE__)
#define CHECK_STR(a, b)	     tap_check_str((a), (b), #a, __FILE__, __LINE__)
#define CHECK_MEM(a, b, n)   tap_check_mem((a), (b), (n), #a, __FILE__, __LINE__)
#define REQUIRE(cond)                                                                              \
	do {                                                                                       \
		if (!CHECK(cond))                                                                  \
			tap_stop();                                                                \
	} while (0)
#define REQUIRE_EQ(a, b)                                                                           \
	do {                                                                                       \
		if (!CHECK_EQ(a, b))                                                               \
			tap_stop();                                                                \
	} while (0)
#define SKIP(...)      tap_skip(false, __VA_ARGS__)
#define SKIP_HERE(...) tap_skip(true, __VA_ARGS__)

#endif
