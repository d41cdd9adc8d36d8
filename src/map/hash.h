/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The hash table under every map of the hash family (hash.c, lru.c, of_maps.c), and its lookups,
 * which engines may call directly.
 *
 * Nodes: an array in the region, all preallocated: max_entries, and a few extra ones for
 * replacements. node.owner says whose a node is: free, an extra one, or of a bucket; it changes
 * only by compare-and-swap from free or extra, or by the holder of the bucket's lock. Everything
 * else that finds nodes (bitmap, recent lists, extras[]) is a hint that may be stale.
 *
 * Buckets: one cache line with eight slots, each a tag (8 bits of the hash) and a node; what does
 * not fit hangs on a chain through node.next. An element never moves; replacing one is a single
 * store to where the old one hangs, so readers see the old one or the new one.
 *
 * Readers take no lock: they read bucket.version, search, and search again when it changed. A
 * writer raises it after unlinking a node and before it lets go of it, so a node whose version
 * still stands was that element all the while.
 *
 * Death: before a writer takes a node into the bucket or out of it, it notes it in the bucket's
 * journal (fresh, stale). Whoever takes over the lock of a dead owner looks whether the noted nodes
 * hang in the bucket, and gives back those that do not (bucket_repair()).
 */
#ifndef MAP_HASH_H
#define MAP_HASH_H

#include "map/hash_key.h"
#include "map/lock.h"
#include "map/map.h"

#define HASH_SLOTS 8

struct hash_bucket {
	struct map_lock lock;
	u64 tags;
	u32 slots[HASH_SLOTS]; /* nodes, 0 = free; nodes count from 1 */
	u32 version;
	u32 chain; /* first node of those that found no slot */
	u32 fresh, stale;
} __attribute__((aligned(64)));

STATIC_ASSERT(sizeof(struct hash_bucket) == 64);

#define HASH_FREE      0u
#define HASH_EXTRA_BIT 0x80000000u /* | which of extras[] */
#define HASH_NO_PART   0xffffu

struct hash_node {
	u32 owner; /* HASH_FREE, HASH_EXTRA_BIT | slot, bucket + 1 */
	u32 next;
	u32 extra; /* 1 + slot of extras[] that gets it back when it is given back; 0 = none */
	u16 used;  /* LRU: looked up since the hand passed */
	u16 part;  /* LRU without a common list: the CPU it counts for */
	u8 key[];
};

#define HASH_RECENT_LINES 16
#define HASH_RECENT	  14

/* At the start of the region. */
struct hash_control {
	u64 seed;
	u32 scan_from; /* hint: nodes before this are probably taken */
	u32 reserved[13];
	u64 frees;   /* nodes ever given back ... */
	u64 full_at; /* ... and 1 + that count when a search for a free one last failed */
	u64 reserved2[6];
	struct {
		u32 count; /* ring position */
		u32 nodes[HASH_RECENT];
		u32 reserved;
	} recent[HASH_RECENT_LINES] __attribute__((aligned(64)));
	u32 hands[]; /* LRU: one per list */
};

/* Where things are in this process; map->priv. */
struct hash {
	struct hash_bucket *buckets;
	u8 *nodes; /* minus one node: they count from 1 */
	u64 bucket_mask;
	u32 node_size, key_size, value_off;
	u32 node_count; /* with extras */
	u64 seed;
	u8 *values; /* per-CPU: of node 0, CPU 0 */
	u64 cpu_stride;
	u32 elem_size;
	bool is_per_cpu, is_lru;
	u32 part_count; /* LRU lists */
	u32 extra_count;
	struct hash_control *control;
	u32 *extras;
	u64 *bits;	/* 1 = probably free */
	void **objects; /* hash of maps: by node; else NULL */
	struct map *map;
};

/* What hash_copy_in() takes as the value of a hash of maps. */
struct hash_object {
	u32 id;
	void *object;
};

static inline struct hash_node *hash_node(const struct hash *h, u32 index)
{
	return (struct hash_node *)(h->nodes + (u64)index * h->node_size);
}

static inline void *hash_value(const struct hash *h, u32 index, u32 cpu)
{
	if (h->is_per_cpu)
		return h->values + (u64)index * h->elem_size + cpu * h->cpu_stride;
	return (u8 *)hash_node(h, index) + h->value_off;
}

/* Bytes of tags that equal tag; may have false hits above a true one. */
static inline u64 hash_match_tags(u64 tags, u64 hash)
{
	u64 x = tags ^ (hash >> 56) * 0x0101010101010101ull;

	return (x - 0x0101010101010101ull) & ~x & 0x8080808080808080ull;
}

/* The whole search, for chains and for buckets that change meanwhile. */
u32 hash_find_slow(const struct hash *h, const void *key, u64 hash);

/* The node with this key, 0 = none, as of some moment during the call. */
static inline u32 hash_find(const struct hash *h, const void *key, u32 key_size, u64 hash)
{
	const struct hash_bucket *b = &h->buckets[hash & h->bucket_mask];
	u32 version = __atomic_load_n(&b->version, __ATOMIC_ACQUIRE), found = 0;
	u64 hits = hash_match_tags(__atomic_load_n(&b->tags, __ATOMIC_RELAXED), hash);

	for (; hits; hits &= hits - 1) {
		u32 i = (u32)__builtin_ctzll(hits) / 8;
		u32 index = __atomic_load_n(&b->slots[i], __ATOMIC_ACQUIRE);

		if (index && likely(index <= h->node_count) &&
			key_equal(hash_node(h, index)->key, key, key_size)) {
			found = index;
			break;
		}
	}
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	if (likely(__atomic_load_n(&b->version, __ATOMIC_RELAXED) == version &&
		    (found || !__atomic_load_n(&b->chain, __ATOMIC_RELAXED))))
		return found;
	return hash_find_slow(h, key, hash);
}

static inline void *hash_lookup_sized(struct map *map, const void *key, u32 key_size, u32 cpu)
{
	const struct hash *h = map->priv;
	u32 index = hash_find(h, key, key_size, hash_key(key, key_size, h->seed));

	if (!index)
		return NULL;
	if (h->is_lru) {
		u16 *used = &hash_node(h, index)->used;

		if (!__atomic_load_n(used, __ATOMIC_RELAXED))
			__atomic_store_n(used, 1, __ATOMIC_RELAXED);
	}
	return hash_value(h, index, cpu);
}

/* hash_lookup() for keys of so many bytes; other sizes in hash_lookup() itself. */
void *hash_lookup_4(struct map *map, const void *key, u32 cpu);
void *hash_lookup_8(struct map *map, const void *key, u32 cpu);
void *hash_lookup_16(struct map *map, const void *key, u32 cpu);

/* What map_ops has; of_maps.c and lru.c put them in their tables. */
int hash_check(const struct map_params *params);
int hash_region_size(const struct map_params *params, u64 *ret_size);
int hash_init(struct map *map, bool is_new);
void hash_release(struct map *map);
void *hash_lookup(struct map *map, const void *key, u32 cpu);
int hash_update(struct map *map, const void *key, const void *value, u64 flags, u32 cpu);
int hash_remove(struct map *map, const void *key);
int hash_for_each(struct map *map, u32 cpu, int (*fn)(void *arg, void *key, void *value), void *arg,
	u64 flags);
int hash_copy_out(struct map *map, const void *key, void *value, u64 flags);
int hash_copy_in(struct map *map, const void *key, const void *value, u64 flags);
int hash_take(struct map *map, const void *key, void *value, u64 flags);
int hash_next_key(struct map *map, const void *key, void *ret_next);
int hash_bucket(struct map *map, u32 *bucket, u32 max, u8 *keys, u8 *values, u64 flags,
	bool is_take, u32 *ret_count);

/* Elements now; exact when nobody writes. */
u32 hash_count(const struct map *map);

/* For lru.c. Where a node hangs in a bucket that we hold, and taking it out. */
int hash_lock_bucket(struct hash *h, struct hash_bucket *b);
u32 *hash_link_to(struct hash *h, struct hash_bucket *b, u32 index);
void hash_unlink(struct hash *h, struct hash_bucket *b, u32 *link);
/* lru.c: makes room in that list; false = nothing could be evicted. */
bool lru_evict(struct hash *h, u32 part);
u32 lru_part(const struct hash *h, u32 cpu);

#endif
