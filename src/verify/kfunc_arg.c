// SPDX-License-Identifier: BSD-2-Clause
/*
 * Arguments of kernel functions. What an argument is follows from its BTF type, from suffixes of
 * its name (__sz, __k, __nullable, ...), and where the type does not decide, from the register.
 */
#include "base/str.h"
#include "btf/walk.h"
#include "verify/kfunc.h"

#include <errno.h>

enum arg_kind {
	KIND_CTX,
	KIND_NULL,
	KIND_DYNPTR,
	KIND_ITER,
	KIND_BTF,
	KIND_MAP,
	KIND_CONST_STR,
	KIND_MEM,
	KIND_MEM_SIZE,
	KIND_UNSUPPORTED,
};

struct param {
	const struct btf_param *declared;
	u32 index, count, regno;
	const struct btf_type *target; /* of the pointer */
	u32 target_id;
	const char *target_name;
};

bool kfunc_param_has(const struct btf *btf, const struct btf_param *param, const char *suffix)
{
	const char *name = btype_string(btf, param->name_off);

	return name && str_ends_with(name, suffix);
}

static bool is_scalar(const struct btf_type *t)
{
	return t && (btype_kind(t) == BTF_KIND_INT || btype_is_any_enum(t));
}

static bool is_scalar_struct(const struct btf *btf, const struct btf_type *t, u32 depth)
{
	if (!btype_is_composite(t) || depth > 3)
		return false;
	for (u32 i = 0; i < btype_vlen(t); i++) {
		struct btype_member m = btype_member(btf, t, i);
		const struct btf_type *mt = btype_skip_mods(btf, m.type, NULL);

		if (mt && btype_is_composite(mt)) {
			if (!is_scalar_struct(btf, mt, depth + 1))
				return false;
			continue;
		}
		if (mt && btype_array(mt)) {
			if (!btype_array(mt)->nelems)
				return false;
			mt = btype_skip_mods(btf, btype_array(mt)->type, NULL);
		}
		if (!is_scalar(mt))
			return false;
	}
	return true;
}

/* The struct that registers of this kind point to in the kernel's BTF, or NULL. */
static const char *struct_of_kind(u32 type)
{
	switch (reg_kind(type)) {
	case REG_SOCKET: return "sock";
	case REG_SOCK_COMMON: return "sock_common";
	case REG_TCP_SOCK: return "tcp_sock";
	case REG_MAP_PTR: return "bpf_map";
	default: return NULL;
	}
}

static const char *ctx_name(const struct verify_env *env)
{
	const struct progtype_spec *spec = progtype_spec_by_type(env->prog_type);
	const char *name = spec && spec->ctx_name ? spec->ctx_name : "";

	return str_starts_with(name, "struct ") ? name + 7 : name;
}

static bool is_projection(const char *ctx, const char *kernel)
{
	return (strcmp(ctx, "__sk_buff") == 0 && strcmp(kernel, "sk_buff") == 0) ||
		(strcmp(ctx, "xdp_md") == 0 && strcmp(kernel, "xdp_buff") == 0);
}

int kfunc_kernel_ctx(const struct verify_env *env)
{
	static const struct {
		const char *ctx, *kernel;
	} pairs[] = {
		{"__sk_buff", "sk_buff"},
		{"xdp_md", "xdp_buff"},
		{"bpf_sock_addr", "bpf_sock_addr_kern"},
		{"bpf_sock_ops", "bpf_sock_ops_kern"},
		{"sk_msg_md", "sk_msg"},
		{"bpf_sk_lookup", "bpf_sk_lookup_kern"},
		{"sk_reuseport_md", "sk_reuseport_kern"},
		{"bpf_perf_event_data", "bpf_perf_event_data_kern"},
		{"bpf_sysctl", "bpf_sysctl_kern"},
		{"bpf_sockopt", "bpf_sockopt_kern"},
		{"bpf_sock", "sock"},
		{"bpf_nf_ctx", "bpf_nf_ctx"},
		{"bpf_user_pt_regs_t", "pt_regs"},
		{"pt_regs", "pt_regs"},
	};
	const char *ctx = ctx_name(env);

	for (u32 i = 0; i < ARRAY_SIZE(pairs); i++)
		if (strcmp(pairs[i].ctx, ctx) == 0)
			return kernel_btf(env)
				? btype_find(kernel_btf(env), pairs[i].kernel, BTF_KIND_STRUCT)
				: -ENOENT;
	return -ENOENT;
}

static bool is_ctx_param(const struct verify_env *env, const struct param *p)
{
	const char *ctx = ctx_name(env);

	if (!btype_is_composite(p->target) || !*ctx || !*p->target_name)
		return false;
	return strcmp(ctx, p->target_name) == 0 || is_projection(ctx, p->target_name);
}

static bool next_is_size(
	const struct verify_env *env, const struct kfunc_call *call, const struct param *p)
{
	const struct btf_param *next = p->declared + 1;

	if (p->index + 1 >= p->count || cur_reg(env, p->regno + 1)->type != REG_SCALAR ||
		!is_scalar(btype_skip_mods(call->btf, next->type, NULL)))
		return false;
	return kfunc_param_has(call->btf, next, "__sz") ||
		kfunc_param_has(call->btf, next, "__szk");
}

/* Parameters of the program's own objects and of graphs. */
static bool is_unsupported(const struct kfunc_call *call, const struct param *p)
{
	static const char *const types[] = {"bpf_list_head", "bpf_list_node", "bpf_rb_root",
		"bpf_rb_node", "bpf_wq", "bpf_res_spin_lock"};

	if (kfunc_param_has(call->btf, p->declared, "__alloc") ||
		kfunc_param_has(call->btf, p->declared, "__refcounted_kptr") ||
		btype_kind(p->target) == BTF_KIND_FUNC_PROTO)
		return true;
	for (u32 i = 0; i < ARRAY_SIZE(types); i++)
		if (strcmp(p->target_name, types[i]) == 0)
			return true;
	return false;
}

static int classify(struct verify_env *env, const struct kfunc_call *call, const struct param *p,
	enum arg_kind *ret)
{
	const u32 iter = KFUNC_ITER_NEW | KFUNC_ITER_NEXT | KFUNC_ITER_DESTROY;
	const struct reg *reg = cur_reg(env, p->regno);
	bool has_size;

	if (strcmp(call->name, "bpf_cast_to_kern_ctx") == 0 || is_ctx_param(env, p)) {
		*ret = KIND_CTX;
	} else if (kfunc_param_has(call->btf, p->declared, "__nullable") && reg_is_null(reg)) {
		*ret = KIND_NULL;
	} else if (is_unsupported(call, p)) {
		*ret = KIND_UNSUPPORTED;
	} else if (strcmp(p->target_name, "bpf_dynptr") == 0) {
		*ret = KIND_DYNPTR;
	} else if (call->spec->flags & iter ? p->index == 0
					    : kfunc_param_has(call->btf, p->declared, "__iter")) {
		*ret = KIND_ITER;
	} else if (kfunc_param_has(call->btf, p->declared, "__str")) {
		*ret = KIND_CONST_STR;
	} else if (kfunc_param_has(call->btf, p->declared, "__map")) {
		*ret = KIND_MAP;
	} else if (reg_kind(reg->type) == REG_BTF || struct_of_kind(reg->type)) {
		if (!btype_is_composite(p->target))
			return verify_refuse(env, REASON_KFUNC_ARG,
				"kernel function %s args#%d pointer type %s %s is not supported\n",
				call->name, p->index, btype_kind_name(btype_kind(p->target)),
				p->target_name);
		*ret = KIND_BTF;
	} else {
		has_size = next_is_size(env, call, p);
		if (!is_scalar(p->target) && !is_scalar_struct(call->btf, p->target, 0) &&
			!(has_size && btype_is_void(p->target)))
			return verify_refuse(env, REASON_KFUNC_ARG,
				"arg#%d pointer type %s %s must point to %sscalar, or struct with "
				"scalar\n",
				p->index, btype_kind_name(btype_kind(p->target)), p->target_name,
				has_size ? "void, " : "");
		*ret = has_size ? KIND_MEM_SIZE : KIND_MEM;
	}
	return 0;
}

/* ---- by kind --------------------------------------------------------------------------------- */

static int check_ctx(struct verify_env *env, struct kfunc_call *call, const struct param *p)
{
	const struct reg *reg = cur_reg(env, p->regno);
	char text[REG_TYPE_TEXT];
	int id;

	if (reg->type != REG_CTX)
		return verify_refuse(env, REASON_KFUNC_ARG,
			"arg#%d expected pointer to ctx, but got %s\n", p->index,
			reg_type_text(reg->type, text));
	if (strcmp(call->name, "bpf_cast_to_kern_ctx") != 0)
		return 0;
	id = kfunc_kernel_ctx(env);
	if (id <= 0)
		return verify_refuse(
			env, REASON_KFUNC_ARG, "kern ctx type id %u is not a struct\n", 0);
	call->ret_btf_id = (u32)id;
	return 0;
}

static int check_dynptr(struct verify_env *env, struct kfunc_call *call, const struct param *p)
{
	struct reg *reg = cur_reg(env, p->regno);
	u32 arg = ARG_DYNPTR;
	int err;

	if (reg->type == REG_DYNPTR)
		arg |= ARG_RDONLY;
	if (kfunc_param_has(call->btf, p->declared, "__uninit")) {
		static const u32 kinds[] = {[DYNPTR_LOCAL] = ARG_DYNPTR_LOCAL,
			[DYNPTR_RINGBUF] = ARG_DYNPTR_RINGBUF,
			[DYNPTR_SKB] = ARG_DYNPTR_SKB,
			[DYNPTR_XDP] = ARG_DYNPTR_XDP};

		arg |= ARG_UNINIT;
		if (strcmp(call->name, "bpf_dynptr_from_skb") == 0)
			arg |= ARG_DYNPTR_SKB;
		else if (strcmp(call->name, "bpf_dynptr_from_xdp") == 0)
			arg |= ARG_DYNPTR_XDP;
		else if (call->dynptr_kind)
			arg |= kinds[call->dynptr_kind];
		return dynptr_arg_clone(env, p->regno, arg, call->dynptr_ref);
	}
	err = dynptr_arg(env, p->regno, arg);
	if (err)
		return err;
	call->dynptr_kind = dynptr_kind_of(env, reg);
	return dynptr_describe(env, reg, &call->dynptr_id, &call->dynptr_ref)
		? verify_refuse(env, REASON_INTERNAL,
			  "verifier internal error: failed to obtain dynptr id\n")
		: 0;
}

static bool is_nocast_alias(const char *a, const char *b)
{
	static const char suffix[] = "___init";
	size_t a_len = strlen(a), b_len = strlen(b), n = sizeof(suffix) - 1;

	if (a_len == b_len + n)
		return strncmp(a, b, b_len) == 0 && strcmp(a + b_len, suffix) == 0;
	if (b_len == a_len + n)
		return strncmp(a, b, a_len) == 0 && strcmp(b + a_len, suffix) == 0;
	return false;
}

static int check_btf(struct verify_env *env, struct kfunc_call *call, const struct param *p)
{
	const struct reg *reg = cur_reg(env, p->regno);
	const char *kind = struct_of_kind(reg->type), *have;
	const u32 safe = REG_ALLOC | REG_TRUSTED | REG_NON_OWN;
	const struct btf *btf = reg->btf;
	u32 id = reg->btf_id;
	char text[REG_TYPE_TEXT], want[REG_TYPE_TEXT];
	bool strict;
	int found;

	if ((reg_kind(reg->type) != REG_BTF ||
		    (reg_flags(reg->type) & ~safe && !(reg->type & REG_RCU))) &&
		!kind)
		return verify_refuse(env, REASON_KFUNC_ARG, "arg#%d is %s expected %s or socket\n",
			p->index, reg_type_text(reg->type, text),
			reg_type_text(reg_kind(reg->type) | (reg_flags(reg->type) & safe), want));
	if (reg_kind(reg->type) != REG_BTF) {
		btf = kernel_btf(env);
		found = btype_find(btf, kind, BTF_KIND_STRUCT);
		if (found <= 0)
			return verify_refuse(
				env, REASON_KERNEL_BTF, "struct %s has no BTF\n", kind);
		id = (u32)found;
	}
	have = btype_name(btf, id);
	strict = (call->spec->flags & KFUNC_RELEASE && reg->ref_id) ||
		is_nocast_alias(have, p->target_name);
	if (is_projection(p->target_name, have) ||
		btype_ids_match(btf, id, reg->off, call->btf, p->target_id, strict,
			reg->type & REG_ALLOC, env->log))
		return 0;
	return verify_refuse(env, REASON_KFUNC_ARG,
		"kernel function %s args#%d expected pointer to %s %s but R%d has a pointer to %s "
		"%s\n",
		call->name, p->index, btype_kind_name(btype_kind(p->target)), p->target_name,
		p->regno, btype_kind_name(btype_kind(btype_by_id(btf, id))), have);
}

static int check_map(struct verify_env *env, struct kfunc_call *call, struct param *p)
{
	int id;

	if (cur_reg(env, p->regno)->type != REG_MAP_PTR)
		return verify_refuse(
			env, REASON_KFUNC_ARG, "pointer in R%d isn't map pointer\n", p->regno);
	id = btype_find(call->btf, "bpf_map", BTF_KIND_STRUCT);
	if (id <= 0)
		return verify_refuse(env, REASON_KERNEL_BTF, "struct bpf_map has no BTF\n");
	p->target_id = (u32)id;
	p->target = btype_by_id(call->btf, p->target_id);
	p->target_name = "bpf_map";
	return check_btf(env, call, p);
}

static int check_mem(struct verify_env *env, struct kfunc_call *call, const struct param *p)
{
	u32 size;

	if (btype_size(call->btf, p->target_id, &size))
		return verify_refuse(env, REASON_KFUNC_ARG,
			"arg#%d reference type('%s %s') size cannot be determined: %d\n", p->index,
			btype_kind_name(btype_kind(p->target)), p->target_name, -EINVAL);
	return arg_plain_memory(env, cur_reg(env, p->regno), p->regno, size);
}

static int keep_constant(struct verify_env *env, struct kfunc_call *call, u32 regno)
{
	const struct reg *reg = cur_reg(env, regno);

	if (!reg_var_is_const(reg))
		return verify_refuse(
			env, REASON_KFUNC_ARG, "R%d must be a known constant\n", regno);
	call->has_constant = true;
	call->constant = reg->val.var_off.value;
	return 0;
}

static int check_mem_size(struct verify_env *env, struct kfunc_call *call, const struct param *p)
{
	struct reg *reg = cur_reg(env, p->regno);
	bool is_optional = kfunc_param_has(call->btf, p->declared, "__opt");

	if (!(reg_is_null(reg) && is_optional)) {
		int err = arg_sized_memory(env, p->regno + 1);

		if (err) {
			verify_say(env,
				"arg#%d arg#%d memory, len pair leads to invalid memory access\n",
				p->index, p->index + 1);
			return err;
		}
	}
	if (kfunc_param_has(call->btf, p->declared + 1, "__szk"))
		return keep_constant(env, call, p->regno + 1);
	return 0;
}

static int check_scalar(struct verify_env *env, struct kfunc_call *call, const struct param *p)
{
	const struct reg *reg = cur_reg(env, p->regno);
	const char *name = btype_string(call->btf, p->declared->name_off);
	bool rdonly = name && strcmp(name, "rdonly_buf_size") == 0;
	int err;

	if (reg->type != REG_SCALAR)
		return verify_refuse(env, REASON_KFUNC_ARG, "R%d is not a scalar\n", p->regno);
	if (kfunc_param_has(call->btf, p->declared, "__k")) {
		err = keep_constant(env, call, p->regno);
		return err ? err : precision_mark(env, p->regno);
	}
	if (!rdonly && !(name && strcmp(name, "rdwr_buf_size") == 0))
		return 0;
	if (!reg_var_is_const(reg))
		return verify_refuse(env, REASON_KFUNC_ARG, "R%d is not a const\n", p->regno);
	call->ret_size = reg->val.var_off.value;
	call->ret_is_rdonly = rdonly;
	if (call->ret_size > UINT32_MAX)
		return verify_refuse(env, REASON_KFUNC_ARG,
			"R%d rdonly/rdwr_buf_size exceeds u32 max\n", p->regno);
	return precision_mark(env, p->regno);
}

static int check_trust(struct verify_env *env, const struct kfunc_call *call, const struct param *p)
{
	const struct reg *reg = cur_reg(env, p->regno);

	if (!(call->spec->flags & (KFUNC_TRUSTED_ARGS | KFUNC_RELEASE | KFUNC_RCU)) ||
		reg_is_trusted(reg))
		return 0;
	if (!(call->spec->flags & KFUNC_RCU))
		return verify_refuse(
			env, REASON_KFUNC_TRUST, "R%d must be referenced or trusted\n", p->regno);
	if (!(reg->type & REG_RCU))
		return verify_refuse(
			env, REASON_KFUNC_TRUST, "R%d must be a rcu pointer\n", p->regno);
	return 0;
}

static int check_by_kind(
	struct verify_env *env, struct kfunc_call *call, struct param *p, enum arg_kind kind)
{
	switch (kind) {
	case KIND_CTX: return check_ctx(env, call, p);
	case KIND_DYNPTR: return check_dynptr(env, call, p);
	case KIND_ITER: return iter_arg(env, p->regno, call);
	case KIND_BTF: return check_btf(env, call, p);
	case KIND_MAP: return check_map(env, call, p);
	case KIND_CONST_STR:
		if (cur_reg(env, p->regno)->type != REG_MAP_VALUE)
			return verify_refuse(env, REASON_KFUNC_ARG,
				"arg#%d doesn't point to a const string\n", p->index);
		return arg_const_string(env, p->regno);
	case KIND_MEM: return check_mem(env, call, p);
	case KIND_MEM_SIZE: return check_mem_size(env, call, p);
	case KIND_NULL: return 0;
	case KIND_UNSUPPORTED: break;
	}
	return verify_unsupported(env, "this kind of kernel function argument");
}

static int note_reference(struct verify_env *env, struct kfunc_call *call, u32 regno)
{
	const struct reg *reg = cur_reg(env, regno);
	bool releases = call->spec->flags & KFUNC_RELEASE;

	if (!reg->ref_id)
		return 0;
	if (releases && call->ref_id)
		return verify_refuse(env, REASON_INTERNAL,
			"verifier internal error: more than one arg with ref_obj_id R%d %u %u\n",
			regno, reg->ref_id, call->ref_id);
	call->ref_id = reg->ref_id;
	if (releases)
		call->release_regno = regno;
	return 0;
}

static int check_pointer(struct verify_env *env, struct kfunc_call *call, struct param *p,
	const struct btf_type *ptr, bool *ret_takes_two)
{
	const struct reg *reg = cur_reg(env, p->regno);
	bool releases = call->spec->flags & KFUNC_RELEASE;
	enum arg_kind kind = KIND_UNSUPPORTED;
	int err;

	if (call->spec->flags & (KFUNC_TRUSTED_ARGS | KFUNC_RELEASE | KFUNC_RCU) &&
		(reg_is_null(reg) || reg_maybe_null(reg)) &&
		!kfunc_param_has(call->btf, p->declared, "__nullable"))
		return verify_refuse(env, REASON_NULL_CHECK,
			"Possibly NULL pointer passed to trusted arg%d\n", p->index);
	err = note_reference(env, call, p->regno);
	if (err)
		return err;
	p->target = btype_skip_mods(call->btf, ptr->type, &p->target_id);
	p->target_name = btype_name_of(call->btf, p->target);
	err = classify(env, call, p, &kind);
	if (err || kind == KIND_NULL)
		return err;
	if (kind == KIND_BTF || kind == KIND_MAP)
		err = check_trust(env, call, p);
	if (!err)
		err = arg_reg_off(env, reg, p->regno, releases && reg->ref_id ? ARG_RELEASE : 0u);
	*ret_takes_two = kind == KIND_MEM_SIZE;
	return err ? err : check_by_kind(env, call, p, kind);
}

int kfunc_check_args(struct verify_env *env, struct kfunc_call *call)
{
	struct param p = {.count = btype_vlen(call->proto)};

	if (p.count > 5)
		return verify_refuse(env, REASON_KFUNC_ARG, "Function %s has %d > %d args\n",
			call->name, p.count, 5);
	for (p.index = 0; p.index < p.count; p.index++) {
		const struct btf_type *t;
		bool takes_two = false;
		int err;

		p.declared = &btype_params(call->proto)[p.index];
		p.regno = p.index + 1;
		t = btype_skip_mods(call->btf, p.declared->type, NULL);
		if (kfunc_param_has(call->btf, p.declared, "__ign"))
			continue;
		if (is_scalar(t))
			err = check_scalar(env, call, &p);
		else if (t && btype_is_ptr(t))
			err = check_pointer(env, call, &p, t, &takes_two);
		else
			err = verify_refuse(env, REASON_KFUNC_ARG, "Unrecognized arg#%d type %s\n",
				p.index, t ? btype_kind_name(btype_kind(t)) : "");
		if (err)
			return err;
		p.index += takes_two;
	}
	if (call->spec->flags & KFUNC_RELEASE && !call->release_regno)
		return verify_refuse(env, REASON_KFUNC_ARG,
			"release kernel function %s expects refcounted PTR_TO_BTF_ID\n",
			call->name);
	return 0;
}
