// SPDX-License-Identifier: BSD-2-Clause
/*
 * Positions: value v reads its operands at 2v and writes its result at 2v + 1, so an operand that
 * ends at v and the result may share a register. A phi is written at the start of its block, its
 * arguments are read at the ends of the predecessors. The life of a value is one interval from its
 * first to its last position; where it is live is found by the usual backward equations, over the
 * values that more than one block sees.
 *
 * Intervals are then given registers by increasing start. When none is free the value that is used
 * least for its length (uses in loops count more) lives in memory.
 */
#include "jit/alloc.h"

struct interval {
	u32 start, end; /* [start, end) */
	u32 weight;
};

struct clobber {
	u32 pos;
	u32 mask;
};

struct alloc {
	struct ir_func *f;
	const struct alloc_target *t;
	u32 usable;
	struct interval *intervals; /* by value */
	struct clobber *clobbers;
	u32 clobber_count;
	/* liveness between blocks */
	u32 *global_of; /* number of a value that several blocks see, 0 = none */
	u32 *globals;	/* value of each number */
	u32 global_count, words;
	u64 *live_in, *live_out; /* by block */
	/* values that share a place: the first one, and the next one */
	u32 *leader, *next_member;
	u32 in_reg[32];	  /* value in each register, 0 = free */
	u32 slot_end[64]; /* where the value in a slot ends, for the first slots */
	struct alloc_result result;
};

static bool has_place(const struct ir_val *v)
{
	if (v->flags & (IR_NO_REG | IR_FOLDED))
		return false;
	switch (v->op) {
	case IR_NONE:
	case IR_UNDEF:
	case IR_FRAME:
	case IR_STORE:
	case IR_RELEASE:
	case IR_TAIL_CALL:
	case IR_FENCE:
	case IR_FUEL:
	case IR_CHECK:
	case IR_END: return false;
	default: return v->uses != 0;
	}
}

/* ---- which values several blocks see ------------------------------------------------------- */

static void make_global(struct alloc *al, u32 v)
{
	if (!al->global_of[v] && has_place(&al->f->vals[v])) {
		al->globals[al->global_count] = v;
		al->global_of[v] = ++al->global_count;
	}
}

static void find_globals(struct alloc *al)
{
	struct ir_func *f = al->f;
	u32 v;

	for (v = 1; v < f->val_count; v++) {
		struct ir_val *val = &f->vals[v];

		IR_FOR_EACH_OPERAND(f, val, p, {
			if (val->op == IR_PHI && (f->vals[*p].flags & IR_FOLDED))
				make_global(al, f->vals[*p].a);
			else if (val->op == IR_PHI || f->vals[*p].block != val->block)
				make_global(al, *p);
		});
	}
}

static void set_bit(u64 *bits, u32 n)
{
	bits[n / 64] |= 1ull << n % 64;
}

static bool get_bit(const u64 *bits, u32 n)
{
	return bits[n / 64] >> n % 64 & 1;
}

/* What a block reads before it writes, into live_in. */
static void find_exposed(struct alloc *al)
{
	struct ir_func *f = al->f;
	u32 v;

	for (v = 1; v < f->val_count; v++) {
		struct ir_val *val = &f->vals[v];

		if (val->op == IR_PHI)
			continue;
		IR_FOR_EACH_OPERAND(f, val, p, {
			if (al->global_of[*p] && f->vals[*p].block != val->block)
				set_bit(&al->live_in[(size_t)val->block * al->words],
					al->global_of[*p] - 1);
		});
	}
}

/* Arguments of phis are live at the ends of the predecessors. */
static void find_phi_uses(struct alloc *al)
{
	struct ir_func *f = al->f;
	u32 v, k;

	for (v = 1; v < f->val_count; v++) {
		const struct ir_val *val = &f->vals[v];

		if (val->op != IR_PHI)
			continue;
		for (k = 0; k < val->arg_count; k++) {
			u32 pred = f->preds[f->blocks[val->block].preds + k];
			u32 in = f->args[val->args + k];

			if (f->vals[in].flags & IR_FOLDED)
				in = f->vals[in].a; /* the sum is computed on the edge */
			if (al->global_of[in])
				set_bit(&al->live_out[(size_t)pred * al->words],
					al->global_of[in] - 1);
		}
	}
}

static void solve_liveness(struct alloc *al)
{
	struct ir_func *f = al->f;
	bool is_changed = true;
	u32 i, k, w;

	while (is_changed) {
		is_changed = false;
		for (i = f->block_count; i-- > 0;) {
			const struct ir_block *b = &f->blocks[i];
			u64 *in = &al->live_in[(size_t)i * al->words];
			u64 *out = &al->live_out[(size_t)i * al->words];

			for (k = 0; k < b->succ_count; k++) {
				const u64 *next = &al->live_in[(size_t)b->succ[k] * al->words];

				for (w = 0; w < al->words; w++)
					out[w] |= next[w];
			}
			for (w = 0; w < al->words; w++) {
				u64 more = out[w] & ~in[w];

				while (more) {
					u32 g = w * 64 + (u32)__builtin_ctzll(more);

					more &= more - 1;
					if (f->vals[al->globals[g]].block != i) {
						set_bit(in, g);
						is_changed = true;
					}
				}
			}
		}
	}
}

/* ---- intervals ----------------------------------------------------------------------------- */

static void extend(struct alloc *al, u32 v, u32 from, u32 to)
{
	struct interval *in = &al->intervals[v];

	in->start = MIN(in->start, from);
	in->end = MAX(in->end, to);
}

static const u32 depth_weight[] = {1, 8, 64, 512, 4096};

static void use_at(struct alloc *al, u32 v, u32 pos, u32 weight)
{
	struct ir_func *f = al->f;
	struct ir_val *val = &f->vals[v];

	if (val->flags & IR_FOLDED) {
		IR_FOR_EACH_OPERAND(f, val, p, use_at(al, *p, pos, weight));
	} else if (has_place(val)) {
		al->intervals[v].end = MAX(al->intervals[v].end, pos + 1);
		al->intervals[v].weight += weight;
	}
}

static void build_block(struct alloc *al, u32 block)
{
	struct ir_func *f = al->f;
	const struct ir_block *b = &f->blocks[block];
	const u64 *in = &al->live_in[(size_t)block * al->words];
	const u64 *out = &al->live_out[(size_t)block * al->words];
	u32 weight = depth_weight[b->loop_depth], v, w;
	u64 bits;

	for (w = 0; w < al->words; w++) {
		for (bits = in[w]; bits; bits &= bits - 1)
			extend(al, al->globals[w * 64 + (u32)__builtin_ctzll(bits)], 2 * b->first,
				2 * b->first + 1);
		for (bits = out[w]; bits; bits &= bits - 1)
			extend(al, al->globals[w * 64 + (u32)__builtin_ctzll(bits)], 2 * b->end - 1,
				2 * b->end);
	}
	for (v = b->first; v < b->end; v++) {
		struct ir_val *val = &f->vals[v];

		if (has_place(val)) {
			bool is_first = val->op == IR_PHI || val->op == IR_PARAM;
			u32 at = is_first ? 2 * b->first : 2 * v + 1;

			extend(al, v, at, at + 1);
			al->intervals[v].weight += weight;
		}
		if (val->op == IR_PHI || (val->flags & IR_FOLDED))
			continue;
		IR_FOR_EACH_OPERAND(f, val, p, use_at(al, *p, 2 * v, weight));
	}
}

static int find_intervals(struct alloc *al)
{
	struct ir_func *f = al->f;
	size_t bits;
	u32 v, i;

	al->global_of = arena_calloc(&f->program->arena, f->val_count, sizeof(u32));
	al->globals = arena_calloc(&f->program->arena, f->val_count, sizeof(u32));
	al->intervals = arena_calloc(&f->program->arena, f->val_count, sizeof(*al->intervals));
	if (!al->global_of || !al->globals || !al->intervals)
		return -ENOMEM;
	find_globals(al);
	al->words = al->global_count / 64 + 1;
	bits = (size_t)al->words * f->block_count;
	al->live_in = arena_calloc(&f->program->arena, 2 * bits, sizeof(u64));
	if (!al->live_in)
		return -ENOMEM;
	al->live_out = al->live_in + bits;
	find_exposed(al);
	find_phi_uses(al);
	solve_liveness(al);
	for (v = 0; v < f->val_count; v++)
		al->intervals[v].start = UINT32_MAX;
	for (i = 0; i < f->block_count; i++) {
		if (f->blocks[i].is_reachable)
			build_block(al, i);
	}
	return 0;
}

static int find_clobbers(struct alloc *al)
{
	struct ir_func *f = al->f;
	u32 v, count = 0;

	for (v = 1; v < f->val_count; v++)
		count += f->vals[v].op != IR_NONE && al->t->clobbers(f, &f->vals[v]) != 0;
	al->clobbers = arena_calloc(&f->program->arena, count + 1, sizeof(*al->clobbers));
	if (!al->clobbers)
		return -ENOMEM;
	for (v = 1; v < f->val_count && count; v++) {
		u32 mask = f->vals[v].op != IR_NONE ? al->t->clobbers(f, &f->vals[v]) : 0;

		if (mask)
			al->clobbers[al->clobber_count++] = (struct clobber){2 * v, mask};
	}
	return 0;
}

/* Registers that something destroys while the interval lives. */
static u32 forbidden(const struct alloc *al, const struct interval *in)
{
	u32 lo = 0, hi = al->clobber_count, mask = 0;

	while (lo < hi) {
		u32 mid = (lo + hi) / 2;

		if (al->clobbers[mid].pos < in->start)
			lo = mid + 1;
		else
			hi = mid;
	}
	for (; lo < al->clobber_count && al->clobbers[lo].pos + 1 < in->end; lo++)
		mask |= al->clobbers[lo].mask;
	return mask;
}

/* ---- webs ---------------------------------------------------------------------------------- */

/*
 * A phi and an argument of it that are never needed at the same time share one place; most copies
 * on edges vanish so. The web's interval is the hull of its members', so it is safe towards all
 * others; between members liveness is looked up exactly.
 */
enum { WEB_MEMBERS = 12, WEB_SLACK = 48 };

static bool reads(const struct ir_func *f, const struct ir_val *val, u32 v)
{
	u32 i;

	if (val->a == v || val->b == v || val->c == v)
		return true;
	for (i = 0; i < val->arg_count; i++) {
		if (f->args[val->args + i] == v)
			return true;
	}
	if (val->b && (f->vals[val->b].flags & IR_FOLDED) && reads(f, &f->vals[val->b], v))
		return true;
	return val->a && (f->vals[val->a].flags & IR_FOLDED) && reads(f, &f->vals[val->a], v);
}

static bool is_at_start(const struct ir_val *val)
{
	return val->op == IR_PHI || val->op == IR_PARAM;
}

/* Whether v is needed after `at` is written. */
static bool is_live_after(const struct alloc *al, u32 v, u32 at)
{
	const struct ir_func *f = al->f;
	const struct ir_val *val = &f->vals[v], *def = &f->vals[at];
	u32 block = def->block, u, global = al->global_of[v];

	if (is_at_start(def)) {
		if (is_at_start(val) && val->block == block)
			return true;
		return global && get_bit(&al->live_in[(size_t)block * al->words], global - 1);
	}
	if (val->block == block && v > at && !is_at_start(val))
		return false;
	if (global && get_bit(&al->live_out[(size_t)block * al->words], global - 1))
		return true;
	for (u = at + 1; u < f->blocks[block].end; u++) {
		if (f->vals[u].op != IR_PHI && reads(f, &f->vals[u], v))
			return true;
	}
	return false;
}

static u32 web_leader(struct alloc *al, u32 v)
{
	while (al->leader[v] != v)
		v = al->leader[v];
	return v;
}

static void merge(struct alloc *al, u32 x, u32 y)
{
	struct interval *a = &al->intervals[x], *b = &al->intervals[y];
	u32 start = MIN(a->start, b->start), end = MAX(a->end, b->end), u, w, t, count = 0;

	if (end - start > (a->end - a->start) + (b->end - b->start) + WEB_SLACK)
		return;
	for (u = x; u; u = al->next_member[u]) {
		for (w = y; w; w = al->next_member[w]) {
			if (++count > WEB_MEMBERS * WEB_MEMBERS || is_live_after(al, u, w) ||
				is_live_after(al, w, u))
				return;
		}
	}
	a->start = start;
	a->end = end;
	a->weight += b->weight;
	for (t = x; al->next_member[t]; t = al->next_member[t])
		;
	al->next_member[t] = y;
	for (u = y; u; u = al->next_member[u])
		al->leader[u] = x;
}

static void merge_phi(struct alloc *al, u32 phi)
{
	struct ir_func *f = al->f;
	const struct ir_val *val = &f->vals[phi];
	u32 i;

	for (i = 0; i < val->arg_count; i++) {
		u32 in = f->args[val->args + i], x = web_leader(al, phi), y;

		if (!has_place(&f->vals[in]) || f->vals[in].op == IR_CONST)
			continue;
		y = web_leader(al, in);
		if (x != y)
			merge(al, x, y);
	}
}

static int find_webs(struct alloc *al)
{
	struct ir_func *f = al->f;
	s32 depth;
	u32 v;

	al->leader = arena_alloc(&f->program->arena, f->val_count * sizeof(u32));
	al->next_member = arena_calloc(&f->program->arena, f->val_count, sizeof(u32));
	if (!al->leader || !al->next_member)
		return -ENOMEM;
	for (v = 0; v < f->val_count; v++)
		al->leader[v] = v;
	for (depth = 4; depth >= 0; depth--) { /* inner loops first */
		for (v = 1; v < f->val_count; v++) {
			if (f->vals[v].op == IR_PHI && has_place(&f->vals[v]) &&
				f->blocks[f->vals[v].block].loop_depth == depth)
				merge_phi(al, v);
		}
	}
	return 0;
}

/* ---- giving out ---------------------------------------------------------------------------- */

static void set_hint(struct alloc *al, u32 v, u8 reg)
{
	if (v && al->f->vals[v].hint == 0xff)
		al->f->vals[v].hint = reg;
}

/* Where calls, returns and the entry want values. */
static void find_hints(struct alloc *al)
{
	struct ir_func *f = al->f;
	u32 v, i;

	for (v = 1; v < f->val_count; v++) {
		struct ir_val *val = &f->vals[v];

		val->hint = 0xff;
	}
	for (v = 1; v < f->val_count; v++) {
		struct ir_val *val = &f->vals[v];

		if (val->op == IR_PARAM)
			set_hint(al, v, al->t->param(f, (u32)val->imm));
		if (val->op == IR_CALL || val->op == IR_CALL_FUNC) {
			for (i = 0; i < val->arg_count; i++)
				set_hint(al, f->args[val->args + i], al->t->args[i]);
			set_hint(al, v, al->t->ret);
		}
	}
	for (i = 0; i < f->block_count; i++) {
		const struct ir_block *b = &f->blocks[i];

		if (b->term == IR_TERM_RETURN && b->is_reachable)
			set_hint(al, b->a, al->t->ret);
	}
}

static void expire(struct alloc *al, u32 start)
{
	u32 regs;

	for (regs = al->result.used; regs; regs &= regs - 1) {
		u32 r = (u32)__builtin_ctz(regs);

		if (al->in_reg[r] && al->intervals[al->in_reg[r]].end <= start)
			al->in_reg[r] = 0;
	}
}

static bool try_reg(const struct alloc *al, u32 allowed, s32 reg)
{
	return reg >= 0 && reg < 32 && (allowed >> reg & 1) && !al->in_reg[reg];
}

/* As far as it is known now. */
static s32 reg_of(const struct alloc *al, u32 v)
{
	return al->f->vals[al->leader[v]].reg;
}

/* The register of an operand that ends here, or of a phi that this value flows into. */
static s32 pick_hinted(const struct alloc *al, u32 v, u32 allowed)
{
	const struct ir_func *f = al->f;
	const struct ir_val *val = &f->vals[v];
	u32 i;

	for (i = v; i; i = al->next_member[i]) {
		if (f->vals[i].hint != 0xff && try_reg(al, allowed, f->vals[i].hint))
			return f->vals[i].hint;
	}
	if (val->op == IR_PHI || val->op == IR_SELECT) {
		for (i = 0; i < val->arg_count; i++) {
			if (try_reg(al, allowed, reg_of(al, f->args[val->args + i])))
				return reg_of(al, f->args[val->args + i]);
		}
	}
	if (val->c && val->op == IR_SELECT && try_reg(al, allowed, reg_of(al, val->c)))
		return reg_of(al, val->c);
	if (val->a && try_reg(al, allowed, reg_of(al, val->a)))
		return reg_of(al, val->a);
	if (val->b && try_reg(al, allowed, reg_of(al, val->b)))
		return reg_of(al, val->b);
	return -1;
}

static s32 pick_free(const struct alloc *al, u32 allowed)
{
	u32 i;

	/* a callee-saved register costs a save unless it is in use already */
	for (i = 0; i < al->t->order_count; i++) {
		u8 reg = al->t->order[i];

		if (try_reg(al, allowed, reg) &&
			(!(al->t->callee_saved >> reg & 1) || (al->result.used >> reg & 1)))
			return reg;
	}
	for (i = 0; i < al->t->order_count; i++) {
		if (try_reg(al, allowed, al->t->order[i]))
			return al->t->order[i];
	}
	return -1;
}

/* Uses per length. */
static u64 density(const struct alloc *al, u32 v)
{
	const struct interval *in = &al->intervals[v];

	return ((u64)in->weight << 16) / (in->end - in->start + 1);
}

static void spill(struct alloc *al, u32 v)
{
	const struct interval *in = &al->intervals[v];
	u32 s;

	al->f->vals[v].reg = -1;
	for (s = 0; s < al->result.slot_count && s < ARRAY_SIZE(al->slot_end); s++) {
		if (al->slot_end[s] <= in->start) {
			al->slot_end[s] = in->end;
			al->f->vals[v].slot = (u16)s;
			return;
		}
	}
	if (s < ARRAY_SIZE(al->slot_end))
		al->slot_end[s] = in->end;
	al->f->vals[v].slot = (u16)al->result.slot_count++;
}

/* Somebody has to live in memory: the least used of those that hold an allowed register, or v. */
static s32 make_room(struct alloc *al, u32 v, u32 allowed)
{
	u64 least = density(al, v);
	s32 reg = -1;
	u32 r;

	for (r = 0; r < 32; r++) {
		if ((allowed >> r & 1) && al->in_reg[r] && density(al, al->in_reg[r]) < least) {
			least = density(al, al->in_reg[r]);
			reg = (s32)r;
		}
	}
	if (reg >= 0)
		spill(al, al->in_reg[reg]);
	return reg;
}

static void give(struct alloc *al, u32 v)
{
	struct ir_func *f = al->f;
	const struct interval *in = &al->intervals[v];
	u32 allowed = al->usable & ~forbidden(al, in), i;
	s32 reg;

	expire(al, in->start);
	reg = pick_hinted(al, v, allowed);
	if (reg < 0)
		reg = pick_free(al, allowed);
	if (reg < 0)
		reg = make_room(al, v, allowed);
	if (reg < 0) {
		spill(al, v);
		return;
	}
	f->vals[v].reg = (s8)reg;
	al->in_reg[reg] = v;
	al->result.used |= 1u << reg;
	if (f->vals[v].op == IR_PHI) {
		for (i = 0; i < f->vals[v].arg_count; i++)
			f->vals[f->args[f->vals[v].args + i]].hint = (u8)reg;
	}
}

static int by_start(const struct alloc *al, u32 a, u32 b)
{
	return al->intervals[a].start < al->intervals[b].start;
}

/* Values in the order in which they start: nearly the order they stand in. */
static void sort_by_start(const struct alloc *al, u32 *values, u32 count)
{
	u32 i, k;

	for (i = 1; i < count; i++) {
		u32 v = values[i];

		for (k = i; k > 0 && by_start(al, v, values[k - 1]); k--)
			values[k] = values[k - 1];
		values[k] = v;
	}
}

int alloc_registers(struct ir_func *f, const struct alloc_target *target, u32 usable,
	struct alloc_result *ret_result)
{
	struct alloc al = {.f = f, .t = target, .usable = usable};
	u32 v, count = 0, *values;
	int err = find_intervals(&al);

	if (err)
		return err;
	err = find_clobbers(&al);
	values = arena_alloc(&f->program->arena, f->val_count * sizeof(u32));
	if (err || !values)
		return -ENOMEM;
	if (find_webs(&al))
		return -ENOMEM;
	find_hints(&al);
	for (v = 1; v < f->val_count; v++) {
		f->vals[v].reg = -1;
		if (has_place(&f->vals[v]) && al.leader[v] == v &&
			al.intervals[v].start != UINT32_MAX)
			values[count++] = v;
	}
	sort_by_start(&al, values, count);
	for (v = 0; v < count; v++)
		give(&al, values[v]);
	for (v = 1; v < f->val_count; v++) {
		f->vals[v].reg = f->vals[al.leader[v]].reg;
		f->vals[v].slot = f->vals[al.leader[v]].slot;
	}
	f->live_in = al.live_in;
	f->live_words = al.words;
	f->live_values = al.globals;
	f->live_count = al.global_count;
	*ret_result = al.result;
	return 0;
}
