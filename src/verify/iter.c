// SPDX-License-Identifier: BSD-2-Clause
/*
 * Open-coded iterators: an object on the program's stack that new() makes, next() steps and
 * destroy() ends. next() forks: it may return an element (the iterator stays active, one deeper) or
 * null (it is drained). A loop over one need not be bounded by the program: when the state at
 * next() is covered by an earlier one with less depth, the loop has converged (prune.c); numbers
 * that change from turn to turn without deciding anything are forgotten to help it converge.
 */
#include "verify/kfunc.h"

#include <errno.h>

/* The slot of the iterator's first bytes; -EINVAL said, -ERANGE silently: below what was written.
 */
static int find_slot(struct verify_env *env, const struct reg *reg, u32 slots)
{
	const struct frame *frame = reg_frame(env, reg);
	s32 off, slot;

	if (!reg_var_is_const(reg))
		return verify_refuse(env, REASON_ITER, "iter has to be at a constant offset\n");
	off = reg->off + (s32)reg->val.var_off.value;
	slot = slot_index(off);
	if (off % SLOT_SIZE || slot + 1 < (s32)slots)
		return verify_refuse(
			env, REASON_ITER, "cannot pass in iter at an offset=%d\n", off);
	if (slot - (s32)slots + 1 < 0 || slot >= (s32)frame->slot_count)
		return -ERANGE;
	return slot;
}

static bool slot_is_iter(const struct slot *s)
{
	for (u32 i = 0; i < SLOT_SIZE; i++)
		if (s->kind[i] != SLOT_ITER)
			return false;
	return true;
}

static bool slot_has_iter(const struct slot *s)
{
	for (u32 i = 0; i < SLOT_SIZE; i++)
		if (s->kind[i] == SLOT_ITER)
			return true;
	return false;
}

static const char *short_name(const struct btf *btf, u32 id)
{
	return btype_name(btf, id) + strlen("bpf_iter_");
}

static int make(struct verify_env *env, u32 regno, struct kfunc_call *call, u32 type, u32 slots)
{
	struct reg *reg = cur_reg(env, regno);
	int slot = find_slot(env, reg, slots), err = 0;
	struct frame *frame = reg_frame(env, reg);
	u32 ref_id;

	for (u32 i = 0; slot >= 0 && i < slots; i++)
		if (slot_has_iter(&frame->slots[slot - (s32)i]))
			slot = -EINVAL;
	if (slot < 0 && slot != -ERANGE)
		return verify_refuse(env, REASON_ITER,
			"expected uninitialized iter_%s as arg #%d\n", short_name(call->btf, type),
			regno - 1);
	for (u32 i = 0; !err && i < slots; i++)
		err = access_check(env, regno, (s32)(i * SLOT_SIZE), 8, true, -1, false, false);
	if (err)
		return err;
	slot = find_slot(env, reg, slots);
	if (slot < 0)
		return slot == -ERANGE ? verify_refuse(env, REASON_ITER, "%s", "") : slot;
	if (ref_acquire(env, (u32)env->insn, &ref_id))
		return -ENOMEM;
	for (u32 i = 0; i < slots; i++) {
		struct slot *s = &frame->slots[slot - (s32)i];
		u32 flags = 0;

		if (call->spec->flags & KFUNC_RCU_PROTECTED)
			flags = in_rcu(env) ? REG_RCU : REG_UNTRUSTED;
		mark_pointer(&s->spilled, REG_STACK | flags);
		s->spilled.live |= LIVE_WRITTEN;
		s->spilled.ref_id = i == 0 ? ref_id : 0;
		s->spilled.btf = call->btf;
		s->spilled.btf_id = type;
		s->spilled.iter_state = ITER_ACTIVE;
		s->spilled.iter_depth = 0;
		memset(s->kind, SLOT_ITER, SLOT_SIZE);
		scratch_slot(env, (u32)slot - i);
	}
	return 0;
}

/* -EINVAL: not an iterator of this type; -EPROTO: made outside of an RCU section. */
static int check_made(
	const struct frame *frame, s32 slot, const struct kfunc_call *call, u32 type, u32 slots)
{
	for (u32 i = 0; i < slots; i++) {
		const struct slot *s = &frame->slots[slot - (s32)i];

		if (s->spilled.type & REG_UNTRUSTED && slot_is_iter(s))
			return -EPROTO;
		if (!s->spilled.ref_id != (i != 0) || s->spilled.btf != call->btf ||
			s->spilled.btf_id != type || !slot_is_iter(s))
			return -EINVAL;
	}
	return 0;
}

static int destroy(struct verify_env *env, struct frame *frame, s32 slot, u32 slots)
{
	if (ref_release(env, frame->slots[slot].spilled.ref_id))
		return verify_refuse(env, REASON_ITER, "%s", "");
	for (u32 i = 0; i < slots; i++) {
		struct slot *s = &frame->slots[slot - (s32)i];

		mark_not_init(env, &s->spilled);
		s->spilled.live |= LIVE_WRITTEN;
		memset(s->kind, SLOT_INVALID, SLOT_SIZE);
		scratch_slot(env, (u32)slot - i);
	}
	return 0;
}

int iter_arg(struct verify_env *env, u32 regno, struct kfunc_call *call)
{
	struct reg *reg = cur_reg(env, regno);
	const struct btf_type *t;
	struct frame *frame;
	u32 type, slots;
	int slot, err;

	if (reg->type != REG_STACK)
		return verify_refuse(env, REASON_ITER,
			"arg#%d expected pointer to an iterator on stack\n", regno - 1);
	t = btype_resolve_ptr(call->btf, btype_params(call->proto)[regno - 1].type, &type);
	if (!t || btype_kind(t) != BTF_KIND_STRUCT || !t->size || t->size % SLOT_SIZE ||
		strncmp(btype_name_of(call->btf, t), "bpf_iter_", 9) != 0)
		return verify_refuse(
			env, REASON_ITER, "expected valid iter pointer as arg #%d\n", regno - 1);
	slots = t->size / SLOT_SIZE;
	if (call->spec->flags & KFUNC_ITER_NEW)
		return make(env, regno, call, type, slots);
	slot = find_slot(env, reg, slots);
	frame = reg_frame(env, reg);
	err = slot < 0 ? -EINVAL : check_made(frame, slot, call, type, slots);
	if (err == -EPROTO)
		return verify_refuse(
			env, REASON_ITER_RCU, "expected an RCU CS when using %s\n", call->name);
	if (err)
		return verify_refuse(env, REASON_ITER,
			"expected an initialized iter_%s as arg #%d\n", short_name(call->btf, type),
			regno - 1);
	for (u32 i = 0; i < slots; i++) {
		struct reg *r = &frame->slots[slot - (s32)i].spilled;

		live_mark_read(env, r, r->parent, LIVE_READ64);
		scratch_slot(env, (u32)slot - i);
	}
	call->iter_frame = reg->frameno;
	call->iter_slot = (u32)slot;
	call->ref_id = frame->slots[slot].spilled.ref_id;
	return call->spec->flags & KFUNC_ITER_DESTROY ? destroy(env, frame, slot, slots) : 0;
}

struct reg *iter_of(struct state *st, const struct kfunc_call *call)
{
	return &st->frames[call->iter_frame]->slots[call->iter_slot].spilled;
}

int iter_next(struct verify_env *env, struct kfunc_call *call)
{
	struct state *cur = env->cur, *previous, *queued;
	struct reg *iter = iter_of(cur, call), *r0 = cur_reg(env, BPF_REG_0);
	int err = 0;

	if (iter->iter_state == ITER_ACTIVE) {
		/* a checkpoint was forced here, so it is the parent */
		if (bug_on(!cur->parent || cur->parent->insn != (u32)env->insn))
			return verify_refuse(
				env, REASON_INTERNAL, "bug: bad parent state for iter next call");
		previous = prune_previous_entry(env, cur->parent, env->insn);
		queued = explore_push(env, env->insn + 1, env->insn, false, &err);
		if (!queued)
			return err;
		iter_of(queued, call)->iter_depth++;
		if (previous)
			prune_widen(env, previous, queued);
		reg_mark_not_null(&state_frame(queued)->regs[BPF_REG_0]);
	}
	iter->iter_state = ITER_DRAINED;
	reg_set_const(r0, 0);
	r0->type = REG_SCALAR;
	r0->precise = !env->bpf_capable;
	return 0;
}
