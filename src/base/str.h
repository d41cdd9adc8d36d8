/* SPDX-License-Identifier: BSD-2-Clause */
/* Text that grows: a zeroed strbuf is empty; out of memory sets `failed` and drops what follows. */
#ifndef BASE_STR_H
#define BASE_STR_H

#include "base/types.h"

struct strbuf {
	char *data; /* owned; NUL-terminated once anything was added */
	size_t len, cap;
	bool failed;
};

void strbuf_release(struct strbuf *sb);
void strbuf_reset(struct strbuf *sb); /* empty, storage kept */
void strbuf_add(struct strbuf *sb, const void *data, size_t len);
void strbuf_puts(struct strbuf *sb, const char *text);
void strbuf_putc(struct strbuf *sb, char c);
void strbuf_printf(struct strbuf *sb, const char *format, ...) PRINTF_LIKE(2, 3);
void strbuf_vprintf(struct strbuf *sb, const char *format, va_list args);
const char *strbuf_cstr(const struct strbuf *sb); /* never NULL */

bool str_starts_with(const char *text, const char *prefix);
bool str_ends_with(const char *text, const char *suffix);
/* Copies what fits and terminates; returns whether all fitted. */
bool str_copy(char *dst, size_t size, const char *src);
/* Whole text as a number, base 10 or 0x; 0 or -EINVAL or -ERANGE. */
int str_to_u64(const char *text, u64 *ret_value);
int str_to_s64(const char *text, s64 *ret_value);

#endif
