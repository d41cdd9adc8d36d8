// SPDX-License-Identifier: BSD-2-Clause
/* See emit.h. Intel's manual, volume 2, is the source of every byte here. */
#include "jit/x86_64/emit.h"

#include "jit/bug.h"

enum {
	MAX_INSN_BYTES = 16,
	REX_W = 8,	   /* 64-bit operand */
	REX_R = 4,	   /* fourth bit of modrm.reg */
	REX_X = 2,	   /* of sib.index */
	REX_B = 1,	   /* of modrm.rm or sib.base */
	TWO_BYTES = 0x100, /* the opcode comes after 0F */
};

static bool reserve(struct x86_buf *b, u32 bytes)
{
	u8 *bigger;
	u32 cap = b->cap;

	if (b->err)
		return false;
	if (b->len + bytes <= cap)
		return true;
	while (b->len + bytes > cap)
		cap = cap ? 2 * cap : 4096;
	bigger = arena_alloc(b->arena, cap);
	if (!bigger) {
		b->err = -ENOMEM;
		return false;
	}
	if (b->len)
		memcpy(bigger, b->code, b->len);
	b->code = bigger;
	b->cap = cap;
	return true;
}

static void put(struct x86_buf *b, u8 byte)
{
	b->code[b->len++] = byte;
}

static void put32(struct x86_buf *b, u32 v)
{
	memcpy(&b->code[b->len], &v, 4);
	b->len += 4;
}

static bool fits_s8(s64 v)
{
	return v == (s8)v;
}

/* ---- the parts of an instruction ----------------------------------------------------------- */

static void put_rex(struct x86_buf *b, u8 bits, bool is_forced)
{
	if (bits || is_forced)
		put(b, 0x40 | bits);
}

static void put_opcode(struct x86_buf *b, u32 opcode)
{
	if (opcode & TWO_BYTES)
		put(b, 0x0f);
	put(b, (u8)opcode);
}

static void put_modrm(struct x86_buf *b, u8 mod, u8 reg, u8 rm)
{
	b->named |= 1u << reg | (mod == 3 ? 1u << rm : 0);
	put(b, (u8)(mod << 6 | (reg & 7) << 3 | (rm & 7)));
}

static u8 rex_of_mem(u8 reg, struct x86_mem m)
{
	u8 rex = reg & 8 ? REX_R : 0;

	if (m.index != X86_NO_REG && (m.index & 8))
		rex |= REX_X;
	if (m.base != X86_NO_REG && (m.base & 8))
		rex |= REX_B;
	return rex;
}

static void put_mem(struct x86_buf *b, u8 reg, struct x86_mem m)
{
	bool needs_sib = m.index != X86_NO_REG || m.base == X86_NO_REG || (m.base & 7) == X86_RSP;
	u8 mod;

	if (m.base == X86_NO_REG)
		mod = 0; /* and 32 bits of displacement */
	else if (m.disp == 0 && (m.base & 7) != X86_RBP)
		mod = 0;
	else
		mod = fits_s8(m.disp) ? 1 : 2;
	put_modrm(b, mod, reg, needs_sib ? X86_RSP : m.base);
	if (needs_sib) {
		u8 index = m.index == X86_NO_REG ? X86_RSP : m.index;
		u8 base = m.base == X86_NO_REG ? X86_RBP : m.base;

		put(b, (u8)(m.scale << 6 | (index & 7) << 3 | (base & 7)));
	}
	if (m.base == X86_NO_REG || mod == 2)
		put32(b, (u32)m.disp);
	else if (mod == 1)
		put(b, (u8)m.disp);
}

/* Byte registers beyond bl need a REX prefix to be named. */
static bool is_new_byte_reg(u8 reg)
{
	return reg >= X86_RSP;
}

static void put_rr(struct x86_buf *b, u8 w, u32 opcode, u8 reg, u8 rm)
{
	u8 rex = (w == 64 ? REX_W : 0) | (reg & 8 ? REX_R : 0) | (rm & 8 ? REX_B : 0);

	if (!reserve(b, MAX_INSN_BYTES))
		return;
	if (w == 16)
		put(b, 0x66);
	/* 80 has a digit there, not a register */
	put_rex(b, rex,
		w == 8 && ((is_new_byte_reg(reg) && opcode != 0x80) || is_new_byte_reg(rm)));
	put_opcode(b, opcode);
	put_modrm(b, 3, reg, rm);
}

static void put_rm(struct x86_buf *b, u8 w, u32 opcode, u8 reg, struct x86_mem m)
{
	u8 rex = (w == 64 ? REX_W : 0) | rex_of_mem(reg, m);

	if (!reserve(b, MAX_INSN_BYTES))
		return;
	if (w == 16)
		put(b, 0x66);
	/* 80 and C6 have a digit there, not a register */
	put_rex(b, rex,
		w == 8 && is_new_byte_reg(reg) && opcode != 0x80 && opcode != 0xc6 &&
			!JIT_BUG(BYTE_REG));
	put_opcode(b, opcode);
	put_mem(b, reg, m);
}

/* ---- moves --------------------------------------------------------------------------------- */

void x86_mov_rr(struct x86_buf *b, u8 w, u8 dst, u8 src)
{
	put_rr(b, w, 0x89, src, dst);
}

void x86_mov_ri(struct x86_buf *b, u8 dst, u64 imm)
{
	if (!reserve(b, MAX_INSN_BYTES))
		return;
	b->named |= 1u << dst;
	if (imm >> 32 == 0) {
		put_rex(b, dst & 8 ? REX_B : 0, false);
		put(b, 0xb8 | (dst & 7));
		put32(b, (u32)imm);
	} else if ((s64)imm == (s32)imm) {
		put_rex(b, REX_W | (dst & 8 ? REX_B : 0), false);
		put(b, 0xc7);
		put_modrm(b, 3, 0, dst);
		put32(b, (u32)imm);
	} else {
		put_rex(b, REX_W | (dst & 8 ? REX_B : 0), false);
		put(b, 0xb8 | (dst & 7));
		put32(b, (u32)imm);
		put32(b, (u32)(imm >> 32));
	}
}

void x86_zero(struct x86_buf *b, u8 dst)
{
	x86_alu_rr(b, X86_XOR, 32, dst, dst);
}

void x86_movzx_rr(struct x86_buf *b, u8 size, u8 dst, u8 src)
{
	if (size == 4)
		x86_mov_rr(b, 32, dst, src);
	else if (size == 2)
		put_rr(b, 32, TWO_BYTES | 0xb7, dst, src);
	else if (reserve(b, MAX_INSN_BYTES)) {
		put_rex(b, (dst & 8 ? REX_R : 0) | (src & 8 ? REX_B : 0), is_new_byte_reg(src));
		put_opcode(b, TWO_BYTES | 0xb6);
		put_modrm(b, 3, dst, src);
	}
}

void x86_movsx_rr(struct x86_buf *b, u8 size, u8 w, u8 dst, u8 src)
{
	u8 rex = (w == 64 ? REX_W : 0) | (dst & 8 ? REX_R : 0) | (src & 8 ? REX_B : 0);

	if (size == 4)
		put_rr(b, 64, 0x63, dst, src);
	else if (size == 2)
		put_rr(b, w, TWO_BYTES | 0xbf, dst, src);
	else if (reserve(b, MAX_INSN_BYTES)) {
		put_rex(b, rex, is_new_byte_reg(src));
		put_opcode(b, TWO_BYTES | 0xbe);
		put_modrm(b, 3, dst, src);
	}
}

void x86_load(struct x86_buf *b, u8 size, u8 dst, struct x86_mem m)
{
	switch (size) {
	case 1: put_rm(b, 32, TWO_BYTES | 0xb6, dst, m); break;
	case 2: put_rm(b, 32, TWO_BYTES | 0xb7, dst, m); break;
	case 4: put_rm(b, 32, 0x8b, dst, m); break;
	default: put_rm(b, 64, 0x8b, dst, m); break;
	}
}

void x86_load_sx(struct x86_buf *b, u8 size, u8 w, u8 dst, struct x86_mem m)
{
	switch (size) {
	case 1: put_rm(b, w, TWO_BYTES | 0xbe, dst, m); break;
	case 2: put_rm(b, w, TWO_BYTES | 0xbf, dst, m); break;
	default: put_rm(b, 64, 0x63, dst, m); break;
	}
}

void x86_movbe_load(struct x86_buf *b, u8 size, u8 dst, struct x86_mem m)
{
	if (!reserve(b, MAX_INSN_BYTES))
		return;
	put_rex(b, (size == 8 ? REX_W : 0) | rex_of_mem(dst, m), false);
	put(b, 0x0f);
	put(b, 0x38);
	put(b, 0xf0);
	put_mem(b, dst, m);
}

void x86_store(struct x86_buf *b, u8 size, struct x86_mem m, u8 src)
{
	u32 named = b->named;

	put_rm(b, (u8)(8 * size), size == 1 ? 0x88 : 0x89, src, m);
	b->named = named; /* src is only read */
}

void x86_store_imm(struct x86_buf *b, u8 size, struct x86_mem m, s32 imm)
{
	put_rm(b, (u8)(8 * size), size == 1 ? 0xc6 : 0xc7, 0, m);
	if (b->err)
		return;
	if (size == 1) {
		put(b, (u8)imm);
	} else if (size == 2) {
		put(b, (u8)imm);
		put(b, (u8)(imm >> 8));
	} else {
		put32(b, (u32)imm);
	}
}

void x86_lea(struct x86_buf *b, u8 w, u8 dst, struct x86_mem m)
{
	put_rm(b, w, 0x8d, dst, m);
}

void x86_xchg_rr(struct x86_buf *b, u8 x, u8 y)
{
	put_rr(b, 64, 0x87, x, y);
}

void x86_push(struct x86_buf *b, u8 reg)
{
	if (!reserve(b, MAX_INSN_BYTES))
		return;
	put_rex(b, reg & 8 ? REX_B : 0, false);
	put(b, 0x50 | (reg & 7));
}

void x86_pop(struct x86_buf *b, u8 reg)
{
	if (!reserve(b, MAX_INSN_BYTES))
		return;
	put_rex(b, reg & 8 ? REX_B : 0, false);
	put(b, 0x58 | (reg & 7));
}

/* ---- arithmetic ---------------------------------------------------------------------------- */

void x86_alu_rr(struct x86_buf *b, enum x86_alu op, u8 w, u8 dst, u8 src)
{
	u32 named = b->named;

	put_rr(b, w, (u32)op << 3 | 1, src, dst);
	b->named = named | 1u << dst;
}

void x86_alu_ri(struct x86_buf *b, enum x86_alu op, u8 w, u8 dst, s32 imm)
{
	if (!reserve(b, MAX_INSN_BYTES))
		return;
	if (fits_s8(imm)) {
		put_rr(b, w, 0x83, op, dst);
		put(b, (u8)imm);
	} else if (dst == X86_RAX) {
		put_rex(b, w == 64 ? REX_W : 0, false);
		put(b, (u8)(op << 3 | 5));
		put32(b, (u32)imm);
	} else {
		put_rr(b, w, 0x81, op, dst);
		put32(b, (u32)imm);
	}
}

void x86_alu_rm(struct x86_buf *b, enum x86_alu op, u8 w, u8 dst, struct x86_mem m)
{
	put_rm(b, w, (u32)op << 3 | (w == 8 ? 2 : 3), dst, m);
}

void x86_alu_mr(struct x86_buf *b, enum x86_alu op, u8 w, struct x86_mem m, u8 src)
{
	put_rm(b, w, (u32)op << 3 | (w == 8 ? 0 : 1), src, m);
}

void x86_alu_mi(struct x86_buf *b, enum x86_alu op, u8 w, struct x86_mem m, s32 imm)
{
	if (!reserve(b, MAX_INSN_BYTES))
		return;
	if (w == 8) {
		put_rm(b, 8, 0x80, op, m);
		put(b, (u8)imm);
	} else if (fits_s8(imm)) {
		put_rm(b, w, 0x83, op, m);
		put(b, (u8)imm);
	} else {
		put_rm(b, w, 0x81, op, m);
		if (w == 16) {
			put(b, (u8)imm);
			put(b, (u8)(imm >> 8));
		} else {
			put32(b, (u32)imm);
		}
	}
}

void x86_test_rr(struct x86_buf *b, u8 w, u8 x, u8 y)
{
	put_rr(b, w, 0x85, y, x);
}

void x86_cmp8_ri(struct x86_buf *b, u8 reg, u8 imm)
{
	if (!reserve(b, MAX_INSN_BYTES))
		return;
	if (reg == X86_RAX)
		put(b, 0x3c);
	else
		put_rr(b, 8, 0x80, X86_CMP, reg);
	put(b, imm);
}

void x86_test_ri(struct x86_buf *b, u8 w, u8 x, s32 imm)
{
	if (!reserve(b, MAX_INSN_BYTES))
		return;
	if (w == 8 || (imm >= 0 && imm < 0x80)) { /* the sign flag is the same for 8 bits: clear */
		put_rex(b, x & 8 ? REX_B : 0, is_new_byte_reg(x));
		if (x == X86_RAX) {
			put(b, 0xa8);
		} else {
			put(b, 0xf6);
			put_modrm(b, 3, 0, x);
		}
		put(b, (u8)imm);
		return;
	}
	if (imm >= 0)
		w = 32;
	put_rr(b, w, 0xf7, 0, x);
	put32(b, (u32)imm);
}

void x86_bt_ri(struct x86_buf *b, u8 w, u8 reg, u8 bit)
{
	if (!reserve(b, MAX_INSN_BYTES))
		return;
	put_rr(b, w, TWO_BYTES | 0xba, 4, reg);
	put(b, bit);
}

void x86_bt_rr(struct x86_buf *b, u8 w, u8 reg, u8 bit)
{
	put_rr(b, w, TWO_BYTES | 0xa3, bit, reg);
}

void x86_inc(struct x86_buf *b, u8 w, u8 dst, bool is_dec)
{
	put_rr(b, w, 0xff, is_dec, dst);
}

void x86_unary(struct x86_buf *b, enum x86_unary op, u8 w, u8 reg)
{
	put_rr(b, w, 0xf7, op, reg);
}

void x86_unary_m(struct x86_buf *b, enum x86_unary op, u8 w, struct x86_mem m)
{
	put_rm(b, w, 0xf7, op, m);
}

void x86_imul_rr(struct x86_buf *b, u8 w, u8 dst, u8 src)
{
	put_rr(b, w, TWO_BYTES | 0xaf, dst, src);
}

void x86_imul_rm(struct x86_buf *b, u8 w, u8 dst, struct x86_mem m)
{
	put_rm(b, w, TWO_BYTES | 0xaf, dst, m);
}

void x86_imul_rri(struct x86_buf *b, u8 w, u8 dst, u8 src, s32 imm)
{
	put_rr(b, w, fits_s8(imm) ? 0x6b : 0x69, dst, src);
	if (b->err)
		return;
	if (fits_s8(imm))
		put(b, (u8)imm);
	else
		put32(b, (u32)imm);
}

void x86_shift_ri(struct x86_buf *b, enum x86_shift op, u8 w, u8 dst, u8 count)
{
	if (count == 1) {
		put_rr(b, w, 0xd1, op, dst);
		return;
	}
	put_rr(b, w, 0xc1, op, dst);
	if (!b->err)
		put(b, count);
}

void x86_shift_cl(struct x86_buf *b, enum x86_shift op, u8 w, u8 dst)
{
	put_rr(b, w, 0xd3, op, dst);
}

/* Three-byte VEX: map 2 is 0F38, 3 is 0F3A; pp 1 is 66, 2 is F3, 3 is F2. */
static void put_vex(struct x86_buf *b, u8 map, u8 pp, u8 w, u8 opcode, u8 reg, u8 vvvv, u8 rm)
{
	put(b, 0xc4);
	put(b, (u8)((reg & 8 ? 0 : 0x80) | 0x40 | (rm & 8 ? 0 : 0x20) | map));
	put(b, (u8)((w == 64 ? 0x80 : 0) | (~vvvv & 15) << 3 | pp));
	put(b, opcode);
	put_modrm(b, 3, reg, rm);
}

void x86_shiftx(struct x86_buf *b, enum x86_shift op, u8 w, u8 dst, u8 src, u8 count)
{
	u8 pp = op == X86_SHL ? 1 : op == X86_SAR ? 2 : 3;

	if (reserve(b, MAX_INSN_BYTES))
		put_vex(b, 2, pp, w, 0xf7, dst, count, src);
}

void x86_rorx(struct x86_buf *b, u8 w, u8 dst, u8 src, u8 count)
{
	if (!reserve(b, MAX_INSN_BYTES))
		return;
	put_vex(b, 3, 3, w, 0xf0, dst, 0, src);
	put(b, count);
}

void x86_bswap(struct x86_buf *b, u8 w, u8 reg)
{
	if (!reserve(b, MAX_INSN_BYTES))
		return;
	b->named |= 1u << reg;
	put_rex(b, (w == 64 ? REX_W : 0) | (reg & 8 ? REX_B : 0), false);
	put(b, 0x0f);
	put(b, 0xc8 | (reg & 7));
}

/* Undefined for 0. */
void x86_bsr(struct x86_buf *b, u8 w, u8 dst, u8 src)
{
	put_rr(b, w, TWO_BYTES | 0xbd, dst, src);
}

void x86_popcnt(struct x86_buf *b, u8 w, u8 dst, u8 src)
{
	if (!reserve(b, MAX_INSN_BYTES))
		return;
	put(b, 0xf3);
	put_rr(b, w, TWO_BYTES | 0xb8, dst, src);
}

void x86_rol16(struct x86_buf *b, u8 reg, u8 count)
{
	put_rr(b, 16, 0xc1, X86_ROL, reg);
	if (!b->err)
		put(b, count);
}

void x86_cqo(struct x86_buf *b, u8 w)
{
	if (!reserve(b, MAX_INSN_BYTES))
		return;
	put_rex(b, w == 64 ? REX_W : 0, false);
	put(b, 0x99);
}

void x86_cmov(struct x86_buf *b, enum x86_cond cond, u8 w, u8 dst, u8 src)
{
	put_rr(b, w, TWO_BYTES | 0x40 | cond, dst, src);
}

void x86_setcc(struct x86_buf *b, enum x86_cond cond, u8 dst)
{
	put_rr(b, 8, TWO_BYTES | 0x90 | cond, 0, dst);
}

/* ---- atomics and the rest ------------------------------------------------------------------ */

void x86_lock(struct x86_buf *b)
{
	if (reserve(b, MAX_INSN_BYTES))
		put(b, 0xf0);
}

void x86_xchg_mr(struct x86_buf *b, u8 size, struct x86_mem m, u8 reg)
{
	put_rm(b, (u8)(8 * size), size == 1 ? 0x86 : 0x87, reg, m);
}

void x86_xadd_mr(struct x86_buf *b, u8 w, struct x86_mem m, u8 reg)
{
	put_rm(b, w, TWO_BYTES | 0xc1, reg, m);
}

void x86_cmpxchg_mr(struct x86_buf *b, u8 w, struct x86_mem m, u8 reg)
{
	put_rm(b, w, TWO_BYTES | 0xb1, reg, m);
}

void x86_call_reg(struct x86_buf *b, u8 reg)
{
	put_rr(b, 32, 0xff, 2, reg);
}

void x86_jump_mem(struct x86_buf *b, struct x86_mem m)
{
	put_rm(b, 32, 0xff, 4, m);
}

static void put_bytes(struct x86_buf *b, const u8 *bytes, u32 count)
{
	if (!reserve(b, MAX_INSN_BYTES))
		return;
	memcpy(&b->code[b->len], bytes, count);
	b->len += count;
}

void x86_ret(struct x86_buf *b)
{
	put_bytes(b, (const u8[]){0xc3}, 1);
}

/*
 *	   call 1f
 *	2: pause
 *	   lfence
 *	   jmp  2b
 *	1: mov  [rsp], rax
 *	   ret
 *
 * The ret is predicted to go back to 2, where nothing comes of it.
 */
void x86_retpoline(struct x86_buf *b)
{
	static const u8 trap[] = {0xe8, 7, 0, 0, 0, 0xf3, 0x90, 0x0f, 0xae, 0xe8, 0xeb, 0xf9};
	static const u8 go[] = {0x48, 0x89, 0x04, 0x24, 0xc3};

	put_bytes(b, trap, sizeof(trap));
	put_bytes(b, go, sizeof(go));
}

void x86_lfence(struct x86_buf *b)
{
	put_bytes(b, (const u8[]){0x0f, 0xae, 0xe8}, 3);
}

void x86_mfence(struct x86_buf *b)
{
	put_bytes(b, (const u8[]){0x0f, 0xae, 0xf0}, 3);
}

void x86_trap(struct x86_buf *b)
{
	put_bytes(b, (const u8[]){0x0f, 0x0b}, 2);
}

void x86_endbr64(struct x86_buf *b)
{
	put_bytes(b, (const u8[]){0xf3, 0x0f, 0x1e, 0xfa}, 4);
}
