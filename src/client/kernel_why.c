// SPDX-License-Identifier: BSD-2-Clause
/*
 * A table from kinds of sections to what they need of the kernel, tried in order: the first need
 * that is not met is the answer. What cannot be looked up is only said when it explains the errno.
 */
#include "client/kernel_why.h"
#include "base/types.h"

#include <hachi/abi.h>
#include <linux/bpf.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/utsname.h>
#include <unistd.h>
#include <zlib.h>

#define BTF_VMLINUX	"/sys/kernel/btf/vmlinux"
#define ENOTSUPP_KERNEL 524 /* the kernel's own ENOTSUPP, which libc does not know */

const char *kernel_config(const char *option, char *buf, size_t size)
{
	char path[128], line[512];
	const char *found = "";
	struct utsname uts;
	size_t len = strlen(option);
	gzFile in;

	uname(&uts);
	in = gzopen("/proc/config.gz", "r");
	if (!in) {
		snprintf(path, sizeof(path), "/boot/config-%.65s", uts.release);
		in = gzopen(path, "r");
	}
	if (!in)
		return NULL;
	while (!*found && gzgets(in, line, sizeof(line)))
		if (strncmp(line, option, len) == 0 && line[len] == '=') {
			line[strcspn(line, "\n")] = 0;
			str_copy(buf, size, line + len + 1);
			found = buf;
		}
	gzclose(in);
	return found;
}

static bool is_off(const char *option)
{
	char buf[64];
	const char *value = kernel_config(option, buf, sizeof(buf));

	return value && !*value;
}

/* The word behind the first '/', up to ':' or '+'. */
static void target_of(const char *section, char *ret_target, size_t size)
{
	const char *slash = strchr(section, '/');

	str_copy(ret_target, size, slash ? slash + 1 : "");
	ret_target[strcspn(ret_target, "+%")] = 0;
}

/* Whether kallsyms has a function; -1 = it cannot be read. */
static int has_symbol(const char *name)
{
	FILE *in = fopen("/proc/kallsyms", "re");
	char line[512], symbol[256], type;
	int found = -1;

	while (in && found != 1 && fgets(line, sizeof(line), in))
		if (sscanf(line, "%*s %c %255s", &type, symbol) == 2) {
			found = MAX(found, 0);
			if ((type == 't' || type == 'T' || type == 'w' || type == 'W') &&
				strcmp(symbol, name) == 0)
				found = 1;
		}
	if (in)
		fclose(in);
	return found;
}

static bool file_has_word(const char *path, const char *word)
{
	FILE *in = fopen(path, "re");
	char line[1024] = "";
	bool found = false;

	if (in && fgets(line, sizeof(line), in))
		for (char *rest = line, *p; (p = strsep(&rest, ",\n"));)
			found |= strcmp(p, word) == 0;
	if (in)
		fclose(in);
	return found;
}

static long read_number(const char *path, long otherwise)
{
	FILE *in = fopen(path, "re");
	long value = otherwise;

	if (in && fscanf(in, "%ld", &value) != 1)
		value = otherwise;
	if (in)
		fclose(in);
	return value;
}

/* ---- needs: each says true and why when it is not met ------------------------------------------
 */

static bool lacks_kprobes(const char *section, int err, struct strbuf *out)
{
	char name[256];

	if (is_off("CONFIG_KPROBES") || is_off("CONFIG_KPROBE_EVENTS") ||
		(access("/sys/bus/event_source/devices/kprobe", F_OK) &&
			access("/sys/kernel/tracing/kprobe_events", F_OK) &&
			access("/sys/kernel/debug/tracing/kprobe_events", F_OK))) {
		strbuf_puts(out,
			"this kernel was built without kprobes (CONFIG_KPROBES, "
			"CONFIG_KPROBE_EVENTS)");
		return true;
	}
	if (str_starts_with(section, "kprobe.multi") ||
		str_starts_with(section, "kretprobe.multi")) {
		if (!is_off("CONFIG_FPROBE"))
			return false;
		strbuf_puts(out,
			"this kernel was built without CONFIG_FPROBE, which kprobe.multi "
			"needs; section \"kprobe/NAME\" works without it");
		return true;
	}
	target_of(section, name, sizeof(name));
	if (*name && has_symbol(name) == 0 && !str_starts_with(section, "ksyscall") &&
		!str_starts_with(section, "kretsyscall")) {
		strbuf_printf(out,
			"this kernel has no function %s (renamed, inlined, or in a module that is "
			"not loaded; /proc/kallsyms lists them)",
			name);
		return true;
	}
	if (err == -EINVAL || err == -EADDRNOTAVAIL) {
		strbuf_printf(out, "the kernel allows no probe at %s", name);
		return true;
	}
	return false;
}

static bool lacks_uprobes(const char *section, int err, struct strbuf *out)
{
	(void)section;
	(void)err;
	if (!is_off("CONFIG_UPROBES") && access("/sys/bus/event_source/devices/uprobe", F_OK) == 0)
		return false;
	strbuf_puts(out, "this kernel was built without uprobes (CONFIG_UPROBE_EVENTS)");
	return true;
}

static bool lacks_tracepoint(const char *section, int err, struct strbuf *out)
{
	char name[256], path[512];

	(void)err;
	target_of(section, name, sizeof(name));
	if (is_off("CONFIG_FTRACE") || is_off("CONFIG_EVENT_TRACING")) {
		strbuf_puts(out, "this kernel was built without tracepoints (CONFIG_FTRACE)");
		return true;
	}
	if (str_starts_with(name, "syscalls/") && is_off("CONFIG_FTRACE_SYSCALLS")) {
		strbuf_puts(out,
			"this kernel was built without CONFIG_FTRACE_SYSCALLS; raw_tp/"
			"sys_enter works without it");
		return true;
	}
	snprintf(path, sizeof(path), "/sys/kernel/tracing/events/%s", name);
	if (access("/sys/kernel/tracing/events", F_OK) || access(path, F_OK) == 0)
		return false;
	strbuf_printf(out, "this kernel has no tracepoint %s (%s lists them)", name,
		"/sys/kernel/tracing/available_events");
	return true;
}

static bool lacks_btf(const char *section, int err, struct strbuf *out)
{
	char name[256];

	(void)section;
	if (access(BTF_VMLINUX, R_OK)) {
		strbuf_puts(out,
			"this kernel has no BTF (" BTF_VMLINUX
			", CONFIG_DEBUG_INFO_BTF), which programs of this section need");
		return true;
	}
	target_of(section, name, sizeof(name));
	if (err == -EINVAL && strstr(section, ".s/") && is_off("CONFIG_FUNCTION_ERROR_INJECTION")) {
		strbuf_puts(out,
			"this kernel was built without CONFIG_FUNCTION_ERROR_INJECTION, so "
			"few of its functions may run programs that sleep");
		return true;
	}
	if (str_starts_with(section, "tp_btf") || str_starts_with(section, "iter"))
		return false;
	if (err == -ENOTSUPP_KERNEL || err == -EBUSY || err == -EINVAL) {
		if (is_off("CONFIG_DYNAMIC_FTRACE_WITH_DIRECT_CALLS") ||
			is_off("CONFIG_FUNCTION_TRACER")) {
			strbuf_puts(out,
				"this kernel was built without CONFIG_FUNCTION_TRACER, "
				"so no trampoline can be put at a function");
			return true;
		}
	}
	if (err == -ENOENT || err == -ESRCH) {
		strbuf_printf(out, "this kernel's BTF has no function %s", name);
		return true;
	}
	return false;
}

static bool lacks_lsm(const char *section, int err, struct strbuf *out)
{
	if (is_off("CONFIG_BPF_LSM")) {
		strbuf_puts(out, "this kernel was built without CONFIG_BPF_LSM");
		return true;
	}
	if (access("/sys/kernel/security/lsm", R_OK) == 0 &&
		!file_has_word("/sys/kernel/security/lsm", "bpf")) {
		strbuf_puts(out,
			"BPF is not among the active security modules: boot with "
			"lsm=...,bpf (/sys/kernel/security/lsm)");
		return true;
	}
	return lacks_btf(section, err, out);
}

static bool lacks_perf(const char *section, int err, struct strbuf *out)
{
	long paranoid = read_number("/proc/sys/kernel/perf_event_paranoid", 2);

	(void)section;
	if (err != -EACCES && err != -EPERM)
		return false;
	strbuf_printf(out,
		"sysctl kernel.perf_event_paranoid is %ld and this process lacks CAP_PERFMON",
		paranoid);
	return true;
}

static bool lacks_tc(const char *section, int err, struct strbuf *out)
{
	(void)section;
	if (err != -ENOENT && err != -EOPNOTSUPP && !is_off("CONFIG_NET_CLS_BPF"))
		return false;
	strbuf_puts(out,
		"this kernel has no BPF classifier (CONFIG_NET_CLS_BPF and "
		"CONFIG_NET_SCH_INGRESS, or 6.6 with CONFIG_NET_XGRESS)");
	return true;
}

static bool lacks_lwt(const char *section, int err, struct strbuf *out)
{
	(void)section;
	if (err != -EOPNOTSUPP && !is_off("CONFIG_LWTUNNEL_BPF"))
		return false;
	strbuf_puts(out, "this kernel was built without CONFIG_LWTUNNEL_BPF");
	return true;
}

static bool lacks_cgroup_bpf(const char *section, int err, struct strbuf *out)
{
	if (err == -EBADF) {
		strbuf_puts(out, "that is no cgroup of version 2");
		return true;
	}
	if (is_off("CONFIG_CGROUP_BPF")) {
		strbuf_puts(out, "this kernel was built without CONFIG_CGROUP_BPF");
		return true;
	}
	(void)section;
	return false;
}

static bool lacks_netfilter(const char *section, int err, struct strbuf *out)
{
	(void)section;
	if (err != -EINVAL && !is_off("CONFIG_NETFILTER_BPF_LINK"))
		return false;
	strbuf_puts(out, "programs of netfilter need Linux 6.4 with CONFIG_NETFILTER_BPF_LINK");
	return true;
}

static const struct need {
	u32 prog_type;
	bool (*is_missing)(const char *section, int err, struct strbuf *out);
	const char *section; /* only these, NULL = all of the type */
} needs[] = {
	{BPF_PROG_TYPE_KPROBE, lacks_uprobes, "uprobe"},
	{BPF_PROG_TYPE_KPROBE, lacks_uprobes, "uretprobe"},
	{BPF_PROG_TYPE_KPROBE, lacks_uprobes, "usdt"},
	{BPF_PROG_TYPE_KPROBE, lacks_kprobes, "k"},
	{BPF_PROG_TYPE_TRACEPOINT, lacks_tracepoint, NULL},
	{BPF_PROG_TYPE_TRACING, lacks_btf, NULL},
	{BPF_PROG_TYPE_LSM, lacks_lsm, NULL},
	{BPF_PROG_TYPE_PERF_EVENT, lacks_perf, NULL},
	{BPF_PROG_TYPE_SCHED_CLS, lacks_tc, NULL},
	{BPF_PROG_TYPE_LWT_IN, lacks_lwt, NULL},
	{BPF_PROG_TYPE_LWT_OUT, lacks_lwt, NULL},
	{BPF_PROG_TYPE_LWT_XMIT, lacks_lwt, NULL},
	{BPF_PROG_TYPE_CGROUP_SKB, lacks_cgroup_bpf, NULL},
	{BPF_PROG_TYPE_CGROUP_SOCK, lacks_cgroup_bpf, NULL},
	{BPF_PROG_TYPE_CGROUP_SOCK_ADDR, lacks_cgroup_bpf, NULL},
	{BPF_PROG_TYPE_CGROUP_DEVICE, lacks_cgroup_bpf, NULL},
	{BPF_PROG_TYPE_CGROUP_SYSCTL, lacks_cgroup_bpf, NULL},
	{BPF_PROG_TYPE_CGROUP_SOCKOPT, lacks_cgroup_bpf, NULL},
	{BPF_PROG_TYPE_SOCK_OPS, lacks_cgroup_bpf, NULL},
	{HACHI_BPF_PROG_TYPE_NETFILTER, lacks_netfilter, NULL},
};

bool kernel_why(const char *section, u32 prog_type, int err, struct strbuf *ret_sentence)
{
	for (u32 i = 0; i < ARRAY_SIZE(needs); i++) {
		const struct need *need = &needs[i];

		if (need->prog_type != prog_type ||
			(need->section && !str_starts_with(section, need->section)))
			continue;
		return need->is_missing(section, err, ret_sentence);
	}
	return false;
}
