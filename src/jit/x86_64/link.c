// SPDX-License-Identifier: BSD-2-Clause
/*
 * Labels and jumps. While code is appended a jump takes no bytes; x86_layout() starts with the
 * short form everywhere and lengthens those that do not reach, until nothing changes. A place's
 * final offset is its offset without jumps plus the sizes of the jumps before it.
 */
#include "jit/x86_64/emit.h"

#include "jit/bug.h"

enum { WINDOW_BYTES = 32, ALIGNED_BYTES = 64 };

static bool grow(struct x86_buf *b, void **data, u32 *cap, u32 len, size_t size)
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

void x86_init(struct x86_buf *b, struct arena *arena)
{
	*b = (struct x86_buf){.arena = arena};
}

u32 x86_new_label(struct x86_buf *b)
{
	if (!grow(b, (void **)&b->labels, &b->label_cap, b->label_count, sizeof(*b->labels)))
		return 0;
	b->labels[b->label_count] = UINT32_MAX;
	return b->label_count++;
}

static void add_jump(struct x86_buf *b, u8 kind, u32 label, u8 size)
{
	if (grow(b, (void **)&b->jumps, &b->jump_cap, b->jump_count, sizeof(*b->jumps)))
		b->jumps[b->jump_count++] =
			(struct x86_jump){.at = b->len, .label = label, .kind = kind, .size = size};
	if (kind > X86_ALWAYS) /* a call, or somebody comes from elsewhere */
		b->named = ~0u;
}

/* A label is an item, too: a jump at the same place may stand before or behind it. */
void x86_bind(struct x86_buf *b, u32 label)
{
	add_jump(b, X86_BIND, label, 0);
}

void x86_jump(struct x86_buf *b, enum x86_cond cond, u32 label)
{
	add_jump(b, (u8)cond, label, 2);
}

void x86_call_label(struct x86_buf *b, u32 label)
{
	add_jump(b, X86_CALL_LABEL, label, 5);
}

void x86_call(struct x86_buf *b, u64 address)
{
	add_jump(b, X86_CALL_ADDRESS, 0, 5);
	if (!b->err)
		b->jumps[b->jump_count - 1].target = address;
}

void x86_lea_label(struct x86_buf *b, u8 reg, u32 label)
{
	add_jump(b, X86_LEA_LABEL, label, 7);
	if (!b->err)
		b->jumps[b->jump_count - 1].reg = reg;
}

void x86_align(struct x86_buf *b, u32 end_label)
{
	add_jump(b, X86_ALIGN, end_label, 0);
}

/* Bytes before code of this length, as far as is known now. */
static u8 padding(u32 at, u32 length)
{
	u32 in_window = at % WINDOW_BYTES;

	if (length > ALIGNED_BYTES || in_window + length <= ALIGN_UP(length, (u32)WINDOW_BYTES))
		return 0;
	if (length > WINDOW_BYTES && 4 * (WINDOW_BYTES - in_window) > length)
		return 0; /* it has two windows anyway */
	return (u8)(WINDOW_BYTES - in_window);
}

/* Final offsets of all items, and of the labels. */
static u32 place(struct x86_buf *b)
{
	u32 shift = 0, i;

	for (i = 0; i < b->jump_count; i++) {
		struct x86_jump *j = &b->jumps[i];
		u32 end_before = j->final + j->size;

		j->final = j->at + shift;
		if (j->kind == X86_BIND) {
			b->labels[j->label] = j->final;
		} else if (j->kind == X86_ALIGN) {
			u32 end = b->labels[j->label]; /* of the round before */

			j->size = end == UINT32_MAX ? 0 : padding(j->final, end - end_before);
		}
		shift += j->size;
	}
	return b->len + shift;
}

u32 x86_layout(struct x86_buf *b, bool is_near)
{
	bool is_changed = true;
	u32 total, i;

	for (i = 0; i < b->jump_count; i++) {
		if (b->jumps[i].kind == X86_CALL_ADDRESS)
			b->jumps[i].size = is_near ? 5 : 12;
	}
	total = place(b); /* how long loops are, for the first round */
	while (is_changed) {
		is_changed = false;
		total = place(b);
		for (i = 0; i < b->jump_count; i++) {
			struct x86_jump *j = &b->jumps[i];
			s64 distance;

			if (j->kind > X86_ALWAYS || j->size != 2)
				continue;
			distance = (s64)b->labels[j->label] - (j->final + 2);
			if (distance != (s8)distance && !(JIT_BUG(JUMP_RANGE) && distance == 128)) {
				j->size = j->kind == X86_ALWAYS ? 5 : 6;
				is_changed = true;
			}
		}
	}
	return total;
}

bool x86_reaches(const struct x86_buf *b, const u8 *base, u32 size)
{
	u32 i;

	for (i = 0; i < b->jump_count; i++) {
		s64 distance = (s64)(b->jumps[i].target - (u64)(uintptr_t)base);

		if (b->jumps[i].kind == X86_CALL_ADDRESS &&
			(distance > INT32_MAX || distance < (s64)INT32_MIN + size))
			return false;
	}
	return true;
}

static void write_nops(u8 *p, u32 count)
{
	/* the recommended ones of 1 to 8 bytes */
	static const u8 nops[8][8] = {{0x90}, {0x66, 0x90}, {0x0f, 0x1f, 0x00},
		{0x0f, 0x1f, 0x40, 0x00}, {0x0f, 0x1f, 0x44, 0x00, 0x00},
		{0x66, 0x0f, 0x1f, 0x44, 0x00, 0x00}, {0x0f, 0x1f, 0x80, 0, 0, 0, 0},
		{0x0f, 0x1f, 0x84, 0, 0, 0, 0, 0}};

	while (count) {
		u32 n = MIN(count, 8);

		memcpy(p, nops[n - 1], n);
		p += n;
		count -= n;
	}
}

static void write_call(const struct x86_jump *j, u8 *p)
{
	if (j->size == 5) {
		s32 distance = (s32)(j->target - (u64)(uintptr_t)(p + 5));

		p[0] = 0xe8;
		memcpy(p + 1, &distance, 4);
		return;
	}
	p[0] = 0x48; /* mov rax, target */
	p[1] = 0xb8;
	memcpy(p + 2, &j->target, 8);
	p[10] = 0xff; /* call rax */
	p[11] = 0xd0;
}

static void write_jump(const struct x86_buf *b, const struct x86_jump *j, u8 *p)
{
	s32 distance;

	if (j->kind == X86_BIND)
		return;
	if (j->kind == X86_ALIGN) {
		write_nops(p, j->size);
		return;
	}
	if (j->kind == X86_CALL_ADDRESS) {
		write_call(j, p);
		return;
	}
	distance = (s32)(b->labels[j->label] - (j->final + j->size)) + JIT_BUG(JUMP_END);
	if (j->size == 2) {
		p[0] = j->kind == X86_ALWAYS ? 0xeb : (u8)(0x70 | j->kind);
		p[1] = (u8)distance;
		return;
	}
	switch (j->kind) {
	case X86_CALL_LABEL: p[0] = 0xe8; break;
	case X86_ALWAYS: p[0] = 0xe9; break;
	case X86_LEA_LABEL:
		p[0] = j->reg & 8 ? 0x4c : 0x48;
		p[1] = 0x8d;
		p[2] = (u8)(5 | (j->reg & 7) << 3); /* rip-relative */
		break;
	default:
		p[0] = 0x0f;
		p[1] = (u8)(0x80 | j->kind);
		break;
	}
	memcpy(p + j->size - 4, &distance, 4);
}

void x86_write(const struct x86_buf *b, u8 *dst)
{
	u32 from = 0, i;

	for (i = 0; i < b->jump_count; i++) {
		const struct x86_jump *j = &b->jumps[i];

		memcpy(dst, b->code + from, j->at - from);
		dst += j->at - from;
		from = j->at;
		write_jump(b, j, dst);
		dst += j->size;
	}
	if (b->len > from)
		memcpy(dst, b->code + from, b->len - from);
}

u32 x86_label_offset(const struct x86_buf *b, u32 label)
{
	return b->labels[label];
}
