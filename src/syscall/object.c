// SPDX-License-Identifier: BSD-2-Clause
#include "syscall/object.h"

bool ref_unless_zero(u32 *refs)
{
	u32 old = __atomic_load_n(refs, __ATOMIC_RELAXED);

	do {
		if (!old)
			return false;
	} while (!__atomic_compare_exchange_n(
		refs, &old, old + 1, true, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED));
	return true;
}

void id_table_init(struct id_table *table, enum hachi_fd_kind kind)
{
	table->kind = kind;
	pthread_mutex_init(&table->lock, NULL);
}

void id_table_release(struct id_table *table)
{
	idmap_release(&table->by_id);
	pthread_mutex_destroy(&table->lock);
}

int id_alloc(struct id_table *table, void *object, u32 *ret_id)
{
	u32 id;
	int err;

	pthread_mutex_lock(&table->lock);
	id = table->last;
	do
		id = id >= INT32_MAX - 1 ? 1 : id + 1;
	while (idmap_get(&table->by_id, id));
	err = idmap_put(&table->by_id, id, object);
	if (!err)
		table->last = *ret_id = id;
	pthread_mutex_unlock(&table->lock);
	return err;
}

void id_remove(struct id_table *table, u32 id)
{
	pthread_mutex_lock(&table->lock);
	idmap_remove(&table->by_id, id);
	pthread_mutex_unlock(&table->lock);
}

void *id_get(struct id_table *table, u32 id)
{
	void *object;

	pthread_mutex_lock(&table->lock);
	object = idmap_get(&table->by_id, id);
	if (object && !object_ops[table->kind].ref_unless_dead(object))
		object = NULL;
	pthread_mutex_unlock(&table->lock);
	return object;
}

void *id_next(struct id_table *table, u32 after, u32 *ret_id)
{
	void *object = NULL;

	pthread_mutex_lock(&table->lock);
	while (!object) {
		struct idmap_slot *slot, *best = NULL;
		size_t pos = 0;

		while ((slot = idmap_next(&table->by_id, &pos)))
			if (slot->key > after && (!best || slot->key < best->key))
				best = slot;
		if (!best)
			break;
		after = (u32)best->key;
		if (object_ops[table->kind].ref_unless_dead(best->value)) {
			object = best->value;
			*ret_id = after;
		}
	}
	pthread_mutex_unlock(&table->lock);
	return object;
}
