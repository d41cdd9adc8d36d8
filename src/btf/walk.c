// SPDX-License-Identifier: BSD-2-Clause
/*
 * A load from a pointer to a struct goes down through members, arrays (as if their elements were
 * members) and nested structs until it meets a scalar or a pointer. Arithmetic is u32 and wraps, as
 * the kernel's; every step goes into a smaller type or leaves, so it ends.
 */
#include "btf/walk.h"
#include "btf/fields.h"
#include "btf/priv.h"

#define LEVELS_MAX 1024

enum walk_end { WALK_SCALAR, WALK_PTR, WALK_STRUCT };

struct walk {
	const struct btf *btf;
	struct log *log;
	bool is_alloc;
	u32 left; /* levels: a trusted btf could contain a cycle */
	u32 type; /* in: where to look; out: what was met (PTR: target, STRUCT: nested) */
	u32 tags;
	const char *field; /* WALK_PTR: the member */
};

/* A member's type as the walk sees it: arrays of arrays are one array. */
struct extent {
	const struct btf_type *elem; /* element, or the type itself */
	u32 id;			     /* of elem; an array's element may keep its modifiers */
	u32 size;		     /* of all */
	u32 count;
	bool is_array;
};

static int measure(const struct btf *btf, u32 id, struct extent *ret)
{
	const struct btf_type *t = btype_by_id(btf, id);
	struct extent e = {.id = id, .count = 1};
	u32 size = 0;

	for (u32 depth = 0; depth < BTYPE_DEPTH_MAX && t; depth++) {
		if (btype_kind(t) == BTF_KIND_ARRAY) {
			u32 count = btype_array(t)->nelems;

			if (e.count && count > UINT32_MAX / e.count)
				return -EINVAL;
			e.count *= count;
			e.is_array = true;
			e.id = btype_array(t)->type;
			t = btype_by_id(btf, e.id);
			continue;
		}
		if (btype_is_mod(t)) {
			if (!e.is_array)
				e.id = t->type;
			t = btype_by_id(btf, t->type);
			continue;
		}
		if (btype_is_sizeless(t) || btype_kind(t) == BTF_KIND_VAR ||
			btype_kind(t) == BTF_KIND_DATASEC)
			return -EINVAL;
		size = btype_is_ptr(t) ? 8 : t->size;
		if (e.count && size > UINT32_MAX / e.count)
			return -EINVAL;
		e.elem = t;
		e.size = e.count * size;
		*ret = e;
		return 0;
	}
	return -EINVAL;
}

/*
 * Behind the end of t: fine in the elements of a flexible array at its end. 1: *t and *offset now
 * say where in an element.
 */
static int walk_flexible(struct walk *w, const struct btf_type **t, u32 *offset, u32 size)
{
	const struct btf_member *last = btype_members(*t) + btype_vlen(*t) - 1;
	const struct btf_type *array, *elem;
	u32 start;

	if (w->is_alloc || btype_vlen(*t) == 0)
		goto beyond;
	array = btype_skip_mods(w->btf, last->type, NULL);
	if (!array || btype_kind(array) != BTF_KIND_ARRAY || btype_array(array)->nelems != 0)
		goto beyond;
	start = btype_bit_offset(*t, last) / 8;
	if (*offset < start)
		goto beyond;
	elem = btype_skip_mods(w->btf, btype_array(array)->type, NULL);
	if (elem && btype_kind(elem) == BTF_KIND_INT)
		return WALK_SCALAR;
	if (!elem || !btype_is_composite(elem) || !elem->size)
		goto beyond;
	*offset = (*offset - start) % elem->size;
	*t = elem;
	return 1;
beyond:
	log_printf(w->log, "access beyond struct %s at off %u size %u\n",
		btype_log_name(w->btf, (*t)->name_off), *offset, size);
	return -EACCES;
}

static u32 pointer_tag(const struct btf *btf, const struct btf_type *ptr)
{
	const struct btf_type *t = btype_by_id(btf, ptr->type);
	const char *tag;

	/* With kind_flag it is an attribute of the language, not one of ours. */
	if (!t || btype_kind(t) != BTF_KIND_TYPE_TAG || btype_kflag(t))
		return 0;
	tag = btype_name_of(btf, t);
	if (strcmp(tag, "user") == 0)
		return BTYPE_TAG_USER;
	if (strcmp(tag, "percpu") == 0)
		return BTYPE_TAG_PERCPU;
	return strcmp(tag, "rcu") == 0 ? BTYPE_TAG_RCU : 0;
}

/* The load meets a member that holds no struct: [start, end) is the member, all of an array. */
static int walk_leaf(struct walk *w, const struct btf_type *t, const struct btf_member *m,
	const struct extent *e, u32 start, u32 end, u32 offset, u32 size)
{
	const char *name = btype_log_name(w->btf, m->name_off);
	const char *struct_name = btype_log_name(w->btf, t->name_off);

	if (btype_is_ptr(e->elem)) {
		const struct btf_type *target;
		u32 id;

		if (size != 8 || offset != start) {
			log_printf(w->log,
				"cannot access ptr member %s with moff %u in struct %s with off %u "
				"size %u\n",
				name, start, struct_name, offset, size);
			return -EACCES;
		}
		target = btype_skip_mods(w->btf, e->elem->type, &id);
		if (target && btype_is_composite(target)) {
			w->tags |= pointer_tag(w->btf, e->elem);
			w->type = id;
			w->field = name;
			return WALK_PTR;
		}
	}
	/* An array of integers may be read in any way, as a buffer. */
	if (offset + size > end && !(w->tags & BTYPE_TAG_UNTRUSTED)) {
		log_printf(w->log,
			"access beyond the end of member %s (mend:%u) in struct %s with off %u "
			"size %u\n",
			name, end, struct_name, offset, size);
		return -EACCES;
	}
	return WALK_SCALAR;
}

/* A bit field: met only when the load covers all of it. */
static bool covers_bits(
	const struct btf_type *t, const struct btf_member *m, u32 bits, u32 offset, u32 size)
{
	u32 first = btype_bit_offset(t, m);

	return offset <= first / 8 && (first + bits + 7) / 8 <= offset + size;
}

/*
 * One struct. An enum walk_end or -errno; WALK_STRUCT + 1: go on in *t at *offset. WALK_STRUCT: the
 * load starts exactly where a nested struct does.
 */
static int walk_members(struct walk *w, const struct btf_type **t, u32 *offset, u32 size)
{
	const struct btf_member *m = btype_members(*t);

	for (u32 i = 0; i < btype_vlen(*t); i++, m++) {
		u32 start = btype_bit_offset(*t, m) / 8, end;
		u32 bits = btype_kflag(*t) ? BTF_MEMBER_BITFIELD_SIZE(m->offset) : 0;
		struct extent e;

		if (*offset + size <= start)
			break;
		if (bits) {
			if (covers_bits(*t, m, bits, *offset, size))
				return WALK_SCALAR;
			continue;
		}
		if (*offset < start)
			break;
		if (measure(w->btf, m->type, &e)) {
			log_printf(w->log, "field %s doesn't have size\n",
				btype_log_name(w->btf, m->name_off));
			return -EFAULT;
		}
		end = start + e.size;
		if (*offset >= end || start == end)
			continue;
		if (e.is_array) {
			u32 elem_size = e.size / e.count;

			start += (*offset - start) / elem_size * elem_size;
		}
		if (!btype_is_composite(e.elem))
			return walk_leaf(w, *t, m, &e, start, end, *offset, size);
		*t = e.elem;
		w->type = e.id;
		if (*offset == start)
			return WALK_STRUCT;
		*offset -= start;
		return WALK_STRUCT + 1;
	}
	log_printf(w->log, "struct %s doesn't have field at offset %d\n",
		btype_log_name(w->btf, (*t)->name_off), (s32)*offset);
	return -EINVAL;
}

/* From w->type; an enum walk_end or -errno. */
static int walk(struct walk *w, u32 offset, u32 size)
{
	const struct btf_type *t = btype_skip_mods(w->btf, w->type, NULL);
	int end = WALK_STRUCT + 1;

	while (end == WALK_STRUCT + 1) {
		if (w->left-- == 0)
			return -EINVAL;
		if (!t || !btype_is_composite(t)) {
			log_printf(w->log, "Type '%s' is not a struct\n",
				t ? btype_log_name(w->btf, t->name_off) : "");
			return -EINVAL;
		}
		if (btype_kind(t) == BTF_KIND_UNION && btype_vlen(t) != 1)
			w->tags |= BTYPE_TAG_UNTRUSTED;
		if (offset + size > t->size) {
			int flexible = walk_flexible(w, &t, &offset, size);

			if (flexible <= 0)
				return flexible;
			continue;
		}
		end = walk_members(w, &t, &offset, size);
	}
	return end;
}

/* Special fields of an object are for helpers and kfuncs alone. */
static int check_fields(const struct btf *btf, u32 type, u32 offset, u32 size, struct log *log)
{
	const struct btype_fields *fields = btype_object_fields(btf, type);

	for (u32 i = 0; fields && i < fields->count; i++) {
		const struct btype_field *f = &fields->field[i];

		if (offset < f->offset + f->size && f->offset < offset + size) {
			log_printf(log, "direct access to %s is disallowed\n",
				btype_field_name(f->kind));
			return -EACCES;
		}
	}
	return 0;
}

int btype_access(const struct btf *btf, u32 type, s32 offset, u32 size, bool is_alloc,
	struct log *log, struct btype_access *ret)
{
	struct walk w = {btf, log, is_alloc, LEVELS_MAX, type, 0, NULL};
	int end;

	if (offset < 0) /* the verifier has words for it */
		return -EACCES;
	end = is_alloc ? check_fields(btf, type, (u32)offset, size, log) : 0;
	if (end)
		return end;
	/* Where a nested struct starts the walk goes on inside it. */
	while ((end = walk(&w, (u32)offset, size)) == WALK_STRUCT)
		offset = 0;
	if (end < 0)
		return end;
	*ret = (struct btype_access){0};
	if (end == WALK_PTR && !is_alloc)
		*ret = (struct btype_access){true, w.type, w.tags, w.field};
	return 0;
}

bool btype_ids_match(const struct btf *btf, u32 type, s32 offset, const struct btf *need_btf,
	u32 need_type, bool is_strict, bool is_alloc, struct log *log)
{
	struct walk w = {btf, log, is_alloc, LEVELS_MAX, type, 0, NULL};

	if (offset == 0 && btype_same(btf, type, need_btf, need_type))
		return true;
	if (is_strict || offset < 0)
		return false;
	do {
		if (!btype_by_id(btf, w.type) || walk(&w, (u32)offset, 1) != WALK_STRUCT)
			return false;
		offset = 0;
	} while (!btype_same(btf, w.type, need_btf, need_type));
	return true;
}
