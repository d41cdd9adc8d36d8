// SPDX-License-Identifier: BSD-2-Clause
/*
 * Entering and leaving functions. From sp upwards: spilled values, the counter of may_goto, the
 * part of the BPF stack that stayed memory, the saved registers, of which the frame record (x29,
 * x30) is the first when the function calls anything.
 */
#include "jit/arm64/lower.h"

enum { FIRST_CALLEE_SAVED = 19, LAST_CALLEE_SAVED = 28 };

static s32 save_bytes(const struct arm64_lower *l)
{
	return (s32)ALIGN_UP(8 * l->saved_count, 16u);
}

static void place_frame(struct arm64_lower *l)
{
	const struct ir_func *f = l->f;
	u8 reg;

	l->saved_count = 0;
	if (f->has_calls || (f->index == 0 && l->p->exception_cb >= 0)) {
		l->saved[l->saved_count++] = A64_FP;
		l->saved[l->saved_count++] = A64_LR;
	}
	for (reg = FIRST_CALLEE_SAVED; reg <= LAST_CALLEE_SAVED; reg++) {
		if (l->alloc.used >> reg & 1)
			l->saved[l->saved_count++] = reg;
	}
	l->spill_at = 0;
	l->may_goto_at = 8 * (s32)l->alloc.slot_count;
	l->fuel_at = l->may_goto_at + (f->has_may_goto ? 8 : 0);
	l->stack_end = l->fuel_at + (s32)f->stack_bytes;
	if (f->has_fuel)
		l->stack_end += 8 * __builtin_popcount(l->alloc.used & ARM64_CALLER_SAVED);
	l->frame_bytes = ALIGN_UP(l->stack_end, 16);
}

/* Parameters from where they arrive to where they live. */
static void take_params(struct arm64_lower *l)
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
			.src = arm64_alloc_target.param(f, (u32)val->imm),
			.dst_kind = val->reg >= 0 ? PLACE_REG : PLACE_SLOT,
			.dst = val->reg >= 0 ? (u32)val->reg : val->slot,
			.w = 64,
		};
		if (moves[n].dst_kind == PLACE_SLOT || moves[n].dst != moves[n].src)
			n++;
	}
	arm64_moves(l, moves, n);
}

static void save(struct arm64_lower *l)
{
	s32 bytes = save_bytes(l);
	u32 i;

	if (l->saved_count == 1)
		a64_add_imm(l->b, A64_SUB, 64, A64_SP, A64_SP, (u32)bytes);
	for (i = 0; i + 1 < l->saved_count; i += 2) {
		if (i == 0)
			a64_store_pair_pre(l->b, l->saved[0], l->saved[1], A64_SP, -bytes);
		else
			a64_store_pair(l->b, l->saved[i], l->saved[i + 1], A64_SP, 8 * (s32)i);
	}
	if (l->saved_count % 2)
		arm64_store_at(l, 8, l->saved[i], A64_SP, 8 * (s32)i);
	if (l->saved_count && l->saved[0] == A64_FP)
		a64_add_imm(l->b, A64_ADD, 64, A64_FP, A64_SP, 0);
}

void arm64_enter(struct arm64_lower *l)
{
	place_frame(l);
	a64_bind(l->b, l->func_labels + l->f->index);
	if (l->f->index == 0 || l->f->is_address_taken) /* where indirect calls may lead */
		a64_bti_c(l->b);
	save(l);
	if (l->frame_bytes)
		arm64_add_const(l, 64, A64_SP, A64_SP, -l->frame_bytes);
	if (l->f->has_may_goto) {
		a64_mov_imm(l->b, ARM64_SCRATCH, 8 * 1 << 20);
		arm64_store_at(l, 8, ARM64_SCRATCH, A64_SP, l->may_goto_at);
	}
	take_params(l);
}

void arm64_leave(struct arm64_lower *l)
{
	s32 bytes = save_bytes(l);
	u32 i = l->saved_count;

	if (l->frame_bytes)
		arm64_add_const(l, 64, A64_SP, A64_SP, l->frame_bytes);
	if (i % 2)
		arm64_load_at(l, 8, l->saved[i - 1], A64_SP, 8 * (s32)(i - 1));
	if (i == 1)
		a64_add_imm(l->b, A64_ADD, 64, A64_SP, A64_SP, (u32)bytes);
	for (i /= 2; i-- > 0;) {
		if (i == 0)
			a64_load_pair_post(l->b, l->saved[0], l->saved[1], A64_SP, bytes);
		else
			a64_load_pair(
				l->b, l->saved[2 * i], l->saved[2 * i + 1], A64_SP, 16 * (s32)i);
	}
}

/* ---- ways out ------------------------------------------------------------------------------ */

/* Where bpf_throw() unwinds to: the value thrown, or what the exception callback makes of it. */
static void catch_throw(struct arm64_lower *l)
{
	u8 run = arm64_base(l, l->f->run, 64, 5);

	arm64_load_at(l, 4, ARM64_SCRATCH, run, offsetof(struct run, fault));
	a64_add_imm(l->b, A64_SUBS, 32, A64_ZR, ARM64_SCRATCH, RUN_THROWN);
	a64_jump(l->b, A64_NE, l->zero_label);
	arm64_store_at(l, 4, A64_ZR, run, offsetof(struct run, fault));
	if (run != 5)
		a64_mov(l->b, 64, 5, run);
	arm64_load_at(l, 8, 0, 5, offsetof(struct run, thrown));
	if (l->p->exception_cb >= 0)
		a64_call_label(l->b, l->func_labels + (u32)l->p->exception_cb);
	arm64_leave(l);
	a64_ret(l->b);
	l->uses_zero = true;
}

void arm64_exits(struct arm64_lower *l)
{
	bool catches = l->f->index == 0 && l->uses_fault;

	_Static_assert(RUN_OK == 0, "a fault is cleared with the zero register");
	if (l->f->has_fuel)
		arm64_refuel(l);
	if (l->uses_fault) {
		a64_bind(l->b, l->fault_label);
		if (catches)
			catch_throw(l);
	}
	if (l->uses_zero || l->uses_fault) {
		a64_bind(l->b, l->zero_label);
		a64_mov_imm(l->b, 0, 0);
		arm64_leave(l);
		a64_ret(l->b);
	}
}

/* ---- what the allocator must know ------------------------------------------------------------ */

enum { CALLEE_SAVED = 0x3ff << FIRST_CALLEE_SAVED };

static u32 clobbers(const struct ir_func *f, const struct ir_val *v)
{
	switch (v->op) {
	case IR_CALL:
	case IR_CALL_FUNC:
	case IR_TAIL_CALL:
	case IR_PACKET: return ARM64_CALLER_SAVED;
	default: return 0;
	}
}

static u8 param(const struct ir_func *f, u32 n)
{
	return f->index == 0 && n == IR_RUN_ARG ? 1 : (u8)n;
}

static const u8 arg_regs[] = {0, 1, 2, 3, 4, 5};

const struct alloc_target arm64_alloc_target = {
	.callee_saved = CALLEE_SAVED,
	.regs = 0x7fff | 0x3ffu << 19, /* x0 to x14, x19 to x28 */
	.args = arg_regs,
	.ret = 0,
	.quotient = 0xff,
	.remainder = 0xff,
	.divisor = 0xff,
	.scratch = 1 << ARM64_SCRATCH | 1 << ARM64_SCRATCH2 | 1 << ARM64_SCRATCH3 |
		1 << ARM64_LOOP_NEW | 1 << ARM64_LOOP_STATUS | 1 << 18,
	.clobbers = clobbers,
	.param = param,
};
