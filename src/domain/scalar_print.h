/* SPDX-License-Identifier: BSD-2-Clause */
/* The text of numbers and scalars in the verifier's log. */
#ifndef DOMAIN_SCALAR_PRINT_H
#define DOMAIN_SCALAR_PRINT_H

#include "base/str.h"
#include "domain/scalar.h"

/* Small numbers in decimal, others in hex. */
void print_unum(struct strbuf *sb, u64 num);
void print_snum(struct strbuf *sb, s64 num);
/* "(0x0; 0xff)", or the number alone when all bits are known. */
void tnum_print(struct tnum a, struct strbuf *sb);
/*
 * "smin=0,umax=255,var_off=(0x0; 0xff)": what is known beyond nothing, each item after *sep; *sep
 * is
 * "," once something was printed. For the attribute lists of pointers as well.
 */
void scalar_print_ranges(const struct scalar *s, struct strbuf *sb, const char **sep);
/* A whole scalar without id: "42" or "scalar(...)". */
void scalar_print(const struct scalar *s, struct strbuf *sb);
/* All bounds of a scalar_insane() one: "u64=[0x1, 0x0] s64=... var_off=(0x0, 0x1)". */
void scalar_print_bounds(const struct scalar *s, struct strbuf *sb);

#endif
