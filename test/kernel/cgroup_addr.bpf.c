// SPDX-License-Identifier: BSD-2-Clause
#define KINDS                                                                                      \
	bind4, bind6, connect4, connect6, sendmsg4, sendmsg6, recvmsg4, recvmsg6, getpeername4,    \
		getpeername6, getsockname4, getsockname6
#include "fired.h"

COUNT("cgroup/bind4", bind4, 1)
COUNT("cgroup/bind6", bind6, 1)
COUNT("cgroup/connect4", connect4, 1)
COUNT("cgroup/connect6", connect6, 1)
COUNT("cgroup/sendmsg4", sendmsg4, 1)
COUNT("cgroup/sendmsg6", sendmsg6, 1)
COUNT("cgroup/recvmsg4", recvmsg4, 1)
COUNT("cgroup/recvmsg6", recvmsg6, 1)
COUNT("cgroup/getpeername4", getpeername4, 1)
COUNT("cgroup/getpeername6", getpeername6, 1)
COUNT("cgroup/getsockname4", getsockname4, 1)
COUNT("cgroup/getsockname6", getsockname6, 1)
