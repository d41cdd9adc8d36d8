// SPDX-License-Identifier: BSD-2-Clause
/*
 * The interpreter's loop without checks: each operation names the code of the next one, and common
 * neighbours (interp_fused.def) are carried out together.
 */
#include "runtime/interp.h"

#include <pthread.h>

static pthread_once_t fast_once = PTHREAD_ONCE_INIT;
static struct interp_labels fast_labels;

#define INTERP_LOOP interp_run_fast
#define INTERP_HAS_FUSED
#define DISPATCH()			      goto * pc->label
#define NOTE_STACK(stack)		      (void)0
#define GUARD(addr, bytes, is_write)	      (void)0
#define GUARD_CALL()			      (void)0
#define FACT_BRANCH(is_taken)		      (void)0
#define FACT_DIVISOR(operation, width, value) (void)0

#include "runtime/interp_loop.h"

static void find_labels(void)
{
	interp_run_fast(NULL, NULL, NULL);
}

void interp_fast_labels(struct interp_labels *ret_labels)
{
	pthread_once(&fast_once, find_labels);
	*ret_labels = fast_labels;
}
