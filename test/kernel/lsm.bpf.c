// SPDX-License-Identifier: BSD-2-Clause
#define KINDS lsm, lsm_s
#include "fired.h"

COUNT("lsm/file_open", lsm, 0)
COUNT("lsm.s/file_open", lsm_s, 0)
