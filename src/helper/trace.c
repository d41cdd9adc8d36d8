// SPDX-License-Identifier: BSD-2-Clause
/* Text for people: trace lines and formatted strings. */
#include "helper/impl.h"

static u64 trace(struct run *run, const char *fmt, u32 fmt_size, const u64 *args, u32 count)
{
	char line[HELPER_FORMAT_SIZE];
	int len = helper_format(run, fmt, fmt_size, args, count, line, sizeof(line));

	if (len >= 0 && run->services && run->services->trace)
		run->services->trace(run, line, MIN((size_t)len, sizeof(line) - 1));
	return helper_ret(len);
}

/* bpf_trace_printk(fmt, fmt_size, arg1, arg2, arg3) */
HELPER_FN(trace_printk)
{
	u64 args[3] = {r3, r4, r5};

	return trace(run, helper_ptr(r1), (u32)r2, args, 3);
}

static bool are_args_ok(u64 args, u32 bytes)
{
	return bytes % 8 == 0 && bytes <= HELPER_FORMAT_ARGS_MAX * 8 && (args || !bytes);
}

/* bpf_trace_vprintk(fmt, fmt_size, args, bytes of args) */
HELPER_FN(trace_vprintk)
{
	if (!are_args_ok(r3, (u32)r4))
		return helper_ret(-EINVAL);
	return trace(run, helper_ptr(r1), (u32)r2, helper_ptr(r3), (u32)r4 / 8);
}

/* bpf_snprintf(str, str_size, fmt, args, bytes of args): length with the NUL */
HELPER_FN(snprintf)
{
	int len;

	if (!are_args_ok(r4, (u32)r5))
		return helper_ret(-EINVAL);
	len = helper_format(run, helper_ptr(r3), UINT32_MAX, helper_ptr(r4), (u32)r5 / 8,
		helper_ptr(r1), (u32)r2);
	return helper_ret(len < 0 ? len : len + 1);
}
