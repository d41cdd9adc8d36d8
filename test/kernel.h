/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The live kernel as the oracle of a test: loads bytes and tells what the verifier said.
 * A test that needs it starts with kernel_or_skip().
 */
#ifndef TEST_KERNEL_H
#define TEST_KERNEL_H

#include "test/tap.h"

#include <linux/bpf.h>
#include <linux/capability.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

struct kernel_load {
	u32 prog_type, attach_type, flags, attach_btf_id;
	const struct bpf_insn *insns;
	u32 insn_count;
	char *log; /* may be NULL */
	u32 log_size;
	u32 log_level;	     /* 0 = 1 */
	const char *license; /* NULL = "GPL" */
};

static inline int kernel_bpf(int cmd, union bpf_attr *attr, unsigned int size)
{
	/* all six arguments: the command's own syscall() takes them */
	long ret = syscall(SYS_bpf, cmd, attr, size, 0L, 0L, 0L);

	return ret < 0 ? -errno : (int)ret;
}

/* A descriptor, or -errno. */
static inline int kernel_prog_load(const struct kernel_load *load)
{
	union bpf_attr attr;

	memset(&attr, 0, sizeof(attr));
	attr.prog_type = load->prog_type;
	attr.expected_attach_type = load->attach_type;
	attr.prog_flags = load->flags;
	attr.attach_btf_id = load->attach_btf_id;
	attr.insns = (uintptr_t)load->insns;
	attr.insn_cnt = load->insn_count;
	attr.license = (uintptr_t)(load->license ? load->license : "GPL");
	if (load->log) {
		load->log[0] = 0;
		attr.log_buf = (uintptr_t)load->log;
		attr.log_size = load->log_size;
		attr.log_level = load->log_level ? load->log_level : 1;
	}
	return kernel_bpf(BPF_PROG_LOAD, &attr, sizeof(attr));
}

/* The running kernel as major << 8 | minor; 0 = unknown. */
static inline u16 kernel_version(void)
{
	struct utsname name;
	unsigned int major = 0, minor = 0;

	if (uname(&name) || sscanf(name.release, "%u.%u", &major, &minor) != 2)
		return 0;
	return major << 8 | minor;
}

/* The rules that we have for the running kernel: of its version, or the nearest older one. */
static inline const char *kernel_rules(void)
{
	u16 version = kernel_version();

	return version >= 0x612	   ? "6.18"
		: version >= 0x60c ? "6.12"
		: version >= 0x601 ? "6.1"
				   : "5.15";
}

static inline void kernel_or_skip(void)
{
	struct bpf_insn insns[] = {
		{.code = BPF_ALU64 | BPF_MOV | BPF_K}, {.code = BPF_JMP | BPF_EXIT}};
	struct kernel_load load = {
		.prog_type = BPF_PROG_TYPE_KPROBE, .insns = insns, .insn_count = 2};
	int fd = kernel_prog_load(&load);

	if (fd < 0)
		SKIP("bpf(2) is not permitted here: %s", strerror(-fd));
	close(fd);
}

/*
 * Leaves this thread only those of CAP_BPF, CAP_PERFMON and CAP_NET_ADMIN among the effective
 * capabilities that matter to BPF; kernel_restore_caps() takes them all back.
 */
static inline bool kernel_limit_caps(bool bpf, bool perfmon, bool net_admin)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2];

	if (syscall(SYS_capget, &header, data, 0L, 0L, 0L, 0L))
		return false;
	data[0].effective &= ~(1u << CAP_SYS_ADMIN | 1u << CAP_NET_ADMIN);
	data[1].effective &= ~(1u << (CAP_BPF - 32) | 1u << (CAP_PERFMON - 32));
	data[0].effective |= net_admin ? 1u << CAP_NET_ADMIN : 0;
	data[1].effective |= bpf ? 1u << (CAP_BPF - 32) : 0;
	data[1].effective |= perfmon ? 1u << (CAP_PERFMON - 32) : 0;
	return syscall(SYS_capset, &header, data, 0L, 0L, 0L, 0L) == 0;
}

static inline void kernel_restore_caps(void)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2];

	if (syscall(SYS_capget, &header, data, 0L, 0L, 0L, 0L))
		return;
	data[0].effective = data[0].permitted;
	data[1].effective = data[1].permitted;
	syscall(SYS_capset, &header, data, 0L, 0L, 0L, 0L);
}

#endif
