// SPDX-License-Identifier: BSD-2-Clause
/* Making and replacing values. */
#include "jit/ir.h"

#include "base/log.h"

/* A larger copy of an array of the arena; the old one stays behind until the arena dies. */
static bool grow(struct ir_func *f, void **data, u32 *cap, u32 len, u32 more, size_t size)
{
	u32 new_cap = *cap;
	void *bigger;

	if (len + more <= *cap)
		return true;
	while (new_cap < len + more)
		new_cap = new_cap ? 2 * new_cap : MAX(64, more);
	bigger = arena_alloc(&f->program->arena, new_cap * size);
	if (!bigger) {
		f->program->err = -ENOMEM;
		return false;
	}
	if (len)
		memcpy(bigger, *data, len * size);
	*data = bigger;
	*cap = new_cap;
	return true;
}

bool ir_make_room(struct ir_func *f, u32 vals)
{
	u32 cap = f->val_cap, v = f->val_count;

	return v + vals <= cap ||
		(grow(f, (void **)&f->vals, &cap, v, vals, sizeof(*f->vals)) &&
			grow(f, (void **)&f->replaced, &f->val_cap, v, cap - v, sizeof(u32)));
}

u32 ir_new_args(struct ir_func *f, u32 count)
{
	u32 at = f->arg_count;

	if (!grow(f, (void **)&f->args, &f->arg_cap, at, count, sizeof(u32)))
		return 0;
	memset(&f->args[at], 0, count * sizeof(u32));
	f->arg_count += count;
	return at;
}

u32 ir_resolve_chain(struct ir_func *f, u32 v)
{
	u32 end = v;

	while (f->replaced[end] != end)
		end = f->replaced[end];
	while (f->replaced[v] != end) {
		u32 next = f->replaced[v];

		f->replaced[v] = end;
		v = next;
	}
	return end;
}

void ir_replace(struct ir_func *f, u32 v, u32 with)
{
	with = ir_resolve(f, with);
	if (with != v)
		f->replaced[v] = with;
}

enum ir_cond ir_cond_of(u8 operation)
{
	switch (operation) {
	case INSN_DO_JEQ: return IR_EQ;
	case INSN_DO_JNE: return IR_NE;
	case INSN_DO_JGT: return IR_UGT;
	case INSN_DO_JGE: return IR_UGE;
	case INSN_DO_JLT: return IR_ULT;
	case INSN_DO_JLE: return IR_ULE;
	case INSN_DO_JSGT: return IR_SGT;
	case INSN_DO_JSGE: return IR_SGE;
	case INSN_DO_JSLT: return IR_SLT;
	case INSN_DO_JSLE: return IR_SLE;
	default: return IR_SET;
	}
}

enum ir_cond ir_cond_exchanged(enum ir_cond cond)
{
	switch (cond) {
	case IR_ULT: return IR_UGT;
	case IR_UGT: return IR_ULT;
	case IR_ULE: return IR_UGE;
	case IR_UGE: return IR_ULE;
	case IR_SLT: return IR_SGT;
	case IR_SGT: return IR_SLT;
	case IR_SLE: return IR_SGE;
	case IR_SGE: return IR_SLE;
	case IR_EQ:
	case IR_NE:
	case IR_CLEAR:
	case IR_SET: break;
	}
	return cond;
}
