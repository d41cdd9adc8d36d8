#!/bin/sh
# What programs see of a traced command is what strace sees of the same command, and what the
# command itself says.
cd "$(dirname "$0")/../.." || exit 1
. test/cli/lib.sh

have clang-19 || have clang || {
	skip "trace" "clang is not installed"
	finish
	exit 0
}

# A line a system call: number and result; addresses, clocks and ids differ from run to run.
normalize() {
	awk '{
		ret = $2
		if (ret > 100000 || $1 == 12 || $1 == 9) ret = "large"
		if ($1 == 39 || $1 == 186 || $1 == 218 || $1 == 110 || $1 == 56 || $1 == 57 || $1 == 58 || $1 == 61) ret = "id"
		print $1, ret
	}'
}

ours() {
	sed -n '/"map":"events"/s/.*"nr":\(-*[0-9]*\),"ret":\(-*[0-9]*\),.*/\1 \2/p' "$tmp/out" | normalize
}

theirs() { # [ 257] openat(...) = 3
	sed -nE 's/^([0-9]+ +)?\[ *([0-9]+)\] .* = (-?(0x)?[0-9a-f]+).*$/\2 \3/p' "$1" |
		while read -r nr ret; do echo "$nr $((ret))"; done | normalize
}

if needs "sequence of system calls" strace; then
	for command in "cat /etc/hostname" "ls /" "sleep 0.1"; do
		# the first call that both see is the command's own execve
		# shellcheck disable=SC2086
		"$HACHI" run -j -o "$tmp/out" test/cli/syscalls.bpf.c -- $command >/dev/null 2>"$tmp/err"
		# raw numbers with -X raw; an errno is printed as -1
		# shellcheck disable=SC2086
		strace -f -n -X raw -e raw=all -o "$tmp/strace" $command >/dev/null 2>&1
		ours | sed 's/ -[0-9]*$/ -1/' | sed -n '/^59 /,$p' >"$tmp/a"
		theirs "$tmp/strace" | sed -n '/^59 /,$p' >"$tmp/b"
		if [ -s "$tmp/a" ] && cmp -s "$tmp/a" "$tmp/b"; then
			pass "$command: the same calls with the same results as under strace"
		else
			diff "$tmp/a" "$tmp/b" >"$tmp/diff"
			fail "$command: the same calls with the same results as under strace" "$tmp/diff"
		fi
	done
	# the same addresses in every run: then all arguments can be compared, but the clocks' and ids'
	same="env -i PATH=$PATH"
	for command in "cat /etc/hostname" "ls -l /"; do
		if ! setarch -R true 2>/dev/null; then
			skip "$command: the same arguments as under strace" "setarch -R is not permitted"
			continue
		fi
		# shellcheck disable=SC2086
		setarch -R "$HACHI" run -j -o "$tmp/out" test/cli/syscalls.bpf.c -- $same $command >/dev/null 2>&1
		# shellcheck disable=SC2086
		setarch -R strace -f -n -X raw -e raw=all -o "$tmp/strace" $same $command >/dev/null 2>&1
		sed -n 's/.*"nr":\([0-9]*\),.*"args":\[\([0-9,]*\)\].*/\1,\2/p' "$tmp/out" |
			tr , ' ' | sed 1d >"$tmp/a" # the first execve is the tracer's own
		sed -nE 's/^[0-9]+ +\[ *([0-9]+)\] [a-z0-9_]+\((.*)\) += .*/\1, \2/p' "$tmp/strace" |
			tr -d ' ' | sed -E 's/0x[0-9a-f]*([0-9a-f]{8})/0x\1/g; 1d' >"$tmp/b"
		count=0
		: >"$tmp/diff"
		while read -r ours_line <&3 && IFS= read -r line <&4; do
			want=
			old_ifs=$IFS
			IFS=,
			for word in $line; do
				want="$want $((word & 0xffffffff))"
			done
			IFS=$old_ifs
			want=${want# }
			count=$((count + 1))
			case "$ours_line " in
			"$want "*) ;;
			*) echo "strace: $want | we: $ours_line" >>"$tmp/diff" ;;
			esac
		done 3<"$tmp/a" 4<"$tmp/b"
		if [ $count -gt 50 ] && [ ! -s "$tmp/diff" ]; then
			pass "$command: the same arguments as under strace"
		else
			fail "$command: the same arguments as under strace" "$tmp/diff"
		fi
	done
	# shellcheck disable=SC2016
	script='ls / >/dev/null; (cat /etc/hostname | wc -l) >/dev/null; true & wait'
	"$HACHI" run -j -o "$tmp/out" test/cli/syscalls.bpf.c -- sh -c "$script" >/dev/null 2>"$tmp/err"
	strace -f -n -X raw -e raw=all -o "$tmp/strace" sh -c "$script" >/dev/null 2>&1
	# several processes: the order between them is not fixed, the counts of opens and execs are
	for nr in 59 257; do
		a=$(ours | grep -c "^$nr ")
		b=$(theirs "$tmp/strace" | grep -c "^$nr ")
		expect_equal "several processes: calls of number $nr" "$a" "$b"
	done
fi

cat >"$tmp/ids.bpf.c" <<'C'
#include "vmlinux.h"
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
char LICENSE[] SEC("license") = "GPL";
SEC("ksyscall/getppid")
int p(struct pt_regs *ctx)
{
	struct task_struct *t = (void *)bpf_get_current_task();
	__u64 id = bpf_get_current_pid_tgid(), ug = bpf_get_current_uid_gid();
	bpf_printk("pid %d tid %d uid %d", (int)(id >> 32), (int)id, (int)ug);
	bpf_printk("ppid %d task %d cred %d", BPF_CORE_READ(t, real_parent, tgid), BPF_CORE_READ(t, pid),
		BPF_CORE_READ(t, cred, uid.val));
	return 0;
}
SEC("fexit/__x64_sys_kill")
int BPF_PROG(q, struct pt_regs *regs, long ret)
{
	bpf_printk("fexit %ld", ret);
	return 0;
}
SEC("kretprobe/__x64_sys_kill")
int BPF_KRETPROBE(r, long ret)
{
	bpf_printk("kretprobe %ld", ret);
	return 0;
}
SEC("tp_btf/sys_exit")
int BPF_PROG(s, struct pt_regs *regs, long ret)
{
	if (regs->orig_ax == 62)
		bpf_printk("tp_btf %ld", ret);
	return 0;
}
SEC("tp/sched/sched_process_exit")
int t(void *ctx)
{
	bpf_printk("exit");
	return 0;
}
C
cat >"$tmp/ids.c" <<'C'
#include <signal.h>
#include <stdio.h>
#include <unistd.h>
int main(void) { int p = getppid(); kill(getpid(), 65); printf("SELF %d %d %d\n", getpid(), p, getuid()); return 0; }
C
if cc -o "$tmp/ids" "$tmp/ids.c" && [ -r /sys/kernel/btf/vmlinux ]; then
	run "$HACHI" run "$tmp/ids.bpf.c" -- "$tmp/ids"
	# shellcheck disable=SC2046
	set -- $(sed -n 's/^SELF //p' "$tmp/out")
	expect_line "pid, tid and uid are the command's own" "pid $1 tid $1 uid $3\$"
	expect_line "real_parent, pid and cred by CO-RE are true" "ppid $2 task $1 cred $3\$"
	expect_line "fexit sees the result" "fexit -22\$"
	expect_line "kretprobe sees the result" "kretprobe -22\$"
	expect_line "tp_btf follows the registers" "tp_btf -22\$"
	expect_line "sched_process_exit fires" ': exit$'
else
	skip "ids" "no kernel BTF"
fi

cat >"$tmp/probed.c" <<'C'
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>
__attribute__((noinline)) long triple(long n) { __asm__ volatile("" : "+r"(n)); return n * 3; }
__attribute__((noinline)) long sum(long n) { return n <= 0 ? 0 : n + sum(n - 1); }
static void *work(void *a) { for (int i = 0; i < 100; i++) triple((long)a); return a; }
int main(void)
{
	pthread_t t[4];
	for (long i = 0; i < 4; i++) pthread_create(&t[i], 0, work, (void *)i);
	for (int i = 0; i < 4; i++) pthread_join(t[i], 0);
	if (fork() == 0) { triple(7); _exit(0); }
	int s; wait(&s);
	printf("sum %ld\n", sum(10));
	return 0;
}
C
cat >"$tmp/probed.bpf.c" <<C
#include <linux/bpf.h>
#include <linux/ptrace.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
char LICENSE[] SEC("license") = "GPL";
__u64 calls, returns, sums, args;
SEC("uprobe/$tmp/probed:triple")
int BPF_KPROBE(a, long n) { __sync_fetch_and_add(&calls, 1); __sync_fetch_and_add(&args, n); return 0; }
SEC("uretprobe/$tmp/probed:triple")
int BPF_KRETPROBE(b, long r) { __sync_fetch_and_add(&returns, r); return 0; }
SEC("uretprobe/$tmp/probed:sum")
int BPF_KRETPROBE(c, long r) { __sync_fetch_and_add(&sums, 1); if (r == 55) bpf_printk("sum returned %ld", r); return 0; }
SEC("tp/sched/sched_process_exit")
int d(void *ctx) { bpf_printk("calls %ld args %ld returns %ld", calls, args, returns); bpf_printk("sums %ld", sums); return 0; }
C
if cc -O1 -fno-inline -pthread -o "$tmp/probed" "$tmp/probed.c"; then
	run "$HACHI" run "$tmp/probed.bpf.c" -- "$tmp/probed"
	expect_line "probed threads and children still work" '^sum 55$'
	expect_line "uprobe: each call of each thread and child, with its argument" \
		'calls 401 args 607 returns 1821$'
	expect_line "uretprobe: recursion returns in order" 'sum returned 55$'
	expect_line "uretprobe: one return a call" 'sums 11$'
fi
finish
