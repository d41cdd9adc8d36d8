/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The kernel's trace file system, mounted for this process alone where it is not mounted, and the
 * lines of bpf_trace_printk() that come out of its trace_pipe.
 */
#ifndef CLIENT_TRACEFS_H
#define CLIENT_TRACEFS_H

#include "base/str.h"

/*
 * Makes tracefs visible where libbpf looks for it. When it is not mounted this process moves to a
 * mount namespace of its own: start commands before. The sentence says what is missing.
 */
int tracefs_open(struct strbuf *ret_error);

struct tracefs_pipe;

struct tracefs_line {
	const char *comm;
	u32 pid, cpu;
	char flags[8];
	u64 time_ns;
	const char *text;
};

/* Lines from now on; what waits there is older and not ours. -EBUSY: somebody else reads it. */
int tracefs_pipe_open(struct tracefs_pipe **ret_pipe, struct strbuf *ret_error);
/* Calls fn for each line of bpf_trace_printk() that waits. */
void tracefs_pipe_drain(struct tracefs_pipe *pipe,
	void (*fn)(const struct tracefs_line *line, void *arg), void *arg);
void tracefs_pipe_close(struct tracefs_pipe *pipe);

#endif
