// SPDX-License-Identifier: BSD-2-Clause
/*
 * Bytes as a verified program with maps, helpers, functions, callbacks and tail calls, which must
 * do the same on the interpreter and on every variant of the JIT (fuzz/equal.h).
 */
#include "fuzz/equal.h"
#include "fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct equal_side side;
	static struct equal_case c;
	struct equal_report r;

	if (!engine_by_name("jit"))
		return 0;
	if (!side.h)
		FUZZ_CHECK(equal_open(&side) == 0);
	if (size < 4)
		return 0;
	c.seed = data[0];
	c.has_other = data[1] & 1;
	c.flags = EQUAL_ALL_FLAGS & (c.has_other ? ~0u : ~(u32)GEN_TAIL);
	gen_program_from(data + 2, size - 2, c.flags, &c.progs[1]);
	if (c.has_other)
		gen_program(data[1], EQUAL_ALL_FLAGS & ~(u32)(GEN_TAIL | GEN_FUNCS), &c.progs[0]);
	if (equal_try(&side, &c, (1 << EQUAL_VARIANTS) - 1, &r) == 0 && r.what) {
		equal_show(&side, &r);
		equal_show_program(&c.progs[1]);
		FUZZ_CHECK(r.what == NULL);
	}
	return 0;
}
