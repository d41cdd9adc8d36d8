/* SPDX-License-Identifier: BSD-2-Clause */
/* What the two files of `hachi filter` share: classic filters run through verifier and engine. */
#ifndef CLI_FILTER_H
#define CLI_FILTER_H

#include "cbpf/cbpf.h"
#include <hachi/hachi.h>

/* Either fills ret_error with a sentence when it returns -errno. */

/* Runs a socket filter on the packets of in_path; what passes goes to out_path, if there is one. */
struct filter_counts {
	u64 packets, passed;
};
int filter_run_capture(const struct hachi_opts *opts, const struct sock_filter *filter, u32 len,
	const char *in_path, const char *out_path, struct filter_counts *ret_counts,
	char *ret_error, size_t size);

/* Runs a seccomp filter on one system call (64 bytes of struct seccomp_data). */
int filter_run_seccomp(const struct hachi_opts *opts, const struct sock_filter *filter, u32 len,
	const void *data, u32 *ret_action, char *ret_error, size_t size);

/* Becomes the command, with the filter installed in the kernel; returns only on failure. */
int filter_exec(
	const struct sock_filter *filter, u32 len, char *const *argv, char *ret_error, size_t size);

#endif
