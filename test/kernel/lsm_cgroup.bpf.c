// SPDX-License-Identifier: BSD-2-Clause
#define KINDS lsm_cgroup
#include "fired.h"

COUNT("lsm_cgroup/socket_post_create", lsm_cgroup, 1)
