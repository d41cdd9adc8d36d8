// SPDX-License-Identifier: BSD-2-Clause
#include "btf/ext.h"

const struct btype_line_info *btype_line_find(
	const struct btype_line_info *lines, u32 count, u32 insn)
{
	u32 low = 0, high = count;

	while (low < high) {
		u32 mid = low + (high - low) / 2;

		if (lines[mid].insn_off <= insn)
			low = mid + 1;
		else
			high = mid;
	}
	return low ? &lines[low - 1] : NULL;
}

const struct btype_func_info *btype_func_find(
	const struct btype_func_info *funcs, u32 count, u32 insn)
{
	u32 low = 0, high = count;

	while (low < high) {
		u32 mid = low + (high - low) / 2;

		if (funcs[mid].insn_off <= insn)
			low = mid + 1;
		else
			high = mid;
	}
	return low ? &funcs[low - 1] : NULL;
}

struct btype_line btype_line(const struct btf *btf, const struct btype_line_info *info)
{
	const char *file = btype_string(btf, info->file_off);
	const char *text = btype_string(btf, info->text_off);

	while (text && (*text == ' ' || *text == '\t'))
		text++;
	return (struct btype_line){
		.file = file ? file : "",
		.text = text ? text : "",
		.line = info->place >> 10,
		.column = info->place & 0x3ff,
	};
}
