// SPDX-License-Identifier: BSD-2-Clause
/*
 * The traced tasks, and the world that programs see when one of them is current: its ids, name,
 * memory, stack and registers, read from the stopped task when they are asked for.
 */
#include "base/alloc.h"
#include "source/internal.h"

#include <elf.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/uio.h>
#include <unistd.h>

static struct task *task_of(const struct hachi_world *w)
{
	return w->priv;
}

/* pread of a file under /proc/TID; length or -errno. The text is terminated. */
static int read_proc(u32 tid, const char *name, char *buf, size_t size)
{
	char path[64];
	ssize_t len;
	int fd;

	snprintf(path, sizeof(path), "/proc/%u/%s", tid, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	len = read(fd, buf, size - 1);
	if (len < 0)
		len = -errno;
	else
		buf[len] = 0;
	close(fd);
	return (int)len;
}

static void world_comm_of(const struct hachi_world *w, char comm[16])
{
	struct task *task = task_of(w);
	char path[64];
	ssize_t len = 0;

	if (task->comm_fd < 0) {
		snprintf(path, sizeof(path), "/proc/%u/comm", task->tid);
		task->comm_fd = open(path, O_RDONLY | O_CLOEXEC);
	}
	memset(comm, 0, 16);
	if (task->comm_fd >= 0)
		len = pread(task->comm_fd, comm, 16, 0);
	if (len > 0 && comm[len - 1] == '\n')
		comm[len - 1] = 0;
	comm[15] = 0;
}

static u64 world_uid_gid_of(const struct hachi_world *w)
{
	struct task *task = task_of(w);
	unsigned uid = 0, gid = 0;
	char text[1024];
	const char *line;

	if (task->has_ids)
		return task->uid_gid;
	if (read_proc(task->tid, "status", text, sizeof(text)) > 0) {
		line = strstr(text, "\nUid:\t");
		if (line)
			sscanf(line, "\nUid:\t%u", &uid);
		line = strstr(text, "\nGid:\t");
		if (line)
			sscanf(line, "\nGid:\t%u", &gid);
	}
	task->uid_gid = (u64)gid << 32 | uid;
	task->has_ids = true;
	return task->uid_gid;
}

static u64 world_task_of(const struct hachi_world *w)
{
	struct task *task = task_of(w);

	if (!task->trace->images && task_images_new(&task->trace->images))
		return 0;
	return task_image(task->trace->images, task);
}

static int world_regs_of(const struct hachi_world *w, void *regs, size_t size)
{
	struct user_regs_struct *user = task_regs(task_of(w));

	if (!user)
		return -ESRCH;
	memcpy(regs, user, MIN(size, sizeof(*user)));
	return 0;
}

int task_read(struct task *task, void *dst, size_t len, u64 addr)
{
	struct iovec to = {dst, len}, from = {(void *)(uintptr_t)addr, len};
	ssize_t n = process_vm_readv((pid_t)task->tid, &to, 1, &from, 1, 0);

	return n == (ssize_t)len ? 0 : -EFAULT;
}

static int world_read_user_of(const struct hachi_world *w, void *dst, size_t len, uint64_t addr)
{
	return task_read(task_of(w), dst, len, addr);
}

int task_write_data(struct task *task, u64 addr, const void *src, size_t len)
{
	struct iovec from = {(void *)(uintptr_t)src, len}, to = {(void *)(uintptr_t)addr, len};
	ssize_t n = process_vm_writev((pid_t)task->tid, &from, 1, &to, 1, 0);

	return n == (ssize_t)len ? 0 : -EFAULT;
}

static int world_write_user_of(
	const struct hachi_world *w, uint64_t addr, const void *src, size_t len)
{
	return task_write_data(task_of(w), addr, src, len);
}

/*
 * Kernel memory is what the tracer shows of it: task images, and the register sets and records
 * of the event under way, which fire.c keeps in the task while programs run.
 */
static int world_read_kernel_of(const struct hachi_world *w, void *dst, size_t len, uint64_t addr)
{
	struct task *task = task_of(w);
	u64 regs = (u64)(uintptr_t)&task->regs;

	if (addr >= regs && addr + len <= regs + sizeof(task->regs) && addr + len >= addr) {
		memcpy(dst, (const void *)(uintptr_t)addr, len);
		return 0;
	}
	if (task->trace->images && task_images_read(task->trace->images, dst, len, addr) == 0)
		return 0;
	return -EFAULT;
}

/*
 * Frame pointers: [rbp] = caller's rbp, [rbp + 8] = return address. The first instructions of a
 * function have not set rbp yet; then the innermost caller is missing, as with perf.
 */
static int world_user_stack_of(const struct hachi_world *w, uint64_t *ret_ips, uint32_t max)
{
	struct task *task = task_of(w);
	struct user_regs_struct *regs = task_regs(task);
	u32 n = 0, pending = (u32)task->returns.len;
	u64 frame[2], fp;

	if (!regs)
		return -ESRCH;
	if (n < max)
		ret_ips[n++] = regs->rip;
	fp = regs->rbp;
	while (n < max && fp && fp % 8 == 0 && task_read(task, frame, sizeof(frame), fp) == 0) {
		if (!frame[1])
			break;
		ret_ips[n++] = space_true_return(task, frame[1], &pending);
		if (frame[0] <= fp)
			break;
		fp = frame[0];
	}
	return (int)n;
}

/* A system call entered by the kernel's own code has a stack that user space cannot see. */
static int world_kernel_stack_of(const struct hachi_world *w, uint64_t *ret_ips, uint32_t max)
{
	(void)w;
	(void)ret_ips;
	(void)max;
	return -EFAULT;
}

static int world_send_signal_of(const struct hachi_world *w, int sig, int whole_process)
{
	struct task *task = task_of(w);
	u32 target = whole_process ? task->tgid : task->tid;

	return kill((pid_t)target, sig) ? -errno : 0;
}

static const struct hachi_world_ops task_world_ops = {
	.comm = world_comm_of,
	.uid_gid = world_uid_gid_of,
	.task = world_task_of,
	.user_regs = world_regs_of,
	.read_user = world_read_user_of,
	.write_user = world_write_user_of,
	.read_kernel = world_read_kernel_of,
	.user_stack = world_user_stack_of,
	.kernel_stack = world_kernel_stack_of,
	.send_signal = world_send_signal_of,
};

struct task *task_get(struct trace *trace, u32 tid)
{
	return idmap_get(&trace->tasks, tid);
}

static u32 read_tgid(u32 tid)
{
	char text[1024];
	const char *line;

	if (read_proc(tid, "status", text, sizeof(text)) <= 0)
		return tid;
	line = strstr(text, "\nTgid:\t");
	return line ? (u32)strtoul(line + strlen("\nTgid:\t"), NULL, 10) : tid;
}

int task_new(struct trace *trace, u32 tid, struct task **ret_task)
{
	struct task *task = mem_zalloc(sizeof(*task));

	if (!task)
		return -ENOMEM;
	task->trace = trace;
	task->tid = tid;
	task->tgid = read_tgid(tid);
	task->comm_fd = -1;
	task->is_new = true;
	task->world = (struct hachi_world){
		.size = sizeof(task->world),
		.ops = &task_world_ops,
		.priv = task,
		.pid = tid,
		.tgid = task->tgid,
		.cpu = -1,
	};
	if (idmap_put(&trace->tasks, tid, task)) {
		mem_free(task);
		return -ENOMEM;
	}
	trace->stats.tasks_seen++;
	*ret_task = task;
	return 0;
}

void task_free(struct task *task)
{
	if (!task)
		return;
	idmap_remove(&task->trace->tasks, task->tid);
	if (task->trace->images)
		task_image_drop(task->trace->images, task);
	if (task->comm_fd >= 0)
		close(task->comm_fd);
	space_unref(task->space);
	vec_release(&task->returns);
	mem_free(task);
}

struct user_regs_struct *task_regs(struct task *task)
{
	struct iovec iov = {&task->regs, sizeof(task->regs)};

	if (task->has_regs)
		return &task->regs;
	if (ptrace(PTRACE_GETREGSET, (pid_t)task->tid, NT_PRSTATUS, &iov))
		return NULL;
	task->has_regs = true;
	return &task->regs;
}

int task_put_regs(struct task *task)
{
	struct iovec iov = {&task->regs, sizeof(task->regs)};

	return ptrace(PTRACE_SETREGSET, (pid_t)task->tid, NT_PRSTATUS, &iov) ? -errno : 0;
}

int task_write_code(struct task *task, u64 addr, const void *src, size_t len)
{
	char path[64];
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/%u/mem", task->tid);
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	n = pwrite(fd, src, len, (off_t)addr);
	n = n < 0 ? -errno : n == (ssize_t)len ? 0 : -EFAULT;
	close(fd);
	return (int)n;
}

void task_forget_ids(struct task *task)
{
	task->has_ids = false;
}
