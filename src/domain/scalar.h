/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the verifier knows of a number in a register: its bits, and its range read as signed and
 * unsigned, whole and low half. A concrete value belongs to a scalar when all five agree. Every
 * operation gives what the kernel's verifier gives (6.18), not merely something sound: verdicts
 * and the states in the log depend on it.
 *
 * Operators (BPF_ADD..., BPF_JEQ...) are given without class and source bits. Constants as operands
 * are scalar_const((s64)imm), sign-extended, for 32-bit operators too. Pointers that a function
 * takes may be the same unless said otherwise.
 */
#ifndef DOMAIN_SCALAR_H
#define DOMAIN_SCALAR_H

#include "domain/tnum.h"

struct scalar {
	struct tnum var_off;
	s64 smin, smax;
	u64 umin, umax;
	s32 s32_min, s32_max;
	u32 u32_min, u32_max;
};

/* -- making -- */
struct scalar scalar_unknown(void);
struct scalar scalar_const(u64 value);
struct scalar scalar_from_urange(u64 min, u64 max);
struct scalar scalar_from_srange(s64 min, s64 max);
/* All that the bits alone say. */
struct scalar scalar_from_tnum(struct tnum var_off);

/* -- asking -- */
bool scalar_is_const(const struct scalar *s);
bool scalar_is_const32(const struct scalar *s); /* the low half is */
bool scalar_is_unknown(const struct scalar *s);
bool scalar_contains(const struct scalar *s, u64 value);
bool scalar_equal(const struct scalar *a, const struct scalar *b);
/* Whether cur's ranges lie in old's; the bits are asked with tnum_in. */
bool scalar_within(const struct scalar *old, const struct scalar *cur);
/* Ranges and bits contradict each other: a dead branch, or a bug of ours. The kernel's words for it
 * ("range bounds violation", ...), NULL when all is well. */
const char *scalar_insane(const struct scalar *s);
bool scalar_is_sane(const struct scalar *s);
/* What the kernel does to an insane one: the bits stay, the ranges are given up, nothing syncs. */
void scalar_forget_ranges(struct scalar *s);

/* -- arithmetic -- */
/*
 * *ret_dst = *dst op *src, for every operator from BPF_ADD to BPF_ARSH but BPF_MOV and BPF_END
 * (BPF_NEG does not look at src). Signed division and modulo are no different from unsigned:
 * nothing is known of either. A 32-bit result of the others is zero-extended.
 */
void scalar_alu(u8 op, bool is_64, const struct scalar *dst, const struct scalar *src,
	struct scalar *ret_dst);
/* BPF_END: the low 2, 4 or 8 bytes, in the other order if swap, zero above. */
void scalar_end(struct scalar *s, unsigned int size_bytes, bool swap);
/* MOV32, and a 32-bit result: the low half, zero-extended. */
void scalar_zext32(struct scalar *s);
/* A zero-extending load of 1, 2 or 4 bytes. */
void scalar_truncate(struct scalar *s, unsigned int size_bytes);
/* MOVSX and sign-extending loads, from 1, 2 or 4 bytes to 64 bits or (is_64 = false; 1, 2) to 32,
 * the upper half then zero. */
void scalar_sext(struct scalar *s, unsigned int size_bytes, bool is_64);
/* Learn that the value, whole and low half, is min..max (return codes of helpers). */
void scalar_bound_s32(struct scalar *s, s32 min, s32 max);
/* Let bits and ranges learn from each other. */
void scalar_sync(struct scalar *s);

/* -- comparison: op is BPF_JEQ, BPF_JGT, ... -- */
/* 1 always jumps, 0 never, -1 may do either. */
int scalar_branch_taken(u8 op, bool is_32, const struct scalar *dst, const struct scalar *src);
/* What is known of both once the jump was (taken) or was not. */
void scalar_refine(u8 op, bool is_32, bool taken, struct scalar *dst, struct scalar *src);

/* -- order -- */
struct scalar scalar_join(const struct scalar *a, const struct scalar *b);
struct scalar scalar_meet(const struct scalar *a, const struct scalar *b);
/* Join where every bound that moved is given up, so that chains of it are short. */
struct scalar scalar_widen(const struct scalar *old, const struct scalar *cur);

#endif
