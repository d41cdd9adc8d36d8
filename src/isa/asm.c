// SPDX-License-Identifier: BSD-2-Clause
/*
 * One statement a line. A line may begin with an index ("12:"), labels, and the opcode ("(b7)"),
 * which is checked against what the statement becomes. Labels are resolved at the end.
 */
#include "isa/asm.h"

#include "base/vec.h"
#include "isa/asm_parser.h"

#include <stdlib.h>

/* "12:" as dumps and logs number their lines. */
static void skip_index(struct asm_parser *p)
{
	const char *c;

	asm_skip_blanks(p);
	for (c = p->at; c < p->end && *c >= '0' && *c <= '9';)
		c++;
	if (c > p->at && c < p->end && *c == ':')
		p->at = c + 1;
}

static int read_labels(struct asm_parser *p)
{
	for (;;) {
		struct asm_label label = {.index = p->out->len};
		int err;

		label.len = asm_peek_word(p, &label.name);
		if (!label.len || label.name + label.len == p->end || label.name[label.len] != ':')
			return 0;
		label.at = label.name;
		p->at = label.name + label.len + 1;
		err = vec_push(&p->labels, label);
		if (err)
			return err;
	}
}

static int hex_digit(const char *c)
{
	if (*c >= '0' && *c <= '9')
		return *c - '0';
	return *c >= 'a' && *c <= 'f' ? *c - 'a' + 10 : -1;
}

static void read_opcode(struct asm_parser *p)
{
	p->opcode = -1;
	asm_skip_blanks(p);
	if (p->end - p->at < 4 || p->at[0] != '(' || p->at[3] != ')')
		return;
	if (hex_digit(p->at + 1) < 0 || hex_digit(p->at + 2) < 0)
		return;
	p->opcode = hex_digit(p->at + 1) << 4 | hex_digit(p->at + 2);
	p->at += 4;
}

static int parse_statement(struct asm_parser *p)
{
	size_t index = p->out->len;
	bool is_kernels = false;
	const char *at;
	int err;

	asm_skip_blanks(p);
	at = p->at;
	err = asm_kernel_statement(p, &is_kernels);
	if (!err && !is_kernels)
		err = asm_mnemonic_statement(p);
	if (err)
		return err;
	if (!asm_at_end(p))
		return asm_fail(p, p->at, "the statement should end here");
	if (p->opcode >= 0 && p->out->data[index].op != p->opcode)
		return asm_fail(p, at, "this is opcode %02x, not %02x", p->out->data[index].op,
			(u32)p->opcode);
	if (p->out->data[index].op == (BPF_JMP | BPF_EXIT) && p->exit_index == SIZE_MAX)
		p->exit_index = index;
	return 0;
}

static int parse_line(struct asm_parser *p)
{
	int err;

	skip_index(p);
	err = read_labels(p);
	if (err)
		return err;
	read_opcode(p);
	if (!asm_at_end(p)) {
		err = parse_statement(p);
		if (err)
			return err;
	} else if (p->opcode >= 0) {
		return asm_fail(p, p->at, "expected an instruction");
	}
	while (p->at < p->end && *p->at != '\n')
		p->at++;
	if (p->at < p->end)
		p->at++;
	return 0;
}

static int compare_names(const char *a, size_t a_len, const char *b, size_t b_len)
{
	int order = memcmp(a, b, MIN(a_len, b_len));

	return order ? order : (a_len > b_len) - (a_len < b_len);
}

static int compare_labels(const void *a, const void *b)
{
	const struct asm_label *x = a, *y = b;
	int order = compare_names(x->name, x->len, y->name, y->len);

	return order ? order : (x->at > y->at) - (x->at < y->at);
}

static int sort_labels(struct asm_parser *p)
{
	if (!p->labels.len)
		return 0;
	qsort(p->labels.data, p->labels.len, sizeof(*p->labels.data), compare_labels);
	for (size_t i = 1; i < p->labels.len; i++) {
		struct asm_label *a = &p->labels.data[i - 1], *b = a + 1;

		if (compare_names(a->name, a->len, b->name, b->len) == 0)
			return asm_fail(p, b->at, "label %.*s is there twice",
				(int)MIN(b->len, 64u), b->name);
	}
	return 0;
}

/* The index a name stands for; "exit" without a label of that name is the first exit. */
static int find_label(struct asm_parser *p, const struct asm_fixup *fixup, size_t *ret_index)
{
	struct asm_label key = {.name = fixup->name, .len = fixup->len};
	size_t low = 0, high = p->labels.len;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		const struct asm_label *label = &p->labels.data[middle];
		int order = compare_names(key.name, key.len, label->name, label->len);

		if (order == 0) {
			*ret_index = label->index;
			return 0;
		}
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	if (p->exit_index != SIZE_MAX && fixup->len == 4 && memcmp(fixup->name, "exit", 4) == 0) {
		*ret_index = p->exit_index;
		return 0;
	}
	return -ENOENT;
}

static int resolve(struct asm_parser *p, const struct asm_fixup *fixup)
{
	struct insn *insn = &p->out->data[fixup->index];
	size_t target = 0;
	s64 distance;

	if (find_label(p, fixup, &target))
		return asm_fail(p, fixup->name, "there is no label %.*s", (int)MIN(fixup->len, 64u),
			fixup->name);
	distance = (s64)target - (s64)fixup->index - 1;
	if (!insn_is_jump(insn) || insn->op == (BPF_JMP32 | BPF_JA)) {
		insn->imm = (s32)distance;
		return 0;
	}
	if (distance < INT16_MIN || distance > INT16_MAX)
		return asm_fail(p, fixup->name, "%.*s is too far for a 16-bit offset",
			(int)MIN(fixup->len, 64u), fixup->name);
	insn->off = (s16)distance;
	return 0;
}

static int parse_all(struct asm_parser *p)
{
	struct asm_fixup *fixup;
	int err = 0;

	while (p->at < p->end && !err)
		err = parse_line(p);
	if (!err)
		err = sort_labels(p);
	if (err)
		return err;
	vec_for_each (fixup, &p->fixups) {
		err = resolve(p, fixup);
		if (err)
			return err;
	}
	return 0;
}

int asm_parse(const char *text, size_t len, const struct asm_opts *opts, struct insn_vec *out,
	struct asm_error *ret_error)
{
	static const struct asm_opts none;
	struct asm_error scratch;
	struct asm_parser p = {
		.opts = opts ? opts : &none,
		.text = text,
		.end = text + len,
		.at = text,
		.exit_index = SIZE_MAX,
		.out = out,
		.start = out->len,
		.error = ret_error ? ret_error : &scratch,
	};
	int err = parse_all(&p);

	if (err)
		out->len = p.start;
	vec_release(&p.labels);
	vec_release(&p.fixups);
	return err;
}
