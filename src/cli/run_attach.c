// SPDX-License-Identifier: BSD-2-Clause
/*
 * Attaching for `hachi run`: libbpf attaches by section name; perf_event programs, which it leaves
 * to the loader, get a sampling event; packet programs wait for a capture. Then every attachment
 * is held against what the tracer can make happen, so that a program that would never fire is an
 * error now and not silence later.
 */
#include "cli/run.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/perf_event.h>
#include <sys/syscall.h>
#include <unistd.h>

#define DEFAULT_FREQ 99

bool run_is_packet_program(u32 prog_type)
{
	return packets_can_feed(prog_type);
}

/* Types that take part without an attach point: tail call targets, perf events (done here). */
static bool is_not_libbpfs(const struct bpf_program *prog, void *arg)
{
	enum bpf_prog_type type = bpf_program__type(prog);

	(void)arg;
	return run_is_packet_program(type) || type == BPF_PROG_TYPE_PERF_EVENT ||
		type == BPF_PROG_TYPE_SYSCALL || !strchr(bpf_program__section_name(prog), '/');
}

static int attach_sampling(struct run_cmd *cmd, struct bpf_program *prog, struct strbuf *ret_error)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_SOFTWARE,
		.size = sizeof(attr),
		.config = PERF_COUNT_SW_CPU_CLOCK,
		.sample_freq = cmd->sample_freq ? cmd->sample_freq : DEFAULT_FREQ,
		.freq = 1,
	};
	struct bpf_link *link;
	int fd;

	fd = (int)syscall(SYS_perf_event_open, &attr, -1, 0, -1, PERF_FLAG_FD_CLOEXEC);
	if (fd < 0) {
		strbuf_printf(ret_error, "%s: program %s: no sampling event: %s", cmd->file,
			bpf_program__name(prog), strerror(errno));
		return -errno;
	}
	link = bpf_program__attach_perf_event(prog, fd);
	if (!link) {
		strbuf_printf(ret_error,
			"%s: program %s: cannot be attached to a sampling event: %s", cmd->file,
			bpf_program__name(prog), strerror(errno));
		close(fd);
		return -EINVAL;
	}
	return load_keep_link(&cmd->load, prog, link);
}

/* raw_tp and the like without a '/': a section that names no target. */
static int check_rest(struct run_cmd *cmd, struct bpf_program *prog, struct strbuf *ret_error)
{
	enum bpf_prog_type type = bpf_program__type(prog);

	switch (type) {
	case BPF_PROG_TYPE_KPROBE:
	case BPF_PROG_TYPE_TRACEPOINT:
	case BPF_PROG_TYPE_RAW_TRACEPOINT:
	case BPF_PROG_TYPE_TRACING:
		if (strchr(bpf_program__section_name(prog), '/') || cmd->load.attached.len)
			return 0; /* a tail call target beside attached programs */
		strbuf_printf(ret_error,
			"%s: program %s: section \"%s\" names no place to attach to (write "
			"\"%s/NAME\")",
			cmd->file, bpf_program__name(prog), bpf_program__section_name(prog),
			bpf_program__section_name(prog));
		return -EINVAL;
	default: return 0;
	}
}

struct serve {
	struct run_cmd *cmd;
	struct strbuf *error;
};

static int check_served(const struct hachi_attachment *a, void *arg)
{
	struct serve *serve = arg;
	struct bpf_program *prog;
	char why[512];

	if (trace_can_serve(a, why, sizeof(why)))
		return 0;
	prog = load_program_by_id(&serve->cmd->load, a->prog_id);
	strbuf_printf(serve->error,
		"%s: section \"%s\" cannot be served in user space: %s (the kernel backend can: "
		"--backend kernel, with the rights)",
		serve->cmd->file, prog ? bpf_program__section_name(prog) : a->target, why);
	return -EOPNOTSUPP;
}

static int needs_capture(struct run_cmd *cmd, struct bpf_program *prog, struct strbuf *ret_error)
{
	strbuf_printf(ret_error,
		"%s: section \"%s\" wants packets: give a capture with -r FILE.pcap", cmd->file,
		bpf_program__section_name(prog));
	return -EINVAL;
}

int run_attach(struct run_cmd *cmd, struct strbuf *ret_error)
{
	struct serve serve = {cmd, ret_error};
	struct bpf_program *prog;
	int err;

	err = load_attach(&cmd->load, is_not_libbpfs, NULL, ret_error);
	if (err)
		return err;
	bpf_object__for_each_program(prog, cmd->load.object)
	{
		enum bpf_prog_type type = bpf_program__type(prog);

		if (!bpf_program__autoload(prog))
			continue;
		if (type == BPF_PROG_TYPE_PERF_EVENT)
			err = attach_sampling(cmd, prog, ret_error);
		else if (run_is_packet_program(type) && !cmd->read_path && !cmd->load.attached.len)
			err = needs_capture(cmd, prog, ret_error);
		else
			err = check_rest(cmd, prog, ret_error);
		if (err)
			return err;
	}
	return hachi_attach_walk(cmd->h, check_served, &serve);
}

/* ---- the other way round: what of the kernel backend's could be had here -------------------- */

static const struct {
	const char *section;
	enum hachi_attach_kind kind;
} user_kinds[] = {
	{"kprobe/", HACHI_ATTACH_KPROBE},
	{"kretprobe/", HACHI_ATTACH_KRETPROBE},
	{"ksyscall/", HACHI_ATTACH_KPROBE},
	{"kretsyscall/", HACHI_ATTACH_KRETPROBE},
	{"uprobe", HACHI_ATTACH_UPROBE},
	{"uretprobe", HACHI_ATTACH_URETPROBE},
	{"usdt", HACHI_ATTACH_UPROBE},
	{"tp/", HACHI_ATTACH_TRACEPOINT},
	{"tracepoint/", HACHI_ATTACH_TRACEPOINT},
	{"raw_tp/", HACHI_ATTACH_RAW_TRACEPOINT},
	{"raw_tracepoint/", HACHI_ATTACH_RAW_TRACEPOINT},
	{"tp_btf/", HACHI_ATTACH_RAW_TRACEPOINT},
	{"fentry/", HACHI_ATTACH_FENTRY},
	{"fexit/", HACHI_ATTACH_FEXIT},
};

bool run_user_can_serve(const struct bpf_program *prog, char *ret_why, size_t size)
{
	const char *section = bpf_program__section_name(prog), *slash = strchr(section, '/');
	struct hachi_attachment a = {.kind = HACHI_ATTACH_OTHER, .sample_type = PERF_TYPE_SOFTWARE};
	bool is_syscall =
		str_starts_with(section, "ksyscall/") || str_starts_with(section, "kretsyscall/");
	char target[256];

	if (run_is_packet_program(bpf_program__type(prog))) {
		snprintf(ret_why, size, "on the packets of a capture (-r)");
		return true;
	}
	snprintf(target, sizeof(target), "%s%s", is_syscall ? "__x64_sys_" : "",
		slash ? slash + 1 : "");
	a.target = target;
	if (bpf_program__type(prog) == BPF_PROG_TYPE_PERF_EVENT)
		a.kind = HACHI_ATTACH_PERF_EVENT;
	for (u32 i = 0; i < ARRAY_SIZE(user_kinds); i++)
		if (str_starts_with(section, user_kinds[i].section))
			a.kind = user_kinds[i].kind;
	*ret_why = 0;
	return trace_can_serve(&a, ret_why, size);
}
