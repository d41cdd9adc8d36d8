// SPDX-License-Identifier: BSD-2-Clause
/*
 * Registers change places after they have been given out: naming r8 to r15 costs a byte in every
 * instruction that is not 64 bits wide, r12 another one as the base of an address. So what narrow
 * instructions name most gets the low ones. Only registers that nothing destroys or expects change
 * places, and those that a function must save only with each other.
 */
#include "jit/x86_64/lower.h"

enum { REGS = 16, MOVE_BYTES = 3 };

struct rename {
	struct ir_func *f;
	u32 used, fixed;
	bool has_clobbers;
	u16 narrow[REGS], base[REGS], base_0[REGS]; /* instructions that name what lives there */
	u16 wanted[REGS][REGS], wanted_sum[REGS];   /* bytes of moves when it lives elsewhere */
	u8 place[REGS];				    /* register now -> register then */
};

/* Whether the instruction of v has a prefix anyway. */
static bool is_wide(const struct ir_val *v)
{
	switch (v->op) {
	case IR_LOAD:
	case IR_ACQUIRE:
	case IR_STORE:
	case IR_RELEASE:
	case IR_UPDATE:
	case IR_BSWAP: return v->size == 8;
	case IR_LOADSX:
	case IR_LEA:
	case IR_FUNC_ADDR: return true;
	case IR_ZEXT: return false;
	case IR_CONST: return v->imm >> 32;
	case IR_PHI:
	case IR_CALL:
	case IR_CALL_FUNC: return v->bits > 32;
	default: return v->w == 64;
	}
}

static bool is_memory(u8 op)
{
	return op >= IR_LOAD && op <= IR_RELEASE;
}

static void note_base(struct rename *r, const struct ir_val *v)
{
	s8 reg = r->f->vals[v->a].reg;

	if (reg < 0 || v->b)
		return;
	r->base[reg]++;
	r->base_0[reg] += v->disp == 0;
}

static void want(struct rename *r, s8 reg, u8 place)
{
	if (reg < 0)
		return;
	r->wanted[reg][place] += MOVE_BYTES;
	r->wanted_sum[reg] += MOVE_BYTES;
}

/* The registers of an operand, or of what is folded into it. */
static u32 regs_of(const struct ir_func *f, u32 v)
{
	const struct ir_val *val = &f->vals[v];

	if (val->flags & IR_FOLDED)
		return regs_of(f, val->a) | regs_of(f, val->b) | regs_of(f, val->c);
	return val->reg >= 0 ? 1u << val->reg : 0;
}

static void note(struct rename *r, const struct ir_val *v)
{
	const struct ir_func *f = r->f;
	u32 i, mask = 0;

	if (is_memory(v->op))
		note_base(r, v);
	if (v->flags & (IR_FOLDED | IR_NO_REG))
		return;
	if (v->op == IR_PARAM)
		want(r, v->reg, x86_alloc_target.param(f, (u32)v->imm));
	else if (v->op == IR_END && f->blocks[v->block].term == IR_TERM_RETURN)
		want(r, f->vals[v->a].reg, X86_RAX);
	if (v->op >= IR_UDIV && v->op < IR_END) {
		u32 clobbers = x86_alloc_target.clobbers(f, v);

		r->fixed |= clobbers;
		r->has_clobbers |= clobbers != 0;
	}
	if (is_wide(v) || v->op == IR_PARAM)
		return;
	if (v->reg >= 0)
		mask |= 1u << v->reg;
	mask |= regs_of(f, v->a) | regs_of(f, v->b) | regs_of(f, v->c);
	for (i = 0; i < v->arg_count && v->op != IR_PHI; i++)
		mask |= regs_of(f, f->args[v->args + i]);
	for (; mask; mask &= mask - 1)
		r->narrow[__builtin_ctz(mask)]++;
}

/* Bytes for what lives in `reg` now, if it lived in `place`. */
static s32 cost(const struct rename *r, u8 reg, u8 place)
{
	s32 bytes = r->wanted_sum[reg] - r->wanted[reg][place];

	if (place >= X86_R8)
		bytes += r->narrow[reg];
	if (place == X86_R12)
		bytes += r->base[reg];
	if (place == X86_RBP || place == X86_R13)
		bytes += r->base_0[reg];
	return bytes;
}

static bool may_swap(const struct rename *r, u8 x, u8 y)
{
	u32 saved = x86_alloc_target.callee_saved, both = 1u << x | 1u << y;
	u32 used = (r->used >> r->place[x] & 1) << x | (r->used >> r->place[y] & 1) << y;

	if (r->fixed & both || !used)
		return false;
	if ((saved & both) == 0)
		return true;
	return used == both && ((saved & both) == both || !r->has_clobbers);
}

/* The low place where what lives in a high one now saves most, and how much. */
static s32 best_low(const struct rename *r, u8 high, u8 *ret_low)
{
	u8 t = r->place[high], low;
	s32 best = 0;

	for (low = 0; low < X86_R8; low++) {
		u8 other = r->place[low];
		s32 gain;

		if (r->narrow[t] + r->base[t] <= r->narrow[other] || !may_swap(r, low, high))
			continue;
		gain = cost(r, t, high) + cost(r, other, low) - cost(r, t, low) -
			cost(r, other, high);
		if (gain > best) {
			best = gain;
			*ret_low = low;
		}
	}
	return best;
}

static bool swap_all(struct rename *r)
{
	u32 todo = (r->used & ~r->fixed) & ~0xffu;
	bool is_changed = false;

	while (todo) {
		u8 high = (u8)__builtin_ctz(todo), low = 0, t = r->place[high];

		todo &= todo - 1;
		if (!best_low(r, high, &low))
			continue;
		r->place[high] = r->place[low];
		r->place[low] = t;
		is_changed = true;
		todo |= 1u << high; /* for what lives there now */
	}
	return is_changed;
}

void x86_rename(struct ir_func *f, u32 usable, struct alloc_result *result)
{
	struct rename r = {.f = f, .used = result->used, .fixed = ~usable};
	u32 i, used = 0;
	u8 now[REGS];

	if (f->has_calls)
		r.fixed |= X86_CALLER_SAVED;
	if (!((r.used & ~r.fixed) >> X86_R8))
		return;
	for (i = 0; i < f->alive_count; i++) {
		if (f->vals[f->alive[i]].op != IR_NONE)
			note(&r, &f->vals[f->alive[i]]);
	}
	for (i = 0; i < REGS; i++)
		r.place[i] = (u8)i;
	if (!swap_all(&r))
		return;
	for (i = 0; i < REGS; i++) {
		now[r.place[i]] = (u8)i;
		used |= (r.used >> r.place[i] & 1) << i;
	}
	for (i = 0; i < f->alive_count; i++) {
		struct ir_val *val = &f->vals[f->alive[i]];

		if (val->reg >= 0)
			val->reg = (s8)now[val->reg];
	}
	if (f->clobbered)
		f->clobbered = (f->clobbered & ~(r.used & ~used)) | (used & X86_CALLER_SAVED) |
			1u << X86_RAX;
	result->used = used;
}
