// SPDX-License-Identifier: BSD-2-Clause
/*
 * The live kernel as the judge of every scalar operation: random straight-line programs are loaded
 * with log_level 2, and each register state that the kernel prints must be, letter by letter, what
 * our domain says. A conditional jump that may go either way leads to a landing pad of its own, so
 * that the states of both outcomes are printed.
 */
#include <linux/bpf.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "domain/scalar_print.h"
#include "test/tap.h"

#define BODY_MAX  48
#define INSN_MAX  256
#define LOG_SIZE  (4u << 20)
#define CTX_REG	  6
#define NO_TARGET UINT32_MAX
#define OFF(n)	  ((s16)(n))

/* Registers that hold scalars; 6 is the context. */
static const u8 scalar_regs[] = {0, 3, 7, 8, 9};

struct state {
	struct scalar reg[10];
};

struct program {
	struct bpf_insn insn[INSN_MAX];
	u32 len;
	struct state after[INSN_MAX];	 /* the model's state when the path goes on */
	bool is_checked[INSN_MAX];	 /* after[] says something, and the kernel prints it */
	struct state jumped[INSN_MAX];	 /* at landing pads */
	u32 pad_jump[INSN_MAX];		 /* landing pad: the jump that leads here; or NO_TARGET */
	u32 jumps[BODY_MAX], jump_count; /* jumps that want a pad */
};

static u64 seed = 1;

static u64 rnd(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed;
}

static u32 below(u32 n)
{
	return (u32)(rnd() >> 11) % n;
}

/* Numbers around which things go wrong. */
static u64 rnd_number(void)
{
	switch (below(6)) {
	case 0: return below(8);
	case 1: return (u64) - (s64)below(8);
	case 2: return (1ull << below(64)) + below(3) - 1;
	case 3: return ~((1ull << below(64)) + below(3) - 1);
	case 4: return rnd() >> below(64);
	default: return (rnd() << 32 & ~0ull << below(64)) + below(16);
	}
}

static u8 rnd_reg(void)
{
	return scalar_regs[below(ARRAY_SIZE(scalar_regs))];
}

static void emit(struct program *p, u8 code, u8 dst, u8 src, s16 off, s32 imm)
{
	p->pad_jump[p->len] = NO_TARGET;
	p->is_checked[p->len] = false;
	p->insn[p->len++] = (struct bpf_insn){
		.code = code, .dst_reg = dst, .src_reg = src, .off = off, .imm = imm};
}

/* The kernel without BPF_F_TEST_REG_INVARIANTS forgets the ranges of a contradiction. */
static void settle(struct scalar *s)
{
	if (!scalar_is_sane(s))
		scalar_forget_ranges(s);
}

static void note_state(struct program *p, const struct state *st)
{
	p->after[p->len - 1] = *st;
	p->is_checked[p->len - 1] = true;
}

/* A copy shares its id with the source, and later refinements: an operation ends that. */
static void unlink_reg(struct program *p, struct state *st, u8 reg)
{
	struct scalar zero = scalar_const(0);

	note_state(p, st);
	emit(p, BPF_ALU64 | BPF_XOR | BPF_K, reg, 0, 0, 0);
	scalar_alu(BPF_XOR, true, &st->reg[reg], &zero, &st->reg[reg]);
	settle(&st->reg[reg]);
	note_state(p, st);
}

static bool is_zero_or_ones(const struct scalar *s)
{
	return (s->smin == -1 && s->smax == 0) || (s->s32_min == -1 && s->s32_max == 0);
}

static void emit_alu(struct program *p, struct state *st)
{
	static const u8 ops[] = {BPF_ADD, BPF_SUB, BPF_MUL, BPF_AND, BPF_OR, BPF_XOR, BPF_LSH,
		BPF_RSH, BPF_ARSH, BPF_NEG, BPF_ADD, BPF_SUB, BPF_MUL, BPF_AND, BPF_OR, BPF_XOR,
		BPF_LSH, BPF_RSH, BPF_ARSH, BPF_DIV, BPF_MOD};
	u8 op = ops[below(ARRAY_SIZE(ops))], dst = rnd_reg(), src = rnd_reg();
	bool is_64 = below(2), is_reg = below(2), is_shift;
	struct scalar operand;
	s32 imm = (s32)rnd_number();

	is_shift = op == BPF_LSH || op == BPF_RSH || op == BPF_ARSH;
	if (is_shift)
		imm = (s32)(below(4) ? below(is_64 ? 64 : 32) : (is_64 ? 32 : 0));
	if ((op == BPF_DIV || op == BPF_MOD) && imm == 0)
		imm = 3;
	if (op == BPF_NEG) {
		is_reg = false;
		imm = 0;
	}
	operand = is_reg ? st->reg[src] : scalar_const((u64)(s64)imm);
	/* A shift by a register: mostly of a number that makes sense. */
	if (is_shift && is_reg && below(4)) {
		emit(p, BPF_ALU64 | BPF_MOV | BPF_K, src, 0, 0, imm);
		operand = st->reg[src] = scalar_const((u64)(s64)imm);
		note_state(p, st);
	}
	/* A known mask on 0 or -1 is where the verifier splits the path in two. */
	if ((op == BPF_AND || op == BPF_OR) && is_zero_or_ones(&st->reg[dst]))
		op = BPF_XOR;
	emit(p, (is_64 ? BPF_ALU64 : BPF_ALU) | op | (is_reg ? BPF_X : BPF_K), dst,
		is_reg ? src : 0, 0, is_reg ? 0 : imm);
	scalar_alu(op, is_64, &st->reg[dst], &operand, &st->reg[dst]);
	settle(&st->reg[dst]);
	note_state(p, st);
}

static void emit_end(struct program *p, struct state *st)
{
	static const u8 codes[] = {
		BPF_ALU64 | BPF_END, BPF_ALU | BPF_END | BPF_TO_LE, BPF_ALU | BPF_END | BPF_TO_BE};
	const bool swap_le = __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__;
	const bool swaps[] = {true, swap_le, !swap_le};
	u8 dst = rnd_reg();
	u32 kind = below(3), size = 2u << below(3);

	emit(p, codes[kind], dst, 0, 0, (s32)size * 8);
	scalar_end(&st->reg[dst], size, swaps[kind]);
	settle(&st->reg[dst]);
	note_state(p, st);
}

static void emit_move(struct program *p, struct state *st)
{
	u8 dst = rnd_reg(), src = rnd_reg();
	u64 imm = rnd_number();

	switch (below(3)) {
	case 0:
		emit(p, BPF_LD | BPF_IMM | BPF_DW, dst, 0, 0, (s32)imm);
		emit(p, 0, 0, 0, 0, (s32)(imm >> 32));
		st->reg[dst] = scalar_const(imm);
		return;
	case 1:
		emit(p, BPF_ALU | BPF_MOV | BPF_X, dst, src, 0, 0);
		st->reg[dst] = st->reg[src];
		scalar_zext32(&st->reg[dst]);
		break;
	default: {
		bool is_64 = below(2);
		unsigned int size = 1u << below(is_64 ? 3 : 2);

		emit(p, (is_64 ? BPF_ALU64 : BPF_ALU) | BPF_MOV | BPF_X, dst, src, OFF(size * 8),
			0);
		st->reg[dst] = st->reg[src];
		scalar_sext(&st->reg[dst], size, is_64);
	}
	}
	settle(&st->reg[dst]);
	if (dst != src)
		unlink_reg(p, st, dst);
	else
		note_state(p, st);
}

/* Spilled whole, filled again in part. */
static void emit_fill(struct program *p, struct state *st)
{
	static const u8 sizes[] = {BPF_B, BPF_H, BPF_W};
	u8 dst = rnd_reg(), src = rnd_reg();
	unsigned int size_log = below(3);
	bool is_signed = below(2);

	emit(p, BPF_STX | BPF_MEM | BPF_DW, 10, src, -8, 0);
	emit(p, BPF_LDX | (is_signed ? 0x80 : BPF_MEM) | sizes[size_log], dst, 10, -8, 0);
	st->reg[dst] = st->reg[src];
	if (is_signed)
		scalar_sext(&st->reg[dst], 1u << size_log, true);
	else
		scalar_truncate(&st->reg[dst], 1u << size_log);
	unlink_reg(p, st, dst);
}

static void emit_jump(struct program *p, struct state *st)
{
	static const u8 ops[] = {BPF_JEQ, BPF_JNE, BPF_JSET, BPF_JGT, BPF_JGE, BPF_JLT, BPF_JLE,
		BPF_JSGT, BPF_JSGE, BPF_JSLT, BPF_JSLE};
	u8 op = ops[below(ARRAY_SIZE(ops))], dst = rnd_reg(), src = rnd_reg();
	bool is_32 = below(2), is_reg = below(2);
	s32 imm = (s32)rnd_number();
	struct state jumped = *st;
	struct scalar known[2] = {scalar_const((u64)(s64)imm), scalar_const((u64)(s64)imm)};
	int taken;

	emit(p, (is_32 ? BPF_JMP32 : BPF_JMP) | op | (is_reg ? BPF_X : BPF_K), dst,
		is_reg ? src : 0, 0, is_reg ? 0 : imm);
	taken = scalar_branch_taken(op, is_32, &st->reg[dst], is_reg ? &st->reg[src] : &known[0]);
	if (taken >= 0)
		return;
	scalar_refine(op, is_32, true, &jumped.reg[dst], is_reg ? &jumped.reg[src] : &known[0]);
	scalar_refine(op, is_32, false, &st->reg[dst], is_reg ? &st->reg[src] : &known[1]);
	settle(&jumped.reg[dst]);
	settle(&jumped.reg[src]);
	settle(&st->reg[dst]);
	settle(&st->reg[src]);
	note_state(p, st);
	p->jumped[p->len - 1] = jumped;
	p->jumps[p->jump_count++] = p->len - 1;
}

static void emit_unknown(struct program *p, struct state *st)
{
	u8 dst = rnd_reg();

	if (below(2)) {
		emit(p, BPF_LDX | BPF_MEM | BPF_W, dst, CTX_REG, 0, 0);
		st->reg[dst] = scalar_from_urange(0, UINT32_MAX);
	} else {
		emit(p, BPF_ALU64 | BPF_DIV | BPF_K, dst, 0, 0, 3);
		st->reg[dst] = scalar_unknown();
	}
	note_state(p, st);
}

static void generate(struct program *p)
{
	struct state st;
	u32 i, steps = 8 + below(BODY_MAX - 8);

	p->len = p->jump_count = 0;
	emit(p, BPF_ALU64 | BPF_MOV | BPF_X, CTX_REG, 1, 0, 0);
	for (i = 0; i < ARRAY_SIZE(scalar_regs); i++) {
		emit(p, BPF_LDX | BPF_MEM | BPF_W, scalar_regs[i], CTX_REG, 0, 0);
		st.reg[scalar_regs[i]] = scalar_from_urange(0, UINT32_MAX);
		note_state(p, &st);
		if (i % 2) {
			emit(p, BPF_ALU64 | BPF_DIV | BPF_K, scalar_regs[i], 0, 0, 3);
			st.reg[scalar_regs[i]] = scalar_unknown();
			note_state(p, &st);
		}
	}
	for (i = 0; i < steps; i++) {
		u32 kind = below(21);

		if (kind < 8)
			emit_alu(p, &st);
		else if (kind < 16)
			emit_jump(p, &st);
		else if (kind < 17)
			emit_move(p, &st);
		else if (kind < 18)
			emit_fill(p, &st);
		else if (kind < 19)
			emit_end(p, &st);
		else
			emit_unknown(p, &st);
	}
	emit(p, BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, 0);
	emit(p, BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
	for (i = 0; i < p->jump_count; i++) {
		u32 jump = p->jumps[i];

		p->insn[jump].off = OFF(p->len - jump - 1);
		emit(p, BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, 0);
		p->pad_jump[p->len - 1] = jump;
		emit(p, BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
	}
}

static int load(const struct program *p, char *log)
{
	union bpf_attr attr = {.prog_type = BPF_PROG_TYPE_SOCKET_FILTER,
		.insns = (uintptr_t)p->insn,
		.insn_cnt = p->len,
		.license = (uintptr_t) "GPL",
		.log_buf = (uintptr_t)log,
		.log_size = LOG_SIZE,
		.log_level = 2};
	long fd;

	log[0] = 0;
	fd = syscall(__NR_bpf, BPF_PROG_LOAD, &attr, sizeof(attr));
	return fd < 0 ? -errno : (int)fd;
}

/* "scalar(id=3+4,smin=1)" without its id and without the mark of precision. */
static void strip(const char *text, size_t len, char *out, size_t size)
{
	size_t i = 0, n = 0;

	if (len && text[0] == 'P')
		i = 1;
	while (i < len && n + 1 < size) {
		if (len - i >= 3 && !memcmp(text + i, "id=", 3)) {
			while (i < len && text[i] != ',' && text[i] != ')')
				i++;
			if (i < len && text[i] == ',')
				i++;
			continue;
		}
		out[n++] = text[i++];
	}
	out[n] = 0;
}

/* Length of a register's text: to the blank outside parentheses. */
static size_t value_len(const char *text)
{
	size_t i, depth = 0;

	for (i = 0; text[i] && text[i] != '\n'; i++) {
		if (text[i] == '(')
			depth++;
		if (text[i] == ')')
			depth--;
		if (text[i] == ' ' && !depth)
			break;
	}
	return i;
}

/* Compares every "Rn=..." of a line with the state; counts those compared, -1 on a difference. */
static int compare_line(const char *line, const char *end, const struct state *st, u32 *ret_seen)
{
	struct strbuf sb = {0};
	char theirs[512];
	int compared = 0;
	const char *at;

	*ret_seen = 0;
	for (at = line; at + 3 < end; at++) {
		unsigned int reg, i;

		if (at[0] != 'R' || at[1] < '0' || at[1] > '9' || at[2] != '=' ||
			(at > line && at[-1] != ' '))
			continue;
		reg = (unsigned int)at[1] - '0';
		for (i = 0; i < ARRAY_SIZE(scalar_regs) && scalar_regs[i] != reg; i++)
			;
		if (i == ARRAY_SIZE(scalar_regs))
			continue;
		*ret_seen |= 1u << reg;
		strip(at + 3, value_len(at + 3), theirs, sizeof(theirs));
		strbuf_reset(&sb);
		scalar_print(&st->reg[reg], &sb);
		compared++;
		if (strcmp(strbuf_cstr(&sb), theirs)) {
			tap_note("R%u: the kernel says %s", reg, theirs);
			tap_note("R%u:       we say    %s", reg, strbuf_cstr(&sb));
			compared = -1;
			break;
		}
	}
	strbuf_release(&sb);
	return compared;
}

static bool is_number_line(const char *line, u32 *ret_insn)
{
	char *end;
	unsigned long n = strtoul(line, &end, 10);

	if (end == line || (strncmp(end, ": (", 3) && strncmp(end, ": R", 3)))
		return false;
	*ret_insn = (u32)n;
	return true;
}

/* Walks the log beside the model. The number of states compared, or -1. */
static int judge(const struct program *p, const char *log)
{
	u32 insn, from, to, seen, compared = 0, pads = 0, missing = 0;
	const char *line, *end;

	for (insn = 0; insn < p->len; insn++)
		missing += p->is_checked[insn];
	for (line = log; *line; line = *end ? end + 1 : end) {
		const struct state *st = NULL;
		u8 dst = 0;
		int n;

		end = strchrnul(line, '\n');
		if (sscanf(line, "from %u to %u: ", &from, &to) == 2) {
			if (to >= p->len || p->pad_jump[to] != from) {
				tap_note("unexpected path: %.*s", (int)(end - line), line);
				return -1;
			}
			st = &p->jumped[from];
			dst = p->insn[from].dst_reg;
			insn = from;
			pads++;
		} else if (is_number_line(line, &insn) && insn < p->len && p->is_checked[insn]) {
			st = &p->after[insn];
			dst = p->insn[insn].dst_reg;
		}
		if (!st)
			continue;
		n = compare_line(line, end, st, &seen);
		if (seen & 1u << dst)
			missing -= st == &p->after[insn];
		else if (n > 0)
			n = -1;
		if (n < 0) {
			tap_note("at: %.*s", (int)(end - line), line);
			return -1;
		}
		compared += (u32)n;
	}
	if (missing) {
		tap_note("%u states are not in the log", missing);
		return -1;
	}
	if (pads != p->jump_count) {
		tap_note("%u jumps of %u could go either way", pads, p->jump_count);
		return -1;
	}
	return (int)compared;
}

static bool try_program(struct program *p, char *log, u64 *states)
{
	int fd, compared;

	generate(p);
	fd = load(p, log);
	if (fd == -EPERM || fd == -ENOSYS)
		SKIP("bpf(2) is not permitted here");
	if (fd >= 0)
		close(fd);
	if (fd < 0) {
		size_t len = strlen(log);

		tap_note("load: %s: %s", strerror(-fd), log + (len > 300 ? len - 300 : 0));
		return false;
	}
	compared = judge(p, log);
	if (compared < 0)
		return false;
	*states += (u32)compared;
	return true;
}

TEST(the_kernel_prints_the_states_that_we_compute)
{
	const char *soak = getenv("HACHI_SOAK"), *only = getenv("HACHI_SEED");
	u64 rounds = soak ? 200000 : 600, i, start = only ? strtoull(only, NULL, 0) : 1, states = 0;
	struct program *p = calloc(1, sizeof(*p));
	char *log = malloc(LOG_SIZE);

	REQUIRE(p && log);
	for (i = 0; i < (only ? 1 : rounds); i++) {
		seed = (start + i) * 0x9e3779b97f4a7c15ull;
		if (!CHECK_MSG(try_program(p, log, &states), "HACHI_SEED=%llu",
			    (unsigned long long)(start + i))) {
			if (only)
				tap_note("%s", log);
			break;
		}
	}
	tap_note("%llu states compared", (unsigned long long)states);
	CHECK(only || states > 1000);
	free(log);
	free(p);
}
