// SPDX-License-Identifier: BSD-2-Clause
/* BPF_MAP_CREATE: in the kernel's order, so that each mistake gets the kernel's errno. */
#include "base/alloc.h"
#include "base/os.h"
#include "btf/fields.h"
#include "spec/progtype.h"
#include "syscall/instance.h"
#include "syscall/map.h"
#include "syscall/user.h"

#define FIELD_KINDS                                                                                \
	(BTYPE_SPIN_LOCK | BTYPE_RES_SPIN_LOCK | BTYPE_TIMER | BTYPE_KPTR | BTYPE_LIST_HEAD |      \
		BTYPE_RB_ROOT | BTYPE_REFCOUNT | BTYPE_WORKQUEUE | BTYPE_UPTR | BTYPE_TASK_WORK)

int map_mode(u32 flags, u32 *ret_mode)
{
	if ((flags & BPF_F_RDONLY) && (flags & BPF_F_WRONLY))
		return -EINVAL;
	*ret_mode = flags & BPF_F_RDONLY ? DESC_READ
		: flags & BPF_F_WRONLY	 ? DESC_WRITE
					 : DESC_RDWR;
	return 0;
}

/* map_type bits in which a value may have fields of these kinds (kernel: map_check_btf()). */
#define IN(type) (1ull << (type))
static const struct {
	u32 kinds;
	u64 types;
} field_places[] = {
	{BTYPE_SPIN_LOCK | BTYPE_RES_SPIN_LOCK,
		IN(BPF_MAP_TYPE_HASH) | IN(BPF_MAP_TYPE_ARRAY) | IN(BPF_MAP_TYPE_CGROUP_STORAGE) |
			IN(BPF_MAP_TYPE_SK_STORAGE) | IN(BPF_MAP_TYPE_INODE_STORAGE) |
			IN(BPF_MAP_TYPE_TASK_STORAGE) | IN(HACHI_BPF_MAP_TYPE_CGRP_STORAGE)},
	{BTYPE_TIMER | BTYPE_WORKQUEUE | BTYPE_TASK_WORK,
		IN(BPF_MAP_TYPE_HASH) | IN(BPF_MAP_TYPE_LRU_HASH) | IN(BPF_MAP_TYPE_ARRAY)},
	{BTYPE_KPTR | BTYPE_REFCOUNT,
		IN(BPF_MAP_TYPE_HASH) | IN(BPF_MAP_TYPE_PERCPU_HASH) | IN(BPF_MAP_TYPE_LRU_HASH) |
			IN(BPF_MAP_TYPE_LRU_PERCPU_HASH) | IN(BPF_MAP_TYPE_ARRAY) |
			IN(BPF_MAP_TYPE_PERCPU_ARRAY) | IN(BPF_MAP_TYPE_SK_STORAGE) |
			IN(BPF_MAP_TYPE_INODE_STORAGE) | IN(BPF_MAP_TYPE_TASK_STORAGE) |
			IN(HACHI_BPF_MAP_TYPE_CGRP_STORAGE)},
	{BTYPE_UPTR, IN(BPF_MAP_TYPE_TASK_STORAGE)},
	{BTYPE_LIST_HEAD | BTYPE_RB_ROOT,
		IN(BPF_MAP_TYPE_HASH) | IN(BPF_MAP_TYPE_LRU_HASH) | IN(BPF_MAP_TYPE_ARRAY)},
};

static int check_fields(struct hachi *h, const struct map *map)
{
	if (!hachi_has_cap(h, CAP_NEEDED_BPF))
		return -EPERM;
	if (map->params.flags & (BPF_F_RDONLY_PROG | BPF_F_WRONLY_PROG))
		return -EACCES;
	for (u32 i = 0; i < ARRAY_SIZE(field_places); i++)
		if ((map->fields->kinds & field_places[i].kinds) &&
			!(field_places[i].types & IN(map->params.type)))
			return -EOPNOTSUPP;
	return 0;
}

/* Kinds that take no BTF of key and value (kernel: map_check_no_btf()). */
static bool refuses_btf(u32 type)
{
	switch (type) {
	case BPF_MAP_TYPE_PROG_ARRAY:
	case BPF_MAP_TYPE_PERF_EVENT_ARRAY:
	case BPF_MAP_TYPE_CGROUP_ARRAY:
	case BPF_MAP_TYPE_STACK_TRACE:
	case BPF_MAP_TYPE_ARRAY_OF_MAPS:
	case BPF_MAP_TYPE_DEVMAP:
	case BPF_MAP_TYPE_DEVMAP_HASH:
	case BPF_MAP_TYPE_SOCKMAP:
	case BPF_MAP_TYPE_SOCKHASH:
	case BPF_MAP_TYPE_CPUMAP:
	case BPF_MAP_TYPE_XSKMAP: return true;
	default: return false;
	}
}

/* Kinds whose key BTF may be left out because they have a rule of their own for it. */
static bool may_omit_key(u32 type)
{
	switch (type) {
	case BPF_MAP_TYPE_ARRAY:
	case BPF_MAP_TYPE_PERCPU_ARRAY:
	case BPF_MAP_TYPE_BLOOM_FILTER:
	case BPF_MAP_TYPE_LPM_TRIE:
	case BPF_MAP_TYPE_CGROUP_STORAGE:
	case BPF_MAP_TYPE_PERCPU_CGROUP_STORAGE: return true;
	default: return refuses_btf(type);
	}
}

/* Storage on objects shows its values by their BTF (kernel: bpf_local_storage_map_alloc_check()).
 */
static bool needs_btf(u32 type)
{
	switch (type) {
	case BPF_MAP_TYPE_SK_STORAGE:
	case BPF_MAP_TYPE_INODE_STORAGE:
	case BPF_MAP_TYPE_TASK_STORAGE:
	case HACHI_BPF_MAP_TYPE_CGRP_STORAGE: return true;
	default: return false;
	}
}

static bool has_size(const struct btf *btf, u32 id, u32 size)
{
	u32 bytes;

	return btype_size(btf, id, &bytes) == 0 && bytes == size;
}

/* Key of an array: a 4-byte integer; or void for the map of global data (kernel:
 * array_map_check_btf()). */
static int check_array_key(const struct map *map, const struct attr_map_create *attr)
{
	const struct btf_type *value;
	struct btype_int key;
	const struct btf_type *t;

	if (!attr->btf_key_type_id) {
		value = btype_by_id(map->btf, attr->btf_value_type_id);
		if (map->params.type != BPF_MAP_TYPE_ARRAY || map->params.max_entries != 1 ||
			!value || btype_kind(value) != BTF_KIND_DATASEC)
			return -EINVAL;
		return 0;
	}
	t = btype_by_id(map->btf, attr->btf_key_type_id);
	while (t && btype_is_mod(t))
		t = btype_by_id(map->btf, t->type);
	if (!t || btype_kind(t) != BTF_KIND_INT)
		return -EINVAL;
	key = btype_int(t);
	return key.bits == 32 && !key.bit_offset ? 0 : -EINVAL;
}

/* Types that a map may own, since the kernel knows how to release them. */
static bool has_dtor(void *arg, const struct btf *kernel, u32 type)
{
	static const struct {
		const char *name;
		u32 since;
	} types[] = {{"task_struct", KERNEL(6, 2)}, {"cgroup", KERNEL(6, 2)},
		{"bpf_cpumask", KERNEL(6, 3)}, {"bpf_crypto_ctx", KERNEL(6, 10)}};
	const struct hachi *h = arg;

	for (u32 i = 0; i < ARRAY_SIZE(types); i++)
		if (strcmp(btype_name(kernel, type), types[i].name) == 0)
			return h->kernel->version >= types[i].since;
	return false;
}

/* Only kernel pointers need the kernel's BTF, and reading that takes a while. */
static bool mentions_kptr(const struct btf *btf)
{
	u32 size;
	const void *data = btype_data(btf, &size);

	return memmem(data, size, "kptr", 4) != NULL || memmem(data, size, "uptr", 4) != NULL;
}

static int check_key_value(struct hachi *h, struct map *map, const struct attr_map_create *attr)
{
	struct btype_fields_env env = {.kernel = mentions_kptr(map->btf) ? hachi_vmlinux(h) : NULL,
		.has_dtor = has_dtor,
		.arg = h};
	u32 type = map->params.type;
	int err;

	if (attr->btf_key_type_id) {
		if (!has_size(map->btf, attr->btf_key_type_id, map->params.key_size))
			return -EINVAL;
	} else if (!may_omit_key(type)) {
		return -EINVAL;
	}
	if (!has_size(map->btf, attr->btf_value_type_id, map->params.value_size))
		return -EINVAL;
	err = btype_parse_fields(map->btf, attr->btf_value_type_id, FIELD_KINDS,
		map->params.value_size, &env, &map->fields);
	/* as in the kernel: a value with broken fields makes a map whose fields cannot be used */
	if (err == -ENOMEM)
		return err;
	if (map->fields) {
		err = check_fields(h, map);
		if (!err)
			err = btype_fields_link(map->btf, map->fields);
		if (err)
			return err;
	}
	if (refuses_btf(type))
		return -BTYPE_ENOTSUPP;
	if (type == BPF_MAP_TYPE_ARRAY || type == BPF_MAP_TYPE_PERCPU_ARRAY)
		return check_array_key(map, attr);
	return 0;
}

/* The table of functions that the map would register (kernel: bpf_struct_ops_map_alloc()). */
static int check_struct_ops(struct hachi *h, const struct attr_map_create *attr)
{
	static const char prefix[] = "bpf_struct_ops_";
	const struct btf *btf = hachi_vmlinux(h);
	u32 id = attr->btf_vmlinux_value_type_id;

	if (!btf || !btype_by_id(btf, id) ||
		strncmp(btype_name(btf, id), prefix, sizeof(prefix) - 1) != 0)
		return -BTYPE_ENOTSUPP;
	return has_size(btf, id, attr->value_size) ? 0 : -EINVAL;
}

static int set_btf(struct hachi *h, struct map *map, const struct attr_map_create *attr)
{
	struct btf_object *object;
	int err;

	if (!attr->btf_key_type_id && !attr->btf_value_type_id && !attr->btf_vmlinux_value_type_id)
		return 0;
	err = types_from_fd(h, (int)attr->btf_fd, &object);
	if (err)
		return err;
	if (object->is_kernel) {
		types_object_unref(object);
		return -EACCES;
	}
	map->btf = btype_ref(object->btf); /* the object's reference goes with it: map_gone() */
	if (attr->btf_value_type_id)
		err = check_key_value(h, map, attr);
	if (attr->btf_vmlinux_value_type_id)
		err = check_struct_ops(h, attr);
	map->btf_key_type_id = attr->btf_key_type_id;
	map->btf_value_type_id = attr->btf_value_type_id;
	map->btf_vmlinux_value_type_id = attr->btf_vmlinux_value_type_id;
	return err;
}

/* free_hook: the last reference went; the id must not be found any more. */
static void map_gone(struct map *map)
{
	struct hachi *h = map->owner;

	if (map->id)
		id_remove(&h->maps, map->id);
	types_object_unref(types_object_of(h, map->btf));
	__atomic_sub_fetch(&h->memory_used, map->region_size, __ATOMIC_RELAXED);
}

static int set_inner(struct hachi *h, struct map *map, u32 inner_fd)
{
	const struct maptype_spec *spec = maptype_spec_by_type(map->params.type);
	struct map *inner;
	int err;

	if (!spec || !(spec->flags & MAPTYPE_OF_MAPS))
		return 0;
	err = map_from_fd(h, (int)inner_fd, &inner);
	if (err)
		return err;
	map->inner_template = inner; /* owned reference */
	return 0;
}

static int check_inner(struct hachi *h, u32 type, u32 inner_fd)
{
	const struct maptype_spec *spec = maptype_spec_by_type(type);
	struct map *inner;
	int err;

	if (!spec || !(spec->flags & MAPTYPE_OF_MAPS))
		return 0;
	err = map_from_fd(h, (int)inner_fd, &inner);
	if (err)
		return err;
	err = map_inner_check(inner);
	map_unref(inner);
	return err;
}

/* Who may create this kind at all. */
static int check_caps(struct hachi *h, u32 type)
{
	const struct maptype_spec *spec = maptype_spec_by_type(type);
	u32 flags = spec ? spec->flags : 0;

	/* kernel: with unprivileged_bpf_disabled = 0 */
	if (flags & MAPTYPE_NET_ADMIN)
		return hachi_has_cap(h, CAP_NEEDED_NET_ADMIN) ? 0 : -EPERM;
	if (!(flags & MAPTYPE_UNPRIV) && !hachi_has_cap(h, CAP_NEEDED_BPF))
		return -EPERM;
	return 0;
}

static int check_attr(struct hachi *h, const struct attr_map_create *attr,
	const struct map_ops **ret_ops, struct map_params *ret_params)
{
	const struct maptype_spec *spec;
	u32 mode;
	int err;

	if (attr->btf_vmlinux_value_type_id) {
		if (attr->map_type != BPF_MAP_TYPE_STRUCT_OPS || attr->btf_key_type_id ||
			attr->btf_value_type_id)
			return -EINVAL;
	} else if (attr->btf_key_type_id && !attr->btf_value_type_id) {
		return -EINVAL;
	}
	if (attr->map_type != BPF_MAP_TYPE_BLOOM_FILTER &&
		attr->map_type != HACHI_BPF_MAP_TYPE_ARENA && attr->map_extra)
		return -EINVAL;
	err = map_mode(attr->map_flags, &mode);
	if (err)
		return err;
	if ((attr->map_flags & BPF_F_NUMA_NODE) && attr->numa_node)
		return -EINVAL; /* one node */
	spec = maptype_spec_by_type(attr->map_type);
	*ret_ops =
		h->judges_only ? map_ops_or_shape_for(attr->map_type) : map_ops_for(attr->map_type);
	if (!spec || spec->since > h->kernel->version || !*ret_ops)
		return -EINVAL;
	if (attr->map_type == BPF_MAP_TYPE_STRUCT_OPS &&
		(!attr->btf_vmlinux_value_type_id || attr->max_entries != 1))
		return -EINVAL;
	if (needs_btf(attr->map_type) && (!attr->btf_key_type_id || !attr->btf_value_type_id))
		return -EINVAL;
	*ret_params = (struct map_params){
		.type = attr->map_type,
		.key_size = attr->key_size,
		.value_size = attr->value_size,
		.max_entries = attr->max_entries,
		.flags = attr->map_flags & ~(u32)HACHI_BPF_F_TOKEN_FD,
		.extra = attr->map_extra,
		.ifindex = attr->map_ifindex,
		.numa_node = attr->numa_node,
		.caps = hachi_caps(h),
		.may_be_shape = h->judges_only,
	};
	err = (*ret_ops)->check ? (*ret_ops)->check(ret_params) : 0;
	if (err)
		return err;
	if (attr->map_ifindex)
		return -EINVAL; /* no device here takes maps */
	if (attr->map_flags & HACHI_BPF_F_TOKEN_FD)
		return token_refused(attr->map_token_fd);
	return check_caps(h, attr->map_type);
}

static int charge_memory(struct hachi *h, struct map *map)
{
	u64 used = __atomic_add_fetch(&h->memory_used, map->region_size, __ATOMIC_RELAXED);

	return h->memory_limit && used > h->memory_limit ? -ENOMEM : 0;
}

static int build(struct hachi *h, const struct attr_map_create *attr, struct map_params *params,
	struct map **ret_map)
{
	struct map *map;
	int err;

	params->flags &= ~(u32)(BPF_F_RDONLY | BPF_F_WRONLY);
	memcpy(params->name, attr->map_name, sizeof(params->name) - 1);
	err = map_new(params, &map);
	if (err)
		return err;
	map->owner = h;
	map->object_ops = &map_slots;
	map->created_ns = os_time_ns(OS_CLOCK_BOOTTIME);
	map->creator_uid = os_uid();
	map->free_hook = map_gone;
	err = charge_memory(h, map);
	if (!err && params->type == BPF_MAP_TYPE_PROG_ARRAY)
		err = prog_tail_new(map);
	if (!err)
		err = name_check(attr->map_name, sizeof(attr->map_name));
	if (!err)
		err = set_inner(h, map, attr->inner_map_fd);
	if (!err)
		err = set_btf(h, map, attr);
	if (!err)
		err = id_alloc(&h->maps, map, &map->id);
	if (err) {
		map_unref(map);
		return err;
	}
	*ret_map = map;
	return 0;
}

long cmd_map_create(struct call *call)
{
	const struct attr_map_create *attr = &call->attr.map_create;
	const struct map_ops *ops;
	struct map_params params;
	struct map *map = NULL;
	u32 mode = 0;
	long ret;

	ret = check_attr(call->h, attr, &ops, &params);
	if (!ret)
		ret = check_inner(call->h, attr->map_type, attr->inner_map_fd);
	if (!ret)
		ret = build(call->h, attr, &params, &map);
	if (ret)
		return ret;
	map_mode(attr->map_flags, &mode);
	ret = desc_new(&call->h->descs, HACHI_FD_MAP, map, map->fd, mode);
	map_unref(map);
	return ret;
}
