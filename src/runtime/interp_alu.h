/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The interpreter's code for arithmetic, one macro for each family of insns.def. Included by
 * interp_loop.h only: `o` is the operation, R the registers, OPERAND_<src> the second operand.
 */

#define OPERAND_REG   R[o->src]
#define OPERAND_EQ(n) o->imm

#define BODY_ALU(id, operation, width, src_, off_, scope)                                          \
	FACT_DIVISOR(operation, width, (u##width)(OPERAND_##src_));                                \
	R[o->dst] = sem_##operation##width((u##width)R[o->dst], (u##width)(OPERAND_##src_));

#define BODY_NEG(id, operation, width, src_, off_, scope)                                          \
	R[o->dst] = (u##width) - (u##width)R[o->dst];

#define BODY_MOV(id, operation, width, src_, off_, scope) MOV_##operation(width, src_)
#define MOV_MOV(width, src_)				  R[o->dst] = (u##width)(OPERAND_##src_);
#define MOV_ZEXT(width, src_)				  R[o->dst] = (u32)R[o->src];
#define MOV_PERCPU(width, src_)				  goto unreachable; /* refused by interp_translate() */

/* off tells how many bits of src count. */
#define BODY_MOVSX(id, operation, width, src_, off_, scope)                                        \
	R[o->dst] = (u##width)(s##width)(MOVSX_FROM_##off_)R[o->src];
#define MOVSX_FROM_EQ(n) s##n

#define BODY_END(id, operation, width, src_, off_, scope)                                          \
	R[o->dst] = END_##operation(width, R[o->dst]);
#define END_LE(bits, v)	   SEM_LE(bits, v)
#define END_BE(bits, v)	   SEM_BE(bits, v)
#define END_BSWAP(bits, v) __builtin_bswap##bits((u##bits)(v))

/* Arena pointers: the kernel view is the low half, the user view has the user base above it. */
#define BODY_CAST(id, operation, width, src_, off_, scope) operation(o)
#define CAST_KERN(o)					   R[(o)->dst] = (u32)R[(o)->src];
#define CAST_USER(o)                                                                               \
	{                                                                                          \
		u32 low = (u32)R[(o)->src];                                                        \
                                                                                                   \
		R[(o)->dst] = low ? (func->owner->arena_user_base & ~(u64)UINT32_MAX) | low : 0;   \
	}

#define BODY_LD_IMM64(id, operation, width, src_, off_, scope) R[o->dst] = o->imm;
