// SPDX-License-Identifier: BSD-2-Clause
/*
 * The interpreter's loop with every check on: memory accesses and what helpers get are put to the
 * guard, and what the verifier claimed of branches and divisors is compared with what happens.
 */
#include "runtime/interp.h"

#define INTERP_LOOP interp_run_checked
#define DISPATCH()  goto *kinds[pc->kind]
#define NOTE_STACK(stack)                                                                          \
	do {                                                                                       \
		run->stack->low = (u64)(uintptr_t)(stack);                                         \
		run->stack->high = (u64)(uintptr_t)(stack) + sizeof(stack);                        \
	} while (0)
#define GUARD(addr, bytes, is_write)                                                               \
	do {                                                                                       \
		if (!interp_guard_access(run, func->owner, o, addr, bytes, is_write))              \
			return 0;                                                                  \
	} while (0)
#define GUARD_CALL()                                                                               \
	do {                                                                                       \
		if (!interp_guard_call(run, func->owner, o, R))                                    \
			return 0;                                                                  \
	} while (0)
#define FACT(o)                                                                                    \
	(func->owner->facts ? &func->owner->facts[(o)-func->owner->ops] : (struct code_fact *)NULL)
#define FACT_BRANCH(is_taken)                                                                      \
	do {                                                                                       \
		const struct code_fact *fact = FACT(o);                                            \
                                                                                                   \
		if (fact && fact->branch_known)                                                    \
			bug_on(fact->branch_taken != (is_taken));                                  \
	} while (0)
#define FACT_DIVISOR(operation, width, value)                                                      \
	do {                                                                                       \
		const struct code_fact *fact = FACT(o);                                            \
                                                                                                   \
		if (fact && fact->src_nonzero)                                                     \
			bug_on((value) == 0);                                                      \
	} while (0)

#include "runtime/interp_loop.h"
