#!/bin/bash
# Random verified programs on all engines: tools/check-engines.sh TEST SEED COUNT (make check-engines).
#
# Two processes share the programs on this machine; a fiftieth of them also runs on arm64 under
# qemu-aarch64, where the outcomes must be the same as here.
set -u
cd "$(dirname "$0")/.." || exit 1
test=$1 seed=$2 count=$3
arm_count=$((count / 50))
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM

script() { # name seed count command...
	local name=$1 from=$2 many=$3
	shift 3
	printf '#!/bin/sh\nHACHI_EQUAL_SEED=%s HACHI_EQUAL_COUNT=%s exec %s\n' "$from" "$many" "$*" \
		>"$work/$name"
	chmod 755 "$work/$name"
}

half=$((count / 2))
script here-1 "$seed" $half "$test"
script here-2 $((seed + half)) $((count - half)) "$test"
programs=("$work/here-1" "$work/here-2")

# The machine and the emulator print what came out; both lines must be equal.
if [ "$(uname -m)" = x86_64 ] && command -v qemu-aarch64 >/dev/null &&
	command -v aarch64-linux-gnu-gcc >/dev/null; then
	${MAKE:-make} --no-print-directory -s ARCH=arm64 MODE=dev -j2 \
		build/arm64/dev/static/test/unit/engine_equal_test >/dev/null || exit 1
	script run-here "$seed" $arm_count "$test" interpreter
	script run-arm64 "$seed" $arm_count \
		qemu-aarch64 "$PWD/build/arm64/dev/static/test/unit/engine_equal_test" interpreter
	cat >"$work/arm64" <<END
#!/bin/sh
'$work/run-here' >'$work/here.out'
'$work/run-arm64' >'$work/arm64.out'
grep -h '^#\|^not' '$work/here.out' '$work/arm64.out'
echo 1..1
if [ "\$(grep -o 'outcomes .*' '$work/here.out')" = "\$(grep -o 'outcomes .*' '$work/arm64.out')" ] &&
	! grep -q '^not ok' '$work/here.out' '$work/arm64.out'; then
	echo 'ok 1 - $arm_count programs do the same on x86-64 and arm64'
else
	echo 'not ok 1 - $arm_count programs do the same on x86-64 and arm64'
	exit 1
fi
END
	chmod 755 "$work/arm64"
	programs+=("$work/arm64")
elif [ -n "${HACHI_CI:-}" ]; then
	echo "check-engines: qemu-aarch64 or its compiler is missing" >&2
	exit 1
fi
HACHI_TEST_TIMEOUT=${HACHI_TEST_TIMEOUT:-7200} tools/run-tests.sh -j 2 "${programs[@]}"
