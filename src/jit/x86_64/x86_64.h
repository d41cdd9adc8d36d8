/* SPDX-License-Identifier: BSD-2-Clause */
/* The x86-64 engine. */
#ifndef JIT_X86_64_X86_64_H
#define JIT_X86_64_X86_64_H

#include "runtime/image.h"

extern const struct engine engine_x86_64;

#endif
