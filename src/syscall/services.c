// SPDX-License-Identifier: BSD-2-Clause
#include "syscall/services.h"

#include "hook/event.h"
#include "syscall/instance.h"

static void trace(struct run *run, const char *text, size_t len)
{
	struct hachi *h = run->owner;

	trace_ring_add(&h->trace, run, text, len);
}

/* kernel: __bpf_perf_event_output() */
static int perf_output(struct run *run, u64 handle, u64 flags, const void *data, u64 size)
{
	struct map *map = (struct map *)(uintptr_t)handle;
	u64 index = flags & BPF_F_INDEX_MASK;
	struct event *event;

	if (index == BPF_F_CURRENT_CPU)
		index = run->cpu;
	if (index >= map->params.max_entries)
		return -E2BIG;
	event = __atomic_load_n(&map->objects[index], __ATOMIC_ACQUIRE);
	return event ? event_output(event, run, data, size) : -ENOENT;
}

const struct run_services hachi_services = {trace, prog_tail_target, perf_output};

int hachi_trace_read(struct hachi *h, struct hachi_trace_record *ret_record)
{
	return trace_ring_read(&h->trace, ret_record);
}

uint64_t hachi_trace_lost(struct hachi *h)
{
	return __atomic_load_n(&h->trace.lost, __ATOMIC_RELAXED);
}
