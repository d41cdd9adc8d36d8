// SPDX-License-Identifier: BSD-2-Clause
/*
 * What one pays for: each program compiled again with one more option, both images in turns, and
 * the geometric mean over all programs. And what a compilation and an entry cost.
 */
#include "bench/engine/contest.h"
#include "jit/validate.h"

#include <stdio.h>

enum { TURNS = 7, TURN_NS = 150000 };

static void with_fuel(struct code *code)
{
	code->uses_fuel = true;
}

static void with_blinding(struct code *code)
{
	code->blind = true;
}

static void with_retpolines(struct code *code)
{
	code->retpolines = true;
}

static struct cost {
	const char *name;
	void (*set)(struct code *code);
	bool only_changed;  /* programs whose code is another one with it */
	double times, size; /* sums of logarithms */
	u32 count;
} costs[] = {
	{"fuel and cancel checked", with_fuel, false, 0, 0, 0},
	{"constants blinded", with_blinding, false, 0, 0, 0},
	{"a tail call's retpoline", with_retpolines, true, 0, 0, 0},
};

static struct {
	double entry_ns, call_ns; /* the empty program; a C function as empty */
	double us, least_us, validate_us;
	u32 insns;
} compiled = {.least_us = 1e9};

static void note(struct cost *cost, struct contest *c)
{
	struct code code = *c->code;
	struct image *image;
	double ratio[TURNS];
	u32 repeat = contest_repeat(c, TURN_NS), turn;
	int ret;

	cost->set(&code);
	image = bench_compile(engine_default(), &code);
	if (!image)
		return;
	if (cost->only_changed && image->machine_size == c->images[0]->machine_size) {
		engine_default()->free(image);
		return;
	}
	for (turn = 0; turn < TURNS; turn++) {
		double plain = contest_image(c, c->images[0], repeat, &ret);

		ratio[turn] = contest_image(c, image, repeat, &ret) / plain;
	}
	cost->times += __builtin_log(bench_median(ratio, TURNS));
	cost->size +=
		__builtin_log((double)image->machine_size / (double)c->images[0]->machine_size);
	cost->count++;
	engine_default()->free(image);
}

static void note_entry(struct contest *c)
{
	double entry[TURNS], call[TURNS];
	u32 turn;
	int ret;

	for (turn = 0; turn < TURNS; turn++) {
		entry[turn] = contest_image(c, c->images[0], 200000, &ret);
		call[turn] = contest_measure(c, SCALAR, 200000, &ret);
	}
	compiled.entry_ns = bench_median(entry, TURNS);
	compiled.call_ns = bench_median(call, TURNS);
}

static double validate_ns;

/* Once more, in a chance of its own: what checking this image takes. */
static void time_validate(const struct validate *image, validate_fn machine)
{
	struct arena arena;
	struct validate v = *image;
	double start;

	arena_init(&arena);
	v.arena = &arena;
	arena_alloc(&arena, 1); /* its first block is the compiler's in truth */
	start = bench_now_ns();
	machine(&v);
	validate_ns = MIN(validate_ns, bench_now_ns() - start);
	arena_release(&arena);
}

static double validate_us(const struct code *code)
{
	u32 i;

	validate_ns = 1e18;
	validate_observer = time_validate;
	for (i = 0; i < 20; i++)
		engine_default()->free(bench_compile(engine_default(), code));
	validate_observer = NULL;
	return validate_ns / 1e3;
}

void costs_note(struct contest *c)
{
	double us = bench_compile_us(c->code);
	u32 i;

	compiled.least_us = MIN(compiled.least_us, us);
	if (strcmp(c->name, "empty") == 0) {
		note_entry(c);
		return;
	}
	compiled.us += us;
	compiled.validate_us += validate_us(c->code);
	compiled.insns += c->code->insn_count;
	for (i = 0; i < ARRAY_SIZE(costs); i++)
		note(&costs[i], c);
}

void costs_print(void)
{
	u32 i;

	printf("entry            an empty program %.1f ns, an empty C function %.1f ns: %.1f "
	       "beyond\n",
		compiled.entry_ns, compiled.call_ns, compiled.entry_ns - compiled.call_ns);
	if (compiled.insns)
		printf("compilation      %.1f us per 1,000 instructions, of which %.1f %% check "
		       "the "
		       "machine code; the smallest program %.1f us\n",
			compiled.us / compiled.insns * 1000,
			100 * compiled.validate_us / compiled.us, compiled.least_us);
	for (i = 0; i < ARRAY_SIZE(costs); i++) {
		if (costs[i].count)
			printf("%-24s %.2f of the time, %.2f of the size without\n", costs[i].name,
				__builtin_exp(costs[i].times / costs[i].count),
				__builtin_exp(costs[i].size / costs[i].count));
	}
}
