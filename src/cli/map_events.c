// SPDX-License-Identifier: BSD-2-Clause
/* `hachi map event_pipe`: the records of a perf event array as they come, until a signal. */
#include "cli/map.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/perf_event.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#define RING_PAGES 16

static volatile sig_atomic_t is_stopped;

static void on_signal(int sig)
{
	(void)sig;
	is_stopped = 1;
}

struct sample {
	struct perf_event_header header;
	u64 time;
	u32 size;
	u8 data[];
};

struct lost {
	struct perf_event_header header;
	u64 id, lost;
};

struct pipe {
	struct words *w;
	bool is_one_cpu;
	int cpu, index;
};

static void print_json(struct words *w, const struct perf_event_header *header, int cpu, int index)
{
	const struct sample *sample = (const void *)header;
	const struct lost *lost = (const void *)header;

	show_json_open(&w->json, '{');
	words_u64(w, "type", header->type);
	words_u64(w, "cpu", (u32)cpu);
	words_u64(w, "index", (u32)index);
	if (header->type == PERF_RECORD_SAMPLE) {
		words_u64(w, "timestamp", sample->time);
		show_json_key(&w->json, "data");
		show_json_open(&w->json, '[');
		for (u32 i = 0; i < sample->size; i++)
			show_json_u64(&w->json, sample->data[i]);
		show_json_close(&w->json, ']');
	} else if (header->type == PERF_RECORD_LOST) {
		show_json_key(&w->json, "lost");
		show_json_open(&w->json, '{');
		words_u64(w, "id", lost->id);
		words_u64(w, "count", lost->lost);
		show_json_close(&w->json, '}');
	}
	show_json_close(&w->json, '}');
	show_json_flush(&w->json, stdout);
}

static enum bpf_perf_event_ret on_record(void *arg, int cpu, struct perf_event_header *header)
{
	const struct sample *sample = (const void *)header;
	const struct lost *lost = (const void *)header;
	struct pipe *pipe = arg;
	int index = pipe->is_one_cpu ? pipe->index : cpu;

	if (pipe->w->is_json) {
		print_json(pipe->w, header, cpu, index);
	} else if (header->type == PERF_RECORD_SAMPLE) {
		printf("== @%llu.%09llu CPU: %d index: %d =====\n",
			(unsigned long long)(sample->time / 1000000000),
			(unsigned long long)(sample->time % 1000000000), cpu, index);
		words_hex(sample->data, sample->size, " ");
		printf("\n");
	} else if (header->type == PERF_RECORD_LOST) {
		printf("lost %llu events\n", (unsigned long long)lost->lost);
	} else {
		printf("unknown event type=%u size=%u\n", header->type, header->size);
	}
	fflush(stdout);
	return LIBBPF_PERF_EVENT_CONT;
}

static int parse_where(struct words *w, struct pipe *pipe)
{
	u32 number;

	while (w->argc) {
		bool is_cpu = words_peek(w, "cpu");

		if (w->argc < 2 || (!is_cpu && !words_peek(w, "index")))
			return words_error(w, "what is '%s'?", w->argv[0]);
		words_next(w);
		if (words_u32(w, is_cpu ? "CPU ID" : "index", &number))
			return WORDS_FAILED;
		*(is_cpu ? &pipe->cpu : &pipe->index) = (int)number;
		pipe->is_one_cpu = true;
	}
	if (pipe->is_one_cpu && (pipe->cpu < 0 || pipe->index < 0))
		return words_error(w, "cpu and index must be specified together");
	return 0;
}

static int follow(struct words *w, int fd, struct pipe *pipe)
{
	struct perf_event_attr attr = {
		.size = sizeof(attr),
		.sample_type = PERF_SAMPLE_RAW | PERF_SAMPLE_TIME,
		.type = PERF_TYPE_SOFTWARE,
		.config = PERF_COUNT_SW_BPF_OUTPUT,
		.sample_period = 1,
		.wakeup_events = 1,
	};
	LIBBPF_OPTS(perf_buffer_raw_opts, opts, .cpu_cnt = pipe->is_one_cpu, .cpus = &pipe->cpu,
		.map_keys = &pipe->index);
	struct sigaction action = {.sa_handler = on_signal};
	struct perf_buffer *buffer;
	int err = 0;

	buffer = perf_buffer__new_raw(fd, RING_PAGES, &attr, on_record, pipe, &opts);
	if (!buffer)
		return words_error_errno(w, errno, "failed to create perf buffer");
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGHUP, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	if (w->is_json)
		show_json_open(&w->json, '[');
	while (!is_stopped && !err) {
		err = perf_buffer__poll(buffer, 200);
		err = err == -EINTR || err > 0 ? 0 : err;
	}
	if (err)
		words_error(w, "perf buffer polling failed: %s", strerror(-err));
	else if (!w->is_json)
		fprintf(stderr, "Stopping...\n");
	if (w->is_json)
		show_json_close(&w->json, ']');
	perf_buffer__free(buffer);
	return err ? WORDS_FAILED : 0;
}

int cli_map_event_pipe(struct words *w)
{
	struct pipe pipe = {.w = w, .cpu = -1, .index = -1};
	struct bpf_map_info info;
	int fd, err;

	if (!words_need(w, 2))
		return WORDS_FAILED;
	fd = object_parse_map(w, &info);
	if (fd < 0)
		return WORDS_FAILED;
	if (info.type != BPF_MAP_TYPE_PERF_EVENT_ARRAY)
		err = words_error(w, "map is not a perf event array");
	else
		err = parse_where(w, &pipe);
	if (!err)
		err = follow(w, fd, &pipe);
	object_close(w, fd);
	return err;
}
