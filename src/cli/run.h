/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * `hachi run`: one object, its programs attached, a command traced or a capture replayed, and
 * everything that the programs say shown with no user-side code.
 */
#ifndef CLI_RUN_H
#define CLI_RUN_H

#include "cli/cli.h"
#include "client/load.h"
#include "source/packets.h"
#include "source/trace.h"

#include <signal.h>
#include <stdio.h>

struct run_output; /* run_output.c */
struct bpf_map;

struct run_cmd {
	/* options */
	struct hachi_opts instance;
	const char *file;		    /* FILE.bpf.c or FILE.bpf.o */
	char **command;			    /* NULL = none */
	const char *read_path, *write_path; /* -r, -w */
	const char *prog_name;		    /* --prog */
	const char *out_path;		    /* -o */
	double interval_s, duration_s;	    /* -i, -d; 0 = none */
	u64 sample_freq;		    /* --freq */
	bool verbose;			    /* -v */
	enum trace_pin pin;
	const char *clang_flags[32];
	u32 clang_flag_count;

	/* while it runs */
	struct hachi *h;
	struct load load;
	struct trace *trace;
	struct run_output *output;
	FILE *out;
	u64 next_interval_ns, end_ns;
	bool maps_printed;
};

/* run_attach.c: attaches everything; 0 or -errno with a sentence. */
int run_attach(struct run_cmd *cmd, struct strbuf *ret_error);
bool run_is_packet_program(u32 prog_type);

/* run_output.c: what programs say. */
int run_output_open(struct run_cmd *cmd, struct strbuf *ret_error);
/* Prints everything that waits in trace pipe, perf buffers and ring buffers. */
void run_output_drain(struct run_cmd *cmd);
/* Prints every map that is not a channel: at the end and at every interval. */
void run_output_maps(struct run_cmd *cmd);
void run_output_packets(
	struct run_cmd *cmd, u32 prog_type, const char *name, const struct packets_stats *stats);
/* Says what was lost, closes the channels. */
void run_output_close(struct run_cmd *cmd);

#endif
