// SPDX-License-Identifier: BSD-2-Clause
#define KINDS socket_filter
#include "fired.h"

COUNT("socket", socket_filter, 0)
