// SPDX-License-Identifier: BSD-2-Clause
#define KINDS tc_ingress, tc_egress
#include "fired.h"

COUNT("tc", tc_ingress, 0)
COUNT("tc/egress", tc_egress, 0)
