// SPDX-License-Identifier: BSD-2-Clause
/* Exits with 0 where bpf(2) of this machine's kernel may be used. */
#include <bpf/bpf.h>

int main(void)
{
	return bpf_map_create(BPF_MAP_TYPE_HASH, "may", 4, 4, 1, NULL) < 0;
}
