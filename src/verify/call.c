// SPDX-License-Identifier: BSD-2-Clause
/*
 * Calls of helpers: may this program call it, do the arguments fit (arg.c), what does it do to
 * references, maps and packet pointers, and what is in R0 afterwards.
 */
#include "verify/check.h"

#include <errno.h>

#define ERRNO_MAX	    4095
#define CUSTOM_HELPER_FIRST 0x10000

static const char *name_of(u32 id)
{
	const char *name = helper_name(id);

	return name ? name : "unknown";
}

/* A custom program type names the custom helpers that it may call; the kernel's types may all. */
static bool is_granted(const struct verify_input *in, u32 id)
{
	if (in->prog_type < HACHI_BPF_PROG_TYPE_CUSTOM)
		return true;
	for (u32 i = 0; i < in->custom_helper_count; i++)
		if (in->custom_helpers[i] == id)
			return true;
	return false;
}

enum helper_access call_spec(
	const struct verify_env *env, s32 func, const struct helper_spec **ret_spec)
{
	struct helper_query query;

	if (func >= CUSTOM_HELPER_FIRST && env->world->ops->custom_helper) {
		*ret_spec = env->world->ops->custom_helper(env->world, (u32)func);
		if (!*ret_spec)
			return HELPER_UNKNOWN;
		return is_granted(env->in, (u32)func) ? HELPER_OK : HELPER_NOT_HERE;
	}
	if (func < 0)
		return HELPER_UNKNOWN;
	query = (struct helper_query){
		.prog_type = env->prog_type,
		.attach_type = env->in->attach_type,
		.caps = env->world->caps,
		.kernel = env->kernel,
		.is_sleepable = env->is_sleepable,
		.target = env->attach_name,
	};
	return helper_spec_for((u32)func, &query, ret_spec);
}

static int check_allowed(struct verify_env *env, s32 func, const struct helper_spec **ret_spec)
{
	const char *name = name_of((u32)func);
	const struct helper_spec *spec = NULL;

	switch (call_spec(env, func, &spec)) {
	case HELPER_OK: break;
	case HELPER_UNKNOWN:
		return verify_refuse(
			env, REASON_HELPER_UNKNOWN, "invalid func %s#%d\n", name, func);
	case HELPER_TOO_NEW:
		return verify_refuse(env, REASON_HELPER_UNKNOWN, "invalid func unknown#%d\n", func);
	case HELPER_NOT_IN_PROBE:
		return verify_refuse(
			env, REASON_HELPER_PROBE, "helper call is not allowed in probe\n");
	case HELPER_NOT_HERE:
	case HELPER_NEEDS_CAPS:
		return verify_refuse(env, REASON_HELPER_NOT_HERE,
			"program of this type cannot use helper %s#%d\n", name, func);
	}
	if (!env->in->is_gpl && spec->flags & HELPER_GPL_ONLY)
		return verify_refuse(env, REASON_GPL,
			"cannot call GPL-restricted function from non-GPL compatible program\n");
	if (spec->flags & HELPER_MIGHT_SLEEP) {
		if (!in_sleepable(env))
			return verify_refuse(env, REASON_SLEEP,
				"helper call might sleep in a non-sleepable prog\n");
		if (env->cur->rcu_lock)
			return verify_refuse(env, REASON_SLEEP,
				"sleepable helper %s#%d in rcu_read_lock region\n", name, func);
		if (env->cur->preempt_lock)
			return verify_refuse(env, REASON_SLEEP,
				"sleepable helper %s#%d in non-preemptible region\n", name, func);
		env->out->might_sleep = true;
	}
	*ret_spec = spec;
	return 0;
}

/* ---- which maps go with which helpers -------------------------------------------------------- */

int call_map_compatible(struct verify_env *env, const struct verify_map *map, u32 func)
{
	if (!map || maptype_allows_helper(map->type, func, env->prog_type, env->in->attach_type))
		return 0;
	if ((map->type == BPF_MAP_TYPE_SOCKMAP || map->type == BPF_MAP_TYPE_SOCKHASH) &&
		(func == BPF_FUNC_map_update_elem || func == BPF_FUNC_map_delete_elem))
		verify_say(env, "cannot update sockmap in this context\n");
	return verify_refuse(env, REASON_MAP_HELPER, "cannot pass map_type %d into func %s#%d\n",
		map->type, name_of(func), func);
}

/* Remembers the map, for facts; it must be one that the program may change. */
static int record_map(struct verify_env *env, const struct call_meta *meta)
{
	struct insn_aux *aux = cur_aux(env);
	u32 func = meta->func;

	switch (func) {
	case BPF_FUNC_map_update_elem:
	case BPF_FUNC_map_delete_elem:
	case BPF_FUNC_map_push_elem:
	case BPF_FUNC_map_pop_elem:
		if (meta->map && meta->map->is_rdonly_prog)
			return verify_refuse(env, REASON_READ_ONLY, "write into map forbidden\n");
		break;
	default: break;
	}
	if (!meta->map)
		return 0;
	if (!aux->map)
		aux->map = meta->map;
	else if (aux->map->handle != meta->map->handle)
		aux->map_poisoned = 1;
	return 0;
}

/* A tail call with an index that is always the same can be a jump. */
static int record_key(struct verify_env *env, const struct call_meta *meta)
{
	const struct reg *index = cur_reg(env, BPF_REG_3);

	if (meta->func != BPF_FUNC_tail_call)
		return 0;
	env->out->uses_tail_call = true;
	if (index->type != REG_SCALAR || !reg_var_is_const(index) ||
		index->val.var_off.value >= meta->map->max_entries)
		return 0;
	return precision_mark(env, BPF_REG_3);
}

/* ---- references ------------------------------------------------------------------------------ */

static bool acquires(const struct call_meta *meta)
{
	if (meta->spec->flags & HELPER_ACQUIRES)
		return true;
	return meta->func == BPF_FUNC_map_lookup_elem && meta->map &&
		(meta->map->type == BPF_MAP_TYPE_SOCKMAP ||
			meta->map->type == BPF_MAP_TYPE_SOCKHASH);
}

static int release(struct verify_env *env, struct call_meta *meta)
{
	struct reg *reg = cur_reg(env, meta->release_regno);
	int err = -EINVAL;

	if (!meta->release_regno)
		return 0;
	if ((meta->spec->arg[meta->release_regno - 1] & ARG_TYPE_MASK) == ARG_DYNPTR)
		err = dynptr_release(env, reg);
	else if (meta->ref_id)
		err = ref_release(env, meta->ref_id);
	else if (reg_is_null(reg))
		err = 0;
	if (!err)
		return 0;
	return verify_refuse(env, REASON_NOT_A_REFERENCE,
		"func %s#%d reference has not been acquired before\n", name_of(meta->func),
		meta->func);
}

/* ---- helpers with rules of their own --------------------------------------------------------- */

static int check_tail_call(struct verify_env *env)
{
	int leak = env->kernel >= KERNEL(6, 13) ? ref_check_leak(env, false, "tail_call") : 0;

	if (leak)
		return leak;
	if (env->cur->lock)
		return verify_refuse(env, REASON_LOCK_HELD,
			"tail_call cannot be used inside bpf_spin_lock-ed region\n");
	leak = ref_check_leak(env, false, "tail_call");
	if (leak)
		return leak;
	if (env->cur->rcu_lock)
		return verify_refuse(env, REASON_LOCK_HELD,
			"tail_call cannot be used inside bpf_rcu_read_lock-ed region\n");
	if (env->cur->preempt_lock)
		return verify_refuse(env, REASON_LOCK_HELD,
			"tail_call cannot be used inside bpf_preempt_disable-ed region\n");
	return 0;
}

static int check_special(
	struct verify_env *env, const struct insn *insn, struct call_meta *meta, bool *changes_data)
{
	char text[REG_TYPE_TEXT];
	struct reg *r1 = cur_reg(env, BPF_REG_1);

	switch (meta->func) {
	case BPF_FUNC_tail_call: return check_tail_call(env);
	case BPF_FUNC_get_local_storage:
		if (!reg_is_null(cur_reg(env, BPF_REG_2)))
			return verify_refuse(env, REASON_ARG_VALUE,
				"get_local_storage() doesn't support non-zero flags\n");
		return precision_mark(env, BPF_REG_2);
	case BPF_FUNC_snprintf: return format_check_snprintf(env);
	case BPF_FUNC_dynptr_from_mem:
		if (r1->type != REG_MAP_VALUE)
			return verify_refuse(env, REASON_ARG_TYPE,
				"Unsupported reg type %s for bpf_dynptr_from_mem data\n",
				reg_type_text(r1->type, text));
		return 0;
	case BPF_FUNC_dynptr_data:
		return dynptr_describe(env, r1, &meta->dynptr_id, &meta->ref_id)
			? verify_refuse(env, REASON_DYNPTR,
				  "verifier internal error: failed to obtain dynptr id\n")
			: 0;
	case BPF_FUNC_dynptr_write:
		*changes_data |= dynptr_kind_of(env, r1) == DYNPTR_SKB;
		return 0;
	case BPF_FUNC_set_retval:
		if (env->prog_type == BPF_PROG_TYPE_LSM && env->attach_proto &&
			!env->attach_proto->type)
			return verify_refuse(env, REASON_ARG_VALUE,
				"BPF_LSM_CGROUP that attach to void LSM hooks can't modify return "
				"value!\n");
		return 0;
	default: break;
	}
	if (meta->spec->flags & (HELPER_CALLBACK_SYNC | HELPER_CALLBACK_ASYNC))
		return callback_for_helper(env, insn, meta);
	return 0;
}

/* ---- the result ------------------------------------------------------------------------------ */

static u32 ret_flags(u32 ret)
{
	return (ret & RET_MAYBE_NULL ? REG_MAYBE_NULL : 0u) |
		(ret & RET_TRUSTED ? REG_TRUSTED : 0u) | (ret & RET_RINGBUF ? REG_RINGBUF : 0u) |
		(ret & RET_RDONLY ? REG_RDONLY : 0u);
}

static int set_typed_result(struct verify_env *env, struct reg *r0, const struct call_meta *meta)
{
	const struct btf *kernel = kernel_btf(env);
	int id;

	if (meta->func == BPF_FUNC_kptr_xchg) {
		r0->btf = meta->kptr->btf;
		r0->btf_id = meta->kptr->type;
		if (!btype_is_kernel(r0->btf))
			return verify_unsupported(env, "a kptr to the program's own type");
		return 0;
	}
	id = kernel && meta->spec->ret_btf
		? btype_find(kernel, meta->spec->ret_btf, BTF_KIND_STRUCT)
		: -ENOENT;
	if (id <= 0)
		return verify_refuse(env, REASON_KERNEL_BTF,
			"invalid return type %u of func %s#%d\n", meta->spec->ret & RET_TYPE_MASK,
			name_of(meta->func), meta->func);
	r0->btf = kernel;
	r0->btf_id = (u32)id;
	return 0;
}

/* A per-CPU variable: memory, or an object whose type is known. */
static int set_variable_result(struct verify_env *env, struct reg *r0, const struct call_meta *meta)
{
	u32 flags = ret_flags(meta->spec->ret), id, size;
	const struct btf_type *t = btype_skip_mods(meta->btf, meta->btf_id, &id);

	if (t && btype_is_composite(t)) {
		r0->type = REG_BTF | (flags & ~(u32)REG_RDONLY);
		r0->btf = meta->btf;
		r0->btf_id = meta->btf_id;
		return 0;
	}
	if (!t || btype_size(meta->btf, id, &size))
		return verify_refuse(env, REASON_KERNEL_BTF,
			"unable to resolve the size of type '%s': %d\n",
			t ? btype_name_of(meta->btf, t) : "", -EINVAL);
	r0->type = REG_MEM | flags;
	r0->mem_size = size;
	return 0;
}

static int set_result(struct verify_env *env, const struct call_meta *meta)
{
	struct reg *r0 = cur_reg(env, BPF_REG_0);
	u32 ret = meta->spec->ret, flags = ret_flags(ret);

	switch (ret & RET_TYPE_MASK) {
	case RET_INTEGER: mark_unknown(env, r0); return 0;
	case RET_VOID: r0->type = REG_NOT_INIT; return 0;
	case RET_MAP_VALUE:
		if (!meta->map)
			return verify_refuse(
				env, REASON_INTERNAL, "kernel subsystem misconfigured verifier\n");
		if (meta->func == BPF_FUNC_map_lookup_elem && meta->has_key &&
			meta->key < meta->map->max_entries)
			flags &= ~(u32)REG_MAYBE_NULL;
		mark_pointer(r0, REG_MAP_VALUE | flags);
		r0->map = meta->map;
		r0->map_uid = meta->map_uid;
		if (!(flags & REG_MAYBE_NULL) && meta->map->fields &&
			meta->map->fields->kinds & (BTYPE_SPIN_LOCK | BTYPE_RES_SPIN_LOCK))
			r0->id = ++env->id_gen;
		return 0;
	case RET_SOCKET: mark_pointer(r0, REG_SOCKET | flags); return 0;
	case RET_SOCK_COMMON: mark_pointer(r0, REG_SOCK_COMMON | flags); return 0;
	case RET_TCP_SOCK: mark_pointer(r0, REG_TCP_SOCK | flags); return 0;
	case RET_MEM:
		mark_pointer(r0, REG_MEM | flags);
		r0->mem_size = (u32)meta->mem_size;
		return 0;
	case RET_MEM_OR_BTF_ID:
		mark_pointer(r0, REG_SCALAR);
		return set_variable_result(env, r0, meta);
	case RET_BTF_ID: mark_pointer(r0, REG_BTF | flags); return set_typed_result(env, r0, meta);
	default:
		return verify_refuse(env, REASON_INTERNAL, "unknown return type %u of func %s#%d\n",
			ret & RET_TYPE_MASK, name_of(meta->func), meta->func);
	}
}

static int set_result_ids(struct verify_env *env, const struct call_meta *meta)
{
	struct reg *r0 = cur_reg(env, BPF_REG_0);
	u32 id;

	if (reg_maybe_null(r0))
		r0->id = ++env->id_gen;
	if (meta->func == BPF_FUNC_dynptr_data)
		r0->dynptr_id = meta->dynptr_id;
	if (meta->spec->flags & (HELPER_PTR_CAST | HELPER_DYNPTR_REF)) {
		r0->ref_id = meta->ref_id;
	} else if (acquires(meta)) {
		if (ref_acquire(env, (u32)env->insn, &id))
			return -ENOMEM;
		r0->id = id;
		r0->ref_id = id;
	}
	return 0;
}

/* What is known of a number that a helper returns. */
static int refine_result(struct verify_env *env, const struct call_meta *meta)
{
	struct reg *r0 = cur_reg(env, BPF_REG_0);

	if ((meta->spec->ret & RET_TYPE_MASK) != RET_INTEGER)
		return 0;
	switch (meta->func) {
	case BPF_FUNC_get_stack:
	case BPF_FUNC_get_task_stack:
	case BPF_FUNC_probe_read_str:
	case BPF_FUNC_probe_read_kernel_str:
	case BPF_FUNC_probe_read_user_str:
		/* bytes written, or an error */
		r0->val.smax = (s64)meta->size_max;
		r0->val.s32_max = (s32)meta->size_max;
		r0->val.smin = r0->val.s32_min = -ERRNO_MAX;
		scalar_sync(&r0->val);
		break;
	case BPF_FUNC_get_smp_processor_id: r0->val = scalar_from_urange(0, CPUS_MAX - 1); break;
	default: break;
	}
	return reg_check_sane(env, r0, "retval");
}

static int check_func_ip(struct verify_env *env, u32 func)
{
	if (func != BPF_FUNC_get_func_ip || env->prog_type == BPF_PROG_TYPE_KPROBE)
		return 0;
	if (env->prog_type != BPF_PROG_TYPE_TRACING)
		return verify_refuse(env, REASON_HELPER_ATTACH,
			"func %s#%d not supported for program type %d\n", name_of(func), func,
			env->prog_type);
	switch (env->in->attach_type) {
	case BPF_TRACE_FENTRY:
	case BPF_TRACE_FEXIT:
	case BPF_MODIFY_RETURN: return 0;
	default:
		return verify_refuse(env, REASON_HELPER_ATTACH,
			"func %s#%d supported only for fentry/fexit/fmod_ret programs\n",
			name_of(func), func);
	}
}

static int check_args(struct verify_env *env, struct call_meta *meta)
{
	int err = 0;

	for (u32 i = 0; !err && i < 5; i++)
		err = arg_check(env, i, meta);
	if (!err)
		err = record_map(env, meta);
	if (!err)
		err = record_key(env, meta);
	/* what the helper fills is written byte by byte */
	for (s32 i = 0; !err && i < meta->access_size; i++)
		err = access_check(env, meta->raw_regno, i, 1, true, -1, false, false);
	return err;
}

/*
 * A tail call in a function: the program that it ends in returns to the function's caller, with
 * whatever value, and may have moved the packet. That path is followed here, the one on which the
 * call fails is kept for later.
 */
static int tail_call_from_function(struct verify_env *env)
{
	int err = 0;

	scratch_reg(env, BPF_REG_0);
	if (!explore_push(env, env->insn + 1, env->insn, false, &err))
		return err;
	env->out->changes_pkt_data = true;
	call_clear_packets(env);
	mark_unknown(env, cur_reg(env, BPF_REG_0));
	err = function_exit(env);
	env->insn--; /* the step to the next instruction follows */
	return err;
}

int call_helper(struct verify_env *env, const struct insn *insn)
{
	struct call_meta meta = {.func = (u32)insn->imm};
	bool changes_data;
	int err = check_allowed(env, insn->imm, &meta.spec);

	if (err)
		return err;
	changes_data = meta.spec->flags & HELPER_CHANGES_PKT_DATA;
	meta.pkt_access = meta.spec->flags & HELPER_PKT_ACCESS;
	err = check_args(env, &meta);
	if (!err)
		err = release(env, &meta);
	if (!err)
		err = check_special(env, insn, &meta, &changes_data);
	if (err)
		return err;
	live_clobber_caller_saved(env, cur_frame(env)->regs);
	cur_reg(env, BPF_REG_0)->subreg_def = 0;
	err = set_result(env, &meta);
	if (!err)
		err = set_result_ids(env, &meta);
	if (!err)
		err = refine_result(env, &meta);
	if (!err)
		err = call_map_compatible(env, meta.map, meta.func);
	if (!err)
		err = check_func_ip(env, meta.func);
	if (err)
		return err;
	if (meta.func == BPF_FUNC_tail_call) {
		if (env->kernel >= KERNEL(6, 18) && env->cur->curframe)
			return tail_call_from_function(env);
		/* of older kernels: whatever program it ends in may move the packet */
		changes_data = env->kernel < KERNEL(6, 18);
	}
	if (changes_data) {
		env->out->changes_pkt_data = true;
		call_clear_packets(env);
	}
	return 0;
}
