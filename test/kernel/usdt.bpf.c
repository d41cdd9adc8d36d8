// SPDX-License-Identifier: BSD-2-Clause
#define KINDS usdt
#include "fired.h"
#include <bpf/usdt.bpf.h>

/* the trigger of the tests, by this name in $PATH */
COUNT("usdt/hachi-trigger:hachi:work", usdt, 0)
