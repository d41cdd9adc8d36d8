/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Linear-scan register allocation, for any machine with at most 32 integer registers. Each value
 * gets one place for its whole life: a register, or a slot of the frame.
 */
#ifndef JIT_ALLOC_H
#define JIT_ALLOC_H

#include "jit/ir.h"

struct alloc_target {
	u32 callee_saved; /* bits of registers */
	/* Those to give out, bits: what a call destroys first, then what must be saved; of either
	 * the lowest one first. */
	u32 regs;
	const u8 *args; /* registers of call arguments, IR_CALL_ARGS of them */
	u8 ret;
	u8 quotient, remainder; /* where divisions leave them; 0xff: anywhere */
	u8 divisor;		/* where a divisor is well placed; 0xff: anywhere */
	u32 scratch;		/* bits of registers that code may use between values */
	/* Registers that computing a value destroys, beside its own. */
	u32 (*clobbers)(const struct ir_func *f, const struct ir_val *v);
	/* Register of parameter n of this function. */
	u8 (*param)(const struct ir_func *f, u32 n);
};

struct alloc_result {
	u32 used;	/* registers given out */
	u32 slot_count; /* spilled values */
};

/*
 * usable: bits of the registers that may be given out; usable_with_slots: when they are
 * not enough and values live in memory. 0 or -ENOMEM.
 */
int alloc_registers(struct ir_func *f, const struct alloc_target *target, u32 usable,
	u32 usable_with_slots, struct alloc_result *ret_result);

#endif
