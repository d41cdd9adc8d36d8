// SPDX-License-Identifier: BSD-2-Clause
/* A socket filter that tries to write into its packet by a dynptr, and a classifier that may. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

extern int bpf_dynptr_from_skb(struct __sk_buff *skb, __u64 flags, struct bpf_dynptr *ptr) __ksym;

static __always_inline int store(struct __sk_buff *skb)
{
	struct bpf_dynptr ptr;
	char got = 0, byte = 'x';
	int err;

	if (bpf_dynptr_from_skb(skb, 0, &ptr))
		return 100;
	err = bpf_dynptr_write(&ptr, 20, &byte, 1, 0);
	if (bpf_dynptr_read(&got, 1, &ptr, 20, 0))
		return 101;
	return -err * 2 + (got == 'x');
}

SEC("socket")
int filter(struct __sk_buff *skb)
{
	return store(skb);
}

SEC("cgroup_skb/egress")
int group(struct __sk_buff *skb)
{
	return store(skb) == 44; /* EINVAL, and the byte as it was */
}

SEC("tc")
int classifier(struct __sk_buff *skb)
{
	return store(skb);
}

char _license[] SEC("license") = "GPL";
