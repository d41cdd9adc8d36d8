// SPDX-License-Identifier: BSD-2-Clause
/* Helpers that call a function of the program again and again. */
#include "helper/impl.h"
#include "map/ringbuf.h"

#define LOOPS_MAX	 (8u << 20) /* BPF_MAX_LOOPS */
#define USER_SAMPLES_MAX (128u << 10)

/* bpf_loop(nr_loops, callback, ctx, flags): how many loops ran, the last one included. */
HELPER_FN(loop)
{
	u32 count = (u32)r1;

	if (r4)
		return helper_ret(-EINVAL);
	if (count > LOOPS_MAX)
		return helper_ret(-E2BIG);
	for (u32 i = 0; i < count; i++) {
		run_back_edge(run);
		if (run->fault || run_callback(run, r2, i, r3, 0, 0, 0) || run->fault)
			return i + 1;
	}
	return count;
}

/* bpf_user_ringbuf_drain(map, callback, ctx, flags): samples seen by the callback. */
HELPER_FN(user_ringbuf_drain)
{
	struct map *map = helper_map(r1);
	u32 discarded = 0, samples;
	int err;

	if (r4 & ~(u64)(BPF_RB_NO_WAKEUP | BPF_RB_FORCE_WAKEUP))
		return helper_ret(-EINVAL);
	err = user_ringbuf_enter(map);
	if (err)
		return helper_ret(err);
	for (samples = 0; samples < USER_SAMPLES_MAX; samples++) {
		struct helper_dynptr dynptr;
		void *sample;
		u64 stop;
		u32 size;

		err = user_ringbuf_peek(map, &sample, &size);
		if (err == -EAGAIN) {
			discarded++;
			continue;
		}
		if (err)
			break;
		helper_dynptr_init(&dynptr, sample, DYNPTR_LOCAL, 0, size);
		run_back_edge(run);
		stop = run->fault ? 1 : run_callback(run, r2, (uintptr_t)&dynptr, r3, 0, 0, 0);
		user_ringbuf_release(map, size);
		if (stop || run->fault) {
			samples++;
			break;
		}
	}
	user_ringbuf_leave(map, r4, samples > 0);
	return helper_ret(
		err && err != -ENODATA && err != -EAGAIN ? err : (s64)samples - discarded);
}
