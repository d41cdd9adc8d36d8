/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Kernel functions (kfuncs): which there are, who may call them, and what the verifier must know
 * beyond their BTF prototype. Rows: kfuncs.def.
 */
#ifndef SPEC_KFUNC_H
#define SPEC_KFUNC_H

#include "base/types.h"

enum kfunc_flag { /* the kernel's KF_* */
	KFUNC_ACQUIRE = 1 << 0,
	KFUNC_RELEASE = 1 << 1,
	KFUNC_RET_NULL = 1 << 2,
	KFUNC_TRUSTED_ARGS = 1 << 4,
	KFUNC_SLEEPABLE = 1 << 5,
	KFUNC_DESTRUCTIVE = 1 << 6,
	KFUNC_RCU = 1 << 7,
	KFUNC_ITER_NEW = 1 << 8,
	KFUNC_ITER_NEXT = 1 << 9,
	KFUNC_ITER_DESTROY = 1 << 10,
	KFUNC_RCU_PROTECTED = 1 << 11,
};

enum kfunc_where {
	KFUNC_IN_COMMON,
	KFUNC_IN_GENERIC,
	KFUNC_IN_TRACING, /* tracing, tracepoint, perf_event, lsm; generic since 6.17 */
	KFUNC_IN_LSM,
	KFUNC_IN_CPUMASK, /* as TRACING, struct_ops, syscall */
	KFUNC_IN_SKB,	  /* types that see packets as struct sk_buff, and TRACING */
	KFUNC_IN_XDP,
};

struct kfunc_spec {
	const char *name;
	u16 since;
	u16 flags; /* enum kfunc_flag */
	u8 where;  /* enum kfunc_where */
};

const struct kfunc_spec *kfunc_spec_by_name(const char *name); /* NULL = unknown */
u32 kfunc_spec_count(void);
const struct kfunc_spec *kfunc_spec_at(u32 index);
/* false = "calling kernel function %s is not allowed". kernel 0 = the newest. */
bool kfunc_allowed(const struct kfunc_spec *spec, u32 prog_type, u16 kernel);

#endif
