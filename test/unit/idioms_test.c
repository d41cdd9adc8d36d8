// SPDX-License-Identifier: BSD-2-Clause
/*
 * Logarithms and counts of bits, as programs spell them out, become instructions; what only looks
 * like one does not. Both in many spellings, and with one thing changed anywhere, against the
 * interpreter.
 */
#include "base/str.h"
#include "jit/engine.h"
#include "test/tap.h"

enum { INSNS_MAX = 96, MUTANTS = 30000, R_RESULT = 0, R_X = 2, R_STEP = 3, R_CONST = 4 };

static u64 state = 7;

static u32 below(u32 n)
{
	state = state * 6364136223846793005ull + 1442695040888963407ull;
	return (u32)((state >> 33) % n);
}

struct program {
	struct insn insns[INSNS_MAX];
	u32 count;
};

static void put(struct program *p, const struct insn *insns, u32 count)
{
	memcpy(&p->insns[p->count], insns, count * sizeof(*insns));
	p->count += count;
}

#define PUT(p, ...)                                                                                \
	do {                                                                                       \
		const struct insn put_[] = {__VA_ARGS__};                                          \
		put(p, put_, ARRAY_SIZE(put_));                                                    \
	} while (0)

/* r3 = r2 has a bit from `bits` on ? unit : 0, said in one of several ways. */
static void put_question(struct program *p, u32 bits, u32 unit, u8 jmp)
{
	struct insn branch = INSN_RAW(jmp | BPF_JGE | BPF_X, R_X, R_CONST, 1, 0);
	u64 limit = 1ull << bits;
	bool is_inverted = below(2);

	if (below(2)) {
		branch.op = jmp | BPF_JGT | BPF_X;
		limit--;
	}
	if (is_inverted) /* the opposite of >= is <, of > is <= */
		branch.op = (u8)(jmp | BPF_X | ((branch.op & 0xf0) == BPF_JGE ? BPF_JLT : BPF_JLE));
	PUT(p, INSN_LD_IMM64(R_CONST, limit));
	PUT(p, INSN_MOV64_IMM(R_STEP, is_inverted ? 0 : (s32)unit), branch,
		INSN_MOV64_IMM(R_STEP, is_inverted ? (s32)unit : 0));
}

enum bound { BOUND_NONE, BOUND_SHIFT, BOUND_BRANCH, BOUND_COUNT };

/* r0 = log2 of *(u64 *)r1, or of what the bound leaves of it. */
static void make_log2(struct program *p, u32 steps, bool is_32, enum bound bound)
{
	u8 alu = is_32 ? BPF_ALU : BPF_ALU64, jmp = is_32 && steps < 5 ? BPF_JMP32 : BPF_JMP;
	u32 step;

	p->count = 0;
	PUT(p, INSN_LDX_MEM(BPF_DW, R_X, 1, 0), INSN_MOV64_IMM(R_RESULT, 0));
	if (bound == BOUND_SHIFT)
		PUT(p, INSN_ALU64_IMM(BPF_RSH, R_X, 64 - (1 << (steps + 1))));
	if (bound == BOUND_BRANCH) {
		PUT(p, INSN_LD_IMM64(R_CONST, 1ull << 32));
		PUT(p, INSN_JMP_REG(BPF_JLT, R_X, R_CONST, 2), INSN_MOV64_IMM(R_RESULT, 99),
			INSN_EXIT());
	}
	for (step = steps; step; step--) {
		bool is_shifted = below(2);

		put_question(p, 1u << step, is_shifted ? 1 : 1u << step, jmp);
		if (is_shifted)
			PUT(p, INSN_RAW(alu | BPF_LSH | BPF_K, R_STEP, 0, 0, (s32)step));
		PUT(p, INSN_RAW(alu | BPF_RSH | BPF_X, R_X, R_STEP, 0, 0),
			INSN_RAW(alu | (below(2) ? BPF_OR : BPF_ADD) | BPF_X, R_RESULT, R_STEP, 0,
				0));
	}
	PUT(p, INSN_RAW(alu | BPF_RSH | BPF_K, R_X, 0, 0, 1),
		INSN_RAW(alu | BPF_OR | BPF_X, R_RESULT, R_X, 0, 0), INSN_EXIT());
}

/* r0 = bits set in *(u64 *)r1, or in its low half. */
static void make_count(struct program *p, bool is_32, bool is_clang)
{
	u8 alu = is_32 ? BPF_ALU : BPF_ALU64;

#define MASK(reg, byte)                                                                            \
	INSN_LD_IMM64(R_CONST, 0x0101010101010101ull * (byte)),                                    \
		INSN_RAW(alu | BPF_AND | BPF_X, reg, R_CONST, 0, 0)
#define OP(op, dst, src)  INSN_RAW(alu | (op) | BPF_X, dst, src, 0, 0)
#define SHIFT(dst, count) INSN_RAW(alu | BPF_RSH | BPF_K, dst, 0, 0, count)
	p->count = 0;
	PUT(p, INSN_LDX_MEM(BPF_DW, 0, 1, 0), INSN_MOV64_REG(2, 0), SHIFT(2, 1), MASK(2, 0x55));
	if (is_clang)
		PUT(p, OP(BPF_SUB, 0, 2));
	else
		PUT(p, MASK(0, 0x55), OP(BPF_ADD, 0, 2));
	PUT(p, INSN_MOV64_REG(2, 0), SHIFT(2, 2), MASK(2, 0x33), MASK(0, 0x33));
	if (below(2))
		PUT(p, OP(BPF_ADD, 0, 2));
	else
		PUT(p, OP(BPF_ADD, 2, 0), INSN_MOV64_REG(0, 2));
	PUT(p, INSN_MOV64_REG(2, 0), SHIFT(2, 4), OP(BPF_ADD, 0, 2), MASK(0, 0x0f));
	PUT(p, INSN_LD_IMM64(R_CONST, 0x0101010101010101ull), OP(BPF_MUL, 0, R_CONST),
		SHIFT(0, is_32 ? 24 : 56), INSN_EXIT());
}

/* ---- comparing ----------------------------------------------------------------------------- */

static u64 inputs[256];

static void make_inputs(void)
{
	u32 i, count = 0;

	inputs[count++] = 0;
	for (i = 0; i < 64; i++) {
		inputs[count++] = 1ull << i;
		inputs[count++] = (1ull << i) - 1;
	}
	for (; count < ARRAY_SIZE(inputs); count++)
		inputs[count] =
			((u64)below(1u << 31) << 33 | (u64)below(1u << 31) << 2) >> below(64);
}

static struct code code_of(const struct program *p)
{
	return (struct code){.insns = p->insns, .insn_count = p->count};
}

static u64 run_on(const struct image *image, u64 input)
{
	struct run run = {.fuel = -1, .image = image};

	return image->entry(&input, &run);
}

/* Whether both engines give the same everywhere; where: the first input for which not. */
static bool is_equal(const struct program *p, const struct engine *jit, u64 *ret_where)
{
	struct code code = code_of(p);
	struct image *interp_image = NULL, *jit_image = NULL;
	bool is_same = true;
	u32 i;

	if (CHECK_EQ(engine_interp.compile(&code, NULL, &interp_image), 0) &&
		CHECK_EQ(jit->compile(&code, NULL, &jit_image), 0)) {
		for (i = 0; i < ARRAY_SIZE(inputs) && is_same; i++) {
			*ret_where = inputs[i];
			is_same = run_on(interp_image, inputs[i]) == run_on(jit_image, inputs[i]);
		}
	}
	if (jit_image)
		jit->free(jit_image);
	if (interp_image)
		engine_interp.free(interp_image);
	return is_same;
}

static bool is_found(const struct program *p, const struct engine *jit, const char *name)
{
	struct strbuf text = {0};
	struct code code = code_of(p);
	bool is_there;

	CHECK_EQ(jit->dump(&code, "idioms", &text), 0);
	is_there = strstr(strbuf_cstr(&text), name);
	strbuf_release(&text);
	return is_there;
}

/* What log2 of an input is with a bound. */
static u64 log2_of(u64 x, u32 steps, bool is_32, enum bound bound)
{
	if (bound == BOUND_SHIFT)
		x >>= 64 - (1 << (steps + 1));
	if (bound == BOUND_BRANCH && x >> 32)
		return 99;
	if (is_32)
		x = (u32)x;
	return x ? 63 - (u64)__builtin_clzll(x) : 0;
}

/* Whether these steps reach all bits that there may be. */
static bool is_whole(u32 steps, bool is_32, enum bound bound)
{
	if (bound == BOUND_SHIFT && steps < 5)
		return true;
	return steps == 5 ? !is_32 : steps == 4 && (is_32 || bound == BOUND_BRANCH);
}

static const struct engine *jit_here(void)
{
	make_inputs();
	return engine_by_name("jit");
}

TEST(every_spelling_of_a_logarithm_is_found)
{
	const struct engine *jit = jit_here();
	struct program p;
	u32 steps, i, bound, turn;
	u64 where;

	if (!jit)
		SKIP_HERE("no JIT for this machine");
	for (steps = 2; steps <= 5; steps++) {
		for (i = 0; i < 2; i++) {
			for (bound = 0; bound < BOUND_COUNT; bound++) {
				for (turn = 0; turn < 20; turn++) {
					struct image *image;
					struct code code = code_of(&p);

					make_log2(&p, steps, i, bound);
					code = code_of(&p);
					CHECK(is_equal(&p, jit, &where));
					if (!is_whole(steps, i, bound))
						continue;
					CHECK_MSG(is_found(&p, jit, "log2-"),
						"%u steps, %u, bound %u", steps, i, bound);
					if (!CHECK_EQ(jit->compile(&code, NULL, &image), 0))
						return;
					for (where = 0; where < ARRAY_SIZE(inputs); where++)
						CHECK_EQ(run_on(image, inputs[where]),
							log2_of(inputs[where], steps, i, bound));
					jit->free(image);
				}
			}
		}
	}
}

TEST(every_spelling_of_a_count_is_found)
{
	const struct engine *jit = jit_here();
	struct program p;
	u32 i;
	u64 where;

	if (!jit)
		SKIP_HERE("no JIT for this machine");
	for (i = 0; i < 40; i++) {
		make_count(&p, i & 1, i & 2);
		CHECK(is_equal(&p, jit, &where));
#ifdef __x86_64__
		if (__builtin_cpu_supports("popcnt"))
			CHECK(is_found(&p, jit, "count-ones-"));
#endif
	}
}

/* Something else in one instruction that is neither the load nor an exit. */
static void mutate(struct program *p)
{
	u32 at;
	struct insn *insn;
	u8 class;

	do {
		at = 1 + below(p->count - 2);
		insn = &p->insns[at];
		class = insn->op & 7;
	} while (insn->op == 0 || insn->op == (BPF_JMP | BPF_EXIT));
	if (class == BPF_LD) { /* a wide constant */
		insn[below(2)].imm ^= (s32)(1u << below(32));
		return;
	}
	switch (below(4)) {
	case 0:
		if (class == BPF_ALU || class == BPF_ALU64)
			insn->op ^= BPF_ALU ^ BPF_ALU64;
		else
			insn->op ^= BPF_JMP ^ BPF_JMP32;
		return;
	case 1:
		if (insn->op & BPF_X)
			insn->src = (u8)(below(2) ? R_X : below(2) ? R_STEP : R_RESULT);
		else
			insn->imm = (s32)((u32)insn->imm ^ 1u << below(5));
		return;
	case 2:
		if (class == BPF_ALU || class == BPF_ALU64) {
			static const u8 ops[] = {BPF_ADD, BPF_SUB, BPF_OR, BPF_AND, BPF_XOR};

			if ((insn->op & 0xf0) != BPF_MOV)
				insn->op = (u8)((insn->op & 0x0f) | ops[below(ARRAY_SIZE(ops))]);
		} else {
			static const u8 ops[] = {BPF_JGE, BPF_JGT, BPF_JLT, BPF_JLE, BPF_JEQ,
				BPF_JNE, BPF_JSGT, BPF_JSET};

			insn->op = (u8)((insn->op & 0x0f) | ops[below(ARRAY_SIZE(ops))]);
		}
		return;
	default:
		if (class == BPF_ALU || class == BPF_ALU64)
			insn->dst = (u8)(below(2) ? R_X : R_STEP);
	}
}

TEST(what_only_looks_like_one_stays_what_it_is)
{
	const struct engine *jit = jit_here();
	struct program p;
	u32 i, wrong = 0;
	u64 where;

	if (!jit)
		SKIP_HERE("no JIT for this machine");
	for (i = 0; i < MUTANTS && wrong < 5; i++) {
		u32 k, changes = 1 + below(3);

		if (below(3))
			make_log2(&p, 2 + below(4), below(2), below(BOUND_COUNT));
		else
			make_count(&p, below(2), below(2));
		for (k = 0; k < changes; k++)
			mutate(&p);
		if (is_equal(&p, jit, &where))
			continue;
		wrong++;
		CHECK_MSG(false, "mutant %u differs for 0x%llx", i, (unsigned long long)where);
	}
}
