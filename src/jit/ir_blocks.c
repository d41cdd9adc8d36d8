// SPDX-License-Identifier: BSD-2-Clause
/*
 * The blocks of a function, and which variables are live at their ends. Blocks keep the order of
 * the program; those that nothing reaches get no values.
 */
#include "jit/ir.h"

#include "base/bitset.h"
#include "spec/helper.h"

/* Instruction that a jump at insn goes to; verified, but checked again. */
static s64 jump_target(const struct ir_func *f, u32 insn)
{
	const struct insn_brief *d = &f->program->insns[insn];

	return (s64)insn + 1 + d->off + (d->family == INSN_FAMILY_JA ? d->imm : 0);
}

static int mark_starts(struct ir_func *f)
{
	struct ir_program *p = f->program;
	u32 k;

	bitset_set(p->starts, f->first_insn);
	f->has_entry_block = false;
	for (k = f->first_jump; k < f->end_jump; k++) {
		u32 i = p->jumps[k];
		s64 to;

		if (i + 1 < f->end_insn)
			bitset_set(p->starts, i + 1);
		if (p->insns[i].family == INSN_FAMILY_EXIT)
			continue;
		to = jump_target(f, i);
		if (to < f->first_insn || to >= f->end_insn || !p->insns[to].slots)
			return -EINVAL;
		bitset_set(p->starts, (size_t)to);
		f->has_entry_block |= to == f->first_insn;
	}
	return 0;
}

/* The bits of instructions `64 * word` and so on that start blocks of f. */
static u64 starts_in(const struct ir_func *f, u32 word)
{
	u64 bits = f->program->starts[word];

	if (word == f->first_insn / 64)
		bits &= UINT64_MAX << f->first_insn % 64;
	if (word == f->end_insn / 64)
		bits &= ~(UINT64_MAX << f->end_insn % 64);
	return bits;
}

static int make_blocks(struct ir_func *f)
{
	struct ir_program *p = f->program;
	u32 w, count = f->has_entry_block, last = (f->end_insn - 1) / 64;
	u64 bits;

	for (w = f->first_insn / 64; w <= last; w++)
		count += (u32)__builtin_popcountll(starts_in(f, w));
	f->blocks = arena_calloc(&p->arena, count, sizeof(*f->blocks));
	if (!f->blocks)
		return -ENOMEM;
	f->blocks[0].first_insn = f->blocks[0].end_insn = f->first_insn;
	f->block_count = count;
	count = f->has_entry_block;
	for (w = f->first_insn / 64; w <= last; w++) {
		for (bits = starts_in(f, w); bits; bits &= bits - 1) {
			u32 insn = 64 * w + (u32)__builtin_ctzll(bits);

			p->block_of_insn[insn] = count;
			f->blocks[count].first_insn = insn;
			if (count)
				f->blocks[count - 1].end_insn = insn;
			count++;
		}
	}
	f->blocks[count - 1].end_insn = f->end_insn;
	return 0;
}

static int set_successors(struct ir_func *f, u32 block)
{
	struct ir_program *p = f->program;
	struct ir_block *b = &f->blocks[block];
	u32 last = b->end_insn - 1;
	const struct insn_brief *d;

	if (f->has_entry_block && block == 0) {
		b->term = IR_TERM_JUMP;
		b->succ[b->succ_count++] = 1;
		return 0;
	}
	if (!p->insns[last].slots)
		last--; /* the second half of a wide immediate */
	d = &p->insns[last];
	b->succ_count = 0;
	b->term = IR_TERM_JUMP;
	switch (d->family) {
	case INSN_FAMILY_EXIT: b->term = IR_TERM_RETURN; return 0;
	case INSN_FAMILY_JCC:
		b->term = IR_TERM_BRANCH;
		b->succ[b->succ_count++] = p->block_of_insn[jump_target(f, last)];
		break;
	case INSN_FAMILY_MAY_GOTO:
		b->term = IR_TERM_MAY_GOTO;
		f->has_may_goto = true;
		b->succ[b->succ_count++] = p->block_of_insn[jump_target(f, last)];
		break;
	case INSN_FAMILY_JA:
		b->succ[b->succ_count++] = p->block_of_insn[jump_target(f, last)];
		return 0;
	default: break;
	}
	if (b->end_insn == f->end_insn) {
		if (b->succ_count)
			return -EINVAL; /* a branch whose other way leads out of the function */
		b->term = IR_TERM_TRAP;
		return 0;
	}
	b->succ[b->succ_count++] = block + 1;
	if (b->succ_count == 2 && b->succ[0] == b->succ[1]) {
		b->term = IR_TERM_JUMP;
		b->succ_count = 1;
	}
	return 0;
}

static int mark_reachable(struct ir_func *f)
{
	u32 *stack = arena_alloc(&f->program->arena, f->block_count * sizeof(u32));
	u32 depth = 0;

	if (!stack)
		return -ENOMEM;
	stack[depth++] = 0;
	f->blocks[0].is_reachable = true;
	while (depth) {
		struct ir_block *b = &f->blocks[stack[--depth]];
		u32 i;

		for (i = 0; i < b->succ_count; i++) {
			struct ir_block *s = &f->blocks[b->succ[i]];

			if (!s->is_reachable) {
				s->is_reachable = true;
				stack[depth++] = b->succ[i];
			}
		}
	}
	return 0;
}

/*
 * Blocks in reverse postorder: whatever can come before a block stands before it, except around
 * loops. The less nested way is visited first, so that loops stay together; then the taken one, so
 * that falling through stays falling through.
 */
static void visit_order(const struct ir_block *b, const struct ir_block *blocks, u32 ret[2])
{
	ret[0] = b->succ[0];
	ret[1] = b->succ[1];
	if (b->succ_count == 2 && blocks[ret[1]].loop_depth < blocks[ret[0]].loop_depth) {
		ret[0] = b->succ[1];
		ret[1] = b->succ[0];
	}
}

static int order_blocks(struct ir_func *f)
{
	u32 n = f->block_count, depth = 0, place = n, i, k;
	u32 *stack = arena_alloc(&f->program->arena, 3 * (size_t)n * sizeof(u32));
	struct ir_block *ordered = arena_alloc(&f->program->arena, n * sizeof(*ordered));
	u32 *new_of, *next;

	if (!stack || !ordered)
		return -ENOMEM;
	new_of = stack + n;
	next = new_of + n; /* successors visited; UINT32_MAX = not seen */
	memset(new_of, 0xff, 2 * (size_t)n * sizeof(u32));
	stack[depth++] = 0;
	next[0] = 0;
	while (depth) {
		u32 at = stack[depth - 1], succ[2];

		visit_order(&f->blocks[at], f->blocks, succ);
		if (next[at] == f->blocks[at].succ_count) {
			new_of[at] = --place;
			depth--;
			continue;
		}
		k = succ[next[at]++];
		if (next[k] == UINT32_MAX) {
			next[k] = 0;
			stack[depth++] = k;
		}
	}
	/* what nothing reaches is left out */
	f->block_count = n - place;
	for (i = 0; i < n; i++) {
		struct ir_block *b;

		if (new_of[i] == UINT32_MAX)
			continue;
		b = &ordered[new_of[i] - place];
		*b = f->blocks[i];
		for (k = 0; k < b->succ_count; k++)
			b->succ[k] = new_of[b->succ[k]] - place;
		b->is_loop_head = false;
		b->loop_depth = 0;
	}
	f->blocks = ordered;
	return 0;
}

static int set_predecessors(struct ir_func *f)
{
	u32 i, k, total = 0;

	for (i = 0; i < f->block_count; i++)
		f->blocks[i].pred_count = 0;
	for (i = 0; i < f->block_count; i++) {
		for (k = 0; k < f->blocks[i].succ_count; k++)
			f->blocks[f->blocks[i].succ[k]].pred_count++;
	}
	for (i = 0; i < f->block_count; i++) {
		f->blocks[i].preds = total;
		total += f->blocks[i].pred_count;
		f->blocks[i].pred_count = 0;
	}
	f->preds = arena_alloc(&f->program->arena, (total + 1) * sizeof(u32));
	if (!f->preds)
		return -ENOMEM;
	for (i = 0; i < f->block_count; i++) {
		struct ir_block *b = &f->blocks[i];

		for (k = 0; k < b->succ_count; k++) {
			struct ir_block *s = &f->blocks[b->succ[k]];

			b->place_in[k] = s->pred_count;
			f->preds[s->preds + s->pred_count++] = i;
			s->pred_slots = s->pred_count;
		}
	}
	return 0;
}

/*
 * A jump backwards from j to h makes h..j a loop, which is what compilers emit. A block's depth is
 * the number of loops around it, as far as it matters.
 */
static int set_loops(struct ir_func *f)
{
	u32 i, k, depth = 0;
	u32 *begins = NULL; /* by block, loops that begin there; then those that end before it */

	for (i = 0; i < f->block_count; i++) {
		for (k = 0; k < f->blocks[i].succ_count; k++) {
			u32 head = f->blocks[i].succ[k];

			if (head > i || !f->blocks[i].is_reachable)
				continue;
			if (!begins)
				begins = arena_calloc(&f->program->arena,
					2 * ((size_t)f->block_count + 1), sizeof(u32));
			if (!begins)
				return -ENOMEM;
			f->blocks[head].is_loop_head = true;
			begins[2 * head]++;
			begins[2 * (i + 1) + 1]++;
		}
	}
	for (i = 0; begins && i < f->block_count; i++) {
		depth += begins[2 * i] - begins[2 * i + 1];
		f->blocks[i].loop_depth = (u8)MIN(depth, 4);
	}
	return 0;
}

static int unroll(struct ir_func *f)
{
	u32 count = f->block_count;
	int err = ir_unroll(f);

	return err || f->block_count == count ? err : set_predecessors(f);
}

int ir_find_blocks(struct ir_func *f)
{
	u32 i;
	int err = mark_starts(f);

	if (!err)
		err = make_blocks(f);
	for (i = 0; i < f->block_count && !err; i++)
		err = set_successors(f, i);
	if (!err)
		err = mark_reachable(f);
	if (!err)
		err = set_loops(f);
	if (!err)
		err = order_blocks(f);
	if (!err)
		err = set_predecessors(f);
	if (!err)
		err = unroll(f);
	if (!err)
		err = set_loops(f);
	return err;
}

static inline u32 uses_to_vars(u8 uses, const struct insn_brief *d)
{
	enum { ALL = (1 << IR_REGS) - 1, FIXED = INSN_USES_R0 | INSN_USES_R6 | INSN_USES_ARGS };
	/* by INSN_USES_R0, _R6, _ARGS */
	static const u16 fixed[] = {0, 0x1, 0x40, 0x41, 0x3e, 0x3f, 0x7e, 0x7f};
	u32 vars = (uses & 1u) << d->dst | (uses >> 1 & 1u) << d->src;

	STATIC_ASSERT(INSN_USES_DST == 1 && INSN_USES_SRC == 2);
	if (unlikely(uses & FIXED))
		vars |= fixed[uses / INSN_USES_R0 & 7];
	return vars & ALL;
}

/* The arguments of a helper; all that there may be where it is not known, or takes any number. */
static u32 helper_reads(s32 id)
{
	const struct helper_spec *spec =
		id == BPF_FUNC_trace_printk ? NULL : helper_spec_by_id((u32)id);
	u32 i, reads = 0;

	for (i = 0; spec && i < ARRAY_SIZE(spec->arg); i++)
		reads |= spec->arg[i] != ARG_NONE ? 2u << i : 0;
	return spec ? reads : 0x3e;
}

static u32 reads_of_call(const struct ir_program *p, u32 insn)
{
	const struct insn_brief *d = &p->insns[insn];
	u32 reads = uses_to_vars(d->reads, d);

	switch (d->operation) {
	case INSN_DO_CALL_FUNC: {
		const struct ir_func *callee = p->funcs ? ir_callee(p, insn) : NULL;

		return callee ? callee->entry_live & 0x3e : reads;
	}
	case INSN_DO_TAIL_CALL: return 0xe;
	case INSN_DO_CALL: return ir_inlined_map(p, d) ? 1 << 2 : reads & helper_reads(d->imm);
	default: return reads;
	}
}

/* When a tail call falls through r0 has a value of its own: none is defined. */
static u32 writes_of_call(const struct insn_brief *d)
{
	u32 writes = uses_to_vars(d->writes, d);

	return d->operation == INSN_DO_TAIL_CALL ? writes & 0x3e : writes;
}

/* Words are counted downwards from r10. */
static s16 slot_of(const struct insn_brief *d)
{
	bool is_load = d->operation == INSN_DO_LOAD;
	bool is_plain = is_load | (d->operation == INSN_DO_STORE);

	if (likely(!(is_plain & ((is_load ? d->src : d->dst) == BPF_REG_10))) || d->off >= 0 ||
		d->off % 4 || -d->off / 4 >= IR_STACK_WORDS)
		return 0;
	return (s16)(-d->off / 4);
}

struct ir_func *ir_callee(const struct ir_program *p, u32 insn)
{
	u32 start = insn + 1 + (u32)p->insns[insn].imm, low = 0, high = p->func_count;

	while (low < high) {
		u32 mid = (low + high) / 2;

		if (p->funcs[mid].first_insn == start)
			return &p->funcs[mid];
		if (p->funcs[mid].first_insn < start)
			low = mid + 1;
		else
			high = mid;
	}
	return NULL;
}

void ir_find_effects(struct ir_program *p, u32 insn)
{
	const struct insn_brief *d = &p->insns[insn];
	bool is_call = d->family == INSN_FAMILY_CALL;

	p->effects[insn] = (struct ir_effects){
		.reads = (u16)(is_call ? reads_of_call(p, insn) : uses_to_vars(d->reads, d)),
		.writes = (u16)(is_call ? writes_of_call(d) : uses_to_vars(d->writes, d)),
		.slot = slot_of(d),
	};
}

u64 ir_insn_reads(const struct ir_func *f, u32 insn)
{
	s32 var = ir_slot_var(f, insn);
	u64 reads = f->program->effects[insn].reads;

	if (var >= 0 && f->program->insns[insn].operation == INSN_DO_LOAD)
		reads |= 1ull << var;
	return reads;
}

/* What a block reads before it writes, and what it writes. */
static void find_use_def(const struct ir_func *f, struct ir_block *b)
{
	const struct ir_program *p = f->program;
	u64 use = 0, def = 0;
	u32 insn;

	for (insn = b->first_insn; insn < b->end_insn; insn++) {
		const struct ir_effects *e = &p->effects[insn];
		u64 reads = e->reads, writes = e->writes;

		if (e->slot && f->var_of_word[e->slot] >= 0) {
			u64 var = 1ull << f->var_of_word[e->slot];

			if (p->insns[insn].operation == INSN_DO_LOAD)
				reads |= var;
			else
				writes |= var;
		}
		use |= reads & ~def;
		def |= writes;
	}
	b->use = use;
	b->def = def;
	b->live_in = 0;
}

void ir_live_vars(struct ir_func *f)
{
	u32 i, k;
	bool is_changed = true;

	for (i = 0; i < f->block_count; i++)
		find_use_def(f, &f->blocks[i]);
	while (is_changed) {
		is_changed = false;
		for (i = f->block_count; i-- > 0;) {
			struct ir_block *b = &f->blocks[i];
			u64 in;

			b->live_out = 0;
			for (k = 0; k < b->succ_count; k++)
				b->live_out |= f->blocks[b->succ[k]].live_in;
			in = b->use | (b->live_out & ~b->def);
			is_changed |= in != b->live_in;
			b->live_in = in;
		}
	}
}
