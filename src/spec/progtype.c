// SPDX-License-Identifier: BSD-2-Clause
/*
 * Program types, attach types, map kinds, commands and kernels: lookups over their tables, and the
 * rules that join them. Tables are indexed by the ABI's number, so a lookup is a bound check.
 */
#include "spec/progtype.h"
#include "btf/fields.h"
#include "spec/helper.h"

#define ON(attach_type_) (1ull << (attach_type_))
#define ANY		 (~0ull)

static const struct progtype_spec progs[] = {
#define PROG(type_, name_, ctx_, major_, minor_, flags_, attach_)                                  \
	[type_] = {.type = type_,                                                                  \
		.name = #name_,                                                                    \
		.ctx_name = ctx_,                                                                  \
		.since = KERNEL(major_, minor_),                                                   \
		.flags = flags_,                                                                   \
		.attach = attach_},
#include "spec/progtypes.def"
};

static const struct attachtype_spec attachs[] = {
#define ATTACH(type_, name_, major_, minor_, prog_type_)                                           \
	[type_] = {.type = type_,                                                                  \
		.name = #name_,                                                                    \
		.since = KERNEL(major_, minor_),                                                   \
		.prog_type = prog_type_},
#include "spec/attachtypes.def"
};

#define MAP(type_, name_, major_, minor_, flags_, ...)                                             \
	static const u8 helpers_##name_[] = {__VA_ARGS__ __VA_OPT__(, ) 0};
#include "spec/maps.def"

static const struct maptype_spec maps[] = {
#define MAP(type_, name_, major_, minor_, flags_, ...)                                             \
	[type_] = {.type = type_,                                                                  \
		.name = #name_,                                                                    \
		.since = KERNEL(major_, minor_),                                                   \
		.flags = flags_,                                                                   \
		.helpers = helpers_##name_,                                                        \
		.helper_count = ARRAY_SIZE(helpers_##name_) - 1},
#include "spec/maps.def"
};

static const struct {
	const char *name;
	u16 since;
} cmds[] = {
#define CMD(cmd_, name_, major_, minor_) [cmd_] = {#name_, KERNEL(major_, minor_)},
#include "spec/commands.def"
};

static const struct kernel_profile kernels[] = {
#define KERNEL_PROFILE(name_, major_, minor_, features_)                                           \
	{.name = name_, .version = KERNEL(major_, minor_), .features = features_},
#include "spec/kernels.def"
};

#define ROW(table_, index_)                                                                        \
	((index_) < ARRAY_SIZE(table_) && (table_)[index_].name ? &(table_)[index_] : NULL)

const struct progtype_spec *progtype_spec_by_type(u32 type)
{
	return ROW(progs, type);
}

const struct attachtype_spec *attachtype_spec_by_type(u32 type)
{
	return ROW(attachs, type);
}

const struct maptype_spec *maptype_spec_by_type(u32 type)
{
	return ROW(maps, type);
}

const char *command_name(u32 cmd)
{
	return cmd < ARRAY_SIZE(cmds) ? cmds[cmd].name : NULL;
}

u16 command_since(u32 cmd)
{
	return cmd < ARRAY_SIZE(cmds) ? cmds[cmd].since : 0;
}

u32 command_count(void)
{
	return ARRAY_SIZE(cmds);
}

const struct kernel_profile *kernel_profile_by_name(const char *name)
{
	if (!name || !*name)
		return &kernels[ARRAY_SIZE(kernels) - 1];
	for (u32 i = 0; i < ARRAY_SIZE(kernels); i++)
		if (strcmp(kernels[i].name, name) == 0)
			return &kernels[i];
	return NULL;
}

/* Program types and map kinds have no number 0. */
u32 progtype_spec_count(void)
{
	return ARRAY_SIZE(progs) - 1;
}

const struct progtype_spec *progtype_spec_at(u32 index)
{
	return progtype_spec_by_type(index + 1);
}

u32 attachtype_spec_count(void)
{
	return ARRAY_SIZE(attachs);
}

const struct attachtype_spec *attachtype_spec_at(u32 index)
{
	return attachtype_spec_by_type(index);
}

u32 maptype_spec_count(void)
{
	return ARRAY_SIZE(maps) - 1;
}

const struct maptype_spec *maptype_spec_at(u32 index)
{
	return maptype_spec_by_type(index + 1);
}

u32 kernel_profile_count(void)
{
	return ARRAY_SIZE(kernels);
}

const struct kernel_profile *kernel_profile_at(u32 index)
{
	return ROW(kernels, index);
}

u32 progtype_default_attach(u32 prog_type, u32 attach_type)
{
	if (attach_type == 0 && prog_type == BPF_PROG_TYPE_CGROUP_SOCK)
		return BPF_CGROUP_INET_SOCK_CREATE;
	if (attach_type == 0 && prog_type == BPF_PROG_TYPE_SK_REUSEPORT)
		return BPF_SK_REUSEPORT_SELECT;
	return attach_type;
}

static bool attach_in(u64 mask, u32 attach_type, u16 kernel)
{
	const struct attachtype_spec *attach = attachtype_spec_by_type(attach_type);

	if (mask == ANY)
		return true;
	return attach && mask >> attach_type & 1 && (!kernel || kernel >= attach->since);
}

int progtype_check_attach(u32 prog_type, u32 attach_type, u32 attach_btf_id, bool has_target_btf,
	bool has_target_prog, u16 kernel)
{
	const struct progtype_spec *spec = progtype_spec_by_type(prog_type);

	if (!spec || (kernel && kernel < spec->since))
		return -EINVAL;
	if (attach_btf_id) {
		if (attach_btf_id > 0x000fffff /* BTF_MAX_TYPE */)
			return -EINVAL;
		if (!(has_target_btf || has_target_prog) || !(spec->flags & PROGTYPE_BTF_ARGS))
			return -EINVAL;
	}
	if (has_target_btf && (!attach_btf_id || has_target_prog))
		return -EINVAL;
	if (has_target_prog && prog_type != BPF_PROG_TYPE_TRACING && prog_type != BPF_PROG_TYPE_EXT)
		return -EINVAL;
	return attach_in(spec->attach, attach_type, kernel) ? 0 : -EINVAL;
}

bool progtype_can_sleep(u32 prog_type, u32 attach_type)
{
	const struct progtype_spec *spec = progtype_spec_by_type(prog_type);

	if (!spec || !(spec->flags & PROGTYPE_SLEEPABLE))
		return false;
	if (prog_type == BPF_PROG_TYPE_LSM)
		return attach_type != BPF_LSM_CGROUP;
	if (prog_type != BPF_PROG_TYPE_TRACING)
		return true;
	return attach_type == BPF_TRACE_FENTRY || attach_type == BPF_TRACE_FEXIT ||
		attach_type == BPF_MODIFY_RETURN || attach_type == BPF_TRACE_ITER;
}

u32 progtype_caps(u32 prog_type)
{
	const struct progtype_spec *spec = progtype_spec_by_type(prog_type);
	u32 caps = 0;

	if (!spec)
		return 0;
	if (spec->flags & PROGTYPE_NET_ADMIN)
		caps |= CAP_NEEDED_NET_ADMIN;
	if (spec->flags & PROGTYPE_PERFMON)
		caps |= CAP_NEEDED_PERFMON;
	return caps;
}

static bool map_lists(const struct maptype_spec *map, u32 helper_id)
{
	for (u32 i = 0; i < map->helper_count; i++)
		if (map->helpers[i] == helper_id)
			return true;
	return false;
}

/* A helper that some kind lists works on no other; these two are listed as an exception only. */
static bool is_for_listed_kinds_only(u32 helper_id)
{
	if (helper_id == FUNC_map_lookup_elem || helper_id == FUNC_kptr_xchg)
		return false;
	for (u32 i = 0; i < ARRAY_SIZE(maps); i++)
		if (maps[i].name && map_lists(&maps[i], helper_id))
			return true;
	return false;
}

/* May this program change a map of sockets? Not where the socket could be locked. */
static bool may_update_sockets(u32 helper_id, u32 prog_type, u32 attach_type)
{
	if (helper_id != FUNC_map_update_elem && helper_id != FUNC_map_delete_elem)
		return false;
	switch (prog_type) {
	case BPF_PROG_TYPE_TRACING: return attach_type == BPF_TRACE_ITER;
	case BPF_PROG_TYPE_SOCK_OPS: /* has update helpers of its own */
		return helper_id == FUNC_map_delete_elem;
	case BPF_PROG_TYPE_SOCKET_FILTER:
	case BPF_PROG_TYPE_SCHED_CLS:
	case BPF_PROG_TYPE_SCHED_ACT:
	case BPF_PROG_TYPE_XDP:
	case BPF_PROG_TYPE_SK_REUSEPORT:
	case BPF_PROG_TYPE_FLOW_DISSECTOR:
	case BPF_PROG_TYPE_SK_LOOKUP: return true;
	default: return false;
	}
}

bool maptype_allows_helper(u32 map_type, u32 helper_id, u32 prog_type, u32 attach_type)
{
	const struct maptype_spec *map = maptype_spec_by_type(map_type);

	if (!map)
		return false;
	if (map_lists(map, helper_id))
		return true;
	if ((map->flags & MAPTYPE_SOCKS) && may_update_sockets(helper_id, prog_type, attach_type))
		return true;
	return !(map->flags & MAPTYPE_CLOSED) && !is_for_listed_kinds_only(helper_id);
}

static const char *tracing_objection(u32 field_kinds)
{
	if (field_kinds & BTYPE_GRAPH_ROOT)
		return "tracing progs cannot use bpf_{list_head,rb_root} yet";
	if (field_kinds & BTYPE_SPIN_LOCK)
		return "tracing progs cannot use bpf_spin_lock yet";
	if (field_kinds & BTYPE_TIMER)
		return "tracing progs cannot use bpf_timer yet";
	if (field_kinds & BTYPE_WORKQUEUE)
		return "tracing progs cannot use bpf_wq yet";
	return NULL;
}

const char *maptype_prog_objection(u32 map_type, u32 field_kinds, u32 prog_type, bool is_sleepable)
{
	const struct maptype_spec *map = maptype_spec_by_type(map_type);
	const struct progtype_spec *prog = progtype_spec_by_type(prog_type);
	const char *objection = NULL;

	if (!map)
		return "unknown map type";
	if (prog && prog->flags & PROGTYPE_TRACING)
		objection = tracing_objection(field_kinds);
	else if (prog_type == BPF_PROG_TYPE_SOCKET_FILTER &&
		(field_kinds & (BTYPE_SPIN_LOCK | BTYPE_RES_SPIN_LOCK)))
		objection = "socket filter progs cannot use bpf_spin_lock yet";
	if (objection)
		return objection;
	if (map_type == BPF_MAP_TYPE_STRUCT_OPS)
		return "bpf_struct_ops map cannot be used in prog";
	if (is_sleepable && !(map->flags & MAPTYPE_SLEEPABLE))
		return "Sleepable programs can only use array, hash, ringbuf and local storage "
		       "maps";
	return NULL;
}
