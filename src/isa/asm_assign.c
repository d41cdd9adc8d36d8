// SPDX-License-Identifier: BSD-2-Clause
/* What may follow "rN =" in the kernel's notation: values, loads, casts, atomics, addresses. */
#include "isa/asm_parser.h"
#include "isa/spelling.h"

/* "skb[12]", "skb[r1 + 12]" after its size. */
static int assign_packet(struct asm_parser *p, struct asm_reg dst, u8 size)
{
	struct insn insn = {.op = BPF_LD | BPF_ABS | size};
	const char *at = p->at;
	struct asm_reg src;
	int err = 0;

	if (dst.number != 0 || dst.is_32)
		return asm_fail(p, at, "packet loads go to r0");
	if (asm_accept_reg(p, &src)) {
		insn.op = BPF_LD | BPF_IND | size;
		insn.src = src.number;
		if (!asm_accept(p, "]")) {
			if (!asm_accept(p, "+"))
				return asm_fail(p, p->at, "expected \"+\"");
			err = asm_imm32(p, &insn.imm);
			if (!err)
				err = asm_expect(p, "]");
		}
	} else {
		err = asm_imm32(p, &insn.imm);
		if (!err)
			err = asm_expect(p, "]");
	}
	return err ? err : asm_emit(p, insn);
}

static int assign_load(struct asm_parser *p, struct asm_reg dst)
{
	struct asm_mem mem;
	const char *at = p->at;
	int err = asm_cast(p, &mem);

	if (!err && asm_accept(p, "skb["))
		return assign_packet(p, dst, mem.size);
	if (!err)
		err = asm_address(p, &mem);
	if (err)
		return err;
	if (dst.is_32)
		return asm_fail(p, at, "loads go to r registers");
	return asm_emit(p,
		mem.is_signed ? INSN_LDX_MEMSX(mem.size, dst.number, mem.base, mem.off)
			      : INSN_LDX_MEM(mem.size, dst.number, mem.base, mem.off));
}

/* "be16 r1" with the same register again. */
static int assign_swap(struct asm_parser *p, struct asm_reg dst, u8 op, s32 width)
{
	const char *at;
	u8 src;
	int err;

	asm_skip_blanks(p);
	at = p->at;
	err = asm_reg64(p, &src);
	if (err)
		return err;
	if (src != dst.number || dst.is_32)
		return asm_fail(p, at, "byte order changes in place: expected r%u", dst.number);
	return asm_emit(p, INSN_RAW(op, dst.number, 0, 0, width));
}

static bool accept_swap(struct asm_parser *p, u8 *ret_op, s32 *ret_width)
{
	static const struct {
		const char *word;
		u8 op, width;
	} swaps[] = {
		{"le16", BPF_ALU | BPF_END | BPF_TO_LE, 16},
		{"le32", BPF_ALU | BPF_END | BPF_TO_LE, 32},
		{"le64", BPF_ALU | BPF_END | BPF_TO_LE, 64},
		{"be16", BPF_ALU | BPF_END | BPF_TO_BE, 16},
		{"be32", BPF_ALU | BPF_END | BPF_TO_BE, 32},
		{"be64", BPF_ALU | BPF_END | BPF_TO_BE, 64},
		{"bswap16", BPF_ALU64 | BPF_END, 16},
		{"bswap32", BPF_ALU64 | BPF_END, 32},
		{"bswap64", BPF_ALU64 | BPF_END, 64},
	};

	for (size_t i = 0; i < ARRAY_SIZE(swaps); i++)
		if (asm_accept_word(p, swaps[i].word)) {
			*ret_op = swaps[i].op;
			*ret_width = swaps[i].width;
			return true;
		}
	return false;
}

/* "addr_space_cast(r2, 1, 0)" */
static int assign_space_cast(struct asm_parser *p, struct asm_reg dst)
{
	u64 to = 0, from = 0;
	u8 src = 0;
	int err = asm_expect(p, "(");
	const char *at = p->at;

	if (!err)
		err = asm_reg64(p, &src);
	if (!err)
		err = asm_expect(p, ",");
	if (!err)
		err = asm_number(p, &to);
	if (!err)
		err = asm_expect(p, ",");
	if (!err)
		err = asm_number(p, &from);
	if (!err)
		err = asm_expect(p, ")");
	if (err)
		return err;
	if (to > UINT16_MAX || from > UINT16_MAX || dst.is_32)
		return asm_fail(p, at, "address spaces are 16-bit numbers, registers 64-bit");
	return asm_emit(p, INSN_ADDR_CAST(dst.number, src, (s32)(to << 16 | from)));
}

/* "zext(w1)" */
static int assign_zext(struct asm_parser *p, struct asm_reg dst)
{
	struct asm_reg src = {0};
	int err = asm_expect(p, "(");

	if (!err)
		err = asm_reg(p, &src);
	if (!err)
		err = asm_expect(p, ")");
	if (err)
		return err;
	if (!dst.is_32 || !src.is_32)
		return asm_fail(p, p->at, "zext is of w registers");
	return asm_emit(p, INSN_RAW(BPF_ALU | BPF_MOV | BPF_X, dst.number, src.number, 0, 1));
}

/* "&(void __percpu *)(r2)" after the ampersand */
static int assign_percpu(struct asm_parser *p, struct asm_reg dst)
{
	u8 src = 0;
	int err = asm_expect(p, "(");

	if (!err && !(asm_accept_word(p, "void") && asm_accept_word(p, "__percpu")))
		err = asm_fail(p, p->at, "expected \"void __percpu\"");
	if (!err)
		err = asm_expect(p, "*");
	if (!err)
		err = asm_expect(p, ")");
	if (!err)
		err = asm_expect(p, "(");
	if (!err)
		err = asm_reg64(p, &src);
	if (!err)
		err = asm_expect(p, ")");
	if (err)
		return err;
	if (dst.is_32)
		return asm_fail(p, p->at, "the address goes to an r register");
	return asm_emit(
		p, INSN_RAW(BPF_ALU64 | BPF_MOV | BPF_X, dst.number, src, INSN_PERCPU_ADDR, 0));
}

static int assign_load_acquire(struct asm_parser *p, struct asm_reg dst)
{
	struct asm_mem mem;
	int err = asm_expect(p, "(");

	if (!err)
		err = asm_unsigned_mem(p, &mem);
	if (!err)
		err = asm_expect(p, ")");
	return err ? err : asm_emit(p, INSN_LOAD_ACQUIRE(mem.size, dst.number, mem.base, mem.off));
}

/* The operation of "atomic64_fetch_add" and its like; -1 when the word is none. */
static s32 atomic_operation(const char *word, size_t len)
{
	static const char *const prefixes[] = {"atomic64_", "atomic_"};

	for (size_t i = 0; i < ARRAY_SIZE(prefixes); i++) {
		size_t skip = strlen(prefixes[i]);
		const char *rest = word + skip;

		if (len <= skip || memcmp(word, prefixes[i], skip) != 0)
			continue;
		len -= skip;
		if (len == 4 && memcmp(rest, "xchg", 4) == 0)
			return BPF_XCHG;
		if (len == 7 && memcmp(rest, "cmpxchg", 7) == 0)
			return BPF_CMPXCHG;
		if (len < 6 || memcmp(rest, "fetch_", 6) != 0)
			return -1;
		for (s32 op = 0; op < 16; op++)
			if (spelling_atomic[op] && strlen(spelling_atomic[op]) == len - 6 &&
				memcmp(spelling_atomic[op], rest + 6, len - 6) == 0)
				return op << 4 | BPF_FETCH;
		return -1;
	}
	return -1;
}

/* "((u64 *)(r1 +0), r2)" after the operation's word; CMPXCHG has ", r0" in between. */
static int assign_atomic(struct asm_parser *p, struct asm_reg dst, s32 operation, bool is_64)
{
	struct asm_mem mem;
	const char *at = p->at;
	u8 src = 0, r0 = 0;
	int err = asm_expect(p, "(");

	if (!err)
		err = asm_unsigned_mem(p, &mem);
	if (!err)
		err = asm_expect(p, ",");
	if (!err && operation == BPF_CMPXCHG) {
		err = asm_reg64(p, &r0);
		if (!err)
			err = asm_expect(p, ",");
	}
	if (!err)
		err = asm_reg64(p, &src);
	if (!err)
		err = asm_expect(p, ")");
	if (err)
		return err;
	if (is_64 != (mem.size == BPF_DW))
		return asm_fail(p, at, "atomic64 goes with u64, atomic with the smaller sizes");
	if (r0 != 0 || dst.is_32 || dst.number != (operation == BPF_CMPXCHG ? 0 : src))
		return asm_fail(p, at, "the old value comes back in %s",
			operation == BPF_CMPXCHG ? "r0" : "the source register");
	return asm_emit(p, INSN_ATOMIC(mem.size, operation, mem.base, src, mem.off));
}

/* "map[id:3]", "map[id:3][0]+8", "map[idx:1]+8", "map[NAME]" after "map[". */
static int assign_map(struct asm_parser *p, u8 dst)
{
	bool is_index = false, is_value = false;
	u64 fd = 0, offset = 0;
	const char *name;
	size_t len;
	int err = 0;

	if (asm_accept(p, "idx:")) {
		is_index = true;
		err = asm_number(p, &fd);
	} else if (asm_accept(p, "id:") || asm_accept(p, "fd:")) {
		err = asm_number(p, &fd);
	} else {
		int found = -ENOENT;

		len = asm_peek_word(p, &name);
		if (len && p->opts->map_fd)
			found = p->opts->map_fd(p->opts->ctx, name, len);
		if (found < 0)
			return asm_fail(p, p->at, "there is no map %.*s", (int)MIN(len, 64u), name);
		p->at += len;
		fd = (u32)found;
	}
	if (!err)
		err = asm_expect(p, "]");
	if (!err && asm_accept(p, "[")) {
		is_value = true;
		if (!asm_accept(p, "0"))
			return asm_fail(p, p->at, "only element 0 has an address");
		err = asm_expect(p, "]");
	}
	if (!err && asm_accept(p, "+")) {
		is_value = true;
		err = asm_number(p, &offset);
	}
	if (err)
		return err;
	if (fd > UINT32_MAX || offset > UINT32_MAX)
		return asm_fail(p, p->at, "a map's number and offset have 32 bits");
	if (is_value)
		return asm_emit_wide(p, dst,
			is_index ? BPF_PSEUDO_MAP_IDX_VALUE : BPF_PSEUDO_MAP_VALUE,
			offset << 32 | fd);
	return asm_emit_wide(p, dst, is_index ? BPF_PSEUDO_MAP_IDX : BPF_PSEUDO_MAP_FD, fd);
}

/* "subprog[+3]", "subprog[label]" after "subprog[". */
static int assign_subprog(struct asm_parser *p, u8 dst)
{
	int err = asm_emit_jump(
		p, INSN_RAW(BPF_LD | BPF_IMM | BPF_DW, dst, BPF_PSEUDO_FUNC, 0, 0), true);

	if (!err)
		err = asm_emit(p, INSN_RAW(0, 0, 0, 0, 0));
	return err ? err : asm_expect(p, "]");
}

/* "btf[5,obj:3]" after "btf[". */
static int assign_btf(struct asm_parser *p, u8 dst)
{
	u64 id = 0, obj = 0;
	int err = asm_number(p, &id);

	if (!err && asm_accept(p, ",obj:"))
		err = asm_number(p, &obj);
	if (!err)
		err = asm_expect(p, "]");
	if (err)
		return err;
	if (id > UINT32_MAX || obj > UINT32_MAX)
		return asm_fail(p, p->at, "a BTF id has 32 bits");
	return asm_emit_wide(p, dst, BPF_PSEUDO_BTF_ID, obj << 32 | id);
}

static int assign_number(struct asm_parser *p, struct asm_reg dst)
{
	const char *at = p->at;
	bool is_wide;
	u64 value = 0;
	s32 imm = 0;
	int err = asm_number(p, &value);

	if (err)
		return err;
	is_wide = asm_accept_word(p, "ll") || p->opcode == (BPF_LD | BPF_IMM | BPF_DW);
	if (!is_wide && !dst.is_32 && value > INT32_MAX && value < (u64)INT32_MIN)
		is_wide = true;
	if (is_wide && dst.is_32)
		return asm_fail(p, at, "a w register holds 32 bits");
	if (is_wide)
		return asm_emit_wide(p, dst.number, 0, value);
	p->at = at;
	err = asm_imm32(p, &imm);
	if (err)
		return err;
	return asm_emit(
		p, dst.is_32 ? INSN_MOV32_IMM(dst.number, imm) : INSN_MOV64_IMM(dst.number, imm));
}

/* "(s8)r2" after the parenthesis */
static int assign_movsx(struct asm_parser *p, struct asm_reg dst)
{
	struct asm_mem from;
	struct asm_reg src = {0};
	const char *at = p->at;
	int err = asm_size(p, &from);

	if (!err)
		err = asm_expect(p, ")");
	if (!err)
		err = asm_reg(p, &src);
	if (err)
		return err;
	if (!from.is_signed || src.is_32 != dst.is_32)
		return asm_fail(
			p, at, "sign extension is from s8, s16 or s32, and of like registers");
	return asm_emit(p,
		INSN_RAW((dst.is_32 ? BPF_ALU : BPF_ALU64) | BPF_MOV | BPF_X, dst.number,
			src.number, (s16)(insn_size_bytes(from.size) * 8), 0));
}

static int assign_neg(struct asm_parser *p, struct asm_reg dst)
{
	struct asm_reg src;
	int err = asm_reg(p, &src);

	if (err)
		return err;
	if (src.number != dst.number || src.is_32 != dst.is_32)
		return asm_fail(p, p->at, "negation is in place");
	return asm_emit(p, dst.is_32 ? INSN_NEG32(dst.number) : INSN_NEG64(dst.number));
}

static int assign_word(struct asm_parser *p, struct asm_reg dst)
{
	const char *word, *at = p->at;
	s32 operation, width;
	size_t len;
	u8 op;

	if (accept_swap(p, &op, &width))
		return assign_swap(p, dst, op, width);
	if (asm_accept_word(p, "addr_space_cast"))
		return assign_space_cast(p, dst);
	if (asm_accept_word(p, "zext"))
		return assign_zext(p, dst);
	if (dst.is_32)
		return asm_fail(p, at, "expected a number or a w register");
	if (asm_accept_word(p, "load_acquire"))
		return assign_load_acquire(p, dst);
	if (asm_accept(p, "map["))
		return assign_map(p, dst.number);
	if (asm_accept(p, "subprog["))
		return assign_subprog(p, dst.number);
	if (asm_accept(p, "btf["))
		return assign_btf(p, dst.number);
	len = asm_peek_word(p, &word);
	operation = atomic_operation(word, len);
	if (operation < 0)
		return asm_fail(p, p->at, "expected a value");
	p->at += len;
	return assign_atomic(p, dst, operation, memcmp(word, "atomic64", 8) == 0);
}

int asm_assign(struct asm_parser *p, struct asm_reg dst)
{
	struct asm_reg src;
	const char *at;

	asm_skip_blanks(p);
	at = p->at;
	if (asm_peek_number(p))
		return assign_number(p, dst);
	if (asm_accept_reg(p, &src)) {
		if (src.is_32 != dst.is_32)
			return asm_fail(p, at, "expected %c%u", dst.is_32 ? 'w' : 'r', src.number);
		return asm_emit(p,
			dst.is_32 ? INSN_MOV32_REG(dst.number, src.number)
				  : INSN_MOV64_REG(dst.number, src.number));
	}
	if (asm_accept(p, "-"))
		return assign_neg(p, dst);
	if (asm_accept(p, "*"))
		return assign_load(p, dst);
	if (asm_accept(p, "&"))
		return assign_percpu(p, dst);
	if (asm_accept(p, "("))
		return assign_movsx(p, dst);
	return assign_word(p, dst);
}
