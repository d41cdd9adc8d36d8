#!/bin/sh
# Installs the Debian packages that a task needs, or prints the line that would.
#
#	tools/deps.sh build|demo|check
#
# Does nothing when all are there. Installs them when it may (root, or sudo without a password);
# otherwise prints one apt-get line and fails.
set -eu

build="gcc make pkg-config libc6-dev binutils libbpf-dev libelf-dev zlib1g-dev libpcap-dev
	libdw-dev libjson-c-dev libzydis-dev"
demo="$build clang-19 llvm-19"
check="$demo clang-format-14 shellcheck tcpdump strace bpftool libseccomp-dev iproute2
	iputils-ping xz-utils procps git libclang-rt-19-dev qemu-user qemu-system-x86 busybox-static cpio e2fsprogs gcc-aarch64-linux-gnu
	libc6-dev-arm64-cross mandoc linux-source-6.12"

case "${1:-}" in
build) want=$build ;;
demo) want=$demo ;;
check) want=$check ;;
*)
	echo "usage: tools/deps.sh build|demo|check" >&2
	exit 2
	;;
esac

missing=""
for package in $want; do
	status=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true)
	[ "$status" = installed ] || missing="$missing $package"
done
[ -n "$missing" ] || exit 0

if ! command -v apt-get >/dev/null 2>&1; then
	echo "hachi: these packages are missing, and this is no Debian machine:$missing" >&2
	exit 1
fi
if [ "$(id -u)" = 0 ]; then
	as_root=""
elif command -v sudo >/dev/null 2>&1 && sudo -n true 2>/dev/null; then
	as_root="sudo"
else
	echo "hachi: some packages are missing. As root, run:" >&2
	echo "  apt-get update && apt-get install -y --no-install-recommends$missing" >&2
	exit 1
fi
echo "hachi: installing$missing" >&2
export DEBIAN_FRONTEND=noninteractive
# a machine without package lists yet needs them first
# shellcheck disable=SC2086
$as_root apt-get install -qq -y --no-install-recommends $missing >/dev/null 2>&1 && exit 0
$as_root apt-get update -qq
# shellcheck disable=SC2086
$as_root apt-get install -qq -y --no-install-recommends $missing >/dev/null
