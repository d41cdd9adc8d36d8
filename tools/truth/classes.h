/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Differences between two verifiers, counted by what the one that refuses says; and the table of
 * refusals that are none of a verifier's business (test/truth/live.csv).
 */
#ifndef TRUTH_CLASSES_H
#define TRUTH_CLASSES_H

#include <stddef.h>

/* Lines "object,program,type,words,reason"; the first three are shell patterns. 0 or -errno. */
int classes_read(const char *path);
/* Why this refusal does not count, or NULL. */
const char *classes_reason(
	const char *object, const char *program, const char *type, const char *words);

struct classes {
	struct class_count *counts;
	size_t count, cap;
};

/* One more of these words; numbers in them do not tell classes apart. */
void classes_add(struct classes *c, const char *words);
/* Most frequent first, each line after heading. */
void classes_print(struct classes *c, const char *heading);

#endif
