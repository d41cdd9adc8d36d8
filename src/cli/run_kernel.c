// SPDX-License-Identifier: BSD-2-Clause
/*
 * `hachi run` on the kernel backend. The order matters: the command is forked first and waits, so
 * that it keeps the mount namespace and the descriptors that it was called with; then the keeper,
 * who undoes what would outlive us; then programs are loaded and attached; then the command starts.
 * At the end the programs go first, and only then is a command waited for that goes on.
 */
#include "base/os.h"
#include "cli/run.h"
#include "client/cgroup.h"
#include "client/confine.h"
#include "client/door.h"
#include "client/kernel_extend.h"
#include "client/kernel_why.h"
#include "client/tracefs.h"

#include <bpf/libbpf.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define TICK_MS	     100
#define DEFAULT_FREQ 99

struct run_kernel {
	pid_t pid; /* of the command; 0 = none */
	int start_fd, failed_fd, pidfd;
	bool is_ended;
	int wait_status;
	struct keeper *keeper;
	struct cgroup cgroup; /* made for the command; fd -1 = none */
	int extend_fd;	      /* the program that others extend; -1 = none */
	int cgroup_fd;	      /* where programs go; -1 = nowhere */
	struct kernel_attached *attached;
	struct tracefs_pipe *pipe;
};

/* ---- the command ------------------------------------------------------------------------------
 */

static void command_process(char *const *argv, int start_fd, int failed_fd)
{
	char byte;
	int err;

	if (read(start_fd, &byte, 1) != 1)
		_exit(EXIT_HACHI);
	execvp(argv[0], argv);
	err = errno;
	if (write(failed_fd, &err, sizeof(err)) < 0)
		_exit(EXIT_HACHI - 1);
	_exit(EXIT_HACHI);
}

static int fork_command(struct run_kernel *k, char *const *argv)
{
	int start[2], failed[2];

	if (pipe2(start, O_CLOEXEC))
		return -errno;
	if (pipe2(failed, O_CLOEXEC)) {
		close(start[0]);
		close(start[1]);
		return -errno;
	}
	fflush(NULL);
	k->pid = fork();
	if (k->pid == 0) {
		close(start[1]);
		signal(SIGINT, SIG_DFL);
		signal(SIGTERM, SIG_DFL);
		signal(SIGPIPE, SIG_DFL);
		command_process(argv, start[0], failed[1]);
	}
	close(start[0]);
	close(failed[1]);
	k->start_fd = start[1];
	k->failed_fd = failed[0];
	return k->pid < 0 ? -errno : 0;
}

/* Lets it go on to its exec: 0, or -errno of that. */
static int start_command(struct run_kernel *k)
{
	int err = 0;

	if (write(k->start_fd, "", 1) != 1)
		return -errno;
	if (read(k->failed_fd, &err, sizeof(err)) != sizeof(err))
		err = 0;
	return -err;
}

static void wait_for_command(struct run_kernel *k, int flags)
{
	pid_t pid;

	if (!k->pid || k->is_ended)
		return;
	do {
		pid = waitpid(k->pid, &k->wait_status, flags);
	} while (pid < 0 && errno == EINTR && !(flags & WNOHANG));
	k->is_ended = pid == k->pid || (pid < 0 && errno == ECHILD);
}

/* ---- before the load ----------------------------------------------------------------------------
 */

static const struct cgroup *confinement;

/* BPF_PROG_LOAD with the check of --only-command in front of the program. */
static long load_confined(const union bpf_attr *attr, u32 size)
{
	struct confined confined;
	int err = confine_make(confinement, attr, size, &confined);
	long fd;

	if (err == -EOPNOTSUPP)
		return os_syscall(SYS_bpf, BPF_PROG_LOAD, (long)attr, size, 0, 0, 0);
	if (err)
		return err;
	fd = os_syscall(SYS_bpf, BPF_PROG_LOAD, (long)&confined.attr, size, 0, 0, 0);
	confine_release(&confined);
	return fd;
}

struct wants {
	bool cgroup, trace_pipe;
	struct bpf_program *tracepoint; /* one of them, NULL = none */
};

static bool calls_printk(const struct bpf_program *prog)
{
	const struct bpf_insn *insns = bpf_program__insns(prog);

	for (size_t i = 0; i < bpf_program__insn_cnt(prog); i++)
		if (insns[i].code == (BPF_JMP | BPF_CALL) && insns[i].src_reg == 0 &&
			(insns[i].imm == BPF_FUNC_trace_printk ||
				insns[i].imm == BPF_FUNC_trace_vprintk))
			return true;
	return false;
}

static struct wants find_wants(const struct run_cmd *cmd)
{
	struct bpf_program *prog;
	struct wants wants = {0};

	bpf_object__for_each_program(prog, cmd->load.object)
	{
		enum bpf_prog_type type = bpf_program__type(prog);

		wants.cgroup |= kernel_attach_wants_cgroup(
			type, bpf_program__get_expected_attach_type(prog));
		if (type == BPF_PROG_TYPE_TRACEPOINT)
			wants.tracepoint = prog;
		wants.trace_pipe |= calls_printk(prog);
	}
	return wants;
}

static int open_cgroup(
	struct run_cmd *cmd, struct run_kernel *k, bool is_wanted, struct strbuf *ret_error)
{
	int err;

	if (cmd->cgroup_path) {
		k->cgroup_fd = open(cmd->cgroup_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (k->cgroup_fd < 0) {
			err = -errno;
			strbuf_printf(
				ret_error, "--cgroup %s: %s", cmd->cgroup_path, strerror(-err));
			return err;
		}
	}
	if (!k->pid || (!cmd->only_command && (!is_wanted || cmd->cgroup_path)))
		return 0;
	err = cgroup_new(k->keeper, &k->cgroup, ret_error);
	if (err)
		return err;
	err = cgroup_add(&k->cgroup, k->pid);
	if (err) {
		strbuf_printf(ret_error, "%s: the command cannot be put into it: %s",
			k->cgroup.path, strerror(-err));
		return err;
	}
	if (!cmd->cgroup_path)
		k->cgroup_fd = k->cgroup.fd;
	return 0;
}

static int open_tracefs(struct run_kernel *k, const struct wants *wants, struct strbuf *ret_error)
{
	struct strbuf why = {0};
	int err;

	if (!wants->tracepoint && !wants->trace_pipe)
		return 0;
	err = tracefs_open(&why);
	if (err && wants->tracepoint) {
		strbuf_printf(ret_error, "tracepoints cannot be attached: %s", strerror(-err));
		strbuf_printf(ret_error, "\n  %s", strbuf_cstr(&why));
	} else {
		if (!err && wants->trace_pipe)
			err = tracefs_pipe_open(&k->pipe, &why);
		if (err)
			cli_warn("lines of bpf_printk cannot be shown: %s", strbuf_cstr(&why));
		err = 0;
	}
	strbuf_release(&why);
	return err;
}

/* ---- why it did not work ------------------------------------------------------------------------
 */

/* has_verdict: the verifier may have judged the program, which user space would do alike. */
static void explain(struct bpf_program *prog, int err, bool has_verdict, struct strbuf *out)
{
	struct strbuf why = {0};
	bool is_missing = (prog &&
				  kernel_why(bpf_program__section_name(prog),
					  bpf_program__type(prog), err, &why)) ||
		cli_kernel_reason(err, &why);
	char text[512];

	if (is_missing)
		strbuf_printf(out, "\n  missing: %s", strbuf_cstr(&why));
	strbuf_release(&why);
	if (!prog || (has_verdict && !is_missing))
		return;
	if (run_user_can_serve(prog, text, sizeof(text)))
		strbuf_printf(out, "\n  the user backend can serve it%s%s (--backend user)",
			*text ? " " : "", text);
	else
		strbuf_printf(out, "\n  the user backend cannot serve it either: %s", text);
}

/* The program that libbpf did not get loaded: the first without a descriptor. */
static struct bpf_program *refused_program(const struct run_cmd *cmd)
{
	struct bpf_program *prog;

	if (!cmd->load.failed[0])
		return NULL;
	bpf_object__for_each_program(prog, cmd->load.object)
	{
		if (strcmp(bpf_program__name(prog), cmd->load.failed) == 0)
			return prog;
	}
	return NULL;
}

/* ---- the run
 * -------------------------------------------------------------------------------------- */

static int load_programs(struct run_cmd *cmd, struct run_kernel *k, struct strbuf *ret_error)
{
	struct bpf_program *prog;
	int err;

	if (cmd->only_command) {
		confinement = &k->cgroup;
		door_set_kernel_load(load_confined);
		bpf_object__for_each_program(prog, cmd->load.object)
		{
			if (!confine_can(bpf_program__type(prog),
				    bpf_program__get_expected_attach_type(prog)) &&
				!kernel_attach_wants_cgroup(bpf_program__type(prog),
					bpf_program__get_expected_attach_type(prog)))
				cli_warn("program %s: what runs it is no process, so "
					 "--only-command does not confine it",
					bpf_program__name(prog));
		}
	}
	err = kernel_extend(&cmd->load, cmd->extend, &k->extend_fd, ret_error);
	if (err)
		return err;
	err = load_load(&cmd->load, ret_error);
	door_set_kernel_load(NULL);
	if (err)
		explain(refused_program(cmd), err, true, ret_error);
	return err;
}

static int open_all(struct run_cmd *cmd, struct run_kernel *k, struct strbuf *ret_error)
{
	struct load_opts opts = {
		.flags = cmd->clang_flag_count ? cmd->clang_flags : NULL,
		.verbose = cmd->verbose,
	};
	struct kernel_attach_opts where = {
		.device = cmd->device,
		.xdp_mode = cmd->xdp_mode,
		.route = cmd->has_route ? &cmd->route : NULL,
		.sample_freq = cmd->sample_freq ? cmd->sample_freq : DEFAULT_FREQ,
		.prog_name = cmd->prog_name,
	};
	struct bpf_program *prog = NULL;
	struct wants wants;
	int err = keeper_new(&k->keeper);

	if (!err)
		err = load_open(&cmd->load, cmd->file, &opts, ret_error);
	if (err)
		return err;
	wants = find_wants(cmd);
	err = open_cgroup(cmd, k, wants.cgroup, ret_error);
	if (!err) {
		err = open_tracefs(k, &wants, ret_error);
		if (err)
			explain(wants.tracepoint, err, false, ret_error);
	}
	if (!err)
		err = load_programs(cmd, k, ret_error);
	if (!err)
		err = run_output_open(cmd, ret_error);
	if (err)
		return err;
	where.keeper = k->keeper;
	where.cgroup_fd = k->cgroup_fd;
	err = kernel_attach(&cmd->load, &where, &k->attached, &prog, ret_error);
	/* an option that is missing is no fault of the kernel's */
	if (err && !strstr(strbuf_cstr(ret_error), ": give "))
		explain(prog, err, false, ret_error);
	return err;
}

static void print_line(const struct tracefs_line *line, void *arg)
{
	struct show_trace trace = {
		.comm = line->comm,
		.pid = line->pid,
		.cpu = line->cpu,
		.flags = line->flags,
		.time_ns = line->time_ns,
		.text = line->text,
	};

	run_output_trace(arg, &trace);
}

static void drain(struct run_cmd *cmd, struct run_kernel *k)
{
	if (k->pipe)
		tracefs_pipe_drain(k->pipe, print_line, cmd);
	if (k->attached)
		kernel_attach_drain(k->attached);
	run_tick(cmd);
}

static void print_iterator(const char *name, int iter_fd, void *arg)
{
	struct run_cmd *cmd = arg;
	char buf[4096];
	ssize_t n;

	if (!cli_is_json())
		fprintf(cmd->out, "\n%s\n", name);
	while ((n = read(iter_fd, buf, sizeof(buf))) > 0)
		fwrite(buf, 1, (size_t)n, cmd->out);
}

static bool is_over(const struct run_cmd *cmd, const struct run_kernel *k)
{
	return k->is_ended || run_is_cancelled() ||
		(cmd->end_ns && os_time_ns(OS_CLOCK_MONOTONIC) >= cmd->end_ns);
}

static void observe(struct run_cmd *cmd, struct run_kernel *k)
{
	struct pollfd command = {.fd = k->pidfd, .events = POLLIN};

	while (!is_over(cmd, k)) {
		poll(&command, k->pidfd >= 0 ? 1 : 0, TICK_MS);
		wait_for_command(k, WNOHANG);
		drain(cmd, k);
	}
	drain(cmd, k);
	kernel_attach_iterators(k->attached, print_iterator, cmd);
}

/* Detaches and undoes all; what was said until then is still there to be read. */
static void end(struct run_cmd *cmd, struct run_kernel *k)
{
	kernel_detach(k->attached, &cmd->load);
	k->attached = NULL;
	keeper_end(k->keeper);
	k->keeper = NULL;
}

static int go(struct run_cmd *cmd, struct run_kernel *k)
{
	int err = k->pid ? start_command(k) : 0;

	if (err) {
		cli_error("%s: cannot be run: %s", cmd->command[0], strerror(-err));
		return EXIT_HACHI;
	}
	if (k->pid)
		k->pidfd = (int)syscall(SYS_pidfd_open, k->pid, 0);
	else if (!cli_is_json() && !(cmd->duration_s > 0))
		fprintf(stderr, "Tracing... Hit Ctrl-C to end.\n");
	run_start_clock(cmd);
	observe(cmd, k);
	end(cmd, k);
	drain(cmd, k);
	run_output_maps(cmd);
	fflush(cmd->out);
	return 0;
}

/* Everything of ours goes before a command is waited for that goes on. */
static void release(struct run_cmd *cmd, struct run_kernel *k)
{
	end(cmd, k);
	tracefs_pipe_close(k->pipe);
	run_output_close(cmd);
	load_close(&cmd->load);
	if (k->extend_fd >= 0)
		close(k->extend_fd);
	if (k->cgroup_fd >= 0 && k->cgroup_fd != k->cgroup.fd)
		close(k->cgroup_fd);
	cgroup_close(&k->cgroup);
	if (k->pidfd >= 0)
		close(k->pidfd);
	if (k->pid > 0) {
		close(k->start_fd); /* one that was never started ends now */
		close(k->failed_fd);
		wait_for_command(k, 0);
	}
}

int run_kernel(struct run_cmd *cmd)
{
	struct run_kernel k = {
		.start_fd = -1,
		.failed_fd = -1,
		.pidfd = -1,
		.cgroup = {.fd = -1},
		.cgroup_fd = -1,
		.extend_fd = -1,
	};
	struct strbuf error = {0};
	int status = EXIT_HACHI, err;

	err = cmd->command ? fork_command(&k, cmd->command) : 0;
	if (!err)
		err = open_all(cmd, &k, &error);
	if (err)
		cli_error("%s", error.len ? strbuf_cstr(&error) : strerror(-err));
	else
		status = go(cmd, &k);
	release(cmd, &k);
	strbuf_release(&error);
	if (status || !k.pid)
		return status;
	return WIFSIGNALED(k.wait_status) ? 128 + WTERMSIG(k.wait_status)
					  : WEXITSTATUS(k.wait_status);
}
