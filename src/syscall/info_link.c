// SPDX-License-Identifier: BSD-2-Clause
/* OBJ_GET_INFO_BY_FD of links. */
#include "hook/event.h"
#include "hook/link.h"
#include "syscall/info.h"
#include "syscall/user.h"

/* enum bpf_perf_event_type (Linux 6.6) */
enum {
	PERF_KIND_UPROBE = 1,
	PERF_KIND_URETPROBE = 2,
	PERF_KIND_KPROBE = 3,
	PERF_KIND_KRETPROBE = 4,
	PERF_KIND_TRACEPOINT = 5,
	PERF_KIND_EVENT = 6,
};

/* The kernel's rule for strings of links: buffer and length together or neither. */
static int put_name(u64 addr, u32 *len, const char *name)
{
	u32 room = *len;

	if (!addr != !room)
		return -EINVAL;
	*len = (u32)strlen(name) + 1;
	return info_put_string(addr, room, name);
}

static int fill_perf(struct link *link, struct info_link_data *info)
{
	const struct hachi_attachment *place = &link->event->place;
	u64 cookie = link->cookie;

	switch (place->kind) {
	case HACHI_ATTACH_UPROBE:
	case HACHI_ATTACH_URETPROBE:
		info->perf_event.type =
			place->kind == HACHI_ATTACH_UPROBE ? PERF_KIND_UPROBE : PERF_KIND_URETPROBE;
		info->perf_event.uprobe.offset = (u32)place->offset;
		info->perf_event.uprobe.cookie = cookie;
		info->perf_event.uprobe.ref_ctr_offset = place->ref_ctr_offset;
		return put_name(info->perf_event.uprobe.file_name,
			&info->perf_event.uprobe.name_len, place->target);
	case HACHI_ATTACH_KPROBE:
	case HACHI_ATTACH_KRETPROBE:
		info->perf_event.type =
			place->kind == HACHI_ATTACH_KPROBE ? PERF_KIND_KPROBE : PERF_KIND_KRETPROBE;
		info->perf_event.kprobe.offset = (u32)place->offset;
		info->perf_event.kprobe.addr = 0;
		info->perf_event.kprobe.missed = 0;
		info->perf_event.kprobe.cookie = cookie;
		return put_name(info->perf_event.kprobe.func_name,
			&info->perf_event.kprobe.name_len, place->target);
	case HACHI_ATTACH_TRACEPOINT:
		info->perf_event.type = PERF_KIND_TRACEPOINT;
		info->perf_event.tracepoint.cookie = cookie;
		return put_name(info->perf_event.tracepoint.tp_name,
			&info->perf_event.tracepoint.name_len,
			strchr(place->target, '/') ? strchr(place->target, '/') + 1
						   : place->target);
	default:
		info->perf_event.type = PERF_KIND_EVENT;
		info->perf_event.event.type = place->sample_type;
		info->perf_event.event.config = place->sample_config;
		info->perf_event.event.cookie = cookie;
		return 0;
	}
}

/* One u64 of each attachment into an array of the caller's; -ENOSPC when it is too short. */
static int put_values(struct link *link, u64 addr, u32 room, size_t field)
{
	u32 count = MIN(room, link->att_count);

	if (!addr)
		return 0;
	for (u32 i = 0; i < count; i++) {
		const u8 *pub = (const u8 *)&link->atts[i]->pub;

		if (user_write(addr + i * sizeof(u64), pub + field, sizeof(u64)))
			return -EFAULT;
	}
	return room < link->att_count ? -ENOSPC : 0;
}

#define ATT(field) offsetof(struct hachi_attachment, field)

static int fill_uprobe_multi(struct link *link, struct info_link_data *info)
{
	u32 room = info->uprobe_multi.count, path_room = info->uprobe_multi.path_size;
	int err;

	if ((!info->uprobe_multi.path != !path_room) ||
		((info->uprobe_multi.offsets || info->uprobe_multi.ref_ctr_offsets ||
			 info->uprobe_multi.cookies) &&
			!room))
		return -EINVAL;
	info->uprobe_multi.count = link->att_count;
	info->uprobe_multi.flags = link->flags;
	info->uprobe_multi.pid = link->pid;
	info->uprobe_multi.path_size = (u32)strlen(link->name) + 1;
	err = info_put_string(info->uprobe_multi.path, path_room, link->name);
	if (!err)
		err = put_values(link, info->uprobe_multi.offsets, room, ATT(offset));
	if (!err)
		err = put_values(
			link, info->uprobe_multi.ref_ctr_offsets, room, ATT(ref_ctr_offset));
	return err ? err : put_values(link, info->uprobe_multi.cookies, room, ATT(cookie));
}

static int fill_kprobe_multi(struct link *link, struct info_link_data *info)
{
	u32 room = info->kprobe_multi.count;

	if (!info->kprobe_multi.addrs != !room)
		return -EINVAL;
	info->kprobe_multi.count = link->att_count;
	info->kprobe_multi.flags = link->flags;
	info->kprobe_multi.missed = 0;
	/* symbols have no address here: cookies alone */
	return put_values(link, info->kprobe_multi.cookies, room, ATT(cookie));
}

static int fill(struct link *link, struct info_link_data *info)
{
	switch (link->type) {
	case BPF_LINK_TYPE_RAW_TRACEPOINT:
		info->raw_tracepoint.cookie = link->cookie;
		return put_name(info->raw_tracepoint.tp_name, &info->raw_tracepoint.tp_name_len,
			link->name);
	case BPF_LINK_TYPE_TRACING:
		info->tracing.attach_type = link->attach_type;
		info->tracing.target_obj_id = link->tracing.target_obj_id;
		info->tracing.target_btf_id = link->tracing.target_btf_id;
		info->tracing.cookie = link->cookie;
		return 0;
	case BPF_LINK_TYPE_CGROUP:
		info->cgroup.cgroup_id = link->att_count ? link->cgroup.id : 0;
		info->cgroup.attach_type = link->attach_type;
		return 0;
	case BPF_LINK_TYPE_NETNS:
		info->netns.netns_ino = link->netns_inode;
		info->netns.attach_type = link->attach_type;
		return 0;
	case BPF_LINK_TYPE_XDP: info->dev.ifindex = link->att_count ? link->ifindex : 0; return 0;
	case HACHI_BPF_LINK_TYPE_TCX:
	case HACHI_BPF_LINK_TYPE_NETKIT:
		info->dev.ifindex = link->att_count ? link->ifindex : 0;
		info->dev.attach_type = link->attach_type;
		return 0;
	case HACHI_BPF_LINK_TYPE_NETFILTER:
		info->netfilter.pf = link->netfilter.pf;
		info->netfilter.hooknum = link->netfilter.hooknum;
		info->netfilter.priority = link->netfilter.priority;
		info->netfilter.flags = link->flags;
		return 0;
	case BPF_LINK_TYPE_PERF_EVENT: return fill_perf(link, info);
	case BPF_LINK_TYPE_KPROBE_MULTI: return fill_kprobe_multi(link, info);
	case HACHI_BPF_LINK_TYPE_UPROBE_MULTI: return fill_uprobe_multi(link, info);
	default: return 0;
	}
}

int info_link(struct call *call, struct link *link)
{
	struct info_link_data info;
	u32 len;
	int err = info_read(call, &info, sizeof(info), &len), fill_err;

	if (err)
		return err;
	info.type = link->type;
	info.id = link->id;
	pthread_mutex_lock(&link->lock);
	info.prog_id = link->prog ? link->prog->id : 0;
	fill_err = fill(link, &info);
	pthread_mutex_unlock(&link->lock);
	return fill_err ? fill_err : info_write(call, &info, len);
}
