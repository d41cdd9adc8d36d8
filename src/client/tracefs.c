// SPDX-License-Identifier: BSD-2-Clause
/*
 * A line is "COMM-PID [CPU] FLAGS SECONDS.MICROS: bpf_trace_printk: TEXT"; a comm may hold spaces
 * and dashes, so it is parsed from the function's name backwards. Other events in the pipe are not
 * ours and are passed over.
 */
#include "client/tracefs.h"
#include "base/alloc.h"

#include <ctype.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <unistd.h>

#define TRACEFS	   "/sys/kernel/tracing"
#define DEBUGFS	   "/sys/kernel/debug/tracing"
#define LINE_EVENT ": bpf_trace_printk: "

struct tracefs_pipe {
	int fd;
	struct strbuf pending; /* the start of a line whose end is not there yet */
};

static bool is_tracefs(const char *dir)
{
	char path[64];

	snprintf(path, sizeof(path), "%s/trace_pipe", dir);
	return access(path, F_OK) == 0;
}

static bool knows_tracefs(void)
{
	FILE *in = fopen("/proc/filesystems", "re");
	char line[128];
	bool found = false;

	while (in && !found && fgets(line, sizeof(line), in))
		found = strstr(line, "\ttracefs\n") != NULL;
	if (in)
		fclose(in);
	return found;
}

int tracefs_open(struct strbuf *ret_error)
{
	int err = 0;

	if (is_tracefs(TRACEFS) || is_tracefs(DEBUGFS))
		return 0;
	if (!knows_tracefs()) {
		strbuf_puts(
			ret_error, "this kernel has no tracefs (CONFIG_FTRACE, CONFIG_TRACING)");
		return -ENODEV;
	}
	/* slave: what others mount still arrives here, ours does not leave */
	if (unshare(CLONE_NEWNS) || mount("none", "/", NULL, MS_REC | MS_SLAVE, NULL) ||
		mount("tracefs", TRACEFS, "tracefs", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL))
		err = -errno;
	if (err)
		strbuf_printf(ret_error, "tracefs is not mounted, and mounting it fails: %s%s",
			strerror(-err),
			err == -EPERM
				? " (CAP_SYS_ADMIN is missing; or: mount -t tracefs none " TRACEFS
				  ")"
				: "");
	return err;
}

int tracefs_pipe_open(struct tracefs_pipe **ret_pipe, struct strbuf *ret_error)
{
	struct tracefs_pipe *pipe = mem_zalloc(sizeof(*pipe));
	char buf[4096];
	int err;

	if (!pipe)
		return -ENOMEM;
	pipe->fd = open(TRACEFS "/trace_pipe", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (pipe->fd < 0 && errno == ENOENT)
		pipe->fd = open(DEBUGFS "/trace_pipe", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (pipe->fd < 0) {
		err = -errno;
		strbuf_printf(ret_error, TRACEFS "/trace_pipe: %s%s", strerror(-err),
			err == -EBUSY		 ? " (another process reads it)"
				: err == -EACCES ? " (root's)"
						 : "");
		mem_free(pipe);
		return err;
	}
	while (read(pipe->fd, buf, sizeof(buf)) > 0)
		;
	*ret_pipe = pipe;
	return 0;
}

/* The word before *end, which moves to its start; false when there is none. */
static bool take_word(char *line, char **end, char **ret_word)
{
	char *p = *end;

	while (p > line && isspace((unsigned char)p[-1]))
		p--;
	*p = 0;
	while (p > line && !isspace((unsigned char)p[-1]))
		p--;
	*ret_word = p;
	*end = p;
	return *p != 0;
}

static bool parse_time(const char *word, u64 *ret_ns)
{
	char *end;
	u64 seconds = strtoull(word, &end, 10), micros;

	if (*end != '.')
		return false;
	micros = strtoull(end + 1, &end, 10);
	*ret_ns = (seconds * 1000000 + micros) * 1000;
	return *end == 0;
}

static bool parse(char *line, struct tracefs_line *ret_line)
{
	char *event = strstr(line, LINE_EVENT), *end, *word, *dash;

	if (!event)
		return false;
	ret_line->text = event + strlen(LINE_EVENT);
	*event = 0;
	end = event;
	if (!take_word(line, &end, &word) || !parse_time(word, &ret_line->time_ns))
		return false;
	if (!take_word(line, &end, &word))
		return false;
	str_copy(ret_line->flags, sizeof(ret_line->flags), word);
	if (*word == '[') { /* no flags: option irq-info is off */
		str_copy(ret_line->flags, sizeof(ret_line->flags), ".....");
	} else if (!take_word(line, &end, &word) || *word != '[') {
		return false;
	}
	ret_line->cpu = (u32)strtoul(word + 1, NULL, 10);
	/* option record-tgid puts "(TGID)" between */
	dash = end;
	while (dash > line && isspace((unsigned char)dash[-1]))
		dash--;
	if (dash > line && dash[-1] == ')')
		while (dash > line && *dash != '(')
			dash--;
	*dash = 0;
	dash = strrchr(line, '-');
	if (!dash)
		return false;
	*dash = 0;
	ret_line->pid = (u32)strtoul(dash + 1, NULL, 10);
	while (*line == ' ')
		line++;
	ret_line->comm = line;
	return true;
}

void tracefs_pipe_drain(struct tracefs_pipe *pipe,
	void (*fn)(const struct tracefs_line *line, void *arg), void *arg)
{
	char buf[8192], *line, *next;
	struct strbuf rest = {0};
	ssize_t n;

	while ((n = read(pipe->fd, buf, sizeof(buf))) > 0)
		strbuf_add(&pipe->pending, buf, (size_t)n);
	if (!pipe->pending.len || pipe->pending.failed)
		return;
	strbuf_putc(&pipe->pending, 0);
	for (line = pipe->pending.data; (next = strchr(line, '\n')); line = next + 1) {
		struct tracefs_line parsed = {0};

		*next = 0;
		if (parse(line, &parsed))
			fn(&parsed, arg);
	}
	strbuf_puts(&rest, line);
	strbuf_release(&pipe->pending);
	pipe->pending = rest;
}

void tracefs_pipe_close(struct tracefs_pipe *pipe)
{
	if (!pipe)
		return;
	close(pipe->fd);
	strbuf_release(&pipe->pending);
	mem_free(pipe);
}
