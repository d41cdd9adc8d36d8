// SPDX-License-Identifier: BSD-2-Clause
/*
 * Prefixes, opcode, ModRM, SIB, displacement, immediate, in this order (Intel's manual, volume 2,
 * 2.1 and 2.2). What comes behind the opcode, and what it may be, is in forms[]; the few forms
 * that do not fit there are read by functions of their own.
 */
#include "jit/x86_64/decode.h"

/* This is run for every instruction of every image. */
#define INLINE	 inline __attribute__((always_inline))
#define NOINLINE __attribute__((noinline))

enum {
	MAP_0F = 0x100,
	RSP = 4,
	RBP = 5,
	REX_B = 1,
	REX_X = 2,
	REX_R = 4,
	REX_W = 8,
};

/* What a form is. No flag but PLAIN or a kind: the opcode is all. */
enum {
	PLAIN = X86_KIND_PLAIN,
	KIND_MASK = 15,
	MEM = 1 << 4, /* ModRM may name memory */
	REG = 1 << 5, /* ModRM may name two registers */
	RM = MEM | REG,
	CAREFUL = 1 << 20,	 /* an operand may be a byte register */
	BYTE = 1 << 6 | CAREFUL, /* 8 bits wide */
	O16 = 1 << 7,		 /* 66 makes it 16 bits wide */
	LOCK = 1 << 8,		 /* F0 is allowed where it writes memory */
	WRITES_RM = 1 << 9,
	WRITES_REG = 1 << 10,
	OPREG = 1 << 11, /* the register is in the opcode */
	WRITES_OPREG = OPREG | WRITES_RM,
	IMM8 = 1 << 12,
	IMM32 = 1 << 13,	  /* 16 bits with 66 */
	IMM64 = 1 << 14,	  /* 64 bits with REX.W, else 32 */
	IMM_OF_DIGIT_0 = 1 << 15, /* only digit 0 has its immediate */
	AT_1 = 1 << 16 | CAREFUL, /* bytes of memory, whatever the width */
	AT_2 = 2 << 16,
	AT_4 = 3 << 16,
	ADDRESS = 4 << 16, /* the memory is not touched */
	AT_MASK = 7 << 16,
	NO_REX = 1 << 21,
};

enum { ANY_DIGIT = 0xff };

#define D(digit)   (1u << (digit))
#define KIND(kind) (kind)

struct form {
	u32 flags; /* 0: not allowed */
	u8 digits; /* allowed in ModRM.reg, one bit each */
	u8 writing;
};

/* Conditions: those of enum x86_cond. */
#define FORM_CC(op, what, digits)                                                                  \
	FORM((op) + 0x2, what, digits, 0)                                                          \
	FORM((op) + 0x3, what, digits, 0)                                                          \
	FORM((op) + 0x4, what, digits, 0)                                                          \
	FORM((op) + 0x5, what, digits, 0)                                                          \
	FORM((op) + 0x6, what, digits, 0)                                                          \
	FORM((op) + 0x7, what, digits, 0)                                                          \
	FORM((op) + 0xc, what, digits, 0)                                                          \
	FORM((op) + 0xd, what, digits, 0)                                                          \
	FORM((op) + 0xe, what, digits, 0)                                                          \
	FORM((op) + 0xf, what, digits, 0)
#define FORM_8(op, what)                                                                           \
	FORM((op) + 0, what, 0, 0)                                                                 \
	FORM((op) + 1, what, 0, 0)                                                                 \
	FORM((op) + 2, what, 0, 0)                                                                 \
	FORM((op) + 3, what, 0, 0)                                                                 \
	FORM((op) + 4, what, 0, 0)                                                                 \
	FORM((op) + 5, what, 0, 0)                                                                 \
	FORM((op) + 6, what, 0, 0)                                                                 \
	FORM((op) + 7, what, 0, 0)

static const struct form forms[512] = {
#define FORM(op, what, digits, writing)                                                            \
	[op] = {(what) | ((what)&KIND_MASK ? 0 : PLAIN), (digits) ? (digits) : ANY_DIGIT,          \
		(what)&WRITES_RM ? ANY_DIGIT : (writing)},
#include "jit/x86_64/forms.def"
#undef FORM
};

static const u8 at_bytes[] = {0, 1, 2, 4, 0};

static s32 load_s32(const u8 *p)
{
	return (s32)load_u32(p);
}

/* ModRM.rm as memory: SIB and displacement behind it. NULL: absolute, or relative to rip. */
static INLINE const u8 *decode_memory(const u8 *p, u8 rex, struct x86_insn *insn)
{
	u8 modrm = *p++, mod = modrm >> 6, rm = modrm & 7;

	insn->has_mem = true;
	insn->base = (u8)(rm | (rex & REX_B) << 3);
	if (rm == RSP) {
		u8 sib = *p++, index = (u8)((sib >> 3 & 7) | (rex & REX_X) << 2);

		insn->base = (u8)((sib & 7) | (rex & REX_B) << 3);
		if (index != RSP) {
			insn->index = index;
			insn->scale = sib >> 6;
		}
		if ((sib & 7) == RBP && mod == 0)
			return NULL;
	} else if (rm == RBP && mod == 0) {
		if (insn->opcode != 0x8d || insn->is_0f)
			return NULL;
		insn->kind = X86_KIND_LEA_LABEL;
		insn->has_mem = false;
		insn->base = X86_DECODE_NONE;
		mod = 2;
	}
	if (mod == 1) {
		insn->disp = (s8)*p++;
		insn->disp_bytes = 1;
	} else if (mod == 2) {
		insn->disp = load_s32(p);
		insn->disp_bytes = 4;
		p += 4;
	}
	return p;
}

/* inc, dec, call and jmp. */
static NOINLINE const u8 *decode_ff(const u8 *p, u8 rex, struct x86_insn *insn)
{
	u8 modrm = *p, digit = modrm >> 3 & 7, mod = modrm >> 6;

	insn->kind = X86_KIND_PLAIN;
	insn->width = rex & REX_W ? 64 : 32;
	insn->reg = digit;
	insn->rm = (u8)((modrm & 7) | (rex & REX_B) << 3);
	if (mod == 3 && digit <= 1) {
		insn->writes = (u16)(1u << insn->rm);
		return p + 1;
	}
	insn->width = 64;
	if (mod == 3 && digit == 2) {
		insn->kind = X86_KIND_CALL_REG;
		return p + 1;
	}
	if (mod == 3 || digit != 4)
		return NULL;
	insn->kind = X86_KIND_JUMP_MEM;
	insn->access_bytes = 8;
	return decode_memory(p, rex, insn);
}

/* BMI2, three-byte VEX: shlx, sarx, shrx and rorx, registers only. */
static const u8 *decode_vex(const u8 *p, struct x86_insn *insn)
{
	u8 map = p[0] & 31, pp = p[1] & 3, modrm = p[3];

	if (!(p[0] & 0x40) || p[1] & 4 || modrm < 0xc0)
		return NULL;
	insn->opcode = p[2];
	insn->kind = X86_KIND_PLAIN;
	insn->width = p[1] & 0x80 ? 64 : 32;
	insn->reg = (u8)((modrm >> 3 & 7) | (p[0] & 0x80 ? 0 : 8));
	insn->rm = (u8)((modrm & 7) | (p[0] & 0x20 ? 0 : 8));
	insn->writes = (u16)(1u << insn->reg);
	if (map == 2 && p[2] == 0xf7 && pp)
		return p + 4;
	if (map != 3 || p[2] != 0xf0 || pp != 3 || (p[1] & 0x78) != 0x78)
		return NULL;
	insn->imm = (s8)p[4];
	insn->imm_bytes = 1;
	return p + 5;
}

/* F3: popcnt of a register, endbr64. */
static const u8 *decode_f3(const u8 *p, struct x86_insn *insn)
{
	u8 rex = (*p & 0xf0) == 0x40 ? *p++ : 0;

	if (p[0] != 0x0f)
		return NULL;
	if (!rex && p[1] == 0x1e && p[2] == 0xfa) {
		insn->kind = X86_KIND_LANDING;
		return p + 3;
	}
	if (p[1] != 0xb8 || p[2] < 0xc0)
		return NULL;
	insn->kind = X86_KIND_PLAIN;
	insn->is_0f = true;
	insn->opcode = p[1];
	insn->width = rex & REX_W ? 64 : 32;
	insn->reg = (u8)((p[2] >> 3 & 7) | (rex & REX_R) << 1);
	insn->rm = (u8)((p[2] & 7) | (rex & REX_B) << 3);
	insn->writes = (u16)(1u << insn->reg);
	return p + 3;
}

/* What forms[] has no line for; p is behind the opcode. */
static NOINLINE const u8 *decode_other(const u8 *p, bool has_prefix, u8 rex, struct x86_insn *insn)
{
	if (has_prefix)
		return NULL;
	if (insn->is_0f) {
		bool is_fence = insn->opcode == 0xae && (*p == 0xe8 || *p == 0xf0);

		if (is_fence && !rex) { /* lfence, mfence */
			insn->kind = X86_KIND_PLAIN;
			return p + 1;
		}
		if (insn->opcode != 0x38 || *p != 0xf0 || p[1] >= 0xc0)
			return NULL;
		insn->kind = X86_KIND_PLAIN; /* movbe, a load */
		insn->opcode = *p;
		insn->width = rex & REX_W ? 64 : 32;
		insn->access_bytes = insn->width / 8;
		insn->reg = (u8)((p[1] >> 3 & 7) | (rex & REX_R) << 1);
		insn->writes = (u16)(1u << insn->reg);
		return decode_memory(p + 1, rex, insn);
	}
	if (insn->opcode == 0xff)
		return decode_ff(p, rex, insn);
	if (rex)
		return NULL;
	if (insn->opcode == 0xc4)
		return decode_vex(p, insn);
	return insn->opcode == 0xf3 ? decode_f3(p, insn) : NULL;
}

/* Without REX the codes of the byte registers 4 to 7 are ah, ch, dh and bh. */
static bool has_high_byte(const struct form *f, const struct x86_insn *insn)
{
	bool is_digit = f->digits != ANY_DIGIT;

	return (!insn->has_mem && insn->rm >= 4) ||
		((f->flags & BYTE) == BYTE && !is_digit && insn->reg >= 4);
}

static INLINE const u8 *decode_modrm(
	const u8 *p, const struct form *f, u8 rex, bool is_locked, struct x86_insn *insn)
{
	u8 modrm = *p, digit = modrm >> 3 & 7;
	u32 flags = f->flags;
	u32 writes = f->writing >> digit & 1;

	if (!(f->digits >> digit & 1))
		return NULL;
	insn->reg = (u8)(digit | (rex & REX_R) << 1);
	insn->writes = (u16)((flags / WRITES_REG & 1) << insn->reg);
	if (modrm >= 0xc0) {
		if (!(flags & REG) || is_locked)
			return NULL;
		insn->rm = (u8)((modrm & 7) | (rex & REX_B) << 3);
		insn->writes |= (u16)(writes << insn->rm);
		p++;
	} else {
		if (!(flags & MEM) || (is_locked && !writes))
			return NULL;
		insn->access_bytes =
			flags & AT_MASK ? at_bytes[(flags & AT_MASK) >> 16] : insn->width / 8;
		insn->writes_mem = writes;
		p = decode_memory(p, rex, insn);
		if (!p)
			return NULL;
	}
	if (unlikely(flags & CAREFUL) && !rex && has_high_byte(f, insn))
		return NULL;
	return p;
}

static INLINE const u8 *decode_immediate(const u8 *p, u32 flags, u8 rex, struct x86_insn *insn)
{
	if (flags & IMM8) {
		insn->imm = (s8)*p;
		insn->imm_bytes = 1;
		return p + 1;
	}
	if (unlikely(flags & (IMM_OF_DIGIT_0 | IMM64))) {
		if (flags & IMM_OF_DIGIT_0 && insn->reg & 7)
			return p;
		if (flags & IMM64 && rex & REX_W) {
			insn->imm = (s64)load_u64(p);
			insn->imm_bytes = 8;
			return p + 8;
		}
	}
	if (unlikely(insn->width == 16)) {
		insn->imm = (s16)load_u16(p);
		insn->imm_bytes = 2;
		return p + 2;
	}
	insn->imm = load_s32(p);
	insn->imm_bytes = 4;
	return p + 4;
}

/* From the REX prefix on, which p points to or where it might be. */
static INLINE const u8 *decode_rest(const u8 *p, bool is_locked, bool is_16, struct x86_insn *insn)
{
	const struct form *f;
	u32 flags;
	u8 rex = (*p & 0xf0) == 0x40 ? *p : 0;

	p += rex != 0;
	insn->is_0f = *p == 0x0f;
	p += insn->is_0f;
	insn->opcode = *p++;
	f = &forms[(u32)insn->is_0f << 8 | insn->opcode];
	flags = f->flags;
	if (unlikely(!flags))
		return decode_other(p, is_locked || is_16, rex, insn);
	if ((is_locked && !(flags & LOCK)) || (is_16 && (!(flags & O16) || rex & REX_W)))
		return NULL;
	if (flags & NO_REX && rex)
		return NULL;
	insn->kind = flags & KIND_MASK;
	insn->width = (u8)(32u << (rex / REX_W & 1));
	if ((flags & BYTE) == BYTE)
		insn->width = 8;
	else if (is_16)
		insn->width = 16;
	if (flags & RM) {
		p = decode_modrm(p, f, rex, is_locked, insn);
	} else if (flags & OPREG) {
		insn->rm = (u8)((insn->opcode & 7) | (rex & REX_B) << 3);
		insn->writes = (u16)((flags / WRITES_RM & 1) << insn->rm);
	}
	return p && flags & (IMM8 | IMM32 | IMM64) ? decode_immediate(p, flags, rex, insn) : p;
}

static NOINLINE const u8 *decode_prefixed(const u8 *p, struct x86_insn *insn)
{
	bool is_locked = *p == 0xf0, is_16;

	p += is_locked;
	is_16 = *p == 0x66;
	return decode_rest(p + is_16, is_locked, is_16, insn);
}

bool x86_decode(const u8 *bytes, struct x86_insn *insn)
{
	const u8 *p;

	*insn = (struct x86_insn){.base = X86_DECODE_NONE, .index = X86_DECODE_NONE};
	if (unlikely(*bytes == 0xf0 || *bytes == 0x66))
		p = decode_prefixed(bytes, insn);
	else
		p = decode_rest(bytes, false, false, insn);
	insn->length = p ? (u8)(p - bytes) : 0;
	return p;
}
