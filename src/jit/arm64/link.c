// SPDX-License-Identifier: BSD-2-Clause
/*
 * Labels and jumps. While code is appended a jump takes no room; a64_layout() starts with one
 * instruction for each and lengthens those that do not reach, until nothing changes.
 */
#include "jit/arm64/emit.h"

#include "jit/bug.h"

enum {
	REACH_TEST = 1 << 13, /* instructions, of tbz */
	REACH_COND = 1 << 18, /* of b.cond, cbz and adr */
	REACH_CALL = 1 << 25, /* of b and bl */
	PAGE_INSNS = 4096 / 4,
	FAR_REG = 16,
};

static bool grow(struct a64_buf *b, void **data, u32 *cap, u32 len, size_t size)
{
	u32 new_cap = *cap ? 2 * *cap : 64;
	void *bigger;

	if (b->err)
		return false;
	if (len < *cap)
		return true;
	bigger = arena_alloc(b->arena, new_cap * size);
	if (!bigger) {
		b->err = -ENOMEM;
		return false;
	}
	if (len)
		memcpy(bigger, *data, len * size);
	*data = bigger;
	*cap = new_cap;
	return true;
}

void a64_init(struct a64_buf *b, struct arena *arena)
{
	*b = (struct a64_buf){.arena = arena};
}

u32 a64_new_label(struct a64_buf *b)
{
	if (!grow(b, (void **)&b->labels, &b->label_cap, b->label_count, sizeof(*b->labels)))
		return 0;
	b->labels[b->label_count] = UINT32_MAX;
	return b->label_count++;
}

static void add_item(struct a64_buf *b, struct a64_item item)
{
	if (!grow(b, (void **)&b->items, &b->item_cap, b->item_count, sizeof(*b->items)))
		return;
	item.at = b->len;
	b->items[b->item_count++] = item;
}

void a64_bind(struct a64_buf *b, u32 label)
{
	add_item(b, (struct a64_item){.kind = A64_BIND, .label = label});
}

void a64_jump(struct a64_buf *b, enum a64_cond cond, u32 label)
{
	add_item(b, (struct a64_item){.kind = (u8)cond, .label = label, .size = 1});
}

void a64_test_jump(struct a64_buf *b, enum a64_cond cond, u8 w, u8 reg, u8 bit, u32 label)
{
	add_item(b,
		(struct a64_item){.kind = (u8)cond,
			.label = label,
			.size = 1,
			.w = w,
			.reg = reg,
			.bit = bit});
}

void a64_call_label(struct a64_buf *b, u32 label)
{
	add_item(b, (struct a64_item){.kind = A64_CALL_LABEL, .label = label, .size = 1});
}

void a64_call(struct a64_buf *b, u64 address)
{
	add_item(b, (struct a64_item){.kind = A64_CALL_ADDRESS, .target = address, .size = 1});
}

void a64_adr_label(struct a64_buf *b, u8 reg, u32 label)
{
	add_item(
		b, (struct a64_item){.kind = A64_ADR_LABEL, .label = label, .size = 1, .reg = reg});
}

void a64_align(struct a64_buf *b, u32 log2)
{
	add_item(b, (struct a64_item){.kind = A64_ALIGN, .label = log2});
}

/* ---- sizes --------------------------------------------------------------------------------- */

/* Final offsets of all items, and of the labels. */
static u32 place(struct a64_buf *b)
{
	u32 shift = 0, i;

	for (i = 0; i < b->item_count; i++) {
		struct a64_item *item = &b->items[i];

		item->final = item->at + shift;
		if (item->kind == A64_BIND)
			b->labels[item->label] = item->final;
		else if (item->kind == A64_ALIGN)
			item->size = (u8)(-item->final & ((1u << item->label) - 1));
		shift += item->size;
	}
	return b->len + shift;
}

static bool is_within(s64 distance, s64 reach)
{
	return distance >= -reach && distance < reach << JIT_BUG(ARM64_REACH);
}

/* To the label of an item that has one. */
static s64 distance_of(const struct a64_buf *b, const struct a64_item *item)
{
	bool has_label = item->kind < A64_BIND && item->kind != A64_CALL_ADDRESS;

	return has_label ? (s64)b->labels[item->label] - item->final : 0;
}

/* Instructions that an item takes where it stands. */
static u8 size_of(const struct a64_buf *b, const struct a64_item *item, u64 base)
{
	s64 distance = distance_of(b, item);
	u32 words[4];

	switch (item->kind) {
	case A64_BIND:
	case A64_ALIGN: return item->size;
	case A64_ALWAYS:
	case A64_CALL_LABEL: return 1;
	case A64_TBZ:
	case A64_TBNZ: return is_within(distance, REACH_TEST) || JIT_BUG(ARM64_TEST_REACH) ? 1 : 2;
	case A64_CALL_ADDRESS:
		distance = (s64)(item->target - base - 4ull * item->final);
		if (base && distance % 4 == 0 && is_within(distance / 4, REACH_CALL))
			return 1;
		return (u8)(a64_mov_imm_words(item->target, words) + 1);
	default: return is_within(distance, REACH_COND) ? 1 : 2;
	}
}

u32 a64_layout(struct a64_buf *b, u64 base)
{
	bool is_changed = true;
	u32 total = 0, i;

	for (i = 0; i < b->item_count; i++)
		b->items[i].size = b->items[i].kind >= A64_BIND ? 0 : 1;
	while (is_changed) {
		is_changed = false;
		total = place(b);
		for (i = 0; i < b->item_count; i++) {
			struct a64_item *item = &b->items[i];
			u8 size = size_of(b, item, base);

			if (size > item->size) { /* never shorter again, so that it ends */
				item->size = size;
				is_changed = true;
			}
		}
	}
	if (total > REACH_CALL)
		b->err = -E2BIG;
	return 4 * total;
}

/* ---- writing ------------------------------------------------------------------------------- */

static u32 branch_to(s64 distance)
{
	return 0x14000000 | ((u32)distance & 0x3ffffff);
}

/* The conditional jump alone. */
static u32 conditional(const struct a64_item *item, u32 cond, s64 distance)
{
	u32 test = item->reg | (item->w == 64 && cond < A64_TBZ ? 1u << 31 : 0);

	switch (cond) {
	case A64_CBZ:
	case A64_CBNZ: return 0x34000000 | (cond & 1) << 24 | ((u32)distance & 0x7ffff) << 5 | test;
	case A64_TBZ:
	case A64_TBNZ:
		return 0x36000000 | (cond & 1) << 24 | (u32)(item->bit & 32) << 26 |
			(u32)(item->bit & 31) << 19 | ((u32)distance & 0x3fff) << 5 | test;
	default: return 0x54000000 | ((u32)distance & 0x7ffff) << 5 | cond;
	}
}

static void write_call(const struct a64_item *item, u64 base, u32 *p)
{
	u32 i;

	if (item->size == 1) {
		s64 distance = (s64)(item->target - base - 4ull * item->final) / 4;

		p[0] = branch_to(distance) | 1u << 31;
		return;
	}
	i = a64_mov_imm_words(item->target, p);
	p[i] = 0xd63f0000 | FAR_REG << 5;
	while (i-- > 0)
		p[i] |= FAR_REG;
}

static void write_adr(const struct a64_item *item, u32 to, u32 *p)
{
	s64 distance = 4 * ((s64)to - item->final);

	if (item->size == 2) { /* the image starts at a page */
		distance = (s64)(to / PAGE_INSNS) - item->final / PAGE_INSNS;
		p[1] = 0x91000000 | (4 * to & 0xfff) << 10 | (u32)item->reg << 5 | item->reg;
	}
	p[0] = 0x10000000 | (item->size == 2 ? 1u << 31 : 0) | ((u32)distance & 3) << 29 |
		((u32)(distance >> 2) & 0x7ffff) << 5 | item->reg;
}

static void write_item(const struct a64_buf *b, const struct a64_item *item, u64 base, u32 *p)
{
	s64 distance = distance_of(b, item);
	u32 i;

	switch (item->kind) {
	case A64_BIND: break;
	case A64_ALIGN:
		for (i = 0; i < item->size; i++)
			p[i] = 0xd503201f;
		break;
	case A64_ALWAYS: p[0] = branch_to(distance); break;
	case A64_CALL_LABEL: p[0] = branch_to(distance) | 1u << 31; break;
	case A64_CALL_ADDRESS: write_call(item, base, p); break;
	case A64_ADR_LABEL: write_adr(item, (u32)(item->final + distance), p); break;
	default:
		if (item->size == 1) {
			p[0] = conditional(item, item->kind, distance + JIT_BUG(ARM64_BRANCH));
		} else { /* the opposite jumps over a jump that reaches farther */
			p[0] = conditional(item, item->kind ^ 1u, 2);
			p[1] = branch_to(distance - 1);
		}
		break;
	}
}

void a64_write(const struct a64_buf *b, u8 *dst)
{
	u64 base = (u64)(uintptr_t)dst;
	u32 *p = (u32 *)(void *)dst;
	u32 from = 0, i;

	for (i = 0; i < b->item_count; i++) {
		const struct a64_item *item = &b->items[i];

		if (item->at > from)
			memcpy(p, b->code + from, (item->at - from) * sizeof(u32));
		p += item->at - from;
		from = item->at;
		write_item(b, item, base, p);
		p += item->size;
	}
	if (b->len > from)
		memcpy(p, b->code + from, (b->len - from) * sizeof(u32));
}
