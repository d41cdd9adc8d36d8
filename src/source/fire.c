// SPDX-License-Identifier: BSD-2-Clause
/*
 * From a stopped task to running programs: builds the context in the shape that each attachment
 * expects, and fires it.
 *
 * Shapes (kernel: include/trace/events/syscalls.h, kernel/trace/trace_syscalls.c):
 *	tracepoint enter  { common 8 bytes; s64 nr; u64 args[6] }
 *	tracepoint exit   { common 8 bytes; s64 nr; s64 ret }
 *	raw enter         { struct pt_regs *regs, s64 nr }, raw exit { regs, ret }
 *	kprobe on __x64_sys_X: registers whose first argument points to the user registers
 *	fentry on it      { regs }, fexit { regs, ret }
 * struct user_regs_struct starts with struct pt_regs.
 */
#include "source/internal.h"

#include <linux/perf_event.h>
#include <linux/bpf_perf_event.h>
#include <stdio.h>
#include <unistd.h>

#define PT_REGS_SIZE (21 * 8) /* struct pt_regs of x86-64 */

/* Start of every tracepoint record (struct trace_entry). */
struct record_head {
	u16 type;
	u8 flags, preempt_count;
	s32 pid;
};

static bool is_for(const struct listener *l, const struct task *task)
{
	return l->pid < 0 || (u32)l->pid == task->tgid || (u32)l->pid == task->tid;
}

static void run(struct task *task, const struct listener *l, void *ctx, u32 size)
{
	u64 ret;

	hachi_fire(task->trace->h, l->id, ctx, size, &task->world, &ret);
}

static void fire_record(struct task *task, const struct listener *l, const void *record, u32 size)
{
	u8 copy[512]; /* a program may not change what the next one sees */

	memcpy(copy, record, MIN(size, sizeof(copy)));
	run(task, l, copy, size);
}

static void fire_kernel_function(
	struct task *task, const struct listener *l, struct user_regs_struct *regs, bool at_exit)
{
	struct user_regs_struct outer = {0};
	u64 args[2] = {(u64)(uintptr_t)regs, regs->rax};

	switch (l->shape) {
	case SHAPE_KPROBE:
		outer.rdi = (u64)(uintptr_t)regs;
		outer.rax = at_exit ? regs->rax : 0;
		outer.orig_rax = (u64)-1;
		task->world.func_ip = outer.rip;
		run(task, l, &outer, PT_REGS_SIZE);
		break;
	case SHAPE_FENTRY:
	case SHAPE_FEXIT:
		task->world.func_args = (u64)(uintptr_t)args;
		task->world.func_arg_count = 1;
		run(task, l, args, at_exit ? sizeof(args) : sizeof(args[0]));
		task->world.func_args = task->world.func_arg_count = 0;
		break;
	default: break;
	}
}

static void fire_syscall(
	struct task *task, const listener_list *list, bool at_exit, s64 ret, bool is_child_return)
{
	struct user_regs_struct *regs = task_regs(task);
	struct {
		struct record_head head;
		s64 nr;
		u64 args[6];
	} enter = {{.pid = (s32)task->tid}, (s64)task->syscall_nr};
	struct {
		struct record_head head;
		s64 nr, ret;
	} exit = {{.pid = (s32)task->tid}, (s64)task->syscall_nr, ret};

	if (!regs)
		return;
	memcpy(enter.args, task->args, sizeof(enter.args));
	for (size_t i = 0; i < list->len; i++) {
		const struct listener *l = &list->data[i];
		u64 raw[2] = {(u64)(uintptr_t)regs, at_exit ? (u64)ret : task->syscall_nr};

		if (!is_for(l, task))
			continue;
		if (l->shape == SHAPE_TRACEPOINT && !at_exit)
			fire_record(task, l, &enter, sizeof(enter));
		else if (l->shape == SHAPE_TRACEPOINT)
			fire_record(task, l, &exit, sizeof(exit));
		else if (l->shape == SHAPE_RAW)
			run(task, l, raw, sizeof(raw));
		else if (!is_child_return)
			fire_kernel_function(task, l, regs, at_exit);
	}
}

void fire_syscall_enter(struct task *task)
{
	const struct listeners *l = &task->trace->listeners;

	if (l->any_enter.len)
		fire_syscall(task, &l->any_enter, false, 0, false);
	if (task->syscall_nr < SYSCALL_MAX && l->enter[task->syscall_nr].len)
		fire_syscall(task, &l->enter[task->syscall_nr], false, 0, false);
}

static void fire_exit(struct task *task, s64 ret, bool is_child_return)
{
	const struct listeners *l = &task->trace->listeners;

	if (task->syscall_nr < SYSCALL_MAX && l->exit[task->syscall_nr].len)
		fire_syscall(task, &l->exit[task->syscall_nr], true, ret, is_child_return);
	if (l->any_exit.len)
		fire_syscall(task, &l->any_exit, true, ret, is_child_return);
}

void fire_syscall_exit(struct task *task, s64 ret)
{
	fire_exit(task, ret, false);
}

void fire_child_return(struct task *task)
{
	fire_exit(task, 0, true);
}

/* ---- process events: records laid out as this kernel's BTF says, or as Linux 6.1 does ---- */

static struct task_images *images_of(struct task *task)
{
	if (!task->trace->images)
		task_images_new(&task->trace->images);
	return task->trace->images;
}

static u32 field_offset(struct task *task, const char *type, const char *member, u32 otherwise)
{
	struct task_images *images = images_of(task);
	int off = images ? task_images_offset(images, type, member) : -1;

	return off >= 0 && off < 400 ? (u32)off : otherwise;
}

static void put_u32(u8 *record, u32 off, u32 value)
{
	memcpy(record + off, &value, sizeof(value));
}

static void fire_process_event(
	struct task *task, const listener_list *list, u8 *record, u32 size, u64 *raw, u32 raw_count)
{
	struct record_head head = {.pid = (s32)task->tid};

	memcpy(record, &head, sizeof(head));
	for (size_t i = 0; i < list->len; i++) {
		const struct listener *l = &list->data[i];

		if (!is_for(l, task))
			continue;
		if (l->shape == SHAPE_TRACEPOINT)
			fire_record(task, l, record, size);
		else
			run(task, l, raw, raw_count * (u32)sizeof(*raw));
	}
}

static bool wants_raw(const listener_list *list)
{
	for (size_t i = 0; i < list->len; i++)
		if (list->data[i].shape != SHAPE_TRACEPOINT)
			return true;
	return false;
}

static u64 image_if(struct task *task, bool is_wanted)
{
	struct task_images *images = is_wanted ? images_of(task) : NULL;

	return images ? task_image(images, task) : 0;
}

void fire_exec(struct task *task, u32 old_tid)
{
	static const char type[] = "trace_event_raw_sched_process_exec";
	const listener_list *list = &task->trace->listeners.exec;
	char link[64], path[256];
	u8 record[512] = {0};
	u32 data;
	ssize_t len;
	u64 raw[3];

	if (!list->len)
		return;
	snprintf(link, sizeof(link), "/proc/%u/exe", task->tid);
	len = readlink(link, path, sizeof(path) - 1);
	path[len > 0 ? len : 0] = 0;
	len = (ssize_t)strlen(path) + 1;
	data = field_offset(task, type, "__data", 20);
	put_u32(record, field_offset(task, type, "__data_loc_filename", 8), (u32)len << 16 | data);
	put_u32(record, field_offset(task, type, "pid", 12), task->tgid);
	put_u32(record, field_offset(task, type, "old_pid", 16), old_tid);
	memcpy(record + data, path, (size_t)len);
	raw[0] = image_if(task, wants_raw(list));
	raw[1] = old_tid;
	raw[2] = 0;
	fire_process_event(task, list, record, data + (u32)len, raw, 3);
}

static void put_comm(struct task *who, u8 *record, struct task *task, const char *type,
	const char *member, const char *loc_member, u32 otherwise, u32 *data)
{
	struct task_images *images = images_of(task);
	int loc = images ? task_images_offset(images, type, loc_member) : -1;
	char comm[16];

	who->world.ops->comm(&who->world, comm);
	if (loc < 0) {
		memcpy(record + field_offset(task, type, member, otherwise), comm, sizeof(comm));
		return;
	}
	/* newer kernels: a string behind the record */
	put_u32(record, (u32)loc, (u32)(strlen(comm) + 1) << 16 | *data);
	memcpy(record + *data, comm, strlen(comm) + 1);
	*data += (u32)strlen(comm) + 1;
}

void fire_fork(struct task *parent, struct task *child)
{
	static const char type[] = "trace_event_raw_sched_process_fork";
	const listener_list *list = &parent->trace->listeners.fork;
	u8 record[512] = {0};
	u32 data;
	u64 raw[2];

	if (!list->len)
		return;
	data = field_offset(parent, type, "__data", 48);
	put_comm(parent, record, parent, type, "parent_comm", "__data_loc_parent_comm", 8, &data);
	put_u32(record, field_offset(parent, type, "parent_pid", 24), parent->tid);
	put_comm(child, record, parent, type, "child_comm", "__data_loc_child_comm", 28, &data);
	put_u32(record, field_offset(parent, type, "child_pid", 44), child->tid);
	raw[0] = image_if(parent, wants_raw(list));
	raw[1] = image_if(child, wants_raw(list));
	fire_process_event(parent, list, record, data, raw, 2);
}

void fire_process_exit(struct task *task)
{
	const char *type = "trace_event_raw_sched_process_exit";
	const listener_list *list = &task->trace->listeners.process_exit;
	u8 record[512] = {0};
	u32 data, off;
	u64 raw[2];

	if (!list->len)
		return;
	if (!images_of(task) || task_images_offset(task->trace->images, type, "pid") < 0)
		type = "trace_event_raw_sched_process_template";
	data = field_offset(task, type, "__data", 32);
	put_comm(task, record, task, type, "comm", "__data_loc_comm", 8, &data);
	put_u32(record, field_offset(task, type, "pid", 24), task->tid);
	put_u32(record, field_offset(task, type, "prio", 28), 120);
	off = field_offset(task, type, "group_dead", 0);
	if (off)
		record[off] = task->tid == task->tgid;
	raw[0] = image_if(task, wants_raw(list));
	raw[1] = task->tid == task->tgid;
	fire_process_event(task, list, record, data, raw, 2);
}

void fire_probe(struct task *task, const listener_list *list, u64 ip)
{
	struct user_regs_struct *regs = task_regs(task);

	if (!regs)
		return;
	task->world.func_ip = ip;
	for (size_t i = 0; i < list->len; i++) {
		struct user_regs_struct copy = *regs;

		if (is_for(&list->data[i], task))
			run(task, &list->data[i], &copy, PT_REGS_SIZE);
	}
	task->world.func_ip = 0;
}

void fire_sample(struct task *task, const struct sampler *sampler)
{
	struct user_regs_struct *regs = task_regs(task);
	struct bpf_perf_event_data data = {.sample_period = sampler->period_ns};

	if (!regs || !is_for(&sampler->listener, task))
		return;
	memcpy(&data.regs, regs, MIN(sizeof(data.regs), (size_t)PT_REGS_SIZE));
	data.addr = regs->rip;
	run(task, &sampler->listener, &data, sizeof(data));
}
