// SPDX-License-Identifier: BSD-2-Clause
#include "classes.h"

#include <ctype.h>
#include <errno.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WORDS_MAX 160

enum {
	FIELD_OBJECT,
	FIELD_PROGRAM,
	FIELD_TYPE,
	FIELD_WORDS,
	FIELD_REASON,
	FIELD_COUNT,
};

struct excuse {
	char *field[FIELD_COUNT];
};

struct class_count {
	char words[WORDS_MAX];
	unsigned int count;
};

static struct excuse *excuses;
static size_t excuse_count;

int classes_read(const char *path)
{
	FILE *f = fopen(path, "r");
	char *line = NULL;
	size_t cap = 0;

	if (!f)
		return -errno;
	while (getline(&line, &cap, f) > 0) {
		struct excuse e = {{0}};
		char *at;
		int i;

		line[strcspn(line, "\n")] = 0;
		at = strdup(line);
		excuses = realloc(excuses, (excuse_count + 1) * sizeof(*excuses));
		if (!at || !excuses)
			return -ENOMEM;
		for (i = 0; i < FIELD_COUNT && at; i++) /* the reason may have commas */
			e.field[i] = i == FIELD_REASON ? at : strsep(&at, ",");
		if (i == FIELD_COUNT && strcmp(e.field[FIELD_OBJECT], "object"))
			excuses[excuse_count++] = e;
	}
	free(line);
	fclose(f);
	return 0;
}

const char *classes_reason(
	const char *object, const char *program, const char *type, const char *words)
{
	size_t i;

	for (i = 0; i < excuse_count; i++) {
		char **field = excuses[i].field;

		if (!fnmatch(field[FIELD_OBJECT], object, 0) &&
			!fnmatch(field[FIELD_PROGRAM], program, 0) &&
			!fnmatch(field[FIELD_TYPE], type, 0) && strstr(words, field[FIELD_WORDS]))
			return field[FIELD_REASON];
	}
	return NULL;
}

/* Every number becomes N. */
static void normalize(const char *words, char *out)
{
	size_t n = 0;

	while (*words && n + 1 < WORDS_MAX) {
		if (isdigit((unsigned char)*words)) {
			out[n++] = 'N';
			words += strspn(words, "0123456789");
		} else {
			out[n++] = *words++;
		}
	}
	out[n] = 0;
}

void classes_add(struct classes *c, const char *words)
{
	char key[WORDS_MAX];
	size_t i;

	normalize(words, key);
	for (i = 0; i < c->count; i++) {
		if (!strcmp(c->counts[i].words, key)) {
			c->counts[i].count++;
			return;
		}
	}
	if (c->count == c->cap) {
		c->cap = c->cap ? 2 * c->cap : 64;
		c->counts = realloc(c->counts, c->cap * sizeof(*c->counts));
		if (!c->counts)
			abort();
	}
	strcpy(c->counts[c->count].words, key);
	c->counts[c->count++].count = 1;
}

static int more_frequent(const void *a, const void *b)
{
	const struct class_count *x = a, *y = b;

	return x->count == y->count ? strcmp(x->words, y->words) : x->count < y->count ? 1 : -1;
}

void classes_print(struct classes *c, const char *heading)
{
	size_t i;

	if (c->count)
		qsort(c->counts, c->count, sizeof(*c->counts), more_frequent);
	for (i = 0; i < c->count; i++)
		printf("%s %5u  %s\n", heading, c->counts[i].count, c->counts[i].words);
}
