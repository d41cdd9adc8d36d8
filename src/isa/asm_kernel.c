// SPDX-License-Identifier: BSD-2-Clause
/*
 * The kernel's notation, statement by statement: arithmetic, stores, atomics, jumps. The words
 * `probe` and `arena` before a memory access choose its internal form.
 */
#include "isa/asm_parser.h"
#include "isa/spelling.h"

/* Register or immediate; the register must be as wide as `like`. */
static int read_operand(
	struct asm_parser *p, struct asm_reg like, bool *ret_is_reg, u8 *ret_src, s32 *ret_imm)
{
	struct asm_reg reg;
	const char *at;

	asm_skip_blanks(p);
	at = p->at;
	*ret_is_reg = asm_accept_reg(p, &reg);
	if (!*ret_is_reg)
		return asm_imm32(p, ret_imm);
	if (reg.is_32 != like.is_32)
		return asm_fail(p, at, "expected %c%u", like.is_32 ? 'w' : 'r', reg.number);
	*ret_src = reg.number;
	return 0;
}

/* The operator at the cursor out of a table of 16, the longest that fits; -1 for none. */
static int accept_operator(struct asm_parser *p, const char *const table[16])
{
	size_t longest = 0;
	int found = -1;

	asm_skip_blanks(p);
	for (int i = 0; i < 16; i++) {
		size_t len = table[i] ? strlen(table[i]) : 0;

		if (len > longest && (size_t)(p->end - p->at) >= len &&
			memcmp(p->at, table[i], len) == 0) {
			longest = len;
			found = i;
		}
	}
	p->at += longest;
	return found;
}

static int parse_alu(struct asm_parser *p, struct asm_reg dst)
{
	bool is_reg, is_signed = true;
	int op = accept_operator(p, spelling_alu_signed);
	u8 src = 0;
	s32 imm = 0;
	int err;

	if (op < 0) {
		is_signed = false;
		op = accept_operator(p, spelling_alu);
	}
	if (op < 0)
		return asm_fail(p, p->at, "expected an operator such as = or +=");
	if (op == BPF_MOV >> 4)
		return asm_assign(p, dst);
	err = read_operand(p, dst, &is_reg, &src, &imm);
	if (err)
		return err;
	return asm_emit(p,
		INSN_RAW((u8)((dst.is_32 ? BPF_ALU : BPF_ALU64) | op << 4 |
				 (is_reg ? BPF_X : BPF_K)),
			dst.number, src, is_signed, imm));
}

/* "*(u64 *)(r1 +0) = r2" after the asterisk */
static int parse_store(struct asm_parser *p)
{
	struct asm_reg r64 = {0};
	struct asm_mem mem;
	bool is_reg;
	u8 src = 0;
	s32 imm = 0;
	int err = asm_unsigned_mem(p, &mem);

	if (!err)
		err = asm_expect(p, "=");
	if (!err)
		err = read_operand(p, r64, &is_reg, &src, &imm);
	if (err)
		return err;
	return asm_emit(p,
		is_reg ? INSN_STX_MEM(mem.size, mem.base, src, mem.off)
		       : INSN_ST_MEM(mem.size, mem.base, mem.off, imm));
}

/* "*(u64 *)(r1 +0) += r2" after "lock *" */
static int parse_lock(struct asm_parser *p)
{
	struct asm_mem mem;
	u8 src = 0;
	int op, err = asm_unsigned_mem(p, &mem);

	if (err)
		return err;
	op = accept_operator(p, spelling_alu);
	if (op < 0 || !spelling_atomic[op])
		return asm_fail(p, p->at, "expected +=, |=, &= or ^=");
	err = asm_reg64(p, &src);
	return err ? err : asm_emit(p, INSN_ATOMIC(mem.size, op << 4, mem.base, src, mem.off));
}

static int parse_store_release(struct asm_parser *p)
{
	struct asm_mem mem;
	u8 src = 0;
	int err = asm_expect(p, "(");

	if (!err)
		err = asm_unsigned_mem(p, &mem);
	if (!err)
		err = asm_expect(p, ",");
	if (!err)
		err = asm_reg64(p, &src);
	if (!err)
		err = asm_expect(p, ")");
	return err ? err : asm_emit(p, INSN_STORE_RELEASE(mem.size, mem.base, src, mem.off));
}

static int parse_if(struct asm_parser *p)
{
	struct asm_reg dst = {0};
	bool is_reg;
	u8 src = 0;
	s32 imm = 0;
	int op, err = asm_reg(p, &dst);

	if (err)
		return err;
	op = accept_operator(p, spelling_jump);
	if (op < 0)
		return asm_fail(p, p->at, "expected a comparison such as == or s<");
	err = read_operand(p, dst, &is_reg, &src, &imm);
	if (err)
		return err;
	if (!asm_accept_word(p, "goto"))
		return asm_fail(p, p->at, "expected \"goto\"");
	return asm_emit_jump(p,
		INSN_RAW((u8)((dst.is_32 ? BPF_JMP32 : BPF_JMP) | op << 4 |
				 (is_reg ? BPF_X : BPF_K)),
			dst.number, src, 0, imm),
		false);
}

static int parse_callx(struct asm_parser *p)
{
	u8 reg = 0;
	int err = asm_reg64(p, &reg);

	return err ? err : asm_emit(p, INSN_RAW(BPF_JMP | BPF_CALL | BPF_X, reg, 0, 0, 0));
}

static int parse_plain(struct asm_parser *p, bool *ret_is_ours)
{
	struct asm_reg dst;

	*ret_is_ours = true;
	if (asm_accept_reg(p, &dst))
		return parse_alu(p, dst);
	if (asm_accept(p, "*"))
		return parse_store(p);
	if (asm_accept_word(p, "if"))
		return parse_if(p);
	if (asm_accept_word(p, "goto"))
		return asm_emit_jump(p, INSN_JA(0), false);
	if (asm_accept_word(p, "gotol"))
		return asm_emit_jump(p, INSN_JA32(0), true);
	if (asm_accept_word(p, "may_goto"))
		return asm_emit_jump(p, INSN_MAYGOTO(0), false);
	if (asm_accept_word(p, "call"))
		return asm_call(p);
	if (asm_accept_word(p, "callx"))
		return parse_callx(p);
	if (asm_accept_word(p, "exit"))
		return asm_emit(p, INSN_EXIT());
	if (asm_accept_word(p, "nospec"))
		return asm_emit(p, INSN_NOSPEC_BARRIER());
	if (asm_accept_word(p, "store_release"))
		return parse_store_release(p);
	if (asm_accept_word(p, "lock") && asm_accept(p, "*"))
		return parse_lock(p);
	*ret_is_ours = false;
	return 0;
}

/* Exchanges the mode of the access just read for its internal form. */
static int make_internal(struct asm_parser *p, const char *at, struct insn *insn, bool is_arena)
{
	u8 mode = BPF_MODE(insn->op), class = insn_class(insn);

	if (class == BPF_LDX && mode == BPF_MEM)
		mode = is_arena ? INSN_PROBE_MEM32 : INSN_PROBE_MEM;
	else if (class == BPF_LDX && mode == INSN_MEMSX)
		mode = is_arena ? INSN_PROBE_MEM32SX : INSN_PROBE_MEMSX;
	else if (is_arena && mode == BPF_MEM && (class == BPF_ST || class == BPF_STX))
		mode = INSN_PROBE_MEM32;
	else if (is_arena && mode == BPF_ATOMIC && class == BPF_STX)
		mode = INSN_PROBE_ATOMIC;
	else
		return asm_fail(p, at, "this instruction has no such form");
	insn->op = (u8)((insn->op & 0x1f) | mode);
	return 0;
}

int asm_kernel_statement(struct asm_parser *p, bool *ret_is_ours)
{
	size_t index = p->out->len;
	const char *at = p->at;
	bool is_arena = asm_accept_word(p, "arena");
	bool is_probe = !is_arena && asm_accept_word(p, "probe");
	int err = parse_plain(p, ret_is_ours);

	if (!*ret_is_ours)
		p->at = at;
	else if (!err && (is_arena || is_probe))
		err = make_internal(p, at, &p->out->data[index], is_arena);
	return err;
}
