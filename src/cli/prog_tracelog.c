// SPDX-License-Identifier: BSD-2-Clause
/* `hachi prog tracelog`: the kernel's trace_pipe until a signal ends it. */
#include "cli/prog.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/vfs.h>
#include <unistd.h>

#define TRACEFS_MAGIC_NUMBER 0x74726163

static volatile sig_atomic_t is_stopped;

static void on_signal(int sig)
{
	(void)sig;
	is_stopped = 1;
}

static const char *find_pipe(void)
{
	static const char *const dirs[] = {
		"/sys/kernel/debug/tracing", "/sys/kernel/tracing", "/tracing", "/trace"};
	static char path[64];
	struct statfs fs;

	for (u32 i = 0; i < ARRAY_SIZE(dirs); i++)
		if (statfs(dirs[i], &fs) == 0 && (u64)fs.f_type == TRACEFS_MAGIC_NUMBER) {
			snprintf(path, sizeof(path), "%s/trace_pipe", dirs[i]);
			return path;
		}
	return NULL;
}

/* Whole lines of `text` go out; what is left of the last one stays. */
static void print_lines(struct words *w, struct strbuf *text)
{
	char *line = text->data, *end;

	while (line && (end = memchr(line, '\n', text->len - (size_t)(line - text->data)))) {
		if (w->is_json) {
			char after = end[1];

			end[1] = 0;
			show_json_string(&w->json, line);
			end[1] = after;
		} else {
			fwrite(line, 1, (size_t)(end + 1 - line), stdout);
		}
		line = end + 1;
	}
	if (line) {
		size_t left = text->len - (size_t)(line - text->data);

		memmove(text->data, line, left);
		text->data[left] = 0;
		text->len = left;
	}
	if (w->is_json)
		show_json_flush(&w->json, stdout);
	fflush(stdout);
}

static int follow(struct words *w, int fd)
{
	struct strbuf text = {0};
	char buf[4096];
	int err = 0;

	while (!is_stopped && !err) {
		ssize_t n = read(fd, buf, sizeof(buf));

		if (n > 0) {
			strbuf_add(&text, buf, (size_t)n);
			print_lines(w, &text);
		} else if (n == 0 || errno != EINTR) {
			err = words_error(w, "failed to read content from trace pipe: %s",
				n ? strerror(errno) : "it has ended");
		}
	}
	strbuf_release(&text);
	return err;
}

int cli_prog_tracelog(struct words *w)
{
	struct sigaction action = {.sa_handler = on_signal}; /* read() is to be interrupted */
	const char *path = find_pipe();
	int fd, err;

	if (!words_end(w))
		return WORDS_FAILED;
	if (w->backend == CLI_BACKEND_USER || w->h)
		return words_error(w,
			"the trace log is the kernel's; `hachi run` prints the lines of programs "
			"on "
			"the user backend");
	if (!path)
		return words_error(w,
			"no tracefs is mounted: mount -t tracefs tracefs "
			"/sys/kernel/tracing");
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return words_error(w, "could not open trace pipe: %s: %s", path, strerror(errno));
	sigaction(SIGHUP, &action, NULL);
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	if (w->is_json)
		show_json_open(&w->json, '[');
	err = follow(w, fd);
	if (w->is_json)
		show_json_close(&w->json, ']');
	close(fd);
	return err;
}
