// SPDX-License-Identifier: BSD-2-Clause
/*
 * What a word is says the first form in forms.def that it matches. Which fields it has then follows
 * from the form's flags; encodings that the manual leaves unallocated are sorted out there.
 */
#include "jit/arm64/decode.h"

enum {
	PLAIN = A64_KIND_PLAIN,
	KIND_MASK = 15,
	RT_WRITTEN = 1 << 4,
	RT2_WRITTEN = 1 << 5,
	RM_WRITTEN = 1 << 6,
	RT_IS_SP = 1 << 7, /* when it is 31 */
	BASE = 1 << 8,	   /* rn is the base of an address */
	SIZED = 1 << 9,	   /* bits 31 and 30: how many bytes */
	PAIR = 1 << 10,	   /* two of 8 bytes, and a displacement */
	STORE = 1 << 11,
	SIGNED = 1 << 12, /* below 64 bits only */
	DISP_9 = 1 << 13,
	DISP_12 = 1 << 14,
	INDEX = 1 << 15,   /* 64 bits, or 32 that are zero-extended */
	SHIFTED = 1 << 16, /* by 0 to width - 1 */
	NO_ROTATION = 1 << 17,
	EXTENDED = 1 << 18, /* and shifted by 0 to 4 */
	ADD_IMM = 1 << 19,
	BITMASK = 1 << 20,
	HALF = 1 << 21,
	BITS = 1 << 22, /* numbers of bits below the width */
	TO_26 = 1 << 23,
	TO_19 = 1 << 24,
	TO_14 = 1 << 25,
};

#define KIND(kind) (kind)

struct form {
	u32 mask, value, flags;
};

#define BUCKET(n)		 static const struct form forms_##n[] = {
#define FORM(mask, value, flags) {mask, value, flags},
#define END                                                                                        \
	{                                                                                          \
		0                                                                                  \
	}                                                                                          \
	}                                                                                          \
	;
#include "jit/arm64/forms.def"
#undef BUCKET
#undef FORM
#undef END

static const struct form *const buckets[32] = {
#define BUCKET(n) [0x##n] = forms_##n,
#define FORM(mask, value, flags)
#define END
#include "jit/arm64/forms.def"
};

static u32 bits(u32 word, u32 from, u32 count)
{
	return word >> from & ((1u << count) - 1);
}

static s32 signed_bits(u32 word, u32 from, u32 count)
{
	return (s32)(word << (32 - from - count)) >> (32 - count);
}

/* The constant of and, orr and eor: a run of ones, turned round, over and over. */
static bool mask_of(u32 word, bool is_wide, u64 *ret_imm)
{
	u32 n = bits(word, 22, 1), immr = bits(word, 16, 6), imms = bits(word, 10, 6);
	u32 combined = n << 6 | (~imms & 63), size, ones, turn;
	u64 element, imm;

	if (combined < 2 || (n && !is_wide))
		return false;
	size = 1u << (31 - __builtin_clz(combined));
	ones = (imms & (size - 1)) + 1;
	turn = immr & (size - 1);
	if (ones == size)
		return false;
	element = (1ull << ones) - 1;
	if (turn)
		element = element >> turn | element << (size - turn);
	if (size < 64)
		element &= (1ull << size) - 1;
	for (imm = element; size < 64; size *= 2)
		imm |= imm << size;
	*ret_imm = is_wide ? imm : (u32)imm;
	return true;
}

static bool decode_memory(u32 word, u32 flags, struct a64_insn *insn)
{
	u32 size = bits(word, 30, 2);

	insn->has_mem = true;
	insn->writes_mem = flags & STORE;
	if (flags & PAIR) {
		insn->access_bytes = 16;
		insn->disp = 8 * signed_bits(word, 15, 7);
		return !(flags & RT_WRITTEN) || insn->rt != insn->rt2;
	}
	insn->access_bytes = (u8)(1u << size);
	if (flags & SIGNED && size == 3)
		return false;
	if (flags & DISP_9)
		insn->disp = signed_bits(word, 12, 9);
	else if (flags & DISP_12)
		insn->disp = (s32)(bits(word, 10, 12) << size);
	insn->has_index = flags & INDEX;
	return !insn->has_index || bits(word, 14, 2) == 1;
}

static bool decode_constant(u32 word, u32 flags, struct a64_insn *insn)
{
	u32 half, opc;

	if (flags & ADD_IMM) {
		insn->constant = A64_CONST_ADDED;
		insn->imm = (u64)bits(word, 10, 12) << (bits(word, 22, 1) ? 12 : 0);
		return true;
	}
	if (flags & BITMASK) {
		insn->constant =
			insn->rn == 31 && bits(word, 29, 2) == 1 ? A64_CONST_MOVED : A64_CONST_MASK;
		return mask_of(word, insn->is_wide, &insn->imm);
	}
	half = bits(word, 5, 16);
	opc = bits(word, 29, 2);
	insn->shift = (u8)(16 * bits(word, 21, 2));
	insn->imm = (u64)half << insn->shift;
	insn->constant = opc == 3 ? A64_CONST_KEPT : A64_CONST_MOVED;
	if (opc == 0)
		insn->imm = insn->is_wide ? ~insn->imm : (u32)~insn->imm;
	return insn->is_wide || insn->shift < 32;
}

static void decode_distance(u32 word, u32 flags, struct a64_insn *insn)
{
	if (flags & TO_26) {
		insn->to = 4ll * signed_bits(word, 0, 26);
	} else if (flags & TO_19) {
		insn->to = 4ll * signed_bits(word, 5, 19);
	} else if (flags & TO_14) {
		insn->to = 4ll * signed_bits(word, 5, 14);
	} else {
		insn->to = (s64)signed_bits(word, 5, 19) * 4 + bits(word, 29, 2);
		if (insn->kind == A64_KIND_ADRP)
			insn->to *= 4096;
	}
}

/* Fields that have no meaning with this width. */
static bool is_allocated(u32 word, u32 flags, const struct a64_insn *insn)
{
	if (flags & SHIFTED)
		return (insn->is_wide || !bits(word, 15, 1)) &&
			(!(flags & NO_ROTATION) || bits(word, 22, 2) != 3);
	if (flags & EXTENDED)
		return bits(word, 10, 3) <= 4;
	if (flags & BITS)
		return insn->is_wide ? bits(word, 22, 1)
				     : !(word & (1u << 22 | 1u << 21 | 1u << 15));
	return true;
}

bool a64_decode(u32 word, struct a64_insn *insn)
{
	const struct form *f = buckets[bits(word, 24, 5)];
	u32 flags;

	if (!f)
		return false;
	while ((word & f->mask) != f->value) /* the last one matches everything */
		f++;
	if (!f->mask)
		return false;
	flags = f->flags;
	*insn = (struct a64_insn){
		.kind = flags & KIND_MASK,
		.rt = (u8)bits(word, 0, 5),
		.rn = (u8)bits(word, 5, 5),
		.rt2 = (u8)bits(word, 10, 5),
		.rm = (u8)bits(word, 16, 5),
		.is_wide = word >> 31,
	};
	if (flags & RT_WRITTEN && (insn->rt != 31 || flags & RT_IS_SP))
		insn->writes |= 1u << insn->rt;
	if (flags & RT2_WRITTEN && insn->rt2 != 31)
		insn->writes |= 1u << insn->rt2;
	if (flags & RM_WRITTEN && insn->rm != 31)
		insn->writes |= 1u << insn->rm;
	if (flags & BASE)
		return decode_memory(word, flags, insn);
	if (flags & (ADD_IMM | BITMASK | HALF))
		return decode_constant(word, flags, insn);
	if (insn->kind != A64_KIND_PLAIN)
		decode_distance(word, flags, insn);
	return is_allocated(word, flags, insn);
}
