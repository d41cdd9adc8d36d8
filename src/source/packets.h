/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Packets of a capture (pcap or pcapng) as the context of XDP, tc, socket filter and other packet
 * programs; what passes can be written to another capture, with the bytes as the program left
 * them. The clock that programs see is the capture's.
 */
#ifndef SOURCE_PACKETS_H
#define SOURCE_PACKETS_H

#include "base/types.h"
#include <hachi/hachi.h>

struct packets_opts {
	const char *in_path;  /* "-" = standard input */
	const char *out_path; /* NULL = none */
	u32 ifindex;
	const int *cancel; /* non-zero ends the replay after the packet under way; may be NULL */
	void (*tick)(void *arg); /* every few packets: time to drain rings */
	void *tick_arg;
};

#define PACKET_VERDICTS 16

struct packets_stats {
	u64 packets, bytes, passed, passed_bytes, cut;
	/* by return value; other values count in the last one */
	u64 verdicts[PACKET_VERDICTS];
	int link_type;
	bool is_cancelled;
};

/* Whether packets can be fed to programs of this type. */
bool packets_can_feed(u32 prog_type);
/* "XDP_DROP", "TC_ACT_OK", ..., or NULL when the value has no name for the type. */
const char *packets_verdict_name(u32 prog_type, u32 value);

/*
 * Runs prog on every packet. On failure ret_error (of size bytes) says what is wrong with which
 * file: unreadable, truncated (the packets before are done), the disk full.
 */
int packets_run(struct hachi_prog *prog, u32 prog_type, const struct packets_opts *opts,
	struct packets_stats *ret_stats, char *ret_error, size_t size);

#endif
