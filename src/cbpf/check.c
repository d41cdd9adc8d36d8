// SPDX-License-Identifier: BSD-2-Clause
/*
 * What the kernel checks when a filter is attached: known codes, operands in range, jumps inside
 * the filter, M[] written before it is read on every path, and a return at the end. Jumps only go
 * forwards, so one pass over the filter sees all paths.
 */
#include "base/alloc.h"
#include "cbpf/cbpf.h"

#include <linux/seccomp.h>

static const struct {
	u16 code;
	bool is_seccomp;
} codes[] = {
#define CBPF(id, code, name, operand, seccomp) {code, seccomp},
#include "cbpf/codes.def"
};

enum cbpf_code cbpf_code(u16 code)
{
	for (int i = 0; i < CBPF_CODE_COUNT; i++)
		if (codes[i].code == code)
			return (enum cbpf_code)i;
	return CBPF_CODE_COUNT;
}

enum cbpf_ancillary cbpf_ancillary(const struct sock_filter *insn)
{
	u32 offset = insn->k - (u32)SKF_AD_OFF;

	if (BPF_CLASS(insn->code) != BPF_LD || BPF_MODE(insn->code) != BPF_ABS)
		return CBPF_AD_COUNT;
	if (offset >= SKF_AD_MAX || offset % 4)
		return CBPF_AD_COUNT;
	return (enum cbpf_ancillary)(offset / 4);
}

static const char *check_jump(const struct sock_filter *insn, u32 left)
{
	if (insn->code == (BPF_JMP | BPF_JA))
		return insn->k >= left ? "the jump leaves the filter" : NULL;
	return insn->jt >= left || insn->jf >= left ? "the jump leaves the filter" : NULL;
}

static const char *check_packet_load(const struct sock_filter *insn, enum cbpf_kind kind)
{
	if (kind == CBPF_SECCOMP)
		return insn->k >= sizeof(struct seccomp_data) || insn->k % 4
			? "the load is not of a word of struct seccomp_data"
			: NULL;
	if (insn->k >= (u32)SKF_AD_OFF && cbpf_ancillary(insn) == CBPF_AD_COUNT)
		return "there is no such extension";
	return NULL;
}

/* One instruction by itself; `left` are those behind it. NULL or what is wrong. */
static const char *check_insn(const struct sock_filter *insn, u32 left, enum cbpf_kind kind)
{
	enum cbpf_code code = cbpf_code(insn->code);

	if (code == CBPF_CODE_COUNT)
		return "there is no such instruction";
	if (kind == CBPF_SECCOMP && !codes[code].is_seccomp)
		return "seccomp does not take this instruction";
	switch (code) {
	case CBPF_DIV_K:
	case CBPF_MOD_K: return insn->k ? NULL : "division by zero";
	case CBPF_LSH_K:
	case CBPF_RSH_K: return insn->k < 32 ? NULL : "the shift is 32 or more";
	case CBPF_LD_MEM:
	case CBPF_LDX_MEM:
	case CBPF_ST:
	case CBPF_STX: return insn->k < CBPF_MEMWORDS ? NULL : "there is no such memory word";
	case CBPF_LD_ABS_W:
	case CBPF_LD_ABS_H:
	case CBPF_LD_ABS_B: return check_packet_load(insn, kind);
	default: return BPF_CLASS(insn->code) == BPF_JMP ? check_jump(insn, left) : NULL;
	}
}

/*
 * valid[pc]: the words that every jump to pc found written. What follows a jump is reached only by
 * jumps; what follows a return is (as in the kernel) looked at as if it were reached.
 */
static bool check_memory(const struct sock_filter *filter, u32 len, u16 *valid, u32 *ret_insn)
{
	u16 written = 0;

	memset(valid, 0xff, len * sizeof(*valid));
	for (u32 pc = 0; pc < len; pc++) {
		const struct sock_filter *insn = &filter[pc];

		written &= valid[pc];
		switch (cbpf_code(insn->code)) {
		case CBPF_ST:
		case CBPF_STX: written |= (u16)(1 << insn->k); break;
		case CBPF_LD_MEM:
		case CBPF_LDX_MEM:
			if (!(written & 1 << insn->k)) {
				*ret_insn = pc;
				return false;
			}
			break;
		case CBPF_JA:
			valid[pc + 1 + insn->k] &= written;
			written = UINT16_MAX;
			break;
		default:
			if (BPF_CLASS(insn->code) != BPF_JMP)
				break;
			valid[pc + 1 + insn->jt] &= written;
			valid[pc + 1 + insn->jf] &= written;
			written = UINT16_MAX;
			break;
		}
	}
	return true;
}

static int refuse(struct cbpf_error *error, u32 insn, const char *text)
{
	*error = (struct cbpf_error){insn, text};
	return -EINVAL;
}

int cbpf_check(const struct sock_filter *filter, u32 len, enum cbpf_kind kind,
	struct cbpf_error *ret_error)
{
	u16 *valid;
	u32 bad;
	bool is_ok;

	if (!len || len > BPF_MAXINSNS)
		return refuse(ret_error, 0, "a filter has 1 to 4096 instructions");
	for (u32 pc = 0; pc < len; pc++) {
		const char *wrong = check_insn(&filter[pc], len - pc - 1, kind);

		if (wrong)
			return refuse(ret_error, pc, wrong);
	}
	if (BPF_CLASS(filter[len - 1].code) != BPF_RET)
		return refuse(ret_error, len - 1, "the last instruction must return");
	valid = mem_calloc(len, sizeof(*valid));
	if (!valid)
		return -ENOMEM;
	is_ok = check_memory(filter, len, valid, &bad);
	mem_free(valid);
	return is_ok ? 0 : refuse(ret_error, bad, "the memory word may not be written yet");
}
