// SPDX-License-Identifier: BSD-2-Clause
/*
 * The world as helpers see it: what its owner answers, and this process for what it leaves open.
 * A program also reads its own memory (maps, contexts) through the read functions; addresses of the
 * lower half that the owner cannot read are therefore tried in this process.
 */
#include "runtime/run.h"

#include "base/os.h"

#define ASKS(w, what) ((w) && (w)->ops && (w)->ops->what)

enum { USER_HALF_BITS = 47 };

u64 world_time_ns(const struct hachi_world *w, enum hachi_clock clock)
{
	if (ASKS(w, time_ns))
		return w->ops->time_ns(w, clock);
	switch (clock) {
	case HACHI_CLOCK_BOOTTIME: return os_time_ns(OS_CLOCK_BOOTTIME);
	case HACHI_CLOCK_TAI: return os_time_ns(OS_CLOCK_TAI);
	case HACHI_CLOCK_COARSE:
	case HACHI_CLOCK_MONOTONIC: break;
	}
	return os_time_ns(OS_CLOCK_MONOTONIC);
}

u32 world_random(const struct hachi_world *w)
{
	u32 value;

	if (ASKS(w, random))
		return w->ops->random(w);
	os_random(&value, sizeof(value));
	return value;
}

void world_comm(const struct hachi_world *w, char comm[16])
{
	if (ASKS(w, comm))
		w->ops->comm(w, comm);
	else
		os_thread_name(comm);
}

u64 world_uid_gid(const struct hachi_world *w)
{
	return ASKS(w, uid_gid) ? w->ops->uid_gid(w) : os_uid_gid();
}

u64 world_cgroup_id(const struct hachi_world *w, int ancestor_level)
{
	return ASKS(w, cgroup_id) ? w->ops->cgroup_id(w, ancestor_level)
				  : os_cgroup_id(ancestor_level);
}

u64 world_task(const struct hachi_world *w)
{
	return ASKS(w, task) ? w->ops->task(w) : 0;
}

static bool is_own_half(u64 addr)
{
	return addr >> USER_HALF_BITS == 0;
}

int world_read_user(const struct hachi_world *w, void *dst, size_t len, u64 addr)
{
	if (ASKS(w, read_user))
		return w->ops->read_user(w, dst, len, addr);
	return is_own_half(addr) ? os_peek(dst, (const void *)(uintptr_t)addr, len) : -EFAULT;
}

int world_write_user(const struct hachi_world *w, u64 addr, const void *src, size_t len)
{
	if (ASKS(w, write_user))
		return w->ops->write_user(w, addr, src, len);
	return is_own_half(addr) ? os_poke((void *)(uintptr_t)addr, src, len) : -EFAULT;
}

int world_read_kernel(const struct hachi_world *w, void *dst, size_t len, u64 addr)
{
	if (ASKS(w, read_kernel) && w->ops->read_kernel(w, dst, len, addr) == 0)
		return 0;
	return is_own_half(addr) ? os_peek(dst, (const void *)(uintptr_t)addr, len) : -EFAULT;
}

int world_user_stack(const struct hachi_world *w, u64 *ret_ips, u32 max)
{
	return ASKS(w, user_stack) ? w->ops->user_stack(w, ret_ips, max) : -EFAULT;
}

int world_kernel_stack(const struct hachi_world *w, u64 *ret_ips, u32 max)
{
	return ASKS(w, kernel_stack) ? w->ops->kernel_stack(w, ret_ips, max) : -EFAULT;
}

void world_init_self(struct hachi_world *w)
{
	memset(w, 0, sizeof(*w));
	w->size = sizeof(*w);
	w->pid = os_tid();
	w->tgid = os_pid();
	w->cpu = -1;
}
