// SPDX-License-Identifier: BSD-2-Clause
/*
 * States as values: pool, copies, references. Arrays grow by powers of two and are kept on free
 * lists, so that following a path allocates nothing once the pool is warm.
 */
#include "verify/state.h"
#include "btf/fields.h"
#include "verify/verify.h"

#include <errno.h>
#include <stdio.h>

struct pool_item {
	struct pool_item *next;
};

static void *pool_take(struct state_pool *pool, struct pool_item **list, size_t size)
{
	struct pool_item *item = *list;

	if (!item)
		return arena_alloc(pool->arena, size);
	*list = item->next;
	return item;
}

static void pool_give(struct pool_item **list, void *p)
{
	struct pool_item *item = p;

	item->next = *list;
	*list = item;
}

/* The power of two that holds count elements. */
static u32 size_class(u32 count)
{
	return count <= 1 ? 0 : 32 - (u32)__builtin_clz(count - 1);
}

struct frame *frame_new(struct state_pool *pool)
{
	struct frame *f = pool_take(pool, &pool->frames, sizeof(*f));

	if (f)
		memset(f, 0, sizeof(*f));
	return f;
}

static void frame_drop_slots(struct state_pool *pool, struct frame *f)
{
	if (f->slots)
		pool_give(&pool->slots[size_class(f->slot_cap)], f->slots);
	f->slots = NULL;
	f->slot_count = f->slot_cap = 0;
}

static void frame_drop_refs(struct state_pool *pool, struct frame *f)
{
	if (f->refs && size_class(f->ref_cap) < ARRAY_SIZE(pool->refs))
		pool_give(&pool->refs[size_class(f->ref_cap)], f->refs);
	f->refs = NULL;
	f->ref_count = f->ref_cap = 0;
}

void frame_free(struct state_pool *pool, struct frame *f)
{
	if (!f)
		return;
	frame_drop_slots(pool, f);
	frame_drop_refs(pool, f);
	pool_give(&pool->frames, f);
}

/* Room for count slots; the old ones are kept if `keep`, new ones are not cleared. */
static int frame_reserve_slots(struct state_pool *pool, struct frame *f, u32 count, bool keep)
{
	u32 class = size_class(count), old_count = f->slot_count;
	struct slot *slots;

	if (count <= f->slot_cap)
		return 0;
	slots = pool_take(pool, &pool->slots[class], (sizeof(struct slot)) << class);
	if (!slots)
		return -ENOMEM;
	if (keep && old_count)
		memcpy(slots, f->slots, old_count * sizeof(*slots));
	frame_drop_slots(pool, f);
	f->slots = slots;
	f->slot_count = keep ? old_count : 0;
	f->slot_cap = 1u << class;
	return 0;
}

int frame_grow_stack(struct state_pool *pool, struct frame *f, u32 slots)
{
	if (slots <= f->slot_count)
		return 0;
	if (bug_on(slots > SLOTS_MAX))
		return -EFAULT;
	if (frame_reserve_slots(pool, f, slots, true))
		return -ENOMEM;
	memset(f->slots + f->slot_count, 0, (slots - f->slot_count) * sizeof(*f->slots));
	f->slot_count = slots;
	return 0;
}

static int frame_reserve_refs(struct state_pool *pool, struct frame *f, u32 count)
{
	u32 class = size_class(count), old_count = f->ref_count;
	size_t size = sizeof(struct ref) << class;
	struct ref *refs;

	if (count <= f->ref_cap)
		return 0;
	/* a list item must fit, and very many references are not worth a list */
	size = MAX(size, sizeof(struct pool_item));
	refs = class < ARRAY_SIZE(pool->refs) ? pool_take(pool, &pool->refs[class], size)
					      : arena_alloc(pool->arena, size);
	if (!refs)
		return -ENOMEM;
	if (old_count)
		memcpy(refs, f->refs, old_count * sizeof(*refs));
	frame_drop_refs(pool, f);
	f->refs = refs;
	f->ref_count = old_count;
	f->ref_cap = 1u << class;
	return 0;
}

int frame_copy_refs(struct state_pool *pool, struct frame *dst, const struct frame *src)
{
	if (frame_reserve_refs(pool, dst, src->ref_count))
		return -ENOMEM;
	if (src->ref_count)
		memcpy(dst->refs, src->refs, src->ref_count * sizeof(*dst->refs));
	dst->ref_count = src->ref_count;
	return 0;
}

int frame_add_ref(struct state_pool *pool, struct frame *f, struct ref ref)
{
	if (frame_reserve_refs(pool, f, f->ref_count + 1))
		return -ENOMEM;
	f->refs[f->ref_count++] = ref;
	return 0;
}

int frame_drop_ref(struct frame *f, u32 id)
{
	for (u32 i = 0; i < f->ref_count; i++) {
		if (f->refs[i].id != id)
			continue;
		/* a callback must not release what its caller holds: it may run many times */
		if (f->in_callback && f->refs[i].callback_frame != f->frameno)
			return -EINVAL;
		f->refs[i] = f->refs[--f->ref_count];
		return 0;
	}
	return -EINVAL;
}

static int frame_copy(struct state_pool *pool, struct frame *dst, const struct frame *src)
{
	memcpy(dst, src, offsetof(struct frame, ref_count));
	if (frame_copy_refs(pool, dst, src) ||
		frame_reserve_slots(pool, dst, src->slot_count, false))
		return -ENOMEM;
	if (src->slot_count)
		memcpy(dst->slots, src->slots, src->slot_count * sizeof(*dst->slots));
	dst->slot_count = src->slot_count;
	return 0;
}

struct state *state_new(struct state_pool *pool)
{
	struct state *s = pool_take(pool, &pool->states, sizeof(*s));

	if (s)
		memset(s, 0, sizeof(*s));
	return s;
}

void state_clear(struct state_pool *pool, struct state *s)
{
	for (u32 i = 0; i < FRAMES_MAX; i++) {
		frame_free(pool, s->frames[i]);
		s->frames[i] = NULL;
	}
}

void state_free(struct state_pool *pool, struct state *s)
{
	if (!s)
		return;
	state_clear(pool, s);
	pool_give(&pool->states, s);
}

int state_copy(struct state_pool *pool, struct state *dst, const struct state *src)
{
	struct frame *frames[FRAMES_MAX];

	for (u32 i = src->curframe + 1; i < FRAMES_MAX; i++) {
		frame_free(pool, dst->frames[i]);
		dst->frames[i] = NULL;
	}
	for (u32 i = 0; i <= src->curframe; i++) {
		if (!dst->frames[i])
			dst->frames[i] = frame_new(pool);
		if (!dst->frames[i] || frame_copy(pool, dst->frames[i], src->frames[i]))
			return -ENOMEM;
	}
	memcpy(frames, dst->frames, sizeof(frames));
	*dst = *src;
	memcpy(dst->frames, frames, sizeof(frames));
	return 0;
}

/* ---- registers ------------------------------------------------------------------------------- */

void reg_copy(struct reg *dst, const struct reg *src)
{
	struct reg *parent = dst->parent;
	u8 live = dst->live;

	*dst = *src;
	dst->parent = parent;
	dst->live = live;
}

void reg_set_const(struct reg *r, u64 value)
{
	r->off = 0;
	r->raw[0] = r->raw[1] = 0;
	r->id = r->ref_id = 0;
	r->val = scalar_const(value);
}

void reg_set_unknown(struct reg *r, bool precise)
{
	r->type = REG_SCALAR;
	r->off = 0;
	r->raw[0] = r->raw[1] = 0;
	r->id = r->ref_id = 0;
	r->val = scalar_unknown();
	r->frameno = 0;
	r->precise = precise;
}

void reg_set_not_init(struct reg *r, bool precise)
{
	reg_set_unknown(r, precise);
	r->type = REG_NOT_INIT;
}

void reg_clear_link(struct reg *r)
{
	r->id = 0;
	r->off = 0;
}

u32 reg_width(const struct reg *r)
{
	return r->val.umax ? 64 - (u32)__builtin_clzll(r->val.umax) : 0;
}

bool reg_is_trusted(const struct reg *r)
{
	u32 kind = reg_kind(r->type);

	if (r->ref_id)
		return true;
	if ((kind == REG_SOCKET || kind == REG_SOCK_COMMON || kind == REG_TCP_SOCK ||
		    kind == REG_MAP_PTR) &&
		!(reg_flags(r->type) & ~(u32)(REG_ALLOC | REG_TRUSTED | REG_NON_OWN)))
		return true;
	return (r->type & (REG_ALLOC | REG_TRUSTED | REG_NON_OWN)) &&
		!(reg_flags(r->type) & ~(u32)(REG_ALLOC | REG_TRUSTED | REG_NON_OWN));
}

bool reg_not_null(const struct reg *r)
{
	if (reg_maybe_null(r))
		return false;
	/* an offset that large could wrap around to 0 */
	if (r->val.smin <= -VAR_OFF_MAX || r->val.smax >= VAR_OFF_MAX)
		return false;
	switch (reg_kind(r->type)) {
	case REG_SOCKET:
	case REG_TCP_SOCK:
	case REG_XDP_SOCK:
	case REG_BUF:
	case REG_MAP_VALUE:
	case REG_MAP_KEY:
	case REG_SOCK_COMMON:
	case REG_MEM:
	case REG_MAP_PTR: return true;
	case REG_BTF: return reg_is_trusted(r);
	default: return false;
	}
}

void reg_mark_not_null(struct reg *r)
{
	const struct verify_map *map = r->map;

	if (reg_kind(r->type) != REG_MAP_VALUE) {
		r->type &= ~(u32)REG_MAYBE_NULL;
		return;
	}
	if (map->inner) {
		r->type = REG_MAP_PTR;
		r->map = map->inner;
		/* timers of two inner maps must not be mixed up */
		if (map->inner->fields &&
			map->inner->fields->kinds & (BTYPE_TIMER | BTYPE_WORKQUEUE))
			r->map_uid = r->id;
	} else if (map->type == BPF_MAP_TYPE_XSKMAP) {
		r->type = REG_XDP_SOCK;
	} else if (map->type == BPF_MAP_TYPE_SOCKMAP || map->type == BPF_MAP_TYPE_SOCKHASH) {
		r->type = REG_SOCKET;
	} else {
		r->type = REG_MAP_VALUE;
	}
}

const struct btype_fields *reg_fields(const struct reg *r)
{
	if (r->type == REG_MAP_VALUE)
		return r->map->fields;
	if (reg_kind(r->type) == REG_BTF && r->type & REG_ALLOC && !btype_is_kernel(r->btf))
		return btype_object_fields(r->btf, r->btf_id);
	return NULL;
}

bool reg_may_hold_lock(const struct reg *r)
{
	const struct btype_fields *fields = reg_fields(r);

	return fields && fields->kinds & (BTYPE_SPIN_LOCK | BTYPE_RES_SPIN_LOCK);
}

const char *reg_type_text(u32 type, char buf[REG_TYPE_TEXT])
{
	static const char *const names[REG_KIND_COUNT] = {
		[REG_NOT_INIT] = "?",
		[REG_SCALAR] = "scalar",
		[REG_CTX] = "ctx",
		[REG_MAP_PTR] = "map_ptr",
		[REG_MAP_VALUE] = "map_value",
		[REG_MAP_KEY] = "map_key",
		[REG_STACK] = "fp",
		[REG_PACKET_META] = "pkt_meta",
		[REG_PACKET] = "pkt",
		[REG_PACKET_END] = "pkt_end",
		[REG_FLOW_KEYS] = "flow_keys",
		[REG_SOCKET] = "sock",
		[REG_SOCK_COMMON] = "sock_common",
		[REG_TCP_SOCK] = "tcp_sock",
		[REG_TP_BUFFER] = "tp_buffer",
		[REG_XDP_SOCK] = "xdp_sock",
		[REG_BTF] = "ptr_",
		[REG_MEM] = "mem",
		[REG_ARENA] = "arena",
		[REG_BUF] = "buf",
		[REG_FUNC] = "func",
		[REG_DYNPTR] = "dynptr_ptr",
	};
	const char *after = "";

	if (type & REG_MAYBE_NULL)
		after = reg_kind(type) == REG_BTF ? "or_null_" : "_or_null";
	snprintf(buf, REG_TYPE_TEXT, "%s%s%s%s%s%s%s%s%s", type & REG_RDONLY ? "rdonly_" : "",
		type & REG_RINGBUF ? "ringbuf_" : "", type & REG_USER ? "user_" : "",
		type & REG_PERCPU ? "percpu_" : "", type & REG_RCU ? "rcu_" : "",
		type & REG_UNTRUSTED ? "untrusted_" : "", type & REG_TRUSTED ? "trusted_" : "",
		names[reg_kind(type)], after);
	return buf;
}
