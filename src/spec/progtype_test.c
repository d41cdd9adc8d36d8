// SPDX-License-Identifier: BSD-2-Clause
/*
 * Program types, attach types, map kinds, commands and kernels: rows are complete, and the live
 * kernel agrees on which attach type goes with which program type and what a load needs.
 */
#include "spec/progtype.h"
#include "btf/fields.h"
#include "spec/helper.h"
#include "test/kernel.h"

TEST(every_number_has_a_row)
{
	CHECK_EQ(progtype_spec_count(), 32);
	for (u32 i = 0; i < progtype_spec_count(); i++) {
		const struct progtype_spec *spec = progtype_spec_at(i);

		REQUIRE(spec != NULL);
		CHECK_EQ(spec->type, i + 1);
		CHECK(spec->since >= KERNEL(3, 19) && spec->since <= KERNEL(6, 18));
		CHECK(spec->attach != 0);
		/* who writes packets reads them */
		CHECK(!(spec->flags & PROGTYPE_PACKET_WRITE) || spec->flags & PROGTYPE_PACKET);
	}
	CHECK_EQ(attachtype_spec_count(), HACHI_BPF_ATTACH_TYPE_COUNT);
	for (u32 i = 0; i < attachtype_spec_count(); i++)
		CHECK_MSG(attachtype_spec_at(i) != NULL, "attach type %u", i);
	CHECK_EQ(maptype_spec_count(), HACHI_BPF_MAP_TYPE_INSN_ARRAY);
	for (u32 i = 0; i < maptype_spec_count(); i++)
		CHECK_MSG(maptype_spec_at(i) != NULL, "map type %u", i + 1);
	CHECK_EQ(command_count(), 38);
	for (u32 i = 0; i < command_count(); i++)
		CHECK_MSG(command_name(i) && command_since(i), "command %u", i);
	CHECK(!progtype_spec_by_type(0));
	CHECK(!progtype_spec_by_type(33));
	CHECK(!maptype_spec_by_type(0));
	CHECK(!command_name(38));
	CHECK_STR(attachtype_spec_by_type(BPF_CGROUP_INET_INGRESS)->name, "cgroup_inet_ingress");
}

TEST(the_newest_kernel_is_the_default)
{
	CHECK_STR(kernel_profile_by_name(NULL)->name, "6.18");
	CHECK_STR(kernel_profile_by_name("")->name, "6.18");
	CHECK_EQ(kernel_profile_by_name("5.15")->version, KERNEL(5, 15));
	CHECK(!kernel_profile_by_name("2.4"));
	for (u32 i = 1; i < kernel_profile_count(); i++)
		CHECK(kernel_profile_at(i)->version > kernel_profile_at(i - 1)->version);
}

TEST(maps_take_their_own_helpers_only)
{
	u32 type = BPF_PROG_TYPE_XDP;

	CHECK(maptype_allows_helper(BPF_MAP_TYPE_HASH, FUNC_map_update_elem, type, 0));
	CHECK(!maptype_allows_helper(BPF_MAP_TYPE_HASH, FUNC_tail_call, type, 0));
	CHECK(!maptype_allows_helper(BPF_MAP_TYPE_HASH, FUNC_map_lookup_percpu_elem, type, 0));
	CHECK(maptype_allows_helper(
		BPF_MAP_TYPE_PERCPU_HASH, FUNC_map_lookup_percpu_elem, type, 0));
	CHECK(maptype_allows_helper(BPF_MAP_TYPE_PERCPU_HASH, FUNC_for_each_map_elem, type, 0));
	CHECK(maptype_allows_helper(BPF_MAP_TYPE_PROG_ARRAY, FUNC_tail_call, type, 0));
	CHECK(!maptype_allows_helper(BPF_MAP_TYPE_PROG_ARRAY, FUNC_map_lookup_elem, type, 0));
	CHECK(!maptype_allows_helper(BPF_MAP_TYPE_RINGBUF, FUNC_map_lookup_elem, type, 0));
	CHECK(maptype_allows_helper(BPF_MAP_TYPE_HASH_OF_MAPS, FUNC_map_lookup_elem, type, 0));
	CHECK(!maptype_allows_helper(BPF_MAP_TYPE_HASH_OF_MAPS, FUNC_map_delete_elem, type, 0));
	CHECK(maptype_allows_helper(BPF_MAP_TYPE_SOCKMAP, FUNC_map_update_elem, type, 0));
	CHECK(!maptype_allows_helper(
		BPF_MAP_TYPE_SOCKMAP, FUNC_map_update_elem, BPF_PROG_TYPE_KPROBE, 0));
	CHECK(!maptype_allows_helper(
		BPF_MAP_TYPE_SOCKMAP, FUNC_map_update_elem, BPF_PROG_TYPE_SOCK_OPS, 0));
	CHECK(maptype_allows_helper(
		BPF_MAP_TYPE_SOCKMAP, FUNC_map_delete_elem, BPF_PROG_TYPE_SOCK_OPS, 0));
	CHECK(!maptype_allows_helper(99, FUNC_map_lookup_elem, type, 0));
}

TEST(programs_that_interrupt_anything_take_no_locks)
{
	u32 hash = BPF_MAP_TYPE_HASH;

	CHECK(!maptype_prog_objection(hash, 0, BPF_PROG_TYPE_KPROBE, false));
	CHECK(!maptype_prog_objection(hash, BTYPE_SPIN_LOCK, BPF_PROG_TYPE_XDP, false));
	CHECK(maptype_prog_objection(hash, BTYPE_SPIN_LOCK, BPF_PROG_TYPE_KPROBE, false) != NULL);
	CHECK(maptype_prog_objection(hash, BTYPE_TIMER, BPF_PROG_TYPE_PERF_EVENT, false) != NULL);
	CHECK(maptype_prog_objection(hash, BTYPE_SPIN_LOCK, BPF_PROG_TYPE_SOCKET_FILTER, false) !=
		NULL);
	CHECK(!maptype_prog_objection(hash, BTYPE_TIMER, BPF_PROG_TYPE_SOCKET_FILTER, false));
	CHECK(!maptype_prog_objection(hash, 0, BPF_PROG_TYPE_SYSCALL, true));
	CHECK(maptype_prog_objection(BPF_MAP_TYPE_LPM_TRIE, 0, BPF_PROG_TYPE_SYSCALL, true) !=
		NULL);
}

TEST(sleeping_depends_on_the_attach_type)
{
	CHECK(progtype_can_sleep(BPF_PROG_TYPE_TRACING, BPF_TRACE_FENTRY));
	CHECK(!progtype_can_sleep(BPF_PROG_TYPE_TRACING, BPF_TRACE_RAW_TP));
	CHECK(!progtype_can_sleep(BPF_PROG_TYPE_LSM, BPF_LSM_CGROUP));
	CHECK(!progtype_can_sleep(BPF_PROG_TYPE_XDP, 0));
}

TEST(targets_go_with_btf_typed_programs_only)
{
	CHECK_EQ(progtype_check_attach(BPF_PROG_TYPE_XDP, 0, 5, true, false, 0), -EINVAL);
	CHECK_EQ(progtype_check_attach(BPF_PROG_TYPE_TRACING, BPF_TRACE_FENTRY, 5, true, false, 0),
		0);
	CHECK_EQ(progtype_check_attach(BPF_PROG_TYPE_TRACING, 0, 5, false, false, 0), -EINVAL);
	CHECK_EQ(progtype_check_attach(BPF_PROG_TYPE_TRACING, 0, 0, true, false, 0), -EINVAL);
	CHECK_EQ(progtype_check_attach(BPF_PROG_TYPE_LSM, 0, 5, false, true, 0), -EINVAL);
	CHECK_EQ(progtype_check_attach(BPF_PROG_TYPE_EXT, 0, 5, false, true, 0), 0);
	CHECK_EQ(progtype_check_attach(BPF_PROG_TYPE_EXT, 3, 5, false, true, 0), -EINVAL);
	CHECK_EQ(progtype_check_attach(1 << 20, 0, 0, false, false, 0), -EINVAL);
	CHECK_EQ(progtype_check_attach(HACHI_BPF_PROG_TYPE_NETFILTER, HACHI_BPF_NETFILTER, 0, false,
			 false, KERNEL(6, 1)),
		-EINVAL);
}

static int load_one(u32 type, u32 attach, u32 flags, char *log, u32 log_size)
{
	struct bpf_insn insns[] = {
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .imm = 1}, {.code = BPF_JMP | BPF_EXIT}};
	struct kernel_load load = {.prog_type = type,
		.attach_type = attach,
		.flags = flags,
		.insns = insns,
		.insn_count = 2,
		.log = log,
		.log_size = log_size};
	int fd = kernel_prog_load(&load);

	if (fd >= 0)
		close(fd);
	return MIN(fd, 0);
}

TEST(the_live_kernel_takes_the_same_attach_types)
{
	char log[4096];

	kernel_or_skip();
	for (u32 i = 0; i < progtype_spec_count(); i++) {
		const struct progtype_spec *spec = progtype_spec_at(i);
		u32 flags = spec->type == BPF_PROG_TYPE_SYSCALL ? BPF_F_SLEEPABLE : 0;

		if (spec->flags & PROGTYPE_BTF_ARGS || spec->type == BPF_PROG_TYPE_LIRC_MODE2)
			continue; /* not without a target; not in every kernel */
		for (u32 at = 0; at < HACHI_BPF_ATTACH_TYPE_COUNT; at++) {
			int err = load_one(spec->type, at, flags, log, sizeof(log));
			u32 attach = progtype_default_attach(spec->type, at);
			int ours = progtype_check_attach(
				spec->type, attach, 0, false, false, kernel_version());

			/* a refusal with a log came later, from the verifier */
			CHECK_MSG((err == 0 || log[0]) == (ours == 0), "%s, attach type %u: %d, %d",
				spec->name, at, ours, err);
		}
	}
}

TEST(the_live_kernel_asks_for_the_same_capabilities)
{
	char log[4096];

	kernel_or_skip();
	for (u32 caps = 0; caps < 8; caps++) {
		if (!kernel_limit_caps(caps & CAP_NEEDED_BPF, caps & CAP_NEEDED_PERFMON,
			    caps & CAP_NEEDED_NET_ADMIN))
			SKIP("cannot change capabilities");
		for (u32 i = 0; i < progtype_spec_count(); i++) {
			const struct progtype_spec *spec = progtype_spec_at(i);
			u32 need = progtype_caps(spec->type) | CAP_NEEDED_BPF;
			int err;

			/* these say EPERM or EINVAL for other reasons too */
			if (spec->flags & PROGTYPE_BTF_ARGS || spec->since > kernel_version() ||
				spec->type == BPF_PROG_TYPE_LIRC_MODE2)
				continue;
			err = load_one(spec->type, 0, 0, log, sizeof(log));
			CHECK_MSG((err == -EPERM) == ((caps & need) != need),
				"%s with capabilities %u: %d", spec->name, caps, err);
		}
		kernel_restore_caps();
	}
}
