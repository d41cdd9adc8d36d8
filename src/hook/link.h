/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A link: the object that keeps a program attached, as BPF_LINK_CREATE and BPF_RAW_TRACEPOINT_OPEN
 * make it. It owns one attachment (multi-links: several). When the last reference goes it detaches.
 */
#ifndef HOOK_LINK_H
#define HOOK_LINK_H

#include "hook/hook.h"

struct event;
struct link;

struct link_ops {
	bool can_detach; /* LINK_DETACH; the link stays, without attachment */
	bool can_update; /* LINK_UPDATE */
};

struct link {
	u32 id, refs;	       /* refs: atomic */
	u32 type, attach_type; /* BPF_LINK_TYPE_*, BPF_* */
	const struct link_ops *ops;
	struct hook_set *set;
	pthread_mutex_t lock;	  /* prog, atts */
	struct prog *prog;	  /* owned reference */
	struct attachment **atts; /* owned; NULL once detached */
	u32 att_count;
	u64 cookie;
	u32 flags;
	union {
		struct {
			u32 target_obj_id, target_btf_id;
		} tracing;
		struct {
			u64 id;
		} cgroup;
		struct {
			u32 pf, hooknum;
			s32 priority;
		} netfilter;
		u32 ifindex;
		u32 netns_inode;
		struct event *event;	  /* perf link: owned reference */
		struct prog *target_prog; /* EXT: owned reference */
		u32 pid;		  /* uprobe_multi */
		struct map *map;	  /* struct_ops, sockmap, iterators: owned reference */
	};
	char *name; /* owned: tracepoint, path, iterator's target; or NULL */
	void *owner;
	void (*free_hook)(struct link *link); /* called before the last reference frees it */
};

/* A link with room for att_count attachments; prog gets a reference. It starts with one reference.
 */
int link_new(struct hook_set *set, u32 type, u32 attach_type, struct prog *prog, u32 att_count,
	struct link **ret_link);
/* Attaches one more, at the end of its place. */
int link_attach(struct link *link, const struct hachi_attachment *pub);
int link_attach_before(
	struct link *link, const struct hachi_attachment *pub, struct attachment *before);
void link_ref(struct link *link);
void link_unref(struct link *link);
/* -EOPNOTSUPP where the kind has no detach. */
int link_detach(struct link *link);
/* -EINVAL where the kind has no update; -EPERM when old is given and is not what runs. */
int link_update(struct link *link, struct prog *prog, struct prog *old, bool check_old);

#endif
