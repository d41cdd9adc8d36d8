// SPDX-License-Identifier: BSD-2-Clause
/*
 * The same bytes into BPF_BTF_LOAD of the running kernel and into btype_parse(): the same errno and
 * the same log. The blobs hold every kind; mutations replace each word of header and types by
 * values near the edges of what the checks look at. HACHI_SOAK=1 tries them all, otherwise some.
 */
#include "test/tap.h"
#include "test/btf_build.h"
#include "base/alloc.h"
#include "btf/btf.h"
#include "btf/fields.h"

#include <linux/bpf.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#define LOG_SIZE (4u << 20)

static char kernel_log[LOG_SIZE], our_log[LOG_SIZE];
static struct btf *vmlinux;
static u32 tried, accepted, differed;

static int kernel_load(const void *data, u32 size)
{
	union bpf_attr attr = {
		.btf = (uintptr_t)data,
		.btf_size = size,
		.btf_log_buf = (uintptr_t)kernel_log,
		.btf_log_size = LOG_SIZE,
		.btf_log_level = 1,
	};
	int fd;

	kernel_log[0] = 0;
	fd = (int)syscall(SYS_bpf, BPF_BTF_LOAD, &attr, sizeof(attr));
	if (fd < 0)
		return -errno;
	close(fd);
	return 0;
}

static bool has_dtor(void *arg, const struct btf *kernel, u32 type)
{
	const char *name = btype_name(kernel, type);

	return strcmp(name, "task_struct") == 0 || strcmp(name, "cgroup") == 0 ||
		strcmp(name, "bpf_cpumask") == 0;
}

static int our_load(const void *data, u32 size, struct btf **ret)
{
	struct btype_fields_env env = {.kernel = vmlinux, .has_dtor = has_dtor};
	struct btype_options opts = {.fields_env = &env};
	struct log log;
	u32 true_size;
	int err;

	log_init(&log, our_log, LOG_SIZE, 1);
	err = btype_parse(data, size, NULL, &opts, &log, ret);
	log_finish(&log, &true_size);
	return err;
}

/* Loads on both sides; reports the first few differences. */
static void compare(const char *what, u32 at, u32 value, const void *data, u32 size)
{
	struct btf *btf = NULL;
	int theirs = kernel_load(data, size);
	int ours = our_load(data, size, &btf);
	size_t same = 0;

	tried++;
	accepted += theirs == 0;
	btype_unref(btf);
	if (theirs == ours && strcmp(kernel_log, our_log) == 0)
		return;
	if (differed++ >= 10)
		return;
	while (kernel_log[same] && kernel_log[same] == our_log[same])
		same++;
	while (same && kernel_log[same - 1] != '\n')
		same--;
	CHECK_MSG(false, "%s word %u = 0x%x: kernel %d, we %d\n# kernel: %.200s\n# we:     %.200s",
		what, at, value, theirs, ours, kernel_log + same, our_log + same);
}

static void need_kernel(void)
{
	static u8 bytes[8 << 20];
	struct btype_options opts = {.is_trusted = true, .is_kernel = true, .name = "vmlinux"};
	FILE *f;
	size_t size;

	if (kernel_load("x", 1) == -EPERM || kernel_load("x", 1) == -ENOSYS)
		SKIP("bpf(2) is not permitted here");
	/* Some of the blobs meet a WARN_ON_ONCE() of 6.18 (two locks, one of them nested). */
	f = fopen("/proc/sys/kernel/panic_on_warn", "r");
	if (f) {
		int c = fgetc(f);

		fclose(f);
		if (c == '1')
			SKIP_HERE("this kernel panics on warnings");
	}
	tried = accepted = differed = 0;
	if (vmlinux)
		return;
	f = fopen("/sys/kernel/btf/vmlinux", "r");
	if (!f)
		SKIP("the kernel has no BTF");
	size = fread(bytes, 1, sizeof(bytes), f);
	fclose(f);
	REQUIRE_EQ(btype_parse(bytes, (u32)size, NULL, &opts, NULL, &vmlinux), 0);
}

/* ---- the blobs ------------------------------------------------------------------------------ */

static void build_rest(struct build *b, u32 i32, u32 chr, u32 st)
{
	u32 proto, func, var, e;

	proto = build_type(b, BTF_KIND_FUNC_PROTO, NULL, 3, false, i32);
	build_pair(b, "first", i32);
	build_pair(b, "second", st);
	build_pair(b, NULL, 0);
	func = build_type(b, BTF_KIND_FUNC, "function", BTF_FUNC_GLOBAL, false, proto);
	var = build_type(b, BTF_KIND_VAR, "variable", 0, false, i32);
	build_word(b, BTF_VAR_GLOBAL_ALLOCATED);
	build_type(b, BTF_KIND_DATASEC, ".data", 1, false, 8);
	build_triple(b, var, 4, 4);
	build_type(b, BTF_KIND_FLOAT, "double", 0, false, 8);
	build_tag(b, "tag", st, 1);
	build_tag(b, "tag", func, 0);
	build_tag(b, "tag", var, -1);
	e = build_type(b, BTF_KIND_ENUM64, "big", 2, true, 8);
	build_triple(b, build_str(b, "MINUS"), ~0u, ~0u);
	build_triple(b, build_str(b, "PLUS"), 1, 1);
	build_type(b, BTF_KIND_FWD, "later", 0, true, 0);
	build_type(b, BTF_KIND_UNION, "either", 2, false, 8);
	build_member(b, "e", e, 0);
	build_member(b, "c", chr, 0);
}

/* Every kind once or more, references forwards and backwards. */
static void build_all(struct build *b)
{
	u32 i32, chr, arr, ptr, en, st, f64;

	build_init(b);
	i32 = build_int(b, "int", 4, BTF_INT_SIGNED);
	chr = build_int(b, "char", 1, BTF_INT_CHAR);
	arr = build_array(b, chr, i32, 16);
	ptr = build_ptr(b, 8); /* to the struct below */
	build_ref(b, BTF_KIND_CONST, NULL, ptr);
	build_ref(b, BTF_KIND_TYPE_TAG, "user", chr);
	en = build_type(b, BTF_KIND_ENUM, "color", 2, false, 4);
	build_pair(b, "RED", 0);
	build_pair(b, "BLUE", 7);
	st = build_type(b, BTF_KIND_STRUCT, "thing", 5, false, 48);
	build_member(b, "number", i32, 0);
	build_member(b, "name", arr, 32);
	build_member(b, "next", ptr, 192);
	build_member(b, "color", en, 256);
	build_member(b, "words", 10, 288);
	f64 = build_ref(b, BTF_KIND_TYPEDEF, "word", i32);
	build_array(b, f64, i32, 2);
	build_type(b, BTF_KIND_STRUCT, "bits", 4, true, 16);
	build_member(b, "low", i32, 3u << 24);
	build_member(b, "high", f64, 29u << 24 | 3);
	build_member(b, "en", en, 4u << 24 | 32);
	build_member(b, "p", ptr, 64);
	build_ref(b, BTF_KIND_VOLATILE, NULL, 14);
	build_ref(b, BTF_KIND_RESTRICT, NULL, ptr);
	build_ptr(b, 15);
	build_ref(b, BTF_KIND_CONST, NULL, 0);
	build_rest(b, i32, chr, st);
	build_blob(b);
}

/* Special fields: lists, trees, kernel pointers, as bpf_obj_new() uses them. */
static void build_objects(struct build *b)
{
	u32 i32, lock, head, node, root, rbnode, task, tag, kptr;

	build_init(b);
	i32 = build_int(b, "int", 4, 0);
	lock = build_type(b, BTF_KIND_STRUCT, "bpf_spin_lock", 1, false, 4);
	build_member(b, "val", i32, 0);
	head = build_type(b, BTF_KIND_STRUCT, "bpf_list_head", 0, false, 16);
	node = build_type(b, BTF_KIND_STRUCT, "bpf_list_node", 0, false, 24);
	root = build_type(b, BTF_KIND_STRUCT, "bpf_rb_root", 0, false, 16);
	rbnode = build_type(b, BTF_KIND_STRUCT, "bpf_rb_node", 0, false, 32);
	task = build_type(b, BTF_KIND_STRUCT, "task_struct", 0, false, 0);
	tag = build_ref(b, BTF_KIND_TYPE_TAG, "kptr", task);
	kptr = build_ptr(b, tag);
	build_type(b, BTF_KIND_STRUCT, "item", 3, false, 48);
	build_member(b, "data", i32, 0);
	build_member(b, "node", node, 64);
	build_member(b, "task", kptr, 256);
	build_type(b, BTF_KIND_STRUCT, "leaf", 2, false, 40);
	build_member(b, "rb", rbnode, 0);
	build_member(b, "key", i32, 256);
	build_type(b, BTF_KIND_STRUCT, "owner", 3, false, 40);
	build_member(b, "lock", lock, 0);
	build_member(b, "list", head, 64);
	build_member(b, "tree", root, 192);
	build_tag(b, "contains:item:node", 12, 1);
	build_tag(b, "contains:leaf:rb", 12, 2);
	build_blob(b);
}

static const u32 edges[] = {0, 1, 2, 3, 4, 7, 8, 9, 10, 12, 13, 14, 15, 16, 17, 20, 23, 24, 31, 32,
	33, 63, 64, 127, 128, 129, 255, 256, 0xffff, 0x10000, 0xfffff, 0x100000, 0xffffff,
	0x1000000, 0x2000000, 0x3000000, 0x4000001, 0x5000000, 0x6000001, 0x7000000, 0x8000000,
	0x9000000, 0xa000000, 0xc000001, 0xd000001, 0xe000000, 0xf000001, 0x10000000, 0x11000000,
	0x12000000, 0x13000001, 0x14000000, 0x1f000000, 0x20000000, 0x80000000, 0x84000001,
	0x87000000, 0x91000000, 0x92000000, 0x7fffffff, 0xfffffff8, 0xffffffff};

/* Replaces each word of the header and the types, one at a time. */
static void mutate(const char *what, const struct build *b)
{
	u32 words = (u32)sizeof(struct btf_header) / 4 + b->words;
	bool all = getenv("HACHI_SOAK") != NULL;
	u8 *copy = mem_dup(b->blob, b->size);
	u32 n = 0;

	compare(what, 0, 0, b->blob, b->size);
	for (u32 w = 0; w < words; w++) {
		u32 old = load_u32(copy + w * 4);

		for (u32 i = 0; i < ARRAY_SIZE(edges) + 6; i++) {
			const u32 near[] = {old + 1, old - 1, old ^ 0x80000000, old ^ 0x1000000,
				old + 0x1000000, old ^ 8};
			u32 value = i < ARRAY_SIZE(edges) ? edges[i] : near[i - ARRAY_SIZE(edges)];

			if (!all && n++ % 7)
				continue;
			store_u32(copy + w * 4, value);
			compare(what, w, value, copy, b->size);
		}
		store_u32(copy + w * 4, old);
	}
	/* The strings, byte by byte. */
	for (u32 i = words * 4; i < b->size; i++) {
		static const u8 bytes[] = {
			0, 1, ' ', '.', '5', ':', 'x', 0x80, 0xa0, 0xc3, 0xd7, 0xff};
		u8 old = copy[i];

		for (u32 k = 0; k < sizeof(bytes); k++) {
			if (!all && n++ % 7)
				continue;
			copy[i] = bytes[k];
			compare(what, i, bytes[k], copy, b->size);
		}
		copy[i] = old;
	}
	for (u32 size = 0; size < b->size; size += all ? 1 : 5)
		compare(what, ~0u, size, b->blob, size);
	mem_free(copy);
	tap_note("%s: %u blobs, %u accepted, %u differ", what, tried, accepted, differed);
}

static struct build build;

TEST(mutations_of_every_kind_get_the_kernels_verdict_and_log)
{
	need_kernel();
	build_all(&build);
	CHECK_EQ(kernel_load(build.blob, build.size), 0);
	mutate("all", &build);
}

TEST(mutations_of_special_fields_get_the_kernels_verdict_and_log)
{
	need_kernel();
	build_objects(&build);
	CHECK_EQ(kernel_load(build.blob, build.size), 0);
	mutate("objects", &build);
}

/* Several words at once, chosen by a fixed sequence: what one wrong word hides, two may show. */
static void mutate_randomly(const char *what, const struct build *b, u32 times)
{
	u32 words = (u32)sizeof(struct btf_header) / 4 + b->words;
	u64 state = 77;

	for (u32 n = 0; n < times; n++) {
		u8 *copy = mem_dup(b->blob, b->size);
		u32 changes = 1 + n % 4, at = 0, value = 0;

		for (u32 i = 0; i < changes; i++) {
			state = state * 6364136223846793005ull + 1442695040888963407ull;
			at = 6 + (u32)(state >> 33) % (words - 6);
			state = state * 6364136223846793005ull + 1442695040888963407ull;
			value = (u32)(state >> 40) % 3 ? (u32)(state >> 35) % (b->count + 2)
						       : edges[(state >> 33) % ARRAY_SIZE(edges)];
			store_u32(copy + at * 4, value);
		}
		compare(what, at, value, copy, b->size);
		mem_free(copy);
	}
	tap_note("%s: %u blobs, %u accepted, %u differ", what, tried, accepted, differed);
}

TEST(several_mutations_at_once_get_the_kernels_verdict_and_log)
{
	u32 times = getenv("HACHI_SOAK") ? 100000 : 1000;

	need_kernel();
	build_all(&build);
	mutate_randomly("all", &build, times);
	build_objects(&build);
	mutate_randomly("objects", &build, times);
}

/* A struct "value" of these members, each of a struct type of this name and size. */
struct wish {
	const char *type;
	u32 size;
	u32 offset;
	u32 count; /* 0 = no array */
};

static void build_wishes(const struct wish *wishes, u32 count, u32 size)
{
	u32 types[8];

	build_init(&build);
	build_int(&build, "int", 4, 0);
	for (u32 i = 0; i < count; i++) {
		types[i] = 0;
		for (u32 k = 0; k < i; k++)
			if (strcmp(wishes[k].type, wishes[i].type) == 0 && !wishes[k].count)
				types[i] = types[k];
		if (!types[i])
			types[i] = build_type(
				&build, BTF_KIND_STRUCT, wishes[i].type, 0, false, wishes[i].size);
		if (wishes[i].count)
			types[i] = build_array(&build, types[i], 1, wishes[i].count);
	}
	build_type(&build, BTF_KIND_STRUCT, "value", count, false, size);
	for (u32 i = 0; i < count; i++) {
		char name[16];

		snprintf(name, sizeof(name), "m%u", i);
		build_member(&build, name, types[i], wishes[i].offset * 8);
	}
	build_blob(&build);
}

TEST(objects_with_odd_fields_get_the_kernels_verdict)
{
	static const struct {
		u32 count, size;
		struct wish wish[4];
	} cases[] = {
		{1, 4, {{"bpf_spin_lock", 4, 0, 0}}},
		{1, 8, {{"bpf_spin_lock", 8, 0, 0}}},
		{2, 8, {{"bpf_spin_lock", 4, 0, 0}, {"bpf_spin_lock", 4, 4, 0}}},
		{1, 8, {{"bpf_spin_lock", 4, 0, 2}}},
		{2, 8, {{"bpf_spin_lock", 4, 0, 0}, {"bpf_res_spin_lock", 4, 4, 0}}},
		{2, 8, {{"bpf_res_spin_lock", 4, 0, 0}, {"bpf_refcount", 4, 4, 0}}},
		{1, 4, {{"bpf_res_spin_lock", 4, 0, 0}}},
		{1, 6, {{"bpf_spin_lock", 4, 2, 0}}},
		{1, 24, {{"bpf_list_node", 24, 0, 0}}},
		{1, 48, {{"bpf_list_node", 24, 0, 2}}},
		{2, 56, {{"bpf_list_node", 24, 0, 0}, {"bpf_rb_node", 32, 24, 0}}},
		{3, 64,
			{{"bpf_list_node", 24, 0, 0}, {"bpf_rb_node", 32, 24, 0},
				{"bpf_refcount", 4, 56, 0}}},
		{1, 16, {{"bpf_list_head", 16, 0, 0}}},
		{2, 24, {{"bpf_list_head", 16, 0, 0}, {"bpf_spin_lock", 4, 16, 0}}},
		{1, 32, {{"bpf_rb_node", 32, 0, 0}}},
		{1, 36, {{"bpf_rb_node", 32, 4, 0}}},
		{2, 24, {{"bpf_timer", 16, 0, 0}, {"bpf_refcount", 4, 16, 0}}},
		{2, 20, {{"bpf_wq", 16, 0, 0}, {"bpf_refcount", 4, 16, 0}}},
		{1, 4, {{"bpf_refcount", 4, 0, 0}}},
		{1, 300, {{"bpf_list_node", 24, 0, 12}}},
		{1, 300, {{"bpf_rb_root", 16, 0, 12}}},
	};

	need_kernel();
	for (u32 i = 0; i < ARRAY_SIZE(cases); i++) {
		build_wishes(cases[i].wish, cases[i].count, cases[i].size);
		compare(cases[i].wish[0].type, i, 0, build.blob, build.size);
	}
	CHECK_EQ(differed, 0);
}

/* Lists of lists: structs 2.. of which each owns the next. */
static void build_owners(u32 levels, bool is_cycle)
{
	u32 lock, head, node, first;

	build_init(&build);
	build_int(&build, "int", 4, 0);
	lock = build_type(&build, BTF_KIND_STRUCT, "bpf_spin_lock", 1, false, 4);
	build_member(&build, "val", 1, 0);
	head = build_type(&build, BTF_KIND_STRUCT, "bpf_list_head", 0, false, 16);
	node = build_type(&build, BTF_KIND_STRUCT, "bpf_list_node", 0, false, 24);
	first = build.count + 1;
	for (u32 i = 0; i < levels; i++) {
		char name[16];
		bool owns = is_cycle || i + 1 < levels;

		snprintf(name, sizeof(name), "level%u", i);
		build_type(&build, BTF_KIND_STRUCT, name, owns ? 3 : 1, false, 48);
		build_member(&build, "node", node, 0);
		if (owns) {
			build_member(&build, "head", head, 192);
			build_member(&build, "lock", lock, 320);
		}
	}
	for (u32 i = 0; i + !is_cycle < levels; i++) {
		char text[32];

		snprintf(text, sizeof(text), "contains:level%u:node", (i + 1) % levels);
		build_tag(&build, text, first + i, 1);
	}
	build_blob(&build);
}

TEST(ownership_among_objects_gets_the_kernels_verdict)
{
	need_kernel();
	for (u32 levels = 1; levels < 5; levels++) {
		build_owners(levels, false);
		compare("owners", levels, 0, build.blob, build.size);
		build_owners(levels, true);
		compare("cycle", levels, 0, build.blob, build.size);
	}
	CHECK_EQ(differed, 0);
}

/* A hash map with the last type as its value: 0 or what MAP_CREATE said. */
static int kernel_map(u32 value_type, u32 value_size)
{
	union bpf_attr load = {.btf = (uintptr_t)build.blob, .btf_size = build.size};
	union bpf_attr attr = {
		.map_type = BPF_MAP_TYPE_HASH,
		.key_size = 4,
		.value_size = value_size,
		.max_entries = 1,
		.map_flags = BPF_F_NO_PREALLOC,
		.btf_key_type_id = 1,
		.btf_value_type_id = value_type,
	};
	int btf_fd = (int)syscall(SYS_bpf, BPF_BTF_LOAD, &load, sizeof(load)), fd, err;

	if (btf_fd < 0)
		return -errno;
	attr.btf_fd = (u32)btf_fd;
	fd = (int)syscall(SYS_bpf, BPF_MAP_CREATE, &attr, sizeof(attr));
	err = fd < 0 ? -errno : 0;
	if (fd >= 0)
		close(fd);
	close(btf_fd);
	return err;
}

static int our_map(u32 value_type, u32 value_size)
{
	struct btype_fields *fields = NULL;
	struct btf *btf = NULL;
	int err = our_load(build.blob, build.size, &btf);

	/* MAP_CREATE lets unusable fields pass: a program finds later that there are none. */
	if (!err &&
		!btype_parse_fields(btf, value_type, BTYPE_MAP_KINDS, value_size, NULL, &fields))
		err = btype_fields_link(btf, fields);
	btype_fields_free(fields);
	btype_unref(btf);
	return err;
}

TEST(map_values_with_odd_fields_get_the_kernels_verdict)
{
	static const struct {
		u32 count, size;
		struct wish wish[4];
	} cases[] = {
		{1, 16, {{"bpf_timer", 16, 0, 0}}},
		{1, 24, {{"bpf_timer", 16, 4, 0}}},
		{1, 32, {{"bpf_timer", 16, 0, 2}}},
		{2, 32, {{"bpf_timer", 16, 0, 0}, {"bpf_timer", 16, 16, 0}}},
		{1, 8, {{"bpf_timer", 8, 0, 0}}},
		{2, 32, {{"bpf_timer", 16, 0, 0}, {"bpf_wq", 16, 16, 0}}},
		{2, 32, {{"bpf_wq", 16, 0, 0}, {"bpf_wq", 16, 16, 0}}},
		{1, 8, {{"bpf_task_work", 8, 0, 0}}},
		{2, 16, {{"bpf_task_work", 8, 0, 0}, {"bpf_task_work", 8, 8, 0}}},
		{1, 16, {{"bpf_task_work", 8, 0, 2}}},
		{1, 12, {{"bpf_task_work", 8, 4, 0}}},
		{2, 16, {{"bpf_spin_lock", 4, 0, 0}, {"bpf_spin_lock", 4, 8, 0}}},
		{1, 16, {{"bpf_spin_lock", 4, 0, 4}}},
		{1, 4, {{"bpf_res_spin_lock", 4, 0, 0}}},
		{1, 16, {{"bpf_list_head", 16, 0, 0}}},
		{1, 24, {{"bpf_list_node", 24, 0, 0}}},
		{1, 16, {{"ordinary", 16, 0, 0}}},
		{2, 24, {{"bpf_timer", 16, 0, 0}, {"bpf_timer", 8, 16, 0}}},
	};

	need_kernel();
	for (u32 i = 0; i < ARRAY_SIZE(cases); i++) {
		int theirs, ours;

		build_wishes(cases[i].wish, cases[i].count, cases[i].size);
		theirs = kernel_map(build.count, cases[i].size);
		ours = our_map(build.count, cases[i].size);
		CHECK_MSG(theirs == ours, "case %u, %s: kernel %d, we %d", i, cases[i].wish[0].type,
			theirs, ours);
	}
}
