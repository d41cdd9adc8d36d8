// SPDX-License-Identifier: BSD-2-Clause
/*
 * From instructions to values. Blocks are built in program order. A block with one predecessor that
 * is already built goes on with its variables; any other one begins with a phi for each variable
 * that is live there, whose arguments are filled in when all blocks are done. Most of those phis
 * turn out to join a value with itself; pass_phi() removes them.
 */
#include "jit/ir.h"

#include "base/bitset.h"
#include "runtime/interp.h"

struct build {
	struct ir_func *f;
	const struct ir_program *program;
	u32 cur[IR_MAX_VARS]; /* variables now; 0 = undefined */
	u32 undef, zero;
};

static u32 read_var(struct build *b, u32 var)
{
	if (!b->cur[var])
		return var >= IR_REGS ? ir_const(b->f, 0) : b->undef;
	return ir_resolve(b->f, b->cur[var]);
}

static u32 read_reg(struct build *b, u32 reg)
{
	return reg == BPF_REG_10 ? b->f->frame : read_var(b, reg);
}

static void write_reg(struct build *b, u32 reg, u32 v)
{
	b->cur[reg] = v;
}

static u32 blind32(struct build *b, u32 imm)
{
	u32 v = ir_new(b->f, IR_BLIND, 0, 0);

	b->f->vals[v].imm = imm;
	b->f->vals[v].bits = 32;
	return v;
}

/*
 * A constant that the program's author chose. Blinded, it is put together from halves that are
 * hidden by random numbers, and nothing that folds constants sees it.
 */
static u32 user_const(struct build *b, u64 imm)
{
	struct ir_func *f = b->f;
	u32 high, low;

	if (!b->program->code->blind)
		return ir_const(f, imm);
	low = blind32(b, (u32)imm);
	if (imm >> 32 == 0)
		return low;
	if (ir_fits_s32(imm))
		return ir_sext(f, 4, 64, low);
	high = ir_alu(f, IR_SHL, 64, blind32(b, (u32)(imm >> 32)), ir_const(f, 32));
	return ir_alu(f, IR_OR, 64, high, low);
}

static u32 operand(struct build *b, const struct insn_brief *d)
{
	return d->is_imm ? user_const(b, (u64)(s64)d->imm) : read_reg(b, d->src);
}

static u32 effect(struct build *b, u32 v)
{
	b->f->vals[v].flags |= IR_EFFECT;
	ir_forget_memory(b->f);
	return v;
}

static const u8 alu_ops[] = {
	[INSN_DO_ADD] = IR_ADD,
	[INSN_DO_SUB] = IR_SUB,
	[INSN_DO_MUL] = IR_MUL,
	[INSN_DO_DIV] = IR_UDIV,
	[INSN_DO_MOD] = IR_UMOD,
	[INSN_DO_OR] = IR_OR,
	[INSN_DO_AND] = IR_AND,
	[INSN_DO_XOR] = IR_XOR,
	[INSN_DO_LSH] = IR_SHL,
	[INSN_DO_RSH] = IR_SHR,
	[INSN_DO_ARSH] = IR_SAR,
	[INSN_DO_SDIV] = IR_SDIV,
	[INSN_DO_SMOD] = IR_SMOD,
};

static void build_alu(struct build *b, const struct insn_brief *d)
{
	const struct code_fact *facts = b->program->code->facts;
	u32 dst = read_reg(b, d->dst), src = operand(b, d), before = b->f->val_count;
	u32 v = ir_alu(b->f, (enum ir_op)alu_ops[d->operation], d->width, dst, src);
	u8 op = b->f->vals[v].op;

	/* only for a division made here: x / 1 is x, which may be another one */
	if (v >= before && facts && facts[d - b->program->insns].src_nonzero &&
		(op == IR_UDIV || op == IR_UMOD || op == IR_SDIV || op == IR_SMOD))
		b->f->vals[v].cond = IR_NE; /* the divisor is never 0 */
	write_reg(b, d->dst, v);
}

static void build_mov(struct build *b, const struct insn_brief *d)
{
	u32 v = operand(b, d);

	write_reg(b, d->dst, d->width == 32 ? ir_zext(b->f, 4, v) : v);
}

static void build_neg(struct build *b, const struct insn_brief *d)
{
	write_reg(
		b, d->dst, ir_alu(b->f, IR_SUB, d->width, ir_const(b->f, 0), read_reg(b, d->dst)));
}

static void build_end(struct build *b, const struct insn_brief *d)
{
	u8 size = d->width / 8;
	u32 v = read_reg(b, d->dst);
	bool is_swap = d->operation != INSN_DO_LE;

	write_reg(b, d->dst, is_swap ? ir_bswap(b->f, size, v) : ir_zext(b->f, size, v));
}

static void build_cast(struct build *b, const struct insn_brief *d)
{
	struct ir_func *f = b->f;
	u32 low = ir_zext(f, 4, read_reg(b, d->src)), user, v;

	if (d->operation == INSN_DO_CAST_KERN) {
		write_reg(b, d->dst, low);
		return;
	}
	user = ir_const(f, b->program->code->arena_user_base & ~(u64)UINT32_MAX);
	user = ir_alu(f, IR_OR, 64, low, user);
	v = ir_new(f, IR_SELECT, low, ir_const(f, 0));
	f->vals[v].cond = IR_NE;
	f->vals[v].c = user;
	f->vals[v].args = ir_new_args(f, 1);
	f->vals[v].arg_count = 1;
	f->args[f->vals[v].args] = low;
	write_reg(b, d->dst, v);
}

static int build_imm64(struct build *b, const struct insn_brief *d)
{
	const struct code *code = b->program->code;
	u64 imm = ir_imm64(b->program, d);
	u32 lo = (u32)imm, hi = (u32)(imm >> 32), v;

	switch (d->operation) {
	case INSN_DO_LD_MAP_FD:
	case INSN_DO_LD_MAP_IDX:
		if (lo >= code->map_count)
			return -EINVAL;
		v = ir_const(b->f, code->maps[lo].handle);
		break;
	case INSN_DO_LD_MAP_VALUE:
	case INSN_DO_LD_MAP_IDX_VALUE:
		if (lo >= code->map_count || !code->maps[lo].values)
			return -EINVAL;
		v = hi ? user_const(b, code->maps[lo].values + hi)
		       : ir_const(b->f, code->maps[lo].values);
		break;
	case INSN_DO_LD_FUNC:
		if (lo >= b->program->func_count)
			return -EINVAL;
		v = ir_new(b->f, IR_FUNC_ADDR, 0, 0);
		b->f->vals[v].imm = lo;
		b->program->funcs[lo].is_address_taken = true;
		break;
	default: v = user_const(b, imm); break;
	}
	write_reg(b, d->dst, v);
	return 0;
}

/* base + off, where base is an arena offset for the forms that verification made of arena accesses.
 */
static u32 memory(
	struct build *b, const struct insn_brief *d, enum ir_op op, u32 reg, bool is_arena)
{
	u32 base = read_reg(b, reg);
	s32 off = d->off;

	if (is_arena) {
		base = ir_alu(b->f, IR_ADD, 64, ir_zext(b->f, 4, base),
			ir_const(b->f, b->program->code->arena_base));
	}
	return ir_mem(b->f, op, d->width / 8, base, off);
}

static u64 call_probe_load(u64 addr, u64 size, u64 r3, u64 r4, u64 r5, struct run *run)
{
	return run_probe_load(run, addr, (u32)size);
}

static u32 new_call(struct build *b, u64 address, u32 count, const u32 *args)
{
	struct ir_func *f = b->f;
	u32 v = ir_new(f, IR_CALL, 0, 0), at = ir_new_args(f, IR_CALL_ARGS);

	memcpy(&f->args[at], args, count * sizeof(u32));
	f->args[at + IR_RUN_ARG] = f->run;
	f->vals[v].imm = address;
	f->vals[v].args = at;
	f->vals[v].arg_count = IR_CALL_ARGS;
	f->has_calls = true;
	f->epoch++;
	return effect(b, v);
}

static void build_load(struct build *b, const struct insn_brief *d)
{
	bool is_signed = d->family == INSN_FAMILY_LDX_SX;
	u8 size = d->width / 8;
	u32 v;

	switch (d->operation) {
	case INSN_DO_PROBE_LOAD:
	case INSN_DO_PROBE_LOAD_SX: {
		u32 addr = ir_alu(
			b->f, IR_ADD, 64, read_reg(b, d->src), ir_const(b->f, (u64)(s64)d->off));
		const u32 args[] = {addr, ir_const(b->f, size)};

		v = new_call(b, (u64)(uintptr_t)call_probe_load, 2, args);
		if (is_signed)
			v = ir_sext(b->f, size, 64, v);
		else if (size < 8)
			b->f->vals[v].bits = 8 * size;
		break;
	}
	case INSN_DO_LOAD: {
		s32 var = ir_slot_var(b->f, (u32)(d - b->program->insns));

		v = var >= 0 ? read_var(b, (u32)var) : memory(b, d, IR_LOAD, d->src, false);
		break;
	}
	default:
		v = memory(b, d, is_signed ? IR_LOADSX : IR_LOAD, d->src,
			d->scope == INSN_SCOPE_INTERNAL);
		break;
	}
	write_reg(b, d->dst, v);
}

static void build_store(struct build *b, const struct insn_brief *d)
{
	struct ir_func *f = b->f;
	u8 size = d->width / 8;
	s32 var = ir_slot_var(f, (u32)(d - b->program->insns));
	u32 value = operand(b, d), v;

	if (var >= 0) {
		b->cur[var] = ir_zext(f, size, value);
		return;
	}
	if (f->vals[value].op == IR_UNDEF)
		return; /* any bytes will do, so those that are there */
	if (size < 8)
		value = ir_low32(f, value);
	while (f->vals[value].op == IR_ZEXT && f->vals[value].size >= size)
		value = f->vals[value].a;
	v = memory(b, d, IR_STORE, d->dst, d->scope == INSN_SCOPE_INTERNAL);
	f->vals[v].c = value;
	ir_store_made(f, v);
	f->epoch++;
}

static void build_atomic(struct build *b, const struct insn_brief *d)
{
	struct ir_func *f = b->f;
	bool is_arena = d->scope == INSN_SCOPE_INTERNAL;
	u32 v;

	switch (d->family) {
	case INSN_FAMILY_LOAD_ACQ:
		v = memory(b, d, IR_ACQUIRE, d->src, is_arena);
		write_reg(b, d->dst, v);
		break;
	case INSN_FAMILY_STORE_REL:
		v = memory(b, d, IR_RELEASE, d->dst, is_arena);
		f->vals[v].c = read_reg(b, d->src);
		break;
	default: {
		u32 value = read_reg(b, d->src);

		v = memory(b, d, IR_ATOMIC, d->dst, is_arena);
		f->vals[v].imm = d->operation;
		f->vals[v].c = value;
		f->vals[v].w = d->width;
		f->vals[v].bits = d->width;
		if (d->operation == INSN_DO_ATOMIC_CMPXCHG) {
			u32 at = ir_new_args(f, 1);

			f->args[at] = read_reg(b, 0);
			f->vals[v].args = at;
			f->vals[v].arg_count = 1;
			write_reg(b, 0, v);
		} else if (d->writes & INSN_USES_SRC) {
			write_reg(b, d->src, v);
		}
		break;
	}
	}
	f->epoch++;
}

static void check_fault(struct build *b)
{
	struct ir_func *f = b->f;
	u32 v, at;

	if (!b->program->checks_faults)
		return;
	v = ir_new(f, IR_CHECK, 0, 0);
	at = ir_new_args(f, 1);
	f->args[at] = f->run;
	f->vals[v].args = at;
	f->vals[v].arg_count = 1;
	effect(b, v);
}

static void lose_arguments(struct build *b)
{
	memset(&b->cur[1], 0, 5 * sizeof(u32));
}

static void build_tail_call(struct build *b, const struct insn_brief *d)
{
	struct ir_func *f = b->f;
	const struct code *code = b->program->code;
	u32 insn = (u32)(d - b->program->insns), v, at, target = 0;
	u32 index = ir_zext(f, 4, read_reg(b, 3));
	const struct tail_table *table = NULL;

	/* a limit, or a mask: that is for C to see to */
	if (code->facts && code->facts[insn].map >= 0 && !code->uses_fuel && !code->masks_indices &&
		(u32)code->facts[insn].map < code->map_count)
		table = code->maps[code->facts[insn].map].tail;
	if (!table) {
		const u32 args[] = {f->run, b->zero, read_reg(b, 2), index};

		target = new_call(b, (u64)(uintptr_t)interp_tail_target, 4, args);
	}
	v = ir_new(f, IR_TAIL_CALL, target, 0);
	at = ir_new_args(f, 3);
	f->args[at] = read_reg(b, 1);
	f->args[at + 1] = f->run;
	f->args[at + 2] = table ? index : 0;
	f->vals[v].args = at;
	f->vals[v].arg_count = 3;
	f->vals[v].imm = (u64)(uintptr_t)table;
	f->epoch++;
	effect(b, v);
	lose_arguments(b);
}

/* A program that a function went to has left its own image in the run. */
static void restore_image(struct build *b)
{
	struct ir_func *f = b->f;
	u32 image = ir_const(f, (u64)(uintptr_t)b->program->image);
	u32 v = ir_mem(f, IR_STORE, 8, f->run, offsetof(struct run, image));

	f->vals[v].c = image;
	ir_forget_memory(f);
	f->epoch++;
}

static int build_call_func(struct build *b, const struct insn_brief *d)
{
	struct ir_func *f = b->f;
	const struct ir_func *callee = ir_callee(b->program, (u32)(d - b->program->insns));
	u32 i, v, at;

	if (!callee)
		return -EINVAL;
	v = ir_new(f, IR_CALL_FUNC, 0, 0);
	at = ir_new_args(f, IR_CALL_ARGS);
	for (i = 0; i < 5; i++) {
		if (callee->entry_live >> (i + 1) & 1)
			f->args[at + i] = read_reg(b, i + 1);
	}
	f->args[at + IR_RUN_ARG] = b->program->needs_run ? f->run : 0;
	f->vals[v].args = at;
	f->vals[v].arg_count = IR_CALL_ARGS;
	f->vals[v].imm = callee->index;
	f->has_calls = true;
	f->epoch++;
	effect(b, v);
	if (callee->has_tail_call)
		restore_image(b);
	check_fault(b);
	lose_arguments(b);
	write_reg(b, 0, v);
	return 0;
}

static bool inline_helper(struct build *b, u32 id)
{
	u32 v = ir_inline_helper(b->f, id);

	if (!v)
		return false;
	lose_arguments(b);
	write_reg(b, 0, v);
	return true;
}

static int build_call(struct build *b, const struct insn_brief *d)
{
	const struct code_map *map = ir_inlined_map(b->program, d);
	const struct code *code = b->program->code;
	u32 i, v, args[5] = {0};
	u64 reads;
	helper_fn fn;

	if (map) {
		v = ir_inline_lookup(b->f, map, ir_mem(b->f, IR_LOAD, 4, read_reg(b, 2), 0));
		lose_arguments(b);
		write_reg(b, 0, v);
		return 0;
	}
	switch (d->operation) {
	case INSN_DO_TAIL_CALL: build_tail_call(b, d); return 0;
	case INSN_DO_CALL_FUNC: return build_call_func(b, d);
	case INSN_DO_CALL:
		fn = code->helper ? code->helper(code->helper_ctx, (u32)d->imm) : NULL;
		if (fn && inline_helper(b, (u32)d->imm))
			return 0;
		if (fn && ir_direct_lookup(b->program, d))
			fn = ir_direct_lookup(b->program, d);
		break;
	case INSN_DO_CALL_KFUNC:
		fn = (u32)d->imm < code->kfunc_count ? code->kfuncs[d->imm] : NULL;
		break;
	default: return -EINVAL;
	}
	if (!fn)
		return -EINVAL;
	reads = ir_insn_reads(b->f, (u32)(d - b->program->insns));
	for (i = 0; i < 5; i++) {
		if (reads >> (i + 1) & 1)
			args[i] = read_reg(b, i + 1);
	}
	v = new_call(b, (u64)(uintptr_t)fn, 5, args);
	b->f->vals[v].disp = d->operation == INSN_DO_CALL ? d->imm : IR_CALL_KFUNC - d->imm;
	check_fault(b);
	lose_arguments(b);
	write_reg(b, 0, v);
	return 0;
}

static void build_packet(struct build *b, const struct insn_brief *d)
{
	struct ir_func *f = b->f;
	u32 off = user_const(b, (u64)(s64)d->imm), at, v;

	if (d->family == INSN_FAMILY_LD_IND)
		off = ir_alu(f, IR_ADD, 32, read_reg(b, d->src), off);
	v = ir_new(f, IR_PACKET, 0, 0);
	at = ir_new_args(f, 3);
	f->args[at] = read_reg(b, 6);
	f->args[at + 1] = off;
	f->args[at + 2] = f->run;
	f->vals[v].args = at;
	f->vals[v].arg_count = 3;
	f->vals[v].size = d->width / 8;
	f->has_calls = true;
	effect(b, v);
	lose_arguments(b);
	write_reg(b, 0, v);
}

static int build_insn(struct build *b, const struct insn_brief *d)
{
	switch (d->family) {
	case INSN_FAMILY_ALU: build_alu(b, d); return 0;
	case INSN_FAMILY_MOV:
		if (d->operation == INSN_DO_PERCPU)
			return -EOPNOTSUPP;
		build_mov(b, d);
		return 0;
	case INSN_FAMILY_MOVSX:
		write_reg(b, d->dst, ir_sext(b->f, (u8)d->off / 8, d->width, read_reg(b, d->src)));
		return 0;
	case INSN_FAMILY_NEG: build_neg(b, d); return 0;
	case INSN_FAMILY_END: build_end(b, d); return 0;
	case INSN_FAMILY_CAST: build_cast(b, d); return 0;
	case INSN_FAMILY_LD_IMM64: return build_imm64(b, d);
	case INSN_FAMILY_LD_ABS:
	case INSN_FAMILY_LD_IND: build_packet(b, d); return 0;
	case INSN_FAMILY_LDX:
	case INSN_FAMILY_LDX_SX: build_load(b, d); return 0;
	case INSN_FAMILY_ST:
	case INSN_FAMILY_STX: build_store(b, d); return 0;
	case INSN_FAMILY_NOSPEC: effect(b, ir_new(b->f, IR_FENCE, 0, 0)); return 0;
	case INSN_FAMILY_ATOMIC:
	case INSN_FAMILY_LOAD_ACQ:
	case INSN_FAMILY_STORE_REL: build_atomic(b, d); return 0;
	case INSN_FAMILY_CALL: return build_call(b, d);
	case INSN_FAMILY_JA:
	case INSN_FAMILY_JCC:
	case INSN_FAMILY_MAY_GOTO:
	case INSN_FAMILY_EXIT: return 0; /* the block's terminator */
	}
	return -EINVAL;
}

/* Fuel is counted wherever control may go backwards. */
static void count_fuel(struct build *b, u32 block)
{
	struct ir_func *f = b->f;
	const struct ir_block *blk = &f->blocks[block];
	u32 i, v, at;

	if (!b->program->code->uses_fuel)
		return;
	for (i = 0; i < blk->succ_count; i++) {
		if (blk->succ[i] > block)
			continue;
		v = ir_new(f, IR_FUEL, 0, 0);
		at = ir_new_args(f, 1);
		f->args[at] = f->run;
		f->vals[v].args = at;
		f->vals[v].arg_count = 1;
		effect(b, v);
		f->has_fuel = true;
		f->has_calls = true; /* of run_refuel(), which keeps all registers */
		return;
	}
}

static void end_block(struct build *b, u32 block)
{
	struct ir_func *f = b->f;
	struct ir_block *blk = &f->blocks[block];
	const struct insn_brief *last = &b->program->insns[blk->end_insn - 1]; /* if it branches */
	u32 v;

	count_fuel(b, block);
	if (blk->term == IR_TERM_RETURN) {
		blk->a = read_reg(b, 0);
	} else if (blk->term == IR_TERM_BRANCH) {
		blk->cond = ir_cond_of(last->operation);
		blk->w = last->width;
		blk->a = read_reg(b, last->dst);
		blk->b = operand(b, last);
		if (blk->w == 32) {
			blk->a = ir_low32(f, blk->a);
			blk->b = ir_low32(f, blk->b);
		}
		if (ir_is_const(f, blk->a)) {
			v = blk->a;
			blk->a = blk->b;
			blk->b = v;
			blk->cond = ir_cond_exchanged(blk->cond);
		}
		blk->is_built = true; /* its edges are not lost with those behind it */
		ir_fold_branch(f, block);
	}
	v = ir_new(f, IR_END, blk->a, blk->b);
	f->vals[v].flags |= IR_EFFECT;
	f->vals[v].w = blk->w;
	blk->end = f->val_count;
	memcpy(blk->vars, b->cur, f->var_count * sizeof(u32));
	blk->is_built = true;
}

/* The variables at the start of a block. */
static void begin_block(struct build *b, u32 block)
{
	struct ir_func *f = b->f;
	struct ir_block *blk = &f->blocks[block];
	u32 var;
	u64 live;

	f->block = block;
	ir_close_preds(f, block);
	ir_forget_memory(f);
	f->epoch++;
	blk->first = blk->phis_end = f->val_count;
	if (block == 0)
		return; /* what the entry set */
	if (blk->pred_count == 1 && f->blocks[f->preds[blk->preds]].is_built) {
		const struct ir_block *pred = &f->blocks[f->preds[blk->preds]];

		memcpy(b->cur, pred->vars, f->var_count * sizeof(u32));
		for (var = 0; var < f->var_count && pred->refined == block; var++) {
			if (b->cur[var] && ir_resolve(f, b->cur[var]) == pred->refined_from)
				b->cur[var] = pred->refined_to;
		}
		return;
	}
	memset(b->cur, 0, f->var_count * sizeof(u32));
	for (live = blk->live_in; live; live &= live - 1) {
		u32 v = ir_new(f, IR_PHI, 0, 0);

		var = (u32)__builtin_ctzll(live);
		f->vals[v].args = ir_new_args(f, blk->pred_count);
		f->vals[v].arg_count = blk->pred_count;
		f->vals[v].imm = var;
		b->cur[var] = v;
	}
	blk->phis_end = f->val_count;
}

static void fill_phis(struct build *b)
{
	struct ir_func *f = b->f;
	u32 i, v, k;

	for (i = 0; i < f->block_count; i++) {
		const struct ir_block *blk = &f->blocks[i];

		if (!blk->is_reachable)
			continue;
		ir_close_preds(f, i); /* an edge back may have gone while the block was built */
		for (v = blk->first; v < blk->phis_end; v++) {
			u32 var = (u32)f->vals[v].imm;

			f->vals[v].arg_count = blk->pred_count;
			for (k = 0; k < f->vals[v].arg_count; k++) {
				const struct ir_block *pred = &f->blocks[f->preds[blk->preds + k]];
				u32 in = pred->is_built ? pred->vars[var] : v;

				if (!in && var >= IR_REGS)
					in = b->zero; /* a slot never written */
				f->args[f->vals[v].args + k] = in ? in : b->undef;
			}
		}
	}
}

/* Wide constants that loops need are made once, before them; a few, since each takes a register. */
static void hoist_constants(struct build *b)
{
	struct ir_func *f = b->f;
	const struct code *code = b->program->code;
	u32 i, insn;

	for (i = 0; i < f->block_count && b->program->has_imm64 && !code->blind; i++) {
		const struct ir_block *blk = &f->blocks[i];

		for (insn = blk->first_insn; insn < blk->end_insn && blk->loop_depth; insn++) {
			const struct insn_brief *d = &b->program->insns[insn];
			u32 lo, v;
			u64 imm;

			if (!d->slots || d->family != INSN_FAMILY_LD_IMM64)
				continue;
			imm = ir_imm64(b->program, d);
			lo = (u32)imm;
			if (d->operation == INSN_DO_LD_MAP_VALUE && lo < code->map_count)
				imm = code->maps[lo].values + (imm >> 32);
			else if (d->operation != INSN_DO_LD_IMM64)
				continue;
			if (ir_fits_s32(imm) || f->hoisted_count == ARRAY_SIZE(f->hoisted))
				continue;
			v = ir_const(f, imm);
			if (f->hoisted_count && f->hoisted[f->hoisted_count - 1] >= v)
				continue; /* known already */
			f->hoisted[f->hoisted_count++] = v;
		}
	}
}

/* Parameters and the like stand at the start of block 0. */
static void build_entry(struct build *b)
{
	struct ir_func *f = b->f;
	u32 i, count = f->index == 0 ? 1 : 5;

	ir_new(f, IR_NONE, 0, 0); /* value 0 */
	b->undef = f->undef = ir_new(f, IR_UNDEF, 0, 0);
	f->vals[b->undef].flags |= IR_NO_REG;
	b->zero = ir_const(f, 0);
	f->frame = ir_new(f, IR_FRAME, 0, 0);
	f->vals[f->frame].flags |= IR_NO_REG;
	for (i = 0; i < count; i++) {
		if (!(f->entry_live >> (i + 1) & 1))
			continue;
		b->cur[i + 1] = ir_new(f, IR_PARAM, 0, 0);
		f->vals[b->cur[i + 1]].imm = i;
	}
	f->run = ir_new(f, IR_PARAM, 0, 0);
	f->vals[f->run].imm = IR_RUN_ARG;
	f->params_end = f->val_count;
	hoist_constants(b);
}

static int build_insns(struct build *b, const struct ir_block *blk)
{
	const struct ir_program *p = b->program;
	u32 insn;
	int err = 0;

	for (insn = blk->first_insn; insn < blk->end_insn && !err; insn += p->insns[insn].slots)
		err = build_insn(b, &p->insns[insn]);
	return err;
}

int ir_build_func(struct ir_func *f)
{
	struct build b = {.f = f, .program = f->program};
	struct ir_program *p = f->program;
	u32 i, turn, *vars;
	int err = 0;

	vars = arena_alloc(&p->arena, (size_t)f->block_count * f->var_count * sizeof(u32));
	if (!vars)
		return -ENOMEM;
	ir_make_room(f, 2 * (f->end_insn - f->first_insn) + 32);
	build_entry(&b);
	for (i = 0; i < f->block_count && !err; i++) {
		struct ir_block *blk = &f->blocks[i];

		if (!blk->is_reachable)
			continue;
		blk->vars = vars + (size_t)i * f->var_count;
		begin_block(&b, i);
		if (i == 0)
			blk->first = blk->phis_end = 1;
		for (turn = 0; turn <= blk->more_turns && !err; turn++)
			err = build_insns(&b, blk);
		end_block(&b, i);
		if (p->err)
			return p->err;
	}
	if (err)
		return err;
	fill_phis(&b);
	return p->err;
}

/* Callees first, so that callers know which arguments count. */
static int find_live(struct ir_func *f, u32 depth)
{
	struct ir_program *p = f->program;
	u32 i;
	int err;

	if (f->is_visited)
		return 0;
	f->is_visited = true;
	f->entry_live = 0x3e; /* what a recursive call would need */
	for (i = f->first_call; i < f->end_call; i++) {
		bool is_tail_call = p->insns[p->calls[i]].operation == INSN_DO_TAIL_CALL;
		struct ir_func *callee = is_tail_call ? NULL : ir_callee(p, p->calls[i]);

		f->has_tail_call |= is_tail_call;
		if (!callee)
			continue;
		err = depth < 64 ? find_live(callee, depth + 1) : -EINVAL;
		if (err)
			return err;
		f->has_tail_call |= callee->has_tail_call;
		ir_find_effects(p, p->calls[i]);
	}
	err = ir_find_blocks(f);
	if (err)
		return err;
	f->var_count = IR_REGS;
	memset(f->var_of_word, -1, sizeof(f->var_of_word));
	ir_live_vars(f);
	ir_find_slots(f);
	if (f->var_count > IR_REGS)
		ir_live_vars(f);
	f->entry_live = (u32)f->blocks[0].live_in & 0x3e;
	p->callees_first[p->order_count++] = f->index;
	return 0;
}

/* Instructions that more than their own place must know of. */
static void note_insn(struct ir_program *p, u32 i)
{
	switch (p->insns[i].family) {
	case INSN_FAMILY_JA:
	case INSN_FAMILY_JCC:
	case INSN_FAMILY_MAY_GOTO:
	case INSN_FAMILY_EXIT: p->jumps[p->jump_count++] = i; return;
	case INSN_FAMILY_LD_IMM64:
		p->insns[i + 1] = (struct insn_brief){0};
		p->effects[i + 1] = (struct ir_effects){0};
		p->has_imm64 = true;
		return;
	case INSN_FAMILY_CALL: break;
	case INSN_FAMILY_LD_ABS:
	case INSN_FAMILY_LD_IND: p->needs_run = true; return;
	default:
		p->needs_run |= p->insns[i].operation == INSN_DO_PROBE_LOAD ||
			p->insns[i].operation == INSN_DO_PROBE_LOAD_SX;
		return;
	}
	if (p->insns[i].operation == INSN_DO_CALL_FUNC) {
		p->calls[p->call_count++] = i;
		return;
	}
	p->needs_run = true;
	if (p->insns[i].operation == INSN_DO_CALL_KFUNC)
		p->checks_faults = true;
	else if (p->insns[i].operation == INSN_DO_TAIL_CALL)
		p->calls[p->call_count++] = i;
}

static int decode_all(struct ir_program *p)
{
	const struct code *code = p->code;
	u32 i, n = code->insn_count;
	u32 *by_insn = arena_alloc(&p->arena, 3 * (size_t)n * sizeof(u32));

	p->insns = arena_alloc(&p->arena, n * sizeof(*p->insns));
	p->effects = arena_alloc(&p->arena, n * sizeof(*p->effects));
	p->starts = arena_calloc(&p->arena, BITSET_WORDS(n), sizeof(u64));
	if (!p->insns || !p->effects || !by_insn || !p->starts)
		return -ENOMEM;
	p->block_of_insn = by_insn;
	p->jumps = by_insn + n;
	p->calls = p->jumps + n;
	for (i = 0; i < n; i += p->insns[i].slots) {
		int err = insn_decode_brief(&code->insns[i], n - i, &p->insns[i]);

		if (err)
			return err;
		ir_find_effects(p, i);
		note_insn(p, i);
	}
	return 0;
}

u64 ir_imm64(const struct ir_program *p, const struct insn_brief *d)
{
	return insn_imm64(&p->code->insns[d - p->insns]);
}

static int place_funcs(struct ir_program *p)
{
	const struct code *code = p->code;
	u32 i, jump = 0, call = 0;

	p->func_count = MAX(code->subprog_count, 1);
	p->funcs = arena_calloc(&p->arena, p->func_count, sizeof(*p->funcs));
	p->callees_first = arena_alloc(&p->arena, p->func_count * sizeof(u32));
	if (!p->funcs || !p->callees_first)
		return -ENOMEM;
	p->exception_cb = -1;
	for (i = 0; i < p->func_count; i++) {
		struct ir_func *f = &p->funcs[i];

		f->program = p;
		f->index = i;
		f->first_insn = code->subprog_count ? code->subprogs[i].start : 0;
		f->end_insn =
			i + 1 < p->func_count ? code->subprogs[i + 1].start : code->insn_count;
		if (f->first_insn >= f->end_insn || f->end_insn > code->insn_count)
			return -EINVAL;
		f->first_jump = jump;
		while (jump < p->jump_count && p->jumps[jump] < f->end_insn)
			jump++;
		f->end_jump = jump;
		f->first_call = call;
		while (call < p->call_count && p->calls[call] < f->end_insn)
			call++;
		f->end_call = call;
		if (code->subprog_count && code->subprogs[i].is_exception_cb)
			p->exception_cb = (s32)i;
	}
	return 0;
}

int ir_build(const struct code *code, const struct image *image, struct ir_program *ret_program)
{
	struct ir_program *p = ret_program;
	u32 i;
	int err;

	*p = (struct ir_program){
		.code = code, .checks_faults = code->uses_fuel, .needs_run = code->uses_fuel};
	arena_init(&p->arena);
	if (!code->insn_count)
		return -EINVAL;
	err = decode_all(p);
	if (!err)
		err = place_funcs(p);
	for (i = 0; i < p->func_count && !err; i++)
		err = find_live(&p->funcs[i], 0);
	for (i = 0; i < p->func_count && !err; i++)
		err = ir_build_func(&p->funcs[i]);
	return err;
}

void ir_release(struct ir_program *program)
{
	arena_release(&program->arena);
}
