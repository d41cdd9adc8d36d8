// SPDX-License-Identifier: BSD-2-Clause
/*
 * Stack traces of the world. Entries are what it gives, innermost first; with build ids the kernel
 * too falls back to plain addresses where it cannot read the file, which here is always.
 */
#include "helper/impl.h"
#include "map/stack_trace.h"

#define SKIP_MAX BPF_F_SKIP_FIELD_MASK

/* Frames after skip: their count, 0 included, or -errno. */
static int walk(struct run *run, u64 flags, u64 *ret_ips, u32 max)
{
	u32 skip = flags & BPF_F_SKIP_FIELD_MASK, want = MIN(skip + max, STACK_TRACE_DEPTH_MAX);
	u64 ips[STACK_TRACE_DEPTH_MAX];
	int count = flags & BPF_F_USER_STACK ? world_user_stack(run->world, ips, want)
					     : world_kernel_stack(run->world, ips, want);

	if (count < 0)
		return -EFAULT;
	count = MIN(count, (int)want);
	if (count < (int)skip)
		return -EFAULT;
	count = MIN(count - (int)skip, (int)max);
	memcpy(ret_ips, ips + skip, (size_t)count * sizeof(u64));
	return count;
}

static void fill_build_ids(struct bpf_stack_build_id *ids, const u64 *ips, u32 count)
{
	memset(ids, 0, count * sizeof(*ids));
	for (u32 i = 0; i < count; i++) {
		ids[i].status = BPF_STACK_BUILD_ID_IP;
		ids[i].ip = ips[i];
	}
}

HELPER_FN(get_stackid)
{
	struct map *map = helper_map(r2);
	u64 ips[STACK_TRACE_DEPTH_MAX];
	struct bpf_stack_build_id ids[STACK_TRACE_DEPTH_MAX];
	bool has_ids = map->params.flags & BPF_F_STACK_BUILD_ID;
	int count;

	if (r3 &
		~(u64)(BPF_F_SKIP_FIELD_MASK | BPF_F_USER_STACK | BPF_F_FAST_STACK_CMP |
			BPF_F_REUSE_STACKID))
		return helper_ret(-EINVAL);
	count = walk(run, r3, ips, stack_trace_depth(map));
	if (count <= 0)
		return helper_ret(-EFAULT);
	if (has_ids)
		fill_build_ids(ids, ips, (u32)count);
	return helper_ret(stack_trace_put(map, ips, (u32)count, has_ids ? (void *)ids : ips, r3));
}

/* kernel: __bpf_get_stack(): bytes filled; the rest of buf is zeroed, all of it on errors. */
static int get_stack(struct run *run, void *buf, u32 size, u64 flags)
{
	bool has_ids = flags & BPF_F_USER_BUILD_ID;
	u32 entry = has_ids ? sizeof(struct bpf_stack_build_id) : sizeof(u64);
	u64 ips[STACK_TRACE_DEPTH_MAX];
	int count = -EINVAL;

	if (!(flags & ~(u64)(BPF_F_SKIP_FIELD_MASK | BPF_F_USER_STACK | BPF_F_USER_BUILD_ID)) &&
		!(has_ids && !(flags & BPF_F_USER_STACK)) && size % entry == 0)
		count = walk(run, flags, ips, MIN(size / entry, STACK_TRACE_DEPTH_MAX));
	if (count < 0) {
		memset(buf, 0, size);
		return count;
	}
	if (has_ids)
		fill_build_ids(buf, ips, (u32)count);
	else
		memcpy(buf, ips, (u32)count * sizeof(u64));
	memset((u8 *)buf + (u32)count * entry, 0, size - (u32)count * entry);
	return count * (int)entry;
}

HELPER_FN(get_stack)
{
	return helper_ret(get_stack(run, helper_ptr(r2), (u32)r3, r4));
}

/* Of the current task only: worlds know no other. */
HELPER_FN(get_task_stack)
{
	if (r1 != world_task(run->world)) {
		memset(helper_ptr(r2), 0, (u32)r3);
		return helper_ret(r4 & BPF_F_USER_STACK ? -EOPNOTSUPP : -EFAULT);
	}
	return helper_ret(get_stack(run, helper_ptr(r2), (u32)r3, r4));
}
