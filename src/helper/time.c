// SPDX-License-Identifier: BSD-2-Clause
/* Clocks and random numbers of the world. */
#include "helper/impl.h"

#define HZ	      250
#define INITIAL_TICKS (u64)(u32)(-300 * HZ) /* jiffies start five minutes before they wrap */

HELPER_FN(ktime_get_ns)
{
	return world_time_ns(run->world, HACHI_CLOCK_MONOTONIC);
}

HELPER_FN(ktime_get_boot_ns)
{
	return world_time_ns(run->world, HACHI_CLOCK_BOOTTIME);
}

HELPER_FN(ktime_get_coarse_ns)
{
	return world_time_ns(run->world, HACHI_CLOCK_COARSE);
}

HELPER_FN(ktime_get_tai_ns)
{
	return world_time_ns(run->world, HACHI_CLOCK_TAI);
}

HELPER_FN(jiffies64)
{
	return INITIAL_TICKS +
		world_time_ns(run->world, HACHI_CLOCK_MONOTONIC) / (1000000000u / HZ);
}

HELPER_FN(get_prandom_u32)
{
	return world_random(run->world);
}
