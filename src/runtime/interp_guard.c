// SPDX-License-Identifier: BSD-2-Clause
/*
 * What the checked loop asks of run->guard, and how a refusal ends the run. Stacks are the
 * interpreter's own; everything else is the guard's to judge. A helper gets memory by the contract
 * in spec/helpers.def: the same bytes are put to the guard before the call.
 */
#include "runtime/interp.h"
#include "spec/helper.h"

static bool trip(
	struct run *run, const struct interp_image *image, const struct interp_op *op, u64 addr)
{
	u32 insn = image->insn_of_op[op - image->ops];

	if (image->facts)
		insn = image->facts[op - image->ops].orig;
	run->fault = RUN_GUARD_TRIPPED;
	if (run->guard->tripped)
		run->guard->tripped(run->guard, run, insn, addr);
	return false;
}

static bool is_on_stack(const struct run *run, u64 addr, u64 size)
{
	const struct run_stack *s;

	for (s = run->stack; s; s = s->outer) {
		if (addr >= s->low && addr <= s->high && s->high - addr >= size)
			return true;
	}
	return false;
}

bool interp_guard_access(struct run *run, const struct interp_image *image,
	const struct interp_op *op, u64 addr, u32 size, bool is_write)
{
	if (!run->guard || is_on_stack(run, addr, size) ||
		run->guard->may_access(run->guard, run, addr, size, is_write))
		return true;
	return trip(run, image, op, addr);
}

static const struct code_map *map_by_handle(const struct interp_image *image, u64 handle)
{
	u32 i;

	for (i = 0; i < image->map_count; i++) {
		if (image->maps[i].handle == handle)
			return &image->maps[i];
	}
	return NULL;
}

/* Bytes behind argument n of a helper, 0 when it is no pointer to memory of a known size. */
static u64 arg_bytes(
	const struct helper_spec *spec, u32 n, const u64 *regs, const struct interp_image *image)
{
	const struct code_map *map = map_by_handle(image, regs[1]);
	u32 next;

	switch (spec->arg[n] & ARG_TYPE_MASK) {
	case ARG_MAP_KEY: return map ? map->key_size : 0;
	case ARG_MAP_VALUE: return map ? map->value_size : 0;
	case ARG_MEM:
		if (spec->arg[n] & ARG_FIXED_SIZE)
			return spec->fixed_size[n];
		next = n < 4 ? spec->arg[n + 1] & ARG_TYPE_MASK : ARG_NONE;
		return next == ARG_CONST_SIZE || next == ARG_CONST_SIZE_OR_ZERO ? regs[n + 2] : 0;
	default: return 0;
	}
}

bool interp_guard_call(struct run *run, const struct interp_image *image,
	const struct interp_op *op, const u64 *regs)
{
	const struct helper_spec *spec;
	u32 n;

	if (!run->guard)
		return true;
	spec = helper_spec_by_id((u32)op->off);
	for (n = 0; spec && n < 5; n++) {
		u64 bytes = arg_bytes(spec, n, regs, image);
		bool is_write = spec->arg[n] & (ARG_UNINIT | ARG_WRITE);

		if (!bytes || ((spec->arg[n] & ARG_MAYBE_NULL) && !regs[n + 1]))
			continue;
		if (bytes > UINT32_MAX)
			return trip(run, image, op, regs[n + 1]);
		if (!interp_guard_access(run, image, op, regs[n + 1], (u32)bytes, is_write))
			return false;
	}
	return true;
}
