#!/bin/sh
# Runs TAP test programs and sums them up: tools/run-tests.sh [-j N] PROGRAM...
#
# Prints the failures whole, the skips by reason, and last "N passed, N failed, N skipped".
# HACHI_TEST_TIMEOUT (seconds, default 300) bounds each program.
set -u
jobs=2
if [ "${1:-}" = -j ]; then
	jobs=$2
	shift 2
fi
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT INT TERM

run_one() {
	name=$(echo "$1" | tr / _)
	timeout "${HACHI_TEST_TIMEOUT:-300}" "$1" >"$out/$name.tap" 2>"$out/$name.err" </dev/null
	status=$?
	# a program that died or lied about its plan is a failure of its own
	if [ $status -ne 0 ] && ! grep -q '^not ok' "$out/$name.tap"; then
		echo "not ok 0 - $1 ended with status $status" >>"$out/$name.tap"
	elif ! grep -q '^1\.\.' "$out/$name.tap"; then
		echo "not ok 0 - $1 printed no plan" >>"$out/$name.tap"
	fi
	if grep -q '^not ok' "$out/$name.tap"; then
		echo "== $1"
		grep -v '^ok' "$out/$name.tap"
		tail -n 60 "$out/$name.err"
	fi
}

running=0
for program in "$@"; do
	run_one "$program" &
	running=$((running + 1))
	if [ $running -ge "$jobs" ]; then
		wait
		running=0
	fi
done
wait
cat "$out"/*.tap >"$out/all" 2>/dev/null
sed -n 's/^ok.* - \(.*\) # SKIP \(.*\)/skipped \1: \2/p' "$out/all"
failed=$(grep -c '^not ok' "$out/all")
skipped=$(grep -c '^ok.*# SKIP' "$out/all")
passed=$(($(grep -c '^ok' "$out/all") - skipped))
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ]
