// SPDX-License-Identifier: BSD-2-Clause
/* An object file by libbpf: loaded, run, its rings read, its programs attached, all of it shown. */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

struct sample {
	unsigned number;
	char text[12];
};

static int on_ring(void *ctx, void *data, size_t size)
{
	const struct sample *s = data;

	printf("ring: %u %s (%zu bytes)\n", s->number, s->text, size);
	return 0;
}

static void on_event(void *ctx, int cpu, void *data, __u32 size)
{
	const struct sample *s = data;

	printf("perf: %u %s (%u bytes)\n", s->number, s->text, size);
}

static void count_packets(struct bpf_object *object)
{
	int fd = bpf_program__fd(bpf_object__find_program_by_name(object, "count"));
	struct bpf_map *bss = bpf_object__find_map_by_name(object, ".bss");
	struct bpf_map *lengths = bpf_object__find_map_by_name(object, "lengths");
	char packet[200] = {0};
	__u32 key = 64, *numbers;
	__u64 seen = 0;
	size_t size;
	int err;

	for (__u32 len = 64; len <= 200; len += 136) {
		LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = packet, .data_size_in = len,
			.repeat = len);
		err = bpf_prog_test_run_opts(fd, &opts);
		printf("%u bytes: %d, returned %u\n", len, err, opts.retval);
	}
	err = bpf_map__lookup_elem(lengths, &key, sizeof(key), &seen, sizeof(seen), 0);
	printf("seen %d %llu\n", err, seen);
	numbers = bpf_map__initial_value(bss, &size);
	(void)numbers;
	key = 0;
	{
		char value[64] = {0};

		err = bpf_map_lookup_elem(bpf_map__fd(bss), &key, value);
		printf("global data: %d %zu\n", err, size);
	}
}

static void read_rings(struct bpf_object *object)
{
	int fd = bpf_program__fd(bpf_object__find_program_by_name(object, "send"));
	struct ring_buffer *ring = ring_buffer__new(
		bpf_object__find_map_fd_by_name(object, "ring"), on_ring, NULL, NULL);
	struct perf_buffer *perf = perf_buffer__new(
		bpf_object__find_map_fd_by_name(object, "events"), 4, on_event, NULL, NULL, NULL);
	__u64 args[2] = {0, 1};

	printf("rings %d %d\n", ring != NULL, perf != NULL);
	printf("nothing yet: %d\n", ring_buffer__poll(ring, 0));
	for (; args[1] <= 3; args[1]++) {
		LIBBPF_OPTS(bpf_test_run_opts, opts, .ctx_in = args, .ctx_size_in = sizeof(args));
		int err = bpf_prog_test_run_opts(fd, &opts);

		printf("sent: %d %u\n", err, opts.retval);
	}
	printf("poll: %d\n", ring_buffer__poll(ring, 1000));
	printf("poll: %d\n", perf_buffer__poll(perf, 1000) > 0);
	printf("nothing more: %d\n", ring_buffer__poll(ring, 0));
	ring_buffer__free(ring);
	perf_buffer__free(perf);
}

static void show_link(struct bpf_link *link)
{
	struct bpf_link_info info = {0};
	__u32 len = sizeof(info);
	char name[64] = "";
	int err;

	if (!link) {
		printf("link: %s\n", strerror(errno));
		return;
	}
	info.raw_tracepoint.tp_name = (__u64)(unsigned long)name;
	info.raw_tracepoint.tp_name_len = sizeof(name);
	err = bpf_obj_get_info_by_fd(bpf_link__fd(link), &info, &len);
	printf("link: %d type %u name %s\n", err, info.type, name);
	printf("destroy: %d\n", bpf_link__destroy(link));
}

static void show_program(struct bpf_object *object, const char *name)
{
	struct bpf_program *prog = bpf_object__find_program_by_name(object, name);
	struct bpf_prog_info info = {0};
	__u32 len = sizeof(info);
	int err = bpf_obj_get_info_by_fd(bpf_program__fd(prog), &info, &len), fd, status;

	printf("%s: %d type %u, name %s, %u maps, gpl %u, btf %d, lines %d\n", name, err, info.type,
		info.name, info.nr_map_ids, info.gpl_compatible, info.btf_id != 0,
		info.nr_line_info > 0);
	fd = bpf_prog_get_fd_by_id(info.id);
	printf("by id: %d\n", fd >= 0);
	close(fd);
	if (fork() == 0)
		_exit(bpf_obj_get_info_by_fd(bpf_program__fd(prog), &info, &len) ? 1 : 0);
	wait(&status);
	printf("in a child: %d\n", status);
}

int main(int argc, char **argv)
{
	struct bpf_object *object = bpf_object__open_file(argv[1], NULL);

	if (!object) {
		printf("open: %s\n", strerror(errno));
		return 1;
	}
	if (bpf_object__load(object)) {
		printf("load: %s\n", strerror(errno));
		return 1;
	}
	show_program(object, "count");
	show_program(object, "send");
	count_packets(object);
	read_rings(object);
	show_link(bpf_program__attach(bpf_object__find_program_by_name(object, "send")));
	bpf_object__close(object);
	fflush(stdout);
	return 0;
}
