// SPDX-License-Identifier: BSD-2-Clause
/*
 * Special fields: found by the name of their type or the type tag of their pointer, in structs and
 * data sections, in nested structs and arrays. The order of the checks decides which errno comes
 * out, so it is the kernel's. Fields come out by ascending offset.
 */
#include "btf/priv.h"
#include "base/alloc.h"

#define UPTR_SIZE_MAX 4096

static const struct kind_info {
	u32 kind;
	const char *type_name; /* of the struct; NULL: a pointer, told by its tag */
	const char *name;
	u32 size, align;
	bool is_unique, may_repeat;
} kind_infos[] = {
	{BTYPE_SPIN_LOCK, "bpf_spin_lock", "bpf_spin_lock", 4, 4, true, false},
	{BTYPE_RES_SPIN_LOCK, "bpf_res_spin_lock", "bpf_res_spin_lock", 4, 4, true, false},
	{BTYPE_TIMER, "bpf_timer", "bpf_timer", 16, 8, true, false},
	{BTYPE_WORKQUEUE, "bpf_wq", "bpf_wq", 16, 8, true, false},
	{BTYPE_TASK_WORK, "bpf_task_work", "bpf_task_work", 8, 8, true, false},
	{BTYPE_LIST_HEAD, "bpf_list_head", "bpf_list_head", 16, 8, false, true},
	{BTYPE_LIST_NODE, "bpf_list_node", "bpf_list_node", 24, 8, false, false},
	{BTYPE_RB_ROOT, "bpf_rb_root", "bpf_rb_root", 16, 8, false, true},
	{BTYPE_RB_NODE, "bpf_rb_node", "bpf_rb_node", 32, 8, false, false},
	{BTYPE_REFCOUNT, "bpf_refcount", "bpf_refcount", 4, 4, true, false},
	{BTYPE_KPTR_UNREF, NULL, "kptr", 8, 8, false, true},
	{BTYPE_KPTR_REF, NULL, "kptr", 8, 8, false, true},
	{BTYPE_KPTR_PERCPU, NULL, "percpu_kptr", 8, 8, false, true},
	{BTYPE_UPTR, NULL, "uptr", 8, 8, false, true},
};

/* What bpf_obj_new() may find in an object. */
#define OBJECT_KINDS                                                                               \
	(BTYPE_SPIN_LOCK | BTYPE_RES_SPIN_LOCK | BTYPE_GRAPH_ROOT | BTYPE_GRAPH_NODE |             \
		BTYPE_REFCOUNT | BTYPE_KPTR)

static const struct kind_info *info_of(u32 kind)
{
	for (u32 i = 0; i < ARRAY_SIZE(kind_infos); i++)
		if (kind_infos[i].kind == kind)
			return &kind_infos[i];
	return NULL;
}

const char *btype_field_name(enum btype_field_kind kind)
{
	const struct kind_info *info = info_of(kind);

	return info ? info->name : "unknown";
}

/* ---- finding -------------------------------------------------------------------------------- */

struct found {
	const struct kind_info *info;
	u32 offset;
	u32 type;	  /* kptr: target; graph root: of the value */
	const char *node; /* graph root: name of the node member */
};

struct finder {
	const struct btf *btf;
	u32 kinds, seen;
	u32 budget; /* places still looked at: nested structs may be wide at every level */
	u32 count;
	struct found found[BTYPE_FIELDS_MAX];
};

/* One place that may hold a field: a member of a struct or a variable of a section. */
struct place {
	u32 owner;     /* whose decl tags count: the struct or the VAR */
	s32 component; /* of owner, or -1 */
	u32 type;      /* as declared */
	u32 offset;
	u32 size; /* expected, 0 = any */
};

/* 1 and *ret_kind, *ret_target: a tagged pointer. 0: an ordinary one. */
static int find_kptr(
	const struct btf *btf, const struct btf_type *t, u32 kinds, u32 *ret_kind, u32 *ret_target)
{
	static const struct {
		const char *tag;
		u32 kind;
	} tags[] = {
		{"kptr_untrusted", BTYPE_KPTR_UNREF},
		{"kptr", BTYPE_KPTR_REF},
		{"percpu_kptr", BTYPE_KPTR_PERCPU},
		{"uptr", BTYPE_UPTR},
	};
	u32 kind = 0;

	if (btype_kind(t) == BTF_KIND_VOLATILE)
		t = btype_by_id(btf, t->type);
	if (!t || !btype_is_ptr(t))
		return 0;
	t = btype_by_id(btf, t->type);
	if (!t || btype_kind(t) != BTF_KIND_TYPE_TAG)
		return 0;
	if (btype_kind(btype_by_id(btf, t->type)) == BTF_KIND_TYPE_TAG)
		return -EINVAL;
	for (u32 i = 0; i < ARRAY_SIZE(tags); i++)
		if (strcmp(btype_name_of(btf, t), tags[i].tag) == 0)
			kind = tags[i].kind;
	if (!kind)
		return -EINVAL;
	if (!(kind & kinds))
		return 0;
	t = btype_skip_mods(btf, t->type, ret_target);
	if (!t || btype_kind(t) != BTF_KIND_STRUCT)
		return -EINVAL;
	*ret_kind = kind;
	return 1;
}

/* "contains:STRUCT:MEMBER" on the root's declaration. */
static int find_graph_value(const struct btf *btf, const struct place *place, struct found *f)
{
	const char *text, *colon;
	int id;

	if (btype_tag_value(btf, place->owner, place->component, "contains:", &text))
		return -EINVAL;
	colon = strchr(text, ':');
	if (!colon)
		return -EINVAL;
	id = btype_find_len(btf, text, (size_t)(colon - text), BTF_KIND_STRUCT);
	if (id < 0)
		return id;
	if (!colon[1])
		return -EINVAL;
	f->type = (u32)id;
	f->node = colon + 1;
	return 0;
}

/* The kind that the type's name or form suggests; NULL and 0: none; -E2BIG: a second one. */
static int guess_kind(struct finder *fi, const struct btf_type *t, const struct kind_info **ret)
{
	const char *name = btype_log_name(fi->btf, t->name_off);

	*ret = NULL;
	for (u32 i = 0; i < ARRAY_SIZE(kind_infos); i++) {
		const struct kind_info *info = &kind_infos[i];

		if (!(fi->kinds & info->kind) || !info->type_name ||
			strcmp(name, info->type_name) != 0)
			continue;
		if (info->is_unique && fi->seen & info->kind)
			return -E2BIG;
		if (info->is_unique)
			fi->seen |= info->kind;
		*ret = info;
		return 0;
	}
	if (fi->kinds & (BTYPE_KPTR | BTYPE_UPTR) && btype_kind(t) != BTF_KIND_STRUCT)
		*ret = info_of(BTYPE_KPTR_REF);
	return 0;
}

/* The fields from `first` on were found in one array element; the others look alike. */
static int repeat(struct finder *fi, u32 first, u32 times, u32 elem_size)
{
	u32 each = fi->count - first;

	for (u32 i = first; i < fi->count; i++)
		if (!fi->found[i].info->may_repeat)
			return -EINVAL;
	if ((u64)each * times > ARRAY_SIZE(fi->found) - first)
		return -E2BIG;
	for (u32 n = 1; n < times; n++) {
		for (u32 i = 0; i < each; i++) {
			struct found *f = &fi->found[fi->count++];

			*f = fi->found[first + i];
			f->offset += n * elem_size;
		}
	}
	return 0;
}

static int find_in_struct(struct finder *fi, u32 id, u32 offset, u32 level);

static int find_nested(struct finder *fi, const struct place *place, u32 id,
	const struct btf_type *t, u32 elems, u32 level)
{
	u32 first = fi->count;
	int err;

	if (place->size && place->size != t->size * elems)
		return 0;
	if (level + 1 >= BTYPE_DEPTH_MAX)
		return -E2BIG;
	err = find_in_struct(fi, id, place->offset, level + 1);
	if (err || fi->count == first || elems == 1)
		return err;
	return repeat(fi, first, elems, t->size);
}

/* 1: *f is filled in; 0: not a field after all. */
static int take(struct finder *fi, const struct place *place, const struct btf_type *t,
	const struct kind_info *info, struct found *f)
{
	u32 kind;
	int err;

	*f = (struct found){.info = info, .offset = place->offset};
	if (!info->type_name) {
		err = find_kptr(fi->btf, t, fi->kinds, &kind, &f->type);
		if (err > 0)
			f->info = info_of(kind);
		return err;
	}
	if (btype_kind(t) != BTF_KIND_STRUCT || t->size != info->size)
		return 0;
	err = info->kind & BTYPE_GRAPH_ROOT ? find_graph_value(fi->btf, place, f) : 0;
	return err ? err : 1;
}

static int find_one(struct finder *fi, const struct place *place, u32 level)
{
	const struct btf_type *t = btype_by_id(fi->btf, place->type);
	const struct kind_info *info;
	u32 id = place->type, elems = 1, depth = 0;
	struct found f;
	int err;

	for (; depth < BTYPE_DEPTH_MAX && btype_kind(t) == BTF_KIND_ARRAY; depth++) {
		elems *= btype_array(t)->nelems;
		id = btype_array(t)->type;
		t = btype_by_id(fi->btf, id);
	}
	if (depth == BTYPE_DEPTH_MAX || fi->budget-- == 0)
		return -E2BIG;
	if (elems == 0)
		return 0;
	err = guess_kind(fi, t, &info);
	if (err)
		return err;
	if (!info)
		return btype_kind(t) == BTF_KIND_STRUCT
			? find_nested(fi, place, id, t, elems, level)
			: 0;
	if ((place->size && place->size != info->size * elems) || place->offset % info->align)
		return 0;
	err = take(fi, place, t, info, &f);
	if (err <= 0)
		return err;
	if (fi->count == ARRAY_SIZE(fi->found))
		return -E2BIG;
	fi->found[fi->count++] = f;
	return elems > 1 ? repeat(fi, fi->count - 1, elems, info->size) : 0;
}

/*
 * Offsets of what is found are relative to the struct at `offset`; alignment is judged inside the
 * innermost struct, as the kernel does.
 */
static int find_in_struct(struct finder *fi, u32 id, u32 offset, u32 level)
{
	const struct btf_type *t = btype_by_id(fi->btf, id);
	const struct btf_member *m = btype_members(t);
	u32 first = fi->count, outer_seen = fi->seen;

	fi->seen = 0; /* the kernel counts what must be unique by struct, not over nested ones */
	for (u32 i = 0; i < btype_vlen(t); i++) {
		u32 bit = btype_bit_offset(t, &m[i]);
		struct place place = {id, (s32)i, m[i].type, bit / 8, 0};
		int err = bit % 8 ? -EINVAL : find_one(fi, &place, level);

		if (err)
			return err;
	}
	for (u32 i = first; i < fi->count; i++)
		fi->found[i].offset += offset;
	fi->seen = outer_seen;
	return 0;
}

static int find_in_section(struct finder *fi, const struct btf_type *t)
{
	const struct btf_var_secinfo *v = btype_vars(t);

	for (u32 i = 0; i < btype_vlen(t); i++) {
		const struct btf_type *var = btype_by_id(fi->btf, v[i].type);
		struct place place = {v[i].type, -1, var->type, v[i].offset, v[i].size};
		int err = find_one(fi, &place, 0);

		if (err)
			return err;
	}
	return 0;
}

/* ---- understanding -------------------------------------------------------------------------- */

static int set_kptr(const struct btf *btf, const struct btype_fields_env *env,
	const struct found *f, struct btype_field *field)
{
	const struct btf *kernel = env ? env->kernel : NULL;
	const struct btf_type *t = btype_by_id(btf, f->type);
	int id = kernel ? btype_find(kernel, btype_log_name(btf, t->name_off), btype_kind(t))
			: -ENOENT;

	if (id < 0) { /* only the program knows it: allocated by bpf_obj_new() */
		field->btf = btf;
		field->type = f->type;
		return 0;
	}
	if (field->kind == BTYPE_KPTR_REF &&
		!(env->has_dtor && env->has_dtor(env->arg, kernel, (u32)id)))
		return -ENOENT;
	field->btf = kernel;
	field->type = (u32)id;
	return 0;
}

static int set_graph_root(const struct btf *btf, const struct found *f, struct btype_field *field)
{
	u32 node_kind = field->kind == BTYPE_LIST_HEAD ? BTYPE_LIST_NODE : BTYPE_RB_NODE;
	const struct kind_info *node = info_of(node_kind);
	const struct btf_type *t = btype_by_id(btf, f->type);
	const struct btf_member *m = btype_members(t);
	bool is_found = false;

	for (u32 i = 0; i < btype_vlen(t); i++) {
		const struct btf_type *its;
		u32 bit;

		if (strcmp(f->node, btype_log_name(btf, m[i].name_off)) != 0)
			continue;
		its = btype_by_id(btf, m[i].type);
		if (is_found || btype_kind(its) != BTF_KIND_STRUCT ||
			strcmp(node->type_name, btype_log_name(btf, its->name_off)) != 0)
			return -EINVAL;
		is_found = true;
		bit = btype_bit_offset(its, &m[i]);
		if (bit % 8 || bit / 8 % node->align)
			return -EINVAL;
		field->btf = btf;
		field->type = f->type;
		field->node_offset = bit / 8;
	}
	return is_found ? 0 : -ENOENT;
}

static void note_offset(struct btype_fields *fields, const struct btype_field *field)
{
	s32 offset = (s32)field->offset;

	switch ((u32)field->kind) {
	case BTYPE_SPIN_LOCK: fields->spin_lock_off = offset; break;
	case BTYPE_RES_SPIN_LOCK: fields->res_spin_lock_off = offset; break;
	case BTYPE_TIMER: fields->timer_off = offset; break;
	case BTYPE_WORKQUEUE: fields->wq_off = offset; break;
	case BTYPE_TASK_WORK: fields->task_work_off = offset; break;
	case BTYPE_REFCOUNT: fields->refcount_off = offset; break;
	default: break;
	}
}

static int add_field(const struct btf *btf, const struct btype_fields_env *env,
	const struct found *f, u32 value_size, u32 *next, struct btype_fields *fields)
{
	struct btype_field *field = &fields->field[fields->count];

	if (f->offset + f->info->size > value_size)
		return -EFAULT;
	if (f->offset < *next)
		return -EEXIST;
	*next = f->offset + f->info->size;
	field->kind = f->info->kind;
	field->offset = f->offset;
	field->size = f->info->size;
	fields->kinds |= f->info->kind;
	fields->count++;
	note_offset(fields, field);
	if (field->kind & (BTYPE_KPTR | BTYPE_UPTR))
		return set_kptr(btf, env, f, field);
	if (field->kind & BTYPE_GRAPH_ROOT)
		return set_graph_root(btf, f, field);
	return 0;
}

/* Rules between fields. */
static int check_together(const struct btype_fields *fields)
{
	bool has_lock = fields->spin_lock_off >= 0 || fields->res_spin_lock_off >= 0;

	if (fields->spin_lock_off >= 0 && fields->res_spin_lock_off >= 0)
		return -EINVAL;
	if (fields->kinds & BTYPE_GRAPH_ROOT && !has_lock)
		return -EINVAL;
	if (fields->refcount_off < 0 && (fields->kinds & BTYPE_GRAPH_NODE) == BTYPE_GRAPH_NODE)
		return -EINVAL;
	return 0;
}

int btype_parse_fields(const struct btf *btf, u32 id, u32 kinds, u32 value_size,
	const struct btype_fields_env *env, struct btype_fields **ret)
{
	struct finder fi = {.btf = btf, .kinds = kinds, .budget = 1u << 20};
	const struct btf_type *t = btype_by_id(btf, id);
	struct btype_fields *fields;
	u32 next = 0;
	int err = -EINVAL;

	if (t && btype_kind(t) == BTF_KIND_STRUCT)
		err = find_in_struct(&fi, id, 0, 0);
	else if (t && btype_kind(t) == BTF_KIND_DATASEC)
		err = find_in_section(&fi, t);
	if (err)
		return err;
	*ret = NULL;
	if (!fi.count)
		return 0;
	fields = mem_zalloc(sizeof(*fields) + fi.count * sizeof(fields->field[0]));
	if (!fields)
		return -ENOMEM;
	fields->spin_lock_off = fields->res_spin_lock_off = fields->timer_off = -1;
	fields->wq_off = fields->refcount_off = fields->task_work_off = -1;
	for (u32 i = 0; i < fi.count && !err; i++)
		err = add_field(btf, env, &fi.found[i], value_size, &next, fields);
	if (!err)
		err = check_together(fields);
	if (err) {
		btype_fields_free(fields);
		return err;
	}
	*ret = fields;
	return 0;
}

void btype_fields_free(struct btype_fields *fields)
{
	mem_free(fields);
}

const struct btype_field *btype_fields_at(const struct btype_fields *fields, u32 offset, u32 kinds)
{
	for (u32 i = 0; fields && i < fields->count; i++) {
		const struct btype_field *f = &fields->field[i];

		if (f->kind & kinds && offset >= f->offset && offset - f->offset < f->size)
			return f;
	}
	return NULL;
}

bool btype_fields_same(const struct btype_fields *a, const struct btype_fields *b)
{
	if (!a || !b)
		return a == b;
	if (a->count != b->count)
		return false;
	for (u32 i = 0; i < a->count; i++) {
		const struct btype_field *x = &a->field[i], *y = &b->field[i];

		if (x->kind != y->kind || x->offset != y->offset || x->type != y->type ||
			x->btf != y->btf || x->node_offset != y->node_offset ||
			x->value != y->value)
			return false;
	}
	return true;
}

/* ---- objects of the program ----------------------------------------------------------------- */

const struct btype_fields *btype_object_fields(const struct btf *btf, u32 id)
{
	const struct btype_objects *objects = btf->objects;
	u32 low = 0, high = objects ? objects->count : 0;

	while (low < high) {
		u32 mid = low + (high - low) / 2;

		if (objects->object[mid].id == id)
			return objects->object[mid].fields;
		if (objects->object[mid].id < id)
			low = mid + 1;
		else
			high = mid;
	}
	return NULL;
}

static int check_uptr(const struct btype_field *field)
{
	const struct btf_type *t = btype_by_id(field->btf, field->type);

	if (btype_is_kernel(field->btf) || !t || !t->size)
		return -EINVAL;
	return t->size > UPTR_SIZE_MAX ? -E2BIG : 0;
}

int btype_fields_link(const struct btf *btf, struct btype_fields *fields)
{
	for (u32 i = 0; fields && i < fields->count; i++) {
		struct btype_field *field = &fields->field[i];
		int err = field->kind == BTYPE_UPTR ? check_uptr(field) : 0;

		if (err)
			return err;
		if (!(field->kind & BTYPE_GRAPH_ROOT))
			continue;
		field->value = btype_object_fields(btf, field->type);
		if (!field->value)
			return -EFAULT;
		/* What can itself be owned may only own what owns nothing: no cycles. */
		if (fields->kinds & BTYPE_GRAPH_NODE && field->value->kinds & BTYPE_GRAPH_ROOT)
			return -ELOOP;
	}
	return 0;
}

void btype_objects_free(struct btype_objects *objects)
{
	for (u32 i = 0; objects && i < objects->count; i++)
		btype_fields_free(objects->object[i].fields);
	mem_free(objects);
}

/* Marks the types that make a struct an object when one of its members has them. */
static bool mark_special(const struct btf *btf, u8 *is_special)
{
	bool any = false;

	for (u32 i = 0; i < ARRAY_SIZE(kind_infos); i++) {
		const struct kind_info *info = &kind_infos[i];
		bool counts = info->kind & OBJECT_KINDS && info->kind != BTYPE_RES_SPIN_LOCK;
		int id = info->type_name && counts
			? btype_find_own(btf, info->type_name, BTF_KIND_STRUCT, 0)
			: -ENOENT;

		if (id > 0) {
			is_special[(u32)id - btf->first_id] = 1;
			any = true;
		}
	}
	for (u32 i = 0; i < btf->count; i++) {
		u32 kind, target;

		if (find_kptr(btf, btype_own(btf, i), BTYPE_KPTR, &kind, &target) > 0) {
			is_special[i] = 1;
			any = true;
		}
	}
	return any;
}

static bool is_object(const struct btf *btf, const struct btf_type *t, const u8 *is_special)
{
	const struct btf_member *m = btype_members(t);

	if (btype_kind(t) != BTF_KIND_STRUCT)
		return false;
	for (u32 i = 0; i < btype_vlen(t); i++)
		if (m[i].type >= btf->first_id && is_special[m[i].type - btf->first_id])
			return true;
	return false;
}

static int add_objects(struct btf *btf, const u8 *is_special, const struct btype_fields_env *env)
{
	for (u32 i = 0; i < btf->count; i++) {
		const struct btf_type *t = btype_own(btf, i);
		u32 count = btf->objects ? btf->objects->count : 0;
		struct btype_objects *grown;
		struct btype_object object = {btf->first_id + i, NULL};
		int err;

		if (!is_object(btf, t, is_special))
			continue;
		grown = mem_realloc(
			btf->objects, sizeof(*grown) + (count + 1) * sizeof(grown->object[0]));
		if (!grown)
			return -ENOMEM;
		grown->count = count;
		btf->objects = grown;
		err = btype_parse_fields(
			btf, object.id, OBJECT_KINDS, t->size, env, &object.fields);
		if (err)
			return err;
		if (!object.fields)
			return -EFAULT;
		grown->object[grown->count++] = object;
	}
	return 0;
}

int btype_objects_new(struct btf *btf, const struct btype_fields_env *env)
{
	u8 *is_special = mem_zalloc((size_t)btf->count + 1);
	int err = is_special ? 0 : -ENOMEM;

	if (!err && mark_special(btf, is_special))
		err = add_objects(btf, is_special, env);
	for (u32 i = 0; !err && btf->objects && i < btf->objects->count; i++)
		err = btype_fields_link(btf, btf->objects->object[i].fields);
	mem_free(is_special);
	return err;
}
