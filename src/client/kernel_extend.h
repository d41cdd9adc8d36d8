/* SPDX-License-Identifier: BSD-2-Clause */
/* Programs of type ext (section freplace/FUNCTION) take the place of a function of another one. */
#ifndef CLIENT_KERNEL_EXTEND_H
#define CLIENT_KERNEL_EXTEND_H

#include "client/load.h"

/*
 * Tells the object's ext programs, before it is loaded, which loaded program they extend: its id,
 * a path where it is pinned, or its name; NULL = none was named. 0, or -errno with the sentence;
 * ret_fd holds the target until the load is done, -1 = there are no such programs.
 */
int kernel_extend(struct load *load, const char *target, int *ret_fd, struct strbuf *ret_error);

#endif
