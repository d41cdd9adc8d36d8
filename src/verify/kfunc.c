// SPDX-License-Identifier: BSD-2-Clause
/* Calls of kernel functions by BTF id. None is modelled yet: a program that calls one is refused.
 */
#include "verify/check.h"

#include <errno.h>

int kfunc_add(struct verify_env *env, const struct insn *insn)
{
	/* a weak function that the kernel does not have: fine unless a path calls it */
	if (!insn->imm && !insn->off)
		return 0;
	return verify_unsupported(env, "a call of a kernel function");
}

void kfunc_mark_cfg(struct verify_env *env, u32 insn)
{
	(void)env;
	(void)insn;
}

int call_kfunc(struct verify_env *env, const struct insn *insn)
{
	(void)insn;
	return verify_refuse(env, REASON_KFUNC,
		"invalid kernel function call not eliminated in "
		"verifier pass\n");
}
