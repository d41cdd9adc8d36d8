// SPDX-License-Identifier: BSD-2-Clause
/*
 * The records that came with the program: they must name functions where functions start and lines
 * in order; and what BTF says a function's arguments are. A static function may have any type (its
 * callers' values count); a global one is checked alone, so its type is a contract.
 */
#include "base/str.h"
#include "verify/check.h"

#include <errno.h>

const char *subprog_name(const struct verify_env *env, u32 subprog)
{
	if (!env->has_func_info)
		return "";
	return btype_name(env->in->btf, env->in->func_info[subprog].type_id);
}

static int check_without_btf(struct verify_env *env)
{
	for (u32 i = 1; i < env->subprog_count; i++) {
		if (env->subprogs[i].has_ld_abs)
			return verify_refuse(env, REASON_BTF_RECORDS,
				"LD_ABS is not allowed in subprogs without BTF\n");
		if (env->subprogs[i].has_tail_call)
			return verify_refuse(env, REASON_BTF_RECORDS,
				"tail_call is not allowed in subprogs without BTF\n");
	}
	return 0;
}

int btfinfo_check_funcs_early(struct verify_env *env)
{
	const struct btf *btf = env->in->btf;
	u32 previous = 0;

	if (!env->in->func_info_count || !btf)
		return 0;
	for (u32 i = 0; i < env->in->func_info_count; i++) {
		const struct verify_func_info *info = &env->in->func_info[i];
		const struct btf_type *t;

		if (i == 0 && info->insn_off)
			return verify_refuse(env, REASON_BTF_RECORDS,
				"nonzero insn_off %u for the first func info record",
				info->insn_off);
		if (i && info->insn_off <= previous)
			return verify_refuse(env, REASON_BTF_RECORDS,
				"same or smaller insn offset (%u) than previous func info record "
				"(%u)",
				info->insn_off, previous);
		t = btype_by_id(btf, info->type_id);
		if (!t || btype_kind(t) != BTF_KIND_FUNC)
			return verify_refuse(env, REASON_BTF_RECORDS,
				"invalid type id %d in func info", info->type_id);
		if (!btype_func_proto(btf, info->type_id))
			return verify_refuse(env, REASON_BTF_RECORDS, "%s", "");
		previous = info->insn_off;
	}
	env->has_func_info = true;
	return 0;
}

static bool returns_int(const struct btf *btf, u32 func)
{
	const struct btf_type *t = btype_skip_mods(btf, btype_func_proto(btf, func)->type, NULL);

	return t && (btype_is_any_enum(t) || (btype_kind(t) == BTF_KIND_INT && t->size <= 8));
}

static int check_funcs(struct verify_env *env)
{
	if (!env->has_func_info)
		return check_without_btf(env);
	if (env->in->func_info_count != env->subprog_count)
		return verify_refuse(env, REASON_BTF_RECORDS,
			"number of funcs in func_info doesn't match number of subprogs\n");
	for (u32 i = 0; i < env->subprog_count; i++) {
		const struct verify_func_info *info = &env->in->func_info[i];
		struct subprog *s = &env->subprogs[i];

		if (s->start != info->insn_off)
			return verify_refuse(env, REASON_BTF_RECORDS,
				"func_info BTF section doesn't match subprog layout in BPF "
				"program\n");
		s->linkage = (u8)btype_func_linkage(btype_by_id(env->in->btf, info->type_id));
		if (!i || returns_int(env->in->btf, info->type_id))
			continue;
		if (s->has_ld_abs)
			return verify_refuse(env, REASON_BTF_RECORDS,
				"LD_ABS is only allowed in functions that return 'int'.\n");
		if (s->has_tail_call)
			return verify_refuse(env, REASON_BTF_RECORDS,
				"tail_call is only allowed in functions that return 'int'.\n");
	}
	return 0;
}

static int check_line(struct verify_env *env, u32 i, u32 *subprog)
{
	const struct verify_line_info *line = &env->in->line_info[i];
	u32 previous = i ? line[-1].insn_off : 0;

	if ((i && line->insn_off <= previous) || line->insn_off >= env->insn_count)
		return verify_refuse(env, REASON_BTF_RECORDS,
			"Invalid line_info[%u].insn_off:%u (prev_offset:%u prog->len:%u)\n", i,
			line->insn_off, previous, env->insn_count);
	if (!env->insns[line->insn_off].op)
		return verify_refuse(env, REASON_BTF_RECORDS,
			"Invalid insn code at line_info[%u].insn_off\n", i);
	if (!btype_string(env->in->btf, line->line_off) ||
		!btype_string(env->in->btf, line->file_name_off))
		return verify_refuse(env, REASON_BTF_RECORDS,
			"Invalid line_info[%u].line_off or .file_name_off\n", i);
	if (*subprog == env->subprog_count)
		return 0;
	if (line->insn_off == env->subprogs[*subprog].start)
		env->subprogs[(*subprog)++].line = i;
	else if (env->subprogs[*subprog].start < line->insn_off)
		return verify_refuse(
			env, REASON_BTF_RECORDS, "missing bpf_line_info for func#%u\n", *subprog);
	return 0;
}

static int check_lines(struct verify_env *env)
{
	u32 subprog = 0;

	if (!env->in->line_info_count || !env->in->btf)
		return 0;
	for (u32 i = 0; i < env->in->line_info_count; i++) {
		int err = check_line(env, i, &subprog);

		if (err)
			return err;
	}
	if (subprog != env->subprog_count)
		return verify_refuse(env, REASON_BTF_RECORDS,
			"missing bpf_line_info for %u funcs starting from func#%u\n",
			env->subprog_count - subprog, subprog);
	env->has_lines = true;
	return 0;
}

int btfinfo_check(struct verify_env *env)
{
	int err;

	if (!env->in->func_info_count && !env->in->line_info_count)
		return check_without_btf(env);
	err = check_funcs(env);
	return err ? err : check_lines(env);
}

/* ---- what arguments are ---------------------------------------------------------------------- */

enum arg_tag {
	TAG_CTX = 1,
	TAG_NONNULL = 2,
	TAG_TRUSTED = 4,
	TAG_NULLABLE = 8,
	TAG_ARENA = 16,
	TAG_UNTRUSTED = 32,
};

struct arg_ctx {
	struct verify_env *env;
	const struct btf *btf;
	const char *func;
	u32 func_id;
	u32 index;
	bool is_global;
};

#define ARG_SAYS(c, ...) verify_refuse((c)->env, REASON_FUNC_TYPE, __VA_ARGS__)

static int read_tags(struct arg_ctx *c, u32 *ret_tags)
{
	static const struct {
		const char *name;
		u32 tag;
	} known[] = {
		{"ctx", TAG_CTX},
		{"trusted", TAG_TRUSTED},
		{"nonnull", TAG_NONNULL},
		{"nullable", TAG_NULLABLE},
		{"arena", TAG_ARENA},
	};
	int id = 0;

	*ret_tags = 0;
	if (c->env->kernel < KERNEL(6, 8))
		return 0; /* nobody looks at them */
	while ((id = btype_find_tag(c->btf, c->func_id, (s32)c->index, "arg:", (u32)id)) > 0) {
		const char *tag = btype_name(c->btf, (u32)id) + 4;
		u32 i;

		if (!c->is_global)
			return verify_refuse(c->env, REASON_FUNC_TAG,
				"arg#%d type tag is not supported in static functions\n", c->index);
		for (i = 0; i < ARRAY_SIZE(known) && strcmp(tag, known[i].name) != 0; i++)
			;
		if (i == ARRAY_SIZE(known))
			return verify_refuse(c->env, REASON_FUNC_TAG,
				"arg#%d has unsupported set of tags\n", c->index);
		*ret_tags |= known[i].tag;
	}
	return 0;
}

/* The type behind pointer t, stopping at the typedef bpf_user_pt_regs_t. */
static const struct btf_type *pointee(struct arg_ctx *c, const struct btf_type *t, bool *ret_regs)
{
	u32 id;

	t = btype_skip_quals(c->btf, t->type, &id);
	*ret_regs = t && btype_kind(t) == BTF_KIND_TYPEDEF &&
		strcmp(btype_name_of(c->btf, t), "bpf_user_pt_regs_t") == 0;
	return t ? btype_skip_mods(c->btf, id, NULL) : NULL;
}

static const char *ctx_struct_name(u32 prog_type)
{
	const struct progtype_spec *spec = progtype_spec_by_type(prog_type);
	const char *name = spec && spec->ctx_name ? spec->ctx_name : "";

	return str_starts_with(name, "struct ") ? name + strlen("struct ") : name;
}

/* Is it a pointer to what the program type's context is called? */
static bool is_ctx(struct arg_ctx *c, const struct btf_type *ptr)
{
	u32 type = c->env->prog_type;
	const char *want = ctx_struct_name(type), *name;
	const struct btf_type *t;
	bool is_regs;

	t = pointee(c, ptr, &is_regs);
	if (is_regs && type == BPF_PROG_TYPE_KPROBE)
		return true;
	if (!t || !btype_is_composite(t))
		return false;
	name = btype_name_of(c->btf, t);
	if (!*name || !*want)
		return false;
	if (strcmp(want, "__sk_buff") == 0 && strcmp(name, "sk_buff") == 0)
		return true;
	if (strcmp(want, "xdp_md") == 0 && strcmp(name, "xdp_buff") == 0)
		return true;
	if (type == BPF_PROG_TYPE_KPROBE &&
		(strcmp(name, "pt_regs") == 0 || strcmp(name, "bpf_user_pt_regs_t") == 0))
		return true;
	return strcmp(name, want) == 0;
}

static bool tagged_ctx_by_type(
	struct arg_ctx *c, const struct btf_type *t, const char *name, bool is_regs)
{
	bool is_struct = btype_kind(t) == BTF_KIND_STRUCT;
	bool is_u64 = btype_kind(t) == BTF_KIND_INT && t->size == 8;

	switch (c->env->prog_type) {
	case BPF_PROG_TYPE_KPROBE:
	case BPF_PROG_TYPE_PERF_EVENT:
		return is_regs || (is_struct && strcmp(name, "pt_regs") == 0);
	case BPF_PROG_TYPE_RAW_TRACEPOINT:
	case BPF_PROG_TYPE_RAW_TRACEPOINT_WRITABLE:
	case BPF_PROG_TYPE_LSM:
	case BPF_PROG_TYPE_STRUCT_OPS: return is_u64;
	case BPF_PROG_TYPE_TRACING:
		if (c->env->in->attach_type == BPF_TRACE_ITER)
			return is_struct && str_starts_with(name, "bpf_iter__");
		return is_u64 ||
			(c->env->in->attach_type == BPF_TRACE_RAW_TP && is_struct &&
				strcmp(name, "bpf_raw_tracepoint_args") == 0);
	case BPF_PROG_TYPE_TRACEPOINT:
	case BPF_PROG_TYPE_SYSCALL:
	case BPF_PROG_TYPE_EXT: return true;
	default: return false;
	}
}

static int check_tagged_ctx(struct arg_ctx *c, const struct btf_type *ptr)
{
	const char *want = ctx_struct_name(c->env->prog_type), *name;
	const struct btf_type *t;
	bool is_regs;

	t = pointee(c, ptr, &is_regs);
	if (!t || btype_is_void(t))
		return 0;
	name = btype_name_of(c->btf, t);
	if (!*name)
		return ARG_SAYS(c, "arg#%d type doesn't have a name\n", c->index);
	if (tagged_ctx_by_type(c, t, name, is_regs))
		return 0;
	if (!*want)
		return ARG_SAYS(c, "arg#%d should be void pointer\n", c->index);
	if (btype_kind(t) != BTF_KIND_STRUCT || strcmp(name, want) != 0)
		return ARG_SAYS(c, "arg#%d should be `struct %s *`\n", c->index, want);
	return 0;
}

static int trusted_arg(struct arg_ctx *c, const struct btf_type *ptr, struct subprog_arg *ret)
{
	const struct btf_type *t = btype_skip_mods(c->btf, ptr->type, NULL);
	const struct btf *kernel = kernel_btf(c->env);
	const char *name = t ? btype_name_of(c->btf, t) : "";
	const char *flavor = strstr(name, "___");
	char plain[128];
	int id;

	if (!t || !kernel)
		return ARG_SAYS(c, "arg#%d reference type has no matches\n", c->index);
	str_copy(plain, sizeof(plain), name);
	if (flavor && (size_t)(flavor - name) < sizeof(plain))
		plain[flavor - name] = 0;
	id = *plain ? btype_find(kernel, plain, btype_kind(t)) : -ENOENT;
	if (id < 0)
		return verify_refuse(c->env, REASON_FUNC_ARG_NO_TYPE,
			"arg#%d reference type('%s %s') has no matches\n", c->index,
			btype_kind_name(btype_kind(t)), name);
	*ret = (struct subprog_arg){.arg = ARG_BTF_ID, .btf_id = (u32)id, .trusted = true};
	return 0;
}

static int memory_arg(
	struct arg_ctx *c, const struct btf_type *ptr, u32 tags, struct subprog_arg *ret)
{
	u32 id, size;
	const struct btf_type *t = btype_skip_mods(c->btf, ptr->type, &id);
	int err = t ? btype_size(c->btf, id, &size) : -EINVAL;

	if (err)
		return ARG_SAYS(c, "arg#%d reference type('%s %s') size cannot be determined: %d\n",
			c->index, t ? btype_kind_name(btype_kind(t)) : "",
			t ? btype_name_of(c->btf, t) : "", err);
	*ret = (struct subprog_arg){
		.arg = ARG_MEM, .mem_size = size, .nullable = !(tags & TAG_NONNULL)};
	return 0;
}

static bool is_dynptr(struct arg_ctx *c, const struct btf_type *ptr)
{
	const struct btf_type *t = btype_skip_mods(c->btf, ptr->type, NULL);
	const char *name = t && btype_kind(t) == BTF_KIND_STRUCT ? btype_name_of(c->btf, t) : "";

	return strcmp(name, "bpf_dynptr") == 0 || strcmp(name, "bpf_dynptr_kern") == 0;
}

static int pointer_arg(
	struct arg_ctx *c, const struct btf_type *t, u32 tags, struct subprog_arg *ret)
{
	int err;

	if (tags & TAG_CTX || is_ctx(c, t)) {
		if (tags & ~(u32)TAG_CTX)
			return ARG_SAYS(c, "arg#%d has invalid combination of tags\n", c->index);
		err = tags & TAG_CTX ? check_tagged_ctx(c, t) : 0;
		*ret = (struct subprog_arg){.arg = ARG_CTX};
		return err;
	}
	if (is_dynptr(c, t)) {
		if (tags)
			return ARG_SAYS(c, "arg#%d has invalid combination of tags\n", c->index);
		*ret = (struct subprog_arg){.arg = ARG_DYNPTR | ARG_RDONLY};
		return 0;
	}
	if (tags & TAG_TRUSTED) {
		if (tags & TAG_NONNULL)
			return ARG_SAYS(c, "arg#%d has invalid combination of tags\n", c->index);
		err = trusted_arg(c, t, ret);
		ret->nullable = tags & TAG_NULLABLE;
		return err;
	}
	if (tags & TAG_ARENA)
		return tags & ~(u32)TAG_ARENA
			? ARG_SAYS(c, "arg#%d arena cannot be combined with any other tags\n",
				  c->index)
			: verify_unsupported(c->env, "an arena argument");
	if (tags & TAG_NULLABLE)
		return ARG_SAYS(c, "arg#%d has invalid combination of tags\n", c->index);
	return memory_arg(c, t, tags, ret);
}

static int one_arg(struct arg_ctx *c, u32 type_id, struct subprog_arg *ret)
{
	const struct btf_type *t = btype_skip_mods(c->btf, type_id, NULL);
	bool is_ptr = t && btype_is_ptr(t);
	u32 tags;
	int err = read_tags(c, &tags);

	if (err)
		return err;
	/* of a static function only context and dynptrs are of interest */
	if (is_ptr && (c->is_global || tags || is_ctx(c, t) || is_dynptr(c, t)))
		return pointer_arg(c, t, tags, ret);
	if (tags)
		return ARG_SAYS(c, "arg#%d has pointer tag, but is not a pointer type\n", c->index);
	if (t && (btype_kind(t) == BTF_KIND_INT || btype_is_any_enum(t))) {
		*ret = (struct subprog_arg){.arg = ARG_ANYTHING};
		return 0;
	}
	if (!c->is_global)
		return -EINVAL;
	return ARG_SAYS(c, "Arg#%d type %s in %s() is not supported yet.\n", c->index,
		t ? btype_kind_name(btype_kind(t)) : "UNKNOWN", c->func);
}

int btfinfo_prepare_args(struct verify_env *env, u32 subprog)
{
	struct subprog *s = &env->subprogs[subprog];
	const struct btf *btf = env->in->btf;
	const struct btf_type *proto, *t;
	struct arg_ctx c = {.env = env, .btf = btf, .is_global = s->linkage == BTF_FUNC_GLOBAL};
	int err;

	if (s->args_known)
		return 0;
	if (bug_on(!env->has_func_info))
		return verify_refuse(env, REASON_INTERNAL, "Verifier bug\n");
	c.func_id = env->in->func_info[subprog].type_id;
	c.func = subprog_name(env, subprog);
	proto = btype_func_proto(btf, c.func_id);
	if (btype_vlen(proto) > ARRAY_SIZE(s->args))
		return !c.is_global
			? -EINVAL
			: verify_refuse(env, REASON_FUNC_TYPE,
				  "Global function %s() with %d > %d args. Buggy compiler.\n",
				  c.func, btype_vlen(proto), (int)ARRAY_SIZE(s->args));
	t = btype_skip_mods(btf, proto->type, NULL);
	if (!t || (btype_kind(t) != BTF_KIND_INT && !btype_is_any_enum(t)))
		return !c.is_global
			? -EINVAL
			: verify_refuse(env, REASON_FUNC_TYPE,
				  "Global function %s() doesn't return scalar. Only those are "
				  "supported.\n",
				  c.func);
	for (c.index = 0; c.index < btype_vlen(proto); c.index++) {
		err = one_arg(&c, btype_params(proto)[c.index].type, &s->args[c.index]);
		if (err)
			return err;
	}
	s->arg_count = btype_vlen(proto);
	s->args_known = true;
	return 0;
}
