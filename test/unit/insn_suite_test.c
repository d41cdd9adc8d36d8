// SPDX-License-Identifier: BSD-2-Clause
/*
 * Every instruction that computes, against a model written from RFC 9669 alone, on each engine and,
 * where bpf(2) is permitted, in the live kernel. One program carries an instruction through a table
 * of operand pairs; all pairs of edge values, all pairs of registers, edge immediates and offsets.
 */
#include "jit/engine.h"
#include "test/tap.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

static const u64 edges[] = {0, 1, 2, 0x7f, 0x80, 0xff, 0x7fff, 0x8000, 0xffff, 0x7fffffff,
	0x80000000, 0xffffffff, 0x100000000, 0x123456789abcdef0, 0x7fffffffffffffff,
	0x8000000000000000, 0xffffffff80000000, 0xfffffffffffffffe, 0xffffffffffffffff};

enum { EDGES = ARRAY_SIZE(edges), ROWS = EDGES * EDGES };

struct row {
	u64 a, b, result;
};

static struct row table[ROWS];

static void fill_table(void)
{
	u32 i, k;

	for (i = 0; i < EDGES; i++) {
		for (k = 0; k < EDGES; k++)
			table[i * EDGES + k] = (struct row){edges[i], edges[k], 0xdeadbeef};
	}
}

/* ---- the model ------------------------------------------------------------------------------ */

static s64 sign_extend(u64 v, u32 bits)
{
	u64 sign = 1ull << (bits - 1), mask = bits == 64 ? ~0ull : (1ull << bits) - 1;

	v &= mask;
	return (s64)((v ^ sign) - sign);
}

/* RFC 9669 4.1: what op does at width, for 64-bit register contents. */
static u64 model_alu(u8 op, bool is_signed, u32 width, u64 a, u64 b)
{
	u64 mask = width == 64 ? ~0ull : 0xffffffffull, r = 0;
	s64 sa, sb;

	a &= mask;
	b &= mask;
	sa = sign_extend(a, width);
	sb = sign_extend(b, width);
	switch (op) {
	case BPF_ADD: r = a + b; break;
	case BPF_SUB: r = a - b; break;
	case BPF_MUL: r = a * b; break;
	case BPF_DIV:
		if (b == 0)
			r = 0;
		else if (!is_signed)
			r = a / b;
		else if (sb == -1)
			r = 0 - a;
		else
			r = (u64)(sa / sb);
		break;
	case BPF_MOD:
		if (b == 0)
			r = a;
		else if (!is_signed)
			r = a % b;
		else if (sb == -1)
			r = 0;
		else
			r = (u64)(sa % sb);
		break;
	case BPF_OR: r = a | b; break;
	case BPF_AND: r = a & b; break;
	case BPF_XOR: r = a ^ b; break;
	case BPF_LSH: r = a << (b & (width - 1)); break;
	case BPF_RSH: r = a >> (b & (width - 1)); break;
	case BPF_ARSH: r = (u64)(sa >> (b & (width - 1))); break;
	case BPF_MOV: r = b; break;
	case BPF_NEG: r = 0 - a; break;
	default: break;
	}
	return r & mask;
}

static bool model_jump(u8 op, u32 width, u64 a, u64 b)
{
	u64 mask = width == 64 ? ~0ull : 0xffffffffull;
	s64 sa = sign_extend(a, width), sb = sign_extend(b, width);

	a &= mask;
	b &= mask;
	switch (op) {
	case BPF_JEQ: return a == b;
	case BPF_JNE: return a != b;
	case BPF_JGT: return a > b;
	case BPF_JGE: return a >= b;
	case BPF_JLT: return a < b;
	case BPF_JLE: return a <= b;
	case BPF_JSET: return (a & b) != 0;
	case BPF_JSGT: return sa > sb;
	case BPF_JSGE: return sa >= sb;
	case BPF_JSLT: return sa < sb;
	default: return sa <= sb;
	}
}

static u64 model_swap(u64 v, u32 bits)
{
	u64 r = 0;
	u32 i;

	for (i = 0; i < bits / 8; i++)
		r |= (v >> 8 * i & 0xff) << (bits - 8 - 8 * i);
	return r;
}

/* BPF_END and BPF_JSLE are the same bits in different classes. */
static bool is_end(const struct insn *insn)
{
	u8 class = insn_class(insn);

	return (class == BPF_ALU || class == BPF_ALU64) && BPF_OP(insn->op) == BPF_END;
}

static u64 model(const struct insn *insn, u64 a, u64 b)
{
	u8 class = insn_class(insn), op = BPF_OP(insn->op);
	u32 width = class == BPF_ALU64 || class == BPF_JMP ? 64 : 32;

	if (BPF_SRC(insn->op) == BPF_K && !is_end(insn))
		b = (u64)(s64)insn->imm;
	if (class == BPF_JMP || class == BPF_JMP32)
		return model_jump(op, width, a, b);
	if (op == BPF_END) {
		u64 low = insn->imm == 64 ? a : a & ((1ull << insn->imm) - 1);
		bool is_swap = class == BPF_ALU64 || BPF_SRC(insn->op) == BPF_TO_BE;

		return is_swap ? model_swap(a, (u32)insn->imm) : low;
	}
	if (op == BPF_MOV && insn->off)
		b = (u64)sign_extend(b, (u32)insn->off);
	return model_alu(op, insn->off == 1 && (op == BPF_DIV || op == BPF_MOD), width, a, b);
}

/* ---- programs ------------------------------------------------------------------------------- */

struct program {
	struct insn insns[80];
	u32 count;
};

static void put(struct program *p, struct insn insn)
{
	p->insns[p->count++] = insn;
}

static bool reads_src(const struct insn *insn)
{
	return BPF_SRC(insn->op) == BPF_X && !is_end(insn);
}

static bool is_jump(const struct insn *insn)
{
	return insn_class(insn) == BPF_JMP || insn_class(insn) == BPF_JMP32;
}

/* How many values live in the frame beside those of the program below; engines use registers. */
static u32 pressure;

static void put_pressure(struct program *p, u8 reg, bool is_start)
{
	u32 i;

	for (i = 0; i < pressure; i++) {
		s16 slot = (s16)(-8 * (s32)(i + 1));

		if (is_start) {
			put(p, INSN_LDX_MEM(BPF_DW, reg, 10, slot));
			put(p, INSN_ALU64_IMM(BPF_ADD, reg, (s32)i));
			put(p, INSN_STX_MEM(BPF_DW, 10, reg, slot));
		} else {
			put(p, INSN_ST_MEM(BPF_DW, 10, slot, (s32)i));
		}
	}
}

/*
 * For each row: dst = a, src = b, the instruction, result = dst, or whether it jumped. With
 * src = r10 b is what r10 holds. Slots count rows, so that as many values live around the loop.
 */
static struct program table_program(struct insn insn, u8 base, u8 counter)
{
	struct program p = {0};
	const struct insn value[] = {INSN_LD_MAP_VALUE(base, 0, 0)};
	u8 dst = insn.dst, src = insn.src, out = 0;
	u32 loop;

	while (out == base || out == counter || out == dst || out == src)
		out++;
	put(&p, value[0]);
	put(&p, value[1]);
	put(&p, INSN_MOV64_IMM(counter, ROWS));
	put_pressure(&p, out, false);
	loop = p.count;
	put_pressure(&p, out, true);
	put(&p, INSN_LDX_MEM(BPF_DW, dst, base, 0));
	if (reads_src(&insn) && src == 10)
		put(&p, INSN_STX_MEM(BPF_DW, base, 10, 8));
	else if (reads_src(&insn))
		put(&p, INSN_LDX_MEM(BPF_DW, src, base, 8));
	if ((dst + src + pressure) % 2) { /* so that somebody needs all 64 bits of them */
		put(&p, INSN_STX_MEM(BPF_DW, base, dst, dst == src && reads_src(&insn) ? 8 : 0));
		if (reads_src(&insn))
			put(&p, INSN_STX_MEM(BPF_DW, base, src, 8));
	}
	if (is_jump(&insn)) {
		put(&p, INSN_MOV64_IMM(out, 1));
		insn.off = 1;
		put(&p, insn);
		put(&p, INSN_MOV64_IMM(out, 0));
		put(&p, INSN_STX_MEM(BPF_DW, base, out, 16));
	} else {
		put(&p, insn);
		put(&p, INSN_STX_MEM(BPF_DW, base, dst, 16));
	}
	put(&p, INSN_ALU64_IMM(BPF_ADD, base, sizeof(struct row)));
	put(&p, INSN_ALU64_IMM(BPF_ADD, counter, -1));
	put(&p, INSN_JMP_IMM(BPF_JNE, counter, 0, (s16)((s32)loop - (s32)p.count - 1)));
	put(&p, INSN_MOV64_IMM(0, 0));
	put(&p, INSN_EXIT());
	return p;
}

/* An engine, and what else it is asked for. */
struct variant {
	const char *name, *engine;
	bool is_hardened, is_limited;
};

static int run_engine(const struct variant *v, const struct engine *engine, const struct program *p)
{
	struct code_map map = {.values = (u64)(uintptr_t)table};
	struct code code = {
		.insns = p->insns,
		.insn_count = p->count,
		.maps = &map,
		.map_count = 1,
		.blind = v->is_hardened,
		.retpolines = v->is_hardened,
		.uses_fuel = v->is_limited,
	};
	struct run run = {.fuel = -1};
	struct image *image;
	int err = engine->compile(&code, NULL, &image);

	if (err)
		return err;
	if (v->is_limited)
		run_limit(&run, 1 << 30, 0, NULL);
	run.image = image;
	image->entry(NULL, &run);
	engine->free(image);
	return 0;
}

/* Two registers that the instruction does not name. */
static void spare_registers(const struct insn *insn, u8 *ret_base, u8 *ret_counter)
{
	u8 base = 9, counter;

	while (base == insn->dst || base == insn->src)
		base--;
	for (counter = base - 1; counter == insn->dst || counter == insn->src;)
		counter--;
	*ret_base = base;
	*ret_counter = counter;
}

/* ---- the live kernel ------------------------------------------------------------------------- */

static int kernel_map = -1;

static int kernel(int cmd, union bpf_attr *attr)
{
	return (int)syscall(SYS_bpf, cmd, attr, sizeof(*attr));
}

static bool open_kernel(void)
{
	union bpf_attr attr = {.map_type = BPF_MAP_TYPE_ARRAY,
		.key_size = 4,
		.value_size = sizeof(table),
		.max_entries = 1};

	if (kernel_map < 0)
		kernel_map = kernel(BPF_MAP_CREATE, &attr);
	return kernel_map >= 0;
}

static int run_kernel(const struct program *program)
{
	static u8 packet[64];
	struct program p = *program;
	union bpf_attr attr;
	u32 key = 0;
	int fd, err;

	p.insns[0].imm = kernel_map;
	memset(&attr, 0, sizeof(attr));
	attr.prog_type = BPF_PROG_TYPE_SOCKET_FILTER;
	attr.insns = (u64)(uintptr_t)p.insns;
	attr.insn_cnt = p.count;
	attr.license = (u64)(uintptr_t) "GPL";
	fd = kernel(BPF_PROG_LOAD, &attr);
	if (fd < 0)
		return -errno;
	memset(&attr, 0, sizeof(attr));
	attr.map_fd = (u32)kernel_map;
	attr.key = (u64)(uintptr_t)&key;
	attr.value = (u64)(uintptr_t)table;
	err = kernel(BPF_MAP_UPDATE_ELEM, &attr);
	memset(&attr, 0, sizeof(attr));
	attr.test.prog_fd = (u32)fd;
	attr.test.data_in = (u64)(uintptr_t)packet;
	attr.test.data_size_in = sizeof(packet);
	if (!err)
		err = kernel(BPF_PROG_TEST_RUN, &attr);
	memset(&attr, 0, sizeof(attr));
	attr.map_fd = (u32)kernel_map;
	attr.key = (u64)(uintptr_t)&key;
	attr.value = (u64)(uintptr_t)table;
	if (!err)
		err = kernel(BPF_MAP_LOOKUP_ELEM, &attr);
	close(fd);
	return err ? -errno : 0;
}

/* ---- comparing ------------------------------------------------------------------------------- */

static u32 wrong, tried;

static void compare(const struct insn *insn, const char *who)
{
	u32 i;

	for (i = 0; i < ROWS; i++) {
		const struct row *r = &table[i];
		u64 b = BPF_SRC(insn->op) == BPF_X ? r->b : (u64)(s64)insn->imm;
		u64 a = reads_src(insn) && insn->dst == insn->src ? r->b : r->a;
		u64 want = model(insn, a, b);

		tried++;
		if (r->result == want || wrong++ > 10)
			continue;
		CHECK_MSG(false,
			"%s: op %02x dst %u src %u off %d imm %d: %llx, %llx: %llx not %llx", who,
			insn->op, insn->dst, insn->src, insn->off, insn->imm, (unsigned long long)a,
			(unsigned long long)b, (unsigned long long)r->result,
			(unsigned long long)want);
	}
}

static void try_engines(struct insn insn, u8 base, u8 counter)
{
	static const struct variant variants[] = {
		{"interp", "interp", false, false},
		{"jit", "jit", false, false},
		{"hardened jit", "jit", true, false},
		{"limited jit", "jit", false, true},
	};
	struct program p = table_program(insn, base, counter);
	u32 i;

	for (i = 0; i < ARRAY_SIZE(variants); i++) {
		const struct variant *v = &variants[i];
		const struct engine *engine = engine_by_name(v->engine);
		int err;

		/* limits change nothing within an instruction: some are enough */
		if (!engine || (v->is_limited && insn.imm))
			continue;
		fill_table();
		err = run_engine(v, engine, &p);
		if (CHECK_MSG(err == 0, "%s: op %02x gives %d", v->name, insn.op, err))
			compare(&insn, v->name);
	}
}

static void try_kernel(struct insn insn)
{
	u8 base, counter;
	struct program p;
	int err;

	spare_registers(&insn, &base, &counter);
	p = table_program(insn, base, counter);

	fill_table();
	err = run_kernel(&p);
	if (err == -EINVAL || err == -EACCES)
		return; /* an immediate that it refuses, such as a shift by the width */
	if (CHECK_MSG(err == 0, "kernel: op %02x gives %d", insn.op, err))
		compare(&insn, "kernel");
}

/* Calls visit for each instruction of two operands, or one, without registers and immediate. */
static void each_operation(void (*visit)(struct insn insn))
{
	u32 op;

	for (op = 0; op < INSN_KIND_COUNT; op++) {
		const struct insn_desc *d = insn_desc((enum insn_kind)op);
		struct insn insn = {.op = d->op};

		if (d->scope != INSN_SCOPE_UAPI)
			continue;
		if (d->family != INSN_FAMILY_ALU && d->family != INSN_FAMILY_MOV &&
			d->family != INSN_FAMILY_MOVSX && d->family != INSN_FAMILY_NEG &&
			d->family != INSN_FAMILY_END && d->family != INSN_FAMILY_JCC)
			continue;
		if (d->off.use == INSN_FIELD_EQ)
			insn.off = (s16)d->off.value;
		if (d->imm.use == INSN_FIELD_EQ)
			insn.imm = d->imm.value;
		visit(insn);
	}
}

static bool has_immediate(const struct insn *insn)
{
	u8 class = insn_class(insn);
	bool is_alu = class == BPF_ALU || class == BPF_ALU64;

	return BPF_SRC(insn->op) == BPF_K && !is_end(insn) &&
		!(is_alu && BPF_OP(insn->op) == BPF_NEG);
}

/* Values that the model says nothing about: division by an immediate 0 is refused everywhere. */
static bool is_refused(const struct insn *insn)
{
	u8 op = BPF_OP(insn->op), class = insn_class(insn);
	bool is_alu = class == BPF_ALU || class == BPF_ALU64;
	s32 width = class == BPF_ALU64 ? 64 : 32;

	if (!is_alu || !has_immediate(insn))
		return false;
	if (op == BPF_DIV || op == BPF_MOD)
		return insn->imm == 0;
	if (op == BPF_LSH || op == BPF_RSH || op == BPF_ARSH)
		return insn->imm < 0 || insn->imm >= width;
	return false;
}

/* Every pair of registers; r10 is no destination. Around it two others that do not matter. */
static void all_registers(struct insn insn)
{
	u8 dst, src, sources = reads_src(&insn) ? 11 : 1, base, counter;

	if (has_immediate(&insn))
		return;
	for (dst = 0; dst < 10; dst++) {
		for (src = 0; src < sources; src++) {
			insn.dst = dst;
			insn.src = src;
			spare_registers(&insn, &base, &counter);
			try_engines(insn, base, counter);
		}
	}
}

TEST(every_operation_on_every_pair_of_registers)
{
	wrong = tried = 0;
	each_operation(all_registers);
	tap_note("%u results", tried);
	CHECK_EQ(wrong, 0);
}

static void under_pressure(struct insn insn)
{
	insn.dst = 3;
	insn.src = reads_src(&insn) ? 4 : 0;
	insn.imm = has_immediate(&insn) ? 3 : insn.imm;
	for (pressure = 1; pressure <= 16; pressure++)
		try_engines(insn, 9, 8);
	pressure = 0;
}

/* So that operands and results lie in each machine register, and in memory. */
TEST(every_operation_while_other_values_live)
{
	wrong = tried = 0;
	each_operation(under_pressure);
	tap_note("%u results", tried);
	CHECK_EQ(wrong, 0);
}

static void all_immediates(struct insn insn)
{
	u32 i;

	if (!has_immediate(&insn))
		return;
	for (i = 0; i < EDGES + 64; i++) {
		insn.imm = i < EDGES ? (s32)edges[i] : (s32)(i - EDGES);
		if (is_refused(&insn))
			continue;
		insn.dst = i % 2 ? 0 : 3;
		try_engines(insn, 9, 8);
	}
}

TEST(every_operation_with_edge_immediates)
{
	wrong = tried = 0;
	each_operation(all_immediates);
	tap_note("%u results", tried);
	CHECK_EQ(wrong, 0);
}

/* Ten of the pairs, others for each operation; all of them with HACHI_SOAK. */
static void pairs_in_kernel(struct insn insn)
{
	u32 step = getenv("HACHI_SOAK") ? 1 : 11, i;

	for (i = insn.op % step; i < 110; i += step) {
		insn.dst = i % 10;
		insn.src = reads_src(&insn) ? i / 10 : 0;
		if (insn.src != 10) /* the address of the frame is no number there */
			try_kernel(insn);
	}
}

static void in_kernel(struct insn insn)
{
	u32 i;

	if (!has_immediate(&insn)) {
		pairs_in_kernel(insn);
		return;
	}
	for (i = 0; i < EDGES; i++) {
		insn.dst = i % 8;
		insn.imm = (s32)edges[i];
		if (!is_refused(&insn))
			try_kernel(insn);
	}
}

TEST(the_live_kernel_agrees_with_the_model)
{
	if (!open_kernel())
		SKIP("bpf(2) is not permitted here");
	wrong = tried = 0;
	each_operation(in_kernel);
	tap_note("%u results", tried);
	CHECK_EQ(wrong, 0);
}

/* ---- constants that the engines fold --------------------------------------------------------- */

static void fold_all(struct insn insn)
{
	u32 i, k;

	for (i = 0; i < EDGES; i++) {
		for (k = 0; k < EDGES; k++) {
			const struct insn p[] = {INSN_LD_IMM64(3, edges[i]),
				INSN_LD_IMM64(4, edges[k]), INSN_MOV64_IMM(0, 1), insn,
				is_jump(&insn) ? INSN_MOV64_IMM(0, 0) : INSN_MOV64_REG(0, 3),
				INSN_EXIT()};
			struct code code = {.insns = p, .insn_count = ARRAY_SIZE(p)};
			struct run run = {.fuel = -1};
			struct image *image;
			u64 got, want = model(&insn, edges[i], edges[k]);

			if (engine_default()->compile(&code, NULL, &image))
				continue;
			run.image = image;
			got = image->entry(NULL, &run);
			engine_default()->free(image);
			tried++;
			if (got != want && wrong++ < 10)
				CHECK_MSG(false, "op %02x off %d: %llx, %llx: %llx not %llx",
					insn.op, insn.off, (unsigned long long)edges[i],
					(unsigned long long)edges[k], (unsigned long long)got,
					(unsigned long long)want);
		}
	}
}

static void fold_operation(struct insn insn)
{
	if (has_immediate(&insn))
		return;
	insn.dst = 3;
	insn.src = reads_src(&insn) ? 4 : 0;
	if (is_jump(&insn))
		insn.off = 1;
	fold_all(insn);
}

TEST(operations_on_constants_give_the_same)
{
	wrong = tried = 0;
	each_operation(fold_operation);
	tap_note("%u results", tried);
	CHECK_EQ(wrong, 0);
}
