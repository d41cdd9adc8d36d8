// SPDX-License-Identifier: BSD-2-Clause
/*
 * What x86 does for free. x86_fold_addresses(): additions inside addresses. x86_fold_operands():
 * loads as operands, loads and stores of the same place as one instruction, constants as
 * immediates.
 *
 * Needs: pass_dce; pass_narrow between the two. Keeps: order, blocks. Breaks: uses of what was
 * folded away.
 */
#include "jit/x86_64/lower.h"

static bool is_memory(const struct ir_val *v)
{
	return v->op >= IR_LOAD && v->op <= IR_RELEASE && v->op != IR_UPDATE;
}

static void drop(struct ir_func *f, u32 v)
{
	f->vals[v].op = IR_NONE;
	f->vals[v].a = f->vals[v].b = f->vals[v].c = 0;
	f->vals[v].flags = 0;
	f->vals[v].uses = 0;
}

/* b << 1, 2 or 3 used once becomes part of the address. */
static void fold_scale(struct ir_func *f, struct ir_val *v)
{
	u32 shl = v->b;
	const struct ir_val *s = &f->vals[shl];

	if (s->op != IR_SHL || s->w != 64 || s->uses != 1 || s->block != v->block ||
		!ir_is_const(f, s->b) || f->vals[s->b].imm > 3)
		return;
	v->scale = (u8)f->vals[s->b].imm;
	v->b = s->a;
	drop(f, shl);
}

static void swap_operands(struct ir_val *v)
{
	u32 t = v->a;

	v->a = v->b;
	v->b = t;
}

/*
 * The base of one more access when its halves are registers anyway: an address computed for two
 * accesses costs as much as it saves.
 */
static bool is_shared(struct ir_func *f, u32 sum)
{
	const struct ir_val *s = &f->vals[sum];
	const struct ir_block *b = &f->blocks[s->block];
	u32 v, count = 0;

	if (s->uses != 2 || !b->loop_depth || ir_is_const(f, s->b) ||
		f->vals[s->a].op == IR_FRAME || f->vals[s->b].op == IR_FRAME)
		return false;
	for (v = sum + 1; v < b->end; v++) {
		const struct ir_val *val = &f->vals[v];

		count += is_memory(val) && val->op != IR_ATOMIC && val->a == sum && !val->b &&
			val->c != sum;
	}
	return count == 2;
}

static void share(struct ir_func *f, u32 sum)
{
	const struct ir_val *s = &f->vals[sum];
	u32 v, end = f->blocks[s->block].end;

	for (v = sum + 1; v < end; v++) {
		struct ir_val *val = &f->vals[v];

		if (!is_memory(val) || val->a != sum)
			continue;
		val->a = s->a;
		val->b = s->b;
	}
	f->vals[s->a].uses++;
	f->vals[s->b].uses++;
	drop(f, sum);
}

/* Whether v is computed where user stands, or right before. */
static bool is_near(const struct ir_func *f, const struct ir_val *v, const struct ir_val *user)
{
	const struct ir_block *b = &f->blocks[user->block];

	return v->block == user->block || (b->pred_count == 1 && f->preds[b->preds] == v->block);
}

/*
 * A constant that is added to a base or an index goes into the displacement: where that is all that
 * is done with the sum, or it is a counter's, which has a register anyway.
 */
static void fold_const(struct ir_func *f, struct ir_val *v, u32 *half, u8 scale)
{
	u32 add = *half;
	struct ir_val *s = &f->vals[add];
	u64 disp = (u64)v->disp + (f->vals[s->b].imm << scale);

	if (s->op != IR_ADD || s->w != 64 || !is_near(f, s, v) || !ir_is_const(f, s->b) ||
		!ir_fits_s32(f->vals[s->b].imm) || !ir_fits_s32(disp) ||
		(s->uses != 1 && f->vals[s->a].op != IR_PHI))
		return;
	v->disp = (s32)disp;
	*half = s->a;
	if (s->uses == 1) {
		drop(f, add);
	} else {
		s->uses--;
		f->vals[s->a].uses++;
	}
}

/* A sum used once, as a base: its halves become base and index. */
static void fold_index(struct ir_func *f, struct ir_val *v)
{
	u32 add = v->a;
	const struct ir_val *s = &f->vals[add];

	if (v->b || s->op != IR_ADD || s->w != 64 || s->block != v->block)
		return;
	if (is_shared(f, add)) {
		share(f, add);
		return;
	}
	if (s->uses != 1)
		return;
	if (ir_is_const(f, s->b) && ir_fits_s32(f->vals[s->b].imm)) {
		if (!ir_fits_s32((u64)v->disp + f->vals[s->b].imm))
			return;
		v->disp += (s32)f->vals[s->b].imm;
		v->a = s->a;
		drop(f, add);
		fold_index(f, v);
		return;
	}
	v->a = s->a;
	v->b = s->b;
	drop(f, add);
	if (f->vals[v->b].op == IR_FRAME ||
		(f->vals[v->a].op == IR_SHL && f->vals[v->b].op != IR_SHL))
		swap_operands(v);
	fold_scale(f, v);
}

/* x + (y << n) with a shift used once, as one lea. */
static void form_lea(struct ir_func *f, struct ir_val *v)
{
	if (ir_is_const(f, v->b) && ir_fits_s32(f->vals[v->b].imm))
		return;
	if (f->vals[v->a].op == IR_SHL && f->vals[v->b].op != IR_SHL)
		swap_operands(v);
	if (v->w == 64 && f->vals[v->b].op == IR_SHL) {
		fold_scale(f, v);
		if (v->scale)
			v->op = IR_LEA;
	}
}

static bool is_unsigned(u8 cond)
{
	return cond <= IR_UGT || cond >= IR_CLEAR;
}

static bool can_fold_load(const struct ir_func *f, u32 load, const struct ir_val *user, u8 bytes)
{
	const struct ir_val *l = &f->vals[load];

	return l->op == IR_LOAD && l->uses == 1 && l->size == bytes && l->block == user->block &&
		l->epoch == user->epoch;
}

static void fold_load(struct ir_func *f, struct ir_val *v)
{
	switch (v->op) {
	case IR_ADD:
	case IR_AND:
	case IR_OR:
	case IR_XOR:
	case IR_MUL:
		if (can_fold_load(f, v->a, v, v->w / 8) && !ir_is_const(f, v->b) &&
			!can_fold_load(f, v->b, v, v->w / 8))
			swap_operands(v);
		FALLTHROUGH;
	case IR_SUB:
		if (can_fold_load(f, v->b, v, v->w / 8) && v->a != v->b)
			f->vals[v->b].flags |= IR_FOLDED;
		break;
	default: break;
	}
}

static bool can_update(u8 op)
{
	return op == IR_ADD || op == IR_SUB || op == IR_AND || op == IR_OR || op == IR_XOR;
}

/* Whether v is what the store's place held, and nobody else wants to know. */
static bool is_old_value(const struct ir_func *f, u32 v, const struct ir_val *store)
{
	const struct ir_val *l = &f->vals[v];

	return l->op == IR_LOAD && l->uses == 1 && l->block == store->block &&
		l->epoch == store->epoch && l->a == store->a && l->b == store->b &&
		l->scale == store->scale && l->disp == store->disp && l->size == store->size;
}

/* A load, an operation on it and the store back, with nothing between that touches memory. */
static void fold_update(struct ir_func *f, struct ir_val *s)
{
	u32 op = s->c;
	struct ir_val *v = &f->vals[op];

	if (!can_update(v->op) || v->uses != 1 || v->flags || v->block != s->block ||
		(s->size == 8 && v->w != 64) || v->a == v->b)
		return;
	if (v->op != IR_SUB && is_old_value(f, v->b, s))
		swap_operands(v);
	if (!is_old_value(f, v->a, s))
		return;
	s->op = IR_UPDATE;
	s->imm = v->op;
	s->c = v->b;
	f->vals[s->a].uses--; /* by the load; the operand changes hands */
	if (s->b)
		f->vals[s->b].uses--;
	drop(f, v->a);
	drop(f, op);
}

/* A comparison of memory with a constant or a register. */
static void fold_compare(struct ir_func *f, struct ir_block *b)
{
	struct ir_val *end = &f->vals[b->end - 1];
	struct ir_val *a = &f->vals[b->a], *c = &f->vals[b->b];
	u8 bytes = b->w / 8;

	if (b->term != IR_TERM_BRANCH || b->a == b->b || b->cond >= IR_CLEAR)
		return;
	if (ir_is_const(f, b->b) && is_unsigned(b->cond) && a->op == IR_LOAD && a->size < bytes &&
		c->imm >> (8 * a->size) == 0 && a->size <= 2)
		bytes = a->size;
	if (can_fold_load(f, b->a, end, bytes)) {
		a->flags |= IR_FOLDED;
		b->w = (u8)(8 * bytes);
	} else if (can_fold_load(f, b->b, end, bytes)) {
		c->flags |= IR_FOLDED;
	}
}

/* Whether this operand must be in a register when it is a constant beyond 32 signed bits. */
static bool needs_register(const struct ir_val *user, u32 operand)
{
	switch (user->op) {
	case IR_PHI:
	case IR_CALL:
	case IR_CALL_FUNC:
	case IR_TAIL_CALL:
	case IR_PACKET: return false;
	case IR_STORE:
	case IR_UPDATE:
	case IR_RELEASE: return user->size == 8 || operand != user->c;
	case IR_LOAD:
	case IR_LOADSX:
	case IR_ACQUIRE:
	case IR_ATOMIC: return true;
	default: return user->w == 64;
	}
}

/* Tests of one bit, the number of which is in a register: x >> n with 1, x with 1 << n. */
static void fold_bit(struct ir_func *f, u32 a, u32 b, u8 w)
{
	struct ir_val *va = &f->vals[a], *vb = &f->vals[b];

	if (va->op == IR_SHR && va->uses == 1 && ir_is_const(f, b) && vb->imm == 1)
		va->flags |= IR_FOLDED;
	else if (vb->op == IR_SHL && vb->uses == 1 && vb->w == w && ir_is_const(f, vb->a) &&
		f->vals[vb->a].imm == 1 && !ir_is_const(f, a))
		vb->flags |= IR_FOLDED;
}

static bool is_bit_test(const struct ir_func *f, const struct ir_val *val)
{
	u8 cond = val->op == IR_END ? f->blocks[val->block].cond : val->cond;
	bool can = val->op == IR_SELECT ||
		(val->op == IR_END && f->blocks[val->block].term == IR_TERM_BRANCH);

	return can && cond >= IR_CLEAR;
}

static void fold_bits(struct ir_func *f)
{
	u32 i;

	for (i = 0; i < f->block_count; i++) {
		const struct ir_val *end = &f->vals[f->blocks[i].end - 1];

		if (f->blocks[i].is_reachable && is_bit_test(f, end))
			fold_bit(f, end->a, end->b, end->w);
	}
	for (i = 0; i < f->alive_count && (f->ops & IR_BIT(IR_SELECT)); i++) {
		const struct ir_val *val = &f->vals[f->alive[i]];

		if (val->op == IR_SELECT && is_bit_test(f, val))
			fold_bit(f, val->a, val->b, val->w);
	}
}

/* A byte of a register, compared with a constant, needs no extension. */
static void fold_byte(struct ir_func *f, struct ir_block *b)
{
	struct ir_val *end = &f->vals[b->end - 1], *a = &f->vals[b->a];

	if (b->term != IR_TERM_BRANCH || a->op != IR_ZEXT || a->size != 1 || a->uses != 1 ||
		!is_unsigned(b->cond) || !ir_is_const(f, b->b) || f->vals[b->b].imm > 0xff ||
		b->a == b->b)
		return;
	end->a = a->a;
	drop(f, b->a);
	b->a = end->a;
	b->w = end->w = 8;
}

/* Gives a constant a place when its user needs it in a register. */
static inline void place_constant(
	struct ir_func *f, const struct ir_val *user, u32 v, u32 first, u32 last)
{
	struct ir_val *val = &f->vals[v];

	if (likely(v - first > last - first) || val->op != IR_CONST || ir_fits_s32(val->imm) ||
		!needs_register(user, v) ||
		(user->op == IR_END && f->blocks[user->block].term == IR_TERM_RETURN) ||
		(v == user->b && is_bit_test(f, user) && IS_POWER_OF_2(val->imm)))
		return;
	val->flags &= (u8)~IR_NO_REG;
}

/*
 * Constants that no instruction needs in a register have no place: they are made where they go.
 * (A return counts as a use in a register; there it is made directly, too.)
 */
static void place_constants(struct ir_func *f)
{
	u32 k, i, first = 0, last = 0; /* of those that may need one */

	for (i = 0; i < f->alive_count && f->has_wide; i++) {
		u32 v = f->alive[i];

		if ((f->vals[v].op != IR_CONST) | ir_fits_s32(f->vals[v].imm))
			continue;
		f->vals[v].flags |= IR_NO_REG;
		first = first ? first : v;
		last = v;
	}
	for (k = 0; k < f->alive_count && first; k++) {
		const struct ir_val *val = &f->vals[f->alive[k]];

		place_constant(f, val, val->a, first, last);
		place_constant(f, val, val->b, first, last);
		place_constant(f, val, val->c, first, last);
		for (i = 0; i < val->arg_count; i++)
			place_constant(f, val, f->args[val->args + i], first, last);
	}
}

void x86_fold_addresses(struct ir_func *f)
{
	u32 i;

	for (i = f->alive_count; i-- > 0;) {
		struct ir_val *val = &f->vals[f->alive[i]];

		if (val->op == IR_ADD)
			form_lea(f, val);
		if (!is_memory(val))
			continue;
		fold_index(f, val);
		if (val->b) {
			fold_const(f, val, &val->a, 0);
			fold_const(f, val, &val->b, val->scale);
		}
	}
}

void x86_fold_operands(struct ir_func *f)
{
	u32 i;

	for (i = f->alive_count; i-- > 0;) { /* stores before what they store */
		struct ir_val *val = &f->vals[f->alive[i]];

		if (val->op == IR_STORE)
			fold_update(f, val);
		else if ((val->op <= IR_XOR) &
			((f->vals[val->a].op == IR_LOAD) | (f->vals[val->b].op == IR_LOAD)))
			fold_load(f, val); /* whose operations are among those */
	}
	for (i = 0; i < f->block_count; i++) {
		if (!f->blocks[i].is_reachable)
			continue;
		fold_compare(f, &f->blocks[i]);
		fold_byte(f, &f->blocks[i]);
	}
	fold_bits(f);
	place_constants(f);
}
