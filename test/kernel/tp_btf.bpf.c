// SPDX-License-Identifier: BSD-2-Clause
#define KINDS tp_btf
#include "fired.h"

COUNT("tp_btf/sched_process_exec", tp_btf, 0)
