// SPDX-License-Identifier: BSD-2-Clause
/*
 * States seen before. At a prune point the current state is compared with those that were there
 * earlier: when an old one, whose paths all ended well, covers the current one, the path is safe.
 * "Covers" looks only at what those paths read (liveness) and, of scalars, only at those whose
 * value decided something (precision). A state that equals one that is still being explored is an
 * infinite loop; loops that end only because an iterator or a callback ends them are compared by
 * ranges instead, and states that belong to such a loop are compared that way until it is done.
 *
 * New checkpoints are taken sparsely, by the kernel's rules: they decide how many instructions are
 * processed, so they are kept to the letter.
 */
#include "verify/check.h"

#include <errno.h>
#include <stdio.h>

struct visited **prune_bucket(struct verify_env *env, s32 insn)
{
	u32 key = (u32)(insn ^ cur_frame(env)->callsite);

	return &env->visited[key % env->insn_count];
}

static bool same_callsites(const struct state *a, const struct state *b)
{
	if (a->curframe != b->curframe)
		return false;
	for (u32 i = 0; i <= a->curframe; i++)
		if (a->frames[i]->callsite != b->frames[i]->callsite)
			return false;
	return true;
}

struct state *prune_previous_entry(struct verify_env *env, struct state *cur, s32 insn)
{
	for (struct visited *v = *prune_bucket(env, insn); v; v = v->next) {
		struct state *st = v->state;

		if (st->insn == (u32)insn && st->branches && same_callsites(st, cur) &&
			st->dfs_depth < cur->dfs_depth)
			return st;
	}
	return NULL;
}

/* ---- loops of states ------------------------------------------------------------------------- */

/* The outermost header of the loop that st is part of, or NULL; shortens the chain. */
static struct state *loop_entry(struct state *st)
{
	struct state *top = st->loop_entry;

	while (top && top->loop_entry && top != top->loop_entry)
		top = top->loop_entry;
	while (st && st->loop_entry != top) {
		struct state *next = st->loop_entry;

		st->loop_entry = top;
		st = next;
	}
	return top;
}

static void update_loop_entry(struct state *cur, struct state *header)
{
	struct state *cur_top = loop_entry(cur), *header_top = loop_entry(header);

	cur_top = cur_top ? cur_top : cur;
	header_top = header_top ? header_top : header;
	if (header_top->branches && header_top->dfs_depth <= cur_top->dfs_depth) {
		cur->loop_entry = header;
		header->used_as_loop_entry = true;
	}
}

void prune_path_ended(struct verify_env *env, struct state *st)
{
	(void)env;
	for (; st; st = st->parent) {
		u32 left = --st->branches;

		if (!left && st->parent && st->loop_entry)
			update_loop_entry(st->parent, st->loop_entry);
		if (left)
			break;
	}
}

/* ---- comparing ------------------------------------------------------------------------------- */

static bool same_id(u32 old, u32 cur, struct id_pairs *ids)
{
	if (!old != !cur)
		return false;
	if (!old)
		return true;
	for (u32 i = 0; i < ids->count; i++) {
		if (ids->pair[i].old == old)
			return ids->pair[i].cur == cur;
		if (ids->pair[i].cur == cur)
			return false;
	}
	if (bug_on(ids->count >= IDMAP_MAX))
		return false;
	ids->pair[ids->count].old = old;
	ids->pair[ids->count++].cur = cur;
	return true;
}

/* A scalar may be linked to more than the old one was, not to less. */
static bool same_scalar_id(u32 old, u32 cur, struct id_pairs *ids)
{
	if (!old)
		return true;
	cur = cur ? cur : ++ids->next_tmp;
	if (!same_id(old, cur, ids))
		return false;
	return !(old & REG_ADD_CONST) || same_id(old & ~REG_ADD_CONST, cur & ~REG_ADD_CONST, ids);
}

static bool regs_exact(const struct reg *old, const struct reg *cur, struct id_pairs *ids)
{
	return memcmp(old, cur, offsetof(struct reg, id)) == 0 && same_id(old->id, cur->id, ids) &&
		same_id(old->ref_id, cur->ref_id, ids);
}

static bool val_within(const struct reg *old, const struct reg *cur)
{
	return scalar_within(&old->val, &cur->val) && tnum_in(old->val.var_off, cur->val.var_off);
}

static bool scalars_safe(
	struct verify_env *env, const struct reg *old, const struct reg *cur, enum exactness exact)
{
	if (env->explore_alu_limits)
		return memcmp(old, cur, offsetof(struct reg, id)) == 0 &&
			same_scalar_id(old->id, cur->id, &env->ids);
	if (!old->precise && exact == NOT_EXACT)
		return true;
	/* what was learned through the link must be learned again */
	if (old->id & REG_ADD_CONST && !(cur->id & REG_ADD_CONST))
		return false;
	if (old->id && !(old->id & REG_ADD_CONST) && cur->id & REG_ADD_CONST)
		return false;
	if (old->id & REG_ADD_CONST && old->off != cur->off)
		return false;
	return same_scalar_id(old->id, cur->id, &env->ids) && val_within(old, cur);
}

static bool packets_safe(struct verify_env *env, const struct reg *old, const struct reg *cur)
{
	if (old->range < 0 || cur->range < 0) {
		if (old->range != cur->range)
			return false;
	} else if (old->range > cur->range) {
		return false;
	}
	return old->off == cur->off && same_id(old->id, cur->id, &env->ids) && val_within(old, cur);
}

static bool reg_safe(
	struct verify_env *env, const struct reg *old, const struct reg *cur, enum exactness exact)
{
	if (exact == EXACT)
		return regs_exact(old, cur, &env->ids);
	if (exact == NOT_EXACT && !(old->live & LIVE_READ))
		return true;
	if (old->type == REG_NOT_INIT && (exact == NOT_EXACT || cur->type == REG_NOT_INIT))
		return true;
	if (old->type != cur->type)
		return false;
	switch (reg_kind(old->type)) {
	case REG_SCALAR: return scalars_safe(env, old, cur, exact);
	case REG_MAP_KEY:
	case REG_MAP_VALUE:
	case REG_MEM:
	case REG_BUF:
	case REG_TP_BUFFER:
		return memcmp(old, cur, offsetof(struct reg, val)) == 0 && val_within(old, cur) &&
			same_id(old->id, cur->id, &env->ids) &&
			same_id(old->ref_id, cur->ref_id, &env->ids);
	case REG_PACKET_META:
	case REG_PACKET: return packets_safe(env, old, cur);
	case REG_STACK: return regs_exact(old, cur, &env->ids) && old->frameno == cur->frameno;
	case REG_ARENA: return true;
	default: return regs_exact(old, cur, &env->ids);
	}
}

/* Bytes nobody knows, as if a scalar nobody knows was spilled. */
static const struct reg *slot_as_scalar(const struct verify_env *env, const struct slot *s)
{
	if (s->kind[0] == SLOT_SPILL && s->spilled.type == REG_SCALAR)
		return &s->spilled;
	for (u32 i = 0; i < SLOT_SIZE; i++)
		if (s->kind[i] != SLOT_MISC &&
			!(s->kind[i] == SLOT_INVALID && env->allow_uninit_stack))
			return NULL;
	return &env->unbound;
}

static bool objects_safe(struct verify_env *env, const struct slot *old, const struct slot *cur,
	enum exactness exact)
{
	const struct reg *o = &old->spilled, *c = &cur->spilled;

	switch (old->kind[SLOT_SIZE - 1]) {
	case SLOT_SPILL: return reg_safe(env, o, c, exact);
	case SLOT_DYNPTR:
		return o->dynptr_kind == c->dynptr_kind && o->is_first_slot == c->is_first_slot &&
			same_id(o->ref_id, c->ref_id, &env->ids);
	case SLOT_ITER:
		return o->type == c->type && o->btf == c->btf && o->btf_id == c->btf_id &&
			o->iter_state == c->iter_state && same_id(o->ref_id, c->ref_id, &env->ids);
	default: return true;
	}
}

static bool slot_safe(struct verify_env *env, const struct slot *old, const struct slot *cur,
	enum exactness exact)
{
	if (exact != NOT_EXACT) {
		if (!cur)
			return false;
	} else if (!(old->spilled.live & LIVE_READ)) {
		return true;
	}
	for (u32 i = 0; i < SLOT_SIZE; i++) {
		const struct reg *o, *c;

		if (exact != NOT_EXACT && old->kind[i] != cur->kind[i])
			return false;
		if (old->kind[i] == SLOT_INVALID ||
			(env->allow_uninit_stack && old->kind[i] == SLOT_MISC))
			continue;
		if (!cur)
			return false;
		o = slot_as_scalar(env, old);
		c = slot_as_scalar(env, cur);
		if (o && c)
			return reg_safe(env, o, c, exact);
		if (old->kind[i] == SLOT_MISC && cur->kind[i] == SLOT_ZERO)
			continue;
		if (old->kind[i] != cur->kind[i])
			return false;
		if (i == SLOT_SIZE - 1 && !objects_safe(env, old, cur, exact))
			return false;
	}
	return true;
}

static bool frames_equal(struct verify_env *env, const struct frame *old, const struct frame *cur,
	enum exactness exact)
{
	if (old->callsite != cur->callsite || old->callback_depth > cur->callback_depth)
		return false;
	for (u32 i = 0; i < INSN_REG_COUNT; i++)
		if (!reg_safe(env, &old->regs[i], &cur->regs[i], exact))
			return false;
	for (u32 i = 0; i < old->slot_count; i++)
		if (!slot_safe(env, &old->slots[i], i < cur->slot_count ? &cur->slots[i] : NULL,
			    exact))
			return false;
	if (old->ref_count != cur->ref_count)
		return false;
	for (u32 i = 0; i < old->ref_count; i++)
		if (!same_id(old->refs[i].id, cur->refs[i].id, &env->ids))
			return false;
	return true;
}

static void reset_ids(struct verify_env *env)
{
	env->ids.count = 0;
	env->ids.next_tmp = env->id_gen;
}

bool prune_states_equal(
	struct verify_env *env, struct state *old, struct state *cur, enum exactness exact)
{
	if (old->curframe != cur->curframe)
		return false;
	reset_ids(env);
	/* a path that is only speculated was allowed more */
	if (old->speculative && !cur->speculative)
		return false;
	if (old->lock != cur->lock || !old->lock_id != !cur->lock_id)
		return false;
	if (old->lock_id && !same_id(old->lock_id, cur->lock_id, &env->ids))
		return false;
	if (old->rcu_lock != cur->rcu_lock || old->preempt_lock != cur->preempt_lock ||
		old->in_sleepable != cur->in_sleepable)
		return false;
	for (u32 i = 0; i <= old->curframe; i++)
		if (!frames_equal(env, old->frames[i], cur->frames[i], exact))
			return false;
	return true;
}

/* Cheap: equal registers in the innermost frame. */
static bool maybe_looping(const struct state *old, const struct state *cur)
{
	if (old->curframe != cur->curframe)
		return false;
	for (u32 i = 0; i < INSN_REG_COUNT; i++)
		if (memcmp(&state_frame(old)->regs[i], &state_frame(cur)->regs[i],
			    offsetof(struct reg, parent)) != 0)
			return false;
	return true;
}

static bool iter_depths_differ(const struct state *old, const struct state *cur)
{
	for (u32 f = 0; f <= old->curframe; f++)
		for (u32 i = 0; i < old->frames[f]->slot_count; i++) {
			const struct slot *s = &old->frames[f]->slots[i];

			if (s->kind[0] != SLOT_ITER || s->spilled.iter_state != ITER_ACTIVE)
				continue;
			if (cur->frames[f]->slots[i].spilled.iter_depth != s->spilled.iter_depth)
				return true;
		}
	return false;
}

/* ---- widening -------------------------------------------------------------------------------- */

static void widen_reg(struct verify_env *env, const struct reg *old, struct reg *cur)
{
	if (old->type != REG_SCALAR || cur->type != REG_SCALAR || old->precise || cur->precise ||
		regs_exact(old, cur, &env->ids))
		return;
	mark_unknown(env, cur);
}

void prune_widen(struct verify_env *env, struct state *old, struct state *cur)
{
	reset_ids(env);
	for (s32 f = (s32)old->curframe; f >= 0; f--) {
		struct frame *o = old->frames[f], *c = cur->frames[f];

		for (u32 i = 0; i < INSN_REG_COUNT; i++)
			widen_reg(env, &o->regs[i], &c->regs[i]);
		for (u32 i = 0; i < MIN(o->slot_count, c->slot_count); i++)
			if (slot_is_spill(&o->slots[i]) && slot_is_spill(&c->slots[i]))
				widen_reg(env, &o->slots[i].spilled, &c->slots[i].spilled);
	}
}

/* ---- a hit: the old state's marks are this path's too ---------------------------------------- */

static u8 propagate_reg(struct verify_env *env, const struct reg *reg, struct reg *parent)
{
	u8 parent_flag = parent->live & LIVE_READ, flag = reg->live & LIVE_READ;

	if (parent_flag == LIVE_READ64 || !flag || parent_flag == flag)
		return 0;
	live_mark_read(env, reg, parent, flag);
	return flag;
}

static void propagate_liveness(struct verify_env *env, const struct state *old, struct state *cur)
{
	for (u32 f = 0; f <= old->curframe; f++) {
		struct frame *o = old->frames[f], *c = cur->frames[f];

		for (u32 i = f < old->curframe ? BPF_REG_6 : 0; i < BPF_REG_10; i++)
			if (propagate_reg(env, &o->regs[i], &c->regs[i]) == LIVE_READ64)
				live_mark_zext(env, &c->regs[i]);
		for (u32 i = 0; i < MIN(o->slot_count, c->slot_count); i++)
			(void)propagate_reg(env, &o->slots[i].spilled, &c->slots[i].spilled);
	}
}

static bool wants_precision(const struct reg *r)
{
	return r->type == REG_SCALAR && r->precise && r->live & LIVE_READ;
}

static int propagate_precision(struct verify_env *env, const struct state *old)
{
	for (s32 f = (s32)old->curframe; f >= 0; f--) {
		const struct frame *o = old->frames[f];
		bool any = false;

		for (u32 i = 0; i < BPF_REG_10; i++) {
			if (!wants_precision(&o->regs[i]))
				continue;
			if (verify_says_all(env) && !any)
				verify_say(env, "frame %d: propagating r%d", f, i);
			else if (verify_says_all(env))
				verify_say(env, ",r%d", i);
			env->bt.regs[f] |= 1u << i;
			any = true;
		}
		for (u32 i = 0; i < o->slot_count; i++) {
			s32 off = (-(s32)i - 1) * SLOT_SIZE;

			if (!slot_is_spill(&o->slots[i]) || !wants_precision(&o->slots[i].spilled))
				continue;
			if (verify_says_all(env) && !any)
				verify_say(env, "frame %d: propagating fp%d", f, off);
			else if (verify_says_all(env))
				verify_say(env, ",fp%d", off);
			env->bt.slots[f] |= 1ull << i;
			any = true;
		}
		if (any)
			verify_say(env, "\n");
	}
	return precision_mark_batch(env);
}

static int hit(struct verify_env *env, struct visited *v)
{
	int err = 0;

	v->hits++;
	propagate_liveness(env, v->state, env->cur);
	/* the walk back must see this last jump */
	if (env->aux[env->insn].jmp_point)
		err = explore_hist(env, 0, 0);
	if (!err)
		err = propagate_precision(env, v->state);
	return err ? err : 1;
}

/* ---- keeping states -------------------------------------------------------------------------- */

static void clean_reg(struct verify_env *env, struct reg *r)
{
	u8 live = r->live;

	r->live |= LIVE_DONE;
	if (!(live & LIVE_READ))
		mark_not_init(env, r);
}

/* All paths ended: what none of them read may be anything. */
static void clean_state(struct verify_env *env, struct state *st)
{
	if (st->frames[0]->regs[0].live & LIVE_DONE)
		return;
	for (u32 f = 0; f <= st->curframe; f++) {
		struct frame *frame = st->frames[f];

		for (u32 i = 0; i < BPF_REG_10; i++)
			clean_reg(env, &frame->regs[i]);
		for (u32 i = 0; i < frame->slot_count; i++) {
			struct slot *s = &frame->slots[i];
			bool is_read = s->spilled.live & LIVE_READ;

			clean_reg(env, &s->spilled);
			if (!is_read)
				memset(s->kind, SLOT_INVALID, sizeof(s->kind));
		}
	}
}

static void clean_states(struct verify_env *env, s32 insn)
{
	for (struct visited *v = *prune_bucket(env, insn); v; v = v->next) {
		struct state *entry;

		if (v->state->branches)
			continue;
		entry = loop_entry(v->state);
		if (entry && entry->branches)
			continue;
		if (v->state->insn == (u32)insn && same_callsites(v->state, env->cur))
			clean_state(env, v->state);
	}
}

/* A state that is compared again and again in vain is forgotten. */
static void evict(struct verify_env *env, struct visited **link)
{
	struct visited *v = *link;

	*link = v->next;
	if (v->state->frames[0]->regs[0].live & LIVE_DONE && !v->state->used_as_loop_entry) {
		state_free(&env->pool, v->state);
		v->next = env->free_visited;
		env->free_visited = v;
		env->peak_states--;
	}
	/* others stay in memory: running states have pointers into them */
}

static void forget_precision(struct frame *frame)
{
	for (u32 i = 0; i < BPF_REG_10; i++)
		if (frame->regs[i].type == REG_SCALAR)
			frame->regs[i].precise = false;
	for (u32 i = 0; i < frame->slot_count; i++)
		if (slot_is_scalar(&frame->slots[i]))
			frame->slots[i].spilled.precise = false;
}

static struct visited *new_visited(struct verify_env *env)
{
	struct visited *v = env->free_visited;

	if (v)
		env->free_visited = v->next;
	else
		v = arena_alloc(&env->scratch, sizeof(*v));
	if (!v)
		return NULL;
	*v = (struct visited){.state = state_new(&env->pool)};
	return v->state ? v : NULL;
}

/* From here on the current state's registers descend from st's. */
static void link_to_parent(struct state *cur, struct state *st)
{
	for (u32 f = 0; f <= cur->curframe; f++) {
		struct frame *c = cur->frames[f], *p = st->frames[f];

		for (u32 i = f < cur->curframe ? BPF_REG_6 : 0; i < BPF_REG_10; i++)
			c->regs[i].parent = &p->regs[i];
		for (u32 i = 0; i < BPF_REG_10; i++)
			c->regs[i].live = LIVE_NONE;
		for (u32 i = 0; i < c->slot_count; i++) {
			c->slots[i].spilled.live = LIVE_NONE;
			c->slots[i].spilled.parent = &p->slots[i].spilled;
		}
	}
}

static int add_checkpoint(struct verify_env *env, s32 insn)
{
	struct state *cur = env->cur;
	struct visited *v = new_visited(env);

	if (!v)
		return -ENOMEM;
	env->total_states++;
	env->peak_states++;
	env->prev_jmps_processed = env->jmps_processed;
	env->prev_insns_processed = env->insns_processed;
	/* the checkpoint starts imprecise; decisions that come later mark it */
	if (env->bpf_capable)
		for (u32 f = 0; f <= cur->curframe; f++)
			forget_precision(cur->frames[f]);
	if (state_copy(&env->pool, v->state, cur))
		return -ENOMEM;
	v->state->insn = (u32)insn;
	cur->parent = v->state;
	cur->first_insn = insn;
	cur->hist_start = cur->hist_end;
	cur->dfs_depth = v->state->dfs_depth + 1;
	v->next = *prune_bucket(env, insn);
	*prune_bucket(env, insn) = v;
	link_to_parent(cur, v->state);
	return 0;
}

/* ---- the decision ---------------------------------------------------------------------------- */

enum outcome {
	OUTCOME_MISS,
	OUTCOME_HIT,
	OUTCOME_REFUSED,
};

static struct reg *iter_of_next(struct verify_env *env)
{
	struct reg *r1 = cur_reg(env, BPF_REG_1);
	s32 off = r1->off + (s32)r1->val.var_off.value;

	return &reg_frame(env, r1)->slots[slot_index(off)].spilled;
}

static int refuse_loop(struct verify_env *env, const struct state *old, s32 insn)
{
	char line[64];

	print_line(env, (u32)insn, "; ");
	snprintf(line, sizeof(line), "infinite loop detected at insn %d\n", insn);
	(void)verify_refuse(env, REASON_INFINITE_LOOP, "%s", line);
	if (env->kernel < KERNEL(6, 6))
		return OUTCOME_REFUSED;
	verify_say(env, "cur state:");
	print_state(env, cur_frame(env), true);
	verify_say(env, "old state:");
	print_state(env, old->frames[env->cur->curframe], true);
	return OUTCOME_REFUSED;
}

/* Against a state that is still being explored: a loop of some kind. */
static enum outcome compare_running(
	struct verify_env *env, struct state *old, s32 insn, bool force_new, bool *add_new)
{
	struct state *cur = env->cur;
	const struct insn_aux *aux = &env->aux[insn];
	const struct insn *in = &env->insns[insn];
	bool check_loop = true;

	if (state_frame(old)->in_async_callback &&
		state_frame(old)->async_entry_count != cur_frame(env)->async_entry_count) {
		check_loop = false; /* another start of the callback, not a loop */
	} else if (aux->is_iter_next) {
		if (prune_states_equal(env, old, cur, RANGE_WITHIN) &&
			iter_of_next(env)->iter_state == ITER_ACTIVE) {
			update_loop_entry(cur, old);
			return OUTCOME_HIT;
		}
		check_loop = false;
	} else {
		if (in->op == (BPF_JMP | INSN_JCOND) &&
			old->may_goto_depth != cur->may_goto_depth &&
			prune_states_equal(env, old, cur, RANGE_WITHIN)) {
			update_loop_entry(cur, old);
			return OUTCOME_HIT;
		}
		if (aux->calls_callback) {
			if (prune_states_equal(env, old, cur, RANGE_WITHIN))
				return OUTCOME_HIT;
			check_loop = false;
		}
	}
	if (check_loop && maybe_looping(old, cur) &&
		prune_states_equal(env, old, cur, env->kernel < KERNEL(6, 6) ? NOT_EXACT : EXACT) &&
		!iter_depths_differ(old, cur) && old->may_goto_depth == cur->may_goto_depth &&
		old->callback_unroll_depth == cur->callback_unroll_depth)
		return refuse_loop(env, old, insn);
	/* a checkpoint in every turn of a loop would cost more than it saves */
	if (!force_new && env->jmps_processed - env->prev_jmps_processed < 20 &&
		env->insns_processed - env->prev_insns_processed < 100)
		*add_new = false;
	return OUTCOME_MISS;
}

static enum outcome compare_done(struct verify_env *env, struct state *old)
{
	struct state *entry = loop_entry(old);
	bool in_loop = entry && entry->branches > 0;

	if (!prune_states_equal(env, old, env->cur, in_loop ? RANGE_WITHIN : NOT_EXACT))
		return OUTCOME_MISS;
	if (in_loop)
		update_loop_entry(env->cur, entry);
	return OUTCOME_HIT;
}

int prune_visit(struct verify_env *env, s32 insn)
{
	struct state *cur = env->cur;
	struct visited **link = prune_bucket(env, insn);
	bool forced = env->aux[insn].force_checkpoint;
	bool force_new = env->test_state_freq || forced || cur->hist_end - cur->hist_start > 40;
	bool add_new = force_new;
	u32 count = 0;

	if (env->jmps_processed - env->prev_jmps_processed >= 2 &&
		env->insns_processed - env->prev_insns_processed >= 8)
		add_new = true;
	clean_states(env, insn);
	while (*link) {
		struct visited *v = *link;
		enum outcome outcome;
		u32 patience;

		count++;
		if (v->state->insn != (u32)insn) {
			link = &v->next;
			continue;
		}
		if (v->state->branches)
			outcome = compare_running(env, v->state, insn, force_new, &add_new);
		else
			outcome = compare_done(env, v->state);
		if (outcome == OUTCOME_REFUSED)
			return env->verdict.err;
		if (outcome == OUTCOME_HIT)
			return hit(env, v);
		if (add_new)
			v->misses++;
		patience = forced && v->state->branches > 0 ? 64 : 3;
		if (v->misses > v->hits * patience + patience)
			evict(env, link);
		else
			link = &v->next;
	}
	env->max_states_per_insn = MAX(env->max_states_per_insn, count);
	if (!env->bpf_capable && count > UNPRIV_STATES_LIMIT)
		return 0;
	return add_new ? add_checkpoint(env, insn) : 0;
}
