// SPDX-License-Identifier: BSD-2-Clause
/* bpf_snprintf and bpf_strtol beside the kernel's own, on the same formats, arguments and texts. */
#include "helper/impl.h"

#include "test/kernel.h"

#include <stdio.h>
#include <stdlib.h>

/* One map value: what the program works on, and where the result is. */
struct shared {
	char out[200];
	u64 args[12];
	char text[64];
	s64 ret;
	s64 number;
};

static int map_of(const void *data, u32 size, u32 flags, bool freezes)
{
	union bpf_attr attr;
	u32 key = 0;
	int fd;

	memset(&attr, 0, sizeof(attr));
	attr.map_type = BPF_MAP_TYPE_ARRAY;
	attr.key_size = 4;
	attr.value_size = size;
	attr.max_entries = 1;
	attr.map_flags = flags;
	fd = kernel_bpf(BPF_MAP_CREATE, &attr, sizeof(attr));
	REQUIRE(fd >= 0);
	memset(&attr, 0, sizeof(attr));
	attr.map_fd = (u32)fd;
	attr.key = (uintptr_t)&key;
	attr.value = (uintptr_t)data;
	REQUIRE_EQ(kernel_bpf(BPF_MAP_UPDATE_ELEM, &attr, sizeof(attr)), 0);
	if (freezes) {
		memset(&attr, 0, sizeof(attr));
		attr.map_fd = (u32)fd;
		REQUIRE_EQ(kernel_bpf(BPF_MAP_FREEZE, &attr, sizeof(attr)), 0);
	}
	return fd;
}

static struct bpf_insn insns[64];
static u32 insn_count;

static void emit(u8 code, u8 dst, u8 src, s16 off, s32 imm)
{
	insns[insn_count++] = (struct bpf_insn){code, dst, src, off, imm};
}

static void emit_value(u8 reg, int map, u32 offset)
{
	emit(BPF_LD | BPF_IMM | BPF_DW, reg, BPF_PSEUDO_MAP_VALUE, 0, map);
	emit(0, 0, 0, 0, (s32)offset);
}

static void emit_imm(u8 reg, s64 value)
{
	emit(BPF_ALU64 | BPF_MOV | BPF_K, reg, 0, 0, (s32)value);
}

/* Ends the program: r0 goes to .ret. Runs it and reads the value back. */
static int finish(int map, struct shared *shared)
{
	struct kernel_load load = {
		.prog_type = BPF_PROG_TYPE_SCHED_CLS, .insns = insns, .log_size = 8192};
	u8 packet[64] = {0};
	char log[8192];
	union bpf_attr attr;
	u32 key = 0;
	int fd, err;

	emit_value(1, map, offsetof(struct shared, ret));
	emit(BPF_STX | BPF_MEM | BPF_DW, 1, 0, 0, 0);
	emit_imm(0, 0);
	emit(BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
	load.insn_count = insn_count;
	load.log = log;
	insn_count = 0;
	fd = kernel_prog_load(&load);
	if (fd < 0) /* the verifier checks constant formats itself */
		return fd;
	memset(&attr, 0, sizeof(attr));
	attr.test.prog_fd = (u32)fd;
	attr.test.data_in = (uintptr_t)packet;
	attr.test.data_size_in = sizeof(packet);
	err = kernel_bpf(BPF_PROG_TEST_RUN, &attr, sizeof(attr));
	close(fd);
	memset(&attr, 0, sizeof(attr));
	attr.map_fd = (u32)map;
	attr.key = (uintptr_t)&key;
	attr.value = (uintptr_t)shared;
	return err ? err : kernel_bpf(BPF_MAP_LOOKUP_ELEM, &attr, sizeof(attr));
}

#define TEXT_ARG 0x7e787400deadbeefull /* stands for the address of .text */

static int kernel_snprintf(
	const char *fmt, u32 size, const u64 *args, u32 count, struct shared *shared)
{
	int fmt_map = map_of(fmt, (u32)strlen(fmt) + 1, BPF_F_RDONLY_PROG, true), map, err;

	memcpy(shared->args, args, count * 8);
	map = map_of(shared, sizeof(*shared), 0, false);
	for (u32 i = 0; i < count; i++) {
		if (args[i] != TEXT_ARG)
			continue;
		emit_value(2, map, offsetof(struct shared, text));
		emit_value(1, map, offsetof(struct shared, args) + i * 8);
		emit(BPF_STX | BPF_MEM | BPF_DW, 1, 2, 0, 0);
	}
	emit_value(1, map, 0);
	emit_imm(2, size);
	emit_value(3, fmt_map, 0);
	emit_value(4, map, offsetof(struct shared, args));
	emit_imm(5, count * 8);
	emit(BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_snprintf);
	err = finish(map, shared);
	close(map);
	close(fmt_map);
	return err;
}

static void compare(const char *fmt, u32 size, u64 a, u64 b, u64 c)
{
	struct shared theirs = {.text = "some text", .out = "untouched"}, ours = theirs;
	u64 args[3] = {a, b, c};
	struct hachi_world world;
	struct run run = {.world = &world};
	int err = kernel_snprintf(fmt, size, args, 3, &theirs);
	u64 ret;

	world_init_self(&world);
	memcpy(ours.args, args, sizeof(args));
	for (u32 i = 0; i < 3; i++)
		if (args[i] == TEXT_ARG)
			ours.args[i] = (uintptr_t)ours.text;
	ret = helper_snprintf(
		(uintptr_t)ours.out, size, (uintptr_t)fmt, (uintptr_t)ours.args, 24, &run);
	if (err) {
		CHECK_MSG((s64)ret == err, "\"%s\": ours %lld, the verifier %d", fmt,
			(long long)ret, err);
		return;
	}
	CHECK_MSG((s64)ret == theirs.ret, "\"%s\": ours %lld, the kernel %lld", fmt, (long long)ret,
		(long long)theirs.ret);
	CHECK_MSG(memcmp(ours.out, theirs.out, sizeof(ours.out)) == 0,
		"\"%s\": ours \"%.199s\", the kernel \"%.199s\"", fmt, ours.out, theirs.out);
}

TEST(formats_give_what_the_kernel_gives)
{
	static const char *const formats[] = {"plain", "", "%d", "%i %u", "%x %X %lx", "%ld %lld",
		"%5d|%-5d|%05d", "%+d|% d|%+5d", "%-05d|", "%s", "%10s|%-12s|", "%c%c", "%3c|%-3c|",
		"%%", "100%% %d", "%px", "%5px|", "%30px|", "%llu %llx %llX", "%lu", "%hd", "%n",
		"%f", "%pz", "%pks", "%pxyz1 %d", "%sx", "%s.", "%q", "%", "% ", "%5", "%l", "%0",
		"\x01", "tab\there", "%d %d %d %d", "%08lx", "%-20lx|", "%40d|", "%-40u|", "%060x|",
		"%lc", "%5%", "\xc3\xa4 %d", "%\xc3", "%i%i%i", "%pI", "%pz9", "%2147483647d", "%o",
		"%pi5"};
	static const u64 values[][3] = {{0, 0, 0}, {1, 2, 3}, {-1ull, -2ull, -3ull},
		{0x1234567890abcdefull, 'A', 66}, {1ull << 31, 1ull << 63, 0xffffffff}};

	kernel_or_skip();
	for (size_t f = 0; f < ARRAY_SIZE(formats); f++) {
		bool has_text = strchr(formats[f], 's');

		for (size_t v = 0; v < ARRAY_SIZE(values); v++) {
			u64 a = values[v][0], b = values[v][1], c = values[v][2];

			if (strstr(formats[f], "2147483647") && v)
				continue;
			if (has_text)
				a = b = c = TEXT_ARG;
			compare(formats[f], 100, a, b, c);
			if (v == 1) {
				compare(formats[f], 3, a, b, c);
				compare(formats[f], 1, a, b, c);
			}
		}
	}
}

TEST(pointers_are_hashed_unless_they_are_no_addresses)
{
	char first[32], second[32], other[32];
	struct hachi_world world;
	struct run run = {.world = &world};
	u64 address = 0x7f1234567890, next = address + 1;

	world_init_self(&world);
	CHECK_EQ(helper_format(&run, "%p", 3, &address, 1, first, 32), 16);
	CHECK_EQ(helper_format(&run, "%pK", 4, &address, 1, second, 32), 16);
	CHECK_EQ(helper_format(&run, "%p", 3, &next, 1, other, 32), 16);
	CHECK_STR(first, second);
	CHECK(strcmp(first, other) != 0);
	CHECK(!strstr(first, "1234567890"));
	kernel_or_skip();
	compare("%p %pK12 %p", 100, 0, -1ull, -4095ull);
}

TEST(addresses_in_formats_are_read_as_text)
{
	kernel_or_skip();
	compare("%pI4 %pi4", 100, TEXT_ARG, TEXT_ARG, 0);
	compare("%pI6 %pi6|", 100, TEXT_ARG, TEXT_ARG, 0);
	compare("%d %s %x", 100, 5, TEXT_ARG, 255);
	compare("%s", 100, 0, 0, 0);
	compare("%pks|%pI4", 100, 1, 1, 0);
}

/* ---- numbers ------------------------------------------------------------------------------------
 */

static void compare_number(const char *text, u32 len, u64 flags, u32 id)
{
	struct shared theirs = {.number = 77}, ours;
	helper_fn fn = helper_fn_for(id, BPF_PROG_TYPE_SCHED_CLS);
	int map;

	memcpy(theirs.text, text, len);
	ours = theirs;
	map = map_of(&theirs, sizeof(theirs), 0, false);
	emit_value(1, map, offsetof(struct shared, text));
	emit_imm(2, len);
	emit_imm(3, (s64)flags);
	emit_value(4, map, offsetof(struct shared, number));
	emit(BPF_JMP | BPF_CALL, 0, 0, 0, (s32)id);
	REQUIRE_EQ(finish(map, &theirs), 0);
	close(map);
	ours.ret = (s64)fn((uintptr_t)ours.text, len, flags, (uintptr_t)&ours.number, 0, NULL);
	CHECK_MSG(ours.ret == theirs.ret && ours.number == theirs.number,
		"%u \"%.*s\" base %llu: ours %lld (%lld), the kernel %lld (%lld)", id, (int)len,
		text, (unsigned long long)flags, (long long)ours.ret, (long long)ours.number,
		(long long)theirs.ret, (long long)theirs.number);
}

TEST(numbers_are_read_as_the_kernel_reads_them)
{
	static const char *const texts[] = {"0", "42", " 42", "-42", "- 42", "--1", "0x1f", "0X1F",
		"0x", "x", "", " ", "017", "08", "9223372036854775807", "9223372036854775808",
		"-9223372036854775808", "-9223372036854775809", "18446744073709551615",
		"18446744073709551616", "\t\n12abc", "12 34", "abc", "0xg", "+5", "0b11",
		"0000000000000000000000000000000000000000000000000000000000007"};
	static const u64 bases[] = {0, 8, 10, 16, 7, 32};

	kernel_or_skip();
	for (size_t t = 0; t < ARRAY_SIZE(texts); t++)
		for (size_t b = 0; b < ARRAY_SIZE(bases); b++) {
			u32 len = MIN((u32)strlen(texts[t]) + (t % 2), 63u);

			if (!len)
				len = 1;
			compare_number(texts[t], len, bases[b], BPF_FUNC_strtol);
			compare_number(texts[t], len, bases[b], BPF_FUNC_strtoul);
		}
}
