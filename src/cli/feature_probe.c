// SPDX-License-Identifier: BSD-2-Clause
/*
 * Asking a bpf(2) what it serves, by trying: the smallest program of a type, the smallest map of a
 * kind, a program that calls a helper. What the tries mean is libbpf's (libbpf_probe_*), but newer
 * types and the words of newer kernels are known as well.
 */
#include "base/alloc.h"
#include "base/str.h"
#include "cli/feature.h"
#include "spec/helper.h"
#include "spec/progtype.h"

#include <stdio.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#define KERNEL_ENOTSUPP 524

static long kernel_bpf(void *arg, int cmd, union bpf_attr *attr, u32 size)
{
	long ret = syscall(SYS_bpf, cmd, attr, size, 0L, 0L, 0L);

	return ret < 0 ? -errno : ret;
}

static void kernel_close(void *arg, int fd)
{
	close(fd);
}

void feature_door_kernel(struct feature_door *ret_door)
{
	unsigned int major = 0, minor = 0;
	struct utsname name;

	*ret_door = (struct feature_door){.bpf = kernel_bpf, .close = kernel_close};
	if (uname(&name) == 0 && sscanf(name.release, "%u.%u", &major, &minor) == 2)
		ret_door->kernel = KERNEL(major, minor);
}

bool feature_has_syscall(const struct feature_door *door)
{
	union bpf_attr attr;

	memset(&attr, 0, sizeof(attr));
	return door->bpf(door->arg, BPF_PROG_LOAD, &attr, sizeof(attr)) != -ENOSYS;
}

/* ---- programs */
#define MOV_IMM(reg_, imm_)                                                                        \
	{                                                                                          \
		.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = reg_, .imm = imm_                  \
	}
#define EXIT()                                                                                     \
	{                                                                                          \
		.code = BPF_JMP | BPF_EXIT                                                         \
	}

struct
try {
	u32 prog_type, attach_type, flags, attach_btf_id;
	const struct bpf_insn *insns;
	u32 insn_count;
	bool no_log; /* a long program would fill it and fail for that */
	char log[4096];
};

static long try_load(const struct feature_door *door, struct try *try)
{
	union bpf_attr attr;
	long fd;

	memset(&attr, 0, sizeof(attr));
	attr.prog_type = try->prog_type;
	attr.expected_attach_type = try->attach_type;
	attr.prog_flags = try->flags;
	attr.attach_btf_id = try->attach_btf_id;
	attr.insns = (uintptr_t)try->insns;
	attr.insn_cnt = try->insn_count;
	attr.license = (uintptr_t) "GPL";
	if (!try->no_log) {
		attr.log_buf = (uintptr_t)try->log;
		attr.log_size = sizeof(try->log);
		attr.log_level = 1;
	}
	try->log[0] = 0;
	fd = door->bpf(door->arg, BPF_PROG_LOAD, &attr, sizeof(attr));
	if (fd >= 0)
		door->close(door->arg, (int)fd);
	return fd < 0 ? fd : 0;
}

/* How a program of this type is loaded with the least ado. */
static void set_type(struct try *try, u32 prog_type)
{
	const struct progtype_spec *spec = progtype_spec_by_type(prog_type);

	try->prog_type = prog_type;
	try->flags = prog_type == BPF_PROG_TYPE_SYSCALL ? BPF_F_SLEEPABLE : 0;
	try->attach_btf_id = spec->flags & PROGTYPE_BTF_ARGS ? 1 : 0;
	if (prog_type == BPF_PROG_TYPE_TRACING)
		try->attach_type = BPF_TRACE_FENTRY;
	else if (prog_type == BPF_PROG_TYPE_LSM)
		try->attach_type = BPF_LSM_MAC;
	else
		while (!(spec->attach >> try->attach_type & 1))
			try->attach_type++;
}

bool feature_has_prog_type(const struct feature_door *door, u32 prog_type)
{
	static const struct bpf_insn insns[] = {MOV_IMM(0, 1), EXIT()};
	struct try try = {.insns = insns, .insn_count = ARRAY_SIZE(insns)};
	const struct progtype_spec *spec = progtype_spec_by_type(prog_type);
	long err;

	if (!spec || spec->since > door->kernel)
		return false;
	set_type(&try, prog_type);
	err = try_load(door, &try);
	/* type 1 of the kernel's BTF is nothing to attach to: the verifier says so, and runs */
	switch (prog_type) {
	case BPF_PROG_TYPE_TRACING:
	case BPF_PROG_TYPE_LSM:
		return err == -EINVAL && strstr(try.log, "attach_btf_id 1 is not a function");
	case BPF_PROG_TYPE_EXT:
		return err == -EINVAL && strstr(try.log, "Cannot replace kernel functions");
	case BPF_PROG_TYPE_STRUCT_OPS: return err == -KERNEL_ENOTSUPP;
	default: return err == 0 || (err == -EINVAL && strstr(try.log, "At program exit"));
	}
}

int feature_can_ask_helpers(const struct feature_door *door, u32 prog_type)
{
	const struct progtype_spec *spec = progtype_spec_by_type(prog_type);

	if (!feature_has_prog_type(door, prog_type))
		return -EINVAL;
	/* the kernel tells of helpers only where it can load */
	return !door->has_helper && spec->flags & PROGTYPE_BTF_ARGS ? -EOPNOTSUPP : 0;
}

/* Some attach type, sleeping or not, gives it. */
static bool table_has_helper(const struct feature_door *door, u32 prog_type, u32 helper_id)
{
	const struct progtype_spec *spec = progtype_spec_by_type(prog_type);
	const struct helper_spec *helper;

	for (u32 at = 0; spec && at < attachtype_spec_count(); at++) {
		struct helper_query query = {.prog_type = prog_type,
			.attach_type = at,
			.caps = CAP_ALL,
			.kernel = door->kernel,
			.is_sleepable = spec->flags & PROGTYPE_SLEEPABLE};
		enum helper_access access;

		if (!(spec->attach >> at & 1))
			continue;
		access = helper_spec_for(helper_id, &query, &helper);
		/* on the right function it would be */
		if (access == HELPER_OK || access == HELPER_NOT_IN_PROBE)
			return true;
	}
	return false;
}

bool feature_has_helper(const struct feature_door *door, u32 prog_type, u32 helper_id)
{
	struct bpf_insn insns[] = {
		{.code = BPF_JMP | BPF_CALL, .imm = (s32)helper_id}, MOV_IMM(0, 1), EXIT()};
	struct try try = {.insns = insns, .insn_count = ARRAY_SIZE(insns)};
	const struct helper_spec *spec = helper_spec_by_id(helper_id);

	if (!spec || spec->since > door->kernel)
		return false;
	if (door->has_helper)
		return door->has_helper(helper_id) && table_has_helper(door, prog_type, helper_id);
	set_type(&try, prog_type);
	if (try_load(door, &try) == 0)
		return true;
	/* the last is how kernels before 6.12 say it */
	return try.log[0] && !strstr(try.log, "invalid func ") &&
		!strstr(try.log, "cannot use helper") && !strstr(try.log, "unknown func ");
}

bool feature_has_command(const struct feature_door *door, u32 cmd)
{
	if (!command_since(cmd) || command_since(cmd) > door->kernel)
		return false;
	return !door->has_command || door->has_command((int)cmd);
}

/* ---- maps */
static int load_int_btf(const struct feature_door *door)
{
	/* one type: a signed int of 32 bits */
	static const struct {
		u16 magic;
		u8 version, flags;
		u32 header_len, type_off, type_len, str_off, str_len;
		u32 type[4];
		char strings[5];
	} btf = {0xeb9f, 1, 0, 24, 0, 16, 16, 5, {1, 1u << 24, 4, 1u << 24 | 32}, "\0int"};
	union bpf_attr attr;

	memset(&attr, 0, sizeof(attr));
	attr.btf = (uintptr_t)&btf;
	attr.btf_size = offsetof(typeof(btf), strings) + sizeof(btf.strings);
	return (int)door->bpf(door->arg, BPF_BTF_LOAD, &attr, sizeof(attr));
}

static void set_shape(union bpf_attr *attr, u32 map_type)
{
	attr->map_type = map_type;
	attr->key_size = attr->value_size = 4;
	attr->max_entries = 1;
	switch (map_type) {
	case BPF_MAP_TYPE_STACK_TRACE: attr->value_size = 8; break;
	case BPF_MAP_TYPE_LPM_TRIE:
		attr->key_size = 8;
		attr->map_flags = BPF_F_NO_PREALLOC;
		break;
	case BPF_MAP_TYPE_CGROUP_STORAGE:
	case BPF_MAP_TYPE_PERCPU_CGROUP_STORAGE:
		attr->key_size = 8;
		attr->max_entries = 0;
		break;
	case BPF_MAP_TYPE_QUEUE:
	case BPF_MAP_TYPE_STACK:
	case BPF_MAP_TYPE_BLOOM_FILTER: attr->key_size = 0; break;
	case BPF_MAP_TYPE_RINGBUF:
	case BPF_MAP_TYPE_USER_RINGBUF:
		attr->key_size = attr->value_size = 0;
		attr->max_entries = (u32)sysconf(_SC_PAGESIZE);
		break;
	case HACHI_BPF_MAP_TYPE_ARENA:
		attr->key_size = attr->value_size = 0;
		attr->map_flags = BPF_F_MMAPABLE;
		break;
	case HACHI_BPF_MAP_TYPE_INSN_ARRAY: attr->value_size = 16; break;
	case BPF_MAP_TYPE_STRUCT_OPS: attr->btf_vmlinux_value_type_id = 1; break;
	}
}

static bool is_local_storage(u32 map_type)
{
	return map_type == BPF_MAP_TYPE_SK_STORAGE || map_type == BPF_MAP_TYPE_INODE_STORAGE ||
		map_type == BPF_MAP_TYPE_TASK_STORAGE ||
		map_type == HACHI_BPF_MAP_TYPE_CGRP_STORAGE;
}

static bool is_of_maps(u32 map_type)
{
	const struct maptype_spec *spec = maptype_spec_by_type(map_type);

	return spec && spec->flags & MAPTYPE_OF_MAPS;
}

/* What a map of this kind needs before it can be made: BTF, or a map to hold. */
static int make_companion(const struct feature_door *door, u32 map_type)
{
	union bpf_attr attr;

	if (is_local_storage(map_type))
		return load_int_btf(door);
	if (!is_of_maps(map_type))
		return -1;
	memset(&attr, 0, sizeof(attr));
	set_shape(&attr, BPF_MAP_TYPE_HASH);
	return (int)door->bpf(door->arg, BPF_MAP_CREATE, &attr, sizeof(attr));
}

bool feature_has_map_type(const struct feature_door *door, u32 map_type)
{
	const struct maptype_spec *spec = maptype_spec_by_type(map_type);
	union bpf_attr attr;
	int companion;
	long fd;

	if (!spec || spec->since > door->kernel)
		return false;
	memset(&attr, 0, sizeof(attr));
	set_shape(&attr, map_type);
	companion = make_companion(door, map_type);
	if (is_local_storage(map_type)) {
		attr.btf_fd = (u32)companion;
		attr.btf_key_type_id = attr.btf_value_type_id = 1;
		attr.map_flags = BPF_F_NO_PREALLOC;
		attr.max_entries = 0;
	} else if (is_of_maps(map_type)) {
		attr.inner_map_fd = (u32)companion;
	}
	fd = door->bpf(door->arg, BPF_MAP_CREATE, &attr, sizeof(attr));
	if (fd >= 0)
		door->close(door->arg, (int)fd);
	if (companion >= 0)
		door->close(door->arg, companion);
	/* type 1 of the kernel's BTF is no struct_ops; that it was looked at is the answer */
	return map_type == BPF_MAP_TYPE_STRUCT_OPS ? fd == -KERNEL_ENOTSUPP : fd >= 0;
}

/* ---- misc, with bpftool's programs */
static bool loads(const struct feature_door *door, const struct bpf_insn *insns, u32 count)
{
	struct try try = {.prog_type = BPF_PROG_TYPE_SOCKET_FILTER,
		.insns = insns,
		.insn_count = count,
		.no_log = true};

	return try_load(door, &try) == 0;
}

static bool has_large_programs(const struct feature_door *door)
{
	u32 count = BPF_MAXINSNS + 1;
	struct bpf_insn *insns = mem_zalloc(count * sizeof(*insns));
	bool is_ok;

	if (!insns)
		return false;
	for (u32 i = 0; i < count; i++)
		insns[i] = (struct bpf_insn)MOV_IMM(0, 1);
	insns[count - 1] = (struct bpf_insn)EXIT();
	is_ok = loads(door, insns, count);
	mem_free(insns);
	return is_ok;
}

static bool has_bounded_loops(const struct feature_door *door)
{
	static const struct bpf_insn insns[] = {
		MOV_IMM(0, 10),
		{.code = BPF_ALU64 | BPF_SUB | BPF_K, .dst_reg = 0, .imm = 1},
		{.code = BPF_JMP | BPF_JNE | BPF_K, .dst_reg = 0, .off = -2},
		EXIT(),
	};

	return loads(door, insns, ARRAY_SIZE(insns));
}

static bool has_isa_v2(const struct feature_door *door)
{
	static const struct bpf_insn insns[] = {
		MOV_IMM(0, 0),
		{.code = BPF_JMP | BPF_JLT | BPF_K, .dst_reg = 0, .off = 1},
		MOV_IMM(0, 1),
		EXIT(),
	};

	return loads(door, insns, ARRAY_SIZE(insns));
}

static bool has_isa_v3(const struct feature_door *door)
{
	static const struct bpf_insn insns[] = {
		MOV_IMM(0, 0),
		{.code = BPF_JMP32 | BPF_JLT | BPF_K, .dst_reg = 0, .off = 1},
		MOV_IMM(0, 1),
		EXIT(),
	};

	return loads(door, insns, ARRAY_SIZE(insns));
}

/* A sign-extending move and a long jump. */
static bool has_isa_v4(const struct feature_door *door)
{
	static const struct bpf_insn insns[] = {
		MOV_IMM(1, 255),
		{.code = BPF_ALU64 | BPF_MOV | BPF_X, .dst_reg = 0, .src_reg = 1, .off = 8},
		{.code = BPF_JMP32 | BPF_JA, .imm = 0},
		EXIT(),
	};

	return loads(door, insns, ARRAY_SIZE(insns));
}

const struct feature_misc feature_miscs[] = {
	{"have_large_insn_limit", "Large program size limit", has_large_programs},
	{"have_bounded_loops", "Bounded loop support", has_bounded_loops},
	{"have_v2_isa_extension", "ISA extension v2", has_isa_v2},
	{"have_v3_isa_extension", "ISA extension v3", has_isa_v3},
	{"have_v4_isa_extension", "ISA extension v4", has_isa_v4},
	{NULL, NULL, NULL},
};
