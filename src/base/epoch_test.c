// SPDX-License-Identifier: BSD-2-Clause
#include "base/alloc.h"
#include "base/epoch.h"
#include "test/tap.h"

#include <pthread.h>

struct thing {
	struct epoch_node node;
	u32 value;
};

static u32 freed;
static struct thing *shared;
static bool is_over;

static void thing_free(struct epoch_node *node)
{
	struct thing *t = container_of(node, struct thing, node);

	t->value = 0xdead;
	mem_free(t);
	__atomic_add_fetch(&freed, 1, __ATOMIC_RELAXED);
}

TEST(what_nobody_reads_is_freed_at_once)
{
	struct thing *t = mem_zalloc(sizeof(*t));

	freed = 0;
	epoch_defer(&t->node, thing_free);
	CHECK_EQ(freed, 1);
}

TEST(a_reader_keeps_what_was_unlinked_while_it_reads)
{
	struct thing *t = mem_zalloc(sizeof(*t));

	freed = 0;
	epoch_enter();
	epoch_enter();
	epoch_defer(&t->node, thing_free);
	epoch_leave();
	epoch_reclaim();
	CHECK_EQ(freed, 0);
	epoch_leave();
	epoch_reclaim();
	CHECK_EQ(freed, 1);
}

static void *read_loop(void *arg)
{
	u32 *bad = arg;

	while (!__atomic_load_n(&is_over, __ATOMIC_RELAXED)) {
		epoch_enter();
		struct thing *t = __atomic_load_n(&shared, __ATOMIC_ACQUIRE);
		for (int i = 0; i < 50; i++)
			if (__atomic_load_n(&t->value, __ATOMIC_RELAXED) != 42)
				(*bad)++;
		epoch_leave();
	}
	return NULL;
}

TEST(readers_never_see_a_freed_object_while_a_writer_replaces_it)
{
	pthread_t threads[3];
	u32 bad[3] = {0};

	freed = 0;
	is_over = false;
	shared = mem_zalloc(sizeof(*shared));
	shared->value = 42;
	for (u32 i = 0; i < 3; i++)
		pthread_create(&threads[i], NULL, read_loop, &bad[i]);
	for (u32 i = 0; i < 20000; i++) {
		struct thing *t = mem_zalloc(sizeof(*t)), *old;

		t->value = 42;
		old = __atomic_exchange_n(&shared, t, __ATOMIC_ACQ_REL);
		epoch_defer(&old->node, thing_free);
	}
	__atomic_store_n(&is_over, true, __ATOMIC_RELAXED);
	for (u32 i = 0; i < 3; i++)
		pthread_join(threads[i], NULL);
	epoch_sync();
	CHECK_EQ(freed, 20000);
	CHECK_EQ(bad[0] + bad[1] + bad[2], 0);
	mem_free(shared);
}
