// SPDX-License-Identifier: BSD-2-Clause
/*
 * A reader publishes the global epoch that it saw when it entered. An object unlinked before the
 * epoch became t is free once every active reader shows t or more. A reader's publishing store and
 * its later loads could be swapped by the processor; os_membarrier() in the writer rules that out:
 * after it either the store is seen here, or the loads come later and see the unlinking.
 */
#include "base/epoch.h"

#include "base/os.h"

#include <pthread.h>

struct reader {
	u64 epoch; /* 0 = outside */
	u32 depth;
	bool is_listed;
	struct reader *next, **prev;
};

static __thread struct reader self;
static struct reader *readers;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* readers, limbo */
static struct epoch_node *limbo, **limbo_end = &limbo;
static u32 running; /* threads that run what they took out of limbo */
static u64 global_epoch = 1;
static bool has_membarrier; /* settled once, before the first reader */
static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_key_t exit_key;

static void reader_unlist(void *arg)
{
	struct reader *r = arg;

	pthread_mutex_lock(&lock);
	*r->prev = r->next;
	if (r->next)
		r->next->prev = r->prev;
	r->is_listed = false;
	pthread_mutex_unlock(&lock);
}

static void before_fork(void)
{
	pthread_mutex_lock(&lock);
}

static void after_fork(void)
{
	pthread_mutex_unlock(&lock);
}

/* Only the forking thread lives on. */
static void after_fork_in_child(void)
{
	readers = NULL;
	if (self.is_listed) {
		readers = &self;
		self.next = NULL;
		self.prev = &readers;
	}
	pthread_mutex_unlock(&lock);
}

static void setup(void)
{
	has_membarrier = os_membarrier_register() == 0;
	pthread_key_create(&exit_key, reader_unlist);
	pthread_atfork(before_fork, after_fork, after_fork_in_child);
}

static void reader_list(void)
{
	pthread_once(&once, setup);
	pthread_setspecific(exit_key, &self);
	pthread_mutex_lock(&lock);
	self.next = readers;
	self.prev = &readers;
	if (readers)
		readers->prev = &self.next;
	readers = &self;
	self.is_listed = true;
	pthread_mutex_unlock(&lock);
}

void epoch_enter(void)
{
	if (self.depth++)
		return;
	if (unlikely(!self.is_listed))
		reader_list();
	__atomic_store_n(
		&self.epoch, __atomic_load_n(&global_epoch, __ATOMIC_ACQUIRE), __ATOMIC_RELAXED);
	if (likely(has_membarrier))
		__asm__ volatile("" ::: "memory");
	else
		__atomic_thread_fence(__ATOMIC_SEQ_CST);
}

void epoch_leave(void)
{
	if (bug_on(!self.depth) || --self.depth)
		return;
	__atomic_store_n(&self.epoch, 0, __ATOMIC_RELEASE);
}

/* Takes what may run out of limbo, under the lock. */
static struct epoch_node *take_ready(void)
{
	struct epoch_node *ready, **end = &ready, *node;
	u64 oldest = UINT64_MAX;

	if (!limbo)
		return NULL;
	if (has_membarrier)
		os_membarrier();
	else
		__atomic_thread_fence(__ATOMIC_SEQ_CST);
	for (struct reader *r = readers; r; r = r->next) {
		u64 epoch = __atomic_load_n(&r->epoch, __ATOMIC_ACQUIRE);

		if (epoch && epoch < oldest)
			oldest = epoch;
	}
	/* limbo is in order of epochs */
	while ((node = limbo) && node->epoch <= oldest) {
		limbo = node->next;
		*end = node;
		end = &node->next;
	}
	*end = NULL;
	if (!limbo)
		limbo_end = &limbo;
	running += ready != NULL;
	return ready;
}

static void run_all(struct epoch_node *node)
{
	if (!node)
		return;
	while (node) {
		struct epoch_node *next = node->next;

		node->fn(node);
		node = next;
	}
	pthread_mutex_lock(&lock);
	running--;
	pthread_mutex_unlock(&lock);
}

void epoch_reclaim(void)
{
	struct epoch_node *ready;

	pthread_mutex_lock(&lock);
	ready = take_ready();
	pthread_mutex_unlock(&lock);
	run_all(ready);
}

void epoch_defer(struct epoch_node *node, void (*fn)(struct epoch_node *node))
{
	pthread_once(&once, setup);
	node->fn = fn;
	node->next = NULL;
	pthread_mutex_lock(&lock);
	node->epoch = __atomic_add_fetch(&global_epoch, 1, __ATOMIC_SEQ_CST);
	*limbo_end = node;
	limbo_end = &node->next;
	pthread_mutex_unlock(&lock);
	if (!self.depth)
		epoch_reclaim();
}

void epoch_sync(void)
{
	if (bug_on(self.depth))
		return;
	for (;;) {
		bool is_empty;

		epoch_reclaim();
		pthread_mutex_lock(&lock);
		is_empty = !limbo && !running;
		pthread_mutex_unlock(&lock);
		if (is_empty)
			return;
		os_yield();
	}
}
