// SPDX-License-Identifier: BSD-2-Clause
/*
 * Which bytes of struct bpf_sock, bpf_tcp_sock and bpf_xdp_sock a program may read, and how wide.
 * All sizes are powers of two and all offsets multiples of them.
 */
#include "verify/check.h"

#include <stddef.h>

#define SOCK(field) ((u32)offsetof(struct bpf_sock, field))

static bool sock_ok(u32 off, u32 size)
{
	switch (off) {
	case SOCK(state):
	case SOCK(family):
	case SOCK(type):
	case SOCK(protocol):
	case SOCK(src_port):
	case SOCK(rx_queue_mapping): return size <= 4;
	default: break;
	}
	if (off >= SOCK(src_ip4) && off < SOCK(src_port))
		return size <= 4;
	if (off >= SOCK(dst_ip4) && off < SOCK(state))
		return size <= 4;
	/* a 16-bit field that was once 32 bits wide, and the hole after it */
	if (off == SOCK(dst_port) || off == SOCK(dst_port) + 1)
		return size == 4 || size <= 2;
	if (off > SOCK(dst_port) && off < SOCK(dst_ip4))
		return false;
	return size == 4;
}

bool access_sock_ok(u32 type, s32 off, u32 size)
{
	u32 end = type == REG_TCP_SOCK ? sizeof(struct bpf_tcp_sock)
		: type == REG_XDP_SOCK ? sizeof(struct bpf_xdp_sock)
				       : sizeof(struct bpf_sock);

	if (off < 0 || (u32)off >= end || (u32)off % size)
		return false;
	switch (type) {
	case REG_SOCK_COMMON:
		/* only what every kind of socket has */
		if ((u32)off >= SOCK(type) && (u32)off < SOCK(src_ip4))
			return false;
		return sock_ok((u32)off, size);
	case REG_SOCKET: return sock_ok((u32)off, size);
	case REG_TCP_SOCK:
		if (off == offsetof(struct bpf_tcp_sock, bytes_received) ||
			off == offsetof(struct bpf_tcp_sock, bytes_acked))
			return size == 8;
		return size == 4;
	case REG_XDP_SOCK: return size == 4;
	default: return false;
	}
}
