/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A command under hachi's own tracer, without root: its system calls, forks, execs, exits, chosen
 * instructions and samples fire the instance's attachments.
 *
 * The tracer is ptrace. A seccomp filter in the command stops it only at system calls that
 * somebody listens to; everything else runs at full speed. Children and threads are followed.
 */
#ifndef SOURCE_TRACE_H
#define SOURCE_TRACE_H

#include "base/types.h"
#include <hachi/hachi.h>

struct trace;

enum trace_pin {
	TRACE_PIN_AUTO, /* one CPU for tracer and command where waking another one is dear */
	TRACE_PIN_NEVER,
	TRACE_PIN_ALWAYS,
};

struct trace_opts {
	struct hachi *h;
	char *const *argv; /* the command; argv[0] is looked up in PATH */
	enum trace_pin pin;
	/* Called between stops and at least every tick_ms while the command runs. */
	void (*tick)(void *arg);
	void *tick_arg;
	u32 tick_ms;
	/* Called once after trace_stop() took effect, while the command still runs. */
	void (*stopped)(void *arg);
};

struct trace_stats {
	u64 stops, syscalls, breakpoints, samples;
	u32 tasks_seen;
	bool is_pinned;
};

/*
 * Whether this source can serve the attachment. If not, ret_why (of size bytes) says in a sentence
 * why and who could.
 */
bool trace_can_serve(const struct hachi_attachment *a, char *ret_why, size_t size);

/*
 * Starts the command, stopped before its exec. Attachments must exist by now. -ENOENT or -EACCES:
 * the command cannot be executed.
 */
int trace_new(const struct trace_opts *opts, struct trace **ret_trace);
/* Runs it to its end. ret_status as waitpid() gives it; -errno when its exec failed. */
int trace_run(struct trace *trace, int *ret_status);
/*
 * Ends the observation: no program runs any more, opts.stopped is called, and trace_run() goes on
 * until the command has ended (its seccomp filter needs a tracer). Async-signal-safe.
 */
void trace_stop(struct trace *trace);
void trace_free(struct trace *trace);
u32 trace_pid(const struct trace *trace);
const struct trace_stats *trace_stats(const struct trace *trace);

#endif
