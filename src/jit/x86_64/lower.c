// SPDX-License-Identifier: BSD-2-Clause
/* Walks the blocks of a function; places of values; comparisons, branches and their moves. */
#include "jit/x86_64/lower.h"

#include "jit/bug.h"

/* ---- places -------------------------------------------------------------------------------- */

bool lower_is_spilled(const struct lower *l, u32 v)
{
	const struct ir_val *val = &l->f->vals[v];

	return val->reg < 0 && !(val->flags & (IR_NO_REG | IR_FOLDED));
}

struct x86_mem lower_slot(const struct lower *l, u32 v)
{
	return (struct x86_mem){X86_RSP, X86_NO_REG, 0, l->spill_at + 8 * l->f->vals[v].slot};
}

static void keep(struct lower *l, u8 reg, u32 v)
{
	if (reg != LOWER_SCRATCH && reg != LOWER_SCRATCH2)
		return;
	l->kept[reg == LOWER_SCRATCH2] = v;
	l->b->named &= ~(1u << reg);
}

u8 lower_kept(const struct lower *l, u32 v)
{
	if (l->kept[0] == v && !(l->b->named >> LOWER_SCRATCH & 1))
		return LOWER_SCRATCH;
	if (l->kept[1] == v && !(l->b->named >> LOWER_SCRATCH2 & 1))
		return LOWER_SCRATCH2;
	return X86_NO_REG;
}

static void load_spilled(struct lower *l, u8 dst, u32 v, u8 w)
{
	u8 reg = lower_kept(l, v);

	if (reg == X86_NO_REG)
		x86_load(l->b, w / 8, dst, lower_slot(l, v));
	else if (reg != dst)
		x86_mov_rr(l->b, w, dst, reg);
	else
		return;
	if (w == 64 || l->f->vals[v].bits <= 32)
		keep(l, dst, v);
}

void lower_load_into(struct lower *l, u8 dst, u32 v, u8 w)
{
	const struct ir_val *val = &l->f->vals[v];

	if (val->op == IR_CONST) {
		u64 imm = w == 32 ? (u32)val->imm : val->imm;

		if (val->reg >= 0 && !(val->flags & IR_NO_REG)) {
			if ((u8)val->reg != dst)
				x86_mov_rr(l->b, imm >> 32 ? 64 : 32, dst, (u8)val->reg);
		} else if (imm == 0) {
			x86_zero(l->b, dst);
		} else {
			x86_mov_ri(l->b, dst, imm);
		}
	} else if (val->op == IR_FRAME) {
		x86_lea(l->b, 64, dst, (struct x86_mem){X86_RSP, X86_NO_REG, 0, l->stack_end});
	} else if (val->op == IR_UNDEF) {
		x86_zero(l->b, dst);
	} else if (val->flags & IR_FOLDED) {
		x86_load(l->b, val->size, dst, lower_address(l, v));
	} else if (val->reg < 0) {
		load_spilled(l, dst, v, w == 64 && val->bits > 32 ? 64 : 32);
	} else if ((u8)val->reg != dst) {
		x86_mov_rr(l->b, w == 64 && val->bits > 32 ? 64 : 32, dst, (u8)val->reg);
	}
}

u8 lower_src(struct lower *l, u32 v, u8 scratch)
{
	const struct ir_val *val = &l->f->vals[v];

	if (val->reg >= 0 && !(val->flags & (IR_NO_REG | IR_FOLDED)))
		return (u8)val->reg;
	lower_load_into(l, scratch, v, 64);
	return scratch;
}

u8 lower_dst(const struct lower *l, u32 v)
{
	return l->f->vals[v].reg >= 0 ? (u8)l->f->vals[v].reg : LOWER_SCRATCH2;
}

void lower_store_dst(struct lower *l, u32 v, u8 reg)
{
	if (l->f->vals[v].reg < 0) {
		x86_store(l->b, 8, lower_slot(l, v), reg);
		keep(l, reg, v);
	} else if ((u8)l->f->vals[v].reg != reg) {
		x86_mov_rr(l->b, l->f->vals[v].bits > 32 ? 64 : 32, (u8)l->f->vals[v].reg, reg);
	}
}

bool lower_small_const(const struct lower *l, u32 v, u8 w, s32 *ret_imm)
{
	const struct ir_val *val = &l->f->vals[v];

	if (val->op != IR_CONST || (w == 64 && !ir_fits_s32(val->imm)))
		return false;
	*ret_imm = (s32)val->imm;
	return true;
}

void lower_set_flags(struct lower *l, u8 reg, u8 w)
{
	l->flags_at = l->b->len;
	l->flags_reg = reg;
	l->flags_w = w;
}

/* ---- comparisons --------------------------------------------------------------------------- */

static enum x86_cond to_x86(enum ir_cond cond)
{
	static const u8 conds[] = {
		[IR_EQ] = X86_E,
		[IR_NE] = X86_NE,
		[IR_ULT] = X86_B,
		[IR_UGE] = X86_AE,
		[IR_ULE] = X86_BE,
		[IR_UGT] = X86_A,
		[IR_SLT] = X86_L,
		[IR_SGE] = X86_GE,
		[IR_SLE] = X86_LE,
		[IR_SGT] = X86_G,
		[IR_CLEAR] = X86_E,
		[IR_SET] = X86_NE,
	};

	return (enum x86_cond)conds[cond];
}

/* Bit n of x, where fold_bit() found it. */
static bool emit_bit(struct lower *l, u32 a, u32 b, u8 w)
{
	const struct ir_val *va = &l->f->vals[a], *vb = &l->f->vals[b];
	u8 reg;

	if (vb->op == IR_CONST && (vb->flags & IR_NO_REG) && w == 64 && !ir_fits_s32(vb->imm)) {
		x86_bt_ri(l->b, 64, lower_src(l, a, LOWER_SCRATCH), (u8)__builtin_ctzll(vb->imm));
		return true;
	}
	if (!(va->flags & IR_FOLDED) && !(vb->flags & IR_FOLDED))
		return false;
	if (va->flags & IR_FOLDED) { /* x >> n, tested with 1 */
		w = va->w;
		a = va->a;
		b = va->b;
	} else { /* x, tested with 1 << n */
		b = vb->b;
	}
	reg = lower_src(l, a, LOWER_SCRATCH);
	if (l->f->vals[b].op == IR_CONST) {
		x86_bt_ri(l->b, w, reg, (u8)l->f->vals[b].imm);
		return true;
	}
	x86_bt_rr(l->b, w, reg,
		lower_src(l, b, reg == LOWER_SCRATCH ? LOWER_SCRATCH2 : LOWER_SCRATCH));
	return true;
}

static void emit_test(struct lower *l, u32 a, u32 b, u8 w)
{
	u8 reg = lower_src(l, a, LOWER_SCRATCH);
	s32 imm;

	if (lower_small_const(l, b, w, &imm)) {
		x86_test_ri(l->b, w, reg, imm);
	} else if (lower_is_spilled(l, b)) {
		x86_load(l->b, 8, LOWER_SCRATCH2, lower_slot(l, b));
		x86_test_rr(l->b, w, reg, LOWER_SCRATCH2);
	} else {
		x86_test_rr(l->b, w, reg, lower_src(l, b, LOWER_SCRATCH2));
	}
}

static void compare_memory(struct lower *l, struct x86_mem m, u32 b, u8 w)
{
	s32 imm;

	if (lower_small_const(l, b, w, &imm))
		x86_alu_mi(l->b, X86_CMP, w, m, imm);
	else
		x86_alu_mr(l->b, X86_CMP, w, m, lower_src(l, b, LOWER_SCRATCH2));
}

/* Whether the instruction before has compared already. */
static bool flags_serve(const struct lower *l, u32 a, u32 b, u8 w, enum ir_cond cond)
{
	s32 imm;

	return (cond == IR_EQ || cond == IR_NE) && lower_small_const(l, b, w, &imm) && imm == 0 &&
		l->flags_at == l->b->len && l->flags_w == w &&
		!(l->f->vals[a].flags & (IR_NO_REG | IR_FOLDED)) &&
		l->flags_reg == l->f->vals[a].reg;
}

enum x86_cond lower_compare(struct lower *l, u32 a, u32 b, u8 w, enum ir_cond cond)
{
	const struct ir_func *f = l->f;
	s32 imm;
	u8 reg;

	if (cond == IR_CLEAR || cond == IR_SET) {
		w = JIT_BUG(JSET32) ? 64 : w;
		if (emit_bit(l, a, b, w))
			return cond == IR_SET ? X86_B : X86_AE;
		if (f->vals[a].flags & IR_NO_REG)
			emit_test(l, b, a, w);
		else
			emit_test(l, a, b, w);
		return to_x86(cond);
	}
	if (f->vals[a].op == IR_CONST &&
		(f->vals[b].op != IR_CONST || !(f->vals[b].flags & IR_NO_REG))) {
		u32 t = a;

		a = b;
		b = t;
		cond = ir_cond_exchanged(cond);
	}
	if (f->vals[a].flags & IR_FOLDED) {
		compare_memory(l, lower_address(l, a), b, w);
		return to_x86(cond);
	}
	if (lower_is_spilled(l, a) && !lower_is_spilled(l, b) && !(f->vals[b].flags & IR_FOLDED)) {
		compare_memory(l, lower_slot(l, a), b, w);
		return to_x86(cond);
	}
	if (f->vals[b].flags & IR_FOLDED) { /* the address may need the first scratch */
		reg = lower_src(l, a, LOWER_SCRATCH2);
		x86_alu_rm(l->b, X86_CMP, w, reg, lower_address(l, b));
		return to_x86(cond);
	}
	reg = lower_src(l, a, LOWER_SCRATCH);
	if (lower_small_const(l, b, w, &imm)) {
		if (flags_serve(l, a, b, w, cond))
			return to_x86(cond);
		if (w == 8)
			x86_cmp8_ri(l->b, reg, (u8)imm);
		else if (imm == 0)
			x86_test_rr(l->b, w, reg, reg);
		else
			x86_alu_ri(l->b, X86_CMP, w, reg, imm);
	} else if (lower_is_spilled(l, b)) {
		x86_alu_rm(l->b, X86_CMP, w, reg, lower_slot(l, b));
	} else {
		x86_alu_rr(l->b, X86_CMP, w, reg, lower_src(l, b, LOWER_SCRATCH2));
	}
	return to_x86(cond);
}

/* ---- ends of blocks ------------------------------------------------------------------------ */

static struct lower *of_flow(struct flow *flow)
{
	return container_of(flow, struct lower, flow);
}

static u32 flow_new_label(struct flow *flow)
{
	return x86_new_label(of_flow(flow)->b);
}

static void flow_bind(struct flow *flow, u32 label)
{
	x86_bind(of_flow(flow)->b, label);
}

static void flow_x86_jump(struct flow *flow, u32 cond, u32 label)
{
	x86_jump(of_flow(flow)->b, (enum x86_cond)cond, label);
}

static void flow_moves(struct flow *flow, struct move *moves, u32 count, bool is_before_jump)
{
	struct lower *l = of_flow(flow);

	l->keeps_flags = is_before_jump;
	lower_moves(l, moves, count);
	l->keeps_flags = false;
}

static bool flow_keeps(const struct flow *flow, u32 cond, const struct move *move)
{
	return true;
}

static void load_result(struct lower *l, u32 v)
{
	const struct ir_val *val = &l->f->vals[v];

	if (val->op == IR_CONST && val->reg < 0 && val->imm == UINT32_MAX)
		x86_alu_ri(l->b, X86_OR, 32, X86_RAX, -1); /* shorter than a move */
	else
		lower_load_into(l, X86_RAX, v, 64);
}

static bool flow_leave(struct flow *flow, u32 v)
{
	struct lower *l = of_flow(flow);

	if (!frame_is_small(l))
		return false;
	load_result(l, v);
	frame_leave(l);
	x86_ret(l->b);
	return true;
}

static const struct flow_target x86_flow = {
	.always = X86_ALWAYS,
	.new_label = flow_new_label,
	.bind = flow_bind,
	.jump = flow_x86_jump,
	.moves = flow_moves,
	.keeps = flow_keeps,
	.leave = flow_leave,
};

static void lower_end(struct lower *l, u32 block)
{
	const struct ir_block *b = &l->f->blocks[block];
	struct x86_mem counter = {X86_RSP, X86_NO_REG, 0, l->may_goto_at};
	bool moved;

	switch ((enum ir_term)b->term) {
	case IR_TERM_JUMP: flow_go(&l->flow, block, b->succ[0]); break;
	case IR_TERM_BRANCH:
		moved = !flags_serve(l, b->a, b->b, b->w, (enum ir_cond)b->cond) &&
			flow_moves_first(&l->flow, block);
		flow_branch(&l->flow, block,
			lower_compare(l, b->a, b->b, b->w, (enum ir_cond)b->cond), moved);
		break;
	case IR_TERM_MAY_GOTO: {
		u32 label = x86_new_label(l->b);

		x86_alu_mi(l->b, X86_CMP, 64, counter, 0);
		x86_jump(l->b, X86_NE, label);
		flow_jump(&l->flow, block, b->succ[0]);
		x86_bind(l->b, label);
		x86_alu_mi(l->b, X86_SUB, 64, counter, 1);
		flow_go(&l->flow, block, b->succ[1]);
		break;
	}
	case IR_TERM_RETURN:
		load_result(l, b->a);
		if (l->is_exit_bound && !frame_is_small(l)) {
			x86_jump(l->b, X86_ALWAYS, l->exit_label);
			break;
		}
		if (!l->is_exit_bound)
			x86_bind(l->b, l->exit_label);
		l->is_exit_bound = true;
		frame_leave(l);
		x86_ret(l->b);
		break;
	case IR_TERM_TRAP: x86_trap(l->b); break;
	}
}

/* ---- values -------------------------------------------------------------------------------- */

static void lower_val(struct lower *l, u32 v)
{
	struct ir_val *val = &l->f->vals[v];

	if (val->flags & (IR_FOLDED | IR_NO_REG))
		return;
	switch ((enum ir_op)val->op) {
	case IR_NONE:
	case IR_UNDEF:
	case IR_FRAME:
	case IR_PARAM:
	case IR_PHI:
	case IR_END:
	case IR_OP_COUNT: return;
	case IR_CONST: {
		u8 reg = lower_dst(l, v);

		if (!val->uses)
			return;
		x86_mov_ri(l->b, reg, val->imm);
		lower_store_dst(l, v, reg);
		return;
	}
	case IR_BLIND: lower_blind(l, v); return;
	case IR_FUNC_ADDR: {
		u8 reg = lower_dst(l, v);

		x86_lea_label(l->b, reg, l->func_labels + (u32)val->imm);
		lower_store_dst(l, v, reg);
		return;
	}
	case IR_ADD:
	case IR_SUB:
	case IR_MUL:
	case IR_AND:
	case IR_OR:
	case IR_XOR:
	case IR_SHL:
	case IR_SHR:
	case IR_SAR:
	case IR_ROL: lower_alu(l, v); return;
	case IR_UDIV:
	case IR_UMOD:
	case IR_SDIV:
	case IR_SMOD: lower_divide(l, v); return;
	case IR_NEG:
	case IR_ZEXT:
	case IR_SEXT:
	case IR_BSWAP:
	case IR_LOG2:
	case IR_COUNT:
	case IR_LEA: lower_convert(l, v); return;
	case IR_SELECT: lower_select(l, v); return;
	case IR_LOAD:
	case IR_LOADSX:
	case IR_STORE:
	case IR_UPDATE:
	case IR_ACQUIRE:
	case IR_RELEASE: lower_memory(l, v); return;
	case IR_ATOMIC: lower_atomic(l, v); return;
	case IR_CALL:
	case IR_CALL_FUNC: lower_call(l, v); return;
	case IR_TAIL_CALL: lower_tail_call(l, v); return;
	case IR_PACKET: lower_packet(l, v); return;
	case IR_FENCE: x86_lfence(l->b); return;
	case IR_FUEL: lower_fuel(l, v); return;
	case IR_CHECK: lower_check(l, v); return;
	}
}

int lower_func(struct lower *l)
{
	struct ir_func *f = l->f;
	u32 i, v, at, loop_label = 0, loop_end = UINT32_MAX;
	int err = flow_init(&l->flow, &x86_flow, f);

	if (err)
		return err;
	l->exit_label = x86_new_label(l->b);
	l->fault_label = x86_new_label(l->b);
	l->zero_label = x86_new_label(l->b);
	l->flags_at = l->moved_at = UINT32_MAX;
	frame_enter(l);
	for (at = 0; at < f->block_count; at++) {
		const struct ir_block *b;

		i = l->flow.order[at];
		b = &f->blocks[i];
		if (!flow_has_code(&l->flow, i))
			continue;
		if (flow_loop_end(&l->flow, i, &loop_end)) {
			loop_label = x86_new_label(l->b);
			x86_align(l->b, loop_label);
		}
		x86_bind(l->b, l->flow.labels + i);
		l->flags_at = UINT32_MAX;
		for (v = b->alive; v < b->alive_end; v++)
			lower_val(l, f->alive[v]);
		lower_end(l, i);
		if (i == loop_end) {
			x86_bind(l->b, loop_label);
			loop_end = UINT32_MAX;
		}
	}
	flow_edges(&l->flow);
	frame_exits(l);
	return l->b->err;
}
