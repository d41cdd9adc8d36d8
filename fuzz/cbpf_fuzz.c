// SPDX-License-Identifier: BSD-2-Clause
/*
 * Bytes as a classic filter and a packet: everything prints; what the check takes runs, and its
 * translation consists of instructions, with jumps that go forwards and stay inside.
 */
#include "fuzz/fuzz.h"

#include "base/vec.h"
#include "cbpf/cbpf.h"

#include <linux/seccomp.h>
#include <string.h>

static void check_translation(const struct insn_vec *program)
{
	FUZZ_CHECK(program->len > 0);
	for (size_t i = 0; i < program->len; i++) {
		const struct insn *insn = &program->data[i];
		struct insn_decoded decoded;

		FUZZ_CHECK(insn_decode(insn, program->len - i, &decoded) == 0);
		FUZZ_CHECK(decoded.slots == 1);
		if (insn_is_jump(insn)) {
			FUZZ_CHECK(insn_jump_offset(insn) >= 0);
			FUZZ_CHECK(i + 1 + (size_t)insn_jump_offset(insn) < program->len);
		}
	}
}

static void run(const struct sock_filter *filter, u32 len, enum cbpf_kind kind, const uint8_t *data,
	size_t size)
{
	u8 seccomp[sizeof(struct seccomp_data)] = {0};
	struct cbpf_packet packet = {.data = data, .size = (u32)size};
	struct insn_vec program = {0};
	struct cbpf_error error = {0};
	int err = cbpf_translate(filter, len, kind, &program, &error);

	FUZZ_CHECK(!err || (error.text && error.insn < len + !len));
	if (!err)
		check_translation(&program);
	vec_release(&program);
	if (err == -EINVAL)
		return;
	if (kind == CBPF_SECCOMP) {
		memcpy(seccomp, data, MIN(size, sizeof(seccomp)));
		packet.data = seccomp;
		packet.size = sizeof(seccomp);
	}
	cbpf_eval(filter, len, kind, &packet);
}

/* The first byte says how many instructions there are; the packet is what follows them. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct sock_filter filter[256];
	struct strbuf text = {0};
	u32 len;

	if (size < 1)
		return 0;
	len = MIN(data[0], (u32)((size - 1) / sizeof(*filter)));
	memcpy(filter, data + 1, len * sizeof(*filter));
	for (u32 i = 0; i < len; i++) /* mostly codes that exist */
		filter[i].code &= filter[i].code & 0x100 ? 0xffff : 0xff;
	data += 1 + len * sizeof(*filter);
	size -= 1 + len * sizeof(*filter);
	for (int style = CBPF_TEXT; style <= CBPF_DECIMAL; style++)
		cbpf_print(filter, len, (enum cbpf_style)style, &text);
	strbuf_release(&text);
	run(filter, len, CBPF_SOCKET, data, size);
	run(filter, len, CBPF_SECCOMP, data, size);
	return 0;
}
