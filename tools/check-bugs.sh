#!/bin/bash
# Switches on each of the bugs of src/jit/bugs.def in turn: some test must find it, and none when
# they are all off. tools/check-bugs.sh (make check-bugs)
#
# Prints who found it first, and after how many random programs; with HACHI_BUGS_ALL who else does.
# arm64 under qemu-aarch64.
set -u
cd "$(dirname "$0")/.." || exit 1
make=${MAKE:-make}
tests=(insn_suite insn_memory jump_distance conformance)
arm_cc=aarch64-linux-gnu-gcc
passed=0
failed=0

all=(engine_equal "${tests[@]}")
all=("${all[@]/%/_test}")
$make --no-print-directory -s MODE=bugs -j2 "${all[@]/#/build/bugs/test/test/unit/}" >/dev/null ||
	exit 1
has_arm=
if [ "$(uname -m)" = x86_64 ] && command -v qemu-aarch64 >/dev/null && command -v $arm_cc >/dev/null; then
	$make --no-print-directory -s ARCH=arm64 MODE=bugs -j2 \
		"${all[@]/#/build/arm64/bugs/static/test/unit/}" >/dev/null || exit 1
	has_arm=1
fi

# Runs a test with a bug; its output, and whether it failed.
run() { # machine bug test
	local program
	case $1 in
	x86_64) program=(build/bugs/test/test/unit/"$3"_test) ;;
	arm64) program=(qemu-aarch64 build/arm64/bugs/static/test/unit/"$3"_test) ;;
	esac
	[ "$3" = engine_equal ] && program+=(interpreter)
	# Under qemu there is no bpf(2): what is skipped for that finds nothing.
	HACHI_CI='' HACHI_JIT_BUG=$2 HACHI_EQUAL_FIRST=1 timeout 400 "${program[@]}" 2>&1
}

# "engine_equal (program 3), insn_suite": who finds that bug.
finders() { # machine bug
	local test out found=""
	for test in engine_equal "${tests[@]}"; do
		if out=$(run "$1" "$2" "$test"); then
			continue
		fi
		found+="${found:+, }$test"
		[ "$test" = engine_equal ] &&
			found+=" (program $(grep -om 1 'HACHI_EQUAL_SEED=[0-9]*' <<<"$out" | cut -d= -f2))"
		[ -n "${HACHI_BUGS_ALL:-}" ] || break
	done
	echo "$found"
}

result() { # ok text
	if [ "$1" = 1 ]; then
		passed=$((passed + 1))
		echo "ok $((passed + failed)) - $2"
	else
		failed=$((failed + 1))
		echo "not ok $((passed + failed)) - $2"
	fi
}

check() { # machine number id
	local who
	who=$(finders "$1" "$2")
	if [ "$2" = 0 ]; then
		result "$([ -z "$who" ] && echo 1 || echo 0)" "no bug on $1: found by: ${who:-none}"
	else
		result "$([ -n "$who" ] && echo 1 || echo 0)" "$3 on $1: found by: ${who:-none}"
	fi
}

export HACHI_EQUAL_COUNT=${HACHI_EQUAL_COUNT:-10000}
number=0
check x86_64 0 none
while read -r id machine; do
	number=$((number + 1))
	case $machine in
	x86_64 | all) check x86_64 $number "$id" ;;
	esac
done < <(sed -n 's/^BUG(\([A-Z0-9_]*\), \([a-z0-9_]*\),.*/\1 \2/p' src/jit/bugs.def)
if [ -n "$has_arm" ]; then
	export HACHI_EQUAL_COUNT=2000
	number=0
	check arm64 0 none
	while read -r id machine; do
		number=$((number + 1))
		case $machine in
		arm64 | all) check arm64 $number "$id" ;;
		esac
	done < <(sed -n 's/^BUG(\([A-Z0-9_]*\), \([a-z0-9_]*\),.*/\1 \2/p' src/jit/bugs.def)
elif [ -n "${HACHI_CI:-}" ]; then
	result 0 "arm64: qemu-aarch64 or its compiler is missing"
fi
echo "$passed passed, $failed failed, 0 skipped"
[ $failed -eq 0 ]
