// SPDX-License-Identifier: BSD-2-Clause
/*
 * The helper tables are well-formed, and the live kernel agrees on who may call what.
 */
#include "spec/helper.h"
#include "btf/btf.h"
#include "spec/progtype.h"
#include "test/kernel.h"

#include <stdlib.h>

static bool is_size(u32 arg)
{
	arg &= ARG_TYPE_MASK;
	return arg == ARG_CONST_SIZE || arg == ARG_CONST_SIZE_OR_ZERO;
}

static void check_args(const struct helper_spec *spec)
{
	bool ended = false;

	for (int i = 0; i < 5; i++) {
		u32 type = spec->arg[i] & ARG_TYPE_MASK;
		bool has_size = i < 4 && is_size(spec->arg[i + 1]);
		bool is_fixed = spec->arg[i] & ARG_FIXED_SIZE;

		CHECK_MSG(!(ended && type), "%s: a gap before argument %d", spec->name, i + 1);
		ended |= type == ARG_NONE;
		if (type == ARG_MEM)
			CHECK_MSG(has_size != is_fixed, "%s: memory argument %d has no size",
				spec->name, i + 1);
		CHECK_MSG(is_fixed == (spec->fixed_size[i] != 0), "%s: size of argument %d",
			spec->name, i + 1);
		CHECK_MSG(!is_size(spec->arg[i]) || (i && spec->arg[i - 1] & ARG_TYPE_MASK),
			"%s: size argument %d has no memory", spec->name, i + 1);
		CHECK_MSG((type == ARG_BTF_ID) == (spec->arg_btf[i] != NULL) || spec->id == 194,
			"%s: BTF name of argument %d", spec->name, i + 1);
		CHECK_MSG(!(spec->arg[i] & ARG_RELEASE) || (spec->flags & HELPER_RELEASES),
			"%s: a released argument", spec->name);
	}
}

TEST(every_helper_has_a_well_formed_contract)
{
	CHECK_EQ(helper_spec_count(), 211);
	CHECK(!helper_spec_by_id(0));
	CHECK(!helper_spec_by_id(212));
	CHECK(!helper_name(0xffffffff));
	for (u32 id = 1; id <= helper_spec_count(); id++) {
		const struct helper_spec *spec = helper_spec_by_id(id);

		REQUIRE(spec != NULL);
		CHECK_EQ(spec->id, id);
		CHECK(strncmp(spec->name, "bpf_", 4) == 0);
		CHECK(spec->since >= KERNEL(3, 19) && spec->since <= KERNEL(6, 18));
		CHECK_MSG((spec->ret & RET_TYPE_MASK) <= RET_BTF_ID, "%s: return", spec->name);
		check_args(spec);
	}
}

TEST(every_helper_is_allowed_somewhere)
{
	for (u32 id = 1; id <= helper_spec_count(); id++) {
		const struct helper_spec *spec;
		bool found = false;

		for (u32 type = 1; type < HACHI_BPF_PROG_TYPE_COUNT && !found; type++)
			for (u32 at = 0; at < HACHI_BPF_ATTACH_TYPE_COUNT && !found; at++) {
				struct helper_query query = {.prog_type = type,
					.attach_type = at,
					.caps = CAP_ALL,
					.target = "bpf_lsm_file_open"};

				found = helper_spec_for(id, &query, &spec) == HELPER_OK;
				query.target = "bpf_lsm_sock_graft";
				found |= helper_spec_for(id, &query, &spec) == HELPER_OK;
			}
		CHECK_MSG(found, "%s is in no set", helper_name(id));
	}
}

TEST(capabilities_gate_the_base_helpers)
{
	struct helper_query query = {.prog_type = BPF_PROG_TYPE_SOCKET_FILTER};
	const struct helper_spec *spec;

	CHECK_EQ(helper_spec_for(BPF_FUNC_map_lookup_elem, &query, &spec), HELPER_OK);
	CHECK_EQ(spec->id, BPF_FUNC_map_lookup_elem);
	CHECK_EQ(helper_spec_for(BPF_FUNC_spin_lock, &query, &spec), HELPER_NEEDS_CAPS);
	CHECK(!spec);
	query.caps = CAP_NEEDED_BPF;
	CHECK_EQ(helper_spec_for(BPF_FUNC_spin_lock, &query, &spec), HELPER_OK);
	CHECK_EQ(helper_spec_for(BPF_FUNC_trace_printk, &query, &spec), HELPER_NEEDS_CAPS);
	query.caps = CAP_NEEDED_SYS_ADMIN;
	CHECK_EQ(helper_spec_for(BPF_FUNC_trace_printk, &query, &spec), HELPER_OK);
	CHECK_EQ(helper_spec_for(BPF_FUNC_xdp_adjust_head, &query, &spec), HELPER_NOT_HERE);
	CHECK_EQ(helper_spec_for(500, &query, &spec), HELPER_UNKNOWN);
	query.kernel = KERNEL(5, 15);
	CHECK_EQ(helper_spec_for(BPF_FUNC_loop, &query, &spec), HELPER_TOO_NEW);
}

TEST(a_sleepable_program_gets_the_sleepable_variant)
{
	struct helper_query query = {
		.prog_type = BPF_PROG_TYPE_KPROBE, .caps = CAP_ALL, .is_sleepable = true};
	const struct helper_spec *spec;

	CHECK_EQ(helper_spec_for(BPF_FUNC_get_stack, &query, &spec), HELPER_OK);
	CHECK(spec && spec->flags & HELPER_MIGHT_SLEEP);
	query.is_sleepable = false;
	CHECK_EQ(helper_spec_for(BPF_FUNC_get_stack, &query, &spec), HELPER_OK);
	CHECK(spec && !(spec->flags & HELPER_MIGHT_SLEEP));
}

static char log_buf[4096];
static u32 attach_btf_id;

/* What the kernel says of a call of that helper: the log tells, whatever else is wrong with it. */
static enum helper_access kernel_access(u32 id, const struct helper_query *query, u32 flags)
{
	struct bpf_insn insns[] = {
		{.code = BPF_JMP | BPF_CALL, .imm = id}, {.code = BPF_JMP | BPF_EXIT}};
	struct kernel_load load = {
		.prog_type = query->prog_type,
		.attach_type = query->attach_type,
		.flags = flags,
		.attach_btf_id = attach_btf_id,
		.insns = insns,
		.insn_count = 2,
		.log = log_buf,
		.log_size = sizeof(log_buf),
	};
	int fd = kernel_prog_load(&load);

	if (fd >= 0)
		close(fd);
	if (strstr(log_buf, "cannot use helper") || strstr(log_buf, "unknown func"))
		return HELPER_NOT_HERE;
	if (strstr(log_buf, "invalid func"))
		return HELPER_UNKNOWN;
	return strstr(log_buf, "not allowed in probe") ? HELPER_NOT_IN_PROBE : HELPER_OK;
}

static bool kernel_takes(const struct helper_query *query, u32 flags)
{
	struct bpf_insn insns[] = {
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .imm = 1}, {.code = BPF_JMP | BPF_EXIT}};
	struct kernel_load load = {
		.prog_type = query->prog_type,
		.attach_type = query->attach_type,
		.flags = flags,
		.attach_btf_id = attach_btf_id,
		.insns = insns,
		.insn_count = 2,
		.log = log_buf,
		.log_size = sizeof(log_buf),
	};
	int fd = kernel_prog_load(&load);

	if (fd >= 0)
		close(fd);
	/* refused by the verifier (a return code, ...) is good enough; before it is not */
	return fd >= 0 || (fd == -EINVAL && log_buf[0]);
}

/* Whether a kernel has these depends on its configuration and lockdown. */
static bool depends_on_config(u32 id)
{
	return id == BPF_FUNC_override_return || id == BPF_FUNC_probe_write_user;
}

static u32 compare(const struct helper_query *query, u32 flags)
{
	struct helper_query ours_query = *query;

	if (!kernel_takes(query, flags))
		return 0;
	/* the load command fills in what old programs leave out */
	ours_query.attach_type = progtype_default_attach(query->prog_type, query->attach_type);
	for (u32 id = 1; id <= helper_spec_count() + 2; id++) {
		const struct helper_spec *spec;
		enum helper_access ours = helper_spec_for(id, &ours_query, &spec);
		enum helper_access theirs = kernel_access(id, query, flags);

		if (ours == HELPER_NEEDS_CAPS) /* the same message in the kernel */
			ours = HELPER_NOT_HERE;
		if (ours == HELPER_TOO_NEW) /* two messages in the course of time */
			ours = theirs == HELPER_OK ? HELPER_TOO_NEW : theirs;
		CHECK_MSG(ours == theirs || depends_on_config(id),
			"program type %u attach type %u caps %u %s (%u): ours %d, kernel %d",
			query->prog_type, query->attach_type, query->caps, helper_name(id), id,
			ours, theirs);
	}
	return helper_spec_count();
}

/* Most types ignore the attach type: two are enough for those. */
static bool is_worth_trying(u32 prog_type, u32 attach_type)
{
	switch (prog_type) {
	case BPF_PROG_TYPE_TRACING: /* these need a function to attach to */
	case BPF_PROG_TYPE_LSM:
	case BPF_PROG_TYPE_STRUCT_OPS:
	case BPF_PROG_TYPE_EXT: return false;
	case BPF_PROG_TYPE_KPROBE:
	case BPF_PROG_TYPE_CGROUP_SOCK:
	case BPF_PROG_TYPE_CGROUP_SOCK_ADDR:
	case BPF_PROG_TYPE_CGROUP_SOCKOPT:
	case BPF_PROG_TYPE_SK_LOOKUP:
	case BPF_PROG_TYPE_SK_REUSEPORT:
	case HACHI_BPF_PROG_TYPE_NETFILTER: return true;
	default: return attach_type < 2;
	}
}

static u32 compare_all(u32 caps)
{
	u32 tried = 0;

	for (u32 type = 1; type < HACHI_BPF_PROG_TYPE_COUNT; type++)
		for (u32 at = 0; at < HACHI_BPF_ATTACH_TYPE_COUNT; at++) {
			bool is_sleepable = type == BPF_PROG_TYPE_SYSCALL;
			struct helper_query query = {.prog_type = type,
				.attach_type = at,
				.caps = caps,
				.kernel = kernel_version(),
				.is_sleepable = is_sleepable};

			if (is_worth_trying(type, at))
				tried += compare(&query, is_sleepable ? BPF_F_SLEEPABLE : 0);
		}
	return tried;
}

TEST(the_live_kernel_allows_the_same_helpers)
{
	kernel_or_skip();
	CHECK(compare_all(CAP_ALL) > 10000);
}

TEST(the_live_kernel_asks_for_the_same_capabilities)
{
	static const u32 cases[] = {CAP_NEEDED_BPF, CAP_NEEDED_BPF | CAP_NEEDED_PERFMON,
		CAP_NEEDED_BPF | CAP_NEEDED_NET_ADMIN, CAP_NEEDED_PERFMON | CAP_NEEDED_NET_ADMIN};

	kernel_or_skip();
	for (u32 i = 0; i < ARRAY_SIZE(cases); i++) {
		if (!kernel_limit_caps(cases[i] & CAP_NEEDED_BPF, cases[i] & CAP_NEEDED_PERFMON,
			    cases[i] & CAP_NEEDED_NET_ADMIN))
			SKIP("cannot change capabilities");
		compare_all(cases[i]);
		kernel_restore_caps();
	}
}

/* ---- programs that need a function of the kernel's BTF to attach to */
static const struct {
	u32 prog_type, attach_type, flags;
	const char *name;
	u32 kind;
	const char *target; /* as rules see it */
} targets[] = {
	{BPF_PROG_TYPE_TRACING, BPF_TRACE_RAW_TP, 0, "btf_trace_sched_process_exec",
		BTF_KIND_TYPEDEF, "sched_process_exec"},
	{BPF_PROG_TYPE_TRACING, BPF_TRACE_ITER, 0, "bpf_iter_task", BTF_KIND_FUNC, "bpf_iter_task"},
	{BPF_PROG_TYPE_TRACING, BPF_TRACE_FENTRY, 0, "vfs_truncate", BTF_KIND_FUNC, "vfs_truncate"},
	{BPF_PROG_TYPE_TRACING, BPF_TRACE_FEXIT, 0, "do_unlinkat", BTF_KIND_FUNC, "do_unlinkat"},
	{BPF_PROG_TYPE_TRACING, BPF_MODIFY_RETURN, 0, "security_file_open", BTF_KIND_FUNC,
		"security_file_open"},
	{BPF_PROG_TYPE_LSM, BPF_LSM_MAC, 0, "bpf_lsm_file_open", BTF_KIND_FUNC,
		"bpf_lsm_file_open"},
	{BPF_PROG_TYPE_LSM, BPF_LSM_MAC, BPF_F_SLEEPABLE, "bpf_lsm_bprm_check_security",
		BTF_KIND_FUNC, "bpf_lsm_bprm_check_security"},
	{BPF_PROG_TYPE_LSM, BPF_LSM_MAC, 0, "bpf_lsm_task_free", BTF_KIND_FUNC,
		"bpf_lsm_task_free"},
	{BPF_PROG_TYPE_LSM, BPF_LSM_CGROUP, 0, "bpf_lsm_socket_post_create", BTF_KIND_FUNC,
		"bpf_lsm_socket_post_create"},
	{BPF_PROG_TYPE_LSM, BPF_LSM_CGROUP, 0, "bpf_lsm_socket_bind", BTF_KIND_FUNC,
		"bpf_lsm_socket_bind"},
};

static struct btf *load_vmlinux(void)
{
	struct btype_options opts = {.is_trusted = true, .is_kernel = true, .name = "vmlinux"};
	FILE *f = fopen("/sys/kernel/btf/vmlinux", "r");
	size_t size = 0, cap = 32u << 20;
	char *bytes = malloc(cap);
	struct btf *btf = NULL;

	if (f && bytes)
		size = fread(bytes, 1, cap, f);
	if (size && btype_parse(bytes, (u32)size, NULL, &opts, NULL, &btf))
		btf = NULL;
	if (f)
		fclose(f);
	free(bytes);
	return btf;
}

TEST(the_live_kernel_allows_the_same_helpers_on_its_functions)
{
	struct btf *btf;
	u32 tried = 0;

	kernel_or_skip();
	btf = load_vmlinux();
	if (!btf)
		SKIP("the kernel has no BTF");
	for (u32 i = 0; i < ARRAY_SIZE(targets); i++) {
		struct helper_query query = {.prog_type = targets[i].prog_type,
			.attach_type = targets[i].attach_type,
			.caps = CAP_ALL,
			.kernel = kernel_version(),
			.is_sleepable = targets[i].flags & BPF_F_SLEEPABLE,
			.target = targets[i].target};
		int id = btype_find(btf, targets[i].name, targets[i].kind);
		u32 count;

		if (id <= 0)
			continue;
		attach_btf_id = (u32)id;
		count = compare(&query, targets[i].flags);
		if (!count)
			tap_note("%s cannot be attached to here", targets[i].name);
		tried += count;
	}
	attach_btf_id = 0;
	btype_unref(btf);
	CHECK(tried > 0);
}
