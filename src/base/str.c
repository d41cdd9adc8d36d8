// SPDX-License-Identifier: BSD-2-Clause
#include "base/str.h"
#include "base/alloc.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

void strbuf_release(struct strbuf *sb)
{
	mem_free(sb->data);
	memset(sb, 0, sizeof(*sb));
}

void strbuf_reset(struct strbuf *sb)
{
	sb->len = 0;
	sb->failed = false;
	if (sb->data)
		sb->data[0] = 0;
}

static bool strbuf_room(struct strbuf *sb, size_t more)
{
	size_t want = sb->len + more + 1;
	char *grown;

	if (sb->failed || want < more) {
		sb->failed = true;
		return false;
	}
	if (want <= sb->cap)
		return true;
	want = MAX(MAX(want, sb->cap * 2), (size_t)64);
	grown = mem_realloc(sb->data, want);
	if (!grown) {
		sb->failed = true;
		return false;
	}
	sb->data = grown;
	sb->cap = want;
	return true;
}

void strbuf_add(struct strbuf *sb, const void *data, size_t len)
{
	if (!strbuf_room(sb, len))
		return;
	if (len)
		memcpy(sb->data + sb->len, data, len);
	sb->len += len;
	sb->data[sb->len] = 0;
}

void strbuf_puts(struct strbuf *sb, const char *text)
{
	strbuf_add(sb, text, strlen(text));
}

void strbuf_putc(struct strbuf *sb, char c)
{
	strbuf_add(sb, &c, 1);
}

void strbuf_vprintf(struct strbuf *sb, const char *format, va_list args)
{
	va_list again;
	int len;

	va_copy(again, args);
	len = vsnprintf(NULL, 0, format, again);
	va_end(again);
	if (len < 0 || !strbuf_room(sb, (size_t)len))
		return;
	vsnprintf(sb->data + sb->len, (size_t)len + 1, format, args);
	sb->len += (size_t)len;
}

void strbuf_printf(struct strbuf *sb, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	strbuf_vprintf(sb, format, args);
	va_end(args);
}

const char *strbuf_cstr(const struct strbuf *sb)
{
	return sb->data ? sb->data : "";
}

bool str_starts_with(const char *text, const char *prefix)
{
	return strncmp(text, prefix, strlen(prefix)) == 0;
}

bool str_ends_with(const char *text, const char *suffix)
{
	size_t len = strlen(text), tail = strlen(suffix);

	return len >= tail && memcmp(text + len - tail, suffix, tail) == 0;
}

bool str_copy(char *dst, size_t size, const char *src)
{
	size_t len = strlen(src);
	size_t n = MIN(len, size ? size - 1 : 0);

	if (!size)
		return false;
	memcpy(dst, src, n);
	dst[n] = 0;
	return n == len;
}

int str_to_u64(const char *text, u64 *ret_value)
{
	char *end;
	u64 value;

	if (!isdigit((unsigned char)text[0]))
		return -EINVAL;
	errno = 0;
	value = strtoull(text, &end, str_starts_with(text, "0x") ? 16 : 10);
	if (*end)
		return -EINVAL;
	if (errno)
		return -errno;
	*ret_value = value;
	return 0;
}

int str_to_s64(const char *text, s64 *ret_value)
{
	bool negative = text[0] == '-';
	u64 value;
	int err = str_to_u64(text + negative, &value);

	if (err)
		return err;
	if (value > (u64)INT64_MAX + negative)
		return -ERANGE;
	*ret_value = negative ? (s64)(0 - value) : (s64)value;
	return 0;
}
