// SPDX-License-Identifier: BSD-2-Clause
/*
 * clang reads unaligned words byte by byte, because BPF has no unaligned loads that it would
 * choose, and an interpreter pays for each of those instructions. Here, within a block, each
 * register that consists of bytes of memory knows which: the byte at bit 8 * i comes from base +
 * off + i. An OR that completes the lowest 2, 4 or 8 bytes becomes one load, if nothing was stored
 * and the base did not change since; what nobody reads any more is left out.
 */
#include "base/alloc.h"
#include "runtime/interp.h"

enum { REGS = INSN_REG_COUNT };

struct bytes {
	u8 base;
	u32 version; /* of the base */
	u32 epoch;
	s32 off;
	u8 mask; /* bytes of the register that come from memory; the others are 0. 0 = not known */
};

struct scan {
	const struct code *code;
	struct insn_decoded *insns; /* slots 0: the second half of a wide immediate */
	struct insn *out;
	u8 *is_start, *is_dropped;
	struct bytes regs[REGS];
	u32 version[REGS], epoch;
};

static bool ends_block(const struct insn_decoded *d)
{
	switch (d->desc->family) {
	case INSN_FAMILY_JA:
	case INSN_FAMILY_JCC:
	case INSN_FAMILY_MAY_GOTO:
	case INSN_FAMILY_EXIT: return true;
	default: return false;
	}
}

static int decode(struct scan *s)
{
	const struct code *code = s->code;
	u32 i;

	for (i = 0; i < code->insn_count; i += s->insns[i].slots) {
		int err = insn_decode_any(&code->insns[i], code->insn_count - i, &s->insns[i]);

		if (err)
			return err;
	}
	for (i = 0; i < code->insn_count; i++) {
		s64 to;

		if (!s->insns[i].slots || !ends_block(&s->insns[i]))
			continue;
		s->is_start[i + 1] = 1;
		to = (s64)i + 1 + insn_jump_offset(&code->insns[i]);
		if (insn_is_jump(&code->insns[i]) && to >= 0 && to < code->insn_count)
			s->is_start[to] = 1;
	}
	for (i = 0; i < code->subprog_count; i++) {
		if (code->subprogs[i].start < code->insn_count)
			s->is_start[code->subprogs[i].start] = 1;
	}
	return 0;
}

static void forget(struct scan *s, u32 reg)
{
	s->regs[reg].mask = 0;
	s->version[reg]++;
}

static void note_load(struct scan *s, const struct insn_decoded *d)
{
	struct bytes b = {
		.base = d->src,
		.version = s->version[d->src],
		.epoch = s->epoch,
		.off = d->off,
		.mask = (u8)((1u << d->desc->width / 8) - 1),
	};

	forget(s, d->dst);
	if (d->dst != d->src)
		s->regs[d->dst] = b;
}

static void note_shift(struct scan *s, const struct insn_decoded *d)
{
	struct bytes b = s->regs[d->dst];
	u32 by = (u32)d->imm / 8, all = d->desc->width == 64 ? 0xff : 0xf;

	forget(s, d->dst);
	if (!b.mask || (u32)d->imm % 8 || by > 7 || ((u32)b.mask << by & ~all))
		return;
	b.mask = (u8)(b.mask << by);
	b.off -= (s32)by;
	s->regs[d->dst] = b;
}

static void note_or(struct scan *s, u32 i, const struct insn_decoded *d)
{
	const struct bytes *x = &s->regs[d->dst], *y = &s->regs[d->src];
	struct bytes b = *x;
	u32 all = d->desc->width == 64 ? 0xff : 0xf;
	bool can = x->mask && y->mask && !(x->mask & y->mask) && x->base == y->base &&
		x->version == y->version && x->epoch == y->epoch && x->off == y->off;

	b.mask |= y->mask;
	forget(s, d->dst);
	if (!can || (b.mask & ~all) || d->dst == b.base)
		return;
	s->regs[d->dst] = b;
	if (b.epoch != s->epoch || b.version != s->version[b.base] || b.off != (s16)b.off)
		return;
	if (b.mask == 3)
		s->out[i] = INSN_LDX_MEM(BPF_H, d->dst, b.base, (s16)b.off);
	else if (b.mask == 0xf)
		s->out[i] = INSN_LDX_MEM(BPF_W, d->dst, b.base, (s16)b.off);
	else if (b.mask == 0xff)
		s->out[i] = INSN_LDX_MEM(BPF_DW, d->dst, b.base, (s16)b.off);
}

static void note_mov(struct scan *s, const struct insn_decoded *d)
{
	struct bytes b = s->regs[d->src];

	forget(s, d->dst);
	if (!d->is_imm && (d->desc->width == 64 || !(b.mask & 0xf0)) && b.base != d->dst)
		s->regs[d->dst] = b;
}

static void note(struct scan *s, u32 i)
{
	const struct insn_decoded *d = &s->insns[i];
	u32 r;

	switch (d->desc->family) {
	case INSN_FAMILY_LDX:
		if (d->desc->operation == INSN_DO_LOAD) {
			note_load(s, d);
			return;
		}
		break;
	case INSN_FAMILY_ALU:
		if (d->desc->operation == INSN_DO_LSH && d->is_imm) {
			note_shift(s, d);
			return;
		}
		if (d->desc->operation == INSN_DO_OR && !d->is_imm) {
			note_or(s, i, d);
			return;
		}
		break;
	case INSN_FAMILY_MOV: note_mov(s, d); return;
	case INSN_FAMILY_MOVSX:
	case INSN_FAMILY_NEG:
	case INSN_FAMILY_END:
	case INSN_FAMILY_LD_IMM64: break;
	default: /* stores, calls and all that is rare */
		s->epoch++;
		for (r = 0; r < REGS; r++)
			forget(s, r);
		return;
	}
	forget(s, d->dst);
}

static u32 regs_of(u8 uses, const struct insn_decoded *d)
{
	return (uses & INSN_USES_DST ? 1u << d->dst : 0) |
		(uses & INSN_USES_SRC ? 1u << d->src : 0);
}

/* Computes something and nothing else. */
static bool is_pure(const struct insn_decoded *d)
{
	switch (d->desc->family) {
	case INSN_FAMILY_ALU:
	case INSN_FAMILY_MOV:
	case INSN_FAMILY_NEG:
	case INSN_FAMILY_END: return true;
	case INSN_FAMILY_LDX: return d->desc->operation == INSN_DO_LOAD;
	default: return false;
	}
}

/* Backwards through a block: what its end may need, and what that needs. */
static void drop_dead(struct scan *s, u32 first, u32 end)
{
	u32 live = UINT32_MAX, i;

	for (i = end; i-- > first;) {
		struct insn_decoded d;
		u32 writes;

		if (!s->insns[i].slots || insn_decode_any(&s->out[i], 1 + (u32)(i + 1 < end), &d))
			continue; /* second halves */
		writes = regs_of(d.desc->writes, &d);
		if (!is_pure(&d)) {
			live = UINT32_MAX;
		} else if (writes && !(writes & live)) {
			s->is_dropped[i] = 1;
		} else {
			live &= ~writes;
			live |= regs_of(d.desc->reads, &d);
		}
	}
}

static void scan_blocks(struct scan *s)
{
	u32 i, first = 0, count = s->code->insn_count;

	for (i = 0; i < count; i++) {
		if (i == 0 || s->is_start[i]) {
			first = i;
			memset(s->regs, 0, sizeof(s->regs));
			s->epoch++;
		}
		if (s->insns[i].slots)
			note(s, i);
		if (i + 1 == count || s->is_start[i + 1])
			drop_dead(s, first, i + 1);
	}
}

int interp_join_bytes(const struct code *code, struct insn **ret_insns, u8 **ret_is_dropped)
{
	struct scan s = {.code = code};
	u32 count = code->insn_count;
	int err = -ENOMEM;

	s.insns = mem_calloc(count, sizeof(*s.insns));
	s.out = mem_calloc(count, sizeof(*s.out));
	s.is_start = mem_calloc(count + 1, 1);
	s.is_dropped = mem_calloc(count, 1);
	if (s.insns && s.out && s.is_start && s.is_dropped) {
		memcpy(s.out, code->insns, count * sizeof(*s.out));
		err = decode(&s);
	}
	if (!err)
		scan_blocks(&s);
	mem_free(s.insns);
	mem_free(s.is_start);
	if (err) {
		mem_free(s.out);
		mem_free(s.is_dropped);
		return err;
	}
	*ret_insns = s.out;
	*ret_is_dropped = s.is_dropped;
	return 0;
}
