// SPDX-License-Identifier: BSD-2-Clause
/*
 * The tag: the start of a digest over the instructions as loaded, without what differs between two
 * loads of the same program (map descriptors and addresses). SHA-1 until 6.17, SHA-256 since.
 */
#include "base/alloc.h"
#include "base/hash.h"
#include "prog/prog.h"

int prog_tag(const struct insn *insns, u32 count, u32 kernel_features, u8 ret_tag[8])
{
	u8 digest[SHA256_SIZE];
	struct insn *copy = mem_dup(insns, (size_t)count * sizeof(*insns));

	if (!copy)
		return -ENOMEM;
	for (u32 i = 0; i + 1 < count; i++) {
		if (copy[i].op != (BPF_LD | BPF_IMM | BPF_DW))
			continue;
		if (copy[i].src == BPF_PSEUDO_MAP_FD || copy[i].src == BPF_PSEUDO_MAP_VALUE)
			copy[i].imm = copy[i + 1].imm = 0;
		i++;
	}
	if (kernel_features & KERNEL_TAG_SHA256)
		sha256(copy, (size_t)count * sizeof(*copy), digest);
	else
		sha1(copy, (size_t)count * sizeof(*copy), digest);
	mem_free(copy);
	memcpy(ret_tag, digest, 8);
	return 0;
}
