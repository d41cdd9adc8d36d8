// SPDX-License-Identifier: BSD-2-Clause
#define KINDS tp, tp_syscalls, raw_tp
#include "fired.h"

COUNT("tp/sched/sched_process_exec", tp, 0)
COUNT("tp/syscalls/sys_enter_openat", tp_syscalls, 0)
COUNT("raw_tp/sched_process_exec", raw_tp, 0)
