// SPDX-License-Identifier: BSD-2-Clause
/*
 * A classic filter as an eBPF program of an instance: translated, loaded (so verified), run by the
 * engine. A seccomp filter is a program type of our own, whose context is read-only words.
 */
#include "base/vec.h"
#include "cli/filter.h"
#include "source/packets.h"

#include <linux/seccomp.h>
#include <linux/filter.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

static const struct hachi_ctx_field seccomp_fields[] = {
	{"nr", 0, 4, HACHI_FIELD_SCALAR, HACHI_FIELD_READ},
	{"arch", 4, 4, HACHI_FIELD_SCALAR, HACHI_FIELD_READ},
	{"ip_low", 8, 4, HACHI_FIELD_SCALAR, HACHI_FIELD_READ},
	{"ip_high", 12, 4, HACHI_FIELD_SCALAR, HACHI_FIELD_READ},
	{"arg0_low", 16, 4, HACHI_FIELD_SCALAR, HACHI_FIELD_READ},
	{"arg0_high", 20, 4, HACHI_FIELD_SCALAR, HACHI_FIELD_READ},
	{"arg1_low", 24, 4, HACHI_FIELD_SCALAR, HACHI_FIELD_READ},
	{"arg1_high", 28, 4, HACHI_FIELD_SCALAR, HACHI_FIELD_READ},
	{"arg2_low", 32, 4, HACHI_FIELD_SCALAR, HACHI_FIELD_READ},
	{"arg2_high", 36, 4, HACHI_FIELD_SCALAR, HACHI_FIELD_READ},
	{"arg3_low", 40, 4, HACHI_FIELD_SCALAR, HACHI_FIELD_READ},
	{"arg3_high", 44, 4, HACHI_FIELD_SCALAR, HACHI_FIELD_READ},
	{"arg4_low", 48, 4, HACHI_FIELD_SCALAR, HACHI_FIELD_READ},
	{"arg4_high", 52, 4, HACHI_FIELD_SCALAR, HACHI_FIELD_READ},
	{"arg5_low", 56, 4, HACHI_FIELD_SCALAR, HACHI_FIELD_READ},
	{"arg5_high", 60, 4, HACHI_FIELD_SCALAR, HACHI_FIELD_READ},
};
STATIC_ASSERT(ARRAY_SIZE(seccomp_fields) * 4 == sizeof(struct seccomp_data));

static const struct hachi_prog_type seccomp_type = {
	.size = sizeof(seccomp_type),
	.name = "seccomp",
	.ctx_size = sizeof(struct seccomp_data),
	.fields = seccomp_fields,
	.field_count = ARRAY_SIZE(seccomp_fields),
	.ret_min = 0,
	.ret_max = UINT32_MAX,
};

static int fail(char *error, size_t size, int err, const char *what)
{
	snprintf(error, size, "%s: %s", what, strerror(-err));
	return err;
}

/* Loads the program; the descriptor. A refusal is told in the verifier's sentence. */
static int load(struct hachi *h, u32 prog_type, const struct insn_vec *program, char *ret_error,
	size_t size)
{
	struct hachi_refusal refusal;
	union bpf_attr attr;
	long fd;

	memset(&attr, 0, sizeof(attr));
	attr.prog_type = prog_type;
	attr.insns = (u64)(uintptr_t)program->data;
	attr.insn_cnt = (u32)program->len;
	attr.license = (u64)(uintptr_t) "GPL";
	memcpy(attr.prog_name, "filter", sizeof("filter"));
	fd = hachi_bpf(h, BPF_PROG_LOAD, &attr, sizeof(attr));
	if (fd >= 0)
		return (int)fd;
	memset(&refusal, 0, sizeof(refusal));
	hachi_last_refusal(h, &refusal);
	if (refusal.sentence && refusal.sentence[0])
		snprintf(ret_error, size, "the verifier refuses the filter: %s (instruction %u)",
			refusal.sentence, refusal.insn);
	else
		fail(ret_error, size, (int)fd, "cannot load the filter");
	return (int)fd;
}

struct loaded {
	struct hachi *h;
	int fd;
	struct hachi_prog *prog;
};

static void unload(struct loaded *l)
{
	if (l->prog)
		hachi_prog_put(l->prog);
	if (l->fd >= 0)
		hachi_close(l->h, l->fd);
	if (l->h)
		hachi_free(l->h);
}

/* An instance with the filter in it. ret is to be unloaded in any case. */
static int open_filter(const struct hachi_opts *opts, const struct sock_filter *filter, u32 len,
	enum cbpf_kind kind, struct loaded *ret, char *ret_error, size_t size)
{
	int prog_type = BPF_PROG_TYPE_SOCKET_FILTER;
	struct insn_vec program = {0};
	struct cbpf_error error;
	int err = cbpf_translate(filter, len, kind, &program, &error);

	*ret = (struct loaded){.fd = -1};
	if (err == -EINVAL || err == -EOPNOTSUPP)
		snprintf(ret_error, size, "instruction %u: %s", error.insn, error.text);
	else if (err)
		fail(ret_error, size, err, "cannot translate the filter");
	if (err)
		goto out;
	err = hachi_new(opts, &ret->h);
	if (err) {
		ret->h = NULL;
		fail(ret_error, size, err, "cannot start the user backend");
		goto out;
	}
	if (kind == CBPF_SECCOMP) {
		prog_type = hachi_prog_type_register(ret->h, &seccomp_type);
		if (prog_type < 0) {
			err = fail(ret_error, size, prog_type, "cannot register a program type");
			goto out;
		}
	}
	ret->fd = load(ret->h, (u32)prog_type, &program, ret_error, size);
	if (ret->fd < 0) {
		err = ret->fd;
		goto out;
	}
	err = hachi_prog_get(ret->h, ret->fd, &ret->prog);
	if (err) {
		ret->prog = NULL;
		fail(ret_error, size, err, "cannot run the filter");
	}
out:
	vec_release(&program);
	return err;
}

int filter_run_capture(const struct hachi_opts *opts, const struct sock_filter *filter, u32 len,
	const char *in_path, const char *out_path, struct filter_counts *ret_counts,
	char *ret_error, size_t size)
{
	struct packets_opts packets = {.in_path = in_path, .out_path = out_path, .ifindex = 1};
	struct packets_stats stats = {0};
	struct loaded l;
	int err = open_filter(opts, filter, len, CBPF_SOCKET, &l, ret_error, size);

	if (!err)
		err = packets_run(
			l.prog, BPF_PROG_TYPE_SOCKET_FILTER, &packets, &stats, ret_error, size);
	*ret_counts = (struct filter_counts){stats.packets, stats.passed};
	unload(&l);
	return err;
}

int filter_run_seccomp(const struct hachi_opts *opts, const struct sock_filter *filter, u32 len,
	const void *data, u32 *ret_action, char *ret_error, size_t size)
{
	struct seccomp_data copy;
	struct loaded l;
	u64 action = 0;
	int err = open_filter(opts, filter, len, CBPF_SECCOMP, &l, ret_error, size);

	memcpy(&copy, data, sizeof(copy));
	if (!err) {
		err = hachi_prog_run(l.prog, &copy, sizeof(copy), NULL, &action);
		if (err)
			fail(ret_error, size, err, "cannot run the filter");
	}
	*ret_action = (u32)action;
	unload(&l);
	return err;
}

int filter_exec(
	const struct sock_filter *filter, u32 len, char *const *argv, char *ret_error, size_t size)
{
	struct sock_fprog program = {
		.len = (unsigned short)len,
		.filter = (struct sock_filter *)(uintptr_t)filter,
	};
	int err;

	/* without it only CAP_SYS_ADMIN may install a filter */
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
		syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program)) {
		err = -errno;
		snprintf(ret_error, size, "the kernel does not take the filter: %s%s",
			strerror(-err),
			err == -ENOSYS || err == -EINVAL ? " (CONFIG_SECCOMP_FILTER)" : "");
		return err;
	}
	execvp(argv[0], argv);
	err = -errno;
	snprintf(ret_error, size, "%s: cannot be run: %s (the filter holds for execve too)",
		argv[0], strerror(-err));
	return err;
}
