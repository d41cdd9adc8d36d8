// SPDX-License-Identifier: BSD-2-Clause
/* Kept per thread, as errno is: the verdict's texts die with the load. */
#include "syscall/refusal.h"

#include "base/str.h"
#include "btf/ext.h"
#include "syscall/instance.h"

static __thread struct {
	struct hachi *h;
	enum reason reason;
	u32 insn, line, column;
	char detail[512], hint[256], file[256], source[256];
} last;

void refusal_clear(struct hachi *h)
{
	memset(&last, 0, sizeof(last));
	last.h = h;
	last.insn = UINT32_MAX;
}

void refusal_set(
	struct hachi *h, const struct verdict *verdict, const struct verify_input *in, int err)
{
	const struct btype_line_info *info;
	struct btype_line line;

	refusal_clear(h);
	if (!err || verdict->reason == REASON_NONE)
		return;
	last.reason = verdict->reason;
	last.insn = verdict->insn;
	str_copy(last.detail, sizeof(last.detail), verdict->detail ? verdict->detail : "");
	str_copy(last.hint, sizeof(last.hint), verdict->hint ? verdict->hint : "");
	if (!in->btf || verdict->insn == UINT32_MAX)
		return;
	STATIC_ASSERT(sizeof(struct btype_line_info) == sizeof(struct verify_line_info));
	info = btype_line_find(
		(const struct btype_line_info *)in->line_info, in->line_info_count, verdict->insn);
	if (!info)
		return;
	line = btype_line(in->btf, info);
	last.line = line.line;
	last.column = line.column;
	str_copy(last.file, sizeof(last.file), line.file);
	str_copy(last.source, sizeof(last.source), line.text);
}

void hachi_last_refusal(struct hachi *h, struct hachi_refusal *ret_refusal)
{
	if (last.h != h)
		refusal_clear(h);
	*ret_refusal = (struct hachi_refusal){
		.reason = last.reason ? reason_id(last.reason) : "",
		.category = last.reason ? reason_category(last.reason) : "",
		.sentence = last.reason ? reason_sentence(last.reason) : "",
		.detail = last.detail,
		.hint = last.hint,
		.insn = last.insn,
		.file = last.file,
		.line = last.line,
		.column = last.column,
		.source = last.source,
	};
}
