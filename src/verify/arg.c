// SPDX-License-Identifier: BSD-2-Clause
/*
 * Arguments of helpers: is the register of a kind that the argument takes, and what must hold of
 * the memory it points to. The kinds that fit are a table; what an argument tells about the call
 * (its map, its size, the reference it releases) goes into struct call_meta for later arguments and
 * for the result.
 */
#include "btf/walk.h"
#include "verify/check.h"

#include <errno.h>
#include <stdio.h>

/* Types that fit an argument, in the order that the refusal lists them; 0 ends. */
static const u32 mem_types[] = {REG_STACK, REG_PACKET, REG_PACKET_META, REG_MAP_KEY, REG_MAP_VALUE,
	REG_MEM, REG_MEM | REG_RINGBUF, REG_BUF, REG_BTF | REG_TRUSTED, 0};
static const u32 sock_types[] = {REG_SOCK_COMMON, REG_SOCKET, REG_TCP_SOCK, REG_XDP_SOCK, 0};
static const u32 btf_sock_types[] = {
	REG_SOCK_COMMON, REG_SOCKET, REG_TCP_SOCK, REG_XDP_SOCK, REG_BTF, REG_BTF | REG_TRUSTED, 0};
static const u32 btf_types[] = {REG_BTF, REG_BTF | REG_TRUSTED, REG_BTF | REG_RCU, 0};
static const u32 percpu_types[] = {REG_BTF | REG_PERCPU, REG_BTF | REG_PERCPU | REG_RCU,
	REG_BTF | REG_PERCPU | REG_TRUSTED, 0};
static const u32 scalar_types[] = {REG_SCALAR, 0};
static const u32 map_types[] = {REG_MAP_PTR, 0};
static const u32 ctx_types[] = {REG_CTX, 0};
static const u32 lock_types[] = {REG_MAP_VALUE, REG_BTF | REG_ALLOC, 0};
static const u32 fullsock_types[] = {REG_SOCKET, 0};
static const u32 ringbuf_types[] = {REG_MEM | REG_RINGBUF, 0};
static const u32 func_types[] = {REG_FUNC, 0};
static const u32 stack_types[] = {REG_STACK, 0};
static const u32 map_value_types[] = {REG_MAP_VALUE, 0};
static const u32 kptr_types[] = {REG_MAP_VALUE, REG_BTF | REG_ALLOC, 0};
static const u32 dynptr_types[] = {REG_STACK, REG_DYNPTR, 0};

static const u32 *const fitting[] = {
	[ARG_SCALAR] = scalar_types,
	[ARG_CONST_MAP_PTR] = map_types,
	[ARG_MAP_KEY] = mem_types,
	[ARG_MAP_VALUE] = mem_types,
	[ARG_MEM] = mem_types,
	[ARG_CONST_SIZE] = scalar_types,
	[ARG_CONST_SIZE_OR_ZERO] = scalar_types,
	[ARG_CTX] = ctx_types,
	[ARG_SPIN_LOCK] = lock_types,
	[ARG_SOCK_COMMON] = sock_types,
	[ARG_SOCKET] = fullsock_types,
	[ARG_BTF_ID] = btf_types,
	[ARG_BTF_ID_SOCK_COMMON] = btf_sock_types,
	[ARG_PERCPU_BTF_ID] = percpu_types,
	[ARG_RINGBUF_MEM] = ringbuf_types,
	[ARG_CONST_ALLOC_SIZE_OR_ZERO] = scalar_types,
	[ARG_FUNC] = func_types,
	[ARG_STACK] = stack_types,
	[ARG_CONST_STR] = map_value_types,
	[ARG_TIMER] = map_value_types,
	[ARG_KPTR_XCHG_DEST] = kptr_types,
	[ARG_DYNPTR] = dynptr_types,
};

static u32 arg_kind(u32 arg)
{
	return arg & ARG_TYPE_MASK;
}

static int refuse_type(struct verify_env *env, u32 regno, const u32 *types)
{
	char text[REG_TYPE_TEXT], line[512];
	const struct reg *reg = cur_reg(env, regno);
	int n = snprintf(line, sizeof(line), "R%d type=%s expected=", regno,
		    reg_type_text(reg->type, text)),
	    err;

	for (u32 i = 0; types[i]; i++)
		n += snprintf(line + n, sizeof(line) - (size_t)n, "%s%s", i ? ", " : "",
			reg_type_text(types[i], text));
	err = verify_refuse(
		env, reg_maybe_null(reg) ? REASON_NULL_CHECK : REASON_ARG_TYPE, "%s\n", line);
	verify_blame(env, (s32)regno,
		reg_maybe_null(reg) ? "compare the pointer with 0 before passing it" : NULL);
	return err;
}

/* A typed kernel pointer where one of type btf_id is wanted. */
static int check_btf_type(
	struct verify_env *env, u32 regno, u32 arg, u32 btf_id, const struct call_meta *meta)
{
	const struct reg *reg = cur_reg(env, regno);
	const struct btf *kernel = kernel_btf(env);
	bool strict = arg & ARG_RELEASE && meta->func != BPF_FUNC_sk_release;

	if (reg->type & REG_ALLOC)
		return verify_unsupported(env, "an object of the program's own type here");
	if (reg->type & REG_PERCPU)
		return 0;
	if (reg_maybe_null(reg) && (!(arg & ARG_MAYBE_NULL) || arg & ARG_RELEASE))
		return verify_refuse(env, REASON_NULL_CHECK,
			"Possibly NULL pointer passed to helper arg%d\n", regno);
	if (meta->func == BPF_FUNC_kptr_xchg)
		return kptr_match(env, meta->kptr, regno);
	if (!kernel || !btf_id)
		return verify_refuse(env, REASON_ARG_TYPE,
			"verifier internal error: missing arg compatible BTF ID\n");
	if (btype_ids_match(
		    reg->btf, reg->btf_id, reg->off, kernel, btf_id, strict, false, env->log))
		return 0;
	return verify_refuse(env, REASON_ARG_TYPE, "R%d is of type %s but %s is expected\n", regno,
		btype_name(reg->btf, reg->btf_id), btype_name(kernel, btf_id));
}

static u32 wanted_btf_id(struct verify_env *env, u32 index, u32 arg, const struct call_meta *meta)
{
	const char *name = meta->spec ? meta->spec->arg_btf[index] : NULL;
	int id;

	if (arg_kind(arg) == ARG_BTF_ID_SOCK_COMMON && !name)
		name = "sock_common";
	if (!name || !kernel_btf(env))
		return 0;
	id = btype_find(kernel_btf(env), name, BTF_KIND_STRUCT);
	return id > 0 ? (u32)id : 0;
}

static int check_type(
	struct verify_env *env, u32 regno, u32 arg, u32 btf_id, const struct call_meta *meta)
{
	const struct reg *reg = cur_reg(env, regno);
	const u32 *types = arg_kind(arg) < ARRAY_SIZE(fitting) ? fitting[arg_kind(arg)] : NULL;
	u32 type = reg->type;
	char text[REG_TYPE_TEXT];

	if (!types)
		return verify_unsupported(env, "this kind of helper argument");
	if (arg & ARG_RDONLY)
		type &= ~(u32)REG_RDONLY;
	if (arg & ARG_MAYBE_NULL)
		type &= ~(u32)REG_MAYBE_NULL;
	if (arg_kind(arg) == ARG_MEM)
		type &= ~(u32)REG_DYNPTR_ANY;
	if (meta->func == BPF_FUNC_kptr_xchg && regno == BPF_REG_2 && type & REG_ALLOC)
		type &= ~(u32)(REG_ALLOC | REG_PERCPU);
	for (u32 i = 0;; i++) {
		if (!types[i])
			return refuse_type(env, regno, types);
		if (types[i] == type)
			break;
	}
	if (reg_kind(reg->type) != REG_BTF)
		return 0;
	if (types == mem_types)
		return arg & ARG_RDONLY
			? 0
			: verify_refuse(env, REASON_READ_ONLY,
				  "%s() may write into memory pointed by R%d type=%s\n",
				  helper_name(meta->func), regno, reg_type_text(reg->type, text));
	return check_btf_type(env, regno, arg, btf_id, meta);
}

int arg_btf_pointer(struct verify_env *env, u32 regno, u32 btf_id, u32 arg, struct call_meta *meta)
{
	int err = check_type(env, regno, arg, btf_id, meta);

	return err ? err : arg_reg_off(env, cur_reg(env, regno), regno, arg);
}

/* May the pointer have an offset? */
int arg_reg_off(struct verify_env *env, const struct reg *reg, u32 regno, u32 arg)
{
	if (arg & ARG_RELEASE) {
		if (arg_kind(arg) == ARG_DYNPTR && reg->type == REG_STACK)
			return 0;
		if (reg->off)
			return verify_refuse(env, REASON_POINTER_MODIFIED_RELEASE,
				"R%d must have zero offset when passed to release func or trusted "
				"arg "
				"to kfunc\n",
				regno);
		return access_ptr_off(env, reg, regno, false);
	}
	switch (reg->type) {
	case REG_STACK:
	case REG_PACKET:
	case REG_PACKET_META:
	case REG_MAP_KEY:
	case REG_MAP_VALUE:
	case REG_MEM:
	case REG_MEM | REG_RDONLY:
	case REG_MEM | REG_RINGBUF:
	case REG_BUF:
	case REG_BUF | REG_RDONLY:
	case REG_ARENA:
	case REG_SCALAR: return 0;
	case REG_BTF:
	case REG_BTF | REG_ALLOC:
	case REG_BTF | REG_TRUSTED:
	case REG_BTF | REG_RCU:
	case REG_BTF | REG_ALLOC | REG_NON_OWN:
	case REG_BTF | REG_ALLOC | REG_NON_OWN | REG_RCU:
		return access_ptr_off(env, reg, regno, true);
	default: return access_ptr_off(env, reg, regno, false);
	}
}

/* ---- memory ---------------------------------------------------------------------------------- */

/* Contexts that no rewrite stands before: they are memory. */
static bool ctx_is_memory(const struct verify_env *env)
{
	switch (env->in->prog_type) {
	case BPF_PROG_TYPE_KPROBE:
	case BPF_PROG_TYPE_TRACEPOINT:
	case BPF_PROG_TYPE_RAW_TRACEPOINT:
	case BPF_PROG_TYPE_RAW_TRACEPOINT_WRITABLE:
	case BPF_PROG_TYPE_TRACING:
	case BPF_PROG_TYPE_LSM:
	case BPF_PROG_TYPE_STRUCT_OPS:
	case BPF_PROG_TYPE_SYSCALL:
	case BPF_PROG_TYPE_CGROUP_DEVICE:
	case HACHI_BPF_PROG_TYPE_NETFILTER: return true;
	default: return false;
	}
}

static int refuse_not_memory(struct verify_env *env, u32 regno)
{
	char text[REG_TYPE_TEXT];

	return verify_refuse(env, REASON_ARG_TYPE, "R%d type=%s expected=fp\n", regno,
		reg_type_text(cur_reg(env, regno)->type, text));
}

static int refuse_write(struct verify_env *env, u32 regno)
{
	char text[REG_TYPE_TEXT];

	return verify_refuse(env, REASON_READ_ONLY, "R%d cannot write into %s\n", regno,
		reg_type_text(cur_reg(env, regno)->type, text));
}

int arg_memory(struct verify_env *env, u32 regno, s32 size, bool is_write, bool zero_ok,
	struct call_meta *meta)
{
	struct reg *reg = cur_reg(env, regno);
	int err;

	switch (reg_kind(reg->type)) {
	case REG_PACKET:
	case REG_PACKET_META: return access_packet(env, regno, reg->off, size, zero_ok);
	case REG_MAP_KEY:
		if (is_write)
			return refuse_write(env, regno);
		return access_region(env, regno, reg->off, size, reg->map->key_size, false);
	case REG_MAP_VALUE:
		err = access_map_type(env, regno, reg->off, size, is_write);
		return err ? err : access_map(env, regno, reg->off, size, zero_ok, true);
	case REG_MEM:
		if (is_write && reg->type & REG_RDONLY)
			return refuse_write(env, regno);
		return access_region(env, regno, reg->off, size, reg->mem_size, zero_ok);
	case REG_BUF:
		if (is_write && reg->type & REG_RDONLY)
			return refuse_write(env, regno);
		return access_buffer(env, reg, regno, reg->off, size);
	case REG_STACK:
		return stack_check_range(env, regno, reg->off, size, zero_ok,
			is_write ? STACK_HELPER_WRITE : STACK_HELPER_READ, meta);
	case REG_BTF: return access_btf(env, regno, reg->off, (u32)size, false, -1);
	case REG_CTX:
		if (!ctx_is_memory(env))
			break;
		if (size == 0)
			return zero_ok ? 0 : verify_refuse(env, REASON_ZERO_SIZE_CTX, "%s", "");
		return access_check(env, regno, size - 1, 1, is_write, -1, false, false);
	default: break;
	}
	if (zero_ok && size == 0 && reg_is_null(reg))
		return 0;
	return refuse_not_memory(env, regno);
}

/* The size of the memory before it: the largest it may be counts. */
static int check_size(
	struct verify_env *env, u32 regno, bool is_write, bool zero_ok, struct call_meta *meta)
{
	const struct reg *reg = cur_reg(env, regno);
	int err;

	meta->size_max = reg->val.umax;
	if (reg->val.smin < 0) {
		err = verify_refuse(env, REASON_SIZE_ARG,
			"R%d min value is negative, either use unsigned or 'var &= const'\n",
			regno);
		verify_blame(env, (s32)regno, "bound the size from below");
		return err;
	}
	if (reg->val.umin == 0 && !zero_ok)
		return verify_refuse(env, REASON_SIZE_ARG,
			"R%d invalid zero-sized read: u64=[%lld,%lld]\n", regno,
			(long long)reg->val.umin, (long long)reg->val.umax);
	if (reg->val.umax >= VAR_OFF_MAX) {
		err = verify_refuse(env, REASON_SIZE_ARG,
			"R%d unbounded memory access, use 'var &= const' or 'if (var < const)'\n",
			regno);
		verify_blame(env, (s32)regno, "bound the size from above");
		return err;
	}
	/* memory is filled for certain only up to a size that is certain */
	err = arg_memory(env, regno - 1, (s32)reg->val.umax, is_write, zero_ok,
		reg_var_is_const(reg) ? meta : NULL);
	return err ? err : precision_mark(env, regno);
}

int arg_plain_memory(struct verify_env *env, struct reg *reg, u32 regno, u32 mem_size)
{
	struct reg saved = *reg;
	int err;

	if (reg_is_null(reg))
		return 0;
	if (reg_maybe_null(reg))
		reg_mark_not_null(reg);
	err = arg_memory(env, regno, (s32)mem_size, false, true, NULL);
	if (!err)
		err = arg_memory(env, regno, (s32)mem_size, true, true, NULL);
	if (saved.type & REG_MAYBE_NULL)
		*reg = saved;
	return err;
}

/* The pair (regno - 1, regno) of a kernel function: memory that may be null, and its size. */
int arg_sized_memory(struct verify_env *env, u32 regno)
{
	struct reg *mem = cur_reg(env, regno - 1), saved = *mem;
	struct call_meta meta = {0};
	int err;

	if (reg_maybe_null(mem))
		reg_mark_not_null(mem);
	err = check_size(env, regno, false, true, &meta);
	if (!err)
		err = check_size(env, regno, true, true, &meta);
	if (saved.type & REG_MAYBE_NULL)
		*mem = saved;
	return err;
}

/* ---- by kind --------------------------------------------------------------------------------- */

int arg_const_string(struct verify_env *env, u32 regno)
{
	const struct reg *reg = cur_reg(env, regno);
	const struct verify_map *map = reg->map;
	u64 byte = 1;
	u32 off;
	int err;

	if (!map->is_rdonly_prog || !map->is_frozen)
		return verify_refuse(
			env, REASON_CONST_STRING, "R%d does not point to a readonly map'\n", regno);
	if (!reg_var_is_const(reg))
		return verify_refuse(
			env, REASON_CONST_STRING, "R%d is not a constant address'\n", regno);
	if (!map->has_direct_value || !env->world->ops->map_read)
		return verify_refuse(env, REASON_CONST_STRING,
			"no direct value access support for this map type\n");
	err = access_map(env, regno, reg->off, (s32)map->value_size - reg->off, false, true);
	if (err)
		return err;
	for (off = (u32)reg->off + (u32)reg->val.var_off.value; byte && off < map->value_size;
		off++)
		if (env->world->ops->map_read(env->world, map, off, 1, &byte))
			return verify_refuse(
				env, REASON_CONST_STRING, "direct value access on string failed\n");
	return byte ? verify_refuse(env, REASON_CONST_STRING_END, "string is not zero-terminated\n")
		    : 0;
}

static int check_timer(struct verify_env *env, u32 regno, struct call_meta *meta)
{
	const struct reg *reg = cur_reg(env, regno);
	const struct verify_map *map = reg->map;
	u64 where = reg->val.var_off.value + (u64)(s64)reg->off;

	if (!reg_var_is_const(reg))
		return verify_refuse(env, REASON_TIMER,
			"R%d doesn't have constant offset. bpf_timer has to be at the constant "
			"offset\n",
			regno);
	if (!map->btf)
		return verify_refuse(env, REASON_TIMER,
			"map '%s' has to have BTF in order to use bpf_timer\n", map->name);
	if (!map->fields || !(map->fields->kinds & BTYPE_TIMER))
		return verify_refuse(
			env, REASON_TIMER, "map '%s' has no valid bpf_timer\n", map->name);
	if ((u64)(s64)map->fields->timer_off != where)
		return verify_refuse(env, REASON_TIMER,
			"off %lld doesn't point to 'struct bpf_timer' that is at %d\n",
			(long long)where, map->fields->timer_off);
	meta->map_uid = reg->map_uid;
	meta->map = map;
	return 0;
}

static int check_map_ptr(struct verify_env *env, const struct reg *reg, struct call_meta *meta)
{
	/* only timers come before their map */
	if (meta->map && (meta->map->handle != reg->map->handle || meta->map_uid != reg->map_uid))
		return verify_refuse(env, REASON_TIMER,
			"timer pointer in R1 map_uid=%d doesn't match map pointer in R2 "
			"map_uid=%d\n",
			meta->map_uid, reg->map_uid);
	meta->map = reg->map;
	meta->map_uid = reg->map_uid;
	return 0;
}

static int check_fixed_memory(struct verify_env *env, u32 index, u32 arg, struct call_meta *meta)
{
	u32 size = meta->spec->fixed_size[index];
	int err;

	meta->raw_mode = arg & ARG_UNINIT;
	if (!(arg & ARG_FIXED_SIZE))
		return 0;
	err = arg_memory(env, index + 1, (s32)size, arg & ARG_WRITE, false, meta);
	if (!err && arg & ARG_ALIGNED)
		err = access_alignment(env, cur_reg(env, index + 1), 0, size, true);
	return err;
}

static int check_alloc_size(struct verify_env *env, u32 regno, struct call_meta *meta)
{
	const struct reg *reg = cur_reg(env, regno);

	if (!reg_var_is_const(reg))
		return verify_refuse(env, REASON_SIZE_ARG, "R%d is not a known constant'\n", regno);
	meta->mem_size = (s32)reg->val.var_off.value;
	return precision_mark(env, regno);
}

/* The key of a lookup, if it is a constant on the stack: an array has that element for certain. */
static int read_constant_key(struct verify_env *env, const struct reg *reg, struct call_meta *meta)
{
	u32 size = meta->map->key_size, spilled = 0, zero = 0;
	const struct slot *s;
	s32 off, byte;
	int err;

	if (!env->bpf_capable || reg->type != REG_STACK || !reg_var_is_const(reg))
		return 0;
	off = reg->off + (s32)reg->val.var_off.value;
	s = &reg_frame(env, reg)->slots[slot_index(off)];
	for (byte = (-off - 1) % SLOT_SIZE; byte >= 0 && s->kind[byte] == SLOT_ZERO; byte--)
		zero++;
	if (zero >= size) {
		meta->has_key = true;
		meta->key = 0;
		return 0;
	}
	if (!slot_is_scalar(s))
		return 0;
	for (byte = (-off - 1) % SLOT_SIZE; byte >= 0 && s->kind[byte] == SLOT_SPILL; byte--)
		spilled++;
	if (spilled != size || !reg_var_is_const(&s->spilled))
		return 0;
	env->bt.slots[reg->frameno] |= 1ull << slot_index(off);
	err = precision_mark_batch(env);
	meta->has_key = !err;
	meta->key = s->spilled.val.var_off.value;
	return err;
}

static int check_key(struct verify_env *env, u32 regno, struct call_meta *meta)
{
	int err = arg_memory(env, regno, (s32)meta->map->key_size, false, false, NULL);

	/* an inner map may have fewer elements than the one that stands for it here */
	if (err || env->kernel < KERNEL(6, 14) || meta->map->flags & BPF_F_INNER_MAP ||
		(meta->map->type != BPF_MAP_TYPE_ARRAY &&
			meta->map->type != BPF_MAP_TYPE_PERCPU_ARRAY))
		return err;
	return read_constant_key(env, cur_reg(env, regno), meta);
}

static int check_by_kind(struct verify_env *env, u32 index, u32 arg, struct call_meta *meta)
{
	u32 regno = index + 1, before = index ? meta->spec->arg[index - 1] : 0;
	struct reg *reg = cur_reg(env, regno);

	switch (arg_kind(arg)) {
	case ARG_CONST_MAP_PTR: return check_map_ptr(env, reg, meta);
	case ARG_MAP_KEY:
		if (!meta->map)
			return verify_refuse(
				env, REASON_ARG_TYPE, "invalid map_ptr to access map->key\n");
		return check_key(env, regno, meta);
	case ARG_MAP_VALUE:
		if (arg & ARG_MAYBE_NULL && reg_is_null(reg))
			return 0;
		if (!meta->map)
			return verify_refuse(
				env, REASON_ARG_TYPE, "invalid map_ptr to access map->value\n");
		meta->raw_mode = arg & ARG_UNINIT;
		return arg_memory(
			env, regno, (s32)meta->map->value_size, arg & ARG_WRITE, false, meta);
	case ARG_PERCPU_BTF_ID:
		if (!reg->btf_id)
			return verify_refuse(
				env, REASON_ARG_TYPE, "Helper has invalid btf_id in R%d\n", regno);
		meta->btf = reg->btf;
		meta->btf_id = reg->btf_id;
		return 0;
	case ARG_SPIN_LOCK: return lock_spin(env, regno, meta->func == BPF_FUNC_spin_lock);
	case ARG_TIMER: return check_timer(env, regno, meta);
	case ARG_FUNC: meta->subprog = reg->subprog; return 0;
	case ARG_MEM: return check_fixed_memory(env, index, arg, meta);
	case ARG_CONST_SIZE: return check_size(env, regno, before & ARG_WRITE, false, meta);
	case ARG_CONST_SIZE_OR_ZERO: return check_size(env, regno, before & ARG_WRITE, true, meta);
	case ARG_DYNPTR: return dynptr_arg(env, regno, arg);
	case ARG_CONST_ALLOC_SIZE_OR_ZERO: return check_alloc_size(env, regno, meta);
	case ARG_CONST_STR: return arg_const_string(env, regno);
	case ARG_KPTR_XCHG_DEST: return kptr_arg(env, regno, meta);
	default: return 0;
	}
}

static int check_release(struct verify_env *env, u32 regno, u32 arg, struct call_meta *meta)
{
	struct reg *reg = cur_reg(env, regno);

	if (arg_kind(arg) == ARG_DYNPTR) {
		u32 id, ref_id;

		if (reg->type != REG_STACK)
			return verify_refuse(
				env, REASON_DYNPTR, "cannot release unowned const bpf_dynptr\n");
		if (dynptr_describe(env, reg, &id, &ref_id) || !ref_id)
			return verify_refuse(
				env, REASON_DYNPTR, "arg %d is an unacquired reference\n", regno);
	} else if (!reg->ref_id && !reg_is_null(reg)) {
		return verify_refuse(env, REASON_NOT_A_REFERENCE,
			"R%d must be referenced when passed to release function\n", regno);
	}
	meta->release_regno = regno;
	return 0;
}

/* The value of a map of sockets is a socket. */
static int resolve_value_arg(struct verify_env *env, u32 *arg, const struct call_meta *meta)
{
	if (!meta->map)
		return verify_refuse(env, REASON_ARG_TYPE, "invalid map_ptr to access map->type\n");
	switch (meta->map->type) {
	case BPF_MAP_TYPE_SOCKMAP:
	case BPF_MAP_TYPE_SOCKHASH:
		if (*arg != ARG_MAP_VALUE)
			return verify_refuse(
				env, REASON_MAP_HELPER, "invalid arg_type for sockmap/sockhash\n");
		*arg = ARG_BTF_ID_SOCK_COMMON;
		return 0;
	case BPF_MAP_TYPE_BLOOM_FILTER:
		/* peek asks whether this value is in it */
		if (meta->func == BPF_FUNC_map_peek_elem)
			*arg = ARG_MAP_VALUE;
		return 0;
	default: return 0;
	}
}

int arg_check(struct verify_env *env, u32 index, struct call_meta *meta)
{
	u32 arg = meta->spec->arg[index], regno = index + 1;
	struct reg *reg = cur_reg(env, regno);
	int err;

	if (arg == ARG_NONE)
		return 0;
	err = live_use(env, regno, USE_READ);
	if (err)
		return err;
	if (arg == ARG_ANYTHING)
		return is_pointer_value(env, regno)
			? verify_refuse(env, REASON_POINTER_LEAK,
				  "R%d leaks addr into helper function\n", regno)
			: 0;
	if (reg_is_packet_any(reg) && !access_may_packet(env, meta, false))
		return verify_refuse(
			env, REASON_PACKET_HELPER, "helper access to the packet is not allowed\n");
	if (arg_kind(arg) == ARG_MAP_VALUE)
		err = resolve_value_arg(env, &arg, meta);
	if (err)
		return err;
	if (reg_is_null(reg) && arg & ARG_MAYBE_NULL) {
		err = precision_mark(env, regno);
	} else {
		err = check_type(env, regno, arg, wanted_btf_id(env, index, arg, meta), meta);
		if (!err)
			err = arg_reg_off(env, reg, regno, arg);
	}
	if (!err && arg & ARG_RELEASE)
		err = check_release(env, regno, arg, meta);
	if (err)
		return err;
	if (reg->ref_id && arg_kind(arg) != ARG_KPTR_XCHG_DEST) {
		if (meta->ref_id)
			return verify_refuse(env, REASON_INTERNAL,
				"verifier internal error: more than one arg with ref_obj_id R%d %u "
				"%u\n",
				regno, reg->ref_id, meta->ref_id);
		meta->ref_id = reg->ref_id;
	}
	return check_by_kind(env, index, arg, meta);
}
