/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is attached where. An attachment is one program at one place; links and perf events own
 * attachments and differ in how they came to be. Nothing here runs anything by itself: a source
 * walks the attachments, learns where it must watch, and fires them by id.
 *
 * The set's lock guards the list; a run holds an epoch, so that a program detached or replaced
 * meanwhile stays valid until the run leaves.
 */
#ifndef HOOK_HOOK_H
#define HOOK_HOOK_H

#include "base/epoch.h"
#include "base/idmap.h"
#include "prog/prog.h"
#include <hachi/hachi.h>
#include <pthread.h>

struct attachment {
	struct hachi_attachment pub; /* id, prog_id, ... as a walk shows it; target is owned */
	struct prog *prog;	     /* owned reference */
	u32 order;		     /* attachments of one place are in list order */
	void *owner;		     /* struct link or event */
	struct attachment *next, **prev;
	struct epoch_node epoch;
};

struct hook_set {
	pthread_mutex_t lock;
	struct attachment *first, **end; /* in the order in which they run */
	struct idmap by_id;
	u32 last_id;
	u64 generation; /* atomic */
	u64 last_event; /* atomic */
};

void hook_set_init(struct hook_set *set);
void hook_set_release(struct hook_set *set); /* all attachments must be gone */

/* Copies what pub says (its target too); prog gets a reference. before NULL = at the end. */
int hook_attach(struct hook_set *set, const struct hachi_attachment *pub, struct prog *prog,
	struct attachment *before, struct attachment **ret_att);
void hook_detach(struct hook_set *set, struct attachment *att); /* NULL: nothing */
void hook_replace(struct hook_set *set, struct attachment *att, struct prog *prog);
void hook_enable(struct hook_set *set, struct attachment *att, bool is_enabled);
int hook_walk(
	struct hook_set *set, int (*fn)(const struct hachi_attachment *a, void *arg), void *arg);
/* hachi_fire(). */
int hook_fire(struct hook_set *set, u32 id, void *ctx, u32 ctx_size,
	const struct hachi_world *world, u64 *ret_value);
/* The n-th attachment at a place, NULL beyond: kind, attach_type, ifindex, target. Under lock. */
struct attachment *hook_next_at(
	struct hook_set *set, struct attachment *after, const struct hachi_attachment *place);

#endif
