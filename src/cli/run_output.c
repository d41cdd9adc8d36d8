// SPDX-License-Identifier: BSD-2-Clause
/*
 * What programs say, in the order in which it is found: trace lines and events while they run, the
 * maps at intervals and at the end.
 */
#include "base/alloc.h"
#include "base/os.h"
#include "cli/map_show.h"
#include "cli/run.h"
#include "cli/run_channels.h"
#include "show/json.h"
#include "show/trace.h"

#include <bpf/libbpf.h>
#include <time.h>

struct run_output {
	struct btf *btf; /* of the program; owned reference, or NULL */
	struct run_channels *channels;
	bool has_trace; /* printed since the last flush */
	u64 rate_from_ns;
};

int run_output_open(struct run_cmd *cmd, struct strbuf *ret_error)
{
	struct run_output *output = mem_zalloc(sizeof(*output));
	struct run_channels_opts opts = {.is_json = cli_is_json(), .has_time = cmd->has_time};
	const void *data;
	u32 size;
	int err;

	if (!output)
		return -ENOMEM;
	cmd->output = output;
	data = load_btf(&cmd->load, &size);
	if (data && btype_parse(data, size, NULL, NULL, NULL, &output->btf))
		output->btf = NULL; /* then bytes are shown as they are */
	output->rate_from_ns = os_time_ns(OS_CLOCK_MONOTONIC);
	err = run_channels_new(
		cmd->load.object, output->btf, cmd->out, &opts, &output->channels, ret_error);
	if (err && !ret_error->len)
		strbuf_printf(ret_error, "%s: %s", cmd->file, strerror(-err));
	return err;
}

void run_output_trace(struct run_cmd *cmd, const struct show_trace *trace)
{
	if (cli_is_json())
		show_trace_json(cmd->out, trace);
	else
		show_trace_line(cmd->out, trace);
	cmd->output->has_trace = true;
}

static void drain_trace(struct run_cmd *cmd)
{
	struct hachi_trace_record record;

	while (hachi_trace_read(cmd->h, &record) > 0) {
		struct show_trace trace = {
			.comm = record.comm,
			.pid = record.pid,
			.cpu = record.cpu,
			.flags = ".....",
			.time_ns = record.time_ns,
			.text = record.text,
		};

		run_output_trace(cmd, &trace);
	}
}

void run_output_drain(struct run_cmd *cmd)
{
	if (cmd->h)
		drain_trace(cmd);
	run_channels_drain(cmd->output->channels);
	if (cmd->output->has_trace || run_channels_events(cmd->output->channels))
		fflush(cmd->out);
	cmd->output->has_trace = false;
}

static void print_time(struct run_cmd *cmd)
{
	char text[32];
	time_t now = time(NULL);
	struct tm tm;

	localtime_r(&now, &tm);
	strftime(text, sizeof(text), "%H:%M:%S", &tm);
	fprintf(cmd->out, "%s\n", text);
}

/* .rodata, .kconfig: what the program was compiled with, not what it found out. */
static bool is_constant(const struct bpf_map *map)
{
	const char *dot = strchr(bpf_map__name(map), '.');

	return bpf_map__is_internal(map) && dot &&
		(str_starts_with(dot, ".rodata") || str_starts_with(dot, ".kconfig"));
}

static bool is_shown(struct run_cmd *cmd, const struct bpf_map *map)
{
	if (cmd->map_name)
		return strcmp(cmd->map_name, bpf_map__name(map)) == 0;
	return bpf_map__fd(map) >= 0 && map_show_is_data(bpf_map__type(map)) && !is_constant(map);
}

static void show_map(struct run_cmd *cmd, const struct bpf_map *map, bool is_alone, u64 elapsed_ns)
{
	struct map_show show = {
		.fd = bpf_map__fd(map),
		.name = bpf_map__name(map),
		.btf = cmd->output->btf,
		.key_type = bpf_map__btf_key_type_id(map),
		.value_type = bpf_map__btf_value_type_id(map),
		.skip_empty = true,
		.no_title = is_alone && (cmd->interval_s > 0 || cmd->map_name),
		.is_json = cli_is_json(),
	};

	if (bpf_map__is_internal(map))
		map_show_variables(&show, cmd->out);
	else if (cmd->rate_unit && !show.is_json)
		map_show_rate(&show, cmd->rate_unit, elapsed_ns, cmd->out);
	else
		map_show_print(&show, cmd->out);
}

void run_output_maps(struct run_cmd *cmd)
{
	u64 now = os_time_ns(OS_CLOCK_MONOTONIC);
	const struct bpf_map *map;
	u32 count = 0;

	if (cmd->interval_s > 0 && !cli_is_json() && !cmd->rate_unit)
		print_time(cmd);
	bpf_object__for_each_map(map, cmd->load.object)
	{
		count += is_shown(cmd, map);
	}
	bpf_object__for_each_map(map, cmd->load.object)
	{
		if (is_shown(cmd, map))
			show_map(cmd, map, count == 1, now - cmd->output->rate_from_ns);
	}
	cmd->output->rate_from_ns = now;
	fflush(cmd->out);
}

static void print_verdicts_json(
	struct run_cmd *cmd, u32 prog_type, const char *name, const struct packets_stats *stats)
{
	struct show_json json = {0};

	show_json_open(&json, '{');
	show_json_key(&json, "program");
	show_json_string(&json, name);
	show_json_key(&json, "packets");
	show_json_u64(&json, stats->packets);
	show_json_key(&json, "passed");
	show_json_u64(&json, stats->passed);
	show_json_key(&json, "verdicts");
	show_json_open(&json, '{');
	for (u32 i = 0; i < PACKET_VERDICTS; i++) {
		char number[16];
		u32 value = i == PACKET_VERDICTS - 2 ? UINT32_MAX : i;
		const char *text = packets_verdict_name(prog_type, value);

		if (!stats->verdicts[i])
			continue;
		snprintf(number, sizeof(number), i == PACKET_VERDICTS - 1 ? "other" : "%u", value);
		show_json_key(&json, text ? text : number);
		show_json_u64(&json, stats->verdicts[i]);
	}
	show_json_close(&json, '}');
	show_json_close(&json, '}');
	show_json_line(&json, cmd->out);
	show_json_release(&json);
}

void run_output_packets(
	struct run_cmd *cmd, u32 prog_type, const char *name, const struct packets_stats *stats)
{
	if (cli_is_json()) {
		print_verdicts_json(cmd, prog_type, name, stats);
		return;
	}
	fprintf(cmd->out, "%s: %llu packets, %llu passed\n", name,
		(unsigned long long)stats->packets, (unsigned long long)stats->passed);
	for (u32 i = 0; i < PACKET_VERDICTS; i++) {
		u32 value = i == PACKET_VERDICTS - 2 ? UINT32_MAX : i;
		const char *text = packets_verdict_name(prog_type, value);
		char number[32];

		if (!stats->verdicts[i])
			continue;
		snprintf(number, sizeof(number), i == PACKET_VERDICTS - 1 ? "other values" : "%u",
			value);
		fprintf(cmd->out, "  %-18s %8llu\n", text ? text : number,
			(unsigned long long)stats->verdicts[i]);
	}
	if (stats->cut)
		cli_warn("%llu packets are cut off in the capture; programs saw what is there",
			(unsigned long long)stats->cut);
}

void run_output_close(struct run_cmd *cmd)
{
	struct run_output *output = cmd->output;
	u64 lost;

	if (!output)
		return;
	if (output->channels) {
		run_channels_finish(output->channels);
		lost = run_channels_lost(output->channels);
		if (lost)
			cli_warn("%llu events were lost: the perf buffer was full",
				(unsigned long long)lost);
	}
	lost = cmd->h ? hachi_trace_lost(cmd->h) : 0;
	if (lost)
		cli_warn("%llu trace lines were lost", (unsigned long long)lost);
	run_channels_free(output->channels);
	btype_unref(output->btf);
	mem_free(output);
	cmd->output = NULL;
}
