/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Every operation on scalars, written for registers of any even width w whose low w/2 bits are the
 * subregister. scalar.c instantiates it at 64 bits, where the width folds away; the tests at 4 to 8
 * bits, where every value can be tried. So what the tests prove is the very code that runs.
 *
 * At any width the fields of struct scalar hold proper numbers: unsigned ones zero-extended, signed
 * ones sign-extended from w (or w/2) bits. A range of either half is worked on as struct range, so
 * that each rule stands once.
 *
 * The order of steps is the kernel's (kernel/bpf/verifier.c), because reading bounds before or
 * after they learnt from the bits changes what the next step can see.
 */
#ifndef DOMAIN_SCALAR_BODY_H
#define DOMAIN_SCALAR_BODY_H

#include "domain/range_body.h"
#include "domain/scalar.h"

BODY struct range range_full(const struct scalar *s)
{
	return (struct range){s->smin, s->smax, s->umin, s->umax};
}

BODY void set_full(struct scalar *s, struct range r)
{
	s->smin = r.smin;
	s->smax = r.smax;
	s->umin = r.umin;
	s->umax = r.umax;
}

BODY struct range range_half(const struct scalar *s)
{
	return (struct range){s->s32_min, s->s32_max, s->u32_min, s->u32_max};
}

BODY void set_half(struct scalar *s, struct range r)
{
	s->s32_min = (s32)r.smin;
	s->s32_max = (s32)r.smax;
	s->u32_min = (u32)r.umin;
	s->u32_max = (u32)r.umax;
}

BODY struct tnum tnum_low(struct tnum t, unsigned int w)
{
	return tnum_cut(t, w / 2);
}

BODY struct tnum tnum_replace_low(struct tnum t, struct tnum low, unsigned int w)
{
	u64 high = ~umax_of(w / 2);

	return TNUM((t.value & high) | low.value, (t.mask & high) | low.mask);
}

BODY struct scalar body_unknown(unsigned int w)
{
	struct scalar s = {.var_off = tnum_cut(tnum_unknown(), w)};

	set_full(&s, range_any(w));
	set_half(&s, range_any(w / 2));
	return s;
}

BODY struct scalar body_const(u64 v, unsigned int w)
{
	struct scalar s = {.var_off = tnum_const(cut(v, w))};

	set_full(&s, range_const(v, w));
	set_half(&s, range_const(v, w / 2));
	return s;
}

BODY bool body_contains(const struct scalar *s, u64 v, unsigned int w)
{
	unsigned int h = w / 2;

	return tnum_contains(s->var_off, v) && s->umin <= v && v <= s->umax &&
		s->smin <= sext(v, w) && sext(v, w) <= s->smax && s->u32_min <= cut(v, h) &&
		cut(v, h) <= s->u32_max && s->s32_min <= sext(v, h) && sext(v, h) <= s->s32_max;
}

/* ---- learning from each other: reg_bounds_sync() ----------------------------------------------
 */

BODY void learn_bits_half(struct scalar *s, unsigned int w)
{
	struct range half = range_half(s);

	range_learn_bits(&half, tnum_low(s->var_off, w), w / 2);
	set_half(s, half);
}

/* When only one value of the bits lies in the unsigned range, that is the number. */
BODY void learn_single(struct scalar *s, unsigned int w)
{
	u64 next = tnum_step(s->var_off, s->umin);

	if (tnum_contains(s->var_off, s->umin)) {
		if (next > s->umax)
			*s = body_const(s->umin, w);
	} else if (next == tnum_max(s->var_off) ||
		(next <= s->umax && tnum_step(s->var_off, next) > s->umax)) {
		*s = body_const(next, w);
	}
}

BODY void learn_bits(struct scalar *s, unsigned int w)
{
	struct range full = range_full(s);

	learn_bits_half(s, w);
	range_learn_bits(&full, s->var_off, w);
	set_full(s, full);
	learn_single(s, w);
}

BODY void deduce_half(struct scalar *s, unsigned int w)
{
	struct range half = range_half(s);
	unsigned int h = w / 2;

	if (s->umin >> h == s->umax >> h)
		half_learn_same_top(&half, s->umin, s->umax, false, h);
	if (s->smin >> h == s->smax >> h)
		half_learn_same_top(&half, s->smin, s->smax, true, h);
	half_learn_next_top(&half, s->umin, s->umax, h);
	half_learn_next_top(&half, s->smin, s->smax, h);
	range_deduce(&half, h);
	set_half(s, half);
}

BODY void deduce_mixed(struct scalar *s, unsigned int w)
{
	struct range full = range_full(s), half = range_half(s);
	unsigned int h = w / 2;

	full_learn_half(&full, half.umin, half.umax, h);
	if (cut(half.smin, h) <= cut(half.smax, h))
		full_learn_half(&full, cut(half.smin, h), cut(half.smax, h), h);
	/* After a sign-extending load the upper half is all ones or all zeroes; if the low half is
	 * not negative, and all ones would be below the minimum, it is all zeroes. */
	if (half.smin >= 0 && full.smin >= smin_of(h) && full.smax <= smax_of(h)) {
		full = (struct range){half.smin, half.smax, half.smin, half.smax};
		s->var_off =
			tnum_intersect(s->var_off, tnum_cut(tnum_range(full.smin, full.smax), w));
	}
	set_full(s, full);
}

BODY void deduce(struct scalar *s, unsigned int w)
{
	struct range full;

	deduce_half(s, w);
	full = range_full(s);
	range_deduce(&full, w);
	set_full(s, full);
	deduce_mixed(s, w);
}

/* Leading bits on which the bounds agree are known. */
BODY void bits_learn_range(struct scalar *s, unsigned int w)
{
	struct tnum full = tnum_intersect(s->var_off, tnum_cut(tnum_range(s->umin, s->umax), w));
	struct tnum low = tnum_intersect(
		tnum_low(full, w), tnum_cut(tnum_range(s->u32_min, s->u32_max), w / 2));

	s->var_off = tnum_replace_low(full, low, w);
}

BODY void body_sync(struct scalar *s, unsigned int w)
{
	learn_bits(s, w);
	deduce(s, w);
	deduce(s, w);
	deduce(s, w);
	bits_learn_range(s, w);
	learn_bits(s, w);
}

/* ---- arithmetic -------------------------------------------------------------------------------
 */

/* Shifts by a known number < w of the whole register. The low half of a right shift gets bits from
 * above, so only the bits of the result say what it is. */
BODY void shift_full(u8 op, unsigned int shift, struct scalar *s, unsigned int w)
{
	struct range full = range_full(s), half = range_half(s);
	unsigned int h = w / 2;

	switch (op) {
	case BPF_LSH:
		if (shift == h) {
			/* compilers sign-extend by << 32, s>> 32 */
			full.smin = sext((u64)half.smin << h, w);
			full.smax = sext((u64)half.smax << h, w);
		} else {
			unbound_signed(&full, w);
		}
		range_lsh_unsigned(&full, shift, w);
		unbound_signed(&half, h);
		range_lsh_unsigned(&half, shift, h);
		s->var_off = tnum_cut(tnum_lshift(s->var_off, shift), w);
		break;
	case BPF_RSH:
		unbound_signed(&full, w);
		full.umin >>= shift;
		full.umax >>= shift;
		half = range_any(h);
		s->var_off = tnum_rshift(s->var_off, shift);
		break;
	default:
		full.smin >>= shift;
		full.smax >>= shift;
		unbound_unsigned(&full, w);
		half = range_any(h);
		s->var_off = tnum_arshift(s->var_off, shift, w);
		break;
	}
	set_full(s, full);
	set_half(s, half);
	learn_bits(s, w);
}

/* The same of the low half; the upper half is zeroed by the caller. */
BODY void shift_half(u8 op, unsigned int shift, struct scalar *s, unsigned int w)
{
	struct range half = range_half(s);
	struct tnum low = tnum_low(s->var_off, w);
	unsigned int h = w / 2;

	switch (op) {
	case BPF_LSH:
		unbound_signed(&half, h);
		range_lsh_unsigned(&half, shift, h);
		s->var_off = tnum_cut(tnum_lshift(low, shift), h);
		break;
	case BPF_RSH:
		unbound_signed(&half, h);
		half.umin >>= shift;
		half.umax >>= shift;
		s->var_off = tnum_rshift(low, shift);
		break;
	default:
		half.smin >>= shift;
		half.smax >>= shift;
		unbound_unsigned(&half, h);
		s->var_off = tnum_arshift(low, shift, h);
		break;
	}
	set_half(s, half);
	set_full(s, range_any(w));
	learn_bits_half(s, w);
}

/* zext_32_to_64(), the bounds of the whole not yet as good as sync makes them */
BODY void assign_half_to_full(struct scalar *s, unsigned int w)
{
	struct range half = range_half(s), full = {0, (s64)umax_of(w / 2), half.umin, half.umax};

	if (half.smin >= 0) {
		full.smin = half.smin;
		full.smax = half.smax;
	}
	s->var_off = tnum_low(s->var_off, w);
	set_full(s, full);
}

BODY void body_zext(struct scalar *s, unsigned int w)
{
	assign_half_to_full(s, w);
	body_sync(s, w);
}

/* Whether the kernel knows anything of the result. A shift must be by a number that is known and
 * smaller than the width, as 64-bit number even when 32 bits are shifted. */
BODY bool alu_is_tracked(u8 op, bool is_full, const struct scalar *src, unsigned int w)
{
	switch (op) {
	case BPF_ADD:
	case BPF_SUB:
	case BPF_AND:
	case BPF_OR:
	case BPF_XOR:
	case BPF_MUL:
	case BPF_NEG: return true;
	case BPF_LSH:
	case BPF_RSH:
	case BPF_ARSH:
		if (is_full)
			return tnum_is_const(src->var_off) && src->smin == src->smax &&
				src->umin == src->umax && src->umax < w;
		return tnum_is_const(tnum_low(src->var_off, w)) && src->s32_min == src->s32_max &&
			src->u32_min == src->u32_max && src->umax < w / 2;
	default: return false;
	}
}

/* Operators that are computed on both widths at once. */
BODY void alu_both_widths(u8 op, struct scalar *dst, const struct scalar *src, unsigned int w)
{
	struct range full = range_full(dst), half = range_half(dst);
	struct range src_full = range_full(src), src_half = range_half(src);
	unsigned int h = w / 2;
	struct tnum bits;

	switch (op) {
	case BPF_ADD:
		range_add(&half, &src_half, h);
		range_add(&full, &src_full, w);
		bits = tnum_add(dst->var_off, src->var_off);
		break;
	case BPF_SUB:
		range_sub(&half, &src_half, h);
		range_sub(&full, &src_full, w);
		bits = tnum_sub(dst->var_off, src->var_off);
		break;
	case BPF_MUL:
		range_mul(&half, &src_half, h);
		range_mul(&full, &src_full, w);
		bits = tnum_mul(dst->var_off, src->var_off);
		break;
	case BPF_AND: bits = tnum_and(dst->var_off, src->var_off); break;
	case BPF_OR: bits = tnum_or(dst->var_off, src->var_off); break;
	default: bits = tnum_xor(dst->var_off, src->var_off); break;
	}
	dst->var_off = tnum_cut(bits, w);
	if (op == BPF_AND || op == BPF_OR || op == BPF_XOR) {
		range_bitwise(&half, &src_half, op, tnum_low(bits, w),
			tnum_is_const(tnum_low(src->var_off, w)), h);
		range_bitwise(&full, &src_full, op, bits, tnum_is_const(src->var_off), w);
	}
	set_half(dst, half);
	set_full(dst, full);
	if (op == BPF_AND || op == BPF_OR || op == BPF_XOR)
		learn_bits(dst, w);
}

BODY void body_alu(
	u8 op, bool is_full, struct scalar *dst, const struct scalar *src, unsigned int w)
{
	struct scalar zero;

	if (!alu_is_tracked(op, is_full, src, w)) {
		*dst = body_unknown(w);
		return;
	}
	switch (op) {
	case BPF_NEG:
		zero = body_const(0, w);
		alu_both_widths(BPF_SUB, &zero, dst, w);
		*dst = zero;
		break;
	case BPF_LSH:
	case BPF_RSH:
	case BPF_ARSH:
		if (is_full)
			shift_full(op, (unsigned int)src->umin, dst, w);
		else
			shift_half(op, src->u32_min, dst, w);
		break;
	default: alu_both_widths(op, dst, src, w); break;
	}
	if (!is_full)
		assign_half_to_full(dst, w);
	body_sync(dst, w);
}

/* ---- loads and sign extension -----------------------------------------------------------------
 */

BODY void body_truncate(struct scalar *s, unsigned int bits, unsigned int w)
{
	u64 top = ~umax_of(bits);

	s->var_off = tnum_cut(s->var_off, bits);
	if ((s->umin & top) == (s->umax & top)) {
		s->umin &= ~top;
		s->umax &= ~top;
	} else {
		s->umin = 0;
		s->umax = ~top;
	}
	s->smin = (s64)s->umin;
	s->smax = (s64)s->umax;
	if (bits < w / 2)
		set_half(s, range_any(w / 2));
	body_sync(s, w);
}

BODY void body_sext_full(struct scalar *s, unsigned int bits, unsigned int w)
{
	unsigned int h = w / 2;
	s64 min, max;

	if (tnum_is_const(s->var_off)) {
		*s = body_const(sext(s->var_off.value, bits), w);
		return;
	}
	if (sext_range(s->smin, s->smax, bits, &min, &max)) {
		s->var_off = tnum_cut(tnum_range(min, max), w);
		set_full(s, (struct range){min, max, cut(min, w), cut(max, w)});
		set_half(s, (struct range){min, max, cut(min, h), cut(max, h)});
		return;
	}
	s->var_off = tnum_cut(tnum_unknown(), w);
	set_full(s, (struct range){smin_of(bits), smax_of(bits), 0, umax_of(w)});
	set_half(s, (struct range){smin_of(bits), smax_of(bits), 0, umax_of(h)});
}

BODY void body_sext_half(struct scalar *s, unsigned int bits, unsigned int w)
{
	unsigned int h = w / 2;
	s64 min, max;

	if (tnum_is_const(s->var_off)) {
		u64 v = sext(s->var_off.value, bits);

		s->var_off = tnum_const(cut(v, w));
		set_half(s, range_const(v, h));
	} else if (sext_range(s->s32_min, s->s32_max, bits, &min, &max)) {
		s->var_off = tnum_cut(tnum_range(min, max), h);
		set_half(s, (struct range){min, max, cut(min, h), cut(max, h)});
	} else {
		s->var_off = tnum_cut(tnum_unknown(), h);
		set_half(s, (struct range){smin_of(bits), smax_of(bits), 0, umax_of(h)});
	}
	body_zext(s, w);
}

/* ---- comparison -------------------------------------------------------------------------------
 */

/* The operand as a comparison of either width sees it. */
struct operand {
	struct tnum bits;
	struct range r;
};

BODY struct operand operand_of(const struct scalar *s, bool is_half, unsigned int w)
{
	if (is_half)
		return (struct operand){tnum_low(s->var_off, w), range_half(s)};
	return (struct operand){s->var_off, range_full(s)};
}

/* 1 equal, 0 different, -1 either */
BODY int equal_taken(
	const struct scalar *dst, const struct scalar *src, bool is_half, unsigned int w)
{
	struct operand a = operand_of(dst, is_half, w), b = operand_of(src, is_half, w);

	if (tnum_is_const(a.bits) && tnum_is_const(b.bits))
		return a.bits.value == b.bits.value;
	if (!tnum_overlap(a.bits, b.bits) || ranges_disjoint(a.r, b.r))
		return 0;
	if (!is_half && ranges_disjoint(range_half(dst), range_half(src)))
		return 0;
	return -1;
}

BODY int jset_taken(struct tnum a, struct tnum b)
{
	struct tnum var = tnum_is_const(b) ? a : b, mask = tnum_is_const(b) ? b : a;

	if (!tnum_is_const(mask))
		return -1;
	if (var.value & mask.value)
		return 1;
	return tnum_max(var) & mask.value ? -1 : 0;
}

BODY int body_branch_taken(
	u8 op, bool is_half, const struct scalar *dst, const struct scalar *src, unsigned int w)
{
	struct operand a = operand_of(dst, is_half, w), b = operand_of(src, is_half, w);

	switch (op) {
	case BPF_JEQ: return equal_taken(dst, src, is_half, w);
	case BPF_JNE: return taken_not(equal_taken(dst, src, is_half, w));
	case BPF_JSET: return jset_taken(a.bits, b.bits);
	case BPF_JGT: return ugt_taken(a.r, b.r);
	case BPF_JLE: return taken_not(ugt_taken(a.r, b.r));
	case BPF_JLT: return ugt_taken(b.r, a.r);
	case BPF_JGE: return taken_not(ugt_taken(b.r, a.r));
	case BPF_JSGT: return sgt_taken(a.r, b.r);
	case BPF_JSLE: return taken_not(sgt_taken(a.r, b.r));
	case BPF_JSLT: return sgt_taken(b.r, a.r);
	case BPF_JSGE: return taken_not(sgt_taken(b.r, a.r));
	default: return -1;
	}
}

/* The operator that holds when op does not; JSET has none. */
BODY u8 negated(u8 op)
{
	switch (op) {
	case BPF_JEQ: return BPF_JNE;
	case BPF_JNE: return BPF_JEQ;
	case BPF_JGT: return BPF_JLE;
	case BPF_JLE: return BPF_JGT;
	case BPF_JLT: return BPF_JGE;
	case BPF_JGE: return BPF_JLT;
	case BPF_JSGT: return BPF_JSLE;
	case BPF_JSLE: return BPF_JSGT;
	case BPF_JSLT: return BPF_JSGE;
	case BPF_JSGE: return BPF_JSLT;
	default: return op;
	}
}

BODY void store_operand(struct scalar *s, struct operand o, bool is_half, unsigned int w)
{
	if (is_half) {
		s->var_off = tnum_replace_low(s->var_off, o.bits, w);
		set_half(s, o.r);
	} else {
		s->var_off = o.bits;
		set_full(s, o.r);
	}
}

BODY void refine_equal(struct operand *a, struct operand *b)
{
	narrow_unsigned(&a->r, b->r.umin, b->r.umax);
	narrow_signed(&a->r, b->r.smin, b->r.smax);
	a->bits = tnum_intersect(a->bits, b->bits);
	*b = *a;
}

/* A constant that is an end of the other's range shortens it. */
BODY void refine_unequal(struct operand *a, struct operand *b, unsigned int w)
{
	struct operand *var = tnum_is_const(b->bits) ? a : b;
	struct operand *known = var == a ? b : a;
	u64 v = known->bits.value;

	if (!tnum_is_const(known->bits))
		return;
	if (var->r.umin == v)
		var->r.umin = cut(var->r.umin + 1, w);
	if (var->r.umax == v)
		var->r.umax = cut(var->r.umax - 1, w);
	if (var->r.smin == sext(v, w))
		var->r.smin = sext((u64)var->r.smin + 1, w);
	if (var->r.smax == sext(v, w))
		var->r.smax = sext((u64)var->r.smax - 1, w);
}

/* JSET with a known mask: taken says that one bit is set, not taken that none is. */
BODY void refine_jset(
	struct scalar *dst, struct scalar *src, bool is_half, bool taken, unsigned int w)
{
	bool src_known = tnum_is_const(operand_of(src, is_half, w).bits);
	struct scalar *var = src_known ? dst : src;
	struct tnum mask = operand_of(src_known ? src : dst, is_half, w).bits;
	struct tnum bits = operand_of(var, is_half, w).bits;

	if (!tnum_is_const(mask) || (taken && !IS_POWER_OF_2(mask.value)))
		return;
	if (taken) {
		bits = tnum_or(bits, mask);
	} else {
		/* on a dead branch the old ranges would contradict the new bits */
		set_full(var, range_any(w));
		set_half(var, range_any(w / 2));
		bits = tnum_and(bits, tnum_const(~mask.value));
	}
	var->var_off = is_half ? tnum_replace_low(var->var_off, bits, w) : bits;
}

/* One register compared with itself is one operand, as the kernel has it. */
BODY void body_refine(
	u8 op, bool is_half, bool taken, struct scalar *dst, struct scalar *src, unsigned int w)
{
	struct operand a = operand_of(dst, is_half, w), other = operand_of(src, is_half, w);
	struct operand *b = dst == src ? &a : &other;
	unsigned int bits = is_half ? w / 2 : w;

	if (!taken && op != BPF_JSET)
		op = negated(op);
	switch (op) {
	case BPF_JEQ: refine_equal(&a, b); break;
	case BPF_JNE: refine_unequal(&a, b, bits); break;
	case BPF_JLE: refine_ule(&a.r, &b->r, false, bits); break;
	case BPF_JLT: refine_ule(&a.r, &b->r, true, bits); break;
	case BPF_JGE: refine_ule(&b->r, &a.r, false, bits); break;
	case BPF_JGT: refine_ule(&b->r, &a.r, true, bits); break;
	case BPF_JSLE: refine_sle(&a.r, &b->r, false, bits); break;
	case BPF_JSLT: refine_sle(&a.r, &b->r, true, bits); break;
	case BPF_JSGE: refine_sle(&b->r, &a.r, false, bits); break;
	case BPF_JSGT: refine_sle(&b->r, &a.r, true, bits); break;
	default: break;
	}
	if (op == BPF_JSET) {
		refine_jset(dst, src, is_half, taken, w);
	} else {
		store_operand(dst, a, is_half, w);
		store_operand(src, *b, is_half, w);
	}
	body_sync(dst, w);
	body_sync(src, w);
}

/* ---- order ------------------------------------------------------------------------------------
 */

BODY struct scalar body_join(const struct scalar *a, const struct scalar *b)
{
	struct scalar s = {.var_off = tnum_union(a->var_off, b->var_off)};

	set_full(&s, range_join(range_full(a), range_full(b)));
	set_half(&s, range_join(range_half(a), range_half(b)));
	return s;
}

BODY struct scalar body_widen(const struct scalar *old, const struct scalar *cur, unsigned int w)
{
	struct scalar s = {.var_off = tnum_union(old->var_off, cur->var_off)};

	set_full(&s, range_widen(range_full(old), range_full(cur), w));
	set_half(&s, range_widen(range_half(old), range_half(cur), w / 2));
	return s;
}

BODY struct scalar body_meet(const struct scalar *a, const struct scalar *b, unsigned int w)
{
	struct range full = range_full(a), half = range_half(a);
	struct scalar s = {.var_off = tnum_intersect(a->var_off, b->var_off)};

	narrow_signed(&full, b->smin, b->smax);
	narrow_unsigned(&full, b->umin, b->umax);
	narrow_signed(&half, b->s32_min, b->s32_max);
	narrow_unsigned(&half, b->u32_min, b->u32_max);
	set_full(&s, full);
	set_half(&s, half);
	body_sync(&s, w);
	return s;
}

BODY const char *body_insane(const struct scalar *s, unsigned int w)
{
	struct range full = range_full(s), half = range_half(s);
	struct tnum low = tnum_low(s->var_off, w);

	if (full.umin > full.umax || full.smin > full.smax || half.umin > half.umax ||
		half.smin > half.smax)
		return "range bounds violation";
	if (tnum_is_const(s->var_off) && !range_is_const(full, s->var_off.value, w))
		return "const tnum out of sync with range bounds";
	if (tnum_is_const(low) && !range_is_const(half, low.value, w / 2))
		return "const subreg tnum out of sync with range bounds";
	return NULL;
}

#endif
