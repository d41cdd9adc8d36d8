# shellcheck shell=sh
# shellcheck disable=SC2154 # $tmp and $status are of test/cli/lib.sh
# The hook matrix and the flows on the kernel backend: functions for test/cli/kernel.sh (the live
# kernel) and tools/vm/init (kernels under emulation, with busybox). Source test/cli/lib.sh before.
#
# $OBJ holds the compiled objects of test/kernel and examples; hachi-trigger is in $PATH; $IP is ip's
# path. $MISSING names the objects that this kernel must refuse, with a sentence that says what it
# lacks.
# Every kind that fired is a line "KIND<TAB>fires" in $tmp/results.

hachi() {
	timeout "${HACHI_LIMIT:-60}" "$HACHI" run --backend kernel "$@"
}

# kinds OBJECT "KIND..." [OPTION...] -- COMMAND: every program of the object ran.
kinds() {
	object=$1
	list=$2
	shift 2
	options=""
	while [ "$1" != -- ]; do
		options="$options $1"
		shift
	done
	shift
	# shellcheck disable=SC2086
	hachi $options "$OBJ/$object.bpf.o" -- "$@" >"$tmp/out" 2>"$tmp/err" </dev/null
	status=$?
	cat "$tmp/out" "$tmp/err" >"$tmp/all"
	case " ${MISSING:-} " in
	*" $object "*)
		for kind in $list; do
			printf '%s\t%s\n' "$kind" "$(sed -n 's/^  missing: //p' "$tmp/err" | head -n 1)" \
				>>"$tmp/results"
		done
		if [ "$status" = 125 ] && grep -q '^  missing: ' "$tmp/err" &&
			grep -q '^  the user backend can' "$tmp/err"; then
			pass "$object: refused, with what this kernel lacks and whether user space serves"
		else
			fail "$object: refused, with what this kernel lacks and whether user space serves" "$tmp/all"
		fi
		return
		;;
	esac
	for kind in $list; do
		if grep -qE "^ *$kind +[1-9][0-9]*$" "$tmp/out"; then
			pass "$kind fires ($object)"
			printf '%s\tfires\n' "$kind" >>"$tmp/results"
		else
			fail "$kind fires ($object)" "$tmp/all"
			printf '%s\tdoes not fire\n' "$kind" >>"$tmp/results"
		fi
	done
}

# A network namespace of its own with two connected devices: v0 here with 10.9.0.1, v1 in a second
# namespace with 10.9.0.2. The caller is in a namespace that goes away.
make_net() {
	ip link set lo up
	ip netns add hachi-peer.$$ 2>/dev/null || return 1
	peer="${IP:-ip} netns exec hachi-peer.$$"
	ip link add v0 numtxqueues 2 numrxqueues 2 type veth peer name v1 numtxqueues 2 numrxqueues 2
	ip link set v1 netns hachi-peer.$$
	ip addr add 10.9.0.1/24 dev v0
	ip link set v0 up
	$peer ip addr add 10.9.0.2/24 dev v1
	$peer ip link set v1 up
	$peer ip link set lo up
	echo 1 >/proc/sys/net/ipv4/ip_forward
	$peer ip route add 10.9.9.0/24 via 10.9.0.1
	# the second is slow to come up
	for _ in 1 2 3 4 5 6 7 8 9 10; do
		busybox ping -c 1 -W 1 10.9.0.2 >/dev/null 2>&1 && return 0
	done
	return 1
}

remove_net() {
	ip netns del hachi-peer.$$ 2>/dev/null
	ip link del v0 2>/dev/null
}

# A program that takes the place of another's function, while that is run once.
kinds_ext() {
	target=/sys/fs/bpf/hachi-ext-$$
	head -c 64 /dev/zero >"$tmp/frame"
	run "$HACHI" prog load "$OBJ/ext_target.bpf.o" "$target" --backend kernel
	expect_status "freplace: a program to extend" 0
	run "$HACHI" prog run pinned "$target" data_in "$tmp/frame" --backend kernel
	expect_line "freplace: its own verdict before" '^Return value: 2,'
	kinds ext "freplace" --extend "$target" -- \
		"$HACHI" prog run pinned "$target" data_in "$tmp/frame" --backend kernel
	run "$HACHI" prog run pinned "$target" data_in "$tmp/frame" --backend kernel
	expect_line "freplace: its own verdict after" '^Return value: 2,'
	run hachi --extend 4294967295 "$OBJ/ext.bpf.o" -- true
	expect_line "freplace: a target that is not there" '--extend 4294967295: No such file' "$tmp/err"
	run hachi "$OBJ/ext.bpf.o" -- true
	expect_line "freplace: no target" 'give --extend PROG' "$tmp/err"
	rm -f "$target"
}

matrix() {
	only="--only-command"
	kinds kprobe "kprobe kretprobe ksyscall kretsyscall" $only -- hachi-trigger
	kinds kprobe_multi "kprobe_multi kretprobe_multi" $only -- hachi-trigger
	kinds uprobe "uprobe uretprobe uprobe_s" $only -- hachi-trigger
	kinds usdt "usdt" $only -- hachi-trigger
	kinds tp "tp tp_syscalls raw_tp" $only -- hachi-trigger
	kinds tp_btf "tp_btf" $only -- hachi-trigger
	kinds trampoline "fentry fexit fmod_ret" $only -- hachi-trigger
	kinds trampoline_s "fentry_s fexit_s fmod_ret_s" $only -- hachi-trigger
	kinds lsm "lsm lsm_s" $only -- hachi-trigger
	kinds perf_event "perf_event" $only --freq 500 -- hachi-trigger
	kinds iter "iter iter_s" -- true
	kinds lsm_cgroup "lsm_cgroup" -- hachi-trigger
	kinds cgroup "cgroup_skb_ingress cgroup_skb_egress sock_create sock_release post_bind4
		post_bind6 sockops device sysctl getsockopt setsockopt" -- hachi-trigger
	kinds cgroup_addr "bind4 bind6 connect4 connect6 sendmsg4 sendmsg6 recvmsg4 recvmsg6
		getpeername4 getpeername6 getsockname4 getsockname6" -- hachi-trigger
	kinds sockmap "sk_msg sk_skb" -- hachi-trigger
	kinds syscall "syscall_program" -- true
	kinds netns "sk_lookup" -- hachi-trigger
	kinds_ext
	kinds struct_ops "struct_ops" -- hachi-trigger hachi_still
	ping="busybox ping -c 2 -i 0.2 -W 1 10.9.0.2"
	# shellcheck disable=SC2086
	{
		kinds netfilter "netfilter" -- $ping
		kinds flow_dissector "flow_dissector" -- $ping
		kinds socket "socket_filter" --dev v0 -- $ping
		kinds xdp "xdp" --dev v0 --xdp native -- $ping
		sed 's/^xdp/xdp_native/' "$tmp/results" >"$tmp/r" && mv "$tmp/r" "$tmp/results"
		kinds xdp "xdp" --dev v0 --xdp generic -- $ping
		sed 's/^xdp	/xdp_generic	/' "$tmp/results" >"$tmp/r" && mv "$tmp/r" "$tmp/results"
		kinds tc "tc_ingress tc_egress" --dev v0 -- $ping
		kinds lwt "lwt_in lwt_out lwt_xmit" --dev v0 --route 10.9.9.0/24 -- sh -c \
			"$ping; busybox ping -c 1 -W 1 10.9.9.2; $peer busybox ping -c 1 -W 1 10.9.9.3; true"
	}
}

# What is attached to v0, to routes, to cgroups, and how many programs there are.
attached_state() {
	ip -d link show dev v0 | grep -c 'prog/xdp'
	if command -v tc >/dev/null; then tc qdisc show dev v0 | grep -c clsact; fi
	ip route show | grep -c encap
	find /sys/fs/cgroup -maxdepth 3 -name "hachi-*" | wc -l
	if command -v bpftool >/dev/null; then bpftool prog show | grep -c 'name on_'; fi
}

# interrupt SIGNAL: nothing of xdp, tc, lwt and cgroup programs stays.
interrupt() {
	signal=$1
	attached_state >"$tmp/before"
	for object in xdp tc lwt cgroup; do
		case $object in
		cgroup) set -- -- sleep 20 ;;
		*) set -- ;;
		esac
		"$HACHI" run --backend kernel --dev v0 --route 10.9.9.0/24 -o /dev/null \
			"$OBJ/$object.bpf.o" "$@" >/dev/null 2>"$tmp/err.$object" </dev/null &
		echo $! >"$tmp/pid.$object"
	done
	for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
		sleep 0.5
		attached_state >"$tmp/during"
		[ "$(tr '\n' ' ' <"$tmp/during" | cut -c1)" = 1 ] &&
			ip route show | grep -q encap &&
			[ "$(find /sys/fs/cgroup -maxdepth 3 -name 'hachi-*' | wc -l)" = 1 ] && break
	done
	if cmp -s "$tmp/before" "$tmp/during"; then
		fail "$signal: programs were attached before it" "$tmp/err.xdp"
	else
		pass "$signal: programs were attached before it"
	fi
	for object in xdp tc lwt cgroup; do
		kill "-$signal" "$(cat "$tmp/pid.$object")"
	done
	for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
		attached_state >"$tmp/after"
		cmp -s "$tmp/before" "$tmp/after" && break
		sleep 0.3
	done
	if cmp -s "$tmp/before" "$tmp/after"; then
		pass "$signal: nothing stays attached"
	else
		diff "$tmp/before" "$tmp/after" >"$tmp/all"
		fail "$signal: nothing stays attached" "$tmp/all"
	fi
	for object in xdp tc lwt cgroup; do
		kill -KILL "$(cat "$tmp/pid.$object")" 2>/dev/null
	done
	wait 2>/dev/null
}

clock='[0-2][0-9]:[0-5][0-9]:[0-5][0-9]'

flow_hello() {
	run hachi "$OBJ/hello.bpf.o" -- sh -c 'ls / >/dev/null; true'
	expect_line "hello: a line for each process that is created" \
		'^ +[^ ]+-[0-9]+ +\[[0-9]{3}\] [^ ]{4,6} +[0-9]+\.[0-9]{6}: bpf_trace_printk: Hello, World!$'
}

# flow_writepages DIRECTORY: on a file system with a device
flow_writepages() {
	file=$1/hachi-pages
	echo first >"$file"
	sync
	inode=$(stat -c %i "$file")
	hachi -t -o "$tmp/pages" "$OBJ/writepages.bpf.o" -- sh -c "
		echo more >>$file; sleep 1; cp $tmp/pages $tmp/pages.before; sync; sleep 1" 2>"$tmp/err"
	if grep -q " $inode\$" "$tmp/pages.before"; then
		fail "writepages: nothing before the sync" "$tmp/pages.before"
	else
		pass "writepages: nothing before the sync"
	fi
	expect_line "writepages: the header" '^TIME +INODE$' "$tmp/pages"
	expect_line "writepages: the file's inode with the time" "^$clock +$inode\$" "$tmp/pages"
	rm -f "$file"
}

flow_uds_send() {
	run hachi -i 1 "$OBJ/uds_send.bpf.o" -- sh -c 'sleep 0.5; hachi-trigger; sleep 1.2'
	expect_line "uds_send: the time" "^$clock\$"
	expect_line "uds_send: the header" '^       PID  *UDS\(stream\)_txB$'
	expect_line "uds_send: bytes of a process" '^ {4,9}[0-9]{1,6} {10,17}20$'
}

flow_xdp_drop() {
	hachi --dev v0 -i 1 --rate pkt/s --map drops -o "$tmp/drops" "$OBJ/xdp_drop.bpf.o" -- sh -c "
		busybox ping -c 5 -i 0.2 -W 1 10.9.0.2 >$tmp/ping 2>&1
		echo hello | $peer busybox nc -l -p 8000 >/dev/null &
		sleep 0.7
		busybox nc 10.9.0.2 8000 </dev/null >$tmp/tcp & sleep 1" 2>"$tmp/err"
	expect_line "xdp_drop: ping fails meanwhile" '100% packet loss' "$tmp/ping"
	expect_line "xdp_drop: TCP works meanwhile" '^hello$' "$tmp/tcp"
	expect_line "xdp_drop: the counter of a second" "^$clock 1: [1-9][0-9]* pkt/s\$" "$tmp/drops"
	run busybox ping -c 1 -W 2 10.9.0.2
	expect_status "xdp_drop: ping works afterwards" 0
}

# flow_biolatency DIRECTORY: ended by SIGINT
flow_biolatency() {
	"$HACHI" run --backend kernel --map usecs_hist -o "$tmp/bio" "$OBJ/biolatency.bpf.o" \
		>/dev/null 2>"$tmp/err" </dev/null &
	pid=$!
	for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
		grep -q 'Hit Ctrl-C' "$tmp/err" && break
		sleep 0.5
	done
	sync
	dd if=/dev/zero of="$1/hachi-bio" bs=64k count=16 conv=fsync 2>/dev/null
	sync
	rm -f "$1/hachi-bio"
	kill -INT $pid
	wait $pid
	expect_line "biolatency: says how to end it" '^Tracing.*Hit Ctrl-C to end\.$' "$tmp/err"
	expect_line "biolatency: the header of BCC" '^     usecs               : count     distribution$' "$tmp/bio"
	expect_line "biolatency: some requests" '^ +[0-9]+ -> [0-9]+ +: [1-9][0-9]* +\|\*+ *\|$' "$tmp/bio"
}
