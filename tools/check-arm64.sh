#!/bin/bash
# Cross builds the core and tests of the engines for arm64 and runs them under qemu-aarch64, on a
# processor with atomic instructions and, where those matter, on one without.
#
#	tools/check-arm64.sh TEST...		also: make check-arm64
#
# On an arm64 machine they are built and run as they are. HACHI_FUZZ_SECONDS is the time that
# random programs get.
set -u
cd "$(dirname "$0")/.." || exit 1
cc=aarch64-linux-gnu-gcc
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM

skip_all() {
	if [ -n "${HACHI_CI:-}" ]; then
		printf '1..1\nnot ok 1 - the core on arm64: %s\n' "$1"
		echo "0 passed, 1 failed, 0 skipped"
		exit 1
	fi
	printf '1..1\nok 1 - the core on arm64 # SKIP %s\n' "$1"
	echo "0 passed, 0 failed, 1 skipped"
	exit 0
}

make_flags=(ARCH=arm64)
emulator="qemu-aarch64 -cpu"
cpus="max cortex-a53"
if [ "$(uname -m)" = aarch64 ]; then
	make_flags=()
	emulator=""
	cpus=native
else
	command -v $cc >/dev/null || skip_all "$cc is not installed"
	command -v qemu-aarch64 >/dev/null || skip_all "qemu-aarch64 is not installed"
fi
${MAKE:-make} --no-print-directory -s "${make_flags[@]}" MODE=dev -j2 core arm64-bins || exit 1

# run-tests.sh takes programs without arguments
built=build${make_flags:+/arm64}/dev/static
programs=()
for cpu in $cpus; do
	for test in "$@"; do
		case $cpu:$test in
		cortex-a53:*/insn_suite_test | cortex-a53:*/engine_* | cortex-a53:*/conformance_*) ;;
		cortex-a53:*) continue ;; # the processor makes no difference
		esac
		program=$work/$cpu-$(basename "$test")
		printf '#!/bin/sh\nexec %s %s\n' "${emulator:+$emulator $cpu}" "$PWD/$built/$test" >"$program"
		chmod 755 "$program"
		programs+=("$program")
	done
done
# a program that is loaded, verified, compiled and run through the library
cat >"$work/embed" <<END
#!/bin/sh
echo 1..1
if ${emulator:+$emulator max} '$PWD/$built/embed' 2>&1 | grep -qx 'GET requests: 2'; then
	echo 'ok 1 - a_program_embeds_the_library_on_arm64'
else
	echo 'not ok 1 - a_program_embeds_the_library_on_arm64'
	exit 1
fi
END
chmod 755 "$work/embed"
programs+=("$work/embed")
# Skips under emulation are those of the machine: another kernel's answers are no question here.
HACHI_CI='' HACHI_FUZZ_SECONDS=${HACHI_FUZZ_SECONDS:-10} tools/run-tests.sh -j 2 "${programs[@]}"
