/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The intermediate form of the JITs: each function as numbered values in static single assignment
 * form, in blocks that keep the order of the BPF program.
 *
 * A value is 64 bits wide. Operations with w == 32 look at the low halves of their operands and
 * give a zero-extended result. Values stand in the order in which they are computed, those of a
 * block together; the last one of each block is its IR_END, which stands for the terminator. Value
 * 0 is no value. What a pass replaced is found through ir_resolve().
 *
 * Memory that runs out sets ir_program.err; whatever is made from then on is value 0.
 */
#ifndef JIT_IR_H
#define JIT_IR_H

#include "base/arena.h"
#include "runtime/image.h"

enum {
	IR_REGS = 10,	  /* r0 to r9 are variables; r10 is a constant address */
	IR_MAX_VARS = 64, /* registers, and stack slots that became variables */
	IR_RUN_ARG = 5,	  /* the run, among the parameters of a function */
	IR_CALL_ARGS = 6,
	IR_STACK_WORDS = 136, /* of 4 bytes: more than the deepest frame */
	IR_NO_BLOCK = -1,
	IR_SMALL = 1 << 30, /* ir_is_small() */
	IR_CALL_OWN = 0,    /* ir_val.disp of calls: of a function of ours */
	IR_CALL_KFUNC = -1,
	/* top 12 bits of constants that stand for addresses while a program is shown */
	IR_SHOWN_MAP = 0x5a0,
	IR_SHOWN_VALUES,
	IR_SHOWN_ELEMENTS,
	IR_SHOWN_ARENA,
};

enum ir_op {
	IR_NONE, /* deleted */
	IR_UNDEF,
	IR_CONST, /* imm */
	IR_BLIND, /* imm, made so that its bytes are not in the code */
	IR_FRAME, /* the end of the BPF stack: r10 */
	IR_PARAM, /* imm: 0 to 4 for r1 to r5, IR_RUN_ARG */
	IR_PHI,	  /* one argument for each predecessor; imm: the most it can be (pass_bits.c) */
	IR_ADD,	  /* these: a, b */
	IR_SUB,
	IR_MUL,
	IR_AND,
	IR_OR,
	IR_XOR,
	IR_SHL,
	IR_SHR,
	IR_SAR,
	IR_ROL,
	IR_UDIV,
	IR_UMOD,
	IR_SDIV,
	IR_SMOD,
	IR_NEG,	   /* a */
	IR_ZEXT,   /* low size bytes of a */
	IR_SEXT,   /* low size bytes of a, sign-extended to w bits */
	IR_BSWAP,  /* low size bytes of a, swapped */
	IR_LOG2,   /* which is the highest bit set in a; 0 when none is */
	IR_COUNT,  /* how many bits are set in a */
	IR_LEA,	   /* a + (b << scale) + disp */
	IR_SELECT, /* if a cond b (w bits): c, else args[0] */
	IR_LOAD,   /* size bytes at a + (b << scale) + disp */
	IR_LOADSX,
	IR_STORE,     /* c to there */
	IR_UPDATE,    /* what is there becomes itself op c; imm: the operation (x86_64/fold.c) */
	IR_ATOMIC,    /* imm: enum insn_do; c the operand, args[0] what CMPXCHG compares with */
	IR_ACQUIRE,   /* as IR_LOAD */
	IR_RELEASE,   /* as IR_STORE */
	IR_CALL,      /* imm: address; disp: helper id, or IR_CALL_KFUNC less its index; args */
	IR_CALL_FUNC, /* imm: index of the function; args */
	/*
	 * args: context, run, index; imm: address of the tail_table. Without a table (0) a is the
	 * image to go to, or NULL.
	 */
	IR_TAIL_CALL,
	IR_PACKET,    /* args: context, offset, run; size; outside the packet the function ends */
	IR_FUNC_ADDR, /* imm: index of the function */
	IR_FENCE,
	IR_FUEL,  /* args: run; ends the function when the run must stop; imm is lowering's */
	IR_CHECK, /* args: run; ends the function when run->fault is set */
	IR_END,
	IR_OP_COUNT,
};

STATIC_ASSERT(IR_OP_COUNT <= 64);
#define IR_BIT(op) (1ull << (op))

/* Conditions of branches and selections; neighbours are opposites. */
enum ir_cond {
	IR_EQ,
	IR_NE,
	IR_ULT,
	IR_UGE,
	IR_ULE,
	IR_UGT,
	IR_SLT,
	IR_SGE,
	IR_SLE,
	IR_SGT,
	IR_CLEAR, /* (a & b) == 0 */
	IR_SET,
};

#define IR_COND_NOT(cond) ((enum ir_cond)((cond) ^ 1))

enum ir_flags {
	IR_FOLDED = 1,	 /* computed by its only user, in place */
	IR_EFFECT = 2,	 /* stays even when nobody uses the result */
	IR_NO_REG = 4,	 /* has no place of its own: constants that fit an instruction */
	IR_NONNULL = 16, /* an address that is never 0 */
	IR_PLACE = 8,	 /* has a place: a register, or a slot (live.c) */
};

struct ir_val {
	u8 op;	  /* enum ir_op */
	u8 w;	  /* 32 or 64 */
	u8 size;  /* bytes of memory, or of what is extended */
	u8 bits;  /* the value is below 2^bits */
	u8 cond;  /* of IR_SELECT; of divisions IR_NE: not by 0 */
	u8 scale; /* of an address: 0 to 3 */
	u8 flags; /* enum ir_flags */
	u32 arg_count;
	u32 a, b, c;
	s32 disp;
	u64 imm;
	u32 args; /* index into ir_func.args */
	u32 uses;
	u32 block;
	u32 epoch; /* how many stores came before it */
	u32 bytes; /* index into ir_func.bytes, or 0 (ir_bytes.c) */
	/* Where it lives (alloc.c). */
	s8 reg;	  /* machine register, or -1 */
	u8 hint;  /* machine register that would be good, or 0xff */
	u16 slot; /* number of its spill slot, when reg < 0 */
};

/* Which bytes of memory make up a value (ir_bytes.c). */
struct ir_bytes {
	u32 base;
	u32 epoch;
	s32 le, be; /* displacement of the byte that is the value's lowest one, in either order */
	u8 mask;    /* bytes of the value that come from memory; the others are 0 */
	bool may_be_le, may_be_be;
};

enum ir_term {
	IR_TERM_JUMP,
	IR_TERM_BRANCH, /* a cond b, w bits: succ[0], else succ[1] */
	IR_TERM_RETURN, /* a */
	IR_TERM_MAY_GOTO,
	IR_TERM_TRAP, /* never reached */
};

struct ir_block {
	u32 first_insn, end_insn;
	u32 more_turns;	      /* how many times more its instructions are executed (ir_unroll.c) */
	u32 first, end;	      /* values; end is one past IR_END */
	u32 phis_end;	      /* its phis, or what became of them, stand before this one */
	u32 alive, alive_end; /* its part of ir_func.alive */
	u8 term;	      /* enum ir_term */
	u8 cond, w;
	bool is_reachable, is_built, is_loop_head;
	u8 loop_depth;
	u32 a, b;
	u32 succ[2];
	u32 succ_count;
	u32 place_in[2]; /* which of the successor's predecessors it is */
	/* In successor `refined` this value is known to be that one; 0 = none. */
	u32 refined, refined_from, refined_to;
	u32 preds, pred_count;		 /* index into ir_func.preds */
	u32 pred_slots;			 /* with those that ir_branch.c took out: IR_NO_BLOCK */
	u64 live_in, live_out, use, def; /* variables */
	u32 *vars; /* what they are at the end of the block; ir_func.var_count of them */
};

struct ir_func {
	struct ir_program *program;
	u32 index, first_insn, end_insn;
	u32 first_jump, end_jump, first_call, end_call; /* in ir_program.jumps and .calls */
	struct ir_block *blocks;
	u32 block_count;
	u32 *preds;			 /* block numbers */
	u32 *lost;			 /* blocks that nothing leads to any more (ir_branch.c) */
	u32 var_count;			 /* registers first */
	s8 var_of_word[IR_STACK_WORDS];	 /* by distance below r10; -1 = memory */
	u8 size_of_word[IR_STACK_WORDS]; /* bytes of the access that starts there */
	struct ir_val *vals;
	u32 val_count, val_cap;
	u32 *replaced; /* by value: what stands for it now, or itself; as long as vals */
	u32 *args;
	u32 arg_count, arg_cap;
	struct ir_bytes *bytes;
	u32 bytes_count, bytes_cap;
	u32 stack_bytes; /* of the BPF stack that stays memory; 0 = none */
	u32 entry_live;	 /* bits: registers that callers must pass */
	u32 clobbered;	 /* bits: machine registers that a call destroys; 0 = not known (alloc.c) */
	u32 frame, run;	 /* values */
	u32 undef;	 /* a value */
	u32 params_end;	 /* parameters stand before this value */
	u64 ops;	 /* bits: operations that were made; what is not there need not be sought */
	bool has_wide;	 /* constants of more than 32 signed bits */
	bool has_uses;	 /* uses were counted */
	u32 *alive, alive_count; /* what pass_dce() left of the blocks' values, in order */
	u32 block;		 /* being built */
	u32 epoch;
	u32 const_cache[16];
	u32 base;		     /* constant that was the base of an address last */
	u32 stores[24], store_count; /* that may still move down (ir_stores.c) */
	struct ir_known {
		s32 off; /* from the end of the frame */
		u32 size, value;
	} known[8]; /* what parts of the frame hold (ir_stores.c) */
	u32 known_count;
	u32 hoisted[4], hoisted_count; /* wide constants of loops, made at the entry */
	/* who is live at the starts of blocks (live.h) */
	const u32 *live_in;
	const struct live_node *live_nodes;
	u32 select_count; /* made by pass_select() */
	bool has_calls, has_fuel, has_may_goto, has_tail_call, is_visited;
	bool is_address_taken;
	bool has_entry_block; /* block 0 holds no instruction: block 1 is a loop */
};

/* Variables that an instruction reads and writes, when no stack slot is one. */
struct ir_effects {
	u16 reads, writes; /* bits of registers */
	s16 slot;	   /* of a plain access to the frame: word below r10, else 0 */
};

struct ir_program {
	const struct code *code;
	const struct image *image; /* being made */
	struct arena arena;
	struct insn_brief *insns;   /* by instruction */
	struct ir_effects *effects; /* by instruction */
	u32 *block_of_insn;	    /* within the function; of first instructions of blocks */
	u64 *starts;		    /* bits by instruction: a block begins there */
	u32 *jumps, jump_count;	    /* instructions that end blocks */
	u32 *calls, call_count;	    /* calls of functions, and tail calls */
	bool has_imm64;
	struct ir_func *funcs;
	u32 func_count;
	u32 *callees_first; /* functions in an order in which callees stand before callers */
	u32 order_count;
	s32 exception_cb;   /* function, or -1 */
	bool checks_faults; /* calls may end the run */
	bool needs_run;	    /* some instruction needs the run, so all functions pass it on */
	bool has_count;	    /* the machine has IR_COUNT */
	int err;
};

/* ir.c */
bool ir_make_room(struct ir_func *f, u32 vals); /* for so many more */
u32 ir_new_args(struct ir_func *f, u32 count);	/* index into f->args; zeroed */
u32 ir_resolve_chain(struct ir_func *f, u32 v);
void ir_replace(struct ir_func *f, u32 v, u32 with);
/* Calls visit(arg, pointer to the operand) for each operand of a value. */
#define IR_FOR_EACH_OPERAND(f, val, p, code)                                                       \
	do {                                                                                       \
		u32 *p, i_;                                                                        \
                                                                                                   \
		if ((val)->a) {                                                                    \
			p = &(val)->a;                                                             \
			code;                                                                      \
		}                                                                                  \
		if ((val)->b) {                                                                    \
			p = &(val)->b;                                                             \
			code;                                                                      \
		}                                                                                  \
		if ((val)->c) {                                                                    \
			p = &(val)->c;                                                             \
			code;                                                                      \
		}                                                                                  \
		for (i_ = 0; i_ < (val)->arg_count; i_++) {                                        \
			p = &(f)->args[(val)->args + i_];                                          \
			if (*p)                                                                    \
				code;                                                              \
		}                                                                                  \
	} while (0)
enum ir_cond ir_cond_of(u8 operation);		   /* of a conditional jump: enum insn_do */
enum ir_cond ir_cond_exchanged(enum ir_cond cond); /* for b, a instead of a, b */

static inline u32 ir_new(struct ir_func *f, enum ir_op op, u32 a, u32 b)
{
	u32 v = f->val_count;

	if (unlikely(v == f->val_cap) && !ir_make_room(f, 1))
		return 0;
	f->val_count++;
	f->ops |= IR_BIT(op);
	f->replaced[v] = v;
	f->vals[v] = (struct ir_val){
		.op = (u8)op,
		.w = 64,
		.bits = 64,
		.a = a,
		.b = b,
		.block = f->block,
		.epoch = f->epoch,
		.reg = -1,
		.hint = 0xff,
	};
	return v;
}

/* What stands for a value now. */
static inline u32 ir_resolve(struct ir_func *f, u32 v)
{
	u32 with = f->replaced[v];

	return likely(f->replaced[with] == with) ? with : ir_resolve_chain(f, v);
}

static inline struct ir_val *ir_val(struct ir_func *f, u32 v)
{
	return &f->vals[v];
}

static inline bool ir_is_const(const struct ir_func *f, u32 v)
{
	return f->vals[v].op == IR_CONST;
}

/* A constant of which a few may be added up and nothing overflows in any width. */
static inline bool ir_is_small(const struct ir_func *f, u32 v)
{
	return ir_is_const(f, v) && f->vals[v].imm < IR_SMALL;
}

static inline bool ir_fits_s32(u64 v)
{
	return (s64)v == (s32)v;
}

static inline u8 ir_bits_of(u64 v)
{
	return v ? (u8)(64 - __builtin_clzll(v)) : 1;
}

/* ir_fold.c: values that simplify themselves while they are made. */
u32 ir_const(struct ir_func *f, u64 imm);
u32 ir_alu(struct ir_func *f, enum ir_op op, u8 w, u32 a, u32 b);
u32 ir_zext(struct ir_func *f, u8 size, u32 a);
u32 ir_sext(struct ir_func *f, u8 size, u8 w, u32 a);
u32 ir_bswap(struct ir_func *f, u8 size, u32 a);
/* A memory operation at a + disp. */
u32 ir_mem(struct ir_func *f, enum ir_op op, u8 size, u32 a, s64 disp);
/* What matters of v when only its low half is read. */
u32 ir_low32(struct ir_func *f, u32 v);

/* ir_bytes.c: wide loads out of narrow ones. */
void ir_bytes_load(struct ir_func *f, u32 load);
void ir_bytes_shift(struct ir_func *f, u32 v, u32 a, u32 count);
u32 ir_bytes_or(struct ir_func *f, u8 w, u32 a, u32 b); /* 0 = nothing better than an OR */
/* Whether the bits of a and b between `from` and w are the same bits of memory. */
bool ir_bytes_agree(const struct ir_func *f, u32 a, u32 b, u8 w, u32 from);

/* ir_stores.c: wide stores out of narrow ones. */
void ir_store_made(struct ir_func *f, u32 store);
/* What a part of the frame holds, as far as this block knows, or 0. */
u32 ir_known(struct ir_func *f, s64 off, u32 size);
/* Something happens that may change any memory. */
void ir_forget_memory(struct ir_func *f);
/* Whether no store that may move down would change what lies there. */
bool ir_stores_miss(const struct ir_func *f, u32 base, s64 disp, u32 size);

/* ir_inline.c: what a helper call becomes without a call. */
const struct code_map *ir_inlined_map(const struct ir_program *p, const struct insn_brief *insn);
u32 ir_inline_lookup(struct ir_func *f, const struct code_map *map, u32 key);
helper_fn ir_direct_lookup(const struct ir_program *p, const struct insn_brief *insn);
/* The result of a helper that only reads what the run knows; 0 = it must be called. */
u32 ir_inline_helper(struct ir_func *f, u32 id);

/* ir_branch.c: the branch at the end of a block that is being built. */
void ir_fold_branch(struct ir_func *f, u32 block);
void ir_close_preds(struct ir_func *f, u32 block); /* what was taken out leaves no gap */

/* ir_blocks.c, ir_slots.c, ir_build.c: from instructions to values. */
int ir_find_blocks(struct ir_func *f);
int ir_unroll(struct ir_func *f); /* changes blocks; their predecessors are then to be found */
void ir_live_vars(struct ir_func *f);
void ir_find_slots(struct ir_func *f);
/* of calls of functions: only when the callee is known */
void ir_find_effects(struct ir_program *p, u32 insn);
u64 ir_insn_reads(const struct ir_func *f, u32 insn); /* variables */
/* The function that the call at insn leads to, or NULL. */
struct ir_func *ir_callee(const struct ir_program *p, u32 insn);
u64 ir_imm64(const struct ir_program *p, const struct insn_brief *d);
s32 ir_slot_var(const struct ir_func *f, u32 insn); /* -1 = none */
int ir_build(const struct code *code, const struct image *image, struct ir_program *ret_program);
int ir_build_func(struct ir_func *f);
void ir_release(struct ir_program *program);

/* Passes; each over one function. */
void pass_phi(struct ir_func *f);
void pass_bits(struct ir_func *f);
void pass_idioms(struct ir_func *f);
void pass_select(struct ir_func *f);
void pass_frame(struct ir_func *f);
void pass_dce(struct ir_func *f);
void pass_narrow(struct ir_func *f);
void pass_mask(struct ir_func *f);
void pass_step(struct ir_func *f);

#endif
