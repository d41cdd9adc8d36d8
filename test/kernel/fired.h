/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * For the hook matrix: every program counts that it ran, under the name of its kind. An object says
 * `enum kind { ... }` first.
 */
#ifndef TEST_KERNEL_FIRED_H
#define TEST_KERNEL_FIRED_H

#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include <bpf/bpf_endian.h>

char LICENSE[] SEC("license") = "Dual BSD/GPL";

enum kind { KINDS };

struct {
	__uint(type, BPF_MAP_TYPE_HASH); /* the key of an array must be an integer */
	__uint(max_entries, 32);
	__type(key, enum kind);
	__type(value, __u64);
} fired SEC(".maps");

static __always_inline void count(__u32 kind)
{
	enum kind key = kind;
	__u64 zero = 0, *n;

	bpf_map_update_elem(&fired, &key, &zero, BPF_NOEXIST);
	n = bpf_map_lookup_elem(&fired, &key);
	if (n)
		__sync_fetch_and_add(n, 1);
}

/* A program that does nothing else: COUNT("section", kind, return value) */
#define COUNT(section, kind, value)                                                                \
	SEC(section) int on_##kind(void *ctx)                                                      \
	{                                                                                          \
		count(kind);                                                                       \
		return value;                                                                      \
	}

#endif
