// SPDX-License-Identifier: BSD-2-Clause
/* What security hooks return. */
#include "spec/funcset.h"
#include "verify/check.h"

#include <errno.h>

bool lsm_retval_range(const struct verify_env *env, s32 *ret_min, s32 *ret_max)
{
	if (env->prog_type != BPF_PROG_TYPE_LSM || env->in->attach_type != BPF_LSM_MAC ||
		!env->attach_proto || !env->attach_proto->type)
		return false;
	/* a few answer yes or no, all others 0 or -errno */
	if (funcset_has(FUNCSET_lsm_bool, env->attach_name)) {
		*ret_min = 0;
		*ret_max = 1;
	} else {
		*ret_min = -4095;
		*ret_max = 0;
	}
	return true;
}

int lsm_bound_retval(struct verify_env *env, struct reg *r)
{
	s32 min, max;

	if (r->type != REG_SCALAR || !lsm_retval_range(env, &min, &max))
		return 0;
	scalar_bound_s32(&r->val, min, max);
	return reg_check_sane(env, r, "s32_range");
}
