// SPDX-License-Identifier: BSD-2-Clause
/*
 * Descriptors as programs use them: a ring buffer waited for with select, pselect, poll, ppoll and
 * epoll, through duplicates and in a child; a perf event through its ioctls; links updated, looked
 * up, detached and pinned.
 */
#define _GNU_SOURCE
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/perf_event.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/select.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static struct bpf_object *object;
static int seen;

static int on_ring(void *ctx, void *data, size_t size)
{
	seen++;
	return 0;
}

static void send_one(void)
{
	__u64 args[2] = {0, 7};
	LIBBPF_OPTS(bpf_test_run_opts, opts, .ctx_in = args, .ctx_size_in = sizeof(args));

	bpf_prog_test_run_opts(
		bpf_program__fd(bpf_object__find_program_by_name(object, "send")), &opts);
}

static int by_select(int fd, int is_pselect)
{
	struct timeval tv = {0, 20000};
	struct timespec ts = {0, 20000000};
	fd_set set;
	int n;

	FD_ZERO(&set);
	FD_SET(fd, &set);
	n = is_pselect ? pselect(fd + 1, &set, NULL, NULL, &ts, NULL)
		       : select(fd + 1, &set, NULL, NULL, &tv);
	return n * 10 + !!FD_ISSET(fd, &set);
}

static int by_poll(int fd, int is_ppoll)
{
	struct pollfd p[2] = {{fd, POLLIN, 0}, {-1, POLLIN, 0}};
	struct timespec ts = {0, 20000000};
	int n = is_ppoll ? ppoll(p, 2, &ts, NULL) : poll(p, 2, 20);

	return n * 10 + !!(p[0].revents & POLLIN);
}

static int by_epoll(int fd)
{
	struct epoll_event event = {EPOLLIN, {.u64 = 77}};
	int ep = epoll_create1(EPOLL_CLOEXEC), n;

	if (epoll_ctl(ep, EPOLL_CTL_ADD, fd, &event))
		return -errno;
	event.data.u64 = 0;
	n = epoll_wait(ep, &event, 1, 20);
	n = n * 1000 + (int)event.data.u64;
	if (epoll_ctl(ep, EPOLL_CTL_DEL, fd, &event))
		return -errno;
	close(ep);
	return n;
}

static void wait_for(const char *when, int fd)
{
	printf("%s: select %d, pselect %d, poll %d, ppoll %d, epoll %d\n", when, by_select(fd, 0),
		by_select(fd, 1), by_poll(fd, 0), by_poll(fd, 1), by_epoll(fd));
	fflush(stdout);
}

static void use_ring(void)
{
	int fd = bpf_object__find_map_fd_by_name(object, "ring"), copy, status;
	struct ring_buffer *ring = ring_buffer__new(fd, on_ring, NULL, NULL);

	wait_for("empty", fd);
	send_one();
	wait_for("full", fd);
	copy = dup(fd);
	wait_for("by a duplicate", copy);
	close(copy);
	copy = fcntl(fd, F_DUPFD_CLOEXEC, 200);
	wait_for("by fcntl's duplicate", copy);
	printf("a duplicate is closed: %d\n", close(copy));
	if (fork() == 0) {
		wait_for("in a child", fd);
		send_one();
		_exit(ring_buffer__consume(ring));
	}
	wait(&status);
	printf("the child consumed %d\n", WEXITSTATUS(status));
	wait_for("emptied by the child", fd);
	send_one();
	printf("consumed %d\n", ring_buffer__poll(ring, 1000));
	printf("epoll of libbpf's: %d\n", ring_buffer__epoll_fd(ring) >= 0);
	ring_buffer__free(ring);
	printf("seen %d\n", seen);
}

/* What a descriptor of this process is, into a buffer of so many bytes. */
static void query(const char *what, int fd, __u32 size)
{
	char name[64] = "(nothing)";
	__u32 len = size, prog_id = 0, type = 77;
	__u64 offset = 77, addr = 77;
	int err = bpf_task_fd_query(getpid(), fd, 0, name, &len, &prog_id, &type, &offset, &addr);

	printf("query of %s, %u bytes: %d, \"%s\", length %u, type %u, a program %d, at %llu "
	       "%llu\n",
		what, size, err, name, len, type, prog_id != 0, offset, addr);
}

static void use_event(void)
{
	struct perf_event_attr attr = {.type = PERF_TYPE_SOFTWARE,
		.config = PERF_COUNT_SW_BPF_OUTPUT,
		.size = sizeof(attr),
		.sample_type = PERF_SAMPLE_RAW,
		.sample_period = 1,
		.wakeup_events = 1};
	int fd = (int)syscall(SYS_perf_event_open, &attr, -1, 0, -1, PERF_FLAG_FD_CLOEXEC), other;
	int map = bpf_object__find_map_fd_by_name(object, "events"), key = 0, err;
	__u64 id = 0;
	void *ring;

	printf("an event: %d\n", fd >= 0);
	query("an event without a program", fd, 64);
	query("standard input", 0, 64);
	query("nothing", 4000, 64);
	printf("enable: %d\n", ioctl(fd, PERF_EVENT_IOC_ENABLE, 0));
	printf("disable: %d\n", ioctl(fd, PERF_EVENT_IOC_DISABLE, 0));
	printf("enable: %d\n", ioctl(fd, PERF_EVENT_IOC_ENABLE, 0));
	err = ioctl(fd, PERF_EVENT_IOC_ID, &id);
	printf("its number: %d %d\n", err, id != 0);
	ring = mmap(NULL, 3 * 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	printf("its ring: %d\n", ring != MAP_FAILED);
	printf("three pages are no ring: %d\n",
		mmap(NULL, 4 * 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) == MAP_FAILED);
	printf("into the map: %d\n", bpf_map_update_elem(map, &key, &fd, 0));
	other = dup(fd);
	close(fd);
	printf("by a duplicate: %d\n", ioctl(other, PERF_EVENT_IOC_ENABLE, 0));
	printf("no program fits it: %d\n",
		ioctl(other, PERF_EVENT_IOC_SET_BPF,
			bpf_program__fd(bpf_object__find_program_by_name(object, "count"))));
	munmap(ring, 3 * 4096);
	printf("out of the map: %d\n", bpf_map_delete_elem(map, &key));
	printf("closed: %d\n", close(other));
	printf("again: %d\n", close(other));
}

static void use_link(void)
{
	struct bpf_program *send = bpf_object__find_program_by_name(object, "send");
	const char *path = "/sys/fs/bpf/hachi-test-link";
	struct bpf_link *link = bpf_program__attach_raw_tracepoint(send, "sys_exit");
	struct bpf_link_info info = {0};
	__u32 len = sizeof(info), next = 0;
	__u64 big;
	int fd, copy, err;

	printf("a link: %d\n", link != NULL);
	if (!link)
		return;
	fd = bpf_link__fd(link);
	err = bpf_obj_get_info_by_fd(fd, &info, &len);
	printf("info: %d, a raw tracepoint: %d\n", err, info.type == BPF_LINK_TYPE_RAW_TRACEPOINT);
	copy = bpf_link_get_fd_by_id(info.id);
	printf("by its id: %d\n", copy >= 0);
	close(copy);
	printf("there is one: %d\n",
		bpf_link_get_next_id(info.id - 1, &next) == 0 && next >= info.id);
	query("a link", fd, 64);
	query("a link", fd, 9);
	query("a link", fd, 5);
	query("a link", fd, 0);
	query("a program", bpf_program__fd(send), 64);
	printf("query of another process: %d\n",
		bpf_task_fd_query(0, fd, 0, NULL, &len, &next, &next, &big, &big));
	printf("query with flags: %d\n",
		bpf_task_fd_query(getpid(), fd, 1, NULL, &len, &next, &next, &big, &big));
	printf("update: %d\n", bpf_link_update(fd, bpf_program__fd(send), NULL));
	unlink(path);
	printf("pin: %d\n", bpf_link__pin(link, path));
	printf("destroy: %d\n", bpf_link__destroy(link));
	fd = bpf_obj_get(path);
	printf("by the pin: %d\n", fd >= 0);
	printf("detach: %d\n", bpf_link_detach(fd));
	close(fd);
	printf("unpin: %d\n", unlink(path));
	printf("gone: %d\n", bpf_link_get_fd_by_id(info.id) < 0);
}

int main(int argc, char **argv)
{
	setvbuf(stdout, NULL, _IOLBF, 0); /* a child must not print it again */
	object = bpf_object__open_file(argv[1], NULL);
	if (!object || bpf_object__load(object)) {
		printf("load: %s\n", strerror(errno));
		return 1;
	}
	use_ring();
	use_event();
	use_link();
	bpf_object__close(object);
	return 0;
}
