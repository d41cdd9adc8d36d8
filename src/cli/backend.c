// SPDX-License-Identifier: BSD-2-Clause
/*
 * Which backend serves a verb, and why the kernel's does not. The reasons are looked up where the
 * kernel keeps them: capabilities of this process, sysctl, lockdown, a seccomp filter.
 */
#include "cli/cli.h"

#include <bpf/bpf.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static const char *const backend_names[] = {
	[CLI_BACKEND_AUTO] = "auto",
	[CLI_BACKEND_USER] = "user",
	[CLI_BACKEND_KERNEL] = "kernel",
};

int cli_backend_option(const char *value, enum cli_backend *ret_backend)
{
	for (u32 i = 0; i < ARRAY_SIZE(backend_names); i++)
		if (strcmp(value, backend_names[i]) == 0) {
			*ret_backend = (enum cli_backend)i;
			return 0;
		}
	cli_error("--backend %s: user, kernel or auto", value);
	return EXIT_TROUBLE;
}

const char *cli_backend_name(enum cli_backend backend)
{
	return backend_names[backend];
}

/* The text of a small file of /proc or /sys without its newline; false when it cannot be read. */
static bool read_text(const char *path, char *buf, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return false;
	n = read(fd, buf, size - 1);
	close(fd);
	if (n < 0)
		return false;
	buf[n] = 0;
	buf[strcspn(buf, "\n")] = 0;
	return true;
}

/* A number of /proc/self/status, such as "CapEff:"; 0 when there is none. */
static u64 status_number(const char *key, int base)
{
	char text[8192];
	int fd = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd >= 0 ? read(fd, text, sizeof(text) - 1) : -1;
	const char *line;

	if (fd >= 0)
		close(fd);
	if (n < 0)
		return 0;
	text[n] = 0;
	line = strstr(text, key);
	return line ? strtoull(line + strlen(key), NULL, base) : 0;
}

#define CAP_BIT_NET_ADMIN (1ull << 12)
#define CAP_BIT_SYS_ADMIN (1ull << 21)
#define CAP_BIT_PERFMON	  (1ull << 38)
#define CAP_BIT_BPF	  (1ull << 39)

static void explain_eperm(struct strbuf *out)
{
	u64 caps = status_number("CapEff:", 16);
	char text[256];

	if (!(caps & CAP_BIT_SYS_ADMIN)) {
		u64 partial = CAP_BIT_BPF | CAP_BIT_PERFMON | CAP_BIT_NET_ADMIN;

		strbuf_printf(out, "this process lacks CAP_SYS_ADMIN%s",
			(caps & partial) == partial
				? ", without which objects cannot be found by id"
				: " (or CAP_BPF, CAP_PERFMON and CAP_NET_ADMIN, for loading)");
		if (read_text("/proc/sys/kernel/unprivileged_bpf_disabled", text, sizeof(text)) &&
			*text != '0')
			strbuf_printf(out,
				"; sysctl kernel.unprivileged_bpf_disabled is %s, so nothing is "
				"allowed without it",
				text);
		return;
	}
	if (read_text("/sys/kernel/security/lockdown", text, sizeof(text)) &&
		strstr(text, "[confidentiality]")) {
		strbuf_puts(out,
			"the kernel is locked down (confidentiality), which forbids BPF "
			"to read its memory");
		return;
	}
	if (status_number("Seccomp:", 10) == 2)
		strbuf_puts(out,
			"this process has CAP_SYS_ADMIN, but a seccomp filter (a "
			"container's?) may forbid bpf(2)");
	else
		strbuf_puts(out,
			"this process has CAP_SYS_ADMIN, so it is forbidden by something "
			"else: a user namespace, a security module, or a feature that the "
			"kernel was built without");
}

bool cli_kernel_reason(int err, struct strbuf *ret_reason)
{
	switch (-err) {
	case EPERM: explain_eperm(ret_reason); return true;
	case ENOSYS:
		strbuf_puts(ret_reason,
			status_number("Seccomp:", 10) == 2
				? "bpf(2) is not there: this kernel has no CONFIG_BPF_SYSCALL, or "
				  "a seccomp filter hides it"
				: "bpf(2) is not there: this kernel was built without "
				  "CONFIG_BPF_SYSCALL");
		return true;
	default: return false;
	}
}

int cli_kernel_probe(struct strbuf *ret_reason)
{
	u32 id;
	int err = bpf_prog_get_next_id(0, &id) ? -errno : 0;

	if (!err || err == -ENOENT)
		return 0;
	if (!cli_kernel_reason(err, ret_reason))
		strbuf_printf(ret_reason, "bpf(2) fails: %s", strerror(-err));
	return err;
}
