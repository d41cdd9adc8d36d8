/* SPDX-License-Identifier: BSD-2-Clause */
/* The arm64 engine. */
#ifndef JIT_ARM64_ARM64_H
#define JIT_ARM64_ARM64_H

#include "runtime/image.h"

extern const struct engine engine_arm64;

#endif
