// SPDX-License-Identifier: BSD-2-Clause
/* The assembler against the disassembler, and against hand-written programs in both notations. */
#include "base/alloc.h"
#include "base/vec.h"
#include "isa/asm.h"
#include "isa/disasm.h"
#include "test/tap.h"

static void check_asm(const char *file, int line, const char *text, const struct asm_opts *opts,
	const struct insn *want, size_t count)
{
	struct asm_error error = {0};
	struct insn_vec got = {0};
	int err = asm_parse(text, strlen(text), opts, &got, &error);

	tap_check(err == 0, file, line, "%s:%u:%u: %s", text, error.line, error.column, error.text);
	if (!err && tap_check_eq((s64)got.len, (s64)count, "length", text, file, line))
		tap_check_mem(got.data, want, count * sizeof(*want), text, file, line);
	vec_release(&got);
}

#define CHECK_ASM_OPTS(text, opts, ...)                                                            \
	do {                                                                                       \
		struct insn want_[] = {__VA_ARGS__};                                               \
		check_asm(__FILE__, __LINE__, text, opts, want_, ARRAY_SIZE(want_));               \
	} while (0)
#define CHECK_ASM(text, ...) CHECK_ASM_OPTS(text, NULL, __VA_ARGS__)

/* Prints, reads, and compares; then prints what was read: the same text. */
static void check_round_trip(
	const struct disasm_opts *opts, const struct insn *insns, size_t count, const char *id)
{
	struct strbuf text = {0}, again = {0};
	struct asm_error error = {0};
	struct insn_vec got = {0};
	int err;

	disasm_program(opts, insns, count, &text);
	err = asm_parse(text.data, text.len, NULL, &got, &error);
	CHECK_MSG(err == 0, "%s: %u:%u: %s in\n%s", id, error.line, error.column, error.text,
		strbuf_cstr(&text));
	if (!err && CHECK_EQ(got.len, count)) {
		CHECK_MSG(memcmp(got.data, insns, count * sizeof(*insns)) == 0, "%s: %s", id,
			text.data);
		disasm_program(opts, got.data, got.len, &again);
		CHECK_STR(again.data, text.data);
	}
	vec_release(&got);
	strbuf_release(&text);
	strbuf_release(&again);
}

static const struct {
	u8 dst, src;
	s16 off;
	s32 imm;
	u64 imm64;
} operands[] = {
	{1, 2, 3, 5, 5},
	{10, 9, -32768, INT32_MIN, 0xffffffff80000000},
	{0, 10, 32767, INT32_MAX, 0x123456789abcdef0},
	{5, 5, 0, -1, UINT64_MAX},
	{0, 0, 0, 0, 0},
};

TEST(every_kind_reads_back_from_the_lossless_notation)
{
	struct disasm_opts with = {.is_lossless = true};
	struct disasm_opts without = {.is_lossless = true, .without_opcode = true};

	for (int kind = 0; kind < INSN_KIND_COUNT; kind++)
		for (size_t i = 0; i < ARRAY_SIZE(operands); i++) {
			struct insn_decoded x = {
				.kind = (enum insn_kind)kind,
				.dst = operands[i].dst,
				.src = operands[i].src,
				.off = operands[i].off,
				.imm = operands[i].imm,
				.imm64 = operands[i].imm64,
			};
			bool is_wide = insn_desc(x.kind)->family == INSN_FAMILY_LD_IMM64;
			struct insn insns[2];

			if (insn_desc(x.kind)->off.use == INSN_FIELD_UNCHECKED)
				x.off = 0; /* nobody prints it */
			if (x.kind == INSN_KIND_LD_FUNC)
				x.imm64 = (u32)x.imm64;
			if (insn_encode(&x, insns))
				continue;
			check_round_trip(&with, insns, 1 + is_wide, insn_desc(x.kind)->id);
			check_round_trip(&without, insns, 1 + is_wide, insn_desc(x.kind)->id);
		}
}

/* What only the lossless notation tells apart: who a wide immediate is, a kfunc's module. */
static bool is_ambiguous(const struct insn_decoded *x)
{
	return x->desc->family == INSN_FAMILY_LD_IMM64
		? x->src != 0
		: x->kind == INSN_KIND_CALL_KFUNC && x->off != 0;
}

TEST(what_the_kernel_prints_reads_back)
{
	u32 count = 0;

	for (int kind = 0; kind < INSN_KIND_COUNT; kind++)
		for (size_t i = 0; i < ARRAY_SIZE(operands); i++) {
			struct insn_decoded x = {
				.kind = (enum insn_kind)kind,
				.dst = operands[i].dst,
				.src = operands[i].src,
				.off = kind == INSN_KIND_EXIT ? 0 : operands[i].off,
				.imm = operands[i].imm,
				.imm64 = operands[i].imm64,
			};
			struct insn insns[2];
			struct insn_decoded y;

			if (insn_encode(&x, insns) || insn_decode(insns, 2, &y) || is_ambiguous(&y))
				continue;
			check_round_trip(NULL, insns, y.slots, y.desc->id);
			count++;
		}
	CHECK(count > 700);
}

TEST(labels_and_comments_of_both_notations_mix)
{
	CHECK_ASM("	r0 = 0\n"
		  "again:	r1 += 1		; counts\n"
		  "	if r1 s< 10 goto again	// back\n"
		  "	if w1 == 0xffffffff goto done\n"
		  "	jeq %r1, %r2, done	# forth\n"
		  "	gotol done\n"
		  "# a line of its own\n"
		  "\n"
		  "done: also: exit\n",
		INSN_MOV64_IMM(0, 0), INSN_ALU64_IMM(BPF_ADD, 1, 1),
		INSN_JMP_IMM(BPF_JSLT, 1, 10, -2), INSN_JMP32_IMM(BPF_JEQ, 1, -1, 2),
		INSN_JMP_REG(BPF_JEQ, 1, 2, 1), INSN_JA32(0), INSN_EXIT());
}

TEST(a_verifier_log_reads_as_a_program)
{
	CHECK_ASM("0: (b7) r0 = 1                        ; R0=1\n"
		  "; int x = 3; @ file.c:3\n"
		  "1: (18) r1 = 0x7                       ; R1_w=7\n"
		  "3: (85) call bpf_ktime_get_ns#5        ; R0_w=scalar()\n"
		  "4: (85) call bpf_iter_num_new#81234\n"
		  "5: (95) exit\n",
		INSN_MOV64_IMM(0, 1), INSN_LD_IMM64(1, 7), INSN_CALL(5), INSN_CALL_KFUNC(81234, 0),
		INSN_EXIT());
}

TEST(conformance_mnemonics_read)
{
	CHECK_ASM("mov %r0, 1\nmov32 %r1, %r2\nmovsx1632 %r0, %r1\nswap16 %r3\nbe64 %r4\nneg %r5",
		INSN_MOV64_IMM(0, 1), INSN_MOV32_REG(1, 2), INSN_MOVSX32(0, 1, 16),
		INSN_BSWAP(3, 16), INSN_BE(4, 64), INSN_NEG64(5));
	CHECK_ASM("ldxw %r0, [%r1+4]\nldxdw %r0, [%r10-8]\nstb [%r1], 0x44\nstxh [%r1+0x10], %r2",
		INSN_LDX_MEM(BPF_W, 0, 1, 4), INSN_LDX_MEM(BPF_DW, 0, 10, -8),
		INSN_ST_MEM(BPF_B, 1, 0, 0x44), INSN_STX_MEM(BPF_H, 1, 2, 16));
	CHECK_ASM("lock add [%r10-8], %r1\nlock fetch xor32 [%r10-4], %r1\nlock xchg [%r1], %r2\n"
		  "lock cmpxchg32 [%r10-8], %r1",
		INSN_ATOMIC(BPF_DW, BPF_ADD, 10, 1, -8),
		INSN_ATOMIC(BPF_W, BPF_XOR | BPF_FETCH, 10, 1, -4),
		INSN_ATOMIC(BPF_DW, BPF_XCHG, 1, 2, 0), INSN_ATOMIC(BPF_W, BPF_CMPXCHG, 10, 1, -8));
	CHECK_ASM("lddw %r0, 0x1122334455667788\nstdw [%r10-8], 0x88776655\nsmod32 %r0, -13",
		INSN_LD_IMM64(0, 0x1122334455667788), INSN_ST_MEM(BPF_DW, 10, -8, (s32)0x88776655),
		INSN_SALU32_IMM(BPF_MOD, 0, -13));
	CHECK_ASM(
		"call local f\ncall 5\ncall runtime 3\ncall %r2\nja +1\nexit\nf:\njne %r0, 1, exit",
		INSN_CALL_FUNC(5), INSN_CALL(5), INSN_CALL_KFUNC(3, 0), INSN_RAW(0x8d, 2, 0, 0, 0),
		INSN_JA(1), INSN_EXIT(), INSN_JMP_IMM(BPF_JNE, 0, 1, -2));
}

static int fd_of(void *ctx, const char *name, size_t len)
{
	return len == 6 && memcmp(name, "counts", 6) == 0 ? 77 : -ENOENT;
}

static int kfunc_of(void *ctx, const char *name, size_t len, struct insn *ret_insn)
{
	if (len != 9 || memcmp(name, "bpf_throw", 9) != 0)
		return -ENOENT;
	ret_insn->src = INSN_PSEUDO_KFUNC_CALL;
	ret_insn->imm = 99;
	return 0;
}

TEST(names_resolve_through_the_caller)
{
	struct asm_opts opts = {.map_fd = fd_of, .call = kfunc_of};

	CHECK_ASM_OPTS("r1 = map[counts]\nr2 = map[counts][0]+8\ncall bpf_throw\n"
		       "call map_lookup_elem\ncall f\nr3 = subprog[f]\nexit\nf: exit",
		&opts, INSN_LD_MAP_FD(1, 77), INSN_LD_MAP_VALUE(2, 77, 8), INSN_CALL_KFUNC(99, 0),
		INSN_CALL(1), INSN_CALL_FUNC(3), INSN_LD_FUNC(3, 2), INSN_EXIT(), INSN_EXIT());
}

TEST(wide_immediates_read_in_the_words_of_the_standard)
{
	struct asm_opts opts = {.map_fd = fd_of};

	CHECK_ASM_OPTS("lddw r1, map_by_fd(counts)\nlddw %r2, map_by_fd(3)\n"
		       "lddw %r3, map_val(map_by_fd(counts)) + 8\nlddw %r4, map_by_idx(1)\n"
		       "lddw %r5, map_val(map_by_idx(2))\nlddw %r6, variable_addr(9)\n"
		       "lddw %r7, code_addr(f)\nf: exit",
		&opts, INSN_LD_MAP_FD(1, 77), INSN_LD_MAP_FD(2, 3), INSN_LD_MAP_VALUE(3, 77, 8),
		INSN_LD_MAP_IDX(4, 1), INSN_LD_MAP_IDX_VALUE(5, 2, 0), INSN_LD_BTF_ID(6, 9, 0),
		INSN_LD_FUNC(7, 1), INSN_EXIT());
}

TEST(a_wide_value_takes_two_slots_only_when_it_must)
{
	CHECK_ASM("r1 = 0x10\nr1 = 0x10 ll\nr1 = 0x100000000\nr1 = -5\nr1 = 0xffffffffffffffff\n"
		  "(18) r1 = 0xffffffff",
		INSN_MOV64_IMM(1, 16), INSN_LD_IMM64(1, 16), INSN_LD_IMM64(1, 0x100000000),
		INSN_MOV64_IMM(1, -5), INSN_MOV64_IMM(1, -1), INSN_LD_IMM64(1, 0xffffffff));
	/* Unsigned 32 bits would change its value by sign extension. */
	CHECK_ASM("r1 = 0xffffffff", INSN_LD_IMM64(1, 0xffffffff));
	CHECK_ASM("w1 = 0xffffffff", INSN_MOV32_IMM(1, -1));
}

TEST(an_immediate_wraps_only_when_that_is_asked_for)
{
	struct asm_opts opts = {.has_wrapping_imm = true};

	CHECK_ASM_OPTS("mov32 %r1, 0x987654321\nw2 += -4294967295\nr3 = 0x987654321", &opts,
		INSN_MOV32_IMM(1, (s32)0x87654321), INSN_ALU32_IMM(BPF_ADD, 2, 1),
		INSN_LD_IMM64(3, 0x987654321));
}

static void check_refused(
	const char *file, int line, const char *text, u32 at_line, u32 column, const char *want)
{
	struct insn_vec got = {0};
	struct asm_error error = {0};

	if (tap_check(asm_parse(text, strlen(text), NULL, &got, &error) == -EINVAL, file, line,
		    "%s: is taken", text)) {
		tap_check_str(error.text, want, text, file, line);
		tap_check_eq(error.line, at_line, "line", text, file, line);
		tap_check_eq(error.column, column, "column", text, file, line);
	}
	tap_check(got.len == 0, file, line, "something is left");
	vec_release(&got);
}

#define CHECK_REFUSED(text, line, column, want)                                                    \
	check_refused(__FILE__, __LINE__, text, line, column, want)

TEST(errors_name_line_and_column)
{
	CHECK_REFUSED("exit\n  r0 ? 1", 2, 6, "expected an operator such as = or +=");
	CHECK_REFUSED("r0 = w1", 1, 6, "expected r1");
	CHECK_REFUSED("r16 = 1", 1, 1, "there is no instruction \"r16\"");
	CHECK_REFUSED("exit exit", 1, 6, "the statement should end here");
	CHECK_REFUSED("goto nowhere", 1, 6, "there is no label nowhere");
	CHECK_REFUSED("x: exit\nx: exit", 2, 1, "label x is there twice");
	CHECK_REFUSED("r0 = *(u64 *)(r1 +40000)", 1, 18, "the offset does not fit 16 bits");
	CHECK_REFUSED("r0 += 0x100000000", 1, 7, "the immediate does not fit 32 bits");
	CHECK_REFUSED("mov32 %r1, 0x987654321", 1, 12, "the immediate does not fit 32 bits");
	CHECK_REFUSED("r0 = 0x10000000000000000", 1, 6, "the number does not fit 64 bits");
	CHECK_REFUSED("(b7) r0 = r1", 1, 6, "this is opcode bf, not b7");
	CHECK_REFUSED("(b7)", 1, 5, "expected an instruction");
	CHECK_REFUSED("*(s8 *)(r1 +0) = r2", 1, 2, "a signed size is for loads only");
	CHECK_REFUSED("frobnicate %r1", 1, 1, "there is no instruction \"frobnicate\"");
	CHECK_REFUSED("r1 = map[x]", 1, 10, "there is no map x");
	CHECK_REFUSED("lddw %r1, map_by_fd(x)", 1, 21, "there is no map x");
	CHECK_REFUSED("lddw %r1, there", 1, 11, "expected a number, map_by_fd or the like");
	CHECK_REFUSED("arena exit", 1, 1, "this instruction has no such form");
	CHECK_REFUSED("r1 = atomic_fetch_add((u64 *)(r2 +0), r1)", 1, 22,
		"atomic64 goes with u64, atomic with the smaller sizes");
	CHECK_REFUSED("r2 = -r1", 1, 9, "negation is in place");
}

TEST(a_label_too_far_for_16_bits_is_refused)
{
	struct strbuf text = {0};
	struct insn_vec got = {0};
	struct asm_error error;

	strbuf_puts(&text, "goto far\n");
	for (int i = 0; i < 32768; i++)
		strbuf_puts(&text, "exit\n");
	strbuf_puts(&text, "far: exit\n");
	CHECK_EQ(asm_parse(text.data, text.len, NULL, &got, &error), -EINVAL);
	CHECK_STR(error.text, "far is too far for a 16-bit offset");
	strbuf_release(&text);
	vec_release(&got);
}

TEST(any_failing_allocation_is_reported_and_nothing_leaks)
{
	static const char text[] = "a: goto b\nb: r1 = 0x1122334455 ll\ncall f\nf: exit\n";

	for (u64 n = 1; n < 100; n++) {
		struct insn_vec got = {0};
		struct asm_error error;
		int err;

		mem_fail_nth(n);
		err = asm_parse(text, strlen(text), NULL, &got, &error);
		if (!mem_has_failed()) {
			mem_fail_nth(0);
			CHECK_EQ(err, 0);
			CHECK(n > 3);
			vec_release(&got);
			return;
		}
		CHECK_EQ(err, -ENOMEM);
		CHECK_EQ(got.len, 0);
		vec_release(&got);
	}
	CHECK_MSG(false, "it never runs to the end");
}
