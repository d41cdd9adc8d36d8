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

static struct hachi *open_for(enum hachi_harden harden, u32 caps)
{
	struct hachi_opts opts = {
		.size = sizeof(opts),
		.engine = "jit",
		.caps = caps,
		.no_caps = !caps,
		.harden = harden,
	};
	struct hachi *h;

	if (hachi_new(&opts, &h))
		SKIP_HERE("no JIT for this machine");
	return h;
}

static struct hachi *open_with(enum hachi_harden harden, bool no_caps)
{
	return open_for(harden, no_caps ? 0 : HACHI_CAPS_ALL);
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

/* ---- speculation ----------------------------------------------------------------------------- */

enum { ENTRIES = 1000, MASK = 1023 };

static bool is_index_mask(const struct insn_visit *v)
{
	return v->insn.mnemonic == ZYDIS_MNEMONIC_AND &&
		v->ops[1].type == ZYDIS_OPERAND_TYPE_IMMEDIATE && v->ops[1].imm.value.u == MASK;
}

static bool is_barrier(const struct insn_visit *v)
{
	return v->insn.mnemonic == ZYDIS_MNEMONIC_LFENCE;
}

/* Element number mark of the packet, or 77. */
static long load_lookup(struct hachi *h, long map)
{
	const struct insn insns[] = {INSN_LDX_MEM(BPF_W, 2, 1, offsetof(struct __sk_buff, mark)),
		INSN_STX_MEM(BPF_W, 10, 2, -4), INSN_MOV64_REG(2, 10),
		INSN_ALU64_IMM(BPF_ADD, 2, -4), INSN_LD_MAP_FD(1, (s32)map),
		INSN_CALL(BPF_FUNC_map_lookup_elem), INSN_JMP_IMM(BPF_JNE, 0, 0, 2),
		INSN_MOV64_IMM(0, 77), INSN_EXIT(), INSN_LDX_MEM(BPF_DW, 0, 0, 0), INSN_EXIT()};

	return LOAD(h, insns);
}

static u64 run_marked(struct hachi *h, long fd, u32 mark)
{
	struct hachi_skb skb = {.mark = mark};
	struct hachi_prog *prog;
	u64 value = 0;

	REQUIRE_EQ(hachi_prog_get(h, (int)fd, &prog), 0);
	CHECK_EQ(hachi_prog_run(prog, &skb, sizeof(skb), NULL, &value), 0);
	hachi_prog_put(prog);
	return value;
}

TEST(indices_of_arrays_made_by_the_unprivileged_are_masked)
{
	NEEDS_X86();
	for (int unprivileged = 0; unprivileged < 2; unprivileged++) {
		struct hachi *h = open_with(HACHI_HARDEN_OFF, unprivileged);
		long map = map_create(h, BPF_MAP_TYPE_ARRAY, 8, ENTRIES);
		long fd = load_lookup(h, map);
		u64 *last;
		u32 key = ENTRIES - 1;

		CHECK_EQ(count_insns(image_of(h, fd), is_index_mask), unprivileged);
		last = hachi_map_lookup(h, (int)map, &key);
		REQUIRE(last != NULL);
		*last = 55;
		CHECK_EQ(run_marked(h, fd, ENTRIES - 1), 55);
		CHECK_EQ(run_marked(h, fd, 0), 0);
		CHECK_EQ(run_marked(h, fd, ENTRIES), 77);
		CHECK_EQ(run_marked(h, fd, MASK + ENTRIES), 77);
		CHECK_EQ(run_marked(h, fd, UINT32_MAX), 77);
		hachi_free(h);
	}
}

/* Without CAP_PERFMON. The kernel masks the offset there; a barrier before the addition is more. */
TEST(nothing_unknown_is_added_to_a_pointer_in_speculation)
{
	NEEDS_X86();
	for (int unprivileged = 0; unprivileged < 2; unprivileged++) {
		struct hachi *h =
			open_for(HACHI_HARDEN_OFF, unprivileged ? HACHI_CAP_BPF : HACHI_CAPS_ALL);
		long map = map_create(h, BPF_MAP_TYPE_ARRAY, 64, 1), fd;
		const struct insn insns[] = {
			INSN_LDX_MEM(BPF_W, 6, 1, offsetof(struct __sk_buff, mark)),
			INSN_ST_MEM(BPF_W, 10, -4, 0), INSN_MOV64_REG(2, 10),
			INSN_ALU64_IMM(BPF_ADD, 2, -4), INSN_LD_MAP_FD(1, (s32)map),
			INSN_CALL(BPF_FUNC_map_lookup_elem), INSN_JMP_IMM(BPF_JNE, 0, 0, 2),
			INSN_MOV64_IMM(0, 77), INSN_EXIT(), INSN_ALU64_IMM(BPF_AND, 6, 31),
			INSN_ALU64_REG(BPF_ADD, 0, 6), INSN_LDX_MEM(BPF_B, 6, 0, 0),
			INSN_MOV64_REG(0, 6), INSN_EXIT()};
		u32 key = 0;
		u8 *value;

		fd = LOAD(h, insns);
		REQUIRE(fd >= 0);
		/* one after the store, one before the addition */
		CHECK_EQ(count_insns(image_of(h, fd), is_barrier), unprivileged ? 2 : 0);
		value = hachi_map_lookup(h, (int)map, &key);
		REQUIRE(value != NULL);
		for (u32 i = 0; i < 64; i++)
			value[i] = (u8)(100 + i);
		CHECK_EQ(run_marked(h, fd, 31), 131);
		CHECK_EQ(run_marked(h, fd, 0), 100);
		CHECK_EQ(run_marked(h, fd, 32 + 7), 107);
		hachi_free(h);
	}
}

/* A slot is written twice; what is loaded from it must not be what was there before. */
TEST(barriers_that_verification_asks_for_are_in_the_code)
{
	NEEDS_X86();
	for (int unprivileged = 0; unprivileged < 2; unprivileged++) {
		struct hachi *h = open_with(HACHI_HARDEN_OFF, unprivileged);
		const struct insn insns[] = {INSN_STX_MEM(BPF_DW, 10, 1, -8), INSN_MOV64_REG(6, 1),
			INSN_ST_MEM(BPF_DW, 10, -8, 5), INSN_LDX_MEM(BPF_DW, 0, 10, -8),
			INSN_EXIT()};
		long fd = LOAD(h, insns);

		CHECK_EQ(count_insns(image_of(h, fd), is_barrier) > 0, unprivileged);
		CHECK_EQ(run(h, fd), 5);
		hachi_free(h);
	}
}

/* ---- addresses ------------------------------------------------------------------------------- */

struct range {
	u64 from, to;
};

static struct range ranges[4096];
static u32 range_count;

static void read_ranges(void)
{
	FILE *file = fopen("/proc/self/maps", "r");
	char line[4096];

	REQUIRE(file != NULL);
	range_count = 0;
	while (fgets(line, sizeof(line), file) && range_count < ARRAY_SIZE(ranges)) {
		struct range *r = &ranges[range_count];
		unsigned long from, to;

		if (sscanf(line, "%lx-%lx", &from, &to) == 2 && from >> 32) {
			*r = (struct range){from, to};
			range_count++;
		}
	}
	fclose(file);
}

static bool is_address(u64 number)
{
	u32 i;

	for (i = 0; i < range_count; i++)
		if (number >= ranges[i].from && number < ranges[i].to)
			return true;
	return false;
}

/* Numbers in a text, read as hexadecimal and as decimal ones, that are addresses of this process.
 */
static u32 addresses_in(const char *text)
{
	u32 count = 0;

	while (*text) {
		char *end_hex, *end;
		u64 hex = strtoull(text, &end_hex, 16), decimal = strtoull(text, &end, 10);

		count += (end_hex > text && is_address(hex)) ||
			(end > text && is_address(decimal)) ||
			(end > text && is_address((u64) - (s64)decimal));
		text = end_hex > text ? end_hex : text + 1;
	}
	return count;
}

TEST(an_address_in_a_text_would_be_seen)
{
	char text[64];

	read_ranges();
	snprintf(text, sizeof(text), "r1 = %p ll", (void *)&ranges);
	CHECK_EQ(addresses_in(text), 1);
	snprintf(text, sizeof(text), "(r1) %llu", (unsigned long long)(uintptr_t)&ranges);
	CHECK_EQ(addresses_in(text), 1);
	snprintf(text, sizeof(text), "0x%llx", (unsigned long long)(uintptr_t)&read_ranges);
	CHECK_EQ(addresses_in(text), 1);
	CHECK_EQ(addresses_in("12: (b7) r0 = 0x1234567800000000 r1 = -4096 7ffc"), 0);
}

TEST(logs_and_dumps_show_no_address)
{
	static const char *const stages[] = {
		"load", "verify", "rewrite", "build", "phi", "select", "dce", "registers"};
	static char text[1 << 18];

	for (int unprivileged = 0; unprivileged < 2; unprivileged++) {
		struct hachi *h = open_with(HACHI_HARDEN_DEFAULT, unprivileged);
		long map = map_create(h, BPF_MAP_TYPE_ARRAY, 64, 1), fd, len;
		const struct insn insns[] = {INSN_STX_MEM(BPF_DW, 10, 10, -8),
			INSN_ST_MEM(BPF_W, 10, -16, 3), INSN_MOV64_REG(2, 10),
			INSN_ALU64_IMM(BPF_ADD, 2, -16), INSN_LD_MAP_FD(1, (s32)map),
			INSN_CALL(BPF_FUNC_map_lookup_elem), INSN_LD_MAP_VALUE(1, (s32)map, 16),
			INSN_LDX_MEM(BPF_DW, 0, 1, 0), INSN_EXIT()};
		const struct insn wrong[] = {INSN_LD_MAP_VALUE(1, (s32)map, 16),
			INSN_LDX_MEM(BPF_DW, 0, 1, 8000), INSN_EXIT()};
		union bpf_attr attr = {.prog_type = BPF_PROG_TYPE_SOCKET_FILTER,
			.insns = (u64)(uintptr_t)insns,
			.insn_cnt = ARRAY_SIZE(insns),
			.license = (u64)(uintptr_t) "GPL",
			.log_buf = (u64)(uintptr_t)text,
			.log_size = sizeof(text),
			.log_level = 2};

		fd = hachi_bpf(h, BPF_PROG_LOAD, &attr, sizeof(attr));
		CHECK_MSG(fd >= 0, "load: %ld: %s", fd, text);
		CHECK(strlen(text) > 100);
		read_ranges();
		CHECK_EQ(addresses_in(text), 0);
		for (u32 i = 0; i < ARRAY_SIZE(stages); i++) {
			len = hachi_prog_dump(h, (int)fd, stages[i], text, sizeof(text));
			CHECK_MSG(len > 0 && len < (long)sizeof(text), "%s: %ld", stages[i], len);
			CHECK_MSG(addresses_in(text) == 0, "%s: %s", stages[i], text);
		}
		len = hachi_fdinfo(h, (int)fd, text, sizeof(text));
		CHECK(len > 0 && addresses_in(text) == 0);
		len = hachi_fdinfo(h, (int)map, text, sizeof(text));
		CHECK(len > 0 && addresses_in(text) == 0);
		attr.insns = (u64)(uintptr_t)wrong;
		attr.insn_cnt = ARRAY_SIZE(wrong);
		CHECK(hachi_bpf(h, BPF_PROG_LOAD, &attr, sizeof(attr)) < 0);
		CHECK(strlen(text) > 20);
		CHECK_MSG(addresses_in(text) == 0, "%s", text);
		hachi_free(h);
	}
}

/* Machine code has addresses in it: it is shown to those alone who may load anything. */
TEST(the_unprivileged_do_not_see_code)
{
	static const struct insn insns[] = {INSN_MOV64_IMM(0, 0), INSN_EXIT()};

	for (int unprivileged = 0; unprivileged < 2; unprivileged++) {
		struct hachi *h = open_with(HACHI_HARDEN_DEFAULT, unprivileged);
		struct bpf_prog_info info = {0};
		union bpf_attr attr = {.info = {.bpf_fd = (u32)LOAD(h, insns),
					       .info_len = sizeof(info),
					       .info = (u64)(uintptr_t)&info}};

		CHECK_EQ(hachi_bpf(h, BPF_OBJ_GET_INFO_BY_FD, &attr, sizeof(attr)), 0);
		CHECK_EQ(info.jited_prog_len != 0, !unprivileged);
		CHECK_EQ(info.nr_jited_ksyms != 0, !unprivileged);
		hachi_free(h);
	}
}
