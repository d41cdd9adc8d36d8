// SPDX-License-Identifier: BSD-2-Clause
/*
 * The slow paths of locks in shared memory: spin a little, then give the CPU away, then ask now
 * and then whether the owner still lives.
 */
#include "map/lock.h"

#define SPINS_BEFORE_YIELD  64
#define YIELDS_BETWEEN_ASKS 128
#define TIMEOUT_NS	    4000000000ull

static inline void relax_cpu(void)
{
#if defined(__x86_64__)
	__builtin_ia32_pause();
#elif defined(__aarch64__)
	__asm__ volatile("yield");
#endif
}

int map_lock_take_slow(struct map_lock *lock, u64 self)
{
	u64 start = 0;

	for (u32 round = 1;; round++) {
		u64 owner = __atomic_load_n(&lock->owner, __ATOMIC_RELAXED);

		if (owner == self)
			return -EDEADLK;
		if (owner == 0 &&
			__atomic_compare_exchange_n(&lock->owner, &owner, self, false,
				__ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
			return 0;
		if (round < SPINS_BEFORE_YIELD) {
			relax_cpu();
			continue;
		}
		os_yield();
		if (round % YIELDS_BETWEEN_ASKS)
			continue;
		if (owner && os_is_gone(owner) &&
			__atomic_compare_exchange_n(&lock->owner, &owner, self, false,
				__ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
			return MAP_LOCK_RECOVERED;
		if (!start)
			start = os_time_ns(OS_CLOCK_MONOTONIC);
		else if (os_time_ns(OS_CLOCK_MONOTONIC) - start > TIMEOUT_NS)
			return -ETIMEDOUT;
	}
}

/*
 * Only 32 bits: the thread id and ten bits of when it started. A waiter that sees a thread id
 * reused by a thread of the same ten bits waits for that one to end.
 */
#define VALUE_TID_BITS 22

static u32 value_word(u64 self)
{
	return ((u32)self & ((1u << VALUE_TID_BITS) - 1)) |
		(u32)(self >> VALUE_TID_BITS) << VALUE_TID_BITS;
}

static bool value_owner_is_gone(u32 word)
{
	u32 tid = word & ((1u << VALUE_TID_BITS) - 1);
	u64 now = os_thread(tid);

	return now == 0 || value_word(now) != word;
}

void map_value_lock(void *spin_lock)
{
	u32 *lock = spin_lock, self = value_word(os_self());

	for (u32 round = 1;; round++) {
		u32 owner = __atomic_load_n(lock, __ATOMIC_RELAXED);

		if (owner == 0 &&
			__atomic_compare_exchange_n(
				lock, &owner, self, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
			return;
		if (round < SPINS_BEFORE_YIELD) {
			relax_cpu();
			continue;
		}
		os_yield();
		if (round % YIELDS_BETWEEN_ASKS == 0 && owner && value_owner_is_gone(owner) &&
			__atomic_compare_exchange_n(
				lock, &owner, self, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
			return;
	}
}

void map_value_unlock(void *spin_lock)
{
	__atomic_store_n((u32 *)spin_lock, 0, __ATOMIC_RELEASE);
}
