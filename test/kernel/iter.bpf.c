// SPDX-License-Identifier: BSD-2-Clause
#define KINDS iter, iter_s
#include "fired.h"

SEC("iter/task") int each_task(struct bpf_iter__task *ctx)
{
	struct task_struct *task = ctx->task;

	count(iter);
	if (task && task->pid == 1)
		BPF_SEQ_PRINTF(ctx->meta->seq, "task 1\n");
	return 0;
}

COUNT("iter.s/task", iter_s, 0)
