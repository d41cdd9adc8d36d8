// SPDX-License-Identifier: BSD-2-Clause
/*
 * Pointers into the kernel's objects, described by its BTF: what a load at an offset gives, and how
 * far the pointer that comes out can be trusted. Such loads may fault, so the rewrite makes probes
 * of them; trust decides only which functions take the pointer.
 */
#include "base/str.h"
#include "btf/walk.h"
#include "verify/check.h"

#include <errno.h>
#include <stdio.h>

void mark_btf_pointer(
	struct verify_env *env, struct reg *r, const struct btf *btf, u32 id, u32 flags)
{
	mark_pointer(r, REG_BTF | flags);
	r->btf = btf;
	r->btf_id = id;
	if (flags & REG_MAYBE_NULL)
		r->id = ++env->id_gen;
}

static u32 tag_flags(u32 tags)
{
	return (tags & BTYPE_TAG_USER ? REG_USER : 0u) |
		(tags & BTYPE_TAG_PERCPU ? REG_PERCPU : 0u) |
		(tags & BTYPE_TAG_RCU ? REG_RCU : 0u) |
		(tags & BTYPE_TAG_UNTRUSTED ? REG_UNTRUSTED : 0u);
}

/*
 * The kernel lists fields that may be relied on in structs named after the type, with a suffix, in
 * its BTF: "task_struct__safe_rcu" has the fields that are safe in an RCU section.
 */
static bool is_listed(const struct reg *reg, const char *field, const char *suffix)
{
	const struct btf_type *t;
	struct btype_member m;
	char name[128];
	int id;

	if (!field)
		return false;
	snprintf(name, sizeof(name), "%s%s", btype_name(reg->btf, reg->btf_id), suffix);
	id = btype_find(reg->btf, name, BTF_KIND_STRUCT);
	t = id > 0 ? btype_by_id(reg->btf, (u32)id) : NULL;
	return t && btype_find_member(reg->btf, t, field, &m) == 0;
}

/* How far what was loaded is trusted, from how far the base was. */
static u32 derive_trust(struct verify_env *env, const struct reg *reg, const char *field, u32 flags)
{
	if (reg->type & REG_UNTRUSTED)
		return REG_UNTRUSTED;
	if (!reg_is_trusted(reg) && !(reg->type & REG_RCU))
		return flags & ~(u32)(REG_ALLOC | REG_TRUSTED | REG_NON_OWN | REG_RCU);
	if (is_listed(reg, field, "__safe_trusted"))
		return flags | REG_TRUSTED;
	if (is_listed(reg, field, "__safe_trusted_or_null"))
		return flags | REG_TRUSTED | REG_MAYBE_NULL;
	if (!in_rcu(env) || reg_maybe_null(reg))
		return REG_UNTRUSTED;
	if (is_listed(reg, field, "__safe_rcu"))
		return flags | REG_RCU;
	if (is_listed(reg, field, "__safe_rcu_or_null"))
		return (flags | REG_RCU | REG_MAYBE_NULL) & ~(u32)REG_UNTRUSTED;
	if (flags & REG_RCU)
		return flags | REG_MAYBE_NULL;
	if (flags & (REG_PERCPU | REG_USER))
		return flags;
	return flags & ~(u32)(REG_ALLOC | REG_TRUSTED | REG_NON_OWN | REG_RCU);
}

static int check_base(struct verify_env *env, u32 regno, s32 off, bool is_write)
{
	const struct reg *reg = cur_reg(env, regno);
	const char *name = btype_name(reg->btf, reg->btf_id);

	if (!env->allow_ptr_leaks)
		return verify_refuse(env, REASON_NEEDS_PERFMON,
			"'struct %s' access is allowed only to CAP_PERFMON and CAP_SYS_ADMIN\n",
			name);
	if (!env->in->is_gpl && btype_is_kernel(reg->btf))
		return verify_refuse(env, REASON_GPL,
			"Cannot access kernel 'struct %s' from non-GPL compatible program\n", name);
	if (off < 0)
		return verify_refuse(env, REASON_OUT_OF_BOUNDS,
			"R%d is ptr_%s invalid negative access: off=%d\n", regno, name, off);
	if (!reg_var_is_const(reg) || reg->val.var_off.value)
		return verify_refuse(env, REASON_OUT_OF_BOUNDS,
			"R%d is ptr_%s invalid variable offset: off=%d\n", regno, name, off);
	if (reg->type & REG_USER)
		return verify_refuse(env, REASON_NOT_A_POINTER,
			"R%d is ptr_%s access user memory: off=%d\n", regno, name, off);
	if (reg->type & REG_PERCPU)
		return verify_refuse(env, REASON_NOT_A_POINTER,
			"R%d is ptr_%s access percpu memory: off=%d\n", regno, name, off);
	if (reg->type & REG_ALLOC)
		return verify_unsupported(env, "an object of the program's own type");
	if (is_write)
		return verify_refuse(env, REASON_READ_ONLY, "only read is supported\n");
	return 0;
}

static int set_loaded(struct verify_env *env, s32 value_regno, const struct btf *btf,
	const struct btype_access *a, u32 flags)
{
	struct reg *value;

	if (value_regno < 0)
		return 0;
	value = cur_reg(env, (u32)value_regno);
	if (a->is_ptr && a->type)
		mark_btf_pointer(env, value, btf, a->type, flags);
	else
		mark_unknown(env, value);
	return 0;
}

int access_btf(struct verify_env *env, u32 regno, s32 off, u32 size, bool is_write, s32 value_regno)
{
	struct reg base = *cur_reg(env, regno);
	struct btype_access a = {0};
	int err = check_base(env, regno, off, is_write);
	u32 flags;

	if (err)
		return err;
	err = btype_access(base.btf, base.btf_id, off, size, false, env->log, &a);
	if (err == -EACCES)
		return verify_refuse(env, REASON_BTF_ACCESS, "%s", "");
	if (err)
		return verify_refuse(env, REASON_BTF_ACCESS_TYPE, "%s", "");
	flags = tag_flags(a.tags);
	if (a.is_ptr)
		flags = derive_trust(env, &base, a.field, flags);
	return set_loaded(env, value_regno, base.btf, &a, flags);
}

/* What the kernel's object of a kind of map is called. */
static const char *map_struct_name(u32 type)
{
	switch (type) {
	case BPF_MAP_TYPE_HASH:
	case BPF_MAP_TYPE_PERCPU_HASH:
	case BPF_MAP_TYPE_LRU_HASH:
	case BPF_MAP_TYPE_LRU_PERCPU_HASH:
	case BPF_MAP_TYPE_HASH_OF_MAPS: return "bpf_htab";
	case BPF_MAP_TYPE_ARRAY:
	case BPF_MAP_TYPE_PERCPU_ARRAY:
	case BPF_MAP_TYPE_PROG_ARRAY:
	case BPF_MAP_TYPE_PERF_EVENT_ARRAY:
	case BPF_MAP_TYPE_CGROUP_ARRAY:
	case BPF_MAP_TYPE_ARRAY_OF_MAPS: return "bpf_array";
	case BPF_MAP_TYPE_RINGBUF:
	case BPF_MAP_TYPE_USER_RINGBUF: return "bpf_ringbuf_map";
	case BPF_MAP_TYPE_LPM_TRIE: return "lpm_trie";
	case BPF_MAP_TYPE_STACK_TRACE: return "bpf_stack_map";
	case BPF_MAP_TYPE_QUEUE:
	case BPF_MAP_TYPE_STACK: return "bpf_queue_stack";
	case BPF_MAP_TYPE_SOCKMAP: return "bpf_stab";
	case BPF_MAP_TYPE_SOCKHASH: return "bpf_shtab";
	case BPF_MAP_TYPE_DEVMAP:
	case BPF_MAP_TYPE_DEVMAP_HASH: return "bpf_dtab";
	case BPF_MAP_TYPE_CPUMAP: return "bpf_cpu_map";
	case BPF_MAP_TYPE_XSKMAP: return "xsk_map";
	case BPF_MAP_TYPE_BLOOM_FILTER: return "bpf_bloom_filter";
	case BPF_MAP_TYPE_SK_STORAGE:
	case BPF_MAP_TYPE_INODE_STORAGE:
	case BPF_MAP_TYPE_TASK_STORAGE: return "bpf_local_storage_map";
	case BPF_MAP_TYPE_CGROUP_STORAGE:
	case BPF_MAP_TYPE_PERCPU_CGROUP_STORAGE: return "bpf_cgroup_storage_map";
	case BPF_MAP_TYPE_REUSEPORT_SOCKARRAY: return "reuseport_array";
	default: return NULL;
	}
}

int access_map_object(
	struct verify_env *env, u32 regno, s32 off, u32 size, bool is_write, s32 value_regno)
{
	const struct btf *kernel = kernel_btf(env);
	struct btype_access a = {0};
	const char *name = map_struct_name(cur_reg(env, regno)->map->type);
	int id;

	if (!kernel)
		return verify_refuse(env, REASON_MAP_OBJECT,
			"map_ptr access not supported without CONFIG_DEBUG_INFO_BTF\n");
	id = name ? btype_find(kernel, name, BTF_KIND_STRUCT) : -ENOENT;
	if (id <= 0)
		return verify_refuse(env, REASON_MAP_OBJECT,
			"map_ptr access not supported for map type %d\n",
			cur_reg(env, regno)->map->type);
	if (!env->allow_ptr_leaks)
		return verify_refuse(env, REASON_NEEDS_PERFMON,
			"'struct bpf_map' access is allowed only to CAP_PERFMON and "
			"CAP_SYS_ADMIN\n");
	if (off < 0)
		return verify_refuse(env, REASON_OUT_OF_BOUNDS,
			"R%d is %s invalid negative access: off=%d\n", regno, name, off);
	if (is_write)
		return verify_refuse(
			env, REASON_READ_ONLY, "only read from %s is supported\n", name);
	if (btype_access(kernel, (u32)id, off, size, false, env->log, &a))
		return verify_refuse(env, REASON_BTF_ACCESS, "%s", "");
	return set_loaded(env, value_regno, kernel, &a, 0);
}

/* ---- contexts of tracing programs ------------------------------------------------------------ */

static int ctx_kind(const struct verify_env *env)
{
	switch (env->in->attach_type) {
	case BPF_TRACE_RAW_TP: return BTYPE_CTX_RAW_TP;
	case BPF_TRACE_FENTRY: return BTYPE_CTX_FENTRY;
	case BPF_MODIFY_RETURN: return BTYPE_CTX_FMOD_RET;
	case BPF_TRACE_FEXIT: return BTYPE_CTX_FEXIT;
	case BPF_LSM_MAC: return BTYPE_CTX_LSM_MAC;
	case BPF_LSM_CGROUP: return BTYPE_CTX_LSM_CGROUP;
	case BPF_TRACE_ITER: return BTYPE_CTX_ITER;
	default: return env->in->prog_type == BPF_PROG_TYPE_STRUCT_OPS ? BTYPE_CTX_STRUCT_OPS : -1;
	}
}

/* What an iterator's own argument is: the kernel says it when the target is registered. */
static const struct iter_arg {
	const char *target;
	s32 off;
	u32 type;
	const char *object; /* struct, for REG_BTF */
} iter_args[] = {
	{"task", 8, REG_BTF | REG_MAYBE_NULL | REG_TRUSTED, "task_struct"},
	{"task_file", 8, REG_BTF | REG_MAYBE_NULL, "task_struct"},
	{"task_file", 24, REG_BTF | REG_MAYBE_NULL, "file"},
	{"task_vma", 8, REG_BTF | REG_MAYBE_NULL, "task_struct"},
	{"task_vma", 16, REG_BTF | REG_MAYBE_NULL, "vm_area_struct"},
	{"bpf_prog", 8, REG_BTF | REG_MAYBE_NULL, "bpf_prog"},
	{"bpf_link", 8, REG_BTF | REG_MAYBE_NULL, "bpf_link"},
	{"bpf_map", 8, REG_BTF | REG_MAYBE_NULL | REG_TRUSTED, "bpf_map"},
	{"bpf_map_elem", 16, REG_BUF | REG_MAYBE_NULL | REG_RDONLY, NULL},
	{"bpf_map_elem", 24, REG_BUF | REG_MAYBE_NULL, NULL},
	{"cgroup", 8, REG_BTF | REG_MAYBE_NULL | REG_TRUSTED, "cgroup"},
	{"sockmap", 16, REG_BUF | REG_MAYBE_NULL | REG_RDONLY, NULL},
	{"sockmap", 24, REG_BTF | REG_MAYBE_NULL, "sock"},
	{"bpf_sk_storage_map", 16, REG_BTF | REG_MAYBE_NULL, "sock"},
	{"bpf_sk_storage_map", 24, REG_BUF | REG_MAYBE_NULL, NULL},
	{"tcp", 8, REG_BTF | REG_MAYBE_NULL | REG_TRUSTED, "sock_common"},
	{"udp", 8, REG_BTF | REG_MAYBE_NULL | REG_TRUSTED, "udp_sock"},
	{"unix", 8, REG_BTF | REG_MAYBE_NULL, "unix_sock"},
	{"netlink", 8, REG_BTF | REG_MAYBE_NULL, "netlink_sock"},
	{"ipv6_route", 8, REG_BTF | REG_MAYBE_NULL, "fib6_info"},
	{"ksym", 8, REG_BTF | REG_MAYBE_NULL, "kallsym_iter"},
};

bool iter_target_is_known(const char *name)
{
	for (u32 i = 0; i < ARRAY_SIZE(iter_args); i++)
		if (strcmp(iter_args[i].target, name) == 0)
			return true;
	return false;
}

static const struct iter_arg *find_iter_arg(const struct verify_env *env, s32 off)
{
	for (u32 i = 0; i < ARRAY_SIZE(iter_args); i++)
		if (iter_args[i].off == off &&
			strcmp(iter_args[i].target, env->attach_name + ITER_PREFIX_LEN) == 0)
			return &iter_args[i];
	return NULL;
}

static bool args_are_trusted(const struct verify_env *env, int kind)
{
	switch (kind) {
	case BTYPE_CTX_RAW_TP:
	case BTYPE_CTX_STRUCT_OPS:
	case BTYPE_CTX_ITER: return true;
	case BTYPE_CTX_LSM_MAC:
	case BTYPE_CTX_LSM_CGROUP: return attach_args_are_trusted(env);
	default: return false;
	}
}

/*
 * The kernel says that an argument of a table's member may be null by the name of the parameter in
 * a function TABLE__MEMBER that exists only for that.
 */
static bool member_arg_may_be_null(const struct verify_env *env, u32 index)
{
	const struct btf *btf = env->in->attach_btf;
	const struct btf_type *proto;
	char name[160];
	int id;

	snprintf(name, sizeof(name), "%s__%s", btype_name(btf, env->in->attach_btf_id),
		env->attach_name);
	id = btype_find(btf, name, BTF_KIND_FUNC);
	proto = id > 0 ? btype_func_proto(btf, (u32)id) : NULL;
	if (!proto || index >= btype_vlen(proto))
		return true; /* not known: then it may */
	return str_ends_with(btype_string(btf, btype_params(proto)[index].name_off), "__nullable");
}

int access_btf_ctx(struct verify_env *env, s32 off, u32 size, bool is_write, u32 *ret_type,
	const struct btf **ret_btf, u32 *ret_id, bool *ret_is_retval)
{
	int kind = ctx_kind(env), id;
	const struct iter_arg *known = NULL;
	struct btype_func_arg arg = {0};
	struct btype_ctx ctx = {
		.btf = env->in->attach_btf,
		.proto = env->attach_proto_id,
		.name = env->attach_name,
		.kind = (enum btype_ctx_kind)kind,
	};

	if (kind < 0)
		return verify_unsupported(env, "the context of this attach type");
	if (is_write)
		return -EACCES;
	if (kind == BTYPE_CTX_RAW_TP)
		ctx.tracepoint = env->attach_name;
	if (kind == BTYPE_CTX_ITER)
		known = find_iter_arg(env, off);
	if (btype_func_arg(&ctx, off, size, known != NULL, env->log, &arg))
		return -EACCES;
	if (known && arg.is_ptr) {
		*ret_type = known->type;
		*ret_btf = env->in->attach_btf;
		id = known->object ? btype_find(*ret_btf, known->object, BTF_KIND_STRUCT) : 0;
		*ret_id = id > 0 ? (u32)id : 0;
		return id < 0 ? -EACCES : 0;
	}
	*ret_is_retval = arg.is_return;
	*ret_type = REG_SCALAR;
	if (!arg.is_ptr || !arg.type)
		return 0;
	*ret_type = REG_BTF | tag_flags(arg.tags) |
		(arg.tags & BTYPE_TAG_NULLABLE ? REG_MAYBE_NULL : 0u) |
		(args_are_trusted(env, kind) ? REG_TRUSTED : 0u);
	if (kind == BTYPE_CTX_STRUCT_OPS && member_arg_may_be_null(env, arg.index))
		*ret_type |= REG_MAYBE_NULL;
	*ret_btf = env->in->attach_btf;
	*ret_id = arg.type;
	return 0;
}
