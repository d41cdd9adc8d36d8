// SPDX-License-Identifier: BSD-2-Clause
/*
 * Loads through typed pointers and from contexts, against the running kernel: tiny tracing programs
 * are loaded (never attached) and what their log says R0 became is what we must say, or the very
 * text of the refusal. HACHI_SOAK=1 asks everything, otherwise samples.
 */
#include "test/tap.h"
#include "test/btf_build.h"
#include "base/str.h"
#include "btf/walk.h"

#include <linux/bpf.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

static struct build b;
static struct btf *vmlinux;
static char kernel_log[1 << 16], our_log[1 << 16];

static int load(const struct bpf_insn *insns, u32 count, u32 attach_type, u32 btf_id)
{
	union bpf_attr attr = {
		.prog_type = BPF_PROG_TYPE_TRACING,
		.expected_attach_type = attach_type,
		.insns = (uintptr_t)insns,
		.insn_cnt = count,
		.license = (uintptr_t) "GPL",
		.log_level = 2,
		.log_buf = (uintptr_t)kernel_log,
		.log_size = sizeof(kernel_log),
		.attach_btf_id = btf_id,
	};
	int fd;

	kernel_log[0] = 0;
	fd = (int)syscall(SYS_bpf, BPF_PROG_LOAD, &attr, sizeof(attr));
	if (fd < 0)
		return -errno;
	close(fd);
	return 0;
}

static void need_kernel(void)
{
	static const struct bpf_insn insns[] = {{.code = 0xb7}, {.code = 0x95}};
	struct btype_options opts = {.is_trusted = true, .is_kernel = true, .name = "vmlinux"};
	static u8 bytes[8 << 20];
	FILE *f;
	size_t size;
	int id;

	if (!vmlinux) {
		f = fopen("/sys/kernel/btf/vmlinux", "r");
		if (!f)
			SKIP("the kernel has no BTF");
		size = fread(bytes, 1, sizeof(bytes), f);
		fclose(f);
		REQUIRE_EQ(btype_parse(bytes, (u32)size, NULL, &opts, NULL, &vmlinux), 0);
	}
	id = btype_find(vmlinux, "btf_trace_sched_switch", BTF_KIND_TYPEDEF);
	if (id < 0 || load(insns, 2, BPF_TRACE_RAW_TP, (u32)id) == -EPERM)
		SKIP("bpf(2) is not permitted here");
}

/* "R0=[flags_]ptr_[or_null_]NAME(" in the last state: NAME into out, else "" (scalar). */
static void r0_type(char *out, size_t size)
{
	const char *at = kernel_log, *r0 = NULL, *ptr, *end;

	while ((at = strstr(at, "R0=")) && strncmp(at, "R0=0", 4) != 0)
		r0 = at++;
	out[0] = 0;
	end = r0 ? strchr(r0, '(') : NULL;
	ptr = r0 ? strstr(r0, "ptr_") : NULL;
	if (!end || !ptr || ptr > end)
		return;
	ptr += 4;
	if (strncmp(ptr, "or_null_", 8) == 0)
		ptr += 8;
	snprintf(out, size, "%.*s", (int)(end - ptr), ptr);
}

static u32 asked, differed;

static void compare(const char *what, u32 at, u32 size, int theirs, int ours, bool is_ptr, u32 type)
{
	char name[256];
	bool same;

	r0_type(name, sizeof(name));
	asked++;
	if (ours)
		same = theirs == ours || theirs == -EACCES;
	else
		same = !theirs && strcmp(name, is_ptr ? btype_name(vmlinux, type) : "") == 0;
	if (same && (!our_log[0] || strstr(kernel_log, our_log)))
		return;
	if (differed++ < 10)
		CHECK_MSG(false,
			"%s at %u size %u: kernel %d R0=%s, we %d %s\n# kernel:\n%s\n# we: %s",
			what, at, size, theirs, name, ours, is_ptr ? btype_name(vmlinux, type) : "",
			kernel_log, our_log);
}

static void ask_arg(const struct btype_ctx *ctx, u32 attach_type, u32 btf_id, u32 offset)
{
	struct bpf_insn insns[] = {
		{.code = BPF_LDX | BPF_MEM | BPF_DW,
			.dst_reg = 0,
			.src_reg = 1,
			.off = (s16)offset},
		{.code = BPF_ALU64 | BPF_MOV | BPF_K},
		{.code = BPF_JMP | BPF_EXIT},
	};
	int theirs = load(insns, 3, attach_type, btf_id), ours;
	struct btype_func_arg arg = {0};
	struct log log;
	u32 true_size;

	if (theirs &&
		(!strstr(kernel_log, "0: (79)") || strstr(kernel_log, "(r1 +96)") ||
			strstr(kernel_log, "(r1 +104)")))
		return; /* refused before the type was looked at; twelve slots at most */
	log_init(&log, our_log, sizeof(our_log), 1);
	ours = btype_func_arg(ctx, (s32)offset, 8, false, &log, &arg);
	log_finish(&log, &true_size);
	compare(ctx->name, offset, 8, theirs, ours, arg.is_ptr, arg.type);
	if (!ours && arg.is_ptr)
		CHECK_MSG(!!(arg.tags & BTYPE_TAG_NULLABLE) == !!strstr(kernel_log, "or_null_"),
			"%s at %u: may it be NULL", ctx->name, offset);
}

TEST(arguments_of_tracepoints_are_what_the_kernel_says)
{
	u32 step = getenv("HACHI_SOAK") ? 1 : 29, n = 0;

	need_kernel();
	asked = differed = 0;
	for (u32 id = 1; id < btype_count(vmlinux); id++) {
		const struct btf_type *t = btype_by_id(vmlinux, id), *proto;
		struct btype_ctx ctx = {.btf = vmlinux, .kind = BTYPE_CTX_RAW_TP, .proto = id};

		if (btype_kind(t) != BTF_KIND_TYPEDEF ||
			!str_starts_with(btype_name_of(vmlinux, t), "btf_trace_") || n++ % step)
			continue;
		proto = btype_func_proto(vmlinux, id);
		if (!proto)
			continue;
		ctx.name = ctx.tracepoint = btype_name_of(vmlinux, t) + strlen("btf_trace_");
		for (u32 i = 0; i < btype_vlen(proto) + 1; i++)
			ask_arg(&ctx, BPF_TRACE_RAW_TP, id, i * 8);
	}
	CHECK(asked > 100);
	tap_note("%u asked, %u differ", asked, differed);
}

TEST(arguments_of_functions_are_what_the_kernel_says)
{
	u32 step = getenv("HACHI_SOAK") ? 37 : 1009, n = 0;

	need_kernel();
	asked = differed = 0;
	for (u32 id = 1; id < btype_count(vmlinux); id++) {
		const struct btf_type *t = btype_by_id(vmlinux, id), *proto;
		struct btype_ctx ctx = {.btf = vmlinux, .proto = id};

		if (btype_kind(t) != BTF_KIND_FUNC || n++ % step)
			continue;
		proto = btype_func_proto(vmlinux, id);
		ctx.name = btype_name_of(vmlinux, t);
		for (u32 i = 0; i < btype_vlen(proto) + 2; i++) {
			ctx.kind = BTYPE_CTX_FENTRY;
			ask_arg(&ctx, BPF_TRACE_FENTRY, id, i * 8);
			ctx.kind = BTYPE_CTX_FEXIT;
			ask_arg(&ctx, BPF_TRACE_FEXIT, id, i * 8);
		}
	}
	if (!asked)
		SKIP_HERE("this kernel loads no function tracing");
	tap_note("%u asked, %u differ", asked, differed);
}

/* Reads all of the struct that argument `arg` of the tracepoint points to. */
static void ask_struct(const char *tracepoint, u32 arg, const char *name, u32 step)
{
	int tp = btype_find(vmlinux, tracepoint, BTF_KIND_TYPEDEF);
	int id = btype_find(vmlinux, name, BTF_KIND_STRUCT);
	static const u8 modes[] = {BPF_B, BPF_H, BPF_W, BPF_DW}, sizes[] = {1, 2, 4, 8};
	u32 bytes, n = 0;

	REQUIRE(tp > 0 && id > 0);
	REQUIRE_EQ(btype_size(vmlinux, (u32)id, &bytes), 0);
	for (u32 offset = 0; offset < bytes + 16; offset++) {
		for (u32 k = 0; k < 4; k++) {
			struct bpf_insn insns[] = {
				{.code = BPF_LDX | BPF_MEM | BPF_DW,
					.dst_reg = 1,
					.src_reg = 1,
					.off = (s16)(arg * 8)},
				{.code = BPF_LDX | BPF_MEM | modes[k],
					.dst_reg = 0,
					.src_reg = 1,
					.off = (s16)offset},
				{.code = BPF_ALU64 | BPF_MOV | BPF_K},
				{.code = BPF_JMP | BPF_EXIT},
			};
			struct btype_access access = {0};
			struct log log;
			u32 true_size;
			int theirs, ours;

			if (n++ % step)
				continue;
			theirs = load(insns, 4, BPF_TRACE_RAW_TP, (u32)tp);
			log_init(&log, our_log, sizeof(our_log), 1);
			ours = btype_access(
				vmlinux, (u32)id, (s32)offset, sizes[k], false, &log, &access);
			log_finish(&log, &true_size);
			compare(name, offset, sizes[k], theirs, ours, access.is_ptr, access.type);
		}
	}
}

TEST(loads_from_kernel_structs_are_what_the_kernel_says)
{
	u32 step = getenv("HACHI_SOAK") ? 1 : 61;

	need_kernel();
	asked = differed = 0;
	ask_struct("btf_trace_sched_switch", 1, "task_struct", step);
	ask_struct("btf_trace_kfree_skb", 0, "sk_buff", step / 5 + 1);
	ask_struct("btf_trace_inet_sock_set_state", 0, "sock", step / 5 + 1);
	ask_struct("btf_trace_sched_process_exec", 2, "linux_binprm", step / 5 + 1);
	tap_note("%u asked, %u differ", asked, differed);
}

/* ---- without a kernel ----------------------------------------------------------------------- */

/* 1 int, 2 inner {int a; outer *p}, 3 ptr outer, 4 tag user, 5 ptr user, 6 u, 7 outer, 8 int[0] */
static struct btf *sample(void)
{
	struct btf *btf = NULL;

	build_init(&b);
	build_int(&b, "int", 4, BTF_INT_SIGNED);
	build_type(&b, BTF_KIND_STRUCT, "inner", 2, false, 16);
	build_member(&b, "a", 1, 0);
	build_member(&b, "p", 3, 64);
	build_ptr(&b, 7);
	build_ref(&b, BTF_KIND_TYPE_TAG, "user", 2);
	build_ptr(&b, 4);
	build_type(&b, BTF_KIND_UNION, "u", 2, false, 8);
	build_member(&b, "x", 1, 0);
	build_member(&b, "q", 3, 0);
	build_type(&b, BTF_KIND_STRUCT, "outer", 4, false, 40);
	build_member(&b, "in", 2, 0);
	build_member(&b, "up", 5, 128);
	build_member(&b, "un", 6, 192);
	build_member(&b, "tail", 8, 256);
	build_array(&b, 1, 1, 0);
	build_blob(&b);
	REQUIRE_EQ(btype_parse(b.blob, b.size, NULL, NULL, NULL, &btf), 0);
	return btf;
}

static int ask(const struct btf *btf, u32 type, s32 offset, u32 size, struct btype_access *access)
{
	struct log log;
	u32 true_size;
	int err;

	log_init(&log, our_log, sizeof(our_log), 1);
	err = btype_access(btf, type, offset, size, false, &log, access);
	log_finish(&log, &true_size);
	return err;
}

TEST(a_load_meets_scalars_pointers_and_refusals)
{
	struct btf *btf = sample();
	struct btype_access access;

	CHECK_EQ(ask(btf, 7, 0, 4, &access), 0);
	CHECK(!access.is_ptr);
	CHECK_EQ(ask(btf, 7, 8, 8, &access), 0);
	CHECK(access.is_ptr && access.type == 7 && !access.tags);
	CHECK_STR(access.field, "p");
	CHECK_EQ(ask(btf, 7, 16, 8, &access), 0);
	CHECK(access.is_ptr && access.type == 2);
	CHECK_EQ(access.tags, BTYPE_TAG_USER);
	CHECK_EQ(ask(btf, 7, 8, 4, &access), -EACCES);
	CHECK_STR(our_log,
		"cannot access ptr member p with moff 8 in struct inner with off 8 size "
		"4\n");
	CHECK_EQ(ask(btf, 7, 4, 2, &access), -EINVAL);
	CHECK_STR(our_log, "struct inner doesn't have field at offset 4\n");
	CHECK_EQ(ask(btf, 2, 12, 8, &access), -EACCES);
	CHECK_STR(our_log, "access beyond struct inner at off 12 size 8\n");
	CHECK_EQ(ask(btf, 7, 400, 8, &access), 0); /* in the flexible tail */
	CHECK_EQ(ask(btf, 7, -8, 8, &access), -EACCES);
	CHECK_EQ(ask(btf, 7, -8, 4, &access), -EACCES);
	CHECK_EQ(ask(btf, 1, 0, 4, &access), -EINVAL);
	CHECK_STR(our_log, "Type 'int' is not a struct\n");
	btype_unref(btf);
}

TEST(a_struct_stands_for_what_it_starts_with)
{
	struct btf *btf = sample();

	CHECK(btype_ids_match(btf, 7, 0, btf, 7, true, false, NULL));
	CHECK(btype_ids_match(btf, 7, 0, btf, 2, false, false, NULL));
	CHECK(!btype_ids_match(btf, 7, 0, btf, 2, true, false, NULL));
	CHECK(btype_ids_match(btf, 7, 24, btf, 6, false, false, NULL));
	CHECK(!btype_ids_match(btf, 7, 8, btf, 2, false, false, NULL));
	CHECK(!btype_ids_match(btf, 7, -1, btf, 2, false, false, NULL));
	btype_unref(btf);
}
