// SPDX-License-Identifier: BSD-2-Clause
/* Calls of helpers, kernel functions and functions of the program; tail calls; ways out. */
#include "jit/x86_64/lower.h"

#include "jit/bug.h"

static const u8 arg_regs[] = {X86_RDI, X86_RSI, X86_RDX, X86_RCX, X86_R8, X86_R9};

static struct x86_mem run_field(u8 run, size_t offset)
{
	return (struct x86_mem){run, X86_NO_REG, 0, (s32)offset};
}

/* Moves arguments to the registers that are their places. */
static void pass(struct lower *l, const struct ir_val *val, const u8 *regs, u32 count)
{
	struct move moves[IR_CALL_ARGS];
	u32 i, n = 0;

	for (i = 0; i < count; i++) {
		u32 arg = l->f->args[val->args + i];

		if (!arg || l->f->vals[arg].op == IR_UNDEF ||
			(val->block == 0 && frame_has_param(l, arg, regs[i])))
			continue;
		move_from(l->f, arg, &moves[n]);
		moves[n].dst_kind = PLACE_REG;
		moves[n].dst = regs[i];
		n++;
	}
	lower_moves(l, moves, n);
}

void lower_call(struct lower *l, u32 v)
{
	const struct ir_val *val = &l->f->vals[v];

	pass(l, val, arg_regs, val->arg_count);
	if (val->op == IR_CALL)
		x86_call(l->b, val->imm);
	else
		x86_call_label(l->b, l->func_labels + (u32)val->imm);
	if (val->uses)
		lower_store_dst(l, v, X86_RAX);
}

static u64 packet_or_minus_1(u64 ctx, u64 off, u64 size, struct run *run)
{
	u64 value;

	return run_load_packet(run, ctx, (s32)off, (u32)size, &value) ? value : UINT64_MAX;
}

void lower_packet(struct lower *l, u32 v)
{
	static const u8 regs[] = {X86_RDI, X86_RSI, X86_RCX};
	const struct ir_val *val = &l->f->vals[v];

	pass(l, val, regs, 3);
	x86_mov_ri(l->b, X86_RDX, val->size);
	x86_call(l->b, (u64)(uintptr_t)packet_or_minus_1);
	x86_alu_ri(l->b, X86_CMP, 64, X86_RAX, -1);
	x86_jump(l->b, X86_E, l->zero_label);
	l->uses_zero = true;
	if (val->uses)
		lower_store_dst(l, v, X86_RAX);
}

/* Whether an index is known, and within the table: then it is part of the slot's address. */
static bool is_known_slot(const struct lower *l, const struct tail_table *table, u32 index)
{
	return ir_is_const(l->f, index) && l->f->vals[index].imm < table->count;
}

/*
 * rax = the image to go to, from the table of a known map; leaves for `out` when there is none. The
 * index is in edx when it is not known.
 */
static void find_target(struct lower *l, const struct tail_table *table, u32 index, u32 out)
{
	struct x86_mem slot = {X86_RAX, X86_NO_REG, 0, 0};

	if (is_known_slot(l, table, index)) {
		x86_mov_ri(l->b, X86_RAX, (u64)(uintptr_t)&table->slots[l->f->vals[index].imm]);
	} else {
		slot = (struct x86_mem){X86_RCX, X86_RDX, 3, offsetof(struct tail_table, slots)};
		x86_mov_ri(l->b, X86_RCX, (u64)(uintptr_t)table);
		x86_alu_rm(l->b, X86_CMP, 32, X86_RDX,
			(struct x86_mem){
				X86_RCX, X86_NO_REG, 0, offsetof(struct tail_table, count)});
		x86_jump(l->b, X86_AE, out);
	}
	x86_load(l->b, 8, X86_RAX, slot);
	x86_test_rr(l->b, 64, X86_RAX, X86_RAX);
	x86_jump(l->b, X86_E, out);
	x86_alu_mi(l->b, X86_SUB, 64, run_field(X86_RSI, offsetof(struct run, tail_calls_left)),
		!JIT_BUG(TAIL_COUNT));
	x86_jump(l->b, X86_L, out);
}

void lower_tail_call(struct lower *l, u32 v)
{
	static const u8 regs[] = {X86_RDI, X86_RSI, X86_RDX};
	const struct ir_val *val = &l->f->vals[v];
	const struct x86_mem entry = {X86_RAX, X86_NO_REG, 0, offsetof(struct image, entry)};
	const struct tail_table *table = (const struct tail_table *)(uintptr_t)val->imm;
	u32 out = x86_new_label(l->b), index = l->f->args[val->args + 2], i, n = 0;
	struct move moves[4];

	for (i = 0; i < 3; i++) {
		if (!l->f->args[val->args + i] || (i == 2 && is_known_slot(l, table, index)))
			continue;
		move_from(l->f, l->f->args[val->args + i], &moves[n]);
		moves[n].dst_kind = PLACE_REG;
		moves[n++].dst = regs[i];
	}
	if (val->a) {
		move_from(l->f, val->a, &moves[n]);
		moves[n].dst_kind = PLACE_REG;
		moves[n++].dst = X86_RAX;
	}
	lower_moves(l, moves, n);
	if (val->a) {
		x86_test_rr(l->b, 64, X86_RAX, X86_RAX);
		x86_jump(l->b, X86_E, out);
	} else {
		find_target(l, table, index, out);
	}
	x86_store(l->b, 8, run_field(X86_RSI, offsetof(struct run, image)), X86_RAX);
	frame_leave(l);
	if (l->uses_retpolines) {
		x86_load(l->b, 8, X86_RAX, entry);
		x86_retpoline(l->b);
	} else {
		x86_jump_mem(l->b, entry);
	}
	x86_bind(l->b, out);
}

void lower_check(struct lower *l, u32 v)
{
	u8 run = lower_src(l, l->f->args[l->f->vals[v].args], LOWER_SCRATCH);

	x86_alu_mi(l->b, X86_CMP, 32, run_field(run, offsetof(struct run, fault)), RUN_OK);
	x86_jump(l->b, X86_NE, l->fault_label);
	l->uses_fault = true;
}

/* Counts; what has to be looked at when the count is at its end is far from the loop. */
void lower_fuel(struct lower *l, u32 v)
{
	u8 run = lower_src(l, l->f->args[l->f->vals[v].args], LOWER_SCRATCH);
	u32 slow = x86_new_label(l->b), go_on = x86_new_label(l->b);

	/* below zero there is no limit: as unsigned numbers those do not borrow */
	x86_alu_mi(l->b, X86_SUB, 64, run_field(run, offsetof(struct run, fuel)), 1);
	x86_jump(l->b, X86_B, slow);
	x86_bind(l->b, go_on);
	l->f->vals[v].imm = (u64)go_on << 32 | slow;
	l->uses_fault = true;
}

static void keep_registers(struct lower *l, bool is_back)
{
	u32 regs = l->alloc.used & X86_CALLER_SAVED;
	struct x86_mem m = {X86_RSP, X86_NO_REG, 0, l->fuel_at};

	for (; regs; regs &= regs - 1, m.disp += 8) {
		if (is_back)
			x86_load(l->b, 8, (u8)__builtin_ctz(regs), m);
		else
			x86_store(l->b, 8, m, (u8)__builtin_ctz(regs));
	}
}

void lower_refuel(struct lower *l)
{
	u32 v;

	for (v = 1; v < l->f->val_count; v++) {
		const struct ir_val *val = &l->f->vals[v];

		if (val->op != IR_FUEL || !val->imm)
			continue;
		x86_bind(l->b, (u32)val->imm);
		keep_registers(l, false);
		lower_load_into(l, X86_RDI, l->f->args[val->args], 64);
		x86_call(l->b, (u64)(uintptr_t)run_refuel);
		x86_test_ri(l->b, 32, X86_RAX, 1);
		keep_registers(l, true); /* leaves the flags alone */
		x86_jump(l->b, X86_E, (u32)(val->imm >> 32));
		x86_jump(l->b, X86_ALWAYS, l->fault_label);
	}
}
