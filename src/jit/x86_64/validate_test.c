// SPDX-License-Identifier: BSD-2-Clause
/*
 * The decoder against Zydis; the validator against images that are right, images with a changed
 * byte (of those that still pass, a model made with Zydis must say that they do no harm), and
 * images that are wrong by hand. HACHI_FUZZ_SECONDS: how long each of the random tests goes on.
 */
#include "base/log.h"
#include "jit/engine.h"
#include "jit/x86_64/decode.h"
#include "test/images.h"
#include "test/tap.h"

#include "jit/x86_64/x86_64.h"

#include <Zydis/Zydis.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { RSP_BIT = 1 << 4, CALLEE_SAVED = 1 << 3 | 1 << 5 | 0xf << 12 };

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

/* ---- Zydis --------------------------------------------------------------------------------- */

struct other {
	ZydisDecodedInstruction insn;
	ZydisDecodedOperand ops[ZYDIS_MAX_OPERAND_COUNT];
};

static bool decode_other(const u8 *bytes, size_t size, struct other *ret)
{
	static ZydisDecoder decoder;
	static bool is_ready;

	if (!is_ready)
		ZydisDecoderInit(&decoder, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64);
	is_ready = true;
	return ZYAN_SUCCESS(ZydisDecoderDecodeFull(&decoder, bytes, size, &ret->insn, ret->ops));
}

/* Everything that may be in an image. */
static bool may_be_there(ZydisMnemonic mnemonic)
{
	static const char *const names[] = {"add", "or", "and", "sub", "xor", "cmp", "test", "not",
		"neg", "div", "idiv", "cqo", "cdq", "imul", "inc", "dec", "rol", "ror", "shl",
		"shr", "sar", "mov", "movsxd", "movzx", "movsx", "xchg", "lea", "xadd", "cmpxchg",
		"push", "pop", "bswap", "bsr", "popcnt", "bt", "jb", "jnb", "jz", "jnz", "jbe",
		"jnbe", "jl", "jnl", "jle", "jnle", "cmovb", "cmovnb", "cmovz", "cmovnz", "cmovbe",
		"cmovnbe", "cmovl", "cmovnl", "cmovle", "cmovnle", "setb", "setnb", "setz", "setnz",
		"setbe", "setnbe", "setl", "setnl", "setle", "setnle", "jmp", "call", "ret", "ud2",
		"nop", "endbr64", "lfence", "mfence", "movbe", "shlx", "sarx", "shrx", "rorx"};
	static s8 known[ZYDIS_MNEMONIC_MAX_VALUE + 1];
	const char *name = ZydisMnemonicGetString(mnemonic);
	u32 i;

	if (!known[mnemonic]) {
		known[mnemonic] = -1;
		for (i = 0; i < ARRAY_SIZE(names); i++) {
			if (strcmp(names[i], name) == 0)
				known[mnemonic] = 1;
		}
	}
	return known[mnemonic] == 1;
}

static u8 kind_of(const struct other *z)
{
	bool is_reg = z->ops[0].type == ZYDIS_OPERAND_TYPE_REGISTER;

	switch (z->insn.mnemonic) {
	case ZYDIS_MNEMONIC_JMP:
		return z->ops[0].type == ZYDIS_OPERAND_TYPE_MEMORY ? X86_KIND_JUMP_MEM
			: is_reg				   ? X86_KIND_NONE
								   : X86_KIND_JUMP;
	case ZYDIS_MNEMONIC_CALL:
		return z->ops[0].type == ZYDIS_OPERAND_TYPE_MEMORY ? X86_KIND_NONE
			: is_reg				   ? X86_KIND_CALL_REG
								   : X86_KIND_CALL;
	case ZYDIS_MNEMONIC_RET: return X86_KIND_RET;
	case ZYDIS_MNEMONIC_PUSH: return X86_KIND_PUSH;
	case ZYDIS_MNEMONIC_POP: return X86_KIND_POP;
	case ZYDIS_MNEMONIC_UD2: return X86_KIND_TRAP;
	case ZYDIS_MNEMONIC_ENDBR64: return X86_KIND_LANDING;
	case ZYDIS_MNEMONIC_LEA:
		return z->ops[1].mem.base == ZYDIS_REGISTER_RIP ? X86_KIND_LEA_LABEL
								: X86_KIND_PLAIN;
	default:
		return z->insn.meta.category == ZYDIS_CATEGORY_COND_BR ? X86_KIND_BRANCH
								       : X86_KIND_PLAIN;
	}
}

/* 0 to 15, or X86_DECODE_NONE; of whatever width. */
static u8 reg_of(ZydisRegister reg)
{
	ZydisRegister wide = ZydisRegisterGetLargestEnclosing(ZYDIS_MACHINE_MODE_LONG_64, reg);

	return ZydisRegisterGetClass(wide) == ZYDIS_REGCLASS_GPR64 ? (u8)ZydisRegisterGetId(wide)
								   : X86_DECODE_NONE;
}

static u32 written_by(const struct other *z)
{
	u32 i, mask = 0;

	for (i = 0; i < z->insn.operand_count; i++) {
		u8 reg = z->ops[i].type == ZYDIS_OPERAND_TYPE_REGISTER ? reg_of(z->ops[i].reg.value)
								       : X86_DECODE_NONE;

		if (z->ops[i].actions & ZYDIS_OPERAND_ACTION_MASK_WRITE && reg < 16)
			mask |= 1u << reg;
	}
	return mask;
}

static const ZydisDecodedOperand *memory_of(const struct other *z)
{
	u32 i;

	for (i = 0; i < z->insn.operand_count; i++) {
		if (z->ops[i].type == ZYDIS_OPERAND_TYPE_MEMORY &&
			z->ops[i].visibility == ZYDIS_OPERAND_VISIBILITY_EXPLICIT)
			return &z->ops[i];
	}
	return NULL;
}

static const char *memory_differs(const struct x86_insn *x, const struct other *z)
{
	const ZydisDecodedOperand *m = memory_of(z);
	bool is_access =
		m && m->mem.type == ZYDIS_MEMOP_TYPE_MEM && z->insn.mnemonic != ZYDIS_MNEMONIC_NOP;

	if (x->kind == X86_KIND_LEA_LABEL)
		return !m || m->mem.base != ZYDIS_REGISTER_RIP || m->mem.disp.value != x->disp
			? "label"
			: NULL;
	if (x->has_mem != !!m)
		return "memory";
	if (!m)
		return NULL;
	if (m->mem.segment != ZYDIS_REGISTER_DS && m->mem.segment != ZYDIS_REGISTER_SS)
		return "segment";
	if (m->mem.base == ZYDIS_REGISTER_NONE || m->mem.base == ZYDIS_REGISTER_RIP ||
		reg_of(m->mem.base) != x->base)
		return "base";
	if (reg_of(m->mem.index) != x->index || (x->index < 16 && m->mem.scale != 1u << x->scale))
		return "index";
	if (m->mem.disp.value != x->disp)
		return "displacement";
	if (x->access_bytes != (is_access ? m->size / 8 : 0))
		return "size";
	if (is_access && x->writes_mem != !!(m->actions & ZYDIS_OPERAND_ACTION_MASK_WRITE))
		return "writing";
	return NULL;
}

static const char *registers_differ(const struct x86_insn *x, const struct other *z)
{
	u32 i;

	for (i = 0; i < z->insn.operand_count_visible; i++) {
		ZydisRegister reg = z->ops[i].reg.value;

		if (z->ops[i].type != ZYDIS_OPERAND_TYPE_REGISTER)
			continue;
		if (reg >= ZYDIS_REGISTER_AH && reg <= ZYDIS_REGISTER_BH)
			return "high byte";
		if (z->ops[i].encoding == ZYDIS_OPERAND_ENCODING_MODRM_REG && reg_of(reg) != x->reg)
			return "reg";
		if ((z->ops[i].encoding == ZYDIS_OPERAND_ENCODING_MODRM_RM ||
			    z->ops[i].encoding == ZYDIS_OPERAND_ENCODING_OPCODE) &&
			reg_of(reg) != x->rm)
			return "rm";
	}
	return NULL;
}

/* What the two decoders do not agree about, or NULL. */
static const char *differs(const u8 *bytes, const struct x86_insn *x)
{
	const char *what;
	struct other z;
	u32 bits;
	u64 mask, target;

	if (!decode_other(bytes, X86_DECODE_BYTES, &z))
		return "decodes";
	if (z.insn.length != x->length)
		return "length";
	if (!may_be_there(z.insn.mnemonic))
		return "mnemonic";
	if (kind_of(&z) != x->kind)
		return "kind";
	bits = 8u * x->imm_bytes;
	mask = bits == 64 ? UINT64_MAX : (1ull << bits) - 1;
	if (z.insn.raw.imm[0].size != bits || ((z.insn.raw.imm[0].value.u ^ (u64)x->imm) & mask) ||
		z.insn.raw.imm[1].size)
		return "immediate";
	if (z.insn.raw.disp.size != 8u * x->disp_bytes)
		return "displacement";
	switch (x->kind) {
	case X86_KIND_BRANCH:
	case X86_KIND_JUMP:
	case X86_KIND_CALL:
		if (!ZYAN_SUCCESS(
			    ZydisCalcAbsoluteAddress(&z.insn, &z.ops[0], 1ull << 40, &target)) ||
			target != (1ull << 40) + x->length + (u64)x->imm)
			return "target";
		return NULL;
	case X86_KIND_PUSH:
	case X86_KIND_POP:
	case X86_KIND_CALL_REG:
		return z.ops[0].type != ZYDIS_OPERAND_TYPE_REGISTER ||
				reg_of(z.ops[0].reg.value) != x->rm
			? "register"
			: NULL;
	case X86_KIND_PLAIN:
	case X86_KIND_LEA_LABEL:
		if ((written_by(&z) ^ x->writes) & (RSP_BIT | CALLEE_SAVED))
			return "written registers";
		FALLTHROUGH;
	default: what = memory_differs(x, &z); return what ? what : registers_differ(x, &z);
	}
}

static bool agree(const u8 *bytes)
{
	struct x86_insn x;
	const char *what = x86_decode(bytes, &x) ? differs(bytes, &x) : NULL;
	char text[64];
	u32 i;

	if (!what)
		return true;
	for (i = 0; i < X86_DECODE_BYTES; i++)
		snprintf(text + 3 * i, sizeof(text) - 3 * i, "%02x ", bytes[i]);
	return CHECK_MSG(false, "%s: %s", text, what);
}

TEST(both_decoders_agree_about_every_instruction_of_random_programs)
{
	double end = seconds() + time_limit();
	u64 seed, count = 0;
	u32 wrong = 0;

	for (seed = 1; seconds() < end && wrong < 10; seed++) {
		u32 at = 0;

		REQUIRE_EQ(images_of_seed(&engine_x86_64, seed), 0);
		REQUIRE(images_last.is_there);
		while (at < images_last.v.size && wrong < 10) {
			struct x86_insn x;

			if (!x86_decode(images_last.code + at, &x)) { /* a retpoline's pause */
				CHECK_MSG(false, "seed %llu: not decoded at %u",
					(unsigned long long)seed, at);
				wrong = 10;
				break;
			}
			wrong += !agree(images_last.code + at);
			at += x.length;
			count++;
		}
	}
	tap_note("%llu programs, %llu instructions", (unsigned long long)seed - 1,
		(unsigned long long)count);
}

TEST(both_decoders_agree_about_random_bytes)
{
	double end = seconds() + time_limit();
	u64 state = 1, count = 0, accepted = 0;
	u32 wrong = 0, i;

	while (wrong < 10 && (count % 1024 || seconds() < end)) {
		u8 bytes[X86_DECODE_BYTES];
		u32 n = 0;

		for (i = 0; i < sizeof(bytes); i += 8)
			store_u64(bytes + i, gen_random(&state));
		/* half of them with likely prefixes */
		if (bytes[15] & 1) {
			if (bytes[14] < 64)
				bytes[n++] = 0xf0;
			if (bytes[13] < 64)
				bytes[n++] = 0x66;
			if (bytes[12] < 128)
				bytes[n++] = 0x40 | (bytes[12] & 15);
			if (bytes[11] < 128)
				bytes[n++] = 0x0f;
			else if (bytes[11] < 160)
				bytes[n++] = 0xc4;
		}
		wrong += !agree(bytes);
		accepted += x86_decode(bytes, &(struct x86_insn){0});
		count++;
	}
	CHECK(accepted > count / 20);
	tap_note("%llu byte strings, %llu of them instructions of ours", (unsigned long long)count,
		(unsigned long long)accepted);
}

TEST(every_opcode_with_every_modrm_decodes_alike)
{
	static const u8 prefixes[][3] = {{0}, {1, 0x66}, {1, 0x48}, {1, 0x41}, {1, 0x44},
		{2, 0x66, 0x45}, {1, 0xf0}, {2, 0xf0, 0x4f}, {1, 0x0f}, {2, 0x48, 0x0f},
		{2, 0x45, 0x0f}, {2, 0xf0, 0x0f}, {1, 0xf3}, {1, 0xf2}, {1, 0x64}, {1, 0x2e},
		{1, 0x67}, {2, 0xf3, 0x0f}, {2, 0x0f, 0x38}, {2, 0x40, 0x0f}};
	u32 p, op, modrm, sib, wrong = 0;

	for (p = 0; p < ARRAY_SIZE(prefixes); p++) {
		for (op = 0; op < 256; op++) {
			for (modrm = 0; modrm < 256 && wrong < 10; modrm++) {
				for (sib = 0x24; sib < 0x100; sib += 0x51) {
					u8 bytes[X86_DECODE_BYTES] = {0}, n = prefixes[p][0];

					memset(bytes, 0x11, sizeof(bytes));
					memcpy(bytes, prefixes[p] + 1, n);
					bytes[n] = (u8)op;
					bytes[n + 1] = (u8)modrm;
					bytes[n + 2] = (u8)sib;
					wrong += !agree(bytes);
				}
			}
		}
	}
	CHECK_EQ(wrong, 0);
}

/* ---- a model of what must hold, made with Zydis -----------------------------------------------
 */

enum { UNKNOWN = INT32_MIN };

struct model {
	const struct validate *v;
	u8 is_start[IMAGE_MAX_BYTES];
	s32 depth[IMAGE_MAX_BYTES]; /* bytes on the stack before this instruction */
	u32 func_of[IMAGE_MAX_BYTES];
	u32 work[IMAGE_MAX_BYTES], work_count;
	s32 saved[IMAGE_MAX_FUNCS]; /* bytes of saved registers */
};

static struct model model;

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

static bool model_reach(struct model *m, u64 to, s32 depth, u32 func)
{
	if (to >= m->v->size || !m->is_start[to])
		return false;
	if (m->depth[to] != UNKNOWN)
		return m->depth[to] == depth && m->func_of[to] == func;
	m->depth[to] = depth;
	m->func_of[to] = func;
	m->work[m->work_count++] = (u32)to;
	return true;
}

static const char *model_memory(const struct model *m, const struct other *z, u32 at)
{
	const ZydisDecodedOperand *op = memory_of(z);
	s64 low, high;

	if (!op || op->mem.type != ZYDIS_MEMOP_TYPE_MEM || z->insn.mnemonic == ZYDIS_MNEMONIC_NOP)
		return NULL;
	if (op->mem.base == ZYDIS_REGISTER_NONE || op->mem.base == ZYDIS_REGISTER_RIP)
		return "absolute memory";
	if (op->mem.segment != ZYDIS_REGISTER_DS && op->mem.segment != ZYDIS_REGISTER_SS)
		return "another segment";
	if (op->mem.base != ZYDIS_REGISTER_RSP || op->mem.index != ZYDIS_REGISTER_NONE)
		return NULL;
	low = op->mem.disp.value - m->depth[at];
	high = low + op->size / 8;
	if (high > -m->saved[m->func_of[at]])
		return "what is above the frame is accessed";
	return low < -m->depth[at] - 128 ? "what is below the stack is accessed" : NULL;
}

static const char *model_step(struct model *m, u32 at)
{
	const struct validate *v = m->v;
	struct other z;
	s32 depth = m->depth[at], after = depth;
	u32 func = m->func_of[at], next;
	const char *wrong;
	u64 target = 0;

	decode_other(v->code + at, v->size - at, &z);
	next = at + z.insn.length;
	wrong = model_memory(m, &z, at);
	if (wrong)
		return wrong;
	if (z.ops[0].type == ZYDIS_OPERAND_TYPE_IMMEDIATE)
		ZydisCalcAbsoluteAddress(&z.insn, &z.ops[0], v->base + at, &target);
	target -= v->base;
	switch (kind_of(&z)) {
	case X86_KIND_BRANCH:
		if (!model_reach(m, target, depth, func))
			return "branch";
		break;
	case X86_KIND_JUMP: return model_reach(m, target, depth, func) ? NULL : "jump";
	case X86_KIND_CALL:
		if (target < v->size ? !is_entry(v, target) : !is_call(v, target + v->base))
			return "call";
		break;
	case X86_KIND_CALL_REG:
		if (at < 10 || !is_call(v, load_u64(v->code + at - 8)) || /* mov rax, that */
			(load_u16(v->code + at - 10) & 0xfff9) != 0xb848)
			return "indirect call";
		break;
	case X86_KIND_JUMP_MEM: return depth ? "tail call with a frame" : NULL;
	case X86_KIND_RET: return depth ? "return with a frame" : NULL;
	case X86_KIND_TRAP: return NULL;
	case X86_KIND_PUSH: after += 8; break;
	case X86_KIND_POP: after -= 8; break;
	case X86_KIND_LEA_LABEL:
		ZydisCalcAbsoluteAddress(&z.insn, &z.ops[1], v->base + at, &target);
		if (!is_entry(v, target - v->base))
			return "address";
		break;
	default:
		if (!(written_by(&z) & RSP_BIT))
			break;
		if (z.insn.mnemonic == ZYDIS_MNEMONIC_SUB)
			after += (s32)z.ops[1].imm.value.s;
		else if (z.insn.mnemonic == ZYDIS_MNEMONIC_ADD)
			after -= (s32)z.ops[1].imm.value.s;
		else
			return "stack pointer";
	}
	return model_reach(m, next, after, func) ? NULL : "next";
}

/* What an image that passed does wrong, or NULL. */
static const char *model_finds(const struct validate *v)
{
	struct model *m = &model;
	const char *wrong;
	struct other z;
	u32 at, i;

	m->v = v;
	memset(m->is_start, 0, v->size);
	m->work_count = 0;
	for (at = 0; at < v->size; at += z.insn.length) {
		m->depth[at] = UNKNOWN;
		m->is_start[at] = 1;
		if (!decode_other(v->code + at, v->size - at, &z))
			return "no instruction";
		if (!may_be_there(z.insn.mnemonic) && z.insn.mnemonic != ZYDIS_MNEMONIC_PAUSE)
			return ZydisMnemonicGetString(z.insn.mnemonic);
	}
	for (i = 0; i < v->func_count; i++) {
		at = v->funcs[i];
		m->saved[i] = 0;
		if (at < v->size && v->code[at] == 0xf3)
			at += 4;
		for (; at < v->size; at += z.insn.length) {
			if (!decode_other(v->code + at, v->size - at, &z) ||
				z.insn.mnemonic != ZYDIS_MNEMONIC_PUSH)
				break;
			m->saved[i] += 8;
		}
		if (!model_reach(m, v->funcs[i], 0, i))
			return "entry";
	}
	while (m->work_count) {
		wrong = model_step(m, m->work[--m->work_count]);
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
	err = validate_x86_64(v);
	v->secrets = NULL;
	arena_release(&arena);
	return err;
}

static bool try_mutant(u64 *state, u64 *refused)
{
	struct images_one *one = &images_last;
	u64 r = gen_random(state);
	u32 at = (u32)(r >> 16) % one->v.size;
	u8 old = one->code[at];
	const char *wrong;

	if (r & 1)
		one->code[at] ^= (u8)(1u << (r >> 1 & 7));
	else
		one->code[at] = (u8)(r >> 8);
	if (check_image(&one->v)) {
		++*refused;
		wrong = NULL;
	} else {
		wrong = model_finds(&one->v);
	}
	CHECK_MSG(!wrong, "byte %u: %02x became %02x, and passes: %s", at, old, one->code[at],
		wrong ? wrong : "");
	one->code[at] = old;
	return !wrong;
}

TEST(changed_images_that_pass_do_no_harm)
{
	double end = seconds() + time_limit();
	u64 state = 5, seed, count = 0, refused = 0;
	u32 i, wrong = 0;

	for (seed = 1; seconds() < end && wrong < 5; seed++) {
		int err = seed <= 5 ? images_special(&engine_x86_64, (u32)seed - 1)
				    : images_of_seed(&engine_x86_64, seed);
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

#define ENTRY 0xf3, 0x0f, 0x1e, 0xfa
#define RET   0xc3

static const u64 hand_calls[] = {0x7123456789ab};

static const char *verdict(const u8 *code, u32 size, const u32 *funcs, u32 func_count,
	const u64 *calls, u32 call_count, const struct code *program)
{
	struct validate v = {
		.code = code,
		.size = size,
		.base = 0x10000000,
		.funcs = funcs,
		.func_count = func_count,
		.calls = calls,
		.call_count = call_count,
		.program = program,
	};
	int err = check_image(&v);

	return err ? v.why : NULL;
}

/* One function, from its entry on; NULL: it passes. */
#define JUDGE(calls, ...)                                                                          \
	verdict((const u8[]){ENTRY, __VA_ARGS__}, sizeof((const u8[]){ENTRY, __VA_ARGS__}),        \
		(const u32[]){0}, 1, hand_calls, calls, NULL)
#define PASSES(...)	  CHECK_STR(JUDGE(0, __VA_ARGS__), NULL)
#define REFUSED(why, ...) CHECK_STR(JUDGE(0, __VA_ARGS__), why)

static const char not_allowed[] = "an instruction that images do not contain";
static const char not_written[] = "a register of the caller, or the stack pointer, is written";
static const char not_rsp[] = "the stack pointer changes";
static const char not_target[] = "a jump leads where no instruction may be jumped to";

TEST(what_no_image_contains_is_refused)
{
	PASSES(0x31, 0xc0, RET);		     /* xor eax, eax */
	REFUSED(not_allowed, 0xcc, RET);	     /* int3 */
	REFUSED(not_allowed, 0xcd, 0x80, RET);	     /* int 0x80 */
	REFUSED(not_allowed, 0x0f, 0x05, RET);	     /* syscall */
	REFUSED(not_allowed, 0x0f, 0x34, RET);	     /* sysenter */
	REFUSED(not_allowed, 0xf4, RET);	     /* hlt */
	REFUSED(not_allowed, 0xff, 0xe0, RET);	     /* jmp rax */
	REFUSED(not_allowed, 0xff, 0x10, RET);	     /* call [rax] */
	REFUSED(not_allowed, 0xf3, 0xa4, RET);	     /* rep movsb */
	REFUSED(not_allowed, 0x64, 0x8b, 0x00, RET); /* mov eax, fs:[rax] */
	REFUSED(not_allowed, 0x67, 0x8b, 0x00, RET); /* mov eax, [eax] */
	REFUSED(not_allowed, 0x0f, 0x6f, 0x00, RET); /* movq mm0, [rax] */
	REFUSED(not_allowed, 0x0f, 0x01, 0xd0, RET); /* xgetbv */
	REFUSED(not_allowed, 0x0f, 0x30, RET);	     /* wrmsr */
	REFUSED(not_allowed, 0xc2, 8, 0, RET);	     /* ret 8 */
	REFUSED(not_allowed, 0xf0, 0x31, 0xc0, RET); /* lock xor eax, eax */
	REFUSED(not_allowed, 0x88, 0xe0, RET);	     /* mov al, ah */
	REFUSED("a landing pad that is no entry", 0x90, ENTRY, RET);
	REFUSED("an instruction that goes on behind the end", RET, 0xb8, 1, 2);
}

TEST(memory_has_a_base_and_the_stack_its_frame)
{
	PASSES(0x89, 0x07, RET);					   /* mov [rdi], eax */
	PASSES(0x89, 0x44, 0x24, 0xfc, RET);				   /* mov [rsp - 4], eax */
	REFUSED(not_allowed, 0x89, 0x05, 0, 0, 0, 0, RET);		   /* mov [rip], eax */
	REFUSED(not_allowed, 0x8b, 0x05, 0, 0, 0, 0, RET);		   /* mov eax, [rip] */
	REFUSED(not_allowed, 0x89, 0x04, 0x25, 0, 0, 0, 0, RET);	   /* mov [0], eax */
	REFUSED(not_allowed, 0x89, 0x04, 0xc5, 0, 0, 0, 0, RET);	   /* mov [rax * 8], eax */
	REFUSED("an access above the frame", 0x89, 0x04, 0x24, RET);	   /* mov [rsp], eax */
	REFUSED("an access below the frame", 0x89, 0x44, 0x24, 0xfe, RET); /* [rsp - 2] */
	REFUSED("an access below the frame", 0x89, 0x84, 0x24, 0, 0xff, 0xff, 0xff, RET);
	/* push rbx; sub rsp, 16; mov [rsp + 8], rbx */
	PASSES(0x53, 0x48, 0x83, 0xec, 16, 0x48, 0x89, 0x5c, 0x24, 8, 0x48, 0x83, 0xc4, 16, 0x5b,
		RET);
	/* the same at rsp + 12, where rbx was saved */
	REFUSED("an access above the frame", 0x53, 0x48, 0x83, 0xec, 16, 0x48, 0x89, 0x5c, 0x24, 12,
		0x48, 0x83, 0xc4, 16, 0x5b, RET);
	/* a call and the red zone */
	CHECK_STR(JUDGE(1, 0x50 + 3, 0x89, 0x44, 0x24, 0xfc, 0x48, 0xb8, 0xab, 0x89, 0x67, 0x45,
			  0x23, 0x71, 0, 0, 0xff, 0xd0, 0x5b, RET),
		"calls overwrite what lies below the stack pointer");
}

TEST(the_stack_pointer_and_saved_registers_come_back)
{
	PASSES(0x53, 0x31, 0xdb, 0x5b, RET);			 /* push rbx; xor ebx, ebx; pop */
	REFUSED(not_written, 0x31, 0xdb, RET);			 /* without saving it */
	REFUSED(not_written, 0x48, 0x87, 0xd8, RET);		 /* xchg rax, rbx */
	REFUSED(not_written, 0x31, 0xc0, 0x48, 0x89, 0xc4, RET); /* mov rsp, rax */
	REFUSED(not_written, 0x48, 0x8d, 0x64, 0x24, 8, RET);	 /* lea rsp, [rsp + 8] */
	REFUSED(not_written, 0x31, 0xc0, 0x48, 0x83, 0xec, 8, RET); /* sub rsp too late */
	REFUSED(not_written, 0x48, 0x83, 0xe4, 0xf0, RET);	    /* and rsp, -16 */
	REFUSED(not_rsp, 0x31, 0xc0, 0x53, 0x5b, RET);		    /* push too late */
	REFUSED(not_rsp, 0x48, 0x83, 0xc4, 8, RET);		    /* add rsp, 8 */
	REFUSED("saved registers are left on the stack", 0x53, RET);
	REFUSED("the frame is not given back", 0x48, 0x83, 0xec, 8, RET);
	REFUSED(not_rsp, 0x48, 0x83, 0xec, 8, 0x48, 0x83, 0xc4, 16, RET);
	REFUSED("a register does not come back from where it was saved", 0x53, 0x55, 0x5b, 0x5d,
		RET);
	REFUSED("a register does not come back from where it was saved", 0x5b, RET);
	REFUSED("this register need not be saved", 0x50, 0x58, RET);
	REFUSED("no frame has this size", 0x48, 0x83, 0xec, 0xf8, 0x48, 0x83, 0xc4, 0xf8, RET);
	REFUSED("the function runs on into the next one", 0x31, 0xc0);
	REFUSED("the function runs on into the next one", 0x53, 0x5b);
}

TEST(jumps_go_to_instructions_of_the_function)
{
	PASSES(0x74, 2, 0x31, 0xc0, RET);	       /* je over xor */
	REFUSED(not_target, 0x74, 1, 0x31, 0xc0, RET); /* into it */
	REFUSED(not_target, 0xeb, 0xfc, RET);	       /* into the landing pad */
	REFUSED("a jump out of the function", 0xeb, 0x70, RET);
	REFUSED("a jump out of the function", 0xeb, 0x80, RET);
	REFUSED("a jump out of the function", 0x0f, 0x84, 0, 0, 0, 0x80, RET);
	/* to pop, to add rsp, and behind it: push rbx; sub rsp, 16; je; add rsp, 16; pop rbx */
	PASSES(0x53, 0x48, 0x83, 0xec, 16, 0x74, 0, 0x48, 0x83, 0xc4, 16, 0x5b, RET);
	REFUSED(not_target, 0x53, 0x48, 0x83, 0xec, 16, 0x74, 4, 0x48, 0x83, 0xc4, 16, 0x5b, RET);
	REFUSED(not_target, 0x53, 0x48, 0x83, 0xec, 16, 0x74, 5, 0x48, 0x83, 0xc4, 16, 0x5b, RET);
	REFUSED(not_target, 0x53, 0x48, 0x83, 0xec, 16, 0x74, 0xf9, 0x48, 0x83, 0xc4, 16, 0x5b,
		RET); /* to sub rsp */
	CHECK_STR(verdict((const u8[]){0x31, 0xc0, RET}, 3, (const u32[]){0}, 1, NULL, 0, NULL),
		"the entry is no landing pad");
}

TEST(calls_go_to_what_was_registered)
{
	static const u8 far[] = {ENTRY, 0x53, 0x48, 0xb8, 0xab, 0x89, 0x67, 0x45, 0x23, 0x71, 0, 0,
		0xff, 0xd0, 0x5b, RET};
	static const u32 zero[] = {0}, two[] = {0, 12};
	static const u64 others[] = {0x7123456789ac}, twice[] = {0x7123456789ab, 0x7123456789ab},
			 near[] = {0x10000100};
	u8 code[] = {ENTRY, 0x53, 0xe8, 0, 0, 0, 0, 0x5b, RET, ENTRY, RET};

	CHECK_STR(verdict(far, sizeof(far), zero, 1, hand_calls, 1, NULL), NULL);
	CHECK_STR(verdict(far, sizeof(far), zero, 1, others, 1, NULL), "a call of something else");
	CHECK_STR(verdict(far, sizeof(far), zero, 1, NULL, 0, NULL), "a call of something else");
	CHECK_STR(verdict(far, sizeof(far), zero, 1, twice, 2, NULL), "a call is missing");
	/* call rax without its constant, or jumped to */
	CHECK_STR(JUDGE(1, 0x53, 0xff, 0xd0, 0x5b, RET), "an indirect call");
	CHECK_STR(JUDGE(1, 0x53, 0x74, 10, 0x48, 0xb8, 0xab, 0x89, 0x67, 0x45, 0x23, 0x71, 0, 0,
			  0xff, 0xd0, 0x5b, RET),
		not_target);
	CHECK_STR(JUDGE(1, 0x53, 0x48, 0xb8, 0xab, 0x89, 0x67, 0x45, 0x23, 0x71, 0, 0, 0xff, 0xd1,
			  0x5b, RET),
		"an indirect call"); /* rcx */
	CHECK_STR(JUDGE(1, 0x48, 0xb8, 0xab, 0x89, 0x67, 0x45, 0x23, 0x71, 0, 0, 0xff, 0xd0, RET),
		"the stack is not aligned at calls");
	/* near: another function, one of its instructions, somewhere else */
	code[6] = 1;
	CHECK_STR(verdict(code, sizeof(code), two, 2, NULL, 0, NULL), "a call into a function");
	code[6] = 2;
	CHECK_STR(verdict(code, sizeof(code), two, 2, NULL, 0, NULL), NULL);
	CHECK_STR(verdict(code, sizeof(code) - 1, two, 2, NULL, 0, NULL),
		"the function runs on into the next one");
	code[6] = 0;
	CHECK_STR(verdict(code, sizeof(code), two, 2, NULL, 0, NULL), "a call into a function");
	store_u32(code + 6, 0x100 - 10);
	CHECK_STR(verdict(code, sizeof(code), two, 2, near, 1, NULL), NULL);
	store_u32(code + 6, 0x100 - 11);
	CHECK_STR(verdict(code, sizeof(code), two, 2, near, 1, NULL), "a call of something else");
}

TEST(addresses_of_functions_are_of_landing_pads)
{
	/* lea rax, [rip + n]; ret; endbr64; ret; ret */
	u8 code[] = {ENTRY, 0x48, 0x8d, 0x05, 1, 0, 0, 0, RET, ENTRY, RET, RET};
	static const u32 funcs[] = {0, 12, 17};

	CHECK_STR(verdict(code, sizeof(code), funcs, 3, NULL, 0, NULL), NULL);
	code[7] = 6;
	CHECK_STR(verdict(code, sizeof(code), funcs, 3, NULL, 0, NULL),
		"the address of no function that may be called by it");
	code[7] = 5;
	CHECK_STR(verdict(code, sizeof(code), funcs, 3, NULL, 0, NULL),
		"the address of no function that may be called by it");
	code[7] = 1;
	code[4] = 0x40; /* 32 bits of it */
	CHECK_STR(verdict(code, sizeof(code), funcs, 3, NULL, 0, NULL),
		"the address of no function that may be called by it");
}

/* mov [rsi + run->image], rax; pop rbx; jmp [rax + image->entry] */
#define STORE 0x48, 0x89, 0x46, offsetof(struct run, image)
#define JUMP  0xff, 0x60, offsetof(struct image, entry)
#define LOAD  0x48, 0x8b, 0x40, offsetof(struct image, entry)
#define RETPOLINE                                                                                  \
	0xe8, 7, 0, 0, 0, 0xf3, 0x90, 0x0f, 0xae, 0xe8, 0xeb, 0xf9, 0x48, 0x89, 0x04, 0x24, 0xc3

TEST(indirect_jumps_are_tail_calls)
{
	static const char why[] = "an indirect jump that is no tail call";

	PASSES(0x53, STORE, 0x5b, JUMP);
	PASSES(STORE, JUMP);
	PASSES(0x53, 0x48, 0x83, 0xec, 8, STORE, 0x48, 0x83, 0xc4, 8, 0x5b, JUMP);
	REFUSED(why, 0x53, 0x5b, JUMP);
	REFUSED(why, JUMP);
	REFUSED(why, STORE, 0x31, 0xc0, JUMP);	    /* xor eax, eax between */
	REFUSED(why, 0x48, 0x89, 0x46, 0x40, JUMP); /* stored elsewhere */
	REFUSED(why, 0x48, 0x89, 0x4e, offsetof(struct run, image), JUMP); /* rcx stored */
	REFUSED(why, 0x89, 0x46, offsetof(struct run, image), JUMP);	   /* half of it */
	REFUSED(why, STORE, 0xff, 0x60, offsetof(struct image, entry) + 8);
	REFUSED(why, STORE, 0xff, 0x61, offsetof(struct image, entry)); /* rcx */
	REFUSED("saved registers are left on the stack", 0x53, STORE, JUMP);
	REFUSED(not_target, 0x74, 4, STORE, JUMP); /* between the store and the jump */
	PASSES(0x74, 0, STORE, JUMP);
	REFUSED(not_target, 0x53, 0x74, 4, STORE, 0x5b, JUMP);
	/* the same without an indirect branch */
	PASSES(0x53, STORE, 0x5b, LOAD, RETPOLINE);
	PASSES(STORE, LOAD, RETPOLINE);
	REFUSED(not_target, 0x74, 4, STORE, LOAD, RETPOLINE);
	REFUSED(not_target, 0x74, 8, STORE, LOAD, RETPOLINE);
	CHECK(JUDGE(0, STORE, RETPOLINE));
	CHECK(JUDGE(0, LOAD, RETPOLINE));
	CHECK(JUDGE(0, 0x53, STORE, LOAD, RETPOLINE));
	CHECK(JUDGE(0, STORE, LOAD, 0x31, 0xc0, RETPOLINE));
}

TEST(hidden_constants_are_not_seen)
{
	static const struct insn insns[] = {INSN_MOV64_IMM(0, 0x12345678),
		INSN_LD_IMM64(1, 0xcafe123400000005), INSN_ST_MEM(BPF_W, 10, -4, 0x600000),
		INSN_MOV64_IMM(2, 0x7fff), INSN_ALU64_IMM(BPF_ADD, 3, -2000000), INSN_EXIT()};
	struct code_map map = {.max_entries = 0x600001};
	struct code code = {.insns = insns,
		.insn_count = ARRAY_SIZE(insns),
		.maps = &map,
		.map_count = 1,
		.blind = 1};
	static const u32 zero[] = {0};
#define SEEN(...)                                                                                  \
	verdict((const u8[]){ENTRY, __VA_ARGS__, RET},                                             \
		sizeof((const u8[]){ENTRY, __VA_ARGS__, RET}), zero, 1, NULL, 0, &code)
	static const char why[] = "a constant that should be hidden";

	CHECK_STR(SEEN(0xb8, 0x78, 0x56, 0x34, 0x12), why); /* mov eax, */
	CHECK_STR(SEEN(0xb8, 0x77, 0x56, 0x34, 0x12), NULL);
	CHECK_STR(SEEN(0x35, 0x34, 0x12, 0xfe, 0xca), why);		      /* xor eax, */
	CHECK_STR(SEEN(0x48, 0xb8, 0, 0, 0, 0, 0x78, 0x56, 0x34, 0x12), why); /* mov rax, */
	CHECK_STR(SEEN(0x48, 0xb8, 0x78, 0x56, 0x34, 0x12, 0, 0, 0, 0), why);
	CHECK_STR(SEEN(0x8b, 0x87, 0, 0, 0x60, 0), why);	  /* mov eax, [rdi + 0x600000] */
	CHECK_STR(SEEN(0x8d, 0x87, 0x80, 0x7b, 0xe1, 0xff), why); /* lea eax, [rdi - 2000000] */
	CHECK_STR(SEEN(0xb8, 0xff, 0x7f, 0, 0), NULL);		  /* few bits */
	CHECK_STR(SEEN(0xb8, 1, 0, 0x60, 0), NULL);		  /* the map's */
	code.blind = 0;
	CHECK_STR(SEEN(0xb8, 0x78, 0x56, 0x34, 0x12), NULL);
#undef SEEN
}

TEST(an_image_that_does_not_pass_is_an_error_with_its_place)
{
	static const u8 bad[] = {ENTRY, 0x31, 0xc0, 0x0f, 0x05, RET};
	static const u32 zero[] = {0};
	char *text = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int status;
	pid_t child;

	REQUIRE(text != MAP_FAILED);
	child = fork();
	if (child == 0) { /* builds for developers abort there */
		struct validate v = {.code = bad,
			.size = sizeof(bad),
			.base = 0x10000000,
			.funcs = zero,
			.func_count = 1};
		struct arena arena;
		struct log log;
		int err;

		fclose(stderr);
		arena_init(&arena);
		v.arena = &arena;
		log_init(&log, text, 4096, LOG_LEVEL1);
		err = validate_image(&v, validate_x86_64, &log);
		_exit(err == -EFAULT ? 3 : 0);
	}
	waitpid(child, &status, 0);
	CHECK(WIFSIGNALED(status) ? WTERMSIG(status) == SIGABRT : WEXITSTATUS(status) == 3);
	CHECK_MSG(
		strstr(text, "at offset 6: an instruction that images do not contain"), "%s", text);
	CHECK(!strstr(text, "0x"));
	munmap(text, 4096);
}
