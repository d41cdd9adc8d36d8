// SPDX-License-Identifier: BSD-2-Clause
#define KINDS xdp
#include "fired.h"

COUNT("xdp", xdp, XDP_PASS)
