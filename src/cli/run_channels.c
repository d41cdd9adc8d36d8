// SPDX-License-Identifier: BSD-2-Clause
/*
 * One libbpf consumer a ring: ring_buffer for BPF_MAP_TYPE_RINGBUF, perf_buffer for
 * BPF_MAP_TYPE_PERF_EVENT_ARRAY. Both read the shared pages themselves, on either backend.
 */
#include "cli/run_channels.h"
#include "base/alloc.h"
#include "base/vec.h"
#include "show/event.h"

#include <bpf/libbpf.h>
#include <linux/perf_event.h>
#include <sys/ioctl.h>

#define PERF_PAGES 64 /* a CPU */

struct channel {
	struct run_channels *owner;
	struct show_event *show; /* owned */
	struct ring_buffer *ring;
	struct perf_buffer *perf;
};

struct run_channels {
	FILE *out;
	VEC(struct channel *) list;
	u64 lost, events;
};

static bool name_contains(const char *name, const char *part)
{
	return *part && strcasestr(name, part) != NULL;
}

/* The struct that VAR id is, or points to; 0 = none. */
static u32 struct_of_var(const struct btf *btf, u32 id)
{
	u32 target = 0;
	const struct btf_type *t = btype_resolve(btf, id, &target);

	if (t && btype_is_ptr(t))
		t = btype_resolve_ptr(btf, target, &target);
	return t && btype_kind(t) == BTF_KIND_STRUCT && *btype_name(btf, target) ? target : 0;
}

/* "events" also goes with struct event, "event_t", "event_unused". */
static bool goes_with(const char *map_name, const char *name)
{
	char stem[64];
	size_t len;

	str_copy(stem, sizeof(stem), map_name);
	len = strlen(stem);
	if (len > 1 && stem[len - 1] == 's')
		stem[len - 1] = 0;
	return name_contains(name, stem) || name_contains(map_name, name);
}

u32 run_channels_event_type(const struct btf *btf, const char *map_name, u32 value_type)
{
	u32 count = btf ? btype_count(btf) : 0, found = 0, matching = 0, named = 0, resolved;
	const struct btf_type *t;

	if (!btf)
		return 0;
	t = value_type ? btype_skip_mods(btf, value_type, &resolved) : NULL;
	if (t && btype_kind(t) == BTF_KIND_STRUCT)
		return resolved;
	for (u32 id = 1; id < count; id++) {
		u32 target;

		t = btype_by_id(btf, id);
		if (btype_kind(t) == BTF_KIND_STRUCT && goes_with(map_name, btype_name(btf, id)) &&
			!named)
			named = id;
		if (btype_kind(t) != BTF_KIND_VAR)
			continue;
		target = struct_of_var(btf, id);
		/* maps are variables too, of anonymous structs */
		if (!target)
			continue;
		if (goes_with(map_name, btype_name(btf, id)) ||
			goes_with(map_name, btype_name(btf, target)))
			matching = target;
		else if (str_starts_with(btype_name(btf, id), "unused"))
			found = target;
	}
	return matching ? matching : found ? found : named;
}

static int on_ring_event(void *ctx, void *data, size_t size)
{
	struct channel *channel = ctx;

	channel->owner->events++;
	show_event_print(channel->show, channel->owner->out, -1, data, (u32)size);
	return 0;
}

static void on_perf_event(void *ctx, int cpu, void *data, __u32 size)
{
	struct channel *channel = ctx;

	channel->owner->events++;
	show_event_print(channel->show, channel->owner->out, cpu, data, size);
}

static void on_perf_lost(void *ctx, int cpu, __u64 count)
{
	struct channel *channel = ctx;

	(void)cpu;
	channel->owner->lost += count;
}

static void channel_free(struct channel *channel)
{
	ring_buffer__free(channel->ring);
	perf_buffer__free(channel->perf);
	show_event_free(channel->show);
	mem_free(channel);
}

static int add_channel(struct run_channels *channels, const struct bpf_map *map,
	const struct btf *btf, const struct run_channels_opts *opts, struct strbuf *ret_error)
{
	struct show_event_format format = {
		.map = bpf_map__name(map),
		.btf = btf,
		.type = run_channels_event_type(
			btf, bpf_map__name(map), bpf_map__btf_value_type_id(map)),
		.is_json = opts->is_json,
		.has_time = opts->has_time,
	};
	struct channel *channel = mem_zalloc(sizeof(*channel));
	int err;

	if (!channel)
		return -ENOMEM;
	channel->owner = channels;
	err = show_event_new(&format, &channel->show);
	if (!err && bpf_map__type(map) == BPF_MAP_TYPE_RINGBUF) {
		channel->ring = ring_buffer__new(bpf_map__fd(map), on_ring_event, channel, NULL);
		err = channel->ring ? 0 : -errno;
	} else if (!err) {
		channel->perf = perf_buffer__new(
			bpf_map__fd(map), PERF_PAGES, on_perf_event, on_perf_lost, channel, NULL);
		err = channel->perf ? 0 : -errno;
	}
	if (!err)
		err = vec_push(&channels->list, channel);
	if (err) {
		strbuf_printf(ret_error, "map %s: its events cannot be read: %s",
			bpf_map__name(map), strerror(-err));
		channel_free(channel);
	}
	return err;
}

int run_channels_new(struct bpf_object *object, const struct btf *btf, FILE *out,
	const struct run_channels_opts *opts, struct run_channels **ret_channels,
	struct strbuf *ret_error)
{
	struct run_channels *channels = mem_zalloc(sizeof(*channels));
	struct bpf_map *map;
	int err;

	if (!channels)
		return -ENOMEM;
	channels->out = out;
	bpf_object__for_each_map(map, object)
	{
		enum bpf_map_type type = bpf_map__type(map);

		if (type != BPF_MAP_TYPE_RINGBUF && type != BPF_MAP_TYPE_PERF_EVENT_ARRAY)
			continue;
		err = add_channel(channels, map, btf, opts, ret_error);
		if (err) {
			run_channels_free(channels);
			return err;
		}
	}
	*ret_channels = channels;
	return 0;
}

void run_channels_drain(struct run_channels *channels)
{
	struct channel **channel;

	vec_for_each (channel, &channels->list) {
		if ((*channel)->ring)
			ring_buffer__consume((*channel)->ring);
		else
			perf_buffer__consume((*channel)->perf);
	}
}

void run_channels_finish(struct run_channels *channels)
{
	struct channel **channel;

	run_channels_drain(channels);
	vec_for_each (channel, &channels->list) {
		for (size_t i = 0;
			(*channel)->perf && i < perf_buffer__buffer_cnt((*channel)->perf); i++)
			ioctl(perf_buffer__buffer_fd((*channel)->perf, i), PERF_EVENT_IOC_DISABLE,
				0);
	}
	run_channels_drain(channels);
}

u64 run_channels_lost(const struct run_channels *channels)
{
	return channels->lost;
}

u64 run_channels_events(const struct run_channels *channels)
{
	return channels->events;
}

void run_channels_free(struct run_channels *channels)
{
	struct channel **channel;

	if (!channels)
		return;
	vec_for_each (channel, &channels->list) {
		channel_free(*channel);
	}
	vec_release(&channels->list);
	mem_free(channels);
}
