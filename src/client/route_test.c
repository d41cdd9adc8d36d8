// SPDX-License-Identifier: BSD-2-Clause
#include "client/route.h"
#include "test/tap.h"

#include <sys/socket.h>

TEST(prefixes_of_both_families_are_read)
{
	struct route route;

	CHECK_EQ(route_parse("10.1.0.0/16", &route), 0);
	CHECK_EQ(route.family, AF_INET);
	CHECK_EQ(route.prefix_len, 16);
	CHECK_EQ(route.prefix[0], 10);
	CHECK_EQ(route.prefix[1], 1);
	CHECK_EQ(route_parse("fd00::1", &route), 0);
	CHECK_EQ(route.family, AF_INET6);
	CHECK_EQ(route.prefix_len, 128);
	CHECK_EQ(route.prefix[15], 1);
}

TEST(what_is_no_prefix_is_refused)
{
	static const char *const wrong[] = {"", "/", "10.1.0.0/33", "10.1.0/8", "::/129",
		"10.0.0.0/", "10.0.0.0/-1", "a.b.c.d", "10.0.0.0/8x",
		"1111111111111111111111111111111111111111111111111111111111111111111111/8"};
	struct route route = {.family = 77};

	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		CHECK_EQ(route_parse(wrong[i], &route), -EINVAL);
		CHECK_EQ(route.family, 77);
	}
}
