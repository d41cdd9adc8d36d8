// SPDX-License-Identifier: BSD-2-Clause
#include "hook/hook.h"

#include "base/alloc.h"

void hook_set_init(struct hook_set *set)
{
	pthread_mutex_init(&set->lock, NULL);
	set->end = &set->first;
}

void hook_set_release(struct hook_set *set)
{
	bug_on(set->first);
	idmap_release(&set->by_id);
	pthread_mutex_destroy(&set->lock);
}

static void generation_bump(struct hook_set *set)
{
	__atomic_add_fetch(&set->generation, 1, __ATOMIC_RELEASE);
}

static void list_insert(struct hook_set *set, struct attachment *att, struct attachment *before)
{
	att->prev = before ? before->prev : set->end;
	att->next = before;
	*att->prev = att;
	if (before)
		before->prev = &att->next;
	else
		set->end = &att->next;
}

static void list_remove(struct hook_set *set, struct attachment *att)
{
	*att->prev = att->next;
	if (att->next)
		att->next->prev = att->prev;
	else
		set->end = att->prev;
}

static void att_free(struct attachment *att)
{
	prog_unref(att->prog);
	mem_free((char *)(uintptr_t)att->pub.target);
	mem_free(att);
}

int hook_attach(struct hook_set *set, const struct hachi_attachment *pub, struct prog *prog,
	struct attachment *before, struct attachment **ret_att)
{
	struct attachment *att = mem_zalloc(sizeof(*att));
	int err;

	if (!att)
		return -ENOMEM;
	att->pub = *pub;
	att->pub.target = mem_strdup(pub->target ? pub->target : "");
	att->pub.prog_id = prog->id;
	att->pub.prog_type = prog->type;
	att->prog = prog;
	prog_ref(prog);
	if (!att->pub.target) {
		att_free(att);
		return -ENOMEM;
	}
	pthread_mutex_lock(&set->lock);
	att->pub.id = set->last_id + 1;
	err = idmap_put(&set->by_id, att->pub.id, att);
	if (!err) {
		set->last_id++;
		list_insert(set, att, before);
		generation_bump(set);
	}
	pthread_mutex_unlock(&set->lock);
	if (err) {
		att_free(att);
		return err;
	}
	*ret_att = att;
	return 0;
}

static void att_free_late(struct epoch_node *node)
{
	att_free(container_of(node, struct attachment, epoch));
}

void hook_detach(struct hook_set *set, struct attachment *att)
{
	if (!att)
		return;
	pthread_mutex_lock(&set->lock);
	idmap_remove(&set->by_id, att->pub.id);
	list_remove(set, att);
	generation_bump(set);
	pthread_mutex_unlock(&set->lock);
	epoch_defer(&att->epoch, att_free_late);
}

void hook_replace(struct hook_set *set, struct attachment *att, struct prog *prog)
{
	struct prog *old;

	prog_ref(prog);
	pthread_mutex_lock(&set->lock);
	old = att->prog;
	__atomic_store_n(&att->prog, prog, __ATOMIC_RELEASE);
	att->pub.prog_id = prog->id;
	generation_bump(set);
	pthread_mutex_unlock(&set->lock);
	prog_unref(old); /* frees late: runs may still be in it */
}

void hook_enable(struct hook_set *set, struct attachment *att, bool is_enabled)
{
	pthread_mutex_lock(&set->lock);
	if (att->pub.is_enabled != is_enabled) {
		att->pub.is_enabled = is_enabled;
		generation_bump(set);
	}
	pthread_mutex_unlock(&set->lock);
}

/*
 * The callback may call back into the instance: the lock is not held while it runs. The list is
 * followed by ids, which are never reused.
 */
int hook_walk(
	struct hook_set *set, int (*fn)(const struct hachi_attachment *a, void *arg), void *arg)
{
	struct attachment *att;
	int ret = 0;
	u32 n = 0, count = 0, *ids;

	pthread_mutex_lock(&set->lock);
	ids = mem_alloc((set->by_id.len + 1) * sizeof(*ids));
	for (att = ids ? set->first : NULL; att; att = att->next)
		ids[count++] = att->pub.id;
	pthread_mutex_unlock(&set->lock);
	if (!ids)
		return -ENOMEM;
	epoch_enter();
	for (n = 0; n < count && !ret; n++) {
		struct hachi_attachment pub;

		pthread_mutex_lock(&set->lock);
		att = idmap_get(&set->by_id, ids[n]);
		if (att)
			pub = att->pub;
		pthread_mutex_unlock(&set->lock);
		if (att)
			ret = fn(&pub, arg);
	}
	epoch_leave();
	mem_free(ids);
	return ret;
}

int hook_fire(struct hook_set *set, u32 id, void *ctx, u32 ctx_size,
	const struct hachi_world *world, u64 *ret_value)
{
	struct attachment *att;
	struct prog *prog = NULL;
	u64 cookie = 0;
	int err;

	epoch_enter();
	pthread_mutex_lock(&set->lock);
	att = idmap_get(&set->by_id, id);
	if (att && att->pub.is_enabled) {
		prog = att->prog;
		cookie = att->pub.cookie;
	}
	pthread_mutex_unlock(&set->lock);
	err = prog ? prog_run(prog, ctx, ctx_size, world, cookie, ret_value) : -ENOENT;
	epoch_leave();
	return err;
}

static bool is_same_place(const struct hachi_attachment *a, const struct hachi_attachment *b)
{
	return a->kind == b->kind && a->attach_type == b->attach_type && a->ifindex == b->ifindex &&
		a->offset == b->offset && (!b->target || !strcmp(a->target, b->target));
}

struct attachment *hook_next_at(
	struct hook_set *set, struct attachment *after, const struct hachi_attachment *place)
{
	struct attachment *att = after ? after->next : set->first;

	while (att && !is_same_place(&att->pub, place))
		att = att->next;
	return att;
}
