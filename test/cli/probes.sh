#!/bin/sh
# USDT probes, sampling, captures in other formats, and the options of run.
cd "$(dirname "$0")/../.." || exit 1
. test/cli/lib.sh

have clang-19 || have clang || {
	skip "probes" "clang is not installed"
	finish
	exit 0
}

# A USDT probe as <sys/sdt.h> makes it, with a semaphore, written by hand.
cat >"$tmp/usdt.c" <<'C'
#include <stdio.h>
#include <unistd.h>
__attribute__((section(".probes"))) volatile unsigned short my_semaphore = 0;
static void fire(long a, int b)
{
	__asm__ volatile("990: nop\n"
		".pushsection .note.stapsdt,\"\",\"note\"\n"
		".balign 4\n.4byte 992f-991f, 994f-993f, 3\n"
		"991: .asciz \"stapsdt\"\n992: .balign 4\n"
		"993: .8byte 990b\n.8byte _.stapsdt.base\n.8byte my_semaphore\n"
		".asciz \"app\"\n.asciz \"tick\"\n.asciz \"-8@%0 -4@%1\"\n"
		"994: .balign 4\n.popsection\n"
		".ifndef _.stapsdt.base\n"
		".pushsection .stapsdt.base,\"aG\",\"progbits\",.stapsdt.base,comdat\n"
		".weak _.stapsdt.base\n.hidden _.stapsdt.base\n_.stapsdt.base: .space 1\n"
		".size _.stapsdt.base, 1\n.popsection\n.endif\n" ::"r"(a), "r"(b));
}
int main(void)
{
	int fired = 0;
	for (int i = 0; i < 5; i++)
		if (my_semaphore) { fire(1000 + i, -i); fired++; }
	printf("semaphore let %d through\n", fired);
	return 0;
}
C
cat >"$tmp/usdt.bpf.c" <<C
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include <bpf/usdt.bpf.h>
char LICENSE[] SEC("license") = "GPL";
SEC("usdt/$tmp/usdt:app:tick")
int BPF_USDT(tick, long a, int b)
{
	bpf_printk("tick %ld %d", a, b);
	return 0;
}
C
if cc -O1 -o "$tmp/usdt" "$tmp/usdt.c" 2>"$tmp/err"; then
	run "$HACHI" run "$tmp/usdt.bpf.c" -- "$tmp/usdt"
	expect_status "usdt: runs" 0
	expect_line "usdt: the semaphore is raised" 'semaphore let 5 through'
	expect_line "usdt: arguments of both sizes" 'tick 1004 -4$'
	expect_equal "usdt: once a pass" "$(grep -c 'tick 100' "$tmp/out")" 5
else
	fail "usdt: compiles" "$tmp/err"
fi

cat >"$tmp/sample.bpf.c" <<'C'
#include <linux/bpf.h>
#include <linux/bpf_perf_event.h>
#include <bpf/bpf_helpers.h>
char LICENSE[] SEC("license") = "GPL";
struct key { __u32 tgid; __s32 stack; };
struct { __uint(type, BPF_MAP_TYPE_STACK_TRACE); __uint(max_entries, 1024);
	__uint(key_size, 4); __uint(value_size, 64 * 8); } stacks SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_HASH); __uint(max_entries, 1024);
	__type(key, struct key); __type(value, __u64); } counts SEC(".maps");
SEC("perf_event")
int sample(struct bpf_perf_event_data *ctx)
{
	struct key key = {.tgid = bpf_get_current_pid_tgid() >> 32};
	__u64 one = 1, *n;
	key.stack = bpf_get_stackid(ctx, &stacks, BPF_F_USER_STACK);
	n = bpf_map_lookup_elem(&counts, &key);
	if (n)
		__sync_fetch_and_add(n, 1);
	else
		bpf_map_update_elem(&counts, &key, &one, BPF_ANY);
	return 0;
}
C
cat >"$tmp/spin.c" <<'C'
#include <time.h>
int main(void)
{
	for (;;) {
		struct timespec t;
		clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
		if (t.tv_sec * 1000 + t.tv_nsec / 1000000 > 600) return 0;
	}
}
C
cc -O1 -fno-omit-frame-pointer -o "$tmp/spin" "$tmp/spin.c"
run "$HACHI" run --freq 99 "$tmp/sample.bpf.c" -- "$tmp/spin"
samples=$(awk '/^counts/ {on = 1; next} on && $NF ~ /^[0-9]+$/ {n += $NF} /^$/ {if (n) on = 0} END {print n + 0}' "$tmp/out")
if [ "$samples" -ge 20 ] && [ "$samples" -le 120 ]; then
	pass "perf_event: 0.6 s of CPU at 99 Hz give about 60 samples"
else
	echo "# $samples samples"
	fail "perf_event: 0.6 s of CPU at 99 Hz give about 60 samples" "$tmp/all"
fi
run "$HACHI" run --freq 99 "$tmp/sample.bpf.c" -- sleep 0.5
refute_line "perf_event: a command that sleeps is not sampled" 'COUNT +[1-9][0-9]'

# what is lost is counted, also when nothing comes after it
cat >"$tmp/lost.bpf.c" <<'C'
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
char LICENSE[] SEC("license") = "GPL";
struct { __uint(type, BPF_MAP_TYPE_PERF_EVENT_ARRAY); __type(key, __u32); __type(value, __u32); }
	events SEC(".maps");
SEC("tp/syscalls/sys_enter_execve")
int p(void *ctx)
{
	char text[256] = "x";
	for (int i = 0; i < 20000; i++)
		bpf_perf_event_output(ctx, &events, BPF_F_CURRENT_CPU, text, sizeof(text));
	return 0;
}
C
run "$HACHI" run "$tmp/lost.bpf.c" -- true
seen=$(grep -c '^78 ' "$tmp/out")
lost=$(sed -n 's/^Warning: \([0-9]*\) events were lost.*/\1/p' "$tmp/err")
expect_equal "events that are shown and events that were lost are all that were sent" \
	"$((seen + ${lost:-0}))" 20000

# captures: pcapng and nanoseconds
if needs "captures" tcpdump; then
	cat >"$tmp/pcapng.c" <<'C'
#include <stdio.h>
#include <string.h>
#include <stdint.h>
/* a section header, an interface with nanosecond stamps, one enhanced packet */
int main(void)
{
	uint32_t shb[] = {0x0a0d0d0a, 28, 0x1a2b3c4d, 1, 0xffffffff, 0xffffffff, 28};
	uint32_t idb[] = {1, 32, 1, 65535, 9 | 1 << 16, 9, 0, 32};
	uint64_t ns = 1700000000123456789ull;
	uint8_t packet[60] = {2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0, 0x45};
	uint32_t epb[7] = {6, 92, 0, ns >> 32, (uint32_t)ns, 60, 60}, end = 92;
	packet[23] = 1;
	fwrite(shb, sizeof shb, 1, stdout);
	fwrite(idb, sizeof idb, 1, stdout);
	fwrite(epb, sizeof epb, 1, stdout);
	fwrite(packet, sizeof packet, 1, stdout);
	fwrite(&end, sizeof end, 1, stdout);
	return 0;
}
C
	cat >"$tmp/clock.bpf.c" <<'C'
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
char LICENSE[] SEC("license") = "GPL";
SEC("xdp")
int show(struct xdp_md *ctx)
{
	bpf_printk("at %llu, %d bytes", bpf_ktime_get_ns(), ctx->data_end - ctx->data);
	return XDP_PASS;
}
C
	cc -o "$tmp/pcapng" "$tmp/pcapng.c" && "$tmp/pcapng" >"$tmp/one.pcapng"
	run "$HACHI" run "$tmp/clock.bpf.c" -r "$tmp/one.pcapng" -w "$tmp/one.pcap"
	expect_line "pcapng: the clock is the capture's, to the nanosecond" 'at 1700000000123456789, 60 bytes$'
	expect_line "pcapng: what is written keeps the nanoseconds" '\.123456789' \
		/dev/stdin <<-X
		$(tcpdump --time-stamp-precision=nano -nr "$tmp/one.pcap" 2>/dev/null)
	X
	run sh -c "'$HACHI' run '$tmp/clock.bpf.c' -r - <examples/sample.pcap"
	expect_line "a capture from standard input" 'at 1700000000000000000, 98 bytes$'
fi

cat >"$tmp/rewrite.bpf.c" <<'C'
#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_helpers.h>
char LICENSE[] SEC("license") = "GPL";
SEC("tc")
int rewrite(struct __sk_buff *skb)
{
	__u8 ttl = 7;
	if (skb->protocol != 8)
		return TC_ACT_SHOT;
	bpf_skb_store_bytes(skb, 22, &ttl, 1, 0);
	return TC_ACT_OK;
}
C
run "$HACHI" run "$tmp/rewrite.bpf.c" -r examples/sample.pcap -w "$tmp/rewritten.pcap"
expect_line "tc: verdicts by name" '^ +TC_ACT_SHOT +5$'
if needs "tc: tcpdump" tcpdump; then
	expect_equal "tc: rewritten bytes are written" \
		"$(tcpdump -vnr "$tmp/rewritten.pcap" 2>/dev/null | grep -c 'ttl 7,')" 40
fi

# options
run "$HACHI" run -d 0.5 examples/bytes.bpf.c -- sh -c 'echo one; sleep 1.5; echo two'
expect_status "-d: the command goes on and its status is kept" 0
expect_line "-d: and says what it has to say" '^two$'
expect_line "-d: what came after is not counted" ' 4$'
run "$HACHI" run -j -o "$tmp/events" examples/opensnoop.bpf.c -- cat /etc/hostname
expect_line "-o: events go to the file" '"path":"/etc/hostname"' "$tmp/events"
refute_line "-o: and not to standard output" '"path"' "$tmp/out"
if have python3; then
	if python3 -c 'import json,sys
for line in open(sys.argv[1]): json.loads(line)' "$tmp/events" 2>"$tmp/err"; then
		pass "-j: each line is JSON"
	else
		fail "-j: each line is JSON" "$tmp/err"
	fi
fi
for engine in interp jit; do
	run "$HACHI" run --engine $engine examples/xdp_drop.bpf.c -r examples/sample.pcap
	expect_line "--engine $engine" '^ +XDP_DROP +10$'
	run "$HACHI" run --engine $engine --harden all examples/xdp_drop.bpf.c -r examples/sample.pcap
	expect_line "--engine $engine --harden all" '^ +XDP_DROP +10$'
done
finish
