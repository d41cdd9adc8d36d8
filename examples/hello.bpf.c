// SPDX-License-Identifier: BSD-2-Clause
/*
 * Hello, World: a line for every process that is created and every program that is started.
 *
 *	hachi run examples/hello.bpf.c -- sh -c 'ls / >/dev/null'
 */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

char LICENSE[] SEC("license") = "Dual BSD/GPL";

SEC("ksyscall/clone")
int hello_clone(void *ctx)
{
	bpf_printk("Hello, World!");
	return 0;
}

SEC("ksyscall/vfork")
int hello_vfork(void *ctx)
{
	bpf_printk("Hello, World!");
	return 0;
}

SEC("tp/syscalls/sys_enter_execve")
int hello_execve(void *ctx)
{
	bpf_printk("Hello, execve!");
	return 0;
}
