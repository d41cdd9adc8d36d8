// SPDX-License-Identifier: BSD-2-Clause
/* Who runs and where: the current task, the CPU, the probed function. All of it is the world's. */
#include "helper/impl.h"

#include "base/os.h"

HELPER_FN(get_current_pid_tgid)
{
	return (u64)run->world->tgid << 32 | run->world->pid;
}

HELPER_FN(get_current_uid_gid)
{
	return world_uid_gid(run->world);
}

HELPER_FN(get_current_comm)
{
	char comm[16] = "";
	u32 size = (u32)r2;

	if (!size)
		return 0;
	world_comm(run->world, comm);
	memset(helper_ptr(r1), 0, size);
	memcpy(helper_ptr(r1), comm, MIN(size, sizeof(comm)));
	((char *)helper_ptr(r1))[size - 1] = 0;
	return 0;
}

HELPER_FN(get_current_task)
{
	return world_task(run->world);
}

HELPER_FN(get_current_task_btf)
{
	return world_task(run->world);
}

HELPER_FN(get_current_cgroup_id)
{
	return world_cgroup_id(run->world, -1);
}

HELPER_FN(get_current_ancestor_cgroup_id)
{
	return (s32)r1 < 0 ? 0 : world_cgroup_id(run->world, (s32)r1);
}

HELPER_FN(get_smp_processor_id)
{
	return run->cpu;
}

HELPER_FN(get_numa_node_id)
{
	return run->world->numa_node;
}

/* struct bpf_pidns_info { __u32 pid, tgid; } when the namespace named is the task's own. */
HELPER_FN(get_ns_current_pid_tgid)
{
	u32 *info = helper_ptr(r3), size = (u32)r4;
	int err = -EINVAL;

	if (size == sizeof(struct bpf_pidns_info) && (u32)r1 == r1 && os_is_pid_namespace(r1, r2)) {
		info[0] = run->world->pid;
		info[1] = run->world->tgid;
		return 0;
	}
	memset(info, 0, size);
	return helper_ret(err);
}

/* ---- where the program is attached -------------------------------------------------------------
 */

HELPER_FN(get_func_ip)
{
	return run->func_ip ? run->func_ip : run->world->func_ip;
}

HELPER_FN(get_attach_cookie)
{
	return run->cookie;
}

static const u64 *func_args(const struct run *run)
{
	return helper_ptr(run->func_args ? run->func_args : run->world->func_args);
}

static u32 func_arg_count(const struct run *run)
{
	return run->func_args ? run->func_arg_count : run->world->func_arg_count;
}

HELPER_FN(get_func_arg)
{
	if (!func_args(run) || (u32)r2 >= func_arg_count(run))
		return helper_ret(-EINVAL);
	store_u64(helper_ptr(r3), func_args(run)[(u32)r2]);
	return 0;
}

/* The value that the function returned stands behind its arguments. */
HELPER_FN(get_func_ret)
{
	if (!func_args(run))
		return helper_ret(-EOPNOTSUPP);
	store_u64(helper_ptr(r2), func_args(run)[func_arg_count(run)]);
	return 0;
}

HELPER_FN(get_func_arg_cnt)
{
	return func_arg_count(run);
}

/* ---- acting on it -------------------------------------------------------------------------------
 */

#define SIGNALS_MAX 64

static int signal_current(struct run *run, u32 sig, bool whole_process)
{
	const struct hachi_world *w = run->world;

	if (sig > SIGNALS_MAX)
		return -EINVAL;
	if (!w->ops || !w->ops->send_signal)
		return -EPERM;
	return w->ops->send_signal(w, (int)sig, whole_process);
}

HELPER_FN(send_signal)
{
	return helper_ret(signal_current(run, (u32)r1, true));
}

HELPER_FN(send_signal_thread)
{
	return helper_ret(signal_current(run, (u32)r1, false));
}

HELPER_FN(override_return)
{
	const struct hachi_world *w = run->world;

	if (!w->ops || !w->ops->override_return)
		return helper_ret(-EOPNOTSUPP);
	return helper_ret(w->ops->override_return(w, r2));
}
