// SPDX-License-Identifier: BSD-2-Clause
/* Each encoding, read back by an independent decoder: every register, every shape of address. */
#include "jit/x86_64/decode.h"
#include "jit/x86_64/emit.h"
#include "test/tap.h"

#include <Zydis/Zydis.h>
#include <stdio.h>

static const char *const names64[] = {"rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi", "r8",
	"r9", "r10", "r11", "r12", "r13", "r14", "r15"};
static const char *const names32[] = {"eax", "ecx", "edx", "ebx", "esp", "ebp", "esi", "edi", "r8d",
	"r9d", "r10d", "r11d", "r12d", "r13d", "r14d", "r15d"};
static const char *const names8[] = {"al", "cl", "dl", "bl", "spl", "bpl", "sil", "dil", "r8b",
	"r9b", "r10b", "r11b", "r12b", "r13b", "r14b", "r15b"};

static struct arena arena;
static struct x86_buf buf;

static void begin(void)
{
	static bool is_ready;

	if (!is_ready) {
		arena_init(&arena);
		x86_init(&buf, &arena);
		is_ready = true;
	}
	buf.len = 0;
}

/* The one instruction in buf as text. */
static void read_back(char *text, size_t size)
{
	ZydisDecoder decoder;
	ZydisDecodedInstruction insn;
	ZydisDecodedOperand operands[ZYDIS_MAX_OPERAND_COUNT];
	ZydisFormatter formatter;

	ZydisDecoderInit(&decoder, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64);
	ZydisFormatterInit(&formatter, ZYDIS_FORMATTER_STYLE_INTEL);
	snprintf(text, size, "(none)");
	if (!ZYAN_SUCCESS(ZydisDecoderDecodeFull(&decoder, buf.code, buf.len, &insn, operands)))
		return;
	if (insn.length != buf.len)
		return;
	ZydisFormatterFormatInstruction(&formatter, &insn, operands, insn.operand_count_visible,
		text, size, ZYDIS_RUNTIME_ADDRESS_NONE, NULL);
}

static u32 wrong;

static void expect(const char *want)
{
	u8 bytes[X86_DECODE_BYTES] = {0};
	struct x86_insn insn;
	char text[128];

	read_back(text, sizeof(text));
	if (strcmp(text, want) && wrong++ < 10)
		CHECK_MSG(false, "\"%s\", wanted \"%s\"", text, want);
	memcpy(bytes, buf.code, MIN(buf.len, sizeof(bytes)));
	if ((!x86_decode(bytes, &insn) || insn.length != buf.len) && wrong++ < 10)
		CHECK_MSG(false, "images may not contain \"%s\"", text);
}

#define EXPECT(emit, ...)                                                                          \
	do {                                                                                       \
		char want_[128];                                                                   \
                                                                                                   \
		begin();                                                                           \
		emit;                                                                              \
		snprintf(want_, sizeof(want_), __VA_ARGS__);                                       \
		expect(want_);                                                                     \
	} while (0)

TEST(register_forms_name_their_registers)
{
	u8 d, s;

	wrong = 0;
	for (d = 0; d < 16; d++) {
		for (s = 0; s < 16; s++) {
			EXPECT(x86_mov_rr(&buf, 64, d, s), "mov %s, %s", names64[d], names64[s]);
			EXPECT(x86_mov_rr(&buf, 32, d, s), "mov %s, %s", names32[d], names32[s]);
			EXPECT(x86_alu_rr(&buf, X86_ADD, 64, d, s), "add %s, %s", names64[d],
				names64[s]);
			EXPECT(x86_alu_rr(&buf, X86_CMP, 32, d, s), "cmp %s, %s", names32[d],
				names32[s]);
			EXPECT(x86_test_rr(&buf, 64, d, s), "test %s, %s", names64[d], names64[s]);
			EXPECT(x86_imul_rr(&buf, 32, d, s), "imul %s, %s", names32[d], names32[s]);
			EXPECT(x86_imul_rri(&buf, 64, d, s, 1000), "imul %s, %s, 0x3E8", names64[d],
				names64[s]);
			EXPECT(x86_movzx_rr(&buf, 1, d, s), "movzx %s, %s", names32[d], names8[s]);
			EXPECT(x86_movsx_rr(&buf, 1, 64, d, s), "movsx %s, %s", names64[d],
				names8[s]);
			EXPECT(x86_movsx_rr(&buf, 4, 64, d, s), "movsxd %s, %s", names64[d],
				names32[s]);
			EXPECT(x86_bsr(&buf, 64, d, s), "bsr %s, %s", names64[d], names64[s]);
			EXPECT(x86_popcnt(&buf, 32, d, s), "popcnt %s, %s", names32[d], names32[s]);
			EXPECT(x86_popcnt(&buf, 64, d, s), "popcnt %s, %s", names64[d], names64[s]);
			EXPECT(x86_cmov(&buf, X86_AE, 64, d, s), "cmovnb %s, %s", names64[d],
				names64[s]);
			EXPECT(x86_rorx(&buf, 32, d, s, 7), "rorx %s, %s, 0x07", names32[d],
				names32[s]);
			EXPECT(x86_shiftx(&buf, X86_SHL, 64, d, s, X86_R9), "shlx %s, %s, r9",
				names64[d], names64[s]);
			EXPECT(x86_shiftx(&buf, X86_SAR, 32, d, s, X86_RCX), "sarx %s, %s, ecx",
				names32[d], names32[s]);
		}
		EXPECT(x86_alu_ri(&buf, X86_AND, 64, d, 16), "and %s, 0x10", names64[d]);
		EXPECT(x86_alu_ri(&buf, X86_XOR, 32, d, 0x12345678), "xor %s, 0x12345678",
			names32[d]);
		EXPECT(x86_test_ri(&buf, 64, d, 0x40), "test %s, 0x40", names8[d]);
		EXPECT(x86_test_ri(&buf, 8, d, 0x81), "test %s, 0x81", names8[d]);
		EXPECT(x86_cmp8_ri(&buf, d, 0x92), "cmp %s, 0x92", names8[d]);
		EXPECT(x86_bt_ri(&buf, 64, d, 47), "bt %s, 0x2F", names64[d]);
		EXPECT(x86_inc(&buf, 64, d, true), "dec %s", names64[d]);
		EXPECT(x86_unary(&buf, X86_NOT, 32, d), "not %s", names32[d]);
		EXPECT(x86_shift_ri(&buf, X86_SAR, 64, d, 63), "sar %s, 0x3F", names64[d]);
		EXPECT(x86_shift_ri(&buf, X86_SHL, 32, d, 1), "shl %s, 0x01", names32[d]);
		EXPECT(x86_bswap(&buf, 64, d), "bswap %s", names64[d]);
		EXPECT(x86_setcc(&buf, X86_G, d), "setnle %s", names8[d]);
		EXPECT(x86_push(&buf, d), "push %s", names64[d]);
		EXPECT(x86_pop(&buf, d), "pop %s", names64[d]);
		EXPECT(x86_mov_ri(&buf, d, 0x123456789abcdefull), "mov %s, 0x123456789ABCDEF",
			names64[d]);
		EXPECT(x86_mov_ri(&buf, d, 0x80000000), "mov %s, 0x80000000", names32[d]);
		EXPECT(x86_mov_ri(&buf, d, (u64)-5), "mov %s, 0xFFFFFFFFFFFFFFFB", names64[d]);
	}
	CHECK_EQ(wrong, 0);
}

static void address_text(struct x86_mem m, char *text, size_t size)
{
	char disp[32] = "";

	if (m.disp)
		snprintf(disp, sizeof(disp), "%c0x%02X", m.disp < 0 ? '-' : '+',
			(u32)(m.disp < 0 ? -m.disp : m.disp));
	if (m.index == X86_NO_REG)
		snprintf(text, size, "[%s%s]", names64[m.base], disp);
	else
		snprintf(text, size, "[%s+%s*%u%s]", names64[m.base], names64[m.index],
			1u << m.scale, disp);
}

TEST(addresses_have_every_base_index_and_displacement)
{
	static const s32 disps[] = {0, 0x10, -0x10, 0x7f, -0x80, 0x80, 0x12345};
	char at[64];
	u32 base, index, i;

	wrong = 0;
	for (base = 0; base < 16; base++) {
		for (index = 0; index <= 16; index++) {
			for (i = 0; i < ARRAY_SIZE(disps); i++) {
				struct x86_mem m = {(u8)base, (u8)index, (u8)(i & 3), disps[i]};

				if (index == X86_RSP)
					continue; /* cannot be one */
				if (index == 16) {
					m.index = X86_NO_REG;
					m.scale = 0;
				}
				if (m.index != X86_NO_REG && m.scale == 0)
					m.scale = 1;
				address_text(m, at, sizeof(at));
				EXPECT(x86_load(&buf, 8, X86_R9, m), "mov r9, %s", at);
			}
		}
	}
	CHECK_EQ(wrong, 0);
}

static const char *const names16[] = {"ax", "cx", "dx", "bx", "sp", "bp", "si", "di", "r8w", "r9w",
	"r10w", "r11w", "r12w", "r13w", "r14w", "r15w"};
static const char *const alu_names[] = {[X86_ADD] = "add",
	[X86_OR] = "or",
	[X86_AND] = "and",
	[X86_SUB] = "sub",
	[X86_XOR] = "xor",
	[X86_CMP] = "cmp"};

static const char *name_of(u8 w, u8 reg)
{
	return w == 8	  ? names8[reg]
		: w == 16 ? names16[reg]
		: w == 32 ? names32[reg]
			  : names64[reg];
}

static void operations_at(u8 base, u8 reg)
{
	static const u8 ops[] = {X86_ADD, X86_OR, X86_AND, X86_SUB, X86_XOR, X86_CMP};
	struct x86_mem m = {base, X86_R9, 2, 0x40};
	char at[64];
	u32 i;
	u8 w;

	address_text(m, at, sizeof(at));
	for (w = 8; w <= 64; w *= 2) {
		const char *name = name_of(w, reg);
		const char *size = w == 8 ? "byte" : w == 16 ? "word" : w == 32 ? "dword" : "qword";

		EXPECT(x86_store(&buf, w / 8, m, reg), "mov %s, %s", at, name);
		EXPECT(x86_store_imm(&buf, w / 8, m, 0x12), "mov %s ptr %s, 0x%s", size, at, "12");
		EXPECT(x86_xchg_mr(&buf, w / 8, m, reg), "xchg %s, %s", at, name);
		for (i = 0; i < ARRAY_SIZE(ops); i++) {
			enum x86_alu op = (enum x86_alu)ops[i];

			EXPECT(x86_alu_mr(&buf, op, w, m, reg), "%s %s, %s", alu_names[op], at,
				name);
			EXPECT(x86_alu_rm(&buf, op, w, reg, m), "%s %s, %s", alu_names[op], name,
				at);
			EXPECT(x86_alu_mi(&buf, op, w, m, 0x12), "%s %s ptr %s, 0x12",
				alu_names[op], size, at);
			if (w > 8)
				EXPECT(x86_alu_mi(&buf, op, w, m, 0x1234), "%s %s ptr %s, 0x1234",
					alu_names[op], size, at);
		}
		if (w < 32)
			continue;
		EXPECT(x86_imul_rm(&buf, w, reg, m), "imul %s, %s", name, at);
		EXPECT(x86_unary_m(&buf, X86_NEG, w, m), "neg %s", at);
		EXPECT(x86_unary_m(&buf, X86_DIV, w, m), "div %s", at);
		EXPECT(x86_movbe_load(&buf, w / 8, reg, m), "movbe %s, %s", name, at);
		EXPECT(x86_lea(&buf, w, reg, m), "lea %s, %s", name, at);
		EXPECT((x86_lock(&buf), x86_xadd_mr(&buf, w, m, reg)), "lock xadd %s, %s", at,
			name);
		EXPECT((x86_lock(&buf), x86_cmpxchg_mr(&buf, w, m, reg)), "lock cmpxchg %s, %s", at,
			name);
		EXPECT((x86_lock(&buf), x86_alu_mr(&buf, X86_XOR, w, m, reg)), "lock xor %s, %s",
			at, name);
		EXPECT((x86_lock(&buf), x86_alu_mi(&buf, X86_AND, w, m, 3)),
			"lock and %s ptr %s, 0x03", size, at);
	}
	EXPECT(x86_load(&buf, 1, reg, m), "movzx %s, byte ptr %s", names32[reg], at);
	EXPECT(x86_load(&buf, 2, reg, m), "movzx %s, word ptr %s", names32[reg], at);
	EXPECT(x86_load_sx(&buf, 1, 64, reg, m), "movsx %s, byte ptr %s", names64[reg], at);
	EXPECT(x86_load_sx(&buf, 2, 32, reg, m), "movsx %s, word ptr %s", names32[reg], at);
	EXPECT(x86_load_sx(&buf, 4, 64, reg, m), "movsxd %s, dword ptr %s", names64[reg], at);
}

TEST(operations_on_memory_name_their_registers)
{
	u8 base, reg;

	wrong = 0;
	for (base = 0; base < 16; base++) {
		for (reg = 0; reg < 16; reg++)
			operations_at(base, reg);
	}
	EXPECT(x86_jump_mem(&buf, (struct x86_mem){X86_RAX, X86_NO_REG, 0, 8}), "jmp [rax+0x08]");
	EXPECT(x86_call_reg(&buf, X86_RAX), "call rax");
	EXPECT(x86_xchg_rr(&buf, X86_RCX, X86_R11), "xchg r11, rcx");
	EXPECT(x86_shift_cl(&buf, X86_SAR, 64, X86_R10), "sar r10, cl");
	EXPECT(x86_rol16(&buf, X86_R8, 8), "rol r8w, 0x08");
	EXPECT(x86_zero(&buf, X86_R12), "xor r12d, r12d");
	EXPECT(x86_bt_rr(&buf, 64, X86_R12, X86_RSI), "bt r12, rsi");
	EXPECT(x86_cqo(&buf, 64), "cqo");
	EXPECT(x86_cqo(&buf, 32), "cdq");
	EXPECT(x86_lfence(&buf), "lfence");
	EXPECT(x86_mfence(&buf), "mfence");
	EXPECT(x86_trap(&buf), "ud2");
	EXPECT(x86_endbr64(&buf), "endbr64");
	CHECK_EQ(wrong, 0);
}

TEST(jumps_take_their_short_form_where_they_reach)
{
	struct x86_buf b;
	struct arena a;
	u32 far, near, i;
	u8 code[1024];

	arena_init(&a);
	x86_init(&b, &a);
	near = x86_new_label(&b);
	far = x86_new_label(&b);
	x86_jump(&b, X86_E, near);
	x86_jump(&b, X86_ALWAYS, far);
	x86_bind(&b, near);
	for (i = 0; i < 200; i++)
		x86_ret(&b);
	x86_bind(&b, far);
	x86_jump(&b, X86_NE, near);
	x86_jump(&b, X86_ALWAYS, far);
	CHECK_EQ(x86_layout(&b, true), 2 + 5 + 200 + 6 + 2);
	x86_write(&b, code);
	CHECK_MEM(code, ((const u8[]){0x74, 5, 0xe9, 200, 0, 0, 0}), 7);
	CHECK_MEM(code + 207, ((const u8[]){0x0f, 0x85, 0x32, 0xff, 0xff, 0xff, 0xeb, 0xf8}), 8);
	arena_release(&a);
}
