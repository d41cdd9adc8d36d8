// SPDX-License-Identifier: BSD-2-Clause
/*
 * Phase two: every reference leads somewhere that makes sense, and containment has no cycle. A
 * depth-first walk with an explicit stack of at most 32 types that were not resolved before. What
 * ends the walk depends on where it started: a struct's containment goes through arrays and
 * structs but stops at pointers; a pointer's chain goes through pointers but stops at structs.
 * A step either pushes what must be resolved first or finishes the type on top.
 */
#include "btf/check.h"

/* Only ever the start of a reference. */
static bool is_source_only(const struct btf_type *t)
{
	u32 kind = btype_kind(t);

	return kind == BTF_KIND_VAR || kind == BTF_KIND_DECL_TAG || kind == BTF_KIND_DATASEC;
}

static bool needs_resolve(const struct btf_type *t)
{
	return btype_is_mod(t) || btype_is_ptr(t) || btype_is_composite(t) ||
		btype_kind(t) == BTF_KIND_ARRAY || btype_kind(t) == BTF_KIND_FUNC ||
		is_source_only(t);
}

static bool is_sink(const struct check_env *env, const struct btf_type *t)
{
	switch (env->mode) {
	case RESOLVE_PTR: return !btype_is_mod(t) && !btype_is_ptr(t);
	case RESOLVE_AGGREGATE:
		return !btype_is_mod(t) && btype_kind(t) != BTF_KIND_ARRAY &&
			!btype_is_composite(t);
	case RESOLVE_ANY: break;
	}
	return !needs_resolve(t);
}

static bool is_resolved(const struct check_env *env, u32 id)
{
	return id < env->btf->first_id || env->visits[id - env->btf->first_id] == RESOLVED;
}

static bool is_pending(const struct check_env *env, const struct btf_type *t, u32 id)
{
	return !is_sink(env, t) && !is_resolved(env, id);
}

static int push(struct check_env *env, const struct btf_type *t, u32 id)
{
	u32 own = id - env->btf->first_id;

	if (env->depth == BTYPE_DEPTH_MAX)
		return -E2BIG;
	if (id < env->btf->first_id || env->visits[own] != NOT_VISITED)
		return -EEXIST;
	env->visits[own] = VISITED;
	env->stack[env->depth++] = (struct vertex){t, id, 0};
	if (env->mode == RESOLVE_ANY) {
		if (btype_is_ptr(t))
			env->mode = RESOLVE_PTR;
		else if (btype_is_composite(t) || btype_kind(t) == BTF_KIND_ARRAY)
			env->mode = RESOLVE_AGGREGATE;
	}
	return 0;
}

static void pop(struct check_env *env, u32 resolved, u32 size)
{
	u32 own = env->stack[--env->depth].id - env->btf->first_id;

	env->btf->resolved[own] = resolved;
	env->btf->sizes[own] = size;
	env->visits[own] = RESOLVED;
}

static int refuse(struct check_env *env, const struct btf_type *t, const char *message)
{
	check_log_type(env, t, "%s", message);
	return -EINVAL;
}

/* What was found for a type that is resolved; a FUNC resolves to its prototype. */
static u32 resolved_id(const struct check_env *env, u32 id)
{
	const struct btf_type *t;

	if (id >= env->btf->first_id)
		return env->btf->resolved[id - env->btf->first_id];
	t = btype_skip_mods(env->btf, id, &id);
	return t && btype_kind(t) == BTF_KIND_FUNC ? t->type : id;
}

/*
 * A modifier that was resolved as part of a struct stopped at a pointer; the walk of a pointer or
 * variable goes on from there. 1: it was pushed.
 */
static int push_behind(struct check_env *env, const struct btf_type *mod, u32 id)
{
	const struct btf_type *t = btype_is_mod(mod) ? btype_skip_mods(env->btf, id, &id) : mod;
	int err;

	if (t == mod || !btype_is_ptr(t) || !is_pending(env, t, id))
		return 0;
	err = push(env, t, id);
	return err ? err : 1;
}

/* PTR, VAR and modifiers: one reference in t->type. */
static int step_ref(struct check_env *env, struct vertex *v)
{
	u32 kind = btype_kind(v->t), id = v->t->type;
	const struct btf_type *next = btype_by_id(env->btf, id);

	if (!next || is_source_only(next))
		return refuse(env, v->t, "Invalid type_id");
	if (is_pending(env, next, id))
		return push(env, next, id);
	if (kind == BTF_KIND_PTR || kind == BTF_KIND_VAR) {
		int pushed = push_behind(env, next, id);

		if (pushed)
			return MIN(pushed, 0);
	}
	if (!btype_sized(env->btf, id, &id, NULL)) {
		/* "typedef void x", "const void", a pointer to a function: fine without a size. */
		if (is_resolved(env, id))
			id = resolved_id(env, id);
		next = btype_by_id(env->btf, id);
		if (kind == BTF_KIND_VAR ||
			(!btype_is_void(next) && btype_kind(next) != BTF_KIND_FWD &&
				btype_kind(next) != BTF_KIND_FUNC_PROTO))
			return refuse(env, v->t, "Invalid type_id");
	}
	pop(env, id, 0);
	return 0;
}

static int step_array(struct check_env *env, struct vertex *v)
{
	const struct btf_array *a = btype_array(v->t);
	const struct btf_type *t = btype_by_id(env->btf, a->index_type);
	u32 id, size;

	if (btype_is_sizeless(t) || is_source_only(t))
		return refuse(env, v->t, "Invalid index");
	if (is_pending(env, t, a->index_type))
		return push(env, t, a->index_type);
	t = btype_sized(env->btf, a->index_type, NULL, NULL);
	if (!t || btype_kind(t) != BTF_KIND_INT || !btype_int_is_regular(t))
		return refuse(env, v->t, "Invalid index");

	t = btype_by_id(env->btf, a->type);
	if (btype_is_sizeless(t) || is_source_only(t))
		return refuse(env, v->t, "Invalid elem");
	if (is_pending(env, t, a->type))
		return push(env, t, a->type);
	t = btype_sized(env->btf, a->type, &id, &size);
	if (!t)
		return refuse(env, v->t, "Invalid elem");
	if (btype_kind(t) == BTF_KIND_INT && !btype_int_is_regular(t))
		return refuse(env, v->t, "Invalid array of int");
	if (a->nelems && size > UINT32_MAX / a->nelems)
		return refuse(env, v->t, "Array size overflows U32_MAX");
	pop(env, id, size * a->nelems);
	return 0;
}

static int step_struct(struct check_env *env, struct vertex *v)
{
	const struct btf_member *m = btype_members(v->t);
	int err;

	/* The member that had to wait for its type. */
	if (v->next_member) {
		err = check_member(env, v->t, &m[v->next_member - 1]);
		if (err)
			return err;
	}
	for (u32 i = v->next_member; i < btype_vlen(v->t); i++) {
		const struct btf_type *its = btype_by_id(env->btf, m[i].type);

		if (btype_is_sizeless(its) || is_source_only(its)) {
			check_log_member(env, v->t, &m[i], "Invalid member");
			return -EINVAL;
		}
		if (is_pending(env, its, m[i].type)) {
			v->next_member = i + 1;
			return push(env, its, m[i].type);
		}
		err = check_member(env, v->t, &m[i]);
		if (err)
			return err;
	}
	pop(env, 0, 0);
	return 0;
}

static const char *broken_var(struct check_env *env, const struct btf_var_secinfo *info)
{
	const struct btf_type *var = btype_by_id(env->btf, info->type);
	u32 size;

	if (!btype_sized(env->btf, var->type, NULL, &size))
		return "Invalid type";
	return info->size < size ? "Invalid size" : NULL;
}

static int step_datasec(struct check_env *env, struct vertex *v)
{
	const struct btf_var_secinfo *info = btype_vars(v->t);

	env->mode = RESOLVE_ANY;
	for (u32 i = v->next_member; i < btype_vlen(v->t); i++) {
		const struct btf_type *var = btype_by_id(env->btf, info[i].type);
		const char *broken = NULL;

		if (!var || btype_kind(var) != BTF_KIND_VAR) {
			broken = "Not a VAR kind member";
		} else if (is_pending(env, var, info[i].type)) {
			v->next_member = i + 1;
			return push(env, var, info[i].type);
		} else {
			broken = broken_var(env, &info[i]);
		}
		if (broken) {
			check_log_var(env, v->t, &info[i], broken);
			return -EINVAL;
		}
	}
	pop(env, 0, 0);
	return 0;
}

static int step_func(struct check_env *env, struct vertex *v)
{
	const struct btf_type *proto = btype_by_id(env->btf, v->t->type);
	const struct btf_param *p;

	if (!proto || btype_kind(proto) != BTF_KIND_FUNC_PROTO)
		return refuse(env, v->t, "Invalid type_id");
	p = btype_params(proto);
	for (u32 i = 0; i < btype_vlen(proto); i++) {
		if (!p[i].name_off && p[i].type) {
			check_log_type(env, v->t, "Invalid arg#%u", i + 1);
			return -EINVAL;
		}
	}
	pop(env, v->t->type, 0);
	return 0;
}

static int step_decl_tag(struct check_env *env, struct vertex *v)
{
	const struct btf_type *target = btype_by_id(env->btf, v->t->type);
	s32 component = btype_tag_component(v->t);
	u32 kind = target ? btype_kind(target) : BTF_KIND_UNKN;

	if (kind != BTF_KIND_FUNC && kind != BTF_KIND_STRUCT && kind != BTF_KIND_UNION &&
		kind != BTF_KIND_VAR && kind != BTF_KIND_TYPEDEF)
		return refuse(env, v->t, "Invalid type_id");
	if (is_pending(env, target, v->t->type))
		return push(env, target, v->t->type);
	if (component != -1) {
		const struct btf_type *whole = target;

		if (kind == BTF_KIND_VAR || kind == BTF_KIND_TYPEDEF)
			return refuse(env, v->t, "Invalid component_idx");
		if (kind == BTF_KIND_FUNC)
			whole = btype_by_id(env->btf, target->type);
		if ((u32)component >= btype_vlen(whole))
			return refuse(env, v->t, "Invalid component_idx");
	}
	pop(env, v->t->type, 0);
	return 0;
}

static int step(struct check_env *env, struct vertex *v)
{
	switch (btype_kind(v->t)) {
	case BTF_KIND_ARRAY: return step_array(env, v);
	case BTF_KIND_STRUCT:
	case BTF_KIND_UNION: return step_struct(env, v);
	case BTF_KIND_DATASEC: return step_datasec(env, v);
	case BTF_KIND_FUNC: return step_func(env, v);
	case BTF_KIND_DECL_TAG: return step_decl_tag(env, v);
	default: return step_ref(env, v);
	}
}

/* An array resolved while its element was not yet, or similar: the walk's own contradiction. */
static bool is_state_valid(const struct check_env *env, const struct btf_type *t, u32 id)
{
	const struct btf *btf = env->btf;
	u32 resolved, size, elem_size;

	if (!is_resolved(env, id))
		return false;
	resolved = btf->resolved[id - btf->first_id];
	size = btf->sizes[id - btf->first_id];
	switch (btype_kind(t)) {
	case BTF_KIND_STRUCT:
	case BTF_KIND_UNION:
	case BTF_KIND_DATASEC: return !resolved && !size;
	case BTF_KIND_DECL_TAG:
	case BTF_KIND_FUNC: return resolved && !size;
	case BTF_KIND_ARRAY:
		t = btype_sized(btf, btype_array(t)->type, NULL, &elem_size);
		return t && btype_array(btype_by_id(btf, id))->nelems * elem_size == size;
	default:
		t = btype_by_id(btf, resolved);
		return t && !btype_is_mod(t) && btype_kind(t) != BTF_KIND_VAR &&
			btype_kind(t) != BTF_KIND_DATASEC;
	}
}

static int resolve(struct check_env *env, const struct btf_type *t, u32 id)
{
	u32 old_log_id = env->log_id;
	int err = 0;

	env->mode = RESOLVE_ANY;
	push(env, t, id);
	while (!err && env->depth) {
		struct vertex *top = &env->stack[env->depth - 1];

		env->log_id = top->id;
		err = step(env, top);
	}
	env->log_id = id;
	if (err == -E2BIG)
		check_log_type(env, t, "Exceeded max resolving depth:%u", BTYPE_DEPTH_MAX);
	else if (err == -EEXIST)
		check_log_type(env, t, "Loop detected");
	if (!err && !is_state_valid(env, t, id)) {
		check_log_type(env, t, "Invalid resolve state");
		err = -EINVAL;
	}
	env->log_id = old_log_id;
	return err;
}

/* A return type or argument: has it a size, once it is resolved? 1: no. */
static int check_value_type(struct check_env *env, u32 id)
{
	const struct btf_type *t = btype_by_id(env->btf, id);

	if (!t || is_source_only(t))
		return 1;
	if (needs_resolve(t) && !is_resolved(env, id)) {
		int err = resolve(env, t, id);

		if (err)
			return err;
	}
	return btype_sized(env->btf, id, NULL, NULL) ? 0 : 1;
}

static int check_proto(struct check_env *env, const struct btf_type *t)
{
	const struct btf_param *p = btype_params(t);
	u32 count = btype_vlen(t);
	int err = t->type ? check_value_type(env, t->type) : 0;

	if (err > 0)
		return refuse(env, t, "Invalid return type");
	if (err < 0 || !count)
		return err;
	if (!p[count - 1].type) {
		if (p[count - 1].name_off) {
			check_log_type(env, t, "Invalid arg#%u", count);
			return -EINVAL;
		}
		count--;
	}
	for (u32 i = 0; i < count; i++) {
		const struct btf_type *its = btype_by_id(env->btf, p[i].type);
		bool is_bad = !its || is_source_only(its) ||
			(p[i].name_off &&
				(!check_is_name_offset(env->btf, p[i].name_off) ||
					!check_is_identifier(env->btf, p[i].name_off)));

		err = is_bad ? 1 : check_value_type(env, p[i].type);
		if (err > 0) {
			check_log_type(env, t, "Invalid arg#%u", i + 1);
			return -EINVAL;
		}
		if (err)
			return err;
	}
	return 0;
}

int check_references(struct check_env *env)
{
	u32 end = btype_count(env->btf);

	env->in_meta = false;
	for (u32 id = env->btf->first_id; id < end; id++) {
		const struct btf_type *t = btype_by_id(env->btf, id);
		int err = 0;

		env->log_id = id;
		if (needs_resolve(t) && !is_resolved(env, id))
			err = resolve(env, t, id);
		if (!err && btype_kind(t) == BTF_KIND_FUNC_PROTO)
			err = check_proto(env, t);
		if (err)
			return err;
	}
	return 0;
}
