// SPDX-License-Identifier: BSD-2-Clause
/*
 * Elements of maps one by one: lookup, update, delete, next key, lookup-and-delete, freeze. The
 * kinds do the work (map/); here are the permissions, the flags and the caller's memory.
 */
#include "base/alloc.h"
#include "btf/fields.h"
#include "syscall/instance.h"
#include "syscall/map.h"
#include "syscall/user.h"

u32 map_may(const struct map *map, u32 mode)
{
	return __atomic_load_n(&map->is_frozen, __ATOMIC_ACQUIRE) ? mode & ~(u32)DESC_WRITE : mode;
}

void map_write_begin(struct map *map)
{
	__atomic_add_fetch(&map->write_active, 1, __ATOMIC_SEQ_CST);
}

void map_write_end(struct map *map)
{
	__atomic_sub_fetch(&map->write_active, 1, __ATOMIC_RELEASE);
}

/* One element command: what most of them need before the kind acts. */
struct elem {
	struct map *map;   /* reference owned */
	void *key, *value; /* owned */
	u32 value_size;
	bool is_writing;
};

static void elem_release(struct elem *e)
{
	if (e->is_writing)
		map_write_end(e->map);
	mem_free(e->key);
	mem_free(e->value);
	map_unref(e->map);
}

static bool has_lock(const struct map *map)
{
	return map->fields && (map->fields->kinds & (BTYPE_SPIN_LOCK | BTYPE_RES_SPIN_LOCK));
}

static int copy_key(const struct map *map, u64 addr, void **ret_key)
{
	if (!map->params.key_size)
		return addr ? -EINVAL : 0;
	return user_dup(addr, map->params.key_size, ret_key);
}

/* The map with the rights that the command needs; from here on elem_release() is due. */
static int elem_open(struct call *call, u32 needs, struct elem *e)
{
	struct desc_ref ref;
	int err = desc_get(&call->h->descs, (int)call->attr.elem.map_fd, HACHI_FD_MAP, &ref);

	if (err)
		return err;
	memset(e, 0, sizeof(*e));
	e->map = ref.object;
	if (needs & DESC_WRITE) {
		map_write_begin(e->map);
		e->is_writing = true;
	}
	if ((map_may(e->map, ref.mode) & needs) != needs) {
		elem_release(e);
		return -EPERM;
	}
	e->value_size = map_user_value_size(e->map);
	return 0;
}

static int elem_alloc_value(struct elem *e)
{
	/* zeroed: a kind need not fill padding */
	e->value = mem_zalloc(e->value_size ? e->value_size : 1);
	return e->value ? 0 : -ENOMEM;
}

long cmd_map_lookup(struct call *call)
{
	const struct attr_elem *attr = &call->attr.elem;
	struct elem e;
	int err;

	if (attr->flags & ~(u64)BPF_F_LOCK)
		return -EINVAL;
	err = elem_open(call, DESC_READ, &e);
	if (err)
		return err;
	if ((attr->flags & BPF_F_LOCK) && !has_lock(e.map))
		err = -EINVAL;
	if (!err)
		err = copy_key(e.map, attr->key, &e.key);
	if (!err)
		err = elem_alloc_value(&e);
	/* a bloom filter is asked whether it has the value that the caller passes */
	if (!err && e.map->params.type == BPF_MAP_TYPE_BLOOM_FILTER) {
		err = user_read(e.value, attr->value, e.value_size);
		if (!err)
			err = e.map->ops->copy_out(e.map, e.key, e.value, attr->flags);
	} else if (!err) {
		err = e.map->ops->copy_out
			? e.map->ops->copy_out(e.map, e.key, e.value, attr->flags)
			: -BTYPE_ENOTSUPP;
		if (!err)
			err = user_write(attr->value, e.value, e.value_size);
	}
	elem_release(&e);
	return err;
}

long cmd_map_update(struct call *call)
{
	const struct attr_elem *attr = &call->attr.elem;
	struct elem e;
	int err = elem_open(call, DESC_WRITE, &e);

	if (err)
		return err;
	if ((attr->flags & BPF_F_LOCK) && !has_lock(e.map))
		err = -EINVAL;
	if (!err)
		err = copy_key(e.map, attr->key, &e.key);
	if (!err)
		err = user_dup(attr->value, e.value_size, &e.value);
	if (!err)
		err = e.map->ops->copy_in ? e.map->ops->copy_in(e.map, e.key, e.value, attr->flags)
					  : -BTYPE_ENOTSUPP;
	elem_release(&e);
	return err;
}

long cmd_map_delete(struct call *call)
{
	struct elem e;
	int err = elem_open(call, DESC_WRITE, &e);

	if (err)
		return err;
	err = copy_key(e.map, call->attr.elem.key, &e.key);
	if (!err)
		err = e.map->ops->remove ? e.map->ops->remove(e.map, e.key) : -BTYPE_ENOTSUPP;
	elem_release(&e);
	return err;
}

long cmd_map_next_key(struct call *call)
{
	const struct attr_elem *attr = &call->attr.elem;
	struct elem e;
	void *next;
	int err = elem_open(call, DESC_READ, &e);

	if (err)
		return err;
	next = mem_alloc(e.map->params.key_size ? e.map->params.key_size : 1);
	if (!next)
		err = -ENOMEM;
	if (!err && attr->key)
		err = copy_key(e.map, attr->key, &e.key);
	if (!err)
		err = e.map->ops->next_key ? e.map->ops->next_key(e.map, e.key, next)
					   : -BTYPE_ENOTSUPP;
	if (!err)
		err = user_write(attr->next_key, next, e.map->params.key_size);
	mem_free(next);
	elem_release(&e);
	return err;
}

long cmd_map_take(struct call *call)
{
	const struct attr_elem *attr = &call->attr.elem;
	struct elem e;
	u32 type;
	int err;

	if (attr->flags & ~(u64)BPF_F_LOCK)
		return -EINVAL;
	err = elem_open(call, DESC_RDWR, &e);
	if (err)
		return err;
	type = e.map->params.type;
	if (attr->flags && (type == BPF_MAP_TYPE_QUEUE || type == BPF_MAP_TYPE_STACK))
		err = -EINVAL;
	if ((attr->flags & BPF_F_LOCK) && !has_lock(e.map))
		err = -EINVAL;
	if (!err)
		err = copy_key(e.map, attr->key, &e.key);
	if (!err)
		err = elem_alloc_value(&e);
	if (!err)
		err = e.map->ops->take ? e.map->ops->take(e.map, e.key, e.value, attr->flags)
				       : -BTYPE_ENOTSUPP;
	if (!err)
		err = user_write(attr->value, e.value, e.value_size);
	elem_release(&e);
	return err;
}

long cmd_map_freeze(struct call *call)
{
	struct desc_ref ref;
	struct map *map;
	u32 thawed = 0;
	int err = desc_get(&call->h->descs, (int)call->attr.elem.map_fd, HACHI_FD_MAP, &ref);

	if (err)
		return err;
	map = ref.object;
	if (map->params.type == BPF_MAP_TYPE_STRUCT_OPS || map->fields)
		err = -BTYPE_ENOTSUPP;
	else if (!(map_may(map, ref.mode) & DESC_WRITE))
		err = -EPERM;
	else if (__atomic_load_n(&map->write_active, __ATOMIC_SEQ_CST) ||
		!__atomic_compare_exchange_n(
			&map->is_frozen, &thawed, 1, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
		err = -EBUSY;
	desc_put(&ref);
	return err;
}
