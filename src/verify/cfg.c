// SPDX-License-Identifier: BSD-2-Clause
/*
 * Control flow before any value is known: every instruction is reachable, no edge leaves the
 * program, no path of an unprivileged program comes back. Marks where states are worth comparing
 * (prune points), where the history must be recorded (jump points) and where a checkpoint is needed
 * whatever it costs (loops that only end by comparing states).
 *
 * A depth-first walk with an explicit stack. Of an instruction on the stack, `edge` says how far
 * its successors were taken; the order (next instruction first, then the target) is the kernel's,
 * which decides what is called a back edge.
 */
#include "verify/check.h"

#include <errno.h>

enum visit {
	UNSEEN,
	ON_STACK,
	DONE,
};

enum edge {
	EDGE_NONE,
	EDGE_NEXT,
	EDGE_BRANCH,
};

struct cfg {
	struct verify_env *env;
	u8 *visit, *edge;
	u32 *stack, depth;
};

static u32 slots_at(const struct verify_env *env, u32 insn)
{
	return insn_is_ld_imm64(&env->insns[insn]) ? 2 : 1;
}

static void mark_target(struct verify_env *env, u32 insn)
{
	env->aux[insn].prune_point = env->aux[insn].jmp_point = env->aux[insn].jump_target = 1;
}

/* Before 6.7 only jumps may lead back into what is on the way, and references to callbacks. */
static bool may_loop(const struct verify_env *env, u32 from, enum edge edge)
{
	const struct insn *insn = &env->insns[from];
	u8 cls = BPF_CLASS(insn->op), op = BPF_OP(insn->op);

	if (env->kernel >= KERNEL(6, 7))
		return true;
	if (insn_is_ld_imm64(insn))
		return edge == EDGE_BRANCH;
	return (cls == BPF_JMP || cls == BPF_JMP32) && op != BPF_CALL && op != BPF_EXIT;
}

/* Takes one edge: 1 = the target was pushed and comes first, 0 = nothing to do there. */
static int take(struct cfg *c, u32 from, s64 to, enum edge edge)
{
	struct verify_env *env = c->env;

	if (c->edge[from] >= edge)
		return 0;
	if (to < 0 || to >= env->insn_count) {
		print_line(env, from, "");
		return verify_refuse(env, REASON_JUMP_RANGE,
			"jump out of range from insn %d to %d\n", from, (s32)to);
	}
	if (edge == EDGE_BRANCH)
		mark_target(env, (u32)to);
	if (c->visit[to] == UNSEEN) {
		c->edge[from] = edge;
		c->visit[to] = ON_STACK;
		c->stack[c->depth++] = (u32)to;
		return 1;
	}
	if (c->visit[to] == DONE) {
		c->edge[from] = edge;
		return 0;
	}
	if (env->bpf_capable && may_loop(env, from, edge))
		return 0;
	return verify_refuse(
		env, REASON_BACK_EDGE, "back-edge from insn %d to %d\n", from, (s32)to);
}

/* A call, or an address of a function: the function is entered from here. */
static int visit_call(struct cfg *c, u32 i, bool enters)
{
	struct verify_env *env = c->env;
	u32 next = i + slots_at(env, i);
	s64 target = (s64)i + env->insns[i].imm + 1;
	int ret = take(c, i, next, EDGE_NEXT);

	if (ret)
		return ret;
	env->aux[next].prune_point = env->aux[next].jmp_point = 1;
	if (!enters)
		return 0;
	env->aux[i].prune_point = 1;
	if (subprog_containing(env, (u32)target)->changes_pkt_data)
		subprog_containing(env, i)->changes_pkt_data = true;
	return take(c, i, target, EDGE_BRANCH);
}

static int visit_helper_call(struct cfg *c, u32 i)
{
	struct verify_env *env = c->env;
	const struct helper_spec *spec = helper_spec_by_id((u32)env->insns[i].imm);
	u32 flags = spec ? spec->flags : 0;

	if (flags & HELPER_CALLBACK_ASYNC)
		env->aux[i].prune_point = 1;
	if (flags & HELPER_CALLBACK_SYNC)
		env->aux[i].calls_callback = env->aux[i].force_checkpoint =
			env->aux[i].prune_point = env->aux[i].jmp_point = 1;
	if (flags & HELPER_CHANGES_PKT_DATA || env->insns[i].imm == BPF_FUNC_tail_call)
		subprog_containing(env, i)->changes_pkt_data = true;
	return visit_call(c, i, false);
}

static int visit_jump(struct cfg *c, u32 i)
{
	struct verify_env *env = c->env;
	const struct insn *insn = &env->insns[i];
	s64 target = (s64)i + insn_jump_offset(insn) + 1;
	int ret;

	if (BPF_OP(insn->op) == BPF_JA) {
		if (BPF_SRC(insn->op) != BPF_K)
			return verify_refuse(env, REASON_SHAPE, "%s", "");
		ret = take(c, i, target, EDGE_NEXT);
		if (ret)
			return ret;
		mark_target(env, (u32)target);
		return 0;
	}
	env->aux[i].prune_point = 1;
	if (insn->op == (BPF_JMP | INSN_JCOND) && insn->src == INSN_MAY_GOTO)
		env->aux[i].force_checkpoint = 1;
	ret = take(c, i, (s64)i + 1, EDGE_NEXT);
	return ret ? ret : take(c, i, target, EDGE_BRANCH);
}

static int visit(struct cfg *c, u32 i)
{
	const struct insn *insn = &c->env->insns[i];
	u8 class = BPF_CLASS(insn->op);

	if (insn_is_ld_func(insn))
		return visit_call(c, i, true);
	if (class != BPF_JMP && class != BPF_JMP32)
		return take(c, i, (s64)i + slots_at(c->env, i), EDGE_NEXT);
	switch (BPF_OP(insn->op)) {
	case BPF_EXIT: return 0;
	case BPF_CALL:
		if (insn_is_call_helper(insn))
			return visit_helper_call(c, i);
		if (insn_is_call_kfunc(insn))
			kfunc_mark_cfg(c->env, i);
		return visit_call(c, i, insn->src == INSN_PSEUDO_CALL);
	default: return visit_jump(c, i);
	}
}

static int walk(struct cfg *c, u32 start)
{
	c->visit[start] = ON_STACK;
	c->stack[0] = start;
	c->depth = 1;
	while (c->depth) {
		u32 i = c->stack[c->depth - 1];
		int ret = visit(c, i);

		if (ret < 0)
			return ret;
		/* a jump whose target is to be followed first is looked at again */
		if (ret == 0) {
			c->visit[i] = DONE;
			c->depth--;
		}
	}
	return 0;
}

static int check_reached(struct cfg *c)
{
	struct verify_env *env = c->env;

	for (u32 i = 0; i < env->insn_count; i++) {
		if (c->visit[i] != DONE)
			return verify_refuse(env, REASON_UNREACHABLE, "unreachable insn %d\n", i);
		if (!insn_is_ld_imm64(&env->insns[i]))
			continue;
		if (c->visit[i + 1] != UNSEEN)
			return verify_refuse(env, REASON_JUMP_RANGE,
				"jump into the middle of ldimm64 insn %d\n", i);
		i++;
	}
	return 0;
}

int cfg_check(struct verify_env *env)
{
	struct cfg c = {
		.env = env,
		.visit = arena_calloc(&env->scratch, env->insn_count, 1),
		.edge = arena_calloc(&env->scratch, env->insn_count, 1),
		.stack = arena_calloc(&env->scratch, env->insn_count + 1, sizeof(u32)),
	};
	int err;

	if (!c.visit || !c.edge || !c.stack)
		return -ENOMEM;
	err = walk(&c, 0);
	if (!err && env->exception_callback)
		err = walk(&c, env->subprogs[env->exception_callback].start);
	if (!err)
		err = check_reached(&c);
	return err;
}

/* ---- calls that clobber less than the convention says ---------------------------------------- */
/*
 * Compilers spill around such a call what it might clobber, and fill it again. When the call is
 * known not to, the pairs need no stack of their own: they are found here, and whether the slots
 * have no other use is seen while exploring (stack.c). Patterns that stay allow the program a
 * deeper stack, so the kernel's rules are kept to the letter.
 */
#define CALLER_SAVED 0x3fu

static u32 clobbers(const struct helper_spec *spec)
{
	u32 mask = (spec->ret & RET_TYPE_MASK) != RET_VOID;

	for (u32 i = 0; i < 5; i++)
		if (spec->arg[i] != ARG_NONE)
			mask |= 2u << i;
	return mask;
}

static bool is_spill_pair(const struct insn *spill, const struct insn *fill, s32 off, u32 regs)
{
	return spill->op == (BPF_STX | BPF_MEM | BPF_DW) &&
		fill->op == (BPF_LDX | BPF_MEM | BPF_DW) && spill->dst == BPF_REG_10 &&
		fill->src == BPF_REG_10 && spill->src == fill->dst && regs & 1u << spill->src &&
		spill->off == off && fill->off == off;
}

static void mark_fastcall(struct verify_env *env, struct subprog *sub, u32 call, s32 lowest_off)
{
	const struct helper_spec *spec;
	s32 off = lowest_off;
	bool can_inline;
	u32 kept, i;

	if (insn_is_call_helper(&env->insns[call])) {
		if (call_spec(env, env->insns[call].imm, &spec) != HELPER_OK)
			return;
		kept = CALLER_SAVED & ~clobbers(spec);
		can_inline = spec->flags & HELPER_FASTCALL;
	} else {
		if (!insn_is_call_kfunc(&env->insns[call]) ||
			!kfunc_fastcall_mask(env, &env->insns[call], &kept))
			return;
		kept = CALLER_SAVED & ~kept;
		can_inline = kfunc_is_fastcall(env, &env->insns[call]);
	}
	if (!kept)
		return;
	for (i = 1; i <= 6; i++, off += SLOT_SIZE) {
		if (call < i || call + i >= env->insn_count || env->aux[call - i + 1].jump_target ||
			env->aux[call + i].jump_target ||
			!is_spill_pair(&env->insns[call - i], &env->insns[call + i], off, kept))
			break;
		kept &= ~(1u << env->insns[call - i].src);
		env->aux[call - i].fastcall = env->aux[call + i].fastcall = 1;
	}
	if (i == 1)
		return;
	if (can_inline)
		env->aux[call].fastcall_spills = (u8)(i - 1);
	else
		sub->keep_fastcall_stack = true;
	sub->fastcall_stack_off = (s16)MIN(sub->fastcall_stack_off, off);
}

void cfg_mark_fastcalls(struct verify_env *env)
{
	for (u32 s = 0; s < env->subprog_count; s++) {
		struct subprog *sub = &env->subprogs[s];
		s32 lowest_off = 0;

		for (u32 i = sub[0].start; i < sub[1].start; i++)
			if (env->insns[i].op == (BPF_STX | BPF_MEM | BPF_DW) &&
				env->insns[i].dst == BPF_REG_10)
				lowest_off = MIN(lowest_off, env->insns[i].off);
		for (u32 i = sub[0].start; i < sub[1].start; i++)
			if (env->insns[i].op == (BPF_JMP | BPF_CALL))
				mark_fastcall(env, sub, i, lowest_off);
	}
}
