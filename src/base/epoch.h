/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * When may memory that other threads read without a lock be freed? Readers bracket their use with
 * epoch_enter() and epoch_leave() (cheap, nestable, never fail); a writer unlinks the object first
 * and hands it to epoch_defer(), which frees it once every reader of before has left. The pair
 * costs no barrier in the reader: the writer makes all threads pass one with membarrier(2).
 */
#ifndef BASE_EPOCH_H
#define BASE_EPOCH_H

#include "base/types.h"

/* Stands inside the object that is freed. */
struct epoch_node {
	struct epoch_node *next;
	u64 epoch;
	void (*fn)(struct epoch_node *node);
};

void epoch_enter(void);
void epoch_leave(void);
/* fn runs when no reader can hold the object any more: at once, or in a later call of any thread.
 */
void epoch_defer(struct epoch_node *node, void (*fn)(struct epoch_node *node));
/* Runs what can run now. */
void epoch_reclaim(void);
/* Waits until all readers of before have left and everything deferred has run. Not in a reader. */
void epoch_sync(void);

#endif
