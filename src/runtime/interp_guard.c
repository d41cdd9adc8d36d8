// SPDX-License-Identifier: BSD-2-Clause
/* What the checked loop asks of run->guard, and how a refusal ends the run. */
#include "runtime/interp.h"

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

bool interp_guard_access(struct run *run, const struct interp_image *image,
	const struct interp_op *op, u64 addr, u32 size, bool is_write)
{
	if (!run->guard || run->guard->may_access(run->guard, run, addr, size, is_write))
		return true;
	return trip(run, image, op, addr);
}

bool interp_guard_call(struct run *run, const struct interp_image *image,
	const struct interp_op *op, const u64 *regs)
{
	return true;
}
