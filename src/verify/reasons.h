/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Why a program was refused, as data. The rows are in verify/reasons.def: a stable id, a category,
 * the errno, and a sentence. The kernel-format log and every other text are renderings of it.
 */
#ifndef VERIFY_REASONS_H
#define VERIFY_REASONS_H

#include "base/types.h"

enum reason {
	REASON_NONE,
#define REASON(id, category, err, sentence) REASON_##id,
#include "verify/reasons.def"
#undef REASON
	REASON_COUNT,
};

struct verdict {
	enum reason reason; /* REASON_NONE = accepted */
	int err;	    /* -errno of the load */
	u32 insn;	    /* index as loaded; UINT32_MAX = not about one instruction */
	s8 regs[2];	    /* registers concerned, -1 = none */
	const char *detail; /* the kernel's line for it, in the load's arena; may be NULL */
	const char *hint;   /* what would fix it, or NULL */
};

const char *reason_id(enum reason reason);	 /* "uninitialized-register" */
const char *reason_category(enum reason reason); /* "memory access" */
const char *reason_sentence(enum reason reason);

#endif
