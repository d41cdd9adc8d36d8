// SPDX-License-Identifier: BSD-2-Clause
/* What the validators of both machines share: constants to hide, functions, saying what is wrong.
 */
#include "jit/validate.h"

#include "base/hash.h"
#include "base/log.h"

#include <stdio.h>

enum {
	MAY_GOTO_COUNT = 8 << 20,
	VISIBLE_BITS = 17, /* constants of so many, sign included, are not hidden */
};

void (*validate_observer)(const struct validate *v, validate_fn machine);

int validate_fail(struct validate *v, u32 at, const char *why)
{
	v->at = at;
	v->why = why;
	return -EFAULT;
}

int validate_fail_shown(struct validate *v, u32 at)
{
	v->shows_constant = true;
	return validate_fail(v, at, "a constant that should be hidden");
}

s32 validate_func_at(const struct validate *v, u64 at)
{
	u32 low = 0, high = v->func_count;

	while (low < high) {
		u32 mid = (low + high) / 2;

		if (v->funcs[mid] == at)
			return (s32)mid;
		if (v->funcs[mid] < at)
			low = mid + 1;
		else
			high = mid;
	}
	return -1;
}

/* ---- constants that must not be seen ----------------------------------------------------------
 */

static u32 *find_secret(const struct validate *v, u32 imm)
{
	u32 i = (u32)hash_u64(imm) & v->secret_mask;

	while (v->secrets[i] && v->secrets[i] != imm)
		i = (i + 1) & v->secret_mask;
	return &v->secrets[i];
}

bool validate_is_secret(const struct validate *v, u32 imm)
{
	return v->secrets && imm && *find_secret(v, imm) == imm;
}

static bool is_visible(u32 imm)
{
	s32 high = (s32)imm >> (VISIBLE_BITS - 1);

	return high == 0 || high == -1;
}

/* Numbers that the engine puts into images by itself. */
static bool is_ours(const struct code *code, u32 imm)
{
	u32 i;

	for (i = 0; i < code->map_count; i++) {
		const struct code_map *m = &code->maps[i];

		if (imm == m->elem_size || imm == m->max_entries || imm == m->index_mask ||
			imm == (u32)m->cpu_stride || imm == (u32)(m->cpu_stride >> 32))
			return true;
	}
	return imm == MAY_GOTO_COUNT;
}

static void add_secret(struct validate *v, u32 imm)
{
	if (!is_visible(imm) && !is_ours(v->program, imm))
		*find_secret(v, imm) = imm;
}

/* Whether imm is a number that the instruction computes with. */
static bool has_constant(const struct insn *insn)
{
	u8 class = insn->op & 7, op = insn->op & 0xf0;

	switch (class) {
	case BPF_ALU:
	case BPF_ALU64: return !(insn->op & BPF_X) && op != BPF_END && op != BPF_NEG;
	case BPF_JMP:
	case BPF_JMP32:
		return !(insn->op & BPF_X) && op != BPF_JA && op != BPF_CALL && op != BPF_EXIT &&
			op != 0xe0; /* may_goto */
	case BPF_ST: return (insn->op & 0xe0) == BPF_MEM || (insn->op & 0xe0) == INSN_PROBE_MEM32;
	case BPF_LD: return (insn->op & 0xe0) == BPF_ABS || (insn->op & 0xe0) == BPF_IND;
	default: return false;
	}
}

static int collect_secrets(struct validate *v)
{
	const struct code *code = v->program;
	u32 i, slots = 64;

	while (slots < 2 * code->insn_count)
		slots *= 2;
	v->secret_mask = slots - 1;
	v->secrets = arena_calloc(v->arena, slots, sizeof(u32));
	if (!v->secrets)
		return -ENOMEM;
	for (i = 0; i < code->insn_count; i++) {
		const struct insn *insn = &code->insns[i];

		if (insn_is_ld_imm64(insn)) {
			if (i + 1 < code->insn_count && insn->src == 0) {
				add_secret(v, (u32)insn->imm);
				add_secret(v, (u32)insn[1].imm);
			}
			i++;
		} else if (has_constant(insn)) {
			add_secret(v, (u32)insn->imm);
		}
	}
	return 0;
}

int validate_begin(struct validate *v)
{
	u32 i;

	v->at = 0;
	v->why = NULL;
	v->shows_constant = false;
	v->secrets = NULL;
	if (!v->size || !v->func_count || v->funcs[0])
		return validate_fail(v, 0, "no function at the start");
	for (i = 1; i < v->func_count; i++) {
		if (v->funcs[i] <= v->funcs[i - 1] || v->funcs[i] >= v->size)
			return validate_fail(v, v->funcs[i], "functions overlap");
	}
	return v->program && v->program->blind ? collect_secrets(v) : 0;
}

/* To developers, with the first bytes (which may be an address: never in a log). */
static void report(const struct validate *v)
{
	char text[128];
	u32 i, at = (u32)snprintf(text, sizeof(text), "%s:", v->why);

	for (i = v->at; i < v->size && i < v->at + 8 && at < sizeof(text) - 4; i++)
		at += (u32)snprintf(text + at, sizeof(text) - at, " %02x", v->code[i]);
	bug_report(text, "offset in image", (int)v->at);
}

int validate_image(struct validate *v, validate_fn machine, struct log *log)
{
	int err = machine(v);

	if (err == 0 && validate_observer)
		validate_observer(v, machine);
	if (err != -EFAULT)
		return err;
	if (v->shows_constant && v->may_be_chance)
		return -EAGAIN;
	if (log)
		log_printf(log,
			"internal error: the machine code is not as it must be at offset %u: %s; "
			"please report\n",
			v->at, v->why);
	report(v);
	return err;
}
