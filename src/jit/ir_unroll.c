// SPDX-License-Identifier: BSD-2-Clause
/*
 * Small loops whose number of turns is known take several turns in a round, and ask only then
 * whether to go on. Verified programs count from one constant to another, so that number is mostly
 * known. Where the comparison is the end of the loop its block is executed several times:
 *
 *	h: BODY; i += 8; if i != 512 goto h	becomes	h: BODY; i += 8; BODY; i += 8;
 *						   if i != 512 goto h
 *
 * otherwise all turns but the last one of a round have a block of their own, in front.
 *
 * A loop qualifies when its blocks follow each other, with the counter's comparison as the only way
 * out, and when it is all over in fewer cycles than its branch takes: no calls, no multiplications.
 */
#include "jit/ir.h"

enum {
	MAX_BLOCKS = 4,	   /* of a loop */
	MAX_INSNS = 40,	   /* of all turns of a round */
	MAX_ROUND = 8,	   /* turns */
	MAX_LOOK_BACK = 4, /* blocks, for what the counter begins with */
};

struct counted {
	u32 head, latch; /* blocks */
	u32 test;	 /* the block that ends with the comparison */
	u32 read;	 /* the instruction that reads what is compared */
	u32 add;	 /* the one that counts */
	u8 reg;
	enum ir_cond goes_on; /* while reg goes_on limit */
	s64 start, step, limit;
};

static const struct insn_brief *last_of(const struct ir_func *f, const struct ir_block *b)
{
	const struct insn_brief *insns = f->program->insns;

	return &insns[b->end_insn - 1 - !insns[b->end_insn - 1].slots];
}

/* Blocks in a row, entered at the first one, left at one comparison. */
static bool has_shape(const struct ir_func *f, struct counted *c)
{
	u32 i, tests = 0;

	if (c->latch - c->head >= MAX_BLOCKS || f->blocks[c->head].pred_count != 2)
		return false;
	for (i = c->head; i <= c->latch; i++) {
		const struct ir_block *b = &f->blocks[i];
		u32 next = i == c->latch ? c->head : i + 1;

		if (i > c->head && (b->pred_count != 1 || b->first_insn != b[-1].end_insn))
			return false;
		if (b->term == IR_TERM_JUMP && b->succ[0] == next)
			continue;
		if (b->term != IR_TERM_BRANCH || (b->succ[0] == next) == (b->succ[1] == next))
			return false;
		c->test = i;
		tests++;
	}
	return tests == 1;
}

static bool is_quick(const struct insn_brief *d)
{
	switch (d->family) {
	case INSN_FAMILY_ALU:
		return d->operation != INSN_DO_MUL && d->operation != INSN_DO_DIV &&
			d->operation != INSN_DO_MOD && d->operation != INSN_DO_SDIV &&
			d->operation != INSN_DO_SMOD;
	case INSN_FAMILY_MOV:
	case INSN_FAMILY_MOVSX:
	case INSN_FAMILY_NEG:
	case INSN_FAMILY_END:
	case INSN_FAMILY_LD_IMM64:
	case INSN_FAMILY_LDX:
	case INSN_FAMILY_LDX_SX:
	case INSN_FAMILY_ST:
	case INSN_FAMILY_STX:
	case INSN_FAMILY_JA:
	case INSN_FAMILY_JCC: return true;
	default: return false;
	}
}

static bool is_all_quick(const struct ir_func *f, const struct counted *c)
{
	u32 i;

	for (i = f->blocks[c->head].first_insn; i < f->blocks[c->latch].end_insn; i++) {
		if (f->program->insns[i].slots && !is_quick(&f->program->insns[i]))
			return false;
	}
	return true;
}

/* How many instructions of the loop write a register; one of them. */
static u32 find_writer(const struct ir_func *f, const struct counted *c, u8 reg, u32 *ret_writer)
{
	u32 i, count = 0;

	for (i = f->blocks[c->head].first_insn; i < f->blocks[c->latch].end_insn; i++) {
		if (!f->program->insns[i].slots || !(f->program->effects[i].writes >> reg & 1))
			continue;
		*ret_writer = i;
		count++;
	}
	return count;
}

/* What counts. The register that is compared may be a copy of the counter. */
static bool find_add(const struct ir_func *f, struct counted *c)
{
	const struct insn_brief *d;
	u32 copies = 2;

	for (;;) {
		if (find_writer(f, c, c->reg, &c->add) != 1)
			return false;
		d = &f->program->insns[c->add];
		if (d->family != INSN_FAMILY_MOV || d->is_imm || c->add > c->read || !copies--)
			break;
		c->read = c->add;
		c->reg = d->src;
	}
	c->step = d->imm;
	return d->family == INSN_FAMILY_ALU && d->is_imm && d->operation == INSN_DO_ADD && c->step;
}

/* The constant that an instruction puts into its register. */
static bool find_imm(const struct ir_func *f, u32 insn, s64 *ret_imm)
{
	const struct insn_brief *d = &f->program->insns[insn];

	*ret_imm = d->family == INSN_FAMILY_LD_IMM64 ? (s64)ir_imm64(f->program, d) : d->imm;
	return (d->family == INSN_FAMILY_MOV && d->is_imm) || d->operation == INSN_DO_LD_IMM64;
}

/* The constant that a register holds when the loop begins. */
static bool find_before(const struct ir_func *f, const struct counted *c, u8 reg, s64 *ret_imm)
{
	const struct ir_program *p = f->program;
	u32 left = MAX_LOOK_BACK, at = c->head, pred, i;

	while (left-- && f->blocks[at].pred_count) {
		const struct ir_block *b = &f->blocks[at];

		pred = f->preds[b->preds];
		if (at == c->head)
			pred = pred == c->latch ? f->preds[b->preds + 1] : pred;
		else if (b->pred_count != 1)
			return false;
		at = pred;
		b = &f->blocks[at];
		for (i = b->end_insn; i-- > b->first_insn;) {
			if (p->insns[i].slots && p->effects[i].writes >> reg & 1)
				return find_imm(f, i, ret_imm);
		}
	}
	return false;
}

/* The constant that a register holds at the comparison, in every turn. */
static bool find_limit(const struct ir_func *f, const struct counted *c, u8 reg, s64 *ret_imm)
{
	u32 writer, count = find_writer(f, c, reg, &writer);

	if (count == 0)
		return find_before(f, c, reg, ret_imm);
	return count == 1 && writer < c->read && find_imm(f, writer, ret_imm);
}

static s64 divide_up(s64 a, s64 b)
{
	return (a + b - 1) / b;
}

/*
 * After how many turns the comparison ends it; 0 = not known. All that the counter becomes lies
 * between 0 and 2^31, where width and sign of operations make no difference.
 */
static u64 turns_of(const struct counted *c, s64 first)
{
	s64 step = c->step, way = c->limit - first, turns;

	switch (c->goes_on) {
	case IR_NE:
		if (way % step || way / step < 0)
			return 0;
		turns = way / step;
		break;
	case IR_ULT:
	case IR_SLT: turns = step > 0 && way > 0 ? divide_up(way, step) : -1; break;
	case IR_ULE:
	case IR_SLE: turns = step > 0 && way >= 0 ? way / step + 1 : -1; break;
	case IR_UGT:
	case IR_SGT: turns = step < 0 && way < 0 ? divide_up(-way, -step) : -1; break;
	case IR_UGE:
	case IR_SGE: turns = step < 0 && way <= 0 ? way / step + 1 : -1; break;
	default: return 0;
	}
	if (turns < 0 || first < 0 || c->limit < 0 || c->limit > INT32_MAX || first > INT32_MAX ||
		first + turns * step < 0 || first + turns * step > INT32_MAX)
		return 0;
	return (u64)turns + 1;
}

/* What is compared with which constant; the oldest BPF has no < and puts that first. */
static bool find_comparison(const struct ir_func *f, struct counted *c)
{
	const struct ir_block *b = &f->blocks[c->test];
	const struct insn_brief *d = last_of(f, b);
	u32 stays = c->test == c->latch ? c->head : c->test + 1;

	c->reg = d->dst;
	c->read = b->end_insn - 1;
	c->goes_on = ir_cond_of(d->operation);
	if (b->succ[0] != stays)
		c->goes_on = IR_COND_NOT(c->goes_on);
	if (d->is_imm) {
		c->limit = d->imm;
		return true;
	}
	if (find_limit(f, c, d->src, &c->limit))
		return true;
	c->reg = d->src;
	c->goes_on = ir_cond_exchanged(c->goes_on);
	return find_limit(f, c, d->dst, &c->limit);
}

static u64 count_turns(const struct ir_func *f, struct counted *c)
{
	if (!is_all_quick(f, c) || !find_comparison(f, c) || !find_add(f, c) ||
		!find_before(f, c, c->reg, &c->start) || c->start < 0 || c->start > INT32_MAX)
		return 0;
	return turns_of(c, c->add < c->read ? c->start + c->step : c->start);
}

/* How many turns a round takes: as many as fit, and go into their number. */
static u32 find_round(const struct ir_func *f, struct counted *c)
{
	u32 insns = f->blocks[c->latch].end_insn - f->blocks[c->head].first_insn, round;
	u64 turns;

	if (2 * insns > MAX_INSNS || !has_shape(f, c))
		return 1;
	turns = count_turns(f, c);
	for (round = MIN((u32)MAX_ROUND, MAX_INSNS / insns); round > 1; round--) {
		if (turns >= 2 * round && turns % round == 0)
			return round;
	}
	return 1;
}

/* Whether the head does it all, so that it can be executed several times as it is. */
static bool is_one_block(const struct ir_func *f, const struct counted *c)
{
	u32 i;

	if (c->test != c->head)
		return false;
	for (i = f->blocks[c->head].end_insn; i < f->blocks[c->latch].end_insn; i++) {
		if (f->program->insns[i].family != INSN_FAMILY_JA)
			return false;
	}
	return true;
}

/* new_of: what the blocks are numbered then. */
static void insert(struct ir_func *f, const u8 *rounds, u32 *new_of, struct ir_block *blocks)
{
	u32 i, k, at = 0;

	for (i = 0; i < f->block_count; i++) {
		new_of[i] = at;
		at += 1u + (rounds[i] > 1);
	}
	for (i = 0; i < f->block_count; i++) {
		struct ir_block *b = &blocks[new_of[i]];

		if (rounds[i] > 1) {
			u32 latch = i;

			while (f->blocks[latch].succ[0] != i && f->blocks[latch].succ[1] != i)
				latch++;
			*b = (struct ir_block){.first_insn = f->blocks[i].first_insn,
				.end_insn = f->blocks[latch].end_insn,
				.more_turns = rounds[i] - 2u,
				.term = IR_TERM_JUMP,
				.is_reachable = true,
				.succ = {new_of[i] + 1},
				.succ_count = 1};
			b++;
		}
		*b = f->blocks[i];
		for (k = 0; k < b->succ_count; k++)
			b->succ[k] = new_of[b->succ[k]];
	}
	f->blocks = blocks;
	f->block_count = at;
}

/* The turns of each loop's rounds, by its head, where they need a block in front; NULL = none. */
static int find_rounds(struct ir_func *f, u8 **ret_rounds, u32 *ret_count)
{
	u32 i, k;

	*ret_rounds = NULL;
	*ret_count = 0;
	for (i = 0; i < f->block_count; i++) {
		for (k = 0; k < f->blocks[i].succ_count; k++) {
			struct counted c = {.head = f->blocks[i].succ[k], .latch = i};
			u32 round = c.head <= i ? find_round(f, &c) : 1;

			if (round == 1)
				continue;
			if (is_one_block(f, &c)) {
				f->blocks[c.head].more_turns = round - 1;
				continue;
			}
			if (!*ret_rounds)
				*ret_rounds = arena_calloc(
					&f->program->arena, f->block_count, sizeof(u8));
			if (!*ret_rounds)
				return -ENOMEM;
			(*ret_rounds)[c.head] = (u8)round;
			++*ret_count;
		}
	}
	return 0;
}

int ir_unroll(struct ir_func *f)
{
	struct arena *arena = &f->program->arena;
	struct ir_block *blocks;
	u32 count, *new_of;
	u8 *rounds;
	int err;

	if (f->program->code->uses_fuel)
		return 0; /* which counts turns */
	err = find_rounds(f, &rounds, &count);
	if (err || !count)
		return err;
	new_of = arena_calloc(arena, f->block_count, sizeof(*new_of));
	blocks = arena_calloc(arena, f->block_count + count, sizeof(*blocks));
	if (!new_of || !blocks)
		return -ENOMEM;
	insert(f, rounds, new_of, blocks);
	return 0;
}
