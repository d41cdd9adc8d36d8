/* SPDX-License-Identifier: BSD-2-Clause */
/* Lines of bpf_trace_printk() as /sys/kernel/tracing/trace_pipe has them. */
#ifndef SHOW_TRACE_H
#define SHOW_TRACE_H

#include "base/types.h"

#include <stdio.h>

struct show_trace {
	const char *comm;
	u32 pid, cpu;
	const char *flags; /* five characters, as "...2." or "d..21" */
	u64 time_ns;	   /* since boot, by the clock of the trace */
	const char *text;  /* the message; a newline at its end makes an empty line, as there */
};

/*             bash-9709    [001] d..21  1814.873593: bpf_trace_printk: Hello, World! */
void show_trace_line(FILE *f, const struct show_trace *trace);
/* {"comm":"bash","pid":9709,"cpu":1,"time_ns":1814873593000,"text":"Hello, World!"} */
int show_trace_json(FILE *f, const struct show_trace *trace);

#endif
