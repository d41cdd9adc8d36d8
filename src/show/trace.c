// SPDX-License-Identifier: BSD-2-Clause
#include "show/trace.h"
#include "show/json.h"

void show_trace_line(FILE *f, const struct show_trace *trace)
{
	u64 us = (trace->time_ns + 500) / 1000; /* rounded, as the kernel does */

	fprintf(f, "%16s-%-7u [%03u] %s %5llu.%06llu: bpf_trace_printk: %s\n", trace->comm,
		trace->pid, trace->cpu, trace->flags, (unsigned long long)(us / 1000000),
		(unsigned long long)(us % 1000000), trace->text);
}

int show_trace_json(FILE *f, const struct show_trace *trace)
{
	struct show_json json = {0};
	int err;

	show_json_open(&json, '{');
	show_json_key(&json, "comm");
	show_json_string(&json, trace->comm);
	show_json_key(&json, "pid");
	show_json_u64(&json, trace->pid);
	show_json_key(&json, "cpu");
	show_json_u64(&json, trace->cpu);
	show_json_key(&json, "time_ns");
	show_json_u64(&json, trace->time_ns);
	show_json_key(&json, "text");
	show_json_string(&json, trace->text);
	show_json_close(&json, '}');
	err = show_json_line(&json, f);
	show_json_release(&json);
	return err;
}
