// SPDX-License-Identifier: BSD-2-Clause
/*
 * perf_event sampling without the kernel's perf: timers on the command's CPU time interrupt its
 * tasks, and the sampled program sees the user registers where they were.
 *
 * Each sampler looks at the CPU time every task has used; a task that used
 * another period since its last sample is interrupted. The wake-up is the loop's timer signal, at
 * the shortest period wanted.
 */
#include "source/internal.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

/* Time on a CPU so far. A running task's is brought up to date by the scheduler's tick. */
static u64 cpu_time_ns(u32 tid)
{
	char path[64], text[128];
	u64 used = 0;
	ssize_t len;
	int fd;

	snprintf(path, sizeof(path), "/proc/%u/schedstat", tid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return 0;
	len = read(fd, text, sizeof(text) - 1);
	close(fd);
	text[len > 0 ? len : 0] = 0;
	sscanf(text, "%lu", &used);
	return used;
}

int sample_start(struct trace *trace)
{
	struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGALRM};
	struct itimerspec every = {0};
	u64 period = UINT64_MAX;
	struct sampler *s;

	vec_for_each (s, &trace->listeners.samplers) {
		period = MIN(period, s->period_ns);
	}
	if (timer_create(CLOCK_MONOTONIC, &event, &trace->sample_timer))
		return -errno;
	every.it_interval.tv_sec = (time_t)(period / 1000000000u);
	every.it_interval.tv_nsec = (long)(period % 1000000000u);
	every.it_value = every.it_interval;
	trace->has_sample_timer = true;
	return timer_settime(trace->sample_timer, 0, &every, NULL) ? -errno : 0;
}

void sample_stop(struct trace *trace)
{
	if (trace->has_sample_timer)
		timer_delete(trace->sample_timer);
	trace->has_sample_timer = false;
}

void sample_tick(struct trace *trace)
{
	struct idmap_slot *slot;
	size_t pos = 0;

	if (!trace->has_sample_timer)
		return;
	while ((slot = idmap_next(&trace->tasks, &pos))) {
		struct task *task = slot->value;
		u64 used = cpu_time_ns(task->tid);
		struct sampler *s;

		vec_for_each (s, &trace->listeners.samplers) {
			if (task->due_sample || task->is_new)
				break;
			if (used < task->sampled_ns + s->period_ns)
				continue;
			task->sampled_ns = used;
			if (ptrace(PTRACE_INTERRUPT, (pid_t)task->tid, 0, 0) == 0)
				task->due_sample = true;
		}
	}
}

void sample_take(struct task *task)
{
	struct sampler *s;

	task->trace->stats.samples++;
	vec_for_each (s, &task->trace->listeners.samplers) {
		fire_sample(task, s);
	}
}
