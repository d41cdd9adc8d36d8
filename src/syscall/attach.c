// SPDX-License-Identifier: BSD-2-Clause
/*
 * PROG_ATTACH, PROG_DETACH, PROG_QUERY: programs that stand at cgroups and tcx without a link. The
 * attachment itself is the object; it goes with a detach or with the instance.
 */
#include "syscall/attach.h"

#include "base/alloc.h"
#include "syscall/user.h"

#include <limits.h>

#define CGROUP_FLAGS (BPF_F_ALLOW_OVERRIDE | BPF_F_ALLOW_MULTI | BPF_F_REPLACE)

/* The place that target_fd and attach_type name. */
static int find_place(
	u32 target, u32 prog_type, u32 attach_type, char *path, struct hachi_attachment *ret_place)
{
	u64 id;

	if (attach_is_cgroup(prog_type, attach_type))
		return attach_place_cgroup(
			(int)target, attach_type, path, PATH_MAX, ret_place, &id);
	if (attach_type == HACHI_BPF_TCX_INGRESS || attach_type == HACHI_BPF_TCX_EGRESS)
		return attach_place_tcx(target, attach_type, ret_place);
	return -EINVAL;
}

/* An attachment without a link at this place, of this program when prog is given. */
static struct attachment *find_bare(
	struct hook_set *set, const struct hachi_attachment *place, const struct prog *prog)
{
	struct attachment *att = NULL;

	while ((att = hook_next_at(set, att, place)))
		if (!att->owner && (!prog || att->prog == prog))
			return att;
	return NULL;
}

/* What attaching one more means where programs stand already (kernel: cgroup_bpf_attach()). */
static int attach_cgroup_prog(struct hachi *h, const struct hachi_attachment *place,
	const struct attr_attach *attr, struct prog *prog)
{
	bool is_multi = attr->attach_flags & BPF_F_ALLOW_MULTI;
	struct attachment *old, *added;
	struct prog *replaced = NULL;
	int err = 0;

	if (attr->attach_flags & BPF_F_REPLACE) {
		if (!is_multi)
			return -EINVAL;
		err = prog_from_fd(h, (int)attr->replace_bpf_fd, &replaced);
		if (err)
			return err;
	}
	pthread_mutex_lock(&h->hooks.lock);
	old = find_bare(&h->hooks, place, replaced);
	if (replaced && !old)
		err = -ENOENT;
	else if (is_multi && find_bare(&h->hooks, place, prog) && !replaced)
		err = -EINVAL;
	else if (!replaced && old && (old->order != attr->attach_flags))
		err = -EPERM;
	pthread_mutex_unlock(&h->hooks.lock);
	prog_unref(replaced);
	if (err)
		return err;
	if (old && (replaced || !is_multi)) {
		hook_replace(&h->hooks, old, prog);
		return 0;
	}
	err = hook_attach(&h->hooks, place, prog, NULL, &added);
	if (!err)
		added->order = attr->attach_flags & ~(u32)BPF_F_REPLACE;
	return err;
}

static int attach_tcx_prog(struct hachi *h, const struct hachi_attachment *place,
	const struct attr_attach *attr, struct prog *prog)
{
	struct attachment *att;
	bool is_there;

	if (attr->attach_flags || attr->relative || attr->expected_revision)
		return -EOPNOTSUPP;
	pthread_mutex_lock(&h->hooks.lock);
	is_there = find_bare(&h->hooks, place, prog) != NULL;
	pthread_mutex_unlock(&h->hooks.lock);
	return is_there ? -EEXIST : hook_attach(&h->hooks, place, prog, NULL, &att);
}

long cmd_prog_attach(struct call *call)
{
	const struct attr_attach *attr = &call->attr.attach;
	u32 type = attach_prog_type(attr->attach_type);
	struct hachi_attachment place;
	char path[PATH_MAX];
	struct prog *prog;
	int err;

	if (type == BPF_PROG_TYPE_UNSPEC)
		return -EINVAL;
	if (type != BPF_PROG_TYPE_SCHED_CLS &&
		((attr->attach_flags & ~(u32)CGROUP_FLAGS) || attr->relative ||
			attr->expected_revision))
		return -EINVAL;
	err = prog_from_fd(call->h, (int)attr->attach_bpf_fd, &prog);
	if (err)
		return err;
	err = prog->type == type ? attach_check_type(call->h, prog, attr->attach_type) : -EINVAL;
	if (!err)
		err = find_place(attr->target_fd, type, attr->attach_type, path, &place);
	if (!err)
		err = place.kind == HACHI_ATTACH_CGROUP
			? attach_cgroup_prog(call->h, &place, attr, prog)
			: attach_tcx_prog(call->h, &place, attr, prog);
	prog_unref(prog);
	return err;
}

long cmd_prog_detach(struct call *call)
{
	const struct attr_attach *attr = &call->attr.attach;
	u32 type = attach_prog_type(attr->attach_type);
	struct hachi_attachment place;
	struct prog *prog = NULL;
	struct attachment *att;
	char path[PATH_MAX];
	int err;

	if (type == BPF_PROG_TYPE_UNSPEC)
		return -EINVAL;
	if (type != BPF_PROG_TYPE_SCHED_CLS && (attr->attach_flags || attr->relative))
		return -EINVAL;
	err = find_place(attr->target_fd, type, attr->attach_type, path, &place);
	if (err)
		return err;
	if (attr->attach_bpf_fd && prog_from_fd(call->h, (int)attr->attach_bpf_fd, &prog))
		prog = NULL;
	pthread_mutex_lock(&call->h->hooks.lock);
	att = find_bare(&call->h->hooks, &place, prog);
	pthread_mutex_unlock(&call->h->hooks.lock);
	prog_unref(prog);
	if (!att)
		return -ENOENT;
	hook_detach(&call->h->hooks, att);
	return 0;
}

long cmd_prog_query(struct call *call)
{
	const struct attr_query *attr = &call->attr.query;
	u32 type = attach_prog_type(attr->attach_type), count = 0, zero = 0;
	struct hachi_attachment place;
	struct attachment *att = NULL;
	char path[PATH_MAX];
	int err;

	if (!hachi_has_cap(call->h, CAP_NEEDED_NET_ADMIN))
		return -EPERM;
	if (attr->query_flags & ~(u32)BPF_F_QUERY_EFFECTIVE)
		return -EINVAL;
	err = find_place(attr->target_fd, type, attr->attach_type, path, &place);
	if (err)
		return err;
	pthread_mutex_lock(&call->h->hooks.lock);
	while ((att = hook_next_at(&call->h->hooks, att, &place))) {
		if (count < attr->count && attr->prog_ids && !err)
			err = user_write_u32(
				attr->prog_ids + count * sizeof(u32), att->pub.prog_id);
		count++;
	}
	pthread_mutex_unlock(&call->h->hooks.lock);
	if (err)
		return err;
	if (user_write_u32(CALL_FIELD(call, query, attach_flags), zero) ||
		user_write_u32(CALL_FIELD(call, query, count), count))
		return -EFAULT;
	return attr->count && count > attr->count ? -ENOSPC : 0;
}
