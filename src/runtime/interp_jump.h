/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The interpreter's code for jumps, calls, tail calls and the ends of functions. Included by
 * interp_loop.h only.
 */

#define TAKE_JUMP()                                                                                \
	do {                                                                                       \
		pc = (const struct interp_op *)((const char *)o + o->off);                         \
		DISPATCH();                                                                        \
	} while (0)

#define BODY_JA(id, operation, width, src_, off_, scope) TAKE_JUMP();
#define BODY_JCC(id, operation, width, src_, off_, scope)                                          \
	{                                                                                          \
		bool is_taken =                                                                    \
			sem_##operation##width((u##width)R[o->dst], (u##width)(OPERAND_##src_));   \
                                                                                                   \
		FACT_BRANCH(is_taken);                                                             \
		if (is_taken)                                                                      \
			TAKE_JUMP();                                                               \
	}
#define BODY_MAY_GOTO(id, operation, width, src_, off_, scope)                                     \
	if (may_goto_left-- == 0) {                                                                \
		may_goto_left = 0;                                                                 \
		TAKE_JUMP();                                                                       \
	}

#define BODY_CALL(id, operation, width, src_, off_, scope) CALL_##operation
#define CALL_CALL                                                                                  \
	GUARD_CALL();                                                                              \
	R[0] = o->fn(R[1], R[2], R[3], R[4], R[5], run);
#define CALL_CALL_KFUNC                                                                            \
	R[0] = o->fn(R[1], R[2], R[3], R[4], R[5], run);                                           \
	if (unlikely(run->fault != RUN_OK))                                                        \
		goto faulted;
#define CALL_CALL_FUNC                                                                             \
	{                                                                                          \
		if (bug_on(frame == frames + ARRAY_SIZE(frames) - 1))                              \
			goto trip;                                                                 \
		frame->ret = o + 1;                                                                \
		frame->func = func;                                                                \
		frame->base = base;                                                                \
		frame->may_goto_left = may_goto_left;                                              \
		memcpy(frame->saved, &R[6], sizeof(frame->saved));                                 \
		frame++;                                                                           \
		base -= func->stack_bytes;                                                         \
		func = o->func;                                                                    \
		goto enter;                                                                        \
	}
#define CALL_CALLX goto unreachable;
#define CALL_TAIL_CALL                                                                             \
	{                                                                                          \
		const struct image *target = interp_tail_target(run, o->map, R[2], (u32)R[3]);     \
                                                                                                   \
		if (target) {                                                                      \
			run->image = target;                                                       \
			if (target->engine != &engine_interp) {                                    \
				R[0] = target->entry((void *)(uintptr_t)R[1], run);                \
				if (unlikely(run->fault != RUN_OK))                                \
					return 0;                                                  \
				goto leave;                                                        \
			}                                                                          \
			func = &container_of(target, const struct interp_image, image)->funcs[0];  \
			goto enter;                                                                \
		}                                                                                  \
	}

#define BODY_EXIT(id, operation, width, src_, off_, scope) goto leave;
