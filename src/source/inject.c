// SPDX-License-Identifier: BSD-2-Clause
/*
 * Scratch pages inside a traced process, where displaced instructions run: mapped once, right
 * after its exec, when it has a single thread, by letting it run a few bytes of ours at its entry
 * point: mov $nr, %eax; syscall; int3. One area lies near the program, one near its loader and
 * libraries, so that 32-bit displacements reach.
 */
#include "source/internal.h"

#include <stdio.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#define AREA_SIZE 65536u
#define REACH	  0x7ff00000u /* of a 32-bit displacement, with a margin */

/* Runs one system call in the stopped task; its result or -errno. */
static s64 inject_syscall(struct task *task, u32 nr, const u64 args[6])
{
	u8 code[] = {0xb8, 0, 0, 0, 0, 0x0f, 0x05, 0xcc}, saved[sizeof(code)];
	struct user_regs_struct *regs = task_regs(task), before;
	s64 result = -EIO;
	int status, err;

	if (!regs)
		return -ESRCH;
	before = *regs;
	memcpy(code + 1, &nr, sizeof(nr));
	if (task_read(task, saved, sizeof(saved), before.rip))
		return -EFAULT;
	err = task_write_code(task, before.rip, code, sizeof(code));
	if (err)
		return err;
	regs->rdi = args[0];
	regs->rsi = args[1];
	regs->rdx = args[2];
	regs->r10 = args[3];
	regs->r8 = args[4];
	regs->r9 = args[5];
	regs->orig_rax = (u64)-1; /* no restart of an interrupted call */
	err = task_put_regs(task);
	while (!err) {
		if (ptrace(PTRACE_CONT, (pid_t)task->tid, 0, 0) ||
			waitpid((pid_t)task->tid, &status, __WALL) < 0)
			return -errno;
		if (!WIFSTOPPED(status))
			return -ESRCH; /* it died; the next wait finds nothing more of it */
		if (status >> 16 == 0 && WSTOPSIG(status) == SIGTRAP)
			break;
		/* our own filter stops the mmap; other stops cannot come from this code */
	}
	task->has_regs = false;
	regs = task_regs(task);
	if (regs)
		result = (s64)regs->rax;
	task_write_code(task, before.rip, saved, sizeof(saved));
	task->regs = before;
	task->has_regs = true;
	err = task_put_regs(task);
	return err ? err : result;
}

/* The end of a gap of AREA_SIZE or more, closest below or above the mapping that holds addr. */
static u64 find_gap(u32 tid, u64 addr)
{
	u64 previous_end = 0x10000, best = 0;
	char path[64], line[512];
	FILE *maps;

	snprintf(path, sizeof(path), "/proc/%u/maps", tid);
	maps = fopen(path, "re");
	if (!maps)
		return 0;
	while (fgets(line, sizeof(line), maps)) {
		unsigned long start, end;

		if (sscanf(line, "%lx-%lx", &start, &end) != 2)
			continue;
		if (start >= previous_end + 2 * AREA_SIZE && start < 0x7fffffff0000) {
			u64 at = start <= addr ? start - AREA_SIZE : previous_end + AREA_SIZE;
			u64 far = at > addr ? at - addr : addr - at;
			u64 best_far = best > addr ? best - addr : addr - best;

			if (!best || far < best_far)
				best = at & ~(u64)0xfff;
		}
		previous_end = end;
	}
	fclose(maps);
	return best;
}

static int map_near(struct task *task, u64 addr)
{
	u64 at = find_gap(task->tid, addr);
	u64 args[6] = {at, AREA_SIZE, PROT_READ | PROT_EXEC,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, (u64)-1, 0};
	struct scratch area = {.size = AREA_SIZE};
	s64 got;

	if (!at)
		return -ENOMEM;
	got = inject_syscall(task, SYS_mmap, args);
	if (got < 0 && got > -4096)
		return (int)got;
	area.addr = (u64)got;
	return vec_push(&task->space->scratch, area);
}

static bool reaches(const struct scratch *area, u64 addr)
{
	u64 far = area->addr > addr ? area->addr - addr : addr - area->addr;

	return far < REACH;
}

/* Addresses of the program's first executable mapping and of its entry (the loader's). */
static u64 program_code(u32 tid)
{
	char path[64], line[512], prot[8];
	unsigned long start = 0, end;
	FILE *maps;

	snprintf(path, sizeof(path), "/proc/%u/maps", tid);
	maps = fopen(path, "re");
	if (!maps)
		return 0;
	while (fgets(line, sizeof(line), maps))
		if (sscanf(line, "%lx-%lx %7s", &start, &end, prot) == 3 && prot[2] == 'x')
			break;
	fclose(maps);
	return start;
}

int scratch_map(struct task *task)
{
	struct user_regs_struct *regs = task_regs(task);
	u64 program = program_code(task->tid), entry;
	int err;

	if (!regs)
		return -ESRCH;
	entry = regs->rip;
	err = map_near(task, entry);
	if (!err && !reaches(&vec_last(&task->space->scratch), program))
		err = map_near(task, program);
	return err;
}

u64 scratch_take(struct address_space *space, u64 addr)
{
	struct scratch *area;

	vec_for_each (area, &space->scratch) {
		if (reaches(area, addr) && area->used + SLOT_SIZE <= area->size) {
			area->used += SLOT_SIZE;
			return area->addr + area->used - SLOT_SIZE;
		}
	}
	return 0;
}
