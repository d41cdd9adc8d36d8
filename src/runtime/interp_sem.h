/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the instructions compute, as functions of numbers. Division by zero and the one overflowing
 * signed division have results, as RFC 9669 section 4.1 says; shifts count modulo the width.
 */
#ifndef RUNTIME_INTERP_SEM_H
#define RUNTIME_INTERP_SEM_H

#include "base/types.h"

#define SEM_BINARY(NAME, EXPR64, EXPR32)                                                           \
	static inline u64 sem_##NAME##64(u64 a, u64 b)                                             \
	{                                                                                          \
		return (EXPR64);                                                                   \
	}                                                                                          \
	static inline u32 sem_##NAME##32(u32 a, u32 b)                                             \
	{                                                                                          \
		return (EXPR32);                                                                   \
	}

SEM_BINARY(ADD, a + b, a + b)
SEM_BINARY(SUB, a - b, a - b)
SEM_BINARY(MUL, a *b, a *b)
SEM_BINARY(DIV, b ? a / b : 0, b ? a / b : 0)
SEM_BINARY(MOD, b ? a % b : a, b ? a % b : a)
SEM_BINARY(OR, a | b, a | b)
SEM_BINARY(AND, a &b, a &b)
SEM_BINARY(XOR, a ^ b, a ^ b)
SEM_BINARY(LSH, a << (b & 63), a << (b & 31))
SEM_BINARY(RSH, a >> (b & 63), a >> (b & 31))
SEM_BINARY(ARSH, (u64)((s64)a >> (b & 63)), (u32)((s32)a >> (b & 31)))
/* x / -1 is a negation, which wraps. */
SEM_BINARY(SDIV,
	b == 0			  ? 0
		: b == UINT64_MAX ? -a
				  : (u64)((s64)a / (s64)b),
	b == 0			  ? 0
		: b == UINT32_MAX ? -a
				  : (u32)((s32)a / (s32)b))
SEM_BINARY(SMOD,
	b == 0			  ? a
		: b == UINT64_MAX ? 0
				  : (u64)((s64)a % (s64)b),
	b == 0			  ? a
		: b == UINT32_MAX ? 0
				  : (u32)((s32)a % (s32)b))

#define SEM_COMPARE(NAME, EXPR64, EXPR32)                                                          \
	static inline bool sem_##NAME##64(u64 a, u64 b)                                            \
	{                                                                                          \
		return (EXPR64);                                                                   \
	}                                                                                          \
	static inline bool sem_##NAME##32(u32 a, u32 b)                                            \
	{                                                                                          \
		return (EXPR32);                                                                   \
	}

SEM_COMPARE(JEQ, a == b, a == b)
SEM_COMPARE(JNE, a != b, a != b)
SEM_COMPARE(JGT, a > b, a > b)
SEM_COMPARE(JGE, a >= b, a >= b)
SEM_COMPARE(JLT, a < b, a < b)
SEM_COMPARE(JLE, a <= b, a <= b)
SEM_COMPARE(JSET, (a & b) != 0, (a & b) != 0)
SEM_COMPARE(JSGT, (s64)a > (s64)b, (s32)a > (s32)b)
SEM_COMPARE(JSGE, (s64)a >= (s64)b, (s32)a >= (s32)b)
SEM_COMPARE(JSLT, (s64)a < (s64)b, (s32)a < (s32)b)
SEM_COMPARE(JSLE, (s64)a <= (s64)b, (s32)a <= (s32)b)

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define SEM_LE(bits, v) ((u##bits)(v))
#define SEM_BE(bits, v) __builtin_bswap##bits((u##bits)(v))
#else
#define SEM_LE(bits, v) __builtin_bswap##bits((u##bits)(v))
#define SEM_BE(bits, v) ((u##bits)(v))
#endif

#endif
