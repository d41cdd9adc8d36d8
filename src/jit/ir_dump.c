// SPDX-License-Identifier: BSD-2-Clause
/*
 * The intermediate form as text, a value a line:
 *
 *	v7 = load32 [v5 + v6 << 2 + 0x10]	; rcx is register 1
 *
 * Constants that are addresses here are shown by what lies there (jit_dump() sees to it).
 */
#include "jit/compile.h"

static const char *const op_names[IR_OP_COUNT] = {
	[IR_NONE] = "none",
	[IR_UNDEF] = "undefined",
	[IR_CONST] = "const",
	[IR_BLIND] = "blinded",
	[IR_FRAME] = "frame",
	[IR_PARAM] = "param",
	[IR_PHI] = "phi",
	[IR_ADD] = "add",
	[IR_SUB] = "sub",
	[IR_MUL] = "mul",
	[IR_AND] = "and",
	[IR_OR] = "or",
	[IR_XOR] = "xor",
	[IR_SHL] = "shl",
	[IR_SHR] = "shr",
	[IR_SAR] = "sar",
	[IR_ROL] = "rol",
	[IR_UDIV] = "udiv",
	[IR_UMOD] = "umod",
	[IR_SDIV] = "sdiv",
	[IR_SMOD] = "smod",
	[IR_NEG] = "neg",
	[IR_ZEXT] = "zext",
	[IR_SEXT] = "sext",
	[IR_BSWAP] = "bswap",
	[IR_LOG2] = "log2-",
	[IR_COUNT] = "count-ones-",
	[IR_LEA] = "lea",
	[IR_SELECT] = "select",
	[IR_LOAD] = "load",
	[IR_LOADSX] = "load-signed",
	[IR_STORE] = "store",
	[IR_UPDATE] = "update",
	[IR_ATOMIC] = "atomic",
	[IR_ACQUIRE] = "load-acquire",
	[IR_RELEASE] = "store-release",
	[IR_CALL] = "call",
	[IR_CALL_FUNC] = "call-func",
	[IR_TAIL_CALL] = "tail-call",
	[IR_PACKET] = "packet",
	[IR_FUNC_ADDR] = "address-of-func",
	[IR_FENCE] = "fence",
	[IR_FUEL] = "fuel",
	[IR_CHECK] = "check-fault",
	[IR_END] = "end",
};

static const char *const cond_names[] = {
	[IR_EQ] = "==",
	[IR_NE] = "!=",
	[IR_ULT] = "<",
	[IR_UGE] = ">=",
	[IR_ULE] = "<=",
	[IR_UGT] = ">",
	[IR_SLT] = "s<",
	[IR_SGE] = "s>=",
	[IR_SLE] = "s<=",
	[IR_SGT] = "s>",
	[IR_CLEAR] = "clears",
	[IR_SET] = "&",
};

static void put_const(u64 imm, struct strbuf *text)
{
	static const char *const what[] = {"map", "values", "elements", "arena"};
	u32 kind = (u32)(imm >> 52);

	if (kind >= IR_SHOWN_MAP && kind <= IR_SHOWN_ARENA)
		strbuf_printf(text, "%s[%u]+0x%llx", what[kind - IR_SHOWN_MAP],
			(u32)(imm >> 36) & 0xffff, (unsigned long long)(imm & 0xfffffffff));
	else if ((s64)imm < 0 && (s64)imm > -65536)
		strbuf_printf(text, "%lld", (long long)imm);
	else
		strbuf_printf(text, imm < 10 ? "%llu" : "0x%llx", (unsigned long long)imm);
}

static void put_val(const struct ir_func *f, u32 v, struct strbuf *text)
{
	const struct ir_val *val = &f->vals[v];

	if (!v)
		strbuf_puts(text, "-");
	else if (val->op == IR_CONST)
		put_const(val->imm, text);
	else if (val->op == IR_FRAME)
		strbuf_puts(text, "frame");
	else
		strbuf_printf(text, "v%u", v);
}

static void put_place(const struct ir_val *val, struct strbuf *text)
{
	if (val->flags & IR_FOLDED)
		strbuf_puts(text, "\t; folded into its user");
	else if (!(val->flags & IR_PLACE))
		return;
	else if (val->reg >= 0)
		strbuf_printf(text, "\t; register %d", val->reg);
	else
		strbuf_printf(text, "\t; slot %u", val->slot);
}

static void put_address(const struct ir_func *f, const struct ir_val *val, struct strbuf *text)
{
	strbuf_puts(text, " [");
	put_val(f, val->a, text);
	if (val->b) {
		strbuf_puts(text, " + ");
		put_val(f, val->b, text);
	}
	if (val->scale)
		strbuf_printf(text, " << %u", val->scale);
	if (val->disp)
		strbuf_printf(text, " %c 0x%x", val->disp < 0 ? '-' : '+',
			val->disp < 0 ? -(u32)val->disp : (u32)val->disp);
	strbuf_putc(text, ']');
}

static void put_args(const struct ir_func *f, const struct ir_val *val, struct strbuf *text)
{
	const struct ir_block *b = &f->blocks[val->block];
	u32 i, count = val->arg_count;

	while (val->op != IR_PHI && count && !f->args[val->args + count - 1])
		count--;
	for (i = 0; i < count; i++) {
		strbuf_puts(text, i ? ", " : " ");
		put_val(f, f->args[val->args + i], text);
		if (val->op == IR_PHI)
			strbuf_printf(text, " from block %u", f->preds[b->preds + i]);
	}
}

static void put_callee(const struct ir_val *val, struct strbuf *text)
{
	if (val->op == IR_CALL_FUNC)
		strbuf_printf(text, " %u", (u32)val->imm);
	else if (val->disp > 0)
		strbuf_printf(text, " helper#%d", val->disp);
	else if (val->disp <= IR_CALL_KFUNC)
		strbuf_printf(text, " kfunc[%d]", IR_CALL_KFUNC - val->disp);
}

static void put_operands(const struct ir_func *f, const struct ir_val *val, struct strbuf *text)
{
	switch (val->op) {
	case IR_BLIND:
	case IR_PARAM:
	case IR_FUNC_ADDR: strbuf_printf(text, " %llu", (unsigned long long)val->imm); return;
	case IR_LOAD:
	case IR_LOADSX:
	case IR_ACQUIRE:
	case IR_LEA: put_address(f, val, text); return;
	case IR_STORE:
	case IR_UPDATE:
	case IR_RELEASE:
	case IR_ATOMIC:
		if (val->op == IR_UPDATE)
			strbuf_printf(text, " %s", op_names[val->imm]);
		put_address(f, val, text);
		strbuf_puts(text, ", ");
		put_val(f, val->c, text);
		put_args(f, val, text);
		return;
	case IR_SELECT:
		strbuf_putc(text, ' ');
		put_val(f, val->a, text);
		strbuf_printf(text, " %s ", cond_names[val->cond]);
		put_val(f, val->b, text);
		strbuf_puts(text, " ? ");
		put_val(f, val->c, text);
		strbuf_puts(text, " :");
		put_args(f, val, text);
		return;
	case IR_CALL:
	case IR_CALL_FUNC: put_callee(val, text); break;
	default: break;
	}
	if (val->a) {
		strbuf_putc(text, ' ');
		put_val(f, val->a, text);
	}
	if (val->b) {
		strbuf_puts(text, ", ");
		put_val(f, val->b, text);
	}
	put_args(f, val, text);
}

static u32 bits_of(const struct ir_val *val)
{
	switch (val->op) {
	case IR_ZEXT:
	case IR_BSWAP:
	case IR_LOAD:
	case IR_LOADSX:
	case IR_STORE:
	case IR_UPDATE:
	case IR_ACQUIRE:
	case IR_RELEASE:
	case IR_PACKET: return 8u * val->size;
	default: return val->op >= IR_ADD && val->op <= IR_ATOMIC ? val->w : 0;
	}
}

static void put_end(const struct ir_func *f, const struct ir_block *b, struct strbuf *text)
{
	switch ((enum ir_term)b->term) {
	case IR_TERM_JUMP: strbuf_printf(text, "\tjump block %u\n", b->succ[0]); return;
	case IR_TERM_BRANCH:
		strbuf_printf(text, "\tif%u ", b->w);
		put_val(f, b->a, text);
		strbuf_printf(text, " %s ", cond_names[b->cond]);
		put_val(f, b->b, text);
		strbuf_printf(text, " block %u else block %u\n", b->succ[0], b->succ[1]);
		return;
	case IR_TERM_RETURN:
		strbuf_puts(text, "\treturn ");
		put_val(f, b->a, text);
		strbuf_putc(text, '\n');
		return;
	case IR_TERM_MAY_GOTO:
		strbuf_printf(text, "\tmay-goto block %u else block %u\n", b->succ[0], b->succ[1]);
		return;
	case IR_TERM_TRAP: strbuf_puts(text, "\ttrap\n"); return;
	}
}

static void put_line(const struct ir_func *f, u32 v, struct strbuf *text)
{
	const struct ir_val *val = &f->vals[v];
	u32 bits = bits_of(val);

	strbuf_putc(text, '\t');
	if (val->op != IR_STORE && val->op != IR_UPDATE && val->op != IR_RELEASE &&
		val->op < IR_FENCE)
		strbuf_printf(text, "v%u = ", v);
	strbuf_puts(text, op_names[val->op]);
	if (val->op == IR_CONST) {
		strbuf_putc(text, ' ');
		put_const(val->imm, text);
	}
	if (bits)
		strbuf_printf(text, "%u", bits);
	put_operands(f, val, text);
	put_place(val, text);
	strbuf_putc(text, '\n');
}

void ir_dump(const struct ir_func *f, struct strbuf *text)
{
	u32 i, v;

	strbuf_printf(text, "function %u:\n", f->index);
	for (i = 0; i < f->block_count; i++) {
		const struct ir_block *b = &f->blocks[i];

		strbuf_printf(text, "block %u:", i);
		if (b->loop_depth)
			strbuf_printf(text, "\t; in %u loop%s", b->loop_depth,
				b->loop_depth > 1 ? "s" : "");
		strbuf_putc(text, '\n');
		for (v = b->first; v < b->end; v++) {
			const struct ir_val *val = &f->vals[v];
			bool is_inline = val->op == IR_CONST && !(val->flags & IR_PLACE);

			if (val->op != IR_NONE && val->op != IR_END && val->op != IR_UNDEF &&
				val->op != IR_FRAME && !is_inline)
				put_line(f, v, text);
		}
		put_end(f, b, text);
	}
}
