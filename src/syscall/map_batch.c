// SPDX-License-Identifier: BSD-2-Clause
/*
 * The batch commands. What was done when an error ends a batch is told in count, as in the kernel.
 * A batch goes on after the last key of the one before, that of a hash at a bucket's number.
 */
#include "base/alloc.h"
#include "btf/fields.h"
#include "syscall/instance.h"
#include "syscall/map.h"
#include "syscall/user.h"

enum batch_kind { BATCH_LOOKUP, BATCH_TAKE, BATCH_UPDATE, BATCH_DELETE };

struct batch {
	struct call *call;
	struct map *map;
	u8 *key, *prev, *value; /* owned; key and prev in one */
	u32 key_size, value_size;
};

/* Map kinds that have batches, as bits of enum batch_kind (kernel: map_*_batch of the map_ops). */
static u32 batch_kinds(u32 type)
{
	switch (type) {
	case BPF_MAP_TYPE_HASH:
	case BPF_MAP_TYPE_PERCPU_HASH:
	case BPF_MAP_TYPE_LRU_HASH:
	case BPF_MAP_TYPE_LRU_PERCPU_HASH:
		return 1 << BATCH_LOOKUP | 1 << BATCH_TAKE | 1 << BATCH_UPDATE | 1 << BATCH_DELETE;
	case BPF_MAP_TYPE_HASH_OF_MAPS:
	case BPF_MAP_TYPE_LPM_TRIE:
		return 1 << BATCH_LOOKUP | 1 << BATCH_UPDATE | 1 << BATCH_DELETE;
	case BPF_MAP_TYPE_ARRAY:
	case BPF_MAP_TYPE_PERCPU_ARRAY:
	case BPF_MAP_TYPE_ARRAY_OF_MAPS: return 1 << BATCH_LOOKUP | 1 << BATCH_UPDATE;
	case BPF_MAP_TYPE_SOCKMAP:
	case BPF_MAP_TYPE_SOCKHASH: return 1 << BATCH_LOOKUP;
	default: return 0;
	}
}

static int delete_one(struct batch *b, u32 n)
{
	int err = user_read(b->key, b->call->attr.batch.keys + (u64)n * b->key_size, b->key_size);

	return err ? err : b->map->ops->remove(b->map, b->key);
}

static int update_one(struct batch *b, u32 n)
{
	const struct attr_batch *attr = &b->call->attr.batch;
	int err = user_read(b->key, attr->keys + (u64)n * b->key_size, b->key_size);

	if (!err)
		err = user_read(b->value, attr->values + (u64)n * b->value_size, b->value_size);
	return err ? err : b->map->ops->copy_in(b->map, b->key, b->value, attr->elem_flags);
}

static int write_back(struct batch *b, int (*one)(struct batch *b, u32 n), int *ret_err)
{
	u32 n;
	int err = 0;

	for (n = 0; n < b->call->attr.batch.count && !err; n++) {
		err = one(b, n);
		if (err)
			break;
	}
	*ret_err = err;
	return user_write_u32(CALL_FIELD(b->call, batch, count), n);
}

/* ---- maps whose positions are keys ------------------------------------------------------------
 */

static int read_out(struct batch *b, int *ret_err)
{
	const struct attr_batch *attr = &b->call->attr.batch;
	bool has_prev = attr->in_batch != 0;
	u32 n = 0;
	int err = 0;

	if (has_prev && user_read(b->prev, attr->in_batch, b->key_size))
		return -EFAULT;
	while (n < attr->count) {
		u8 *swap;

		err = b->map->ops->next_key(b->map, has_prev ? b->prev : NULL, b->key);
		if (err)
			break;
		err = b->map->ops->copy_out(b->map, b->key, b->value, attr->elem_flags);
		if (!err) {
			if (user_write(attr->keys + (u64)n * b->key_size, b->key, b->key_size) ||
				user_write(attr->values + (u64)n * b->value_size, b->value,
					b->value_size))
				return -EFAULT;
			n++;
		} else if (err != -ENOENT) {
			return err;
		}
		err = 0;
		swap = b->prev;
		b->prev = b->key;
		b->key = swap;
		has_prev = true;
	}
	if (user_write_u32(CALL_FIELD(b->call, batch, count), n) ||
		(n && user_write(attr->out_batch, b->prev, b->key_size)))
		return -EFAULT;
	*ret_err = err;
	return 0;
}

/* ---- hashes: positions are buckets, which are read whole ----------------------------------------
 */

struct bucket_buf {
	u8 *keys, *values; /* owned */
	u32 room;
};

static int bucket_buf_grow(struct bucket_buf *buf, const struct batch *b, u32 room)
{
	mem_free(buf->keys);
	mem_free(buf->values);
	buf->keys = mem_calloc(room, b->key_size);
	buf->values = mem_calloc(room, b->value_size);
	buf->room = room;
	return buf->keys && buf->values ? 0 : -ENOMEM;
}

/* The next bucket that fits in `left`; -ENOSPC when it does not. */
static int read_bucket(struct batch *b, struct bucket_buf *buf, u32 left, bool is_take, u32 *bucket,
	u32 *ret_count)
{
	for (;;) {
		int err = b->map->ops->bucket(b->map, bucket, MIN(left, buf->room), buf->keys,
			buf->values, b->call->attr.batch.elem_flags, is_take, ret_count);

		if (err != -ENOSPC || left <= buf->room)
			return err;
		err = bucket_buf_grow(buf, b, buf->room * 2);
		if (err)
			return err;
	}
}

static int read_buckets(struct batch *b, bool is_take, int *ret_err)
{
	const struct attr_batch *attr = &b->call->attr.batch;
	struct bucket_buf buf = {0};
	u32 bucket = 0, total = 0;
	int err = bucket_buf_grow(&buf, b, 8), item_err = 0;

	if (!err && attr->in_batch)
		err = user_read(&bucket, attr->in_batch, sizeof(bucket));
	while (!err && !item_err) {
		u32 count = 0;

		item_err = read_bucket(b, &buf, attr->count - total, is_take, &bucket, &count);
		if (item_err)
			break;
		if (user_write(attr->keys + (u64)total * b->key_size, buf.keys,
			    (size_t)count * b->key_size) ||
			user_write(attr->values + (u64)total * b->value_size, buf.values,
				(size_t)count * b->value_size))
			err = -EFAULT;
		total += count;
	}
	/* a batch that is full ends well; only one that could not start says so */
	if (item_err == -ENOSPC && total)
		item_err = 0;
	if (!err)
		err = user_write(attr->out_batch, &bucket, sizeof(bucket));
	if (!err)
		err = user_write_u32(CALL_FIELD(b->call, batch, count), total);
	mem_free(buf.keys);
	mem_free(buf.values);
	*ret_err = item_err;
	return err;
}

static int batch_run(struct batch *b, enum batch_kind kind)
{
	const struct attr_batch *attr = &b->call->attr.batch;
	u8 *keys;
	int err, item_err = 0;

	if (attr->elem_flags & ~(u64)BPF_F_LOCK)
		return -EINVAL;
	if ((attr->elem_flags & BPF_F_LOCK) &&
		(!b->map->fields || !(b->map->fields->kinds & BTYPE_SPIN_LOCK)))
		return -EINVAL;
	if (b->map->ops->bucket && attr->flags && kind <= BATCH_TAKE)
		return -EINVAL;
	if (!attr->count)
		return 0;
	if (user_write_u32(CALL_FIELD(b->call, batch, count), 0))
		return -EFAULT;
	b->key_size = b->map->params.key_size;
	b->value_size = map_user_value_size(b->map);
	keys = mem_zalloc(2 * (size_t)b->key_size);
	b->value = mem_zalloc(b->value_size);
	b->key = keys;
	b->prev = keys ? keys + b->key_size : NULL;
	if (!keys || !b->value)
		err = -ENOMEM;
	else if (kind <= BATCH_TAKE && b->map->ops->bucket)
		err = read_buckets(b, kind == BATCH_TAKE, &item_err);
	else if (kind <= BATCH_TAKE)
		err = read_out(b, &item_err);
	else
		err = write_back(b, kind == BATCH_UPDATE ? update_one : delete_one, &item_err);
	mem_free(keys);
	mem_free(b->value);
	return err ? err : item_err;
}

static long batch(struct call *call, enum batch_kind kind)
{
	struct batch b = {.call = call};
	u32 needs = kind == BATCH_LOOKUP ? DESC_READ : kind == BATCH_TAKE ? DESC_RDWR : DESC_WRITE;
	struct desc_ref ref;
	int err;

	err = desc_get(&call->h->descs, (int)call->attr.batch.map_fd, HACHI_FD_MAP, &ref);
	if (err)
		return err;
	b.map = ref.object;
	if (needs & DESC_WRITE)
		map_write_begin(b.map);
	if ((map_may(b.map, ref.mode) & needs) != needs)
		err = -EPERM;
	else if (!(batch_kinds(b.map->params.type) & 1u << kind))
		err = -BTYPE_ENOTSUPP;
	else
		err = batch_run(&b, kind);
	if (needs & DESC_WRITE)
		map_write_end(b.map);
	desc_put(&ref);
	return err;
}

long cmd_map_lookup_batch(struct call *call)
{
	return batch(call, BATCH_LOOKUP);
}

long cmd_map_take_batch(struct call *call)
{
	return batch(call, BATCH_TAKE);
}

long cmd_map_update_batch(struct call *call)
{
	return batch(call, BATCH_UPDATE);
}

long cmd_map_delete_batch(struct call *call)
{
	return batch(call, BATCH_DELETE);
}
