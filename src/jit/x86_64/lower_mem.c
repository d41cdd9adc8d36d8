// SPDX-License-Identifier: BSD-2-Clause
/*
 * Loads, stores and atomics. x86 gives loads acquire and stores release order by itself, and every
 * locked instruction is a full barrier, which is what BPF asks of operations that fetch.
 */
#include "jit/x86_64/lower.h"

#include "jit/bug.h"

bool lower_mem_uses(struct x86_mem m, u8 reg)
{
	return m.base == reg || m.index == reg;
}

static bool has_reg(const struct lower *l, u32 v)
{
	const struct ir_val *val = &l->f->vals[v];

	return val->reg >= 0 && !(val->flags & IR_NO_REG);
}

/* May use the first scratch register, and the second one on the way. */
struct x86_mem lower_address(struct lower *l, u32 v)
{
	const struct ir_val *val = &l->f->vals[v];
	struct x86_mem m = {X86_NO_REG, X86_NO_REG, val->scale, val->disp};

	if (l->f->vals[val->a].op == IR_FRAME) {
		m.base = X86_RSP;
		m.disp += l->stack_end;
	} else {
		m.base = lower_src(l, val->a, LOWER_SCRATCH);
	}
	if (!val->b)
		return m;
	if (has_reg(l, val->b)) {
		m.index = (u8)l->f->vals[val->b].reg;
	} else if (m.base != LOWER_SCRATCH) {
		m.index = lower_src(l, val->b, LOWER_SCRATCH);
	} else {
		m.index = lower_src(l, val->b, LOWER_SCRATCH2);
		x86_lea(l->b, 64, LOWER_SCRATCH, m);
		m = (struct x86_mem){LOWER_SCRATCH, X86_NO_REG, 0, 0};
	}
	if (m.index != X86_NO_REG && m.scale == 0 && (m.base & 7) == X86_RBP && m.disp == 0 &&
		(m.index & 7) != X86_RBP && m.base != X86_RSP) {
		u8 t = m.base; /* as a base it costs a displacement */

		m.base = m.index;
		m.index = t;
	}
	return m;
}

static void store(struct lower *l, const struct ir_val *val, struct x86_mem m)
{
	s32 imm;

	if (l->f->vals[val->c].op == IR_UNDEF)
		x86_store_imm(l->b, val->size, m, 0);
	else if (lower_small_const(l, val->c, val->size == 8 ? 64 : 32, &imm))
		x86_store_imm(l->b, val->size, m, imm);
	else
		x86_store(l->b, val->size, m, lower_src(l, val->c, LOWER_SCRATCH2));
}

static void update(struct lower *l, const struct ir_val *val, struct x86_mem m)
{
	u8 w = (u8)(8 * val->size);
	s32 imm;

	if (l->f->vals[val->c].op == IR_UNDEF)
		x86_alu_mi(l->b, x86_alu_of((u8)val->imm), w, m, 0);
	else if (!lower_small_const(l, val->c, w == 64 ? 64 : 32, &imm))
		x86_alu_mr(
			l->b, x86_alu_of((u8)val->imm), w, m, lower_src(l, val->c, LOWER_SCRATCH2));
	else
		x86_alu_mi(l->b, x86_alu_of((u8)val->imm), w, m,
			w == 8		  ? (s8)imm
				: w == 16 ? (s16)imm
					  : imm);
}

void lower_memory(struct lower *l, u32 v)
{
	const struct ir_val *val = &l->f->vals[v];
	struct x86_mem m = lower_address(l, v);
	u8 d;

	if (val->op == IR_UPDATE) {
		update(l, val, m);
		return;
	}
	if (val->op == IR_STORE || val->op == IR_RELEASE) {
		store(l, val, m);
		return;
	}
	d = val->uses ? lower_dst(l, v) : LOWER_SCRATCH;
	if (val->op == IR_LOADSX)
		x86_load_sx(l->b, val->size, 64, d, m);
	else
		x86_load(l->b, val->size, d, m);
	if (val->uses && lower_is_spilled(l, v))
		lower_store_dst(l, v, d);
}

static enum x86_alu atomic_alu(u64 operation)
{
	switch (operation) {
	case INSN_DO_ATOMIC_ADD: return X86_ADD;
	case INSN_DO_ATOMIC_OR:
	case INSN_DO_ATOMIC_FETCH_OR: return X86_OR;
	case INSN_DO_ATOMIC_AND:
	case INSN_DO_ATOMIC_FETCH_AND: return X86_AND;
	default: return X86_XOR;
	}
}

/* An address that does not depend on rax and rdx. */
static struct x86_mem free_of_rax_rdx(struct lower *l, struct x86_mem m)
{
	if (!lower_mem_uses(m, X86_RAX) && !lower_mem_uses(m, X86_RDX))
		return m;
	x86_lea(l->b, 64, LOWER_SCRATCH, m);
	return (struct x86_mem){LOWER_SCRATCH, X86_NO_REG, 0, 0};
}

/* rax = old; rdx = operand; r10 = new, until nobody came between. */
static void fetch_loop(struct lower *l, const struct ir_val *val, struct x86_mem m)
{
	u32 again = x86_new_label(l->b);

	if (JIT_BUG(FETCH_R0))
		x86_load(l->b, val->w / 8, X86_RAX, m);
	lower_load_into(l, LOWER_SCRATCH2, val->c, val->w);
	x86_mov_rr(l->b, val->w, X86_RDX, LOWER_SCRATCH2);
	x86_load(l->b, val->w / 8, X86_RAX, m);
	x86_bind(l->b, again);
	x86_mov_rr(l->b, val->w, LOWER_SCRATCH2, X86_RAX);
	x86_alu_rr(l->b, atomic_alu(val->imm), val->w, LOWER_SCRATCH2, X86_RDX);
	x86_lock(l->b);
	x86_cmpxchg_mr(l->b, val->w, m, LOWER_SCRATCH2);
	x86_jump(l->b, X86_NE, again);
}

static void lower_plain_atomic(struct lower *l, const struct ir_val *val, struct x86_mem m)
{
	s32 imm;

	if (lower_small_const(l, val->c, val->w, &imm)) {
		x86_lock(l->b);
		x86_alu_mi(l->b, atomic_alu(val->imm), val->w, m, imm);
	} else {
		u8 src = lower_src(l, val->c, LOWER_SCRATCH2);

		x86_lock(l->b);
		x86_alu_mr(l->b, atomic_alu(val->imm), val->w, m, src);
	}
}

void lower_atomic(struct lower *l, u32 v)
{
	const struct ir_val *val = &l->f->vals[v];
	struct x86_mem m = lower_address(l, v);
	u8 result = LOWER_SCRATCH2;

	switch (val->imm) {
	case INSN_DO_ATOMIC_ADD:
	case INSN_DO_ATOMIC_OR:
	case INSN_DO_ATOMIC_AND:
	case INSN_DO_ATOMIC_XOR: lower_plain_atomic(l, val, m); return;
	case INSN_DO_ATOMIC_FETCH_ADD:
		lower_load_into(l, LOWER_SCRATCH2, val->c, val->w);
		x86_lock(l->b);
		x86_xadd_mr(l->b, val->w, m, LOWER_SCRATCH2);
		break;
	case INSN_DO_ATOMIC_XCHG:
		lower_load_into(l, LOWER_SCRATCH2, val->c, val->w);
		x86_xchg_mr(l->b, val->w / 8, m, LOWER_SCRATCH2);
		break;
	case INSN_DO_ATOMIC_CMPXCHG:
		m = free_of_rax_rdx(l, m);
		lower_load_into(l, LOWER_SCRATCH2, val->c, val->w);
		lower_load_into(l, X86_RAX, l->f->args[val->args], val->w);
		if (val->w == 32 && !JIT_BUG(CMPXCHG32_ZEXT)) /* the comparison must leave a
								 zero-extended value */
			x86_mov_rr(l->b, 32, X86_RAX, X86_RAX);
		x86_lock(l->b);
		x86_cmpxchg_mr(l->b, val->w, m, LOWER_SCRATCH2);
		result = X86_RAX;
		break;
	default:
		fetch_loop(l, val, free_of_rax_rdx(l, m));
		result = X86_RAX;
		break;
	}
	if (val->uses)
		lower_store_dst(l, v, result);
}
