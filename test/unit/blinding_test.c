// SPDX-License-Identifier: BSD-2-Clause
/*
 * Constant blinding: a million random immediates, in every form of instruction that carries one,
 * and none of them stands in the images. Visible is what a jump into the middle of the code could
 * use: the four bytes at any offset, and on arm64, whose code has no such bytes, a register that a
 * row of movz and movk fills with them.
 *
 * Among so many bytes some immediate stands somewhere by chance (about one of 10^6 here): what is
 * found is looked for again in a second image of the same program, whose random numbers are other
 * ones, and in images of the program without that immediate, whose opcodes are the same.
 */
#include "jit/engine.h"
#include "test/tap.h"

enum { IMMS = 256, INSNS_MAX = 4 * IMMS + 64, VISIBLE_BITS = 17, TOTAL = 1000000 };

static u64 state = 20;

static u32 random32(void)
{
	state = state * 6364136223846793005ull + 1442695040888963407ull;
	return (u32)(state >> 32);
}

/* One that counts: what an offset of 16 bits could show as well is not hidden. */
static u32 random_imm(void)
{
	for (;;) {
		u32 imm = random32();
		s32 high = (s32)imm >> (VISIBLE_BITS - 1);

		if (high != 0 && high != -1)
			return imm;
	}
}

struct program {
	struct insn insns[INSNS_MAX];
	u32 count;
	u32 imms[IMMS];
	const char *forms[IMMS]; /* of the immediate with that index */
	u32 imm_count;
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

static s32 take(struct program *p, const char *form)
{
	u32 imm = random_imm();

	p->imms[p->imm_count] = imm;
	p->forms[p->imm_count++] = form;
	return (s32)imm;
}

/* r7 depends on everything; r8 is unknown; r9 leads to memory; r6 is the context. */
#define ALU_OPS(X) X(ADD) X(SUB) X(MUL) X(OR) X(AND) X(XOR) X(DIV) X(MOD)
#define JMP_OPS(X) X(JEQ) X(JNE) X(JGT) X(JGE) X(JLT) X(JLE) X(JSGT) X(JSGE) X(JSLT) X(JSLE) X(JSET)
#define SIZES(X)   X(W) X(DW)

static void put_form(struct program *p, u32 form)
{
	u32 at = 0;

	/* what a constant was before does not matter to the next one: r8 comes between */
#define ALU(op)                                                                                    \
	if (form == at++)                                                                          \
		PUT(p, INSN_ALU64_IMM(BPF_##op, 7, take(p, "alu64 " #op)),                         \
			INSN_ALU64_REG(BPF_XOR, 7, 8));                                            \
	if (form == at++)                                                                          \
		PUT(p, INSN_ALU32_IMM(BPF_##op, 7, take(p, "alu32 " #op)),                         \
			INSN_ALU64_REG(BPF_XOR, 7, 8));
	ALU_OPS(ALU)
	if (form == at++)
		PUT(p, INSN_MOV64_IMM(1, take(p, "alu64 MOV")), INSN_ALU64_REG(BPF_XOR, 7, 1));
	if (form == at++)
		PUT(p, INSN_MOV32_IMM(1, take(p, "alu32 MOV")), INSN_ALU64_REG(BPF_XOR, 7, 1));
#define SIGNED(op)                                                                                 \
	if (form == at++)                                                                          \
		PUT(p, INSN_SALU64_IMM(BPF_##op, 7, take(p, "alu64 S" #op)),                       \
			INSN_ALU64_REG(BPF_XOR, 7, 8));                                            \
	if (form == at++)                                                                          \
		PUT(p, INSN_SALU32_IMM(BPF_##op, 7, take(p, "alu32 S" #op)),                       \
			INSN_ALU64_REG(BPF_XOR, 7, 8));
	SIGNED(DIV)
	SIGNED(MOD)
#define JMP(op)                                                                                    \
	if (form == at++)                                                                          \
		PUT(p, INSN_JMP_IMM(BPF_##op, 7, take(p, "jmp " #op), 1),                          \
			INSN_ALU64_REG(BPF_ADD, 7, 8));                                            \
	if (form == at++)                                                                          \
		PUT(p, INSN_JMP32_IMM(BPF_##op, 7, take(p, "jmp32 " #op), 1),                      \
			INSN_ALU64_REG(BPF_ADD, 7, 8));
	JMP_OPS(JMP)
#define STORE(size)                                                                                \
	if (form == at++)                                                                          \
		PUT(p, INSN_ST_MEM(BPF_##size, 9, 8, take(p, "st " #size)));                       \
	if (form == at++)                                                                          \
		PUT(p, INSN_ST_MEM(BPF_##size, 10, -8, take(p, "st stack " #size)),                \
			INSN_LDX_MEM(BPF_##size, 1, 10, -8), INSN_ALU64_REG(BPF_XOR, 7, 1));       \
	if (form == at++) {                                                                        \
		struct insn st = INSN_ST_MEM(BPF_##size, 8, 8, take(p, "st arena " #size));        \
		st.op = BPF_ST | INSN_PROBE_MEM32 | BPF_##size;                                    \
		put(p, &st, 1);                                                                    \
	}
	SIZES(STORE)
	if (form == at++) {
		u64 low = (u32)take(p, "ld_imm64 low"), high = (u32)take(p, "ld_imm64 high");

		PUT(p, INSN_LD_IMM64(1, high << 32 | low), INSN_ALU64_REG(BPF_XOR, 7, 1));
	}
	if (form == at++)
		PUT(p, INSN_LD_MAP_IDX_VALUE(1, 0, take(p, "map value")),
			INSN_ALU64_REG(BPF_XOR, 7, 1));
	if (form == at++)
		PUT(p, INSN_LD_ABS(BPF_W, take(p, "ld_abs")), INSN_ALU64_REG(BPF_XOR, 7, 0));
	if (form == at++)
		PUT(p, INSN_LD_IND(BPF_H, 8, take(p, "ld_ind")), INSN_ALU64_REG(BPF_XOR, 7, 0));
}

static u32 form_count(void)
{
	static struct program p;
	u32 form, before;

	for (form = 0, before = UINT32_MAX; p.imm_count != before; form++) {
		before = p.imm_count;
		put_form(&p, form);
	}
	return form - 1;
}

static void make_program(struct program *p, u32 forms)
{
	p->count = p->imm_count = 0;
	PUT(p, INSN_MOV64_REG(6, 1), INSN_LDX_MEM(BPF_DW, 7, 1, 0), INSN_LDX_MEM(BPF_DW, 8, 1, 8),
		INSN_LDX_MEM(BPF_DW, 9, 1, 16));
	while (p->imm_count < IMMS - 1)
		put_form(p, random32() % forms);
	PUT(p, INSN_MOV64_REG(0, 7), INSN_EXIT());
}

static struct image *compile(const struct program *p, bool blind)
{
	/* an address whose low half is 0: a program could choose the whole of the sum's */
	static const struct code_map map = {.handle = 1ull << 40, .values = 1ull << 45};
	const struct code code = {
		.insns = p->insns,
		.insn_count = p->count,
		.maps = &map,
		.map_count = 1,
		.arena_base = 1ull << 44,
		.blind = blind,
	};
	struct image *image = NULL;

	REQUIRE_EQ(engine_by_name("jit")->compile(&code, NULL, &image), 0);
	return image;
}

/* ---- what can be seen ------------------------------------------------------------------------ */

struct seen {
	bool imms[IMMS];
	u32 count;
};

struct index {
	u8 filter[1 << 16]; /* by the low half: 1 + index of one such immediate, 255 = many */
};

static void look_for(
	const struct program *p, const struct index *index, u32 value, struct seen *ret_seen)
{
	u32 i;

	if (likely(!index->filter[(u16)value]))
		return;
	for (i = 0; i < p->imm_count; i++) {
		if (p->imms[i] == value && !ret_seen->imms[i]) {
			ret_seen->imms[i] = true;
			ret_seen->count++;
		}
	}
}

#ifdef __aarch64__
/* The registers as rows of movz, movn and movk leave them. */
static void look_at_rows(const struct program *p, const struct index *index,
	const struct image *image, struct seen *ret_seen)
{
	const u8 *code = image->machine_code;
	u64 regs[32] = {0};
	u32 at;

	for (at = 0; at + 4 <= image->machine_size; at += 4) {
		u32 word = load_u32(code + at), reg = word & 31;
		u32 shift = 16 * (word >> 21 & 3);
		u64 half = (u64)(word >> 5 & 0xffff) << shift;

		switch (word >> 23 & 0xff) { /* without the width */
		case 0xa5: regs[reg] = half; break;
		case 0x25: regs[reg] = ~half; break;
		case 0xe5: regs[reg] = (regs[reg] & ~(0xffffull << shift)) | half; break;
		default: continue;
		}
		look_for(p, index, (u32)regs[reg], ret_seen);
		look_for(p, index, (u32)(regs[reg] >> 32), ret_seen);
	}
}
#else
static void look_at_rows(const struct program *p, const struct index *index,
	const struct image *image, struct seen *ret_seen)
{
}
#endif

static void look(const struct program *p, const struct image *image, struct seen *ret_seen)
{
	static struct index index;
	const u8 *code = image->machine_code;
	u32 i;

	memset(&index, 0, sizeof(index));
	memset(ret_seen, 0, sizeof(*ret_seen));
	for (i = 0; i < p->imm_count; i++)
		index.filter[(u16)p->imms[i]] = 1;
	for (i = 0; i + 4 <= image->machine_size; i++)
		look_for(p, &index, load_u32(code + i), ret_seen);
	look_at_rows(p, &index, image, ret_seen);
}

static void look_at_new(const struct program *p, bool blind, struct seen *ret_seen)
{
	struct image *image = compile(p, blind);

	look(p, image, ret_seen);
	image->engine->free(image);
}

/*
 * Whether images of p show this immediate because p has it: all of them do, and none of the program
 * without it. (Random bytes beside opcodes may be equal to it in some of both.)
 */
static bool is_shown(const struct program *p, u32 imm)
{
	static struct program without;
	static struct seen seen;
	u32 i, k;

	for (k = 0; k < p->imm_count - 1 && p->imms[k] != imm; k++)
		;
	without = *p;
	for (i = 0; i < without.count; i++) {
		if ((u32)without.insns[i].imm == imm)
			without.insns[i].imm ^= 0x5a5a5a5a;
	}
	for (i = 0; i < 8; i++) {
		look_at_new(p, true, &seen);
		if (!seen.imms[k])
			return false;
		look_at_new(&without, true, &seen);
		if (seen.imms[k])
			return false;
	}
	return true;
}

/* ---- tests ----------------------------------------------------------------------------------- */

static struct program program;

/* A division by a constant becomes a multiplication by another one, a difference a sum. */
static bool may_be_computed_away(const char *form)
{
	return strstr(form, "DIV") || strstr(form, "MOD") || strstr(form, "SUB");
}

/* What the other test relies on: without blinding each form shows its constant. */
TEST(without_blinding_immediates_show)
{
	static struct seen seen;
	u32 forms = form_count(), form, i, shown = 0, total = 0;

	if (!engine_by_name("jit"))
		SKIP_HERE("no JIT for this machine");
	CHECK_EQ(forms, 2 * 9 + 4 + 2 * 11 + 6 + 4);
	for (form = 0; form < forms; form++) {
		program.count = program.imm_count = 0;
		PUT(&program, INSN_MOV64_REG(6, 1), INSN_LDX_MEM(BPF_DW, 7, 1, 0),
			INSN_LDX_MEM(BPF_DW, 8, 1, 8), INSN_LDX_MEM(BPF_DW, 9, 1, 16));
		put_form(&program, form);
		PUT(&program, INSN_MOV64_REG(0, 7), INSN_EXIT());
		look_at_new(&program, false, &seen);
		for (i = 0; i < program.imm_count; i++) {
			shown += seen.imms[i];
			total++;
			if (!may_be_computed_away(program.forms[i]))
				CHECK_MSG(seen.imms[i], "%s does not show its constant",
					program.forms[i]);
		}
	}
	tap_note("%u of %u shown", shown, total);
}

TEST(of_a_million_random_immediates_blinding_shows_none)
{
	static struct seen seen;
	u32 forms = form_count(), done = 0, by_chance = 0, visible = 0, i;
	u64 bytes = 0;

	if (!engine_by_name("jit"))
		SKIP_HERE("no JIT for this machine");
	while (done < TOTAL) {
		struct image *image;

		make_program(&program, forms);
		image = compile(&program, true);
		look(&program, image, &seen);
		bytes += image->machine_size;
		image->engine->free(image);
		done += program.imm_count;
		if (!seen.count)
			continue;
		for (i = 0; i < program.imm_count; i++) {
			if (!seen.imms[i])
				continue;
			if (is_shown(&program, program.imms[i])) {
				visible++;
				CHECK_MSG(
					false, "%s shows %08x", program.forms[i], program.imms[i]);
			} else {
				by_chance++;
			}
		}
	}
	CHECK_EQ(visible, 0);
	/* more than chance gives would be a blinding that guesses badly */
	CHECK(by_chance < 40);
	tap_note("%u immediates in %llu bytes: %u visible, %u there by chance", done,
		(unsigned long long)bytes, visible, by_chance);
}
