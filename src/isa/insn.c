// SPDX-License-Identifier: BSD-2-Clause
/*
 * The table in memory, and decoding as a search in it: the first row of the opcode whose fixed
 * fields fit. When none fits, the row nearest in kind only serves to choose the kernel's sentence.
 */
#include "isa/insn.h"

#include <stdio.h>

/* clang-format off */
#define REG	  {0, INSN_FIELD_REG}
#define ANY	  {0, INSN_FIELD_ANY}
#define UNCHECKED {0, INSN_FIELD_UNCHECKED}
#define EQ(v)	  {v, INSN_FIELD_EQ}
/* clang-format on */
#define KV(a, b) INSN_KV(a, b)
enum {
	DST = INSN_USES_DST,
	SRC = INSN_USES_SRC,
	R0 = INSN_USES_R0,
	R6 = INSN_USES_R6,
	ARGS = INSN_USES_ARGS,
	MEM = INSN_USES_MEM,
	PKT = INSN_USES_PKT,
};

const struct insn_desc insn_descs[INSN_KIND_COUNT] = {
#define INSN(id_, mnemonic_, op_, dst_, src_, off_, imm_, family_, operation_, width_, reads_,     \
	writes_, group_, isa_, since_, scope_)                                                     \
	[INSN_KIND_##id_] = {                                                                      \
		.id = #id_,                                                                        \
		.mnemonic = mnemonic_,                                                             \
		.dst = dst_,                                                                       \
		.src = src_,                                                                       \
		.off = off_,                                                                       \
		.imm = imm_,                                                                       \
		.op = op_,                                                                         \
		.family = INSN_FAMILY_##family_,                                                   \
		.operation = INSN_DO_##operation_,                                                 \
		.group = INSN_GROUP_##group_,                                                      \
		.scope = INSN_SCOPE_##scope_,                                                      \
		.width = width_,                                                                   \
		.isa = isa_,                                                                       \
		.reads = reads_,                                                                   \
		.writes = writes_,                                                                 \
		.since = since_,                                                                   \
	},
#include "isa/insns.def"
};

/* First and last row of every opcode in row order; rows of one opcode need not be adjacent. */
struct op_range {
	u16 first, last; /* first > last: none */
};

static struct op_range op_ranges[256];

/* The fixed fields of each row, in an instruction's own bytes: one comparison tells. */
static struct row_bits {
	u64 mask, value;
} row_bits[INSN_KIND_COUNT];

static struct insn_brief row_briefs[INSN_KIND_COUNT];

static bool is_fixed(struct insn_field field)
{
	return field.use == INSN_FIELD_EQ;
}

static u64 bits_of(const struct insn *insn)
{
	u64 bits;

	memcpy(&bits, insn, sizeof(bits));
	return bits;
}

static struct row_bits find_row_bits(const struct insn_desc *desc)
{
	struct insn mask = {
		.op = 0xff,
		.dst = is_fixed(desc->dst) ? 0xf : 0,
		.src = is_fixed(desc->src) ? 0xf : 0,
		.off = is_fixed(desc->off) ? -1 : 0,
		.imm = is_fixed(desc->imm) ? -1 : 0,
	};
	struct insn value = {
		.op = desc->op,
		.dst = is_fixed(desc->dst) ? (u8)(desc->dst.value & 0xf) : 0,
		.src = is_fixed(desc->src) ? (u8)(desc->src.value & 0xf) : 0,
		.off = is_fixed(desc->off) ? (s16)desc->off.value : 0,
		.imm = is_fixed(desc->imm) ? desc->imm.value : 0,
	};

	return (struct row_bits){bits_of(&mask), bits_of(&value)};
}

static bool has_imm_operand(const struct insn_desc *desc)
{
	return desc->imm.use == INSN_FIELD_ANY && desc->src.use == INSN_FIELD_EQ;
}

static struct insn_brief row_brief(const struct insn_desc *desc)
{
	return (struct insn_brief){
		.family = desc->family,
		.operation = desc->operation,
		.width = desc->width,
		.scope = desc->scope,
		.reads = desc->reads,
		.writes = desc->writes,
		.slots = 1,
		.is_imm = has_imm_operand(desc),
	};
}

__attribute__((constructor)) static void op_ranges_init(void)
{
	for (int op = 0; op < 256; op++)
		op_ranges[op].first = INSN_KIND_COUNT;
	for (u16 kind = 0; kind < INSN_KIND_COUNT; kind++) {
		struct op_range *range = &op_ranges[insn_descs[kind].op];

		range->first = MIN(range->first, kind);
		range->last = kind;
		row_bits[kind] = find_row_bits(&insn_descs[kind]);
		row_briefs[kind] = row_brief(&insn_descs[kind]);
	}
}

static bool row_fits(u16 kind, const struct insn *insn)
{
	return !((bits_of(insn) ^ row_bits[kind].value) & row_bits[kind].mask);
}

static const struct insn_desc *find_row(const struct insn *insn, bool is_any)
{
	struct op_range range = op_ranges[insn->op];

	for (u16 kind = range.first; kind < INSN_KIND_COUNT && kind <= range.last; kind++) {
		const struct insn_desc *desc = &insn_descs[kind];

		if (row_fits(kind, insn) && (is_any || desc->scope == INSN_SCOPE_UAPI))
			return desc;
	}
	return NULL;
}

u16 insn_op_since(u8 op)
{
	struct op_range range = op_ranges[op];
	u16 since = 0xffff;

	for (u16 kind = range.first; kind < INSN_KIND_COUNT && kind <= range.last; kind++)
		if (insn_descs[kind].op == op && insn_descs[kind].scope == INSN_SCOPE_UAPI)
			since = MIN(since, insn_descs[kind].since);
	return since;
}

static bool has_uapi_row(u8 op)
{
	struct op_range range = op_ranges[op];

	for (u16 kind = range.first; kind < INSN_KIND_COUNT && kind <= range.last; kind++)
		if (insn_descs[kind].op == op && insn_descs[kind].scope == INSN_SCOPE_UAPI)
			return true;
	return false;
}

static enum insn_error check_ld_imm64(const struct insn *insn, size_t left)
{
	if (left < 2 || insn[1].op || insn[1].dst || insn[1].src || insn[1].off)
		return INSN_ERROR_LD_IMM64_PAIR;
	switch (insn->src) {
	case 0:
	case BPF_PSEUDO_BTF_ID:
	case BPF_PSEUDO_FUNC:
	case BPF_PSEUDO_MAP_VALUE:
	case BPF_PSEUDO_MAP_IDX_VALUE: return INSN_OK;
	case BPF_PSEUDO_MAP_FD:
	case BPF_PSEUDO_MAP_IDX: return insn[1].imm ? INSN_ERROR_LD_IMM64_PSEUDO : INSN_OK;
	default: return INSN_ERROR_LD_IMM64_PSEUDO;
	}
}

enum insn_error insn_check_early(const struct insn *insn, size_t left)
{
	u8 mode = BPF_MODE(insn->op);

	if (insn_class(insn) == BPF_LDX && ((mode != BPF_MEM && mode != INSN_MEMSX) || insn->imm))
		return INSN_ERROR_LDX_RESERVED;
	if (insn_is_ld_imm64(insn))
		return check_ld_imm64(insn, left);
	return has_uapi_row(insn->op) ? INSN_OK : INSN_ERROR_UNKNOWN_OPCODE;
}

static enum insn_error why_not_alu(const struct insn *insn)
{
	switch (BPF_OP(insn->op)) {
	case BPF_NEG: return INSN_ERROR_NEG_RESERVED;
	case BPF_END: return INSN_ERROR_END_RESERVED;
	case BPF_MOV:
		if (insn->op == (BPF_ALU64 | BPF_MOV | BPF_X) && insn->off == INSN_ADDR_SPACE_CAST)
			return INSN_ERROR_CAST_SPACES;
		return INSN_ERROR_MOV_RESERVED;
	default: return INSN_ERROR_ALU_RESERVED;
	}
}

static enum insn_error why_not_jump(const struct insn *insn)
{
	switch (BPF_OP(insn->op)) {
	case BPF_JA: return INSN_ERROR_JA_RESERVED;
	case BPF_CALL: return INSN_ERROR_CALL_RESERVED;
	case BPF_EXIT: return INSN_ERROR_EXIT_RESERVED;
	case INSN_JCOND: return INSN_ERROR_MAY_GOTO;
	default: return INSN_ERROR_JMP_RESERVED;
	}
}

/* Atomic operations that exist at some width. */
static bool is_atomic_operation(s32 imm)
{
	struct insn wide = INSN_ATOMIC(BPF_DW, imm, 0, 0, 0);

	return find_row(&wide, false) != NULL;
}

static enum insn_error why_not(const struct insn *insn)
{
	if (op_ranges[insn->op].first == INSN_KIND_COUNT)
		return INSN_ERROR_UNKNOWN_OPCODE;
	switch (insn_class(insn)) {
	case BPF_ALU:
	case BPF_ALU64: return why_not_alu(insn);
	case BPF_JMP:
	case BPF_JMP32: return why_not_jump(insn);
	case BPF_LD:
		return insn_is_ld_imm64(insn) ? INSN_ERROR_LD_IMM64_RESERVED
					      : INSN_ERROR_LD_ABS_RESERVED;
	case BPF_LDX: return INSN_ERROR_LDX_RESERVED;
	case BPF_ST: return INSN_ERROR_ST_RESERVED;
	default:
		if (BPF_MODE(insn->op) == BPF_MEM || BPF_MODE(insn->op) == INSN_PROBE_MEM32)
			return INSN_ERROR_STX_RESERVED;
		return is_atomic_operation(insn->imm) ? INSN_ERROR_ATOMIC_SIZE
						      : INSN_ERROR_ATOMIC_OPERATION;
	}
}

/* In the order in which the verifier looks at them: a jump's dst first, all else's src first. */
static enum insn_error check_registers(const struct insn_desc *desc, const struct insn *insn)
{
	bool is_dst_bad = desc->dst.use == INSN_FIELD_REG && insn->dst >= INSN_REG_COUNT;
	bool is_src_bad = desc->src.use == INSN_FIELD_REG && insn->src >= INSN_REG_COUNT;

	if (is_src_bad && !(is_dst_bad && desc->family == INSN_FAMILY_JCC))
		return INSN_ERROR_SRC_INVALID;
	return is_dst_bad ? INSN_ERROR_DST_INVALID : INSN_OK;
}

static enum insn_error decode(
	const struct insn *insn, size_t left, bool is_any, struct insn_decoded *ret)
{
	const struct insn_desc *desc;
	enum insn_error error = INSN_OK;
	bool is_wide;

	if (!left)
		return INSN_ERROR_UNKNOWN_OPCODE;
	is_wide = insn_is_ld_imm64(insn);
	if (is_wide)
		error = check_ld_imm64(insn, left);
	else if (!is_any)
		error = insn_check_early(insn, left);
	if (error)
		return error;
	desc = find_row(insn, is_any);
	if (!desc)
		return why_not(insn);
	error = check_registers(desc, insn);
	if (error)
		return error;
	*ret = (struct insn_decoded){
		.kind = (enum insn_kind)(desc - insn_descs),
		.desc = desc,
		.dst = insn->dst,
		.src = insn->src,
		.off = insn->off,
		.imm = insn->imm,
		.imm64 = is_wide ? insn_imm64(insn) : (u64)(s64)insn->imm,
		.slots = is_wide ? 2 : 1,
		.is_imm = has_imm_operand(desc),
	};
	return INSN_OK;
}

static int decode_or_error(
	const struct insn *insn, size_t left, bool is_any, struct insn_decoded *ret)
{
	enum insn_error error = decode(insn, left, is_any, ret);

	if (error)
		ret->error = error;
	return error ? -EINVAL : 0;
}

int insn_decode(const struct insn *insn, size_t left, struct insn_decoded *ret)
{
	return decode_or_error(insn, left, false, ret);
}

int insn_decode_any(const struct insn *insn, size_t left, struct insn_decoded *ret)
{
	return decode_or_error(insn, left, true, ret);
}

int insn_decode_brief(const struct insn *insn, size_t left, struct insn_brief *ret)
{
	struct op_range range = op_ranges[insn->op];
	struct insn_decoded decoded;
	u32 kind = range.first;

	while (kind < range.last && !row_fits((u16)kind, insn))
		kind++;
	/* whatever may be wrong is looked at more closely */
	if (unlikely(!left || insn_is_ld_imm64(insn) || insn->dst >= INSN_REG_COUNT ||
		    insn->src >= INSN_REG_COUNT || kind > range.last ||
		    !row_fits((u16)kind, insn))) {
		int err = insn_decode_any(insn, left, &decoded);

		if (err)
			return err;
		kind = decoded.kind;
	}
	*ret = row_briefs[kind];
	ret->slots = (u8)(1 + insn_is_ld_imm64(insn));
	ret->dst = insn->dst;
	ret->src = insn->src;
	ret->off = insn->off;
	ret->imm = insn->imm;
	return 0;
}

void insn_error_text(enum insn_error error, const struct insn *insn, char *buf, size_t size)
{
	if (size)
		buf[0] = '\0';
	switch (error) {
#define INSN_ERROR(id, argument, text)                                                             \
	case INSN_ERROR_##id:                                                                      \
		INSN_ERROR_PRINT_##argument(text);                                                 \
		break;
#define INSN_ERROR_PRINT_NONE(text) snprintf(buf, size, text)
#define INSN_ERROR_PRINT_OP(text)   snprintf(buf, size, text, insn->op)
#define INSN_ERROR_PRINT_IMM(text)  snprintf(buf, size, text, insn->imm)
#define INSN_ERROR_PRINT_DST(text)  snprintf(buf, size, text, insn->dst)
#define INSN_ERROR_PRINT_SRC(text)  snprintf(buf, size, text, insn->src)
#include "isa/insn_errors.def"
	case INSN_OK:
	case INSN_ERROR_COUNT: break;
	}
}

static int encode_reg(struct insn_field field, u8 reg, u8 *ret_reg)
{
	if (field.use == INSN_FIELD_REG && reg >= INSN_REG_COUNT)
		return -EINVAL;
	*ret_reg = field.use == INSN_FIELD_EQ ? (u8)field.value : reg;
	return 0;
}

int insn_encode(const struct insn_decoded *decoded, struct insn *ret)
{
	const struct insn_desc *desc;
	struct insn insn[2] = {0};
	struct insn_decoded again;
	u8 dst, src;

	if (decoded->kind >= INSN_KIND_COUNT)
		return -EINVAL;
	desc = insn_desc(decoded->kind);
	if (encode_reg(desc->dst, decoded->dst, &dst) || encode_reg(desc->src, decoded->src, &src))
		return -EINVAL;
	insn[0].op = desc->op;
	insn[0].dst = dst;
	insn[0].src = src;
	insn[0].off = desc->off.use == INSN_FIELD_EQ ? (s16)desc->off.value : decoded->off;
	insn[0].imm = desc->imm.use == INSN_FIELD_EQ ? desc->imm.value : decoded->imm;
	if (desc->family == INSN_FAMILY_LD_IMM64) {
		insn[0].imm = (s32)decoded->imm64;
		insn[1].imm = (s32)(decoded->imm64 >> 32);
	}
	/* Bytes that an earlier row claims (call 12). */
	if (insn_decode_any(insn, 2, &again) || again.kind != decoded->kind)
		return -EINVAL;
	memcpy(ret, insn, again.slots * sizeof(*ret));
	return 0;
}
