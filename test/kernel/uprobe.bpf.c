// SPDX-License-Identifier: BSD-2-Clause
#define KINDS uprobe, uretprobe, uprobe_s
#include "fired.h"

COUNT("uprobe/libc.so.6:malloc", uprobe, 0)
COUNT("uretprobe/libc.so.6:malloc", uretprobe, 0)
COUNT("uprobe.s/libc.so.6:malloc", uprobe_s, 0)
