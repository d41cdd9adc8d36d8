// SPDX-License-Identifier: BSD-2-Clause
/* /proc/self/fdinfo/FD of our descriptors, in the kernel's words. */
#include "base/str.h"
#include "hook/link.h"
#include "syscall/instance.h"

#include <stdio.h>

static void put_tag(struct strbuf *sb, const u8 tag[8])
{
	strbuf_puts(sb, "prog_tag:\t");
	for (u32 i = 0; i < 8; i++)
		strbuf_printf(sb, "%02x", tag[i]);
	strbuf_putc(sb, '\n');
}

static void put_map(struct strbuf *sb, const struct map *map)
{
	const struct map_params *p = &map->params;
	u32 owner = __atomic_load_n(&map->owner_prog_type, __ATOMIC_ACQUIRE);

	strbuf_printf(sb,
		"map_type:\t%u\nkey_size:\t%u\nvalue_size:\t%u\nmax_entries:\t%u\n"
		"map_flags:\t%#x\nmap_extra:\t%#llx\nmemlock:\t%llu\nmap_id:\t%u\nfrozen:\t%u\n",
		p->type, p->key_size, p->value_size, p->max_entries, p->flags,
		(unsigned long long)p->extra, (unsigned long long)map->region_size, map->id,
		map->is_frozen);
	if (owner)
		strbuf_printf(sb, "owner_prog_type:\t%u\nowner_jited:\t%u\n", owner - 1,
			map->owner_jited);
}

static void put_prog(struct strbuf *sb, const struct prog *prog)
{
	strbuf_printf(sb, "prog_type:\t%u\nprog_jited:\t%u\n", prog->type, prog->is_jited);
	put_tag(sb, prog->tag);
	strbuf_printf(sb,
		"memlock:\t%llu\nprog_id:\t%u\nrun_time_ns:\t%llu\nrun_cnt:\t%llu\n"
		"recursion_misses:\t%llu\nverified_insns:\t%u\n",
		(unsigned long long)ALIGN_UP(prog->insn_count * 8ull, 4096ull), prog->id,
		(unsigned long long)prog->run_time_ns, (unsigned long long)prog->run_count,
		(unsigned long long)prog->recursion_misses, prog->verified_insns);
}

/* kernel: bpf_link_type_strs */
static const char *const link_names[] = {
	[BPF_LINK_TYPE_RAW_TRACEPOINT] = "raw_tracepoint",
	[BPF_LINK_TYPE_TRACING] = "tracing",
	[BPF_LINK_TYPE_CGROUP] = "cgroup",
	[BPF_LINK_TYPE_ITER] = "iter",
	[BPF_LINK_TYPE_NETNS] = "netns",
	[BPF_LINK_TYPE_XDP] = "xdp",
	[BPF_LINK_TYPE_PERF_EVENT] = "perf",
	[BPF_LINK_TYPE_KPROBE_MULTI] = "kprobe_multi",
	[BPF_LINK_TYPE_STRUCT_OPS] = "struct_ops",
	[HACHI_BPF_LINK_TYPE_NETFILTER] = "netfilter",
	[HACHI_BPF_LINK_TYPE_TCX] = "tcx",
	[HACHI_BPF_LINK_TYPE_UPROBE_MULTI] = "uprobe_multi",
	[HACHI_BPF_LINK_TYPE_NETKIT] = "netkit",
	[HACHI_BPF_LINK_TYPE_SOCKMAP] = "sockmap",
};

static void put_link(struct strbuf *sb, struct link *link)
{
	strbuf_printf(sb, "link_type:\t%s\nlink_id:\t%u\n", link_names[link->type], link->id);
	pthread_mutex_lock(&link->lock);
	if (link->prog) {
		put_tag(sb, link->prog->tag);
		strbuf_printf(sb, "prog_id:\t%u\n", link->prog->id);
	}
	if (link->type == BPF_LINK_TYPE_RAW_TRACEPOINT)
		strbuf_printf(sb, "tp_name:\t%s\n", link->name);
	else if (link->type == BPF_LINK_TYPE_TRACING)
		strbuf_printf(sb, "attach_type:\t%u\ntarget_obj_id:\t%u\ntarget_btf_id:\t%u\n",
			link->attach_type, link->tracing.target_obj_id,
			link->tracing.target_btf_id);
	else if (link->type == BPF_LINK_TYPE_XDP || link->type == HACHI_BPF_LINK_TYPE_TCX)
		strbuf_printf(sb, "ifindex:\t%u\n", link->att_count ? link->ifindex : 0);
	else if (link->type == BPF_LINK_TYPE_CGROUP)
		strbuf_printf(sb, "cgroup_id:\t%llu\nattach_type:\t%u\n",
			(unsigned long long)link->cgroup.id, link->attach_type);
	pthread_mutex_unlock(&link->lock);
}

long hachi_fdinfo(struct hachi *h, int fd, char *buf, size_t size)
{
	struct strbuf sb = {0};
	struct desc_ref ref;
	long ret = desc_get(&h->descs, fd, 0, &ref);

	if (ret)
		return ret;
	strbuf_printf(&sb, "pos:\t0\nflags:\t02000002\nmnt_id:\t15\nino:\t0\n");
	switch (ref.kind) {
	case HACHI_FD_MAP: put_map(&sb, ref.object); break;
	case HACHI_FD_PROG: put_prog(&sb, ref.object); break;
	case HACHI_FD_LINK: put_link(&sb, ref.object); break;
	case HACHI_FD_BTF:
		strbuf_printf(&sb, "btf_id:\t%u\n", ((struct btf_object *)ref.object)->id);
		break;
	default: break;
	}
	desc_put(&ref);
	ret = sb.failed ? -ENOMEM : (long)sb.len;
	if (ret >= 0 && size)
		snprintf(buf, size, "%s", strbuf_cstr(&sb));
	strbuf_release(&sb);
	return ret;
}
