/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Programs that are likely to mean something: what a byte string (or a random seed) decides about a
 * program of the kind a compiler would make, with maps, packets, stack, branches, loops, functions.
 * The generator keeps a guess of what each register holds and mostly does what fits it; now and
 * then, on purpose, it does not. So about half of the programs are accepted, and the others are
 * refused deep inside.
 *
 * Wide immediates with src = 1 name maps by index (GEN_MAP_...); gen_patch_maps() puts descriptors
 * in.
 */
#ifndef FUZZ_GEN_H
#define FUZZ_GEN_H

#include <linux/bpf.h>

#include "base/types.h"

#define GEN_INSNS_MAX 640

enum gen_map {
	GEN_MAP_ARRAY,	/* 4, 48, 4 */
	GEN_MAP_HASH,	/* 8, 16, 8 */
	GEN_MAP_RING,	/* 4096 */
	GEN_MAP_RDONLY, /* an array 4, 16, 1 that programs may only read */
	GEN_MAP_COUNT,
};

enum gen_kind {
	GEN_NONE,
	GEN_NUMBER,
	GEN_SMALL, /* a number that is 0..7, times 1 */
	GEN_CTX,
	GEN_STACK,   /* fp plus gen->off */
	GEN_VALUE,   /* element of the array */
	GEN_ENTRY,   /* of the hash */
	GEN_ELEMENT, /* of the read-only array */
	GEN_VALUE_OR_NULL,
	GEN_ENTRY_OR_NULL,
	GEN_ELEMENT_OR_NULL,
	GEN_RECORD,
	GEN_RECORD_OR_NULL,
	GEN_PACKET, /* with 16 bytes checked */
	GEN_KIND_COUNT,
};

struct gen {
	/* in */
	const u8 *data;
	size_t data_len;
	u64 seed; /* used when data is at its end; 0 = zeroes then */
	u32 prog_type;
	bool is_old;	      /* no instruction that came with Linux 6.6 or later */
	bool is_wild;	      /* more mistakes */
	bool has_short_loops; /* paths that are only guessed double with every turn */

	/* out */
	struct bpf_insn insns[GEN_INSNS_MAX];
	u32 len;
	bool is_random; /* its result depends on time, chance or addresses */

	/* state */
	size_t at;
	u8 kind[11];
	s16 off[11];
	bool slot_written[8]; /* fp-8 ... fp-64 hold numbers */
	u8 slot_kind[8];
	u8 counter; /* of the loop that is being made; 0 = none */
	u32 calls[8], call_count, depth, budget;
	bool in_subprog, in_loop, holds_record;
};

static inline u32 gen_byte(struct gen *g)
{
	if (g->at < g->data_len)
		return g->data[g->at++];
	if (!g->seed)
		return 0;
	g->seed ^= g->seed << 13;
	g->seed ^= g->seed >> 7;
	g->seed ^= g->seed << 17;
	return g->seed >> 24 & 0xff;
}

static inline u32 gen_below(struct gen *g, u32 n)
{
	u32 v = gen_byte(g);

	if (n > 256)
		v |= gen_byte(g) << 8;
	return v % n;
}

static inline bool gen_one_in(struct gen *g, u32 n)
{
	return gen_below(g, n) == n - 1;
}

/* A mistake is due. */
static inline bool gen_slips(struct gen *g)
{
	return gen_one_in(g, g->is_wild ? 12 : 120);
}

static inline void gen_emit(struct gen *g, u8 code, u8 dst, u8 src, s16 off, s32 imm)
{
	if (g->len < GEN_INSNS_MAX)
		g->insns[g->len++] = (struct bpf_insn){
			.code = code, .dst_reg = dst, .src_reg = src, .off = off, .imm = imm};
}

static inline s32 gen_imm(struct gen *g)
{
	switch (gen_below(g, 8)) {
	case 0:
	case 1: return (s32)gen_below(g, 10);
	case 2: return -(s32)gen_below(g, 10);
	case 3: return (s32)(1u << gen_below(g, 32));
	case 4: return (s32)((1u << gen_below(g, 32)) - 1);
	case 5: return (s32) ~((1u << gen_below(g, 32)) - 1);
	case 6: return (s32)gen_below(g, 256);
	default:
		return (s32)(gen_byte(g) | gen_byte(g) << 8 | gen_byte(g) << 16 |
			gen_byte(g) << 24);
	}
}

static inline void gen_set(struct gen *g, u8 reg, u8 kind)
{
	g->kind[reg] = kind;
	g->off[reg] = 0;
}

static inline bool gen_is_number(const struct gen *g, u8 reg)
{
	return g->kind[reg] == GEN_NUMBER || g->kind[reg] == GEN_SMALL;
}

/* A register that is of the kind (NUMBER: either), or 255. */
static inline u8 gen_find(struct gen *g, u8 kind)
{
	u32 start = gen_below(g, 10), i;

	if (gen_slips(g))
		return (u8)gen_below(g, 11);
	for (i = 0; i < 10; i++) {
		u8 reg = (u8)((start + i) % 10);

		if (g->kind[reg] == kind || (kind == GEN_NUMBER && g->kind[reg] == GEN_SMALL))
			return reg;
	}
	return 255;
}

/* A register to write: not the context's and rarely a pointer's. */
static inline u8 gen_target(struct gen *g)
{
	u8 reg = (u8)gen_below(g, 10);
	u32 i;

	for (i = 0; i < 10; i++, reg = (u8)((reg + 1) % 10))
		if (reg != 6 && (reg != g->counter || !reg || gen_slips(g)) &&
			(g->kind[reg] == GEN_NONE || gen_is_number(g, reg) || gen_one_in(g, 8)) &&
			g->kind[reg] != GEN_RECORD)
			return reg;
	return reg == 6 ? 7 : reg;
}

static inline u8 gen_number(struct gen *g)
{
	u8 reg = gen_find(g, GEN_NUMBER);

	if (reg != 255) {
		g->is_random |= !gen_is_number(g, reg); /* an address in a number's place */
		return reg;
	}
	reg = gen_target(g);
	gen_emit(g, BPF_ALU64 | BPF_MOV | BPF_K, reg, 0, 0, gen_imm(g));
	gen_set(g, reg, GEN_NUMBER);
	return reg;
}

static inline void gen_clobber(struct gen *g)
{
	u8 i;

	for (i = 1; i <= 5; i++)
		gen_set(g, i, GEN_NONE);
}

static inline void gen_map(struct gen *g, u8 reg, enum gen_map map)
{
	gen_emit(g, BPF_LD | BPF_IMM | BPF_DW, reg, BPF_PSEUDO_MAP_FD, 0, (s32)map);
	gen_emit(g, 0, 0, 0, 0, 0);
	gen_set(g, reg, GEN_NONE);
}

/* ---- steps ------------------------------------------------------------------------------- */

static inline void gen_alu(struct gen *g)
{
	static const u8 ops[] = {BPF_ADD, BPF_SUB, BPF_AND, BPF_OR, BPF_XOR, BPF_LSH, BPF_RSH,
		BPF_ARSH, BPF_MUL, BPF_DIV, BPF_MOD, BPF_ADD, BPF_AND, BPF_RSH};
	u8 op = ops[gen_below(g, ARRAY_SIZE(ops))], dst = gen_number(g), src;
	u8 cls = gen_below(g, 3) ? BPF_ALU64 : BPF_ALU;
	s32 imm = gen_imm(g);

	if (op == BPF_LSH || op == BPF_RSH || op == BPF_ARSH)
		imm = (s32)gen_below(g, cls == BPF_ALU64 ? 64 : 32);
	if ((op == BPF_DIV || op == BPF_MOD) && !imm)
		imm = 1;
	if (dst > 9 && !g->is_wild)
		return;
	if (gen_below(g, 2)) {
		gen_emit(g, cls | op | BPF_K, dst, 0, 0, imm);
	} else {
		src = gen_number(g);
		gen_emit(g, cls | op | BPF_X, dst, src, 0, 0);
	}
	gen_set(g, dst, GEN_NUMBER);
}

static inline void gen_move(struct gen *g)
{
	u8 dst, src = gen_number(g);

	if (gen_one_in(g, 4)) { /* a pointer */
		src = (u8)gen_below(g, 10);
		if (g->kind[src] == GEN_NONE || g->kind[src] == GEN_RECORD ||
			g->kind[src] == GEN_RECORD_OR_NULL)
			return;
	}
	dst = gen_target(g);
	switch (gen_below(g, 6)) {
	case 0:
		if (!gen_is_number(g, src))
			break;
		gen_emit(g, BPF_ALU | BPF_MOV | BPF_X, dst, src, 0, 0);
		gen_set(g, dst, GEN_NUMBER);
		return;
	case 1:
		if (!gen_is_number(g, src))
			break;
		gen_emit(g, BPF_ALU64 | BPF_MOV | BPF_X, dst, src,
			(s16)(g->is_old ? 0 : 8 << gen_below(g, 3)), 0);
		gen_set(g, dst, GEN_NUMBER);
		return;
	case 2:
		if (!gen_is_number(g, src))
			break;
		gen_emit(g, BPF_ALU64 | BPF_NEG, src, 0, 0, 0);
		gen_set(g, src, GEN_NUMBER);
		return;
	case 3:
		if (!gen_is_number(g, src))
			break;
		gen_emit(g,
			gen_below(g, 2) && !g->is_old ? BPF_ALU64 | BPF_END
						      : BPF_ALU | BPF_END | BPF_TO_BE,
			src, 0, 0, 16 << gen_below(g, 3));
		gen_set(g, src, GEN_NUMBER);
		return;
	default: break;
	}
	gen_emit(g, BPF_ALU64 | BPF_MOV | BPF_X, dst, src, 0, 0);
	g->kind[dst] = g->kind[src];
	g->off[dst] = g->off[src];
}

static inline void gen_bound(struct gen *g)
{
	u8 reg = gen_number(g);

	gen_emit(g, BPF_ALU64 | BPF_AND | BPF_K, reg, 0, 0, 7);
	gen_set(g, reg, GEN_SMALL);
}

static inline u8 gen_size_code(struct gen *g, u32 *ret_size)
{
	static const u8 codes[] = {BPF_B, BPF_H, BPF_W, BPF_DW};
	u32 i = gen_below(g, 5);

	i = i == 4 ? 3 : i;
	*ret_size = 1u << i;
	return codes[i];
}

static inline void gen_stack(struct gen *g)
{
	u32 slot = gen_below(g, 8), size;
	u8 code, reg;

	switch (gen_below(g, 5)) {
	case 0: /* spill anything */
		reg = (u8)gen_below(g, 10);
		if (g->kind[reg] == GEN_NONE)
			return;
		gen_emit(g, BPF_STX | BPF_MEM | BPF_DW, 10, reg, (s16)(-8 * (s16)slot - 8), 0);
		g->slot_kind[slot] = g->kind[reg] == GEN_STACK ? GEN_NUMBER : g->kind[reg];
		return;
	case 1: /* fill */
		if (g->slot_kind[slot] == GEN_NONE && !gen_slips(g))
			return;
		reg = gen_target(g);
		gen_emit(g, BPF_LDX | BPF_MEM | BPF_DW, reg, 10, (s16)(-8 * (s16)slot - 8), 0);
		gen_set(g, reg, g->slot_kind[slot]);
		return;
	case 2:
		code = gen_size_code(g, &size);
		gen_emit(g, BPF_ST | BPF_MEM | code, 10, 0,
			(s16)(-8 * (s16)slot - 8 + (s16)(size * gen_below(g, 8 / size))),
			gen_imm(g));
		if (size == 8 || g->slot_kind[slot] != GEN_NUMBER)
			g->slot_kind[slot] = size == 8 ? GEN_NUMBER : GEN_NONE;
		return;
	case 3:
		reg = gen_number(g);
		code = gen_size_code(g, &size);
		gen_emit(g, BPF_STX | BPF_MEM | code, 10, reg,
			(s16)(-8 * (s16)slot - 8 + (s16)(size * gen_below(g, 8 / size))), 0);
		if (size == 8 || g->slot_kind[slot] != GEN_NUMBER)
			g->slot_kind[slot] = size == 8 ? GEN_NUMBER : GEN_NONE;
		return;
	default:
		if (g->slot_kind[slot] != GEN_NUMBER && !gen_slips(g))
			return;
		reg = gen_target(g);
		code = gen_size_code(g, &size);
		gen_emit(g,
			BPF_LDX | code |
				(size < 8 && gen_one_in(g, 3) && !g->is_old ? 0x80 /* sign */
									    : BPF_MEM),
			reg, 10, (s16)(-8 * (s16)slot - 8 + (s16)(size * gen_below(g, 8 / size))),
			0);
		gen_set(g, reg, GEN_NUMBER);
		return;
	}
}

static inline void gen_null_check(struct gen *g, u8 reg, u8 kind)
{
	if (gen_slips(g))
		return;
	/* if reg != 0 goto +2; r0 = 0; exit */
	gen_emit(g, BPF_JMP | BPF_JNE | BPF_K, reg, 0, 2, 0);
	gen_emit(g, BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, 0);
	gen_emit(g, BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
	g->kind[reg] = kind;
}

static inline void gen_lookup(struct gen *g)
{
	static const u8 maps[] = {GEN_MAP_ARRAY, GEN_MAP_ARRAY, GEN_MAP_HASH, GEN_MAP_RDONLY};
	static const u8 kinds[] = {GEN_VALUE, GEN_VALUE, GEN_ENTRY, GEN_ELEMENT};
	u32 which = gen_below(g, 4);
	u8 keep;

	if (g->holds_record)
		return; /* the exit of a null check would leak it */
	gen_emit(g, BPF_ST | BPF_MEM | BPF_DW, 10, 0, -8, (s32)gen_below(g, 5));
	g->slot_kind[0] = GEN_NUMBER;
	gen_map(g, 1, maps[which]);
	gen_emit(g, BPF_ALU64 | BPF_MOV | BPF_X, 2, 10, 0, 0);
	gen_emit(g, BPF_ALU64 | BPF_ADD | BPF_K, 2, 0, 0, -8);
	gen_emit(g, BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_map_lookup_elem);
	gen_clobber(g);
	gen_set(g, 0, (u8)(kinds[which] - GEN_VALUE + GEN_VALUE_OR_NULL));
	if (gen_one_in(g, 6))
		return; /* checked later, or never */
	gen_null_check(g, 0, kinds[which]);
	keep = (u8)(7 + gen_below(g, 3));
	if (g->kind[keep] == GEN_RECORD || keep == g->counter)
		return;
	gen_emit(g, BPF_ALU64 | BPF_MOV | BPF_X, keep, 0, 0, 0);
	g->kind[keep] = g->kind[0];
	g->off[keep] = 0;
}

static inline void gen_late_check(struct gen *g)
{
	u8 reg, kind;

	if (g->holds_record)
		return;
	for (reg = 0; reg < 10; reg++) {
		kind = g->kind[reg];
		if (kind >= GEN_VALUE_OR_NULL && kind <= GEN_ELEMENT_OR_NULL) {
			gen_null_check(g, reg, (u8)(kind - GEN_VALUE_OR_NULL + GEN_VALUE));
			return;
		}
	}
}

static inline u32 gen_bytes_of(u8 kind)
{
	switch (kind) {
	case GEN_VALUE: return 48;
	case GEN_ENTRY:
	case GEN_ELEMENT:
	case GEN_RECORD:
	case GEN_PACKET: return 16;
	default: return 0;
	}
}

/* Pointer to memory: arithmetic, loads, stores. */
static inline void gen_memory(struct gen *g)
{
	static const u8 kinds[] = {
		GEN_VALUE, GEN_VALUE, GEN_ENTRY, GEN_ELEMENT, GEN_RECORD, GEN_PACKET};
	u8 ptr = gen_find(g, kinds[gen_below(g, ARRAY_SIZE(kinds))]), reg, code;
	u32 room, size;
	s16 off;

	if (ptr > 9)
		return;
	room = gen_bytes_of(g->kind[ptr]);
	code = gen_size_code(g, &size);
	if (!room && !g->is_wild)
		return;
	room = room ? room : 16;
	off = (s16)((s16)gen_below(g, room - size + 1) - g->off[ptr]);
	if (gen_slips(g))
		off = (s16)(off + 16);
	switch (gen_below(g, 6)) {
	case 0: { /* a copy that moves by a constant */
		u8 kind = g->kind[ptr];
		s16 by = (s16)gen_below(g, 8), old = g->off[ptr];

		reg = gen_target(g);
		if (reg == ptr || kind == GEN_RECORD)
			return;
		gen_emit(g, BPF_ALU64 | BPF_MOV | BPF_X, reg, ptr, 0, 0);
		gen_emit(g, BPF_ALU64 | (gen_below(g, 3) ? BPF_ADD : BPF_SUB) | BPF_K, reg, 0, 0,
			by);
		by = g->len && BPF_OP(g->insns[g->len - 1].code) == BPF_SUB ? (s16)-by : by;
		gen_set(g, reg, kind);
		g->off[reg] = (s16)(old + by);
		return;
	}
	case 1: { /* by a small number */
		u8 kind = g->kind[ptr], by = gen_find(g, GEN_SMALL);

		reg = gen_target(g);
		if (by > 9 || reg == ptr || reg == by || kind == GEN_PACKET)
			return;
		gen_emit(g, BPF_ALU64 | BPF_MOV | BPF_X, reg, ptr, 0, 0);
		gen_emit(g, BPF_ALU64 | (gen_below(g, 4) ? BPF_ADD : BPF_SUB) | BPF_X, reg, by, 0,
			0);
		gen_emit(g, BPF_LDX | BPF_MEM | BPF_B, reg, reg,
			(s16)((s16)gen_below(g, room - 7) - g->off[ptr]), 0);
		gen_set(g, reg, GEN_NUMBER);
		return;
	}
	case 2:
		if (g->kind[ptr] == GEN_ELEMENT && !gen_slips(g))
			return;
		gen_emit(g, BPF_ST | BPF_MEM | code, ptr, 0, off, gen_imm(g));
		return;
	case 3:
		if (g->kind[ptr] == GEN_ELEMENT && !gen_slips(g))
			return;
		reg = gen_number(g);
		gen_emit(g, BPF_STX | BPF_MEM | code, ptr, reg, off, 0);
		return;
	case 4: { /* atomic */
		static const s32 atomics[] = {BPF_ADD, BPF_ADD | BPF_FETCH, BPF_OR,
			BPF_AND | BPF_FETCH, BPF_XOR, BPF_XCHG, BPF_CMPXCHG};
		s32 imm = atomics[gen_below(g, ARRAY_SIZE(atomics))];

		if (g->kind[ptr] == GEN_ELEMENT || g->kind[ptr] == GEN_PACKET)
			return;
		reg = gen_number(g);
		if (reg == 10 || (imm == BPF_CMPXCHG && !gen_is_number(g, 0)))
			return;
		gen_emit(g, BPF_STX | BPF_ATOMIC | (gen_below(g, 2) ? BPF_DW : BPF_W), ptr, reg,
			(s16)(8 * gen_below(g, room / 8) - (u32)g->off[ptr]), imm);
		if (imm == BPF_CMPXCHG)
			gen_set(g, 0, GEN_NUMBER);
		else if (imm & BPF_FETCH)
			gen_set(g, reg, GEN_NUMBER);
		return;
	}
	default:
		reg = gen_target(g);
		if (g->kind[reg] == GEN_RECORD)
			return;
		gen_emit(g,
			BPF_LDX | code |
				(size < 8 && gen_one_in(g, 4) && !g->is_old ? 0x80 : BPF_MEM),
			reg, ptr, off, 0);
		gen_set(g, reg, GEN_NUMBER);
		return;
	}
}

static inline void gen_context(struct gen *g)
{
	u8 reg = gen_target(g);
	static const s16 skb[] = {0, 4, 8, 16, 40, 48, 52};
	u32 n = gen_below(g, 8);

	if (g->in_subprog && g->kind[6] != GEN_CTX)
		return;
	switch (g->prog_type) {
	case BPF_PROG_TYPE_SOCKET_FILTER:
	case BPF_PROG_TYPE_SCHED_CLS:
		g->is_random |= n == 7; /* an address, that may be stored */
		gen_emit(g, BPF_LDX | BPF_MEM | BPF_W, reg, 6, n == 7 ? 76 : skb[n], 0);
		break;
	case BPF_PROG_TYPE_XDP: gen_emit(g, BPF_LDX | BPF_MEM | BPF_W, reg, 6, 12, 0); break;
	default: gen_emit(g, BPF_LDX | BPF_MEM | BPF_DW, reg, 6, (s16)(8 * n), 0); break;
	}
	gen_set(g, reg, GEN_NUMBER);
}

static inline void gen_packet(struct gen *g)
{
	s16 data = g->prog_type == BPF_PROG_TYPE_XDP ? 0 : 76;
	u8 keep = (u8)(7 + gen_below(g, 3));
	u8 op = gen_below(g, 2) ? BPF_JGT : BPF_JGE;

	if ((g->prog_type != BPF_PROG_TYPE_XDP && g->prog_type != BPF_PROG_TYPE_SCHED_CLS) ||
		g->holds_record || g->kind[6] != GEN_CTX || keep == g->counter)
		return;
	gen_emit(g, BPF_LDX | BPF_MEM | BPF_W, keep, 6, data, 0);
	gen_emit(g, BPF_LDX | BPF_MEM | BPF_W, 3, 6, (s16)(data + 4), 0);
	gen_emit(g, BPF_ALU64 | BPF_MOV | BPF_X, 2, keep, 0, 0);
	gen_emit(g, BPF_ALU64 | BPF_ADD | BPF_K, 2, 0, 0, 16 + (s32)gen_below(g, 3));
	if (gen_below(g, 2)) {
		gen_emit(g, BPF_JMP | (op == BPF_JGT ? BPF_JLE : BPF_JLT) | BPF_X, 2, 3, 2, 0);
	} else {
		gen_emit(g, BPF_JMP | (op == BPF_JGT ? BPF_JGE : BPF_JGT) | BPF_X, 3, 2, 2, 0);
	}
	gen_emit(g, BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, 0);
	gen_emit(g, BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
	gen_set(g, 2, GEN_NONE);
	gen_set(g, 3, GEN_NONE);
	gen_set(g, keep, GEN_PACKET);
}

static inline void gen_helper(struct gen *g)
{
	u32 which = gen_below(g, 4);
	u8 reg;

	g->is_random |= which < 3;
	switch (which) {
	case 0: gen_emit(g, BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_ktime_get_ns); break;
	case 1: gen_emit(g, BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_ktime_get_boot_ns); break;
	case 2: gen_emit(g, BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_get_prandom_u32); break;
	default: /* bytes of the packet onto the stack, a number of them that may vary */
		if ((g->prog_type != BPF_PROG_TYPE_SOCKET_FILTER &&
			    g->prog_type != BPF_PROG_TYPE_SCHED_CLS) ||
			g->kind[6] != GEN_CTX)
			return;
		reg = gen_find(g, GEN_SMALL);
		if (reg < 10)
			gen_emit(g, BPF_ALU64 | BPF_MOV | BPF_X, 4, reg, 0, 0);
		else
			gen_emit(g, BPF_ALU64 | BPF_MOV | BPF_K, 4, 0, 0, (s32)gen_below(g, 17));
		if (gen_below(g, 4))
			gen_emit(g, BPF_ALU64 | BPF_ADD | BPF_K, 4, 0, 0, 1);
		gen_emit(g, BPF_ALU64 | BPF_MOV | BPF_X, 1, 6, 0, 0);
		gen_emit(g, BPF_ALU64 | BPF_MOV | BPF_K, 2, 0, 0, 0);
		gen_emit(g, BPF_ALU64 | BPF_MOV | BPF_X, 3, 10, 0, 0);
		gen_emit(g, BPF_ALU64 | BPF_ADD | BPF_K, 3, 0, 0, -32);
		gen_emit(g, BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_skb_load_bytes);
		g->slot_kind[1] = g->slot_kind[2] = g->slot_kind[3] = GEN_NONE;
		break;
	}
	gen_clobber(g);
	gen_set(g, 0, GEN_NUMBER);
}

static inline void gen_ring(struct gen *g)
{
	u8 reg = gen_find(g, GEN_RECORD);

	if (g->depth)
		return; /* paths must agree on what they hold */
	if (!g->holds_record) {
		gen_map(g, 1, GEN_MAP_RING);
		gen_emit(g, BPF_ALU64 | BPF_MOV | BPF_K, 2, 0, 0, 16);
		gen_emit(g, BPF_ALU64 | BPF_MOV | BPF_K, 3, 0, 0, 0);
		gen_emit(g, BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_ringbuf_reserve);
		gen_clobber(g);
		gen_set(g, 0, GEN_RECORD_OR_NULL);
		gen_null_check(g, 0, GEN_RECORD);
		reg = (u8)(7 + gen_below(g, 3));
		gen_emit(g, BPF_ALU64 | BPF_MOV | BPF_X, reg, 0, 0, 0);
		gen_set(g, reg, g->kind[0]);
		gen_set(g, 0, GEN_NONE);
		g->holds_record = true;
	} else if (reg < 10) {
		gen_emit(g, BPF_ALU64 | BPF_MOV | BPF_X, 1, reg, 0, 0);
		gen_emit(g, BPF_ALU64 | BPF_MOV | BPF_K, 2, 0, 0, 0);
		gen_emit(g, BPF_JMP | BPF_CALL, 0, 0, 0,
			gen_below(g, 2) ? BPF_FUNC_ringbuf_submit : BPF_FUNC_ringbuf_discard);
		gen_clobber(g);
		gen_set(g, 0, GEN_NONE);
		if (!gen_slips(g))
			gen_set(g, reg, GEN_NONE);
		g->holds_record = false;
	}
}

static inline void gen_step(struct gen *g);

/* What holds on both ways: equal guesses. */
static inline void gen_join(struct gen *g, const struct gen *other)
{
	u32 i;

	for (i = 0; i < 10; i++) {
		if (g->kind[i] == other->kind[i] && g->off[i] == other->off[i])
			continue;
		if (gen_is_number(g, (u8)i) && gen_is_number(other, (u8)i))
			gen_set(g, (u8)i, GEN_NUMBER);
		else
			gen_set(g, (u8)i, GEN_NONE);
	}
	for (i = 0; i < 8; i++)
		if (g->slot_kind[i] != other->slot_kind[i])
			g->slot_kind[i] = GEN_NONE;
}

static inline u8 gen_condition(struct gen *g, u8 *ret_dst, u8 *ret_src, s32 *ret_imm)
{
	static const u8 ops[] = {BPF_JEQ, BPF_JNE, BPF_JGT, BPF_JGE, BPF_JLT, BPF_JLE, BPF_JSGT,
		BPF_JSGE, BPF_JSLT, BPF_JSLE, BPF_JSET};
	u8 op = ops[gen_below(g, ARRAY_SIZE(ops))];

	*ret_dst = gen_number(g);
	*ret_src = 0;
	*ret_imm = gen_below(g, 2) ? (s32)gen_below(g, 16) : gen_imm(g);
	if (gen_one_in(g, 3)) {
		*ret_src = gen_number(g);
		*ret_imm = 0;
		op |= BPF_X;
	}
	return op | (gen_below(g, 3) ? BPF_JMP : BPF_JMP32);
}

static inline void gen_branch(struct gen *g)
{
	struct gen before;
	u32 jump, skip, steps = 1 + gen_below(g, 4), i;
	u8 code, dst, src;
	s32 imm;

	if (g->depth >= 3 || (g->in_loop && gen_below(g, 4)))
		return; /* what doubles with every turn is soon too large */
	code = gen_condition(g, &dst, &src, &imm);
	jump = g->len;
	gen_emit(g, code, dst, src, 0, imm);
	before = *g;
	g->depth++;
	for (i = 0; i < steps; i++)
		gen_step(g);
	skip = g->len;
	if (gen_below(g, 3) == 0) { /* else */
		struct gen then = *g;

		gen_emit(g, BPF_JMP | BPF_JA, 0, 0, 0, 0);
		g->insns[jump].off = (s16)(g->len - jump - 1);
		memcpy(g->kind, before.kind, sizeof(g->kind));
		memcpy(g->off, before.off, sizeof(g->off));
		memcpy(g->slot_kind, before.slot_kind, sizeof(g->slot_kind));
		for (i = 0; i < steps; i++)
			gen_step(g);
		g->insns[skip].off = (s16)(g->len - skip - 1);
		gen_join(g, &then);
	} else {
		g->insns[jump].off = (s16)(skip - jump - 1);
		gen_join(g, &before);
	}
	g->depth--;
}

static inline void gen_loop(struct gen *g)
{
	struct gen before;
	u32 top, steps = 1 + gen_below(g, 3), i,
		 turns = 1 + gen_below(g, gen_one_in(g, 8) ? 20 : 5);
	u8 counter = (u8)(7 + gen_below(g, 3));
	bool is_may_goto = !g->depth && gen_one_in(g, 6) && !g->is_old;

	if (g->depth >= 1 || g->kind[counter] == GEN_RECORD)
		return;
	if (g->has_short_loops)
		turns = 1 + turns % 2;
	gen_emit(g, BPF_ALU64 | BPF_MOV | BPF_K, counter, 0, 0, 0);
	gen_set(g, counter, GEN_NONE);
	g->counter = counter;
	before = *g;
	top = g->len;
	if (is_may_goto)
		gen_emit(g, BPF_JMP | 0xe0, 0, 0, 0, 0);
	g->depth++;
	g->in_loop = true;
	for (i = 0; i < steps; i++)
		gen_step(g);
	g->in_loop = false;
	g->counter = 0;
	g->depth--;
	/* the body must not spoil what it needs, nor the counter; often enough it does not */
	if (!is_may_goto || gen_one_in(g, 8))
		gen_emit(g, BPF_ALU64 | BPF_ADD | BPF_K, counter, 0, 0, 1);
	if (is_may_goto) {
		gen_emit(g, BPF_JMP | BPF_JA, 0, 0, (s16)(top - g->len - 1), 0);
		g->insns[top].off = (s16)(g->len - top - 1);
	} else {
		gen_emit(g, BPF_JMP | (gen_below(g, 2) ? BPF_JLT : BPF_JNE) | BPF_K, counter, 0,
			(s16)(top - g->len - 1), (s32)turns);
	}
	gen_join(g, &before);
	gen_set(g, counter, is_may_goto ? GEN_NONE : GEN_NUMBER);
}

/* A call of a function that gen_functions() adds: r1 the context, r2 a number, r3 a pointer. */
static inline void gen_call(struct gen *g)
{
	u8 ptr = gen_find(g, GEN_VALUE), num;

	if (g->call_count >= ARRAY_SIZE(g->calls) || g->in_subprog || g->kind[6] != GEN_CTX)
		return;
	num = gen_number(g);
	if (ptr > 9 || g->off[ptr])
		return;
	gen_emit(g, BPF_ALU64 | BPF_MOV | BPF_X, 4, num, 0, 0);
	gen_emit(g, BPF_ALU64 | BPF_MOV | BPF_X, 3, ptr, 0, 0);
	gen_emit(g, BPF_ALU64 | BPF_MOV | BPF_X, 2, 4, 0, 0);
	gen_emit(g, BPF_ALU64 | BPF_MOV | BPF_X, 1, 6, 0, 0);
	g->calls[g->call_count++] = g->len;
	gen_emit(g, BPF_JMP | BPF_CALL, 0, BPF_PSEUDO_CALL, 0, 0);
	gen_clobber(g);
	gen_set(g, 0, GEN_NUMBER);
}

static inline void gen_step(struct gen *g)
{
	if (!g->budget || g->len > GEN_INSNS_MAX - 160)
		return;
	g->budget--;
	switch (gen_below(g, 24)) {
	case 0:
	case 1:
	case 2:
	case 3: gen_alu(g); break;
	case 4:
	case 5: gen_move(g); break;
	case 6:
	case 7: gen_bound(g); break;
	case 8:
	case 9:
	case 10: gen_stack(g); break;
	case 11:
	case 12: gen_lookup(g); break;
	case 13:
	case 14:
	case 15: gen_memory(g); break;
	case 16: gen_context(g); break;
	case 17: gen_packet(g); break;
	case 18: gen_helper(g); break;
	case 19: gen_ring(g); break;
	case 20:
	case 21: gen_branch(g); break;
	case 22: gen_loop(g); break;
	default:
		if (gen_below(g, 2))
			gen_call(g);
		else
			gen_late_check(g);
		break;
	}
}

static inline void gen_end(struct gen *g)
{
	u8 i;

	if (g->holds_record && !gen_slips(g)) {
		for (i = 0; i < 10; i++)
			if (g->kind[i] == GEN_RECORD)
				break;
		if (i < 10) {
			gen_emit(g, BPF_ALU64 | BPF_MOV | BPF_X, 1, i, 0, 0);
			gen_emit(g, BPF_ALU64 | BPF_MOV | BPF_K, 2, 0, 0, 0);
			gen_emit(g, BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_ringbuf_discard);
		}
	}
	g->holds_record = false;
	if (g->in_subprog && gen_is_number(g, 7) && gen_below(g, 2))
		gen_emit(g, BPF_ALU64 | BPF_MOV | BPF_X, 0, 7, 0, 0);
	else
		gen_emit(g, BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, (s32)gen_below(g, 2));
	gen_emit(g, BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
}

static inline void gen_functions(struct gen *g)
{
	u32 starts[3], count = 1 + gen_below(g, 3), i, n;

	if (!g->call_count)
		return;
	count = count > g->call_count ? g->call_count : count;
	g->in_subprog = true;
	for (i = 0; i < count; i++) {
		starts[i] = g->len;
		memset(g->kind, GEN_NONE, sizeof(g->kind));
		memset(g->off, 0, sizeof(g->off));
		memset(g->slot_kind, GEN_NONE, sizeof(g->slot_kind));
		gen_emit(g, BPF_ALU64 | BPF_MOV | BPF_X, 6, 1, 0, 0);
		gen_set(g, 6, GEN_CTX);
		gen_set(g, 2, GEN_NUMBER);
		gen_set(g, 3, GEN_VALUE);
		g->budget = 8;
		for (n = 2 + gen_below(g, 6); n; n--)
			gen_step(g);
		gen_end(g);
	}
	for (i = 0; i < g->call_count; i++)
		g->insns[g->calls[i]].imm = (s32)(starts[i % count] - g->calls[i] - 1);
}

/* Fills insns and len from the fields above them. */
static inline void gen_program(struct gen *g)
{
	u32 steps;

	g->len = 0;
	g->at = 0;
	memset(g->kind, GEN_NONE, sizeof(g->kind));
	memset(g->off, 0, sizeof(g->off));
	memset(g->slot_kind, GEN_NONE, sizeof(g->slot_kind));
	g->call_count = g->depth = 0;
	g->is_random = false;
	g->counter = 0;
	g->in_subprog = g->in_loop = g->holds_record = false;
	g->budget = 60;
	gen_emit(g, BPF_ALU64 | BPF_MOV | BPF_X, 6, 1, 0, 0);
	gen_set(g, 6, GEN_CTX);
	for (steps = 4 + gen_below(g, 40); steps; steps--)
		gen_step(g);
	gen_end(g);
	gen_functions(g);
}

static inline void gen_patch_maps(struct gen *g, const int map_fds[GEN_MAP_COUNT])
{
	u32 i;

	for (i = 0; i < g->len; i++)
		if (g->insns[i].code == (BPF_LD | BPF_IMM | BPF_DW)) {
			if (g->insns[i].src_reg == BPF_PSEUDO_MAP_FD)
				g->insns[i].imm = map_fds[g->insns[i].imm];
			i++;
		}
}

#endif
