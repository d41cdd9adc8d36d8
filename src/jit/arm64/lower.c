// SPDX-License-Identifier: BSD-2-Clause
/* Walks the blocks of a function; places of values; comparisons and the ends of blocks. */
#include "jit/arm64/lower.h"

/* ---- places -------------------------------------------------------------------------------- */

bool arm64_is_spilled(const struct arm64_lower *l, u32 v)
{
	const struct ir_val *val = &l->f->vals[v];

	return val->reg < 0 && !(val->flags & (IR_NO_REG | IR_FOLDED));
}

bool arm64_is_const(const struct arm64_lower *l, u32 v, u8 w, u64 *ret_imm)
{
	const struct ir_val *val = &l->f->vals[v];

	if (val->op != IR_CONST)
		return false;
	*ret_imm = w == 32 ? (u32)val->imm : val->imm;
	return true;
}

static bool is_in_reg(const struct ir_val *val)
{
	return val->reg >= 0 && !(val->flags & (IR_NO_REG | IR_FOLDED));
}

void arm64_load_into(struct arm64_lower *l, u8 d, u32 v, u8 w)
{
	const struct ir_val *val = &l->f->vals[v];
	u64 imm;

	if (bug_on(val->flags & IR_FOLDED))
		l->b->err = -EFAULT;
	if (val->bits <= 32)
		w = 32;
	if (is_in_reg(val)) {
		if ((u8)val->reg != d)
			a64_mov(l->b, w, d, (u8)val->reg);
	} else if (arm64_is_const(l, v, w, &imm)) {
		a64_mov_imm(l->b, d, imm);
	} else if (val->op == IR_FRAME) {
		arm64_add_const(l, 64, d, A64_SP, l->stack_end);
	} else if (val->op == IR_UNDEF) {
		a64_mov_imm(l->b, d, 0);
	} else {
		arm64_load_at(l, w / 8, d, A64_SP, l->spill_at + 8 * val->slot);
	}
}

u8 arm64_base(struct arm64_lower *l, u32 v, u8 w, u8 scratch)
{
	const struct ir_val *val = &l->f->vals[v];

	if (is_in_reg(val))
		return (u8)val->reg;
	arm64_load_into(l, scratch, v, w);
	return scratch;
}

u8 arm64_src(struct arm64_lower *l, u32 v, u8 w, u8 scratch)
{
	u64 imm;

	if (l->f->vals[v].op == IR_UNDEF || (arm64_is_const(l, v, w, &imm) && imm == 0))
		return A64_ZR;
	return arm64_base(l, v, w, scratch);
}

u8 arm64_dst(const struct arm64_lower *l, u32 v)
{
	return l->f->vals[v].reg >= 0 ? (u8)l->f->vals[v].reg : ARM64_SCRATCH2;
}

void arm64_store_dst(struct arm64_lower *l, u32 v, u8 reg)
{
	const struct ir_val *val = &l->f->vals[v];

	if (val->reg < 0)
		arm64_store_at(l, 8, reg, A64_SP, l->spill_at + 8 * val->slot);
	else if ((u8)val->reg != reg)
		a64_mov(l->b, val->bits > 32 ? 64 : 32, (u8)val->reg, reg);
}

/* ---- comparisons --------------------------------------------------------------------------- */

static enum a64_cond to_a64(enum ir_cond cond)
{
	static const u8 conds[] = {
		[IR_EQ] = A64_EQ,
		[IR_NE] = A64_NE,
		[IR_ULT] = A64_LO,
		[IR_UGE] = A64_HS,
		[IR_ULE] = A64_LS,
		[IR_UGT] = A64_HI,
		[IR_SLT] = A64_LT,
		[IR_SGE] = A64_GE,
		[IR_SLE] = A64_LE,
		[IR_SGT] = A64_GT,
		[IR_CLEAR] = A64_EQ,
		[IR_SET] = A64_NE,
	};

	return (enum a64_cond)conds[cond];
}

static enum a64_cond test(struct arm64_lower *l, enum a64_cond cond, u32 v, u8 w, u32 bit)
{
	l->test_reg = arm64_base(l, v, w, ARM64_SCRATCH);
	l->test_w = w;
	l->test_bit = (u8)bit;
	return cond;
}

static enum a64_cond compare_bits(
	struct arm64_lower *l, u32 a, u32 b, u8 w, enum ir_cond cond, bool can_test)
{
	u64 imm;
	u8 n;

	if (l->f->vals[a].op == IR_CONST) {
		u32 t = a;

		a = b;
		b = t;
	}
	if (arm64_is_const(l, b, w, &imm)) {
		if (can_test && IS_POWER_OF_2(imm))
			return test(l, cond == IR_SET ? A64_TBNZ : A64_TBZ, a, w,
				(u32)__builtin_ctzll(imm));
		if (a64_is_bitmask(imm, w)) {
			n = arm64_src(l, a, w, ARM64_SCRATCH);
			a64_logic_imm(l->b, A64_ANDS, w, A64_ZR, n, imm);
			return to_a64(cond);
		}
	}
	n = arm64_src(l, a, w, ARM64_SCRATCH);
	a64_alu(l->b, A64_ANDS, w, A64_ZR, n, arm64_src(l, b, w, ARM64_SCRATCH2));
	return to_a64(cond);
}

/* With 0: no comparison where a branch looks at the register itself. */
static bool compare_with_zero(
	struct arm64_lower *l, u32 a, u8 w, enum ir_cond cond, enum a64_cond *ret_cond)
{
	switch (cond) {
	case IR_EQ:
	case IR_ULE: *ret_cond = test(l, A64_CBZ, a, w, 0); return true;
	case IR_NE:
	case IR_UGT: *ret_cond = test(l, A64_CBNZ, a, w, 0); return true;
	case IR_SLT: *ret_cond = test(l, A64_TBNZ, a, w, w - 1); return true;
	case IR_SGE: *ret_cond = test(l, A64_TBZ, a, w, w - 1); return true;
	default: return false;
	}
}

enum a64_cond arm64_compare(
	struct arm64_lower *l, u32 a, u32 b, u8 w, enum ir_cond cond, bool can_test)
{
	enum a64_cond ret;
	u64 imm;
	u8 n;

	if (cond == IR_CLEAR || cond == IR_SET)
		return compare_bits(l, a, b, w, cond, can_test);
	if (l->f->vals[a].op == IR_CONST && l->f->vals[b].op != IR_CONST) {
		u32 t = a;

		a = b;
		b = t;
		cond = ir_cond_exchanged(cond);
	}
	if (arm64_is_const(l, b, w, &imm)) {
		u64 minus = w == 32 ? (u32)-imm : -imm;

		if (imm == 0 && can_test && compare_with_zero(l, a, w, cond, &ret))
			return ret;
		if (a64_is_add_imm(imm) || a64_is_add_imm(minus)) {
			bool is_add = !a64_is_add_imm(imm);

			n = arm64_base(l, a, w, ARM64_SCRATCH);
			a64_add_imm(l->b, is_add ? A64_ADDS : A64_SUBS, w, A64_ZR, n,
				(u32)(is_add ? minus : imm));
			return to_a64(cond);
		}
	}
	n = arm64_src(l, a, w, ARM64_SCRATCH);
	a64_alu(l->b, A64_SUBS, w, A64_ZR, n, arm64_src(l, b, w, ARM64_SCRATCH2));
	return to_a64(cond);
}

void arm64_jump(struct arm64_lower *l, enum a64_cond cond, u32 label)
{
	if (cond >= A64_CBZ)
		a64_test_jump(l->b, cond, l->test_w, l->test_reg, l->test_bit, label);
	else
		a64_jump(l->b, cond, label);
}

/* ---- ends of blocks ------------------------------------------------------------------------ */

static struct arm64_lower *of_flow(const struct flow *flow)
{
	return container_of(flow, struct arm64_lower, flow);
}

static u32 new_label(struct flow *flow)
{
	return a64_new_label(of_flow(flow)->b);
}

static void bind(struct flow *flow, u32 label)
{
	a64_bind(of_flow(flow)->b, label);
}

static void jump(struct flow *flow, u32 cond, u32 label)
{
	arm64_jump(of_flow(flow), (enum a64_cond)cond, label);
}

static void moves(struct flow *flow, struct move *all, u32 count, bool is_before_jump)
{
	arm64_moves(of_flow(flow), all, count);
}

/* No move changes the flags; but it may write the register that is tested. */
static bool keeps(const struct flow *flow, u32 cond, const struct move *move)
{
	u8 reg = of_flow(flow)->test_reg;

	if (move->dst_kind != PLACE_REG)
		return false;
	return cond < A64_CBZ || (reg != move->dst && reg != ARM64_SCRATCH);
}

static bool leave(struct flow *flow, u32 v)
{
	struct arm64_lower *l = of_flow(flow);

	if (l->frame_bytes || l->saved_count)
		return false;
	arm64_load_into(l, 0, v, 64);
	a64_ret(l->b);
	return true;
}

static const struct flow_target arm64_flow = {
	.always = A64_ALWAYS,
	.new_label = new_label,
	.bind = bind,
	.jump = jump,
	.moves = moves,
	.keeps = keeps,
	.leave = leave,
};

static void end_with_may_goto(struct arm64_lower *l, u32 block)
{
	const struct ir_block *b = &l->f->blocks[block];
	u32 label = a64_new_label(l->b);

	arm64_load_at(l, 8, ARM64_SCRATCH, A64_SP, l->may_goto_at);
	a64_test_jump(l->b, A64_CBNZ, 64, ARM64_SCRATCH, 0, label);
	flow_jump(&l->flow, block, b->succ[0]);
	a64_bind(l->b, label);
	a64_add_imm(l->b, A64_SUB, 64, ARM64_SCRATCH, ARM64_SCRATCH, 1);
	arm64_store_at(l, 8, ARM64_SCRATCH, A64_SP, l->may_goto_at);
	flow_go(&l->flow, block, b->succ[1]);
}

static void lower_end(struct arm64_lower *l, u32 block)
{
	const struct ir_block *b = &l->f->blocks[block];
	bool moved;

	switch ((enum ir_term)b->term) {
	case IR_TERM_JUMP: flow_go(&l->flow, block, b->succ[0]); break;
	case IR_TERM_BRANCH:
		moved = flow_moves_first(&l->flow, block);
		flow_branch(&l->flow, block,
			arm64_compare(l, b->a, b->b, b->w, (enum ir_cond)b->cond, true), moved);
		break;
	case IR_TERM_MAY_GOTO: end_with_may_goto(l, block); break;
	case IR_TERM_RETURN:
		arm64_load_into(l, 0, b->a, 64);
		if (l->is_exit_bound) {
			a64_jump(l->b, A64_ALWAYS, l->exit_label);
		} else {
			a64_bind(l->b, l->exit_label);
			l->is_exit_bound = true;
			arm64_leave(l);
			a64_ret(l->b);
		}
		break;
	case IR_TERM_TRAP: a64_trap(l->b); break;
	}
}

/* ---- values -------------------------------------------------------------------------------- */

static void lower_func_addr(struct arm64_lower *l, u32 v)
{
	u8 reg = arm64_dst(l, v);

	a64_adr_label(l->b, reg, l->func_labels + (u32)l->f->vals[v].imm);
	arm64_store_dst(l, v, reg);
}

static void lower_const(struct arm64_lower *l, u32 v)
{
	u8 reg = arm64_dst(l, v);

	if (!l->f->vals[v].uses)
		return;
	a64_mov_imm(l->b, reg, l->f->vals[v].imm);
	arm64_store_dst(l, v, reg);
}

static void lower_val(struct arm64_lower *l, u32 v)
{
	const struct ir_val *val = &l->f->vals[v];

	if (val->flags & (IR_FOLDED | IR_NO_REG))
		return;
	switch ((enum ir_op)val->op) {
	case IR_NONE:
	case IR_UNDEF:
	case IR_FRAME:
	case IR_PARAM:
	case IR_PHI:
	case IR_UPDATE: /* nobody makes these here */
	case IR_COUNT:
	case IR_END:
	case IR_OP_COUNT: return;
	case IR_CONST: lower_const(l, v); return;
	case IR_BLIND: arm64_blind(l, v); return;
	case IR_FUNC_ADDR: lower_func_addr(l, v); return;
	case IR_ADD:
	case IR_SUB:
	case IR_MUL:
	case IR_AND:
	case IR_OR:
	case IR_XOR:
	case IR_SHL:
	case IR_SHR:
	case IR_SAR:
	case IR_ROL: arm64_alu(l, v); return;
	case IR_UDIV:
	case IR_UMOD:
	case IR_SDIV:
	case IR_SMOD: arm64_divide(l, v); return;
	case IR_NEG:
	case IR_ZEXT:
	case IR_SEXT:
	case IR_BSWAP:
	case IR_LOG2:
	case IR_LEA: arm64_convert(l, v); return;
	case IR_SELECT: arm64_select(l, v); return;
	case IR_LOAD:
	case IR_LOADSX:
	case IR_STORE:
	case IR_ACQUIRE:
	case IR_RELEASE: arm64_memory(l, v); return;
	case IR_ATOMIC: arm64_atomic(l, v); return;
	case IR_CALL:
	case IR_CALL_FUNC: arm64_call(l, v); return;
	case IR_TAIL_CALL: arm64_tail_call(l, v); return;
	case IR_PACKET: arm64_packet(l, v); return;
	case IR_FENCE: a64_speculation_barrier(l->b); return;
	case IR_FUEL: arm64_fuel(l, v); return;
	case IR_CHECK: arm64_check(l, v); return;
	}
}

int arm64_lower_func(struct arm64_lower *l)
{
	struct ir_func *f = l->f;
	u32 v, at, end;
	int err = flow_init(&l->flow, &arm64_flow, f);

	if (err)
		return err;
	l->exit_label = a64_new_label(l->b);
	l->fault_label = a64_new_label(l->b);
	l->zero_label = a64_new_label(l->b);
	arm64_enter(l);
	for (at = 0; at < f->block_count; at++) {
		u32 block = l->flow.order[at];

		if (!flow_has_code(&l->flow, block))
			continue;
		if (flow_loop_end(&l->flow, block, &end))
			a64_align(l->b, 2);
		a64_bind(l->b, l->flow.labels + block);
		for (v = f->blocks[block].first; v < f->blocks[block].end; v++)
			lower_val(l, v);
		lower_end(l, block);
	}
	flow_edges(&l->flow);
	arm64_exits(l);
	return l->b->err;
}
