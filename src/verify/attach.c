// SPDX-License-Identifier: BSD-2-Clause
/*
 * What the program attaches to, as far as its verdict depends on it: the prototype of the target of
 * tracing and LSM programs, and whether this type may sleep.
 */
#include "base/str.h"
#include "spec/funcset.h"
#include "verify/check.h"

#include <errno.h>

#define TARGET_SAYS(env, ...) verify_refuse(env, REASON_ATTACH_TARGET, __VA_ARGS__)

/* typedef void (*btf_trace_NAME)(void *, arguments) */
static int find_tracepoint(struct verify_env *env, const struct btf_type *t, const char *name)
{
	static const char prefix[] = "btf_trace_";
	const struct btf *btf = env->in->attach_btf;
	u32 id = env->in->attach_btf_id;

	if (btype_kind(t) != BTF_KIND_TYPEDEF)
		return TARGET_SAYS(env, "attach_btf_id %u is not a typedef\n", id);
	if (!str_starts_with(name, prefix))
		return TARGET_SAYS(
			env, "attach_btf_id %u points to wrong type name %s\n", id, name);
	env->attach_name = name + sizeof(prefix) - 1;
	env->attach_proto = btype_resolve_func_ptr(btf, id, &env->attach_proto_id);
	return env->attach_proto ? 0 : TARGET_SAYS(env, "%s", "");
}

static int find_function(struct verify_env *env, const struct btf_type *t, const char *name)
{
	const struct btf *btf = env->in->attach_btf;

	if (btype_kind(t) != BTF_KIND_FUNC)
		return TARGET_SAYS(
			env, "attach_btf_id %u is not a function\n", env->in->attach_btf_id);
	env->attach_name = name;
	env->attach_proto_id = t->type;
	env->attach_proto = btype_func_proto(btf, t->type);
	return env->attach_proto ? 0 : TARGET_SAYS(env, "%s", "");
}

static int check_function(struct verify_env *env)
{
	const char *name = env->attach_name;
	u32 type = env->in->prog_type, attach = env->in->attach_type;

	if (env->is_sleepable) {
		enum funcset set = type == BPF_PROG_TYPE_LSM ? FUNCSET_lsm_sleepable
							     : FUNCSET_fmodret_sleepable;

		if (type == BPF_PROG_TYPE_TRACING)
			return verify_unsupported(env, "a sleepable tracing program");
		if (!funcset_has(set, name))
			return TARGET_SAYS(env, "%s is not sleepable\n", name);
	} else if (attach == BPF_MODIFY_RETURN && !str_starts_with(name, "security_")) {
		/* functions marked for error injection are not known here */
		return TARGET_SAYS(env, "%s() is not modifiable\n", name);
	}
	if (type == BPF_PROG_TYPE_LSM) {
		if (!env->in->is_gpl)
			return TARGET_SAYS(
				env, "LSM programs must have a GPL compatible license\n");
		if (funcset_has(FUNCSET_lsm_disabled, name))
			return TARGET_SAYS(env, "attach_btf_id %u points to disabled hook %s\n",
				env->in->attach_btf_id, name);
		if (!str_starts_with(name, "bpf_lsm_"))
			return TARGET_SAYS(env, "attach_btf_id %u points to wrong type name %s\n",
				env->in->attach_btf_id, name);
	} else if (funcset_has(FUNCSET_tracing_deny, name)) {
		return TARGET_SAYS(env, "%s", "");
	}
	return 0;
}

static int check_target(struct verify_env *env)
{
	const struct btf *btf = env->in->attach_btf;
	u32 id = env->in->attach_btf_id;
	const struct btf_type *t;
	const char *name;
	int err;

	if (!id)
		return TARGET_SAYS(env, "Tracing programs must provide btf_id\n");
	if (!btf)
		return TARGET_SAYS(env,
			"FENTRY/FEXIT program can only be attached to another program "
			"annotated with BTF\n");
	t = btype_by_id(btf, id);
	if (!t)
		return TARGET_SAYS(env, "attach_btf_id %u is invalid\n", id);
	name = btype_name_of(btf, t);
	if (!btype_is_kernel(btf))
		return verify_unsupported(env, "attaching to another program");
	switch (env->in->attach_type) {
	case BPF_TRACE_RAW_TP: return find_tracepoint(env, t, name);
	case BPF_TRACE_ITER:
		err = find_function(env, t, name);
		if (err)
			return err;
		if (!str_starts_with(name, "bpf_iter_"))
			return TARGET_SAYS(env, "%s", "");
		return iter_target_is_known(name + ITER_PREFIX_LEN)
			? 0
			: verify_unsupported(env, "this iterator");
	case BPF_MODIFY_RETURN:
	case BPF_LSM_MAC:
	case BPF_LSM_CGROUP:
	case BPF_TRACE_FENTRY:
	case BPF_TRACE_FEXIT:
		err = find_function(env, t, name);
		return err ? err : check_function(env);
	default: return TARGET_SAYS(env, "%s", "");
	}
}

/*
 * A member of a kernel's table of functions. Which tables there are, and which members of them,
 * only the kernel's code knows; the one that its own tests use is known here.
 */
static int check_struct_ops(struct verify_env *env)
{
	const struct btf *btf = env->in->attach_btf;
	u32 id = env->in->attach_btf_id, index = env->in->attach_type;
	struct btype_member m;
	const struct btf_type *t;
	const char *name;

	if (!env->in->is_gpl)
		return TARGET_SAYS(env, "struct ops programs must have a GPL compatible license\n");
	t = btf && id ? btype_by_id(btf, id) : NULL;
	if (!t || btype_kind(t) != BTF_KIND_STRUCT)
		return verify_refuse(env, REASON_ATTACH_UNSUPPORTED,
			"attach_btf_id %u is not a supported struct\n", id);
	name = btype_name_of(btf, t);
	if (strcmp(name, "bpf_dummy_ops") != 0)
		return verify_unsupported(env, "a struct_ops program of this struct");
	if (index >= btype_vlen(t))
		return TARGET_SAYS(
			env, "attach to invalid member idx %u of struct %s\n", index, name);
	m = btype_member(btf, t, index);
	env->attach_name = m.name;
	env->attach_proto = btype_resolve_func_ptr(btf, m.type, &env->attach_proto_id);
	if (!env->attach_proto)
		return TARGET_SAYS(env, "attach to invalid member %s(@idx %u) of struct %s\n",
			m.name, index, name);
	if (env->is_sleepable && strcmp(m.name, "test_sleepable") != 0)
		return TARGET_SAYS(
			env, "attach to unsupported member %s of struct %s\n", m.name, name);
	return 0;
}

int attach_check(struct verify_env *env)
{
	u32 type = env->in->prog_type;

	if (type == BPF_PROG_TYPE_SYSCALL)
		return env->is_sleepable
			? 0
			: TARGET_SAYS(env, "Syscall programs can only be sleepable\n");
	if (env->is_sleepable && !progtype_can_sleep(type, env->in->attach_type))
		return TARGET_SAYS(env,
			"Only fentry/fexit/fmod_ret, lsm, iter, uprobe, and struct_ops programs "
			"can be "
			"sleepable\n");
	switch (type) {
	case BPF_PROG_TYPE_STRUCT_OPS: return check_struct_ops(env);
	case BPF_PROG_TYPE_EXT: return verify_unsupported(env, "an extension program");
	case BPF_PROG_TYPE_TRACING:
	case BPF_PROG_TYPE_LSM: return check_target(env);
	default: return 0;
	}
}

bool attach_args_are_trusted(const struct verify_env *env)
{
	return !funcset_has(FUNCSET_lsm_untrusted, env->attach_name);
}
