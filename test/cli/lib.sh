# shellcheck shell=sh
# TAP for tests of the command: source it, call the functions below, end with `finish`.
# $HACHI is the command, $HACHI_BUILD its folder, $tmp a folder that goes away.
HACHI=${HACHI:-$PWD/build/hachi}
HACHI_BUILD=${HACHI_BUILD:-$PWD/build}
test_count=0
[ -x "$HACHI" ] || {
	echo "Bail out! $HACHI is not built"
	exit 1
}
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
trap 'exit 130' INT TERM

pass() {
	test_count=$((test_count + 1))
	echo "ok $test_count - $1"
}

fail() { # name [file-with-details]
	test_count=$((test_count + 1))
	[ -z "${2:-}" ] || sed 's/^/# /' "$2" | head -n 40
	echo "not ok $test_count - $1"
}

skip() { # name reason; under HACHI_CI=1 a skip is a failure
	if [ -n "${HACHI_CI:-}" ]; then
		echo "# skipped though CI has it: $2"
		fail "$1"
		return
	fi
	test_count=$((test_count + 1))
	echo "ok $test_count - $1 # SKIP $2"
}

# run COMMAND...: output in $tmp/out, errors in $tmp/err, status in $status.
run() {
	"$@" >"$tmp/out" 2>"$tmp/err" </dev/null
	status=$?
	cat "$tmp/out" "$tmp/err" >"$tmp/all"
}

expect_status() { # name want
	if [ "$status" -eq "$2" ]; then
		pass "$1"
	else
		echo "# exit status $status, not $2"
		fail "$1" "$tmp/all"
	fi
}

expect_line() { # name extended-regex [file]
	if grep -qE -- "$2" "${3:-$tmp/out}"; then
		pass "$1"
	else
		echo "# no line matches: $2"
		fail "$1" "$tmp/all"
	fi
}

refute_line() { # name extended-regex [file]
	if grep -qE -- "$2" "${3:-$tmp/all}"; then
		echo "# a line matches: $2"
		fail "$1" "$tmp/all"
	else
		pass "$1"
	fi
}

expect_equal() { # name got want
	if [ "$2" = "$3" ]; then
		pass "$1"
	else
		echo "# got  $2"
		echo "# want $3"
		fail "$1"
	fi
}

have() {
	command -v "$1" >/dev/null 2>&1
}

# needs NAME PROGRAM: false after a skip when the program is missing
needs() {
	have "$2" && return 0
	skip "$1" "$2 is not installed"
	return 1
}

finish() {
	echo "1..$test_count"
}
