// SPDX-License-Identifier: BSD-2-Clause
#include "hook/trace.h"

#include "base/alloc.h"
#include "base/str.h"

#define TRACE_RECORDS 1024u

void trace_ring_init(struct trace_ring *ring)
{
	pthread_mutex_init(&ring->lock, NULL);
}

void trace_ring_release(struct trace_ring *ring)
{
	mem_free(ring->records);
	pthread_mutex_destroy(&ring->lock);
}

void trace_ring_add(struct trace_ring *ring, const struct run *run, const char *text, size_t len)
{
	struct hachi_trace_record *record;

	pthread_mutex_lock(&ring->lock);
	if (!ring->records)
		ring->records = mem_calloc(TRACE_RECORDS, sizeof(*ring->records));
	if (!ring->records || ring->count == TRACE_RECORDS) {
		__atomic_add_fetch(&ring->lost, 1, __ATOMIC_RELAXED);
		pthread_mutex_unlock(&ring->lock);
		return;
	}
	record = &ring->records[(ring->first + ring->count++) % TRACE_RECORDS];
	record->time_ns = world_time_ns(run->world, HACHI_CLOCK_MONOTONIC);
	record->pid = run->world->pid;
	record->cpu = run->cpu;
	record->flags = run->world->trace_flags;
	memset(record->comm, 0, sizeof(record->comm));
	world_comm(run->world, record->comm);
	if (len && text[len - 1] == '\n')
		len--;
	len = MIN(len, sizeof(record->text) - 1);
	memcpy(record->text, text, len);
	record->text[len] = 0;
	pthread_mutex_unlock(&ring->lock);
}

int trace_ring_read(struct trace_ring *ring, struct hachi_trace_record *ret_record)
{
	int ret = 0;

	pthread_mutex_lock(&ring->lock);
	if (ring->count) {
		*ret_record = ring->records[ring->first];
		ring->first = (ring->first + 1) % TRACE_RECORDS;
		ring->count--;
		ret = 1;
	}
	pthread_mutex_unlock(&ring->lock);
	return ret;
}
