// SPDX-License-Identifier: BSD-2-Clause
/*
 * What processors have instructions for and BPF has not.
 *
 * The binary logarithm, as the tracing tools compute it for their histograms: whether the upper
 * half of what is left has a bit set is a bit of the result, and that half is what is left then.
 *
 *	s = (x > 0xffff) << 4; x >>= s; r = s;	and so on with 8, 4 and 2 bits
 *	r |= x >> 1
 *
 * The number of bits set, as compilers expand it: sums of 2, 4 and 8 neighbours, then a
 * multiplication that adds the bytes up.
 *
 * Needs: pass_bits. Keeps: order, blocks, operands resolved. Breaks: uses.
 */
#include "jit/ir.h"

enum { MAX_LEAVES = 8, MAX_STEPS = 6, MAX_CHAIN = 32 };

/* ---- the logarithm ------------------------------------------------------------------------- */

/* What a sum of values without common bits is made of. */
struct leaves {
	u32 v[MAX_LEAVES];
	u32 count;
};

static bool is_sum(const struct ir_val *val)
{
	return val->op == IR_OR || val->op == IR_ADD;
}

static bool find_leaves(const struct ir_func *f, u32 v, struct leaves *l)
{
	u32 todo[MAX_LEAVES] = {v}, count = 1, guard = 2 * MAX_LEAVES;

	l->count = 0;
	while (count) {
		const struct ir_val *val = &f->vals[todo[--count]];

		if (!guard-- || count + 2 > MAX_LEAVES)
			return false;
		if (is_sum(val)) {
			todo[count++] = val->a;
			todo[count++] = val->b;
		} else if (val->op == IR_CONST && val->imm == 0) {
			continue;
		} else if (l->count == MAX_LEAVES) {
			return false;
		} else {
			l->v[l->count++] = (u32)(val - f->vals);
		}
	}
	return true;
}

static bool take_leaf(struct leaves *l, u32 v)
{
	u32 i;

	for (i = 0; i < l->count; i++) {
		if (l->v[i] == v) {
			l->v[i] = l->v[--l->count];
			return true;
		}
	}
	return false;
}

static bool is_shift(const struct ir_func *f, u32 v, enum ir_op op, u64 count)
{
	const struct ir_val *val = &f->vals[v];

	return val->op == op && ir_is_const(f, val->b) && f->vals[val->b].imm == count;
}

static bool is_shift_right(const struct ir_func *f, u32 v)
{
	return f->vals[v].op == IR_SHR && ir_is_const(f, f->vals[v].b);
}

/* Whether a cond b says a < 2^32 where it holds. */
static bool says_small(const struct ir_func *f, const struct ir_block *b, enum ir_cond cond)
{
	u64 imm = f->vals[b->b].imm;

	switch (cond) {
	case IR_EQ:
	case IR_ULE: return imm <= UINT32_MAX;
	case IR_ULT: return imm <= 1ull << 32;
	default: return false;
	}
}

/* Whether x is below 2^32 in a block: by itself, or by the branches that lead there. */
static bool is_small(const struct ir_func *f, u32 x, u32 block)
{
	u32 left = MAX_CHAIN;

	if (f->vals[x].bits <= 32)
		return true;
	while (left-- && f->blocks[block].pred_count == 1) {
		u32 to = block;
		const struct ir_block *b;
		bool is_taken;

		block = f->preds[f->blocks[to].preds];
		b = &f->blocks[block];
		if (b->term != IR_TERM_BRANCH || b->w != 64 || !ir_is_const(f, b->b))
			continue;
		is_taken = b->succ[0] == to;
		if (b->a == x && says_small(f, b, is_taken ? b->cond : IR_COND_NOT(b->cond)))
			return true;
		if (is_shift(f, b->a, IR_SHR, 32) && f->vals[b->a].w == 64 &&
			f->vals[b->a].a == x && f->vals[b->b].imm == 0 &&
			b->cond == (is_taken ? IR_EQ : IR_NE))
			return true;
	}
	return false;
}

/* The width of what a selection looks at. */
static u8 width_of(const struct ir_func *f, const struct ir_val *select)
{
	bool is_shifted =
		(select->cond == IR_NE || select->cond == IR_EQ) && f->vals[select->a].op == IR_SHR;

	return is_shifted ? f->vals[select->a].w : select->w;
}

/* Whether a selection asks if a value has a bit set from 1 << ret_bit on, in some way. */
static bool find_comparison(
	const struct ir_func *f, const struct ir_val *select, u32 *ret_of, u32 *ret_bit)
{
	bool is_inverted = f->vals[select->c].op == IR_CONST && f->vals[select->c].imm == 0;
	enum ir_cond cond = is_inverted ? IR_COND_NOT(select->cond) : (enum ir_cond)select->cond;
	u64 imm = f->vals[select->b].imm;

	*ret_of = select->a;
	if (!ir_is_const(f, select->b) || (select->w == 32 && imm > UINT32_MAX))
		return false;
	if (cond == IR_NE && imm == 0 && is_shift_right(f, select->a) &&
		(f->vals[select->a].w == select->w || f->vals[select->a].bits <= 32)) {
		*ret_of = f->vals[select->a].a;
		imm = 1ull << (f->vals[f->vals[select->a].b].imm & 63);
	} else if (cond == IR_UGT && imm != UINT64_MAX) {
		imm++;
	} else if (cond != IR_UGE) {
		return false;
	}
	*ret_bit = (u32)__builtin_ctzll(imm | 1ull << 63);
	return IS_POWER_OF_2(imm) && *ret_bit < width_of(f, select);
}

/*
 * Whether s is 1 << step where x has a bit set from 1 << step on, else 0. That bit may be looked
 * for before x was shifted to where it is.
 */
static bool is_step(const struct ir_func *f, u32 s, u32 x, u8 w, u32 step, u32 block)
{
	u64 unit = 1;
	const struct ir_val *select, *val = &f->vals[x];
	u32 of, bit, bits = 1u << step;

	if (!is_shift(f, s, IR_SHL, step))
		unit = 1ull << step;
	select = &f->vals[unit == 1 ? f->vals[s].a : s];
	if (select->op != IR_SELECT)
		return false;
	if (!((f->vals[select->c].imm == unit && f->vals[f->args[select->args]].imm == 0) ||
		    (f->vals[select->c].imm == 0 && f->vals[f->args[select->args]].imm == unit)) ||
		!ir_is_const(f, select->c) || !ir_is_const(f, f->args[select->args]) ||
		!find_comparison(f, select, &of, &bit))
		return false;
	if (of == x)
		return bit == bits && (width_of(f, select) == w || is_small(f, x, block));
	/* x is of >> n: what is above its top bit are zeros, by either width */
	return is_shift_right(f, x) && val->a == of && val->w == 64 && width_of(f, select) == 64 &&
		bit == bits + f->vals[val->b].imm && (w == 64 || is_small(f, x, block));
}

/* Turns v into the logarithm of something, if it is that. */
static void find_log2(struct ir_func *f, u32 v)
{
	struct leaves l;
	u32 i, step, x = 0, block = f->vals[v].block;
	u8 w = 32;

	if (!find_leaves(f, v, &l) || l.count < 3)
		return;
	for (i = 0; i < l.count && !x; i++) {
		if (is_shift(f, l.v[i], IR_SHR, 1))
			x = l.v[i];
	}
	if (!x || f->vals[f->vals[x].a].op != IR_SHR)
		return;
	take_leaf(&l, x);
	x = f->vals[x].a;
	for (step = 1; l.count && step < MAX_STEPS; step++) {
		const struct ir_val *shr = &f->vals[x];

		if (shr->op != IR_SHR || !take_leaf(&l, shr->b) ||
			!is_step(f, shr->b, shr->a, shr->w, step, block))
			return;
		w = shr->w;
		x = shr->a;
	}
	if (l.count)
		return;
	if (w == 64 && is_small(f, x, block))
		w = 32;
	if ((w == 32 ? MIN(f->vals[x].bits, 32u) : 64u) > 1u << step)
		return;
	f->vals[v].op = IR_LOG2;
	f->vals[v].a = x;
	f->vals[v].b = 0;
	f->vals[v].w = w;
	f->vals[v].bits = 6;
}

/* ---- the number of bits set ---------------------------------------------------------------- */

/* Whether v is op of w bits with that constant, repeated over the width; its other operand. */
static bool is_with(const struct ir_func *f, u32 v, enum ir_op op, u8 w, u8 byte, u32 *ret_a)
{
	const struct ir_val *val = &f->vals[v];
	u64 all = 0x0101010101010101ull * byte;

	*ret_a = val->a;
	return val->op == op && val->w == w && ir_is_const(f, val->b) &&
		(w == 32 ? (u32)f->vals[val->b].imm == (u32)all : f->vals[val->b].imm == all);
}

/* x >> count & mask, of w bits. */
static bool is_field(const struct ir_func *f, u32 v, u8 w, u8 mask, u32 count, u32 *ret_x)
{
	u32 shr;

	if (!is_with(f, v, IR_AND, w, mask, &shr) || !is_shift(f, shr, IR_SHR, count) ||
		f->vals[shr].w != w)
		return false;
	*ret_x = f->vals[shr].a;
	return true;
}

/* (x & mask) + (x >> count & mask). */
static bool is_pair_sum(const struct ir_func *f, u32 v, u8 w, u8 mask, u32 count, u32 *ret_x)
{
	const struct ir_val *val = &f->vals[v];
	u32 low, high;

	if (val->op != IR_ADD || val->w != w)
		return false;
	if (is_field(f, val->a, w, mask, count, &high) &&
		is_with(f, val->b, IR_AND, w, mask, &low) && low == high) {
		*ret_x = low;
		return true;
	}
	*ret_x = high = 0;
	if (!is_field(f, val->b, w, mask, count, &high) ||
		!is_with(f, val->a, IR_AND, w, mask, ret_x))
		return false;
	return *ret_x == high;
}

/* What of each two bits are set: x - (x >> 1 & 0x55). */
static bool is_bit_sum(const struct ir_func *f, u32 v, u8 w, u32 *ret_x)
{
	const struct ir_val *val = &f->vals[v];

	if (val->op == IR_SUB && val->w == w && is_field(f, val->b, w, 0x55, 1, ret_x))
		return *ret_x == val->a;
	return is_pair_sum(f, v, w, 0x55, 1, ret_x);
}

/* y + (y >> 4). */
static bool is_nibble_sum(const struct ir_func *f, u32 v, u8 w, u32 *ret_y)
{
	const struct ir_val *val = &f->vals[v];
	u32 y = val->a, shr = val->b;

	if (f->vals[shr].op != IR_SHR || f->vals[shr].a != y) {
		y = val->b;
		shr = val->a;
	}
	*ret_y = y;
	return val->op == IR_ADD && val->w == w && is_shift(f, shr, IR_SHR, 4) &&
		f->vals[shr].w == w && f->vals[shr].a == y;
}

static void find_count(struct ir_func *f, u32 v)
{
	u8 w = f->vals[v].w;
	u32 x, y;

	if (!is_shift(f, v, IR_SHR, w - 8u) || !is_with(f, f->vals[v].a, IR_MUL, w, 0x01, &x) ||
		!is_with(f, x, IR_AND, w, 0x0f, &x) || !is_nibble_sum(f, x, w, &y) ||
		!is_pair_sum(f, y, w, 0x33, 2, &x) || !is_bit_sum(f, x, w, &x))
		return;
	f->vals[v].op = IR_COUNT;
	f->vals[v].a = x;
	f->vals[v].b = 0;
	f->vals[v].bits = 7;
}

void pass_idioms(struct ir_func *f)
{
	bool may_be_log2 = f->select_count > 1;
	bool may_be_count = f->program->has_count && (f->ops & IR_BIT(IR_MUL));
	u32 v;

	for (v = 1; v < f->val_count && (may_be_log2 || may_be_count); v++) {
		if (may_be_log2 && is_sum(&f->vals[v]))
			find_log2(f, v);
		else if (may_be_count && f->vals[v].op == IR_SHR)
			find_count(f, v);
	}
}
