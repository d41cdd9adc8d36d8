// SPDX-License-Identifier: BSD-2-Clause
#define KINDS syscall_program
#include "fired.h"

COUNT("syscall", syscall_program, 0)
