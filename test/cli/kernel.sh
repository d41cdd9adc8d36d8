#!/bin/sh
# The kernel backend on the kernel that runs: the hook matrix and the flows in a network namespace
# and cgroups of our own; options; what is said when something is missing.
cd "$(dirname "$0")/../.." || exit 1
. test/cli/lib.sh

# a chroot has neither mount namespaces nor a network of its own to change
if [ -n "${HACHI_CHROOT:-}" ]; then
	echo "ok 1 - the kernel backend # SKIP inside a chroot"
	echo "1..1"
	exit 0
fi
. test/kernel/matrix.sh

skip_all() {
	skip "the kernel backend on this kernel" "$1"
	finish
	exit 0
}

[ "$(id -u)" = 0 ] || skip_all "not root"
if [ -z "${KERNEL_TEST_INSIDE:-}" ]; then
	unshare -n true 2>/dev/null || skip_all "no network namespace can be made"
	# a descriptor of every kind of object can be made, or BPF is not to be had
	"$HACHI" run --backend kernel examples/opensnoop.bpf.c -- true >/dev/null 2>"$tmp/err" || {
		cat "$tmp/err" >&2
		skip_all "the kernel lets us load no program"
	}
	KERNEL_TEST_INSIDE=1 exec unshare -n "$0"
fi
for tool in clang-19 ip busybox bpftool; do
	have $tool || skip_all "$tool is not installed"
done

OBJ=$tmp/obj
mkdir -p "$OBJ"
bpftool btf dump file /sys/kernel/btf/vmlinux format c >"$tmp/vmlinux.h"
for source in test/kernel/*.bpf.c examples/*.bpf.c; do
	case $source in */broken.bpf.c) continue ;; esac
	clang-19 -g -O2 -target bpf -mcpu=v3 -D__TARGET_ARCH_x86 -I"$tmp" -Itest/kernel \
		-I/usr/include/x86_64-linux-gnu -c "$source" -o "$OBJ/$(basename "$source" .c).o" ||
		echo "# $source does not compile"
done
cc -O1 -o "$tmp/hachi-trigger" test/kernel/trigger.c
PATH=$tmp:$PATH

# What this kernel cannot do is asked of itself, not of hachi.
has_config() {
	{ zcat /proc/config.gz || cat "/boot/config-$(uname -r)"; } 2>/dev/null | grep -q "^$1=[ym]"
}
MISSING=""
has_config CONFIG_KPROBES || MISSING="$MISSING kprobe kprobe_multi"
has_config CONFIG_FUNCTION_ERROR_INJECTION || MISSING="$MISSING trampoline_s"
# loads an fentry program with bpftool: trampolines may be forbidden to us
if ! bpftool prog load "$OBJ/trampoline.bpf.o" "/sys/fs/bpf/hachi-test-$$" 2>"$tmp/why"; then
	MISSING="$MISSING trampoline trampoline_s lsm lsm_cgroup ext"
fi
rm -f "/sys/fs/bpf/hachi-test-$$"

if make_net; then
	trap 'remove_net; rm -rf "$tmp"' EXIT
	matrix
	flow_xdp_drop
	for signal in INT TERM KILL; do
		interrupt $signal
	done
else
	fail "two connected network devices"
fi
flow_biolatency /var/tmp
case $MISSING in
*kprobe*) ;;
*)
	flow_hello
	flow_writepages /var/tmp
	flow_uds_send
	;;
esac

# ---- trace lines without kprobes
cat >"$tmp/print.bpf.c" <<'C'
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
char LICENSE[] SEC("license") = "GPL";
SEC("tp/syscalls/sys_enter_execve") int say(void *ctx)
{
	bpf_printk("Hello, execve!");
	return 0;
}
C
# the machine has one trace_pipe: another reader may have it for a moment
for _ in 1 2 3 4 5 6 7 8 9 10; do
	run hachi --only-command "$tmp/print.bpf.c" -- /bin/true
	grep -q 'another process reads it' "$tmp/err" || break
	sleep 1
done
# lines of a program that somebody else runs
cat >"$tmp/tracelog.bpf.c" <<'C'
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
char LICENSE[] SEC("license") = "GPL";
SEC("xdp") int say(void *ctx) { bpf_printk("tracelog sees %d", 42); return 2; }
C
head -c 64 /dev/zero >"$tmp/frame"
timeout -s INT 20 "$HACHI" prog tracelog >"$tmp/tracelog" 2>&1 &
tracelog=$!
for _ in 1 2 3 4 5 6 7 8 9 10; do
	run "$HACHI" prog run "$tmp/tracelog.bpf.c" say data_in "$tmp/frame" --backend kernel
	grep -q 'sees 42' "$tmp/tracelog" && break
	sleep 0.3
done
kill "$tracelog" 2>/dev/null
wait "$tracelog" 2>/dev/null
expect_line "prog tracelog: the line of a program that ran meanwhile" \
	'^ +[^ ]+-[0-9]+ +\[[0-9]+\] .* bpf_trace_printk: tracelog sees 42$' "$tmp/tracelog"

run hachi --only-command "$tmp/print.bpf.c" -- /bin/sh -c '/bin/true; /bin/true; :'
expect_line "trace lines: as trace_pipe has them" \
	'^ +[^ ]+-[0-9]+ +\[[0-9]{3}\] [^ ]{4,6} +[0-9]+\.[0-9]{6}: bpf_trace_printk: Hello, execve!$'
expect_equal "--only-command: three programs were started, no other's are seen" \
	"$(grep -c 'Hello, execve' "$tmp/out")" 3
run hachi -j --only-command "$tmp/print.bpf.c" -- /bin/true
expect_line "trace lines: JSON" '"text":"Hello, execve!"'
# where tracefs is not mounted, it is for us alone
run unshare -m sh -c "umount -l /sys/kernel/tracing; umount -l /sys/kernel/tracing
	umount -l /sys/kernel/debug; '$HACHI' run --backend kernel --only-command '$tmp/print.bpf.c' \
	-- sh -c 'ls /sys/kernel/tracing | grep -c trace_pipe'"
expect_line "tracefs is mounted for hachi when it is not mounted" 'Hello, execve!'
expect_line "and not for the command" '^0$'

# ---- the command and its end
run hachi "$OBJ/opensnoop.bpf.o" -- sh -c 'exit 7'
expect_status "the exit status is the command's" 7
run hachi "$OBJ/opensnoop.bpf.o" -- /no/such/command
expect_status "a command that is not there" 125
expect_line "a command that is not there: said" 'Error: /no/such/command: cannot be run: No such file' "$tmp/err"
run hachi -d 0.3 -j "$OBJ/opensnoop.bpf.o"
expect_status "without a command, for a while" 0
run hachi --only-command "$OBJ/opensnoop.bpf.o" -- sh -c 'cat /etc/hostname & wait'
expect_line "children of the command are seen too" ' cat +/etc/hostname$'

# ---- the same program, the same command: the same table from both backends
for backend in user kernel; do
	"$HACHI" run --backend $backend --map bytes_hist "$OBJ/mallocs.bpf.o" \
		"$([ $backend = user ] && echo --time || echo --only-command)" -- \
		ls / >"$tmp/mallocs.$backend" 2>"$tmp/err"
	grep ' -> ' "$tmp/mallocs.$backend" >"$tmp/hist.$backend"
done
if [ -s "$tmp/hist.user" ] && cmp -s "$tmp/hist.user" "$tmp/hist.kernel"; then
	pass "both backends see the same calls of malloc"
else
	diff "$tmp/hist.user" "$tmp/hist.kernel" >"$tmp/all"
	fail "both backends see the same calls of malloc" "$tmp/all"
fi

# ---- which backend
run "$HACHI" run --backend auto "$OBJ/opensnoop.bpf.o" -- cat /etc/hostname
expect_line "auto: user space where it serves, and says so" '^hachi: user backend$' "$tmp/err"
run "$HACHI" run --backend auto "$OBJ/tp_btf.bpf.o" -- hachi-trigger
expect_status "auto: sched_process_exec is served in user space" 0
run "$HACHI" run --backend auto -d 1 --map usecs_hist "$OBJ/biolatency.bpf.o" -- true
expect_line "auto: the kernel where only it serves, and says why" \
	'^hachi: kernel backend: .*block_rq' "$tmp/err"
run "$HACHI" run --backend wrong "$OBJ/opensnoop.bpf.o" -- true
expect_status "no such backend" 125
run "$HACHI" run --dev lo "$OBJ/xdp.bpf.o" -- true
expect_line "--dev is for the kernel" '^Error: --dev is for the kernel' "$tmp/err"

# ---- seccomp: mkdir fails with EPERM, all else goes (struct sock_filter: code, jt, jf, k)
{
	printf '\040\0\0\0\0\0\0\0' # ld [0]
	printf '\025\0\0\001\123\0\0\0' # jeq #83 (mkdir)
	printf '\006\0\0\0\001\0\005\0' # ret ERRNO(1)
	printf '\006\0\0\0\0\0\377\177' # ret ALLOW
} >"$tmp/policy"
run "$HACHI" filter --seccomp "$tmp/policy" -- busybox mkdir "$tmp/forbidden"
expect_line "seccomp: the kernel applies the filter" 'Operation not permitted' "$tmp/err"
run "$HACHI" filter --seccomp "$tmp/policy" -- sh -c 'exit 5'
expect_status "seccomp: what the filter allows goes on" 5

# ---- check
run "$HACHI" check --backend kernel examples/broken.bpf.c
expect_status "check: the kernel refuses what it must" 1
expect_line "check: with the kernel's words" "verifier: .*(map_value_or_null|invalid access to packet)"
run "$HACHI" check --backend kernel "$OBJ/opensnoop.bpf.o"
expect_line "check: the kernel accepts" ': accepted \([0-9]+ instructions, [1-9][0-9]* verified\)$'

# ---- what is missing
run hachi "$OBJ/xdp.bpf.o" -- true
expect_line "xdp wants a device" 'wants a network device: give --dev IFACE$' "$tmp/err"
run hachi --dev nosuchdev0 "$OBJ/xdp.bpf.o" -- true
expect_line "a device that is not there" '^Error: --dev nosuchdev0: No such device$' "$tmp/err"
run hachi "$OBJ/lwt.bpf.o" --dev lo -- true
expect_line "lwt wants a route" 'wants a route: give --route PREFIX' "$tmp/err"
run hachi --cgroup /no/such/cgroup "$OBJ/cgroup.bpf.o" -- true
expect_line "a cgroup that is not there" '^Error: --cgroup /no/such/cgroup: No such file' "$tmp/err"
run hachi --cgroup /tmp "$OBJ/cgroup.bpf.o" -- true
expect_line "a folder that is no cgroup" 'missing: that is no cgroup of version 2' "$tmp/err"
cat >"$tmp/tp.bpf.c" <<'C'
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
char LICENSE[] SEC("license") = "GPL";
SEC("tp/sched/no_such_thing") int say(void *ctx)
{
	return 0;
}
C
run hachi "$tmp/tp.bpf.c" -- true
expect_line "a tracepoint that is not there" 'missing: this kernel has no tracepoint sched/no_such_thing' "$tmp/err"
if have setpriv; then
	chmod 755 "$tmp" "$OBJ"
	run setpriv --reuid 65534 --regid 65534 --clear-groups "$HACHI" run --backend kernel \
		"$OBJ/opensnoop.bpf.o" -- true
	expect_status "without rights" 125
	expect_line "without rights: which" 'lacks CAP_' "$tmp/err"
	expect_line "without rights: user space serves" 'the user backend can serve it' "$tmp/err"
fi

[ -z "${KERNEL_TEST_RESULTS:-}" ] || sed "s/^/$(uname -r | cut -d. -f1,2)	/" "$tmp/results" >"$KERNEL_TEST_RESULTS"
finish
