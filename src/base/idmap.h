/* SPDX-License-Identifier: BSD-2-Clause */
/* u64 -> non-NULL pointer, open addressing. A zeroed idmap is empty. Not thread-safe. */
#ifndef BASE_IDMAP_H
#define BASE_IDMAP_H

#include "base/types.h"

struct idmap_slot {
	u64 key;
	void *value; /* NULL = free */
};

struct idmap {
	struct idmap_slot *slots; /* owned; cap is a power of two */
	size_t len, cap;
};

void idmap_release(struct idmap *map);
void *idmap_get(const struct idmap *map, u64 key);	/* NULL when absent */
int idmap_put(struct idmap *map, u64 key, void *value); /* replaces; 0 or -ENOMEM */
void *idmap_remove(struct idmap *map, u64 key);		/* what was there, or NULL */
/* Walk in no order: start with *pos = 0; NULL at the end. No changes while walking. */
struct idmap_slot *idmap_next(const struct idmap *map, size_t *pos);

#endif
