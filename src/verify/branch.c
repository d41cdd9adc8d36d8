// SPDX-License-Identifier: BSD-2-Clause
/*
 * Conditional jumps. If the outcome is known, only that way is followed; else the state is copied
 * for the other branch and both learn from the comparison: ranges and bits of scalars (and of those
 * linked to them), null or not null of pointers, how much of the packet is there.
 */
#include "verify/check.h"

#include <errno.h>

static u8 flip(u8 op)
{
	switch (op) {
	case BPF_JGE: return BPF_JLE;
	case BPF_JGT: return BPF_JLT;
	case BPF_JLE: return BPF_JGE;
	case BPF_JLT: return BPF_JGT;
	case BPF_JSGE: return BPF_JSLE;
	case BPF_JSGT: return BPF_JSLT;
	case BPF_JSLE: return BPF_JSGE;
	case BPF_JSLT: return BPF_JSGT;
	default: return op;
	}
}

/* ---- outcomes that are known ----------------------------------------------------------------- */

static int packet_outcome(const struct reg *dst, const struct reg *src, u8 op)
{
	const struct reg *pkt;

	if (src->type == REG_PACKET_END) {
		pkt = dst;
	} else if (dst->type == REG_PACKET_END) {
		pkt = src;
		op = flip(op);
	} else {
		return -1;
	}
	if (pkt->range >= 0)
		return -1;
	switch (op) {
	case BPF_JLE:
	case BPF_JGT:
		if (pkt->range == PKT_BEYOND_END)
			return op == BPF_JGT;
		return -1;
	case BPF_JLT:
	case BPF_JGE: return op == BPF_JGE;
	default: return -1;
	}
}

static bool is_known(const struct reg *r, bool is_32)
{
	return is_32 ? tnum_subreg_is_const(r->val.var_off) : reg_var_is_const(r);
}

/* Before 6.8 numbers are compared with constants only, and for equality only when both are. */
static bool may_decide(const struct verify_env *env, const struct reg *dst, const struct reg *src,
	u8 op, bool is_32)
{
	if (env->kernel >= KERNEL(6, 8))
		return true;
	return is_known(src, is_32) && ((op != BPF_JEQ && op != BPF_JNE) || is_known(dst, is_32));
}

static int outcome(const struct verify_env *env, const struct reg *dst, const struct reg *src,
	u8 op, bool is_32)
{
	const struct reg *ptr = dst, *num = src;

	if (reg_is_packet_any(dst) && reg_is_packet_any(src) && !is_32)
		return packet_outcome(dst, src, op);
	if (dst->type == REG_SCALAR && src->type == REG_SCALAR)
		return may_decide(env, dst, src, op, is_32)
			? scalar_branch_taken(op, is_32, &dst->val, &src->val)
			: -1;
	if (is_32)
		return -1;
	if (num->type != REG_SCALAR || !reg_var_is_const(num)) {
		if (env->kernel < KERNEL(6, 8))
			return -1;
		ptr = src;
		num = dst;
	}
	/* a pointer that cannot be null, compared with null */
	if (num->type != REG_SCALAR || !reg_is_null(num) || !reg_not_null(ptr))
		return -1;
	if (reg_kind(ptr->type) == REG_MAP_PTR && env->kernel < KERNEL(6, 8))
		return -1;
	return op == BPF_JEQ ? 0 : op == BPF_JNE ? 1 : -1;
}

/* ---- packet ranges --------------------------------------------------------------------------- */

/* In st, ptr's bytes up to its offset are in the packet (and one more if is_open). */
static void learn_range(struct state *st, const struct reg *ptr, u32 type, bool is_open)
{
	struct frame *frame;
	struct reg *r;
	s32 range;
	u32 id = ptr->id;

	/* nothing before the pointer is a byte of the packet */
	if (ptr->off < 0 || (ptr->off == 0 && is_open))
		return;
	if (ptr->val.umax > PACKET_OFF_MAX || ptr->val.umax + (u64)(s64)ptr->off > PACKET_OFF_MAX)
		return;
	range = ptr->off + is_open;
	for_each_reg(st, frame, r, {
		if (r->type == type && r->id == id)
			r->range = MAX(r->range, range);
	})
}

static void learn_end(struct state *st, u32 regno, bool is_beyond)
{
	struct reg *r = &state_frame(st)->regs[regno];

	if (r->type == REG_PACKET)
		r->range = is_beyond ? PKT_BEYOND_END : PKT_AT_END;
}

static bool is_packet_start(const struct reg *r)
{
	return r->type == REG_PACKET && r->id == 0 && r->off == 0 &&
		tnum_equals_const(r->val.var_off, 0);
}

/* Is a what b limits: data against data_end, data_meta against data? */
static bool is_limited(const struct reg *a, const struct reg *b)
{
	return (a->type == REG_PACKET && b->type == REG_PACKET_END) ||
		(a->type == REG_PACKET_META && is_packet_start(b));
}

static bool learn_packet(struct verify_env *env, const struct insn *insn, struct state *other)
{
	const struct reg *dst = cur_reg(env, insn->dst), *src = cur_reg(env, insn->src);
	const struct reg *ptr;
	struct state *inside, *outside;
	u8 op = BPF_OP(insn->op);
	bool or_equal;
	u32 ptr_no;

	if (BPF_SRC(insn->op) != BPF_X || BPF_CLASS(insn->op) == BPF_JMP32)
		return false;
	if (is_limited(dst, src)) {
		ptr = dst;
		ptr_no = insn->dst;
	} else if (is_limited(src, dst)) {
		ptr = src;
		ptr_no = insn->src;
		op = flip(op);
	} else {
		return false;
	}
	/* now: if (ptr op end) goto other */
	switch (op) {
	case BPF_JGT:
	case BPF_JGE:
		inside = env->cur;
		outside = other;
		break;
	case BPF_JLT:
	case BPF_JLE:
		inside = other;
		outside = env->cur;
		break;
	default: return false;
	}
	/* inside: ptr <= end for > and <=, ptr < end for >= and < */
	or_equal = op == BPF_JGT || op == BPF_JLE;
	learn_range(inside, ptr, ptr->type, !or_equal);
	learn_end(outside, ptr_no, or_equal);
	return true;
}

/* ---- null ------------------------------------------------------------------------------------ */

static void learn_null_reg(struct reg *r, u32 id, bool is_null)
{
	if (!reg_maybe_null(r) || r->id != id || (!r->id && !(r->type & REG_RCU)))
		return;
	/* an offset before the check is refused, so it is 0 unless the object is the program's */
	if (r->val.smin || r->val.smax || !tnum_equals_const(r->val.var_off, 0))
		return;
	if (r->off && !(r->type & (REG_ALLOC | REG_NON_OWN)))
		return;
	if (is_null) {
		r->type = REG_SCALAR;
		r->id = r->ref_id = 0;
		/* off and the rest stay as they were */
		return;
	}
	reg_mark_not_null(r);
	/* the id is needed only to tell locks apart, or references */
	if (!reg_may_hold_lock(r))
		r->id = 0;
}

static void learn_null(struct state *st, u32 regno, bool is_null)
{
	struct frame *frame = state_frame(st);
	u32 id = frame->regs[regno].id, ref_id = frame->regs[regno].ref_id;
	struct reg *r;

	/* what was not acquired needs no release */
	if (ref_id && ref_id == id && is_null)
		(void)frame_drop_ref(frame, id);
	for_each_reg(st, frame, r, learn_null_reg(r, id, is_null);)
}

/* ---- linked scalars -------------------------------------------------------------------------- */

static void collect(struct linked_regs *set, struct reg *r, u32 id, struct linked_reg place)
{
	if (r->type != REG_SCALAR || (r->id & ~REG_ADD_CONST) != id)
		return;
	if (set->count < LINKED_MAX)
		set->regs[set->count++] = place;
	else
		reg_clear_link(r); /* too many to remember */
}

static void collect_linked(struct state *st, u32 id, struct linked_regs *set)
{
	id &= ~REG_ADD_CONST;
	for (s32 f = (s32)st->curframe; f >= 0; f--) {
		struct frame *frame = st->frames[f];

		for (u32 i = 0; i < BPF_REG_10; i++)
			collect(set, &frame->regs[i], id, (struct linked_reg){(u8)f, (u8)i, true});
		for (u32 i = 0; i < frame->slot_count; i++)
			if (slot_is_spill(&frame->slots[i]))
				collect(set, &frame->slots[i].spilled, id,
					(struct linked_reg){(u8)f, (u8)i, false});
	}
}

static void sync_linked(struct state *st, const struct reg *known, const struct linked_regs *set)
{
	for (u32 i = 0; i < set->count; i++) {
		const struct linked_reg *l = &set->regs[i];
		struct frame *frame = st->frames[l->frameno];
		struct reg *r =
			l->is_reg ? &frame->regs[l->index] : &frame->slots[l->index].spilled;
		s32 subreg_def = r->subreg_def, off = r->off;
		struct scalar delta;
		u32 id = r->id;

		if (r->type != REG_SCALAR || r == known ||
			(id & ~REG_ADD_CONST) != (known->id & ~REG_ADD_CONST))
			continue;
		reg_copy(r, known);
		r->subreg_def = subreg_def;
		if ((!(id & REG_ADD_CONST) && !(known->id & REG_ADD_CONST)) || off == known->off)
			continue;
		/* a constant distance away */
		r->off = off;
		r->id = id;
		delta = scalar_const((u64)((s64)off - known->off));
		scalar_alu(BPF_ADD, true, &r->val, &delta, &r->val);
	}
}

/* ---- the jump -------------------------------------------------------------------------------- */

static int check_operands(struct verify_env *env, const struct insn *insn, struct reg **ret_src)
{
	struct reg *dst = cur_reg(env, insn->dst), *src;
	int err = live_use(env, insn->dst, USE_READ);
	u32 flags;

	if (err)
		return err;
	flags = dst->type == REG_STACK ? HIST_DST_STACK : 0;
	if (BPF_SRC(insn->op) == BPF_X) {
		err = live_use(env, insn->src, USE_READ);
		if (err)
			return err;
		src = cur_reg(env, insn->src);
		if (!(reg_is_packet_any(dst) && reg_is_packet_any(src)) &&
			is_pointer_value(env, insn->src))
			return verify_refuse(env, REASON_POINTER_COMPARISON,
				"R%d pointer comparison prohibited\n", insn->src);
		if (src->type == REG_STACK)
			flags |= HIST_SRC_STACK;
	} else {
		src = &env->fake[0];
		memset(src, 0, sizeof(*src));
		src->type = REG_SCALAR;
		reg_set_const(src, (u64)(s64)insn->imm);
	}
	*ret_src = src;
	return flags ? explore_hist(env, flags, 0) : 0;
}

static int take_known(
	struct verify_env *env, const struct insn *insn, const struct reg *src, bool taken)
{
	s32 target = env->insn + insn->off;
	int err = 0;

	if (cur_reg(env, insn->dst)->type == REG_SCALAR)
		err = precision_mark(env, insn->dst);
	if (!err && BPF_SRC(insn->op) == BPF_X && src->type == REG_SCALAR)
		err = precision_mark(env, insn->src);
	if (!err && !env->bypass_spec_v1)
		err = sanitize_path(env, insn, taken ? env->insn + 1 : target + 1, env->insn);
	if (err)
		return err;
	if (taken)
		cur_aux(env)->taken = 1;
	else
		cur_aux(env)->not_taken = 1;
	if (verify_says(env))
		print_insn_state(env, cur_frame(env));
	if (taken)
		env->insn = target;
	return 0;
}

/* Before 6.8 inequality teaches nothing, and a comparison of two unknowns only that they equal. */
static bool may_learn(const struct verify_env *env, const struct reg *dst, const struct reg *src,
	u8 op, bool is_32, bool taken)
{
	bool is_equality = op == BPF_JEQ || op == BPF_JNE;

	if (env->kernel >= KERNEL(6, 8))
		return true;
	if (is_equality && taken != (op == BPF_JEQ))
		return false;
	return is_known(src, is_32) || is_known(dst, is_32) || (is_equality && !is_32);
}

static int learn_scalars(
	struct verify_env *env, const struct insn *insn, struct reg *src, struct frame *other)
{
	struct reg *dst = cur_reg(env, insn->dst), *other_dst = &other->regs[insn->dst];
	bool is_reg = BPF_SRC(insn->op) == BPF_X, is_32 = BPF_CLASS(insn->op) == BPF_JMP32;
	struct reg *other_src = is_reg ? &other->regs[insn->src] : &env->fake[1];
	u8 op = BPF_OP(insn->op);
	int err;

	if (!is_reg)
		env->fake[1] = env->fake[0];
	if (dst->type != REG_SCALAR || src->type != REG_SCALAR)
		return 0;
	if (may_learn(env, other_dst, other_src, op, is_32, true))
		scalar_refine(op, is_32, true, &other_dst->val, &other_src->val);
	if (may_learn(env, dst, src, op, is_32, false))
		scalar_refine(op, is_32, false, &dst->val, &src->val);
	err = reg_check_sane(env, other_dst, "true_reg1");
	if (!err)
		err = reg_check_sane(env, other_src, "true_reg2");
	if (!err)
		err = reg_check_sane(env, dst, "false_reg1");
	return err ? err : reg_check_sane(env, src, "false_reg2");
}

static void sync_both(
	struct verify_env *env, struct state *other, u32 regno, const struct linked_regs *set)
{
	const struct reg *here = cur_reg(env, regno), *there = &state_frame(other)->regs[regno];

	if (here->type != REG_SCALAR || !here->id || bug_on(here->id != there->id))
		return;
	sync_linked(env->cur, here, set);
	sync_linked(other, there, set);
}

/* Equal to a pointer that is not null: not null either, since 6.2. */
static void learn_equal(
	struct verify_env *env, const struct insn *insn, const struct reg *src, struct state *other)
{
	const struct reg *dst = cur_reg(env, insn->dst);
	struct frame *equal;

	if (env->kernel < KERNEL(6, 2) || BPF_CLASS(insn->op) == BPF_JMP32 ||
		BPF_SRC(insn->op) != BPF_X || src->type == REG_SCALAR || dst->type == REG_SCALAR ||
		reg_kind(src->type) == REG_BTF || reg_kind(dst->type) == REG_BTF)
		return;
	if (BPF_OP(insn->op) == BPF_JEQ)
		equal = state_frame(other);
	else if (BPF_OP(insn->op) == BPF_JNE)
		equal = cur_frame(env);
	else
		return;
	if (reg_not_null(dst) && reg_maybe_null(src))
		reg_mark_not_null(&equal->regs[insn->src]);
	if (reg_not_null(src) && reg_maybe_null(dst))
		reg_mark_not_null(&equal->regs[insn->dst]);
}

static int learn_pointers(
	struct verify_env *env, const struct insn *insn, const struct reg *src, struct state *other)
{
	u8 op = BPF_OP(insn->op);

	learn_equal(env, insn, src, other);
	if (BPF_CLASS(insn->op) != BPF_JMP32 && BPF_SRC(insn->op) == BPF_K && insn->imm == 0 &&
		(op == BPF_JEQ || op == BPF_JNE) && reg_maybe_null(cur_reg(env, insn->dst))) {
		learn_null(env->cur, insn->dst, op == BPF_JNE);
		learn_null(other, insn->dst, op == BPF_JEQ);
		return 0;
	}
	if (learn_packet(env, insn, other) || !is_pointer_value(env, insn->dst))
		return 0;
	return verify_refuse(
		env, REASON_POINTER_COMPARISON, "R%d pointer comparison prohibited\n", insn->dst);
}

static int both_ways(struct verify_env *env, const struct insn *insn, struct reg *src)
{
	struct reg *dst = cur_reg(env, insn->dst);
	bool is_reg = BPF_SRC(insn->op) == BPF_X;
	struct linked_regs set = {0};
	struct state *other;
	int err = 0;

	cur_aux(env)->taken = cur_aux(env)->not_taken = 1;
	if (is_reg && src->type == REG_SCALAR && src->id)
		collect_linked(env->cur, src->id, &set);
	if (dst->type == REG_SCALAR && dst->id)
		collect_linked(env->cur, dst->id, &set);
	if (set.count > 1)
		err = explore_hist(env, 0, linked_pack(&set));
	if (err)
		return err;
	other = explore_push(env, env->insn + insn->off + 1, env->insn, false, &err);
	if (!other)
		return err;
	err = learn_scalars(env, insn, src, state_frame(other));
	if (err)
		return err;
	if (is_reg)
		sync_both(env, other, insn->src, &set);
	sync_both(env, other, insn->dst, &set);
	err = learn_pointers(env, insn, src, other);
	if (!err && verify_says(env))
		print_insn_state(env, cur_frame(env));
	return err;
}

/* Leaves the loop at once; another path goes round once more, with what it does not rely on
 * forgotten. */
static int check_may_goto(struct verify_env *env, const struct insn *insn)
{
	struct state *queued, *previous;
	int err = 0;

	previous = env->cur->parent ? prune_previous_entry(env, env->cur->parent, env->insn) : NULL;
	queued = explore_push(env, env->insn + 1, env->insn, false, &err);
	if (!queued)
		return err;
	queued->may_goto_depth++;
	if (previous)
		prune_widen(env, previous, queued);
	env->insn += insn->off;
	return 0;
}

int branch_check(struct verify_env *env, const struct insn *insn)
{
	struct reg *src = NULL;
	int taken, err;

	if (BPF_OP(insn->op) == INSN_JCOND)
		return check_may_goto(env, insn);
	err = check_operands(env, insn, &src);
	if (err)
		return err;
	taken = outcome(env, cur_reg(env, insn->dst), src, BPF_OP(insn->op),
		BPF_CLASS(insn->op) == BPF_JMP32);
	return taken >= 0 ? take_known(env, insn, src, taken) : both_ways(env, insn, src);
}
