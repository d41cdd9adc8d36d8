// SPDX-License-Identifier: BSD-2-Clause
#define KINDS fentry_s, fexit_s, fmod_ret_s
#include "fired.h"

COUNT("fentry.s/__x64_sys_openat", fentry_s, 0)
COUNT("fexit.s/__x64_sys_openat", fexit_s, 0)
COUNT("fmod_ret.s/__x64_sys_openat", fmod_ret_s, 0)
