// SPDX-License-Identifier: BSD-2-Clause
/*
 * Spin locks, RCU read sections, disabled preemption: what may not happen while one is held, and
 * that none is held at the end. A lock is known by its map (or type) and the id of the pointer to
 * the value that holds it.
 */
#include "verify/check.h"

#include <errno.h>

static int find_lock(struct verify_env *env, u32 regno, const void **ret_owner)
{
	const struct reg *reg = cur_reg(env, regno);
	const struct verify_map *map = NULL;
	const struct btype_fields *fields;
	u64 where = reg->val.var_off.value + (u64)(s64)reg->off;

	if (!reg_var_is_const(reg))
		return verify_refuse(env, REASON_LOCK,
			"R%d doesn't have constant offset. bpf_spin_lock has to be at the constant "
			"offset\n",
			regno);
	if (reg->type == REG_MAP_VALUE) {
		map = reg->map;
		if (!map->btf)
			return verify_refuse(env, REASON_LOCK,
				"map '%s' has to have BTF in order to use bpf_spin_lock\n",
				map->name);
	}
	fields = reg_fields(reg);
	if (!fields || !(fields->kinds & BTYPE_SPIN_LOCK))
		return verify_refuse(env, REASON_LOCK, "%s '%s' has no valid bpf_spin_lock\n",
			map ? "map" : "local", map ? map->name : "kptr");
	if ((u64)(s64)fields->spin_lock_off != where)
		return verify_refuse(env, REASON_LOCK,
			"off %lld doesn't point to 'struct bpf_spin_lock' that is at %d\n",
			(long long)where, fields->spin_lock_off);
	*ret_owner = map ? (const void *)map : (const void *)reg->btf;
	return 0;
}

int lock_spin(struct verify_env *env, u32 regno, bool is_lock)
{
	const struct reg *reg = cur_reg(env, regno);
	struct state *cur = env->cur;
	const void *owner = NULL;
	struct frame *frame;
	struct reg *r;
	int err = find_lock(env, regno, &owner);

	if (err)
		return err;
	if (is_lock) {
		if (cur->lock)
			return verify_refuse(
				env, REASON_LOCK, "Locking two bpf_spin_locks are not allowed\n");
		cur->lock = owner;
		cur->lock_id = reg->id;
		return 0;
	}
	if (!cur->lock)
		return verify_refuse(env, REASON_LOCK, "bpf_spin_unlock without taking a lock\n");
	if (cur->lock != owner || cur->lock_id != reg->id)
		return verify_refuse(env, REASON_LOCK, "bpf_spin_unlock of different lock\n");
	/* what the lock kept alive may be gone */
	for_each_reg(cur, frame, r, {
		if (r->type & REG_NON_OWN)
			mark_invalid(env, r);
	}) cur->lock = NULL;
	cur->lock_id = 0;
	return 0;
}

int lock_check_call(struct verify_env *env, const struct insn *insn)
{
	if (!env->cur->lock)
		return 0;
	if ((insn->src == 0 && insn->imm != BPF_FUNC_spin_unlock) ||
		insn->src == INSN_PSEUDO_KFUNC_CALL)
		return verify_refuse(
			env, REASON_LOCK, "function calls are not allowed while holding a lock\n");
	return 0;
}

int lock_check_exit(struct verify_env *env, bool exception_exit)
{
	const struct state *cur = env->cur;

	if (!exception_exit && cur->curframe && (!cur->lock || env->kernel >= KERNEL(6, 9)))
		return 0;
	if (cur->lock)
		return verify_refuse(env, REASON_LOCK_HELD, "%s",
			exception_exit ? "bpf_throw cannot be used inside bpf_spin_lock-ed region\n"
				       : "bpf_spin_unlock is missing\n");
	if (cur->rcu_lock)
		return verify_refuse(env, REASON_LOCK_HELD, "%s",
			exception_exit
				? "bpf_throw cannot be used inside bpf_rcu_read_lock-ed region\n"
				: "bpf_rcu_read_unlock is missing\n");
	if (!cur->preempt_lock)
		return 0;
	if (exception_exit)
		return verify_refuse(env, REASON_LOCK_HELD,
			"bpf_throw cannot be used inside bpf_preempt_disable-ed region\n");
	return verify_refuse(env, REASON_LOCK_HELD, "%d bpf_preempt_enable%s missing\n",
		cur->preempt_lock, cur->preempt_lock == 1 ? " is" : "(s) are");
}

int lock_check_insn(struct verify_env *env, const char *what)
{
	const struct state *cur = env->cur;
	const char *region = cur->lock ? "bpf_spin_lock-ed"
		: cur->rcu_lock	       ? "bpf_rcu_read_lock-ed"
		: cur->preempt_lock    ? "bpf_preempt_disable-ed"
				       : NULL;

	if (!region)
		return 0;
	return verify_refuse(
		env, REASON_LOCK_HELD, "%s cannot be used inside %s region\n", what, region);
}
