#!/bin/sh
# The main job, shown: tools/demo.sh HACHI
set -u
hachi=$1
show() {
	printf '\n\033[1m$ %s\033[0m\n' "$*" | sed "s|$hachi|hachi|"
	"$@" || echo "(exit status $?)"
}
show_some() { # lines command...
	lines=$1
	shift
	printf '\n\033[1m$ %s\033[0m\n' "$*" | sed "s|$hachi|hachi|"
	"$@" | head -n "$lines"
}

echo "hello, world: every process that this shell creates, every program that it starts"
show "$hachi" run examples/hello.bpf.c -- sh -c 'ls / >/dev/null; date >/dev/null'

echo
echo "which files a command opens, through a ring buffer"
show_some 12 "$hachi" run examples/opensnoop.bpf.c -- cat /etc/hostname

echo
echo "how long its system calls take"
show "$hachi" run -o /tmp/hachi-demo.$$ examples/latency.bpf.c -- ls -lR /usr/include/linux -I nothing \
	>/dev/null
cat /tmp/hachi-demo.$$
rm -f /tmp/hachi-demo.$$

echo
echo "an XDP program that drops ICMP, on a capture"
show "$hachi" run examples/xdp_drop.bpf.c -r examples/sample.pcap -w /tmp/hachi-demo.$$.pcap
rm -f /tmp/hachi-demo.$$.pcap

echo
echo "a program that the verifier refuses, and why"
show "$hachi" check examples/broken.bpf.c
