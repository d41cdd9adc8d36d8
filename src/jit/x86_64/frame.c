// SPDX-License-Identifier: BSD-2-Clause
/*
 * Entering and leaving functions. From rsp upwards: spilled values, the counter of may_goto, the
 * part of the BPF stack that stayed memory, the saved registers. Functions that call nothing keep
 * a small frame below rsp, in the red zone, and of a large one the spilled values, as many as fit.
 */
#include "jit/x86_64/lower.h"

enum { RED_ZONE = 128 };

static const u8 callee_saved[] = {X86_RBX, X86_RBP, X86_R12, X86_R13, X86_R14, X86_R15};
static const u8 arg_regs[] = {X86_RDI, X86_RSI, X86_RDX, X86_RCX, X86_R8, X86_R9};

static void place_frame(struct lower *l)
{
	const struct ir_func *f = l->f;
	u32 i, pushes = 0;
	s32 size, below;

	l->saved = 0;
	for (i = 0; i < ARRAY_SIZE(callee_saved); i++) {
		if (l->alloc.used >> callee_saved[i] & 1) {
			l->saved |= 1u << callee_saved[i];
			pushes++;
		}
	}
	l->spill_at = 0;
	l->may_goto_at = 8 * (s32)l->alloc.slot_count;
	l->fuel_at = l->may_goto_at + (f->has_may_goto ? 8 : 0);
	l->stack_end = l->fuel_at + (s32)f->stack_bytes;
	if (f->has_fuel)
		l->stack_end += 8 * __builtin_popcount(l->alloc.used & X86_CALLER_SAVED);
	size = l->stack_end;
	if (!f->has_calls) {
		below = size <= RED_ZONE ? size : MIN(l->fuel_at, RED_ZONE);
		l->spill_at -= below;
		l->may_goto_at -= below;
		l->stack_end -= below;
		size -= below;
	} else if ((8 + 8 * pushes + (u32)size) % 16) {
		size += 8;
	}
	l->frame_bytes = size;
}

/* Parameters from where they arrive to where they live. */
static void take_params(struct lower *l)
{
	struct ir_func *f = l->f;
	struct move moves[IR_CALL_ARGS];
	u32 v, n = 0;

	for (v = 1; v < f->params_end; v++) {
		const struct ir_val *val = &f->vals[v];

		if (val->op != IR_PARAM || !val->uses)
			continue;
		moves[n] = (struct move){
			.src_kind = PLACE_REG,
			.src = x86_alloc_target.param(f, (u32)val->imm),
			.dst_kind = val->reg >= 0 ? PLACE_REG : PLACE_SLOT,
			.dst = val->reg >= 0 ? (u32)val->reg : val->slot,
			.w = 64,
		};
		if (moves[n].dst_kind == PLACE_SLOT || moves[n].dst != moves[n].src)
			n++;
	}
	lower_moves(l, moves, n);
	l->params_at = l->b->len;
}

bool frame_has_param(const struct lower *l, u32 v, u8 reg)
{
	const struct ir_func *f = l->f;
	u32 other;

	if (l->params_at != l->b->len || f->vals[v].op != IR_PARAM ||
		x86_alloc_target.param(f, (u32)f->vals[v].imm) != reg)
		return false;
	for (other = 1; other < f->blocks[0].end; other++) {
		if (other != v && f->vals[other].op == IR_PARAM && f->vals[other].uses &&
			f->vals[other].reg == (s8)reg)
			return false;
	}
	return true;
}

void frame_enter(struct lower *l)
{
	u32 i;

	place_frame(l);
	x86_bind(l->b, l->func_labels + l->f->index);
	if (l->f->index == 0 || l->f->is_address_taken) /* where indirect calls may lead */
		x86_endbr64(l->b);
	for (i = 0; i < ARRAY_SIZE(callee_saved); i++) {
		if (l->saved >> callee_saved[i] & 1)
			x86_push(l->b, callee_saved[i]);
	}
	if (l->frame_bytes)
		x86_alu_ri(l->b, X86_SUB, 64, X86_RSP, l->frame_bytes);
	if (l->f->has_may_goto)
		x86_store_imm(l->b, 8, (struct x86_mem){X86_RSP, X86_NO_REG, 0, l->may_goto_at},
			8 * 1 << 20);
	take_params(l);
}

void frame_leave(struct lower *l)
{
	u32 i;

	if (l->frame_bytes)
		x86_alu_ri(l->b, X86_ADD, 64, X86_RSP, l->frame_bytes);
	for (i = ARRAY_SIZE(callee_saved); i-- > 0;) {
		if (l->saved >> callee_saved[i] & 1)
			x86_pop(l->b, callee_saved[i]);
	}
}

bool frame_is_small(const struct lower *l)
{
	return !l->frame_bytes && __builtin_popcount(l->saved) <= 1;
}

static struct x86_mem run_field(u8 run, size_t offset)
{
	return (struct x86_mem){run, X86_NO_REG, 0, (s32)offset};
}

/* Where bpf_throw() unwinds to: the value thrown, or what the exception callback makes of it. */
static void catch_throw(struct lower *l)
{
	u8 run = lower_src(l, l->f->run, X86_R9);

	x86_alu_mi(l->b, X86_CMP, 32, run_field(run, offsetof(struct run, fault)), RUN_THROWN);
	x86_jump(l->b, X86_NE, l->zero_label);
	x86_store_imm(l->b, 4, run_field(run, offsetof(struct run, fault)), RUN_OK);
	if (l->p->exception_cb < 0) {
		x86_load(l->b, 8, X86_RAX, run_field(run, offsetof(struct run, thrown)));
	} else {
		if (run != X86_R9)
			x86_mov_rr(l->b, 64, X86_R9, run);
		x86_load(l->b, 8, X86_RDI, run_field(X86_R9, offsetof(struct run, thrown)));
		x86_call_label(l->b, l->func_labels + (u32)l->p->exception_cb);
	}
	frame_leave(l);
	x86_ret(l->b);
	l->uses_zero = true;
}

void frame_exits(struct lower *l)
{
	bool catches = l->f->index == 0 && l->uses_fault;

	if (l->f->has_fuel)
		lower_refuel(l);
	if (l->uses_fault) {
		x86_bind(l->b, l->fault_label);
		if (catches)
			catch_throw(l);
	}
	if (l->uses_zero || l->uses_fault) {
		x86_bind(l->b, l->zero_label);
		x86_zero(l->b, X86_RAX);
		frame_leave(l);
		x86_ret(l->b);
	}
}

/* ---- what the allocator must know ------------------------------------------------------------ */

enum {
	CALLEE_SAVED = 1 << X86_RBX | 1 << X86_RBP | 1 << X86_R12 | 1 << X86_R13 | 1 << X86_R14 |
		1 << X86_R15,
};

static u32 clobbers(const struct ir_func *f, const struct ir_val *v)
{
	switch (v->op) {
	case IR_CALL:
	case IR_CALL_FUNC:
	case IR_TAIL_CALL:
	case IR_PACKET: return X86_CALLER_SAVED;
	case IR_UDIV:
	case IR_UMOD:
	case IR_SDIV:
	case IR_SMOD: return 1 << X86_RAX | 1 << X86_RDX;
	case IR_ATOMIC:
		switch (v->imm) {
		case INSN_DO_ATOMIC_CMPXCHG:
		case INSN_DO_ATOMIC_FETCH_OR:
		case INSN_DO_ATOMIC_FETCH_AND:
		case INSN_DO_ATOMIC_FETCH_XOR: return 1 << X86_RAX | 1 << X86_RDX;
		default: return 0;
		}
	default: return 0;
	}
}

static u8 param(const struct ir_func *f, u32 n)
{
	if (f->index == 0)
		return n == IR_RUN_ARG ? X86_RSI : arg_regs[n];
	return arg_regs[n];
}

const struct alloc_target x86_alloc_target = {
	.callee_saved = CALLEE_SAVED,
	.regs = 0xffff & ~(1u << X86_RSP | 1u << LOWER_SCRATCH),
	.args = arg_regs,
	.ret = X86_RAX,
	.quotient = X86_RAX,
	.remainder = X86_RDX,
	.divisor = X86_RSI,
	.scratch = 1 << LOWER_SCRATCH | 1 << LOWER_SCRATCH2,
	.clobbers = clobbers,
	.param = param,
};

/* Whether an operand without a place of its own stands where another one may be. */
static bool meets_another(const struct ir_func *f, const struct ir_val *val)
{
	u8 a = f->vals[val->a].op, b = f->vals[val->b].op;

	if (val->op == IR_PHI)
		return false;
	return b == IR_FRAME || b == IR_UNDEF || a == IR_UNDEF ||
		(val->op == IR_END && a == IR_FRAME);
}

bool x86_needs_two_scratch(const struct ir_func *f, bool has_bmi2)
{
	const u64 shifts = IR_BIT(IR_SHL) | IR_BIT(IR_SHR) | IR_BIT(IR_SAR) | IR_BIT(IR_ROL);
	const u64 stores = IR_BIT(IR_STORE) | IR_BIT(IR_RELEASE);
	bool may_meet = f->vals[f->frame].uses || f->vals[f->undef].uses;
	bool may_shift = !has_bmi2 && (f->ops & shifts);
	u32 i;

	if (!may_meet && !may_shift && !(f->ops & (stores | IR_BIT(IR_ATOMIC))))
		return false;
	for (i = 0; i < f->alive_count; i++) {
		const struct ir_val *val = &f->vals[f->alive[i]];

		if (val->op == IR_ATOMIC || (may_meet && meets_another(f, val)) ||
			(may_shift && (IR_BIT(val->op) & shifts) && !ir_is_const(f, val->b)))
			return true;
		if ((val->op == IR_STORE || val->op == IR_UPDATE || val->op == IR_RELEASE) &&
			(f->vals[val->c].op == IR_FRAME || val->b))
			return true;
	}
	return false;
}
