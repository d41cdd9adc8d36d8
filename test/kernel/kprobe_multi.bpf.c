// SPDX-License-Identifier: BSD-2-Clause
#define KINDS kprobe_multi, kretprobe_multi
#include "fired.h"

COUNT("kprobe.multi/do_sys_openat*", kprobe_multi, 0)
COUNT("kretprobe.multi/do_sys_openat*", kretprobe_multi, 0)
