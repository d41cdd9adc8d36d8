/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * BTF by hand, for tests: add records in order (ids count from 1), then build_blob() joins header,
 * types and strings. Nothing is checked: wrong BTF is the point of many tests.
 */
#ifndef TEST_BTF_BUILD_H
#define TEST_BTF_BUILD_H

#include "base/types.h"

#include <linux/btf.h>

struct build {
	u32 types[8192];
	u32 words, count;
	char strings[16384];
	u32 str_len;
	u8 blob[64 << 10];
	u32 size;
};

static inline void build_init(struct build *b)
{
	b->words = b->count = 0;
	b->strings[0] = 0;
	b->str_len = 1;
}

static inline u32 build_str(struct build *b, const char *text)
{
	u32 offset = b->str_len;

	if (!text || !*text)
		return 0;
	memcpy(b->strings + offset, text, strlen(text) + 1);
	b->str_len += (u32)strlen(text) + 1;
	return offset;
}

static inline void build_word(struct build *b, u32 word)
{
	b->types[b->words++] = word;
}

#define BUILD_INFO(kind, kflag, vlen) ((u32)(kflag) << 31 | (u32)(kind) << 24 | (u32)(vlen))

/* Any record's first three words; the caller adds the tail. Returns the id. */
static inline u32 build_type(
	struct build *b, u32 kind, const char *name, u32 vlen, bool kflag, u32 size_or_type)
{
	build_word(b, build_str(b, name));
	build_word(b, BUILD_INFO(kind, kflag, vlen));
	build_word(b, size_or_type);
	return ++b->count;
}

static inline u32 build_int(struct build *b, const char *name, u32 size, u32 encoding)
{
	u32 id = build_type(b, BTF_KIND_INT, name, 0, false, size);

	build_word(b, encoding << 24 | size * 8);
	return id;
}

static inline u32 build_ref(struct build *b, u32 kind, const char *name, u32 to)
{
	return build_type(b, kind, name, 0, false, to);
}

static inline u32 build_ptr(struct build *b, u32 to)
{
	return build_ref(b, BTF_KIND_PTR, NULL, to);
}

static inline u32 build_array(struct build *b, u32 elem, u32 index, u32 count)
{
	u32 id = build_type(b, BTF_KIND_ARRAY, NULL, 0, false, 0);

	build_word(b, elem);
	build_word(b, index);
	build_word(b, count);
	return id;
}

static inline void build_member(struct build *b, const char *name, u32 type, u32 bit_offset)
{
	build_word(b, build_str(b, name));
	build_word(b, type);
	build_word(b, bit_offset);
}

static inline void build_pair(struct build *b, const char *name, u32 value) /* enum, param */
{
	build_word(b, build_str(b, name));
	build_word(b, value);
}

static inline void build_triple(struct build *b, u32 x, u32 y, u32 z)
{
	build_word(b, x);
	build_word(b, y);
	build_word(b, z);
}

static inline u32 build_tag(struct build *b, const char *text, u32 target, s32 component)
{
	u32 id = build_type(b, BTF_KIND_DECL_TAG, text, 0, false, target);

	build_word(b, (u32)component);
	return id;
}

static inline void build_blob(struct build *b)
{
	struct btf_header header = {
		.magic = BTF_MAGIC,
		.version = BTF_VERSION,
		.hdr_len = sizeof(header),
		.type_len = b->words * 4,
		.str_off = b->words * 4,
		.str_len = b->str_len,
	};

	memcpy(b->blob, &header, sizeof(header));
	memcpy(b->blob + sizeof(header), b->types, b->words * 4);
	memcpy(b->blob + sizeof(header) + b->words * 4, b->strings, b->str_len);
	b->size = (u32)sizeof(header) + b->words * 4 + b->str_len;
}

#endif
