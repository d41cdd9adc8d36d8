// SPDX-License-Identifier: BSD-2-Clause
/*
 * Threads that share an instance: each replays sequences of system calls of fuzz/corpus/syscall
 * (every command, test runs, attachments that fire, mmap, pins, descriptors closed behind the
 * instance's back), all at once. Under MODE=tsan no race; in any mode nothing crashes, and when all
 * is closed no object is left. A second instance beside it sees nothing of this.
 */
#include "fuzz/syscall_fuzz.c"

#include "test/tap.h"

#include <dirent.h>
#include <pthread.h>

#define FOLDER	"fuzz/corpus/syscall"
#define THREADS 4
#define INPUTS	512

static struct input {
	void *data;
	size_t size;
} inputs[INPUTS];

static u32 input_count;

static void read_corpus(void)
{
	DIR *dir = opendir(FOLDER);
	struct dirent *entry;

	REQUIRE(dir != NULL);
	while ((entry = readdir(dir)) && input_count < INPUTS) {
		struct input *in = &inputs[input_count];
		char path[512];

		if (entry->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), FOLDER "/%s", entry->d_name);
		REQUIRE_EQ(os_read_file(path, 1 << 20, &in->data, &in->size), 0);
		input_count++;
	}
	closedir(dir);
}

static void replay(struct state *s, const struct input *in)
{
	s->data = in->data;
	s->size = in->size;
	for (u32 i = 0; i < FDS; i++)
		s->fds[i] = -1;
	for (u32 i = 0; i < CALLS && s->size; i++) {
		u8 call = next(s);

		if (call == 0xff)
			hachi_attach_walk(s->h, fire, s);
		else if (call != 0xfe)
			calls[call % ARRAY_SIZE(calls)](s);
	}
	for (u32 i = 0; i < FDS; i++)
		if (s->fds[i] >= 0)
			hachi_close(s->h, (int)s->fds[i]);
}

struct worker {
	pthread_t thread;
	struct hachi *h;
	u32 first;
};

static void *work(void *arg)
{
	struct worker *worker = arg;
	struct state *s = mem_zalloc(sizeof(*s));

	if (!s)
		return arg;
	s->h = worker->h;
	for (u32 i = 0; i < input_count; i++)
		replay(s, &inputs[(worker->first + i) % input_count]);
	mem_free(s);
	return NULL;
}

TEST(threads_share_an_instance_in_every_call)
{
	struct hachi_opts opts = {.size = sizeof(opts), .btf_path = "", .memory_limit = 256 << 20};
	struct worker workers[THREADS];
	struct state left = {0};
	struct hachi *h, *other;
	u32 before;

	read_corpus();
	CHECK(input_count > 50);
	before = open_files();
	REQUIRE_EQ(hachi_new(&opts, &h), 0);
	REQUIRE_EQ(hachi_new(&opts, &other), 0);
	for (u32 i = 0; i < THREADS; i++) {
		workers[i] = (struct worker){.h = h, .first = i * input_count / THREADS};
		REQUIRE_EQ(pthread_create(&workers[i].thread, NULL, work, &workers[i]), 0);
	}
	for (u32 i = 0; i < THREADS; i++) {
		void *failure;

		pthread_join(workers[i].thread, &failure);
		CHECK(failure == NULL);
	}
	for (u32 i = 0; i < FDS; i++)
		left.fds[i] = -1;
	left.h = other;
	check_nothing_left(&left);
	left.h = h;
	check_nothing_left(&left);
	hachi_free(other);
	hachi_free(h);
	CHECK_EQ(open_files(), before);
	for (u32 i = 0; i < input_count; i++)
		mem_free(inputs[i].data);
}
