// SPDX-License-Identifier: BSD-2-Clause
/*
 * The check, with the context kept in r6:
 *
 *	r6 = r1
 *	r1 = level; call bpf_get_current_ancestor_cgroup_id	(children too)
 *	r1 = id ll
 *	if r0 == r1 goto program
 *	r0 = "nothing happened"; exit
 *   program:
 *	r1 = r6
 *
 * All jumps and calls of a program are relative, so only the tables that name instructions by
 * number (functions, lines) are moved. Their first record stays at 0, as the kernel demands.
 */
#include "client/confine.h"
#include "base/alloc.h"

#define MOV64_REG(dst, src)                                                                        \
	(struct bpf_insn)                                                                          \
	{                                                                                          \
		.code = BPF_ALU64 | BPF_MOV | BPF_X, .dst_reg = (dst), .src_reg = (src)            \
	}
#define MOV64_IMM(dst, value)                                                                      \
	(struct bpf_insn)                                                                          \
	{                                                                                          \
		.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = (dst), .imm = (value)              \
	}
#define CHECK_MAX 10

bool confine_can(u32 prog_type, u32 attach_type)
{
	switch (prog_type) {
	case BPF_PROG_TYPE_KPROBE:
	case BPF_PROG_TYPE_TRACEPOINT:
	case BPF_PROG_TYPE_PERF_EVENT:
	case BPF_PROG_TYPE_RAW_TRACEPOINT:
	case BPF_PROG_TYPE_RAW_TRACEPOINT_WRITABLE: return true;
	case BPF_PROG_TYPE_TRACING: return attach_type != BPF_TRACE_ITER;
	case BPF_PROG_TYPE_LSM: return attach_type == BPF_LSM_MAC;
	default: return false;
	}
}

/*
 * r0 outside the cgroup. For programs on perf events 0 would also take the event from other
 * people's perf.
 */
static s32 outside_value(u32 prog_type)
{
	return prog_type == BPF_PROG_TYPE_KPROBE || prog_type == BPF_PROG_TYPE_TRACEPOINT ||
		prog_type == BPF_PROG_TYPE_PERF_EVENT;
}

static u32 make_check(const struct cgroup *cgroup, u32 prog_type, struct bpf_insn *check)
{
	u32 n = 0;

	check[n++] = MOV64_REG(BPF_REG_6, BPF_REG_1);
	if (cgroup->level >= 0)
		check[n++] = MOV64_IMM(BPF_REG_1, cgroup->level);
	check[n++] = (struct bpf_insn){
		.code = BPF_JMP | BPF_CALL,
		.imm = cgroup->level >= 0 ? BPF_FUNC_get_current_ancestor_cgroup_id
					  : BPF_FUNC_get_current_cgroup_id,
	};
	check[n++] = (struct bpf_insn){
		.code = BPF_LD | BPF_DW | BPF_IMM,
		.dst_reg = BPF_REG_1,
		.imm = (s32)(u32)cgroup->id,
	};
	check[n++] = (struct bpf_insn){.imm = (s32)(cgroup->id >> 32)};
	check[n++] = (struct bpf_insn){
		.code = BPF_JMP | BPF_JEQ | BPF_X,
		.dst_reg = BPF_REG_0,
		.src_reg = BPF_REG_1,
		.off = 2,
	};
	check[n++] = MOV64_IMM(BPF_REG_0, outside_value(prog_type));
	check[n++] = (struct bpf_insn){.code = BPF_JMP | BPF_EXIT};
	check[n++] = MOV64_REG(BPF_REG_1, BPF_REG_6);
	return n;
}

/* A copy of a table whose records begin with an instruction's number. */
static int move_records(u64 table, u32 count, u32 record_size, u32 by, void **ret_copy)
{
	u8 *copy;

	*ret_copy = NULL;
	if (!table || !count || record_size < sizeof(u32))
		return 0;
	copy = mem_dup((const void *)(uintptr_t)table, (size_t)count * record_size);
	if (!copy)
		return -ENOMEM;
	for (u32 i = 0; i < count; i++) {
		u32 at;

		memcpy(&at, copy + (size_t)i * record_size, sizeof(at));
		if (!at)
			continue;
		at += by;
		memcpy(copy + (size_t)i * record_size, &at, sizeof(at));
	}
	*ret_copy = copy;
	return 0;
}

int confine_make(const struct cgroup *cgroup, const union bpf_attr *attr, u32 size,
	struct confined *ret_confined)
{
	struct confined confined = {0};
	struct bpf_insn check[CHECK_MAX], *insns;
	u32 count;
	int err;

	if (size > sizeof(confined.attr))
		return -E2BIG;
	memcpy(&confined.attr, attr, size);
	if (!confine_can(confined.attr.prog_type, confined.attr.expected_attach_type))
		return -EOPNOTSUPP;
	count = make_check(cgroup, confined.attr.prog_type, check);
	insns = mem_calloc((size_t)confined.attr.insn_cnt + count, sizeof(*insns));
	if (!insns)
		return -ENOMEM;
	memcpy(insns, check, count * sizeof(*check));
	memcpy(insns + count, (const void *)(uintptr_t)confined.attr.insns,
		confined.attr.insn_cnt * sizeof(*insns));
	confined.insns = insns;
	err = move_records(confined.attr.func_info, confined.attr.func_info_cnt,
		confined.attr.func_info_rec_size, count, &confined.func_info);
	if (!err)
		err = move_records(confined.attr.line_info, confined.attr.line_info_cnt,
			confined.attr.line_info_rec_size, count, &confined.line_info);
	if (err) {
		confine_release(&confined);
		return err;
	}
	confined.attr.insn_cnt += count;
	confined.attr.insns = (uintptr_t)confined.insns;
	if (confined.func_info)
		confined.attr.func_info = (uintptr_t)confined.func_info;
	if (confined.line_info)
		confined.attr.line_info = (uintptr_t)confined.line_info;
	*ret_confined = confined;
	return 0;
}

void confine_release(struct confined *confined)
{
	mem_free(confined->insns);
	mem_free(confined->func_info);
	mem_free(confined->line_info);
	memset(confined, 0, sizeof(*confined));
}
