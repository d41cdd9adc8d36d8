// SPDX-License-Identifier: BSD-2-Clause
/* Calls of helpers, kernel functions and functions of the program; tail calls; ways out. */
#include "jit/arm64/lower.h"

#include "runtime/interp.h"

static const u8 arg_regs[] = {0, 1, 2, 3, 4, 5};

/* Moves arguments to the registers that are their places. */
static void pass(struct arm64_lower *l, const struct ir_val *val, const u8 *regs, u32 count)
{
	struct move moves[IR_CALL_ARGS];
	u32 i, n = 0;

	for (i = 0; i < count; i++) {
		u32 arg = l->f->args[val->args + i];

		if (!arg || l->f->vals[arg].op == IR_UNDEF)
			continue;
		move_from(l->f, arg, &moves[n]);
		moves[n].dst_kind = PLACE_REG;
		moves[n].dst = regs[i];
		n++;
	}
	arm64_moves(l, moves, n);
}

void arm64_call(struct arm64_lower *l, u32 v)
{
	const struct ir_val *val = &l->f->vals[v];

	pass(l, val, arg_regs, val->arg_count);
	if (val->op == IR_CALL)
		a64_call(l->b, val->imm);
	else
		a64_call_label(l->b, l->func_labels + (u32)val->imm);
	if (val->uses)
		arm64_store_dst(l, v, 0);
}

static u64 packet_or_minus_1(u64 ctx, u64 off, u64 size, struct run *run)
{
	u64 value;

	return run_load_packet(run, ctx, (s32)off, (u32)size, &value) ? value : UINT64_MAX;
}

void arm64_packet(struct arm64_lower *l, u32 v)
{
	static const u8 regs[] = {0, 1, 3};
	const struct ir_val *val = &l->f->vals[v];

	pass(l, val, regs, ARRAY_SIZE(regs));
	a64_mov_imm(l->b, 2, val->size);
	a64_call(l->b, (u64)(uintptr_t)packet_or_minus_1);
	a64_add_imm(l->b, A64_ADDS, 64, A64_ZR, 0, 1);
	a64_jump(l->b, A64_EQ, l->zero_label);
	l->uses_zero = true;
	if (val->uses)
		arm64_store_dst(l, v, 0);
}

/* Whether an index is known, and within the table: then the slot's address is. */
static bool is_known_slot(const struct arm64_lower *l, const struct tail_table *table, u32 index)
{
	return ir_is_const(l->f, index) && l->f->vals[index].imm < table->count;
}

/* x16 = the address of slot w2; leaves for `out` when there is none. */
static void find_slot(struct arm64_lower *l, const struct tail_table *table, u32 out)
{
	a64_mov_imm(l->b, ARM64_SCRATCH, (u64)(uintptr_t)table);
	arm64_load_at(l, 4, ARM64_SCRATCH2, ARM64_SCRATCH, offsetof(struct tail_table, count));
	a64_alu(l->b, A64_SUBS, 32, A64_ZR, 2, ARM64_SCRATCH2);
	a64_jump(l->b, A64_HS, out);
	a64_add_imm(l->b, A64_ADD, 64, ARM64_SCRATCH, ARM64_SCRATCH,
		offsetof(struct tail_table, slots));
	a64_alu_shifted(l->b, A64_ADD, 64, ARM64_SCRATCH, ARM64_SCRATCH, 2, A64_LSL, 3);
}

/*
 * x16 = the image to go to, from the table of a known map; leaves for `out` when there is none.
 * The slot is read with acquire: what it points to was written before it.
 */
static void find_target(struct arm64_lower *l, const struct tail_table *table, u32 index, u32 out)
{
	enum { COUNT = ARM64_SCRATCH3 };
	const s32 tail_calls_left = offsetof(struct run, tail_calls_left);

	arm64_load_at(l, 8, COUNT, 1, tail_calls_left);
	a64_add_imm(l->b, A64_SUBS, 64, COUNT, COUNT, 1);
	a64_jump(l->b, A64_LT, out);
	if (is_known_slot(l, table, index))
		a64_mov_imm(
			l->b, ARM64_SCRATCH, (u64)(uintptr_t)&table->slots[l->f->vals[index].imm]);
	else
		find_slot(l, table, out);
	a64_exclusive(l->b, A64_LDAR, 8, ARM64_SCRATCH, ARM64_SCRATCH);
	a64_test_jump(l->b, A64_CBZ, 64, ARM64_SCRATCH, 0, out);
	arm64_store_at(l, 8, COUNT, 1, tail_calls_left);
}

void arm64_tail_call(struct arm64_lower *l, u32 v)
{
	const struct ir_val *val = &l->f->vals[v];
	const struct tail_table *table = (const struct tail_table *)(uintptr_t)val->imm;
	u32 out = a64_new_label(l->b), index = l->f->args[val->args + 2], i, n = 0;
	struct move moves[4];

	for (i = 0; i < 3; i++) {
		if (!l->f->args[val->args + i] || (i == 2 && is_known_slot(l, table, index)))
			continue;
		move_from(l->f, l->f->args[val->args + i], &moves[n]);
		moves[n].dst_kind = PLACE_REG;
		moves[n++].dst = arg_regs[i];
	}
	if (val->a) { /* an argument register that tail calls do not need */
		move_from(l->f, val->a, &moves[n]);
		moves[n].dst_kind = PLACE_REG;
		moves[n++].dst = 3;
	}
	arm64_moves(l, moves, n);
	if (val->a) {
		a64_test_jump(l->b, A64_CBZ, 64, 3, 0, out);
		a64_mov(l->b, 64, ARM64_SCRATCH, 3);
	} else {
		find_target(l, table, index, out);
	}
	arm64_store_at(l, 8, ARM64_SCRATCH, 1, offsetof(struct run, image));
	arm64_leave(l);
	arm64_load_at(l, 8, ARM64_SCRATCH, ARM64_SCRATCH, offsetof(struct image, entry));
	a64_branch_reg(l->b, ARM64_SCRATCH); /* x16 and x17 may jump to where calls land */
	a64_bind(l->b, out);
}

void arm64_check(struct arm64_lower *l, u32 v)
{
	u8 run = arm64_base(l, l->f->args[l->f->vals[v].args], 64, ARM64_SCRATCH);

	arm64_load_at(l, 4, ARM64_SCRATCH, run, offsetof(struct run, fault));
	a64_test_jump(l->b, A64_CBNZ, 32, ARM64_SCRATCH, 0, l->fault_label);
	l->uses_fault = true;
}

/* Counts; what has to be looked at when the count is at its end is far from the loop. */
void arm64_fuel(struct arm64_lower *l, u32 v)
{
	u8 run = arm64_base(l, l->f->args[l->f->vals[v].args], 64, ARM64_SCRATCH);
	u32 slow = a64_new_label(l->b), go_on = a64_new_label(l->b);

	/* below zero there is no limit: as unsigned numbers those do not borrow */
	arm64_load_at(l, 8, ARM64_SCRATCH2, run, offsetof(struct run, fuel));
	a64_add_imm(l->b, A64_SUBS, 64, ARM64_SCRATCH2, ARM64_SCRATCH2, 1);
	arm64_store_at(l, 8, ARM64_SCRATCH2, run, offsetof(struct run, fuel));
	a64_jump(l->b, A64_LO, slow);
	a64_bind(l->b, go_on);
	l->f->vals[v].imm = (u64)go_on << 32 | slow;
	l->uses_fault = true;
}

static void keep_registers(struct arm64_lower *l, bool is_back)
{
	u32 regs = l->alloc.used & ARM64_CALLER_SAVED;
	s32 at = l->fuel_at;

	for (; regs; regs &= regs - 1, at += 8) {
		if (is_back)
			arm64_load_at(l, 8, (u8)__builtin_ctz(regs), A64_SP, at);
		else
			arm64_store_at(l, 8, (u8)__builtin_ctz(regs), A64_SP, at);
	}
}

void arm64_refuel(struct arm64_lower *l)
{
	u32 v;

	for (v = 1; v < l->f->val_count; v++) {
		const struct ir_val *val = &l->f->vals[v];

		if (val->op != IR_FUEL || !val->imm)
			continue;
		a64_bind(l->b, (u32)val->imm);
		keep_registers(l, false);
		arm64_load_into(l, 0, l->f->args[val->args], 64);
		a64_call(l->b, (u64)(uintptr_t)run_refuel);
		a64_mov(l->b, 32, ARM64_SCRATCH, 0);
		keep_registers(l, true);
		a64_test_jump(l->b, A64_TBZ, 32, ARM64_SCRATCH, 0, (u32)(val->imm >> 32));
		a64_jump(l->b, A64_ALWAYS, l->fault_label);
	}
}
