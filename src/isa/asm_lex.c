// SPDX-License-Identifier: BSD-2-Clause
/* The assembler's tokens: comments, words, registers, numbers, memory operands, targets. */
#include "isa/asm_parser.h"

#include "base/vec.h"
#include "isa/spelling.h"

#include <stdio.h>

int asm_fail(struct asm_parser *p, const char *at, const char *format, ...)
{
	const char *line_start = at;
	va_list args;

	p->error->line = 1;
	for (const char *c = p->text; c < at; c++)
		p->error->line += *c == '\n';
	while (line_start > p->text && line_start[-1] != '\n')
		line_start--;
	p->error->column = (u32)(at - line_start) + 1;
	va_start(args, format);
	vsnprintf(p->error->text, sizeof(p->error->text), format, args);
	va_end(args);
	return -EINVAL;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

static bool is_word_start(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '.' || c == '$';
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_word_char(char c)
{
	return is_word_start(c) || is_digit(c);
}

void asm_skip_blanks(struct asm_parser *p)
{
	while (p->at < p->end && is_blank(*p->at))
		p->at++;
}

/* '#' also stands inside "call name#5", so only one after a blank begins a comment. */
bool asm_at_end(struct asm_parser *p)
{
	asm_skip_blanks(p);
	if (p->at == p->end || *p->at == '\n' || *p->at == ';')
		return true;
	if (*p->at == '#')
		return p->at == p->text || is_blank(p->at[-1]) || p->at[-1] == '\n';
	return p->end - p->at >= 2 && p->at[0] == '/' && p->at[1] == '/';
}

bool asm_accept(struct asm_parser *p, const char *punctuation)
{
	size_t len = strlen(punctuation);

	asm_skip_blanks(p);
	if ((size_t)(p->end - p->at) < len || memcmp(p->at, punctuation, len) != 0)
		return false;
	p->at += len;
	return true;
}

int asm_expect(struct asm_parser *p, const char *punctuation)
{
	if (asm_accept(p, punctuation))
		return 0;
	return asm_fail(p, p->at, "expected \"%s\"", punctuation);
}

size_t asm_peek_word(struct asm_parser *p, const char **ret_word)
{
	const char *c;

	asm_skip_blanks(p);
	c = p->at;
	if (c < p->end && is_word_start(*c))
		while (c < p->end && is_word_char(*c))
			c++;
	*ret_word = p->at;
	return (size_t)(c - p->at);
}

bool asm_accept_word(struct asm_parser *p, const char *word)
{
	const char *have;
	size_t len = asm_peek_word(p, &have);

	if (len != strlen(word) || memcmp(have, word, len) != 0)
		return false;
	p->at += len;
	return true;
}

bool asm_accept_reg(struct asm_parser *p, struct asm_reg *ret_reg)
{
	const char *c;
	u8 number = 0;
	bool is_32;

	asm_skip_blanks(p);
	c = p->at;
	if (c < p->end && *c == '%')
		c++;
	if (p->end - c < 2 || (*c != 'r' && *c != 'w') || !is_digit(c[1]))
		return false;
	is_32 = *c++ == 'w';
	number = (u8)(*c++ - '0');
	if (number == 1 && c < p->end && is_digit(*c))
		number = (u8)(10 + *c++ - '0');
	if (number > 15 || (c < p->end && (is_word_char(*c) || *c == ':')))
		return false;
	p->at = c;
	*ret_reg = (struct asm_reg){number, is_32};
	return true;
}

int asm_reg(struct asm_parser *p, struct asm_reg *ret_reg)
{
	return asm_accept_reg(p, ret_reg) ? 0 : asm_fail(p, p->at, "expected a register");
}

int asm_reg64(struct asm_parser *p, u8 *ret_number)
{
	struct asm_reg reg;
	const char *at;

	asm_skip_blanks(p);
	at = p->at;
	if (!asm_accept_reg(p, &reg))
		return asm_fail(p, at, "expected a register");
	if (reg.is_32)
		return asm_fail(p, at, "w%u is no 64-bit register", reg.number);
	*ret_number = reg.number;
	return 0;
}

bool asm_peek_number(struct asm_parser *p)
{
	const char *c;

	asm_skip_blanks(p);
	c = p->at;
	if (c < p->end && (*c == '-' || *c == '+'))
		c++;
	while (c < p->end && is_blank(*c))
		c++;
	return c < p->end && is_digit(*c);
}

static int digit_value(char c)
{
	if (is_digit(c))
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : 16;
}

/* Sign and magnitude; the sign is applied, so -1 reads as all ones. */
static int read_number(struct asm_parser *p, u64 *ret_magnitude, bool *ret_is_negative)
{
	const char *at;
	u64 base = 10, value = 0;

	asm_skip_blanks(p);
	at = p->at;
	*ret_is_negative = false;
	if (p->at < p->end && (*p->at == '-' || *p->at == '+'))
		*ret_is_negative = *p->at++ == '-';
	asm_skip_blanks(p);
	if (p->at == p->end || !is_digit(*p->at))
		return asm_fail(p, at, "expected a number");
	if (p->end - p->at > 2 && p->at[0] == '0' && (p->at[1] | 0x20) == 'x' &&
		digit_value(p->at[2]) < 16) {
		base = 16;
		p->at += 2;
	}
	for (; p->at < p->end && digit_value(*p->at) < (int)base; p->at++) {
		u64 digit = (u64)digit_value(*p->at);

		if (value > (UINT64_MAX - digit) / base)
			return asm_fail(p, at, "the number does not fit 64 bits");
		value = value * base + digit;
	}
	if (p->at < p->end && is_word_char(*p->at))
		return asm_fail(p, p->at, "a number may not go on with '%c'", *p->at);
	*ret_magnitude = value;
	return 0;
}

int asm_number(struct asm_parser *p, u64 *ret_value)
{
	bool is_negative;
	u64 magnitude;
	int err = read_number(p, &magnitude, &is_negative);

	if (!err)
		*ret_value = is_negative ? 0 - magnitude : magnitude;
	return err;
}

/* What 32 bits can mean: signed, unsigned, or a 64-bit value that sign extension gives back. */
int asm_imm32(struct asm_parser *p, s32 *ret_imm)
{
	bool is_negative;
	const char *at;
	u64 value;
	int err;

	asm_skip_blanks(p);
	at = p->at;
	err = read_number(p, &value, &is_negative);
	if (err)
		return err;
	if (!p->opts->has_wrapping_imm &&
		(is_negative ? value > (u64)INT32_MAX + 1
			     : value > UINT32_MAX && (u64)(s64)(s32)value != value))
		return asm_fail(p, at, "the immediate does not fit 32 bits");
	*ret_imm = (s32)(u32)(is_negative ? 0 - value : value);
	return 0;
}

int asm_off16(struct asm_parser *p, s16 *ret_off)
{
	bool is_negative;
	const char *at;
	u64 value;
	int err;

	asm_skip_blanks(p);
	at = p->at;
	err = read_number(p, &value, &is_negative);
	if (err)
		return err;
	if (value > (u64)INT16_MAX + is_negative)
		return asm_fail(p, at, "the offset does not fit 16 bits");
	*ret_off = (s16)(is_negative ? -(s32)value : (s32)value);
	return 0;
}

int asm_size(struct asm_parser *p, struct asm_mem *mem)
{
	for (u8 i = 0; i < 4; i++) {
		mem->size = (u8)(i << 3);
		mem->is_signed = false;
		if (asm_accept_word(p, spelling_unsigned[i]))
			return 0;
		mem->is_signed = true;
		if (spelling_signed[i] && asm_accept_word(p, spelling_signed[i]))
			return 0;
	}
	return asm_fail(p, p->at, "expected a size: u8, u16, u32, u64, s8, s16 or s32");
}

/* "(r1 +8)", the offset may be missing. */
int asm_address(struct asm_parser *p, struct asm_mem *mem)
{
	int err = asm_expect(p, "(");

	mem->off = 0;
	if (!err)
		err = asm_reg64(p, &mem->base);
	if (!err && !asm_accept(p, ")")) {
		err = asm_off16(p, &mem->off);
		if (!err)
			err = asm_expect(p, ")");
	}
	return err;
}

/* "(u64 *)" */
int asm_cast(struct asm_parser *p, struct asm_mem *mem)
{
	int err = asm_expect(p, "(");

	if (!err)
		err = asm_size(p, mem);
	if (!err)
		err = asm_expect(p, "*");
	return err ? err : asm_expect(p, ")");
}

static int read_mem(struct asm_parser *p, struct asm_mem *mem)
{
	int err = asm_cast(p, mem);

	return err ? err : asm_address(p, mem);
}

int asm_unsigned_mem(struct asm_parser *p, struct asm_mem *mem)
{
	const char *at = p->at;
	int err = read_mem(p, mem);

	if (!err && mem->is_signed)
		return asm_fail(p, at, "a signed size is for loads only");
	return err;
}

int asm_emit(struct asm_parser *p, struct insn insn)
{
	return vec_push(p->out, insn);
}

int asm_emit_wide(struct asm_parser *p, u8 dst, u8 src, u64 imm64)
{
	int err = asm_emit(p, INSN_RAW(BPF_LD | BPF_IMM | BPF_DW, dst, src, 0, (s32)(u32)imm64));

	return err ? err : asm_emit(p, INSN_RAW(0, 0, 0, 0, (s32)(u32)(imm64 >> 32)));
}

int asm_emit_jump(struct asm_parser *p, struct insn insn, bool is_imm)
{
	struct asm_fixup fixup = {.index = p->out->len};
	int err = 0;

	asm_skip_blanks(p);
	if (p->end - p->at > 2 && memcmp(p->at, "pc", 2) == 0 &&
		(p->at[2] == '+' || p->at[2] == '-'))
		p->at += 2;
	if (asm_peek_number(p)) {
		err = is_imm ? asm_imm32(p, &insn.imm) : asm_off16(p, &insn.off);
	} else {
		fixup.len = asm_peek_word(p, &fixup.name);
		if (!fixup.len)
			return asm_fail(p, p->at, "expected a label or a distance");
		p->at += fixup.len;
		err = vec_push(&p->fixups, fixup);
	}
	return err ? err : asm_emit(p, insn);
}
