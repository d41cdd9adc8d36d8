// SPDX-License-Identifier: BSD-2-Clause
/*
 * The seccomp filter under which the command runs: SECCOMP_RET_TRACE for the system calls that
 * somebody listens to, SECCOMP_RET_ALLOW for all others, which then never stop. Calls of another
 * architecture (32-bit programs) are not traced.
 *
 * With uprobes, mappings of executable memory stop too, so that breakpoints can be put into
 * libraries before they run; and calls that change ids, so that cached uids stay true.
 */
#include "base/bitset.h"
#include "source/internal.h"

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#if defined(__x86_64__)
#define FILTER_ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define FILTER_ARCH AUDIT_ARCH_AARCH64
#endif

#define LOAD(field)	   BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
#define RETURN(value)	   BPF_STMT(BPF_RET | BPF_K, (value))
#define JUMP_EQ(k, jt, jf) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (k), (jt), (jf))

struct filter {
	struct sock_filter insns[SYSCALL_MAX * 2 + 32];
	u16 len;
};

static void add(struct filter *f, struct sock_filter insn)
{
	f->insns[f->len++] = insn;
}

/* A contiguous run of numbers costs two comparisons, a single one costs one. */
static void add_traced_numbers(struct filter *f, const u64 *traced)
{
	size_t nr = bitset_next(traced, SYSCALL_MAX, 0);

	while (nr < SYSCALL_MAX) {
		size_t end = nr + 1;

		while (end < SYSCALL_MAX && bitset_get(traced, end))
			end++;
		if (end == nr + 1) {
			add(f, (struct sock_filter)JUMP_EQ((u32)nr, 0, 1));
		} else {
			add(f,
				(struct sock_filter)BPF_JUMP(
					BPF_JMP | BPF_JGE | BPF_K, (u32)nr, 0, 2));
			add(f,
				(struct sock_filter)BPF_JUMP(
					BPF_JMP | BPF_JGE | BPF_K, (u32)end, 1, 0));
		}
		add(f, (struct sock_filter)RETURN(SECCOMP_RET_TRACE));
		nr = bitset_next(traced, SYSCALL_MAX, end);
	}
}

static void collect(const struct listeners *l, u64 *traced)
{
	static const u16 id_changes[] = {
		SYS_setuid, SYS_setgid, SYS_setreuid, SYS_setregid, SYS_setresuid, SYS_setresgid};

	for (u32 nr = 0; nr < SYSCALL_MAX; nr++)
		if (l->enter[nr].len || l->exit[nr].len)
			bitset_set(traced, nr);
	if (l->sites.len || l->samplers.len || listeners_any_syscall(l) || l->exec.len ||
		l->fork.len || l->process_exit.len)
		for (size_t i = 0; i < ARRAY_SIZE(id_changes); i++)
			bitset_set(traced, id_changes[i]);
	/* libraries get their data segments after their code: a semaphore there is raised then */
	for (size_t i = 0; i < l->sites.len; i++)
		if (l->sites.data[i].ref_ctr_offset)
			bitset_set(traced, SYS_mprotect);
}

int filter_install(const struct listeners *l)
{
	static struct filter f; /* the child has one thread, and this is too large for its stack */
	u64 traced[BITSET_WORDS(SYSCALL_MAX)] = {0};
	struct sock_fprog prog;

	collect(l, traced);
	f.len = 0;
	add(&f, (struct sock_filter)LOAD(arch));
	add(&f, (struct sock_filter)JUMP_EQ(FILTER_ARCH, 1, 0));
	add(&f, (struct sock_filter)RETURN(SECCOMP_RET_ALLOW));
	if (l->any_enter.len || l->any_exit.len) {
		add(&f, (struct sock_filter)RETURN(SECCOMP_RET_TRACE));
	} else {
		add(&f, (struct sock_filter)LOAD(nr));
		add_traced_numbers(&f, traced);
		if (l->sites.len && !bitset_get(traced, SYS_mmap)) {
			add(&f, (struct sock_filter)JUMP_EQ(SYS_mmap, 0, 3));
			add(&f, (struct sock_filter)LOAD(args[2]));
			add(&f,
				(struct sock_filter)BPF_JUMP(
					BPF_JMP | BPF_JSET | BPF_K, PROT_EXEC, 0, 1));
			add(&f, (struct sock_filter)RETURN(SECCOMP_RET_TRACE));
		}
		add(&f, (struct sock_filter)RETURN(SECCOMP_RET_ALLOW));
	}
	prog = (struct sock_fprog){.len = f.len, .filter = f.insns};
	/* root keeps set-uid programs working; others cannot trace those anyway */
	if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &prog) == 0)
		return 0;
	if (errno != EACCES)
		return -errno;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		return -errno;
	return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &prog) ? -errno : 0;
}
