// SPDX-License-Identifier: BSD-2-Clause
#define KINDS sk_lookup
#include "fired.h"

COUNT("sk_lookup", sk_lookup, SK_PASS)
