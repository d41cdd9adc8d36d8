// SPDX-License-Identifier: BSD-2-Clause
/*
 * Blocks are walked in their order, in which every value stands before its uses. A value takes a
 * register that is free where it is made, and leaves it with its last use; since values are in
 * static single assignment form, what is live at the start of a block already has its place then.
 * An operand that ends at an instruction and the result may share a register.
 *
 * A value that lives across something that destroys registers does not take one of those. When no
 * register is left, the value that is used least for its length (uses in loops count more) lives in
 * memory, for its whole life.
 *
 * Copies vanish by preference: a phi likes the register of its arguments and they like its; what
 * writes over its first operand likes to stand where its result will.
 */
#include "jit/alloc.h"
#include "jit/live.h"

enum {
	NO_HINT = 0xff,
	SLOTS_REUSED = 64,
	MAX_HOPS = 3,
	LAST_OUT = -1, /* of alloc.last: is live at the end of the block */
};

struct clobber {
	u32 at, mask;
};

/* Values that are live where find_forbidden() is in a block. */
struct live_set {
	u32 *members, count;
	u32 *place; /* by value: where it stands among them, from 1 on; 0 = nowhere */
};

struct alloc {
	struct ir_func *f;
	const struct alloc_target *t;
	u32 usable;
	bool may_spill; /* else it begins again with fewer registers when one is missing */
	bool is_short;	/* one is missing */
	struct live live;
	u32 *forbidden; /* by value: registers that something destroys while it lives; or NULL */
	u32 *last;   /* by value: its last use in the block where it was last used, or LAST_OUT */
	u32 *like;   /* by value: the value whose register it would like, or 0 */
	u32 *weight; /* by value; made when the first value needs memory */
	u32 *spilled, spilled_count;
	u32 in_reg[32]; /* value in each register, 0 = free */
	u32 taken;	/* bits of in_reg */
	struct live_set set;
	u32 clobbered;
	struct alloc_result result;
};

/* ---- what calls and divisions destroy ------------------------------------------------------ */

/* A function of the program that has its registers already destroys no others. */
static u32 clobbers_of_call(const struct alloc *al, const struct ir_val *v)
{
	u32 mask = al->f->program->funcs[v->imm].clobbered, i;

	if (!mask)
		return al->t->clobbers(al->f, v);
	for (i = 0; i < v->arg_count; i++) {
		if (al->f->args[v->args + i])
			mask |= 1u << al->t->args[i];
	}
	return mask;
}

/* Operations that may destroy registers beside their own. */
#define CLOBBERING                                                                                 \
	(IR_BIT(IR_UDIV) | IR_BIT(IR_UMOD) | IR_BIT(IR_SDIV) | IR_BIT(IR_SMOD) |                   \
		IR_BIT(IR_ATOMIC) | IR_BIT(IR_CALL) | IR_BIT(IR_CALL_FUNC) |                       \
		IR_BIT(IR_TAIL_CALL) | IR_BIT(IR_PACKET))

static u32 clobbers_of(const struct alloc *al, const struct ir_val *v)
{
	return v->op == IR_CALL_FUNC ? clobbers_of_call(al, v) : al->t->clobbers(al->f, v);
}

static void set_add(struct live_set *set, u32 v)
{
	if (set->place[v])
		return;
	set->members[set->count++] = v;
	set->place[v] = set->count;
}

static void set_add_live_out(struct alloc *al, u32 v)
{
	set_add(&al->set, v);
}

static void set_remove(struct live_set *set, u32 v)
{
	u32 at = set->place[v], last;

	if (!at)
		return;
	last = set->members[--set->count];
	set->members[at - 1] = last;
	set->place[last] = at;
	set->place[v] = 0;
}

/* Calls visit() for what is live at the end of a block; for some of it twice. */
static inline __attribute__((always_inline)) void for_each_live_out(
	struct alloc *al, u32 block, void (*visit)(struct alloc *al, u32 v))
{
	const struct ir_func *f = al->f;
	const struct ir_block *b = &f->blocks[block];
	u32 ops[LIVE_MAX_OPERANDS], s, i, v;

	for (s = 0; s < b->succ_count; s++) {
		const struct ir_block *to = &f->blocks[b->succ[s]];
		for (i = al->live.in [b->succ[s]]; i; i = al->live.nodes[i].next)
			visit(al, al->live.nodes[i].v);
		for (v = to->first; v < to->phis_end; v++) {
			const struct ir_val *val = &f->vals[v];

			if (val->op != IR_PHI || !(val->flags & IR_PLACE))
				continue;
			for (i = live_phi_operands(f, val, b->place_in[s], ops); i-- > 0;)
				visit(al, ops[i]);
		}
	}
}

/* What is live after a clobber is live at the end of its block, or used in between. */
static void forbid_in_block(struct alloc *al, u32 block, const struct clobber *clobbers, u32 count)
{
	struct live_set *set = &al->set;
	const struct ir_block *b = &al->f->blocks[block];
	u32 v, i, next = al->live.first_use[block], first = clobbers[0].at;

	for_each_live_out(al, block, set_add_live_out);
	while (al->live.uses[next].at < b->end)
		next++;
	for (v = b->end - 1; v >= first; v--) {
		set_remove(set, v);
		if (count && clobbers[count - 1].at == v) {
			u32 mask = clobbers[--count].mask;

			for (i = 0; i < set->count; i++)
				al->forbidden[set->members[i]] |= mask;
		}
		while (next && al->live.uses[next - 1].at == v)
			set_add(set, al->live.uses[--next].v);
	}
	while (set->count)
		set->place[set->members[--set->count]] = 0;
}

static int find_forbidden(struct alloc *al)
{
	struct ir_func *f = al->f;
	struct arena *arena = &f->program->arena;
	struct clobber *clobbers;
	u32 i, count = 0, block;

	for (i = 0; i < f->alive_count && (f->ops & CLOBBERING); i++)
		count += (IR_BIT(f->vals[f->alive[i]].op) & CLOBBERING) != 0;
	if (!count)
		return 0;
	clobbers = arena_alloc(arena, count * sizeof(*clobbers));
	al->forbidden = arena_calloc(arena, f->val_count, sizeof(u32));
	al->set.members = arena_alloc(arena, f->val_count * sizeof(u32));
	al->set.place = arena_calloc(arena, f->val_count, sizeof(u32));
	if (!clobbers || !al->forbidden || !al->set.members || !al->set.place)
		return -ENOMEM;
	count = 0;
	for (i = 0; i < f->alive_count; i++) {
		u32 v = f->alive[i], mask;

		if (!(IR_BIT(f->vals[v].op) & CLOBBERING))
			continue;
		mask = clobbers_of(al, &f->vals[v]);
		al->clobbered |= mask;
		if (mask)
			clobbers[count++] = (struct clobber){v, mask};
	}
	for (i = 0; i < count;) {
		u32 from = i;

		block = f->vals[clobbers[i].at].block;
		while (i < count && f->vals[clobbers[i].at].block == block)
			i++;
		forbid_in_block(al, block, &clobbers[from], i - from);
	}
	return 0;
}

/* ---- preferences --------------------------------------------------------------------------- */

#define DIVISION (IR_BIT(IR_UDIV) | IR_BIT(IR_UMOD) | IR_BIT(IR_SDIV) | IR_BIT(IR_SMOD))
#define TWO_ADDRESS                                                                                \
	(IR_BIT(IR_ADD) | IR_BIT(IR_SUB) | IR_BIT(IR_MUL) | IR_BIT(IR_AND) | IR_BIT(IR_OR) |       \
		IR_BIT(IR_XOR) | IR_BIT(IR_SHL) | IR_BIT(IR_SHR) | IR_BIT(IR_SAR) |                \
		IR_BIT(IR_ROL) | IR_BIT(IR_NEG) | IR_BIT(IR_ZEXT) | IR_BIT(IR_BSWAP))

/* An operand that nobody else needs goes where its only user's result goes. */
static bool follow(struct alloc *al, u32 v, u32 operand)
{
	struct ir_func *f = al->f;
	struct ir_val *val = &f->vals[operand];

	if (!operand || val->uses != 1 || !(val->flags & IR_PLACE) || al->like[operand] ||
		val->hint != NO_HINT || val->block != f->vals[v].block || val->op == IR_PHI)
		return false;
	al->like[operand] = al->like[v];
	val->hint = f->vals[v].hint;
	return true;
}

static void hint_call(struct alloc *al, struct ir_val *val)
{
	u32 i;

	for (i = 0; i < val->arg_count; i++)
		al->f->vals[al->f->args[val->args + i]].hint = al->t->args[i];
	if (val->hint == NO_HINT)
		val->hint = al->t->ret;
}

static void like_phis(struct alloc *al)
{
	const struct ir_func *f = al->f;
	u32 i, v, k;

	for (i = 0; i < f->block_count; i++) {
		for (v = f->blocks[i].first; v < f->blocks[i].phis_end; v++) {
			const struct ir_val *val = &f->vals[v];

			for (k = 0; val->op == IR_PHI && k < val->arg_count; k++) {
				if (!al->like[f->args[val->args + k]])
					al->like[f->args[val->args + k]] = v;
			}
		}
	}
}

static void hint_division(struct alloc *al, struct ir_val *val)
{
	if (al->f->vals[val->b].hint == NO_HINT)
		al->f->vals[val->b].hint = al->t->divisor;
	if (val->hint == NO_HINT)
		val->hint = val->op == IR_UDIV || val->op == IR_SDIV ? al->t->quotient
								     : al->t->remainder;
}

/* From users to operands, so backwards. */
static void find_preferences(struct alloc *al)
{
	const u64 others = IR_BIT(IR_PARAM) | IR_BIT(IR_CALL) | IR_BIT(IR_CALL_FUNC) |
		IR_BIT(IR_END) | DIVISION;
	struct ir_func *f = al->f;
	u32 i;

	like_phis(al);
	for (i = f->alive_count; i-- > 0;) {
		u32 v = f->alive[i];
		struct ir_val *val = &f->vals[v];
		u64 op = IR_BIT(val->op);

		if (op & TWO_ADDRESS) {
			if ((al->like[v] || val->hint != NO_HINT) && !follow(al, v, val->a) &&
				val->op != IR_SUB)
				follow(al, v, val->b);
			continue;
		}
		if (!(op & others))
			continue;
		if (op & DIVISION)
			hint_division(al, val);
		else if (val->op == IR_PARAM)
			val->hint = al->t->param(f, (u32)val->imm);
		else if (val->op != IR_END)
			hint_call(al, val);
		else if (f->blocks[val->block].term == IR_TERM_RETURN)
			f->vals[val->a].hint = al->t->ret;
	}
}

/* ---- memory -------------------------------------------------------------------------------- */

static const u32 depth_weight[] = {1, 8, 64, 512, 4096};

static void weigh(struct alloc *al)
{
	struct ir_func *f = al->f;
	u32 i;

	al->weight = arena_calloc(&f->program->arena, f->val_count, sizeof(u32));
	al->spilled = arena_alloc(&f->program->arena, f->val_count * sizeof(u32));
	if (!al->weight || !al->spilled) {
		f->program->err = -ENOMEM;
		al->weight = NULL;
		return;
	}
	for (i = 0; i < f->alive_count; i++) {
		u32 v = f->alive[i];
		const struct ir_val *val = &f->vals[v];
		u32 weight = depth_weight[f->blocks[val->block].loop_depth];

		al->weight[v] += weight;
	}
	for (i = 0; i < al->live.use_count; i++) {
		const struct live_use *use = &al->live.uses[i];

		al->weight[use->v] += depth_weight[f->blocks[f->vals[use->at].block].loop_depth];
	}
}

static u32 end_of(const struct alloc *al, u32 v)
{
	u32 end = al->last[v] == (u32)LAST_OUT ? 0 : al->last[v] + 1;

	return MAX(MAX(al->live.end[v], end), v + 1);
}

/* Uses per length. */
static u64 density(const struct alloc *al, u32 v)
{
	return ((u64)al->weight[v] << 16) / (end_of(al, v) - v + 1);
}

/* Lives in memory from now on, which is to say always: code is made later. */
static void spill(struct alloc *al, u32 v)
{
	al->f->vals[v].reg = -1;
	if (al->spilled)
		al->spilled[al->spilled_count++] = v;
}

/* The register of the value that is used least, if that is less than v, or -1. */
static s32 make_room(struct alloc *al, u32 v, u32 allowed)
{
	u64 least;
	u32 regs;
	s32 reg = -1;

	if (!al->weight)
		weigh(al);
	if (!al->weight)
		return -1;
	least = density(al, v);
	for (regs = allowed & al->taken; regs; regs &= regs - 1) {
		u32 r = (u32)__builtin_ctz(regs);

		if (density(al, al->in_reg[r]) < least) {
			least = density(al, al->in_reg[r]);
			reg = (s32)r;
		}
	}
	if (reg >= 0)
		spill(al, al->in_reg[reg]);
	return reg;
}

/* Slots for what lives in memory; one that is not needed any more serves again. */
static void place_spilled(struct alloc *al)
{
	u32 slot_end[SLOTS_REUSED], i, k, s;

	for (i = 1; i < al->spilled_count; i++) {
		u32 v = al->spilled[i];

		for (k = i; k > 0 && v < al->spilled[k - 1]; k--)
			al->spilled[k] = al->spilled[k - 1];
		al->spilled[k] = v;
	}
	for (i = 0; i < al->spilled_count; i++) {
		u32 v = al->spilled[i], slots = MIN(al->result.slot_count, (u32)SLOTS_REUSED);
		const struct ir_val *val = &al->f->vals[v];
		u32 start = val->op == IR_PHI || val->op == IR_PARAM
			? al->f->blocks[val->block].first
			: v;

		for (s = 0; s < slots && slot_end[s] > start; s++)
			;
		if (s == slots)
			s = al->result.slot_count++;
		if (s < SLOTS_REUSED)
			slot_end[s] = end_of(al, v);
		al->f->vals[v].slot = (u16)s;
	}
}

/* ---- giving out ---------------------------------------------------------------------------- */

static bool is_in(u32 regs, s32 reg)
{
	return (u64)regs >> (reg & 63) & 1; /* -1 and NO_HINT are 63 then */
}

/* What v would like, as far as it is free. */
static s32 pick_liked(const struct alloc *al, u32 v, u32 free)
{
	const struct ir_func *f = al->f;
	const struct ir_val *val = &f->vals[v];
	u32 i, u;

	if (is_in(free, val->hint))
		return val->hint;
	for (i = 0, u = al->like[v]; u && i < MAX_HOPS; i++, u = al->like[u]) {
		if (is_in(free, f->vals[u].reg))
			return f->vals[u].reg;
		if (is_in(free, f->vals[u].hint))
			return f->vals[u].hint;
	}
	if (val->op != IR_PHI && val->op != IR_SELECT)
		return -1;
	for (i = 0; i < val->arg_count; i++) {
		if (is_in(free, f->vals[f->args[val->args + i]].reg))
			return f->vals[f->args[val->args + i]].reg;
	}
	return -1;
}

/*
 * Registers in which v would make two phis of a loop change places: v goes to one of them, and its
 * operand that ends here is another one.
 */
static u32 crossing(const struct alloc *al, u32 v)
{
	const struct ir_func *f = al->f;
	const struct ir_val *val = &f->vals[v];
	u32 like = al->like[v], regs = 0, i;
	const u32 operands[] = {val->a, val->b};

	if (!like || like > v || f->vals[like].op != IR_PHI)
		return 0;
	for (i = 0; i < ARRAY_SIZE(operands); i++) {
		const struct ir_val *o = &f->vals[operands[i]];

		if (o->op == IR_PHI && operands[i] != like && o->reg >= 0 &&
			o->block == f->vals[like].block)
			regs |= 1u << o->reg;
	}
	return regs;
}

/* The register of an operand that ends here. */
static s32 pick_operand(const struct alloc *al, u32 v, u32 free)
{
	const struct ir_func *f = al->f;
	const struct ir_val *val = &f->vals[v];
	s32 a = f->vals[val->a].reg, b = f->vals[val->b].reg; /* of value 0: -1 */

	if (unlikely(val->op == IR_SELECT) && is_in(free, f->vals[val->c].reg))
		return f->vals[val->c].reg;
	return is_in(free, a) ? a : is_in(free, b) ? b : -1;
}

static s32 pick_free(const struct alloc *al, u32 free)
{
	/* a callee-saved register costs a save unless it is in use already */
	u32 saved = al->t->callee_saved, cheap = free & (~saved | al->result.used);

	if (!cheap)
		cheap = free;
	if (cheap & ~saved)
		cheap &= ~saved;
	return cheap ? __builtin_ctz(cheap) : -1;
}

static void give(struct alloc *al, u32 v)
{
	struct ir_val *val = &al->f->vals[v], *like = &al->f->vals[al->like[v]];
	u32 allowed = al->usable & ~(al->forbidden ? al->forbidden[v] : 0);
	u32 free = allowed & ~al->taken;
	s32 reg = pick_liked(al, v, free);

	if (reg < 0 && (free & ~crossing(al, v)))
		free &= ~crossing(al, v);
	if (reg < 0)
		reg = pick_operand(al, v, free);
	if (reg < 0)
		reg = pick_free(al, free);
	if (reg < 0 && !al->may_spill) {
		al->is_short = true;
		return;
	}
	if (reg < 0)
		reg = make_room(al, v, allowed);
	if (reg < 0) {
		spill(al, v);
		return;
	}
	val->reg = (s8)reg;
	al->result.used |= 1u << reg;
	if (al->last[v] > v) {
		al->in_reg[reg] = v;
		al->taken |= 1u << reg;
	} else {
		al->taken &= ~(1u << reg);
	}
	if (al->like[v] && like->reg < 0 && like->hint == NO_HINT)
		like->hint = (u8)reg; /* a phi further down */
}

/* Registers as they are at the start of a block. */
static void enter_block(struct alloc *al, u32 block)
{
	const struct ir_func *f = al->f;
	u32 i;

	al->taken = 0;
	for (i = al->live.in[block]; i; i = al->live.nodes[i].next) {
		u32 v = al->live.nodes[i].v;
		s8 reg = f->vals[v].reg;

		if (reg < 0)
			continue;
		al->in_reg[reg] = v;
		al->taken |= 1u << reg;
	}
}

static void mark_live_out(struct alloc *al, u32 v)
{
	al->last[v] = (u32)LAST_OUT;
}

static void find_last_uses(struct alloc *al, u32 block)
{
	const struct live_use *use = &al->live.uses[al->live.first_use[block]];
	u32 end = al->f->blocks[block].end;

	for (; use->at < end; use++)
		al->last[use->v] = use->at;
	for_each_live_out(al, block, mark_live_out);
}

static void walk_block(struct alloc *al, u32 block)
{
	struct ir_func *f = al->f;
	const struct ir_block *b = &f->blocks[block];
	const struct live_use *use = &al->live.uses[al->live.first_use[block]];
	u32 i;

	find_last_uses(al, block);
	enter_block(al, block);
	for (i = b->alive; i < b->alive_end && !al->is_short; i++) {
		u32 v = f->alive[i];

		for (; use->at == v; use++) {
			s8 reg = f->vals[use->v].reg;

			if (reg >= 0 && al->in_reg[reg] == use->v && al->last[use->v] == v)
				al->taken &= ~(1u << reg);
		}
		if (f->vals[v].flags & IR_PLACE)
			give(al, v);
	}
}

static void walk(struct alloc *al)
{
	struct ir_func *f = al->f;
	u32 i;

	find_preferences(al);
	for (i = 0; i < f->block_count && !al->is_short; i++)
		walk_block(al, i);
}

static void walk_again(struct alloc *al, u32 usable)
{
	size_t size = al->f->val_count * sizeof(u32);
	u32 v;

	for (v = 1; v < al->f->val_count; v++) {
		al->f->vals[v].reg = -1;
		al->f->vals[v].hint = NO_HINT;
	}
	al->is_short = false;
	al->may_spill = true;
	al->usable = usable & al->t->regs;
	al->result = (struct alloc_result){0};
	memset(al->last, 0, size);
	memset(al->like, 0, size);
	walk(al);
}

int alloc_registers(struct ir_func *f, const struct alloc_target *target, u32 usable,
	u32 usable_with_slots, struct alloc_result *ret_result)
{
	struct alloc al = {.f = f,
		.t = target,
		.usable = usable & target->regs,
		.may_spill = usable == usable_with_slots};
	struct arena *arena = &f->program->arena;
	int err = live_find(f, &al.live);

	al.last = arena_calloc(arena, f->val_count, sizeof(u32));
	al.like = arena_calloc(arena, f->val_count, sizeof(u32));
	if (!err)
		err = find_forbidden(&al);
	if (err || !al.last || !al.like)
		return -ENOMEM;
	walk(&al);
	if (al.is_short)
		walk_again(&al, usable_with_slots);
	place_spilled(&al);
	f->live_in = al.live.in;
	f->live_nodes = al.live.nodes;
	f->clobbered = ((al.result.used | al.clobbered | target->scratch) & ~target->callee_saved) |
		1u << target->ret;
	if (f->has_fuel)
		f->clobbered = 0; /* run_refuel() keeps the function's own registers alone */
	*ret_result = al.result;
	return f->program->err;
}
