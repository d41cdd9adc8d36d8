// SPDX-License-Identifier: BSD-2-Clause
/*
 * Dynptrs: 16 bytes on the program's stack that only helpers may read and write. Two slots are
 * marked; a plain store into them destroys the dynptr and with it the slices taken from it, and a
 * dynptr that holds a reference must not be destroyed that way.
 */
#include "verify/check.h"

#include <errno.h>

#define DYNPTR_SLOTS 2

/* The upper slot (lower index + 1 is the first half); -EINVAL said, -ERANGE silently. */
static int find_slot(struct verify_env *env, const struct reg *reg)
{
	const struct frame *frame = reg_frame(env, reg);
	s32 off, slot;

	if (!reg_var_is_const(reg))
		return verify_refuse(env, REASON_DYNPTR, "dynptr has to be at a constant offset\n");
	off = reg->off + (s32)reg->val.var_off.value;
	slot = slot_index(off);
	if (off % SLOT_SIZE || slot + 1 < DYNPTR_SLOTS)
		return verify_refuse(
			env, REASON_DYNPTR, "cannot pass in dynptr at an offset=%d\n", off);
	if (slot - DYNPTR_SLOTS + 1 < 0 || slot >= (s32)frame->slot_count)
		return -ERANGE;
	return slot;
}

static void clear_slots(struct verify_env *env, struct frame *frame, s32 slot)
{
	for (s32 i = slot; i > slot - DYNPTR_SLOTS; i--) {
		memset(frame->slots[i].kind, SLOT_INVALID, SLOT_SIZE);
		mark_not_init(env, &frame->slots[i].spilled);
		frame->slots[i].spilled.live |= LIVE_WRITTEN;
	}
}

static bool is_dynptr_slot(const struct frame *frame, s32 slot)
{
	return slot >= 0 && slot < (s32)frame->slot_count &&
		frame->slots[slot].kind[0] == SLOT_DYNPTR;
}

int dynptr_destroy_slot(struct verify_env *env, struct frame *frame, s32 slot)
{
	struct frame *other;
	struct reg *r;
	u32 id;

	if (likely(!is_dynptr_slot(frame, slot)))
		return 0;
	if (!frame->slots[slot].spilled.is_first_slot)
		slot++;
	if (frame->slots[slot].spilled.dynptr_kind == DYNPTR_RINGBUF)
		return verify_refuse(env, REASON_DYNPTR, "cannot overwrite referenced dynptr\n");
	scratch_slot(env, (u32)slot);
	scratch_slot(env, (u32)slot - 1);
	id = frame->slots[slot].spilled.id;
	for_each_reg(env->cur, other, r, {
		if ((r->type == REG_MEM || r->type == (REG_MEM | REG_MAYBE_NULL)) &&
			r->dynptr_id == id)
			mark_invalid(env, r);
	}) clear_slots(env, frame, slot);
	return 0;
}

static u32 kind_of_arg(u32 arg)
{
	return arg & ARG_DYNPTR_LOCAL	   ? DYNPTR_LOCAL
		: arg & ARG_DYNPTR_RINGBUF ? DYNPTR_RINGBUF
		: arg & ARG_DYNPTR_SKB	   ? DYNPTR_SKB
		: arg & ARG_DYNPTR_XDP	   ? DYNPTR_XDP
					   : DYNPTR_INVALID;
}

static int create(struct verify_env *env, struct reg *reg, u32 arg, u32 clone_ref)
{
	struct frame *frame = reg_frame(env, reg);
	u32 kind = kind_of_arg(arg), id, ref_id = clone_ref;
	int slot = find_slot(env, reg), err;

	if (slot < 0)
		return slot == -ERANGE ? verify_refuse(env, REASON_DYNPTR, "%s", "") : slot;
	err = dynptr_destroy_slot(env, frame, slot);
	if (!err)
		err = dynptr_destroy_slot(env, frame, slot - 1);
	if (err)
		return err;
	if (kind == DYNPTR_INVALID)
		return verify_refuse(env, REASON_DYNPTR, "%s", "");
	id = ++env->id_gen;
	if (kind == DYNPTR_RINGBUF && !ref_id && ref_acquire(env, (u32)env->insn, &ref_id))
		return -ENOMEM;
	for (s32 i = slot; i > slot - DYNPTR_SLOTS; i--) {
		struct reg *r = &frame->slots[i].spilled;

		memset(frame->slots[i].kind, SLOT_DYNPTR, SLOT_SIZE);
		mark_pointer(r, REG_DYNPTR);
		r->dynptr_kind = (u8)kind;
		r->is_first_slot = i == slot;
		r->id = id;
		r->ref_id = ref_id;
		r->live |= LIVE_WRITTEN;
	}
	return 0;
}

static int check_new(struct verify_env *env, u32 regno, u32 arg, u32 clone_ref)
{
	struct reg *reg = cur_reg(env, regno);
	int slot = reg->type == REG_DYNPTR ? -EINVAL : find_slot(env, reg), err = 0;

	if (slot < 0 && slot != -ERANGE)
		return verify_refuse(
			env, REASON_DYNPTR, "Dynptr has to be an uninitialized dynptr\n");
	for (s32 i = 0; !err && i < DYNPTR_SLOTS * SLOT_SIZE; i += SLOT_SIZE)
		err = access_check(env, regno, i, 8, true, -1, false, false);
	return err ? err : create(env, cur_reg(env, regno), arg, clone_ref);
}

/* The first slot of an initialised dynptr, or -1. */
static int initialized_slot(struct verify_env *env, const struct reg *reg)
{
	const struct frame *frame = reg_frame(env, reg);
	int slot = find_slot(env, reg);

	if (slot < 0 || !frame->slots[slot].spilled.is_first_slot)
		return -1;
	for (u32 i = 0; i < SLOT_SIZE; i++)
		if (frame->slots[slot].kind[i] != SLOT_DYNPTR ||
			frame->slots[slot - 1].kind[i] != SLOT_DYNPTR)
			return -1;
	return slot;
}

static const char *kind_name(u32 kind)
{
	static const char *const names[] = {"<invalid>", "local", "ringbuf", "skb", "xdp"};

	return names[kind];
}

int dynptr_arg_clone(struct verify_env *env, u32 regno, u32 arg, u32 clone_ref)
{
	struct reg *reg = cur_reg(env, regno);
	u32 kind = kind_of_arg(arg), have;
	struct frame *frame;
	int slot = 0;

	if (reg->type != REG_STACK && reg->type != REG_DYNPTR)
		return verify_refuse(env, REASON_DYNPTR,
			"arg#%d expected pointer to stack or const struct bpf_dynptr\n", regno - 1);
	if (arg & ARG_UNINIT)
		return check_new(env, regno, arg, clone_ref);
	if (reg->type == REG_DYNPTR && !(arg & ARG_RDONLY))
		return verify_refuse(env, REASON_DYNPTR,
			"cannot pass pointer to const bpf_dynptr, the helper mutates it\n");
	if (reg->type == REG_STACK)
		slot = initialized_slot(env, reg);
	if (slot < 0)
		return verify_refuse(env, REASON_DYNPTR,
			"Expected an initialized dynptr as arg #%d\n", regno - 1);
	have = dynptr_kind_of(env, reg);
	if (kind != DYNPTR_INVALID && have != kind)
		return verify_refuse(env, REASON_DYNPTR,
			"Expected a dynptr of type %s as arg #%d\n", kind_name(kind), regno - 1);
	if (reg->type == REG_DYNPTR)
		return 0;
	frame = reg_frame(env, reg);
	for (s32 i = slot; i > slot - DYNPTR_SLOTS; i--)
		live_mark_read(
			env, &frame->slots[i].spilled, frame->slots[i].spilled.parent, LIVE_READ64);
	return 0;
}

int dynptr_arg(struct verify_env *env, u32 regno, u32 arg)
{
	return dynptr_arg_clone(env, regno, arg, 0);
}

static const struct reg *described(struct verify_env *env, struct reg *reg)
{
	int slot;

	if (reg->type == REG_DYNPTR)
		return reg;
	slot = reg->type == REG_STACK ? find_slot(env, reg) : -1;
	return slot < 0 || !is_dynptr_slot(reg_frame(env, reg), slot)
		? NULL
		: &reg_frame(env, reg)->slots[slot].spilled;
}

int dynptr_describe(struct verify_env *env, struct reg *reg, u32 *ret_id, u32 *ret_ref)
{
	const struct reg *d = described(env, reg);

	if (!d)
		return -EINVAL;
	*ret_id = d->id;
	*ret_ref = d->ref_id;
	return 0;
}

u32 dynptr_kind_of(struct verify_env *env, struct reg *reg)
{
	const struct reg *d = described(env, reg);

	return d ? d->dynptr_kind : DYNPTR_INVALID;
}

/* submit or discard: every clone of it is gone too. */
int dynptr_release(struct verify_env *env, struct reg *reg)
{
	struct frame *frame = reg_frame(env, reg);
	int slot = find_slot(env, reg);
	u32 ref_id;

	if (slot < 0)
		return slot;
	ref_id = frame->slots[slot].spilled.ref_id;
	if (frame->slots[slot].spilled.dynptr_kind != DYNPTR_RINGBUF) {
		clear_slots(env, frame, slot);
		return 0;
	}
	if (ref_release(env, ref_id))
		return -EINVAL;
	for (u32 i = 1; i < frame->slot_count; i++) {
		const struct slot *s = &frame->slots[i];

		if (s->kind[0] == SLOT_DYNPTR && s->spilled.ref_id == ref_id &&
			s->spilled.is_first_slot)
			clear_slots(env, frame, (s32)i);
	}
	return 0;
}
