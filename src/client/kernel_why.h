/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Why the kernel did not take a program: the capability, configuration option, sysctl or symbol
 * that is missing, looked up where the machine keeps it.
 */
#ifndef CLIENT_KERNEL_WHY_H
#define CLIENT_KERNEL_WHY_H

#include "base/str.h"

/* One sentence for a program of this section and type that failed with err; false: none known. */
bool kernel_why(const char *section, u32 prog_type, int err, struct strbuf *ret_sentence);
/* "y", "m" and the like of a CONFIG_ option, "" when it is not set, NULL when nobody knows. */
const char *kernel_config(const char *option, char *buf, size_t size);

#endif
