// SPDX-License-Identifier: BSD-2-Clause
#define KINDS perf_event
#include "fired.h"

COUNT("perf_event", perf_event, 0)
