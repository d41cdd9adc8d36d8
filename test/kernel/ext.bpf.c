// SPDX-License-Identifier: BSD-2-Clause
#define KINDS freplace
#include "fired.h"

SEC("freplace/verdict") int on_freplace(struct xdp_md *ctx)
{
	count(freplace);
	return XDP_DROP;
}
