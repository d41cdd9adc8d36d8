// SPDX-License-Identifier: BSD-2-Clause
/* Text as a program: what is read prints, and the print reads back as the same instructions. */
#include "fuzz/fuzz.h"

#include "base/str.h"
#include "base/vec.h"
#include "isa/asm.h"
#include "isa/disasm.h"

#include <string.h>

static void check_print(const struct insn_vec *program, bool without_opcode)
{
	struct disasm_opts opts = {.is_lossless = true, .without_opcode = without_opcode};
	struct strbuf text = {0}, again = {0};
	struct insn_vec back = {0};
	struct asm_error error;

	disasm_program(&opts, program->data, program->len, &text);
	if (asm_parse(text.data, text.len, NULL, &back, &error)) {
		fprintf(stderr, "%u:%u: %s in\n%s", error.line, error.column, error.text,
			text.data);
		abort();
	}
	FUZZ_CHECK(back.len == program->len);
	FUZZ_CHECK(memcmp(back.data, program->data, back.len * sizeof(*back.data)) == 0);
	disasm_program(&opts, back.data, back.len, &again);
	FUZZ_CHECK(strcmp(text.data, again.data) == 0);
	strbuf_release(&text);
	strbuf_release(&again);
	vec_release(&back);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct asm_error error = {0};
	struct insn_vec program = {0};
	int err;

	if (size > 65536)
		return 0;
	err = asm_parse((const char *)data, size, NULL, &program, &error);
	if (err)
		FUZZ_CHECK(error.line > 0 && error.column > 0 && error.text[0]);
	else if (program.len) {
		check_print(&program, false);
		check_print(&program, true);
	}
	vec_release(&program);
	return 0;
}
