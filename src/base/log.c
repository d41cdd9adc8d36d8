// SPDX-License-Identifier: BSD-2-Clause
/*
 * Rotating log: byte i of the text lives at buf[i % size]; one byte of the buffer is kept for the
 * NUL. log_finish() rotates the ring in place so that the kept tail starts at buf[0].
 */
#include "base/log.h"

#include <stdio.h>

void log_init(struct log *log, char *buf, u32 size, u32 level)
{
	memset(log, 0, sizeof(*log));
	log->buf = buf;
	log->size = buf ? size : 0;
	log->level = level;
}

bool log_is_on(const struct log *log)
{
	return log && log->level != 0;
}

static void put_fixed(struct log *log, const char *text, size_t len)
{
	if (log->end_pos + 1 < log->size) {
		size_t n = MIN(len, (size_t)(log->size - 1 - log->end_pos));

		memcpy(log->buf + log->end_pos, text, n);
	}
	log->end_pos += len;
}

static void put_rotating(struct log *log, const char *text, size_t len)
{
	u64 room = log->size - 1;
	size_t skip = len > room ? len - (size_t)room : 0, at, first;

	at = (size_t)((log->end_pos + skip) % log->size);
	first = MIN(len - skip, (size_t)log->size - at);
	memcpy(log->buf + at, text + skip, first);
	memcpy(log->buf, text + skip + first, len - skip - first);
	log->end_pos += len;
	if (log->end_pos - log->start_pos > room)
		log->start_pos = log->end_pos - room;
}

void log_puts(struct log *log, const char *text, size_t len)
{
	if (!log_is_on(log))
		return;
	if (log->size == 0)
		log->end_pos += len;
	else if (log->level & LOG_FIXED)
		put_fixed(log, text, len);
	else
		put_rotating(log, text, len);
	if (log->end_pos > log->len_max)
		log->len_max = log->end_pos;
}

void log_vprintf(struct log *log, const char *format, va_list args)
{
	char line[1024]; /* the kernel cuts a single message at this length too */
	int len;

	if (!log_is_on(log))
		return;
	len = vsnprintf(line, sizeof(line), format, args);
	if (len > 0)
		log_puts(log, line, MIN((size_t)len, sizeof(line) - 1));
}

void log_printf(struct log *log, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	log_vprintf(log, format, args);
	va_end(args);
}

void log_reset(struct log *log, u64 new_pos)
{
	if (!log_is_on(log) || new_pos >= log->end_pos)
		return;
	log->end_pos = new_pos;
	if (log->start_pos > new_pos)
		log->start_pos = new_pos;
}

static void reverse(char *a, size_t n)
{
	for (size_t i = 0; i < n / 2; i++) {
		char c = a[i];

		a[i] = a[n - 1 - i];
		a[n - 1 - i] = c;
	}
}

int log_finish(struct log *log, u32 *ret_true_size)
{
	u64 true_size = log->len_max + 1;

	if (log->level == 0)
		true_size = 0;
	if (log->size && log->level) {
		if (log->level & LOG_FIXED) {
			log->buf[MIN(log->end_pos, (u64)log->size - 1)] = 0;
		} else {
			size_t first = log->start_pos % log->size;

			if (first) { /* a buffer of megabytes that never filled stays as it is */
				reverse(log->buf, first);
				reverse(log->buf + first, log->size - first);
				reverse(log->buf, log->size);
			}
			log->buf[log->end_pos - log->start_pos] = 0;
		}
	}
	if (ret_true_size)
		*ret_true_size = (u32)MIN(true_size, (u64)UINT32_MAX);
	return log->level && log->buf && true_size > log->size ? -ENOSPC : 0;
}
