// SPDX-License-Identifier: BSD-2-Clause
#define KINDS flow_dissector
#include "fired.h"

/* the kernel's own dissector goes on */
COUNT("flow_dissector", flow_dissector, 129)
