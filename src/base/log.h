/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A log in the caller's buffer, with the rules of BPF_PROG_LOAD's and BPF_BTF_LOAD's log_buf
 * (kernel/bpf/log.c): by default the buffer is a ring that keeps the end of the text, with
 * LOG_FIXED it keeps the beginning. Never fails; libraries print nowhere else.
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include "base/types.h"

enum log_level {
	LOG_LEVEL1 = 1, /* what the verifier says of every path that it ends */
	LOG_LEVEL2 = 2, /* the state at every instruction */
	LOG_STATS = 4,	/* only the summary */
	LOG_FIXED = 8,	/* keep the start, not the end */
};

struct log {
	char *buf;     /* the caller's; NULL = only count */
	u32 size;      /* of buf, bytes */
	u32 level;     /* enum log_level bits; 0 = nothing is written */
	u64 start_pos; /* text before this was overwritten */
	u64 end_pos;   /* length of all text so far, without the NUL */
	u64 len_max;   /* longest end_pos ever seen, for log_true_size */
};

void log_init(struct log *log, char *buf, u32 size, u32 level);
bool log_is_on(const struct log *log); /* any level with a place to write to */
void log_printf(struct log *log, const char *format, ...) PRINTF_LIKE(2, 3);
void log_vprintf(struct log *log, const char *format, va_list args);
void log_puts(struct log *log, const char *text, size_t len);
/* Forgets what was written after new_pos (a position that log->end_pos had). */
void log_reset(struct log *log, u64 new_pos);
/*
 * Brings a rotated text to the start of the buffer and terminates it. ret_true_size is the size
 * that would hold everything, NUL included. 0, or -ENOSPC when text was lost.
 */
int log_finish(struct log *log, u32 *ret_true_size);

#endif
