// SPDX-License-Identifier: BSD-2-Clause
/*
 * Perf event arrays and cgroup arrays: programs name a slot to helpers; user space can fill and
 * empty slots but not read them. With BPF_F_PRESERVE_ELEMS a perf event stays when the descriptor
 * through which it was put is closed; the layer that knows descriptors sees to that.
 */
#include "map/kinds.h"
#include "map/slots.h"

#define UNREADABLE_SLOTS                                                                           \
	{                                                                                          \
		.check = slots_check, .region_size = slots_region_size, .init = slots_init,        \
		.release = slots_release, .remove = slots_remove,                                  \
		.copy_out = slots_copy_out_refused, .copy_in = slots_copy_in,                      \
		.next_key = slots_next_key,                                                        \
	}

const struct map_ops map_perf_event_array_ops = UNREADABLE_SLOTS;
const struct map_ops map_cgroup_array_ops = UNREADABLE_SLOTS;
