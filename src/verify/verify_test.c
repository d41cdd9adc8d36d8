// SPDX-License-Identifier: BSD-2-Clause
/*
 * Small programs, one that is accepted and one that is refused for each check, pinned by the reason
 * and the instruction. The table is text: `?` lines are the verdict. Maps come from a small world
 * of our own.
 */
#include "base/alloc.h"
#include "base/vec.h"
#include "isa/asm.h"
#include "test/tap.h"
#include "verify/verify.h"

#include <errno.h>
#include <stdlib.h>

static const struct verify_map maps[] = {
	{.handle = 1,
		.id = 1,
		.name = "array",
		.type = BPF_MAP_TYPE_ARRAY,
		.key_size = 4,
		.value_size = 48,
		.max_entries = 4,
		.has_direct_value = true},
	{.handle = 2, .id = 2, .name = "ring", .type = BPF_MAP_TYPE_RINGBUF, .max_entries = 4096},
	{.handle = 3,
		.id = 3,
		.name = "one",
		.type = BPF_MAP_TYPE_ARRAY,
		.key_size = 4,
		.value_size = 16,
		.max_entries = 1,
		.has_direct_value = true},
	{.handle = 4,
		.id = 4,
		.name = "const",
		.type = BPF_MAP_TYPE_ARRAY,
		.key_size = 4,
		.value_size = 16,
		.max_entries = 1,
		.has_direct_value = true,
		.is_frozen = true,
		.is_rdonly_prog = true},
	{.handle = 5,
		.id = 5,
		.name = "progs",
		.type = BPF_MAP_TYPE_PROG_ARRAY,
		.key_size = 4,
		.value_size = 4,
		.max_entries = 4},
};

static int world_map(
	const struct verify_world *w, s32 number, bool by_index, const struct verify_map **ret_map)
{
	(void)w;
	if (by_index)
		return -EPROTO;
	if (number < 1 || number > (s32)ARRAY_SIZE(maps))
		return -EBADF;
	*ret_map = &maps[number - 1];
	return 0;
}

/* The constant map holds 0, 1, 2, ... */
static int world_read(const struct verify_world *w, const struct verify_map *map, u32 off, u32 size,
	u64 *ret_value)
{
	(void)w;
	*ret_value = 0;
	if (map->handle != 4)
		return -EINVAL;
	for (u32 i = 0; i < size; i++)
		*ret_value |= (u64)(off + i) << (8 * i);
	return 0;
}

static int map_fd(void *ctx, const char *name, size_t len)
{
	(void)ctx;
	for (u32 i = 0; i < ARRAY_SIZE(maps); i++)
		if (strlen(maps[i].name) == len && memcmp(maps[i].name, name, len) == 0)
			return (int)maps[i].handle;
	return -ENOENT;
}

struct run {
	struct insn_vec insns;
	struct arena arena;
	struct verify_output out;
	char log[1 << 16];
	int err;
};

static void assemble(struct run *run, const char *text)
{
	struct asm_opts opts = {.map_fd = map_fd};
	struct asm_error error;

	if (asm_parse(text, strlen(text), &opts, &run->insns, &error))
		CHECK_MSG(false, "%s: line %u: %s", text, error.line, error.text);
}

static void run_as(struct run *run, const char *text, u32 prog_type, u32 caps, u32 flags, u32 level)
{
	struct verify_world_ops ops = {.map = world_map, .map_read = world_read};
	struct verify_world world = {
		.ops = &ops, .kernel = kernel_profile_by_name("6.12"), .caps = caps};
	struct verify_input in = {
		.name = "test", .prog_type = prog_type, .prog_flags = flags, .is_gpl = true};
	struct log log;

	memset(run, 0, sizeof(*run));
	arena_init(&run->arena);
	log_init(&log, run->log, sizeof(run->log), level);
	assemble(run, text);
	in.insns = run->insns.data;
	in.insn_count = (u32)run->insns.len;
	run->err = verify_prog(&in, &world, &run->arena, &log, &run->out);
	log_finish(&log, NULL);
}

static void run_free(struct run *run)
{
	vec_release(&run->insns);
	arena_release(&run->arena);
}

static struct run shared;

/* reason NULL: accepted. */
static void expect(u32 prog_type, u32 caps, const char *text, const char *reason, u32 insn)
{
	run_as(&shared, text, prog_type, caps, 0, 2);
	CHECK_MSG(strcmp(reason_id(shared.out.verdict.reason), reason ? reason : "NONE") == 0,
		"%s\n is %s, not %s\n%s", text, reason_id(shared.out.verdict.reason),
		reason ? reason : "accepted", shared.log);
	if (reason)
		CHECK_MSG(shared.out.verdict.insn == insn, "%s\n at %u, not %u", text,
			shared.out.verdict.insn, insn);
	CHECK_EQ(shared.err, shared.out.verdict.err);
	run_free(&shared);
}

#define ACCEPT(type, text)		 expect(BPF_PROG_TYPE_##type, CAP_ALL, text, NULL, 0)
#define REFUSE(type, text, reason, insn) expect(BPF_PROG_TYPE_##type, CAP_ALL, text, #reason, insn)
#define ACCEPT_UNPRIV(text)		 expect(BPF_PROG_TYPE_SOCKET_FILTER, 0, text, NULL, 0)
#define REFUSE_UNPRIV(text, reason, insn)                                                          \
	expect(BPF_PROG_TYPE_SOCKET_FILTER, 0, text, #reason, insn)
#define NOWHERE UINT32_MAX

/* r0 = pointer to an element of `array`, checked. */
#define LOOKUP                                                                                     \
	"*(u32 *)(r10 - 4) = 0\n r2 = r10\n r2 += -4\n r1 = map[array]\n call "                    \
	"bpf_map_lookup_elem\n"                                                                    \
	"if r0 != 0 goto +2\n r0 = 0\n exit\n" /* 0..8, goes on at 9 */

TEST(a_register_must_be_set_before_it_is_read)
{
	ACCEPT(XDP, "r0 = 0\nexit");
	REFUSE(XDP, "r0 = r2\nexit", UNINITIALIZED_REGISTER, 0);
	REFUSE(XDP, "exit", UNINITIALIZED_REGISTER, 0);
	REFUSE(XDP, "r10 = 0\nr0 = 0\nexit", FRAME_POINTER, 0);
	REFUSE(XDP, "call bpf_ktime_get_ns\nr0 = r1\nexit", UNINITIALIZED_REGISTER, 1);
}

TEST(control_flow_stays_inside_and_everything_is_reached)
{
	REFUSE(XDP, "r0 = 0", FALLTHROUGH, NOWHERE);
	REFUSE(XDP, "r0 = 0\ngoto +5\nexit", JUMP_RANGE, NOWHERE);
	REFUSE(XDP, "r0 = 0\nexit\nr0 = 0\nexit", UNREACHABLE, NOWHERE);
	ACCEPT(XDP, "r0 = 0\nagain: r0 += 1\nif r0 < 10 goto again\nexit");
	REFUSE(XDP, "r0 = 0\nagain: if r0 == 0 goto again\nexit", INFINITE_LOOP, 1);
	REFUSE_UNPRIV("r0 = 0\nagain: r0 += 1\nif r0 < 10 goto again\nexit", BACK_EDGE, NOWHERE);
}

TEST(loops_are_followed_up_to_a_million_instructions)
{
	ACCEPT(XDP, "r0 = 0\nagain: r0 += 1\nif r0 < 100000 goto again\nexit");
	REFUSE(XDP, "r0 = 0\nagain: r0 += 1\nif r0 < 10000000 goto again\nexit", TOO_COMPLEX, 2);
}

TEST(arithmetic_has_limits)
{
	REFUSE(XDP, "r0 = 1\nr0 /= 0\nexit", DIV_BY_ZERO, 1);
	REFUSE(XDP, "r0 = 1\nr0 <<= 64\nexit", SHIFT_RANGE, 1);
	REFUSE(XDP, "r1 *= 4\nr0 = 0\nexit", POINTER_ARITHMETIC, 0);
	REFUSE(XDP, "r1 += r10\nr0 = 0\nexit", POINTER_ARITHMETIC, 0);
	REFUSE(XDP, "r10 -= 8\nr0 = 0\nexit", FRAME_POINTER, 0);
	ACCEPT(XDP, "r2 = r10\nr2 += -8\n*(u64 *)(r2 + 0) = 1\nr0 = 0\nexit");
}

TEST(the_stack_has_512_bytes_and_must_be_written_first)
{
	ACCEPT(XDP, "*(u64 *)(r10 - 512) = 0\nr0 = 0\nexit");
	REFUSE(XDP, "*(u64 *)(r10 - 520) = 0\nr0 = 0\nexit", STACK_BOUNDS, 0);
	REFUSE(XDP, "*(u64 *)(r10 + 0) = 0\nr0 = 0\nexit", STACK_BOUNDS, 0);
	REFUSE(XDP, "*(u64 *)(r10 - 4) = 0\nr0 = 0\nexit", MISALIGNED, 0);
	REFUSE_UNPRIV("r0 = *(u64 *)(r10 - 8)\nexit", STACK_BOUNDS, 0);
	REFUSE_UNPRIV("*(u8 *)(r10 - 8) = 1\nr0 = *(u64 *)(r10 - 8)\nexit", STACK_UNINITIALIZED, 1);
}

TEST(a_spilled_pointer_comes_back_whole_or_not_at_all)
{
	ACCEPT(XDP, "*(u64 *)(r10 - 8) = r1\nr2 = *(u64 *)(r10 - 8)\nr0 = *(u32 *)(r2 + 0)\nexit");
	REFUSE(XDP, "*(u64 *)(r10 - 8) = r1\nr0 = *(u32 *)(r10 - 8)\nexit", STACK_POINTER_PART, 1);
	REFUSE(XDP,
		"*(u64 *)(r10 - 8) = r1\n*(u8 *)(r10 - 8) = 0\nr2 = *(u64 *)(r10 - 8)\n"
		"r0 = *(u32 *)(r2 + 0)\nexit",
		NOT_A_POINTER, 3);
}

TEST(a_lookup_may_give_null_and_the_value_has_bounds)
{
	ACCEPT(XDP, LOOKUP "r0 = *(u64 *)(r0 + 40)\nexit");
	REFUSE(XDP, LOOKUP "r0 = *(u64 *)(r0 + 41)\nexit", OUT_OF_BOUNDS, 9);
	REFUSE(XDP, LOOKUP "r0 = *(u8 *)(r0 - 1)\nexit", OUT_OF_BOUNDS, 9);
	REFUSE(XDP,
		"*(u32 *)(r10 - 4) = 0\n r2 = r10\n r2 += -4\n r1 = map[array]\n"
		"call bpf_map_lookup_elem\nr0 = *(u64 *)(r0 + 0)\nexit",
		NULL_CHECK, 6);
}

TEST(a_variable_index_needs_both_bounds)
{
	ACCEPT(XDP,
		LOOKUP "r1 = *(u32 *)(r0 + 0)\nif r1 > 40 goto +2\nr0 += r1\n"
		       "r0 = *(u64 *)(r0 + 0)\nr0 = 0\nexit");
	REFUSE(XDP,
		LOOKUP "r1 = *(u32 *)(r0 + 0)\nif r1 > 41 goto +2\nr0 += r1\n"
		       "r0 = *(u64 *)(r0 + 0)\nr0 = 0\nexit",
		OUT_OF_BOUNDS, 12);
	REFUSE(XDP,
		LOOKUP "r1 = *(u64 *)(r0 + 0)\nif r1 s> 40 goto +2\nr0 += r1\n"
		       "r0 = *(u64 *)(r0 + 0)\nr0 = 0\nexit",
		POINTER_OFFSET, 11);
	ACCEPT(XDP,
		LOOKUP "r1 = *(u64 *)(r0 + 0)\nr1 &= 31\nr0 += r1\nr0 = *(u64 *)(r0 + 0)\n"
		       "r0 = 0\nexit");
}

TEST(packet_bytes_are_read_only_where_they_were_proved)
{
	ACCEPT(XDP,
		"r2 = *(u32 *)(r1 + 0)\nr3 = *(u32 *)(r1 + 4)\nr4 = r2\nr4 += 14\n"
		"if r4 > r3 goto +1\nr0 = *(u16 *)(r2 + 12)\nr0 = 0\nexit");
	REFUSE(XDP,
		"r2 = *(u32 *)(r1 + 0)\nr3 = *(u32 *)(r1 + 4)\nr4 = r2\nr4 += 14\n"
		"if r4 > r3 goto +1\nr0 = *(u16 *)(r2 + 13)\nr0 = 0\nexit",
		OUT_OF_BOUNDS, 5);
	REFUSE(XDP, "r2 = *(u32 *)(r1 + 0)\nr0 = *(u8 *)(r2 + 0)\nexit", OUT_OF_BOUNDS, 1);
	/* what a helper may have moved is gone */
	REFUSE(XDP,
		"r6 = r1\nr2 = *(u32 *)(r1 + 0)\nr3 = *(u32 *)(r1 + 4)\nr7 = r2\nr4 = r2\nr4 += "
		"14\n"
		"if r4 > r3 goto +4\nr1 = r6\nr2 = 0\ncall bpf_xdp_adjust_head\n"
		"r0 = *(u8 *)(r7 + 0)\nr0 = 0\nexit",
		NOT_A_POINTER, 10);
}

TEST(the_context_has_fields)
{
	ACCEPT(XDP, "r0 = *(u32 *)(r1 + 12)\nexit");
	REFUSE(XDP, "r0 = *(u32 *)(r1 + 100)\nexit", CONTEXT, 0);
	REFUSE(XDP, "*(u32 *)(r1 + 0) = 1\nr0 = 0\nexit", CONTEXT, 0);
	REFUSE(XDP, "r1 += 4\nr0 = *(u32 *)(r1 + 0)\nexit", POINTER_MODIFIED, 1);
}

TEST(helpers_take_what_they_take)
{
	REFUSE(XDP, "call 9999\nexit", HELPER_UNKNOWN, 0);
	REFUSE(XDP, "call bpf_skb_load_bytes\nexit", HELPER_NOT_HERE, 0);
	REFUSE(XDP, "r1 = 0\nr2 = r10\ncall bpf_map_lookup_elem\nr0 = 0\nexit", ARG_TYPE, 2);
	REFUSE(KPROBE, "r1 = r10\nr1 += -8\nr2 = -1\nr3 = 0\ncall bpf_probe_read_kernel\nexit",
		SIZE_ARG, 4);
	REFUSE(KPROBE, "r1 = r10\nr1 += -8\nr2 = 9\nr3 = 0\ncall bpf_probe_read_kernel\nexit",
		STACK_END, 4);
	ACCEPT(KPROBE,
		"r1 = r10\nr1 += -8\nr2 = 8\nr3 = 0\ncall bpf_probe_read_kernel\n"
		"r0 = *(u64 *)(r10 - 8)\nexit");
	REFUSE(XDP,
		"r1 = map[ring]\nr2 = r10\nr2 += -4\n*(u32 *)(r2 + 0) = 0\n"
		"call bpf_map_lookup_elem\nr0 = 0\nexit",
		ZERO_SIZE, 5);
}

TEST(what_is_acquired_is_released_once)
{
	ACCEPT(KPROBE,
		"r1 = map[ring]\nr2 = 8\nr3 = 0\ncall bpf_ringbuf_reserve\n"
		"if r0 == 0 goto +4\n*(u64 *)(r0 + 0) = 1\nr1 = r0\nr2 = 0\n"
		"call bpf_ringbuf_submit\nr0 = 0\nexit");
	REFUSE(KPROBE, "r1 = map[ring]\nr2 = 8\nr3 = 0\ncall bpf_ringbuf_reserve\nr0 = 0\nexit",
		REFERENCE_LEAK, 6);
	REFUSE(KPROBE,
		"r1 = map[ring]\nr2 = 8\nr3 = 0\ncall bpf_ringbuf_reserve\nif r0 == 0 goto +4\n"
		"r6 = r0\nr1 = r0\nr2 = 0\ncall bpf_ringbuf_submit\nr0 = *(u64 *)(r6 + 0)\n"
		"exit",
		NOT_A_POINTER, 10);
	REFUSE(KPROBE,
		"r1 = map[ring]\nr2 = 8\nr3 = 0\ncall bpf_ringbuf_reserve\nif r0 == 0 goto +3\n"
		"*(u64 *)(r0 + 8) = 0\nr0 = 0\nexit\nr0 = 0\nexit",
		OUT_OF_BOUNDS, 6);
}

TEST(functions_are_followed_and_nest_eight_deep)
{
	ACCEPT(XDP, "r1 = 1\ncall local f\nexit\nf: r0 = r1\nexit");
	REFUSE(XDP, "r1 = r10\ncall local f\nr0 = 0\nexit\nf: r0 = r1\nexit", STACK_FRAME, 5);
	REFUSE(XDP, "call local f\nexit\nf: call local f\nexit", CALL_DEPTH, 2);
	REFUSE(XDP, "r1 = 1\ncall local f\nr0 = r1\nexit\nf: r0 = r1\nexit", UNINITIALIZED_REGISTER,
		2);
	REFUSE_UNPRIV("call local f\nexit\nf: r0 = 0\nexit", CALL_NEEDS_CAP, NOWHERE);
}

TEST(results_are_bounded_where_the_type_says_so)
{
	ACCEPT(CGROUP_SOCK, "r0 = 1\nexit");
	REFUSE(CGROUP_SOCK, "r0 = 2\nexit", RETURN_RANGE, 1);
	REFUSE_UNPRIV("r0 = r1\nexit", POINTER_LEAK, 1);
}

TEST(addresses_do_not_leak_to_unprivileged_programs)
{
	ACCEPT_UNPRIV(LOOKUP "*(u64 *)(r0 + 0) = 1\nr0 = 0\nexit");
	REFUSE_UNPRIV(LOOKUP "*(u64 *)(r0 + 0) = r10\nr0 = 0\nexit", POINTER_LEAK, 9);
	REFUSE_UNPRIV("if r1 == r10 goto +0\nr0 = 0\nexit", POINTER_COMPARISON, 0);
	REFUSE_UNPRIV("*(u64 *)(r10 - 8) = r1\n*(u8 *)(r10 - 8) = 0\nr0 = 0\nexit",
		STACK_POINTER_PART, 1);
}

TEST(constants_are_read_from_frozen_maps)
{
	/* the byte is 3, so the branch that reads nothing is never taken */
	ACCEPT(XDP,
		"r1 = map[const][0]+3\nr1 = *(u8 *)(r1 + 0)\nif r1 == 3 goto +1\nr0 = r9\n"
		"r0 = 0\nexit");
	REFUSE(XDP, "r1 = map[const][0]+0\n*(u8 *)(r1 + 0) = 1\nr0 = 0\nexit", READ_ONLY, 2);
	REFUSE(XDP, "r1 = map[one][0]+16\nr0 = 0\nexit", MAP_VALUE_IMM, NOWHERE);
	REFUSE(XDP, "r1 = map[array][0]+0\nr0 = 0\nexit", MAP_VALUE_MANY, NOWHERE);
}

TEST(legacy_packet_loads_need_the_context_in_r6)
{
	ACCEPT(SOCKET_FILTER, "r6 = r1\nr0 = *(u16 *)skb[12]\nexit");
	REFUSE(SOCKET_FILTER, "r0 = *(u16 *)skb[12]\nexit", UNINITIALIZED_REGISTER, 0);
	REFUSE(XDP, "r6 = r1\nr0 = *(u16 *)skb[12]\nexit", LD_ABS_PLACE, 1);
}

/* ---- the output ------------------------------------------------------------------------------ */

static const struct insn *output(const char *text, u32 prog_type)
{
	run_as(&shared, text, prog_type, CAP_ALL, 0, 0);
	REQUIRE_EQ(shared.err, 0);
	return shared.out.insns;
}

TEST(dead_code_disappears_and_jumps_with_one_outcome_become_plain)
{
	const struct insn *insns = output(
		"r0 = 0\nif r0 == 0 goto +2\nr0 = 1\nr0 = 2\nr0 = 3\nexit", BPF_PROG_TYPE_XDP);

	CHECK_EQ(shared.out.insn_count, 3);
	CHECK_EQ(insns[1].imm, 3);
	CHECK_EQ(shared.out.facts[1].orig, 4);
	run_free(&shared);
}

TEST(maps_are_named_by_index_in_the_order_of_first_use)
{
	const struct insn *insns =
		output("r1 = map[ring]\nr2 = map[array]\nr3 = map[ring]\nr0 = 0\nexit",
			BPF_PROG_TYPE_KPROBE);

	CHECK_EQ(shared.out.map_count, 2);
	CHECK_STR(shared.out.maps[0]->name, "ring");
	CHECK_EQ(insns[2].imm, 1);
	CHECK_EQ(insns[4].imm, 0);
	CHECK_EQ(insns[4].src, BPF_PSEUDO_MAP_FD);
	run_free(&shared);
}

TEST(a_packet_pointer_field_is_loaded_whole_from_the_real_context)
{
	const struct insn *insns = output("r0 = *(u32 *)(r1 + 0)\nr0 = 0\nexit", BPF_PROG_TYPE_XDP);

	CHECK_EQ(insns[0].op, BPF_LDX | BPF_MEM | BPF_DW);
	run_free(&shared);
}

TEST(a_result_whose_upper_half_is_read_is_marked_for_zero_extension)
{
	output("r1 = *(u32 *)(r1 + 12)\nw2 = w1\nr0 = r2\nexit", BPF_PROG_TYPE_XDP);
	CHECK_EQ(shared.out.facts[1].zext_dst, 1);
	run_free(&shared);
}

TEST(the_log_is_the_kernels)
{
	run_as(&shared, "r0 = 0\nexit", BPF_PROG_TYPE_XDP, CAP_ALL, 0, 2);
	CHECK_STR(shared.log,
		"func#0 @0\n0: R1=ctx() R10=fp0\n0: (b7) r0 = 0                        ; R0_w=0\n"
		"1: (95) exit\nprocessed 2 insns (limit 1000000) max_states_per_insn 0 "
		"total_states 0 "
		"peak_states 0 mark_read 0\n");
	run_free(&shared);
}

TEST(a_load_survives_every_allocation_that_fails)
{
	static const char text[] = LOOKUP "r1 = *(u32 *)(r0 + 0)\nif r1 > 40 goto +2\nr0 += r1\n"
					  "r0 = *(u64 *)(r0 + 0)\nr0 = 0\nexit";
	struct verify_world_ops ops = {.map = world_map, .map_read = world_read};
	struct verify_world world = {
		.ops = &ops, .kernel = kernel_profile_by_name("6.12"), .caps = CAP_ALL};
	struct verify_input in = {.name = "test", .prog_type = BPF_PROG_TYPE_XDP, .is_gpl = true};
	bool failed = true;

	memset(&shared, 0, sizeof(shared));
	assemble(&shared, text);
	in.insns = shared.insns.data;
	in.insn_count = (u32)shared.insns.len;
	for (u64 n = 1; failed && n < 1000; n++) {
		struct verify_output out;
		struct arena arena;
		struct log log;
		int err;

		arena_init(&arena);
		log_init(&log, NULL, 0, 0);
		mem_fail_nth(n);
		err = verify_prog(&in, &world, &arena, &log, &out);
		failed = mem_has_failed();
		mem_fail_nth(0);
		CHECK_EQ(err, failed ? -ENOMEM : 0);
		arena_release(&arena);
	}
	CHECK(!failed);
	vec_release(&shared.insns);
}
