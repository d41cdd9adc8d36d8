// SPDX-License-Identifier: BSD-2-Clause
/*
 * Which scalars matter. Most numbers a program computes decide nothing about safety, so states may
 * differ in them. When one does decide (a bound, a jump with one outcome, a size), the path is
 * walked backwards from there: the registers and slots that it was computed from are followed to
 * where they were defined, and in each checkpoint on the way they are marked precise.
 *
 * Where the walk cannot follow (a value stored through a pointer), every scalar of every checkpoint
 * of the path becomes precise: always sound, only slower.
 */
#include "verify/check.h"

#include <errno.h>

#define ARG_REGS 0x3eu

static bool bt_is_empty(const struct backtrack *bt)
{
	u64 any = 0;

	for (u32 i = 0; i <= bt->frame; i++)
		any |= bt->regs[i] | bt->slots[i];
	return !any;
}

static void bt_reset(struct backtrack *bt)
{
	memset(bt, 0, sizeof(*bt));
}

static u32 *bt_regs(struct backtrack *bt)
{
	return &bt->regs[bt->frame];
}

static bool linked_has(const struct backtrack *bt, const struct linked_reg *l)
{
	return l->is_reg ? bt->regs[l->frameno] >> l->index & 1
			 : bt->slots[l->frameno] >> l->index & 1;
}

/* Registers that were known to be equal share their fate. */
static void sync_linked(struct backtrack *bt, const struct hist *h)
{
	struct linked_regs l;
	bool any = false;

	if (!h || !h->linked)
		return;
	linked_unpack(h->linked, &l);
	for (u32 i = 0; i < l.count; i++)
		any |= linked_has(bt, &l.regs[i]);
	if (!any)
		return;
	for (u32 i = 0; i < l.count; i++) {
		if (l.regs[i].is_reg)
			bt->regs[l.regs[i].frameno] |= 1u << l.regs[i].index;
		else
			bt->slots[l.regs[i].frameno] |= 1ull << l.regs[i].index;
	}
}

void linked_unpack(u64 packed, struct linked_regs *ret)
{
	ret->count = packed & 0xf;
	packed >>= 4;
	for (u32 i = 0; i < ret->count; i++, packed >>= 10)
		ret->regs[i] = (struct linked_reg){.frameno = packed & 7,
			.index = packed >> 3 & 0x3f,
			.is_reg = packed >> 9 & 1};
}

u64 linked_pack(const struct linked_regs *l)
{
	u64 packed = 0;

	for (u32 i = 0; i < l->count; i++)
		packed = packed << 10 | (u64)l->regs[i].is_reg << 9 | (u64)l->regs[i].index << 3 |
			l->regs[i].frameno;
	return packed << 4 | l->count;
}

static void say_regs(struct verify_env *env, u32 mask)
{
	const char *sep = "";

	for (u32 i = 0; i < 32; i++)
		if (mask >> i & 1)
			verify_say(env, "%sr%d", sep, i), sep = ",";
}

static void say_slots(struct verify_env *env, u64 mask)
{
	const char *sep = "";

	for (u32 i = 0; i < 64; i++)
		if (mask >> i & 1)
			verify_say(env, "%s%d", sep, -((s32)i + 1) * SLOT_SIZE), sep = ",";
}

static void say_step(struct verify_env *env, const struct backtrack *bt, u32 insn)
{
	verify_say(env, "mark_precise: frame%d: regs=", bt->frame);
	say_regs(env, bt->regs[bt->frame]);
	verify_say(env, " stack=");
	say_slots(env, bt->slots[bt->frame]);
	verify_say(env, " before %d: ", insn);
	print_insn(env, insn);
}

static int bug(struct verify_env *env, const char *what)
{
	bug_report(what, __FILE__, __LINE__);
	return verify_refuse(env, REASON_INTERNAL, "BUG backtracking: %s\n", what);
}

static int back_alu(struct backtrack *bt, const struct insn *insn)
{
	u32 *regs = bt_regs(bt), dst = 1u << insn->dst, src = 1u << insn->src;
	u8 op = BPF_OP(insn->op);

	if (!(*regs & dst) || op == BPF_END || op == BPF_NEG)
		return 0;
	if (op == BPF_MOV)
		*regs &= ~dst;
	if (BPF_SRC(insn->op) == BPF_X && insn->src != BPF_REG_10)
		*regs |= src;
	return 0;
}

static bool is_fetch(const struct insn *insn)
{
	return BPF_CLASS(insn->op) == BPF_STX && BPF_MODE(insn->op) == BPF_ATOMIC &&
		insn->imm & BPF_FETCH;
}

static void follow_slot(struct backtrack *bt, const struct hist *h)
{
	if (h && h->flags & HIST_STACK_ACCESS)
		bt->slots[h->flags & HIST_FRAME_MASK] |= 1ull
			<< (h->flags >> HIST_SLOT_SHIFT & HIST_SLOT_MASK);
}

static int back_load(struct backtrack *bt, const struct insn *insn, const struct hist *h)
{
	u32 reg = insn->dst;

	if (is_fetch(insn))
		reg = insn->imm == BPF_CMPXCHG ? BPF_REG_0 : insn->src;
	if (!(*bt_regs(bt) >> reg & 1))
		return 0;
	*bt_regs(bt) &= ~(1u << reg);
	follow_slot(bt, h);
	return 0;
}

/* -ENOTSUP: cannot be followed. */
static int back_store(struct backtrack *bt, const struct insn *insn, const struct hist *h)
{
	u64 slot;

	if (*bt_regs(bt) >> insn->dst & 1)
		return -ENOTSUP;
	if (!h || !(h->flags & HIST_STACK_ACCESS))
		return 0;
	slot = 1ull << (h->flags >> HIST_SLOT_SHIFT & HIST_SLOT_MASK);
	if (!(bt->slots[h->flags & HIST_FRAME_MASK] & slot))
		return 0;
	bt->slots[h->flags & HIST_FRAME_MASK] &= ~slot;
	if (BPF_CLASS(insn->op) == BPF_STX)
		*bt_regs(bt) |= 1u << insn->src;
	return 0;
}

/* Backwards out of a callee to its call: arguments are the caller's registers. */
static int back_to_caller(struct verify_env *env, struct backtrack *bt, bool args_follow)
{
	u32 args = *bt_regs(bt) & ARG_REGS;

	if (*bt_regs(bt) & ~ARG_REGS)
		return bug(env, "callee's registers at a call");
	if (bt->slots[bt->frame])
		return bug(env, "callee's slots at a call");
	if (bt->frame == 0)
		return bug(env, "exit from frame 0");
	*bt_regs(bt) = 0;
	bt->frame--;
	if (args_follow)
		*bt_regs(bt) |= args;
	return 0;
}

static int back_call(
	struct verify_env *env, struct backtrack *bt, const struct insn *insn, s32 idx, s32 next)
{
	if (insn_is_call_func(insn)) {
		s32 subprog = subprog_at(env, idx + insn->imm + 1);

		if (subprog < 0)
			return bug(env, "no function there");
		if (env->subprogs[subprog].linkage != BTF_FUNC_GLOBAL || !env->has_func_info)
			return back_to_caller(env, bt, true);
	} else if (env->aux[idx].calls_callback && idx != next - 1) {
		/* what the callback got is not traced to the helper's arguments */
		return back_to_caller(env, bt, false);
	} else if (insn_is_call_kfunc(insn) && insn->imm == 0) {
		return -ENOTSUP;
	}
	*bt_regs(bt) &= ~1u;
	if (*bt_regs(bt) & ARG_REGS)
		return bug(env, "registers that a call clobbered");
	/* a tail call that did not go on here returned to the function's caller */
	if (insn_is_call_helper(insn) && insn->imm == BPF_FUNC_tail_call && next - idx != 1) {
		if (bt->frame + 1 >= FRAMES_MAX)
			return bug(env, "too many frames");
		bt->frame++;
	}
	return 0;
}

/* Backwards into a callee through its exit. */
static int back_exit(struct verify_env *env, struct backtrack *bt, s32 next)
{
	bool from_call = next >= 1 && insn_is_call_func(&env->insns[next - 1]);
	bool follow_r0 = from_call && *bt_regs(bt) & 1;

	if (from_call && *bt_regs(bt) & ARG_REGS)
		return bug(env, "registers that a call clobbered");
	*bt_regs(bt) &= ~1u;
	if (bt->frame + 1 >= FRAMES_MAX)
		return bug(env, "too many frames");
	bt->frame++;
	if (follow_r0)
		*bt_regs(bt) |= 1;
	return 0;
}

static int back_jump(struct backtrack *bt, const struct insn *insn, const struct hist *h)
{
	u32 *regs = bt_regs(bt), both = 1u << insn->dst | 1u << insn->src;

	if (BPF_SRC(insn->op) != BPF_X || !(*regs & both))
		return 0;
	/* the comparison may have narrowed one by the other */
	if (!h || !(h->flags & HIST_SRC_STACK))
		*regs |= 1u << insn->src;
	if (!h || !(h->flags & HIST_DST_STACK))
		*regs |= 1u << insn->dst;
	return 0;
}

static int back_ld(struct backtrack *bt, const struct insn *insn, s32 idx, s32 next)
{
	if (BPF_MODE(insn->op) == BPF_IMM) {
		*bt_regs(bt) &= ~(1u << insn->dst);
		return 0;
	}
	if (*bt_regs(bt) >> insn->dst & 1)
		return -ENOTSUP;
	/* failed in a callee: the path went on in the caller */
	if (next != idx + 1) {
		if (bt->frame + 1 >= FRAMES_MAX)
			return -ENOTSUP;
		bt->frame++;
	}
	return 0;
}

/* One instruction back. next is the one that came after it on the path. */
static int back_insn(struct verify_env *env, s32 idx, s32 next, const struct hist *h)
{
	const struct insn *insn = &env->insns[idx];
	struct backtrack *bt = &env->bt;
	u8 class = BPF_CLASS(insn->op);
	bool early = false; /* links are not looked at again where nothing was followed */
	int err;

	if (insn->op == 0)
		return 0;
	if (verify_says_all(env))
		say_step(env, bt, (u32)idx);
	sync_linked(bt, h);
	if (class == BPF_ALU || class == BPF_ALU64) {
		early = !(*bt_regs(bt) >> insn->dst & 1) || BPF_OP(insn->op) == BPF_END ||
			BPF_OP(insn->op) == BPF_NEG;
		err = back_alu(bt, insn);
	} else if (class == BPF_LDX || is_fetch(insn)) {
		err = back_load(bt, insn, h);
	} else if (class == BPF_STX || class == BPF_ST) {
		err = back_store(bt, insn, h);
	} else if (class == BPF_LD) {
		early = true;
		err = back_ld(bt, insn, idx, next);
	} else if (BPF_OP(insn->op) == BPF_CALL) {
		early = true;
		err = back_call(env, bt, insn, idx, next);
	} else if (BPF_OP(insn->op) == BPF_EXIT) {
		early = true;
		err = back_exit(env, bt, next);
	} else {
		err = back_jump(bt, insn, h);
	}
	if (!err && !early)
		sync_linked(bt, h);
	return err;
}

static void force_reg(struct verify_env *env, struct reg *reg, u32 frame, s32 off, u32 regno)
{
	if (reg->type != REG_SCALAR || reg->precise)
		return;
	reg->precise = true;
	if (!verify_says_all(env))
		return;
	if (off)
		verify_say(env, "force_precise: frame%d: forcing fp%d to be precise\n", frame, off);
	else
		verify_say(
			env, "force_precise: frame%d: forcing r%d to be precise\n", frame, regno);
}

static void force_all(struct verify_env *env)
{
	if (verify_says_all(env))
		verify_say(env,
			"mark_precise: frame%d: falling back to forcing all scalars precise\n",
			env->cur->curframe);
	for (struct state *st = env->cur->parent; st; st = st->parent)
		for (u32 f = 0; f <= st->curframe; f++) {
			struct frame *frame = st->frames[f];

			for (u32 i = 0; i < BPF_REG_10; i++)
				force_reg(env, &frame->regs[i], f, 0, i);
			for (u32 i = 0; i < frame->slot_count; i++)
				if (slot_is_spill(&frame->slots[i]))
					force_reg(env, &frame->slots[i].spilled, f,
						-((s32)i + 1) * SLOT_SIZE, 0);
		}
}

static const struct hist *hist_at(struct verify_env *env, u32 start, u32 end, s32 insn)
{
	if (end > start && env->hist.data[end - 1].insn == (u32)insn)
		return &env->hist.data[end - 1];
	return NULL;
}

/* The instruction before insn on the path of st, or -1 at its start. */
static s32 hist_previous(struct verify_env *env, const struct state *st, s32 insn, u32 *end)
{
	u32 start = st->hist_start, count = *end - start;

	if (insn == st->first_insn &&
		(count == 0 || (count == 1 && env->hist.data[start].insn == (u32)insn)))
		return -1;
	if (count && env->hist.data[*end - 1].insn == (u32)insn) {
		--*end;
		return (s32)env->hist.data[*end].prev;
	}
	return insn - 1;
}

/* Marks what is being traced in checkpoint st; drops what was precise already. */
static int mark_state(struct verify_env *env, struct state *st)
{
	struct backtrack *bt = &env->bt;

	for (s32 f = (s32)bt->frame; f >= 0; f--) {
		struct frame *frame = st->frames[f];

		for (u32 i = 0; i < BPF_REG_10; i++) {
			struct reg *reg = &frame->regs[i];

			if (!(bt->regs[f] >> i & 1))
				continue;
			if (reg->type != REG_SCALAR || reg->precise)
				bt->regs[f] &= ~(1u << i);
			else
				reg->precise = true;
		}
		for (u32 i = 0; i < SLOTS_MAX; i++) {
			if (!(bt->slots[f] >> i & 1))
				continue;
			if (i >= frame->slot_count)
				return bug(env, "slot outside of the stack");
			if (!slot_is_scalar(&frame->slots[i]) || frame->slots[i].spilled.precise)
				bt->slots[f] &= ~(1ull << i);
			else
				frame->slots[i].spilled.precise = true;
		}
		if (!verify_says_all(env))
			continue;
		verify_say(env, "mark_precise: frame%d: parent state regs=", f);
		say_regs(env, bt->regs[f]);
		verify_say(env, " stack=");
		say_slots(env, bt->slots[f]);
		verify_say(env, ": ");
		print_state(env, frame, true);
	}
	return 0;
}

/* The walk came to the start of a global function or callback: its arguments. */
static int mark_entry(struct verify_env *env, struct state *st)
{
	struct backtrack *bt = &env->bt;
	struct frame *frame = st->frames[0];

	if (st->curframe || !frame->subprog || frame->callsite != MAIN_CALLSITE ||
		bt->slots[bt->frame] || *bt_regs(bt) & ~ARG_REGS)
		return bug(env, "function entry");
	for (u32 i = BPF_REG_1; i <= BPF_REG_5; i++)
		if (*bt_regs(bt) >> i & 1 && frame->regs[i].type == REG_SCALAR)
			frame->regs[i].precise = true;
	*bt_regs(bt) = 0;
	return 0;
}

/* From insn back to the start of st's segment: 1 = nothing left to trace. */
static int walk_segment(
	struct verify_env *env, struct state *st, s32 insn, s32 *next, bool *skip_first)
{
	u32 end = st->hist_end;
	int err;

	while (insn >= 0) {
		err = 0;
		if (*skip_first)
			*skip_first = false;
		else
			err = back_insn(env, insn, *next, hist_at(env, st->hist_start, end, insn));
		if (err)
			return err;
		if (bt_is_empty(&env->bt))
			return 1;
		*next = insn;
		insn = hist_previous(env, st, insn, &end);
		if (insn >= (s32)env->insn_count)
			return bug(env, "instruction out of range");
	}
	return 0;
}

static int trace(struct verify_env *env)
{
	struct state *st = env->cur;
	s32 first = st->first_insn, last = env->insn, next = -1;
	bool skip_first = true;
	int err;

	for (;;) {
		if (verify_says_all(env))
			verify_say(env,
				"mark_precise: frame%d: last_idx %d first_idx %d subseq_idx %d \n",
				env->bt.frame, last, first, next);
		if (last < 0)
			return mark_entry(env, st);
		err = walk_segment(env, st, last, &next, &skip_first);
		if (err)
			return err < 0 ? err : 0;
		st = st->parent;
		if (!st)
			return -ENOTSUP;
		err = mark_state(env, st);
		if (err || bt_is_empty(&env->bt))
			return err;
		next = first;
		last = st->last_insn;
		first = st->first_insn;
	}
}

int precision_mark_batch(struct verify_env *env)
{
	int err;

	if (!env->bpf_capable) {
		bt_reset(&env->bt);
		return 0; /* everything is precise anyway */
	}
	env->bt.frame = env->cur->curframe;
	err = bt_is_empty(&env->bt) ? 0 : trace(env);
	if (err == -ENOTSUP) {
		force_all(env);
		err = 0;
	}
	bt_reset(&env->bt);
	return err;
}

int precision_mark(struct verify_env *env, u32 regno)
{
	if (!env->bpf_capable)
		return 0;
	if (bug_on(cur_reg(env, regno)->type != REG_SCALAR))
		return verify_refuse(env, REASON_INTERNAL, "backtracking misuse\n");
	env->bt.frame = env->cur->curframe;
	env->bt.regs[env->bt.frame] |= 1u << regno;
	return precision_mark_batch(env);
}
