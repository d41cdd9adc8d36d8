// SPDX-License-Identifier: BSD-2-Clause
/*
 * Records travel over a socket of packets, each answered by an errno. The keeper has a session of
 * its own, so that what a terminal sends to us does not reach it, and no descriptor but the socket,
 * so that it holds neither programs nor somebody's pipe open.
 */
#include "client/keeper.h"
#include "base/alloc.h"
#include "base/vec.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define PATH_ROOM     1024
#define CGROUP_TRIES  200 /* of 5 ms: processes of a command may be on their way out */
#define CGROUP_PAUSE  5000
#define KEEPER_SOCKET 3

enum keeper_what { KEEPER_CLSACT, KEEPER_FILTER, KEEPER_ROUTE, KEEPER_STRUCT_OPS, KEEPER_CGROUP };

struct keeper_record {
	enum keeper_what what;
	u32 ifindex, handle, priority, id;
	bool is_egress;
	struct route route;
	char path[PATH_ROOM], home[PATH_ROOM];
};

struct keeper {
	pid_t pid;
	int fd; /* ours of the pair */
};

static bool filter_runs(const struct keeper_record *record, struct bpf_tc_hook *hook)
{
	LIBBPF_OPTS(bpf_tc_opts, opts, .handle = record->handle, .priority = record->priority);

	return bpf_tc_query(hook, &opts) == 0 && opts.prog_id == record->id;
}

static void undo_filter(const struct keeper_record *record)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = (int)record->ifindex,
		.attach_point = record->is_egress ? BPF_TC_EGRESS : BPF_TC_INGRESS);
	LIBBPF_OPTS(bpf_tc_opts, opts, .handle = record->handle, .priority = record->priority);

	if (filter_runs(record, &hook))
		bpf_tc_detach(&hook, &opts);
}

static void undo_clsact(const struct keeper_record *record)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = (int)record->ifindex,
		.attach_point = BPF_TC_INGRESS | BPF_TC_EGRESS);

	bpf_tc_hook_destroy(&hook);
}

static void undo_struct_ops(const struct keeper_record *record)
{
	int fd = bpf_map_get_fd_by_id(record->id);
	u32 key = 0;

	if (fd < 0)
		return;
	bpf_map_delete_elem(fd, &key);
	close(fd);
}

static void move_processes(const char *from, const char *to)
{
	char from_path[PATH_ROOM + 16], to_path[PATH_ROOM + 16], line[32];
	FILE *in;

	snprintf(from_path, sizeof(from_path), "%s/cgroup.procs", from);
	snprintf(to_path, sizeof(to_path), "%s/cgroup.procs", to);
	in = fopen(from_path, "re");
	while (in && fgets(line, sizeof(line), in)) {
		int fd = open(to_path, O_WRONLY | O_CLOEXEC);

		/* one that has just ended cannot be moved: rmdir is tried again anyway */
		if (fd >= 0 && write(fd, line, strlen(line)) < 0)
			usleep(100);
		if (fd >= 0)
			close(fd);
	}
	if (in)
		fclose(in);
}

static void undo_cgroup(const struct keeper_record *record)
{
	for (int i = 0; i < CGROUP_TRIES; i++) {
		if (rmdir(record->path) == 0 || errno == ENOENT)
			return;
		move_processes(record->path, record->home);
		usleep(CGROUP_PAUSE);
	}
}

static void undo(const struct keeper_record *record)
{
	switch (record->what) {
	case KEEPER_CLSACT: undo_clsact(record); break;
	case KEEPER_FILTER: undo_filter(record); break;
	case KEEPER_ROUTE: route_delete(&record->route); break;
	case KEEPER_STRUCT_OPS: undo_struct_ops(record); break;
	case KEEPER_CGROUP: undo_cgroup(record); break;
	}
}

/* What is to be kept is noted; a clsact that was there already is not ours to remove. */
static int note(struct keeper_record *record, bool *ret_is_ours)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = (int)record->ifindex,
		.attach_point = BPF_TC_INGRESS | BPF_TC_EGRESS);
	int err;

	*ret_is_ours = true;
	if (record->what != KEEPER_CLSACT)
		return 0;
	err = bpf_tc_hook_create(&hook);
	*ret_is_ours = err == 0;
	return err == -EEXIST ? 0 : err;
}

static void keep(int fd)
{
	struct keeper_record *record;
	VEC(struct keeper_record *) kept = {0};

	for (;;) {
		bool is_ours = false;
		ssize_t n;
		int answer;

		record = mem_alloc(sizeof(*record));
		if (!record)
			break;
		n = recv(fd, record, sizeof(*record), 0);
		if (n < 0 && errno == EINTR) {
			mem_free(record);
			continue;
		}
		if (n != (ssize_t)sizeof(*record))
			break;
		answer = note(record, &is_ours);
		if (!is_ours)
			mem_free(record);
		else if (vec_push(&kept, record)) {
			undo(record);
			answer = -ENOMEM;
		}
		if (send(fd, &answer, sizeof(answer), MSG_NOSIGNAL) < 0)
			break;
	}
	while (kept.len)
		undo(vec_pop(&kept));
}

static void keeper_process(int fd)
{
	static const int ignored[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGPIPE, SIGTTOU};
	int null;

	setsid();
	for (size_t i = 0; i < ARRAY_SIZE(ignored); i++)
		signal(ignored[i], SIG_IGN);
	signal(SIGCHLD, SIG_DFL);
	if (fd != KEEPER_SOCKET && dup2(fd, KEEPER_SOCKET) < 0)
		_exit(1);
	syscall(SYS_close_range, KEEPER_SOCKET + 1, ~0u, 0);
	null = open("/dev/null", O_RDWR | O_CLOEXEC);
	for (int i = 0; i < 3; i++)
		dup2(null, i);
	libbpf_set_print(NULL);
	keep(KEEPER_SOCKET);
	_exit(0);
}

int keeper_new(struct keeper **ret_keeper)
{
	struct keeper *keeper = mem_zalloc(sizeof(*keeper));
	int ends[2], err;

	if (!keeper)
		return -ENOMEM;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends)) {
		err = -errno;
		mem_free(keeper);
		return err;
	}
	fflush(NULL);
	keeper->pid = fork();
	if (keeper->pid < 0) {
		err = -errno;
		close(ends[0]);
		close(ends[1]);
		mem_free(keeper);
		return err;
	}
	if (keeper->pid == 0)
		keeper_process(ends[1]);
	close(ends[1]);
	keeper->fd = ends[0];
	*ret_keeper = keeper;
	return 0;
}

static int tell(struct keeper *keeper, const struct keeper_record *record)
{
	int answer;
	ssize_t n;

	if (send(keeper->fd, record, sizeof(*record), MSG_NOSIGNAL) < 0)
		return -errno;
	do {
		n = recv(keeper->fd, &answer, sizeof(answer), 0);
	} while (n < 0 && errno == EINTR);
	return n == (ssize_t)sizeof(answer) ? answer : -EPIPE;
}

int keeper_clsact(struct keeper *keeper, u32 ifindex)
{
	struct keeper_record record = {.what = KEEPER_CLSACT, .ifindex = ifindex};

	return tell(keeper, &record);
}

int keeper_filter(
	struct keeper *keeper, u32 ifindex, bool is_egress, u32 handle, u32 priority, u32 prog_id)
{
	struct keeper_record record = {
		.what = KEEPER_FILTER,
		.ifindex = ifindex,
		.is_egress = is_egress,
		.handle = handle,
		.priority = priority,
		.id = prog_id,
	};

	return tell(keeper, &record);
}

int keeper_route(struct keeper *keeper, const struct route *route)
{
	struct keeper_record record = {.what = KEEPER_ROUTE, .route = *route};

	return tell(keeper, &record);
}

int keeper_struct_ops(struct keeper *keeper, u32 map_id)
{
	struct keeper_record record = {.what = KEEPER_STRUCT_OPS, .id = map_id};

	return tell(keeper, &record);
}

int keeper_cgroup(struct keeper *keeper, const char *path, const char *home)
{
	struct keeper_record record = {.what = KEEPER_CGROUP};

	if (!str_copy(record.path, sizeof(record.path), path) ||
		!str_copy(record.home, sizeof(record.home), home))
		return -ENAMETOOLONG;
	return tell(keeper, &record);
}

void keeper_end(struct keeper *keeper)
{
	if (!keeper)
		return;
	close(keeper->fd);
	while (waitpid(keeper->pid, NULL, 0) < 0 && errno == EINTR)
		;
	mem_free(keeper);
}
