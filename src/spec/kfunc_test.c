// SPDX-License-Identifier: BSD-2-Clause
/*
 * Kernel functions: rows are consistent, and the live kernel allows the same ones. Which number a
 * function has is in the kernel's BTF.
 */
#include "spec/kfunc.h"
#include "btf/btf.h"
#include "spec/helper.h"
#include "spec/progtype.h"
#include "test/kernel.h"

#include <stdlib.h>

TEST(every_kernel_function_is_well_formed)
{
	for (u32 i = 0; i < kfunc_spec_count(); i++) {
		const struct kfunc_spec *spec = kfunc_spec_at(i);

		CHECK_MSG(kfunc_spec_by_name(spec->name) == spec, "%s twice", spec->name);
		CHECK_MSG(spec->since >= KERNEL(6, 1) && spec->since <= KERNEL(6, 18), "%s",
			spec->name);
		CHECK_MSG(!(spec->flags & KFUNC_ITER_NEXT) || spec->flags & KFUNC_RET_NULL,
			"%s: an iterator ends", spec->name);
		CHECK(!kfunc_allowed(spec, BPF_PROG_TYPE_XDP, KERNEL(5, 15)));
	}
	CHECK(!kfunc_spec_by_name("bpf_no_such_function"));
	CHECK(!kfunc_spec_at(kfunc_spec_count()));
}

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

static char log_buf[1 << 14];

/* Whether the kernel lets this program type call the function; the call itself may be wrong. */
static bool kernel_allows(u32 prog_type, u32 attach_type, u32 id)
{
	struct bpf_insn insns[] = {
		{.code = BPF_JMP | BPF_CALL, .src_reg = BPF_PSEUDO_KFUNC_CALL, .imm = (s32)id},
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .imm = 1},
		{.code = BPF_JMP | BPF_EXIT},
	};
	struct kernel_load load = {.prog_type = prog_type,
		.attach_type = attach_type,
		.flags = prog_type == BPF_PROG_TYPE_SYSCALL ? BPF_F_SLEEPABLE : 0,
		.insns = insns,
		.insn_count = ARRAY_SIZE(insns),
		.log = log_buf,
		.log_size = sizeof(log_buf)};
	int fd = kernel_prog_load(&load);

	if (fd >= 0)
		close(fd);
	return !strstr(log_buf, "is not allowed");
}

static u32 compare_prog(const struct btf *btf, const struct progtype_spec *prog)
{
	u32 attach = 0, compared = 0;

	while (!(prog->attach >> attach & 1))
		attach++;
	for (u32 i = 0; i < kfunc_spec_count(); i++) {
		const struct kfunc_spec *spec = kfunc_spec_at(i);
		s32 id = btype_find(btf, spec->name, BTF_KIND_FUNC);
		bool ours, theirs;

		if (id <= 0)
			continue; /* not in this kernel's configuration */
		ours = kfunc_allowed(spec, prog->type, kernel_version());
		theirs = kernel_allows(prog->type, attach, id);
		compared++;
		CHECK_MSG(ours == theirs, "%s in %s: ours %d, kernel: %s", spec->name, prog->name,
			ours, log_buf);
	}
	return compared;
}

TEST(the_live_kernel_allows_the_same_functions)
{
	struct btf *btf;
	u32 compared = 0;

	kernel_or_skip();
	btf = load_vmlinux();
	if (!btf)
		SKIP("the kernel has no BTF");
	for (u32 i = 0; i < progtype_spec_count(); i++) {
		const struct progtype_spec *prog = progtype_spec_at(i);

		/* not without a target; not in every kernel */
		if (!(prog->flags & PROGTYPE_BTF_ARGS) && prog->type != BPF_PROG_TYPE_LIRC_MODE2 &&
			prog->since <= kernel_version())
			compared += compare_prog(btf, prog);
	}
	btype_unref(btf);
	tap_note("%u calls compared", compared);
	CHECK(compared > (kernel_version() < KERNEL(6, 12) ? 20 : 1000));
}
