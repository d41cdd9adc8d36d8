// SPDX-License-Identifier: BSD-2-Clause
#include "hook/event.h"

#include "base/alloc.h"
#include "base/os.h"
#include "hook/event_ring.h"

static bool is_output(const struct perf_event_attr *attr)
{
	return attr->type == PERF_TYPE_SOFTWARE && attr->config == PERF_COUNT_SW_BPF_OUTPUT;
}

/* Where a program of this event would stand. */
static int describe(const struct event_args *args, struct hachi_attachment *place)
{
	const struct perf_event_attr *attr = &args->attr;
	bool is_return = attr->config & 1;

	memset(place, 0, sizeof(*place));
	place->pid = args->pid;
	place->cpu = args->cpu;
	switch (attr->type) {
	case PERF_TYPE_TRACEPOINT: place->kind = HACHI_ATTACH_TRACEPOINT; break;
	case EVENT_TYPE_KPROBE:
		place->kind = is_return ? HACHI_ATTACH_KRETPROBE : HACHI_ATTACH_KPROBE;
		place->offset = attr->probe_offset;
		break;
	case EVENT_TYPE_UPROBE:
		place->kind = is_return ? HACHI_ATTACH_URETPROBE : HACHI_ATTACH_UPROBE;
		place->offset = attr->probe_offset;
		place->ref_ctr_offset = attr->config >> 32;
		break;
	case PERF_TYPE_HARDWARE:
		if (attr->config >= PERF_COUNT_HW_MAX)
			return -EINVAL;
		FALLTHROUGH;
	case PERF_TYPE_SOFTWARE:
		place->kind = HACHI_ATTACH_PERF_EVENT;
		if (attr->type == PERF_TYPE_SOFTWARE && attr->config >= PERF_COUNT_SW_MAX)
			return -ENOENT;
		if (attr->freq)
			place->sample_freq = attr->sample_freq;
		else
			place->sample_period = attr->sample_period;
		place->sample_type = attr->type;
		place->sample_config = (u32)attr->config;
		break;
	default: return -ENOENT;
	}
	return 0;
}

int event_new(struct hook_set *set, const struct event_args *args, struct event **ret_event)
{
	struct event *event = mem_zalloc(sizeof(*event));
	int err;

	if (!event)
		return -ENOMEM;
	event->refs = 1;
	event->id = __atomic_add_fetch(&set->last_event, 1, __ATOMIC_RELAXED);
	event->attr = args->attr;
	event->set = set;
	event->fd = event->event_fd = -1;
	event->is_enabled = !args->attr.disabled;
	event->can_attach = !is_output(&args->attr);
	pthread_mutex_init(&event->lock, NULL);
	err = describe(args, &event->place);
	if (!err) {
		event->place.target = mem_strdup(args->target ? args->target : "");
		err = event->place.target ? os_memfd("perf_event", 0, &event->fd) : -ENOMEM;
	}
	if (!err)
		err = os_eventfd(&event->event_fd);
	if (err) {
		event_unref(event);
		return err;
	}
	*ret_event = event;
	return 0;
}

void event_ref(struct event *event)
{
	__atomic_add_fetch(&event->refs, 1, __ATOMIC_RELAXED);
}

static void free_late(struct epoch_node *node)
{
	struct event *event = container_of(node, struct event, epoch);

	event_ring_free(event->ring);
	if (event->fd >= 0)
		os_close(event->fd);
	if (event->event_fd >= 0)
		os_close(event->event_fd);
	pthread_mutex_destroy(&event->lock);
	mem_free((char *)(uintptr_t)event->place.target);
	mem_free(event);
}

void event_unref(struct event *event)
{
	if (!event || __atomic_sub_fetch(&event->refs, 1, __ATOMIC_ACQ_REL))
		return;
	event_clear_prog(event);
	epoch_defer(&event->epoch, free_late);
}

/* Which type of program runs at an event (kernel: perf_event_set_bpf_prog()). */
static bool fits(const struct event *event, const struct prog *prog)
{
	switch (event->place.kind) {
	case HACHI_ATTACH_TRACEPOINT: return prog->type == BPF_PROG_TYPE_TRACEPOINT;
	case HACHI_ATTACH_PERF_EVENT: return prog->type == BPF_PROG_TYPE_PERF_EVENT;
	case HACHI_ATTACH_KPROBE:
	case HACHI_ATTACH_KRETPROBE:
		return prog->type == BPF_PROG_TYPE_KPROBE && !prog->is_sleepable;
	case HACHI_ATTACH_UPROBE:
	case HACHI_ATTACH_URETPROBE: return prog->type == BPF_PROG_TYPE_KPROBE;
	default: return false;
	}
}

int event_set_prog(struct event *event, struct prog *prog, u64 cookie)
{
	struct hachi_attachment place = event->place;
	int err = 0;

	if (!event->can_attach || !fits(event, prog))
		return -EINVAL;
	pthread_mutex_lock(&event->lock);
	if (event->prog) {
		err = -EEXIST;
	} else {
		place.cookie = cookie;
		place.is_enabled = event->is_enabled;
		err = hook_attach(event->set, &place, prog, NULL, &event->att);
	}
	if (!err) {
		event->att->owner = event;
		event->prog = prog;
		prog_ref(prog);
	}
	pthread_mutex_unlock(&event->lock);
	return err;
}

void event_clear_prog(struct event *event)
{
	struct attachment *att;
	struct prog *prog;

	pthread_mutex_lock(&event->lock);
	att = event->att;
	prog = event->prog;
	event->att = NULL;
	event->prog = NULL;
	pthread_mutex_unlock(&event->lock);
	hook_detach(event->set, att);
	prog_unref(prog);
}

int event_enable(struct event *event, bool is_enabled)
{
	pthread_mutex_lock(&event->lock);
	event->is_enabled = is_enabled;
	if (event->att)
		hook_enable(event->set, event->att, is_enabled);
	if (!is_enabled && event->ring)
		event_ring_tell_lost(event->ring);
	pthread_mutex_unlock(&event->lock);
	return 0;
}

/* The parts of a sample before its raw data, in the order of the perf ABI. */
static u32 sample_head(const struct event *event, const struct run *run, u64 *ret_words)
{
	u64 what = event->attr.sample_type;
	u32 n = 0;

	if (what & PERF_SAMPLE_IDENTIFIER)
		ret_words[n++] = 0;
	if (what & PERF_SAMPLE_IP)
		ret_words[n++] = run->func_ip;
	if (what & PERF_SAMPLE_TID)
		ret_words[n++] = run->world->tgid | (u64)run->world->pid << 32;
	if (what & PERF_SAMPLE_TIME)
		ret_words[n++] = world_time_ns(run->world, HACHI_CLOCK_MONOTONIC);
	if (what & PERF_SAMPLE_ADDR)
		ret_words[n++] = 0;
	if (what & PERF_SAMPLE_ID)
		ret_words[n++] = 0;
	if (what & PERF_SAMPLE_STREAM_ID)
		ret_words[n++] = 0;
	if (what & PERF_SAMPLE_CPU)
		ret_words[n++] = run->cpu;
	if (what & PERF_SAMPLE_PERIOD)
		ret_words[n++] = 1;
	return n;
}

int event_output(struct event *event, const struct run *run, const void *data, u64 size)
{
	struct event_ring *ring = __atomic_load_n(&event->ring, __ATOMIC_ACQUIRE);
	struct {
		u64 words[9];
		u32 raw_size;
	} body;
	u32 n, raw_size;
	int err;

	if (!is_output(&event->attr))
		return -EINVAL;
	if (event->place.cpu >= 0 && (u32)event->place.cpu != run->cpu)
		return -EOPNOTSUPP;
	if (!event->is_enabled || !ring)
		return 0;
	if (!(event->attr.sample_type & PERF_SAMPLE_RAW))
		size = 0;
	if (size > UINT16_MAX)
		return -E2BIG;
	n = sample_head(event, run, body.words);
	/* the size word and the data fill a multiple of 8; what pads counts as data */
	raw_size = (u32)(ALIGN_UP(size + sizeof(u32), 8u) - sizeof(u32));
	memcpy(&body.words[n], &raw_size, sizeof(raw_size));
	err = event_ring_write(ring, PERF_RECORD_SAMPLE, &body,
		n * 8 + (event->attr.sample_type & PERF_SAMPLE_RAW ? 4 : 0), data, size);
	if (err == 1) /* else whoever waits was told already */
		os_eventfd_signal(event->event_fd);
	return MIN(err, 0);
}

int event_mmap(struct event *event, u64 size, bool is_overwrite)
{
	struct event_ring *ring;
	int err = 0;

	pthread_mutex_lock(&event->lock);
	if (event->ring) {
		err = event_ring_size(event->ring) == size ? 0 : -EINVAL;
	} else {
		err = event_ring_new(event->fd, size, is_overwrite, &ring);
		if (!err)
			__atomic_store_n(&event->ring, ring, __ATOMIC_RELEASE);
	}
	pthread_mutex_unlock(&event->lock);
	return err;
}

bool event_has_data(struct event *event)
{
	struct event_ring *ring = __atomic_load_n(&event->ring, __ATOMIC_ACQUIRE);

	return ring && event_ring_has_data(ring);
}
