// SPDX-License-Identifier: BSD-2-Clause
#define KINDS kprobe, kretprobe, ksyscall, kretsyscall
#include "fired.h"

COUNT("kprobe/do_sys_openat2", kprobe, 0)
COUNT("kretprobe/do_sys_openat2", kretprobe, 0)
COUNT("ksyscall/openat", ksyscall, 0)
COUNT("kretsyscall/openat", kretsyscall, 0)
