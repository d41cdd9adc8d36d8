// SPDX-License-Identifier: BSD-2-Clause
/*
 * Bytes as BTF. No crash; what is accepted can be printed, declared, walked and searched, type by
 * type, and the same bytes are accepted again with the same types.
 */
#include "fuzz/fuzz.h"
#include "btf/fields.h"
#include "btf/print.h"
#include "btf/walk.h"

static void use(const struct btf *btf)
{
	static const u8 zeros[64];
	struct strbuf out = {0};
	u32 count = MIN(btype_count(btf), 300u);

	for (u32 id = 0; id < count; id++) {
		const struct btf_type *t = btype_by_id(btf, id);
		struct btype_access access;
		struct btype_fields *fields = NULL;
		u32 size, resolved;

		FUZZ_CHECK(t);
		if (out.len < 64 << 10) { /* enough of hostile text */
			btype_declare(btf, id, "x", &out);
			btype_print(btf, id, zeros, id % 65, BTYPE_STYLE_C, &out);
			btype_print(btf, id, zeros, 64, BTYPE_STYLE_JSON, &out);
		}
		if (btype_resolve(btf, id, &resolved))
			FUZZ_CHECK(resolved < btype_count(btf));
		/* The first of that name is this one or an earlier one. */
		if (*btype_name(btf, id))
			FUZZ_CHECK(btype_find(btf, btype_name(btf, id), 0) <= (int)id);
		btype_align(btf, id);
		btype_access(btf, id, (s32)(id * 3), 1u << id % 4, id & 1, NULL, &access);
		btype_ids_match(btf, id, (s32)id, btf, count - 1, false, false, NULL);
		if (!btype_is_kernel(btf) && !btype_size(btf, id, &size) &&
			!btype_parse_fields(btf, id, ~0u, size, NULL, &fields))
			btype_fields_free(fields);
	}
	strbuf_release(&out);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct btype_options opts = {.is_trusted = size & 1, .is_kernel = size & 1};
	struct btf *btf, *again;

	if (size > 64 << 10 || btype_parse(data, (u32)size, NULL, &opts, NULL, &btf))
		return 0;
	use(btf);
	FUZZ_CHECK(btype_parse(data, (u32)size, NULL, &opts, NULL, &again) == 0);
	FUZZ_CHECK(btype_count(again) == btype_count(btf));
	btype_unref(again);
	btype_unref(btf);
	return 0;
}
