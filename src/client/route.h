/* SPDX-License-Identifier: BSD-2-Clause */
/* Routes whose packets go through programs (lightweight tunnels), over rtnetlink. */
#ifndef CLIENT_ROUTE_H
#define CLIENT_ROUTE_H

#include "base/str.h"

struct route {
	u8 family; /* AF_INET, AF_INET6 */
	u8 prefix_len;
	u8 prefix[16];
	u32 ifindex;
};

struct route_programs {
	int in_fd, out_fd, xmit_fd; /* -1 = none */
	u32 headroom;		    /* bytes for xmit programs that push headers */
};

/* "10.1.0.0/16", "fd00::/8", "10.1.2.3". -EINVAL. */
int route_parse(const char *text, struct route *ret_route);
/* -EEXIST: there is a route to exactly this prefix. */
int route_add(const struct route *route, const struct route_programs *programs);
int route_delete(const struct route *route);

#endif
