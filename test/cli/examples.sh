#!/bin/sh
# Every example does what its head says, on real commands.
cd "$(dirname "$0")/../.." || exit 1
. test/cli/lib.sh

have clang-19 || have clang || {
	skip "examples" "clang is not installed"
	finish
	exit 0
}

run "$HACHI" run examples/hello.bpf.c -- sh -c 'ls / >/dev/null; true'
expect_status "hello: the command's own exit status" 0
expect_line "hello: a line for a created process, in trace_pipe's format" \
	'^ +[^ ]+-[0-9]+ +\[[0-9]{3}\] [^ ]{5} +[0-9]+\.[0-9]{6}: bpf_trace_printk: Hello, World!$'
expect_line "hello: a line for a started program" 'bpf_trace_printk: Hello, execve!$'

run "$HACHI" run examples/hello.bpf.c -- sh -c 'exit 7'
expect_status "the exit status is the command's" 7
run "$HACHI" run examples/hello.bpf.c -- sh -c 'kill -TERM $$'
expect_status "a signal gives 128 + its number" 143

run "$HACHI" run examples/opensnoop.bpf.c -- cat /etc/hostname
expect_status "opensnoop: runs" 0
expect_line "opensnoop: a header of the members" 'PID +RET +COMM +PATH'
expect_line "opensnoop: the file that was opened" '^ *[0-9]+ +3 +cat +/etc/hostname$'
run "$HACHI" run -j examples/opensnoop.bpf.c -- cat /etc/hostname
expect_line "opensnoop: JSON" '"path":"/etc/hostname"'

run "$HACHI" run examples/execsnoop.bpf.c -- sh -c '/bin/ls / >/dev/null; true'
expect_line "execsnoop: the program, through a perf buffer" ' sh +/bin/ls$'
parent=$(awk '$NF == "/bin/ls" {print $(NF-3)}' "$tmp/out")
child_parent=$(awk '/\/sh$/ {for (i = 1; i <= NF; i++) if ($i ~ /^[0-9]+$/) {print $i; exit}}' "$tmp/out")
expect_equal "execsnoop: the parent by CO-RE is the shell" "$parent" "$child_parent"

run "$HACHI" run examples/bytes.bpf.c -- sh -c 'echo 12345'
expect_line "bytes: six bytes were written" ' 6$'
run "$HACHI" run -i 0.3 examples/bytes.bpf.c -- sh -c 'echo hello; sleep 1; echo again'
expect_line "bytes: at an interval, with the time" '^[0-9][0-9]:[0-9][0-9]:[0-9][0-9]$'

run "$HACHI" run examples/latency.bpf.c -- ls -l /etc
expect_line "latency: a histogram as BCC draws it" '^ +usecs +: count +distribution$'
expect_line "latency: with stars" '^ +[0-9]+ -> [0-9]+ +: [1-9][0-9]* +\|\*+ *\|$'

run "$HACHI" run examples/mallocs.bpf.c -- ls /
expect_line "mallocs: by uprobe on libc" 'CALLS'
expect_line "mallocs: no call failed, some were made" '^ *[0-9]+ +[1-9][0-9]+ +[1-9][0-9]+ +0$'

run "$HACHI" run examples/dispatcher.bpf.c -r examples/sample.pcap
expect_status "dispatcher: runs" 0
expect_line "dispatcher: 45 packets" '^dispatch: 45 packets, 35 passed'
expect_line "dispatcher: 20 TCP by tail call" '^ *1 +20$'
expect_line "dispatcher: 10 UDP by tail call" '^ *2 +10$'

run "$HACHI" run examples/xdp_drop.bpf.c -r examples/sample.pcap -w "$tmp/passed.pcap"
expect_line "xdp_drop: ten ICMP packets are dropped" '^ +XDP_DROP +10$'
expect_line "xdp_drop: counted by protocol" '^ *1 +10$'
if needs "xdp_drop: tcpdump reads what passed" tcpdump; then
	expect_equal "xdp_drop: what passed has no ICMP" \
		"$(tcpdump -nr "$tmp/passed.pcap" icmp 2>/dev/null | wc -l)" 0
	expect_equal "xdp_drop: and all else" \
		"$(tcpdump -nr "$tmp/passed.pcap" 2>/dev/null | wc -l)" 35
fi

cc -o "$tmp/make_capture" examples/make_capture.c && "$tmp/make_capture" "$tmp/sample.pcap"
if cmp -s "$tmp/sample.pcap" examples/sample.pcap; then
	pass "the capture in the tree is what its generator writes"
else
	fail "the capture in the tree is what its generator writes"
fi

# shellcheck disable=SC2086
if cc -Iinclude ${HACHI_LDFLAGS:-} -o "$tmp/embed" examples/embed.c "$HACHI_BUILD/libhachi.a" \
	-lpthread 2>"$tmp/err"; then
	run "$tmp/embed"
	expect_line "embed: serves" '^/index.html: served$'
	expect_line "embed: the plug-in refuses, and notes why with the server's helper" '^server: note 403$'
	expect_line "embed: the map is shared" '^GET requests: 2$'
else
	fail "embed: links with libhachi.a alone" "$tmp/err"
fi

run "$HACHI" check examples/broken.bpf.c
expect_status "broken: check says 1" 1
expect_line "broken: names the line of the missing null check" 'broken.bpf.c:[0-9]+' "$tmp/all"
expect_line "broken: shows the line" '\*count \+= 1;' "$tmp/all"
expect_line "broken: the verifier's own words" 'offset is outside of the packet' "$tmp/all"
finish
