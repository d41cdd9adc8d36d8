// SPDX-License-Identifier: BSD-2-Clause
#define KINDS fentry, fexit, fmod_ret
#include "fired.h"

COUNT("fentry/do_sys_openat2", fentry, 0)
COUNT("fexit/do_sys_openat2", fexit, 0)
COUNT("fmod_ret/security_file_open", fmod_ret, 0)
