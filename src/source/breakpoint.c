// SPDX-License-Identifier: BSD-2-Clause
/*
 * uprobes and uretprobes in traced processes: int3 at the probed offsets of files, put into every
 * address space as it maps them. A function's return is caught by exchanging its return address
 * for that of a trap.
 *
 * Breakpoints are of an address space, shared by its threads and copied by fork like the memory
 * they stand in. An exec starts with a new one.
 */
#include "base/alloc.h"
#include "source/internal.h"

#include <stdio.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>

#define INT3 0xcc

struct address_space *space_new(void)
{
	struct address_space *space = mem_zalloc(sizeof(*space));

	if (space)
		space->refs = 1;
	return space;
}

struct address_space *space_copy(const struct address_space *space)
{
	struct address_space *copy;

	if (!space)
		return NULL;
	copy = space_new();
	if (!copy)
		return NULL;
	for (size_t i = 0; i < space->breakpoints.len; i++)
		if (vec_push(&copy->breakpoints, space->breakpoints.data[i]))
			goto fail;
	for (size_t i = 0; i < space->scratch.len; i++)
		if (vec_push(&copy->scratch, space->scratch.data[i]))
			goto fail;
	for (size_t i = 0; i < space->semaphores.len; i++)
		if (vec_push(&copy->semaphores, space->semaphores.data[i]))
			goto fail;
	copy->return_trap = space->return_trap;
	copy->has_scratch = space->has_scratch;
	return copy;
fail:
	space_unref(copy);
	return NULL;
}

void space_unref(struct address_space *space)
{
	if (!space || --space->refs)
		return;
	vec_release(&space->breakpoints);
	vec_release(&space->scratch);
	vec_release(&space->semaphores);
	mem_free(space);
}

static struct breakpoint *find_breakpoint(struct address_space *space, u64 addr)
{
	struct breakpoint *bp;

	vec_for_each (bp, &space->breakpoints) {
		if (bp->addr == addr)
			return bp;
	}
	return NULL;
}

static int insert(struct task *task, u32 site, u64 addr)
{
	struct breakpoint bp = {.addr = addr, .site = site};
	static const u8 trap = INT3;
	u8 copy[SLOT_SIZE];
	u32 size = 0;
	int err;

	/* an instruction at the end of a mapping is shorter than 15 bytes */
	for (u32 want = sizeof(bp.insn); want; want--)
		if (task_read(task, bp.insn, want, addr) == 0)
			break;
	bp.saved = bp.insn[0];
	bp.slot = scratch_take(task->space, addr);
	bp.how = displace_plan(bp.insn, addr, bp.slot, copy, &size, &bp.insn_len);
	if (bp.how == DISPLACED_COPY) {
		err = task_write_code(task, bp.slot, copy, size);
		if (err)
			return err;
	}
	err = vec_push(&task->space->breakpoints, bp);
	if (err)
		return err;
	err = task_write_code(task, addr, &trap, 1);
	if (err)
		task->space->breakpoints.len--;
	return err;
}

static void raise_semaphore(struct task *task, u32 site, u64 addr)
{
	struct address_space *space = task->space;
	u16 count;

	for (size_t i = 0; i < space->semaphores.len; i++)
		if (space->semaphores.data[i] == site)
			return;
	if (task_read(task, &count, sizeof(count), addr) || vec_push(&space->semaphores, site))
		return;
	count++;
	task_write_code(task, addr, &count, sizeof(count));
}

struct mapping {
	unsigned long start, end, offset, ino;
	unsigned major_id, minor_id;
	char prot[8], path[4096];
};

static bool is_of_site(const struct mapping *m, const struct probe_site *site)
{
	if (m->ino == site->ino && makedev(m->major_id, m->minor_id) == site->dev)
		return true;
	/* overlay file systems show other device numbers in maps than in stat() */
	return m->ino == site->ino && strcmp(m->path, site->path) == 0;
}

static void refresh_mapping(struct task *task, const struct mapping *m)
{
	const struct listeners *l = &task->trace->listeners;
	u64 size = m->end - m->start;

	for (u32 i = 0; i < l->sites.len; i++) {
		const struct probe_site *site = &l->sites.data[i];

		if (!is_of_site(m, site))
			continue;
		if (m->prot[2] == 'x' && site->offset >= m->offset &&
			site->offset - m->offset < size) {
			u64 addr = m->start + (site->offset - m->offset);

			if (!find_breakpoint(task->space, addr))
				insert(task, i, addr);
		}
		if (site->ref_ctr_offset && m->prot[1] == 'w' &&
			site->ref_ctr_offset >= m->offset &&
			site->ref_ctr_offset - m->offset < size)
			raise_semaphore(task, i, m->start + (site->ref_ctr_offset - m->offset));
	}
}

static void prepare_scratch(struct task *task)
{
	struct address_space *space = task->space;
	static const u8 trap = INT3;
	u64 addr;

	space->has_scratch = true;
	if (scratch_map(task) || !space->scratch.len)
		return; /* then instructions are stepped over instead */
	addr = scratch_take(space, space->scratch.data[0].addr);
	if (addr && task_write_code(task, addr, &trap, 1) == 0)
		space->return_trap = addr;
}

int space_refresh(struct task *task)
{
	char path[64], line[4500];
	struct mapping m;
	FILE *maps;

	if (!task->space)
		task->space = space_new();
	if (!task->space)
		return -ENOMEM;
	if (!task->space->has_scratch)
		prepare_scratch(task);
	snprintf(path, sizeof(path), "/proc/%u/maps", task->tid);
	maps = fopen(path, "re");
	if (!maps)
		return -errno;
	while (fgets(line, sizeof(line), maps)) {
		m.path[0] = 0;
		if (sscanf(line, "%lx-%lx %7s %lx %x:%x %lu %4095s", &m.start, &m.end, m.prot,
			    &m.offset, &m.major_id, &m.minor_id, &m.ino, m.path) >= 7 &&
			m.ino)
			refresh_mapping(task, &m);
	}
	fclose(maps);
	return 0;
}

u64 space_true_return(const struct task *task, u64 ip, u32 *pending_index)
{
	if (!task->space || !task->space->return_trap || ip != task->space->return_trap)
		return ip;
	return *pending_index ? task->returns.data[--*pending_index].addr : ip;
}

static void catch_return(struct task *task, u32 site)
{
	u64 trap = task->space->return_trap, addr, sp = task->regs.rsp;
	struct pending_return pending = {.sp = sp, .site = site};
	u32 outer = (u32)task->returns.len;

	if (!trap || task_read(task, &addr, sizeof(addr), sp))
		return;
	/* a tail call, or a second probe here: the address is the trap already */
	pending.addr = space_true_return(task, addr, &outer);
	if (vec_push(&task->returns, pending))
		return;
	if (addr != trap && task_write_data(task, sp, &trap, sizeof(trap)))
		task->returns.len--;
}

/* The task landed on the return trap: all functions that left their frame return now. */
static void on_return(struct task *task)
{
	u64 sp = task->regs.rsp - 8; /* where the return address stood */
	u64 addr = 0;

	/* frames that longjmp() or an exception left behind lie below */
	while (task->returns.len && vec_last(&task->returns).sp < sp)
		(void)vec_pop(&task->returns);
	if (!task->returns.len || vec_last(&task->returns).sp != sp) {
		/* nothing is known of this return: the process would crash anyway */
		return;
	}
	addr = vec_last(&task->returns).addr;
	task->regs.rip = addr;
	while (task->returns.len && vec_last(&task->returns).sp == sp) {
		struct pending_return pending = vec_pop(&task->returns);

		fire_probe(task, &task->trace->listeners.sites.data[pending.site].ret, addr);
	}
	task_put_regs(task);
}

/* The slow way: take the breakpoint out, do one step, put it back. */
static void step_over(struct task *task, const struct breakpoint *bp)
{
	static const u8 trap = INT3;
	int status;

	task_write_code(task, bp->addr, &bp->saved, 1);
	task_put_regs(task);
	if (ptrace(PTRACE_SINGLESTEP, (pid_t)task->tid, 0, 0) == 0)
		waitpid((pid_t)task->tid, &status, __WALL);
	task_write_code(task, bp->addr, &trap, 1);
	task->has_regs = false;
}

bool breakpoint_hit(struct task *task)
{
	struct user_regs_struct *regs = task_regs(task);
	const struct probe_site *site;
	struct breakpoint bp, *found;

	if (!regs || !task->space)
		return false;
	if (task->space->return_trap && regs->rip - 1 == task->space->return_trap) {
		on_return(task);
		return true;
	}
	found = find_breakpoint(task->space, regs->rip - 1);
	if (!found)
		return false;
	bp = *found;
	task->trace->stats.breakpoints++;
	regs->rip = bp.addr;
	site = &task->trace->listeners.sites.data[bp.site];
	fire_probe(task, &site->entry, bp.addr);
	if (site->ret.len)
		catch_return(task, bp.site);
	if (bp.how == DISPLACED_COPY) {
		regs->rip = bp.slot;
		task_put_regs(task);
	} else if (bp.how == DISPLACED_EMULATE && displace_emulate(task, &bp) == 0) {
		task_put_regs(task);
	} else {
		step_over(task, &bp);
	}
	return true;
}
