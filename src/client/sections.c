// SPDX-License-Identifier: BSD-2-Clause
#include "client/sections.h"
#include "base/types.h"

#include <bpf/libbpf.h>
#include <hachi/abi.h>

static const struct section {
	const char *name; /* "+" = alone or with "/..." behind it */
	enum bpf_prog_type type;
	u32 attach_type;
} sections[] = {
	{"tc/ingress", BPF_PROG_TYPE_SCHED_CLS, 0},
	{"tc/egress", BPF_PROG_TYPE_SCHED_CLS, 0},
	{"tcx/ingress", BPF_PROG_TYPE_SCHED_CLS, 0},
	{"tcx/egress", BPF_PROG_TYPE_SCHED_CLS, 0},
	{"netkit/primary", BPF_PROG_TYPE_SCHED_CLS, 0},
	{"netkit/peer", BPF_PROG_TYPE_SCHED_CLS, 0},
	{"netfilter+", (enum bpf_prog_type)HACHI_BPF_PROG_TYPE_NETFILTER, HACHI_BPF_NETFILTER},
};

int sections_register(void)
{
	static bool is_done;

	if (is_done)
		return 0;
	is_done = true;
	for (size_t i = 0; i < ARRAY_SIZE(sections); i++) {
		int err = libbpf_register_prog_handler(sections[i].name, sections[i].type,
			(enum bpf_attach_type)sections[i].attach_type, NULL);

		if (err < 0)
			return err;
	}
	return 0;
}
