// SPDX-License-Identifier: BSD-2-Clause
/*
 * The stack: bytes that were written may be read; a register that was spilled whole comes back
 * whole, with all that is known of it. Bytes are tracked one by one (invalid, misc, zero, part of a
 * spill); with a variable offset every byte that may be meant is.
 */
#include "verify/check.h"

#include <errno.h>
#include <stdio.h>

static bool is_spillable(u32 type)
{
	switch (reg_kind(type)) {
	case REG_NOT_INIT:
	case REG_SCALAR:
	case REG_TP_BUFFER:
	case REG_DYNPTR: return false;
	default: return true;
	}
}

int stack_refuse_variable(struct verify_env *env, u32 regno, const struct reg *reg, s32 off)
{
	char text[48];

	return verify_refuse(env, REASON_SPECULATION,
		"R%d variable stack access prohibited for !root, var_off=%s off=%d\n", regno,
		tnum_text(reg->val.var_off, text), off);
}

/* A slot that only calls that clobber nothing were thought to use has another use. */
static void check_fastcall(struct verify_env *env, const struct frame *frame, s32 off)
{
	struct subprog *s = &env->subprogs[frame->subprog];

	if (s->fastcall_stack_off <= off || cur_aux(env)->fastcall)
		return;
	s->fastcall_stack_off = INT16_MIN;
	for (u32 i = s[0].start; i < s[1].start; i++) {
		env->aux[i].fastcall_spills = 0;
		env->aux[i].fastcall = 0;
	}
}

/* ---- bounds ---------------------------------------------------------------------------------- */

static int grow(struct verify_env *env, struct frame *frame, s64 min_off)
{
	u32 bytes = ALIGN_UP((u32)-min_off, (u32)SLOT_SIZE);
	struct subprog *s = &env->subprogs[frame->subprog];

	if (frame->slot_count >= bytes / SLOT_SIZE)
		return 0;
	s->stack_depth = MAX(s->stack_depth, bytes);
	return frame_grow_stack(&env->pool, frame, bytes / SLOT_SIZE);
}

static int refuse_bounds(
	struct verify_env *env, u32 regno, const char *what, s32 off, s32 size, enum reason reason)
{
	const struct reg *reg = cur_reg(env, regno);
	char text[48];
	int err;

	if (reg_var_is_const(reg))
		err = verify_refuse(env, reason, "invalid%s stack R%d off=%d size=%d\n", what,
			regno, off, size);
	else
		err = verify_refuse(env, reason,
			"invalid variable-offset%s stack R%d var_off=%s off=%d size=%d\n", what,
			regno, tnum_text(reg->val.var_off, text), off, size);
	verify_blame(env, (s32)regno, NULL);
	return err;
}

static const char *access_name(const struct verify_env *env, bool is_helper, bool is_write)
{
	if (is_helper && env->kernel < KERNEL(6, 13))
		return " indirect access to";
	return is_write ? " write to" : " read from";
}

int stack_check_bounds(
	struct verify_env *env, u32 regno, s32 off, s32 size, bool is_helper, bool is_write)
{
	struct reg *reg = cur_reg(env, regno);
	struct frame *frame = reg_frame(env, reg);
	const char *what = access_name(env, is_helper, is_write);
	s64 min, max, lowest;

	if (reg_var_is_const(reg)) {
		min = (s64)reg->val.var_off.value + off;
		max = min + size;
	} else {
		if (reg->val.smax >= VAR_OFF_MAX || reg->val.smin <= -VAR_OFF_MAX)
			return verify_refuse(env, REASON_STACK_BOUNDS,
				"invalid unbounded variable-offset%s stack R%d\n", what, regno);
		min = reg->val.smin + off;
		max = reg->val.smax + off + size;
	}
	lowest = is_write || env->allow_uninit_stack ? -STACK_MAX
						     : -(s64)frame->slot_count * SLOT_SIZE;
	if (min < lowest || min > -1)
		return refuse_bounds(env, regno, what, off, size, REASON_STACK_BOUNDS);
	if (max > 0)
		return refuse_bounds(env, regno, what, off, size, REASON_STACK_END);
	if (size < 0)
		return refuse_bounds(env, regno, what, off, size, REASON_STACK_SIZE);
	return grow(env, frame, min);
}

/* ---- writing --------------------------------------------------------------------------------- */

static void save_reg(struct slot *s, const struct reg *reg, u32 size)
{
	u32 i;

	reg_copy(&s->spilled, reg);
	if (size == SLOT_SIZE)
		s->spilled.live |= LIVE_WRITTEN;
	for (i = SLOT_SIZE; i > SLOT_SIZE - size; i--)
		s->kind[i - 1] = SLOT_SPILL;
	/* the rest of the slot is no part of a spill any more */
	for (; i; i--)
		if (s->kind[i - 1] != SLOT_ZERO && s->kind[i - 1] != SLOT_INVALID)
			s->kind[i - 1] = SLOT_MISC;
}

static void scrub(struct slot *s)
{
	u8 kind = s->kind[SLOT_SIZE - 1];

	s->spilled.type = REG_NOT_INIT;
	if (kind != SLOT_SPILL && kind != SLOT_DYNPTR && kind != SLOT_ITER)
		return;
	for (u32 i = 0; i < SLOT_SIZE; i++)
		if (s->kind[i] != SLOT_INVALID)
			s->kind[i] = SLOT_MISC;
}

static bool stores_imm(const struct insn *insn)
{
	return BPF_CLASS(insn->op) == BPF_ST && BPF_MODE(insn->op) == BPF_MEM;
}

/* May a load that bypasses this store see something secret? Then a barrier follows it. */
static void check_bypass(
	struct verify_env *env, const struct slot *s, s32 off, u32 size, const struct reg *value)
{
	bool leaks = value && is_spillable(value->type);

	if (env->bypass_spec_v4)
		return;
	for (u32 i = 0; i < size && !leaks; i++) {
		u8 kind = s->kind[(u32)(-off - 1 - (s32)i) % SLOT_SIZE];

		leaks = kind != SLOT_MISC && kind != SLOT_ZERO;
	}
	if (leaks)
		cur_aux(env)->nospec_result = 1;
}

static int write_bytes(
	struct verify_env *env, struct slot *s, s32 off, u32 size, s32 value_regno, bool is_zero)
{
	u8 kind = SLOT_MISC;

	scrub(s);
	if (size == SLOT_SIZE)
		s->spilled.live |= LIVE_WRITTEN;
	if (is_zero) {
		/* that the value is zero is relied on from here */
		int err = value_regno >= 0 ? precision_mark(env, (u32)value_regno) : 0;

		if (err)
			return err;
		kind = SLOT_ZERO;
	}
	for (u32 i = 0; i < size; i++)
		s->kind[(u32)(-off - 1 - (s32)i) % SLOT_SIZE] = kind;
	return 0;
}

static int spill_scalar(struct verify_env *env, struct slot *s, struct reg *value, u32 size)
{
	bool fits = reg_width(value) <= size * 8;

	if (fits && env->kernel >= KERNEL(6, 8))
		link_scalar(env, value);
	save_reg(s, value, size);
	/* before 6.8 a part of a slot does not follow what is learned of the number */
	if (!fits || (size < SLOT_SIZE && env->kernel < KERNEL(6, 8)))
		s->spilled.id = 0;
	return 0;
}

static int spill_pointer(struct verify_env *env, struct frame *frame, struct slot *s,
	const struct reg *value, u32 size)
{
	if (size != SLOT_SIZE) {
		print_line(env, (u32)env->insn, "; ");
		return verify_refuse(
			env, REASON_STACK_POINTER_PART, "invalid size of register spill\n");
	}
	if (frame != cur_frame(env) && value->type == REG_STACK)
		return verify_refuse(env, REASON_STACK_FRAME,
			"cannot spill pointers to stack into stack frame of the caller\n");
	save_reg(s, value, size);
	return 0;
}

/* Before 6.12 a zero or a number of which nothing is known leaves bytes, and not a spilled value.
 */
static bool keeps_number(const struct verify_env *env, const struct reg *value)
{
	const struct insn *insn = &env->insns[env->insn];

	if (!env->bpf_capable)
		return false;
	if (!value)
		return stores_imm(insn) && (insn->imm || env->kernel >= KERNEL(6, 12));
	return value->type == REG_SCALAR &&
		(env->kernel >= KERNEL(6, 12) ||
			(!scalar_is_unknown(&value->val) && !reg_is_null(value)));
}

static int write_fixed(
	struct verify_env *env, struct frame *frame, s32 off, u32 size, s32 value_regno)
{
	const struct insn *insn = &env->insns[env->insn];
	u32 index = (u32)slot_index(off);
	struct slot *s = &frame->slots[index];
	struct reg *value = value_regno >= 0 ? cur_reg(env, (u32)value_regno) : NULL;
	bool is_aligned = off % SLOT_SIZE == 0;
	int err;

	/* before 6.12 of numbers too, where all eight bytes were spilled */
	if (!env->allow_ptr_leaks && size != SLOT_SIZE &&
		(env->kernel < KERNEL(6, 12) ? s->kind[0] == SLOT_SPILL
					     : slot_is_spill(s) && !slot_is_scalar(s)))
		return verify_refuse(env, REASON_STACK_POINTER_PART,
			"attempt to corrupt spilled pointer on stack\n");
	check_bypass(env, s, off, size, value);
	err = dynptr_destroy_slot(env, frame, (s32)index);
	if (err)
		return err;
	check_fastcall(env, frame, off);
	scratch_slot(env, index);
	if (value && is_aligned && keeps_number(env, value)) {
		err = spill_scalar(env, s, value, size);
	} else if (!value && is_aligned && keeps_number(env, NULL)) {
		struct reg *imm = &env->fake[0];

		memset(imm, 0, sizeof(*imm));
		imm->type = REG_SCALAR;
		reg_set_const(imm, (u64)(s64)insn->imm);
		save_reg(s, imm, size);
	} else if (value && is_spillable(value->type)) {
		err = spill_pointer(env, frame, s, value, size);
	} else {
		return write_bytes(env, s, off, size, value_regno,
			value ? reg_is_null(value) : stores_imm(insn) && insn->imm == 0);
	}
	return err ? err : explore_hist(env, hist_stack_flags(frame->frameno, index), 0);
}

static int write_variable(struct verify_env *env, struct frame *frame, const struct reg *ptr,
	s32 off, u32 size, s32 value_regno)
{
	const struct insn *insn = &env->insns[env->insn];
	s32 min = (s32)ptr->val.smin + off, max = (s32)ptr->val.smax + off + (s32)size;
	const struct reg *value = value_regno >= 0 ? cur_reg(env, (u32)value_regno) : NULL;
	bool is_zero = value ? reg_is_null(value) : stores_imm(insn) && insn->imm == 0;
	bool zero_used = false;

	for (s32 i = min; i < max; i++) {
		int err = dynptr_destroy_slot(env, frame, slot_index(i));

		if (err)
			return err;
	}
	check_fastcall(env, frame, min);
	for (s32 i = min; i < max; i++) {
		struct slot *s = &frame->slots[slot_index(i)];
		u8 *kind = &s->kind[(u32)(-i - 1) % SLOT_SIZE], new_kind = SLOT_MISC;

		scratch_slot(env, (u32)slot_index(i));
		if (!env->allow_ptr_leaks && *kind != SLOT_MISC && *kind != SLOT_ZERO)
			return verify_refuse(env, REASON_STACK_POINTER_LOST,
				"spilled ptr in range of var-offset stack write; insn %d, ptr off: "
				"%d",
				env->insn, i);
		/* zero over zero is zero, wherever it went */
		if (is_zero && *kind == SLOT_SPILL && slot_is_scalar(s) &&
			reg_is_null(&s->spilled)) {
			zero_used = true;
			continue;
		}
		scrub(s);
		if (is_zero && *kind == SLOT_ZERO) {
			new_kind = SLOT_ZERO;
			zero_used = true;
		}
		if (*kind == SLOT_INVALID && !env->allow_uninit_stack)
			return verify_refuse(env, REASON_STACK_POINTER_LOST,
				"uninit stack in range of var-offset write prohibited for !root; "
				"insn "
				"%d, off: %d",
				env->insn, i);
		*kind = new_kind;
	}
	return zero_used && value_regno >= 0 ? precision_mark(env, (u32)value_regno) : 0;
}

int stack_write(struct verify_env *env, u32 ptr_regno, s32 off, u32 size, s32 value_regno)
{
	const struct reg *ptr = cur_reg(env, ptr_regno);
	struct frame *frame = reg_frame(env, ptr);

	if (reg_var_is_const(ptr))
		return write_fixed(
			env, frame, off + (s32)ptr->val.var_off.value, size, value_regno);
	return write_variable(env, frame, ptr, off, size, value_regno);
}

/* ---- reading --------------------------------------------------------------------------------- */

static void set_zero(struct verify_env *env, struct reg *dst)
{
	reg_set_const(dst, 0);
	dst->type = REG_SCALAR;
	/* zeros on the stack were made precise when they were written */
	dst->precise = !env->bpf_capable;
}

/* Reads bytes [min, max) as a number: zero if all are. */
static void read_bytes(
	struct verify_env *env, const struct frame *frame, s32 min, s32 max, u32 dst_regno)
{
	struct reg *dst = cur_reg(env, dst_regno);
	bool all_zero = true;

	for (s32 i = min; i < max && all_zero; i++) {
		u32 index = (u32)slot_index(i);

		scratch_slot(env, index);
		all_zero = frame->slots[index].kind[(u32)(-i - 1) % SLOT_SIZE] == SLOT_ZERO;
	}
	if (all_zero)
		set_zero(env, dst);
	else
		mark_unknown(env, dst);
	dst->live |= LIVE_WRITTEN;
}

static int refuse_read(struct verify_env *env, s32 off, u32 byte, u32 size)
{
	return verify_refuse(env, REASON_STACK_UNINITIALIZED,
		"invalid read from stack off %d+%d size %d\n", off, byte, size);
}

struct bytes {
	u32 spilled, zero;
};

/* Are bytes [off, off + size) of one slot readable, as what? */
static int count_bytes(struct verify_env *env, const struct slot *s, s32 off, u32 size,
	bool spills_ok, struct bytes *ret)
{
	*ret = (struct bytes){0};
	for (u32 i = 0; i < size; i++) {
		u8 kind = s->kind[(u32)(-off - 1 - (s32)i) % SLOT_SIZE];

		if (kind == SLOT_SPILL && spills_ok)
			ret->spilled++;
		else if (kind == SLOT_ZERO)
			ret->zero++;
		else if (kind != SLOT_MISC && !(kind == SLOT_INVALID && env->allow_uninit_stack))
			return refuse_read(env, off, i, size);
	}
	return 0;
}

/* Part of a spilled scalar, or of what is left of one. */
static int fill_part(struct verify_env *env, struct slot *s, s32 off, u32 size, u32 spill_size,
	s32 dst_regno, bool *ret_is_traced)
{
	struct reg *dst;
	struct bytes n;
	s32 subreg_def;
	int err;

	if (s->spilled.type != REG_SCALAR) {
		print_line(env, (u32)env->insn, "; ");
		return verify_refuse(
			env, REASON_STACK_POINTER_PART, "invalid size of register fill\n");
	}
	live_mark_read(env, &s->spilled, s->spilled.parent, LIVE_READ64);
	if (dst_regno < 0) {
		*ret_is_traced = false;
		return 0;
	}
	dst = cur_reg(env, (u32)dst_regno);
	/* the low end of what was spilled (little endian) */
	if (off % SLOT_SIZE == 0 &&
		(size == spill_size || (size < spill_size && env->kernel >= KERNEL(6, 8)))) {
		subreg_def = dst->subreg_def;
		reg_copy(dst, &s->spilled);
		dst->subreg_def = subreg_def;
		if (reg_width(&s->spilled) > size * 8)
			reg_clear_link(dst);
		dst->live |= LIVE_WRITTEN;
		return 0;
	}
	err = count_bytes(env, s, off, size, true, &n);
	if (err)
		return err;
	if (env->kernel < KERNEL(6, 8)) {
		mark_unknown(env, dst);
	} else if (n.spilled == size && reg_is_null(&s->spilled)) {
		set_zero(env, dst);
	} else if (n.zero == size) {
		set_zero(env, dst);
		*ret_is_traced = false;
	} else {
		mark_unknown(env, dst);
		*ret_is_traced = false;
	}
	dst->live |= LIVE_WRITTEN;
	return 0;
}

static int fill(struct verify_env *env, struct slot *s, s32 off, u32 size, s32 dst_regno,
	bool *ret_is_traced)
{
	u32 spill_size = 1;
	int err;

	for (u32 i = SLOT_SIZE - 1; i > 0 && s->kind[i - 1] == SLOT_SPILL; i--)
		spill_size++;
	if (size != SLOT_SIZE || spill_size != SLOT_SIZE) {
		err = fill_part(env, s, off, size, spill_size, dst_regno, ret_is_traced);
		if (err || dst_regno < 0)
			return err;
	} else if (dst_regno >= 0) {
		reg_copy(cur_reg(env, (u32)dst_regno), &s->spilled);
		cur_reg(env, (u32)dst_regno)->live |= LIVE_WRITTEN;
	} else if (!env->allow_ptr_leaks && s->spilled.type != REG_SCALAR) {
		return verify_refuse(
			env, REASON_POINTER_LEAK, "leaking pointer from stack off %d\n", off);
	}
	live_mark_read(env, &s->spilled, s->spilled.parent, LIVE_READ64);
	return 0;
}

static int read_fixed(struct verify_env *env, struct frame *frame, s32 off, u32 size, s32 dst_regno)
{
	u32 index = (u32)slot_index(off);
	struct slot *s = &frame->slots[index];
	bool is_traced = true;
	struct bytes n;
	int err;

	scratch_slot(env, index);
	check_fastcall(env, cur_frame(env), off);
	if (slot_is_spill(s)) {
		err = fill(env, s, off, size, dst_regno, &is_traced);
		if (err)
			return err;
		return is_traced ? explore_hist(env, hist_stack_flags(frame->frameno, index), 0)
				 : 0;
	}
	err = count_bytes(env, s, off, size, false, &n);
	if (err)
		return err;
	live_mark_read(env, &s->spilled, s->spilled.parent, LIVE_READ64);
	if (dst_regno >= 0)
		read_bytes(env, frame, off, off + (s32)size, (u32)dst_regno);
	return 0;
}

static int read_variable(struct verify_env *env, u32 ptr_regno, s32 off, u32 size, u32 dst_regno)
{
	struct reg *ptr = cur_reg(env, ptr_regno);
	struct frame *frame = reg_frame(env, ptr);
	s32 min, max;
	int err = stack_check_range(env, ptr_regno, off, (s32)size, false, STACK_LOAD, NULL);

	if (err)
		return err;
	min = (s32)ptr->val.smin + off;
	max = (s32)ptr->val.smax + off;
	read_bytes(env, frame, min, max + (s32)size, dst_regno);
	check_fastcall(env, frame, min);
	return 0;
}

int stack_read(struct verify_env *env, u32 ptr_regno, s32 off, u32 size, s32 dst_regno)
{
	struct reg *ptr = cur_reg(env, ptr_regno);
	char text[48];

	if (reg_var_is_const(ptr))
		return read_fixed(env, reg_frame(env, ptr), off + (s32)ptr->val.var_off.value, size,
			dst_regno);
	if (dst_regno < 0)
		return verify_refuse(env, REASON_STACK_BOUNDS,
			"variable offset stack pointer cannot be passed into helper function; "
			"var_off=%s off=%d size=%d\n",
			tnum_text(ptr->val.var_off, text), off, size);
	return read_variable(env, ptr_regno, off, size, (u32)dst_regno);
}

/* ---- ranges that helpers take ---------------------------------------------------------------- */

/* A helper fills it: only dynptrs must not be there. */
static int check_raw(struct verify_env *env, const struct frame *frame, u32 regno, s32 min, s32 max,
	struct call_meta *meta)
{
	for (s32 i = min; i < max; i++) {
		if (frame->slot_count * SLOT_SIZE <= (u32)(-i - 1))
			continue;
		if (frame->slots[slot_index(i)].kind[(u32)(-i - 1) % SLOT_SIZE] == SLOT_DYNPTR)
			return verify_refuse(env, REASON_DYNPTR,
				"potential write to dynptr at off=%d disallowed\n", i);
	}
	meta->access_size = max - min;
	meta->raw_regno = regno;
	return 0;
}

/* One byte that is read, and by a helper perhaps written. */
static bool byte_is_ok(struct verify_env *env, struct slot *s, u8 *kind, bool clobber)
{
	if (*kind == SLOT_MISC)
		return true;
	if (*kind == SLOT_ZERO || (*kind == SLOT_INVALID && env->allow_uninit_stack)) {
		if (clobber)
			*kind = SLOT_MISC;
		return true;
	}
	if (!slot_is_spill(s) || (s->spilled.type != REG_SCALAR && !env->allow_ptr_leaks))
		return false;
	if (clobber) {
		mark_unknown(env, &s->spilled);
		for (u32 i = 0; i < SLOT_SIZE; i++)
			if (s->kind[i] != SLOT_INVALID)
				s->kind[i] = SLOT_MISC;
	}
	return true;
}

static int refuse_byte(struct verify_env *env, u32 regno, const struct reg *reg, bool is_helper,
	s32 min, s32 byte, s32 size)
{
	const char *how = is_helper && env->kernel < KERNEL(6, 13) ? " indirect" : "";
	char text[48];

	if (reg_var_is_const(reg))
		return verify_refuse(env, REASON_STACK_UNINITIALIZED,
			"invalid%s read from stack R%d off %d+%d size %d\n", how, regno, min,
			byte - min, size);
	return verify_refuse(env, REASON_STACK_UNINITIALIZED,
		"invalid%s read from stack R%d var_off %s+%d size %d\n", how, regno,
		tnum_text(reg->val.var_off, text), byte - min, size);
}

int stack_check_range(struct verify_env *env, u32 regno, s32 off, s32 size, bool zero_ok,
	enum stack_use use, struct call_meta *meta)
{
	struct reg *reg = cur_reg(env, regno);
	struct frame *frame = reg_frame(env, reg);
	bool is_helper = use != STACK_LOAD;
	/* older kernels did not know which helper reads and which writes */
	bool is_write = is_helper && (use == STACK_HELPER_WRITE || env->kernel < KERNEL(6, 14));
	s32 min, max;
	char text[48];
	int err;

	if (size == 0 && !zero_ok)
		return verify_refuse(env, REASON_ZERO_SIZE, "invalid zero-sized read\n");
	err = stack_check_bounds(env, regno, off, size, is_helper, is_write);
	if (err)
		return err;
	if (reg_var_is_const(reg)) {
		min = max = (s32)reg->val.var_off.value + off;
	} else {
		if (!env->bypass_spec_v1)
			return verify_refuse(env, REASON_SPECULATION,
				"R%d%s variable offset stack access prohibited for !root, "
				"var_off=%s\n",
				regno, is_helper ? " indirect" : "",
				tnum_text(reg->val.var_off, text));
		meta = NULL; /* not all of the range will be filled */
		min = (s32)reg->val.smin + off;
		max = (s32)reg->val.smax + off;
	}
	if (meta && meta->raw_mode)
		return check_raw(env, frame, regno, min, max + size, meta);
	for (s32 i = min; i < max + size; i++) {
		struct slot *s;

		if (bug_on(frame->slot_count * SLOT_SIZE <= (u32)(-i - 1)))
			return verify_refuse(
				env, REASON_INTERNAL, "verifier bug: allocated_stack too small");
		s = &frame->slots[slot_index(i)];
		if (!byte_is_ok(env, s, &s->kind[(u32)(-i - 1) % SLOT_SIZE], is_write))
			return refuse_byte(env, regno, reg, is_helper, min, i, size);
		live_mark_read(env, &s->spilled, s->spilled.parent, LIVE_READ64);
	}
	return 0;
}
