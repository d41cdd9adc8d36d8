/* SPDX-License-Identifier: BSD-2-Clause */
/* One call of a kernel function, as its parts (kfunc.c, kfunc_arg.c, iter.c) see it. */
#ifndef VERIFY_KFUNC_H
#define VERIFY_KFUNC_H

#include "spec/kfunc.h"
#include "verify/check.h"

struct kfunc_call {
	const struct kfunc_spec *spec;
	const struct btf *btf;
	const struct btf_type *proto;
	const char *name;
	u32 ref_id, release_regno;
	u64 constant; /* the argument named ...__k or ...__szk */
	bool has_constant;
	u64 ret_size; /* of the memory returned */
	bool ret_is_rdonly;
	u32 ret_btf_id; /* bpf_cast_to_kern_ctx */
	u32 dynptr_id, dynptr_kind, dynptr_ref;
	u32 iter_frame, iter_slot;
};

int kfunc_check_args(struct verify_env *env, struct kfunc_call *call);
/* Has the parameter this suffix ("__sz")? */
bool kfunc_param_has(const struct btf *btf, const struct btf_param *param, const char *suffix);
/* The id of the kernel's struct that ctx is for this program type, or -1. */
int kfunc_kernel_ctx(const struct verify_env *env);
/* Argument regno is the iterator itself. */
int iter_arg(struct verify_env *env, u32 regno, struct kfunc_call *call);
/* R0 of ..._next(): one path goes on with an element, one with the end. */
int iter_next(struct verify_env *env, struct kfunc_call *call);
struct reg *iter_of(struct state *st, const struct kfunc_call *call);

#endif
