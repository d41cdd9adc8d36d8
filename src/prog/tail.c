// SPDX-License-Identifier: BSD-2-Clause
/*
 * Tail calls. Engines jump through a table of images that stands beside the prog array's objects. A
 * slot is cleared before its program is let go, and programs are freed late (base/epoch.h): an
 * image read from a slot stays valid until the run leaves.
 */
#include "base/alloc.h"
#include "prog/prog.h"

int prog_tail_new(struct map *map)
{
	u32 count = map->params.max_entries, mask = 1;
	struct tail_table *table;

	while (mask < count - 1)
		mask = 2 * mask + 1;
	table = mem_zalloc(sizeof(*table) + ((size_t)mask + 1) * sizeof(void *));
	if (!table)
		return -ENOMEM;
	table->count = count;
	table->mask = mask;
	map->tails = table;
	return 0;
}

void prog_tail_set(struct map *map, u32 slot, const struct prog *prog)
{
	struct tail_table *table = map->tails;

	if (bug_on(!table || slot >= table->count))
		return;
	__atomic_store_n(&table->slots[slot], prog ? prog->image : NULL, __ATOMIC_RELEASE);
}

const struct image *prog_tail_target(struct run *run, u64 map, u32 index)
{
	const struct tail_table *table = ((const struct map *)(uintptr_t)map)->tails;
	const struct image *target;

	if (!table || index >= table->count)
		return NULL;
	target = __atomic_load_n(&table->slots[index & table->mask], __ATOMIC_ACQUIRE);
	if (target && run->image && run->image->is_limited)
		return prog_limited_image((struct prog *)(uintptr_t)target->prog);
	return target;
}
