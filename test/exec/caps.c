// SPDX-License-Identifier: BSD-2-Clause
/* A loader that gives its capabilities up for a while, as careful ones do. */
#include <bpf/bpf.h>
#include <errno.h>
#include <linux/capability.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

int capget(struct __user_cap_header_struct *header, struct __user_cap_data_struct *data);
int capset(struct __user_cap_header_struct *header, const struct __user_cap_data_struct *data);

static struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
static const unsigned bits[] = {39, 38, CAP_NET_ADMIN, CAP_SYS_ADMIN};

static void say(const char *when)
{
	struct __user_cap_data_struct data[2];
	int fd = bpf_map_create(BPF_MAP_TYPE_LRU_HASH, "m", 4, 4, 8, NULL), err = errno;

	printf("%s: capget %d, effective", when, capget(&header, data));
	for (unsigned i = 0; i < 4; i++)
		printf(" %d", data[bits[i] / 32].effective >> bits[i] % 32 & 1);
	printf(", an LRU map: %s\n", fd < 0 ? strerror(err) : "yes");
	if (fd >= 0)
		close(fd);
}

static void set(int is_on)
{
	struct __user_cap_data_struct data[2];

	capget(&header, data);
	for (unsigned i = 0; i < 4; i++) {
		unsigned bit = 1u << bits[i] % 32;

		data[bits[i] / 32].effective &= ~bit;
		data[bits[i] / 32].effective |= is_on ? bit : 0;
	}
	printf("capset %d\n", capset(&header, data));
}

int main(void)
{
	say("at first");
	set(0);
	say("without");
	set(1);
	say("again");
	return 0;
}
