// SPDX-License-Identifier: BSD-2-Clause
/*
 * Prog arrays: what tail calls jump through. Which programs may stand in one (type, jited, the
 * first program's) is for whoever implements object_ops; engines read map->objects as a tail table.
 */
#include "map/kinds.h"
#include "map/slots.h"

const struct map_ops map_prog_array_ops = {
	.check = slots_check,
	.region_size = slots_region_size,
	.init = slots_init,
	.release = slots_release,
	.remove = slots_remove,
	.copy_out = slots_copy_out_id,
	.copy_in = slots_copy_in,
	.next_key = slots_next_key,
};
