// SPDX-License-Identifier: BSD-2-Clause
/*
 * Hash maps: hash, per-CPU hash, and the body of LRU hashes and hashes of maps. hash.h has the
 * structure and why it holds without locks for readers and through the death of a writer.
 */
#include "map/hash.h"

#include "base/alloc.h"
#include "map/kinds.h"
#include "map/value.h"

#define KEY_VALUE_MAX ((4u << 20) - 48) /* kernel: KMALLOC_MAX_SIZE - sizeof(htab_elem) */

/* Orders what a later owner of the lock must see if we die between the two. */
#define journal_barrier() __atomic_signal_fence(__ATOMIC_SEQ_CST)

/* ---- layout --------------------------------------------------------------------------------- */

struct plan {
	u64 extras, bits, buckets, nodes, values, end; /* offsets */
	u64 cpu_stride;
	u32 bucket_count, node_count, extra_count, node_size, value_off, max_entries, part_count;
};

static bool is_per_cpu_type(u32 type)
{
	return type == BPF_MAP_TYPE_PERCPU_HASH || type == BPF_MAP_TYPE_LRU_PERCPU_HASH;
}

static bool is_lru_type(u32 type)
{
	return type == BPF_MAP_TYPE_LRU_HASH || type == BPF_MAP_TYPE_LRU_PERCPU_HASH;
}

/* kernel: htab_map_alloc_check() */
int hash_check(const struct map_params *params)
{
	const u32 known = BPF_F_NO_PREALLOC | BPF_F_NO_COMMON_LRU | BPF_F_NUMA_NODE |
		MAP_ACCESS_FLAGS | BPF_F_ZERO_SEED;
	bool is_per_cpu = is_per_cpu_type(params->type), is_lru = is_lru_type(params->type);
	bool has_node = params->flags & BPF_F_NUMA_NODE && params->numa_node != (u32)-1;
	bool has_lists = params->flags & BPF_F_NO_COMMON_LRU;

	if (params->flags & BPF_F_ZERO_SEED && !(params->caps & CAP_NEEDED_SYS_ADMIN))
		return -EPERM;
	if (params->flags & ~known || !map_access_flags_ok(params->flags))
		return -EINVAL;
	if (!is_lru && has_lists)
		return -EINVAL;
	if (is_lru && params->flags & BPF_F_NO_PREALLOC)
		return -MAP_ENOTSUPP;
	if (has_node && (is_per_cpu || has_lists))
		return -EINVAL;
	if (params->max_entries == 0 || params->key_size == 0 || params->value_size == 0)
		return -EINVAL;
	if ((u64)params->key_size + params->value_size >= KEY_VALUE_MAX)
		return -E2BIG;
	if (is_per_cpu && ALIGN_UP(params->value_size, 8u) > MAP_PER_CPU_VALUE_MAX)
		return -E2BIG;
	return 0;
}

static int plan_make(const struct map_params *params, struct plan *p)
{
	u32 cpus = os_cpu_count(), value = ALIGN_UP(params->value_size, 8u);
	bool is_per_cpu = is_per_cpu_type(params->type), has_lists;
	u64 wanted;

	memset(p, 0, sizeof(*p));
	has_lists = params->flags & BPF_F_NO_COMMON_LRU;
	p->part_count = has_lists ? cpus : 1;
	p->max_entries = params->max_entries;
	if (has_lists) {
		/* every list has as many */
		u64 up = ((u64)params->max_entries + cpus - 1) / cpus * cpus;

		p->max_entries = (u32)(up <= UINT32_MAX ? up : params->max_entries / cpus * cpus);
	}
	if (p->max_entries > 1u << 27) /* buckets: sizeof() * 2^n must fit in the kernel's u32 */
		return -E2BIG;
	/* four nodes to a bucket of eight slots: few chains */
	for (wanted = 1; wanted * 4 < p->max_entries; wanted <<= 1)
		;
	p->bucket_count = (u32)wanted;
	/* a per-CPU element is updated in place and needs no second node */
	p->extra_count = is_per_cpu ? 0 : 16;
	while (p->extra_count && p->extra_count < 2 * cpus)
		p->extra_count *= 2;
	p->node_count = p->max_entries + p->extra_count;
	p->value_off = sizeof(struct hash_node) + ALIGN_UP(params->key_size, 8u);
	p->node_size = p->value_off + (is_per_cpu ? 0 : value);
	p->extras = ALIGN_UP(sizeof(struct hash_control) + p->part_count * 4, 64u);
	p->bits = ALIGN_UP(p->extras + p->extra_count * 4, 64u);
	p->buckets = ALIGN_UP(p->bits + (p->node_count / 64 + 1) * 8, 64u);
	p->nodes = p->buckets + (u64)p->bucket_count * sizeof(struct hash_bucket);
	p->values = ALIGN_UP(p->nodes + (u64)p->node_count * p->node_size, 64u);
	p->cpu_stride = is_per_cpu ? ALIGN_UP((u64)p->node_count * value, 64u) : 0;
	p->end = p->values + p->cpu_stride * cpus;
	return 0;
}

int hash_region_size(const struct map_params *params, u64 *ret_size)
{
	struct plan plan;
	int err = plan_make(params, &plan);

	if (!err)
		*ret_size = plan.end;
	return err;
}

static void set_bit(struct hash *h, u32 index)
{
	__atomic_fetch_or(&h->bits[index / 64], 1ull << index % 64, __ATOMIC_RELEASE);
}

static bool is_bit_set(const struct hash *h, u32 index)
{
	return __atomic_load_n(&h->bits[index / 64], __ATOMIC_RELAXED) >> index % 64 & 1;
}

/* A new region: the first nodes free, the last ones extra. */
static void fill_region(struct hash *h, const struct plan *plan, const struct map_params *params)
{
	if (!(params->flags & BPF_F_ZERO_SEED))
		os_random(&h->control->seed, sizeof(h->control->seed));
	/* bits 1 .. max_entries */
	memset(h->bits, 0xff, plan->max_entries / 64 * 8);
	h->bits[plan->max_entries / 64] |= ~0ull >> (63 - plan->max_entries % 64);
	h->bits[0] &= ~1ull;
	for (u32 i = 0; i < plan->extra_count; i++) {
		u32 index = plan->max_entries + 1 + i;

		hash_node(h, index)->owner = HASH_EXTRA_BIT | i;
		hash_node(h, index)->extra = i + 1;
		hash_node(h, index)->part = HASH_NO_PART;
		h->extras[i] = index;
	}
	if (plan->part_count > 1)
		for (u32 i = 1; i <= plan->max_entries; i++)
			hash_node(h, i)->part =
				(u16)((i - 1) / (plan->max_entries / plan->part_count));
}

int hash_init(struct map *map, bool is_new)
{
	struct hash *h = mem_zalloc(sizeof(*h));
	struct plan plan;
	int err;

	if (!h)
		return -ENOMEM;
	err = plan_make(&map->params, &plan);
	if (err) {
		mem_free(h);
		return err;
	}
	map->params.max_entries = plan.max_entries;
	h->map = map;
	h->control = (void *)map->region;
	h->extras = (void *)(map->region + plan.extras);
	h->bits = (void *)(map->region + plan.bits);
	h->buckets = (void *)(map->region + plan.buckets);
	h->bucket_mask = plan.bucket_count - 1;
	h->node_size = plan.node_size;
	h->nodes = map->region + plan.nodes - plan.node_size;
	h->node_count = plan.node_count;
	h->key_size = map->params.key_size;
	h->value_off = plan.value_off;
	h->elem_size = map->elem_size;
	h->is_per_cpu = is_per_cpu_type(map->params.type);
	h->is_lru = is_lru_type(map->params.type);
	h->values = map->region + plan.values - (h->is_per_cpu ? map->elem_size : 0);
	h->cpu_stride = plan.cpu_stride;
	h->part_count = plan.part_count;
	h->extra_count = plan.extra_count;
	if (is_new)
		fill_region(h, &plan, &map->params);
	h->seed = h->control->seed;
	map->cpu_stride = plan.cpu_stride;
	map->priv = h;
	return 0;
}

void hash_release(struct map *map)
{
	mem_free(map->priv);
}

static u16 part_of(const struct hash_node *node)
{
	return __atomic_load_n(&node->part, __ATOMIC_RELAXED);
}

static void set_part(struct hash_node *node, u16 part)
{
	__atomic_store_n(&node->part, part, __ATOMIC_RELAXED);
}

/* ---- buckets -------------------------------------------------------------------------------- */

u32 hash_find_slow(const struct hash *h, const void *key, u64 hash)
{
	const struct hash_bucket *b = &h->buckets[hash & h->bucket_mask];

	for (;;) {
		u32 version = __atomic_load_n(&b->version, __ATOMIC_ACQUIRE), i = 0, index, next;

		/* a node that left meanwhile may lead anywhere: then the version has changed */
		for (index = 0;; index = next) {
			if (i < HASH_SLOTS)
				next = __atomic_load_n(&b->slots[i++], __ATOMIC_ACQUIRE);
			else if (i++ == HASH_SLOTS)
				next = __atomic_load_n(&b->chain, __ATOMIC_ACQUIRE);
			else
				next = __atomic_load_n(
					&hash_node(h, index)->next, __ATOMIC_ACQUIRE);
			if (next > h->node_count || (!next && i > HASH_SLOTS)) {
				index = 0;
				break;
			}
			if (next && key_equal(hash_node(h, next)->key, key, h->key_size)) {
				index = next;
				break;
			}
			if (__atomic_load_n(&b->version, __ATOMIC_ACQUIRE) != version)
				break;
		}
		__atomic_thread_fence(__ATOMIC_ACQUIRE);
		if (__atomic_load_n(&b->version, __ATOMIC_RELAXED) == version)
			return index;
	}
}

static void give_back(struct hash *h, u32 index);

/* Where index hangs in the bucket, or NULL. */
u32 *hash_link_to(struct hash *h, struct hash_bucket *b, u32 index)
{
	u32 *link = &b->chain;

	for (u32 i = 0; i < HASH_SLOTS; i++)
		if (b->slots[i] == index)
			return &b->slots[i];
	for (u32 n = 0; *link && *link <= h->node_count && n < h->node_count; n++) {
		if (*link == index)
			return link;
		link = &hash_node(h, *link)->next;
	}
	return NULL;
}

static void bump_version(struct hash_bucket *b)
{
	__atomic_store_n(&b->version, b->version + 1, __ATOMIC_RELEASE);
}

/* The last owner of the lock died: settle what its journal names. */
static void bucket_repair(struct hash *h, struct hash_bucket *b)
{
	u32 owner = (u32)(b - h->buckets) + 1;
	u32 noted[2] = {b->fresh, b->stale};

	bump_version(b);
	for (u32 i = 0; i < 2; i++) {
		u32 index = noted[i];
		struct hash_node *node;

		if (!index || index > h->node_count)
			continue;
		node = hash_node(h, index);
		if (hash_link_to(h, b, index)) {
			node->extra = 0;
			if (part_of(node) == HASH_NO_PART && b->stale && b->stale <= h->node_count)
				set_part(node, part_of(hash_node(h, b->stale)));
		} else if (__atomic_load_n(&node->owner, __ATOMIC_RELAXED) == owner) {
			give_back(h, index);
		} else if (__atomic_load_n(&node->owner, __ATOMIC_RELAXED) == HASH_FREE) {
			set_bit(h, index); /* only a hint: whoever takes it checks the owner */
			__atomic_fetch_add(&h->control->frees, 1, __ATOMIC_RELAXED);
		}
	}
	b->fresh = b->stale = 0;
}

int hash_lock_bucket(struct hash *h, struct hash_bucket *b)
{
	int err = map_lock_take(&b->lock);

	if (unlikely(err == MAP_LOCK_RECOVERED)) {
		bucket_repair(h, b);
		err = 0;
	}
	return err;
}

static void unlock_bucket(struct hash_bucket *b)
{
	journal_barrier();
	b->fresh = b->stale = 0;
	map_lock_drop(&b->lock);
}

/* The same search as hash_find() for the holder of the lock: where it hangs, or NULL. */
static u32 *find_link(struct hash *h, struct hash_bucket *b, const void *key, u64 hash)
{
	u32 *link = &b->chain;

	for (u64 hits = hash_match_tags(b->tags, hash); hits; hits &= hits - 1) {
		u32 i = (u32)__builtin_ctzll(hits) / 8;

		if (b->slots[i] && b->slots[i] <= h->node_count &&
			key_equal(hash_node(h, b->slots[i])->key, key, h->key_size))
			return &b->slots[i];
	}
	for (; *link && *link <= h->node_count; link = &hash_node(h, *link)->next)
		if (key_equal(hash_node(h, *link)->key, key, h->key_size))
			return link;
	return NULL;
}

static bool is_slot(const struct hash_bucket *b, const u32 *link)
{
	return link >= b->slots && link < b->slots + HASH_SLOTS;
}

static void hang_new(struct hash *h, struct hash_bucket *b, u32 index, u64 hash)
{
	for (u32 i = 0; i < HASH_SLOTS; i++) {
		u64 tag = (hash >> 56) << 8 * i, others = b->tags & ~(0xffull << 8 * i);

		if (b->slots[i])
			continue;
		__atomic_store_n(&b->tags, others | tag, __ATOMIC_RELAXED);
		__atomic_store_n(&b->slots[i], index, __ATOMIC_RELEASE);
		return;
	}
	__atomic_store_n(&hash_node(h, index)->next, b->chain, __ATOMIC_RELAXED);
	__atomic_store_n(&b->chain, index, __ATOMIC_RELEASE);
}

/* Takes what hangs at link out of the bucket and gives it back. */
void hash_unlink(struct hash *h, struct hash_bucket *b, u32 *link)
{
	u32 index = *link;

	b->stale = index;
	journal_barrier();
	__atomic_store_n(link,
		is_slot(b, link) ? 0
				 : __atomic_load_n(&hash_node(h, index)->next, __ATOMIC_RELAXED),
		__ATOMIC_RELEASE);
	bump_version(b);
	give_back(h, index);
	journal_barrier();
	b->stale = 0;
}

/* ---- nodes ---------------------------------------------------------------------------------- */

static u32 recent_line(void)
{
	return (u32)(os_self() % HASH_RECENT_LINES);
}

/* A node of ours that hangs nowhere: whose it was before. */
static void give_back(struct hash *h, u32 index)
{
	struct hash_node *node = hash_node(h, index);
	u32 slot = node->extra, line = recent_line(), at;

	__atomic_store_n(&node->next, 0, __ATOMIC_RELAXED);
	if (h->objects) {
		void *object = __atomic_exchange_n(&h->objects[index], NULL, __ATOMIC_ACQ_REL);

		if (object)
			h->map->object_ops->put(h->map, object);
	}
	if (slot && slot <= h->extra_count) {
		set_part(node, HASH_NO_PART);
		__atomic_store_n(&h->extras[slot - 1], index, __ATOMIC_RELAXED);
		__atomic_store_n(&node->owner, HASH_EXTRA_BIT | (slot - 1), __ATOMIC_RELEASE);
		return;
	}
	__atomic_store_n(&node->owner, HASH_FREE, __ATOMIC_RELEASE);
	set_bit(h, index);
	at = __atomic_load_n(&h->control->recent[line].count, __ATOMIC_RELAXED);
	__atomic_store_n(
		&h->control->recent[line].nodes[at % HASH_RECENT], index, __ATOMIC_RELAXED);
	__atomic_store_n(&h->control->recent[line].count, at + 1, __ATOMIC_RELAXED);
	__atomic_fetch_add(&h->control->frees, 1, __ATOMIC_RELEASE);
}

/* Makes a node ours that was `from`; false when somebody was faster. */
static bool claim(struct hash *h, struct hash_bucket *b, u32 index, u32 from)
{
	u32 owner = (u32)(b - h->buckets) + 1;

	b->fresh = index;
	journal_barrier();
	if (from == HASH_FREE)
		__atomic_fetch_and(&h->bits[index / 64], ~(1ull << index % 64), __ATOMIC_RELAXED);
	if (__atomic_compare_exchange_n(&hash_node(h, index)->owner, &from, owner, false,
		    __ATOMIC_ACQ_REL, __ATOMIC_RELAXED))
		return true;
	b->fresh = 0;
	return false;
}

static bool is_of_part(const struct hash *h, u32 index, u32 part)
{
	return h->part_count == 1 || part_of(hash_node(h, index)) == part;
}

/* A node that was given back lately by threads of our line, likely still in the cache. */
static u32 claim_recent(struct hash *h, struct hash_bucket *b, u32 part)
{
	u32 line = recent_line();
	u32 at = __atomic_load_n(&h->control->recent[line].count, __ATOMIC_RELAXED);

	for (u32 n = 0; n < HASH_RECENT && at; n++) {
		u32 index;

		at--;
		index = __atomic_load_n(
			&h->control->recent[line].nodes[at % HASH_RECENT], __ATOMIC_RELAXED);
		if (!index || index > h->node_count)
			break;
		__atomic_store_n(
			&h->control->recent[line].nodes[at % HASH_RECENT], 0, __ATOMIC_RELAXED);
		__atomic_store_n(&h->control->recent[line].count, at, __ATOMIC_RELAXED);
		if (is_bit_set(h, index) && is_of_part(h, index, part) &&
			claim(h, b, index, HASH_FREE))
			return index;
	}
	return 0;
}

static u32 claim_scanned(struct hash *h, struct hash_bucket *b, u32 part)
{
	u32 words = h->node_count / 64 + 1;
	u32 start = __atomic_load_n(&h->control->scan_from, __ATOMIC_RELAXED) / 64 % words;

	for (u32 n = 0; n < words; n++) {
		u32 word = (start + n) % words;
		u64 bits = __atomic_load_n(&h->bits[word], __ATOMIC_ACQUIRE);

		for (; bits; bits &= bits - 1) {
			u32 index = word * 64 + (u32)__builtin_ctzll(bits);

			if (!index || index > h->node_count || !is_of_part(h, index, part) ||
				!claim(h, b, index, HASH_FREE))
				continue;
			__atomic_store_n(&h->control->scan_from, index, __ATOMIC_RELAXED);
			return index;
		}
	}
	return 0;
}

/* A free node, now ours and in the journal; 0 = all are taken. */
static u32 claim_free(struct hash *h, struct hash_bucket *b, u32 part)
{
	struct hash_control *control = h->control;
	u64 frees = __atomic_load_n(&control->frees, __ATOMIC_ACQUIRE);
	u32 index;

	if (h->part_count == 1 && __atomic_load_n(&control->full_at, __ATOMIC_RELAXED) == frees + 1)
		return 0;
	index = claim_recent(h, b, part);
	if (!index)
		index = claim_scanned(h, b, part);
	if (!index && h->part_count == 1)
		__atomic_store_n(&control->full_at, frees + 1, __ATOMIC_RELAXED);
	return index;
}

/*
 * An extra node to replace an element with. There are more of them than threads that replace at one
 * time on all CPUs; when descheduled threads hold them all, we wait. Those of dead threads come
 * back when somebody takes over their bucket: look for such buckets before giving up.
 */
static u32 claim_extra(struct hash *h, struct hash_bucket *b)
{
	u32 start = (u32)os_self();

	for (u32 round = 0; round < 1000; round++) {
		for (u32 n = 0; n < h->extra_count; n++) {
			u32 slot = (start + n) & (h->extra_count - 1);
			u32 index = __atomic_load_n(&h->extras[slot], __ATOMIC_RELAXED);

			if (index && index <= h->node_count &&
				__atomic_load_n(&hash_node(h, index)->owner, __ATOMIC_RELAXED) ==
					(HASH_EXTRA_BIT | slot) &&
				claim(h, b, index, HASH_EXTRA_BIT | slot))
				return index;
		}
		os_yield();
		if (round % 256 != 255)
			continue;
		for (u64 i = 0; i <= h->bucket_mask; i++) {
			struct hash_bucket *other = &h->buckets[i];

			if (other != b && __atomic_load_n(&other->lock.owner, __ATOMIC_RELAXED) &&
				other->lock.owner != b->lock.owner &&
				os_is_gone(other->lock.owner) && !hash_lock_bucket(h, other))
				unlock_bucket(other);
		}
	}
	return 0;
}

/* ---- updates -------------------------------------------------------------------------------- */

#define ALL_CPUS UINT32_MAX

/* cpu ALL_CPUS: value has those of all CPUs, each rounded up to 8. */
static void fill_value(struct hash *h, u32 index, const void *value, u32 cpu, bool is_new)
{
	const struct map *map = h->map;

	if (h->objects) {
		const struct hash_object *object = value;

		store_u32(hash_value(h, index, 0), object->id);
		__atomic_store_n(&h->objects[index], object->object, __ATOMIC_RELEASE);
		return;
	}
	if (!h->is_per_cpu) {
		map_value_copy(map, hash_value(h, index, 0), value);
		return;
	}
	for (u32 i = 0; i < map->cpu_count; i++) {
		u8 *to = hash_value(h, index, i);

		if (cpu == ALL_CPUS)
			map_value_copy_long(map, to, (const u8 *)value + i * h->elem_size);
		else if (i == cpu)
			map_value_copy(map, to, value);
		else if (is_new)
			memset(to, 0, h->elem_size);
	}
}

/* kernel: check_flags() */
static int check_presence(bool is_present, u64 flags)
{
	flags &= ~(u64)BPF_F_LOCK;
	if (is_present && flags == BPF_NOEXIST)
		return -EEXIST;
	return !is_present && flags == BPF_EXIST ? -ENOENT : 0;
}

static void fill_node(struct hash *h, u32 index, const void *key, const void *value, u32 cpu)
{
	struct hash_node *node = hash_node(h, index);

	__atomic_store_n(&node->used, 0, __ATOMIC_RELAXED);
	map_race_copy(node->key, key, h->key_size);
	fill_value(h, index, value, cpu, true);
}

/* Puts a fresh node in the place of the one at link. */
static int replace(struct hash *h, struct hash_bucket *b, u32 *link, const void *key,
	const void *value, u32 cpu)
{
	u32 old = *link, index = claim_extra(h, b);
	struct hash_node *node, *was = hash_node(h, old);

	if (!index)
		return -ENOMEM;
	node = hash_node(h, index);
	fill_node(h, index, key, value, cpu);
	if (h->is_lru)
		__atomic_store_n(&node->used, 1, __ATOMIC_RELAXED);
	__atomic_store_n(&node->next, was->next, __ATOMIC_RELAXED);
	was->extra = node->extra;
	b->stale = old;
	journal_barrier();
	__atomic_store_n(link, index, __ATOMIC_RELEASE);
	bump_version(b);
	set_part(node, part_of(was));
	node->extra = 0;
	give_back(h, old);
	return 0;
}

static int insert(struct hash *h, struct hash_bucket *b, const void *key, const void *value,
	u64 hash, u32 cpu)
{
	u32 index = claim_free(h, b, h->is_lru ? lru_part(h, cpu) : 0);

	if (!index)
		return -E2BIG;
	fill_node(h, index, key, value, cpu);
	journal_barrier();
	hang_new(h, b, index, hash);
	return 0;
}

/* The whole update with the bucket locked. */
static int put_locked(struct hash *h, struct hash_bucket *b, const void *key, const void *value,
	u64 hash, u64 flags, u32 cpu)
{
	u32 *link = find_link(h, b, key, hash);
	int err = check_presence(link != NULL, flags);

	if (err)
		return err;
	if (!link)
		return insert(h, b, key, value, hash, cpu);
	if (h->is_per_cpu) {
		fill_value(h, *link, value, cpu, false);
		if (h->is_lru)
			__atomic_store_n(&hash_node(h, *link)->used, 1, __ATOMIC_RELAXED);
		return 0;
	}
	if (flags & BPF_F_LOCK) {
		map_value_copy_locked(h->map, hash_value(h, *link, 0), value, false);
		return 0;
	}
	return replace(h, b, link, key, value, cpu);
}

static int put(struct map *map, const void *key, const void *value, u64 flags, u32 cpu)
{
	struct hash *h = map->priv;
	u64 hash = hash_key(key, h->key_size, h->seed);
	struct hash_bucket *b = &h->buckets[hash & h->bucket_mask];
	int err;

	/* only plain hashes may be locked by element */
	if (h->is_per_cpu || h->is_lru ? flags > BPF_EXIST : !map_flags_are_known(flags))
		return -EINVAL;
	if (flags & BPF_F_LOCK && !map_has_spin_lock(map))
		return -EINVAL;
	do {
		err = hash_lock_bucket(h, b);
		if (err)
			return err;
		err = put_locked(h, b, key, value, hash, flags, cpu);
		unlock_bucket(b);
	} while (err == -E2BIG && h->is_lru && lru_evict(h, lru_part(h, cpu)));
	return err == -E2BIG && h->is_lru ? -ENOMEM : err;
}

int hash_update(struct map *map, const void *key, const void *value, u64 flags, u32 cpu)
{
	if (map->cpu_count > 1 && cpu >= map->cpu_count)
		return -EINVAL;
	return put(map, key, value, flags, cpu);
}

int hash_copy_in(struct map *map, const void *key, const void *value, u64 flags)
{
	return put(map, key, value, flags, ALL_CPUS);
}

/* Copies the value out of a node; user space sees no special fields. */
static int copy_value(struct hash *h, u32 index, void *value, u64 flags)
{
	const struct map *map = h->map;

	if (flags & BPF_F_LOCK && !map_has_spin_lock(map))
		return -EINVAL;
	for (u32 cpu = 0; cpu < map->cpu_count; cpu++) {
		u8 *to = (u8 *)value + cpu * h->elem_size, *from = hash_value(h, index, cpu);

		if (h->is_per_cpu)
			map_value_copy_long(map, to, from);
		else if (flags & BPF_F_LOCK)
			map_value_copy_locked(map, to, from, true);
		else
			map_value_copy(map, to, from);
		map_value_clear_fields(map, to);
	}
	return 0;
}

int hash_remove(struct map *map, const void *key)
{
	return hash_take(map, key, NULL, 0);
}

/* Deletes it; before that copies its value, when that is wanted. */
int hash_take(struct map *map, const void *key, void *value, u64 flags)
{
	struct hash *h = map->priv;
	u64 hash = hash_key(key, h->key_size, h->seed);
	struct hash_bucket *b = &h->buckets[hash & h->bucket_mask];
	u32 *link;
	int err = hash_lock_bucket(h, b);

	if (err)
		return err;
	link = find_link(h, b, key, hash);
	err = link ? 0 : -ENOENT;
	if (!err && value)
		err = copy_value(h, *link, value, flags);
	if (!err)
		hash_unlink(h, b, link);
	unlock_bucket(b);
	return err;
}

/* ---- reading -------------------------------------------------------------------------------- */

__attribute__((noinline)) void *hash_lookup_4(struct map *map, const void *key, u32 cpu)
{
	return hash_lookup_sized(map, key, 4, cpu);
}

__attribute__((noinline)) void *hash_lookup_8(struct map *map, const void *key, u32 cpu)
{
	return hash_lookup_sized(map, key, 8, cpu);
}

__attribute__((noinline)) void *hash_lookup_16(struct map *map, const void *key, u32 cpu)
{
	return hash_lookup_sized(map, key, 16, cpu);
}

static __attribute__((noinline)) void *lookup_any(struct map *map, const void *key, u32 cpu)
{
	const struct hash *h = map->priv;

	return hash_lookup_sized(map, key, h->key_size, cpu);
}

void *hash_lookup(struct map *map, const void *key, u32 cpu)
{
	switch (map->params.key_size) {
	case 4: return hash_lookup_4(map, key, cpu);
	case 8: return hash_lookup_8(map, key, cpu);
	case 16: return hash_lookup_16(map, key, cpu);
	default: return lookup_any(map, key, cpu);
	}
}

/*
 * The value as it was at one moment: a node that was replaced while we copied may hold another
 * element by now, so the copy counts only while the bucket's version stands.
 */
int hash_copy_out(struct map *map, const void *key, void *value, u64 flags)
{
	struct hash *h = map->priv;
	u64 hash = hash_key(key, h->key_size, h->seed);
	struct hash_bucket *b = &h->buckets[hash & h->bucket_mask];

	for (;;) {
		u32 version = __atomic_load_n(&b->version, __ATOMIC_ACQUIRE);
		u32 index = hash_find(h, key, h->key_size, hash);
		int err = index ? copy_value(h, index, value, flags) : -ENOENT;

		__atomic_thread_fence(__ATOMIC_ACQUIRE);
		if (!index || __atomic_load_n(&b->version, __ATOMIC_RELAXED) == version)
			return err;
	}
}

/* The element after `index` in its bucket (0: the first one), 0 = none. */
static u32 next_in_bucket(struct hash *h, struct hash_bucket *b, u32 index)
{
	u32 i = 0, next;

	if (index) {
		while (i < HASH_SLOTS && __atomic_load_n(&b->slots[i], __ATOMIC_RELAXED) != index)
			i++;
		if (i == HASH_SLOTS)
			return __atomic_load_n(&hash_node(h, index)->next, __ATOMIC_ACQUIRE);
		i++;
	}
	for (; i < HASH_SLOTS; i++) {
		next = __atomic_load_n(&b->slots[i], __ATOMIC_ACQUIRE);
		if (next)
			return next;
	}
	return __atomic_load_n(&b->chain, __ATOMIC_ACQUIRE);
}

/* The key after `after` (NULL: the first one) in this bucket; 0, -ENOENT. */
static int bucket_next_key(
	struct hash *h, struct hash_bucket *b, const void *after, u64 hash, void *ret_next)
{
	for (;;) {
		u32 version = __atomic_load_n(&b->version, __ATOMIC_ACQUIRE), index = 0;

		if (after)
			index = hash_find(h, after, h->key_size, hash);
		if (after && !index)
			return -EAGAIN;
		index = next_in_bucket(h, b, index);
		if (index && index <= h->node_count)
			map_race_copy(ret_next, hash_node(h, index)->key, h->key_size);
		__atomic_thread_fence(__ATOMIC_ACQUIRE);
		if (__atomic_load_n(&b->version, __ATOMIC_RELAXED) == version)
			return index ? 0 : -ENOENT;
	}
}

int hash_next_key(struct map *map, const void *key, void *ret_next)
{
	struct hash *h = map->priv;
	u64 i = 0;

	if (key) {
		u64 hash = hash_key(key, h->key_size, h->seed);
		int err;

		i = hash & h->bucket_mask;
		err = bucket_next_key(h, &h->buckets[i], key, hash, ret_next);
		if (!err)
			return 0;
		/* a key that is gone starts the walk again, as in the kernel */
		i = err == -EAGAIN ? 0 : i + 1;
	}
	for (; i <= h->bucket_mask; i++)
		if (bucket_next_key(h, &h->buckets[i], NULL, 0, ret_next) == 0)
			return 0;
	return -ENOENT;
}

/* Under the bucket's lock. */
static int copy_bucket(struct hash *h, struct hash_bucket *b, u32 max, u8 *keys, u8 *values,
	u64 flags, u32 *ret_count)
{
	u32 value_size = map_user_value_size(h->map), count = 0;

	for (u32 index = next_in_bucket(h, b, 0); index; index = next_in_bucket(h, b, index)) {
		int err;

		if (count == max)
			return -ENOSPC;
		memcpy(keys + (u64)count * h->key_size, hash_node(h, index)->key, h->key_size);
		err = copy_value(h, index, values + (u64)count * value_size, flags);
		if (err)
			return err;
		count++;
	}
	*ret_count = count;
	return 0;
}

int hash_bucket(struct map *map, u32 *bucket, u32 max, u8 *keys, u8 *values, u64 flags,
	bool is_take, u32 *ret_count)
{
	struct hash *h = map->priv;

	for (u64 i = *bucket; i <= h->bucket_mask; i++) {
		struct hash_bucket *b = &h->buckets[i];
		u32 count = 0;
		int err;

		if (!next_in_bucket(h, b, 0))
			continue;
		err = hash_lock_bucket(h, b);
		if (err)
			return err;
		err = copy_bucket(h, b, max, keys, values, flags, &count);
		for (u32 n = 0; is_take && !err && n < count; n++) {
			const u8 *key = keys + (u64)n * h->key_size;

			hash_unlink(
				h, b, find_link(h, b, key, hash_key(key, h->key_size, h->seed)));
		}
		unlock_bucket(b);
		if (err) {
			*bucket = (u32)i;
			return err;
		}
		if (!count)
			continue;
		*bucket = (u32)i + 1;
		*ret_count = count;
		return 0;
	}
	*bucket = (u32)h->bucket_mask + 1;
	return -ENOENT;
}

/* kernel: bpf_for_each_hash_elem() */
int hash_for_each(struct map *map, u32 cpu, int (*fn)(void *arg, void *key, void *value), void *arg,
	u64 flags)
{
	struct hash *h = map->priv;
	int count = 0;

	if (flags)
		return -EINVAL;
	for (u64 i = 0; i <= h->bucket_mask; i++) {
		struct hash_bucket *b = &h->buckets[i];
		u32 index = next_in_bucket(h, b, 0), next;

		for (; index && index <= h->node_count; index = next) {
			/* fn may delete the element */
			next = next_in_bucket(h, b, index);
			count++;
			if (fn(arg, hash_node(h, index)->key, hash_value(h, index, cpu)))
				return count;
		}
	}
	return count;
}

u32 hash_count(const struct map *map)
{
	struct hash *h = map->priv;
	u32 count = 0;

	for (u64 i = 0; i <= h->bucket_mask; i++)
		for (u32 at = next_in_bucket(h, &h->buckets[i], 0); at && at <= h->node_count;
			at = next_in_bucket(h, &h->buckets[i], at))
			count++;
	return count;
}

#define HASH_OPS                                                                                   \
	{                                                                                          \
		.check = hash_check, .region_size = hash_region_size, .init = hash_init,           \
		.release = hash_release, .lookup = hash_lookup, .update = hash_update,             \
		.remove = hash_remove, .for_each = hash_for_each, .copy_out = hash_copy_out,       \
		.copy_in = hash_copy_in, .take = hash_take, .next_key = hash_next_key,             \
		.bucket = hash_bucket,                                                             \
	}

const struct map_ops map_hash_ops = HASH_OPS;
const struct map_ops map_percpu_hash_ops = HASH_OPS;
const struct map_ops map_lru_hash_ops = HASH_OPS;
const struct map_ops map_lru_percpu_hash_ops = HASH_OPS;
