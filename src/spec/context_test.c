// SPDX-License-Identifier: BSD-2-Clause
/*
 * The context tables are well-formed, and the live kernel accepts and refuses the same accesses.
 * The comparison loads one program for each (program type, attach type, offset, size, kind of
 * access); `make check` takes a part of them, HACHI_SOAK=1 all.
 */
#include "spec/context.h"
#include "spec/helper.h"
#include "spec/progtype.h"
#include "test/kernel.h"

#include <hachi/context.h>
#include <stdlib.h>

static void check_field(const struct ctx_layout *layout, const struct ctx_field *field)
{
	const char *name = field->name;

	CHECK_MSG(field->off + field->size <= layout->size, "%s.%s ends too late", layout->name,
		name);
	CHECK_MSG(field->elem && field->size % field->elem == 0, "%s.%s: size", layout->name, name);
	CHECK_MSG(field->off % field->elem == 0, "%s.%s: alignment", layout->name, name);
	CHECK_MSG(!(field->reads & ~15) && !(field->writes & ~15), "%s.%s: access sizes",
		layout->name, name);
	CHECK_MSG(field->kind == CTX_SCALAR || !field->writes, "%s.%s: a writable pointer",
		layout->name, name);
	CHECK_MSG((field->kind == CTX_BTF_ID_TRUSTED) == (field->btf != NULL), "%s.%s: BTF name",
		layout->name, name);
	CHECK_MSG(layout->is_rewritten ||
			(field->real_off == field->off && field->real_size == field->elem),
		"%s.%s moves but nothing rewrites it", layout->name, name);
	CHECK_MSG(field->real_size <= 8 && IS_POWER_OF_2(field->real_size), "%s.%s: real size",
		layout->name, name);
	/* a pointer must fit where it lies, a scalar may be read whole */
	CHECK_MSG(field->kind == CTX_SCALAR || field->real_size == 8, "%s.%s: a short pointer",
		layout->name, name);
	CHECK_MSG(field->real_size >= field->elem || field->kind != CTX_SCALAR,
		"%s.%s: loses bytes", layout->name, name);
}

TEST(every_context_field_is_well_formed)
{
	for (u32 type = 1; type < HACHI_BPF_PROG_TYPE_COUNT; type++) {
		const struct progtype_spec *prog = progtype_spec_by_type(type);
		const struct ctx_layout *layout = ctx_layout_for(type);

		REQUIRE(prog != NULL);
		CHECK_MSG((prog->flags & PROGTYPE_BTF_ARGS) ? !layout : layout != NULL,
			"%s: layout", prog->name);
		if (!layout)
			continue;
		CHECK_EQ(layout->size != 0, 1);
		CHECK_MSG(layout->field_count || layout->raw_end, "%s: nothing", layout->name);
		for (u32 i = 0; i < layout->field_count; i++)
			check_field(layout, &layout->fields[i]);
	}
}

static bool may_access(u32 prog_type, s32 off, u32 size, bool is_write, struct ctx_answer *answer)
{
	struct ctx_query query = {.prog_type = prog_type,
		.off = off,
		.size = size,
		.is_write = is_write,
		.caps = CAP_ALL};

	return ctx_access_allowed(&query, answer);
}

TEST(loads_of_packet_pointers_say_so)
{
	struct ctx_answer answer;

	CHECK(may_access(BPF_PROG_TYPE_XDP, offsetof(struct xdp_md, data_end), 4, false, &answer));
	CHECK_EQ(answer.kind, CTX_PACKET_END);
	CHECK_EQ(answer.field->real_off, offsetof(struct hachi_xdp, data_end));
	CHECK_EQ(answer.field->real_size, 8);
	CHECK(!may_access(BPF_PROG_TYPE_XDP, offsetof(struct xdp_md, data_end), 8, false, &answer));
	CHECK(!may_access(BPF_PROG_TYPE_XDP, offsetof(struct xdp_md, data), 4, true, &answer));
	CHECK(!may_access(BPF_PROG_TYPE_XDP, -4, 4, false, &answer));
	CHECK(!may_access(BPF_PROG_TYPE_XDP, 2, 4, false, &answer));
	CHECK(!may_access(BPF_PROG_TYPE_TRACING, 0, 8, false, &answer));
	CHECK(!may_access(77, 0, 8, false, &answer));
}

TEST(narrow_loads_tell_the_size_of_the_whole)
{
	struct ctx_answer answer;
	s32 cb2 = offsetof(struct __sk_buff, cb[2]);

	CHECK(may_access(
		BPF_PROG_TYPE_SCHED_CLS, offsetof(struct __sk_buff, mark) + 1, 1, false, &answer));
	CHECK_EQ(answer.ctx_field_size, 4);
	CHECK(may_access(BPF_PROG_TYPE_SCHED_CLS, cb2, 2, true, &answer));
	CHECK_EQ(answer.ctx_field_size, 0);
	CHECK_STR(answer.field->name, "cb");
	CHECK(!may_access(
		BPF_PROG_TYPE_SCHED_CLS, offsetof(struct __sk_buff, cb[4]), 8, false, &answer));
}

TEST(sockets_are_read_as_the_kernel_lets_them)
{
	struct ctx_answer answer;
	s32 priority = offsetof(struct bpf_sock, priority);

	CHECK(ctx_sock_access_allowed(CTX_SOCK_FULL, priority, 4, 0, &answer));
	CHECK_STR(answer.field->name, "priority");
	CHECK(!ctx_sock_access_allowed(CTX_SOCK_COMMON, priority, 4, 0, &answer));
	CHECK(ctx_sock_access_allowed(
		CTX_SOCK_COMMON, offsetof(struct bpf_sock, src_ip4) + 2, 2, 0, &answer));
	CHECK_EQ(answer.ctx_field_size, 4);
	CHECK(ctx_sock_access_allowed(
		CTX_SOCK_TCP, offsetof(struct bpf_tcp_sock, bytes_acked), 8, 0, &answer));
	CHECK(!ctx_sock_access_allowed(
		CTX_SOCK_TCP, offsetof(struct bpf_tcp_sock, bytes_acked), 4, 0, &answer));
	CHECK(!ctx_sock_access_allowed(CTX_SOCK_XDP, sizeof(struct bpf_xdp_sock), 4, 0, &answer));
}

/* ---- the live kernel */
enum access_mode { LOAD, LOAD_SIGNED, STORE, MODE_COUNT };

static u32 build_access(struct bpf_insn *insns, s32 off, u32 size, enum access_mode mode, s32 r0)
{
	static const u8 sizes[] = {[1] = BPF_B, [2] = BPF_H, [4] = BPF_W, [8] = BPF_DW};
	u32 n = 0;

	if (mode == STORE) {
		insns[n++] = (struct bpf_insn){.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 2};
		insns[n++] = (struct bpf_insn){.code = BPF_STX | BPF_MEM | sizes[size],
			.dst_reg = 1,
			.src_reg = 2,
			.off = off};
	} else {
		u8 kind = mode == LOAD ? BPF_MEM : HACHI_BPF_MEMSX;

		insns[n++] = (struct bpf_insn){.code = BPF_LDX | kind | sizes[size],
			.dst_reg = 2,
			.src_reg = 1,
			.off = off};
	}
	insns[n++] = (struct bpf_insn){.code = BPF_ALU64 | BPF_MOV | BPF_K, .imm = r0};
	insns[n++] = (struct bpf_insn){.code = BPF_JMP | BPF_EXIT};
	return n;
}

static char log_buf[1 << 14];

static bool kernel_allows(
	const struct ctx_query *query, enum access_mode mode, s32 r0, bool with_log)
{
	struct bpf_insn insns[4];
	struct kernel_load load = {.prog_type = query->prog_type,
		.attach_type = query->attach_type,
		.flags = query->prog_type == BPF_PROG_TYPE_SYSCALL ? BPF_F_SLEEPABLE : 0,
		.insns = insns,
		.log = with_log ? log_buf : NULL,
		.log_size = sizeof(log_buf)};
	int fd;

	load.insn_count = build_access(insns, query->off, query->size, mode, r0);
	fd = kernel_prog_load(&load);
	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

static u32 tried, stride;

/*
 * The kernel compares the offset into a tracepoint's record unsigned and so lets a program read
 * what lies before the record. We do not.
 */
static bool is_hole(const struct ctx_query *query)
{
	return query->prog_type == BPF_PROG_TYPE_TRACEPOINT && query->off < 0 && !query->is_write;
}

static void compare_at(struct ctx_query query, s32 r0)
{
	for (query.size = 1; query.size <= 8; query.size *= 2)
		for (u32 mode = 0; mode < MODE_COUNT; mode++) {
			struct ctx_answer answer;
			bool ours, theirs;

			if (mode == LOAD_SIGNED && (query.size == 8 || query.kernel < KERNEL(6, 6)))
				continue; /* no such instruction */
			/* a prime stride visits every combination over the types */
			if (stride > 1 && (query.off * 16 + query.size + mode) % stride)
				continue;
			query.is_write = mode == STORE;
			query.is_sign_extending = mode == LOAD_SIGNED;
			ours = ctx_access_allowed(&query, &answer);
			theirs = kernel_allows(&query, mode, r0, false);
			tried++;
			if (ours == theirs || is_hole(&query))
				continue;
			kernel_allows(&query, mode, r0, true);
			CHECK_MSG(false,
				"type %u attach %u off %d size %u mode %u: ours %d, kernel %d: %s",
				query.prog_type, query.attach_type, query.off, query.size, mode,
				ours, theirs, log_buf);
		}
}

static void compare_prog(u32 type, u32 attach)
{
	const struct ctx_layout *layout = ctx_layout_for(type);
	struct ctx_query query = {.prog_type = type, .caps = CAP_ALL, .kernel = kernel_version()};
	s32 end = layout->raw_end > layout->size ? layout->raw_end : layout->size;
	s32 r0 = type == BPF_PROG_TYPE_FLOW_DISSECTOR ? 0 : 1;
	struct bpf_insn insns[] = {
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .imm = r0}, {.code = BPF_JMP | BPF_EXIT}};
	struct kernel_load load = {.prog_type = type,
		.attach_type = attach,
		.flags = type == BPF_PROG_TYPE_SYSCALL ? BPF_F_SLEEPABLE : 0,
		.insns = insns,
		.insn_count = 2};
	int fd = kernel_prog_load(&load);

	if (fd < 0) {
		tap_note("program type %u attach type %u cannot be loaded here: %s", type, attach,
			strerror(-fd));
		return;
	}
	close(fd);
	query.attach_type = progtype_default_attach(type, attach);
	for (query.off = -8; query.off < end + 9; query.off++) {
		if (query.off == 260 && end > 1024)
			query.off = end - 16;
		if (query.off > 32767)
			break;
		compare_at(query, r0);
	}
}

TEST(the_live_kernel_allows_the_same_accesses)
{
	kernel_or_skip();
	stride = getenv("HACHI_SOAK") ? 1 : 7;
	for (u32 i = 0; i < progtype_spec_count(); i++) {
		const struct progtype_spec *prog = progtype_spec_at(i);

		if (!ctx_layout_for(prog->type))
			continue;
		for (u32 at = 0; at < HACHI_BPF_ATTACH_TYPE_COUNT; at++) {
			bool is_checked = prog->attach != ~0ull && prog->attach >> at & 1;
			bool is_xdp = prog->type == BPF_PROG_TYPE_XDP &&
				(at == BPF_XDP || at == BPF_XDP_DEVMAP);

			if (is_checked || is_xdp || (at == 0 && prog->attach == ~0ull))
				compare_prog(prog->type, at);
		}
	}
	tap_note("%u accesses compared", tried);
	CHECK(tried > 5000);
}
