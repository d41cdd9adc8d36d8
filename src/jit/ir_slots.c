// SPDX-License-Identifier: BSD-2-Clause
/*
 * Which slots of the BPF stack become variables. clang spills to the stack because BPF has ten
 * registers; the machine has more. A slot qualifies when every access to it has the same place and
 * size and no pointer to it gets away: addresses are followed through moves and constant additions
 * within a block. A pointer that a helper gets may reach what lies above it; any other escape of a
 * stack address keeps the whole stack in memory.
 */
#include "jit/ir.h"

enum { WORD_UNSEEN, WORD_MEMORY = 0xff };

struct stack_scan {
	struct ir_func *f;
	bool is_frame[IR_REGS + 1]; /* the register holds r10 + off[] */
	s64 off[IR_REGS + 1];
	s64 lowest_escape; /* helpers may reach this and what lies above */
	bool has_escaped;  /* anything may reach everything */
	bool has_memory;
	/* by word: distance to the start of the slot that covers it, and its size */
	u8 start_of[IR_STACK_WORDS + 2], size_of[IR_STACK_WORDS + 2];
};

/* Words are counted downwards: word n is the four bytes at r10 - 4 * n. */
static void set_memory(struct stack_scan *s, s64 off, u32 size)
{
	s64 at;

	s->has_memory = true;
	for (at = off & ~3ll; at < off + (s64)size; at += 4) {
		if (at < 0 && -at / 4 < IR_STACK_WORDS)
			s->size_of[-at / 4] = WORD_MEMORY;
	}
}

static void note_access(struct stack_scan *s, s64 off, u32 size)
{
	u32 word, i, words = size == 8 ? 2 : 1;

	if (off >= 0 || off % 4 || off < -4 * (IR_STACK_WORDS - 1)) {
		set_memory(s, off, size);
		return;
	}
	word = (u32)(-off / 4);
	for (i = 0; i < words; i++) {
		u8 *seen = &s->size_of[word - i];

		if (*seen == WORD_UNSEEN) {
			*seen = (u8)size;
			s->start_of[word - i] = (u8)i;
		} else if (*seen != size || s->start_of[word - i] != i) {
			set_memory(s, off, size);
			return;
		}
	}
}

static void scan_memory(struct stack_scan *s, const struct insn_brief *d)
{
	bool is_load = d->family == INSN_FAMILY_LDX || d->family == INSN_FAMILY_LDX_SX ||
		d->family == INSN_FAMILY_LOAD_ACQ;
	u8 base = is_load ? d->src : d->dst;
	bool is_plain = d->operation == INSN_DO_LOAD || d->operation == INSN_DO_STORE;

	if (!is_load && d->family != INSN_FAMILY_ST && s->is_frame[d->src])
		s->has_escaped = true; /* the pointer itself is stored */
	if (s->is_frame[base]) {
		s64 off = s->off[base] + d->off;

		if (is_plain && base == BPF_REG_10)
			note_access(s, off, d->width / 8);
		else
			set_memory(s, off, d->width / 8);
	}
	if (is_load)
		s->is_frame[d->dst] = false;
	if (d->family == INSN_FAMILY_ATOMIC)
		s->is_frame[d->src] = s->is_frame[0] = false;
}

static void scan_alu(struct stack_scan *s, const struct insn_brief *d)
{
	bool is_src_frame = !d->is_imm && s->is_frame[d->src];

	if (d->operation == INSN_DO_MOV && d->width == 64) {
		s->is_frame[d->dst] = is_src_frame;
		s->off[d->dst] = s->off[d->src];
		return;
	}
	if (d->is_imm && d->operation == INSN_DO_ADD && d->width == 64) {
		s->off[d->dst] += d->imm;
		return;
	}
	if (d->family != INSN_FAMILY_LD_IMM64 && d->family != INSN_FAMILY_MOV &&
		s->is_frame[d->dst])
		s->has_escaped = true;
	if (is_src_frame && d->family != INSN_FAMILY_LD_IMM64)
		s->has_escaped = true;
	s->is_frame[d->dst] = false;
}

static void scan_call(struct stack_scan *s, const struct insn_brief *d)
{
	u32 i;

	if (ir_inlined_map(s->f->program, d) && s->is_frame[2]) {
		set_memory(s, s->off[2], 4); /* the key, and nothing above it */
		s->is_frame[2] = false;
	}
	for (i = 1; i <= 5; i++) {
		if (s->is_frame[i] &&
			(ir_insn_reads(s->f, (u32)(d - s->f->program->insns)) >> i & 1)) {
			if (d->operation != INSN_DO_CALL)
				s->has_escaped = true;
			s->has_memory = true;
			s->lowest_escape = MIN(s->lowest_escape, s->off[i]);
		}
	}
	for (i = 0; i <= 5; i++)
		s->is_frame[i] = false;
}

static void scan_insn(struct stack_scan *s, const struct insn_brief *d)
{
	switch (d->family) {
	case INSN_FAMILY_LDX:
	case INSN_FAMILY_LDX_SX:
	case INSN_FAMILY_LOAD_ACQ:
	case INSN_FAMILY_ST:
	case INSN_FAMILY_STX:
	case INSN_FAMILY_STORE_REL:
	case INSN_FAMILY_ATOMIC: scan_memory(s, d); break;
	case INSN_FAMILY_ALU:
	case INSN_FAMILY_MOV:
	case INSN_FAMILY_MOVSX:
	case INSN_FAMILY_NEG:
	case INSN_FAMILY_END:
	case INSN_FAMILY_CAST:
	case INSN_FAMILY_LD_IMM64: scan_alu(s, d); break;
	case INSN_FAMILY_CALL:
	case INSN_FAMILY_LD_ABS:
	case INSN_FAMILY_LD_IND: scan_call(s, d); break;
	case INSN_FAMILY_NOSPEC:
	case INSN_FAMILY_JA:
	case INSN_FAMILY_JCC:
	case INSN_FAMILY_MAY_GOTO:
	case INSN_FAMILY_EXIT: break;
	}
}

static void scan_blocks(struct stack_scan *s)
{
	struct ir_func *f = s->f;
	u32 i, r, insn;

	for (i = 0; i < f->block_count; i++) {
		const struct ir_block *b = &f->blocks[i];

		if (!b->is_reachable)
			continue;
		memset(s->is_frame, 0, IR_REGS);
		s->is_frame[BPF_REG_10] = true;
		s->off[BPF_REG_10] = 0;
		for (insn = b->first_insn; insn < b->end_insn; insn++) {
			if (f->program->insns[insn].slots)
				scan_insn(s, &f->program->insns[insn]);
		}
		for (r = 0; r < IR_REGS; r++) {
			if (s->is_frame[r] && (b->live_out >> r & 1))
				s->has_escaped = true;
		}
	}
}

/* A slot that overlaps memory is memory, too. */
static void spread_memory(struct stack_scan *s)
{
	bool is_changed = true;
	u32 w;

	while (is_changed) {
		is_changed = false;
		for (w = 1; w < IR_STACK_WORDS; w++) {
			u32 other = s->start_of[w] ? w + 1 : w - 1;

			if (s->size_of[w] == 8 && s->size_of[other] != 8) {
				s->size_of[w] = WORD_MEMORY;
				s->has_memory = is_changed = true;
			}
		}
	}
}

s32 ir_slot_var(const struct ir_func *f, u32 insn)
{
	return f->var_of_word[f->program->effects[insn].slot];
}

static bool uses_frame(const struct ir_func *f)
{
	const struct insn_brief *insns = f->program->insns;
	u32 i;

	for (i = f->first_insn; i < f->end_insn; i++) {
		if (insns[i].dst == BPF_REG_10 || insns[i].src == BPF_REG_10)
			return true;
	}
	return false;
}

void ir_find_slots(struct ir_func *f)
{
	struct stack_scan s = {.f = f};
	const struct code *code = f->program->code;
	u32 w;

	if (!uses_frame(f))
		return;
	scan_blocks(&s);
	spread_memory(&s);
	for (w = 1; w < IR_STACK_WORDS && !s.has_escaped; w++) {
		u8 size = s.size_of[w];

		if (size == WORD_UNSEEN || size == WORD_MEMORY || (size == 8 && s.start_of[w]))
			continue;
		if (f->var_count == IR_MAX_VARS || -4 * (s64)w + size > s.lowest_escape) {
			s.has_memory = true;
			continue;
		}
		f->size_of_word[w] = size;
		f->var_of_word[w] = (s8)f->var_count++;
	}
	if (s.has_memory || s.has_escaped)
		f->stack_bytes = code->subprog_count
			? ALIGN_UP(code->subprogs[f->index].stack_bytes, 8)
			: 512;
}
