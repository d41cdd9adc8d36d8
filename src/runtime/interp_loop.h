/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The loop of the interpreter, included twice: interp_fast.c jumps from operation to operation by
 * their labels; interp_checked.c asks the guard at each access, compares facts of the verifier with
 * what happens, and knows no fused operations. The includer defines
 *
 *	INTERP_LOOP	the function's name
 *	DISPATCH()	goes to the code of *pc
 *	INTERP_HAS_FUSED when fused pairs are wanted
 *	NOTE_STACK(stack)	called once, with the memory of all stacks
 *	GUARD(addr, bytes, is_write), GUARD_CALL(), FACT_BRANCH(is_taken), FACT_DIVISOR(...)
 *
 * What each family of instructions does is in interp_alu.h, interp_mem.h and interp_jump.h.
 */
#include "runtime/interp.h"
#include "runtime/interp_sem.h"
#include "runtime/interp_alu.h"
#include "runtime/interp_mem.h"
#include "runtime/interp_jump.h"
#ifdef INTERP_HAS_FUSED
#include "runtime/interp_fused.h"
#endif

#if defined(__x86_64__)
#define INTERP_SPECULATION_BARRIER() __builtin_ia32_lfence()
#elif defined(__aarch64__)
#define INTERP_SPECULATION_BARRIER() __asm__ volatile("dsb nsh\n\tisb" ::: "memory")
#else
#define INTERP_SPECULATION_BARRIER() __asm__ volatile("" ::: "memory")
#endif

struct interp_mem8 {
	u8 v;
} __attribute__((packed, may_alias));
struct interp_mem16 {
	u16 v;
} __attribute__((packed, may_alias));
struct interp_mem32 {
	u32 v;
} __attribute__((packed, may_alias));
struct interp_mem64 {
	u64 v;
} __attribute__((packed, may_alias));

/* A function that waits for the one it called. */
struct interp_frame {
	const struct interp_op *ret;
	const struct interp_func *func;
	u8 *base;
	u64 saved[4]; /* r6 to r9 */
	u32 may_goto_left;
};

#define NEXT(count)                                                                                \
	do {                                                                                       \
		pc += (count);                                                                     \
		DISPATCH();                                                                        \
	} while (0)

/* func == NULL: only stores the labels (see interp_fast.c). Returns r0; run->fault says whether the
 * run ended early. */
u64 INTERP_LOOP(struct run *run, const struct interp_func *func, const u64 args[5])
{
	static const void *const kinds[INTERP_KIND_COUNT] = {
#define INSN(id, ...) [INSN_KIND_##id] = &&do_##id,
#include "isa/insns.def"
		[INTERP_KIND_FUEL] = &&do_FUEL,
		[INTERP_KIND_CALL_CHECKED] = &&do_CALL_CHECKED,
		[INTERP_KIND_UNREACHABLE] = &&unreachable,
	};
#ifdef INTERP_HAS_FUSED
	static const void *const fused[INTERP_FUSED_COUNT] = {
#define FUSE(first, second) &&do_##first##_##second,
#include "runtime/interp_fused.def"
	};
	static const void *const addressed[INTERP_ADDRESSED_COUNT] = {
#define ADDRESSED(base, access) &&do_##base##_ADD_##access,
#include "runtime/interp_addressed.def"
	};
#endif
	u8 stack[INTERP_MAX_FRAMES * INTERP_STACK_BYTES] __attribute__((aligned(16)));
	struct interp_frame frames[INTERP_MAX_FRAMES], *frame = frames;
	u8 *base = stack + sizeof(stack);
	u32 may_goto_left;
	u64 R[INSN_REG_COUNT + 1];
	const struct interp_op *pc;

	if (unlikely(!func)) {
#ifdef INTERP_HAS_FUSED
		fast_labels = (struct interp_labels){kinds, fused, addressed};
#endif
		return 0;
	}
	R[0] = 0;
	memcpy(&R[1], args, 5 * sizeof(u64));
	memset(&R[6], 0, 4 * sizeof(u64));

	NOTE_STACK(stack);

enter: /* func begins on a stack that ends at base */
	if (bug_on(func->stack_bytes > (size_t)(base - stack)))
		goto trip;
	R[10] = (u64)(uintptr_t)base;
	if (func->stack_bytes)
		memset(base - func->stack_bytes, 0, func->stack_bytes);
	may_goto_left = INTERP_MAY_GOTO;
	pc = func->start;
	DISPATCH();

leave: /* func returns r0 */
	if (frame == frames)
		return R[0];
	frame--;
	func = frame->func;
	base = frame->base;
	may_goto_left = frame->may_goto_left;
	memcpy(&R[6], frame->saved, sizeof(frame->saved));
	R[10] = (u64)(uintptr_t)base;
	run->image = &func->owner->image;
	pc = frame->ret;
	DISPATCH();

faulted: /* a call ended the run, or threw */
	if (run->fault != RUN_THROWN)
		return 0;
	while (!func->is_entry) {
		if (frame == frames)
			return 0; /* a callback: the helper that called it unwinds further */
		frame--;
		func = frame->func;
		base = frame->base;
	}
	run->fault = RUN_OK;
	R[0] = run->thrown;
	if (!func->owner->exception_cb)
		goto leave;
	R[1] = run->thrown;
	func = func->owner->exception_cb;
	goto enter;

trip:
	run->fault = RUN_GUARD_TRIPPED;
	return 0;
unreachable:
	(void)bug_on(true); /* an operation that the verifier refuses */
	goto trip;

	/* The operations. */
do_FUEL:
	run_back_edge(run);
	if (unlikely(run->fault != RUN_OK))
		return 0;
	NEXT(1);
do_CALL_CHECKED : {
	const struct interp_op *o = pc;

	CALL_CALL
	if (unlikely(run->fault != RUN_OK))
		goto faulted;
	NEXT(1);
}
#define INSN(id, mnemonic, opcode, dst, src, off, imm, family, operation, width, reads, writes,    \
	group, isa, since, scope)                                                                  \
	do_##id:                                                                                   \
	{                                                                                          \
		const struct interp_op *o = pc;                                                    \
                                                                                                   \
		(void)o;                                                                           \
		BODY_##family(id, operation, width, src, off, scope) NEXT(1);                      \
	}
#include "isa/insns.def"

#ifdef INTERP_HAS_FUSED
#define FUSE(first, second)                                                                        \
	do_##first##_##second:                                                                     \
	{                                                                                          \
		{                                                                                  \
			const struct interp_op *o = pc;                                            \
                                                                                                   \
			FUSED_##first                                                              \
		}                                                                                  \
		{                                                                                  \
			const struct interp_op *o = pc + 1;                                        \
                                                                                                   \
			FUSED_##second                                                             \
		}                                                                                  \
		NEXT(2);                                                                           \
	}
#include "runtime/interp_fused.def"

#define ADDRESSED(base, access)                                                                    \
	do_##base##_ADD_##access:                                                                  \
	{                                                                                          \
		u64 at = BASE_##base(pc) + R[pc[1].src];                                           \
                                                                                                   \
		R[pc->dst] = at;                                                                   \
		ACCESS_##access(pc + 2, at);                                                       \
		NEXT(3);                                                                           \
	}
#include "runtime/interp_addressed.def"
#endif
}
