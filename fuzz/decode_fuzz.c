// SPDX-License-Identifier: BSD-2-Clause
/*
 * Bytes as instructions: what decodes encodes to the same bytes, what does not has a reason with a
 * text, and everything prints.
 */
#include "fuzz/fuzz.h"

#include "base/str.h"
#include "isa/disasm.h"
#include "isa/insn.h"

#include <string.h>

static size_t check_one(const struct insn *insn, size_t left)
{
	struct insn_decoded any = {0}, uapi = {0};
	int err = insn_decode_any(insn, left, &any);
	struct insn back[2];
	char text[128];

	if (err) {
		FUZZ_CHECK(any.error > INSN_OK && any.error < INSN_ERROR_COUNT);
		FUZZ_CHECK(insn_decode(insn, left, &uapi) < 0);
		insn_error_text(any.error, insn, text, sizeof(text));
		FUZZ_CHECK(text[0] != '\0');
		return 1;
	}
	FUZZ_CHECK(insn_encode(&any, back) == 0);
	FUZZ_CHECK(memcmp(back, insn, any.slots * sizeof(*insn)) == 0);
	if (insn_decode(insn, left, &uapi) == 0) {
		FUZZ_CHECK(uapi.desc->scope == INSN_SCOPE_UAPI);
		FUZZ_CHECK(insn_check_early(insn, left) == INSN_OK);
	}
	return any.slots;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct disasm_opts lossless = {.is_lossless = true};
	size_t count = size / sizeof(struct insn);
	struct strbuf text = {0};
	struct insn *insns;

	if (!count || count > 4096)
		return 0;
	insns = malloc(count * sizeof(*insns));
	if (!insns)
		return 0;
	memcpy(insns, data, count * sizeof(*insns));
	for (size_t i = 0; i < count;)
		i += check_one(insns + i, count - i);
	disasm_program(NULL, insns, count, &text);
	disasm_program(&lossless, insns, count, &text);
	FUZZ_CHECK(text.len > 0);
	strbuf_release(&text);
	free(insns);
	return 0;
}
