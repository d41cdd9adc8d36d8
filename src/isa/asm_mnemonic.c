// SPDX-License-Identifier: BSD-2-Clause
/*
 * The notation of the bpf_conformance suite: a mnemonic of insns.def and operands separated by
 * commas, in the order that the row's family says. Calls of both notations are here too.
 */
#include "base/vec.h"
#include "isa/asm_parser.h"
#include "isa/spelling.h"

/* The row of that mnemonic whose second operand is a register, or is not. */
static const struct insn_desc *find_mnemonic(const char *name, bool is_reg)
{
	const struct insn_desc *found = NULL;

	for (int kind = 0; kind < INSN_KIND_COUNT; kind++) {
		const struct insn_desc *desc = insn_desc((enum insn_kind)kind);

		if (strcmp(desc->mnemonic, name) != 0)
			continue;
		if (!found || (desc->src.use == INSN_FIELD_REG) == is_reg)
			found = desc;
		if ((desc->src.use == INSN_FIELD_REG) == is_reg)
			return desc;
	}
	return found;
}

/* Words up to the mnemonic's last: "lock fetch add32", "arena ldxw". "swap16" is "bswap16". */
static int read_mnemonic(struct asm_parser *p, char name[32])
{
	static const char *const prefixes[] = {"lock", "fetch", "arena", "probe"};
	size_t used = 0;
	bool is_prefix;

	do {
		const char *word;
		size_t len = asm_peek_word(p, &word);
		bool is_swap = len == 6 && memcmp(word, "swap", 4) == 0;

		if (!len)
			return asm_fail(p, p->at, "expected an instruction");
		if (used + 1 + is_swap + len >= 32)
			return asm_fail(p, p->at, "there is no instruction of this name");
		if (used)
			name[used++] = ' ';
		if (is_swap)
			name[used++] = 'b';
		memcpy(name + used, word, len);
		used += len;
		name[used] = '\0';
		p->at += len;
		is_prefix = false;
		for (size_t i = 0; i < ARRAY_SIZE(prefixes); i++)
			is_prefix |=
				len == strlen(prefixes[i]) && memcmp(word, prefixes[i], len) == 0;
	} while (is_prefix);
	return 0;
}

/* "[%r1+8]" */
static int read_place(struct asm_parser *p, u8 *ret_base, s16 *ret_off)
{
	int err = asm_expect(p, "[");

	if (!err)
		err = asm_reg64(p, ret_base);
	if (!err && !asm_accept(p, "]")) {
		err = asm_off16(p, ret_off);
		if (!err)
			err = asm_expect(p, "]");
	}
	return err;
}

static int read_dst(struct asm_parser *p, struct insn *insn)
{
	struct asm_reg reg = {0};
	int err = asm_reg(p, &reg);

	insn->dst = reg.number;
	return err;
}

static int read_src(struct asm_parser *p, struct insn *insn)
{
	struct asm_reg reg = {0};
	int err = asm_expect(p, ",");

	if (!err)
		err = asm_reg(p, &reg);
	insn->src = reg.number;
	return err;
}

/* ", imm" or ", reg" by what the row takes. */
static int read_src_or_imm(struct asm_parser *p, const struct insn_desc *desc, struct insn *insn)
{
	int err;

	if (desc->src.use == INSN_FIELD_REG)
		return read_src(p, insn);
	err = asm_expect(p, ",");
	return err ? err : asm_imm32(p, &insn->imm);
}

/* "(5)" or "(NAME)" of a map. */
static int read_map_argument(struct asm_parser *p, bool is_index, u32 *ret_number)
{
	const char *name;
	s32 number = 0;
	size_t len;
	int err = asm_expect(p, "(");

	if (err)
		return err;
	if (is_index || asm_peek_number(p)) {
		err = asm_imm32(p, &number);
	} else {
		len = asm_peek_word(p, &name);
		number =
			len && p->opts->map_fd ? p->opts->map_fd(p->opts->ctx, name, len) : -ENOENT;
		if (number < 0)
			return asm_fail(p, p->at, "there is no map %.*s", (int)MIN(len, 64u), name);
		p->at += len;
	}
	*ret_number = (u32)number;
	return err ? err : asm_expect(p, ")");
}

/* map_by_fd(x), map_by_idx(x): the pseudo source, or with is_value that of the map's value. */
static int read_map(struct asm_parser *p, bool is_value, u8 *ret_src, u32 *ret_number)
{
	bool is_index = asm_accept_word(p, "map_by_idx");

	if (!is_index && !asm_accept_word(p, "map_by_fd"))
		return asm_fail(p, p->at, "expected a number, map_by_fd or the like");
	if (is_index)
		*ret_src = is_value ? BPF_PSEUDO_MAP_IDX_VALUE : BPF_PSEUDO_MAP_IDX;
	else
		*ret_src = is_value ? BPF_PSEUDO_MAP_VALUE : BPF_PSEUDO_MAP_FD;
	return read_map_argument(p, is_index, ret_number);
}

/* The words of RFC 9669 section 5.4 for the value of a wide immediate. */
static int parse_wide_word(struct asm_parser *p, u8 dst)
{
	u32 number = 0;
	s32 offset = 0;
	u8 src = 0;
	int err;

	if (asm_accept_word(p, "map_val")) {
		err = asm_expect(p, "(");
		if (!err)
			err = read_map(p, true, &src, &number);
		if (!err)
			err = asm_expect(p, ")");
		if (!err && asm_accept(p, "+"))
			err = asm_imm32(p, &offset);
	} else if (asm_accept_word(p, "variable_addr")) {
		src = BPF_PSEUDO_BTF_ID;
		err = read_map_argument(p, true, &number);
	} else if (asm_accept_word(p, "code_addr")) {
		err = asm_expect(p, "(");
		if (!err)
			err = asm_emit_jump(p, INSN_RAW(0x18, dst, BPF_PSEUDO_FUNC, 0, 0), true);
		if (!err)
			err = asm_emit(p, INSN_RAW(0, 0, 0, 0, 0));
		return err ? err : asm_expect(p, ")");
	} else {
		err = read_map(p, false, &src, &number);
	}
	return err ? err : asm_emit_wide(p, dst, src, (u64)(u32)offset << 32 | number);
}

static int parse_wide(struct asm_parser *p, const struct insn_desc *desc, struct insn insn)
{
	u64 value = 0;
	int err = read_dst(p, &insn);

	if (!err)
		err = asm_expect(p, ",");
	if (!err && desc->src.value == 0 && !asm_peek_number(p))
		return parse_wide_word(p, insn.dst);
	if (!err)
		err = asm_number(p, &value);
	return err ? err : asm_emit_wide(p, insn.dst, (u8)desc->src.value, value);
}

static int parse_to_place(struct asm_parser *p, const struct insn_desc *desc, struct insn insn)
{
	u8 base = 0;
	int err = read_place(p, &base, &insn.off);

	insn.dst = base;
	if (!err)
		err = read_src_or_imm(p, desc, &insn);
	return err ? err : asm_emit(p, insn);
}

static int parse_from_place(struct asm_parser *p, struct insn insn)
{
	u8 base = 0;
	int err = read_dst(p, &insn);

	if (!err)
		err = asm_expect(p, ",");
	if (!err)
		err = read_place(p, &base, &insn.off);
	insn.src = base;
	return err ? err : asm_emit(p, insn);
}

static int parse_packet(struct asm_parser *p, const struct insn_desc *desc, struct insn insn)
{
	struct asm_reg src = {0};
	int err = 0;

	if (desc->family == INSN_FAMILY_LD_IND) {
		err = asm_reg(p, &src);
		insn.src = src.number;
		if (!err)
			err = asm_expect(p, ",");
	}
	if (!err)
		err = asm_imm32(p, &insn.imm);
	return err ? err : asm_emit(p, insn);
}

static int parse_cast(struct asm_parser *p, struct insn insn)
{
	u64 to = 0, from = 0;
	int err = read_dst(p, &insn);

	if (!err)
		err = read_src(p, &insn);
	if (!err)
		err = asm_expect(p, ",");
	if (!err)
		err = asm_number(p, &to);
	if (!err)
		err = asm_expect(p, ",");
	if (!err)
		err = asm_number(p, &from);
	if (!err && (to > UINT16_MAX || from > UINT16_MAX))
		err = asm_fail(p, p->at, "address spaces are 16-bit numbers");
	insn.imm = (s32)(u32)(to << 16 | from);
	return err ? err : asm_emit(p, insn);
}

static int parse_jump(struct asm_parser *p, const struct insn_desc *desc, struct insn insn)
{
	int err = 0;

	if (desc->family == INSN_FAMILY_JCC) {
		err = read_dst(p, &insn);
		if (!err)
			err = read_src_or_imm(p, desc, &insn);
		if (!err)
			err = asm_expect(p, ",");
	}
	return err ? err : asm_emit_jump(p, insn, insn.op == (BPF_JMP32 | BPF_JA));
}

static int parse_operands(struct asm_parser *p, const struct insn_desc *desc, struct insn insn)
{
	int err;

	switch ((enum insn_family)desc->family) {
	case INSN_FAMILY_ALU:
	case INSN_FAMILY_MOV:
	case INSN_FAMILY_MOVSX:
		err = read_dst(p, &insn);
		if (!err)
			err = read_src_or_imm(p, desc, &insn);
		return err ? err : asm_emit(p, insn);
	case INSN_FAMILY_NEG:
	case INSN_FAMILY_END: err = read_dst(p, &insn); return err ? err : asm_emit(p, insn);
	case INSN_FAMILY_CAST: return parse_cast(p, insn);
	case INSN_FAMILY_LD_IMM64: return parse_wide(p, desc, insn);
	case INSN_FAMILY_LD_ABS:
	case INSN_FAMILY_LD_IND: return parse_packet(p, desc, insn);
	case INSN_FAMILY_LDX:
	case INSN_FAMILY_LDX_SX:
	case INSN_FAMILY_LOAD_ACQ: return parse_from_place(p, insn);
	case INSN_FAMILY_ST:
	case INSN_FAMILY_STX:
	case INSN_FAMILY_ATOMIC:
	case INSN_FAMILY_STORE_REL: return parse_to_place(p, desc, insn);
	case INSN_FAMILY_JA:
	case INSN_FAMILY_JCC:
	case INSN_FAMILY_MAY_GOTO: return parse_jump(p, desc, insn);
	case INSN_FAMILY_NOSPEC:
	case INSN_FAMILY_EXIT:
	case INSN_FAMILY_CALL: break;
	}
	return asm_emit(p, insn);
}

/* Whether the operand after the next comma is a register: it decides between two rows. */
static bool is_second_a_register(struct asm_parser *p)
{
	const char *at = p->at;
	struct asm_reg reg;
	bool is_reg;

	while (p->at < p->end && *p->at != ',' && *p->at != '\n')
		p->at++;
	is_reg = asm_accept(p, ",") && asm_accept_reg(p, &reg);
	p->at = at;
	return is_reg;
}

int asm_mnemonic_statement(struct asm_parser *p)
{
	const char *at = p->at;
	const struct insn_desc *desc;
	struct insn insn = {0};
	char name[32];
	int err = read_mnemonic(p, name);

	if (err)
		return err;
	desc = find_mnemonic(name, is_second_a_register(p));
	if (!desc)
		return asm_fail(p, at, "there is no instruction \"%s\"", name);
	insn.op = desc->op;
	insn.off = (s16)desc->off.value;
	insn.imm = desc->imm.value;
	return parse_operands(p, desc, insn);
}

/* ---- calls ------------------------------------------------------------------------------------*/

/* "#5" after a name: a helper when it is known by that name or by none, else a kfunc. */
static int call_by_id(struct asm_parser *p, const char *name, size_t len)
{
	const char *helper;
	struct insn insn = INSN_CALL(0);
	int err = asm_imm32(p, &insn.imm);

	if (err)
		return err;
	helper = spelling_helper(insn.imm);
	if (!(len == 7 && memcmp(name, "unknown", 7) == 0) &&
		!(helper && strlen(helper) == len && memcmp(helper, name, len) == 0)) {
		insn.src = INSN_PSEUDO_KFUNC_CALL;
		if (asm_accept(p, "off="))
			err = asm_off16(p, &insn.off);
	}
	return err ? err : asm_emit(p, insn);
}

static int call_by_name(struct asm_parser *p, const char *name, size_t len)
{
	struct insn insn = INSN_CALL(0);
	int id = spelling_helper_id(name, len);

	if (id >= 0) {
		insn.imm = id;
		return asm_emit(p, insn);
	}
	if (p->opts->call && p->opts->call(p->opts->ctx, name, len, &insn) == 0)
		return asm_emit(p, insn);
	p->at = name;
	return asm_emit_jump(p, INSN_CALL_FUNC(0), true);
}

/* "pc+3", as bpftool prints it also with "#name" behind. */
static int call_distance(struct asm_parser *p)
{
	int err = asm_emit_jump(p, INSN_CALL_FUNC(0), true);

	if (!err && p->at < p->end && *p->at == '#')
		while (p->at < p->end && *p->at != ' ' && *p->at != '\n')
			p->at++;
	return err;
}

static int call_number(struct asm_parser *p, u8 src)
{
	struct insn insn = INSN_RAW(BPF_JMP | BPF_CALL, 0, src, 0, 0);
	int err = asm_imm32(p, &insn.imm);

	return err ? err : asm_emit(p, insn);
}

int asm_call(struct asm_parser *p)
{
	struct asm_reg reg;
	const char *name;
	size_t len;

	if (asm_accept_reg(p, &reg))
		return asm_emit(p, INSN_RAW(BPF_JMP | BPF_CALL | BPF_X, reg.number, 0, 0, 0));
	if (asm_peek_number(p))
		return call_number(p, 0);
	if (asm_accept_word(p, "local"))
		return asm_emit_jump(p, INSN_CALL_FUNC(0), true);
	if (asm_accept_word(p, "helper"))
		return call_number(p, 0);
	if (asm_accept_word(p, "runtime"))
		return call_number(p, INSN_PSEUDO_KFUNC_CALL);
	if (asm_accept(p, "kernel-function#"))
		return call_by_id(p, "kernel-function", 15);
	len = asm_peek_word(p, &name);
	if (!len)
		return asm_fail(p, p->at, "expected what to call");
	p->at += len;
	if (len == 2 && memcmp(name, "pc", 2) == 0 && p->at < p->end &&
		(*p->at == '+' || *p->at == '-'))
		return call_distance(p);
	if (p->at < p->end && *p->at == '#') {
		p->at++;
		return call_by_id(p, name, len);
	}
	return call_by_name(p, name, len);
}
