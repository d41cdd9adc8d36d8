// SPDX-License-Identifier: BSD-2-Clause
/*
 * The decoder against the disassembler of LLVM; the validator against images that are right, images
 * with a changed word (of those that still pass, a model that follows the code must say that they
 * do no harm), and images that are wrong by hand. HACHI_FUZZ_SECONDS: how long random tests go on.
 */
#include "jit/arm64/arm64.h"
#include "jit/arm64/decode.h"
#include "jit/engine.h"
#include "test/images.h"
#include "test/tap.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static double seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static double time_limit(void)
{
	const char *text = getenv("HACHI_FUZZ_SECONDS");

	return text ? atof(text) : 1;
}

/* ---- LLVM ---------------------------------------------------------------------------------- */

enum { MAX_WORDS = 1 << 17, MAX_OPERANDS = 8 };

static u32 words[MAX_WORDS], word_count;

/* One line of the disassembler: a name and operands, of which one may be memory. */
struct line {
	char name[16];
	char operands[MAX_OPERANDS][24];
	u32 count;
};

static void read_line(const char *text, struct line *l)
{
	u32 depth = 0, n = 0;

	memset(l, 0, sizeof(*l));
	sscanf(text, " %15s", l->name);
	text += strspn(text, " \t");
	text += strcspn(text, " \t\n");
	for (; *text && *text != '\n'; text++) {
		depth += *text == '[';
		depth -= *text == ']';
		if (*text == ',' && !depth) {
			l->count++;
			n = 0;
		} else if (*text != ' ' && *text != '\t' && l->count < MAX_OPERANDS && n < 23) {
			l->operands[l->count][n++] = *text;
		}
	}
	l->count += n > 0;
}

/* 0 to 30, 31 for zero and the stack pointer (ret_is_sp says which); -1: no register. */
static int reg_of(const char *text, bool *ret_is_sp)
{
	int reg;
	char rest;

	*ret_is_sp = strncmp(text, "sp", 2) == 0 || strncmp(text, "wsp", 3) == 0;
	if (*ret_is_sp || strncmp(text, "xzr", 3) == 0 || strncmp(text, "wzr", 3) == 0)
		return 31;
	if ((*text == 'x' || *text == 'w') && sscanf(text + 1, "%d%c", &reg, &rest) >= 1)
		return reg;
	return -1;
}

static bool starts(const struct line *l, const char *start)
{
	return strncmp(l->name, start, strlen(start)) == 0;
}

static bool is_name(const struct line *l, const char *list)
{
	char padded[24];

	snprintf(padded, sizeof(padded), " %s ", l->name);
	return strstr(list, padded);
}

/* Everything that may be in an image, in the ways in which LLVM writes it. */
static const char all_names[] =
	" add adds sub subs neg negs cmp cmn and ands bic orr orn eor tst mov mvn movz movn movk"
	" sbfm ubfm asr lsl lsr ror extr sxtb sxth sxtw uxtb uxth sbfx ubfx sbfiz ubfiz"
	" madd msub mul mneg udiv sdiv rev rev16 clz csel csinc csinv csneg cset csetm cinc cinv "
	"cneg"
	" ldr ldrb ldrh ldrsb ldrsh ldrsw ldur ldurb ldurh ldursb ldursh ldursw"
	" str strb strh stur sturb sturh ldp stp"
	" ldxr ldxrb ldxrh ldaxr ldaxrb ldaxrh ldar ldarb ldarh stlr stlrb stlrh"
	" stxr stxrb stxrh stlxr stlxrb stlxrh casal casalb casalh"
	" b bl br blr ret cbz cbnz tbz tbnz adr adrp nop bti dmb dsb isb brk ";

static bool is_lse(const struct line *l)
{
	return starts(l, "ldadd") || starts(l, "ldclr") || starts(l, "ldeor") ||
		starts(l, "ldset") || starts(l, "swp") || starts(l, "stadd") ||
		starts(l, "stclr") || starts(l, "steor") || starts(l, "stset");
}

static u8 kind_of(const struct line *l)
{
	static const struct {
		const char *names;
		u8 kind;
	} kinds[] = {{" cbz cbnz tbz tbnz ", A64_KIND_BRANCH}, {" b ", A64_KIND_JUMP},
		{" bl ", A64_KIND_CALL}, {" blr ", A64_KIND_CALL_REG}, {" br ", A64_KIND_JUMP_REG},
		{" ret ", A64_KIND_RET}, {" brk ", A64_KIND_TRAP}, {" bti ", A64_KIND_LANDING},
		{" adr ", A64_KIND_ADR}, {" adrp ", A64_KIND_ADRP}};
	u32 i;

	if (starts(l, "b."))
		return A64_KIND_BRANCH;
	for (i = 0; i < ARRAY_SIZE(kinds); i++) {
		if (is_name(l, kinds[i].names))
			return kinds[i].kind;
	}
	if (is_name(l, " stp ") && strchr(l->operands[2], '!'))
		return A64_KIND_PUSH;
	return is_name(l, " ldp ") && l->count == 4 ? A64_KIND_POP : A64_KIND_PLAIN;
}

static u32 register_bit(const char *text)
{
	bool is_sp;
	int reg = reg_of(text, &is_sp);

	return reg < 0 || (reg == 31 && !is_sp) ? 0 : 1u << reg;
}

/* Registers that the operands name as results. */
static u32 written_by(const struct line *l)
{
	if (kind_of(l) == A64_KIND_PUSH ||
		is_name(l,
			" cmp cmn tst str strb strh stur sturb sturh"
			" stp stlr stlrb stlrh br blr ret ") ||
		(starts(l, "st") && is_lse(l)))
		return 0;
	if (is_name(l, " ldp "))
		return register_bit(l->operands[0]) | register_bit(l->operands[1]);
	if (is_lse(l))
		return register_bit(l->operands[1]);
	if (kind_of(l) == A64_KIND_BRANCH)
		return 0;
	return register_bit(l->operands[0]);
}

static const char *memory_differs(const struct a64_insn *x, const struct line *l)
{
	const char *m = NULL, *second;
	bool is_sp, is_store;
	long disp = 0;
	u32 i;

	for (i = 0; i < l->count; i++) {
		if (l->operands[i][0] == '[')
			m = l->operands[i];
	}
	if (x->has_mem != !!m)
		return "memory";
	if (!m)
		return NULL;
	if (reg_of(m + 1, &is_sp) != x->rn || (x->rn == 31 && !is_sp))
		return "base";
	second = strchr(m, ',');
	if (x->has_index != (second && second[1] != '#'))
		return "index";
	if (second && second[1] == '#')
		disp = strtol(second + 2, NULL, 0);
	if (x->kind == A64_KIND_POP)
		disp = strtol(l->operands[3] + 1, NULL, 0);
	if (!x->has_index && disp != x->disp)
		return "displacement";
	is_store = starts(l, "st") || starts(l, "cas") || is_lse(l);
	if (x->writes_mem != is_store)
		return "writing";
	if (is_name(l, " ldp stp "))
		return x->access_bytes != 16 ? "size" : NULL;
	i = (u32)strlen(l->name);
	if (is_name(l, " ldrsw ldursw ") || (l->name[i - 1] != 'b' && l->name[i - 1] != 'h'))
		i = l->operands[0][0] == 'x' && !is_name(l, " ldrsw ldursw ") ? 8 : 4;
	else
		i = l->name[i - 1] == 'b' ? 1 : 2;
	if (is_name(l, " stxr stlxr ")) /* the first one is the status */
		i = l->operands[1][0] == 'x' ? 8 : 4;
	return x->access_bytes != i ? "size" : NULL;
}

static const char *differs(const struct a64_insn *x, const struct line *l)
{
	const char *last = l->operands[l->count ? l->count - 1 : 0];
	bool is_sp;

	if (!is_name(l, all_names) && !starts(l, "b.") && !is_lse(l))
		return "name";
	if (kind_of(l) != x->kind)
		return "kind";
	switch (x->kind) {
	case A64_KIND_BRANCH:
	case A64_KIND_JUMP:
	case A64_KIND_CALL:
	case A64_KIND_ADR:
	case A64_KIND_ADRP:
		if (*last != '#' || strtoll(last + 1, NULL, 0) != x->to)
			return "distance";
		break;
	case A64_KIND_CALL_REG:
	case A64_KIND_JUMP_REG:
		if (reg_of(last, &is_sp) != x->rn)
			return "register";
		break;
	default: break;
	}
	if (written_by(l) != x->writes)
		return "written registers";
	if ((x->constant == A64_CONST_MOVED && is_name(l, " mov movz movn ")) ||
		(x->constant == A64_CONST_MASK && *last == '#')) {
		u64 mask = x->is_wide ? UINT64_MAX : UINT32_MAX;

		if ((((u64)strtoll(last + 1, NULL, 0) ^ x->imm) & mask) &&
			(((u64)strtoull(last + 1, NULL, 0) ^ x->imm) & mask))
			return "constant";
	}
	return memory_differs(x, l);
}

static void add_word(u32 word)
{
	if (word_count < MAX_WORDS)
		words[word_count++] = word;
}

/* All words through the disassembler of LLVM, one line for each; how many differ. */
static u32 compare_words(void)
{
	char path[] = "/tmp/hachi-words-XXXXXX", command[160], text[256];
	u32 i, n = 0, wrong = 0;
	int fd = mkstemp(path);
	FILE *f = fd < 0 ? NULL : fdopen(fd, "w");

	if (!f)
		return UINT32_MAX;
	for (i = 0; i < word_count; i++)
		fprintf(f, "%#x %#x %#x %#x\n", words[i] & 255, words[i] >> 8 & 255,
			words[i] >> 16 & 255, words[i] >> 24);
	fclose(f);
	snprintf(command, sizeof(command),
		"llvm-mc-19 --disassemble --triple=aarch64 --mattr=+lse,+bti %s 2>/dev/null", path);
	f = popen(command, "r");
	while (f && fgets(text, sizeof(text), f)) {
		struct a64_insn x;
		struct line l;
		const char *what;

		if (strchr(text, '.') == text + 1 || n == word_count) /* .text */
			continue;
		read_line(text, &l);
		what = a64_decode(words[n], &x) ? differs(&x, &l) : "not decoded";
		if (what && wrong++ < 20)
			CHECK_MSG(false, "%08x: %s: %s", words[n], what, text);
		n++;
	}
	if (f)
		pclose(f);
	unlink(path);
	if (n != word_count) /* it leaves out what it does not know */
		CHECK_MSG(n == 0, "%u lines for %u words", n, word_count);
	return n ? wrong : UINT32_MAX;
}

static int by_word(const void *a, const void *b)
{
	u32 x = *(const u32 *)a, y = *(const u32 *)b;

	return x < y ? -1 : x > y;
}

static void sort_words(void)
{
	u32 i, n = 0;

	qsort(words, word_count, sizeof(*words), by_word);
	for (i = 0; i < word_count; i++) {
		if (!i || words[i] != words[i - 1])
			words[n++] = words[i];
	}
	word_count = n;
}

TEST(llvm_agrees_about_every_instruction_of_random_programs)
{
	double end = seconds() + time_limit() / 2;
	u32 seed, i, wrong;

	word_count = 0;
	for (seed = 1; seconds() < end && word_count < MAX_WORDS - 8192; seed++) {
		REQUIRE_EQ(images_of_seed(&engine_arm64, seed), 0);
		REQUIRE(images_last.is_there);
		for (i = 0; i < images_last.v.size; i += 4)
			add_word(load_u32(images_last.code + i));
		if (word_count > MAX_WORDS / 2)
			sort_words();
	}
	sort_words();
	wrong = compare_words();
	if (wrong == UINT32_MAX)
		SKIP_HERE("llvm-mc-19 does not run here");
	CHECK_EQ(wrong, 0);
	tap_note("%u programs, %u different words", seed - 1, word_count);
}

TEST(llvm_agrees_about_random_words_that_are_instructions_of_ours)
{
	static const struct {
		u32 mask, value;
	} forms[] = {
#define BUCKET(n)
#define FORM(mask, value, flags) {mask, value},
#define END
#include "jit/arm64/forms.def"
#undef BUCKET
#undef FORM
#undef END
	};
	struct a64_insn x;
	u64 state = 3;
	u32 i, k, wrong;

	word_count = 0;
	for (i = 0; i < ARRAY_SIZE(forms); i++) {
		for (k = 0; k < 600; k++) {
			u32 word = (u32)gen_random(&state);

			word = (word & ~forms[i].mask) | forms[i].value;
			if (a64_decode(word, &x))
				add_word(word);
		}
	}
	for (i = 0; i < 1000000 && word_count < MAX_WORDS; i++) {
		u32 word = (u32)gen_random(&state);

		if (i % 16 == 0 && a64_decode(word, &x))
			add_word(word);
	}
	sort_words();
	wrong = compare_words();
	if (wrong == UINT32_MAX)
		SKIP_HERE("llvm-mc-19 does not run here");
	CHECK_EQ(wrong, 0);
	tap_note("%u words", word_count);
}

/* ---- a model of what must hold: it follows the code --------------------------------------------
 */

enum { UNKNOWN = INT32_MIN, SP_BIT = 31 };

static struct {
	const struct validate *v;
	s32 depth[IMAGE_MAX_BYTES / 4]; /* bytes on the stack before this instruction */
	u32 func_of[IMAGE_MAX_BYTES / 4];
	u32 work[IMAGE_MAX_BYTES / 4], work_count;
	s32 saves[IMAGE_MAX_FUNCS]; /* bytes below the stack pointer at the entry */
} model;

static bool is_entry(const struct validate *v, u64 at)
{
	u32 i;

	for (i = 0; i < v->func_count; i++) {
		if (v->funcs[i] == at)
			return true;
	}
	return false;
}

static bool is_call(const struct validate *v, u64 address)
{
	u32 i;

	for (i = 0; i < v->call_count; i++) {
		if (v->calls[i] == address)
			return true;
	}
	return false;
}

static bool model_reach(s64 to, s32 depth, u32 func)
{
	if (to < 0 || to >= model.v->size / 4)
		return false;
	if (model.depth[to] != UNKNOWN)
		return model.depth[to] == depth && model.func_of[to] == func;
	model.depth[to] = depth;
	model.func_of[to] = func;
	model.work[model.work_count++] = (u32)to;
	return true;
}

/* How much the stack grows by an instruction that writes sp; false: nobody knows. */
static bool stack_growth(u32 word, const struct a64_insn *x, s32 *ret_growth)
{
	if (x->kind == A64_KIND_PUSH || x->kind == A64_KIND_POP) {
		*ret_growth = -x->disp;
		return x->rn == 31;
	}
	*ret_growth = word >> 30 & 1 ? (s32)x->imm : -(s32)x->imm;
	return x->constant == A64_CONST_ADDED && x->rn == 31 && x->is_wide;
}

static const char *model_step(u32 at)
{
	const struct validate *v = model.v;
	u32 word = load_u32(v->code + 4 * at), func = model.func_of[at];
	s32 depth = model.depth[at], growth = 0;
	struct a64_insn x;
	s64 to;

	if (!a64_decode(word, &x))
		return "no instruction";
	to = at + x.to / 4;
	if (x.writes >> 18 & 1)
		return "x18";
	if ((x.writes >> SP_BIT || x.kind == A64_KIND_PUSH || x.kind == A64_KIND_POP) &&
		!stack_growth(word, &x, &growth))
		return "stack pointer";
	if (x.has_mem && x.rn == 31 && !x.has_index && x.writes_mem && x.kind != A64_KIND_PUSH) {
		bool is_save = x.rt >= 19 && x.rt <= 30;

		if (x.disp < 0 || x.disp + x.access_bytes > depth)
			return "a store outside the frame";
		if (!is_save && x.disp + x.access_bytes > depth - model.saves[func])
			return "a store to saved registers";
	}
	switch (x.kind) {
	case A64_KIND_BRANCH:
		if (!model_reach(to, depth, func))
			return "branch";
		break;
	case A64_KIND_JUMP: return model_reach(to, depth, func) ? NULL : "jump";
	case A64_KIND_CALL:
		if (to >= 0 && to < v->size / 4 ? !is_entry(v, 4 * (u64)to)
						: !is_call(v, v->base + 4 * (u64)to))
			return "call";
		break;
	case A64_KIND_JUMP_REG: return depth || x.rn != 16 ? "tail call" : NULL;
	case A64_KIND_RET: return depth ? "return with a frame" : NULL;
	case A64_KIND_TRAP: return NULL;
	case A64_KIND_CALL_REG:
		if (x.rn != 16)
			return "indirect call";
		break;
	default: break;
	}
	return model_reach(at + 1, depth + growth, func) ? NULL : "next";
}

/* Bytes of the first thing that a function does with its stack pointer, if that saves something. */
static s32 saves_of(const struct validate *v, u32 at)
{
	struct a64_insn x = {0}, next = {0};
	u32 word = load_u32(v->code + 4 * at);
	s32 growth;

	if (word == 0xd503245f)
		word = load_u32(v->code + 4 * ++at);
	if (!a64_decode(word, &x) || 4 * at + 8 > v->size)
		return 0;
	a64_decode(load_u32(v->code + 4 * at + 4), &next);
	if (x.kind == A64_KIND_PUSH)
		return -x.disp;
	if (!(x.writes >> SP_BIT) || !stack_growth(word, &x, &growth) || growth != 16 || next.disp)
		return 0;
	return next.writes_mem && next.rn == 31 && !next.has_index && next.rt >= 19 &&
			next.rt <= 28 && next.access_bytes == 8
		? growth
		: 0;
}

static const char *model_finds(const struct validate *v)
{
	const char *wrong;
	u32 i;

	model.v = v;
	model.work_count = 0;
	for (i = 0; i < v->size / 4; i++)
		model.depth[i] = UNKNOWN;
	for (i = 0; i < v->func_count; i++) {
		model.saves[i] = saves_of(v, v->funcs[i] / 4);
		if (!model_reach(v->funcs[i] / 4, 0, i))
			return "entry";
	}
	while (model.work_count) {
		wrong = model_step(model.work[--model.work_count]);
		if (wrong)
			return wrong;
	}
	return NULL;
}

static int check_image(struct validate *v)
{
	struct arena arena;
	int err;

	arena_init(&arena);
	v->arena = &arena;
	err = validate_arm64(v);
	v->secrets = NULL;
	arena_release(&arena);
	return err;
}

static bool try_mutant(u64 *state, u64 *refused)
{
	struct images_one *one = &images_last;
	u64 r = gen_random(state);
	u32 at = 4 * ((u32)(r >> 8) % (one->v.size / 4)), old = load_u32(one->code + at);
	const char *wrong = NULL;

	store_u32(one->code + at, r & 3 ? old ^ 1u << (r >> 3 & 31) : (u32)gen_random(state));
	if (check_image(&one->v))
		++*refused;
	else
		wrong = model_finds(&one->v);
	CHECK_MSG(!wrong, "at %u: %08x became %08x, and passes: %s", at, old,
		load_u32(one->code + at), wrong);
	store_u32(one->code + at, old);
	return !wrong;
}

TEST(changed_images_that_pass_do_no_harm)
{
	double end = seconds() + time_limit();
	u64 state = 5, seed, count = 0, refused = 0;
	u32 i, wrong = 0;

	for (seed = 1; seconds() < end && wrong < 5; seed++) {
		int err = seed <= 5 ? images_special(&engine_arm64, (u32)seed - 1)
				    : images_of_seed(&engine_arm64, seed);
		const char *model_says;

		REQUIRE_EQ(err, 0);
		model_says = model_finds(&images_last.v);
		CHECK_MSG(!model_says, "seed %llu: %s", (unsigned long long)seed, model_says);
		for (i = 0; i < 200 && wrong < 5; i++, count++)
			wrong += !try_mutant(&state, &refused);
	}
	CHECK(refused > count / 10);
	tap_note("%llu changed images, %llu refused", (unsigned long long)count,
		(unsigned long long)refused);
}

/* ---- by hand ------------------------------------------------------------------------------- */

enum {
	BTI = 0xd503245f,
	NOP = 0xd503201f,
	RET = 0xd65f03c0,
	PUSH_32 = 0xa9be7bfd,  /* stp x29, x30, [sp, #-32]! */
	SAVE_19 = 0xf9000bf3,  /* str x19, [sp, #16] */
	FP_SP = 0x910003fd,    /* mov x29, sp */
	SUB_32 = 0xd10083ff,   /* sub sp, sp, #32 */
	ADD_32 = 0x910083ff,   /* add sp, sp, #32 */
	LOAD_19 = 0xf9400bf3,  /* ldr x19, [sp, #16] */
	POP_32 = 0xa8c27bfd,   /* ldp x29, x30, [sp], #32 */
	MOV_19_0 = 0xaa0003f3, /* mov x19, x0 */
	STORE_TAIL = 0xf9000030 | (offsetof(struct run, image) / 8) << 10,
	LOAD_TAIL = 0xf9400210 | (offsetof(struct image, entry) / 8) << 10,
	BR_16 = 0xd61f0200,
	BLR_16 = 0xd63f0200,
};

#define FAR_CALL 0xd2913570, 0xf2a8acf0, 0xf2ce2470 /* mov x16, 0x7123456789ab */

static const u64 hand_calls[] = {0x7123456789ab};

static const char *verdict(const u32 *code, u32 count, const u32 *funcs, u32 func_count,
	u32 call_count, const struct code *program)
{
	struct validate v = {
		.code = (const u8 *)code,
		.size = 4 * count,
		.base = 0x10000000,
		.funcs = funcs,
		.func_count = func_count,
		.calls = hand_calls,
		.call_count = call_count,
		.program = program,
	};
	int err = check_image(&v);

	return err ? v.why : NULL;
}

#define JUDGE(calls, ...)                                                                          \
	verdict((const u32[]){BTI, __VA_ARGS__}, ARRAY_SIZE(((const u32[]){BTI, __VA_ARGS__})),    \
		(const u32[]){0}, 1, calls, NULL)
#define PASSES(...)	  CHECK_STR(JUDGE(0, __VA_ARGS__), NULL)
#define REFUSED(why, ...) CHECK_STR(JUDGE(0, __VA_ARGS__), why)

static const char not_allowed[] = "an instruction that images do not contain";
static const char not_written[] = "a register of the caller, or the stack pointer, is written";
static const char not_target[] = "a jump leads where no instruction may be jumped to";
static const char not_back[] = "a register does not come back from where it was saved";

TEST(what_no_image_contains_is_refused)
{
	PASSES(NOP, RET);
	REFUSED(not_allowed, 0xd4000001, RET); /* svc #0 */
	REFUSED(not_allowed, 0xd4400000, RET); /* hlt */
	REFUSED(not_allowed, 0xd4200020, RET); /* brk #1 */
	REFUSED(not_allowed, 0xd53bd040, RET); /* mrs x0, tpidr_el0 */
	REFUSED(not_allowed, 0xd51bd040, RET); /* msr tpidr_el0, x0 */
	REFUSED(not_allowed, 0xd50b7520, RET); /* ic ivau, x0 */
	REFUSED(not_allowed, 0x58000040, RET); /* ldr x0, 8 */
	REFUSED(not_allowed, 0x1e604000, RET); /* fmov d0, d0 */
	REFUSED(not_allowed, 0x0ea01c00, RET); /* mov v0.8b, v0.8b */
	REFUSED(not_allowed, 0xd65f0000, RET); /* ret x0 */
	REFUSED(not_allowed, 0xd65f0bff, RET); /* retaa */
	REFUSED(not_allowed, 0xf8408400, RET); /* ldr x0, [x0], #8 */
	REFUSED(not_allowed, 0, RET);
	REFUSED("a landing pad that is no entry", NOP, BTI, RET);
	REFUSED("the function runs on into the next one", NOP);
}

TEST(the_stack_has_its_frame)
{
	PASSES(SUB_32, 0xf9000fe0, ADD_32, RET); /* str x0, [sp, #24] */
	REFUSED("an access above the frame", SUB_32, 0xf90013e0, ADD_32, RET);		 /* #32 */
	REFUSED("an access below the frame", SUB_32, 0xf81f83e0, ADD_32, RET);		 /* #-8 */
	REFUSED("an access above the frame", SUB_32, 0xf8019fe0 & ~0xc00u, ADD_32, RET); /* #25 */
	PASSES(PUSH_32, SAVE_19, FP_SP, SUB_32, 0xf9000fe0, ADD_32, LOAD_19, POP_32, RET);
	REFUSED("an access above the frame", PUSH_32, SAVE_19, FP_SP, SUB_32, 0xf90013e0, ADD_32,
		LOAD_19, POP_32, RET);
	PASSES(PUSH_32, SAVE_19, FP_SP, MOV_19_0, LOAD_19, POP_32, RET);
	REFUSED("an access above the frame", PUSH_32, SAVE_19, FP_SP, 0xf9000be0, LOAD_19, POP_32,
		RET); /* str x0, [sp, #16]: where x19 is saved */
}

TEST(the_stack_pointer_and_saved_registers_come_back)
{
	REFUSED(not_written, MOV_19_0, RET);
	REFUSED(not_written, 0xaa0003f2, RET);		/* mov x18, x0 */
	REFUSED(not_written, 0xaa0003fe, RET);		/* mov x30, x0 */
	REFUSED(not_written, 0x9100001f, RET);		/* mov sp, x0 */
	REFUSED(not_written, NOP, SUB_32, ADD_32, RET); /* too late */
	REFUSED("the frame is not given back", SUB_32, RET);
	REFUSED("the stack pointer changes", SUB_32, 0x910043ff + (0x10 << 10) * 2, RET);
	REFUSED("the stack pointer changes", ADD_32, RET);
	REFUSED(not_back, PUSH_32, SAVE_19, POP_32 ^ 1, RET); /* x28 instead of x29 */
	REFUSED("the frame is not given back", PUSH_32, SAVE_19, FP_SP, POP_32, RET);
	REFUSED(not_back, PUSH_32, SAVE_19, 0xf9400ff3, POP_32, RET);	/* from #24 */
	REFUSED(not_back, PUSH_32, SAVE_19, 0xf9400bf4, POP_32, RET);	/* x20 */
	REFUSED("no frame has this size", 0xd10023ff, 0x910023ff, RET); /* 8 bytes */
	REFUSED("these registers need not be saved", 0xa9be07e0, RET);	/* stp x0, x1 */
}

TEST(jumps_go_to_instructions_of_the_function)
{
	PASSES(0x54000040, NOP, RET);				   /* b.eq over nop */
	PASSES(SUB_32, 0x54000040, NOP, ADD_32, RET);		   /* to add sp */
	REFUSED(not_target, SUB_32, 0x54000060, NOP, ADD_32, RET); /* behind it */
	REFUSED(not_target, SUB_32, 0x54ffffe0, NOP, ADD_32, RET); /* to sub sp */
	REFUSED(not_target, 0x54ffffe0, RET);			   /* to the landing pad */
	REFUSED("a jump out of the function", 0x54000060, NOP, RET);
	REFUSED("a jump out of the function", 0x17ffff00, RET);
	REFUSED("a jump out of the function", 0x34080000, RET);
	CHECK_STR(verdict((const u32[]){NOP, RET}, 2, (const u32[]){0}, 1, 0, NULL),
		"the entry is no landing pad");
}

TEST(calls_go_to_what_was_registered)
{
	static const u32 two[] = {0, 20};
	u32 code[] = {BTI, PUSH_32, 0x94000003, POP_32, RET, BTI, RET};

	CHECK_STR(JUDGE(1, PUSH_32, FAR_CALL, BLR_16, POP_32, RET), NULL);
	CHECK_STR(JUDGE(0, PUSH_32, FAR_CALL, BLR_16, POP_32, RET), "a call of something else");
	CHECK_STR(JUDGE(1, PUSH_32, 0xd2913550, 0xf2a8acf0, 0xf2ce2470, BLR_16, POP_32, RET),
		"a call of something else");
	CHECK_STR(JUDGE(1, PUSH_32, FAR_CALL, NOP, BLR_16, POP_32, RET), "an indirect call");
	CHECK_STR(JUDGE(1, PUSH_32, FAR_CALL, 0xd63f0000, POP_32, RET), "an indirect call");
	CHECK_STR(JUDGE(1, PUSH_32, 0x54000040, FAR_CALL, BLR_16, POP_32, RET), not_target);
	CHECK_STR(JUDGE(1, PUSH_32, 0x54000080, FAR_CALL, BLR_16, POP_32, RET), not_target);
	CHECK_STR(JUDGE(1, FAR_CALL, BLR_16, RET), "the way back is lost");
	CHECK_STR(JUDGE(1, PUSH_32, POP_32, RET), "a call is missing");
	CHECK_STR(verdict(code, ARRAY_SIZE(code), two, 2, 0, NULL), NULL);
	code[2] = 0x94000004;
	CHECK_STR(verdict(code, ARRAY_SIZE(code), two, 2, 0, NULL), "a call into a function");
	code[2] = 0x94100000;
	CHECK_STR(verdict(code, ARRAY_SIZE(code), two, 2, 0, NULL), "a call of something else");
}

TEST(addresses_of_functions_are_of_landing_pads)
{
	static const u32 three[] = {0, 12, 20};
	static const char why[] = "the address of no function that may be called by it";
	u32 code[] = {BTI, 0x10000040, RET, BTI, RET, RET};	  /* adr x0, 8 */
	u32 far[] = {BTI, 0x90000000, 0x91004000, RET, BTI, RET}; /* adrp x0; add x0, x0, 16 */
	static const u32 two[] = {0, 16};

	CHECK_STR(verdict(code, ARRAY_SIZE(code), three, 3, 0, NULL), NULL);
	code[1] = 0x10000060;
	CHECK_STR(verdict(code, ARRAY_SIZE(code), three, 3, 0, NULL), why);
	code[1] = 0x10000080;
	CHECK_STR(verdict(code, ARRAY_SIZE(code), three, 3, 0, NULL), why);
	CHECK_STR(verdict(far, ARRAY_SIZE(far), two, 2, 0, NULL), NULL);
	far[2] = 0x91005000;
	CHECK_STR(verdict(far, ARRAY_SIZE(far), two, 2, 0, NULL), why);
	far[2] = NOP;
	CHECK_STR(verdict(far, ARRAY_SIZE(far), two, 2, 0, NULL),
		"a page without the rest of the address");
}

TEST(indirect_jumps_are_tail_calls)
{
	static const char why[] = "an indirect jump that is no tail call";

	PASSES(STORE_TAIL, LOAD_TAIL, BR_16);
	PASSES(SUB_32, STORE_TAIL, ADD_32, LOAD_TAIL, BR_16);
	PASSES(PUSH_32, SAVE_19, FP_SP, STORE_TAIL, LOAD_19, POP_32, LOAD_TAIL, BR_16);
	REFUSED(why, BR_16);
	REFUSED(why, LOAD_TAIL, BR_16);
	REFUSED(why, STORE_TAIL, BR_16);
	REFUSED(why, STORE_TAIL, NOP, LOAD_TAIL, BR_16);
	REFUSED(why, STORE_TAIL, LOAD_TAIL, NOP, BR_16);
	REFUSED(why, STORE_TAIL, LOAD_TAIL, 0xd61f0220); /* br x17 */
	REFUSED(why, STORE_TAIL + (1 << 10), LOAD_TAIL, BR_16);
	REFUSED("the frame is not given back", SUB_32, STORE_TAIL, LOAD_TAIL, BR_16);
	PASSES(0x54000020, STORE_TAIL, LOAD_TAIL, BR_16);
	REFUSED(not_target, 0x54000040, STORE_TAIL, LOAD_TAIL, BR_16);
	REFUSED(not_target, 0x54000060, STORE_TAIL, LOAD_TAIL, BR_16);
}

TEST(hidden_constants_are_not_seen)
{
	static const struct insn insns[] = {INSN_MOV64_IMM(0, 0x12345678),
		INSN_LD_IMM64(1, 0xcafe123400000005), INSN_ALU64_IMM(BPF_AND, 2, 0xff0000),
		INSN_ALU64_IMM(BPF_ADD, 3, 0x123000), INSN_EXIT()};
	static const char why[] = "a constant that should be hidden";
	struct code code = {.insns = insns, .insn_count = ARRAY_SIZE(insns), .blind = 1};
	static const u32 zero[] = {0};
#define SEEN(...)                                                                                  \
	verdict((const u32[]){BTI, __VA_ARGS__, RET},                                              \
		ARRAY_SIZE(((const u32[]){BTI, __VA_ARGS__, RET})), zero, 1, 0, &code)

	CHECK_STR(SEEN(0x528acf00, 0x72a24680), why); /* mov w0, 0x5678; movk w0, 0x1234 << 16 */
	CHECK_STR(SEEN(0x528acf00, NOP, 0x72a24680), NULL);
	CHECK_STR(SEEN(0x528acf20, 0x72a24680), NULL); /* 0x5679 */
	CHECK_STR(SEEN(0xd2c24680, 0xf2f95fc0), why);  /* mov x0, 0xcafe1234 << 32 */
	CHECK_STR(SEEN(0x12101c00), why);	       /* and w0, w0, 0xff0000 */
	CHECK_STR(SEEN(0x32101fe0), why);	       /* mov w0, 0xff0000 */
	CHECK_STR(SEEN(0x91448c00), why);	       /* add x0, x0, 0x123000 */
	CHECK_STR(SEEN(0x91448800), NULL);
	code.blind = 0;
	CHECK_STR(SEEN(0x528acf00, 0x72a24680), NULL);
#undef SEEN
}
