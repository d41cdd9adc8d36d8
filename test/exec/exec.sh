#!/bin/sh
# `hachi exec`: unmodified libbpf programs say the same as on the kernel, where that is permitted.
cd "$(dirname "$0")/../.." || exit 1
. test/cli/lib.sh

CLANG=clang-19
have clang-19 || CLANG=clang
if ! have "$CLANG"; then
	skip "programs under exec" "clang is not installed"
	finish
	exit 0
fi
arch=$(uname -m)
"$CLANG" -g -O2 -target bpf -I"/usr/include/$arch-linux-gnu" -c test/exec/objects.bpf.c \
	-o "$tmp/objects.bpf.o" || exit 1
"$CLANG" -g -O2 -target bpf -I"/usr/include/$arch-linux-gnu" -c test/exec/kfuncs.bpf.c \
	-o "$tmp/kfuncs.bpf.o" || exit 1
for program in maps objects may_bpf caps rings kfuncs; do
	cc -O1 -w -o "$tmp/$program" "test/exec/$program.c" -lbpf || exit 1
done

# Without sanitizers of ours in a program that has none of its own.
preload_env=
if nm -D "$HACHI_BUILD/libhachi-preload.so" 2>/dev/null | grep -q __asan_init; then
	preload_env="LD_PRELOAD=$(cc -print-file-name=libasan.so)"
fi

may_use_kernel() {
	"$tmp/may_bpf"
}

compare() { # name, command...
	name=$1
	shift
	env $preload_env "$HACHI" exec -- "$@" >"$tmp/ours" 2>"$tmp/ours.err"
	status=$?
	if [ $status -ne 0 ]; then
		cat "$tmp/ours.err" >>"$tmp/ours"
		fail "$name ends well under exec" "$tmp/ours"
		return
	fi
	pass "$name ends well under exec"
	if ! may_use_kernel; then
		skip "$name says what it says on the kernel" "bpf(2) is not permitted"
		return
	fi
	"$@" >"$tmp/kernel" 2>/dev/null
	diff "$tmp/kernel" "$tmp/ours" >"$tmp/diff"
	if [ $? -eq 0 ]; then
		pass "$name says what it says on the kernel"
	else
		fail "$name says what it says on the kernel" "$tmp/diff"
	fi
}

compare "maps" "$tmp/maps"
compare "what a loader may do" "$tmp/caps"
compare "descriptors, links and events" "$tmp/rings" "$tmp/objects.bpf.o"
if [ -r /sys/kernel/btf/vmlinux ]; then
	compare "kernel functions" "$tmp/kfuncs" "$tmp/kfuncs.bpf.o"
else
	skip "kernel functions" "this machine has no /sys/kernel/btf/vmlinux"
fi
compare "an object" "$tmp/objects" "$tmp/objects.bpf.o"

# As an ordinary user, to whom the kernel would say no.
if [ "$(id -u)" = 0 ] && have setpriv; then
	chmod 755 "$tmp" && chmod 644 "$tmp/objects.bpf.o"
	if setpriv --reuid=65534 --regid=65534 --clear-groups test -r "$HACHI_BUILD/libhachi-preload.so"; then
		env $preload_env setpriv --reuid=65534 --regid=65534 --clear-groups \
			"$HACHI" exec -- "$tmp/objects" "$tmp/objects.bpf.o" >"$tmp/user" 2>&1
		if diff "$tmp/ours" "$tmp/user" >"$tmp/diff"; then
			pass "an object needs no rights"
		else
			fail "an object needs no rights" "$tmp/diff"
		fi
	else
		skip "an object needs no rights" "this tree is not readable to others"
	fi
else
	skip "an object needs no rights" "already an ordinary user"
fi

# What a killed process leaves, the next one removes; what belongs to a living one stays.
mkdir "$tmp/run"
env $preload_env XDG_RUNTIME_DIR="$tmp/run" "$HACHI" exec -- sleep 60 &
killed=$!
env $preload_env XDG_RUNTIME_DIR="$tmp/run" "$HACHI" exec -- sleep 60 &
living=$!
for i in 1 2 3 4 5 6 7 8 9 10; do
	[ -d "$tmp/run/hachi-bpffs.$killed" ] && [ -d "$tmp/run/hachi-bpffs.$living" ] && break
	sleep 0.2
done
kill -9 $killed
wait $killed 2>/dev/null
[ -d "$tmp/run/hachi-bpffs.$killed" ] && pass "a killed process leaves its pins" ||
	fail "a killed process leaves its pins"
env $preload_env XDG_RUNTIME_DIR="$tmp/run" "$HACHI" exec -- true
[ -d "$tmp/run/hachi-bpffs.$killed" ] && fail "which the next one removes" ||
	pass "which the next one removes"
[ -d "$tmp/run/hachi-bpffs.$living" ] && pass "but not those of a living one" ||
	fail "but not those of a living one"
kill $living
wait $living 2>/dev/null
if have bpftool; then
	env $preload_env "$HACHI" exec -- bpftool feature probe >"$tmp/all" 2>&1
	grep -q 'eBPF program_type xdp is available' "$tmp/all" &&
		pass "bpftool probes the instance" || fail "bpftool probes the instance" "$tmp/all"
else
	skip "bpftool probes the instance" "bpftool is not installed"
fi
finish
