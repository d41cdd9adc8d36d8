/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Locks that live in the shared region of a map. The word names its owner (os_self()), so that
 * whoever waits can see that the owner died and take over. What the dead one left half-done is for
 * the new owner to repair: each user says how (map/hash.h has a journal, rings restart).
 */
#ifndef MAP_LOCK_H
#define MAP_LOCK_H

#include "base/os.h"
#include "base/types.h"

struct map_lock {
	u64 owner; /* os_self(), 0 = free */
};

#define MAP_LOCK_RECOVERED 1

/*
 * 0, or MAP_LOCK_RECOVERED: the lock is ours but its last owner died holding it. -EDEADLK: this
 * thread holds it (a program runs within a map operation); -ETIMEDOUT: a living owner keeps it.
 */
int map_lock_take_slow(struct map_lock *lock, u64 self);

static inline int map_lock_take(struct map_lock *lock)
{
	u64 none = 0, self = os_self();

	if (likely(__atomic_compare_exchange_n(
		    &lock->owner, &none, self, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED)))
		return 0;
	return map_lock_take_slow(lock, self);
}

static inline void map_lock_drop(struct map_lock *lock)
{
	__atomic_store_n(&lock->owner, 0, __ATOMIC_RELEASE);
}

/*
 * struct bpf_spin_lock in a value: 4 bytes of ours. Waits without end for a living owner, as the
 * kernel does; a dead owner's lock is taken over as it is.
 */
void map_value_lock(void *spin_lock);
void map_value_unlock(void *spin_lock);

#endif
