#!/bin/sh
# `hachi prog dump --after STAGE`, and what the compiler does without calls, on both engines and in
# the live kernel.
cd "$(dirname "$0")/../.." || exit 1
. test/cli/lib.sh

if ! have clang-19 && ! have clang; then
	skip "programs compile" "no clang"
	finish
	exit
fi
object=$tmp/compile.bpf.o
run "$(command -v clang-19 || command -v clang)" -O2 -g -target bpf \
	-I/usr/include/"$(uname -m)"-linux-gnu -c test/cli/compile.bpf.c -o "$object"
expect_status "the programs compile" 0
printf 'abcdefghijklmnopqrstuvwxyz0123456789abcdefghijklmnopqrstuvwxyz01' >"$tmp/in"

result() { # NAME OPTIONS...: return value and packet
	name=$1
	shift
	"$HACHI" prog run "$object" "$name" data_in "$tmp/in" data_out "$tmp/packet" "$@" 2>&1 |
		sed 's/, duration.*//'
	od -An -tx1 <"$tmp/packet"
}

for name in turns counted looked_up measured rewritten; do
	jit=$(result $name --engine jit)
	expect_equal "$name: compiled as interpreted" "$jit" "$(result $name --engine interp)"
	if "$HACHI" prog run --backend kernel "$object" $name data_in "$tmp/in" >/dev/null 2>&1; then
		expect_equal "$name: as the kernel" "$jit" "$(result $name --backend kernel)"
	else
		skip "$name: as the kernel" "bpf(2) is not permitted here"
	fi
done

stages=$("$HACHI" prog dump "$object" turns --after nonsense 2>&1 | sed -n 's/.*there are //p')
for stage in $stages; do
	run "$HACHI" prog dump "$object" turns --after "$stage"
	expect_status "there is a program after $stage" 0
	[ -s "$tmp/out" ] || fail "and it is shown"
	refute_line "which names no address ($stage)" '0x(55|56|7e|7f)[0-9a-f]{10}'
done
run "$HACHI" prog dump "$object" turns --after nonsense
expect_status "an unknown stage is an error" 255
expect_line "that lists the stages" 'no such stage; there are load verify rewrite build phi' "$tmp/err"

run "$HACHI" prog dump "$object" turns --after rewrite
refute_line "bpf_loop() is a loop" 'bpf_loop'
run "$HACHI" prog dump "$object" counted --after registers
refute_line "an array is read without a call" 'counts'
refute_line "nor is there one for the CPU or the process" 'helper#(8|14)'
expect_line "a counter changes in place" '	update64 add \[values\[[0-9]\]\+0x[0-9a-f]+( \+ 0x[0-9a-f]+)?\], 1'
run "$HACHI" prog dump "$object" looked_up --after registers
refute_line "a key that nobody reads is not stored" '	store'
run "$HACHI" prog dump "$object" measured --after idioms
expect_line "a logarithm is an operation" ' = log2-32 v'
if [ "$(uname -m)" = x86_64 ] && grep -qw popcnt /proc/cpuinfo; then
	expect_line "and so is the number of bits set" ' = count-ones-64 v'
fi
run "$HACHI" prog dump "$object" measured --after registers
expect_line "eight turns are four and four" ' = add64 v[0-9]+, 0x20'
run "$HACHI" prog dump "$object" rewritten --after registers
expect_line "bytes become one store" '	store32 \[v[0-9]+ \+ 0x10\], v'
expect_line "with their order turned round" ' = bswap32 v'
expect_line "and so do constants" '	store32 \[v[0-9]+ \+ 0x14\], 0x3020100'
refute_line "no byte is stored alone" '	store8 '
finish
