// SPDX-License-Identifier: BSD-2-Clause
/*
 * Longest prefix match: a binary trie whose edges skip bits. A node is a prefix that was put in, or
 * a fork between two that differ (IS_FORK: no element). Nodes come from a pool in the region.
 *
 * Writers hold one lock and change the trie by a single store each time, so readers, who take no
 * lock, always see a whole trie; a node may be reused while a reader stands on it, therefore
 * `version` changes before a node is let go and readers search again when it did. After the death
 * of a writer the new owner of the lock takes what hangs in the trie for the truth and frees all
 * other nodes.
 */
#include "map/kinds.h"
#include "map/lock.h"
#include "map/value.h"

#include "base/alloc.h"
#include "base/os.h"

#define DATA_MIN  1
#define DATA_MAX  256
#define VALUE_MAX ((4u << 20) - DATA_MAX - 40) /* kernel: LPM_VAL_SIZE_MAX */
#define KEY_HEAD  4			       /* __u32 prefixlen */

enum { IS_FORK = 1, IS_USED = 2, IS_REACHED = 4 };

struct node {
	u32 child[2]; /* nodes count from 1; 0 = none. Free: child[0] is the next free one */
	u32 prefix_len, flags;
	u8 data[];
};

struct trie {
	struct map_lock lock __attribute__((aligned(64)));
	u32 version, root;
	u32 entry_count, free_first, never_used; /* never_used: nodes that were never taken */
	u8 nodes[] __attribute__((aligned(64)));
};

/* Where things are in this process; map->priv. */
struct lpm {
	struct trie *trie;
	u8 *nodes; /* minus one node: they count from 1 */
	u64 node_size;
	u32 node_count, data_size, prefix_max, value_off;
};

static const struct lpm *lpm_of(const struct map *map)
{
	return map->priv;
}

static u32 data_size(const struct map *map)
{
	return lpm_of(map)->data_size;
}

static u32 prefix_max(const struct map *map)
{
	return lpm_of(map)->prefix_max;
}

static u32 value_off(const struct map_params *params)
{
	return ALIGN_UP((u32)sizeof(struct node) + params->key_size - KEY_HEAD, 8u);
}

static u64 node_size(const struct map_params *params)
{
	return value_off(params) + (u64)ALIGN_UP(params->value_size, 8u);
}

/* Every element, a fork between each two, and one for a replacement. */
static u64 node_count(const struct map_params *params)
{
	return 2ull * params->max_entries + 1;
}

static struct trie *trie_of(const struct map *map)
{
	return lpm_of(map)->trie;
}

static struct node *node_at(const struct map *map, u32 index)
{
	const struct lpm *l = lpm_of(map);

	if (unlikely(index - 1 >= l->node_count))
		return NULL;
	return (void *)(l->nodes + index * l->node_size);
}

static void *value_of(const struct map *map, struct node *node)
{
	return (u8 *)node + lpm_of(map)->value_off;
}

/* ---- keys ----------------------------------------------------------------------------------- */

static u32 bit_at(const u8 *data, u32 index)
{
	return data[index / 8] >> (7 - index % 8) & 1;
}

/* Bits that a and b have in common from the first on, at most limit; both have size bytes. */
static inline u32 common_bits(const u8 *a, const u8 *b, u32 size, u32 limit)
{
	u32 i = 0;

	for (; i + 8 <= size && i * 8 < limit; i += 8) {
		u64 diff = load_u64(a + i) ^ load_u64(b + i);

		if (diff)
			return MIN(limit, i * 8 + (u32)__builtin_clzll(__builtin_bswap64(diff)));
	}
	if (i + 4 <= size && i * 8 < limit) {
		u32 diff = load_u32(a + i) ^ load_u32(b + i);

		if (diff)
			return MIN(limit, i * 8 + (u32)__builtin_clz(__builtin_bswap32(diff)));
		i += 4;
	}
	for (; i < size && i * 8 < limit; i++) {
		u32 diff = a[i] ^ b[i];

		if (diff)
			return MIN(limit, i * 8 + (u32)__builtin_clz(diff) - 24);
	}
	return limit;
}

static inline u32 match_len(
	const struct map *map, const struct node *node, const u8 *data, u32 prefix_len)
{
	u32 node_len = __atomic_load_n(&node->prefix_len, __ATOMIC_RELAXED);

	return common_bits(node->data, data, data_size(map), MIN(node_len, prefix_len));
}

/* ---- the pool ------------------------------------------------------------------------------- */

static void free_node(struct map *map, u32 index)
{
	struct trie *t = trie_of(map);
	struct node *node = node_at(map, index);

	__atomic_store_n(&node->flags, 0, __ATOMIC_RELAXED);
	__atomic_store_n(&node->child[0], t->free_first, __ATOMIC_RELAXED);
	t->free_first = index;
}

static u32 take_node(struct map *map, const u8 *data, u32 prefix_len, u32 flags)
{
	struct trie *t = trie_of(map);
	u32 index = t->free_first;
	struct node *node;

	if (index) {
		t->free_first = node_at(map, index)->child[0];
	} else {
		if (t->never_used >= node_count(&map->params))
			return 0;
		index = ++t->never_used;
	}
	node = node_at(map, index);
	__atomic_store_n(&node->child[0], 0, __ATOMIC_RELAXED);
	__atomic_store_n(&node->child[1], 0, __ATOMIC_RELAXED);
	__atomic_store_n(&node->prefix_len, prefix_len, __ATOMIC_RELAXED);
	__atomic_store_n(&node->flags, flags | IS_USED, __ATOMIC_RELAXED);
	map_race_copy(node->data, data, data_size(map));
	return index;
}

/* Marks what hangs below root without a stack: the trie is at most prefix_max deep. */
static u32 mark_below(struct map *map, u32 root, u32 depth)
{
	struct node *node = node_at(map, root);
	u32 entries;

	if (!node || depth > prefix_max(map) + 1)
		return 0;
	node->flags |= IS_REACHED;
	entries = node->flags & IS_FORK ? 0 : 1;
	return entries + mark_below(map, node->child[0], depth + 1) +
		mark_below(map, node->child[1], depth + 1);
}

/* The last owner of the lock died. */
static void repair(struct map *map)
{
	struct trie *t = trie_of(map);

	t->free_first = 0;
	t->never_used = (u32)MIN(t->never_used, node_count(&map->params));
	t->entry_count = mark_below(map, t->root, 0);
	__atomic_store_n(&t->version, t->version + 1, __ATOMIC_RELEASE);
	for (u32 i = 1; i <= t->never_used; i++) {
		struct node *node = node_at(map, i);

		if (node->flags & IS_REACHED)
			node->flags &= ~(u32)IS_REACHED;
		else
			free_node(map, i);
	}
}

static int lock(struct map *map)
{
	int err = map_lock_take(&trie_of(map)->lock);

	if (err == MAP_LOCK_RECOVERED)
		repair(map);
	return MIN(err, 0);
}

static void unlock(struct map *map)
{
	map_lock_drop(&trie_of(map)->lock);
}

/* ---- operations ----------------------------------------------------------------------------- */

/* kernel: trie_alloc() */
static int lpm_check(const struct map_params *params)
{
	const u32 known = BPF_F_NO_PREALLOC | BPF_F_NUMA_NODE | MAP_ACCESS_FLAGS;

	if (params->max_entries == 0 || !(params->flags & BPF_F_NO_PREALLOC) ||
		params->flags & ~known || !map_access_flags_ok(params->flags) ||
		params->key_size < KEY_HEAD + DATA_MIN || params->key_size > KEY_HEAD + DATA_MAX ||
		params->value_size < 1 || params->value_size > VALUE_MAX)
		return -EINVAL;
	return 0;
}

static int lpm_region_size(const struct map_params *params, u64 *ret_size)
{
	if (node_count(params) > UINT32_MAX)
		return -ENOMEM;
	*ret_size = sizeof(struct trie) + node_count(params) * node_size(params);
	return 0;
}

static int lpm_init(struct map *map, bool is_new)
{
	struct lpm *l = mem_zalloc(sizeof(*l));

	if (!l)
		return -ENOMEM;
	l->trie = (void *)map->region;
	l->node_size = node_size(&map->params);
	l->node_count = (u32)node_count(&map->params);
	l->nodes = l->trie->nodes - l->node_size;
	l->data_size = map->params.key_size - KEY_HEAD;
	l->prefix_max = l->data_size * 8;
	l->value_off = value_off(&map->params);
	map->priv = l;
	return 0;
}

static void lpm_release(struct map *map)
{
	mem_free(map->priv);
}

/* The first 32 or 64 bits as a number whose highest bit is the first. */
static inline u64 as_number(const u8 *data, u32 size)
{
	return size == 4 ? (u64)__builtin_bswap32(load_u32(data)) << 32
			 : __builtin_bswap64(load_u64(data));
}

/*
 * The longest prefix of data. size: bytes of data, a constant for the common ones: what fits in a
 * number is compared as one, without a branch.
 */
static inline __attribute__((always_inline)) struct node *find_sized(
	const struct lpm *l, const u8 *data, u32 prefix_len, u32 size)
{
	u32 at = __atomic_load_n(&l->trie->root, __ATOMIC_ACQUIRE), count = l->node_count;
	const u32 max = size * 8;
	const bool is_number = size == 4 || size == 8;
	u64 node_bytes = l->node_size, key = is_number ? as_number(data, size) : 0;
	u8 *nodes = l->nodes;
	struct node *found = NULL;

	/* a reader who follows reused nodes must come to an end too */
	for (u32 depth = 0; depth <= max && likely(at - 1 < count); depth++) {
		struct node *node = (void *)(nodes + at * node_bytes);
		u32 node_len = __atomic_load_n(&node->prefix_len, __ATOMIC_RELAXED), bit;

		if (is_number) {
			u64 diff = as_number(node->data, size) ^ key;

			if (node_len > prefix_len || node_len > max ||
				(node_len && diff >> (64 - node_len)))
				break;
			bit = (u32)(key << (node_len & 63) >> 63);
		} else {
			if (node_len > max ||
				common_bits(node->data, data, size, MIN(node_len, prefix_len)) <
					node_len)
				break;
			bit = node_len < max ? bit_at(data, node_len) : 0;
		}
		if (!(__atomic_load_n(&node->flags, __ATOMIC_RELAXED) & IS_FORK))
			found = node;
		if (node_len == max)
			break;
		at = __atomic_load_n(&node->child[bit], __ATOMIC_ACQUIRE);
	}
	return found;
}

static struct node *find(const struct lpm *l, const u8 *data, u32 prefix_len)
{
	switch (l->data_size) {
	case 4: return find_sized(l, data, prefix_len, 4);
	case 8: return find_sized(l, data, prefix_len, 8);
	case 16: return find_sized(l, data, prefix_len, 16);
	default: return find_sized(l, data, prefix_len, l->data_size);
	}
}

static void *lpm_lookup(struct map *map, const void *key, u32 cpu)
{
	const struct lpm *l = lpm_of(map);
	u32 prefix_len = load_u32(key), *version = &l->trie->version, before;
	struct node *node;

	if (prefix_len > l->prefix_max)
		return NULL;
	do {
		before = __atomic_load_n(version, __ATOMIC_ACQUIRE);
		node = find(l, (const u8 *)key + KEY_HEAD, prefix_len);
		__atomic_thread_fence(__ATOMIC_ACQUIRE);
	} while (__atomic_load_n(version, __ATOMIC_RELAXED) != before);
	return node ? value_of(map, node) : NULL;
}

/* One store that makes *slot lead to index, and nobody any longer to old. */
static void hang(struct map *map, u32 *slot, u32 index, u32 old, u32 old2)
{
	struct trie *t = trie_of(map);

	__atomic_store_n(slot, index, __ATOMIC_RELEASE);
	if (!old && !old2)
		return;
	__atomic_store_n(&t->version, t->version + 1, __ATOMIC_RELEASE);
	if (old)
		free_node(map, old);
	if (old2)
		free_node(map, old2);
}

/* kernel: trie_check_add_elem() */
static int check_room(struct map *map, u64 flags)
{
	if (flags == BPF_EXIST)
		return -ENOENT;
	return trie_of(map)->entry_count >= map->params.max_entries ? -ENOSPC : 0;
}

/* The slot where data belongs; ret_len gets the bits in common with what is there. */
static u32 *find_slot(
	struct map *map, const u8 *data, u32 prefix_len, u32 **ret_parent_slot, u32 *ret_len)
{
	u32 *slot = &trie_of(map)->root;
	struct node *node;

	*ret_parent_slot = NULL;
	*ret_len = 0;
	while ((node = node_at(map, *slot))) {
		*ret_len = match_len(map, node, data, prefix_len);
		if (node->prefix_len != *ret_len || node->prefix_len == prefix_len ||
			node->prefix_len == prefix_max(map))
			break;
		*ret_parent_slot = slot;
		slot = &node->child[bit_at(data, node->prefix_len)];
	}
	return slot;
}

static int update_locked(
	struct map *map, const u8 *data, u32 prefix_len, const void *value, u64 flags)
{
	struct trie *t = trie_of(map);
	u32 len, *parent_slot, *slot = find_slot(map, data, prefix_len, &parent_slot, &len);
	u32 old = *slot, index, fork;
	struct node *there = node_at(map, old), *node;
	bool is_there = there && there->prefix_len == len && !(there->flags & IS_FORK);
	int err = is_there ? (flags == BPF_NOEXIST ? -EEXIST : 0) : check_room(map, flags);

	if (err)
		return err;
	index = take_node(map, data, prefix_len, 0);
	if (!index)
		return -ENOMEM;
	node = node_at(map, index);
	map_value_copy(map, value_of(map, node), value);
	if (!is_there)
		t->entry_count++;
	if (!there) {
		hang(map, slot, index, 0, 0);
	} else if (there->prefix_len == len) {
		/* the same prefix, an element or a fork: takes its place */
		node->child[0] = there->child[0];
		node->child[1] = there->child[1];
		hang(map, slot, index, old, 0);
	} else if (len == prefix_len) {
		/* a shorter prefix of what is there: goes above it */
		node->child[bit_at(there->data, len)] = old;
		hang(map, slot, index, 0, 0);
	} else {
		fork = take_node(map, there->data, len, IS_FORK);
		if (!fork) {
			t->entry_count--;
			free_node(map, index);
			return -ENOMEM;
		}
		node_at(map, fork)->child[bit_at(data, len)] = index;
		node_at(map, fork)->child[!bit_at(data, len)] = old;
		hang(map, slot, fork, 0, 0);
	}
	return 0;
}

static int lpm_update(struct map *map, const void *key, const void *value, u64 flags, u32 cpu)
{
	u32 prefix_len = load_u32(key);
	int err;

	if (flags > BPF_EXIST || prefix_len > prefix_max(map))
		return -EINVAL;
	err = lock(map);
	if (err)
		return err;
	err = update_locked(map, (const u8 *)key + KEY_HEAD, prefix_len, value, flags);
	unlock(map);
	return err;
}

static int lpm_copy_in(struct map *map, const void *key, const void *value, u64 flags)
{
	return lpm_update(map, key, value, flags, 0);
}

static int remove_locked(struct map *map, const u8 *data, u32 prefix_len)
{
	struct trie *t = trie_of(map);
	u32 len, *parent_slot, *slot = find_slot(map, data, prefix_len, &parent_slot, &len);
	u32 old = *slot, parent_index;
	struct node *node = node_at(map, old), *parent;

	if (!node || node->prefix_len != prefix_len || node->prefix_len != len ||
		node->flags & IS_FORK)
		return -ENOENT;
	t->entry_count--;
	parent = parent_slot ? node_at(map, *parent_slot) : NULL;
	if (node->child[0] && node->child[1]) {
		__atomic_store_n(&node->flags, node->flags | IS_FORK, __ATOMIC_RELEASE);
	} else if (parent && parent->flags & IS_FORK && !node->child[0] && !node->child[1]) {
		/* a fork of one branch is none: the other branch takes its place */
		parent_index = *parent_slot;
		hang(map, parent_slot, parent->child[slot == &parent->child[0]], old, parent_index);
	} else {
		hang(map, slot, node->child[0] ? node->child[0] : node->child[1], old, 0);
	}
	return 0;
}

static int lpm_remove(struct map *map, const void *key)
{
	u32 prefix_len = load_u32(key);
	int err;

	if (prefix_len > prefix_max(map))
		return -EINVAL;
	err = lock(map);
	if (err)
		return err;
	err = remove_locked(map, (const u8 *)key + KEY_HEAD, prefix_len);
	unlock(map);
	return err;
}

static int lpm_copy_out(struct map *map, const void *key, void *value, u64 flags)
{
	u32 *version = &trie_of(map)->version, before;
	void *from;

	do {
		before = __atomic_load_n(version, __ATOMIC_ACQUIRE);
		from = lpm_lookup(map, key, 0);
		if (from)
			map_value_copy(map, value, from);
		__atomic_thread_fence(__ATOMIC_ACQUIRE);
	} while (__atomic_load_n(version, __ATOMIC_RELAXED) != before);
	return from ? 0 : -ENOENT;
}

/* The first element below root in postorder, left before right. */
static struct node *leftmost(struct map *map, u32 root)
{
	struct node *node = node_at(map, root), *found = NULL;

	while (node) {
		if (!(node->flags & IS_FORK))
			found = node;
		node = node_at(map, node->child[0] ? node->child[0] : node->child[1]);
	}
	return found;
}

/*
 * What follows the element of this very prefix in postorder (longer prefixes before shorter ones):
 * the deepest node on the way to it that still has something to give decides. NULL *ret_next: it
 * was the last; false: the prefix is no element.
 */
static bool follow(struct map *map, const u8 *data, u32 prefix_len, struct node **ret_next)
{
	struct node *node = node_at(map, trie_of(map)->root), *next_up = NULL;
	u32 sibling = 0; /* a right branch not yet visited, below next_up */

	while (node) {
		u32 len = match_len(map, node, data, prefix_len), bit;

		if (node->prefix_len != len)
			return false;
		if (node->prefix_len == prefix_len)
			break;
		bit = bit_at(data, node->prefix_len);
		if (!(node->flags & IS_FORK)) {
			next_up = node;
			sibling = 0;
		}
		if (bit == 0 && node->child[1])
			sibling = node->child[1];
		node = node_at(map, node->child[bit]);
	}
	if (!node || node->flags & IS_FORK)
		return false;
	*ret_next = sibling ? leftmost(map, sibling) : next_up;
	return true;
}

static int lpm_next_key(struct map *map, const void *key, void *ret_next)
{
	struct node *next = NULL;
	int err = lock(map);

	if (err)
		return err;
	if (!key || load_u32(key) > prefix_max(map) ||
		!follow(map, (const u8 *)key + KEY_HEAD, load_u32(key), &next))
		next = leftmost(map, trie_of(map)->root);
	if (next) {
		store_u32(ret_next, next->prefix_len);
		memcpy((u8 *)ret_next + KEY_HEAD, next->data, data_size(map));
	}
	unlock(map);
	return next ? 0 : -ENOENT;
}

const struct map_ops map_lpm_trie_ops = {
	.check = lpm_check,
	.region_size = lpm_region_size,
	.init = lpm_init,
	.release = lpm_release,
	.lookup = lpm_lookup,
	.update = lpm_update,
	.remove = lpm_remove,
	.copy_out = lpm_copy_out,
	.copy_in = lpm_copy_in,
	.next_key = lpm_next_key,
};
