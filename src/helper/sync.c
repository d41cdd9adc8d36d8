// SPDX-License-Identifier: BSD-2-Clause
/* bpf_spin_lock in map values. */
#include "helper/impl.h"
#include "map/lock.h"

HELPER_FN(spin_lock)
{
	map_value_lock(helper_ptr(r1));
	return 0;
}

HELPER_FN(spin_unlock)
{
	map_value_unlock(helper_ptr(r1));
	return 0;
}
