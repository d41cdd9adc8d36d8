// SPDX-License-Identifier: BSD-2-Clause
#include "test/tap.h"

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>

static struct tap_test *tests, **tests_end = &tests;
static jmp_buf leave;
static bool has_failed, is_skipped;
static char skip_reason[512];

void tap_register(struct tap_test *test)
{
	*tests_end = test;
	tests_end = &test->next;
}

bool tap_check(bool ok, const char *file, int line, const char *format, ...)
{
	va_list args;

	if (ok)
		return true;
	has_failed = true;
	printf("# %s:%d: ", file, line);
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	printf("\n");
	return false;
}

bool tap_check_eq(s64 a, s64 b, const char *as, const char *bs, const char *file, int line)
{
	return tap_check(a == b, file, line, "%s == %s: %lld (0x%llx) is not %lld (0x%llx)", as, bs,
		(long long)a, (long long)a, (long long)b, (long long)b);
}

bool tap_check_str(const char *a, const char *b, const char *as, const char *file, int line)
{
	if (!a || !b)
		return tap_check(a == b, file, line, "%s: \"%s\" is not \"%s\"", as, a ? a : "NULL",
			b ? b : "NULL");
	return tap_check(
		strcmp(a, b) == 0, file, line, "%s:\n#  got  \"%s\"\n#  want \"%s\"", as, a, b);
}

bool tap_check_mem(
	const void *a, const void *b, size_t len, const char *as, const char *file, int line)
{
	const u8 *x = a, *y = b;

	for (size_t i = 0; i < len; i++)
		if (x[i] != y[i])
			return tap_check(false, file, line, "%s: byte %zu is 0x%02x, not 0x%02x",
				as, i, x[i], y[i]);
	return true;
}

void tap_stop(void)
{
	longjmp(leave, 1);
}

static bool is_ci(void)
{
	const char *ci = getenv("HACHI_CI");

	return ci && *ci && strcmp(ci, "0") != 0;
}

void tap_skip(bool ci_may_skip, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(skip_reason, sizeof(skip_reason), format, args);
	va_end(args);
	if (is_ci() && !ci_may_skip)
		tap_check(false, "HACHI_CI", 1, "skipped though CI has it: %s", skip_reason);
	else
		is_skipped = true;
	longjmp(leave, 1);
}

void tap_note(const char *format, ...)
{
	va_list args;

	printf("# ");
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	printf("\n");
}

static bool is_chosen(const struct tap_test *test, int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
		if (strstr(test->name, argv[i]))
			return true;
	return argc < 2;
}

int main(int argc, char **argv)
{
	volatile int count = 0, failed = 0;

	setvbuf(stdout, NULL, _IOLBF, 0);
	printf("TAP version 13\n");
	for (struct tap_test *test = tests; test; test = test->next) {
		if (!is_chosen(test, argc, argv))
			continue;
		has_failed = is_skipped = false;
		if (setjmp(leave) == 0)
			test->run();
		count++;
		failed += has_failed;
		printf("%sok %d - %s", has_failed ? "not " : "", count, test->name);
		if (is_skipped && !has_failed)
			printf(" # SKIP %s", skip_reason);
		printf("\n");
	}
	printf("1..%d\n", count);
	return failed ? 1 : 0;
}
