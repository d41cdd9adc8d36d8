/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Bugs that JITs have had, to be switched on one at a time (MODE=bugs, HACHI_JIT_BUG=NUMBER): the
 * tests must find each (bugs.def, tools/check-bugs.sh). Elsewhere JIT_BUG() is 0 and there is no
 * trace of it.
 */
#ifndef JIT_BUG_H
#define JIT_BUG_H

#ifdef JIT_SEEDED_BUGS

enum jit_bug {
	JIT_BUG_NONE,
#define BUG(id, ...) JIT_BUG_##id,
#include "jit/bugs.def"
};

extern int jit_seeded_bug;
#define JIT_BUG(id) (jit_seeded_bug == JIT_BUG_##id)

#else
#define JIT_BUG(id) 0
#endif

#endif
