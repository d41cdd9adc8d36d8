// SPDX-License-Identifier: BSD-2-Clause
/*
 * References: what a program acquired it must release, once, on every path. A reference is an id;
 * every register that is valid only through it carries the id, and all of them become invalid when
 * it is released.
 */
#include "verify/check.h"

#include <errno.h>

int ref_acquire(struct verify_env *env, u32 insn, u32 *ret_id)
{
	struct frame *frame = cur_frame(env);
	struct ref ref = {.id = ++env->id_gen,
		.insn = insn,
		.callback_frame = frame->in_callback ? frame->frameno : 0};

	*ret_id = ref.id;
	return frame_add_ref(&env->pool, frame, ref);
}

int ref_release(struct verify_env *env, u32 id)
{
	struct frame *frame;
	struct reg *r;
	int err = frame_drop_ref(cur_frame(env), id);

	if (err)
		return err;
	for_each_reg(env->cur, frame, r, {
		if (r->ref_id == id)
			mark_invalid(env, r);
	}) return 0;
}

int ref_check_leak(struct verify_env *env, bool exception_exit, const char *what)
{
	struct frame *frame = cur_frame(env);
	int err = 0;

	/* a function's references are its caller's from then on */
	if (!exception_exit && frame->frameno && !frame->in_callback)
		return 0;
	for (u32 i = 0; i < frame->ref_count; i++) {
		const struct ref *ref = &frame->refs[i];

		if (!exception_exit && frame->in_callback && ref->callback_frame != frame->frameno)
			continue;
		err = verify_refuse(env, REASON_REFERENCE_LEAK,
			"Unreleased reference id=%d alloc_insn=%d\n", ref->id, ref->insn);
	}
	if (err && what)
		err = verify_refuse(
			env, REASON_REFERENCE_LEAK, "%s would lead to reference leak\n", what);
	return err;
}
