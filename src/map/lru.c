// SPDX-License-Identifier: BSD-2-Clause
/*
 * LRU hashes: a hash whose insert never fails for want of room. Nodes are on no list; each has one
 * bit, set when a program looks it up, and a hand goes round over all nodes (CLOCK): a used one
 * loses its bit and stays, the first that was not used since goes. Order among the unused is the
 * hand's, about that of insertion. With BPF_F_NO_COMMON_LRU every CPU has a share of the nodes and
 * a hand of its own. User-space lookups do not count as use, as in the kernel.
 */
#include "map/hash.h"
#include "map/kinds.h"

u32 lru_part(const struct hash *h, u32 cpu)
{
	if (h->part_count == 1)
		return 0;
	if (cpu >= h->part_count) /* bpf(2) gives no CPU: the one that makes the call */
		cpu = os_cpu();
	return cpu % h->part_count;
}

/* Takes one node out of the map; false when it was no longer there. */
static bool evict_node(struct hash *h, u32 index, u32 owner)
{
	struct hash_bucket *b = &h->buckets[(owner - 1) & h->bucket_mask];
	u32 *link = NULL;

	if (hash_lock_bucket(h, b))
		return false;
	if (__atomic_load_n(&hash_node(h, index)->owner, __ATOMIC_RELAXED) == owner)
		link = hash_link_to(h, b, index);
	if (link)
		hash_unlink(h, b, link);
	map_lock_drop(&b->lock);
	return link != NULL;
}

bool lru_evict(struct hash *h, u32 part)
{
	u32 *hand = &h->control->hands[part];

	/* the second round finds every bit cleared; more only when others keep setting them */
	for (u64 n = 0; n < 4ull * h->node_count + 64; n++) {
		u32 index = __atomic_fetch_add(hand, 1, __ATOMIC_RELAXED) % h->node_count + 1;
		struct hash_node *node = hash_node(h, index);
		u32 owner = __atomic_load_n(&node->owner, __ATOMIC_ACQUIRE);

		if (h->part_count > 1 && __atomic_load_n(&node->part, __ATOMIC_RELAXED) != part)
			continue;
		if (owner == HASH_FREE)
			return true;
		if (owner & HASH_EXTRA_BIT)
			continue;
		if (__atomic_load_n(&node->used, __ATOMIC_RELAXED)) {
			__atomic_store_n(&node->used, 0, __ATOMIC_RELAXED);
			continue;
		}
		if (evict_node(h, index, owner))
			return true;
	}
	return false;
}
