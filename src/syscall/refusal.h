/* SPDX-License-Identifier: BSD-2-Clause */
/* Why this thread's last load was refused (hachi_last_refusal()). */
#ifndef SYSCALL_REFUSAL_H
#define SYSCALL_REFUSAL_H

#include "verify/verify.h"

struct hachi;

void refusal_clear(struct hachi *h);
void refusal_set(
	struct hachi *h, const struct verdict *verdict, const struct verify_input *in, int err);

#endif
