// SPDX-License-Identifier: BSD-2-Clause
#include "isa/insn.h"
#include "test/tap.h"

static const s32 imms[] = {0, 1, -1, 12, 16, 255, 0x100, INT32_MAX, INT32_MIN};
static const s16 offs[] = {0, 1, -1, 8, INT16_MAX, INT16_MIN};

static bool decoded_equal(const struct insn_decoded *a, const struct insn_decoded *b)
{
	return a->kind == b->kind && a->desc == b->desc && a->dst == b->dst && a->src == b->src &&
		a->off == b->off && a->imm == b->imm && a->imm64 == b->imm64 &&
		a->slots == b->slots && a->is_imm == b->is_imm;
}

/* Encodes x; when that succeeds, decoding must give the same operands and the same bytes again. */
static bool check_round_trip(struct insn_decoded *x)
{
	struct insn bytes[2] = {0}, again[2] = {0};
	struct insn_decoded y, z;

	if (insn_encode(x, bytes))
		return false;
	REQUIRE_EQ(insn_decode_any(bytes, 2, &y), 0);
	CHECK_EQ(y.kind, x->kind);
	if (y.desc->dst.use == INSN_FIELD_REG)
		CHECK_EQ(y.dst, x->dst);
	if (y.desc->src.use == INSN_FIELD_REG)
		CHECK_EQ(y.src, x->src);
	if (y.desc->off.use != INSN_FIELD_EQ)
		CHECK_EQ(y.off, x->off);
	if (y.slots == 2)
		CHECK_EQ(y.imm64, x->imm64);
	else if (y.desc->imm.use != INSN_FIELD_EQ)
		CHECK_EQ(y.imm, x->imm);
	REQUIRE_EQ(insn_encode(&y, again), 0);
	CHECK_MEM(again, bytes, sizeof(bytes));
	REQUIRE_EQ(insn_decode_any(again, 2, &z), 0);
	CHECK(decoded_equal(&y, &z));
	return true;
}

TEST(every_kind_survives_encode_and_decode_with_every_register)
{
	for (int kind = 0; kind < INSN_KIND_COUNT; kind++) {
		u32 encoded = 0;

		for (int regs = 0; regs < INSN_REG_COUNT * INSN_REG_COUNT; regs++)
			for (size_t i = 0; i < ARRAY_SIZE(imms); i++)
				for (size_t o = 0; o < ARRAY_SIZE(offs); o++) {
					struct insn_decoded x = {
						.kind = (enum insn_kind)kind,
						.dst = regs % INSN_REG_COUNT,
						.src = regs / INSN_REG_COUNT,
						.off = offs[o],
						.imm = imms[i],
						.imm64 = (u32)imms[i],
					};

					encoded += check_round_trip(&x);
				}
		CHECK_MSG(encoded > 0, "%s cannot be encoded", insn_desc(kind)->id);
	}
}

/* All opcodes, all register pairs, chosen off and imm: bytes of a known kind come back unchanged.
 */
TEST(whatever_decodes_encodes_to_the_same_bytes)
{
	u32 accepted = 0;

	for (u32 x = 0; x < 1 << 16; x++)
		for (size_t i = 0; i < ARRAY_SIZE(imms); i++)
			for (size_t o = 0; o < ARRAY_SIZE(offs); o++) {
				struct insn in[2] = {
					INSN_RAW((u8)x, (x >> 8) & 15, x >> 12, offs[o], imms[i]),
					INSN_RAW(0, 0, 0, 0, imms[i])};
				struct insn out[2] = {0};
				struct insn_decoded d;

				if (insn_decode_any(in, 2, &d)) {
					if (d.error == INSN_OK || d.error >= INSN_ERROR_COUNT)
						CHECK_EQ(d.error, 1);
					continue;
				}
				accepted++;
				if (insn_encode(&d, out) ||
					memcmp(in, out, d.slots * sizeof(*in)) != 0)
					CHECK_MSG(false, "op %02x kind %s", in[0].op, d.desc->id);
			}
	CHECK_MSG(accepted > 50000, "only %u", accepted);
}

TEST(decode_for_programs_takes_no_internal_kind)
{
	for (int kind = 0; kind < INSN_KIND_COUNT; kind++) {
		struct insn_decoded x = {.kind = (enum insn_kind)kind, .off = 1}, y;
		struct insn bytes[2] = {0};

		REQUIRE_EQ(insn_encode(&x, bytes), 0);
		CHECK_EQ(insn_decode(bytes, 2, &y),
			insn_desc(x.kind)->scope == INSN_SCOPE_UAPI ? 0 : -EINVAL);
	}
}

static void check_error(const char *file, int line, struct insn insn, const char *want)
{
	struct insn pair[2] = {insn};
	struct insn_decoded d;
	char text[128];

	tap_check(insn_decode(pair, 2, &d) == -EINVAL, file, line, "it decodes");
	insn_error_text(d.error, &insn, text, sizeof(text));
	tap_check_str(text, want, "text", file, line);
}

#define CHECK_ERROR(insn, want) check_error(__FILE__, __LINE__, insn, want)

TEST(refusals_say_what_the_kernel_says)
{
	CHECK_ERROR(INSN_RAW(0, 0, 0, 0, 0), "unknown opcode 00");
	CHECK_ERROR(INSN_RAW(0x8d, 1, 0, 0, 0), "unknown opcode 8d");
	CHECK_ERROR(INSN_RAW(0x86, 0, 0, 0, 1), "unknown opcode 86");
	CHECK_ERROR(INSN_RAW(0x99, 1, 2, 0, 0), "unknown opcode 99");
	CHECK_ERROR(INSN_RAW(0x61, 1, 2, 0, 1), "BPF_LDX uses reserved fields");
	CHECK_ERROR(INSN_RAW(0x21, 1, 2, 0, 0), "BPF_LDX uses reserved fields");
	CHECK_ERROR(INSN_RAW(0x18, 1, 9, 0, 0), "unrecognized bpf_ld_imm64 insn");
	CHECK_ERROR(INSN_RAW(0x18, 1, 0, 1, 0), "BPF_LD_IMM64 uses reserved fields");
	CHECK_ERROR(INSN_RAW(0x07, 1, 1, 0, 0), "BPF_ALU uses reserved fields");
	CHECK_ERROR(INSN_RAW(0x0f, 1, 1, 1, 0), "BPF_ALU uses reserved fields");
	CHECK_ERROR(INSN_RAW(0xbf, 1, 1, 64, 0), "BPF_MOV uses reserved fields");
	CHECK_ERROR(INSN_RAW(0xbc, 1, 1, 32, 0), "BPF_MOV uses reserved fields");
	CHECK_ERROR(INSN_RAW(0xbf, 1, 1, 1, 2),
		"addr_space_cast insn can only convert between address space 1 and 0");
	CHECK_ERROR(INSN_RAW(0x87, 1, 0, 0, 1), "BPF_NEG uses reserved fields");
	CHECK_ERROR(INSN_RAW(0xd4, 1, 0, 0, 8), "BPF_END uses reserved fields");
	CHECK_ERROR(INSN_RAW(0x62, 1, 1, 0, 0), "BPF_ST uses reserved fields");
	CHECK_ERROR(INSN_RAW(0x63, 1, 1, 0, 1), "BPF_STX uses reserved fields");
	CHECK_ERROR(INSN_RAW(0xdb, 1, 1, 0, 0x10), "BPF_ATOMIC uses invalid atomic opcode 10");
	CHECK_ERROR(INSN_RAW(0xd3, 1, 1, 0, 0), "invalid atomic operand size");
	CHECK_ERROR(INSN_RAW(0x05, 1, 0, 0, 0), "BPF_JA uses reserved fields");
	CHECK_ERROR(INSN_RAW(0x15, 1, 2, 0, 0), "BPF_JMP/JMP32 uses reserved fields");
	CHECK_ERROR(INSN_RAW(0xe5, 0, 0, 0, 1), "invalid may_goto imm 1");
	CHECK_ERROR(INSN_RAW(0x85, 0, 3, 0, 0), "BPF_CALL uses reserved fields");
	CHECK_ERROR(INSN_RAW(0x95, 1, 0, 0, 0), "BPF_EXIT uses reserved fields");
	CHECK_ERROR(INSN_RAW(0x20, 1, 0, 0, 0), "BPF_LD_[ABS|IND] uses reserved fields");
	CHECK_ERROR(INSN_MOV64_IMM(11, 0), "R11 is invalid");
	CHECK_ERROR(INSN_ALU64_REG(BPF_ADD, 15, 14), "R14 is invalid");
	CHECK_ERROR(INSN_JMP_REG(BPF_JEQ, 15, 14, 0), "R15 is invalid");
}

TEST(a_wide_immediate_needs_its_second_slot)
{
	struct insn wide[2] = {INSN_LD_IMM64(3, 0x123456789abcdef0)};
	struct insn_decoded d;

	REQUIRE_EQ(insn_decode(wide, 2, &d), 0);
	CHECK_EQ(d.kind, INSN_KIND_LD_IMM64);
	CHECK_EQ(d.imm64, 0x123456789abcdef0);
	CHECK_EQ(d.slots, 2);
	CHECK_EQ(insn_decode(wide, 1, &d), -EINVAL);
	CHECK_EQ(d.error, INSN_ERROR_LD_IMM64_PAIR);
	CHECK_EQ(insn_decode(wide, 0, &d), -EINVAL);
}

TEST(call_12_is_the_tail_call)
{
	struct insn insn = INSN_CALL(12);
	struct insn_decoded d;

	REQUIRE_EQ(insn_decode(&insn, 1, &d), 0);
	CHECK_EQ(d.kind, INSN_KIND_TAIL_CALL);
	d.kind = INSN_KIND_CALL;
	CHECK_EQ(insn_encode(&d, &insn), -EINVAL);
}
