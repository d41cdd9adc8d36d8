// SPDX-License-Identifier: BSD-2-Clause
/* Operators, sizes and helper names as the kernel prints them. */
#include "isa/spelling.h"

const char *const spelling_alu[16] = {
	[BPF_ADD >> 4] = "+=",
	[BPF_SUB >> 4] = "-=",
	[BPF_MUL >> 4] = "*=",
	[BPF_DIV >> 4] = "/=",
	[BPF_OR >> 4] = "|=",
	[BPF_AND >> 4] = "&=",
	[BPF_LSH >> 4] = "<<=",
	[BPF_RSH >> 4] = ">>=",
	[BPF_MOD >> 4] = "%=",
	[BPF_XOR >> 4] = "^=",
	[BPF_MOV >> 4] = "=",
	[BPF_ARSH >> 4] = "s>>=",
};

const char *const spelling_alu_signed[16] = {
	[BPF_DIV >> 4] = "s/=",
	[BPF_MOD >> 4] = "s%=",
};

const char *const spelling_jump[16] = {
	[BPF_JEQ >> 4] = "==",
	[BPF_JGT >> 4] = ">",
	[BPF_JGE >> 4] = ">=",
	[BPF_JSET >> 4] = "&",
	[BPF_JNE >> 4] = "!=",
	[BPF_JSGT >> 4] = "s>",
	[BPF_JSGE >> 4] = "s>=",
	[BPF_JLT >> 4] = "<",
	[BPF_JLE >> 4] = "<=",
	[BPF_JSLT >> 4] = "s<",
	[BPF_JSLE >> 4] = "s<=",
};

const char *const spelling_atomic[16] = {
	[BPF_ADD >> 4] = "add",
	[BPF_OR >> 4] = "or",
	[BPF_AND >> 4] = "and",
	[BPF_XOR >> 4] = "xor",
};

const char *const spelling_unsigned[4] = {"u32", "u16", "u8", "u64"};
const char *const spelling_signed[4] = {"s32", "s16", "s8", NULL};

#define HELPER_NAME(name) [BPF_FUNC_##name] = "bpf_" #name
static const char *const helper_names[] = {
	__BPF_FUNC_MAPPER(HELPER_NAME)
#ifndef ___BPF_FUNC_MAPPER /* a header older than Linux 6.2; later kernels add only kfuncs */
		[210] = "bpf_cgrp_storage_get",
	[211] = "bpf_cgrp_storage_delete",
#endif
};

const char *spelling_helper(s32 id)
{
	return id >= 0 && id < (s32)ARRAY_SIZE(helper_names) ? helper_names[id] : NULL;
}

int spelling_helper_id(const char *name, size_t len)
{
	for (s32 id = 0; id < (s32)ARRAY_SIZE(helper_names); id++) {
		const char *have = helper_names[id];

		if (!have)
			continue;
		if (strlen(have) == len && memcmp(have, name, len) == 0)
			return id;
		have += strlen("bpf_");
		if (strlen(have) == len && memcmp(have, name, len) == 0)
			return id;
	}
	return -ENOENT;
}
