// SPDX-License-Identifier: BSD-2-Clause
/*
 * Calls of kernel functions by BTF id. Their types say what they take and return; flags that are
 * not in BTF come from spec/kfuncs.def. A function that is not in that table, or that handles
 * objects of the program's own types, is not modelled: a program that names one is refused.
 */
#include "base/str.h"
#include "verify/kfunc.h"

#include <errno.h>

static const struct btf *kfunc_btf(const struct verify_env *env, const struct insn *insn)
{
	return insn->off ? NULL : kernel_btf(env);
}

/* In the table, and none of those that handle objects of the program's own types or never return.
 */
static bool is_modelled(const char *name)
{
	static const char *const others[] = {"crash_kexec", "bpf_throw", "bpf_obj_new_impl",
		"bpf_obj_drop_impl", "bpf_percpu_obj_new_impl", "bpf_percpu_obj_drop_impl",
		"bpf_refcount_acquire_impl", "bpf_list_", "bpf_rbtree_", "bpf_wq_",
		"bpf_iter_css_task_"};

	for (u32 i = 0; i < ARRAY_SIZE(others); i++)
		if (str_starts_with(name, others[i]))
			return false;
	return kfunc_spec_by_name(name) != NULL;
}

int kfunc_add(struct verify_env *env, const struct insn *insn)
{
	const struct btf *btf = kernel_btf(env);
	const struct btf_type *t;

	if (!btf)
		return verify_refuse(env, REASON_KFUNC_BTF,
			"calling kernel function is not supported without CONFIG_DEBUG_INFO_BTF\n");
	if (!env->in->is_gpl)
		return verify_refuse(env, REASON_GPL,
			"cannot call kernel function from non-GPL compatible program\n");
	/* a weak function that the kernel does not have: fine unless a path calls it */
	if (!insn->imm && !insn->off)
		return 0;
	if (insn->off)
		return verify_unsupported(env, "a call of a kernel module's function");
	t = btype_by_id(btf, (u32)insn->imm);
	if (!t || btype_kind(t) != BTF_KIND_FUNC)
		return verify_refuse(
			env, REASON_KFUNC, "kernel btf_id %u is not a function\n", (u32)insn->imm);
	if (!btype_func_proto(btf, (u32)insn->imm))
		return verify_refuse(env, REASON_KFUNC,
			"kernel function btf_id %u does not have a valid func_proto\n",
			(u32)insn->imm);
	if (!is_modelled(btype_name_of(btf, t)))
		return verify_unsupported(env, "a call of this kernel function");
	return 0;
}

/* 0, or -EACCES: this program type may not call it. */
static int find(struct verify_env *env, const struct insn *insn, struct kfunc_call *call)
{
	call->btf = kfunc_btf(env, insn);
	if (!call->btf || !insn->imm)
		return -EINVAL;
	call->proto = btype_func_proto(call->btf, (u32)insn->imm);
	call->name = btype_name(call->btf, (u32)insn->imm);
	call->spec = kfunc_spec_by_name(call->name);
	if (!call->spec || !call->proto)
		return -EINVAL;
	return kfunc_allowed(call->spec, env->prog_type, env->kernel) ? 0 : -EACCES;
}

void kfunc_mark_cfg(struct verify_env *env, u32 insn)
{
	struct kfunc_call call = {0};

	if (find(env, &env->insns[insn], &call) == 0 && call.spec->flags & KFUNC_ITER_NEXT)
		env->aux[insn].prune_point = env->aux[insn].force_checkpoint = 1;
}

bool kfunc_fastcall_mask(struct verify_env *env, const struct insn *insn, u32 *ret_clobbers)
{
	struct kfunc_call call = {0};

	if (find(env, insn, &call))
		return false;
	*ret_clobbers = call.proto->type != 0;
	for (u32 i = 0; i < btype_vlen(call.proto); i++)
		*ret_clobbers |= 2u << i;
	return true;
}

bool kfunc_is_fastcall(struct verify_env *env, const struct insn *insn)
{
	struct kfunc_call call = {0};

	return find(env, insn, &call) == 0 &&
		(strcmp(call.name, "bpf_cast_to_kern_ctx") == 0 ||
			strcmp(call.name, "bpf_rdonly_cast") == 0);
}

/* ---- sections -------------------------------------------------------------------------------- */

static bool is_named(const struct kfunc_call *call, const char *name)
{
	return strcmp(call->name, name) == 0;
}

/* What was safe to use only in the section is a number to be checked from now on. */
static void leave_rcu(struct verify_env *env)
{
	for (u32 f = 0; f <= env->cur->curframe; f++) {
		struct frame *frame = env->cur->frames[f];

		for (u32 i = 0; i < INSN_REG_COUNT + frame->slot_count; i++) {
			struct slot *s =
				i < INSN_REG_COUNT ? NULL : &frame->slots[i - INSN_REG_COUNT];
			struct reg *r = s ? &s->spilled : &frame->regs[i];

			if (s && s->kind[SLOT_SIZE - 1] != SLOT_SPILL &&
				s->kind[SLOT_SIZE - 1] != SLOT_ITER)
				continue;
			if (r->type & REG_RCU)
				r->type = (r->type & ~(u32)(REG_RCU | REG_MAYBE_NULL)) |
					REG_UNTRUSTED;
		}
	}
	env->cur->rcu_lock = false;
}

static int check_rcu(struct verify_env *env, const struct kfunc_call *call)
{
	bool lock = is_named(call, "bpf_rcu_read_lock");
	bool unlock = is_named(call, "bpf_rcu_read_unlock");

	if (!env->cur->rcu_lock) {
		if (unlock)
			return verify_refuse(env, REASON_LOCK,
				"unmatched rcu read unlock (kernel function %s)\n", call->name);
		env->cur->rcu_lock = lock;
		return 0;
	}
	if (lock)
		return verify_refuse(env, REASON_LOCK,
			"nested rcu read lock (kernel function %s)\n", call->name);
	if (unlock)
		leave_rcu(env);
	else if (call->spec->flags & KFUNC_SLEEPABLE)
		return verify_refuse(env, REASON_KFUNC_SLEEP,
			"kernel func %s is sleepable within rcu_read_lock region\n", call->name);
	return 0;
}

static int check_preempt(struct verify_env *env, const struct kfunc_call *call)
{
	if (is_named(call, "bpf_preempt_disable")) {
		env->cur->preempt_lock++;
	} else if (is_named(call, "bpf_preempt_enable")) {
		if (!env->cur->preempt_lock)
			return verify_refuse(env, REASON_LOCK,
				"unmatched attempt to enable preemption (kernel function %s)\n",
				call->name);
		env->cur->preempt_lock--;
	} else if (env->cur->preempt_lock && call->spec->flags & KFUNC_SLEEPABLE) {
		return verify_refuse(env, REASON_KFUNC_SLEEP,
			"kernel func %s is sleepable within non-preemptible region\n", call->name);
	}
	return 0;
}

/* ---- the result ------------------------------------------------------------------------------ */

static int set_slice(struct verify_env *env, struct reg *r0, const struct kfunc_call *call)
{
	u32 flags = call->dynptr_kind == DYNPTR_SKB   ? REG_DYNPTR_SKB
		: call->dynptr_kind == DYNPTR_XDP     ? REG_DYNPTR_XDP
		: call->dynptr_kind == DYNPTR_RINGBUF ? REG_DYNPTR_RINGBUF
		: call->dynptr_kind == DYNPTR_LOCAL   ? REG_DYNPTR_LOCAL
						      : 0u;

	if (is_named(call, "bpf_dynptr_slice"))
		flags |= REG_RDONLY;
	else if (!access_may_packet(env, NULL, true))
		return verify_refuse(
			env, REASON_KFUNC_ARG, "the prog does not allow writes to packet data\n");
	if (bug_on(!call->has_constant || !call->dynptr_id))
		return verify_refuse(env, REASON_INTERNAL,
			"verifier internal error: bpf_dynptr_slice(_rdwr) no constant size\n");
	mark_pointer(r0, REG_MEM | flags);
	r0->mem_size = (u32)call->constant;
	r0->dynptr_id = call->dynptr_id;
	return 0;
}

static int set_cast(struct verify_env *env, struct reg *r0, const struct kfunc_call *call)
{
	const struct btf_type *t = btype_by_id(call->btf, (u32)call->constant);

	if (!t || !btype_is_composite(t))
		return verify_refuse(env, REASON_KFUNC_ARG,
			"kfunc bpf_rdonly_cast type ID argument must be of a struct\n");
	mark_btf_pointer(env, r0, call->btf, (u32)call->constant, REG_UNTRUSTED);
	return 0;
}

static int set_memory(struct verify_env *env, struct reg *r0, struct kfunc_call *call,
	const struct btf_type *t, u32 id)
{
	u32 size;

	if (btype_is_void(t)) {
		mark_unknown(env, r0);
		return 0;
	}
	if (!call->ret_size && btype_size(call->btf, id, &size) == 0) {
		call->ret_size = size;
		call->ret_is_rdonly = true;
	}
	if (!call->ret_size)
		return verify_refuse(env, REASON_KFUNC_ARG,
			"kernel function %s returns pointer type %s %s is not supported\n",
			call->name, btype_kind_name(btype_kind(t)), btype_name_of(call->btf, t));
	mark_pointer(r0, REG_MEM | (call->ret_is_rdonly ? REG_RDONLY : 0u));
	r0->mem_size = (u32)call->ret_size;
	r0->ref_id = call->ref_id;
	return 0;
}

static int set_pointer(
	struct verify_env *env, struct reg *r0, struct kfunc_call *call, const struct btf_type *ptr)
{
	u32 id, flags = 0;
	const struct btf_type *t = btype_skip_mods(call->btf, ptr->type, &id);

	if (is_named(call, "bpf_dynptr_slice") || is_named(call, "bpf_dynptr_slice_rdwr"))
		return set_slice(env, r0, call);
	if (is_named(call, "bpf_rdonly_cast"))
		return set_cast(env, r0, call);
	if (is_named(call, "bpf_cast_to_kern_ctx")) {
		mark_btf_pointer(env, r0, call->btf, call->ret_btf_id, REG_TRUSTED);
		return 0;
	}
	if (!t || !btype_is_composite(t))
		return set_memory(env, r0, call, t, id);
	if (call->spec->flags & KFUNC_ITER_NEXT)
		flags = iter_of(env->cur, call)->type & REG_RCU ? REG_RCU : REG_TRUSTED;
	mark_btf_pointer(env, r0, call->btf, id, flags);
	return 0;
}

static int set_result(struct verify_env *env, struct kfunc_call *call)
{
	struct reg *r0 = cur_reg(env, BPF_REG_0);
	const struct btf_type *t = btype_skip_mods(call->btf, call->proto->type, NULL);
	u32 id;
	int err;

	if (!t || btype_is_void(t))
		return 0;
	r0->live |= LIVE_WRITTEN;
	r0->subreg_def = 0;
	if (!btype_is_ptr(t)) {
		mark_unknown(env, r0);
		r0->subreg_def = t->size == 8 ? 0 : env->insn + 1;
		return 0;
	}
	err = set_pointer(env, r0, call, t);
	if (err)
		return err;
	if (call->spec->flags & KFUNC_RET_NULL) {
		r0->type |= REG_MAYBE_NULL;
		r0->id = ++env->id_gen;
	}
	if (call->spec->flags & KFUNC_ACQUIRE) {
		if (ref_acquire(env, (u32)env->insn, &id))
			return -ENOMEM;
		if (call->spec->flags & KFUNC_RET_NULL)
			r0->id = id;
		r0->ref_id = id;
	}
	return 0;
}

/* Arguments are read as wide as their types say. */
static void mark_args_read(struct verify_env *env, const struct kfunc_call *call)
{
	for (u32 i = 0; i < btype_vlen(call->proto); i++) {
		const struct btf_type *t =
			btype_skip_mods(call->btf, btype_params(call->proto)[i].type, NULL);
		struct reg *r = cur_reg(env, i + 1);
		bool whole = !t || btype_is_ptr(t) || t->size == 8;

		if (whole)
			live_mark_zext(env, r);
		live_mark_read(env, r, r->parent, whole ? LIVE_READ64 : LIVE_READ32);
	}
}

static int check_allowed(struct verify_env *env, const struct insn *insn, struct kfunc_call *call)
{
	int err = find(env, insn, call);

	if (err == -EACCES)
		return verify_refuse(env, REASON_KFUNC_NOT_HERE,
			"calling kernel function %s is not allowed\n", call->name);
	if (err)
		return verify_refuse(env, REASON_KFUNC, "%s", "");
	cur_aux(env)->is_iter_next = !!(call->spec->flags & KFUNC_ITER_NEXT);
	if (call->spec->flags & KFUNC_SLEEPABLE && !in_sleepable(env))
		return verify_refuse(env, REASON_KFUNC_SLEEP,
			"program must be sleepable to call sleepable kfunc %s\n", call->name);
	return 0;
}

int call_kfunc(struct verify_env *env, const struct insn *insn)
{
	struct kfunc_call call = {0};
	int err;

	if (!insn->imm)
		return verify_refuse(env, REASON_KFUNC,
			"invalid kernel function call not eliminated in verifier pass\n");
	err = check_allowed(env, insn, &call);
	if (!err)
		err = kfunc_check_args(env, &call);
	if (!err)
		err = check_rcu(env, &call);
	if (!err)
		err = check_preempt(env, &call);
	if (err)
		return err;
	if (call.release_regno && ref_release(env, cur_reg(env, call.release_regno)->ref_id))
		return verify_refuse(env, REASON_NOT_A_REFERENCE,
			"kfunc %s#%d reference has not been acquired before\n", call.name,
			insn->imm);
	for (u32 i = BPF_REG_0; i <= BPF_REG_5; i++)
		mark_not_init(env, cur_reg(env, i));
	err = set_result(env, &call);
	if (err)
		return err;
	mark_args_read(env, &call);
	if (call.spec->flags & KFUNC_SLEEPABLE)
		env->out->might_sleep = true;
	return call.spec->flags & KFUNC_ITER_NEXT ? iter_next(env, &call) : 0;
}
