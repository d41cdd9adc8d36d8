#!/bin/sh
# Bad input: one clear sentence, the right exit status, nothing left behind.
# shellcheck disable=SC2015 # pass and fail do not fail
cd "$(dirname "$0")/../.." || exit 1
. test/cli/lib.sh

# temporary objects of this test alone
mkdir "$tmp/tmpdir"
export TMPDIR="$tmp/tmpdir"

as_user() {
	if [ "$(id -u)" = 0 ]; then
		setpriv --reuid=65534 --regid=65534 --clear-groups "$@"
	else
		"$@"
	fi
}

one_sentence() { # name
	if [ "$(grep -c '^Error: ' "$tmp/err")" = 1 ]; then
		pass "$1"
	else
		fail "$1" "$tmp/all"
	fi
}

run "$HACHI"
expect_status "no verb" 2
run "$HACHI" frobnicate
expect_status "an unknown verb" 2
expect_line "an unknown verb is named" 'frobnicate' "$tmp/err"
run "$HACHI" run
expect_status "run without a file" 125
run "$HACHI" run nothere.bpf.o -- true
expect_status "a file that is not there" 125
expect_line "a file that is not there is named" '^Error: nothere.bpf.o: No such file' "$tmp/err"
run "$HACHI" run --engine warp examples/hello.bpf.c -- true
expect_line "an engine that is not" '^Error: --engine warp' "$tmp/err"
run "$HACHI" run --harden some examples/hello.bpf.c -- true
expect_line "hardening of no kind" '^Error: --harden some' "$tmp/err"
run "$HACHI" run --kernel 3.2 examples/hello.bpf.c -- true
expect_line "a kernel that is not known" '^Error: --kernel 3.2' "$tmp/err"

printf 'hello' >"$tmp/text.bpf.o"
run "$HACHI" run "$tmp/text.bpf.o" -- true
expect_status "a text file as object" 125
one_sentence "a text file as object: one sentence"
expect_line "a text file as object: says so" 'not an ELF file' "$tmp/err"
run "$HACHI" run "$HACHI" -- true
expect_line "an object of another machine" 'another machine' "$tmp/err"
run "$HACHI" run / -- true
expect_status "a directory as object" 125
one_sentence "a directory as object: one sentence"

if have clang-19 || have clang; then
	clang=$(command -v clang-19 || command -v clang)
	"$clang" -g -O2 -target bpf -I/usr/include/x86_64-linux-gnu -c examples/xdp_drop.bpf.c \
		-o "$tmp/good.bpf.o"
	size=$(wc -c <"$tmp/good.bpf.o")
	for at in 10 63 64 200 1000 $((size / 2)) $((size - 100)); do
		head -c "$at" "$tmp/good.bpf.o" >"$tmp/cut.bpf.o"
		run "$HACHI" run "$tmp/cut.bpf.o" -r examples/sample.pcap
		if [ "$status" = 125 ] && grep -q "^Error: .*cut.bpf.o" "$tmp/err"; then
			pass "an object cut at byte $at is refused with its name"
		else
			fail "an object cut at byte $at is refused with its name" "$tmp/all"
		fi
	done
	# BTF that says more than there is, a kind that is none, a type that refers to itself
	section_at() { # name
		printf '%d' "0x$(readelf -SW "$tmp/good.bpf.o" |
			sed -n "s/.* $1  *PROGBITS  *[0-9a-f]*  *\([0-9a-f]*\) .*/\1/p")"
	}
	for hostile in '.BTF 12 \377\377\377\177' '.BTF 28 \0\0\0\077' '.BTF 28 \0\0\0\002\001\0\0\0' \
		'.BTF 4 \377\377\0\0' '.BTF.ext 12 \377\377\377\177' '.BTF.ext 8 \377\377\377\377'; do
		# shellcheck disable=SC2086 # section, offset, bytes
		set -- $hostile
		cp "$tmp/good.bpf.o" "$tmp/hostile.bpf.o"
		# shellcheck disable=SC2059 # the bytes are the format
		printf "$3" | dd of="$tmp/hostile.bpf.o" bs=1 seek=$(($(section_at "$1") + $2)) \
			conv=notrunc 2>/dev/null
		run "$HACHI" run "$tmp/hostile.bpf.o" -r examples/sample.pcap
		if [ "$status" = 125 ] && grep -q '^Error: .*hostile.bpf.o.*' "$tmp/err" &&
			[ "$(grep -c '^Error: ' "$tmp/err")" = 1 ]; then
			pass "hostile $1 at byte $2 is refused with the file's name"
		else
			fail "hostile $1 at byte $2 is refused with the file's name" "$tmp/all"
		fi
	done
	run "$HACHI" run "$tmp/good.bpf.o" -- true
	expect_status "an XDP program without packets" 125
	expect_line "an XDP program without packets: asks for a capture" '-r FILE.pcap' "$tmp/err"
	run "$HACHI" run "$tmp/good.bpf.o" -r "$tmp/nothere.pcap"
	expect_line "a capture that is not there" 'nothere.pcap' "$tmp/err"
	run "$HACHI" run "$tmp/good.bpf.o" -r "$tmp/text.bpf.o"
	expect_status "a capture that is none" 125
	run "$HACHI" run "$tmp/good.bpf.o" -r examples
	expect_status "a folder as capture" 125
	if [ "$(id -u)" != 0 ] || { have setpriv && as_user test -r "$HACHI"; }; then
		cp examples/sample.pcap "$tmp/secret.pcap"
		chmod 755 "$tmp" && chmod 644 "$tmp/good.bpf.o" && chmod 0 "$tmp/secret.pcap"
		run as_user "$HACHI" run "$tmp/good.bpf.o" -r "$tmp/secret.pcap"
		expect_status "a capture that may not be read" 125
		expect_line "a capture that may not be read: says so" 'secret.pcap: Permission denied' "$tmp/err"
	else
		skip "a capture that may not be read" "this tree is not readable to others"
	fi
	head -c 1000 examples/sample.pcap >"$tmp/cut.pcap"
	run "$HACHI" run "$tmp/good.bpf.o" -r "$tmp/cut.pcap"
	expect_status "a capture that is cut off" 125
	expect_line "a capture that is cut off: the packets before are done" 'passed' "$tmp/out"
	if [ -c /dev/full ]; then
		run "$HACHI" run "$tmp/good.bpf.o" -r examples/sample.pcap -w /dev/full
		expect_status "a full disk at -w" 125
		expect_line "a full disk at -w: says so" 'No space left' "$tmp/err"
		run sh -c "'$HACHI' run '$tmp/good.bpf.o' -r examples/sample.pcap >/dev/full"
		expect_status "a full disk at standard output" 125
		run "$HACHI" run -o /dev/full examples/hello.bpf.c -- sh -c 'exit 3'
		expect_status "a full disk at -o" 125
		expect_line "a full disk at -o: says so" 'No space left' "$tmp/err"
	fi

	cat >"$tmp/kernel_only.bpf.c" <<'C'
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
char LICENSE[] SEC("license") = "GPL";
SEC("kprobe/do_writepages")
int p(void *ctx) { return 0; }
C
	run "$HACHI" run "$tmp/kernel_only.bpf.c" -- true
	expect_status "a kprobe inside the kernel" 125
	expect_line "a kprobe inside the kernel: names the section and who could serve it" \
		'kprobe/do_writepages.*kernel' "$tmp/err"
	cat >"$tmp/helper.bpf.c" <<'C'
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
char LICENSE[] SEC("license") = "GPL";
SEC("tc")
int p(struct __sk_buff *skb)
{
	struct bpf_sock_tuple t = {};
	struct bpf_sock *sk = bpf_skc_lookup_tcp(skb, &t, sizeof(t.ipv4), 0, 0);
	if (sk)
		bpf_sk_release(sk);
	return 0;
}
C
	run "$HACHI" run "$tmp/helper.bpf.c" -r examples/sample.pcap
	expect_status "a helper that user space lacks" 125
	expect_line "a helper that user space lacks: names it and who has it" \
		'helper bpf_sk.* is not available in user space; --backend kernel has it' "$tmp/err"
	cat >"$tmp/symbol.bpf.c" <<'C'
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
char LICENSE[] SEC("license") = "GPL";
SEC("uprobe/libc.so.6:no_such_function")
int p(void *ctx) { return 0; }
C
	run "$HACHI" run "$tmp/symbol.bpf.c" -- true
	expect_status "a uprobe on a missing symbol" 125
	expect_line "a uprobe on a missing symbol: names it" 'no_such_function' "$tmp/err"
	cat >"$tmp/large.bpf.c" <<'C'
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
char LICENSE[] SEC("license") = "GPL";
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 0xffffffff);
	__type(key, __u64);
	__type(value, __u64);
} large SEC(".maps");
SEC("tp/syscalls/sys_enter_getpid")
int p(void *ctx)
{
	__u64 k = 1;
	bpf_map_delete_elem(&large, &k);
	return 0;
}
C
	run "$HACHI" run "$tmp/large.bpf.c" -- true
	expect_status "a map too large" 125
	expect_line "a map too large: names it" 'large' "$tmp/err"
	echo 'int broken(' >"$tmp/syntax.bpf.c"
	run "$HACHI" run "$tmp/syntax.bpf.c" -- true
	expect_status "C that does not compile" 125
	expect_line "C that does not compile: the compiler's line" 'syntax.bpf.c:1' "$tmp/err"
	run "$HACHI" run examples/hello.bpf.c -- no-such-command-anywhere
	expect_status "a missing command" 125
	expect_line "a missing command: names it" 'no-such-command-anywhere.*No such file' "$tmp/err"
	echo data >"$tmp/data"
	run "$HACHI" run examples/hello.bpf.c -- "$tmp/data"
	expect_status "a command that cannot be executed" 125
	run env PATH=/nonexistent "$HACHI" run examples/hello.bpf.c -- /bin/true
	expect_line "no clang: says what to install" 'clang-19' "$tmp/err"

	run "$HACHI" run -o "$tmp/nowhere/out" examples/hello.bpf.c -- true
	expect_line "an output file that cannot be made: names it" 'nowhere/out: No such file' "$tmp/err"
	run "$HACHI" run -d never examples/hello.bpf.c -- true
	expect_line "-d without a number" '^Error: -d never' "$tmp/err"
	run "$HACHI" exec -- no-such-program-anywhere
	expect_status "exec of a missing program" 125
	expect_line "exec of a missing program: names it" 'no-such-program-anywhere' "$tmp/err"

	# a callback that no turn of its loop enters: gone, and nothing refers to it any more
	cat >"$tmp/noturn.bpf.c" <<'C'
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
char LICENSE[] SEC("license") = "GPL";
static long turn(unsigned int i, void *arg) { return 0; }
SEC("xdp") int no_turn(void *ctx) { bpf_loop(0, turn, 0, 0); return 2; }
C
	head -c 64 /dev/zero >"$tmp/frame"
	for engine in interp jit; do
		run "$HACHI" prog run "$tmp/noturn.bpf.c" no_turn data_in "$tmp/frame" --engine $engine
		expect_line "bpf_loop() of no turns, $engine" '^Return value: 2,'
	done

	# refused, or ended early: the command is not started, or goes on untraced to its own end
	run "$HACHI" run examples/broken.bpf.c -- touch "$tmp/started"
	expect_status "a program that is refused" 125
	expect_line "a program that is refused: its line" 'broken.bpf.c:[0-9]+:[0-9]+' "$tmp/err"
	[ -e "$tmp/started" ] && fail "a program that is refused: the command is not started" ||
		pass "a program that is refused: the command is not started"
	run "$HACHI" run -d 0.2 examples/hello.bpf.c -- sh -c "sleep 1; /bin/echo end >'$tmp/end'; exit 7"
	expect_status "a command outlives -d" 7
	expect_equal "a command outlives -d, and is neither stopped nor killed" "$(cat "$tmp/end")" end

	run timeout -s INT 2 "$HACHI" run examples/bytes.bpf.c -- sh -c 'echo abc; exec sleep 3'
	expect_line "Ctrl-C ends with the maps printed" ' 4$' "$tmp/all"
	if pgrep -f "hachi run $tmp" >/dev/null; then
		fail "nothing is left running"
	else
		pass "nothing is left running"
	fi
else
	skip "objects and sources" "clang is not installed"
fi
if ls "$TMPDIR"/hachi-*.bpf.o >/dev/null 2>&1; then
	fail "no temporary object is left"
else
	pass "no temporary object is left"
fi
finish
