// SPDX-License-Identifier: BSD-2-Clause
#include "test/tap.h"
#include "test/btf_build.h"
#include "base/alloc.h"
#include "base/os.h"
#include "btf/btf.h"
#include "btf/ext.h"
#include "btf/fields.h"

#include <stdio.h>
#include <stdlib.h>

static struct build b;
static char text[16 << 10];

static int parse_logged(struct btf **ret)
{
	struct log log;
	u32 true_size;
	int err;

	build_blob(&b);
	log_init(&log, text, sizeof(text), 1);
	*ret = NULL;
	err = btype_parse(b.blob, b.size, NULL, NULL, &log, ret);
	log_finish(&log, &true_size);
	return err;
}

/* 1 int, 2 char, 3 char[16], 4 struct inner, 5 typedef, 6 const, 7 struct outer, ... */
static void build_sample(void)
{
	build_init(&b);
	build_int(&b, "int", 4, BTF_INT_SIGNED);
	build_int(&b, "char", 1, BTF_INT_CHAR);
	build_array(&b, 2, 1, 16);
	build_type(&b, BTF_KIND_STRUCT, "inner", 2, false, 8);
	build_member(&b, "a", 1, 0);
	build_member(&b, "b", 1, 32);
	build_ref(&b, BTF_KIND_TYPEDEF, "inner_t", 4);
	build_ref(&b, BTF_KIND_CONST, NULL, 5);
	build_type(&b, BTF_KIND_STRUCT, "outer", 3, false, 32);
	build_member(&b, "name", 3, 0);
	build_member(&b, "", 6, 128);
	build_member(&b, "next", 8, 192);
	build_ptr(&b, 6);
}

TEST(a_log_reads_as_the_kernels)
{
	struct btf *btf;

	build_init(&b);
	build_int(&b, "int", 4, BTF_INT_SIGNED);
	REQUIRE_EQ(parse_logged(&btf), 0);
	CHECK_STR(text,
		"magic: 0xeb9f\nversion: 1\nflags: 0x0\nhdr_len: 24\ntype_off: 0\n"
		"type_len: 16\nstr_off: 16\nstr_len: 5\nbtf_total_size: 45\n"
		"[1] INT int size=4 bits_offset=0 nr_bits=32 encoding=SIGNED\n");
	btype_unref(btf);
}

TEST(references_are_followed_and_measured)
{
	struct btf *btf;
	const struct btf_type *t;
	struct btype_member m;
	u32 id, size;

	build_sample();
	REQUIRE_EQ(parse_logged(&btf), 0);
	CHECK_EQ(btype_count(btf), 9);
	t = btype_skip_mods(btf, 6, &id);
	CHECK_EQ(id, 4);
	CHECK_STR(btype_name_of(btf, t), "inner");
	btype_skip_quals(btf, 6, &id);
	CHECK_EQ(id, 5);
	CHECK(btype_resolve_ptr(btf, 8, &id) == t && id == 4);
	CHECK(btype_size(btf, 3, &size) == 0 && size == 16);
	CHECK(btype_size(btf, 6, &size) == 0 && size == 8);
	CHECK_EQ(btype_size(btf, 0, &size), -EINVAL);
	CHECK_EQ(btype_size(btf, 99, &size), -EINVAL);
	CHECK_EQ(btype_align(btf, 7), 8);
	CHECK_EQ(btype_find(btf, "outer", BTF_KIND_STRUCT), 7);
	CHECK_EQ(btype_find(btf, "outer", BTF_KIND_UNION), -ENOENT);
	CHECK_EQ(btype_find(btf, "inner_t", 0), 5);
	t = btype_by_id(btf, 7);
	CHECK_EQ(btype_find_member(btf, t, "b", &m), 0); /* through the anonymous member */
	CHECK_EQ(m.bit_offset, 160);
	CHECK_EQ(btype_find_member(btf, t, "c", &m), -ENOENT);
	CHECK(btype_by_id(btf, 9) == NULL);
	CHECK_STR(btype_name(btf, 9), "");
	btype_unref(btf);
}

TEST(a_split_btf_continues_its_base)
{
	struct btf *base, *split;
	u32 id, size;

	build_sample();
	REQUIRE_EQ(parse_logged(&base), 0);
	build_init(&b);
	build_ref(&b, BTF_KIND_TYPEDEF, NULL, 7);
	build_str(&b, "outer_t");
	/* Its name offsets count on from the base's strings, too. */
	b.types[0] = ((const struct btf_header *)btype_data(base, &size))->str_len + 1;
	build_blob(&b);
	REQUIRE_EQ(btype_parse(b.blob, b.size, base, NULL, NULL, &split), 0);
	btype_unref(base); /* the split one keeps it */
	CHECK_EQ(btype_first_id(split), 9);
	CHECK_EQ(btype_find(split, "outer_t", BTF_KIND_TYPEDEF), 9);
	CHECK_EQ(btype_find(split, "outer", BTF_KIND_STRUCT), 7);
	btype_skip_mods(split, 9, &id);
	CHECK_EQ(id, 7);
	CHECK(btype_same(split, 7, btype_base(split), 7));
	btype_unref(split);
}

TEST(older_kernels_refuse_newer_kinds)
{
	struct btype_options opts = {.kind_max = BTF_KIND_FLOAT, .no_tag_kflag = true};
	struct btf *btf = NULL;

	build_init(&b);
	build_int(&b, "int", 4, 0);
	build_ref(&b, BTF_KIND_TYPE_TAG, "user", 1);
	build_blob(&b);
	CHECK_EQ(btype_parse(b.blob, b.size, NULL, &opts, NULL, &btf), -EINVAL);
	opts.kind_max = 0;
	CHECK_EQ(btype_parse(b.blob, b.size, NULL, &opts, NULL, &btf), 0);
	btype_unref(btf);
	b.types[4 + 1] |= 1u << 31;
	build_blob(&b);
	CHECK_EQ(btype_parse(b.blob, b.size, NULL, &opts, NULL, &btf), -EINVAL);
	opts.no_tag_kflag = false;
	CHECK_EQ(btype_parse(b.blob, b.size, NULL, &opts, NULL, &btf), 0);
	btype_unref(btf);
}

TEST(every_failing_allocation_is_reported_and_leaks_nothing)
{
	build_sample();
	build_blob(&b);
	for (u64 n = 1;; n++) {
		struct btf *btf = NULL;
		int err, id;

		mem_fail_nth(n);
		err = btype_parse(b.blob, b.size, NULL, NULL, NULL, &btf);
		id = err ? 0 : btype_find(btf, "outer", BTF_KIND_STRUCT);
		if (!mem_has_failed()) {
			mem_fail_nth(0);
			btype_unref(btf);
			CHECK(n > 5);
			break;
		}
		mem_fail_nth(0);
		/* Without its index a search still finds, only slower. */
		CHECK(err == -ENOMEM || id == 7);
		btype_unref(btf);
	}
}

TEST(the_kernels_own_btf_parses_fast)
{
	struct btype_options opts = {.is_trusted = true, .is_kernel = true, .name = "vmlinux"};
	static u8 bytes[8 << 20];
	struct btf *btf;
	u64 start, parsed, found;
	size_t size;
	u32 task_size;
	int id;
	FILE *f = fopen("/sys/kernel/btf/vmlinux", "r");

	if (!f)
		SKIP_HERE("the kernel has no BTF");
	size = fread(bytes, 1, sizeof(bytes), f);
	fclose(f);
	start = os_time_ns(OS_CLOCK_MONOTONIC);
	REQUIRE_EQ(btype_parse(bytes, (u32)size, NULL, &opts, NULL, &btf), 0);
	parsed = os_time_ns(OS_CLOCK_MONOTONIC);
	id = btype_find(btf, "task_struct", BTF_KIND_STRUCT);
	found = os_time_ns(OS_CLOCK_MONOTONIC);
	CHECK(id > 0);
	CHECK(btype_size(btf, (u32)id, &task_size) == 0 && task_size > 1000);
	CHECK(btype_count(btf) > 10000);
	tap_note("%u types: parse %llu us, first search %llu us", btype_count(btf),
		(unsigned long long)(parsed - start) / 1000,
		(unsigned long long)(found - parsed) / 1000);
	/* All of the ids stay in range whatever is asked. */
	for (u32 i = 0; i < btype_count(btf); i++) {
		u32 size_bytes;

		btype_skip_mods(btf, i, NULL);
		btype_size(btf, i, &size_bytes);
		btype_func_proto(btf, i);
	}
	btype_unref(btf);

	/* The kernel's own types pass the full check too. */
	opts.is_trusted = false;
	CHECK_EQ(btype_parse(bytes, (u32)size, NULL, &opts, NULL, &btf), 0);
	btype_unref(btf);
}

TEST(a_line_is_found_from_its_instruction)
{
	struct btype_line_info lines[] = {
		{.insn_off = 0, .place = 10 << 10 | 3},
		{.insn_off = 4, .place = 11 << 10 | 1},
	};
	struct btf *btf;

	build_init(&b);
	build_int(&b, "int", 4, 0);
	lines[1].file_off = build_str(&b, "a.c");
	lines[1].text_off = build_str(&b, "\treturn 1;");
	REQUIRE_EQ(parse_logged(&btf), 0);
	CHECK(btype_line_find(lines, 2, 3) == &lines[0]);
	CHECK(btype_line_find(lines, 2, 9) == &lines[1]);
	CHECK(btype_line_find(lines, 0, 9) == NULL);
	CHECK_STR(btype_line(btf, &lines[1]).text, "return 1;");
	CHECK_STR(btype_line(btf, &lines[1]).file, "a.c");
	CHECK_EQ(btype_line(btf, &lines[1]).line, 11);
	CHECK_EQ(btype_line(btf, &lines[1]).column, 1);
	lines[1].text_off = 1u << 31;
	CHECK_STR(btype_line(btf, &lines[1]).text, "");
	btype_unref(btf);
}

TEST(long_chains_cost_one_step_each)
{
	struct btf *btf;
	u32 id;

	/* 2000 typedefs, each of the one before: legal, and no deeper than one at a time. */
	build_init(&b);
	build_int(&b, "int", 4, 0);
	for (u32 i = 0; i < 2000; i++)
		build_ref(&b, BTF_KIND_CONST, NULL, i + 1);
	REQUIRE_EQ(parse_logged(&btf), 0);
	btype_skip_mods(btf, 2001, &id);
	CHECK_EQ(id, 1);
	btype_unref(btf);

	/* The same forwards is too deep. */
	build_init(&b);
	for (u32 i = 0; i < 40; i++)
		build_ref(&b, BTF_KIND_CONST, NULL, i + 2);
	build_int(&b, "int", 4, 0);
	CHECK_EQ(parse_logged(&btf), -E2BIG);
}

TEST(fields_of_a_map_value_are_found_by_name_and_tag)
{
	struct btype_fields *fields;
	struct btf *btf;

	build_init(&b);
	build_int(&b, "int", 4, 0);
	build_type(&b, BTF_KIND_STRUCT, "bpf_spin_lock", 1, false, 4);
	build_member(&b, "val", 1, 0);
	build_type(&b, BTF_KIND_STRUCT, "bpf_timer", 0, false, 16);
	build_type(&b, BTF_KIND_STRUCT, "target", 1, false, 4);
	build_member(&b, "x", 1, 0);
	build_ref(&b, BTF_KIND_TYPE_TAG, "kptr_untrusted", 4);
	build_ptr(&b, 5);
	build_array(&b, 6, 1, 3);
	build_type(&b, BTF_KIND_STRUCT, "value", 3, false, 48);
	build_member(&b, "lock", 2, 0);
	build_member(&b, "timer", 3, 64);
	build_member(&b, "ptrs", 7, 192);
	REQUIRE_EQ(parse_logged(&btf), 0);
	REQUIRE_EQ(btype_parse_fields(btf, 8, ~0u, 48, NULL, &fields), 0);
	REQUIRE(fields != NULL);
	CHECK_EQ(fields->count, 5);
	CHECK_EQ(fields->spin_lock_off, 0);
	CHECK_EQ(fields->timer_off, 8);
	CHECK_EQ(fields->wq_off, -1);
	CHECK_EQ(fields->field[4].offset, 40);
	CHECK_EQ(fields->field[4].type, 4);
	CHECK_STR(btype_field_name(fields->field[1].kind), "bpf_timer");
	CHECK(btype_fields_at(fields, 12, BTYPE_TIMER) == &fields->field[1]);
	CHECK(btype_fields_at(fields, 12, BTYPE_KPTR) == NULL);
	CHECK(btype_fields_same(fields, fields));
	CHECK(!btype_fields_same(fields, NULL));
	btype_fields_free(fields);
	REQUIRE_EQ(btype_parse_fields(btf, 8, BTYPE_LIST_HEAD, 48, NULL, &fields), 0);
	CHECK(fields == NULL);
	CHECK_EQ(btype_parse_fields(btf, 8, BTYPE_TIMER, 16, NULL, &fields), -EFAULT);
	CHECK_EQ(btype_parse_fields(btf, 1, ~0u, 4, NULL, &fields), -EINVAL);
	btype_unref(btf);
}
