/* SPDX-License-Identifier: BSD-2-Clause */
/* What an embedder adds to an instance: program types with their contexts, and helpers. */
#ifndef SYSCALL_CUSTOM_H
#define SYSCALL_CUSTOM_H

#include "runtime/run.h"
#include "spec/context.h"
#include "spec/helper.h"
#include <hachi/hachi.h>
#include <pthread.h>

#define CUSTOM_HELPERS_MAX 64

struct custom_type {
	char *name;		  /* owned */
	struct ctx_layout layout; /* its fields and their names are owned */
	s64 ret_min, ret_max;
	u32 *helpers; /* owned */
	u32 helper_count;
};

struct custom_helper {
	char *name; /* owned */
	struct helper_spec spec;
	hachi_helper_fn fn;
	void *user;
};

/* Only grows; what stands in it never moves or changes. */
struct custom_table {
	pthread_mutex_t lock;
	struct custom_type *types[64]; /* owned */
	u32 type_count;
	struct custom_helper *helpers[CUSTOM_HELPERS_MAX]; /* owned */
	u32 helper_count;
};

void custom_table_init(struct custom_table *table);
void custom_table_release(struct custom_table *table);
/* NULL = no such number. */
const struct custom_type *custom_type_by_number(const struct custom_table *table, u32 prog_type);
const struct custom_helper *custom_helper_by_id(const struct custom_table *table, u32 id);
/* What engines call for a helper of this id; NULL = no such id. */
helper_fn custom_helper_fn(const struct custom_table *table, u32 id);

#endif
