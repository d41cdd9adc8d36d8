// SPDX-License-Identifier: BSD-2-Clause
/*
 * Loads, stores and atomics. Ordering is the kernel's: operations that fetch are full barriers
 * (acquire and release; the loops end with a barrier), the others are not ordered, load-acquire
 * and store-release are ldar and stlr. With LSE (ARMv8.1) an atomic operation is one instruction,
 * else a loop around a pair of exclusive ones.
 */
#include "jit/arm64/lower.h"

/* base + disp; a large displacement goes through the third scratch register. */
static struct a64_mem at(struct arm64_lower *l, u8 size, u8 base, s64 disp)
{
	if (a64_is_disp(disp, size))
		return (struct a64_mem){.base = base, .index = A64_NO_REG, .disp = (s32)disp};
	a64_mov_imm(l->b, ARM64_SCRATCH3, (u64)disp);
	return (struct a64_mem){.base = base, .index = ARM64_SCRATCH3};
}

void arm64_load_at(struct arm64_lower *l, u8 size, u8 d, u8 base, s32 disp)
{
	a64_load(l->b, size, d, at(l, size, base, disp));
}

void arm64_store_at(struct arm64_lower *l, u8 size, u8 s, u8 base, s32 disp)
{
	a64_store(l->b, size, s, at(l, size, base, disp));
}

/* base + index; what the index is multiplied by is 1 or the size. */
static struct a64_mem indexed(struct arm64_lower *l, const struct ir_val *val, u8 base)
{
	const struct ir_val *index = &l->f->vals[val->b];
	struct a64_mem m = {.base = base, .scale = val->scale};

	if (index->flags & IR_FOLDED) {
		m.is_index32 = true;
		m.index = arm64_src(l, index->a, 32, ARM64_SCRATCH2);
	} else {
		m.index = arm64_src(l, val->b, 64, ARM64_SCRATCH2);
	}
	return m;
}

/* May use the first scratch register, and for an index the second, for a displacement the third. */
static struct a64_mem address(struct arm64_lower *l, const struct ir_val *val)
{
	s64 disp = val->disp;
	u8 base;

	if (l->f->vals[val->a].op == IR_FRAME) {
		base = A64_SP;
		disp += l->stack_end;
	} else {
		base = arm64_base(l, val->a, 64, ARM64_SCRATCH);
	}
	return val->b ? indexed(l, val, base) : at(l, val->size, base, disp);
}

/* The address in one register. */
static u8 whole_address(struct arm64_lower *l, const struct ir_val *val)
{
	u8 base;

	if (l->f->vals[val->a].op == IR_FRAME) {
		s64 disp = (s64)val->disp + l->stack_end;

		if (disp >= -0xffffff && disp <= 0xffffff) {
			arm64_add_const(l, 64, ARM64_SCRATCH, A64_SP, disp);
			return ARM64_SCRATCH;
		}
	}
	base = arm64_base(l, val->a, 64, ARM64_SCRATCH);
	if (val->disp == 0)
		return base;
	arm64_add_const(l, 64, ARM64_SCRATCH, base, val->disp);
	return ARM64_SCRATCH;
}

void arm64_memory(struct arm64_lower *l, u32 v)
{
	const struct ir_val *val = &l->f->vals[v];
	u8 w = val->size == 8 ? 64 : 32, d = val->uses ? arm64_dst(l, v) : A64_ZR, base;
	struct a64_mem m;

	switch (val->op) {
	case IR_STORE:
		m = address(l, val);
		/* an index may be in the second one, a displacement in the third */
		a64_store(l->b, val->size,
			arm64_src(l, val->c, w, val->b ? ARM64_SCRATCH3 : ARM64_SCRATCH2), m);
		return;
	case IR_RELEASE:
		base = whole_address(l, val);
		a64_exclusive(
			l->b, A64_STLR, val->size, arm64_src(l, val->c, w, ARM64_SCRATCH2), base);
		return;
	case IR_ACQUIRE:
		base = whole_address(l, val);
		/* into a register even if nobody looks: what register 31 gets is not ordered */
		a64_exclusive(l->b, A64_LDAR, val->size, val->uses ? d : ARM64_SCRATCH2, base);
		break;
	case IR_LOADSX: a64_load_sx(l->b, val->size, d, address(l, val)); break;
	default: a64_load(l->b, val->size, d, address(l, val)); break;
	}
	if (val->uses && arm64_is_spilled(l, v))
		arm64_store_dst(l, v, d);
}

/* ---- atomics ------------------------------------------------------------------------------- */

static bool fetches(u64 operation)
{
	switch (operation) {
	case INSN_DO_ATOMIC_ADD:
	case INSN_DO_ATOMIC_OR:
	case INSN_DO_ATOMIC_AND:
	case INSN_DO_ATOMIC_XOR: return false;
	default: return true;
	}
}

static enum a64_atomic atomic_of(u64 operation)
{
	switch (operation) {
	case INSN_DO_ATOMIC_ADD:
	case INSN_DO_ATOMIC_FETCH_ADD: return A64_LDADD;
	case INSN_DO_ATOMIC_OR:
	case INSN_DO_ATOMIC_FETCH_OR: return A64_LDSET;
	case INSN_DO_ATOMIC_AND:
	case INSN_DO_ATOMIC_FETCH_AND: return A64_LDCLR;
	case INSN_DO_ATOMIC_XOR:
	case INSN_DO_ATOMIC_FETCH_XOR: return A64_LDEOR;
	default: return A64_SWP;
	}
}

/* One instruction; the old value is in the third scratch register afterwards. */
static void atomic_lse(struct arm64_lower *l, const struct ir_val *val, u8 base)
{
	u8 size = val->w / 8, s = arm64_src(l, val->c, val->w, ARM64_SCRATCH2);
	enum a64_atomic op = atomic_of(val->imm);

	if (val->imm == INSN_DO_ATOMIC_CMPXCHG) {
		arm64_load_into(l, ARM64_SCRATCH3, l->f->args[val->args], val->w);
		a64_cas(l->b, size, ARM64_SCRATCH3, s, base);
		return;
	}
	if (op == A64_LDCLR) { /* clears what the operand has set */
		a64_alu(l->b, A64_ORN, val->w, ARM64_SCRATCH2, A64_ZR, s);
		s = ARM64_SCRATCH2;
	}
	a64_atomic(l->b, op, size, fetches(val->imm), s,
		fetches(val->imm) ? ARM64_SCRATCH3 : A64_ZR, base);
}

static void compute_new(struct arm64_lower *l, const struct ir_val *val, u8 s)
{
	static const enum a64_alu ops[] = {
		[INSN_DO_ATOMIC_ADD] = A64_ADD,
		[INSN_DO_ATOMIC_FETCH_ADD] = A64_ADD,
		[INSN_DO_ATOMIC_OR] = A64_ORR,
		[INSN_DO_ATOMIC_FETCH_OR] = A64_ORR,
		[INSN_DO_ATOMIC_AND] = A64_AND,
		[INSN_DO_ATOMIC_FETCH_AND] = A64_AND,
		[INSN_DO_ATOMIC_XOR] = A64_EOR,
		[INSN_DO_ATOMIC_FETCH_XOR] = A64_EOR,
	};

	a64_alu(l->b, ops[val->imm], val->w, ARM64_LOOP_NEW, ARM64_SCRATCH3, s);
}

/* The same as a loop until nobody came between. */
static void atomic_loop(struct arm64_lower *l, const struct ir_val *val, u8 base)
{
	u8 size = val->w / 8, s = arm64_src(l, val->c, val->w, ARM64_SCRATCH2), new = s;
	bool is_fetch = fetches(val->imm), is_compare = val->imm == INSN_DO_ATOMIC_CMPXCHG;
	u32 again = a64_new_label(l->b), out = a64_new_label(l->b);
	u8 expected = A64_ZR;

	if (is_compare)
		expected = arm64_src(l, l->f->args[val->args], val->w, ARM64_LOOP_NEW);
	a64_bind(l->b, again);
	a64_exclusive(l->b, A64_LDXR, size, ARM64_SCRATCH3, base);
	if (is_compare) {
		a64_alu(l->b, A64_SUBS, val->w, A64_ZR, ARM64_SCRATCH3, expected);
		a64_jump(l->b, A64_NE, out);
	} else if (val->imm != INSN_DO_ATOMIC_XCHG) {
		compute_new(l, val, s);
		new = ARM64_LOOP_NEW;
	}
	a64_store_exclusive(l->b, is_fetch, size, ARM64_LOOP_STATUS, new, base);
	a64_test_jump(l->b, A64_CBNZ, 32, ARM64_LOOP_STATUS, 0, again);
	a64_bind(l->b, out);
	if (is_fetch)
		a64_dmb_ish(l->b);
}

void arm64_atomic(struct arm64_lower *l, u32 v)
{
	const struct ir_val *val = &l->f->vals[v];
	u8 base = whole_address(l, val);

	if (l->has_lse)
		atomic_lse(l, val, base);
	else
		atomic_loop(l, val, base);
	if (val->uses)
		arm64_store_dst(l, v, ARM64_SCRATCH3);
}

bool arm64_has_loops(const struct ir_func *f)
{
	u32 v;

	for (v = 1; v < f->val_count; v++) {
		if (f->vals[v].op == IR_ATOMIC)
			return true;
	}
	return false;
}
