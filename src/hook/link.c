// SPDX-License-Identifier: BSD-2-Clause
#include "hook/link.h"

#include "base/alloc.h"
#include "hook/event.h"

/* What the kernel's bpf_link_ops of each kind have. */
static const struct link_ops kinds[] = {
	[BPF_LINK_TYPE_RAW_TRACEPOINT] = {false, false},
	[BPF_LINK_TYPE_TRACING] = {false, false},
	[BPF_LINK_TYPE_CGROUP] = {true, true},
	[BPF_LINK_TYPE_ITER] = {false, true},
	[BPF_LINK_TYPE_NETNS] = {true, true},
	[BPF_LINK_TYPE_XDP] = {true, true},
	[BPF_LINK_TYPE_PERF_EVENT] = {false, false},
	[BPF_LINK_TYPE_KPROBE_MULTI] = {false, false},
	[BPF_LINK_TYPE_STRUCT_OPS] = {true, true},
	[HACHI_BPF_LINK_TYPE_NETFILTER] = {true, true},
	[HACHI_BPF_LINK_TYPE_TCX] = {true, true},
	[HACHI_BPF_LINK_TYPE_UPROBE_MULTI] = {false, false},
	[HACHI_BPF_LINK_TYPE_NETKIT] = {true, true},
	[HACHI_BPF_LINK_TYPE_SOCKMAP] = {true, true},
};

int link_new(struct hook_set *set, u32 type, u32 attach_type, struct prog *prog, u32 att_count,
	struct link **ret_link)
{
	struct link *link = mem_zalloc(sizeof(*link));

	if (!link)
		return -ENOMEM;
	link->atts = mem_calloc(att_count ? att_count : 1, sizeof(*link->atts));
	if (!link->atts) {
		mem_free(link);
		return -ENOMEM;
	}
	pthread_mutex_init(&link->lock, NULL);
	link->refs = 1;
	link->type = type;
	link->attach_type = attach_type;
	link->ops = &kinds[type];
	link->set = set;
	link->prog = prog;
	if (prog)
		prog_ref(prog);
	*ret_link = link;
	return 0;
}

int link_attach_before(
	struct link *link, const struct hachi_attachment *pub, struct attachment *before)
{
	struct attachment *att;
	int err = hook_attach(link->set, pub, link->prog, before, &att);

	if (err)
		return err;
	att->owner = link;
	link->atts[link->att_count++] = att;
	return 0;
}

int link_attach(struct link *link, const struct hachi_attachment *pub)
{
	return link_attach_before(link, pub, NULL);
}

void link_ref(struct link *link)
{
	__atomic_add_fetch(&link->refs, 1, __ATOMIC_RELAXED);
}

static void detach_all(struct link *link)
{
	u32 count;

	pthread_mutex_lock(&link->lock);
	count = link->att_count;
	link->att_count = 0;
	pthread_mutex_unlock(&link->lock);
	for (u32 i = 0; i < count; i++)
		hook_detach(link->set, link->atts[i]);
}

void link_unref(struct link *link)
{
	if (!link || __atomic_sub_fetch(&link->refs, 1, __ATOMIC_ACQ_REL))
		return;
	if (link->free_hook)
		link->free_hook(link);
	detach_all(link);
	if (link->type == BPF_LINK_TYPE_PERF_EVENT && link->event) {
		event_clear_prog(link->event);
		event_unref(link->event);
	}
	if (link->type == BPF_LINK_TYPE_ITER || link->type == BPF_LINK_TYPE_STRUCT_OPS ||
		link->type == HACHI_BPF_LINK_TYPE_SOCKMAP)
		map_unref(link->map);
	prog_unref(link->prog);
	mem_free(link->name);
	mem_free(link->atts);
	pthread_mutex_destroy(&link->lock);
	mem_free(link);
}

int link_detach(struct link *link)
{
	if (!link->ops->can_detach)
		return -EOPNOTSUPP;
	detach_all(link);
	return 0;
}

int link_update(struct link *link, struct prog *prog, struct prog *old, bool check_old)
{
	struct prog *released = NULL;
	int err = 0;

	if (!link->ops->can_update)
		return -EINVAL;
	pthread_mutex_lock(&link->lock);
	if (!link->att_count)
		err = -ENOLINK;
	else if (check_old && link->prog != old)
		err = -EPERM;
	else if (link->prog->type != prog->type || (link->prog->attach_type != prog->attach_type))
		err = -EINVAL;
	if (!err && link->prog != prog) {
		for (u32 i = 0; i < link->att_count; i++)
			hook_replace(link->set, link->atts[i], prog);
		released = link->prog;
		prog_ref(prog);
		link->prog = prog;
	}
	pthread_mutex_unlock(&link->lock);
	prog_unref(released);
	return err;
}
