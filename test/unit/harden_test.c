// SPDX-License-Identifier: BSD-2-Clause
/*
 * Whose programs are hardened, and what their machine code then has and has not, as an independent
 * decoder (Zydis) reads it. Blinding has a test of its own (blinding_test.c).
 */
#include "isa/insn.h"
#include "prog/prog.h"
#include "test/tap.h"

#include <Zydis/Zydis.h>
#include <hachi/hachi.h>
#include <stdio.h>

#ifndef __x86_64__
#define NEEDS_X86() SKIP_HERE("for x86-64")
#else
#define NEEDS_X86()
#endif

static struct hachi *open_with(enum hachi_harden harden, bool no_caps)
{
	struct hachi_opts opts = {
		.size = sizeof(opts), .engine = "jit", .no_caps = no_caps, .harden = harden};
	struct hachi *h;

	if (hachi_new(&opts, &h))
		SKIP_HERE("no JIT for this machine");
	return h;
}

static long map_create(struct hachi *h, u32 type, u32 value_size, u32 entries)
{
	union bpf_attr attr = {
		.map_type = type, .key_size = 4, .value_size = value_size, .max_entries = entries};

	return hachi_bpf(h, BPF_MAP_CREATE, &attr, sizeof(attr));
}

static long load(struct hachi *h, const struct insn *insns, u32 count)
{
	static char log[1 << 16];
	union bpf_attr attr = {.prog_type = BPF_PROG_TYPE_SOCKET_FILTER,
		.insns = (u64)(uintptr_t)insns,
		.insn_cnt = count,
		.license = (u64)(uintptr_t) "GPL",
		.log_buf = (u64)(uintptr_t)log,
		.log_size = sizeof(log),
		.log_level = 1};
	long fd = hachi_bpf(h, BPF_PROG_LOAD, &attr, sizeof(attr));

	if (fd < 0)
		tap_note("load: %ld: %s", fd, log);
	return fd;
}

#define LOAD(h, insns) load(h, insns, ARRAY_SIZE(insns))

static const struct image *image_of(struct hachi *h, long fd)
{
	struct hachi_prog *prog;

	REQUIRE(fd >= 0);
	REQUIRE_EQ(hachi_prog_get(h, (int)fd, &prog), 0);
	hachi_prog_put(prog); /* the descriptor keeps it */
	return ((struct prog *)prog)->image;
}

static u64 run(struct hachi *h, long fd)
{
	struct hachi_skb skb = {0};
	struct hachi_prog *prog;
	u64 value = 0;

	REQUIRE_EQ(hachi_prog_get(h, (int)fd, &prog), 0);
	CHECK_EQ(hachi_prog_run(prog, &skb, sizeof(skb), NULL, &value), 0);
	hachi_prog_put(prog);
	return value;
}

/* ---- reading machine code -------------------------------------------------------------------- */

struct insn_visit {
	ZydisDecodedInstruction insn;
	ZydisDecodedOperand ops[ZYDIS_MAX_OPERAND_COUNT];
};

/* How many instructions fn says yes to; all must be known ones. */
static u32 count_insns(const struct image *image, bool (*fn)(const struct insn_visit *v))
{
	const u8 *code = image->machine_code;
	struct insn_visit v;
	ZydisDecoder decoder;
	u32 at, count = 0;

	ZydisDecoderInit(&decoder, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64);
	for (at = 0; at < image->machine_size; at += v.insn.length) {
		if (!ZYAN_SUCCESS(ZydisDecoderDecodeFull(
			    &decoder, code + at, image->machine_size - at, &v.insn, v.ops))) {
			CHECK_MSG(false, "offset %u is no instruction", at);
			break;
		}
		count += fn(&v);
	}
	return count;
}

static bool is_indirect_branch(const struct insn_visit *v)
{
	bool is_branch = v->insn.meta.category == ZYDIS_CATEGORY_CALL ||
		v->insn.meta.category == ZYDIS_CATEGORY_UNCOND_BR;

	return is_branch && v->ops[0].type != ZYDIS_OPERAND_TYPE_IMMEDIATE;
}

static bool is_pause(const struct insn_visit *v)
{
	return v->insn.mnemonic == ZYDIS_MNEMONIC_PAUSE;
}

static u32 times_shown(const struct image *image, u32 constant)
{
	const u8 *code = image->machine_code;
	u32 at, count = 0;

	for (at = 0; at + 4 <= image->machine_size; at++)
		count += load_u32(code + at) == constant;
	return count;
}

/* ---- the option ------------------------------------------------------------------------------ */

enum { CONSTANT = 0x1b2d3f47 };

static bool is_hardened(enum hachi_harden harden, bool no_caps)
{
	static const struct insn insns[] = {
		INSN_LDX_MEM(BPF_W, 0, 1, 0), INSN_ALU32_IMM(BPF_XOR, 0, CONSTANT), INSN_EXIT()};
	struct hachi *h = open_with(harden, no_caps);
	u32 shown = times_shown(image_of(h, LOAD(h, insns)), CONSTANT);

	hachi_free(h);
	CHECK(shown <= 1);
	return shown == 0;
}

TEST(programs_are_hardened_never_or_of_the_unprivileged_or_all)
{
	struct hachi_opts wrong = {.size = sizeof(wrong), .harden = HACHI_HARDEN_ALL + 1};
	struct hachi *h;

	NEEDS_X86();
	CHECK(!is_hardened(HACHI_HARDEN_OFF, false));
	CHECK(!is_hardened(HACHI_HARDEN_OFF, true));
	CHECK(!is_hardened(HACHI_HARDEN_UNPRIVILEGED, false));
	CHECK(is_hardened(HACHI_HARDEN_UNPRIVILEGED, true));
	CHECK(!is_hardened(HACHI_HARDEN_DEFAULT, false));
	CHECK(is_hardened(HACHI_HARDEN_DEFAULT, true));
	CHECK(is_hardened(HACHI_HARDEN_ALL, false));
	CHECK(is_hardened(HACHI_HARDEN_ALL, true));
	CHECK_EQ(hachi_new(&wrong, &h), -EINVAL);
}

/* ---- indirect branches ----------------------------------------------------------------------- */

/* Goes to slot 0; returns 7 when nothing is there. Saves a register, has a frame. */
static long load_tail_caller(struct hachi *h, long array)
{
	const struct insn insns[] = {INSN_MOV64_REG(6, 1), INSN_MOV64_IMM(7, 7),
		INSN_STX_MEM(BPF_DW, 10, 6, -8), INSN_MOV64_REG(1, 6),
		INSN_LD_MAP_FD(2, (s32)array), INSN_MOV64_IMM(3, 0), INSN_CALL(BPF_FUNC_tail_call),
		INSN_MOV64_REG(0, 7), INSN_EXIT()};

	return LOAD(h, insns);
}

/* A helper and a function; no tail call. */
static long load_calls(struct hachi *h)
{
	static const struct insn insns[] = {INSN_CALL(BPF_FUNC_get_smp_processor_id),
		INSN_CALL_FUNC(2), INSN_ALU64_IMM(BPF_ADD, 0, 1), INSN_EXIT(),
		INSN_CALL(BPF_FUNC_get_numa_node_id), INSN_MOV64_IMM(0, 40), INSN_EXIT()};

	return LOAD(h, insns);
}

TEST(hardened_code_has_no_indirect_branch)
{
	static const struct insn target[] = {INSN_MOV64_IMM(0, 42), INSN_EXIT()};

	NEEDS_X86();
	for (int hardened = 0; hardened < 2; hardened++) {
		struct hachi *h = open_with(hardened ? HACHI_HARDEN_ALL : HACHI_HARDEN_OFF, false);
		long array = map_create(h, BPF_MAP_TYPE_PROG_ARRAY, 4, 2);
		long caller = load_tail_caller(h, array), calls = load_calls(h), fd;
		const struct image *image = image_of(h, caller);
		u32 key = 0, value;
		union bpf_attr attr = {.map_fd = (u32)array,
			.key = (u64)(uintptr_t)&key,
			.value = (u64)(uintptr_t)&value};

		CHECK_EQ(count_insns(image, is_indirect_branch), hardened ? 0 : 1);
		CHECK_EQ(count_insns(image, is_pause), hardened ? 1 : 0);
		CHECK_EQ(count_insns(image_of(h, calls), is_indirect_branch), 0);
		CHECK_EQ(run(h, caller), 7);
		CHECK_EQ(run(h, calls), 41);
		fd = LOAD(h, target);
		value = (u32)fd;
		CHECK_EQ(hachi_bpf(h, BPF_MAP_UPDATE_ELEM, &attr, sizeof(attr)), 0);
		CHECK_EQ(run(h, caller), 42);
		value = (u32)caller; /* to itself, 33 times */
		CHECK_EQ(hachi_bpf(h, BPF_MAP_UPDATE_ELEM, &attr, sizeof(attr)), 0);
		CHECK_EQ(run(h, caller), 7);
		hachi_free(h);
	}
}
