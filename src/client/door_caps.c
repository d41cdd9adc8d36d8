// SPDX-License-Identifier: BSD-2-Clause
/*
 * capget(2) and capset(2), of which loaders ask whether they may use BPF, and by which they give
 * that up for a while. The instance's capabilities stand beside those that Linux gave the process;
 * where Linux has them per thread, the instance has them once.
 */
#include "client/door.h"
#include "base/os.h"

#include <errno.h>
#include <linux/capability.h>
#include <sys/syscall.h>

static const struct {
	u32 ours;
	u32 linux_bit;
} caps[] = {
	{HACHI_CAP_BPF, 39},	 /* CAP_BPF */
	{HACHI_CAP_PERFMON, 38}, /* CAP_PERFMON */
	{HACHI_CAP_NET_ADMIN, CAP_NET_ADMIN},
	{HACHI_CAP_SYS_ADMIN, CAP_SYS_ADMIN},
};

typedef struct __user_cap_header_struct cap_header;
typedef struct __user_cap_data_struct cap_data;

int capget(cap_header *header, cap_data *data);
int capset(cap_header *header, const cap_data *data);

/* The instance, when the call is about this process and in the form of this century. */
static struct hachi *asked(const cap_header *header, const cap_data *data)
{
	struct hachi *h = door_get();

	if (!h || !data || !header || !door_is_own_process())
		return NULL;
	if (header->version != _LINUX_CAPABILITY_VERSION_3)
		return NULL;
	return header->pid == 0 || (u32)header->pid == os_pid() ? h : NULL;
}

static int finish(long result)
{
	if (result < 0) {
		errno = (int)-result;
		return -1;
	}
	return 0;
}

__attribute__((visibility("default"))) int capget(cap_header *header, cap_data *data)
{
	long err = os_syscall(SYS_capget, (long)header, (long)data, 0, 0, 0, 0);
	struct hachi *h = err ? NULL : asked(header, data);

	for (u32 i = 0; h && i < ARRAY_SIZE(caps); i++) {
		cap_data *word = &data[caps[i].linux_bit / 32];
		u32 bit = 1u << (caps[i].linux_bit % 32);

		word->permitted |= bit;
		if (hachi_caps(h) & caps[i].ours)
			word->effective |= bit;
		else
			word->effective &= ~bit;
	}
	return finish(err);
}

__attribute__((visibility("default"))) int capset(cap_header *header, const cap_data *data)
{
	cap_header own = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct hachi *h = asked(header, data);
	cap_data want[2], have[2];
	u32 ours = 0;
	long err;

	if (!h)
		return finish(os_syscall(SYS_capset, (long)header, (long)data, 0, 0, 0, 0));
	err = os_syscall(SYS_capget, (long)&own, (long)have, 0, 0, 0, 0);
	if (err)
		return finish(err);
	for (u32 i = 0; i < 2; i++)
		want[i] = data[i];
	for (u32 i = 0; i < ARRAY_SIZE(caps); i++) {
		u32 at = caps[i].linux_bit / 32, bit = 1u << (caps[i].linux_bit % 32);

		if (want[at].effective & bit)
			ours |= caps[i].ours;
		/* what Linux never gave cannot be asked of it */
		want[at].permitted &= ~bit | have[at].permitted;
		want[at].effective &= ~bit | have[at].permitted;
	}
	err = os_syscall(SYS_capset, (long)header, (long)want, 0, 0, 0, 0);
	if (!err)
		hachi_set_caps(h, ours);
	return finish(err);
}
