// SPDX-License-Identifier: BSD-2-Clause
/*
 * Loops that count from one constant to another take several turns at a time in machine code. Loops
 * of many shapes, with every comparison, of which most are such and others nearly, against the
 * interpreter: the result, what the counter is in the end, and memory.
 */
#include "base/str.h"
#include "jit/engine.h"
#include "test/tap.h"

enum {
	INSNS_MAX = 64,
	LOOPS = 20000,
	WORDS = 8, /* at the middle of memory, of which everybody knows */
	TURNS_MAX = 3000,
	NEAR_MAX = 64,		    /* counters that begin below this may be indices: ... */
	REACH = 2 * 10 * TURNS_MAX, /* ... this far around the middle of memory */
	R_SUM = 0,
	R_MEMORY = 1,
	R_COUNTER = 2,
	R_ADDRESS = 3,
	R_COPY = 4,
	R_VALUE = 5,
	R_LIMIT = 6,
};

static u64 state = 11;

static u32 below(u32 n)
{
	state = state * 6364136223846793005ull + 1442695040888963407ull;
	return (u32)((state >> 33) % n);
}

struct program {
	struct insn insns[INSNS_MAX];
	u32 count;
	bool is_near; /* the counter may be an index */
};

#define PUT(p, ...)                                                                                \
	do {                                                                                       \
		const struct insn put_[] = {__VA_ARGS__};                                          \
                                                                                                   \
		memcpy(&(p)->insns[(p)->count], put_, sizeof(put_));                               \
		(p)->count += ARRAY_SIZE(put_);                                                    \
	} while (0)

static u8 alu_class(void)
{
	return below(2) ? BPF_ALU64 : BPF_ALU;
}

/* memory[counter], in the ways in which compilers address it. */
static void put_element(struct program *p)
{
	s16 off = (s16)(8 * below(3));

	PUT(p, INSN_MOV64_REG(R_ADDRESS, R_MEMORY), INSN_ALU64_REG(BPF_ADD, R_ADDRESS, R_COUNTER));
	if (below(2))
		PUT(p, INSN_LDX_MEM(BPF_W, R_VALUE, R_ADDRESS, 0),
			INSN_ALU64_REG(BPF_ADD, R_SUM, R_VALUE));
	PUT(p, INSN_STX_MEM(BPF_H, R_ADDRESS, R_SUM, off));
}

/* Something that shows which turn this is, and in which order turns come. */
static void put_body(struct program *p)
{
	u32 left = 1 + below(3);

	if (p->is_near && below(2)) {
		put_element(p);
		left--;
	}
	while (left--) {
		switch (below(6)) {
		case 0:
			PUT(p, INSN_MOV64_REG(R_ADDRESS, R_COUNTER),
				INSN_ALU64_IMM(BPF_AND, R_ADDRESS, WORDS - 1),
				INSN_ALU64_IMM(BPF_LSH, R_ADDRESS, 3),
				INSN_ALU64_REG(BPF_ADD, R_ADDRESS, R_MEMORY),
				INSN_STX_MEM(BPF_DW, R_ADDRESS, R_SUM, 0));
			break;
		case 1:
			PUT(p, INSN_LDX_MEM(BPF_DW, R_VALUE, R_MEMORY, (s16)(8 * below(WORDS))),
				INSN_ALU64_REG(BPF_ADD, R_SUM, R_VALUE));
			break;
		case 2:
			PUT(p, INSN_ALU64_IMM(BPF_LSH, R_SUM, 1),
				INSN_ALU64_REG(BPF_XOR, R_SUM, R_COUNTER));
			break;
		case 3: PUT(p, INSN_ALU32_REG(BPF_ADD, R_SUM, R_COUNTER)); break;
		case 4:
			PUT(p, INSN_STX_MEM(BPF_B, R_MEMORY, R_COUNTER, (s16)below(8 * WORDS)),
				INSN_ALU64_IMM(BPF_ADD, R_SUM, 1));
			break;
		default:
			if (below(8) == 0) /* loops that stay what they are */
				PUT(p, INSN_ALU64_IMM(BPF_MUL, R_SUM, 3));
			if (below(8) == 0 && !p->is_near)
				PUT(p, INSN_ALU64_IMM(BPF_AND, R_COUNTER, 0xffffff));
		}
	}
}

struct counter {
	s32 start, step, limit;
};

static struct counter any_counter(void)
{
	static const s32 edges[] = {INT32_MAX, INT32_MIN, -1, 0, 1, 1 << 30};
	struct counter c;

	c.start = below(4) ? (s32)below(64) : below(2) ? (s32)below(1u << 31) : -(s32)below(64);
	c.step = below(4) ? 1 + (s32)below(9) : -1 - (s32)below(9);
	if (below(16) == 0)
		c.start = edges[below(ARRAY_SIZE(edges))];
	c.limit = (s32)((u32)c.start + (u32)c.step * below(120));
	if (below(4) == 0)
		c.limit = (s32)((u32)c.limit + below(7) - 3);
	if (below(16) == 0)
		c.limit = edges[below(ARRAY_SIZE(edges))];
	return c;
}

static u8 any_comparison(void)
{
	static const u8 ops[] = {BPF_JNE, BPF_JNE, BPF_JLT, BPF_JLT, BPF_JLE, BPF_JGT, BPF_JGE,
		BPF_JSLT, BPF_JSLE, BPF_JSGT, BPF_JSGE, BPF_JEQ, BPF_JSET};

	return (u8)(ops[below(ARRAY_SIZE(ops))] | (below(3) ? BPF_JMP : BPF_JMP32));
}

static void put_start(struct program *p, s32 start)
{
	switch (below(3)) {
	case 0: PUT(p, INSN_MOV64_IMM(R_COUNTER, start)); break;
	case 1: PUT(p, INSN_MOV32_IMM(R_COUNTER, start)); break;
	default: PUT(p, INSN_LD_IMM64(R_COUNTER, (s64)start));
	}
	if (below(3) == 0)
		PUT(p, INSN_ALU64_IMM(BPF_ADD, R_SUM, 5));
	if (below(4) == 0) /* another block in front */
		PUT(p, INSN_JMP_IMM(BPF_JEQ, R_SUM, 77, 0));
}

/* reg op limit, with an immediate, or with a register on either side. */
static struct insn any_test(struct program *p, u8 op, u8 reg, s32 limit)
{
	static const u8 exchanged[16] = {[BPF_JEQ >> 4] = BPF_JEQ,
		[BPF_JNE >> 4] = BPF_JNE,
		[BPF_JSET >> 4] = BPF_JSET,
		[BPF_JLT >> 4] = BPF_JGT,
		[BPF_JGT >> 4] = BPF_JLT,
		[BPF_JLE >> 4] = BPF_JGE,
		[BPF_JGE >> 4] = BPF_JLE,
		[BPF_JSLT >> 4] = BPF_JSGT,
		[BPF_JSGT >> 4] = BPF_JSLT,
		[BPF_JSLE >> 4] = BPF_JSGE,
		[BPF_JSGE >> 4] = BPF_JSLE};

	switch (below(4)) {
	case 0: PUT(p, INSN_MOV64_IMM(R_LIMIT, limit)); FALLTHROUGH;
	case 1: return INSN_RAW(op | BPF_X, reg, R_LIMIT, 0, 0);
	case 2:
		op = (u8)(exchanged[op >> 4] | (op & 7) | BPF_X);
		return INSN_RAW(op, R_LIMIT, reg, 0, 0);
	default: return INSN_RAW(op, reg, 0, 0, limit);
	}
}

/* do { } while: the comparison last, of the counter or of a copy. */
static void put_do_while(struct program *p, const struct counter *c)
{
	u32 head = p->count, copy = below(4);
	struct insn test;
	u8 alu = alu_class();

	if (copy == 1)
		PUT(p, INSN_MOV64_REG(R_COPY, R_COUNTER));
	put_body(p);
	PUT(p, INSN_RAW(alu | BPF_ADD | BPF_K, R_COUNTER, 0, 0, c->step));
	if (copy == 2)
		PUT(p, INSN_MOV32_REG(R_COPY, R_COUNTER));
	if (below(4) == 0)
		put_body(p);
	test = any_test(p, any_comparison(), copy == 1 || copy == 2 ? R_COPY : R_COUNTER, c->limit);
	test.off = (s16)(head - p->count - 1);
	PUT(p, test);
	if (copy == 3)
		PUT(p, INSN_MOV64_REG(R_COPY, R_COUNTER));
}

/* while () { }: the comparison leads out, from the front or from the middle. */
static void put_while(struct program *p, const struct counter *c)
{
	u32 head = p->count, test;
	u8 alu = alu_class(), op = any_comparison(), reg = below(3) ? R_COUNTER : R_COPY;
	bool is_counted = below(2), is_early = below(2);
	struct insn insn;

	if (below(2))
		put_body(p);
	if (is_counted)
		PUT(p, INSN_RAW(alu | BPF_ADD | BPF_K, R_COUNTER, 0, 0, c->step));
	if (reg == R_COPY && is_early)
		PUT(p, INSN_MOV64_REG(R_COPY, R_COUNTER));
	insn = any_test(p, op, reg, c->limit);
	test = p->count;
	PUT(p, insn);
	if (below(2))
		put_body(p);
	if (below(4) == 0) /* what the next turn compares with */
		PUT(p, INSN_MOV64_IMM(R_LIMIT, (s32)((u32)c->limit + below(3))));
	if (reg == R_COPY && !is_early) /* of the turn before */
		PUT(p, INSN_MOV64_REG(R_COPY, R_COUNTER));
	if (!is_counted)
		PUT(p, INSN_RAW(alu | BPF_ADD | BPF_K, R_COUNTER, 0, 0, c->step));
	PUT(p, INSN_JA((s16)(head - p->count - 1)));
	p->insns[test].off = (s16)(p->count - test - 1);
}

static void make(struct program *p)
{
	struct counter c = any_counter();

	p->count = 0;
	p->is_near = c.start >= 0 && c.start < NEAR_MAX && c.step > 0;
	PUT(p, INSN_MOV64_IMM(R_SUM, 3), INSN_MOV64_IMM(R_COPY, 9),
		INSN_MOV64_IMM(R_LIMIT, c.limit));
	put_start(p, c.start);
	if (below(2))
		put_do_while(p, &c);
	else
		put_while(p, &c);
	if (below(2)) /* what nobody needs any more may be gone */
		PUT(p, INSN_ALU64_IMM(BPF_LSH, R_SUM, 3),
			INSN_ALU64_REG(BPF_XOR, R_SUM, R_COUNTER));
	if (below(2))
		PUT(p, INSN_ALU64_IMM(BPF_LSH, R_SUM, 3), INSN_ALU64_REG(BPF_XOR, R_SUM, R_COPY));
	PUT(p, INSN_EXIT());
}

struct outcome {
	u64 r0;
	u8 memory[REACH];
	bool is_stopped;
};

static bool run(const struct engine *engine, const struct program *p, struct outcome *ret)
{
	bool is_interp = engine == &engine_interp;
	struct code code = {.insns = p->insns, .insn_count = p->count, .uses_fuel = is_interp};
	struct run run = {.fuel = is_interp ? TURNS_MAX : -1};
	struct image *image;
	u32 i;

	if (!CHECK_EQ(engine->compile(&code, NULL, &image), 0))
		return false;
	for (i = 0; i < REACH; i++)
		ret->memory[i] = (u8)(i * 7 ^ i >> 8);
	run.image = image;
	ret->r0 = image->entry(ret->memory + REACH / 2, &run);
	ret->is_stopped = run.fault != RUN_OK;
	engine->free(image);
	return true;
}

static u32 count_of(const char *text, const char *what)
{
	u32 count = 0;

	while ((text = strstr(text, what)) != NULL) {
		text++;
		count++;
	}
	return count;
}

static u32 times_in_code(const struct engine *jit, const struct program *p, const char *what)
{
	struct code code = {.insns = p->insns, .insn_count = p->count};
	struct strbuf text = {0};
	u32 count;

	CHECK_EQ(jit->dump(&code, "build", &text), 0);
	count = count_of(strbuf_cstr(&text), what);
	strbuf_release(&text);
	return count;
}

TEST(loops_of_every_shape_do_what_they_did)
{
	const struct engine *jit = engine_by_name("jit");
	u32 i, unrolled = 0, done = 0, wrong = 0;

	if (!jit)
		SKIP_HERE("no JIT for this machine");
	for (i = 0; i < LOOPS && wrong < 5; i++) {
		static struct outcome want, got;
		struct program p;

		make(&p);
		if (!run(&engine_interp, &p, &want))
			return;
		if (want.is_stopped) /* would go on for long, or for ever */
			continue;
		if (!run(jit, &p, &got))
			return;
		done++;
		if (done % 16 == 0) {
			u32 once = 0, k;

			for (k = 0; k < p.count; k++)
				once += p.insns[k].op == (BPF_STX | BPF_MEM | BPF_B);
			unrolled += once && times_in_code(jit, &p, "store8") > once;
		}
		if (want.r0 == got.r0 && !memcmp(want.memory, got.memory, sizeof(want.memory)))
			continue;
		wrong++;
		CHECK_MSG(false, "loop %u: 0x%llx, interpreted 0x%llx", i,
			(unsigned long long)got.r0, (unsigned long long)want.r0);
	}
	tap_note("%u loops; of each 16th %u take several turns at a time", done, unrolled);
	CHECK(done > LOOPS / 3);
	CHECK(unrolled > done / 16 / 50);
}

/* How often the body of a loop of this many turns stands in the code. */
static u32 bodies(const struct engine *jit, u32 turns, bool has_other_way_out)
{
	struct program p = {.count = 0};

	PUT(&p, INSN_MOV64_IMM(2, 0), INSN_MOV64_IMM(0, 0));
	if (has_other_way_out)
		PUT(&p, INSN_JMP_IMM(BPF_JEQ, 0, 1, 3));
	PUT(&p, INSN_STX_MEM(BPF_B, 1, 2, 0), INSN_ALU64_IMM(BPF_ADD, 2, 1),
		INSN_JMP_IMM(BPF_JNE, 2, (s32)turns, (s16)(has_other_way_out ? -4 : -3)),
		INSN_EXIT());
	return times_in_code(jit, &p, "store8");
}

TEST(rounds_go_into_the_number_of_turns)
{
	const struct engine *jit = engine_by_name("jit");

	if (!jit)
		SKIP_HERE("no JIT for this machine");
	CHECK_EQ(bodies(jit, 64, false), 8);
	CHECK_EQ(bodies(jit, 60, false), 6);
	CHECK_EQ(bodies(jit, 25, false), 5);
	CHECK_EQ(bodies(jit, 97, false), 1);
	CHECK_EQ(bodies(jit, 2, false), 1);
	CHECK_EQ(bodies(jit, 64, true), 1);
}
