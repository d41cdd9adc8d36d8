// SPDX-License-Identifier: BSD-2-Clause
#include "client/confine.h"
#include "test/tap.h"

static const struct bpf_insn code[] = {
	{.code = BPF_ALU64 | BPF_MOV | BPF_K, .imm = 0},
	{.code = BPF_JMP | BPF_EXIT},
	{.code = BPF_JMP | BPF_EXIT},
};

static const u32 functions[] = {0, 7, 2, 8};	     /* instruction, type */
static const u32 lines[] = {0, 1, 1, 1, 2, 1, 1, 1}; /* instruction and three more */

static union bpf_attr load_of(u32 type, u32 attach_type)
{
	union bpf_attr attr = {0};

	attr.prog_type = type;
	attr.expected_attach_type = attach_type;
	attr.insn_cnt = 3;
	attr.insns = (uintptr_t)code;
	attr.func_info = (uintptr_t)functions;
	attr.func_info_cnt = 2;
	attr.func_info_rec_size = 8;
	attr.line_info = (uintptr_t)lines;
	attr.line_info_cnt = 2;
	attr.line_info_rec_size = 16;
	return attr;
}

TEST(the_check_stands_before_the_program_and_tables_follow)
{
	struct cgroup cgroup = {.id = 0x123456789a, .level = 2};
	union bpf_attr attr = load_of(BPF_PROG_TYPE_KPROBE, 0);
	struct confined confined;
	const struct bpf_insn *insns;
	u32 added;

	REQUIRE_EQ(confine_make(&cgroup, &attr, sizeof(attr), &confined), 0);
	added = confined.attr.insn_cnt - 3;
	insns = (const struct bpf_insn *)(uintptr_t)confined.attr.insns;
	CHECK_EQ(added, 9);
	CHECK(memcmp(insns + added, code, sizeof(code)) == 0);
	CHECK_EQ(insns[1].imm, 2);
	CHECK_EQ(insns[2].imm, BPF_FUNC_get_current_ancestor_cgroup_id);
	CHECK_EQ(insns[3].imm, 0x3456789a);
	CHECK_EQ(insns[4].imm, 0x12);
	CHECK_EQ(insns[5].off, 2);
	/* the first function and line stay at 0, the second ones move */
	CHECK_EQ(((u32 *)confined.func_info)[0], 0);
	CHECK_EQ(((u32 *)confined.func_info)[2], 2 + added);
	CHECK_EQ(((u32 *)confined.func_info)[3], 8);
	CHECK_EQ(((u32 *)confined.line_info)[4], 2 + added);
	/* what was given is as it was */
	CHECK_EQ(functions[2], 2);
	CHECK_EQ(attr.insn_cnt, 3);
	confine_release(&confined);
}

TEST(without_a_level_only_the_cgroup_itself_is_compared)
{
	struct cgroup cgroup = {.id = 1, .level = -1};
	union bpf_attr attr = load_of(BPF_PROG_TYPE_TRACING, BPF_TRACE_FENTRY);
	struct confined confined;

	REQUIRE_EQ(confine_make(&cgroup, &attr, sizeof(attr), &confined), 0);
	CHECK_EQ(((struct bpf_insn *)confined.insns)[1].imm, BPF_FUNC_get_current_cgroup_id);
	/* fentry must return 0 */
	CHECK_EQ(((struct bpf_insn *)confined.insns)[5].imm, 0);
	confine_release(&confined);
}

TEST(programs_without_a_process_are_left_alone)
{
	static const u32 types[][2] = {{BPF_PROG_TYPE_XDP, BPF_XDP}, {BPF_PROG_TYPE_SCHED_CLS, 0},
		{BPF_PROG_TYPE_SYSCALL, 0}, {BPF_PROG_TYPE_TRACING, BPF_TRACE_ITER},
		{BPF_PROG_TYPE_LSM, BPF_LSM_CGROUP}};
	struct cgroup cgroup = {.id = 1};
	struct confined confined;

	for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
		union bpf_attr attr = load_of(types[i][0], types[i][1]);

		CHECK_EQ(confine_make(&cgroup, &attr, sizeof(attr), &confined), -EOPNOTSUPP);
	}
}
