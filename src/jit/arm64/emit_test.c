// SPDX-License-Identifier: BSD-2-Clause
/* Encodings against two assemblers; jumps, calls and addresses near and far. */
#include "jit/arm64/decode.h"
#include "jit/arm64/emit.h"
#include "test/tap.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static struct arena arena;

static void begin(struct a64_buf *b)
{
	arena_init(&arena);
	a64_init(b, &arena);
}

static const struct {
	const char *call, *text;
	u32 word;
} rows[] = {
#define ROW(call, text, word) {#call, text, word},
#include "jit/arm64/emit_test.def"
#undef ROW
};

TEST(each_call_appends_the_word_of_its_instruction)
{
	struct a64_buf buf, *b = &buf;
	u32 i;

	begin(b);
#define ROW(call, text, word) call;
#include "jit/arm64/emit_test.def"
#undef ROW
	REQUIRE_EQ(b->err, 0);
	CHECK_EQ(b->len, ARRAY_SIZE(rows));
	for (i = 0; i < ARRAY_SIZE(rows) && i < b->len; i++)
		CHECK_MSG(b->code[i] == rows[i].word, "%s gives %08x, \"%s\" is %08x", rows[i].call,
			b->code[i], rows[i].text, rows[i].word);
	arena_release(&arena);
}

/* What the assembler of LLVM makes of all rows; fewer words when it is not there. */
static u32 assemble(u32 *words, u32 count)
{
	char path[] = "/tmp/hachi-emit-XXXXXX", command[128], line[256];
	u32 n = 0, i;
	int fd = mkstemp(path);
	FILE *f = fd < 0 ? NULL : fdopen(fd, "w");

	if (!f)
		return 0;
	for (i = 0; i < ARRAY_SIZE(rows); i++)
		fprintf(f, "%s\n", rows[i].text);
	fclose(f);
	snprintf(command, sizeof(command),
		"llvm-mc-19 --triple=aarch64 --mattr=+lse,+bti --show-encoding %s 2>/dev/null",
		path);
	f = popen(command, "r");
	while (f && fgets(line, sizeof(line), f)) {
		const char *at = strstr(line, "encoding: [");
		u32 x[4];

		if (at && n < count &&
			sscanf(at, "encoding: [%x,%x,%x,%x]", &x[0], &x[1], &x[2], &x[3]) == 4)
			words[n++] = x[0] | x[1] << 8 | x[2] << 16 | x[3] << 24;
	}
	if (f)
		pclose(f);
	unlink(path);
	return n;
}

TEST(images_may_contain_what_is_emitted)
{
	struct a64_insn insn;
	u32 i;

	for (i = 0; i < ARRAY_SIZE(rows); i++)
		CHECK_MSG(a64_decode(rows[i].word, &insn), "\"%s\" has no form", rows[i].text);
}

TEST(another_assembler_agrees)
{
	static u32 words[ARRAY_SIZE(rows)];
	u32 i, count = assemble(words, ARRAY_SIZE(words));

	if (!count)
		SKIP_HERE("llvm-mc-19 does not run here");
	REQUIRE_EQ(count, ARRAY_SIZE(rows));
	for (i = 0; i < count; i++)
		CHECK_MSG(words[i] == rows[i].word, "\"%s\" is %08x, not %08x", rows[i].text,
			words[i], rows[i].word);
}

static u64 rotate(u64 x, u32 by, u32 width)
{
	if (!by)
		return x;
	x = x >> by | x << (width - by);
	return width == 64 ? x : x & ((1ull << width) - 1);
}

/* What the manual says a logical immediate is, computed the other way round. */
static u64 decode_bitmask(u32 word, u8 w)
{
	u32 n = word >> 22 & 1, immr = word >> 16 & 63, imms = word >> 10 & 63;
	u32 len = 31 - (u32)__builtin_clz(n << 6 | (~imms & 63)), size = 1u << len, i;
	u64 elem = (2ull << (imms & (size - 1))) - 1, value = 0;

	elem = rotate(elem, immr & (size - 1), size);
	for (i = 0; i < w; i += size)
		value |= elem << i;
	return value;
}

TEST(every_logical_immediate_is_found)
{
	struct a64_buf b;
	u32 size, ones, by, i, count = 0;

	begin(&b);
	for (size = 2; size <= 64; size *= 2) {
		for (ones = 1; ones < size; ones++) {
			for (by = 0; by < size; by++) {
				u64 elem = rotate((2ull << (ones - 1)) - 1, by, size), imm = 0;

				for (i = 0; i < 64; i += size)
					imm |= elem << i;
				REQUIRE(a64_is_bitmask(imm, 64));
				a64_logic_imm(&b, A64_AND, 64, 0, 0, imm);
				REQUIRE(decode_bitmask(b.code[b.len - 1], 64) == imm);
				count++;
			}
		}
	}
	CHECK_EQ(count, 5334); /* as many as there are */
	CHECK(!a64_is_bitmask(0, 64));
	CHECK(!a64_is_bitmask(UINT64_MAX, 64));
	CHECK(!a64_is_bitmask(UINT32_MAX, 32));
	CHECK(!a64_is_bitmask(5, 32));
	CHECK_EQ(b.err, 0);
	a64_logic_imm(&b, A64_AND, 64, 0, 0, 5);
	CHECK_EQ(b.err, -EINVAL);
	arena_release(&arena);
}

/* The value that movz, movn, movk and orr leave in a register. */
static u64 run_moves(const u32 *words, u32 count)
{
	u64 x = 0;
	u32 i;

	for (i = 0; i < count; i++) {
		u32 half = (words[i] >> 21 & 3) * 16;
		u64 imm = (u64)(words[i] >> 5 & 0xffff) << half;
		bool is_w = !(words[i] >> 31);

		switch (words[i] & 0x7f800000) {
		case 0x52800000: x = imm; break;
		case 0x12800000: x = is_w ? (u32)~imm : ~imm; break;
		case 0x72800000: x = (x & ~(0xffffull << half)) | imm; break;
		default: x = decode_bitmask(words[i], is_w ? 32 : 64); break;
		}
	}
	return x;
}

TEST(constants_arrive_in_few_instructions)
{
	static const u16 halves[] = {0, 1, 0xffff, 0x8000, 0x1234};
	u32 i, words[4], total = 0;

	for (i = 0; i < 625; i++) {
		u64 imm = halves[i % 5] | (u64)halves[i / 5 % 5] << 16 |
			(u64)halves[i / 25 % 5] << 32 | (u64)halves[i / 125] << 48;
		u32 count = a64_mov_imm_words(imm, words);

		CHECK_MSG(run_moves(words, count) == imm, "%llx", (unsigned long long)imm);
		total += count;
	}
	CHECK_MSG(total < 625 * 3, "%u instructions", total);
}

/* ---- jumps --------------------------------------------------------------------------------- */

static void pad(struct a64_buf *b, u32 count)
{
	while (count--)
		a64_word(b, 0xd503201f);
}

/* At a page, as images are. */
static u32 *place(struct a64_buf *b)
{
	u32 bytes = a64_layout(b, 0);
	u8 *code = aligned_alloc(4096, ALIGN_UP(bytes, 4096u));

	a64_layout(b, (u64)(uintptr_t)code);
	a64_write(b, code);
	return (u32 *)(void *)code;
}

TEST(near_jumps_are_one_instruction)
{
	struct a64_buf b;
	u32 label, *code;

	begin(&b);
	label = a64_new_label(&b);
	a64_jump(&b, A64_ALWAYS, label);
	a64_jump(&b, A64_LO, label);
	a64_test_jump(&b, A64_CBNZ, 64, 3, 0, label);
	a64_test_jump(&b, A64_CBZ, 32, 4, 0, label);
	a64_bind(&b, label);
	a64_test_jump(&b, A64_TBNZ, 64, 5, 63, label);
	a64_test_jump(&b, A64_TBZ, 64, 6, 31, label);
	a64_call_label(&b, label);
	a64_adr_label(&b, 7, label);
	a64_align(&b, 2);
	code = place(&b);
	CHECK_EQ(code[0], 0x14000004); /* b .+16 */
	CHECK_EQ(code[1], 0x54000063); /* b.lo .+12 */
	CHECK_EQ(code[2], 0xb5000043); /* cbnz x3, .+8 */
	CHECK_EQ(code[3], 0x34000024); /* cbz w4, .+4 */
	CHECK_EQ(code[4], 0xb7f80005); /* tbnz x5, #63, . */
	CHECK_EQ(code[5], 0x36ffffe6); /* tbz w6, #31, .-4 */
	CHECK_EQ(code[6], 0x97fffffe); /* bl .-8 */
	CHECK_EQ(code[7], 0x10ffffa7); /* adr x7, .-12 */
	CHECK_EQ(a64_layout(&b, 0), 32);
	free(code);
	arena_release(&arena);
}

TEST(far_jumps_go_around)
{
	struct a64_buf b;
	u32 label, *code;

	begin(&b);
	label = a64_new_label(&b);
	a64_test_jump(&b, A64_TBZ, 64, 2, 40, label);
	a64_jump(&b, A64_EQ, label);
	a64_adr_label(&b, 7, label);
	pad(&b, 1 << 18);
	a64_bind(&b, label);
	code = place(&b);
	CHECK_EQ(code[0], 0xb7400042); /* tbnz x2, #40, .+8 */
	CHECK_EQ(code[1], 0x14000000 + (1 << 18) + 5);
	CHECK_EQ(code[2], 0x54000041); /* b.ne .+8 */
	CHECK_EQ(code[3], 0x14000000 + (1 << 18) + 3);
	CHECK_EQ(code[4], 0x90000807); /* adrp x7, 256 pages on */
	CHECK_EQ(code[5], 0x910060e7); /* add x7, x7, #24 */
	free(code);
	arena_release(&arena);
}

TEST(calls_are_short_where_they_reach)
{
	struct a64_buf b;
	u32 *code;

	begin(&b);
	a64_call(&b, 0x123456789abc);
	CHECK_EQ(a64_layout(&b, 0), 16);
	CHECK_EQ(a64_layout(&b, 0x123456780000), 4);
	code = place(&b);
	CHECK_EQ(code[0], 0xd2935790); /* movz x16, #0x9abc */
	CHECK_EQ(code[1], 0xf2aacf10); /* movk x16, #0x5678, lsl #16 */
	CHECK_EQ(code[2], 0xf2c24690); /* movk x16, #0x1234, lsl #32 */
	CHECK_EQ(code[3], 0xd63f0200); /* blr x16 */
	free(code);
	arena_release(&arena);
}
