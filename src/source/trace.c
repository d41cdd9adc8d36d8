// SPDX-License-Identifier: BSD-2-Clause
/*
 * The tracer's event loop: start the command, wait for stops, hand each to the file that serves
 * it, let the task go on.
 *
 * A task stops at a system call only where the seccomp filter says so (filter.c); it stops at the
 * call's end only if somebody listens there. The filter cannot be taken off again, and without a
 * tracer its calls would fail, so the loop lasts as long as the command does: trace_stop() only
 * makes it silent.
 */
#include "source/trace.h"
#include "base/alloc.h"
#include "source/internal.h"
#include "source/start.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define STOPS_PER_TICK 64

static void tick(struct trace *trace)
{
	trace->since_tick = 0;
	if (trace->opts.tick)
		trace->opts.tick(trace->opts.tick_arg);
	if (!trace->is_silent && trace->listeners.generation != hachi_attach_generation(trace->h))
		listeners_build(&trace->listeners, trace->h);
}

static void resume(struct task *task, int sig)
{
	enum __ptrace_request how = task->in_syscall ? PTRACE_SYSCALL : PTRACE_CONT;

	task->has_regs = false;
	ptrace(how, (pid_t)task->tid, 0, (void *)(intptr_t)sig);
}

static bool listens_to_exit(const struct trace *trace, u64 nr)
{
	const struct listeners *l = &trace->listeners;

	if (l->any_exit.len || (nr < SYSCALL_MAX && l->exit[nr].len))
		return true;
	switch (nr) {
	case SYS_mmap:
	case SYS_mprotect: return l->sites.len != 0;
	case SYS_setuid:
	case SYS_setgid:
	case SYS_setreuid:
	case SYS_setregid:
	case SYS_setresuid:
	case SYS_setresgid: return true;
	default: return false;
	}
}

static void on_syscall_enter(struct task *task)
{
	struct user_regs_struct *regs = task_regs(task);

	if (!regs)
		return;
	task->syscall_nr = regs->orig_rax;
	task->args[0] = regs->rdi;
	task->args[1] = regs->rsi;
	task->args[2] = regs->rdx;
	task->args[3] = regs->r10;
	task->args[4] = regs->r8;
	task->args[5] = regs->r9;
	task->trace->stats.syscalls++;
	fire_syscall_enter(task);
	task->in_syscall = listens_to_exit(task->trace, task->syscall_nr);
}

static void on_syscall_exit(struct task *task)
{
	struct user_regs_struct *regs = task_regs(task);

	task->in_syscall = false;
	if (!regs)
		return;
	if (task->syscall_nr == SYS_mmap || task->syscall_nr == SYS_mprotect) {
		if (task->trace->listeners.sites.len)
			space_refresh(task);
	} else {
		task_forget_ids(task);
	}
	fire_syscall_exit(task, (s64)regs->rax);
}

static void start_new_task(struct task *task)
{
	if (task->is_fork_child)
		fire_child_return(task);
	task->is_new = task->is_held = false;
	resume(task, 0);
}

/* The task's new child: it may have stopped already, then it is held. */
static void on_new_task(struct task *parent, int event, u32 tid)
{
	struct trace *trace = parent->trace;
	struct task *child = task_get(trace, tid);

	if (!child && task_new(trace, tid, &child))
		return;
	space_unref(child->space);
	if (event == PTRACE_EVENT_FORK) {
		child->space = space_copy(parent->space);
	} else {
		child->space = parent->space;
		if (child->space)
			child->space->refs++;
	}
	child->syscall_nr = parent->syscall_nr;
	child->is_fork_child = true;
	fire_fork(parent, child);
	if (child->is_held)
		start_new_task(child);
}

static void on_exec(struct task *task)
{
	struct trace *trace = task->trace;
	unsigned long old_tid = task->tid;
	struct task *old;

	ptrace(PTRACE_GETEVENTMSG, (pid_t)task->tid, 0, &old_tid);
	old = old_tid != task->tid ? task_get(trace, (u32)old_tid) : NULL;
	if (old) {
		/* another thread called exec: it takes over the leader's id */
		task->in_syscall = old->in_syscall;
		task->syscall_nr = old->syscall_nr;
		memcpy(task->args, old->args, sizeof(task->args));
		task_free(old);
	}
	space_unref(task->space);
	task->space = space_new();
	task->returns.len = 0;
	task->is_new = false;
	task_forget_ids(task);
	if (trace->images)
		task_image_drop(trace->images, task);
	if (trace->listeners.sites.len)
		space_refresh(task);
	fire_exec(task, (u32)old_tid);
}

/* Returns the signal to deliver. */
static int on_signal_stop(struct task *task, int sig)
{
	if (sig == SIGTRAP && breakpoint_hit(task))
		return 0;
	return sig;
}

static void on_group_or_interrupt(struct task *task, int sig)
{
	bool is_group_stop = sig == SIGSTOP || sig == SIGTSTP || sig == SIGTTIN || sig == SIGTTOU;

	if (is_group_stop && !task->is_new) {
		/* job control: stay stopped until SIGCONT, but hear of events */
		ptrace(PTRACE_LISTEN, (pid_t)task->tid, 0, 0);
		return;
	}
	if (task->is_new) {
		task->is_held = !task->is_fork_child;
		if (!task->is_held)
			start_new_task(task);
		return;
	}
	if (task->due_sample) {
		sample_take(task);
		task->due_sample = false;
	}
	resume(task, 0);
}

static void on_stop(struct task *task, int status)
{
	int sig = WSTOPSIG(status), event = status >> 16;
	unsigned long msg = 0;

	task->has_regs = false;
	task->trace->stats.stops++;
	switch (event) {
	case PTRACE_EVENT_SECCOMP: on_syscall_enter(task); break;
	case PTRACE_EVENT_FORK:
	case PTRACE_EVENT_VFORK:
	case PTRACE_EVENT_CLONE:
		if (ptrace(PTRACE_GETEVENTMSG, (pid_t)task->tid, 0, &msg) == 0)
			on_new_task(task, event, (u32)msg);
		break;
	case PTRACE_EVENT_EXEC: on_exec(task); break;
	case PTRACE_EVENT_EXIT: fire_process_exit(task); break;
	case PTRACE_EVENT_STOP: on_group_or_interrupt(task, sig); return;
	default:
		if (sig == (SIGTRAP | 0x80)) {
			on_syscall_exit(task);
			break;
		}
		resume(task, on_signal_stop(task, sig));
		return;
	}
	resume(task, 0);
}

static void on_event(struct trace *trace, u32 tid, int status)
{
	struct task *task = task_get(trace, tid);

	if (WIFEXITED(status) || WIFSIGNALED(status)) {
		if (tid == trace->root_pid) {
			trace->root_status = status;
			trace->root_has_ended = true;
		}
		task_free(task);
		return;
	}
	if (!WIFSTOPPED(status))
		return;
	if (!task && task_new(trace, tid, &task)) {
		ptrace(PTRACE_DETACH, (pid_t)tid, 0, 0);
		return;
	}
	if (tid == trace->root_pid)
		task->is_new = false; /* it was seized running: no first stop */
	on_stop(task, status);
}

static void become_silent(struct trace *trace)
{
	size_t pos = 0;
	struct idmap_slot *slot;

	trace->is_silent = true;
	sample_stop(trace);
	/* breakpoints stay and are stepped over without running anything */
	for (u32 nr = 0; nr < SYSCALL_MAX; nr++)
		trace->listeners.enter[nr].len = trace->listeners.exit[nr].len = 0;
	trace->listeners.any_enter.len = trace->listeners.any_exit.len = 0;
	trace->listeners.exec.len = trace->listeners.fork.len = 0;
	trace->listeners.process_exit.len = 0;
	for (size_t i = 0; i < trace->listeners.sites.len; i++)
		trace->listeners.sites.data[i].entry.len = trace->listeners.sites.data[i].ret.len =
			0;
	while ((slot = idmap_next(&trace->tasks, &pos)))
		((struct task *)slot->value)->due_sample = false;
	if (trace->opts.stopped)
		trace->opts.stopped(trace->opts.tick_arg);
}

static void on_tick_signal(int sig)
{
	(void)sig; /* only interrupts waitpid() */
}

static int start_ticks(const struct trace *trace, timer_t *ret_timer)
{
	u64 ns = (u64)(trace->opts.tick_ms ? trace->opts.tick_ms : 100) * 1000000u;
	struct itimerspec every = {
		.it_interval = {(time_t)(ns / 1000000000u), (long)(ns % 1000000000u)}};
	struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGALRM};
	struct sigaction action = {.sa_handler = on_tick_signal};

	every.it_value = every.it_interval;
	sigaction(SIGALRM, &action, NULL);
	if (timer_create(CLOCK_MONOTONIC, &event, ret_timer))
		return -errno;
	timer_settime(*ret_timer, 0, &every, NULL);
	return 0;
}

int trace_new(const struct trace_opts *opts, struct trace **ret_trace)
{
	struct trace *trace = mem_zalloc(sizeof(*trace));
	int err;

	if (!trace)
		return -ENOMEM;
	trace->opts = *opts;
	trace->h = opts->h;
	trace->to_child = trace->from_child = -1;
	sched_getaffinity(0, sizeof(trace->own_cpus), &trace->own_cpus);
	err = listeners_build(&trace->listeners, trace->h);
	if (!err)
		err = start_command(trace);
	if (err) {
		trace_free(trace);
		return err;
	}
	*ret_trace = trace;
	return 0;
}

int trace_run(struct trace *trace, int *ret_status)
{
	timer_t ticks;
	int err = start_ticks(trace, &ticks);

	if (err)
		return err;
	err = start_go(trace);
	if (!err && trace->listeners.samplers.len)
		err = sample_start(trace);
	while (!err && trace->tasks.len) {
		int status;
		pid_t tid = waitpid(-1, &status, __WALL);

		if (tid > 0)
			on_event(trace, (u32)tid, status);
		else if (errno == ECHILD)
			break;
		if (trace->stop_requested && !trace->is_silent)
			become_silent(trace);
		if (tid <= 0 || ++trace->since_tick >= STOPS_PER_TICK)
			tick(trace);
		if (tid <= 0)
			sample_tick(trace);
	}
	timer_delete(ticks);
	sample_stop(trace);
	tick(trace);
	if (!err)
		err = start_exec_error(trace);
	*ret_status = trace->root_status;
	return err;
}

void trace_stop(struct trace *trace)
{
	trace->stop_requested = 1;
}

void trace_free(struct trace *trace)
{
	struct idmap_slot *slot;
	size_t pos = 0;

	if (!trace)
		return;
	start_cancel(trace);
	while ((slot = idmap_next(&trace->tasks, &pos))) {
		task_free(slot->value);
		pos = 0;
	}
	idmap_release(&trace->tasks);
	listeners_release(&trace->listeners);
	task_images_free(trace->images);
	if (trace->is_pinned)
		sched_setaffinity(0, sizeof(trace->own_cpus), &trace->own_cpus);
	mem_free(trace);
}

u32 trace_pid(const struct trace *trace)
{
	return trace->root_pid;
}

const struct trace_stats *trace_stats(const struct trace *trace)
{
	return &trace->stats;
}
