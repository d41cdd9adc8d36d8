#!/bin/sh
# prog, map, link, btf and batch. On the user backend: what they do. On the kernel backend: every
# byte and every exit status as bpftool's, in text, -j and -p.
cd "$(dirname "$0")/../.." || exit 1
. test/cli/lib.sh

# ---- every verb's help ---------------------------------------------------------------------------

for verb in prog map link btf batch; do
	run "$HACHI" "$verb" --help
	expect_status "$verb --help" 0
	expect_line "$verb --help has examples or a use" 'hachi '"$verb"' '
	for option in --json --pretty --debug --backend --pin-dir --help; do
		expect_line "$verb --help tells of $option" "$option"
	done
done
for option in --engine --harden --kernel --after -D --mapcompat --bpffs --nomount; do
	run "$HACHI" prog --help
	expect_line "prog --help tells of $option" "$option"
done
run "$HACHI" btf --help
expect_line "btf --help tells of --base-btf" '--base-btf'
run "$HACHI" prog frobnicate
expect_status "an unknown command shows the usage" 255
expect_line "an unknown command: the usage" '^Usage: hachi prog' "$tmp/err"
run "$HACHI" prog list --backend moon
expect_line "an unknown backend" '^Error: --backend moon' "$tmp/err"

# ---- the user backend ----------------------------------------------------------------------------

source=test/cli/verbs.bpf.c
object=$tmp/verbs.bpf.o
long=hv_a_program_with_a_long_name
clang=$(command -v clang-19 || command -v clang)
if [ -z "$clang" ]; then
	skip "prog, map, link and btf" "clang is not installed"
	finish
	exit
fi
"$clang" -g -O2 -target bpf "-I/usr/include/$(uname -m)-linux-gnu" -c "$source" -o "$object"
head -c 64 /dev/zero >"$tmp/packet"

run "$HACHI" prog run "$source" hv_length data_in "$tmp/packet"
expect_status "prog run compiles and runs without rights" 0
expect_line "prog run: the result" '^Return value: 50, duration: [0-9]+ns$'
run "$HACHI" -j prog run "$object" hv_length data_in "$tmp/packet" repeat 3
expect_line "prog run -j" '^\{"retval":50,"duration":[0-9]+\}$'
run "$HACHI" prog run "$object" "$long" data_in - data_out - --engine interp <"$tmp/packet"
run "$HACHI" prog run "$object" "$long" data_in "$tmp/packet" data_out - --engine interp
expect_line "prog run data_out -" '^0000030	(0000 ){8}\| \.{8} \.{8}$'
run "$HACHI" prog run "$object" "$long" data_in "$tmp/packet" data_out "$tmp/out.bin" data_size_out 64
expect_equal "prog run data_out FILE" "$(cmp "$tmp/packet" "$tmp/out.bin" && echo same)" same
run "$HACHI" prog run "$object" nothere
expect_status "a program that is not in the file" 255
expect_line "a program that is not in the file: says so" '^Error: .*: no program nothere$' "$tmp/err"
run "$HACHI" prog run "$object" hv_length data_in "$tmp/nothere"
expect_line "data that is not there" '^Error: failed to open .*nothere' "$tmp/err"
run "$HACHI" prog run "$object" hv_length data "$tmp/packet"
expect_line "an ambiguous word" "ambiguous prefix: 'data' could be 'data_in' or" "$tmp/err"

run "$HACHI" prog run examples/hello.bpf.c hello_clone
expect_line "a probe runs too, which the kernel cannot" '^Return value: 0'

for stage in load verify rewrite; do
	run "$HACHI" prog dump "$object" hv_length --after "$stage"
	expect_line "prog dump --after $stage" '^ +[0-9]+: \(95\) exit'
done
run "$HACHI" prog dump "$object" hv_length --after lunch
expect_line "prog dump --after nonsense" '^Error: --after lunch: no such stage; there are load verify rewrite build' "$tmp/err"
run "$HACHI" prog dump xlated "$object" "$long" linum
expect_line "prog dump xlated: the signature" '^int hv_a_program_with_a_long_name\(struct xdp_md \* ctx\):$'
expect_line "prog dump xlated: source lines" '^; .*bpf_map_lookup_elem.* \[file:.*verbs.bpf.c line_num:[0-9]+ line_col:[0-9]+\]$'
expect_line "prog dump xlated: calls of helpers" '\(85\) call bpf_map_update_elem#2$'
expect_line "prog dump xlated: calls of functions" '\(85\) call pc\+[1-9][0-9]*$'
if [ "$(uname -m)" = x86_64 ]; then
	run "$HACHI" prog dump jited "$object" hv_length
	expect_line "prog dump jited: the name" '^bpf_prog_[0-9a-f]{16}_hv_length:$'
	expect_line "prog dump jited: machine code" '^ +[0-9a-f]+:	ret$'
fi

cat >"$tmp/batch" <<END
# load, pin, list, use
prog loadall $object /sys/fs/bpf/p pinmaps /sys/fs/bpf/m
prog list
map update name hv_records key 1 0 0 0 value hex 2a 00 00 00 68 69 00 00 00 00 00 00 \\
  00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 \\
  00 00 00 00 00 00 00 00 00 00 00 00
map dump pinned /sys/fs/bpf/m/hv_records
prog run pinned /sys/fs/bpf/p/hv_length data_in $tmp/packet
map create /sys/fs/bpf/q type queue value 4 entries 2 name hv_queue
map push name hv_queue value 1 2 3 4
map pop pinned /sys/fs/bpf/q
END
run "$HACHI" batch --backend user file "$tmp/batch"
expect_status "batch on the user backend" 0
expect_line "what a line loads the next one lists" "^[0-9]+: xdp  name $long  tag [0-9a-f]{16}  gpl\$"
expect_line "what a line writes the next one reads" '"number": 42'
expect_line "what a line pins the next one runs" '^Return value: 50'
expect_line "a queue" '^value: 01 02 03 04$'
expect_line "the count of lines" '^processed 8 commands$'
refute_line "no line fails" '^Error'
run "$HACHI" -j batch --backend user file "$tmp/batch"
if ! have python3; then
	skip "batch -j is JSON" "python3 is not installed"
elif python3 -m json.tool <"$tmp/out" >/dev/null; then
	pass "batch -j is JSON"
else
	fail "batch -j is JSON" "$tmp/all"
fi
mkdir "$tmp/pins"
run "$HACHI" batch --pin-dir "$tmp/pins" -f file "$tmp/batch"
expect_status "batch with a folder for pins" 0
expect_line "the folder has the pins" "^	pinned $tmp/pins/p/hv_length\$"
run "$HACHI" prog list --backend user
expect_line "an empty instance says why" 'has no objects outside a run' "$tmp/err"
run "$HACHI" prog show --backend user pinned /sys/fs/bpf/nothere
expect_status "a pin of another run" 255
expect_line "a pin of another run: says why" 'pins of the user backend live' "$tmp/err"
run "$HACHI" prog load --backend user "$object" "$tmp/elsewhere"
expect_line "a pin elsewhere" 'the user backend pins below /sys/fs/bpf only' "$tmp/err"
run "$HACHI" btf dump file "$object" format c
expect_line "btf dump of a file needs no rights" '^struct record \{$'

# ---- the kernel backend, beside bpftool ----------------------------------------------------------

if [ "$(id -u)" != 0 ] || ! have bpftool || ! bpftool prog show >/dev/null 2>&1 ||
	[ "$(stat -f -c %T /sys/fs/bpf 2>/dev/null)" != bpf_fs ]; then
	if [ "$(id -u)" != 0 ]; then
		run "$HACHI" prog list --backend auto
		expect_line "without rights: what is missing" 'lacks CAP_SYS_ADMIN' "$tmp/err"
	fi
	skip "the kernel backend beside bpftool" "needs root, bpf(2), a BPF file system and bpftool"
	finish
	exit
fi

pins=/sys/fs/bpf/hachi-test-$$
mkdir "$pins" || exit 1
trap 'rm -rf "$tmp" "$pins"' EXIT

# like NAME WORDS...: hachi and bpftool say the same, in text, -j and -p. Other processes load
# programs meanwhile: a difference counts only when bpftool itself says the same twice.
modes="-j -p"
like() {
	name=$1
	shift
	for mode in "" $modes; do
		for try in 1 2 3 4 5; do
			# shellcheck disable=SC2086
			bpftool $mode "$@" >"$tmp/want" 2>"$tmp/want.err"
			want=$?
			# shellcheck disable=SC2086
			"$HACHI" $mode "$@" >"$tmp/got" 2>"$tmp/got.err"
			status=$?
			cmp -s "$tmp/want" "$tmp/got" && cmp -s "$tmp/want.err" "$tmp/got.err" &&
				[ "$want" = "$status" ] && break
			# shellcheck disable=SC2086
			bpftool $mode "$@" >"$tmp/again" 2>/dev/null
			cmp -s "$tmp/want" "$tmp/again" && [ "$try" -ge 2 ] && break
		done
		{
			[ "$want" = "$status" ] || echo "exit status $status, bpftool's $want"
			diff "$tmp/want" "$tmp/got"
			diff "$tmp/want.err" "$tmp/got.err"
		} >"$tmp/diff"
		if [ -s "$tmp/diff" ]; then
			fail "$name ${mode:-text}: as bpftool" "$tmp/diff"
		else
			pass "$name ${mode:-text}: as bpftool"
		fi
	done
}

# same NAME: what both wrote into got and want
same() {
	if diff "$tmp/want" "$tmp/got" >"$tmp/diff"; then
		pass "$1"
	else
		fail "$1" "$tmp/diff"
	fi
}

run "$HACHI" prog loadall "$object" "$pins/p" pinmaps "$pins/m"
expect_status "prog loadall, pinmaps" 0
run "$HACHI" prog load "$source" "$pins/link" type raw_tp autoattach
run "$HACHI" prog load "$object" "$pins/p/hv_length"
expect_line "a pin where there is one" "already exists" "$tmp/err"
bpftool prog run pinned "$pins/p/$long" data_in "$tmp/packet" >/dev/null
bpftool prog run pinned "$pins/p/$long" data_in "$tmp/packet" >/dev/null

like "prog list" prog list
like "prog list -f" prog list -f
like "abbreviations" p s
like "prog show pinned" prog show pinned "$pins/p/$long"
id=$("$HACHI" -j prog show pinned "$pins/p/$long" | grep -o '"id":[0-9]*' | head -n 1 | cut -d: -f2)
tag=$("$HACHI" prog show id "$id" | grep -o 'tag [0-9a-f]*' | cut -d' ' -f2)
like "prog show id" prog show id "$id"
like "prog show tag" prog show tag "$tag"
like "prog show name" prog show name "$long"
like "prog dump xlated" prog dump xlated id "$id"
like "prog dump xlated linum" prog dump xlated id "$id" linum
like "prog dump xlated opcodes" prog dump xlated id "$id" opcodes
like "prog dump xlated file" prog dump xlated id "$id" file "$tmp/insns"
like "prog dump of several" prog dump xlated name hv_length
"$HACHI" prog dump xlated pinned "$pins/p/hv_length" visual >"$tmp/got"
bpftool prog dump xlated pinned "$pins/p/hv_length" visual >"$tmp/want"
same "prog dump visual: as bpftool"
run "$HACHI" prog dump jited id "$id" linum
expect_line "prog dump jited of the kernel" '_hv_a_program_with_a_long_name:$'
expect_line "prog dump jited of the kernel: functions" '_scale:$'
modes=-j
for words in "show id 99999999" "show id x" "show foo 1" "show a b c" "dump foo id $id" \
	"run pinned $pins/p/hv_length data $tmp/packet" "dump xlated id $id file" \
	"run pinned $pins/p/hv_length data_in $tmp/nothere" "show pinned $pins/none" \
	"show pinned $pins/m/hv_records" "pin id $id" "load x"; do
	# shellcheck disable=SC2086
	like "error of prog $words" prog $words
done

modes="-j -p"
for map in hv_records hv_per_cpu hv_progs hv_bytes; do
	like "map show $map" map show pinned "$pins/m/$map" -f
	like "map dump $map" map dump pinned "$pins/m/$map"
done
records="pinned $pins/m/hv_records"
bytes="pinned $pins/m/hv_bytes"
key20="1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 0x14"
# words are to be split
# shellcheck disable=SC2086
{
	like "map dump of globals" map dump name verbs.data
	like "map lookup" map lookup $records key 1 0 0 0
	like "map lookup of nothing" map lookup $records key 9 0 0 0
	like "map getnext" map getnext $records
	like "map getnext at the end" map getnext $records key 1 0 0 0
	like "map update" map update $bytes key $key20 value hex a b c d ff
	like "map update noexist" map update $bytes key $key20 value 1 2 3 4 5 noexist
	like "map update exist" map update $bytes value 9 8 7 6 5 exist key $key20
	like "map dump of bytes" map dump $bytes
	like "map lookup of bytes" map lookup $bytes key $key20
	like "map update of a program array" map update pinned "$pins/m/hv_progs" key 1 0 0 0 \
		value pinned "$pins/p/$long"
	like "map dump of a program array" map dump pinned "$pins/m/hv_progs"
	modes=-j
	like "map lookup, too short" map lookup $records key 1
	like "map lookup, no key" map lookup $records
	like "map lookup, a value" map lookup $records value 1
	like "map update, no byte" map update $bytes key $key20 value 1 2 x
	like "map update, twice" map update $bytes any any
	like "map pop of a hash" map pop $records
	like "map event_pipe of a hash" map event_pipe $records
	like "map create, no kind" map create "$pins/x" type foo key 4 value 4 entries 1 name z
	like "map freeze, too much" map freeze $records more
	like "map show of nothing" map show id 99999999
}
modes="-j -p"
run "$HACHI" map delete pinned "$pins/m/hv_records" key 1 0 0 0
expect_status "map delete" 0
like "map dump of nothing" map dump pinned "$pins/m/hv_records"
run "$HACHI" map delete pinned "$pins/m/hv_records" key 1 0 0 0
expect_status "map delete of nothing" 254
run "$HACHI" map create "$pins/q" type queue value 4 entries 2 name hv_queue
expect_status "map create" 0
run "$HACHI" map push pinned "$pins/q" value 1 2 3 4
expect_status "map push" 0
like "map peek" map peek pinned "$pins/q"
run "$HACHI" map dequeue pinned "$pins/q"
expect_line "map dequeue" '^value: 01 02 03 04$'
like "map pop of an empty queue" map pop pinned "$pins/q"
run "$HACHI" map pin pinned "$pins/q" "$pins/q2"
expect_status "map pin" 0
like "a map with two pins" map show -f pinned "$pins/q2"
run "$HACHI" map freeze pinned "$pins/q"
expect_status "map freeze" 0
like "a frozen map" map show pinned "$pins/q"
# bpftool 7.1 repeats a map's BTF id on later maps of a list that have none: one by one it is right
for try in 1 2 3; do
	"$HACHI" map list >"$tmp/got"
	grep -oE '^[0-9]+' "$tmp/got" >"$tmp/ids"
	while read -r map; do bpftool map show id "$map"; done <"$tmp/ids" >"$tmp/want" 2>/dev/null
	cmp -s "$tmp/want" "$tmp/got" && break
done
echo "# tries: $try"
same "map list: every map as bpftool"

run "$HACHI" prog loadall "$object" "$pins/l" autoattach
expect_status "prog loadall autoattach: two programs, and one's link" 0
if [ "$status" = 0 ]; then
	like "link list" link list
	like "link list -f" link list -f
	like "link show pinned" link show pinned "$pins/l/hv_on_fork"
	run "$HACHI" link pin pinned "$pins/l/hv_on_fork" "$pins/fork"
	expect_status "link pin" 0
	like "a link with two pins" link show -f pinned "$pins/fork"
	like "link detach of what cannot be" link detach pinned "$pins/fork"
fi
like "link detach of nothing" link detach id 99999999

like "btf list" btf list
like "btf show id" btf show id 1
like "btf dump of a map" btf dump map pinned "$pins/m/hv_records"
like "btf dump of its value" btf dump map pinned "$pins/m/hv_records" value
like "btf dump of a program" btf dump prog id "$id"
like "btf dump of a program in C" btf dump prog id "$id" format c
like "btf dump of a file" btf dump file "$object"
like "btf dump, no format" btf dump file "$object" format x
like "btf dump, no source" btf dump foo x
if [ -r /sys/kernel/btf/vmlinux ]; then
	# libbpf's own work: its versions differ in (void) and in the size of small enums
	level() { sed -e 's/(void)/()/g' -e 's/ __attribute__((mode([a-z]*)))//'; }
	bpftool btf dump file /sys/kernel/btf/vmlinux format c | level >"$tmp/want"
	"$HACHI" btf dump file /sys/kernel/btf/vmlinux format c | level >"$tmp/got"
	same "vmlinux.h as bpftool's"
	bpftool btf dump file /sys/kernel/btf/vmlinux >"$tmp/want"
	"$HACHI" btf dump file /sys/kernel/btf/vmlinux >"$tmp/got"
	same "all types of the kernel as bpftool's"
fi
printf 'prog show id %s\nmap show pinned %s\n' "$id" "$pins/q" >"$tmp/batch"
like "batch" batch file "$tmp/batch"

# ---- without rights ------------------------------------------------------------------------------

if have setpriv && chmod 755 "$tmp" && [ -x "$HACHI" ]; then
	cp "$HACHI" "$tmp/hachi" && chmod 755 "$tmp/hachi"
	run setpriv --reuid=65534 --regid=65534 --clear-groups "$tmp/hachi" prog list
	expect_status "listing without rights" 255
	expect_line "listing without rights: what is missing" 'lacks CAP_SYS_ADMIN' "$tmp/err"
	run setpriv --reuid=65534 --regid=65534 --clear-groups "$tmp/hachi" prog run "$object" \
		hv_length data_in "$tmp/packet"
	expect_line "running on the user backend without rights" '^Return value: 50'
fi
finish
