// SPDX-License-Identifier: BSD-2-Clause
#define KINDS lwt_in, lwt_out, lwt_xmit
#include "fired.h"

COUNT("lwt_in", lwt_in, 0)
COUNT("lwt_out", lwt_out, 0)
COUNT("lwt_xmit", lwt_xmit, 0)
