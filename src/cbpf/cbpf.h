/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Classic BPF: what tcpdump compiles to, and what seccomp runs. Checked as the kernel does, printed
 * as tcpdump does, translated to eBPF that the verifier takes.
 */
#ifndef CBPF_CBPF_H
#define CBPF_CBPF_H

#include "base/str.h"
#include "isa/insn.h"

#include <linux/filter.h>

#define CBPF_MEMWORDS 16 /* M[0] to M[15] */

enum cbpf_kind {
	CBPF_SOCKET,  /* reads a packet */
	CBPF_SECCOMP, /* reads a struct seccomp_data, 64 bytes */
};

enum cbpf_style {
	CBPF_TEXT,    /* tcpdump -d */
	CBPF_C,	      /* tcpdump -dd */
	CBPF_DECIMAL, /* tcpdump -ddd */
};

enum cbpf_code {
#define CBPF(id, ...) CBPF_##id,
#include "cbpf/codes.def"
	CBPF_CODE_COUNT, /* none of them */
};

enum cbpf_ancillary {
#define ANCILLARY(id, offset, ...) CBPF_AD_##id = (offset) / 4,
#include "cbpf/ancillary.def"
	CBPF_AD_COUNT,
};

/* Why a filter is refused; text is static. */
struct cbpf_error {
	u32 insn;
	const char *text;
};

/* The row of codes.def, CBPF_CODE_COUNT when there is none. */
enum cbpf_code cbpf_code(u16 code);
/* Which extension a packet load is, CBPF_AD_COUNT when it is none. */
enum cbpf_ancillary cbpf_ancillary(const struct sock_filter *insn);

/* 0, -EINVAL with ret_error filled, or -ENOMEM. */
int cbpf_check(const struct sock_filter *filter, u32 len, enum cbpf_kind kind,
	struct cbpf_error *ret_error);

/* One instruction in tcpdump -d's words, without a newline. */
void cbpf_print_insn(const struct sock_filter *insn, u32 index, struct strbuf *out);
void cbpf_print(
	const struct sock_filter *filter, u32 len, enum cbpf_style style, struct strbuf *out);

/*
 * Appends the eBPF of a filter that cbpf_check takes. SOCKET: a BPF_PROG_TYPE_SOCKET_FILTER, whose
 * packet loads remain LD_ABS and LD_IND. SECCOMP: the context is a read-only struct seccomp_data.
 * Unreachable instructions are left out. -EINVAL (refused by the check) or -EOPNOTSUPP (an
 * extension that eBPF lacks) with ret_error filled; -ENOMEM.
 */
int cbpf_translate(const struct sock_filter *filter, u32 len, enum cbpf_kind kind,
	struct insn_vec *out, struct cbpf_error *ret_error);

/* What a filter sees when it is evaluated directly. */
struct cbpf_packet {
	const u8 *data; /* from the mac header on; a struct seccomp_data for SECCOMP */
	u32 size;
	u32 start;	/* where offset 0 of the filter is in data */
	u32 net_offset; /* where SKF_NET_OFF is in data */
	u32 ancillary[CBPF_AD_COUNT];
};

/* Runs a checked filter by its definition: the oracle for translations. */
u32 cbpf_eval(const struct sock_filter *filter, u32 len, enum cbpf_kind kind,
	const struct cbpf_packet *packet);

#endif
