// SPDX-License-Identifier: BSD-2-Clause
#define KINDS netfilter
#include "fired.h"

COUNT("netfilter/output", netfilter, 1)
