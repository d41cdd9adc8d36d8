// SPDX-License-Identifier: BSD-2-Clause
/*
 * The printer against fixed lines, and against the live kernel: every loadable row of the table is
 * loaded in a program and the verifier's log must hold our text.
 */
#include "isa/disasm.h"
#include "test/kernel.h"
#include "test/tap.h"

#include <stdio.h>
#include <unistd.h>

static void check_text(const char *file, int line, const struct disasm_opts *opts,
	const struct insn *insn, size_t left, const char *want)
{
	struct strbuf text = {0};

	disasm_insn(opts, insn, left, &text);
	tap_check_str(strbuf_cstr(&text), want, "text", file, line);
	strbuf_release(&text);
}

#define CHECK_TEXT(want, ...)                                                                      \
	do {                                                                                       \
		struct insn insns_[] = {__VA_ARGS__};                                              \
		check_text(__FILE__, __LINE__, NULL, insns_, ARRAY_SIZE(insns_), want);            \
	} while (0)
#define CHECK_LOSSLESS(want, ...)                                                                  \
	do {                                                                                       \
		struct insn insns_[] = {__VA_ARGS__};                                              \
		struct disasm_opts opts_ = {.is_lossless = true};                                  \
		check_text(__FILE__, __LINE__, &opts_, insns_, ARRAY_SIZE(insns_), want);          \
	} while (0)

TEST(instructions_print_in_the_kernels_notation)
{
	CHECK_TEXT("(b7) r1 = 0", INSN_MOV64_IMM(1, 0));
	CHECK_TEXT("(85) call bpf_map_lookup_elem#1", INSN_CALL(1));
	CHECK_TEXT("(85) call bpf_cgrp_storage_delete#211", INSN_CALL(211));
	CHECK_TEXT("(85) call unknown#-1", INSN_CALL(-1));
	CHECK_TEXT("(85) call pc+3", INSN_CALL_FUNC(3));
	CHECK_TEXT("(85) call kernel-function#7", INSN_CALL_KFUNC(7, 1));
	CHECK_TEXT("(18) r1 = 0x1122334455667788", INSN_LD_IMM64(1, 0x1122334455667788));
	CHECK_TEXT("(c6) if w1 s< 0xffffffff goto pc+3", INSN_JMP32_IMM(BPF_JSLT, 1, -1, 3));
	CHECK_TEXT("(bf) r1 = (s32)r2", INSN_MOVSX64(1, 2, 32));
	CHECK_TEXT("(34) w1 s/= 3", INSN_SALU32_IMM(BPF_DIV, 1, 3));
	CHECK_TEXT("(bf) r1 = addr_space_cast(r2, 1, 0)", INSN_ADDR_CAST(1, 2, 1 << 16));
	CHECK_TEXT("(db) lock *(u64 *)(r1 +0) += r2", INSN_ATOMIC(BPF_DW, BPF_ADD, 1, 2, 0));
	CHECK_TEXT("(c3) r2 = atomic_fetch_or((u32 *)(r1 -4), r2)",
		INSN_ATOMIC(BPF_W, BPF_OR | BPF_FETCH, 1, 2, -4));
	CHECK_TEXT("(db) r0 = atomic64_cmpxchg((u64 *)(r1 +8), r0, r2)",
		INSN_ATOMIC(BPF_DW, BPF_CMPXCHG, 1, 2, 8));
	CHECK_TEXT("(e5) may_goto pc+2", INSN_MAYGOTO(2));
	CHECK_TEXT("(06) gotol pc-70000", INSN_JA32(-70000));
	CHECK_TEXT("(50) r0 = *(u8 *)skb[r1 + -3]", INSN_LD_IND(BPF_B, 1, -3));
	CHECK_TEXT("(c2) nospec", INSN_NOSPEC_BARRIER());
}

TEST(bytes_that_mean_nothing_print_as_the_kernels_bug)
{
	CHECK_TEXT("BUG_ldx_31", INSN_RAW(0x31, 1, 2, 0, 0));
	CHECK_TEXT("BUG_st_22", INSN_RAW(0x22, 1, 2, 0, 0));
	CHECK_TEXT("BUG_db", INSN_RAW(0xdb, 1, 2, 0, 0x20));
	CHECK_TEXT("BUG_ld_00", INSN_RAW(0, 0, 0, 0, 0));
	CHECK_TEXT("BUG_ld_18", INSN_RAW(0x18, 0, 0, 0, 0));
}

TEST(the_lossless_notation_says_what_the_kernels_leaves_out)
{
	CHECK_LOSSLESS("(18) r1 = map[id:3]", INSN_LD_MAP_FD(1, 3));
	CHECK_LOSSLESS("(18) r1 = map[id:3][0]+8", INSN_LD_MAP_VALUE(1, 3, 8));
	CHECK_LOSSLESS("(18) r1 = subprog[-2]", INSN_LD_FUNC(1, -2));
	CHECK_LOSSLESS("(18) r1 = btf[5,obj:2]", INSN_LD_BTF_ID(1, 5, 2));
	CHECK_LOSSLESS("(18) r1 = 0x7 ll", INSN_LD_IMM64(1, 7));
	CHECK_LOSSLESS("(31) probe r1 = *(u8 *)(r2 +0)", INSN_RAW(0x31, 1, 2, 0, 0));
	CHECK_LOSSLESS("(bc) w1 = zext(w1)", INSN_ZEXT(1));
	CHECK_LOSSLESS("(8d) callx r2", INSN_RAW(0x8d, 2, 0, 0, 0));
	CHECK_LOSSLESS("(85) call kernel-function#7 off=1", INSN_CALL_KFUNC(7, 1));
}

static const char *name_it(void *ctx, const struct insn *insn, char *buf, size_t size)
{
	snprintf(buf, size, "%s%d", (const char *)ctx, insn->imm + 1);
	return buf;
}

TEST(names_come_from_the_caller)
{
	struct disasm_opts opts = {
		.call_name = name_it, .ctx = (void *)"fn", .without_opcode = true};
	struct insn kfunc = INSN_CALL_KFUNC(7, 0), local = INSN_CALL_FUNC(2);
	struct insn map[] = {INSN_LD_MAP_FD(1, 77)};

	check_text(__FILE__, __LINE__, &opts, &kfunc, 1, "call fn8#7");
	check_text(__FILE__, __LINE__, &opts, &local, 1, "call pcfn3");
	opts.imm_name = disasm_imm_pseudo;
	check_text(__FILE__, __LINE__, &opts, map, 2, "r1 = map[id:77]");
	opts.imm_name = NULL;
	opts.hides_pointers = true;
	check_text(__FILE__, __LINE__, &opts, map, 2, "r1 = 0x0");
}

TEST(any_bytes_print_something)
{
	struct disasm_opts opts = {.is_lossless = true};
	struct strbuf text = {0};

	for (u32 x = 0; x < 1 << 16; x++)
		for (int imm = -1; imm < 2; imm++) {
			struct insn insn = INSN_RAW((u8)x, (x >> 8) & 15, x >> 12, (s16)imm, imm);

			strbuf_reset(&text);
			disasm_insn(x & 1 ? &opts : NULL, &insn, 1, &text);
			if (!text.len)
				CHECK_MSG(false, "op %02x prints nothing", insn.op);
		}
	strbuf_release(&text);
}

/* ---- the live kernel --------------------------------------------------------------------------*/

static char kernel_log[1 << 16];

/* Verifies a program in the kernel; kernel_log holds what it says. The descriptor or -errno. */
static int load_verbosely(const struct insn *insns, u32 count)
{
	struct kernel_load load = {
		.prog_type = BPF_PROG_TYPE_SOCKET_FILTER,
		.insns = (const struct bpf_insn *)insns,
		.insn_count = count,
		.log = kernel_log,
		.log_size = sizeof(kernel_log),
		.log_level = 2,
	};

	return kernel_prog_load(&load);
}

/* The text after "INDEX: " in the log, up to the state comment; NULL when the line is missing. */
static const char *log_text(u32 index)
{
	static char text[256];
	char label[16];
	char *line = kernel_log, *end;

	snprintf(label, sizeof(label), "%u: (", index);
	while (line && strncmp(line, label, strlen(label)) != 0) {
		snprintf(label, sizeof(label), "%u: B", index);
		if (strncmp(line, label, strlen(label)) == 0)
			break;
		snprintf(label, sizeof(label), "%u: (", index);
		line = strchr(line, '\n');
		line = line ? line + 1 : NULL;
	}
	if (!line)
		return NULL;
	line = strchr(line, ' ') + 1;
	end = line + strcspn(line, "\n");
	snprintf(text, sizeof(text), "%.*s", (int)(end - line), line);
	end = strstr(text, "; ");
	if (end)
		*end = '\0';
	for (end = text + strlen(text); end > text && end[-1] == ' ';)
		*--end = '\0';
	return text;
}

/*
 * Puts the row in a program where a path reaches it, but not every path, so that what follows an
 * exit or a jump is reached too: r0 to r4 are scalars, r6 the context, r9 the frame pointer. With
 * a function behind the end, TAIL_LENGTH instructions after the row.
 */
#define ROW_INDEX   9
#define TAIL_LENGTH 20
#define PROGRAM_MAX (ROW_INDEX + 2 + TAIL_LENGTH + 2)

static u32 build_program(const struct insn *row, u8 slots, bool has_function, struct insn *ret)
{
	struct insn head[ROW_INDEX] = {
		INSN_MOV64_REG(6, 1),
		INSN_MOV64_REG(9, 10),
		INSN_ST_MEM(BPF_DW, 10, -8, 0),
		INSN_MOV64_IMM(0, 1),
		INSN_MOV64_IMM(1, 1),
		INSN_MOV64_IMM(2, 1),
		INSN_MOV64_IMM(3, 1),
		INSN_LDX_MEM(BPF_W, 4, 6, 0),
		INSN_JMP_IMM(BPF_JEQ, 4, 5, slots),
	};
	u32 count = ROW_INDEX;

	memcpy(ret, head, sizeof(head));
	memcpy(ret + count, row, slots * sizeof(*row));
	count += slots;
	for (int i = 0; i < TAIL_LENGTH - 1; i++)
		ret[count++] = INSN_MOV64_IMM(0, 0);
	ret[count++] = INSN_EXIT();
	if (has_function) {
		ret[count++] = INSN_MOV64_IMM(0, 0);
		ret[count++] = INSN_EXIT();
	}
	return count;
}

static void choose_operands(const struct insn_desc *desc, struct insn_decoded *x)
{
	bool is_memory = (desc->reads | desc->writes) & INSN_USES_MEM;
	bool is_base_src = desc->reads & INSN_USES_SRC && !(desc->reads & INSN_USES_DST);

	x->dst = 2;
	x->src = 3;
	x->off = 1;
	x->imm = desc->operation == INSN_DO_ADD ? -5 : 1;
	x->imm64 = 1;
	if (is_memory) {
		x->off = -8;
		*(is_base_src ? &x->src : &x->dst) = 9;
	}
	if (desc->family == INSN_FAMILY_CALL)
		x->imm = desc->operation == INSN_DO_CALL_FUNC ? TAIL_LENGTH : 7;
	if (desc->operation == INSN_DO_LD_FUNC)
		x->imm64 = TAIL_LENGTH + 1;
}

/* Kinds that this harness cannot have on a path: they need a map, BTF or an arena. */
static bool needs_an_object(const struct insn_desc *desc)
{
	switch (desc->operation) {
	case INSN_DO_LD_MAP_FD:
	case INSN_DO_LD_MAP_VALUE:
	case INSN_DO_LD_MAP_IDX:
	case INSN_DO_LD_MAP_IDX_VALUE:
	case INSN_DO_LD_BTF_ID:
	case INSN_DO_CALL_KFUNC: return true;
	default: return false;
	}
}

TEST(the_live_kernel_prints_every_loadable_row_as_we_do)
{
	u32 compared = 0, versionless = 0;

	kernel_or_skip();
	for (int kind = 0; kind < INSN_KIND_COUNT; kind++) {
		const struct insn_desc *desc = insn_desc(kind);
		struct insn_decoded x = {.kind = (enum insn_kind)kind};
		struct insn row[2], program[PROGRAM_MAX];
		struct strbuf ours = {0};
		const char *theirs;
		u32 count;
		int fd;

		if (desc->scope != INSN_SCOPE_UAPI || needs_an_object(desc))
			continue;
		choose_operands(desc, &x);
		REQUIRE_EQ(insn_encode(&x, row), 0);
		count = build_program(row, desc->family == INSN_FAMILY_LD_IMM64 ? 2 : 1,
			desc->operation == INSN_DO_CALL_FUNC || desc->operation == INSN_DO_LD_FUNC,
			program);
		fd = load_verbosely(program, count);
		if (fd >= 0)
			close(fd);
		if (kernel_version() < desc->since) {
			versionless++;
			continue;
		}
		theirs = log_text(ROW_INDEX);
		disasm_insn(NULL, row, 2, &ours);
		if (!theirs)
			tap_check(false, __FILE__, __LINE__, "%s: not in the log:\n%s", desc->id,
				kernel_log);
		else
			tap_check_str(strbuf_cstr(&ours), theirs, desc->id, __FILE__, __LINE__);
		compared++;
		strbuf_release(&ours);
	}
	tap_note("%u rows compared, %u newer than this kernel", compared, versionless);
	CHECK(compared > 150);
}

/* The first line of the log that says why, when the program is refused for its encoding. */
TEST(the_live_kernel_refuses_the_same_bytes_in_the_same_words)
{
	static const s16 offs[] = {0, 1, 8};
	static const s32 imms[] = {0, 1, 16, 0x11};
	u32 refused = 0, accepted = 0;

	kernel_or_skip();
	if (kernel_version() < INSN_KV(6, 18))
		SKIP_HERE("the words are those of 6.18");
	for (u32 op = 0; op < 256; op++)
		for (u32 i = 0; i < 3 * 4 * 4; i++) {
			struct insn row = INSN_RAW((u8)op, i & 1 ? 2 : 0, i & 2 ? 3 : 0,
				offs[i / 4 % 3], imms[i / 12]);
			struct insn program[PROGRAM_MAX];
			struct insn_decoded d = {0};
			u32 count = build_program(&row, 1, false, program);
			int fd = load_verbosely(program, count);
			char text[128];
			bool is_ours;

			if (fd >= 0)
				close(fd);
			if (insn_decode(program + ROW_INDEX, count - ROW_INDEX, &d) == 0) {
				bool says = strstr(kernel_log, "uses reserved") ||
					strstr(kernel_log, "unknown opcode") ||
					strstr(kernel_log, "ld_imm64 insn");

				CHECK_MSG(!says, "op %02x dst %d src %d off %d imm %d: %s", row.op,
					row.dst, row.src, row.off, row.imm, kernel_log);
				accepted++;
				continue;
			}
			insn_error_text(d.error, &row, text, sizeof(text));
			is_ours = fd < 0 && strstr(kernel_log, text);
			CHECK_MSG(is_ours, "op %02x dst %d src %d off %d imm %d: want %s, got %s",
				row.op, row.dst, row.src, row.off, row.imm, text, kernel_log);
			refused++;
		}
	tap_note("%u refused, %u accepted by encoding", refused, accepted);
	CHECK(refused > 1000 && accepted > 100);
}
