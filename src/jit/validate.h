/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Checks a finished image before it may become executable: a second opinion that shares no code
 * with what made it. In every build; an image that does not pass is never run.
 *
 * What holds of an image that passed, whatever lowering and emitting did wrong:
 *  - It is decoded from its first byte to its last without a gap, and every instruction is one of
 *    the machine's table (x86_64/forms.def, arm64/forms.def): nothing that enters the kernel, no
 *    privileged, string, vector or segment instruction, none that reads or writes rip-relative or
 *    absolute memory.
 *  - A jump goes to the start of an instruction of its own function, never into what sets a frame
 *    up or takes it down; no function runs on into the next one. A call goes to the entry of a
 *    function of the image or to an address that lowering registered, and those are called in the
 *    order in which they were registered, all of them. Indirect branches have three shapes: the far
 *    call whose constant stands directly before it, the tail call through run->image, which was
 *    stored directly before it, plain or as a retpoline, and the return.
 *  - The stack pointer changes only where a function is entered and left, and a function leaves
 *    with the one with which it was entered: everywhere else it is a known distance below. What is
 *    accessed through the stack pointer alone lies within the frame that the function has made, or
 *    (x86-64) in the red zone of a function that calls nothing: so no such store changes a return
 *    address or a saved register. A register that belongs to the caller is written only after it
 *    was saved, and comes back from where it was saved. At calls the stack is aligned.
 *  - Where indirect calls and tail calls lead there is a landing pad (endbr64, bti c), and nowhere
 *    else.
 *  - Under constant blinding no constant of the program is an immediate, a displacement or (arm64)
 *    what a row of movz and movk makes. Such a constant is what an instruction's imm gives, and
 *    both halves of a wide one. Those of 17 bits and fewer, sign included, do not count: an
 *    instruction's offset shows as many, and offsets are not blinded. Nor do numbers of ours:
 *    maps' sizes, which whoever makes the map chooses, and the counter of may_goto.
 *
 * What it does not see: whether a store through another register than the stack pointer, or through
 * the stack pointer and an index, hits what the verifier allowed; whether the instructions compute
 * what the program says; whether the address that a call was registered with is the right helper's.
 * That the run and the maps are what they should be is taken for granted.
 *
 * One pass, no list of instructions is kept: 5 to 8 % of a compilation (make bench-engine says how
 * much it is now).
 */
#ifndef JIT_VALIDATE_H
#define JIT_VALIDATE_H

#include "base/arena.h"
#include "runtime/image.h"

struct validate {
	const u8 *code; /* the image */
	u32 size;
	u64 base;	  /* where it will run */
	const u32 *funcs; /* offsets of the functions' entries, ascending */
	u32 func_count;
	const u64 *calls; /* addresses outside that it may call, in the order of the code */
	u32 call_count;
	const struct code *program; /* for its constants; NULL: not blinded */
	struct arena *arena;
	/* Whether a constant that shows may be a random number that happens to be equal: -EAGAIN.
	 */
	bool may_be_chance;
	/* Of what does not pass: */
	u32 at;		 /* offset in the image */
	const char *why; /* without addresses */
	bool shows_constant;
	/* Constants that must not be seen: a hash table without 0. */
	u32 *secrets, secret_mask;
};

/* 0, -EFAULT (at and why say more) or -ENOMEM. */
typedef int (*validate_fn)(struct validate *v);
int validate_x86_64(struct validate *v);
int validate_arm64(struct validate *v);

/* The same, or -EAGAIN; and logs what it finds, which is an error of ours. */
int validate_image(struct validate *v, validate_fn machine, struct log *log);

/* Tests and measurements look at every image that passed, before validate_image() returns. */
extern void (*validate_observer)(const struct validate *v, validate_fn machine);

/* For the machines' own files. */
int validate_begin(struct validate *v);
int validate_fail(struct validate *v, u32 at, const char *why); /* -EFAULT */
int validate_fail_shown(struct validate *v, u32 at);		/* a constant; -EFAULT */
bool validate_is_secret(const struct validate *v, u32 imm);
/* Index of the function that starts there, or -1. */
s32 validate_func_at(const struct validate *v, u64 at);

#endif
