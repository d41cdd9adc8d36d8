/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * `hachi run`: one object, its programs attached, a command traced or a capture replayed, and
 * everything that the programs say shown with no user-side code.
 */
#ifndef CLI_RUN_H
#define CLI_RUN_H

#include "cli/cli.h"
#include "client/kernel_attach.h"
#include "client/load.h"
#include "show/trace.h"
#include "source/packets.h"
#include "source/trace.h"

#include <signal.h>
#include <stdio.h>

struct run_output; /* run_output.c */
struct bpf_map;
struct bpf_program;

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
	bool has_time;			    /* -t */
	const char *map_name;		    /* --map; NULL = all */
	const char *rate_unit;		    /* --rate */
	enum cli_backend backend;
	const char *device, *cgroup_path; /* --dev, --cgroup */
	enum kernel_xdp_mode xdp_mode;
	const char *extend; /* target of freplace programs; NULL = none */
	struct route route; /* --route */
	bool has_route, only_command;
	enum trace_pin pin;
	const char *clang_flags[32];
	u32 clang_flag_count;

	/* while it runs */
	struct hachi *h; /* NULL = the kernel backend */
	struct load load;
	struct trace *trace;
	struct run_output *output;
	FILE *out;
	u64 next_interval_ns, end_ns;
	bool maps_printed;
};

/* run.c: between events, and at least ten times a second: drains, prints at intervals. */
void run_tick(void *cmd);
void run_start_clock(struct run_cmd *cmd);
/* Whether SIGINT or SIGTERM came. */
bool run_is_cancelled(void);

/* run_kernel.c: all of a run on the kernel backend; the exit status. */
int run_kernel(struct run_cmd *cmd);

/* run_attach.c: whether user space could serve a program; if not, why. */
bool run_user_can_serve(const struct bpf_program *prog, char *ret_why, size_t size);

/* run_attach.c: attaches everything; 0 or -errno with a sentence. */
int run_attach(struct run_cmd *cmd, struct strbuf *ret_error);
bool run_is_packet_program(u32 prog_type);

/* run_output.c: what programs say. */
int run_output_open(struct run_cmd *cmd, struct strbuf *ret_error);
/* Prints everything that waits in trace pipe, perf buffers and ring buffers. */
void run_output_drain(struct run_cmd *cmd);
void run_output_trace(struct run_cmd *cmd, const struct show_trace *trace);
/* Prints every map that is not a channel: at the end and at every interval. */
void run_output_maps(struct run_cmd *cmd);
void run_output_packets(
	struct run_cmd *cmd, u32 prog_type, const char *name, const struct packets_stats *stats);
/* Says what was lost, closes the channels. */
void run_output_close(struct run_cmd *cmd);

#endif
