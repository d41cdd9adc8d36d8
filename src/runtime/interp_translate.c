// SPDX-License-Identifier: BSD-2-Clause
/*
 * From verified instructions to operations: operands taken apart, names resolved to addresses,
 * jump distances in bytes. Anything that verification should have refused is refused here too.
 */
#include "base/alloc.h"
#include "base/log.h"
#include "runtime/interp.h"

struct translation {
	const struct code *code;
	struct interp_image *image;
	const u8 *is_dropped;
	u32 *op_of_insn; /* first operation of each instruction; insn_count is the end */
	u32 op_count;
};

/* Whether insn jumps backwards, so that a run could stay in the program for ever. */
static bool is_back_edge(const struct insn *insn)
{
	return insn_is_jump(insn) && insn_jump_offset(insn) < 0;
}

/* Numbers the operations. */
static int place_ops(struct translation *t)
{
	const struct code *code = t->code;
	u32 i = 0;

	while (i < code->insn_count) {
		t->op_of_insn[i] = t->op_count;
		if (t->is_dropped[i]) {
			i++;
			continue;
		}
		t->op_count += 1 + (code->uses_fuel && is_back_edge(&code->insns[i]));
		if (insn_is_ld_imm64(&code->insns[i])) {
			if (i + 1 == code->insn_count)
				return -EINVAL;
			t->op_of_insn[i + 1] = UINT32_MAX; /* no place to jump to */
			i++;
		}
		i++;
	}
	t->op_of_insn[code->insn_count] = t->op_count;
	t->op_count++; /* what stands after the last one */
	return 0;
}

static const struct interp_func *func_at(const struct translation *t, s64 insn)
{
	u32 i;

	if (insn < 0 || insn >= t->code->insn_count || t->op_of_insn[insn] == UINT32_MAX)
		return NULL;
	for (i = 0; i < t->image->func_count; i++) {
		if (t->image->funcs[i].start == &t->image->ops[t->op_of_insn[insn]])
			return &t->image->funcs[i];
	}
	return NULL;
}

static int resolve_jump(const struct translation *t, u32 insn, struct interp_op *op)
{
	s64 target = (s64)insn + 1 + insn_jump_offset(&t->code->insns[insn]);
	u32 to;

	if (target < 0 || target >= t->code->insn_count)
		return -EINVAL;
	to = t->op_of_insn[target];
	if (to == UINT32_MAX)
		return -EINVAL;
	op->off = (s32)(((s64)to - (op - t->image->ops)) * (s64)sizeof(*op));
	return 0;
}

static int resolve_imm64(
	const struct translation *t, const struct insn_decoded *d, struct interp_op *op)
{
	u32 lo = (u32)d->imm64, hi = (u32)(d->imm64 >> 32);

	switch (d->desc->operation) {
	case INSN_DO_LD_MAP_FD:
	case INSN_DO_LD_MAP_IDX:
		if (lo >= t->image->map_count)
			return -EINVAL;
		op->imm = t->image->maps[lo].handle;
		return 0;
	case INSN_DO_LD_MAP_VALUE:
	case INSN_DO_LD_MAP_IDX_VALUE:
		if (lo >= t->image->map_count || !t->image->maps[lo].values)
			return -EINVAL;
		op->imm = t->image->maps[lo].values + hi;
		return 0;
	case INSN_DO_LD_FUNC:
		if (lo >= t->image->func_count)
			return -EINVAL;
		op->imm = (u64)(uintptr_t)&t->image->funcs[lo];
		return 0;
	default: op->imm = d->imm64; return 0;
	}
}

static int resolve_call(
	const struct translation *t, u32 insn, const struct insn_decoded *d, struct interp_op *op)
{
	const struct code *code = t->code;

	switch (d->desc->operation) {
	case INSN_DO_CALL:
		op->off = d->imm;
		op->fn = code->helper ? code->helper(code->helper_ctx, (u32)d->imm) : NULL;
		/* A callback may throw or run out of fuel; only the call's end shows it. */
		if (code->uses_fuel || code->kfunc_count || code->subprog_count > 1)
			op->kind = INTERP_KIND_CALL_CHECKED;
		return op->fn ? 0 : -EINVAL;
	case INSN_DO_CALL_KFUNC:
		if ((u32)d->imm >= code->kfunc_count)
			return -EINVAL;
		op->fn = code->kfuncs[d->imm];
		return op->fn ? 0 : -EINVAL;
	case INSN_DO_CALL_FUNC:
		op->func = func_at(t, (s64)insn + 1 + d->imm);
		return op->func ? 0 : -EINVAL;
	case INSN_DO_TAIL_CALL:
		op->map = NULL;
		if (code->facts && code->facts[insn].map >= 0 &&
			(u32)code->facts[insn].map < t->image->map_count)
			op->map = &t->image->maps[code->facts[insn].map];
		return 0;
	default: return -EINVAL; /* callx */
	}
}

static int translate_insn(
	const struct translation *t, u32 insn, struct interp_op *op, u32 *ret_slots)
{
	struct insn_decoded d;
	int err = insn_decode_any(&t->code->insns[insn], t->code->insn_count - insn, &d);

	if (err)
		return err;
	*ret_slots = d.slots;
	op->kind = (u16)d.kind;
	op->dst = d.dst;
	op->src = d.src;
	op->off = d.off;
	op->imm = (u64)(s64)d.imm;
	switch (d.desc->family) {
	case INSN_FAMILY_MOV: return d.desc->operation == INSN_DO_PERCPU ? -EOPNOTSUPP : 0;
	case INSN_FAMILY_LD_IMM64: return resolve_imm64(t, &d, op);
	case INSN_FAMILY_CALL: return resolve_call(t, insn, &d, op);
	case INSN_FAMILY_JA:
	case INSN_FAMILY_JCC:
	case INSN_FAMILY_MAY_GOTO: return resolve_jump(t, insn, op);
	default: return 0;
	}
}

static int translate_all(const struct translation *t)
{
	const struct code *code = t->code;
	struct interp_image *image = t->image;
	u32 i, slots;

	for (i = 0; i < code->insn_count; i += slots) {
		struct interp_op *op = &image->ops[t->op_of_insn[i]];
		int err;

		slots = 1;
		if (t->is_dropped[i])
			continue;
		if (code->uses_fuel && is_back_edge(&code->insns[i])) {
			op->kind = INTERP_KIND_FUEL;
			image->insn_of_op[op - image->ops] = i;
			op++;
		}
		err = translate_insn(t, i, op, &slots);
		if (err)
			return err;
		image->insn_of_op[op - image->ops] = i;
		if (image->facts)
			image->facts[op - image->ops] = code->facts[i];
	}
	image->ops[t->op_count - 1].kind = INTERP_KIND_UNREACHABLE;
	image->insn_of_op[t->op_count - 1] = code->insn_count;
	return 0;
}

/* The functions, main first: from code->subprogs, or found by the calls when that is empty. */
static int place_funcs(const struct translation *t)
{
	const struct code *code = t->code;
	struct interp_image *image = t->image;
	u32 i;

	for (i = 0; i < image->func_count; i++) {
		const struct code_subprog *sub = code->subprog_count ? &code->subprogs[i] : NULL;
		u32 start = sub ? sub->start : 0;

		if (start >= code->insn_count || t->op_of_insn[start] == UINT32_MAX)
			return -EINVAL;
		image->funcs[i] = (struct interp_func){
			.owner = image,
			.start = &image->ops[t->op_of_insn[start]],
			.stack_bytes = sub ? ALIGN_UP(sub->stack_bytes, 8) : INTERP_STACK_BYTES,
			.is_entry = i == 0,
		};
		if (sub && sub->is_exception_cb)
			image->exception_cb = &image->funcs[i];
	}
	return 0;
}

static int make_arrays(struct translation *t)
{
	const struct code *code = t->code;
	struct interp_image *image = t->image;

	image->op_count = t->op_count;
	image->func_count = MAX(code->subprog_count, 1);
	image->map_count = code->map_count;
	image->ops = mem_calloc(t->op_count, sizeof(*image->ops));
	image->insn_of_op = mem_calloc(t->op_count, sizeof(*image->insn_of_op));
	image->funcs = mem_calloc(image->func_count, sizeof(*image->funcs));
	image->maps = mem_calloc(MAX(code->map_count, 1), sizeof(*image->maps));
	if (!image->ops || !image->insn_of_op || !image->funcs || !image->maps)
		return -ENOMEM;
	if (code->map_count)
		memcpy(image->maps, code->maps, code->map_count * sizeof(*code->maps));
#ifdef HACHI_DEV
	if (code->facts) {
		image->facts = mem_calloc(t->op_count, sizeof(*image->facts));
		if (!image->facts)
			return -ENOMEM;
	}
#endif
	return 0;
}

int interp_translate(const struct code *code, struct interp_image *image)
{
	struct code joined = *code;
	struct translation t = {.code = &joined, .image = image};
	struct insn *insns;
	u8 *is_dropped;
	int err;

	if (!code->insn_count)
		return -EINVAL;
	err = interp_join_bytes(code, &insns, &is_dropped);
	if (err)
		return err;
	joined.insns = insns;
	t.is_dropped = is_dropped;
	t.op_of_insn = mem_calloc((size_t)code->insn_count + 1, sizeof(*t.op_of_insn));
	err = t.op_of_insn ? 0 : -ENOMEM;
	image->arena_base = code->arena_base;
	image->arena_user_base = code->arena_user_base;
	if (!err)
		err = place_ops(&t);
	if (!err)
		err = make_arrays(&t);
	if (!err)
		err = place_funcs(&t);
	if (!err)
		err = translate_all(&t);
	mem_free(t.op_of_insn);
	mem_free(insns);
	mem_free(is_dropped);
	return err;
}
