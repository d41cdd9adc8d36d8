/* SPDX-License-Identifier: BSD-2-Clause */
/* Instructions of the rewritten program, as rewrite.c collects them. */
#ifndef VERIFY_REWRITE_H
#define VERIFY_REWRITE_H

#include "verify/check.h"

struct emitted {
	struct insn insn;
	u32 orig;   /* instruction as loaded */
	s32 target; /* jumps: instruction as loaded that it goes to; -1 = the offset is final */
};

struct rewriter {
	struct verify_env *env;
	struct {
		VEC(struct emitted);
	} code;
	u32 *new_position;
	bool failed; /* out of memory */
};

void emit(struct rewriter *w, struct insn insn, u32 orig);
/* target: the instruction as loaded that it goes to. */
void emit_jump(struct rewriter *w, struct insn insn, u32 orig, s32 target);
/* A load or store of the context that the program sees becomes one of the context it runs on. */
int rewrite_ctx_access(struct rewriter *w, u32 i);
/* A legacy packet load becomes checked loads of struct hachi_skb. */
void rewrite_ld_abs(struct rewriter *w, u32 i);
/* Whether a call of bpf_loop() may become a loop; makes it one. */
bool rewrite_loop_fits(const struct verify_env *env, u32 i);
void rewrite_loop(struct rewriter *w, u32 i);

#endif
